/* ranks: 1 2 3 7 */
/* The box between two quantiles along every axis, against everybody's coordinates. */
#include <math.h>

#include "assess/box.h"
#include "gaps.h"

/* A bin of a bin of a bin. */
static const double PRECISION = 0x1p-30;
/* All blocks are looked at up to this many, then some; see box_trim.c. */
enum { ALL_BLOCKS = 512 };

/* ---- customers ---- */

/* Few values, many customers at each. */
static double grid(int64_t row, int64_t feature)
{
    return floor((4 - (double)feature) * uniform(2, row, feature));
}

/* One customer far from all others, who are then all on one side of the mean. */
static double lonely(int64_t row, int64_t feature)
{
    return row == 2500 ? 1e6 : uniform(3, row, feature);
}

static double outliers(int64_t row, int64_t feature)
{
    return (row % 400 == 17 ? (row % 800 == 17 ? -1e4 : 1e4) : 1.0) * uniform(4, row, feature);
}

/* The second feature is the same for all, the third is the first: two axes without extent. */
static double flat(int64_t row, int64_t feature)
{
    return feature == 1 ? 7.25 : uniform(5, row, 0);
}

/* Sorted: who saw the beginning of the file would not know. Every other block is elsewhere. */
static double rising(int64_t row, int64_t feature)
{
    (void)feature;
    return (double)(row / BLOCK_ROWS) / 16 + uniform(6, row, 0) + (row / BLOCK_ROWS % 2 ? 100 : 0);
}

static bool some(int64_t row)
{
    return row % 7 == 3 || (row >= 1024 && row < 2048);
}

static bool but_one(int64_t row)
{
    return row != 2100;
}

/* ---- quantiles ---- */

/* Coordinates along an axis of the customers in every `stride`-th block; returns how many. */
static int64_t coordinates(const struct sample *sample, const struct box *box, int64_t axis, int64_t stride,
                           double *at)
{
    int64_t d = box->features;
    int64_t count = 0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (sample->is_out[row] || row / BLOCK_ROWS % stride != 0)
            continue;
        at[count] = 0.0;
        for (int64_t f = 0; f < d; f++)
            at[count] += ((double)sample->all[row * d + f] - box->mean[f]) * box->axis[axis * d + f];
        count++;
    }
    return count;
}

/* Whether the one who has that share of the customers before them lies between two coordinates. */
static bool is_quantile(const double *at, int64_t count, double share, double from, double to)
{
    int64_t rank = (int64_t)floor(share * (double)count);
    int64_t before = 0;
    int64_t until = 0;
    for (int64_t i = 0; i < count; i++) {
        before += at[i] < from;
        until += at[i] <= to;
    }
    rank = rank < count ? rank : count - 1;
    return before <= rank && rank < until;
}

/* The box lies around what is between the quantiles, by no more than the precision. low, high: as it was. */
static void check_box(const struct sample *sample, double share, int64_t stride, const double *low,
                      const double *high, const struct box *box)
{
    double *at = NULL;
    assert_ok(memory_new(&at, sample->customers.used, sizeof *at, "test coordinates"));
    for (int64_t a = 0; a < box->features; a++) {
        int64_t count = coordinates(sample, box, a, stride, at);
        double rounding = 1e-13 * (high[a] - low[a]) + 1e-300;
        double most = (high[a] - low[a]) * PRECISION + rounding;
        assert_true(is_quantile(at, count, share, box->low[a] - rounding, box->low[a] + most));
        assert_true(is_quantile(at, count, 1 - share, box->high[a] - most, box->high[a] + rounding));
    }
    free(at);
}

