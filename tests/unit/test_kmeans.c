/* ranks: 1 2 3 7 */
/* k-means: what it reports is true of its own labels and centroids, whatever the ranks and however awkward
 * the customers. */
#include <math.h>

#include "cluster/kmeans.h"
#include "cluster/labelling.h"
#include "numbers.h"
#include "support.h"

static const struct kmeans_settings plain = {
    .batch = 100000, .restarts = 2, .polish = true, .tolerance = 1e-4, .seed = 1};

/* ---- customers ---- */

/* Clouds of unequal sizes around 6 places. */
static double clouds(int64_t row, int64_t feature)
{
    int64_t cloud = (int64_t)(6 * uniform(1, row, 1000) * uniform(1, row, 1001));
    double noise = uniform(2, row, feature) + uniform(3, row, feature) - 1;
    return 3 * uniform(4, cloud, feature) + noise;
}

/* Sorted by cloud: mini-batches from one end of the file would see one cloud. */
static double sorted_clouds(int64_t row, int64_t feature)
{
    double noise = uniform(2, row, feature) + uniform(3, row, feature) - 1;
    return 6 * uniform(4, row / 700, feature) + noise;
}

/* 12 distinct customers, each many times. */
static double grid(int64_t row, int64_t feature)
{
    int64_t kind = (row * 7) % 12;
    return feature == 0 ? (double)(kind % 4) : (double)(kind / 4);
}

static double identical(int64_t row, int64_t feature)
{
    (void)row;
    return 3.25 + (double)feature;
}

/* One customer far from all others, which are equal. */
static double lonely(int64_t row, int64_t feature)
{
    (void)feature;
    return row == 1030 ? 900.0 : row == 5 ? 0.5 : 0.0;
}

static bool every_third(int64_t row)
{
    return row % 3 == 1;
}

static bool all_but_one(int64_t row)
{
    return row != 1500;
}

/* A whole block takes no part, and so maybe a whole rank. */
static bool second_block(int64_t row)
{
    return row / BLOCK_ROWS == 1;
}

/* ---- what must hold of any result ---- */

/* Everybody's labels, by row, -1 where left out. */
static int32_t *gather_labels(const struct sample *sample, const struct row_numbers *packed_label)
{
    void *all = NULL;
    int32_t *label = numbers_plain(packed_label);
    int64_t bytes = 0;
    struct comm *comm = sample->customers.comm;
    assert_ok(comm_gather_all(comm, label, sample->customers.partition.row_count * (int64_t)sizeof *label,
                              &all, &bytes));
    assert_int_equal(bytes, sample->customers.partition.rows * (int64_t)sizeof *label);
    free(label);
    return all;
}

static void check_order(const struct segmentation *segments)
{
    for (int64_t h = 1; h < segments->k; h++) {
        const double *before = segments->centroid + (h - 1) * segments->features;
        const double *here = before + segments->features;
        assert_true(segments->size[h - 1] >= segments->size[h]);
        int64_t f = 0;
        while (f < segments->features && before[f] == here[f])
            f++;
        assert_true(f < segments->features);
        if (segments->size[h - 1] == segments->size[h])
            assert_true(before[f] < here[f]);
    }
}

static double total_squares(const struct sample *sample)
{
    int64_t features = sample->customers.features;
    __float128 total = 0;
    for (int64_t f = 0; f < features; f++) {
        __float128 sum = 0;
        __float128 squares = 0;
        for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
            __float128 x = sample->is_out[row] ? 0 : (__float128)sample->all[row * features + f];
            sum += x;
            squares += x * x;
        }
        total += squares - sum * sum / sample->customers.used;
    }
    return (double)total;
}

