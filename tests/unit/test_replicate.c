/* ranks: 1 2 3 7 */
/* Replicates and halves: each is k-means of its own weighted customers, whatever the ranks, the number of
 * replicates and however few of the customers it has drawn. */
#include <math.h>

#include "cluster/kmeans.h"
#include "cluster/labelling.h"
#include "cluster/minibatch.h"
#include "cluster/replicate.h"
#include "support.h"

enum { MOST = 16, KINDS = 12, GROUPS = 4 };

/* Without a tolerance centroids end as means exactly. */
static const struct kmeans_settings plain = {
    .batch = BLOCK_ROWS, .restarts = 3, .polish = true, .tolerance = 0, .seed = 1};

/* ---- customers ---- */

static double clouds(int64_t row, int64_t feature)
{
    int64_t cloud = (int64_t)(6 * uniform(1, row, 1000) * uniform(1, row, 1001));
    double noise = uniform(2, row, feature) + uniform(3, row, feature) - 1;
    return 3 * uniform(4, cloud, feature) + noise;
}

/* Far apart: whoever has a centroid in each has the segments. */
static double clear_groups(int64_t row, int64_t feature)
{
    static const double place[GROUPS][2] = {{0, 0}, {50, 0}, {0, 60}, {70, 80}};
    return place[row % GROUPS][feature] + uniform(1, row, feature);
}

/* A dozen kinds of customers. */
static double kinds(int64_t row, int64_t feature)
{
    int64_t kind = row / 175 % KINDS;
    return feature == 0 ? (double)(kind % 4) : (double)(kind * kind) / 8;
}

/* One of each kind, from all over the file. */
static bool all_but_kinds(int64_t row)
{
    return row % 175 != 3;
}

/* Two of each kind. */
static bool all_but_pairs(int64_t row)
{
    return row % 175 != 3 && row % 175 != 100;
}

static bool every_third(int64_t row)
{
    return row % 3 == 1;
}

static bool second_block(int64_t row)
{
    return row / BLOCK_ROWS == 1;
}

/* ---- learning ---- */

/* Replicates learned, with the room for their centroids. */
struct learned {
    struct weighting weighting[MOST];
    struct replicates replicates;
};

static void learn(const struct sample *sample, const struct kmeans_settings *settings, int64_t k,
                  int64_t count, struct learned *learned)
{
    assert_true(count <= MOST);
    learned->replicates = (struct replicates){
        .k = k, .spread = 1.0, .taken = 2, .weighting = learned->weighting, .count = count};
    assert_ok(memory_new(&learned->replicates.centroid, count * k * sample->customers.features,
                         sizeof(double), "test centroids"));
    assert_ok(replicates_learn(&sample->customers, &sample->preparation, settings, &learned->replicates));
    assert_int_equal(learned->replicates.done, count);
}

static void forget(struct learned *learned)
{
    free(learned->replicates.centroid);
    learned->replicates.centroid = NULL;
}

/* Replicates, and both halves of two splits from number `halves` on. */
static void weigh(struct learned *learned, uint64_t seed, int64_t halves)
{
    for (int64_t b = 0; b < MOST; b++)
        learned->weighting[b] =
            b < halves ? (struct weighting){WEIGHTING_REPLICATE, seed, b}
                       : (struct weighting){(b - halves) % 2 ? WEIGHTING_SECOND_HALF : WEIGHTING_FIRST_HALF,
                                            seed, (b - halves) / 2};
}

static int64_t weight_of(const struct sample *sample, const struct weighting *weighting, int64_t row)
{
    float weight[KERNEL_LANES];
    weighting_tile(weighting, sample->customers.kernels, row / KERNEL_LANES * KERNEL_LANES, weight);
    return (int64_t)weight[row % KERNEL_LANES];
}

static const double *centroids(const struct sample *sample, const struct learned *learned, int64_t b)
{
    return learned->replicates.centroid + b * learned->replicates.k * sample->customers.features;
}

/* ---- what must hold of any replicate ---- */

/* Weights and means of the customers nearest to each centroid; of those of the `count` blocks `chosen`, or of
 * all (NULL). */