/* Leaves the trimmed box. */
static void trim(struct comm *comm, int64_t rows, int64_t features, sample_value value, sample_mark out,
                 double share, struct box *box)
{
    struct sample sample;
    double low[8];
    double high[8];
    size_t size = (size_t)features * sizeof *low;
    assert_true(features <= 8);
    sample_open(&sample, comm, rows, features, value, out);
    assert_ok(box_find(&sample.customers, 0, box));
    memcpy(low, box->low, size);
    memcpy(high, box->high, size);
    assert_ok(box_trim(&sample.customers, share, box));
    check_box(&sample, share, 1, low, high, box);
    sample_close(&sample);
}

/* On all ranks, of which some may have no blocks, and on each by itself: the same bytes. */
static void check_trim(int64_t rows, int64_t features, sample_value value, sample_mark out, double share)
{
    struct box box[2];
    size_t size = (size_t)features * sizeof(double);
    trim(&world, rows, features, value, out, share, &box[0]);
    trim(&alone, rows, features, value, out, share, &box[1]);
    assert_memory_equal(box[0].low, box[1].low, size);
    assert_memory_equal(box[0].high, box[1].high, size);
    box_free(&box[0]);
    box_free(&box[1]);
}

static void boxes_end_at_quantiles(void **state)
{
    (void)state;
    check_trim(2600, 4, mixed, some, 0.02);
    check_trim(2500, 3, mixed, NULL, 0.25);
    check_trim(3300, 3, grid, some, 0.1);
    check_trim(2500, 1, mixed, NULL, 0.02);
    check_trim(2100, 2, outliers, NULL, 0.02);
}

/* The whole box, and none of it. */
static void extreme_shares(void **state)
{
    (void)state;
    check_trim(2600, 3, mixed, some, 0.0);
    check_trim(2600, 3, mixed, some, 0.5);
    check_trim(40, 2, mixed, NULL, 0.02); /* less than one customer */
}

static void far_customers_are_cut_off(void **state)
{
    (void)state;
    struct box box;
    trim(&world, 2600, 1, lonely, some, 0.02, &box);
    assert_true(box.low[0] * box.high[0] > 0); /* not around the mean any more */
    assert_true(box.high[0] - box.low[0] > 0.93 && box.high[0] - box.low[0] < 0.98);
    box_free(&box);
    check_trim(2600, 3, lonely, some, 0.02);
}

static void axes_without_extent(void **state)
{
    (void)state;
    struct box box;
    trim(&world, 2600, 3, flat, some, 0.02, &box);
    assert_true(box.high[0] - box.low[0] > 1.3);
    for (int a = 1; a < 3; a++)
        assert_true(fabs(box.low[a]) < 1e-12 && fabs(box.high[a]) < 1e-12 && box.high[a] >= box.low[a]);
    box_free(&box);
    check_trim(2600, 3, flat, NULL, 0.02);
    check_trim(1, 2, mixed, NULL, 0.02);
    check_trim(2500, 2, mixed, but_one, 0.02);
    check_trim(2500, 2, alike, some, 0.02);
}

/* Of many blocks, some from all over the file are looked at. */
static void many_blocks(void **state)
{
    (void)state;
    for (int64_t blocks = ALL_BLOCKS - 1; blocks <= ALL_BLOCKS; blocks++) {
        struct sample sample;
        struct box box;
        sample_open(&sample, &world, blocks * BLOCK_ROWS - 100, 1, rising, NULL);
        assert_ok(box_find(&sample.customers, 0, &box));
        double low = box.low[0];
        double high = box.high[0];
        assert_ok(box_trim(&sample.customers, 0.02, &box));
        check_box(&sample, 0.02, blocks < ALL_BLOCKS ? 1 : 2, &low, &high, &box);
        assert_true((box.high[0] - box.low[0] > 100) == (blocks < ALL_BLOCKS));
        box_free(&box);
        sample_close(&sample);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(boxes_end_at_quantiles),
    cmocka_unit_test(extreme_shares),
    cmocka_unit_test(far_customers_are_cut_off),
    cmocka_unit_test(axes_without_extent),
    cmocka_unit_test(many_blocks),
};

TESTS_MAIN("trimmed box", tests)
