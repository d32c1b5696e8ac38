/* ranks: 1 */
/* The kernels against their plain twins, on data made to trip a float filter: ties, duplicates, huge and tiny
 * values, offsets, zeros. */
#include <float.h>
#include <math.h>

#include "kernel/tile.h"
#include "support.h"

enum { MOST_FEATURES = 100, MOST_K = 257, TILES = 4 };

static const int64_t feature_counts[] = {1, 2, 3, 5, 8, 16, 17, 64, 100};
static const int64_t segment_counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 64, 257};
enum { FEATURE_COUNTS = 9, SEGMENT_COUNTS = 11 };

static _Alignas(64) float tile[TILES][MOST_FEATURES * KERNEL_LANES];
static double centroid[MOST_K * MOST_FEATURES];
static float narrow[MOST_K * MOST_FEATURES];
static float half_square[MOST_K];

/* A way of making numbers: the i-th number of kind a (customers) or b (centroids). */
typedef double (*maker)(uint64_t kind, int64_t i);

static double random_number(uint64_t kind, int64_t i)
{
    return 4 * uniform(kind, i, 0) - 2;
}

static double grid_number(uint64_t kind, int64_t i)
{
    return floor(3 * uniform(kind, i, 0)) - 1;
}

/* Centroids halfway between grid points: every customer has ties. */
static double half_grid_number(uint64_t kind, int64_t i)
{
    return grid_number(kind, i) + (kind == 2 ? 0.5 : 0.0);
}

static double huge_number(uint64_t kind, int64_t i)
{
    return 1e14 * random_number(kind, i);
}

static double overflowing_number(uint64_t kind, int64_t i)
{
    return 1e30 * random_number(kind, i);
}

static double denormal_number(uint64_t kind, int64_t i)
{
    return 1e-41 * random_number(kind, i);
}

static double tiny_number(uint64_t kind, int64_t i)
{
    return 1e-23 * random_number(kind, i); /* squares are below float's range */
}

static double offset_number(uint64_t kind, int64_t i)
{
    return 4096.0 + random_number(kind, i) / 256;
}

static double zero_number(uint64_t kind, int64_t i)
{
    (void)kind;
    (void)i;
    return 0.0;
}

static double zero_customer_number(uint64_t kind, int64_t i)
{
    return kind == 1 ? 0.0 : grid_number(kind, i);
}

static double mixed_number(uint64_t kind, int64_t i)
{
    return ldexp(random_number(kind, i), (int)(uniform(kind, i, 1) * 90) - 45);
}

static const maker makers[] = {random_number,      grid_number,          half_grid_number, huge_number,
                               overflowing_number, denormal_number,      tiny_number,      offset_number,
                               zero_number,        zero_customer_number, mixed_number};
enum { MAKERS = sizeof makers / sizeof makers[0] };

static struct tile_centroids make(maker number, int64_t features, int64_t k, bool duplicates)
{
    for (int t = 0; t < TILES; t++) {
        for (int64_t i = 0; i < features * KERNEL_LANES; i++)
            tile[t][i] = (float)number(1, t * MOST_FEATURES * KERNEL_LANES + i);
    }
    for (int64_t h = 0; h < k; h++) {
        for (int64_t f = 0; f < features; f++)
            centroid[h * features + f] = number(2, (duplicates ? h / 2 : h) * features + f);
    }
    struct tile_centroids centroids = {
        .k = k, .features = features, .centroid = centroid, .narrow = narrow, .half_square = half_square};
    tile_narrow(&centroids);
    return centroids;
}

/* Every lane's own answer by tile_distance alone. */
static int32_t nearest_of(const float *values, const struct tile_centroids *centroids, int lane)
{
    int32_t nearest = 0;
    for (int32_t h = 1; h < centroids->k; h++) {
        int64_t d = centroids->features;
        if (tile_distance(values, d, lane, centroid + h * d) <
            tile_distance(values, d, lane, centroid + nearest * d))
            nearest = h;
    }
    return nearest;
}

