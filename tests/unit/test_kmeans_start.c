/* ranks: 1 2 3 7 */
/* k-means with an earlier segmentation: one more restart, and whether the earlier centroids stand. */
#include <math.h>

#include "apart.h"
#include "cluster/kmeans.h"

static const struct kmeans_settings plain = {
    .batch = 100000, .restarts = 2, .polish = true, .tolerance = 1e-4, .seed = 1};

/* ---- customers ---- */

static int64_t permuted(int64_t row)
{
    return row * 1031 % ROWS; /* a prime and no factor of ROWS */
}

static double shuffled(int64_t row, int64_t feature)
{
    return clouds(permuted(row), feature);
}

static bool some_shuffled(int64_t row)
{
    return some(permuted(row));
}

/* A year later one cloud lies elsewhere. */
static double moved(int64_t row, int64_t feature)
{
    return clouds(row, feature) + (cloud_of(row) == 4 ? 1.5 : 0.0);
}

/* Not apart at all: many local optima. */
static double mist(int64_t row, int64_t feature)
{
    return uniform(7, row, feature) + 0.3 * uniform(8, row, feature);
}

/* Sorted, so that a part of the file says little of the rest. */
static double sorted_clouds(int64_t row, int64_t feature)
{
    double noise = uniform(2, row, feature) + uniform(3, row, feature) - 1;
    return 6 * uniform(4, row / 700, feature) + noise;
}

/* ---- segmentations ---- */

static void learn(const struct sample *sample, const struct kmeans_settings *settings, int64_t k,
                  struct kmeans_result *result)
{
    assert_ok(kmeans_run(&sample->customers, &sample->preparation, settings, &k, 1, result));
}

static struct warm_start start_of(const struct kmeans_result *result)
{
    return (struct warm_start){result->segments.k, result->segments.centroid, result->segments.size, 0, NAN};
}

static double lowest_of(const struct kmeans_result *result)
{
    double lowest = result->restart_inertia[0];
    for (int64_t r = 1; r < result->restarts; r++)
        lowest = fmin(lowest, result->restart_inertia[r]);
    return lowest;
}

/* What is reported is true, and as good as anything that was found, but for what the earlier is worth. */
static void check_result(const struct sample *sample, const struct kmeans_settings *settings,
                         const struct kmeans_result *result)
{
    const struct segmentation *segments = &result->segments;
    const double *start = result->restart_centroid;
    int64_t width = segments->k * segments->features;
    int64_t customers = 0;
    assert_int_equal(result->restarts, settings->restarts + (settings->start != NULL));
    assert_true(result->best_restart >= 0 && result->best_restart < result->restarts);
    for (int64_t h = 0; h < segments->k; h++) {
        assert_true(segments->size[h] > 0);
        assert_true(h == 0 || segments->size[h - 1] >= segments->size[h]);
        customers += segments->size[h];
    }
    assert_int_equal(customers, sample->customers.used);
    assert_close(segments->inertia, sample_inertia(sample, segments->centroid, segments->k), 1e-11);
    for (int64_t r = 0; r < result->restarts; r++)
        assert_close(result->restart_inertia[r], sample_inertia(sample, start + r * width, segments->k),
                     1e-11);
    double worth = result->stood ? 1 - WARM_WORTH : 1;
    assert_true(segments->inertia * worth <= lowest_of(result) * (1 + 1e-12));
}

static void check_same(const struct kmeans_result *a, const struct kmeans_result *b)
{
    size_t width = (size_t)(a->segments.k * a->segments.features);
    assert_int_equal(a->restarts, b->restarts);
    assert_int_equal(a->segments.k, b->segments.k);
    assert_int_equal(a->best_restart, b->best_restart);
    assert_int_equal(a->stood, b->stood);
    assert_int_equal(a->converged, b->converged);
    assert_int_equal(a->swaps, b->swaps);
    assert_memory_equal(a->segments.centroid, b->segments.centroid, width * sizeof(double));
    assert_memory_equal(a->segments.sum, b->segments.sum, width * sizeof(double));
    assert_memory_equal(a->segments.size, b->segments.size, (size_t)a->segments.k * sizeof(int64_t));
    assert_memory_equal(a->restart_inertia, b->restart_inertia, (size_t)a->restarts * sizeof(double));
    assert_memory_equal(a->restart_centroid, b->restart_centroid,
                        (size_t)a->restarts * width * sizeof(double));
    assert_true(a->segments.inertia == b->segments.inertia);
    assert_true(a->segments.total_squares == b->segments.total_squares);
}

/* ---- one more restart ---- */

