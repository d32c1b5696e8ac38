#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "app/yaml_file.h"

struct writer {
    yaml_emitter_t emitter;
    char *text; /* ends with a NUL */
    size_t length;
    size_t capacity;
    bool broken; /* an event could not be made or written; nothing more is */
};

/* libyaml's callback: 1 is success. */
static int append_output(void *data, unsigned char *buffer, size_t size)
{
    struct writer *writer = data;
    if (size >= writer->capacity - writer->length) {
        size_t capacity = 2 * writer->capacity + size + 1;
        char *larger = realloc(writer->text, capacity);
        if (!larger)
            return 0;
        writer->text = larger;
        writer->capacity = capacity;
    }
    memcpy(writer->text + writer->length, buffer, size);
    writer->length += size;
    writer->text[writer->length] = '\0';
    return 1;
}

/* The emitter takes the event over, also when it fails. `made`: what the event's initializer returned. */
static void emit(struct writer *writer, yaml_event_t *event, int made)
{
    if (writer->broken && made)
        yaml_event_delete(event);
    else if (!made || !yaml_emitter_emit(&writer->emitter, event))
        writer->broken = true;
}

static void emit_text(struct writer *writer, const char *text, size_t length, bool quoted)
{
    yaml_event_t event;
    yaml_scalar_style_t style = quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
    emit(writer, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)length, 1, 1,
                                      style));
}

static void emit_map(struct writer *writer, bool start, yaml_mapping_style_t style)
{
    yaml_event_t event;
    int made = start ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style)
                     : yaml_mapping_end_event_initialize(&event);
    emit(writer, &event, made);
}

static void emit_list(struct writer *writer, bool start)
{
    yaml_event_t event;
    int made = start ? yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE)
                     : yaml_sequence_end_event_initialize(&event);
    emit(writer, &event, made);
}

static void emit_scalar(struct writer *writer, const struct option_value *value)
{
    if (value->kind == VALUE_SCALAR)
        emit_text(writer, value->text, strlen(value->text), value->quoted);
    else
        emit_text(writer, "null", 4, false);
}

static void emit_value(struct writer *writer, const struct option_value *value)
{
    bool map = value->kind == VALUE_MAP;
    if (!map && value->kind != VALUE_LIST) {
        emit_scalar(writer, value);
        return;
    }
    if (map)
        emit_map(writer, true, YAML_FLOW_MAPPING_STYLE);
    else
        emit_list(writer, true);
    for (int64_t i = 0; i < value->count; i++)
        emit_scalar(writer, &value->item[i]);
    if (map)
        emit_map(writer, false, YAML_FLOW_MAPPING_STYLE);
    else
        emit_list(writer, false);
}

static void emit_settings(struct writer *writer, const struct settings *settings)
{
    const char *open = NULL; /* the key whose section is open */
    size_t section = 0;
    emit_map(writer, true, YAML_BLOCK_MAPPING_STYLE);
    for (int64_t i = 0; i < settings->count; i++) {
        const char *key = settings->item[i].key;
        if (!open || strncmp(open, key, section + 1) != 0) {
            if (open)
                emit_map(writer, false, YAML_BLOCK_MAPPING_STYLE);
            open = key;
            section = strcspn(key, ".");
            emit_text(writer, key, section, false);
            emit_map(writer, true, YAML_BLOCK_MAPPING_STYLE);
        }
        emit_text(writer, key + section + 1, strlen(key + section + 1), false);
        emit_value(writer, &settings->item[i].value);
    }
    if (open)
        emit_map(writer, false, YAML_BLOCK_MAPPING_STYLE);
    emit_map(writer, false, YAML_BLOCK_MAPPING_STYLE);
}

static void emit_stream(struct writer *writer, const struct settings *settings)
{
    yaml_event_t event;
    emit(writer, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(writer, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    emit_settings(writer, settings);
    emit(writer, &event, yaml_document_end_event_initialize(&event, 1));
    emit(writer, &event, yaml_stream_end_event_initialize(&event));
}

status_t yaml_write_settings(const struct settings *settings, char **text)
{
    *text = NULL;
    struct writer writer = {0};
    if (!yaml_emitter_initialize(&writer.emitter))
        return status_new(EXIT_NO_MEMORY, "not enough memory to write the configuration");
    yaml_emitter_set_output(&writer.emitter, append_output, &writer);
    yaml_emitter_set_unicode(&writer.emitter, 1);
    yaml_emitter_set_width(&writer.emitter, -1);
    emit_stream(&writer, settings);
    status_t status = STATUS_OK;
    if (writer.broken && (writer.emitter.error == YAML_EMITTER_ERROR))
        status = status_new(EXIT_INTERNAL, "the configuration cannot be written as YAML: %s",
                            writer.emitter.problem);
    else if (writer.broken)
        status = status_new(EXIT_NO_MEMORY, "not enough memory to write the configuration");
    yaml_emitter_delete(&writer.emitter);
    if (status)
        free(writer.text);
    else
        *text = writer.text;
    return status;
}
