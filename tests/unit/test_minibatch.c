/* ranks: 1 2 3 7 */
/* Mini-batches: nested, spread over the file, each block once; learning helps and depends on no rank count.
 */
#include <math.h>

#include "cluster/minibatch.h"
#include "support.h"

static const int64_t block_counts[] = {1, 2, 3, 7, 16, 100, 1001};
static const int64_t batch_sizes[] = {1, 1024, 2047, 2048, 7 * 1024, 100 * 1024, 5000 * 1024};
enum { MOST_BLOCKS = 1001, SIZES = 7 };

/* ---- which blocks are in which batch ---- */

/* What the batch has by now, in equal runs of the file: as many of each, but for runs that are used up. */
static void check_spread(const struct minibatch_plan *plan, const int *taken)
{
    for (int64_t s = 0; s < plan->strata; s++) {
        /* the first blocks % strata runs are one longer than the others */
        int64_t share = plan->blocks / plan->strata;
        int64_t longer = plan->blocks % plan->strata;
        int64_t begin = s * share + (s < longer ? s : longer);
        int64_t size = share + (s < longer);
        int64_t count = 0;
        for (int64_t b = begin; b < begin + size; b++)
            count += taken[b];
        assert_int_equal(count, size < plan->taken ? size : plan->taken);
    }
}

static void check_plan(int64_t blocks, int64_t batch)
{
    struct minibatch_plan plan;
    int taken[MOST_BLOCKS] = {0};
    int64_t total = 0;
    int64_t added = 0;
    assert_ok(minibatch_plan_open(&plan, blocks, batch, 5));
    int64_t wanted = (batch + BLOCK_ROWS - 1) / BLOCK_ROWS;
    assert_int_equal(plan.strata, wanted < blocks ? wanted : blocks);
    bool is_last = false;
    while ((added = minibatch_next(&plan)) > 0) {
        assert_true(total == 0 ? added == plan.strata : added <= total); /* doubles at most */
        for (int64_t i = 0; i < added; i++) {
            assert_true(plan.chosen[i] >= 0 && plan.chosen[i] < blocks);
            taken[plan.chosen[i]]++;
        }
        total += added;
        check_spread(&plan, taken);
        if (is_last)
            assert_int_equal(total, blocks);
        is_last = minibatch_is_last(&plan);
    }
    assert_int_equal(total, blocks);
    for (int64_t b = 0; b < blocks; b++)
        assert_int_equal(taken[b], 1);
    assert_int_equal(minibatch_next(&plan), 0);
    minibatch_plan_close(&plan);
}

static void every_block_once_and_batches_are_spread(void **state)
{
    (void)state;
    for (int b = 0; b < SIZES; b++) {
        for (int s = 0; s < SIZES; s++)
            check_plan(block_counts[b], batch_sizes[s]);
    }
}

/* The last batch but one is known for what it is: one more takes everything, and not before. */
static void the_last_batch_is_known(void **state)
{
    (void)state;
    for (int64_t length = 1; length <= 40; length++) {
        struct minibatch_plan plan;
        int64_t total = 0;
        assert_ok(minibatch_plan_open(&plan, 3 * length, 3 * BLOCK_ROWS, 1));
        while (total < 3 * length) {
            total += minibatch_next(&plan);
            assert_true(minibatch_is_last(&plan) == (2 * total >= 3 * length));
        }
        minibatch_plan_close(&plan);
    }
}

/* The first batch of 16 runs of 10 blocks: over many seeds each block of a run comes about equally often. */
static void the_order_is_random_and_keyed(void **state)
{
    (void)state;
    enum { SEEDS = 1000, STRATA = 16, LENGTH = 10 };
    int64_t first[LENGTH] = {0};
    int64_t chosen[2][STRATA];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (int again = 0; again < 2; again++) {
            struct minibatch_plan plan;
            assert_ok(minibatch_plan_open(&plan, STRATA * LENGTH, STRATA * BLOCK_ROWS, seed));
            assert_int_equal(minibatch_next(&plan), STRATA);
            memcpy(chosen[again], plan.chosen, sizeof chosen[again]);
            minibatch_plan_close(&plan);
        }
        assert_memory_equal(chosen[0], chosen[1], sizeof chosen[0]);
        for (int s = 0; s < STRATA; s++)
            first[chosen[0][s] - s * LENGTH]++;
    }
    /* 16000 draws of one in ten: five standard errors */
    for (int i = 0; i < LENGTH; i++)
        assert_true(fabs((double)first[i] - 1600) < 5 * sqrt(1600 * 0.9));
}

/* ---- learning ---- */

enum { ROWS = 9000, FEATURES = 3, MODELS = 2, K = 5 };