static void the_same_customers_leave_all_where_it_is(void **state)
{
    (void)state;
    struct sample sample;
    struct sample mixed;
    struct kmeans_result last;
    struct kmeans_result now;
    struct kmeans_settings settings = plain;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, some);
    sample_open(&mixed, &world, ROWS, FEATURES, shuffled, some_shuffled);
    learn(&sample, &settings, CLOUDS, &last);
    struct warm_start start = start_of(&last);
    settings.start = &start;
    settings.seed = 77;
    for (int i = 0; i < 2; i++) {
        const struct sample *customers = i ? &mixed : &sample;
        learn(customers, &settings, CLOUDS, &now);
        check_result(customers, &settings, &now);
        assert_true(now.stood && now.converged && now.swaps == 0);
        assert_int_equal(now.best_restart, settings.restarts);
        assert_memory_equal(now.segments.centroid, last.segments.centroid,
                            CLOUDS * FEATURES * sizeof(double));
        assert_memory_equal(now.segments.sum, last.segments.sum, CLOUDS * FEATURES * sizeof(double));
        assert_memory_equal(now.segments.size, last.segments.size, CLOUDS * sizeof(int64_t));
        assert_true(now.segments.inertia == last.segments.inertia);
        kmeans_free(&now);
    }
    kmeans_free(&last);
    sample_close(&sample);
    sample_close(&mixed);
}

static void customers_who_moved_take_their_segment_along(void **state)
{
    (void)state;
    struct sample before;
    struct sample after;
    struct kmeans_result last;
    struct kmeans_result now;
    struct kmeans_result without;
    struct kmeans_settings settings = plain;
    sample_open(&before, &world, ROWS, FEATURES, clouds, some);
    sample_open(&after, &world, ROWS, FEATURES, moved, some);
    learn(&before, &settings, CLOUDS, &last);
    learn(&after, &settings, CLOUDS, &without);
    struct warm_start start = start_of(&last);
    settings.start = &start;
    learn(&after, &settings, CLOUDS, &now);
    check_result(&after, &settings, &now);
    assert_false(now.stood);
    assert_close(now.segments.inertia, without.segments.inertia, 1e-9);
    int differ = 0;
    for (int64_t h = 0; h < CLOUDS; h++)
        differ += fabs(now.segments.centroid[h * FEATURES] - last.segments.centroid[h * FEATURES]) > 1;
    assert_int_equal(differ, 1);
    /* the other restarts are those without a start */
    assert_memory_equal(now.restart_inertia, without.restart_inertia, 2 * sizeof(double));
    assert_memory_equal(now.restart_centroid, without.restart_centroid,
                        2 * CLOUDS * FEATURES * sizeof(double));
    kmeans_free(&last);
    kmeans_free(&now);
    kmeans_free(&without);
    sample_close(&before);
    sample_close(&after);
}

/* Just off the best places, by so much of the inertia: within what the earlier ones are worth, and beyond. */
static void they_stand_for_as_much_as_they_are_worth(void **state)
{
    (void)state;
    static const double off[] = {0.9, 1.1};
    struct sample sample;
    struct kmeans_result best;
    double centroid[CLOUDS * FEATURES];
    sample_open(&sample, &world, ROWS, FEATURES, clouds, NULL);
    learn(&sample, &plain, CLOUDS, &best);
    struct warm_start start = {CLOUDS, centroid, best.segments.size, 0, NAN};
    struct kmeans_settings settings = plain;
    settings.start = &start;
    for (int i = 0; i < 2; i++) {
        struct kmeans_result now;
        double step = sqrt(off[i] * WARM_WORTH * best.segments.inertia / (double)ROWS);
        for (int64_t c = 0; c < CLOUDS * FEATURES; c++)
            centroid[c] = best.segments.centroid[c] + (c % FEATURES == 0 ? step : 0.0);
        learn(&sample, &settings, CLOUDS, &now);
        check_result(&sample, &settings, &now);
        assert_int_equal(now.stood, off[i] < 1);
        const double *expected = now.stood ? centroid : best.segments.centroid;
        for (int64_t c = 0; c < CLOUDS * FEATURES; c++)
            assert_true(fabs(now.segments.centroid[c] - expected[c]) <= (now.stood ? 0.0 : 1e-9));
        kmeans_free(&now);
    }
    kmeans_free(&best);
    sample_close(&sample);
}

/* Swaps that win on a part of the customers and lose on all leave no trace: what stands is compared with
 * what was kept, which is better by twice what the earlier is worth, and not with what was lost. */
static void a_lost_swap_does_not_make_them_stand(void **state)
{
    (void)state;
    enum { SORTED = 9000, K = 3 };
    struct sample sample;
    struct kmeans_result last;
    struct kmeans_result now;
    double centroid[K];
    struct kmeans_settings settings = plain;
    settings.batch = BLOCK_ROWS;
    settings.restarts = 1;
    sample_open(&sample, &world, SORTED, 1, sorted_clouds, NULL);
    learn(&sample, &settings, K, &last);
    struct warm_start start = {K, centroid, last.segments.size, 0, NAN};
    double step = sqrt(2 * WARM_WORTH * last.segments.inertia / SORTED);
    for (int h = 0; h < K; h++)
        centroid[h] = last.segments.centroid[h] + step;
    settings.start = &start;
    learn(&sample, &settings, K, &now);
    check_result(&sample, &settings, &now);
    assert_false(now.stood);
    kmeans_free(&last);
    kmeans_free(&now);
    sample_close(&sample);
}

