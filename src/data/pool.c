#include "data/pool.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Counters in all: more narrow the intervals faster, fewer stay in cache. */
enum { COUNTERS = 1 << 18, MOST_BINS = 1 << 12, FEWEST_BINS = 1 << 6 };

static const uint64_t SIGN = UINT64_C(1) << 63;

uint64_t pool_key(double value)
{
    double positive_zero = value + 0.0;
    uint64_t bits = 0;
    memcpy(&bits, &positive_zero, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

double pool_value(uint64_t key)
{
    uint64_t bits = key & SIGN ? key ^ SIGN : ~key;
    double value = 0.0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

status_t pool_reserve(struct pool *pool, int64_t more)
{
    int64_t wanted = pool->count + more + 1;
    if (wanted <= pool->capacity)
        return STATUS_OK;
    int64_t capacity = wanted + wanted / 2;
    double *value = realloc(pool->value, (size_t)capacity * sizeof *value);
    pool->value = value ? value : pool->value;
    int32_t *label = realloc(pool->label, (size_t)capacity * sizeof *label);
    pool->label = label ? label : pool->label;
    if (!value || !label)
        return status_of_allocation(NULL, 1, "values near quantiles");
    pool->capacity = capacity;
    return STATUS_OK;
}

void pool_close(struct pool *pool)
{
    free(pool->value);
    free(pool->label);
    *pool = (struct pool){0};
}

int64_t pool_bins(int64_t count)
{
    int64_t bins = MOST_BINS;
    while (bins > FEWEST_BINS && bins * count > COUNTERS)
        bins /= 2;
    return bins;
}

int pool_shift(uint64_t low, uint64_t high, int64_t bins)
{
    int shift = 0;
    while ((high - low) >> shift >= (uint64_t)bins)
        shift++;
    return shift;
}

void pool_enter_bin(struct target *target, uint64_t low, uint64_t high, int64_t below, const int64_t *counter,
                    int64_t bins)
{
    int shift = pool_shift(low, high, bins);
    int64_t bin = 0;
    while (bin < bins - 1 && below + counter[bin] <= target->rank)
        below += counter[bin++];
    target->low = low + ((uint64_t)bin << shift);
    uint64_t width = (UINT64_C(1) << shift) - 1;
    target->high = high - target->low > width ? target->low + width : high;
    target->below = below;
    target->inside = counter[bin];
}

static bool is_open(const struct target *target)
{
    return target->pooled && target->low < target->high;
}

static bool any_open(const struct target *target, int64_t count)
{
    for (int64_t t = 0; t < count; t++) {
        if (is_open(&target[t]))
            return true;
    }
    return false;
}

/* Counts a value into a target's bin; returns whether the value is still in question. */
static bool count_value(struct target *target, int shift, double value, int64_t *counter)
{
    uint64_t key = pool_key(value);
    if (key > target->high && value < target->next)
        target->next = value;
    if (!is_open(target) || key < target->low || key > target->high)
        return false;
    counter[(key - target->low) >> shift]++;
    return true;
}

struct narrowing {
    struct target *target;
    int64_t count;
    int64_t bins;
    int64_t *counter; /* per target bins */
    int *shift;       /* per target */
    /* Where values count for many targets: */
    const int64_t *first;
    int64_t *like;  /* per target: the one that counts for it */
    int64_t *open;  /* targets that count, label after label */
    int64_t *begin; /* per label: its first in `open`, and one more at the end */
};

/* The targets of a label begin with one interval, and what a round leaves of it are bins: any two are the
 * same or have nothing in common. One of those that are the same counts for all. */
static void find_alike(const struct narrowing *narrowing)
{
    const struct target *target = narrowing->target;
    const int64_t *first = narrowing->first;
    int64_t opened = 0;
    int64_t label = 0;
    for (; first[label] < narrowing->count; label++) {
        narrowing->begin[label] = opened;
        for (int64_t t = first[label]; t < first[label + 1]; t++) {
            int64_t o = narrowing->begin[label];
            while (o < opened && target[narrowing->open[o]].low != target[t].low)
                o++;
            if (o == opened && is_open(&target[t]))
                narrowing->open[opened++] = t;
            narrowing->like[t] = o < opened ? narrowing->open[o] : t;
        }
    }
    narrowing->begin[label] = opened;
}

/* Counts what is in question for any target, and drops the rest. */
static void count_shared(struct pool *pool, const struct narrowing *narrowing)
{
    int64_t left = 0;
    for (int64_t i = 0; i < pool->count; i++) {
        double value = pool->value[i];
        int32_t label = pool->label[i];
        uint64_t key = pool_key(value);
        int64_t o = narrowing->begin[label];
        int64_t end = narrowing->begin[label + 1];
        const struct target *target = narrowing->target;
        while (o < end && (key < target[narrowing->open[o]].low || key > target[narrowing->open[o]].high))
            o++;
        if (o == end)
            continue;
        int64_t t = narrowing->open[o];
        narrowing->counter[t * narrowing->bins + (int64_t)((key - target[t].low) >> narrowing->shift[t])]++;
        pool->value[left] = value;
        pool->label[left++] = label;
    }
    pool->count = left;
}

/* The same where a label is a target. */
static void count_own(struct pool *pool, const struct narrowing *narrowing)
{
    int64_t left = 0;
    for (int64_t i = 0; i < pool->count; i++) {
        double value = pool->value[i];
        int32_t t = pool->label[i];
        bool wanted = count_value(&narrowing->target[t], narrowing->shift[t], value,
                                  narrowing->counter + t * narrowing->bins);
        pool->value[left] = value;
        pool->label[left] = t;
        left += wanted;
    }
    pool->count = left;
}

static void count_pool(struct pool *pool, const struct narrowing *narrowing)
{
    if (narrowing->first) {
        find_alike(narrowing);
        count_shared(pool, narrowing);
    } else {
        count_own(pool, narrowing);
    }
}

static status_t open_narrowing(struct narrowing *narrowing)
{
    int64_t count = narrowing->count;
    status_t status =
        memory_new(&narrowing->counter, count * narrowing->bins, sizeof *narrowing->counter, "selection");
    if (!status)
        status = memory_new(&narrowing->shift, count, sizeof *narrowing->shift, "selection");
    if (status || !narrowing->first)
        return status;
    int64_t labels = 0;
    while (narrowing->first[labels] < count)
        labels++;
    status = memory_new(&narrowing->like, count, sizeof *narrowing->like, "selection");
    if (!status)
        status = memory_new(&narrowing->open, count, sizeof *narrowing->open, "selection");
    if (!status)
        status = memory_new(&narrowing->begin, labels + 1, sizeof *narrowing->begin, "selection");
    return status;
}

static void close_narrowing(struct narrowing *narrowing)
{
    free(narrowing->counter);
    free(narrowing->shift);
    free(narrowing->like);
    free(narrowing->open);
    free(narrowing->begin);
}

status_t pool_narrow(struct comm *comm, struct pool *pool, const int64_t *first, struct target *target,
                     int64_t count)
{
    int64_t bins = pool_bins(count);
    struct narrowing narrowing = {.target = target, .count = count, .bins = bins, .first = first};
    status_t status = comm_agree(comm, open_narrowing(&narrowing));
    while (!status && any_open(target, count)) {
        for (int64_t t = 0; t < count; t++)
            narrowing.shift[t] = pool_shift(target[t].low, target[t].high, bins);
        memset(narrowing.counter, 0, (size_t)(count * bins) * sizeof *narrowing.counter);
        count_pool(pool, &narrowing);
        status = comm_sum_i64(comm, narrowing.counter, count * bins);
        for (int64_t t = 0; !status && t < count; t++) {
            int64_t counts = first ? narrowing.like[t] : t;
            if (is_open(&target[t]))
                pool_enter_bin(&target[t], target[t].low, target[t].high, target[t].below,
                               narrowing.counter + counts * bins, bins);
        }
    }
    if (!status)
        count_pool(pool, &narrowing); /* for what lies above the answers; and the pool is empty */
    close_narrowing(&narrowing);
    return status;
}
