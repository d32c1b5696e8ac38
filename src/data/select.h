/* Exact order statistics of columns of the table, per group of customers, without gathering a column: a few
 * walks that count values into ever narrower intervals. Collective. */
#ifndef LOHKO_DATA_SELECT_H
#define LOHKO_DATA_SELECT_H

#include <stdint.h>

#include "core/status.h"
#include "data/table.h"

/* Memory that a request takes at least, in bytes; small selections take up to 8 MB in all. */
enum { SELECT_BYTES = 640 };

struct select_request {
    int64_t column; /* of the table */
    int32_t group;  /* 0 where all customers are one group */
    double low;     /* smallest and largest value of the column in the group, both finite */
    double high;
    int64_t count; /* values that are not missing, of the column in the group: > 0 */
    int64_t rank;  /* which is wanted: 0 for the smallest, count - 1 for the largest */
    double value;  /* out: the order statistic of that rank */
    double next;   /* out: that of rank + 1 (== value at the last) */
};

struct select_groups {
    const int32_t
        *group; /* of each of this rank's rows, < 0 for none; NULL: all customers not left out are group 0 */
    int32_t count;
};

/* A value's bits below the lowest set bit of any value of its column say nothing: skipping them saves walks.
 * bits_used[column] is the bitwise or of the values' bits, alike on all ranks. */
status_t select_run(struct table *table, const struct select_groups *groups, const uint64_t *bits_used,
                    struct select_request *requests, int64_t count) __attribute__((warn_unused_result));

/* The quantile q in [0, 1] of `count` values by linear interpolation (NumPy's default): the rank to ask for,
 * and the value from the answer. */
int64_t select_rank(double q, int64_t count);
double select_interpolate(double q, int64_t count, double value, double next);

/* The bits of a value as select_run sees them; negative zero is zero. */
uint64_t select_bits(double value);

#endif