/* Sizes, labels, inertia, numbering and totals agree with the customers. */
static void check_result(const struct sample *sample, const struct kmeans_result *result)
{
    const struct segmentation *segments = &result->segments;
    int64_t rows = sample->customers.partition.rows;
    int64_t features = segments->features;
    int32_t *label = gather_labels(sample, &segments->label);
    int64_t *size = NULL;
    double *member_sum = NULL;
    assert_ok(memory_new(&member_sum, segments->k * features, sizeof *member_sum, "test sums"));
    assert_ok(memory_new(&size, segments->k, sizeof *size, "test sizes"));
    __float128 sum = 0;
    for (int64_t row = 0; row < rows; row++) {
        assert_true(label[row] < segments->k && (label[row] < 0) == sample->is_out[row]);
        if (label[row] < 0)
            continue;
        size[label[row]]++;
        sum += (__float128)sample_distance(sample, row, segments->centroid + label[row] * features);
        for (int64_t f = 0; f < features; f++)
            member_sum[label[row] * features + f] += (double)sample->all[row * features + f];
    }
    for (int64_t h = 0; h < segments->k; h++) {
        assert_int_equal(size[h], segments->size[h]);
        assert_true(size[h] > 0);
    }
    assert_memory_equal(member_sum, segments->sum, (size_t)(segments->k * features) * sizeof *member_sum);
    double inertia = (double)sum;
    assert_true(fabs(segments->inertia - inertia) <= 1e-12 * inertia + 1e-9);
    const struct partition *part = &sample->customers.partition;
    for (int64_t row = part->first_row; row < part->first_row + part->row_count; row++)
        assert_int_equal(label[row], sample_nearest(sample, row, segments->centroid, segments->k));
    double total = total_squares(sample);
    assert_true(fabs(segments->total_squares - total) <= 1e-12 * total + 1e-9);
    check_order(segments);
    double lowest = result->restart_inertia[0];
    for (int64_t m = 1; m < result->restarts; m++)
        lowest = fmin(lowest, result->restart_inertia[m]);
    assert_true(segments->inertia <= lowest * (1 + 1e-12));
    free(size);
    free(member_sum);
    free(label);
}

/* One number of segments, with labels. */
static status_t learn(const struct sample *sample, const struct kmeans_settings *settings, int64_t k,
                      struct kmeans_result *result)
{
    status_t status = kmeans_run(&sample->customers, &sample->preparation, settings, &k, 1, result);
    struct segmentation *segments = &result->segments;
    struct labelling labelling = {.k = k, .centroid = segments->centroid};
    if (!status)
        status = labelling_open(&labelling, sample->customers.features);
    if (!status)
        status = segments_label(&sample->customers, &labelling, segments);
    labelling_close(&labelling);
    return status;
}

static void run_and_check(const struct sample *sample, const struct kmeans_settings *settings, int64_t k,
                          struct kmeans_result *result)
{
    assert_ok(learn(sample, settings, k, result));
    check_result(sample, result);
}

/* ---- tests ---- */

static void reports_what_its_labels_say(void **state)
{
    (void)state;
    static const int64_t ks[] = {1, 2, 3, 7, 20};
    for (int i = 0; i < 5; i++) {
        struct sample sample;
        struct kmeans_result result;
        struct kmeans_settings settings = plain;
        int64_t k = 4;
        k = ks[i];
        settings.seed = (uint64_t)i;
        sample_open(&sample, &world, 2500, 3, clouds, i % 2 ? every_third : NULL);
        run_and_check(&sample, &settings, k, &result);
        assert_true(result.converged);
        kmeans_free(&result);
        sample_close(&sample);
    }
}

static void search_on_a_part(int64_t features, int64_t k, uint64_t first_seed, uint64_t last_seed)
{
    struct sample sample;
    sample_open(&sample, &world, 9000, features, sorted_clouds, NULL);
    for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
        struct kmeans_result result;
        struct kmeans_settings settings = plain;
        settings.batch = BLOCK_ROWS;
        settings.restarts = 1;
        settings.seed = seed;
        run_and_check(&sample, &settings, k, &result);
        assert_true(result.batches > 0);
        kmeans_free(&result);
    }
    sample_close(&sample);
}

