/* ranks: 1 2 3 */
/* k-means and its replicates, stopped at every vote: they go on from the journal, on any number of ranks, and
 * find the same bytes as if nothing had happened. */
#include <math.h>

#include "cluster/kmeans.h"
#include "cluster/replicate.h"
#include "cluster/swap.h"
#include "stopping.h"

enum { ROWS = 2700, FEATURES = 2, MOST = 3 };

static const struct kmeans_settings plain = {
    .batch = BLOCK_ROWS, .restarts = 3, .polish = true, .tolerance = 1e-4, .seed = 1};

/* Not apart at all: many passes, and swaps that help. */
static double mist(int64_t row, int64_t feature)
{
    return uniform(7, row, feature) + 0.3 * uniform(8, row, feature);
}

/* Every block elsewhere: a larger batch shows what a smaller one had not. */
static double patches(int64_t row, int64_t feature)
{
    return 3 * uniform(4, row / BLOCK_ROWS, feature) + uniform(2, row, feature);
}

/* More groups than restarts find. */
static double groups(int64_t row, int64_t feature)
{
    return 30 * uniform(4, row % 12, feature) + 2 * uniform(2, row, feature);
}

static bool some(int64_t row)
{
    return row % 7 == 3;
}

/* Each on all ranks and on one. */
static void samples_open(struct sample sample[2], sample_value value, sample_mark out)
{
    for (int who = 0; who < 2; who++)
        sample_open(&sample[who], stopping_comm(who), ROWS, FEATURES, value, out);
}

static void samples_close(struct sample sample[2])
{
    sample_close(&sample[0]);
    sample_close(&sample[1]);
}

static void assert_doubles(const double *a, const double *b, int64_t count)
{
    assert_memory_equal(a, b, (size_t)count * sizeof *a);
}

/* Stops that are tried, many only alone: a multitude of ranks on few processors takes its time. */
static int64_t at_every_vote(void)
{
    return world.size == 1 ? 0 : 12;
}

static int64_t few(void)
{
    return world.size == 1 ? 25 : 8;
}

/* ---- k-means ---- */

struct learning {
    struct sample *sample;
    struct kmeans_settings settings;
    int64_t k[MOST];
    int64_t count;
    struct kmeans_result expected[MOST];
    struct kmeans_result found[MOST];
    int64_t swaps; /* expected of the first */
};

static status_t learn(void *context, int who)
{
    struct learning *learning = context;
    const struct sample *sample = &learning->sample[who];
    return kmeans_run(&sample->customers, &sample->preparation, &learning->settings, learning->k,
                      learning->count, learning->found);
}

static void check_segments(const struct segmentation *a, const struct segmentation *b)
{
    assert_int_equal(a->k, b->k);
    assert_doubles(a->centroid, b->centroid, a->k * FEATURES);
    assert_doubles(a->sum, b->sum, a->k * FEATURES);
    assert_memory_equal(a->size, b->size, (size_t)a->k * sizeof *a->size);
    assert_doubles(&a->inertia, &b->inertia, 1);
    assert_doubles(&a->total_squares, &b->total_squares, 1);
}

static void check_result(const struct kmeans_result *a, const struct kmeans_result *b)
{
    check_segments(&a->segments, &b->segments);
    assert_int_equal(a->restarts, b->restarts);
    assert_doubles(a->restart_inertia, b->restart_inertia, a->restarts);
    assert_doubles(a->restart_centroid, b->restart_centroid, a->restarts * a->segments.k * FEATURES);
    assert_int_equal(a->best_restart, b->best_restart);
    assert_int_equal(a->taken, b->taken);
    assert_int_equal(a->batches, b->batches);
    assert_int_equal(a->passes, b->passes);
    assert_int_equal(a->swaps, b->swaps);
    assert_int_equal(a->refills, b->refills);
    assert_int_equal(a->converged, b->converged);
    assert_int_equal(a->stood, b->stood);
    assert_int_equal(a->models, b->models);
    assert_int_equal(a->step_bytes, b->step_bytes);
}

static void check_learned(void *context)
{
    struct learning *learning = context;
    for (int64_t i = 0; i < learning->count; i++)
        check_result(&learning->found[i], &learning->expected[i]);
}

static void forget_learned(void *context)
{
    struct learning *learning = context;
    for (int64_t i = 0; i < learning->count; i++)
        kmeans_free(&learning->found[i]);
}

static void stop_learning(struct learning *learning, int64_t stops, int64_t lost)
{
    struct stopping job = {learn, check_learned, forget_learned, learning, stops, lost};
    const struct sample *sample = &learning->sample[0];
    assert_ok(kmeans_run(&sample->customers, &sample->preparation, &learning->settings, learning->k,
                         learning->count, learning->expected));
    learning->swaps = learning->expected[0].swaps;
    stopping_everywhere(&job);
    for (int64_t i = 0; i < learning->count; i++)
        kmeans_free(&learning->expected[i]);
}

