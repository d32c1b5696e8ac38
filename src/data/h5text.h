/* Lists of texts in HDF5 files: fixed or variable length, from an attribute or a one-dimensional dataset.
 * Local. */
#ifndef LOHKO_DATA_H5TEXT_H
#define LOHKO_DATA_H5TEXT_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

struct texts {
    char **text; /* each owned; never NULL */
    int64_t count;
};

void texts_free(struct texts *texts);

/* `name` as UTF-8 without control characters: what is not UTF-8 is taken for Latin-1, as R and MATLAB write
 * it on some systems. Owned by the caller. */
status_t texts_clean(const char *name, char **clean) __attribute__((warn_unused_result));

/* Appends a copy. */
status_t texts_append(struct texts *texts, const char *text) __attribute__((warn_unused_result));

/* The index of `text`, or -1. */
int64_t texts_find(const struct texts *texts, const char *text);

/* Reads attribute `name` of `object` (a list, or one text). *found is false, and no failure, where there is
 * none or it holds no text. */
status_t h5_read_text_attribute(hid_t object, const char *name, struct texts *texts, bool *found)
    __attribute__((warn_unused_result));

/* Reads a one-dimensional dataset of texts; `path` is for messages. */
status_t h5_read_text_dataset(hid_t dataset, const char *path, struct texts *texts)
    __attribute__((warn_unused_result));

#endif