static void find_means(const struct sample *sample, const struct learned *learned, int64_t b,
                       const int64_t *chosen, int64_t count, int64_t *weight, double *mean)
{
    int64_t k = learned->replicates.k;
    int64_t d = sample->customers.features;
    memset(weight, 0, (size_t)k * sizeof *weight);
    memset(mean, 0, (size_t)(k * d) * sizeof *mean);
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        bool is_there = !chosen;
        for (int64_t i = 0; i < count; i++)
            is_there = is_there || chosen[i] == row / BLOCK_ROWS;
        int32_t h = is_there ? sample_nearest(sample, row, centroids(sample, learned, b), k) : -1;
        if (h < 0)
            continue;
        int64_t own = weight_of(sample, &learned->weighting[b], row);
        weight[h] += own;
        for (int64_t f = 0; f < d; f++)
            mean[h * d + f] += (double)own * (double)sample->all[row * d + f]; /* exact */
    }
    for (int64_t i = 0; i < k * d; i++)
        mean[i] = weight[i / d] > 0 ? mean[i] / (double)weight[i / d] : (double)NAN;
}

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

/* Replicate `b` has fewer different customers than k: each is a segment, and the other centroids are like one
 * of them and get nobody. Returns how many there are. */
static int64_t check_few(const struct sample *sample, const struct learned *learned, int64_t b)
{
    int64_t k = learned->replicates.k;
    int64_t d = sample->customers.features;
    const double *centroid = centroids(sample, learned, b);
    struct labelling labelling = {.k = k, .centroid = centroid};
    const struct partition *part = &sample->customers.partition;
    int32_t *label = NULL;
    int64_t weight[KINDS];
    double mean[KINDS * 2];
    int64_t full = 0;
    find_means(sample, learned, b, NULL, 0, weight, mean);
    for (int64_t h = 0; h < k; h++) {
        bool is_alike = false;
        for (int64_t g = 0; g < h; g++)
            is_alike =
                is_alike || memcmp(centroid + g * d, centroid + h * d, (size_t)d * sizeof(double)) == 0;
        assert_true((weight[h] == 0) == is_alike);
        full += weight[h] > 0;
    }
    for (int64_t i = 0; i < k * d; i++)
        assert_true(weight[i / d] == 0 || centroid[i] == mean[i]);
    assert_ok(memory_new(&label, part->block_count * BLOCK_ROWS, sizeof *label, "test labels"));
    assert_ok(labelling_open(&labelling, d));
    assert_ok(labelling_all(&labelling, &sample->customers, label));
    for (int64_t i = 0; i < part->row_count; i++) {
        int64_t row = part->first_row + i;
        int32_t h = sample_nearest(sample, row, centroid, k);
        assert_int_equal(label[i], h);
        assert_true(h < 0 || weight[h] > 0); /* also who was not drawn */
        if (h >= 0 && weight_of(sample, &learned->weighting[b], row) > 0)
            assert_true(sample_distance(sample, row, centroid + h * d) == 0);
    }
    labelling_close(&labelling);
    free(label);
    return full;
}

/* Kinds of customers that a replicate has drawn. */
static int64_t count_drawn(const struct sample *sample, const struct weighting *weighting)
{
    bool drawn[KINDS] = {false};
    int64_t count = 0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (!sample->is_out[row] && weight_of(sample, weighting, row) > 0)
            drawn[row / 175 % KINDS] = true;
    }
    for (int i = 0; i < KINDS; i++)
        count += drawn[i];
    return count;
}

/* ---- few customers ---- */

static void check_kinds(sample_mark out, int64_t k, uint64_t seed, int64_t fewer[2])
{
    struct sample sample;
    struct learned learned;
    struct kmeans_settings settings = plain;
    settings.seed = seed;
    sample_open(&sample, &world, 175 * KINDS, 2, kinds, out);
    weigh(&learned, seed, 8);
    learn(&sample, &settings, k, 10, &learned);
    for (int64_t b = 0; b < 10; b++) {
        int64_t drawn = count_drawn(&sample, &learned.weighting[b]);
        fewer[drawn < k]++;
        if (drawn <= k)
            assert_int_equal(check_few(&sample, &learned, b), drawn);
    }
    forget(&learned);
    sample_close(&sample);
}

