/* Options as a table: one row gives the name, type, default, range and help of an option, and feeds the
 * parser of config files and command lines, the help, the documentation and the echo of what was set. Local.
 */
#ifndef LOHKO_APP_OPTIONS_H
#define LOHKO_APP_OPTIONS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "app/option_value.h"
#include "core/status.h"

struct name_list {
    char **name;
    int64_t count;
};

/* name -> value, in the order given. */
struct name_map {
    char **name;
    double *value; /* a number, or which of the choices */
    int64_t count;
};

struct number_list {
    double *value;
    int64_t count;
};

enum { COUNT_AUTO = -1, COUNT_ALL = -2 };

/* What is written, and the field of the target that holds it. */
enum option_type {
    OPTION_TEXT,    /* char *: any text but an empty one */
    OPTION_PATH,    /* char *: the same, named a path */
    OPTION_TEXT_OR, /* char *: the same; NULL for the word in default_text, such as auto or none */
    OPTION_INT,     /* int64_t from low to high: 65536 or 1e6 */
    OPTION_FLOAT,   /* double from low to high */
    OPTION_BOOL,    /* bool: true, false, yes, no, on, off; alone on the command line it is true */
    OPTION_CHOICE,  /* int: the place in choices, from 0 */
    OPTION_RANGE,   /* int64_t, twice (offset and second): N, or A..B with A <= B, both from low to high */
    OPTION_COUNT,   /* int64_t from low to high, or COUNT_AUTO or COUNT_ALL for auto and all */
    OPTION_BYTES,   /* int64_t of at least low, with K, M, G or T (powers of 1024); COUNT_AUTO for auto */
    OPTION_NAMES,   /* struct name_list of at least low entries; with second, a bool: whether all was given */
    OPTION_INTEGERS,   /* struct number_list: whole numbers from low to high */
    OPTION_INTERVAL,   /* struct number_list: none (count 0), or two rising numbers from low to high */
    OPTION_NUMBER_MAP, /* struct name_map: numbers above low and up to high */
    OPTION_CHOICE_MAP  /* struct name_map: the value's place in choices */
};

#define OPTION_NO_LIMIT HUGE_VAL

struct option {
    const char *key; /* as in --key; "section.name" groups the help, and is a section's key in a config */
    enum option_type type;
    bool required;
    size_t offset;            /* of the field in the target */
    size_t second;            /* of the second field, for the types that have one; otherwise 0 */
    const char *default_text; /* as it would be written; NULL: none */
    const char *choices;      /* "error|first|allow", in the order of the enum */
    double low;
    double high;
    const char *help; /* what it is: half a sentence, no capital, no full stop */
};

/* NULL where there is no such key. */
const struct option *options_find(const struct option *table, int count, const char *key);

/* The key that was probably meant, or NULL. */
const struct option *options_nearest(const struct option *table, int count, const char *key);

/* Sets one field or all from the defaults; what a field without a default owns is freed. The target starts as
 * zeroes, or as an earlier call left it. */
status_t option_set_default(const struct option *option, void *target) __attribute__((warn_unused_result));
status_t options_set_defaults(const struct option *table, int count, void *target)
    __attribute__((warn_unused_result));

/* Sets the field from a value that is not null. A bad one leaves the field as it was and is EXIT_BAD_CONFIG
 * with `file` and line, or EXIT_BAD_USAGE where file is NULL (the command line): the option, what was wrong,
 * what was expected. */
status_t option_set(const struct option *option, const struct option_value *value, const char *file,
                    void *target) __attribute__((warn_unused_result));

/* The field as a value that option_set reads back to the same. The caller frees it with value_free. */
status_t option_get(const struct option *option, const void *target, struct option_value *value)
    __attribute__((warn_unused_result));

/* What a value must look like, as a phrase: "a whole number of at least 1". */
enum { OPTION_EXPECTED_SIZE = 240 };
void option_expected(const struct option *option, char *buffer, size_t size);

/* The option at arguments[*next] ("--key=value", or "--key", "value"), and *next moved behind it. The value
 * is for option_set; null where the word null was given, for the default. The caller frees it. */
status_t options_next(const struct option *table, int count, int argument_count, char *const *arguments,
                      int *next, const struct option **option, struct option_value *value)
    __attribute__((warn_unused_result));

/* The whole command line of a simple command: defaults, then every argument, then whether all that is
 * required was given. The target starts as zeroes and is safe for options_free whatever is returned.
 * EXIT_BAD_USAGE. */
status_t options_parse_command_line(const struct option *table, int count, int argument_count,
                                    char *const *arguments, void *target) __attribute__((warn_unused_result));

/* Whether --help or -h is among the arguments. */
bool options_want_help(int argument_count, char *const *arguments);

/* Frees the fields that own memory. */
void option_free(const struct option *option, void *target);
void options_free(const struct option *table, int count, void *target);

/* For a terminal of 100 columns; as Markdown, one table a section. Write errors are left for ferror. */
void options_print_help(const struct option *table, int count, FILE *file);
void options_print_markdown(const struct option *table, int count, FILE *file);

void names_free(char **name, int64_t count);

/* *sorted = the same pointers in strcmp's order, to be freed with free(); for names_contain. */
status_t names_sort(char *const *name, int64_t count, char ***sorted) __attribute__((warn_unused_result));
bool names_contain(char *const *sorted, int64_t count, const char *name);

#endif
