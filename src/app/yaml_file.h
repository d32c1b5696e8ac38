/* Settings as YAML: reading a config, reading one value, writing a config. Only this file knows libyaml.
 * Local. */
#ifndef LOHKO_APP_YAML_FILE_H
#define LOHKO_APP_YAML_FILE_H

#include <stdint.h>

#include "app/option_value.h"
#include "core/status.h"

/* One key of a config, in the order of the file. A section has an entry of its own, with a null value, before
 * its keys; written empty (or as null) it is followed by none. */
struct setting {
    char *key; /* "section.key"; of a section, its name */
    int line;  /* of the key, counted from 1 */
    struct option_value value;
};

struct settings {
    struct setting *item;
    int64_t count;
    int64_t capacity;
};

/* A mapping of sections to mappings of keys to scalars, lists of scalars or mappings of scalars; at the top
 * also dotted keys. Neither names nor types are checked. EXIT_BAD_CONFIG with `path` and line for what is not
 * such a text: bad YAML, several documents, deeper nesting, aliases, tags, NULs. *settings is safe to free
 * whatever is returned. */
status_t yaml_read_settings(const char *path, const char *text, int64_t size, struct settings *settings)
    __attribute__((warn_unused_result));

/* One value in flow style, as on the command line: [a, b] or {a: 1}. EXIT_BAD_USAGE naming --`key`. */
status_t yaml_read_value(const char *key, const char *text, struct option_value *value)
    __attribute__((warn_unused_result));

/* The text that yaml_read_settings reads back to the same settings; every one "section.key", those of a
 * section together. The caller frees it. */
status_t yaml_write_settings(const struct settings *settings, char **text)
    __attribute__((warn_unused_result));

/* A new setting at the end with a copy of the key; NULL values. */
status_t settings_add(struct settings *settings, const char *section, const char *key, int line,
                      struct setting **setting) __attribute__((warn_unused_result));

void settings_free(struct settings *settings);

#endif
