/* The table itself: finding rows, defaults, the command line, freeing. */
#include "app/options.h"

#include <stdlib.h>
#include <string.h>

#include "app/scalar_text.h"
#include "app/yaml_file.h"
#include "core/memory.h"

const struct option *options_find(const struct option *table, int count, const char *key)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    }
    return NULL;
}

enum { COMPARED_KEY = 63 };

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Letters to insert, delete or change (Levenshtein). Neither text is longer than COMPARED_KEY. */
static int edit_distance(const char *a, const char *b)
{
    int row[COMPARED_KEY + 1];
    int columns = (int)strlen(b);
    for (int j = 0; j <= columns; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= columns; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smallest(change, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[columns];
}

static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

const struct option *options_nearest(const struct option *table, int count, const char *key)
{
    size_t length = strnlen(key, COMPARED_KEY + 1);
    if (length == 0 || length > COMPARED_KEY)
        return NULL;
    const struct option *nearest = NULL;
    int least = 3 + (int)length / 6;
    for (int i = 0; i < count; i++) {
        int distance = edit_distance(key, table[i].key);
        /* The right name in a wrong section, or in none. */
        if (distance > 2 && strcmp(last_part(key), last_part(table[i].key)) == 0)
            distance = 2;
        if (distance < least) {
            least = distance;
            nearest = &table[i];
        }
    }
    return nearest;
}

/* The value of one command line argument, or of a default: YAML's flow style where it is a list or a mapping.
 */
static status_t value_of_text(const struct option *option, const char *text, struct option_value *value)
{
    bool collection = option->type >= OPTION_NAMES && (text[0] == '[' || text[0] == '{');
    if (!text_is_utf8(text))
        return status_new(EXIT_BAD_USAGE, "--%s: the value is not UTF-8 text", option->key);
    if (collection)
        return yaml_read_value(option->key, text, value);
    if (strcmp(text, "null") == 0 || strcmp(text, "~") == 0)
        return STATUS_OK;
    return value_set_text(value, text, strlen(text), false);
}

status_t option_set_default(const struct option *option, void *target)
{
    const char *text = option->default_text;
    if (!text) {
        option_free(option, target);
        return STATUS_OK;
    }
    struct option_value value = {0};
    status_t status = value_of_text(option, text, &value);
    if (!status)
        status = option_set(option, &value, NULL, target);
    value_free(&value);
    return status;
}

status_t options_set_defaults(const struct option *table, int count, void *target)
{
    status_t status = STATUS_OK;
    for (int i = 0; i < count && !status; i++)
        status = option_set_default(&table[i], target);
    return status;
}

static status_t unknown_argument(const struct option *table, int count, const char *key)
{
    const struct option *nearest = options_nearest(table, count, key);
    if (nearest)
        return status_new(EXIT_BAD_USAGE, "unknown option --%.*s; did you mean --%s?", text_shown(key), key,
                          nearest->key);
    return status_new(EXIT_BAD_USAGE, "unknown option --%.*s (--help lists them)", text_shown(key), key);
}

/* The text of the option's value: behind the "=", or the next argument, which a bool leaves alone unless it
 * is one. */
static status_t argument_text(const struct option *option, const char *equals, int argument_count,
                              char *const *arguments, int *next, const char **text)
{
    const char *following = *next < argument_count ? arguments[*next] : NULL;
    if (equals) {
        *text = equals + 1;
        return STATUS_OK;
    }
    bool ignored = false;
    if (option->type == OPTION_BOOL && (!following || !bool_of_text(following, &ignored))) {
        *text = "true";
        return STATUS_OK;
    }
    if (!following || strncmp(following, "--", 2) == 0) {
        char expected[OPTION_EXPECTED_SIZE];
        option_expected(option, expected, sizeof expected);
        return status_new(EXIT_BAD_USAGE, "--%s needs a value (expected: %s)", option->key, expected);
    }
    *text = following;
    (*next)++;
    return STATUS_OK;
}

status_t options_next(const struct option *table, int count, int argument_count, char *const *arguments,
                      int *next, const struct option **option, struct option_value *value)
{
    const char *argument = arguments[(*next)++];
    if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0')
        return status_new(EXIT_BAD_USAGE, "%.*s: not an option (expected: --name=value)",
                          text_shown(argument), argument);
    const char *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument - 2) : strlen(argument + 2);
    char *key = strndup(argument + 2, length);
    status_t status = status_of_allocation(key, length + 1, "an option's name");
    if (!status) {
        *option = options_find(table, count, key);
        if (!*option)
            status = unknown_argument(table, count, key);
    }
    free(key);
    const char *text = NULL;
    if (!status)
        status = argument_text(*option, equals, argument_count, arguments, next, &text);
    return status ? status : value_of_text(*option, text, value);
}

static status_t require_all(const struct option *table, int count, const bool *given)
{
    for (int i = 0; i < count; i++) {
        if (table[i].required && !given[i])
            return status_new(EXIT_BAD_USAGE, "--%s is required (%s)", table[i].key, table[i].help);
    }
    return STATUS_OK;
}

status_t options_parse_command_line(const struct option *table, int count, int argument_count,
                                    char *const *arguments, void *target)
{
    bool *given = NULL;
    status_t status = memory_new(&given, count, sizeof *given, "the options given");
    if (!status)
        status = options_set_defaults(table, count, target);
    for (int next = 0; !status && next < argument_count;) {
        const struct option *option = NULL;
        struct option_value value = {0};
        status = options_next(table, count, argument_count, arguments, &next, &option, &value);
        if (!status) {
            given[option - table] = value.kind != VALUE_NULL;
            status = value.kind == VALUE_NULL ? option_set_default(option, target)
                                              : option_set(option, &value, NULL, target);
        }
        value_free(&value);
    }
    if (!status)
        status = require_all(table, count, given);
    free(given);
    return status;
}

bool options_want_help(int argument_count, char *const *arguments)
{
    for (int i = 0; i < argument_count; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)
            return true;
    }
    return false;
}

