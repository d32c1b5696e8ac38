/* The configuration of `lohko fit`, which its option table fills in. Plain data; freed by config_free. */
#ifndef LOHKO_APP_CONFIG_H
#define LOHKO_APP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/options.h"
#include "assess/criterion.h"
#include "cluster/linkage.h"
#include "core/status.h"
#include "data/settings.h"

enum method { METHOD_KMEANS, METHOD_HIERARCHY };
enum preparation_source { PREPARATION_KEEP, PREPARATION_REFIT };

struct config {
    char *input_path;
    char *input_features; /* NULL: auto */
    char *input_id;       /* NULL: auto */
    int duplicates;       /* enum duplicates; enums are stored as int, the option table writes them */
    bool use_all;
    struct name_list use; /* where not all */
    struct name_list profile;
    int missing;               /* enum missing */
    struct name_map transform; /* values: enum transform */
    struct number_list clip;   /* none (count 0) or two quantiles, low < high */
    int scale;                 /* enum scale */
    struct name_map weight;    /* values > 0 */
    int64_t k_low;
    int64_t k_high; /* == k_low unless a range was given */
    int choose;     /* enum criterion (assess/criterion.h) */
    int method;     /* enum method */
    int64_t batch;
    int64_t restarts;
    bool polish;
    double tolerance;
    int linkage;    /* enum linkage (cluster/linkage.h) */
    int64_t leaves; /* LEAVES_AUTO, LEAVES_ALL, 0 (no tree) or a number */
    struct number_list levels;
    int64_t replicates;
    int64_t seed;      /* 0 .. 2^63-1 */
    int64_t memory;    /* bytes a rank; MEMORY_AUTO */
    double checkpoint; /* seconds; 0: none */
    bool resume;
    char *previous;  /* NULL: none */
    int preparation; /* enum preparation_source */
    char *output;
};

enum { LEAVES_AUTO = COUNT_AUTO, LEAVES_ALL = COUNT_ALL, MEMORY_AUTO = COUNT_AUTO };

/* The option table of `lohko fit`: one row a field of struct config, by section. */
extern const struct option fit_options[];
extern const int fit_option_count;

/* Reads the file and then the command line (`arguments`: "--section.key=value" or "--section.key", "value"),
 * checks everything that can be checked without the data. Local: call on rank 0 and share with config_share,
 * or on every rank with the same text. Errors are EXIT_BAD_CONFIG (file, line, key, what was expected; an
 * unknown key suggests the nearest), EXIT_BAD_USAGE for the command line, EXIT_NO_INPUT where the file cannot
 * be read. On failure *config is safe to free. */
status_t config_read(const char *path, int argument_count, char *const *arguments, struct config *config)
    __attribute__((warn_unused_result));

/* The same from YAML text in memory; `path` is for messages. */
status_t config_parse(const char *path, const char *text, int64_t size, int argument_count,
                      char *const *arguments, struct config *config) __attribute__((warn_unused_result));

/* The effective configuration as YAML that config_parse reads back to the same values, for the caller. */
status_t config_echo(const struct config *config, char **yaml) __attribute__((warn_unused_result));

void config_free(struct config *config);

/* docs/configuration.md, to its last byte. Write errors are left for ferror. */
void config_print_markdown(FILE *file);

#endif
