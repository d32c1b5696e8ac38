/* From the table and the typed fields back to text: values, the help, the documentation. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/options.h"
#include "app/scalar_text.h"

static void expect_range(const struct option *option, const char *what, char *buffer, size_t size)
{
    char low[NUMBER_TEXT_SIZE];
    char high[NUMBER_TEXT_SIZE];
    text_of_number(option->low, low);
    text_of_number(option->high, high);
    if (option->high < OPTION_NO_LIMIT)
        snprintf(buffer, size, "%s from %s to %s", what, low, high);
    else
        snprintf(buffer, size, "%s of at least %s", what, low);
}

static void expect_choices(const struct option *option, const char *before, char *buffer, size_t size)
{
    size_t used = (size_t)snprintf(buffer, size, "%s", before);
    for (const char *at = option->choices; *at && used + 4 < size; at++)
        used += (size_t)snprintf(buffer + used, size - used, *at == '|' ? " %c " : "%c", *at);
}

void option_expected(const struct option *option, char *buffer, size_t size)
{
    char inner[OPTION_EXPECTED_SIZE];
    char low[NUMBER_TEXT_SIZE];
    switch (option->type) {
    case OPTION_TEXT:
        snprintf(buffer, size, "a text");
        break;
    case OPTION_PATH:
        snprintf(buffer, size, "a path");
        break;
    case OPTION_TEXT_OR:
        snprintf(buffer, size, "%s, or a path", option->default_text);
        break;
    case OPTION_INT:
        expect_range(option, "a whole number", buffer, size);
        break;
    case OPTION_FLOAT:
        expect_range(option, "a number", buffer, size);
        break;
    case OPTION_BOOL:
        snprintf(buffer, size, "true or false");
        break;
    case OPTION_CHOICE:
        expect_choices(option, "", buffer, size);
        break;
    case OPTION_RANGE:
        expect_range(option, "a whole number", inner, sizeof inner);
        snprintf(buffer, size, "%s, or two as in 2..12", inner);
        break;
    case OPTION_COUNT:
        expect_range(option, "a whole number", inner, sizeof inner);
        snprintf(buffer, size, "auto, all, or %s", inner);
        break;
    case OPTION_BYTES:
        snprintf(buffer, size, "auto, or a number of bytes, such as 512M or 2G");
        break;
    case OPTION_NAMES:
        snprintf(buffer, size, "%sa list of names, such as [orders, revenue]",
                 option->second ? "all, or " : "");
        break;
    case OPTION_INTEGERS:
        expect_range(option, "whole numbers", inner, sizeof inner);
        snprintf(buffer, size, "a list of %s, such as [3, 12]", inner);
        break;
    case OPTION_INTERVAL:
        expect_range(option, "two rising numbers", inner, sizeof inner);
        snprintf(buffer, size, "none, or %s, such as [0.001, 0.999]", inner);
        break;
    case OPTION_NUMBER_MAP:
        text_of_number(option->low, low);
        snprintf(buffer, size, "a mapping such as {revenue: 2.0}, of numbers above %s", low);
        break;
    case OPTION_CHOICE_MAP:
        expect_choices(option, "a mapping of names to ", buffer, size);
        break;
    }
}

/* Whether a YAML reader could take the text, unquoted, for something else than itself. */
static bool needs_quotes(const char *text)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
    static const char other[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/0123456789.-";
    static const char *const word[] = {"null", "true", "false", "yes", "no",   "on",
                                       "off",  "y",    "n",     "all", "auto", "none"};
    for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
        if (strcasecmp(text, word[i]) == 0)
            return true;
    }
    return !*text || !strchr(first, *text) || text[strspn(text, other)] != '\0';
}

static status_t get_name(const char *name, struct option_value *value)
{
    return value_set_text(value, name, strlen(name), needs_quotes(name));
}

static status_t get_word(const char *word, struct option_value *value)
{
    return value_set_text(value, word, strlen(word), false);
}

