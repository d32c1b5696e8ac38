/* Inside data/: how the recognisers (source_forms.c) put a struct source together. Local. */
#ifndef LOHKO_DATA_SOURCE_BUILD_H
#define LOHKO_DATA_SOURCE_BUILD_H

#include "data/source.h"

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

/* Fills in datasets, columns and the id. `features` is a path or NULL; so is `id`. */
status_t source_recognise(struct source *source, const char *features, const char *id)
    __attribute__((warn_unused_result));

#endif
