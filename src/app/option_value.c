#include "app/option_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

status_t value_set_text(struct option_value *value, const char *text, size_t length, bool quoted)
{
    char *copy = calloc(length + 1, 1);
    if (!copy)
        return status_of_allocation(NULL, length + 1, "a configuration value");
    memcpy(copy, text, length);
    value->kind = VALUE_SCALAR;
    value->text = copy;
    value->quoted = quoted;
    return STATUS_OK;
}

status_t value_add_item(struct option_value *list, struct option_value **item)
{
    if (list->count == list->capacity) {
        int64_t capacity = list->capacity ? list->capacity * 2 : 8;
        size_t bytes = (size_t)capacity * sizeof *list->item;
        struct option_value *larger = realloc(list->item, bytes);
        if (!larger)
            return status_of_allocation(NULL, bytes, "a list of configuration values");
        list->item = larger;
        list->capacity = capacity;
    }
    *item = &list->item[list->count++];
    memset(*item, 0, sizeof **item);
    return STATUS_OK;
}

static status_t add_trimmed(struct option_value *list, const char *text, size_t length)
{
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    struct option_value *item = NULL;
    status_t status = value_add_item(list, &item);
    if (status)
        return status;
    item->line = list->line;
    return value_set_text(item, text, length, false);
}

status_t value_split(const struct option_value *scalar, struct option_value *list)
{
    *list = (struct option_value){.kind = VALUE_LIST, .line = scalar->line};
    if (scalar->quoted) {
        struct option_value *item = NULL;
        status_t status = value_add_item(list, &item);
        if (status)
            return status;
        item->line = scalar->line;
        return value_set_text(item, scalar->text, strlen(scalar->text), true);
    }
    for (const char *text = scalar->text;;) {
        size_t length = strcspn(text, ",");
        status_t status = add_trimmed(list, text, length);
        if (status || text[length] == '\0')
            return status;
        text += length + 1;
    }
}

bool value_equals(const struct option_value *one, const struct option_value *other)
{
    bool equal = one->kind == other->kind && one->count == other->count;
    if (equal && one->kind == VALUE_SCALAR)
        equal = strcmp(one->text, other->text) == 0;
    for (int64_t i = 0; equal && i < one->count; i++)
        equal = value_equals(&one->item[i], &other->item[i]);
    return equal;
}

enum { TEXT_SHOWN = 60 };

int text_shown(const char *text)
{
    size_t length = strnlen(text, TEXT_SHOWN + 1);
    if (length <= TEXT_SHOWN)
        return (int)length;
    length = TEXT_SHOWN;
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
        length--;
    return (int)length;
}

/* What a message shows of a scalar, at most: a text between quotes, and the ellipsis. */
enum { SCALAR_SHOWN = TEXT_SHOWN + 8 };

static int print_scalar(const struct option_value *value, bool quotes, char buffer[static SCALAR_SHOWN])
{
    if (value->kind == VALUE_NULL)
        return snprintf(buffer, SCALAR_SHOWN, "null");
    int length = text_shown(value->text);
    const char *quote = quotes ? "\"" : "";
    const char *more = value->text[length] ? "..." : "";
    return snprintf(buffer, SCALAR_SHOWN, "%s%.*s%s%s", quote, length, value->text, more, quote);
}

static void print_collection(const struct option_value *value, char buffer[static VALUE_SHOWN])
{
    bool map = value->kind == VALUE_MAP;
    const char *close = map ? "}" : "]";
    int used = snprintf(buffer, VALUE_SHOWN, map ? "{" : "[");
    for (int64_t i = 0; i < value->count; i++) {
        const char *separator = map && i % 2 == 1 ? ": " : ", ";
        used += snprintf(buffer + used, (size_t)(VALUE_SHOWN - used), "%s", i > 0 ? separator : "");
        if (used + SCALAR_SHOWN + 8 > VALUE_SHOWN) {
            used += snprintf(buffer + used, (size_t)(VALUE_SHOWN - used), "...");
            break;
        }
        used += print_scalar(&value->item[i], value->item[i].quoted, buffer + used);
    }
    snprintf(buffer + used, (size_t)(VALUE_SHOWN - used), "%s", close);
}

void value_print(const struct option_value *value, char buffer[static VALUE_SHOWN])
{
    if (value->kind == VALUE_LIST || value->kind == VALUE_MAP)
        print_collection(value, buffer);
    else
        print_scalar(value, value->quoted, buffer);
}

void value_describe(const struct option_value *value, char buffer[static VALUE_SHOWN])
{
    if (value->kind == VALUE_SCALAR)
        print_scalar(value, true, buffer);
    else
        value_print(value, buffer);
}

void value_free(struct option_value *value)
{
    for (int64_t i = 0; i < value->count; i++)
        free(value->item[i].text);
    free(value->item);
    free(value->text);
    memset(value, 0, sizeof *value);
}

/* Bytes of the character at `text`, 0 where it is not one. */
static int utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        int length;
    } form[] = {
        {0x01, 0x7F, 0x00, 0xFF, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        if (text[0] < form[i].first_low || text[0] > form[i].first_high || text[1] < form[i].second_low ||
            text[1] > form[i].second_high)
            continue;
        for (int j = 2; j < form[i].length; j++) {
            if ((text[j] & 0xC0) != 0x80)
                return 0;
        }
        return form[i].length;
    }
    return 0;
}

bool text_is_utf8(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        int length = utf8_length(at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}
