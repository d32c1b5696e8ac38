/* Values in memory, each rank its own, and order statistics among all of them: ranks count their values into
 * equal bins of the interval that still holds the wanted one, add up the counts, and go on in one bin until a
 * single value is left. Values are compared by keys: integers in the order of the values. */
#ifndef LOHKO_DATA_POOL_H
#define LOHKO_DATA_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"

struct pool {
    double *value;
    int32_t *label; /* what the value belongs to */
    int64_t count;
    int64_t capacity;
};

/* A wanted order statistic: that of `rank`, counted from 0. It lies between the keys low and high. */
struct target {
    uint64_t low;
    uint64_t high; /* inclusive; == low where the value is known */
    int64_t rank;
    int64_t below;  /* values under `low` */
    int64_t inside; /* values from `low` to `high` */
    bool pooled;    /* the values inside are in the pool */
    double next; /* the smallest value of this rank above `high` that left the pool, if smaller than it was;
                    only where values count for one target */
};

/* Room for `more` values, and one beyond them that may be written to. Local. */
status_t pool_reserve(struct pool *pool, int64_t more) __attribute__((warn_unused_result));
void pool_close(struct pool *pool);

/* Narrows all pooled targets to a single value and empties the pool. A value of label l counts for the
 * targets first[l] to first[l + 1] - 1, whose intervals are the same at first; for target l alone where first
 * is NULL. `target` is alike on all ranks, but for `next`. Collective. */
status_t pool_narrow(struct comm *comm, struct pool *pool, const int64_t *first, struct target *target,
                     int64_t count) __attribute__((warn_unused_result));

/* Bins for each of `count` targets, and how wide they must be for the keys from low to high: 2^shift. Local.
 */
int64_t pool_bins(int64_t count);
int pool_shift(uint64_t low, uint64_t high, int64_t bins);

/* Makes a target's interval the bin that holds its rank; `counter` holds what was counted into bins of low to
 * high, of which `below` are lower. Local. */
void pool_enter_bin(struct target *target, uint64_t low, uint64_t high, int64_t below, const int64_t *counter,
                    int64_t bins);

/* Zero has one key whatever its sign; no value has the key POOL_NO_KEY. Local. */
static const uint64_t POOL_NO_KEY = UINT64_MAX >> 1; /* would be negative zero's */
uint64_t pool_key(double value);
double pool_value(uint64_t key);

#endif
