/* ranks: 1 2 3 7 */
/* A pass of the panel against plain loops: sums, counts, inertia, labels; the same bits on any number of
 * ranks. */
#include <math.h>

#include "cluster/panel.h"
#include "kernel/weights.h"
#include "labels.h"
#include "support.h"

enum { ROWS = 3300, FEATURES = 6, MODELS = 3, K = 5 };

static double values(int64_t row, int64_t feature)
{
    return 8 * uniform(1, row, feature) - 4 + (double)(row % 4);
}

/* Far from zero: the inertia is a small difference of large numbers. */
static double offset_values(int64_t row, int64_t feature)
{
    return 20000 + uniform(1, row, feature) + (double)(row % 2);
}

/* Ties everywhere: customers on a grid, centroids between its points. */
static double grid_values(int64_t row, int64_t feature)
{
    return floor(3 * uniform(2, row, feature));
}

static bool some(int64_t row)
{
    return row % 5 == 2 || (row >= 1024 && row < 2048) || row > 3200;
}

static void set_centroids(struct panel *panel, const struct sample *sample)
{
    for (int64_t m = 0; m < panel->count; m++) {
        for (int64_t h = 0; h < panel->model[m].k; h++) {
            int64_t row = (m * 911 + h * 401) % sample->customers.partition.rows;
            for (int64_t f = 0; f < sample->customers.features; f++)
                panel->model[m].centroid[h * sample->customers.features + f] =
                    (double)sample->all[row * sample->customers.features + f] + 0.5 * (double)(h % 2) +
                    (m == 2 ? 1.0 / 3 : 0.0);
        }
    }
}

static bool is_member(const int64_t *members, int64_t count, int64_t row)
{
    bool found = !members;
    for (int64_t i = 0; members && i < count; i++)
        found = found || members[i] == row / BLOCK_ROWS;
    return found;
}

/* How often a customer is drawn, by the definition in kernel/weights.h. */
static int64_t weight_of(const struct model *model, int64_t row)
{
    const struct weighting *weighting = &model->weighting;
    int64_t index = weighting->index;
    bool half = weighting->kind != WEIGHTING_REPLICATE;
    if (weighting->kind == WEIGHTING_ONE)
        return 1;
    struct random_words words =
        random_draw(weighting->seed, half ? RANDOM_HALF : RANDOM_REPLICATE, row, (uint32_t)(index / 4));
    int64_t weight = 0;
    if (half)
        return (words.word[index % 4] >> 31) == (weighting->kind == WEIGHTING_FIRST_HALF);
    for (int step = 0; step < WEIGHT_STEPS; step++)
        weight += words.word[index % 4] >= weight_step[step];
    return weight;
}

/* Sum, count and inertia of one model by one loop over all rows. */
static void check_model(const struct panel *panel, const struct sample *sample, int64_t m,
                        const int64_t *members, int64_t member_count)
{
    const struct model *model = &panel->model[m];
    int64_t features = sample->customers.features;
    double sum[K * FEATURES] = {0};
    int64_t count[K] = {0};
    int64_t passed = 0;
    __float128 inertia = 0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (sample->is_out[row] || !is_member(members, member_count, row))
            continue;
        int32_t h = sample_nearest(sample, row, model->centroid, model->k);
        int64_t weight = weight_of(model, row);
        passed++;
        count[h] += weight;
        for (int64_t f = 0; f < features; f++) {
            double x = (double)sample->all[row * features + f];
            __float128 difference = (__float128)x - (__float128)model->centroid[h * features + f];
            sum[h * features + f] += (double)weight * x;
            inertia += difference * difference;
        }
    }
    assert_int_equal(panel->passed, passed);
    assert_memory_equal(model->count, count, (size_t)model->k * sizeof *count);
    for (int64_t i = 0; i < model->k * features; i++)
        assert_true(model->sum[i] == sum[i]);
    int64_t weight = 0;
    for (int64_t h = 0; h < model->k; h++)
        weight += count[h];
    if (model->weighting.kind != WEIGHTING_ONE)
        inertia = (__float128)(model->spread * (double)weight);
    assert_true(fabs(model->inertia - (double)inertia) <= 1e-12 * (double)inertia);
}

