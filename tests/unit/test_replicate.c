/* ranks: 1 2 3 7 */
/* Replicates and halves: each is k-means of its own weighted customers, whatever the ranks and the number of
 * replicates. */
#include <math.h>

#include "cluster/minibatch.h"
#include "replicates.h"

enum { GROUPS = 4, MOST_GROUPS = 12 };

/* ---- customers ---- */

/* Far apart: whoever has a centroid in each has the segments. */
static double clear_groups(int64_t row, int64_t feature)
{
    static const double place[GROUPS][2] = {{0, 0}, {50, 0}, {0, 60}, {70, 80}};
    return place[row % GROUPS][feature] + uniform(1, row, feature);
}

/* A dozen, two and two next to each other. */
static double pairs_of_groups(int64_t row, int64_t feature)
{
    int64_t group = row % MOST_GROUPS;
    double middle = feature == 0 ? 30.0 * (double)(group / 2 % 3) + 5.0 * (double)(group % 2)
                                 : 30.0 * (double)(group / 6);
    return middle + 2 * uniform(1, row, feature);
}

static bool second_block(int64_t row)
{
    return row / BLOCK_ROWS == 1;
}

/* ---- what must hold of any replicate ---- */

/* Every centroid is the mean of its customers, and has some. */
static void check_means(const struct sample *sample, const struct learned *learned, const int64_t *chosen,
                        int64_t count)
{
    int64_t k = learned->replicates.k;
    int64_t size = k * sample->customers.features;
    int64_t *weight = NULL;
    double *mean = NULL;
    assert_ok(memory_new(&weight, k, sizeof *weight, "test weights"));
    assert_ok(memory_new(&mean, size, sizeof *mean, "test means"));
    for (int64_t b = 0; b < learned->replicates.count; b++) {
        const double *centroid = centroids(sample, learned, b);
        find_means(sample, learned, b, chosen, count, weight, mean);
        for (int64_t h = 0; h < k; h++)
            assert_true(weight[h] > 0);
        for (int64_t i = 0; i < size; i++)
            assert_true(fabs(centroid[i] - mean[i]) <= 1e-12 * (1 + fabs(mean[i])));
    }
    free(weight);
    free(mean);
}

/* ---- centroids ---- */

static void centroids_are_weighted_means(void **state)
{
    (void)state;
    static const int64_t ks[] = {1, 2, 5};
    for (int i = 0; i < 6; i++) {
        struct sample sample;
        struct learned learned;
        struct kmeans_settings settings = plain;
        settings.restarts = i < 3 ? 1 : 5;
        settings.seed = (uint64_t)i;
        sample_open(&sample, &world, 2500, 3, clouds, i % 2 ? every_third : NULL);
        weigh(&learned, settings.seed, 3);
        learn(&sample, &settings, ks[i % 3], 5, &learned);
        check_means(&sample, &learned, NULL, 0);
        assert_true((learned.replicates.passes[0] == 0) == (settings.restarts == 1));
        assert_true(learned.replicates.passes[2] > 0);
        forget(&learned);
        sample_close(&sample);
    }
}

/* The first mini-batch may have no customers at all. */
static void a_block_without_customers(void **state)
{
    (void)state;
    struct sample sample;
    sample_open(&sample, &world, 2500, 2, clouds, second_block);
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct learned learned;
        struct kmeans_settings settings = plain;
        settings.seed = seed;
        weigh(&learned, seed, 1);
        learn(&sample, &settings, 3, 3, &learned);
        check_means(&sample, &learned, NULL, 0);
        forget(&learned);
    }
    sample_close(&sample);
}

/* Models of many values are learned one replicate after the other; here on a rank by itself. */
static void replicates_one_after_the_other(void **state)
{
    (void)state;
    enum { WIDE = 3500, K = 10 };
    if (world.rank > 0)
        return;
    struct sample sample;
    struct learned learned;
    struct kmeans_settings settings = plain;
    settings.restarts = 20;
    sample_open(&sample, &alone, 40, WIDE, clouds, NULL);
    assert_int_equal(kmeans_side_by_side(&sample.customers, K, settings.restarts, 2), 1);
    weigh(&learned, 3, 1);
    learn(&sample, &settings, K, 2, &learned);
    check_means(&sample, &learned, NULL, 0);
    forget(&learned);
    sample_close(&sample);
}

