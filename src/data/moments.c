#include "data/moments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/lanes.h"
#include "core/memory.h"

enum { AT_ONCE = 1024 }; /* values whose squares stay in the nearest cache */

status_t moments_new(struct moments **moments, int64_t count)
{
    status_t status = memory_new(moments, count, sizeof **moments, "sums of columns");
    for (int64_t i = 0; !status && i < count; i++) {
        (*moments)[i].low = (double)INFINITY;
        (*moments)[i].high = (double)-INFINITY;
    }
    return status;
}

void moments_add(struct moments *moments, double value)
{
    double square = value * value;
    moments->present++;
    moments->low = value < moments->low ? value : moments->low;
    moments->high = value > moments->high ? value : moments->high;
    exactsum_add(&moments->sum, value);
    exactsum_add(&moments->squares, square);
    exactsum_add(&moments->squares, __builtin_fma(value, value, -square));
}

/* Squares without rounding, as square + rest; returns whether any rest is not zero. */
LANES_VERSIONS static bool square_all(const double *value, int64_t count, double *square, double *rest)
{
    uint64_t any = 0;
    for (int64_t i = 0; i < count; i++) {
        square[i] = value[i] * value[i];
        rest[i] = __builtin_fma(value[i], value[i], -square[i]);
        any |= rest[i] != 0;
    }
    return any != 0;
}

LANES_VERSIONS static void widen_range(struct moments *moments, const double *value, int64_t count)
{
    lanes low = moments->low - (lanes){0};
    lanes high = moments->high - (lanes){0};
    for (int64_t i = 0; i < count; i += LANES) {
        bool whole = i + LANES <= count;
        lanes x = whole ? lanes_of(value + i) : lanes_part(value + i, count - i, low);
        lanes y = whole ? x : lanes_part(value + i, count - i, high);
        low = lanes_choose(x < low, x, low);
        high = lanes_choose(y > high, y, high);
    }
    for (int lane = 0; lane < LANES; lane++) {
        moments->low = low[lane] < moments->low ? low[lane] : moments->low;
        moments->high = high[lane] > moments->high ? high[lane] : moments->high;
    }
}

void moments_add_all(struct moments *moments, const double *value, int64_t count)
{
    double square[AT_ONCE];
    double rest[AT_ONCE];
    for (int64_t done = 0; done < count; done += AT_ONCE) {
        int64_t part = count - done < AT_ONCE ? count - done : AT_ONCE;
        bool rounded = square_all(value + done, part, square, rest);
        widen_range(moments, value + done, part);
        exactsum_add_all(&moments->sum, value + done, part);
        exactsum_add_all(&moments->squares, square, part);
        if (rounded)
            exactsum_add_all(&moments->squares, rest, part);
    }
    moments->present += count;
}

void moments_add_times(struct moments *moments, double value, int64_t count)
{
    if (count == 0)
        return;
    moments->present += count;
    moments->low = value < moments->low ? value : moments->low;
    moments->high = value > moments->high ? value : moments->high;
    /* count * value as exact pairs of doubles */
    double square = value * value;
    double term[3] = {value, square, __builtin_fma(value, value, -square)};
    for (int t = 0; t < 3; t++) {
        double times = (double)count; /* exact: counts of rows stay below 2^53 */
        double product = times * term[t];
        struct exactsum *into = t == 0 ? &moments->sum : &moments->squares;
        exactsum_add(into, product);
        exactsum_add(into, __builtin_fma(times, term[t], -product));
    }
}

void moments_merge(struct moments *into, const struct moments *from)
{
    into->present += from->present;
    into->low = from->low < into->low ? from->low : into->low;
    into->high = from->high > into->high ? from->high : into->high;
    exactsum_merge(&into->sum, &from->sum);
    exactsum_merge(&into->squares, &from->squares);
}

status_t moments_share(struct comm *comm, struct moments *moments, int64_t count)
{
    /* Packed one after the other, so that each reduction is a single call. */
    int64_t *present = NULL;
    double *range = NULL;
    struct exactsum *sums = NULL;
    status_t status = memory_new(&present, count, sizeof *present, "counts");
    if (!status)
        status = memory_new(&range, 2 * count, sizeof *range, "ranges");
    if (!status)
        status = memory_new(&sums, 2 * count, sizeof *sums, "sums of columns");
    status = comm_agree(comm, status);
    for (int64_t i = 0; !status && i < count; i++) {
        present[i] = moments[i].present;
        range[2 * i] = moments[i].low;
        range[2 * i + 1] = -moments[i].high;
        sums[2 * i] = moments[i].sum;
        sums[2 * i + 1] = moments[i].squares;
    }
    if (!status)
        status = comm_sum_i64(comm, present, count);
    if (!status)
        status = comm_min_f64(comm, range, 2 * count);
    if (!status)
        status = comm_sum_exact(comm, sums, 2 * count);
    for (int64_t i = 0; !status && i < count; i++)
        moments[i] = (struct moments){.present = present[i],
                                      .low = range[2 * i],
                                      .high = -range[2 * i + 1],
                                      .sum = sums[2 * i],
                                      .squares = sums[2 * i + 1]};
    free(present);
    free(range);
    free(sums);
    return status;
}

static __float128 wide(const struct exactsum *sum)
{
    struct exactsum copy = *sum;
    double high = 0.0;
    double low = 0.0;
    exactsum_value(&copy, &high, &low);
    return (__float128)high + (__float128)low;
}

double moments_mean(const struct moments *moments)
{
    if (moments->present == 0)
        return (double)NAN;
    return (double)(wide(&moments->sum) / (__float128)moments->present);
}

double moments_sum(const struct moments *moments)
{
    return (double)wide(&moments->sum);
}

double moments_variance(const struct moments *moments)
{
    if (moments->present == 0 || moments->low == moments->high)
        return moments->present == 0 ? (double)NAN : 0.0;
    __float128 count = (__float128)moments->present;
    __float128 sum = wide(&moments->sum);
    __float128 variance = (wide(&moments->squares) - sum * sum / count) / count;
    return variance > 0 ? (double)variance : 0.0;
}
