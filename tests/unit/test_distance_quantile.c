/* ranks: 1 2 3 7 */
/* Quantiles of distances to the own centroid against qsort: ties, customers on centroids, left out, one
 * alone. */
#include "assess/distance_quantile.h"

#include <math.h>

#include "data/select.h"
#include "support.h"

enum { ROWS = 4100, FEATURES = 3, K = 4 };

static double on_a_grid(int64_t row, int64_t feature)
{
    return floor(4 * uniform(1, row, feature));
}

static double far_apart(int64_t row, int64_t feature)
{
    return (row % 1000 == 0 ? 900.0 : 1.0) * uniform(2, row, feature);
}

static double at_one_place(int64_t row, int64_t feature)
{
    (void)row;
    return (double)feature;
}

static bool some(int64_t row)
{
    return row % 3 == 1 || row < 1500;
}

static bool all_but_one(int64_t row)
{
    return row != 2222;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static int32_t label_of(int64_t row)
{
    return (int32_t)(row * 7 % K);
}

static void check(sample_value value, sample_mark out)
{
    static float distance[ROWS];
    double centroid[K * FEATURES];
    struct sample sample;
    int64_t count = 0;
    sample_open(&sample, &world, ROWS, FEATURES, value, out);
    const struct partition *part = &sample.customers.partition;
    struct segmentation segments = {.k = K, .features = FEATURES, .centroid = centroid};
    assert_ok(row_numbers_open(&segments.label, part->block_count, K));
    for (int64_t i = 0; i < K * FEATURES; i++)
        centroid[i] = floor(3 * uniform(5, i, 0)) / (i < FEATURES ? 3 : 1);
    for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++) {
        int64_t row = part->first_row + i;
        row_numbers_set(&segments.label, i, row >= ROWS || sample.is_out[row] ? -1 : label_of(row));
    }
    for (int64_t row = 0; row < ROWS; row++) {
        if (!sample.is_out[row])
            distance[count++] =
                (float)sqrt(sample_distance(&sample, row, centroid + label_of(row) * FEATURES));
    }
    assert_int_equal(count, sample.customers.used);
    qsort(distance, (size_t)count, sizeof *distance, by_value);
    const int64_t beyond[] = {0, 1 % count, 3 % count, count / 3, count - 1};
    for (size_t l = 0; l < sizeof beyond / sizeof *beyond; l++) {
        double found = -1;
        assert_ok(distance_quantile(&sample.customers, &segments, beyond[l], &found));
        assert_true(found == (double)distance[count - 1 - beyond[l]]);
    }
    row_numbers_free(&segments.label);
    sample_close(&sample);
}

static void as_a_sort_would(void **state)
{
    (void)state;
    check(on_a_grid, NULL);
    check(on_a_grid, some);
    check(far_apart, NULL);
    check(far_apart, some);
    check(far_apart, all_but_one);
    check(at_one_place, NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(as_a_sort_would),
};

TESTS_MAIN("distance quantile", tests)
