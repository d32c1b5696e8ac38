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

/* Counts what is in question for any target, and drops the rest. */
static void count_pool(struct pool *pool, const int64_t *first, struct target *target, const int *shift,
                       int64_t *counter, int64_t bins)
{
    int64_t left = 0;
    for (int64_t i = 0; i < pool->count; i++) {
        double value = pool->value[i];
        int32_t label = pool->label[i];
        int64_t end = first ? first[label + 1] : label + 1;
        bool wanted = false;
        for (int64_t t = first ? first[label] : label; t < end; t++)
            wanted |= count_value(&target[t], shift[t], value, counter + t * bins);
        pool->value[left] = value;
        pool->label[left] = label;
        left += wanted;
    }
    pool->count = left;
}

status_t pool_narrow(struct comm *comm, struct pool *pool, const int64_t *first, struct target *target,
                     int64_t count)
{
    int64_t bins = pool_bins(count);
    int64_t *counter = NULL;
    int *shift = NULL;
    status_t status = memory_new(&counter, count * bins, sizeof *counter, "selection");
    if (!status)
        status = memory_new(&shift, count, sizeof *shift, "selection");
    status = comm_agree(comm, status);
    while (!status && any_open(target, count)) {
        for (int64_t t = 0; t < count; t++)
            shift[t] = pool_shift(target[t].low, target[t].high, bins);
        memset(counter, 0, (size_t)(count * bins) * sizeof *counter);
        count_pool(pool, first, target, shift, counter, bins);
        status = comm_sum_i64(comm, counter, count * bins);
        for (int64_t t = 0; !status && t < count; t++) {
            if (is_open(&target[t]))
                pool_enter_bin(&target[t], target[t].low, target[t].high, target[t].below, counter + t * bins,
                               bins);
        }
    }
    if (!status)
        count_pool(pool, first, target, shift, counter, bins); /* for what lies above the answers */
    free(counter);
    free(shift);
    return status;
}