static status_t get_integer(int64_t integer, struct option_value *value)
{
    char text[NUMBER_TEXT_SIZE];
    snprintf(text, sizeof text, "%" PRId64, integer);
    return get_word(text, value);
}

static status_t get_number(double number, struct option_value *value)
{
    char text[NUMBER_TEXT_SIZE];
    text_of_number(number, text);
    return get_word(text, value);
}

static status_t get_choice(const struct option *option, int choice, struct option_value *value)
{
    const char *at = option->choices;
    for (; choice > 0 && strchr(at, '|'); choice--)
        at = strchr(at, '|') + 1;
    return value_set_text(value, at, strcspn(at, "|"), false);
}

static status_t get_range(int64_t low, int64_t high, struct option_value *value)
{
    if (low == high)
        return get_integer(low, value);
    char text[2 * NUMBER_TEXT_SIZE];
    snprintf(text, sizeof text, "%" PRId64 "..%" PRId64, low, high);
    return get_word(text, value);
}

static status_t get_count(int64_t count, struct option_value *value)
{
    if (count == COUNT_AUTO || count == COUNT_ALL)
        return get_word(count == COUNT_AUTO ? "auto" : "all", value);
    return get_integer(count, value);
}

static status_t get_names(const struct name_list *list, struct option_value *value)
{
    value->kind = VALUE_LIST;
    status_t status = STATUS_OK;
    for (int64_t i = 0; i < list->count && !status; i++) {
        struct option_value *item = NULL;
        status = value_add_item(value, &item);
        if (!status)
            status = get_name(list->name[i], item);
    }
    return status;
}

static status_t get_numbers(const struct number_list *list, struct option_value *value)
{
    value->kind = VALUE_LIST;
    status_t status = STATUS_OK;
    for (int64_t i = 0; i < list->count && !status; i++) {
        struct option_value *item = NULL;
        status = value_add_item(value, &item);
        if (!status)
            status = get_number(list->value[i], item);
    }
    return status;
}

static status_t get_map(const struct option *option, const struct name_map *map, struct option_value *value)
{
    value->kind = VALUE_MAP;
    status_t status = STATUS_OK;
    for (int64_t i = 0; i < map->count && !status; i++) {
        struct option_value *item = NULL;
        status = value_add_item(value, &item);
        if (!status)
            status = get_name(map->name[i], item);
        if (!status)
            status = value_add_item(value, &item);
        if (!status)
            status = option->type == OPTION_NUMBER_MAP ? get_number(map->value[i], item)
                                                       : get_choice(option, (int)map->value[i], item);
    }
    return status;
}

status_t option_get(const struct option *option, const void *target, struct option_value *value)
{
    const void *field = (const char *)target + option->offset;
    const void *second = (const char *)target + option->second;
    memset(value, 0, sizeof *value);
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_TEXT_OR: {
        const char *text = *(char *const *)field;
        if (text)
            return get_name(text, value);
        return option->default_text ? get_word(option->default_text, value) : STATUS_OK;
    }
    case OPTION_INT:
        return get_integer(*(const int64_t *)field, value);
    case OPTION_FLOAT:
        return get_number(*(const double *)field, value);
    case OPTION_BOOL:
        return get_word(*(const bool *)field ? "true" : "false", value);
    case OPTION_CHOICE:
        return get_choice(option, *(const int *)field, value);
    case OPTION_RANGE:
        return get_range(*(const int64_t *)field, *(const int64_t *)second, value);
    case OPTION_COUNT:
    case OPTION_BYTES:
        return get_count(*(const int64_t *)field, value);
    case OPTION_NAMES:
        return option->second && *(const bool *)second ? get_word("all", value) : get_names(field, value);
    case OPTION_INTEGERS:
    case OPTION_INTERVAL: {
        const struct number_list *list = field;
        bool none = option->type == OPTION_INTERVAL && list->count == 0;
        return none ? get_word("none", value) : get_numbers(list, value);
    }
    case OPTION_NUMBER_MAP:
    case OPTION_CHOICE_MAP:
        return get_map(option, field, value);
    }
    return status_new(EXIT_INTERNAL, "%s: an option of no known type", option->key);
}

