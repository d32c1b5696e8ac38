/* ranks: 1 2 3 7 */
/* Mini-batches: every block once an epoch, spread over the file; learning helps and depends on no rank count.
 */
#include <math.h>

#include "cluster/minibatch.h"
#include "support.h"

static const int64_t block_counts[] = {1, 2, 3, 7, 16, 100, 1001};
static const int64_t batch_sizes[] = {1, 1024, 2047, 2048, 7 * 1024, 100 * 1024, 5000 * 1024};

static void check_epoch(struct minibatch_plan *plan, int64_t epoch)
{
    int taken[1001] = {0};
    int64_t chosen[1001];
    int64_t fewest = plan->strata;
    minibatch_plan_shuffle(plan, 5, epoch);
    for (int64_t step = 0; step < plan->batches; step++) {
        int64_t count = minibatch_plan_take(plan, step, chosen);
        assert_true(count > 0 && count <= plan->strata);
        fewest = count < fewest ? count : fewest;
        for (int64_t i = 0; i < count; i++) {
            assert_true(chosen[i] >= 0 && chosen[i] < plan->blocks);
            assert_true(i == 0 || chosen[i] > chosen[i - 1]);
            taken[chosen[i]]++;
        }
        /* from one end of the file to the other: gaps are at most two strata long */
        int64_t stratum = (plan->blocks + plan->strata - 1) / plan->strata;
        for (int64_t i = 1; count == plan->strata && i < count; i++)
            assert_true(chosen[i] - chosen[i - 1] < 2 * stratum);
        if (count == plan->strata)
            assert_true(chosen[0] < stratum && chosen[count - 1] >= plan->blocks - stratum);
        /* also where some strata sit out: no batch comes from one half of the file */
        if (plan->strata >= 8)
            assert_true(chosen[0] < plan->blocks / 2 && chosen[count - 1] >= plan->blocks / 2);
    }
    for (int64_t b = 0; b < plan->blocks; b++)
        assert_int_equal(taken[b], 1);
}

static void every_block_exactly_once_an_epoch(void **state)
{
    (void)state;
    for (int b = 0; b < 7; b++) {
        for (int s = 0; s < 7; s++) {
            struct minibatch_plan plan;
            assert_ok(minibatch_plan_open(&plan, block_counts[b], batch_sizes[s]));
            for (int64_t epoch = 0; epoch < 3; epoch++)
                check_epoch(&plan, epoch);
            minibatch_plan_close(&plan);
        }
    }
}

/* The first batch of 16 strata of 10 blocks: over many epochs each block of a stratum comes about equally
 * often. */
static void the_order_is_random_and_keyed(void **state)
{
    (void)state;
    enum { EPOCHS = 1000, STRATA = 16, LENGTH = 10 };
    struct minibatch_plan plan;
    int64_t first[LENGTH] = {0};
    int64_t chosen[STRATA];
    int64_t again[STRATA];
    assert_ok(minibatch_plan_open(&plan, STRATA * LENGTH, STRATA * BLOCK_ROWS));
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        minibatch_plan_shuffle(&plan, 7, epoch);
        assert_int_equal(minibatch_plan_take(&plan, 0, chosen), STRATA);
        for (int s = 0; s < STRATA; s++)
            first[chosen[s] - s * LENGTH]++;
    }
    minibatch_plan_shuffle(&plan, 7, EPOCHS - 1);
    assert_int_equal(minibatch_plan_take(&plan, 0, again), STRATA);
    assert_memory_equal(chosen, again, sizeof chosen);
    for (int i = 0; i < LENGTH; i++)
        assert_true(fabs((double)first[i] - 1600) < 5 * sqrt(1600));
    minibatch_plan_close(&plan);
}

static double sorted_clouds(int64_t row, int64_t feature)
{
    return 8 * uniform(4, row / 2000, feature) + uniform(2, row, feature);
}

static bool one_block(int64_t row)
{
    return row / BLOCK_ROWS == 2;
}

enum { ROWS = 9000, FEATURES = 3, MODELS = 2, K = 5 };

static void start(struct panel *panel, const struct sample *sample, int64_t models)
{
    assert_ok(panel_open(panel, &sample->customers, &sample->preparation, models, K));
    for (int64_t m = 0; m < models; m++) {
        for (int64_t i = 0; i < K * FEATURES; i++)
            panel->model[m].centroid[i] = 8 * uniform(9, m, i);
    }
}