/* Swaps then learn on some of the customers only: what they find need not be better for all of them, and must
 * then leave no trace in the result. */
static void reports_the_truth_after_searching_on_a_part(void **state)
{
    (void)state;
    search_on_a_part(2, 8, 1, 1);
    search_on_a_part(1, 2, 31, 31); /* here a swap that wins on the part loses on all */
    search_on_a_part(2, 2, 14, 14);
}

static void ranks_do_not_change_the_result(void **state)
{
    (void)state;
    struct sample sample;
    struct sample own;
    struct kmeans_result result;
    struct kmeans_result expected;
    struct kmeans_settings settings = plain;
    int64_t k = 4;
    settings.batch = 2 * BLOCK_ROWS;
    settings.restarts = 3;
    k = 5;
    sample_open(&sample, &world, 5000, 4, clouds, every_third);
    sample_open(&own, &alone, 5000, 4, clouds, every_third);
    assert_ok(learn(&sample, &settings, k, &result));
    assert_ok(learn(&own, &settings, k, &expected));
    assert_memory_equal(result.segments.centroid, expected.segments.centroid, 20 * sizeof(double));
    assert_memory_equal(result.segments.size, expected.segments.size, 5 * sizeof(int64_t));
    assert_memory_equal(result.restart_inertia, expected.restart_inertia, 3 * sizeof(double));
    assert_memory_equal(&result.segments.inertia, &expected.segments.inertia, sizeof(double));
    assert_memory_equal(&result.segments.total_squares, &expected.segments.total_squares, sizeof(double));
    assert_int_equal(result.best_restart, expected.best_restart);
    assert_int_equal(result.batches, expected.batches);
    assert_int_equal(result.passes, expected.passes);
    assert_int_equal(result.swaps, expected.swaps);
    if (sample.customers.partition.row_count > 0)
        assert_memory_equal(result.segments.label.number,
                            (char *)expected.segments.label.number + sample.customers.partition.first_row,
                            (size_t)sample.customers.partition.row_count);
    kmeans_free(&result);
    kmeans_free(&expected);
    sample_close(&sample);
    sample_close(&own);
}

/* Each of several numbers learns as if it were alone, in the same passes or not. */
static void several_numbers_do_not_disturb_each_other(void **state)
{
    (void)state;
    static const int64_t k[] = {1, 2, 5, 6};
    struct kmeans_settings settings = plain;
    settings.batch = 2 * BLOCK_ROWS;
    for (int polish = 0; polish < 2; polish++) {
        struct sample sample;
        struct kmeans_result result[4];
        settings.polish = polish;
        sample_open(&sample, &world, 5000, 3, clouds, every_third);
        assert_ok(kmeans_run(&sample.customers, &sample.preparation, &settings, k, 4, result));
        assert_int_equal(result[0].models, polish ? 8 : 2);
        for (int i = 0; i < 4; i++) {
            struct kmeans_result own;
            size_t size = (size_t)k[i] * 3 * sizeof(double);
            assert_ok(learn(&sample, &settings, k[i], &own));
            assert_int_equal(result[i].segments.k, k[i]);
            assert_memory_equal(result[i].segments.centroid, own.segments.centroid, size);
            assert_memory_equal(result[i].restart_centroid, own.restart_centroid, 2 * size);
            assert_memory_equal(result[i].restart_inertia, own.restart_inertia, 2 * sizeof(double));
            assert_int_equal(result[i].best_restart, own.best_restart);
            assert_int_equal(result[i].swaps, own.swaps);
            assert_int_equal(result[i].taken, own.taken);
            assert_true(result[i].segments.inertia == own.segments.inertia);
            kmeans_free(&own);
            kmeans_free(&result[i]);
        }
        sample_close(&sample);
    }
}

