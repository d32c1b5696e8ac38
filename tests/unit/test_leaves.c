/* ranks: 1 2 3 7 */
/* Micro-clusters: whole, exact, as good as plain k-means, the same on any ranks; few different customers. */
#include "cluster/leaves.h"

#include <math.h>

#include "numbers.h"

enum { ROWS = 5000, FEATURES = 2 };

static double clouds(int64_t row, int64_t feature)
{
    return 30 * uniform(4, row % 23, feature) + uniform(2, row, feature);
}

static double shapeless(int64_t row, int64_t feature)
{
    return uniform(2, row, feature) * uniform(3, row, feature);
}

static double sorted_clouds(int64_t row, int64_t feature)
{
    return 30 * uniform(4, row / 300, feature) + uniform(2, row, feature);
}

static double few_places(int64_t row, int64_t feature)
{
    return feature == 0 ? (double)(row % 7) : (double)(row % 11); /* 77 of them */
}

/* 101 places, one of which has nearly all customers. */
static double skewed_places(int64_t row, int64_t feature)
{
    return row % 50 == 0 ? (double)(row + feature) / 64 : 0.0;
}

/* A file in which each block is one place. */
static double a_place_a_block(int64_t row, int64_t feature)
{
    return (double)(row / BLOCK_ROWS * (feature + 1));
}

static double far_clouds(int64_t row, int64_t feature)
{
    return 4096 + 8 * uniform(4, row % 5, feature) + uniform(2, row, feature) / 64;
}

static bool some(int64_t row)
{
    return row % 3 == 0 || row / BLOCK_ROWS == 1;
}

static bool nearly_all(int64_t row)
{
    return row % 100 != 3;
}

static bool ends(int64_t row)
{
    return row < BLOCK_ROWS || row >= ROWS - 10;
}

/* ---- a run, with every label on every rank ---- */

struct run {
    struct sample sample;
    struct leaves leaves;
    int32_t *label; /* rows */
};

static void start(struct run *run, struct comm *comm, int64_t rows, sample_value value, sample_mark out)
{
    sample_open(&run->sample, comm, rows, FEATURES, value, out);
    run->label = NULL;
}

static status_t learn(struct run *run, int64_t count, bool fewer)
{
    const struct customers *customers = &run->sample.customers;
    const struct partition *part = &customers->partition;
    int64_t bytes = 0;
    struct row_numbers leaf;
    assert_ok(row_numbers_open(&leaf, part->block_count, count));
    status_t status = leaves_learn(customers, &run->sample.preparation, count, fewer, 3, &leaf, &run->leaves);
    int32_t *label = numbers_plain(&leaf);
    for (int64_t row = part->row_count; !status && row < part->block_count * BLOCK_ROWS; row++)
        assert_int_equal(label[row], -1);
    if (!status)
        status = comm_gather_all(customers->comm, label, part->row_count * (int64_t)sizeof *label,
                                 (void **)&run->label, &bytes);
    free(label);
    row_numbers_free(&leaf);
    return status;
}

static void finish(struct run *run)
{
    free(run->leaves.sum);
    free(run->leaves.centroid);
    free(run->leaves.place);
    free(run->leaves.size);
    free(run->label);
    sample_close(&run->sample);
}

/* ---- what leaves are ---- */

