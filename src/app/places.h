/* Where the segments of two segmentations lie, in the units of the one before: for `compare`, and for a fit
 * that knows the year before. Local. */
#ifndef LOHKO_APP_PLACES_H
#define LOHKO_APP_PLACES_H

#include <stdint.h>

#include "assess/migration.h"
#include "core/status.h"
#include "data/carry.h"
#include "data/saved_model.h"

/* The segments after. */
struct places_after {
    int64_t k;
    struct carry_units units; /* of `centroid` */
    const double *centroid;   /* k x features */
    int64_t columns;
    char *const *column; /* names of the columns of `mean` */
    const double *mean;  /* k x columns, input units */
};

/* *carried: the centroids after in prepared units before; *mean: the means of the features before, NaN where
 * a column is not known after. Both k after x features before, to be freed by the caller whatever is
 * returned, after `places`, which points to them and to the model. Where a centroid cannot be carried, no
 * segments are matched by place. */
status_t places_find(const struct saved_model *before, const struct places_after *after, double **carried,
                     double **mean, struct migration_places *places) __attribute__((warn_unused_result));

#endif