static void check_values(sample_value value, sample_mark out)
{
    static const int64_t block[] = {3, 0, 2, 1}; /* the order does not matter */
    static const int64_t members[] = {0, 2, 3, 4};
    struct sample sample;
    struct panel panel;
    sample_open(&sample, &world, ROWS, FEATURES, value, out);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, MODELS, K));
    set_centroids(&panel, &sample);
    for (int i = 0; i < 4; i++) {
        int64_t before = i > 0 ? members[i - 1] : 0;
        panel_add(&panel, block + before, members[i] - before);
        assert_ok(panel_pass(&panel));
        for (int64_t m = 0; m < MODELS; m++)
            check_model(&panel, &sample, m, block, members[i]);
    }
    panel_close(&panel);
    sample_close(&sample);
}

static void sums_counts_and_inertia_match_plain_loops(void **state)
{
    (void)state;
    check_values(values, NULL);
    check_values(values, some);
    check_values(offset_values, some);
    check_values(grid_values, some);
}

/* Members grow while the models learn; only the first model has every customer once. */
static void replicates_weigh_customers(void **state)
{
    (void)state;
    static const int64_t block[] = {2, 0, 1, 3};
    static const int64_t index[] = {-1, 0, 1, 2, 3, 4, 9, 4 * INT64_C(1000) + 3, 5, 5};
    enum { REPLICATES = 10 };
    struct sample sample;
    struct panel panel;
    sample_open(&sample, &world, ROWS, FEATURES, values, some);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, REPLICATES, K));
    set_centroids(&panel, &sample);
    for (int64_t m = 0; m < REPLICATES; m++) {
        memcpy(panel.model[m].centroid, panel.model[0].centroid, K * FEATURES * sizeof(double));
        panel.model[m].spread = 2.5;
        panel.model[m].weighting = (struct weighting){m == 0               ? WEIGHTING_ONE
                                                      : m < REPLICATES - 2 ? WEIGHTING_REPLICATE
                                                      : m < REPLICATES - 1 ? WEIGHTING_FIRST_HALF
                                                                           : WEIGHTING_SECOND_HALF,
                                                      UINT64_C(0x123456789), index[m]};
    }
    for (int i = 0; i < 4; i += 2) {
        panel_add(&panel, block + i, 2);
        for (int pass = 0; pass < 3; pass++) {
            assert_ok(panel_pass(&panel));
            for (int64_t m = 0; m < REPLICATES; m++) {
                check_model(&panel, &sample, m, block, i + 2);
                panel_move(&panel, &panel.model[m]);
            }
        }
    }
    for (int64_t m = 1; m < REPLICATES; m++) /* other weights, other means */
        assert_memory_not_equal(panel.model[m].centroid, panel.model[m - 1].centroid,
                                K * FEATURES * sizeof(double));
    panel_close(&panel);
    sample_close(&sample);
}

static void models_that_have_stopped_stay_as_they_are(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    sample_open(&sample, &world, ROWS, FEATURES, values, some);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, MODELS, K));
    set_centroids(&panel, &sample);
    panel_add(&panel, NULL, 0);
    panel.model[1].learning = false;
    panel.model[1].inertia = 77;
    panel.model[1].count[0] = 5;
    panel.model[1].sum[3] = 6;
    assert_ok(panel_pass(&panel));
    assert_true(panel.model[1].inertia == 77 && panel.model[1].count[0] == 5 && panel.model[1].sum[3] == 6);
    check_model(&panel, &sample, 0, NULL, 0);
    check_model(&panel, &sample, 2, NULL, 0);
    panel_close(&panel);
    sample_close(&sample);
}