void option_free(const struct option *option, void *target)
{
    void *field = (char *)target + option->offset;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_TEXT_OR: {
        char **text = field;
        free(*text);
        *text = NULL;
        break;
    }
    case OPTION_NAMES: {
        struct name_list *list = field;
        names_free(list->name, list->count);
        *list = (struct name_list){0};
        break;
    }
    case OPTION_INTEGERS:
    case OPTION_INTERVAL: {
        struct number_list *list = field;
        free(list->value);
        *list = (struct number_list){0};
        break;
    }
    case OPTION_NUMBER_MAP:
    case OPTION_CHOICE_MAP: {
        struct name_map *map = field;
        names_free(map->name, map->count);
        free(map->value);
        *map = (struct name_map){0};
        break;
    }
    default:
        break;
    }
}

void options_free(const struct option *table, int count, void *target)
{
    for (int i = 0; i < count; i++)
        option_free(&table[i], target);
}

void names_free(char **name, int64_t count)
{
    for (int64_t i = 0; name && i < count; i++)
        free(name[i]);
    free(name);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *first = a;
    const char *const *second = b;
    return strcmp(*first, *second);
}

status_t names_sort(char *const *name, int64_t count, char ***sorted)
{
    status_t status = memory_new(sorted, count, sizeof **sorted, "sorted names");
    if (status || count == 0)
        return status;
    memcpy(*sorted, name, (size_t)count * sizeof *name);
    qsort(*sorted, (size_t)count, sizeof **sorted, compare_names);
    return STATUS_OK;
}

bool names_contain(char *const *sorted, int64_t count, const char *name)
{
    return count > 0 && bsearch(&name, sorted, (size_t)count, sizeof *sorted, compare_names);
}
