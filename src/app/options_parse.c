/* From a value as written to the typed field of an option. */
#include <stdlib.h>
#include <string.h>

#include "app/options.h"
#include "app/scalar_text.h"
#include "core/memory.h"

static void *field_of(void *target, size_t offset)
{
    return (char *)target + offset;
}

static status_t refuse(const struct option *option, const struct option_value *value, const char *file,
                       const char *problem)
{
    char subject[VALUE_SHOWN];
    char expected[OPTION_EXPECTED_SIZE];
    value_describe(value, subject);
    option_expected(option, expected, sizeof expected);
    if (!file)
        return status_new(EXIT_BAD_USAGE, "--%s: %s %s (expected: %s)", option->key, subject, problem,
                          expected);
    return status_new(EXIT_BAD_CONFIG, "%s:%d: %s: %s %s (expected: %s)", file, value->line, option->key,
                      subject, problem, expected);
}

static status_t parse_integer(const struct option *option, const struct option_value *value, const char *file,
                              int64_t *integer)
{
    enum number kind = value->kind == VALUE_SCALAR ? integer_of_text(value->text, integer) : NUMBER_MALFORMED;
    if (kind == NUMBER_MALFORMED)
        return refuse(option, value, file, "is not a whole number");
    if (kind == NUMBER_TOO_LARGE || (double)*integer < option->low || (double)*integer > option->high)
        return refuse(option, value, file, "is out of range");
    return STATUS_OK;
}

static status_t parse_number(const struct option *option, const struct option_value *value, const char *file,
                             double *number)
{
    enum number kind = value->kind == VALUE_SCALAR ? number_of_text(value->text, number) : NUMBER_MALFORMED;
    if (kind == NUMBER_MALFORMED)
        return refuse(option, value, file, "is not a number");
    bool too_small = option->type == OPTION_NUMBER_MAP ? *number <= option->low : *number < option->low;
    if (kind == NUMBER_TOO_LARGE || too_small || *number > option->high)
        return refuse(option, value, file, "is out of range");
    return STATUS_OK;
}

static bool is_word(const struct option_value *value, const char *word)
{
    return value->kind == VALUE_SCALAR && !value->quoted && strcmp(value->text, word) == 0;
}

static status_t set_text(const struct option *option, const struct option_value *value, const char *file,
                         char **field)
{
    if (value->kind != VALUE_SCALAR)
        return refuse(option, value, file, option->type == OPTION_PATH ? "is not a path" : "is not a text");
    if (value->text[0] == '\0')
        return refuse(option, value, file, "is empty");
    char *copy = NULL;
    if (option->type != OPTION_TEXT_OR || !is_word(value, option->default_text)) {
        status_t status = memory_copy_text(&copy, value->text);
        if (status)
            return status;
    }
    free(*field);
    *field = copy;
    return STATUS_OK;
}

static status_t set_bool(const struct option *option, const struct option_value *value, const char *file,
                         bool *field)
{
    if (value->kind == VALUE_SCALAR && bool_of_text(value->text, field))
        return STATUS_OK;
    return refuse(option, value, file, "is neither true nor false");
}