static double sorted_clouds(int64_t row, int64_t feature)
{
    return 8 * uniform(4, row / 2000, feature) + uniform(2, row, feature);
}

/* Clouds far apart, in no order: any batch shows them all. */
static double easy(int64_t row, int64_t feature)
{
    return 100 * uniform(4, row % K, feature) + uniform(2, row, feature);
}

static bool one_block(int64_t row)
{
    return row / BLOCK_ROWS == 2;
}

static bool all_but_one_block(int64_t row)
{
    return row / BLOCK_ROWS != 2;
}

struct run {
    struct sample sample;
    struct panel panel;
    struct minibatch_plan plan;
    int64_t batches;
};

/* A panel with the plan's first batch; models begin halfway between the clouds and the middle of all. */
static void start(struct run *run, struct comm *comm, int64_t rows, sample_value value, sample_mark out,
                  int64_t batch)
{
    run->batches = 0;
    sample_open(&run->sample, comm, rows, FEATURES, value, out);
    const struct customers *customers = &run->sample.customers;
    assert_ok(panel_open_alike(&run->panel, customers, &run->sample.preparation, MODELS, K));
    for (int64_t m = 0; m < MODELS; m++) {
        for (int64_t i = 0; i < K * FEATURES; i++) {
            double middle = 0.0;
            for (int64_t h = 0; h < K; h++)
                middle += value(h * 2000 + h, i % FEATURES) / K;
            run->panel.model[m].centroid[i] =
                (value(i / FEATURES * 2000 + i / FEATURES, i % FEATURES) + middle) / 2 + uniform(9, m, i) / 4;
        }
    }
    assert_ok(minibatch_plan_open(&run->plan, customers->partition.blocks, batch, 3));
    panel_add(&run->panel, run->plan.chosen, minibatch_next(&run->plan));
}

static void finish(struct run *run)
{
    minibatch_plan_close(&run->plan);
    panel_close(&run->panel);
    sample_close(&run->sample);
}

/* All blocks are members, once, and all models learn: full passes can follow. */
static void check_end(struct run *run)
{
    const struct partition *part = &run->sample.customers.partition;
    assert_int_equal(run->panel.members, part->block_count);
    for (int64_t b = 0; b < part->block_count; b++) {
        int found = 0;
        for (int64_t i = 0; i < run->panel.members; i++)
            found += run->panel.member[i] == part->first_block + b;
        assert_int_equal(found, 1);
    }
    for (int64_t m = 0; m < MODELS; m++)
        assert_true(run->panel.model[m].learning);
    assert_ok(panel_pass(&run->panel));
    assert_int_equal(run->panel.passed, run->sample.customers.used);
}

static void check_learning(sample_value value, sample_mark out, int64_t batch, bool to_all)
{
    struct run run[2];
    struct comm *comms[2] = {&world, &alone};
    for (int i = 0; i < 2; i++) {
        start(&run[i], comms[i], ROWS, value, out, batch);
        double before[MODELS];
        for (int64_t m = 0; m < MODELS; m++)
            before[m] = sample_inertia(&run[i].sample, run[i].panel.model[m].centroid, K);
        assert_ok(minibatch_run(&run[i].panel, &run[i].plan, to_all ? MINIBATCH_TO_ALL : MINIBATCH_WORTH,
                                &run[i].batches, NULL));
        for (int64_t m = 0; m < MODELS; m++)
            assert_true(sample_inertia(&run[i].sample, run[i].panel.model[m].centroid, K) < 0.9 * before[m]);
        check_end(&run[i]);
        assert_true(run[i].batches > 0);
    }
    assert_int_equal(run[0].batches, run[1].batches);
    for (int64_t m = 0; m < MODELS; m++)
        assert_memory_equal(run[0].panel.model[m].centroid, run[1].panel.model[m].centroid,
                            K * FEATURES * sizeof(double));
    finish(&run[0]);
    finish(&run[1]);
}

static void learning_helps_and_ranks_agree(void **state)
{
    (void)state;
    check_learning(sorted_clouds, NULL, BLOCK_ROWS, true);
    check_learning(sorted_clouds, one_block, 2 * BLOCK_ROWS, true);
    check_learning(sorted_clouds, one_block, 2 * BLOCK_ROWS, false);
    check_learning(easy, NULL, 3 * BLOCK_ROWS, true);
}

