/* A value as it was written, in a config or on the command line, before an option gives it a type. Local. */
#ifndef LOHKO_APP_OPTION_VALUE_H
#define LOHKO_APP_OPTION_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum value_kind { VALUE_NULL, VALUE_SCALAR, VALUE_LIST, VALUE_MAP };

/* All zero is a null value. */
struct option_value {
    enum value_kind kind;
    bool quoted; /* of a scalar: a text, never a word with a meaning such as auto, all or none */
    int line;    /* counted from 1; 0: not from a file */
    char *text;  /* of a scalar */
    struct option_value
        *item;        /* scalars and nulls: of a list its entries; of a map name, value, name, value, ... */
    int64_t count;    /* of item; even for a map */
    int64_t capacity; /* of item */
};

/* Makes a null value a scalar with a copy of `length` bytes of `text`. */
status_t value_set_text(struct option_value *value, const char *text, size_t length, bool quoted)
    __attribute__((warn_unused_result));

/* A new null item at the end of a list or a map, which keeps it. */
status_t value_add_item(struct option_value *list, struct option_value **item)
    __attribute__((warn_unused_result));

/* The entries between the commas of a scalar, without the spaces around them, as a list; a quoted one is one
 * entry. */
status_t value_split(const struct option_value *scalar, struct option_value *list)
    __attribute__((warn_unused_result));

/* Whether both say the same, item by item; quotes do not count. */
bool value_equals(const struct option_value *one, const struct option_value *other);

/* For messages, shortened to VALUE_SHOWN bytes where it is long. value_print writes YAML's flow style: 50,
 * [3, 12], {revenue: 2.0}; value_describe puts a scalar between quotes. */
enum { VALUE_SHOWN = 200 };
void value_print(const struct option_value *value, char buffer[static VALUE_SHOWN]);
void value_describe(const struct option_value *value, char buffer[static VALUE_SHOWN]);

/* Frees what is inside; the value becomes null. */
void value_free(struct option_value *value);

/* How many bytes of a text a message shows; never half a character. */
int text_shown(const char *text);

/* Strict UTF-8: no overlong forms, no surrogates. */
bool text_is_utf8(const char *text);

#endif