static status_t parse_choice(const struct option *option, const struct option_value *value, const char *file,
                             int *choice)
{
    *choice = 0;
    for (const char *at = option->choices; value->kind == VALUE_SCALAR; (*choice)++) {
        size_t length = strcspn(at, "|");
        if (strlen(value->text) == length && memcmp(at, value->text, length) == 0)
            return STATUS_OK;
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    return refuse(option, value, file, "is not one of the choices");
}

static status_t set_choice(const struct option *option, const struct option_value *value, const char *file,
                           int *field)
{
    int choice = 0;
    status_t status = parse_choice(option, value, file, &choice);
    if (!status)
        *field = choice;
    return status;
}

static status_t set_range(const struct option *option, const struct option_value *value, const char *file,
                          void *target)
{
    int64_t low = 0;
    int64_t high = 0;
    enum number kind =
        value->kind == VALUE_SCALAR ? range_of_text(value->text, &low, &high) : NUMBER_MALFORMED;
    if (kind == NUMBER_MALFORMED)
        return refuse(option, value, file, "is neither a whole number nor a range");
    if (kind == NUMBER_TOO_LARGE || (double)low < option->low || (double)high > option->high)
        return refuse(option, value, file, "is out of range");
    if (low > high)
        return refuse(option, value, file, "has the larger number first");
    *(int64_t *)field_of(target, option->offset) = low;
    *(int64_t *)field_of(target, option->second) = high;
    return STATUS_OK;
}

static status_t set_count(const struct option *option, const struct option_value *value, const char *file,
                          int64_t *field)
{
    int64_t count = is_word(value, "auto") ? COUNT_AUTO : COUNT_ALL;
    if (!is_word(value, "auto") && !is_word(value, "all")) {
        status_t status = parse_integer(option, value, file, &count);
        if (status)
            return status;
    }
    *field = count;
    return STATUS_OK;
}

static status_t set_bytes(const struct option *option, const struct option_value *value, const char *file,
                          int64_t *field)
{
    int64_t bytes = COUNT_AUTO;
    if (!is_word(value, "auto")) {
        enum number kind =
            value->kind == VALUE_SCALAR ? bytes_of_text(value->text, &bytes) : NUMBER_MALFORMED;
        if (kind == NUMBER_MALFORMED)
            return refuse(option, value, file, "is not a number of bytes");
        if (kind == NUMBER_TOO_LARGE || (double)bytes < option->low || (double)bytes > option->high)
            return refuse(option, value, file, "is out of range");
    }
    *field = bytes;
    return STATUS_OK;
}

/* A list as it is, or a scalar split at its commas, which `split` then owns. */
static status_t list_of(const struct option *option, const struct option_value *value, const char *file,
                        struct option_value *split, const struct option_value **list)
{
    *list = value;
    if (value->kind == VALUE_LIST)
        return STATUS_OK;
    if (value->kind != VALUE_SCALAR)
        return refuse(option, value, file, "is not a list");
    *list = split;
    return value_split(value, split);
}

static status_t refuse_repeated(const struct option *option, const struct option_value *value,
                                const char *file, char *const *name, int64_t count)
{
    char **sorted = NULL;
    status_t status = names_sort(name, count, &sorted);
    for (int64_t i = 1; !status && i < count; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0) {
            struct option_value twice = {.kind = VALUE_SCALAR, .line = value->line, .text = sorted[i]};
            status = refuse(option, &twice, file, "is given twice");
        }
    }
    free(sorted);
    return status;
}

/* (*name)[i] = a copy of every `step`th item; all are non-empty texts and none comes twice. */
static status_t copy_names(const struct option *option, const struct option_value *list, const char *file,
                           int step, char ***name, int64_t *count)
{
    *count = list->count / step;
    status_t status = memory_new(name, *count, sizeof **name, "names");
    for (int64_t i = 0; !status && i < *count; i++) {
        const struct option_value *item = &list->item[i * step];
        if (item->kind == VALUE_SCALAR && item->text[0] != '\0')
            status = memory_copy_text(&(*name)[i], item->text);
        else
            status = refuse(option, item, file, "is not a name");
    }
    return status ? status : refuse_repeated(option, list, file, *name, *count);
}

static status_t set_names(const struct option *option, const struct option_value *value, const char *file,
                          void *target)
{
    struct option_value split = {0};
    const struct option_value *list = NULL;
    struct name_list names = {0};
    bool all = option->second && is_word(value, "all");
    status_t status = all ? STATUS_OK : list_of(option, value, file, &split, &list);
    if (!status && !all)
        status = copy_names(option, list, file, 1, &names.name, &names.count);
    if (!status && !all && (double)names.count < option->low)
        status = refuse(option, value, file, "has too few entries");
    if (status) {
        names_free(names.name, names.count);
    } else {
        option_free(option, target);
        *(struct name_list *)field_of(target, option->offset) = names;
        if (option->second)
            *(bool *)field_of(target, option->second) = all;
    }
    value_free(&split);
    return status;
}