static void learning_helps_and_ranks_agree(void **state)
{
    (void)state;
    struct sample sample[2];
    struct panel panel[2];
    struct comm *comms[2] = {&world, &alone};
    int64_t batches[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        sample_open(&sample[i], comms[i], ROWS, FEATURES, sorted_clouds, one_block);
        start(&panel[i], &sample[i], MODELS);
        assert_ok(panel_pass(&panel[i], NULL, 0));
        double before = panel[i].model[0].inertia;
        assert_ok(minibatch_run(&panel[i], 2 * BLOCK_ROWS, 3, &batches[i]));
        for (int64_t m = 0; m < MODELS; m++)
            assert_true(panel[i].model[m].learning);
        assert_ok(panel_pass(&panel[i], NULL, 0));
        assert_true(panel[i].model[0].inertia < 0.9 * before);
    }
    assert_true(batches[0] > 0 && batches[0] <= MINIBATCH_EPOCHS * 5);
    assert_int_equal(batches[0], batches[1]);
    for (int64_t m = 0; m < MODELS; m++)
        assert_memory_equal(panel[0].model[m].centroid, panel[1].model[m].centroid,
                            K * FEATURES * sizeof(double));
    for (int i = 0; i < 2; i++) {
        panel_close(&panel[i]);
        sample_close(&sample[i]);
    }
}

/* Sculley's rule by hand: each batch moves a centroid by (mean - centroid) x count / customers so far. */
static void batches_follow_the_rule(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    struct panel twin;
    struct minibatch_plan plan;
    int64_t batches = 0;
    int64_t chosen[1];
    int64_t seen[K] = {0};
    sample_open(&sample, &world, ROWS, FEATURES, sorted_clouds, NULL);
    start(&panel, &sample, 1);
    start(&twin, &sample, 1);
    assert_ok(minibatch_run(&panel, BLOCK_ROWS, 11, &batches));
    assert_ok(minibatch_plan_open(&plan, sample.customers.partition.blocks, BLOCK_ROWS));
    for (int64_t step = 0; step < batches; step++) {
        if (step % plan.batches == 0)
            minibatch_plan_shuffle(&plan, 11, step / plan.batches);
        int64_t count = minibatch_plan_take(&plan, step % plan.batches, chosen);
        assert_ok(panel_pass(&twin, chosen, count));
        for (int64_t h = 0; h < K; h++) {
            seen[h] += twin.model[0].count[h];
            for (int64_t f = 0; f < FEATURES && twin.model[0].count[h] > 0; f++) {
                double *centroid = &twin.model[0].centroid[h * FEATURES + f];
                double pull =
                    twin.model[0].sum[h * FEATURES + f] - (double)twin.model[0].count[h] * *centroid;
                *centroid += pull / (double)seen[h];
            }
        }
    }
    assert_true(batches > MINIBATCH_PATIENCE);
    for (int64_t i = 0; i < K * FEATURES; i++)
        assert_true(fabs(panel.model[0].centroid[i] - twin.model[0].centroid[i]) < 1e-9);
    minibatch_plan_close(&plan);
    panel_close(&panel);
    panel_close(&twin);
    sample_close(&sample);
}

static void one_batch_of_all_is_left_to_full_passes(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    int64_t batches = -1;
    sample_open(&sample, &world, ROWS, FEATURES, sorted_clouds, NULL);
    start(&panel, &sample, 1);
    double before[K * FEATURES];
    memcpy(before, panel.model[0].centroid, sizeof before);
    assert_ok(minibatch_run(&panel, ROWS, 3, &batches));
    assert_int_equal(batches, 0);
    assert_memory_equal(before, panel.model[0].centroid, sizeof before);
    panel_close(&panel);
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_block_exactly_once_an_epoch),
    cmocka_unit_test(the_order_is_random_and_keyed),
    cmocka_unit_test(learning_helps_and_ranks_agree),
    cmocka_unit_test(batches_follow_the_rule),
    cmocka_unit_test(one_batch_of_all_is_left_to_full_passes),
};

TESTS_MAIN("minibatch", tests)
