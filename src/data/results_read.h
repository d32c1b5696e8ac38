/* Datasets and attributes of a results.h5 that may be anybody's: what is read has the shape and the range
 * that is asked for, or it is EXIT_BAD_DATA naming the file and the dataset. Every rank reads by itself.
 * Local. */
#ifndef LOHKO_DATA_RESULTS_READ_H
#define LOHKO_DATA_RESULTS_READ_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "data/h5text.h"

struct results_input {
    const char *path;
    hid_t file;
};

/* Whether there is a dataset or group of that name. */
bool results_has(const struct results_input *input, const char *name);

/* The extents of a dataset of `rank` dimensions, 1 or 2. */
status_t results_shape(const struct results_input *input, const char *name, int rank, int64_t *extent)
    __attribute__((warn_unused_result));

/* rows x columns values, or `rows` in one dimension where columns is 0. */
struct results_wanted {
    const char *name;
    int64_t rows;
    int64_t columns;
    double low; /* inclusive, like `high`; of doubles */
    double high;
    bool may_be_nan;
    int64_t least; /* inclusive, like `most`; of whole numbers */
    int64_t most;
};

/* *values: the caller's to free. */
status_t results_read_real(const struct results_input *input, const struct results_wanted *wanted,
                           double **values) __attribute__((warn_unused_result));
status_t results_read_whole(const struct results_input *input, const struct results_wanted *wanted,
                            int64_t **values) __attribute__((warn_unused_result));

/* Texts as texts_clean has them, of a dataset, or of its attribute `attribute` unless that is NULL; names are
 * such that none is empty and no two are the same. texts_free, also after a failure. */
status_t results_read_texts(const struct results_input *input, const char *dataset, const char *attribute,
                            struct texts *names) __attribute__((warn_unused_result));
status_t results_read_names(const struct results_input *input, const char *dataset, const char *attribute,
                            struct texts *names) __attribute__((warn_unused_result));

/* Attributes of an object. One text, or NULL where there is none: a line as texts_clean has it, or as it is.
 * One number: *found is false and nothing is set where there is no such attribute. */
status_t results_read_text(const struct results_input *input, const char *object, const char *name,
                           bool is_line, char **text) __attribute__((warn_unused_result));
status_t results_read_integer(const struct results_input *input, const char *object, const char *name,
                              int64_t *value, bool *found) __attribute__((warn_unused_result));
status_t results_read_number(const struct results_input *input, const char *object, const char *name,
                             double *value, bool *found) __attribute__((warn_unused_result));

#endif