/* Whether replicate `b` has a segment for each of as many groups: row % groups. */
static bool has_found(const struct sample *sample, const struct learned *learned, int64_t b, int64_t groups)
{
    int64_t group[MOST_GROUPS];
    bool found = true;
    for (int64_t h = 0; h < groups; h++)
        group[h] = -1;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int32_t h = sample_nearest(sample, row, centroids(sample, learned, b), groups);
        if (h < 0)
            continue;
        found = found && (group[h] < 0 || group[h] == row % groups);
        group[h] = row % groups;
    }
    return found;
}

static void clear_groups_are_found(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sample sample;
        struct learned learned;
        sample_open(&sample, &world, 3000, 2, clear_groups, i ? every_third : NULL);
        weigh(&learned, 5, 8);
        learn(&sample, &plain, GROUPS, 12, &learned);
        for (int64_t b = 0; b < 12; b++)
            assert_true(has_found(&sample, &learned, b, GROUPS));
        check_means(&sample, &learned, NULL, 0);
        forget(&learned);
        sample_close(&sample);
    }
}

/* A single start may put one centroid between two groups; of many the best is kept. */
static void the_best_start_is_kept(void **state)
{
    (void)state;
    for (int64_t starts = 1; starts <= 16; starts += 15) {
        struct sample sample;
        struct learned learned;
        struct kmeans_settings settings = plain;
        int64_t found = 0;
        settings.restarts = starts;
        settings.seed = 5; /* single starts do fail with it */
        sample_open(&sample, &world, 2500, 2, pairs_of_groups, NULL);
        weigh(&learned, 1, 12);
        learn(&sample, &settings, MOST_GROUPS, 12, &learned);
        for (int64_t b = 0; b < 12; b++)
            found += has_found(&sample, &learned, b, MOST_GROUPS);
        assert_true(starts == 1 ? found < 12 : found == 12);
        forget(&learned);
        sample_close(&sample);
    }
}

/* Without polish, as many blocks have been learned on as the result's own mini-batches had. */
static void without_polish_batches_end_where_they_did(void **state)
{
    (void)state;
    struct sample sample;
    struct learned learned;
    struct minibatch_plan plan;
    struct kmeans_settings settings = plain;
    int64_t chosen[2];
    settings.polish = false;
    sample_open(&sample, &world, 5000, 2, clear_groups, every_third);
    assert_ok(minibatch_plan_open(&plan, 5, BLOCK_ROWS, settings.seed));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(minibatch_next(&plan), 1);
        chosen[i] = plan.chosen[0];
    }
    weigh(&learned, 2, 4);
    learn(&sample, &settings, GROUPS, 6, &learned);
    check_means(&sample, &learned, chosen, 2);
    assert_true(learned.replicates.passes[1] > 0 && learned.replicates.passes[2] == 0);
    minibatch_plan_close(&plan);
    forget(&learned);
    sample_close(&sample);
}

/* Where it is asked for: of everybody, each once, with polish and without. */
static void inertia_is_that_of_the_centroids(void **state)
{
    (void)state;
    for (int polish = 0; polish < 2; polish++) {
        struct sample sample;
        struct weighting one[2] = {{.kind = WEIGHTING_ONE}, {.kind = WEIGHTING_ONE, .index = 1}};
        double centroid[2 * 5 * 3];
        double inertia[2] = {-1, -1};
        struct replicates replicates = {
            .k = 5, .taken = 2, .weighting = one, .count = 2, .centroid = centroid, .inertia = inertia};
        struct kmeans_settings settings = plain;
        settings.polish = polish;
        sample_open(&sample, &world, 3300, 3, clouds, every_third);
        assert_ok(replicates_learn(&sample.customers, &sample.preparation, &settings, &replicates));
        for (int b = 0; b < 2; b++)
            assert_close(inertia[b], sample_inertia(&sample, centroid + b * 15, 5), 1e-12);
        assert_memory_not_equal(centroid, centroid + 15, 15 * sizeof *centroid); /* from other starts */
        assert_true((replicates.passes[2] == 1) == !polish);
        sample_close(&sample);
    }
}