static void check_tile(const float *values, const struct tile_centroids *centroids)
{
    float norm[KERNEL_LANES];
    int32_t fast[KERNEL_LANES];
    int32_t reference[KERNEL_LANES];
    int32_t filtered[KERNEL_LANES];
    tile_norms(values, centroids->features, norm);
    int in_double = tile_nearest(values, centroids, norm, fast);
    tile_nearest_reference(values, centroids, reference);
    unsigned undecided = tile_filter(values, centroids, norm, filtered);
    assert_int_equal(in_double, __builtin_popcount(undecided));
    assert_memory_equal(fast, reference, sizeof fast);
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        assert_int_equal(reference[lane], nearest_of(values, centroids, lane));
        if (!(undecided >> lane & 1))
            assert_int_equal(filtered[lane], reference[lane]);
    }
}

static void check_all(bool duplicates)
{
    for (int m = 0; m < MAKERS; m++) {
        for (int d = 0; d < FEATURE_COUNTS; d++) {
            for (int k = 0; k < SEGMENT_COUNTS; k++) {
                struct tile_centroids centroids =
                    make(makers[m], feature_counts[d], segment_counts[k], duplicates);
                int tiles = segment_counts[k] > 64 ? 1 : TILES;
                for (int t = 0; t < tiles; t++)
                    check_tile(tile[t], &centroids);
            }
        }
    }
}

static void nearest_is_that_of_the_twin(void **state)
{
    (void)state;
    check_all(false);
}

static void the_lower_of_two_equal_centroids_wins(void **state)
{
    (void)state;
    check_all(true);
}

/* The filter must be of use: on plain data it decides nearly everything. */
static void the_filter_decides_plain_data(void **state)
{
    (void)state;
    struct tile_centroids centroids = make(random_number, 16, 64, false);
    int left = 0;
    for (int t = 0; t < TILES; t++) {
        float norm[KERNEL_LANES];
        int32_t nearest[KERNEL_LANES];
        tile_norms(tile[t], 16, norm);
        left += tile_nearest(tile[t], &centroids, norm, nearest);
    }
    assert_true(left <= 2);
}

/* Two centroids as close to equally far as doubles can be, near customers far from zero. */
static void the_filter_leaves_near_ties_to_double(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 2000; i++) {
        int64_t features = feature_counts[i % FEATURE_COUNTS];
        struct tile_centroids centroids = make(offset_number, features, 2, false);
        for (int64_t f = 0; f < features; f++) {
            double at = (double)tile[0][f * KERNEL_LANES + i % KERNEL_LANES];
            double step = (uniform(3, i, f) - 0.5) * ldexp(1.0, -(int)(i % 20));
            centroid[f] = at + step;
            centroid[features + f] = at - step * (1 + 0x1p-30 * (double)(i % 3 - 1));
        }
        tile_narrow(&centroids);
        check_tile(tile[0], &centroids);
    }
}

static void distance_is_exact_on_small_integers(void **state)
{
    (void)state;
    for (int d = 0; d < FEATURE_COUNTS; d++) {
        int64_t features = feature_counts[d];
        make(grid_number, features, 3, false);
        for (int lane = 0; lane < KERNEL_LANES; lane++) {
            int64_t expected = 0;
            for (int64_t f = 0; f < features; f++) {
                int64_t difference =
                    (int64_t)tile[0][f * KERNEL_LANES + lane] - (int64_t)centroid[2 * features + f];
                expected += difference * difference;
            }
            assert_true(tile_distance(tile[0], features, lane, centroid + 2 * features) == (double)expected);
        }
    }
}