/* Ten steps on all ranks and on each by itself end in the same bits. */
static void ranks_do_not_change_a_bit(void **state)
{
    (void)state;
    struct sample sample[2];
    struct panel panel[2];
    struct comm *comms[2] = {&world, &alone};
    for (int i = 0; i < 2; i++) {
        sample_open(&sample[i], comms[i], ROWS, FEATURES, values, some);
        assert_ok(panel_open_alike(&panel[i], &sample[i].customers, &sample[i].preparation, MODELS, K));
        set_centroids(&panel[i], &sample[i]);
        panel_add(&panel[i], NULL, 0);
        for (int step = 0; step < 10; step++) {
            assert_ok(panel_pass(&panel[i]));
            for (int64_t m = 0; m < MODELS; m++)
                panel_move(&panel[i], &panel[i].model[m]);
        }
    }
    for (int64_t m = 0; m < MODELS; m++) {
        const struct model *a = &panel[0].model[m];
        const struct model *b = &panel[1].model[m];
        assert_memory_equal(a->centroid, b->centroid, K * FEATURES * sizeof(double));
        assert_memory_equal(a->sum, b->sum, K * FEATURES * sizeof(double));
        assert_memory_equal(a->count, b->count, K * sizeof(int64_t));
        assert_memory_equal(&a->inertia, &b->inertia, sizeof(double));
    }
    assert_memory_equal(panel[0].squares, panel[1].squares, sizeof panel[0].squares);
    for (int i = 0; i < 2; i++) {
        panel_close(&panel[i]);
        sample_close(&sample[i]);
    }
}

static void centroids_move_to_the_means(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    sample_open(&sample, &world, ROWS, FEATURES, values, NULL);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, 1, K));
    set_centroids(&panel, &sample);
    struct model *model = &panel.model[0];
    for (int64_t f = 0; f < FEATURES; f++)
        model->centroid[2 * FEATURES + f] = 1e9; /* has no customers and stays */
    panel_add(&panel, NULL, 0);
    assert_ok(panel_pass(&panel));
    assert_int_equal(model->count[2], 0);
    double before[K * FEATURES];
    memcpy(before, model->centroid, sizeof before);
    double moved = panel_move(&panel, model);
    double expected = 0.0;
    for (int64_t i = 0; i < K * FEATURES; i++) {
        int64_t count = model->count[i / FEATURES];
        double mean = count > 0 ? model->sum[i] / (double)count : 1e9;
        assert_true(model->centroid[i] == mean);
        expected += (mean - before[i]) * (mean - before[i]);
    }
    assert_close(moved, expected, 1e-12);
    double inertia = model->inertia;
    assert_ok(panel_pass(&panel));
    assert_true(model->inertia < inertia);
    panel_close(&panel);
    sample_close(&sample);
}

static void labels_are_the_nearest_centroids(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    int32_t *label = NULL;
    sample_open(&sample, &world, ROWS, FEATURES, grid_values, some);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, MODELS, K));
    set_centroids(&panel, &sample);
    const struct partition *part = &sample.customers.partition;
    assert_ok(memory_new(&label, part->block_count * BLOCK_ROWS, sizeof *label, "test labels"));
    for (int64_t m = 0; m < MODELS; m++) {
        struct labelling labelling = {.k = K, .centroid = panel.model[m].centroid};
        assert_ok(labelling_open(&labelling, FEATURES));
        assert_ok(label_all(&labelling, &sample.customers, label));
        labelling_close(&labelling);
        for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++) {
            int32_t expected = i < part->row_count
                                   ? sample_nearest(&sample, part->first_row + i, panel.model[m].centroid, K)
                                   : -1;
            assert_int_equal(label[i], expected);
        }
    }
    free(label);
    panel_close(&panel);
    sample_close(&sample);
}

static double one_customer(int64_t row, int64_t feature)
{
    return (double)(row + feature) + 0.25;
}

static void one_customer_and_one_segment(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    sample_open(&sample, &world, 1, FEATURES, one_customer, NULL);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, 1, 1));
    panel_add(&panel, NULL, 0);
    assert_ok(panel_pass(&panel));
    assert_int_equal(panel.model[0].count[0], 1);
    panel_move(&panel, &panel.model[0]);
    assert_ok(panel_pass(&panel));
    assert_true(panel.model[0].inertia == 0 && panel.model[0].centroid[2] == 2.25);
    panel_close(&panel);
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(sums_counts_and_inertia_match_plain_loops),
    cmocka_unit_test(replicates_weigh_customers),
    cmocka_unit_test(models_that_have_stopped_stay_as_they_are),
    cmocka_unit_test(ranks_do_not_change_a_bit),
    cmocka_unit_test(centroids_move_to_the_means),
    cmocka_unit_test(labels_are_the_nearest_centroids),
    cmocka_unit_test(one_customer_and_one_segment),
};

TESTS_MAIN("panel", tests)