static void an_earlier_segment_without_customers_gets_some(void **state)
{
    (void)state;
    struct sample before;
    struct sample after;
    struct kmeans_result last;
    struct kmeans_result now;
    struct kmeans_settings settings = plain;
    sample_open(&before, &world, ROWS, FEATURES, clouds, NULL);
    sample_open(&after, &world, ROWS, FEATURES, clouds, without_one);
    learn(&before, &settings, CLOUDS, &last);
    struct warm_start start = start_of(&last);
    for (int polish = 0; polish < 2; polish++) {
        settings.polish = polish;
        settings.start = &start;
        learn(&after, &settings, CLOUDS, &now);
        check_result(&after, &settings, &now); /* nobody's size is 0 */
        assert_false(now.stood);
        kmeans_free(&now);
    }
    kmeans_free(&last);
    sample_close(&before);
    sample_close(&after);
}

/* Where the features that told earlier segments apart are gone, several lie in one place. */
static void earlier_segments_in_one_place(void **state)
{
    (void)state;
    static const double centroid[4 * FEATURES] = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8};
    static const int64_t size[] = {9, 9, 7, 1};
    struct sample sample;
    struct warm_start start = {4, centroid, size, 0, NAN};
    struct kmeans_settings settings = plain;
    settings.start = &start;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, some);
    for (int64_t k = 1; k <= 6; k++) {
        struct kmeans_result now;
        learn(&sample, &settings, k, &now);
        check_result(&sample, &settings, &now);
        assert_false(now.stood);
        kmeans_free(&now);
    }
    sample_close(&sample);
}

/* A perfect fit cannot be beaten by any share of nothing. */
static void no_inertia_is_left_alone(void **state)
{
    (void)state;
    struct sample sample;
    struct kmeans_result last;
    struct kmeans_result now;
    struct kmeans_settings settings = plain;
    sample_open(&sample, &world, 5, FEATURES, mist, NULL);
    learn(&sample, &settings, 5, &last);
    struct warm_start start = start_of(&last);
    settings.start = &start;
    settings.seed = 5;
    learn(&sample, &settings, 5, &now);
    check_result(&sample, &settings, &now);
    assert_true(now.stood && now.segments.inertia == 0);
    kmeans_free(&last);
    kmeans_free(&now);
    sample_close(&sample);
}

/* Numbers below, at and above the earlier one, in one run, alone, and on one rank. */
static void several_numbers_and_ranks_do_not_matter(void **state)
{
    (void)state;
    static const int64_t k[] = {1, 2, 4, 5, 9};
    struct sample sample;
    struct sample own;
    struct kmeans_result last;
    struct kmeans_settings settings = plain;
    settings.batch = 2 * BLOCK_ROWS;
    sample_open(&sample, &world, ROWS, FEATURES, mist, some);
    sample_open(&own, &alone, ROWS, FEATURES, mist, some);
    learn(&sample, &settings, 4, &last);
    struct warm_start start = start_of(&last);
    settings.start = &start;
    settings.seed = 3;
    for (int polish = 0; polish < 2; polish++) {
        struct kmeans_result together[5];
        settings.polish = polish;
        assert_ok(kmeans_run(&sample.customers, &sample.preparation, &settings, k, 5, together));
        for (int i = 0; i < 5; i++) {
            struct kmeans_result single;
            struct kmeans_result one_rank;
            learn(&sample, &settings, k[i], &single);
            learn(&own, &settings, k[i], &one_rank);
            check_result(&sample, &settings, &together[i]);
            check_same(&together[i], &single);
            check_same(&together[i], &one_rank);
            assert_true(k[i] == 4 || !single.stood);
            kmeans_free(&single);
            kmeans_free(&one_rank);
            kmeans_free(&together[i]);
        }
    }
    kmeans_free(&last);
    sample_close(&sample);
    sample_close(&own);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_same_customers_leave_all_where_it_is),
    cmocka_unit_test(customers_who_moved_take_their_segment_along),
    cmocka_unit_test(they_stand_for_as_much_as_they_are_worth),
    cmocka_unit_test(a_lost_swap_does_not_make_them_stand),
    cmocka_unit_test(an_earlier_segment_without_customers_gets_some),
    cmocka_unit_test(earlier_segments_in_one_place),
    cmocka_unit_test(no_inertia_is_left_alone),
    cmocka_unit_test(several_numbers_and_ranks_do_not_matter),
};

TESTS_MAIN("kmeans_start", tests)
