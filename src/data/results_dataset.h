/* Small datasets of results.h5 and their attributes, for those who write its parts. Local: rank 0. */
#ifndef LOHKO_DATA_RESULTS_DATASET_H
#define LOHKO_DATA_RESULTS_DATASET_H

#include <hdf5.h>
#include <stdint.h>

#include "core/status.h"
#include "data/results.h"

/* rows x columns, or `rows` in one dimension where columns is 0. `unit`: what the numbers are, for whoever
 * opens the file. column_names: NULL, or `columns` of them. */
status_t results_write_real(hid_t file, const char *name, const char *unit, int64_t rows, int64_t columns,
                            const double *values, const char *const *column_names)
    __attribute__((warn_unused_result));
status_t results_write_whole(hid_t file, const char *name, const char *unit, int64_t rows,
                             const int64_t *values) __attribute__((warn_unused_result));
status_t results_write_names(hid_t file, const char *name, const char *const *texts, int64_t count)
    __attribute__((warn_unused_result));

/* A dataset of up to three dimensions (0 behind the last): of doubles, or of whole numbers. */
struct results_figure {
    const char *name;
    const char *unit;
    int64_t dimensions[3];
    const double *real;
    const int64_t *whole; /* where real is NULL */
};

status_t results_write_figure(hid_t file, const struct results_figure *figure)
    __attribute__((warn_unused_result));

status_t results_write_attributes(hid_t object, const struct results_attribute *attributes, int64_t count)
    __attribute__((warn_unused_result));

#endif