/* One block of nine takes part: most batches have no customers at all. */
static void batches_without_customers(void **state)
{
    (void)state;
    struct run run;
    start(&run, &world, ROWS, easy, all_but_one_block, 1);
    assert_ok(minibatch_run(&run.panel, &run.plan, MINIBATCH_TO_ALL, &run.batches, NULL));
    check_end(&run);
    for (int64_t m = 0; m < MODELS; m++) {
        for (int64_t i = 0; i < K * FEATURES; i++)
            assert_true(isfinite(run.panel.model[m].centroid[i]));
    }
    finish(&run);
}

/* On easy customers larger batches find nothing new: where no full passes follow, they are left alone. */
static void easy_customers_need_few_batches(void **state)
{
    (void)state;
    struct run run[2];
    int64_t visited[2];
    for (int to_all = 0; to_all < 2; to_all++) {
        start(&run[to_all], &world, 4 * MINIBATCH_BLOCKS * BLOCK_ROWS, easy, NULL, BLOCK_ROWS);
        assert_ok(minibatch_run(&run[to_all].panel, &run[to_all].plan,
                                to_all ? MINIBATCH_TO_ALL : MINIBATCH_WORTH, &run[to_all].batches, NULL));
        visited[to_all] = run[to_all].panel.visited;
        assert_ok(comm_sum_i64(&world, &visited[to_all], 1));
        check_end(&run[to_all]);
    }
    assert_true(run[0].batches > 0 && run[0].batches < run[1].batches);
    /* the one goes up to a quarter of the customers, the other to half of them, each batch at least once */
    assert_true(5 * visited[0] < 3 * visited[1]);
    assert_true(run[1].batches >= 8 && visited[1] >= (int64_t)255 * BLOCK_ROWS * MODELS);
    for (int64_t m = 0; m < MODELS; m++) {
        double few = sample_inertia(&run[0].sample, run[0].panel.model[m].centroid, K);
        double many = sample_inertia(&run[1].sample, run[1].panel.model[m].centroid, K);
        assert_true(few < 1.05 * many);
    }
    finish(&run[0]);
    finish(&run[1]);
}

/* Learning on a batch goes on until it is as good as done: one more pass over the last batch hardly moves. */
static void the_last_batch_is_learned(void **state)
{
    (void)state;
    struct run run;
    struct panel last;
    struct minibatch_plan plan;
    start(&run, &world, 16 * BLOCK_ROWS, sorted_clouds, NULL, 2 * BLOCK_ROWS);
    const struct customers *customers = &run.sample.customers;
    assert_ok(minibatch_run(&run.panel, &run.plan, MINIBATCH_TO_ALL, &run.batches, NULL));
    assert_ok(panel_open_alike(&last, customers, &run.sample.preparation, MODELS, K));
    assert_ok(minibatch_plan_open(&plan, customers->partition.blocks, 2 * BLOCK_ROWS, 3));
    for (int64_t total = 0; total < 8;) { /* half of the blocks */
        int64_t added = minibatch_next(&plan);
        total += added;
        panel_add(&last, plan.chosen, added);
    }
    for (int64_t m = 0; m < MODELS; m++)
        memcpy(last.model[m].centroid, run.panel.model[m].centroid, K * FEATURES * sizeof(double));
    assert_ok(panel_pass(&last));
    for (int64_t m = 0; m < MODELS; m++) {
        double share = 0.0;
        for (int64_t h = 0; h < K; h++)
            share += last.model[m].count[h] > 0 ? 1.0 / (double)last.model[m].count[h] : 0.0;
        double error = last.model[m].inertia / (double)last.passed * share;
        assert_true(panel_move(&last, &last.model[m]) <= 2 * MINIBATCH_STILL * error);
    }
    minibatch_plan_close(&plan);
    panel_close(&last);
    finish(&run);
}

static void one_batch_of_all_is_left_to_full_passes(void **state)
{
    (void)state;
    struct run run;
    start(&run, &world, ROWS, sorted_clouds, NULL, ROWS);
    double before[K * FEATURES];
    memcpy(before, run.panel.model[0].centroid, sizeof before);
    assert_ok(minibatch_run(&run.panel, &run.plan, MINIBATCH_TO_ALL, &run.batches, NULL));
    assert_int_equal(run.batches, 0);
    assert_memory_equal(before, run.panel.model[0].centroid, sizeof before);
    check_end(&run);
    finish(&run);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_block_once_and_batches_are_spread),
    cmocka_unit_test(the_last_batch_is_known),
    cmocka_unit_test(the_order_is_random_and_keyed),
    cmocka_unit_test(learning_helps_and_ranks_agree),
    cmocka_unit_test(batches_without_customers),
    cmocka_unit_test(easy_customers_need_few_batches),
    cmocka_unit_test(the_last_batch_is_learned),
    cmocka_unit_test(one_batch_of_all_is_left_to_full_passes),
};

TESTS_MAIN("minibatch", tests)
