/* Who is in a segment: exact size, mean, spread and median of every column in input units, per segment and
 * for all customers; missing values are not counted. */
#ifndef LOHKO_ASSESS_PROFILE_H
#define LOHKO_ASSESS_PROFILE_H

#include <stdint.h>

#include "core/status.h"
#include "data/deciles.h"
#include "data/moments.h"
#include "data/row_numbers.h"
#include "data/survey.h"
#include "data/table.h"

struct profile {
    int64_t k;
    int64_t columns;   /* of the table: features, then those that are only described */
    int64_t customers; /* that take part */
    int64_t *size;     /* k */
    double *mean;      /* k x columns; NaN where a segment has no value */
    double *deviation; /* k x columns; population */
    double *median;    /* k x columns */
    double *total;     /* k x columns: sum */
    int64_t *present;  /* k x columns: values that are not missing */
    double *all_mean;  /* columns: over all customers, like the rest */
    double *all_deviation;
    double *all_total;
    int64_t *all_present;
    double *low; /* columns: smallest and largest value */
    double *high;
    double *eta_squared;    /* columns: share of the variance that lies between segments */
    struct deciles deciles; /* of the features, over the customers in a segment */
};

/* `label`: of this rank's rows. Collective. */
status_t profile_run(struct table *table, const struct survey *survey, const struct row_numbers *label,
                     int64_t k, struct profile *profile) __attribute__((warn_unused_result));
void profile_free(struct profile *profile);

/* Mean difference to all customers in population standard deviations; 0 where nothing varies. Local. */
double profile_effect(const struct profile *profile, int64_t segment, int64_t column);

/* Segment mean over the mean of all customers; NaN where the latter is not positive. Local. */
double profile_lift(const struct profile *profile, int64_t segment, int64_t column);

#endif