static void fewer_customers_than_segments(void **state)
{
    (void)state;
    int64_t fewer[2] = {0, 0};
    for (uint64_t seed = 0; seed < 2; seed++) {
        check_kinds(all_but_kinds, KINDS, seed, fewer);
        check_kinds(all_but_kinds, KINDS - 3, seed, fewer);
        check_kinds(all_but_pairs, KINDS, seed, fewer);
        check_kinds(all_but_kinds, 5, seed, fewer);
    }
    assert_true(fewer[0] >= 5 && fewer[1] >= 20);
}

/* Nobody is drawn: centroids are still customers. */
static void check_nobody(int64_t rows, int64_t k)
{
    struct sample sample;
    int64_t found = 0;
    sample_open(&sample, &world, rows, 2, clouds, NULL);
    for (uint64_t seed = 0; seed < 16; seed++) {
        struct learned learned;
        struct kmeans_settings settings = plain;
        settings.seed = seed;
        weigh(&learned, seed, 2);
        learn(&sample, &settings, k, 4, &learned);
        for (int64_t b = 0; b < 4; b++) {
            int64_t drawn = 0;
            for (int64_t row = 0; row < rows; row++)
                drawn += weight_of(&sample, &learned.weighting[b], row);
            for (int64_t h = 0; h < k && drawn == 0; h++) {
                bool is_customer = false;
                for (int64_t row = 0; row < rows; row++)
                    is_customer = is_customer ||
                                  sample_distance(&sample, row, centroids(&sample, &learned, b) + h * 2) == 0;
                assert_true(is_customer);
            }
            found += drawn == 0;
        }
        forget(&learned);
    }
    assert_true(found > 0);
    sample_close(&sample);
}

static void nobody_is_drawn(void **state)
{
    (void)state;
    check_nobody(1, 1);
    check_nobody(2, 1);
    check_nobody(2, 2);
}

static void fewer_customers_than_segments_at_all(void **state)
{
    (void)state;
    struct sample sample;
    struct learned learned;
    double room[(KINDS + 1) * 2];
    sample_open(&sample, &world, 175 * KINDS, 2, kinds, every_third);
    weigh(&learned, 1, 1);
    struct replicates replicates = {
        .k = KINDS + 1, .spread = 1.0, .weighting = learned.weighting, .count = 1, .centroid = room};
    assert_failure(replicates_learn(&sample.customers, &sample.preparation, &plain, &replicates),
                   EXIT_BAD_DATA, "12 distinct customers");
    assert_int_equal(replicates.done, 0);
    sample_close(&sample);
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
    sample_open(&sample, &alone, 64, WIDE, clouds, NULL);
    assert_int_equal(kmeans_side_by_side(&sample.customers, K, settings.restarts, 3), 1);
    weigh(&learned, 3, 2);
    learn(&sample, &settings, K, 3, &learned);
    check_means(&sample, &learned, NULL, 0);
    forget(&learned);
    sample_close(&sample);
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
        for (int64_t b = 0; b < 12; b++) {
            int32_t segment[GROUPS];
            for (int64_t row = 0; row < GROUPS * 3; row++) {
                int32_t h = sample_nearest(&sample, row, centroids(&sample, &learned, b), GROUPS);
                segment[row % GROUPS] = h >= 0 ? h : segment[row % GROUPS];
            }
            for (int g = 0; g < GROUPS; g++)
                for (int other = 0; other < g; other++)
                    assert_true(segment[g] != segment[other]);
        }
        check_means(&sample, &learned, NULL, 0);
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
    cmocka_unit_test(fewer_customers_than_segments),
    cmocka_unit_test(nobody_is_drawn),
    cmocka_unit_test(fewer_customers_than_segments_at_all),
    cmocka_unit_test(centroids_are_weighted_means),
    cmocka_unit_test(a_block_without_customers),
    cmocka_unit_test(replicates_one_after_the_other),
    cmocka_unit_test(clear_groups_are_found),
    cmocka_unit_test(without_polish_batches_end_where_they_did),
    cmocka_unit_test(halves_complete_each_other),
    cmocka_unit_test(ranks_do_not_change_a_bit),
    cmocka_unit_test(other_replicates_do_not_change_a_bit),
};

TESTS_MAIN("replicate", tests)