/* Labels, sizes, sums, means and inertia agree; every leaf has a customer. */
static void check_whole(const struct run *run)
{
    const struct leaves *leaves = &run->leaves;
    const struct sample *sample = &run->sample;
    double *sum = calloc((size_t)(leaves->count * FEATURES), sizeof *sum);
    int64_t *size = calloc((size_t)leaves->count, sizeof *size);
    double inertia = 0.0;
    assert_true(sum && size);
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int32_t label = run->label[row];
        assert_true(sample->is_out[row] ? label == -1 : label >= 0 && label < leaves->count);
        if (label < 0)
            continue;
        size[label]++;
        for (int64_t f = 0; f < FEATURES; f++)
            sum[label * FEATURES + f] += (double)sample->all[row * FEATURES + f];
        inertia += sample_distance(sample, row, leaves->centroid + label * FEATURES);
        assert_int_equal(label, sample_nearest(sample, row, leaves->place, leaves->count));
    }
    assert_memory_equal(size, leaves->size, (size_t)leaves->count * sizeof *size);
    for (int64_t h = 0; h < leaves->count; h++) {
        assert_true(size[h] > 0);
        for (int64_t f = 0; f < FEATURES; f++) {
            assert_true(sum[h * FEATURES + f] == leaves->sum[h * FEATURES + f]);
            assert_true(sum[h * FEATURES + f] / (double)size[h] == leaves->centroid[h * FEATURES + f]);
        }
    }
    assert_true(fabs(inertia - leaves->inertia) <= 1e-9 * inertia + 1e-9);
    free(sum);
    free(size);
}

/* Plain k-means: Lloyd's passes from evenly spread rows. */
static double plain_inertia(const struct sample *sample, int64_t count)
{
    enum { PASSES = 8 };
    int64_t rows = sample->customers.partition.rows;
    double *centroid = calloc((size_t)(count * FEATURES), sizeof *centroid);
    double *sum = calloc((size_t)(count * (FEATURES + 1)), sizeof *sum);
    assert_true(centroid && sum);
    for (int64_t h = 0; h < count; h++) {
        int64_t row = (int64_t)(uniform(77, h, 0) * (double)rows);
        while (sample->is_out[row])
            row = (row + 1) % rows;
        for (int64_t f = 0; f < FEATURES; f++)
            centroid[h * FEATURES + f] = (double)sample->all[row * FEATURES + f];
    }
    for (int pass = 0; pass < PASSES; pass++) {
        memset(sum, 0, (size_t)(count * (FEATURES + 1)) * sizeof *sum);
        for (int64_t row = 0; row < rows; row++) {
            int32_t h = sample_nearest(sample, row, centroid, count);
            for (int64_t f = 0; h >= 0 && f < FEATURES; f++)
                sum[h * (FEATURES + 1) + f] += (double)sample->all[row * FEATURES + f];
            if (h >= 0)
                sum[h * (FEATURES + 1) + FEATURES]++;
        }
        for (int64_t i = 0; i < count * FEATURES; i++) {
            double size = sum[i / FEATURES * (FEATURES + 1) + FEATURES];
            if (size > 0)
                centroid[i] = sum[i / FEATURES * (FEATURES + 1) + i % FEATURES] / size;
        }
    }
    double inertia = sample_inertia(sample, centroid, count);
    free(centroid);
    free(sum);
    return inertia;
}

/* On all ranks and on one the same bytes; runs[0] is left open. */
static void check_alike(struct run runs[2], int64_t rows, sample_value value, sample_mark out, int64_t count,
                        bool fewer)
{
    struct comm *comms[2] = {&world, &alone};
    for (int i = 0; i < 2; i++) {
        start(&runs[i], comms[i], rows, value, out);
        assert_ok(learn(&runs[i], count, fewer));
    }
    const struct leaves *a = &runs[0].leaves;
    const struct leaves *b = &runs[1].leaves;
    assert_true(a->count == b->count && a->inertia == b->inertia);
    assert_memory_equal(a->centroid, b->centroid, (size_t)(a->count * FEATURES) * sizeof(double));
    assert_memory_equal(a->sum, b->sum, (size_t)(a->count * FEATURES) * sizeof(double));
    assert_memory_equal(a->size, b->size, (size_t)a->count * sizeof(int64_t));
    assert_memory_equal(runs[0].label, runs[1].label, (size_t)rows * sizeof(int32_t));
    finish(&runs[1]);
    check_whole(&runs[0]);
}

/* How far the customers' own leaves are from being the nearest; 1: not at all. */
static double detour(const struct run *run)
{
    double nearest = sample_inertia(&run->sample, run->leaves.centroid, run->leaves.count);
    return nearest > 0.0 ? run->leaves.inertia / nearest : 1.0;
}