static status_t copy_numbers(const struct option *option, const struct option_value *list, const char *file,
                             struct number_list *numbers)
{
    numbers->count = list->count;
    status_t status = memory_new(&numbers->value, list->count, sizeof *numbers->value, "numbers");
    for (int64_t i = 0; !status && i < list->count; i++) {
        if (option->type == OPTION_INTERVAL) {
            status = parse_number(option, &list->item[i], file, &numbers->value[i]);
        } else {
            int64_t integer = 0;
            status = parse_integer(option, &list->item[i], file, &integer);
            numbers->value[i] = (double)integer;
        }
    }
    return status;
}

static status_t set_numbers(const struct option *option, const struct option_value *value, const char *file,
                            struct number_list *field)
{
    struct option_value split = {0};
    const struct option_value *list = NULL;
    struct number_list numbers = {0};
    bool interval = option->type == OPTION_INTERVAL;
    bool none = interval && is_word(value, "none");
    status_t status = none ? STATUS_OK : list_of(option, value, file, &split, &list);
    if (!status && interval && !none && list->count != 2)
        status = refuse(option, value, file, "is not two numbers");
    if (!status && !none)
        status = copy_numbers(option, list, file, &numbers);
    if (!status && interval && !none && numbers.value[0] >= numbers.value[1])
        status = refuse(option, value, file, "does not rise");
    if (status) {
        free(numbers.value);
    } else {
        free(field->value);
        *field = numbers;
    }
    value_free(&split);
    return status;
}

static status_t set_map(const struct option *option, const struct option_value *value, const char *file,
                        void *target)
{
    if (value->kind != VALUE_MAP)
        return refuse(option, value, file, "is not a mapping");
    struct name_map map = {0};
    status_t status = copy_names(option, value, file, 2, &map.name, &map.count);
    if (!status)
        status = memory_new(&map.value, map.count, sizeof *map.value, "values of a mapping");
    for (int64_t i = 0; !status && i < map.count; i++) {
        const struct option_value *item = &value->item[2 * i + 1];
        if (option->type == OPTION_NUMBER_MAP) {
            status = parse_number(option, item, file, &map.value[i]);
        } else {
            int choice = 0;
            status = parse_choice(option, item, file, &choice);
            map.value[i] = choice;
        }
    }
    if (status) {
        names_free(map.name, map.count);
        free(map.value);
    } else {
        option_free(option, target);
        *(struct name_map *)field_of(target, option->offset) = map;
    }
    return status;
}

status_t option_set(const struct option *option, const struct option_value *value, const char *file,
                    void *target)
{
    void *field = field_of(target, option->offset);
    int64_t integer = 0;
    double number = 0;
    status_t status = STATUS_OK;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_TEXT_OR:
        return set_text(option, value, file, field);
    case OPTION_INT:
        status = parse_integer(option, value, file, &integer);
        if (!status)
            *(int64_t *)field = integer;
        return status;
    case OPTION_FLOAT:
        status = parse_number(option, value, file, &number);
        if (!status)
            *(double *)field = number;
        return status;
    case OPTION_BOOL:
        return set_bool(option, value, file, field);
    case OPTION_CHOICE:
        return set_choice(option, value, file, field);
    case OPTION_RANGE:
        return set_range(option, value, file, target);
    case OPTION_COUNT:
        return set_count(option, value, file, field);
    case OPTION_BYTES:
        return set_bytes(option, value, file, field);
    case OPTION_NAMES:
        return set_names(option, value, file, target);
    case OPTION_INTEGERS:
    case OPTION_INTERVAL:
        return set_numbers(option, value, file, field);
    case OPTION_NUMBER_MAP:
    case OPTION_CHOICE_MAP:
        return set_map(option, value, file, target);
    }
    return status_new(EXIT_INTERNAL, "%s: an option of no known type", option->key);
}