static void as_many_segments_as_distinct_customers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct sample sample;
        struct kmeans_result result;
        struct kmeans_settings settings = plain;
        int64_t k = 4;
        k = 12;
        settings.seed = seed;
        sample_open(&sample, &world, 2100, 2, grid, NULL);
        run_and_check(&sample, &settings, k, &result);
        assert_true(result.segments.inertia == 0);
        kmeans_free(&result);
        k = 13;
        assert_failure(learn(&sample, &settings, k, &result), EXIT_BAD_DATA, "12 distinct customers");
        kmeans_free(&result);
        sample_close(&sample);
    }
}

static void one_customer_or_many_equal_ones(void **state)
{
    (void)state;
    struct sample sample;
    struct kmeans_result result;
    struct kmeans_settings settings = plain;
    int64_t k = 4;
    k = 2;
    sample_open(&sample, &world, 2100, 2, identical, NULL);
    assert_failure(learn(&sample, &settings, k, &result), EXIT_BAD_DATA, "only 1 distinct customer after");
    kmeans_free(&result);
    sample_close(&sample);
    k = 1;
    for (int64_t rows = 1; rows <= 2100; rows += 2099) {
        sample_open(&sample, &world, rows, 2, identical, NULL);
        run_and_check(&sample, &settings, k, &result);
        assert_true(result.segments.inertia == 0 && result.segments.centroid[0] == 3.25 &&
                    result.segments.centroid[1] == 4.25);
        assert_int_equal(result.segments.size[0], rows);
        kmeans_free(&result);
        sample_close(&sample);
    }
    sample_open(&sample, &world, 2100, 3, clouds, all_but_one);
    run_and_check(&sample, &settings, k, &result);
    assert_int_equal(result.segments.size[0], 1);
    kmeans_free(&result);
    sample_close(&sample);
}

static void a_lonely_customer_is_a_segment(void **state)
{
    (void)state;
    struct sample sample;
    struct kmeans_result result;
    struct kmeans_settings settings = plain;
    int64_t k = 4;
    k = 3;
    sample_open(&sample, &world, 2100, 1, lonely, NULL);
    run_and_check(&sample, &settings, k, &result);
    assert_true(result.segments.inertia == 0);
    assert_int_equal(result.segments.size[0], 2098);
    assert_true(result.segments.centroid[1] == 0.5 && result.segments.centroid[2] == 900.0);
    kmeans_free(&result);
    sample_close(&sample);
}

static void a_block_without_customers(void **state)
{
    (void)state;
    struct sample sample;
    struct kmeans_result result;
    struct kmeans_settings settings = plain;
    int64_t k = 4;
    settings.batch = BLOCK_ROWS; /* some batches have no customers at all */
    sample_open(&sample, &world, 3000, 2, clouds, second_block);
    run_and_check(&sample, &settings, k, &result);
    kmeans_free(&result);
    sample_close(&sample);
}

static void without_polish_it_still_measures(void **state)
{
    (void)state;
    struct sample sample;
    struct kmeans_result result;
    struct kmeans_settings settings = plain;
    int64_t k = 4;
    settings.polish = false;
    settings.batch = BLOCK_ROWS;
    sample_open(&sample, &world, 4000, 2, clouds, every_third);
    run_and_check(&sample, &settings, k, &result);
    assert_int_equal(result.swaps, 0);
    kmeans_free(&result);
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(reports_what_its_labels_say),
    cmocka_unit_test(reports_the_truth_after_searching_on_a_part),
    cmocka_unit_test(ranks_do_not_change_the_result),
    cmocka_unit_test(several_numbers_do_not_disturb_each_other),
    cmocka_unit_test(as_many_segments_as_distinct_customers),
    cmocka_unit_test(one_customer_or_many_equal_ones),
    cmocka_unit_test(a_lonely_customer_is_a_segment),
    cmocka_unit_test(a_block_without_customers),
    cmocka_unit_test(without_polish_it_still_measures),
};

TESTS_MAIN("kmeans", tests)