static void as_good_as_plain_k_means(void **state)
{
    (void)state;
    static const struct {
        sample_value value;
        sample_mark out;
        int64_t count;
    } cases[] = {{clouds, NULL, 23},        {clouds, some, 64},    {shapeless, NULL, 130},
                 {sorted_clouds, some, 17}, {far_clouds, NULL, 5}, {shapeless, ends, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run runs[2];
        check_alike(runs, ROWS, cases[i].value, cases[i].out, cases[i].count, i % 2);
        assert_int_equal(runs[0].leaves.count, cases[i].count);
        assert_true(detour(&runs[0]) < 1.02);
        assert_true(runs[0].leaves.inertia < 1.03 * plain_inertia(&runs[0].sample, cases[i].count));
        finish(&runs[0]);
    }
}

/* More than a sample of 64 blocks. */
static void a_sample_of_the_customers(void **state)
{
    (void)state;
    struct run runs[2];
    check_alike(runs, 70 * BLOCK_ROWS + 5, clouds, some, 60, false);
    assert_true(detour(&runs[0]) < 1.02);
    assert_true(runs[0].leaves.inertia < 0.2 * (double)runs[0].sample.customers.used); /* 2 x 1/12 each */
    finish(&runs[0]);
}

/* ---- few different customers ---- */

static void check_places(int64_t rows, sample_value value, sample_mark out, int64_t count, int64_t places)
{
    struct run runs[2];
    check_alike(runs, rows, value, out, count, count > places);
    assert_int_equal(runs[0].leaves.count, count < places ? count : places);
    if (count >= places)
        assert_true(runs[0].leaves.inertia == 0.0);
    finish(&runs[0]);
}

static void check_too_many(int64_t rows, sample_value value, sample_mark out, int64_t count, const char *part)
{
    struct run run;
    start(&run, &world, rows, value, out);
    assert_failure(learn(&run, count, false), EXIT_BAD_DATA, part);
    assert_null(run.leaves.sum);
    assert_null(run.leaves.centroid);
    assert_null(run.leaves.size);
    finish(&run);
}

static void customers_at_few_places(void **state)
{
    (void)state;
    check_places(ROWS, few_places, NULL, 77, 77);
    check_places(ROWS, few_places, some, 500, 77);
    check_places(ROWS, few_places, NULL, 30, 77);
    check_places(ROWS, skewed_places, NULL, 40, 101);
    check_places(ROWS, skewed_places, NULL, 101, 101);
    check_places(ROWS, skewed_places, NULL, 102, 101);
    check_too_many(ROWS, few_places, some, 78, "only 77 different customers");
    check_too_many(ROWS, skewed_places, NULL, 1000, "hierarchy.leaves = 1000");
}

static void as_many_leaves_as_customers(void **state)
{
    (void)state;
    check_places(ROWS, shapeless, nearly_all, 50, 50);
    check_places(ROWS, shapeless, nearly_all, 51, 50);
    check_places(700, shapeless, NULL, 700, 700);
    check_places(1, shapeless, NULL, 1, 1);
    check_places(3, clouds, NULL, 3, 3);
}

static void one_leaf(void **state)
{
    (void)state;
    check_places(ROWS, shapeless, some, 1, 2);
    check_places(ROWS, few_places, NULL, 1, 77);
    check_places(2, shapeless, NULL, 1, 2);
}

/* What the first sample has not, a larger one has. */
static void places_outside_of_the_sample(void **state)
{
    (void)state;
    check_places(70 * BLOCK_ROWS, a_place_a_block, NULL, 70, 70);
    check_too_many(70 * BLOCK_ROWS, a_place_a_block, NULL, 71, "only 70 different customers");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(as_good_as_plain_k_means),
    cmocka_unit_test(a_sample_of_the_customers),
    cmocka_unit_test(customers_at_few_places),
    cmocka_unit_test(as_many_leaves_as_customers),
    cmocka_unit_test(one_leaf),
    cmocka_unit_test(places_outside_of_the_sample),
};

TESTS_MAIN("leaves", tests)
