/* Inside data/: how the recognisers (source_forms.c) put a struct source together. Local. */
#ifndef LOHKO_DATA_SOURCE_BUILD_H
#define LOHKO_DATA_SOURCE_BUILD_H

#include "data/source.h"

/* Beyond these a file is mistaken or hostile; within them products of sizes stay in 64 bits. */
#define SOURCE_MOST_ROWS (INT64_C(1) << 40)
#define SOURCE_MOST_COLUMNS (INT64_C(1) << 20)

#define SOURCE_ID_NAME "customer_id"

/* Whether the path exists in the file, every group on its way included. */
bool source_exists(hid_t file, const char *path);

/* Opens a dataset of numbers with a chunk cache that holds a whole row of chunks, so that a sequential walk
 * decompresses nothing twice. *numeric is false, and nothing is added, where it holds no numbers.
 * EXIT_BAD_DATA where its rank is neither 1 nor 2 (matrix) / not 1 (flat). */
status_t source_add_dataset(struct source *source, const char *path, bool flat, bool *numeric)
    __attribute__((warn_unused_result));

/* Adds column `index` of dataset `dataset` under `name`. */
status_t source_add_column(struct source *source, const char *name, int64_t dataset, int64_t index)
    __attribute__((warn_unused_result));

/* Takes the dataset at `path` (its column `column`, or -1 for a one-dimensional one) as the ids. */
status_t source_set_id(struct source *source, const char *path, int64_t column)
    __attribute__((warn_unused_result));

/* "group/name". Owned by the caller. */
status_t source_join(char **path, const char *group, const char *name) __attribute__((warn_unused_result));

bool source_is_dataset(hid_t file, const char *path);
bool source_is_group(hid_t file, const char *path);

/* The ids of a file in whatever form: at `wanted` if that is given, else a dataset customer_id in the group
 * that holds `beside`, else one at the root, else none. */
status_t source_choose_id(struct source *source, const char *wanted, const char *beside)
    __attribute__((warn_unused_result));

/* The same for columns in a group: also customer_id/data in it, as Vaex has it. */
status_t source_choose_column_id(struct source *source, const char *group, const char *id)
    __attribute__((warn_unused_result));

/* Elements of the dataset, or -1. */
int64_t source_length(hid_t file, const char *path);

/* Reopens chunked datasets with a cache that fits, once their shape and orientation are known. */
status_t source_fit_caches(struct source *source) __attribute__((warn_unused_result));

/* A group that pandas wrote in fixed format (source_pandas.c). */
bool source_is_pandas(hid_t file, const char *path);
status_t source_recognise_pandas(struct source *source, const char *group, const char *id)
    __attribute__((warn_unused_result));

/* Fills in datasets, columns and the id. `features` is a path or NULL; so is `id`. */
status_t source_recognise(struct source *source, const char *features, const char *id)
    __attribute__((warn_unused_result));

#endif
