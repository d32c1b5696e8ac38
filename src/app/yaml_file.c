#include "app/yaml_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A parser with its current event. Events come one by one and nothing here calls itself, so that the depth of
 * the nesting in a file never matters. */
struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    const char *file; /* NULL: the value of the command line option `key` */
    const char *key;
    const char *text;
    size_t size;
};

static status_t __attribute__((format(printf, 3, 4)))
refuse(const struct reader *reader, int line, const char *format, ...)
{
    char problem[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
    if (!reader->file)
        return status_new(EXIT_BAD_USAGE, "--%s: %s", reader->key, problem);
    return status_new(EXIT_BAD_CONFIG, "%s:%d: %s", reader->file, line, problem);
}

static int line_of_offset(const struct reader *reader, size_t offset)
{
    int line = 1;
    for (size_t i = 0; i < offset && i < reader->size; i++)
        line += reader->text[i] == '\n';
    return line;
}

/* Whether the line begins with a tab, or spaces and a tab. */
static bool tab_indents(const struct reader *reader, int line)
{
    size_t at = 0;
    for (; line > 1 && at < reader->size; at++)
        line -= reader->text[at] == '\n';
    while (at < reader->size && reader->text[at] == ' ')
        at++;
    return at < reader->size && reader->text[at] == '\t';
}

static status_t syntax_error(const struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "it cannot be read";
    if (parser->error == YAML_MEMORY_ERROR)
        return status_new(EXIT_NO_MEMORY, "not enough memory to read the configuration");
    if (parser->error == YAML_READER_ERROR)
        return refuse(reader, line_of_offset(reader, parser->problem_offset), "not YAML text: %s", problem);
    int line = (int)parser->problem_mark.line + 1;
    if (strcmp(problem, "found character that cannot start any token") == 0 && tab_indents(reader, line))
        return refuse(reader, line, "not valid YAML: a tab indents this line (expected: spaces)");
    int begun = (int)parser->context_mark.line + 1;
    const char *context = parser->context ? parser->context : "";
    const char *space = parser->context ? " " : "";
    if (parser->context && begun != line && reader->file)
        return refuse(reader, line, "not valid YAML: %s %s that begins on line %d", problem, context, begun);
    return refuse(reader, line, "not valid YAML: %s%s%s", problem, space, context);
}

static int event_line(const struct reader *reader)
{
    return (int)reader->event.start_mark.line + 1;
}

static const yaml_char_t *event_tag(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.tag;
    default:
        return NULL;
    }
}

static status_t next_event(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event))
        return syntax_error(reader);
    if (reader->event.type == YAML_ALIAS_EVENT)
        return refuse(reader, event_line(reader),
                      "aliases (*%.*s) are not supported; a name with a * needs quotes",
                      text_shown((const char *)reader->event.data.alias.anchor),
                      (const char *)reader->event.data.alias.anchor);
    if (event_tag(&reader->event))
        return refuse(reader, event_line(reader),
                      "tags (!name) are not supported; a name with a ! needs quotes");
    return STATUS_OK;
}

static bool is_null_word(const char *text)
{
    return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
           strcmp(text, "NULL") == 0;
}

/* The current event, a scalar. A name is never null. */
static status_t take_scalar(const struct reader *reader, bool is_name, struct option_value *value)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    bool quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    value->line = event_line(reader);
    if (memchr(text, '\0', length))
        return refuse(reader, value->line, "a NUL character within a text");
    if (!quoted && !is_name && is_null_word(text))
        return STATUS_OK;
    return value_set_text(value, text, length, quoted);
}

/* The value that begins with the current event, up to its last. `key` is for messages. */
static status_t take_value(struct reader *reader, const char *key, struct option_value *value)
{
    yaml_event_type_t type = reader->event.type;
    if (type == YAML_SCALAR_EVENT)
        return take_scalar(reader, false, value);
    bool map = type == YAML_MAPPING_START_EVENT;
    value->kind = map ? VALUE_MAP : VALUE_LIST;
    value->line = event_line(reader);
    for (;;) {
        status_t status = next_event(reader);
        if (status || reader->event.type == (map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT))
            return status;
        if (reader->event.type != YAML_SCALAR_EVENT)
            return refuse(
                reader, event_line(reader),
                "%.*s: nested too deeply (a value is one word or number, a list or a mapping of them)",
                text_shown(key), key);
        struct option_value *item = NULL;
        status = value_add_item(value, &item);
        if (!status)
            status = take_scalar(reader, map && value->count % 2 == 1, item);
        if (status)
            return status;
    }
}

/* The current event as a new setting's key. */
static status_t take_key(struct reader *reader, const char *section, struct settings *settings,
                         struct setting **setting)
{
    int line = event_line(reader);
    if (reader->event.type != YAML_SCALAR_EVENT)
        return refuse(reader, line, "a key must be a name, not a list or a mapping");
    const char *key = (const char *)reader->event.data.scalar.value;
    if (memchr(key, '\0', reader->event.data.scalar.length))
        return refuse(reader, line, "a NUL character within a key");
    return settings_add(settings, section, key, line, setting);
}