static void several_numbers_of_segments(void **state)
{
    (void)state;
    struct sample sample[2];
    struct learning learning = {.sample = sample, .settings = plain, .k = {2, 5}, .count = 2};
    samples_open(sample, mist, some);
    stop_learning(&learning, few(), 100 * learning.count);
    samples_close(sample);
}

static void stopped_at_every_vote(void **state)
{
    (void)state;
    struct sample sample[2];
    struct learning learning = {.sample = sample, .settings = plain, .k = {3}, .count = 1};
    samples_open(sample, mist, some);
    learning.settings.restarts = 2;
    stop_learning(&learning, at_every_vote(), 100);
    samples_close(sample);
}

static void with_swaps(void **state)
{
    (void)state;
    struct sample sample[2];
    struct learning learning = {.sample = sample, .settings = plain, .k = {12, 13}, .count = 2};
    samples_open(sample, groups, NULL);
    learning.settings.restarts = 1;
    learning.settings.tolerance = 1e-2;
    stop_learning(&learning, few(), 100 * learning.count);
    assert_true(learning.swaps > 0);
    samples_close(sample);
}

/* So many blocks that batches may end early, by what a batch's first pass and its last have shown. */
static void batches_that_may_not_be_worth_it(void **state)
{
    (void)state;
    struct learning learning = {.settings = plain, .k = {5}, .count = 1};
    struct sample sample[2];
    for (int who = 0; who < 2; who++)
        sample_open(&sample[who], stopping_comm(who), (int64_t)69 * BLOCK_ROWS, FEATURES, patches, NULL);
    learning.sample = sample;
    learning.settings.batch = (int64_t)32 * BLOCK_ROWS;
    learning.settings.polish = false;
    learning.settings.restarts = 1;
    stop_learning(&learning, few(), 100);
    samples_close(sample);
}

static void without_polish(void **state)
{
    (void)state;
    struct sample sample[2];
    struct learning learning = {.sample = sample, .settings = plain, .k = {1, 4, 6}, .count = 3};
    learning.settings.polish = false;
    samples_open(sample, mist, NULL);
    stop_learning(&learning, few(), 100 * learning.count);
    samples_close(sample);
}

/* From the segments of other customers to fewer, as many and more; one of them may have nobody now, and is
 * filled again. */
static void go_on_from_earlier(bool one_is_empty)
{
    struct sample sample[2];
    struct sample before;
    struct kmeans_result last;
    const int64_t k = 4;
    struct learning learning = {.sample = sample, .settings = plain, .k = {3, 4, 5}, .count = 3};
    samples_open(sample, mist, some);
    sample_open(&before, &world, ROWS, FEATURES, mist, NULL);
    assert_ok(kmeans_run(&before.customers, &before.preparation, &plain, &k, 1, &last));
    if (one_is_empty)
        last.segments.centroid[0] = 100.0;
    const struct warm_start start = {k, last.segments.centroid, last.segments.size, ROWS,
                                     last.segments.inertia};
    learning.settings.start = &start;
    learning.settings.seed = 9;
    stop_learning(&learning, few(), 100 * learning.count);
    kmeans_free(&last);
    sample_close(&before);
    samples_close(sample);
}

static void from_an_earlier_segmentation(void **state)
{
    (void)state;
    go_on_from_earlier(false);
}

static void from_earlier_segments_of_which_one_is_empty(void **state)
{
    (void)state;
    go_on_from_earlier(true);
}

/* ---- swaps ---- */

enum { POOR = 6 };

/* Near each other, and begun with three centroids in one of them. */
static double clouds(int64_t row, int64_t feature)
{
    return 30 * uniform(4, row % POOR, feature) + 8 * uniform(2, row, feature);
}

struct swapping {
    struct sample *sample;
    int64_t batch;
    double expected[POOR * FEATURES];
    double found[POOR * FEATURES];
    int64_t swaps[2]; /* expected, found */
};

static status_t swap(void *context, int who)
{
    struct swapping *swapping = context;
    const struct sample *sample = &swapping->sample[who];
    for (int64_t i = 0; i < POOR * FEATURES; i++) {
        int64_t h = i / FEATURES;
        swapping->found[i] = 30 * uniform(4, h < 3 ? 0 : h, i % FEATURES) + 0.3 * (double)h;
    }
    return swap_improve(&sample->customers, &sample->preparation, POOR, swapping->batch, 1e-2, 1,
                        swapping->found, &swapping->swaps[1]);
}