/* Expected nearest and second by (distance, number), a stable selection of the two lowest. */
static void check_two(const float *values, const struct tile_centroids *centroids)
{
    struct tile_two two;
    tile_nearest_two(values, centroids, &two);
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        int32_t first = -1;
        int32_t second = -1;
        double distance[MOST_K];
        for (int32_t h = 0; h < centroids->k; h++) {
            distance[h] =
                tile_distance(values, centroids->features, lane, centroid + h * centroids->features);
            if (first < 0 || distance[h] < distance[first]) {
                second = first;
                first = h;
            } else if (second < 0 || distance[h] < distance[second]) {
                second = h;
            }
        }
        assert_int_equal(two.nearest[lane], first);
        assert_int_equal(two.second[lane], second);
        assert_true(first >= 0 && two.distance[lane] == distance[first]);
        assert_true(second < 0 ? isinf(two.second_distance[lane])
                               : two.second_distance[lane] == distance[second]);
    }
}

static void two_nearest_are_the_two_of_a_sort(void **state)
{
    (void)state;
    for (int m = 0; m < MAKERS; m++) {
        for (int d = 0; d < FEATURE_COUNTS; d++) {
            for (int k = 0; k < SEGMENT_COUNTS; k++) {
                struct tile_centroids centroids =
                    make(makers[m], feature_counts[d], segment_counts[k], k % 2);
                check_two(tile[k % TILES], &centroids);
            }
        }
    }
}

static void norms_are_never_too_small(void **state)
{
    (void)state;
    for (int m = 0; m < MAKERS; m++) {
        for (int d = 0; d < FEATURE_COUNTS; d++) {
            make(makers[m], feature_counts[d], 1, false);
            float norm[KERNEL_LANES];
            tile_norms(tile[0], feature_counts[d], norm);
            for (int lane = 0; lane < KERNEL_LANES; lane++) {
                long double square = 0;
                for (int64_t f = 0; f < feature_counts[d]; f++) {
                    long double x = (long double)tile[0][f * KERNEL_LANES + lane];
                    square += x * x;
                }
                assert_true((long double)norm[lane] >= sqrtl(square));
                if (makers[m] == random_number || makers[m] == huge_number)
                    assert_true((long double)norm[lane] <= 1.001L * sqrtl(square));
            }
        }
    }
}

/* Integers add exactly; lanes without a label add nothing, whatever they hold. */
static void sums_and_counts_are_exact(void **state)
{
    (void)state;
    enum { K = 5 };
    for (int d = 0; d < FEATURE_COUNTS; d++) {
        int64_t features = feature_counts[d];
        double sum[K * MOST_FEATURES] = {0};
        int64_t expected[K * MOST_FEATURES] = {0};
        int64_t count[K] = {0};
        int64_t expected_count[K] = {0};
        make(huge_number, features, 1, false);
        for (int t = 0; t < TILES; t++) {
            int32_t label[KERNEL_LANES];
            for (int lane = 0; lane < KERNEL_LANES; lane++) {
                label[lane] = (int32_t)(uniform(4, t, lane) * (K + 1)) - 1;
                for (int64_t f = 0; f < features; f++) {
                    tile[t][f * KERNEL_LANES + lane] = rintf(tile[t][f * KERNEL_LANES + lane] * 1e-8F);
                    if (label[lane] < 0)
                        tile[t][f * KERNEL_LANES + lane] = NAN;
                    else
                        expected[label[lane] * features + f] += (int64_t)tile[t][f * KERNEL_LANES + lane];
                }
                if (label[lane] >= 0)
                    expected_count[label[lane]]++;
            }
            tile_add(tile[t], features, label, sum, count);
        }
        assert_memory_equal(count, expected_count, sizeof count);
        for (int64_t i = 0; i < K * features; i++)
            assert_true(sum[i] == (double)expected[i]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nearest_is_that_of_the_twin),
    cmocka_unit_test(the_lower_of_two_equal_centroids_wins),
    cmocka_unit_test(the_filter_decides_plain_data),
    cmocka_unit_test(the_filter_leaves_near_ties_to_double),
    cmocka_unit_test(distance_is_exact_on_small_integers),
    cmocka_unit_test(two_nearest_are_the_two_of_a_sort),
    cmocka_unit_test(norms_are_never_too_small),
    cmocka_unit_test(sums_and_counts_are_exact),
};

TESTS_MAIN("tile", tests)
