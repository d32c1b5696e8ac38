/* Count, range, mean and variance of columns, per group of customers, exactly summed: the result does not
 * depend on how the rows were split. Local but for moments_share. */
#ifndef LOHKO_DATA_MOMENTS_H
#define LOHKO_DATA_MOMENTS_H

#include <stdint.h>

#include "core/comm.h"
#include "core/exactsum.h"
#include "core/status.h"

/* Largest magnitude of an input number whose square can be summed: beyond it a number is a mistake or a code.
 */
#define MOMENTS_LARGEST 1e140

struct moments {
    int64_t present; /* values that are not missing */
    double low;      /* +inf where present is 0 */
    double high;     /* -inf where present is 0 */
    struct exactsum sum;
    struct exactsum squares;
};

/* `count` empty ones; free() them. */
status_t moments_new(struct moments **moments, int64_t count) __attribute__((warn_unused_result));

/* value: finite, at most MOMENTS_LARGEST in magnitude. */
void moments_add(struct moments *moments, double value);

/* Many values: the same as one by one, several times faster. */
void moments_add_all(struct moments *moments, const double *value, int64_t count);

/* The same value `count` times. */
void moments_add_times(struct moments *moments, double value, int64_t count);

/* into += from. */
void moments_merge(struct moments *into, const struct moments *from);

/* Sums over all ranks. Collective. */
status_t moments_share(struct comm *comm, struct moments *moments, int64_t count)
    __attribute__((warn_unused_result));

/* NaN where present is 0. */
double moments_mean(const struct moments *moments);

/* Sum, rounded once. */
double moments_sum(const struct moments *moments);

/* Population variance (divided by the count), computed in 113 bits from exact sums; 0 where all values are
 * equal. */
double moments_variance(const struct moments *moments);

#endif