static void check_swapped(void *context)
{
    struct swapping *swapping = context;
    assert_doubles(swapping->found, swapping->expected, POOR * FEATURES);
    assert_int_equal(swapping->swaps[1], swapping->swaps[0]);
}

static void forget_swapped(void *context)
{
    struct swapping *swapping = context;
    memset(swapping->found, 0, sizeof swapping->found);
    swapping->swaps[1] = -1;
}

static void swaps_out_of_a_poor_optimum(void **state)
{
    (void)state;
    struct sample sample[2];
    samples_open(sample, clouds, NULL);
    for (int on_part = 0; on_part < 2; on_part++) {
        struct swapping swapping = {.sample = sample, .batch = on_part ? BLOCK_ROWS : ROWS};
        struct stopping job = {swap, check_swapped, forget_swapped, &swapping, few(), 80};
        assert_ok(swap(&swapping, 0));
        memcpy(swapping.expected, swapping.found, sizeof swapping.found);
        swapping.swaps[0] = swapping.swaps[1];
        assert_true(swapping.swaps[0] > 0);
        stopping_everywhere(&job);
    }
    samples_close(sample);
}

/* ---- replicates ---- */

enum { REPLICATES = 5, K = 4 };

struct replicating {
    struct sample *sample;
    struct kmeans_settings settings;
    bool measured; /* all weigh one, and inertia is asked for */
    double expected[REPLICATES * K * FEATURES];
    double found[REPLICATES * K * FEATURES];
    double inertia[2][REPLICATES];
    int64_t passes[2][3];
};

static status_t replicate(void *context, int who)
{
    struct replicating *replicating = context;
    const struct sample *sample = &replicating->sample[who];
    struct weighting weighting[REPLICATES];
    for (int64_t b = 0; b < REPLICATES; b++)
        weighting[b] = (struct weighting){replicating->measured ? WEIGHTING_ONE
                                          : b < 3               ? WEIGHTING_REPLICATE
                                                                : WEIGHTING_FIRST_HALF,
                                          5, b};
    struct replicates replicates = {.k = K,
                                    .spread = 1.0,
                                    .taken = 2,
                                    .weighting = weighting,
                                    .count = REPLICATES,
                                    .centroid = replicating->found,
                                    .inertia = replicating->measured ? replicating->inertia[0] : NULL};
    status_t status =
        replicates_learn(&sample->customers, &sample->preparation, &replicating->settings, &replicates);
    memcpy(replicating->passes[0], replicates.passes, sizeof replicates.passes);
    return status;
}

static void check_replicates(void *context)
{
    struct replicating *replicating = context;
    assert_doubles(replicating->found, replicating->expected, REPLICATES * K * FEATURES);
    assert_doubles(replicating->inertia[0], replicating->inertia[1], REPLICATES);
    assert_memory_equal(replicating->passes[0], replicating->passes[1], sizeof replicating->passes[0]);
}

static void forget_replicates(void *context)
{
    struct replicating *replicating = context;
    memset(replicating->found, 0, sizeof replicating->found);
    memset(replicating->inertia[0], 0, sizeof replicating->inertia[0]);
    memset(replicating->passes[0], 0, sizeof replicating->passes[0]);
}

static void weighted_replicates(void **state)
{
    (void)state;
    struct sample sample[2];
    samples_open(sample, mist, some);
    for (int kind = 0; kind < 3; kind++) {
        struct replicating replicating = {.sample = sample, .settings = plain, .measured = kind == 2};
        struct stopping job = {replicate,    check_replicates, forget_replicates,
                               &replicating, at_every_vote(),  120};
        replicating.settings.polish = kind != 1;
        assert_ok(replicate(&replicating, 0));
        memcpy(replicating.expected, replicating.found, sizeof replicating.found);
        memcpy(replicating.inertia[1], replicating.inertia[0], sizeof replicating.inertia[0]);
        memcpy(replicating.passes[1], replicating.passes[0], sizeof replicating.passes[0]);
        stopping_everywhere(&job);
    }
    samples_close(sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(stopped_at_every_vote),
    cmocka_unit_test(several_numbers_of_segments),
    cmocka_unit_test(without_polish),
    cmocka_unit_test(from_earlier_segments_of_which_one_is_empty),
    cmocka_unit_test(from_an_earlier_segmentation),
    cmocka_unit_test(with_swaps),
    cmocka_unit_test(batches_that_may_not_be_worth_it),
    cmocka_unit_test(swaps_out_of_a_poor_optimum),
    cmocka_unit_test(weighted_replicates),
};

TESTS_MAIN("journal of k-means", tests)
