/* ranks: 1 2 3 7 */
/* Swaps out of poor optima: never worse, the same on all ranks, and able to leave an optimum made for the
 * purpose. */
#include <math.h>

#include "cluster/swap.h"
#include "support.h"

enum { ROWS = 2100, FEATURES = 2, K = 6, ALL = 100000 };

static double clouds(int64_t row, int64_t feature)
{
    return 30 * uniform(4, row % K, feature) + uniform(2, row, feature);
}

static double shapeless(int64_t row, int64_t feature)
{
    return uniform(2, row, feature) * uniform(3, row, feature);
}

static double identical(int64_t row, int64_t feature)
{
    (void)row;
    return (double)feature;
}

static bool some(int64_t row)
{
    return row % 3 == 0 || row / BLOCK_ROWS == 1;
}

/* A start that Lloyd's passes do not leave: three centroids in one cloud, one between two others. */
static void poor_start(double *centroid)
{
    for (int64_t h = 0; h < K; h++) {
        int64_t cloud = h < 3 ? 0 : h;
        for (int64_t f = 0; f < FEATURES; f++)
            centroid[h * FEATURES + f] = 30 * uniform(4, cloud, f) + 0.3 * (double)h;
    }
}

static void leaves_a_poor_optimum(void **state)
{
    (void)state;
    struct sample sample;
    double centroid[K * FEATURES];
    int64_t swaps = 0;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, NULL);
    poor_start(centroid);
    assert_ok(swap_improve(&sample.customers, &sample.preparation, K, ALL, 1e-4, 1, centroid, &swaps));
    assert_true(swaps >= 1);
    /* one centroid a cloud: 2 x 1/12 a customer */
    assert_true(sample_inertia(&sample, centroid, K) < 0.2 * ROWS);
    sample_close(&sample);
}

static void check_never_worse(sample_value value, sample_mark out, int64_t k)
{
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct sample sample[2];
        struct comm *comms[2] = {&world, &alone};
        double centroid[2][8 * FEATURES];
        int64_t swaps[2] = {-1, -1};
        for (int i = 0; i < 2; i++) {
            sample_open(&sample[i], comms[i], ROWS, FEATURES, value, out);
            for (int64_t j = 0; j < k * FEATURES; j++)
                centroid[i][j] = (double)sample[i].all[(2048 + 3 * (j / FEATURES)) * FEATURES + j % FEATURES];
            double start[8 * FEATURES];
            memcpy(start, centroid[i], sizeof start);
            double before = sample_inertia(&sample[i], centroid[i], k);
            assert_ok(swap_improve(&sample[i].customers, &sample[i].preparation, k, ALL, 1e-4, seed,
                                   centroid[i], &swaps[i]));
            if (swaps[i] == 0)
                assert_memory_equal(start, centroid[i], (size_t)(k * FEATURES) * sizeof(double));
            else
                assert_true(sample_inertia(&sample[i], centroid[i], k) < before);
        }
        assert_int_equal(swaps[0], swaps[1]);
        assert_memory_equal(centroid[0], centroid[1], (size_t)(k * FEATURES) * sizeof(double));
        sample_close(&sample[0]);
        sample_close(&sample[1]);
    }
}

static void never_worse_and_alike_on_all_ranks(void **state)
{
    (void)state;
    check_never_worse(clouds, some, 8);
    check_never_worse(shapeless, some, 5);
    check_never_worse(identical, NULL, 2); /* nowhere is far */
    check_never_worse(shapeless, NULL, 1);
}

/* Learning on some blocks only: still a result, alike on all ranks. */
static void on_a_part_of_the_customers(void **state)
{
    (void)state;
    struct sample sample[2];
    struct comm *comms[2] = {&world, &alone};
    double centroid[2][K * FEATURES];
    int64_t swaps[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        sample_open(&sample[i], comms[i], 4 * ROWS, FEATURES, clouds, some);
        poor_start(centroid[i]);
        assert_ok(swap_improve(&sample[i].customers, &sample[i].preparation, K, BLOCK_ROWS, 1e-4, 1,
                               centroid[i], &swaps[i]));
    }
    assert_true(swaps[0] >= 1);
    assert_int_equal(swaps[0], swaps[1]);
    assert_memory_equal(centroid[0], centroid[1], sizeof centroid[0]);
    assert_true(sample_inertia(&sample[0], centroid[0], K) < 0.2 * (double)sample[0].customers.used);
    sample_close(&sample[0]);
    sample_close(&sample[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(leaves_a_poor_optimum),
    cmocka_unit_test(never_worse_and_alike_on_all_ranks),
    cmocka_unit_test(on_a_part_of_the_customers),
};

TESTS_MAIN("swap", tests)