/* ---- halves ---- */

/* Their means, weighted, make up the mean of everybody. */
static void halves_complete_each_other(void **state)
{
    (void)state;
    struct sample sample;
    struct learned learned;
    sample_open(&sample, &world, 2500, 2, clouds, every_third);
    weigh(&learned, 7, 0);
    learn(&sample, &plain, 1, 12, &learned);
    for (int64_t b = 0; b < 12; b += 2) {
        const double *half = centroids(&sample, &learned, b);
        int64_t size = 0;
        double sum[2] = {0, 0};
        for (int64_t row = 0; row < 2500; row++) {
            if (sample.is_out[row])
                continue;
            size += weight_of(&sample, &learned.weighting[b], row);
            for (int f = 0; f < 2; f++)
                sum[f] += (double)sample.all[row * 2 + f];
        }
        int64_t rest = sample.customers.used - size;
        assert_true(size > 700 && rest > 700);
        for (int f = 0; f < 2; f++) {
            assert_true(half[f] != half[2 + f]);
            assert_true(b == 0 || half[f] != half[f - 4]); /* every split is another */
            assert_close(half[f] * (double)size + half[2 + f] * (double)rest, sum[f], 1e-12);
        }
    }
    forget(&learned);
    sample_close(&sample);
}

/* ---- what it does not depend on ---- */

static void check_ranks(bool polish)
{
    struct learned learned[2];
    struct comm *comms[2] = {&world, &alone};
    struct kmeans_settings settings = plain;
    settings.polish = polish;
    for (int i = 0; i < 2; i++) {
        struct sample sample;
        sample_open(&sample, comms[i], 3300, 4, clouds, every_third);
        weigh(&learned[i], 9, 3);
        learn(&sample, &settings, 5, 5, &learned[i]);
        sample_close(&sample);
    }
    assert_memory_equal(learned[0].replicates.centroid, learned[1].replicates.centroid,
                        5 * 5 * 4 * sizeof(double));
    assert_memory_equal(learned[0].replicates.passes, learned[1].replicates.passes,
                        sizeof learned[0].replicates.passes);
    forget(&learned[0]);
    forget(&learned[1]);
}

/* On seven ranks some have no blocks. */
static void ranks_do_not_change_a_bit(void **state)
{
    (void)state;
    check_ranks(true);
    check_ranks(false);
}

static void other_replicates_do_not_change_a_bit(void **state)
{
    (void)state;
    for (int polish = 0; polish < 2; polish++) {
        static const int64_t count[2] = {3, 7};
        struct sample sample;
        struct learned learned[2];
        struct kmeans_settings settings = plain;
        settings.polish = polish;
        sample_open(&sample, &world, 3300, 3, clouds, every_third);
        for (int i = 0; i < 2; i++) {
            weigh(&learned[i], 4, 5);
            learn(&sample, &settings, 6, count[i], &learned[i]);
        }
        size_t size = (size_t)6 * 3 * sizeof(double);
        assert_memory_equal(learned[0].replicates.centroid, learned[1].replicates.centroid, 3 * size);
        for (int64_t b = 1; b < 7; b++)
            assert_memory_not_equal(centroids(&sample, &learned[1], b),
                                    centroids(&sample, &learned[1], b - 1), size);
        forget(&learned[0]);
        forget(&learned[1]);
        sample_close(&sample);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(centroids_are_weighted_means),
    cmocka_unit_test(a_block_without_customers),
    cmocka_unit_test(replicates_one_after_the_other),
    cmocka_unit_test(clear_groups_are_found),
    cmocka_unit_test(the_best_start_is_kept),
    cmocka_unit_test(without_polish_batches_end_where_they_did),
    cmocka_unit_test(inertia_is_that_of_the_centroids),
    cmocka_unit_test(halves_complete_each_other),
    cmocka_unit_test(ranks_do_not_change_a_bit),
    cmocka_unit_test(other_replicates_do_not_change_a_bit),
};

TESTS_MAIN("replicate", tests)