static const char *shown_default(const struct option *option)
{
    const char *text = option->default_text ? option->default_text : "-";
    return option->required ? "required" : text;
}

/* Whether the row opens a new section; *length is that of the section's name. */
static bool opens_section(const struct option *table, int row, size_t *length)
{
    const char *dot = strchr(table[row].key, '.');
    *length = dot ? (size_t)(dot - table[row].key) : 0;
    return dot && (row == 0 || strncmp(table[row - 1].key, table[row].key, *length + 1) != 0);
}

/* Words of `text` from column `indent` to 100, the first line being there already. */
static void print_wrapped(const char *text, int indent, FILE *file)
{
    enum { COLUMNS = 100 };
    int column = indent;
    for (const char *word = text; *word;) {
        int length = (int)strcspn(word, " ");
        if (column > indent && column + 1 + length > COLUMNS) {
            fprintf(file, "\n%*s", indent, "");
            column = indent;
        }
        column += fprintf(file, "%s%.*s", column > indent ? " " : "", length, word);
        word += length;
        word += *word == ' ';
    }
    fputc('\n', file);
}

/* What it is, and what it takes: each from a line of its own. */
static void print_description(const struct option *option, int indent, FILE *file)
{
    char expected[OPTION_EXPECTED_SIZE];
    option_expected(option, expected, sizeof expected);
    print_wrapped(option->help, indent, file);
    fprintf(file, "%*stakes ", indent, "");
    print_wrapped(expected, indent + 6, file);
}

void options_print_help(const struct option *table, int count, FILE *file)
{
    int key_width = 0;
    int default_width = 0;
    for (int i = 0; i < count; i++) {
        int key_length = (int)strlen(table[i].key) + (strchr(table[i].key, '.') ? 0 : 2);
        int default_length = (int)strlen(shown_default(&table[i]));
        key_width = key_length > key_width ? key_length : key_width;
        default_width = default_length > default_width ? default_length : default_width;
    }
    for (int i = 0; i < count; i++) {
        size_t length = 0;
        if (opens_section(table, i, &length))
            fprintf(file, "%s%.*s\n", i > 0 ? "\n" : "", (int)length, table[i].key);
        const char *dashes = length > 0 ? "" : "--";
        int padding = key_width - (int)strlen(table[i].key) - (int)strlen(dashes);
        fprintf(file, "  %s%s%*s  %-*s  ", dashes, table[i].key, padding, "", default_width,
                shown_default(&table[i]));
        print_description(&table[i], key_width + default_width + 6, file);
    }
}

/* A bar would end the cell. */
static void print_cell(const char *text, FILE *file)
{
    for (; *text; text++)
        fprintf(file, *text == '|' ? "\\%c" : "%c", *text);
}

static void print_row(const struct option *option, FILE *file)
{
    char expected[OPTION_EXPECTED_SIZE];
    option_expected(option, expected, sizeof expected);
    fprintf(file, "| `%s%s` | ", strchr(option->key, '.') ? "" : "--", option->key);
    fprintf(file, option->default_text ? "`%s` | " : "%s | ", shown_default(option));
    print_cell(option->help, file);
    fputs(" | ", file);
    print_cell(expected, file);
    fputs(" |\n", file);
}

void options_print_markdown(const struct option *table, int count, FILE *file)
{
    for (int i = 0; i < count; i++) {
        size_t length = 0;
        bool opens = opens_section(table, i, &length);
        if (opens)
            fprintf(file, "%s## %.*s\n\n", i > 0 ? "\n" : "", (int)length, table[i].key);
        if (opens || i == 0)
            fputs("| option | default | what it is | takes |\n|---|---|---|---|\n", file);
        print_row(&table[i], file);
    }
}