static status_t take_section(struct reader *reader, const char *section, struct settings *settings)
{
    for (;;) {
        struct setting *setting = NULL;
        status_t status = next_event(reader);
        if (status || reader->event.type == YAML_MAPPING_END_EVENT)
            return status;
        status = take_key(reader, section, settings, &setting);
        if (!status)
            status = next_event(reader);
        if (!status)
            status = take_value(reader, setting->key, &setting->value);
        if (status)
            return status;
    }
}

static status_t take_top(struct reader *reader, struct settings *settings)
{
    for (;;) {
        struct setting *setting = NULL;
        status_t status = next_event(reader);
        if (status || reader->event.type == YAML_MAPPING_END_EVENT)
            return status;
        status = take_key(reader, NULL, settings, &setting);
        if (!status)
            status = next_event(reader);
        if (status)
            return status;
        char *key = setting->key;
        bool section = reader->event.type == YAML_MAPPING_START_EVENT && !strchr(key, '.');
        status = section ? take_section(reader, key, settings) : take_value(reader, key, &setting->value);
        if (status)
            return status;
    }
}

static status_t open_reader(struct reader *reader, const char *text, size_t size)
{
    bool marked =
        size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0; /* a byte order mark, as some editors write */
    reader->text = marked ? text + 3 : text;
    reader->size = marked ? size - 3 : size;
    if (!yaml_parser_initialize(&reader->parser))
        return status_new(EXIT_NO_MEMORY, "not enough memory to read the configuration");
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)reader->text, reader->size);
    status_t status = next_event(reader); /* the stream's start */
    return status ? status : next_event(reader);
}

static void close_reader(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
}

/* Behind the only document's last value. */
static status_t expect_end(struct reader *reader)
{
    status_t status = next_event(reader);
    if (!status)
        status = next_event(reader);
    if (!status && reader->event.type != YAML_STREAM_END_EVENT)
        status = refuse(reader, event_line(reader), "a second YAML document begins here; expected only one");
    return status;
}

/* The current event is the document's start. */
static status_t take_document(struct reader *reader, struct settings *settings)
{
    status_t status = next_event(reader);
    if (status)
        return status;
    struct option_value nothing = {0};
    if (reader->event.type == YAML_MAPPING_START_EVENT)
        return take_top(reader, settings);
    if (reader->event.type == YAML_SCALAR_EVENT)
        status = take_scalar(reader, false, &nothing);
    if (!status && (reader->event.type != YAML_SCALAR_EVENT || nothing.kind != VALUE_NULL))
        status = refuse(reader, event_line(reader),
                        "expected sections of keys, such as \"input: {path: file.h5}\"");
    value_free(&nothing);
    return status;
}

status_t yaml_read_settings(const char *path, const char *text, int64_t size, struct settings *settings)
{
    memset(settings, 0, sizeof *settings);
    struct reader reader = {.file = path};
    if (memchr(text, '\0', (size_t)size))
        return status_new(EXIT_BAD_CONFIG, "%s: not a YAML text (it contains NUL bytes)", path);
    status_t status = open_reader(&reader, text, (size_t)size);
    if (!status && reader.event.type == YAML_DOCUMENT_START_EVENT) {
        status = take_document(&reader, settings);
        if (!status)
            status = expect_end(&reader);
    }
    close_reader(&reader);
    return status;
}

status_t yaml_read_value(const char *key, const char *text, struct option_value *value)
{
    struct reader reader = {.key = key};
    status_t status = open_reader(&reader, text, strlen(text));
    if (!status)
        status = next_event(&reader);
    if (!status)
        status = take_value(&reader, key, value);
    if (!status)
        status = expect_end(&reader);
    close_reader(&reader);
    return status;
}

status_t settings_add(struct settings *settings, const char *section, const char *key, int line,
                      struct setting **setting)
{
    if (settings->count == settings->capacity) {
        int64_t capacity = settings->capacity ? settings->capacity * 2 : 64;
        size_t bytes = (size_t)capacity * sizeof *settings->item;
        struct setting *larger = realloc(settings->item, bytes);
        if (!larger)
            return status_of_allocation(NULL, bytes, "the configuration");
        settings->item = larger;
        settings->capacity = capacity;
    }
    *setting = &settings->item[settings->count];
    memset(*setting, 0, sizeof **setting);
    size_t size = (section ? strlen(section) + 1 : 0) + strlen(key) + 1;
    (*setting)->key = calloc(size, 1);
    status_t status = status_of_allocation((*setting)->key, size, "a key of the configuration");
    if (status)
        return status;
    snprintf((*setting)->key, size, "%s%s%s", section ? section : "", section ? "." : "", key);
    (*setting)->line = line;
    settings->count++;
    return STATUS_OK;
}

void settings_free(struct settings *settings)
{
    for (int64_t i = 0; i < settings->count; i++) {
        free(settings->item[i].key);
        value_free(&settings->item[i].value);
    }
    free(settings->item);
    memset(settings, 0, sizeof *settings);
}
