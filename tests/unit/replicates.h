/* What the tests of replicates share: learning some, and what their centroids should be. Header only. */
#ifndef LOHKO_TESTS_REPLICATES_H
#define LOHKO_TESTS_REPLICATES_H

#include <math.h>

#include "cluster/replicate.h"
#include "support.h"

enum { MOST_REPLICATES = 16 };

/* Without a tolerance centroids end as means exactly. */
SUPPORT const struct kmeans_settings plain = {
    .batch = BLOCK_ROWS, .restarts = 3, .polish = true, .tolerance = 0, .seed = 1};

SUPPORT double clouds(int64_t row, int64_t feature)
{
    int64_t cloud = (int64_t)(6 * uniform(1, row, 1000) * uniform(1, row, 1001));
    double noise = uniform(2, row, feature) + uniform(3, row, feature) - 1;
    return 3 * uniform(4, cloud, feature) + noise;
}

SUPPORT bool every_third(int64_t row)
{
    return row % 3 == 1;
}

/* Replicates learned, with the room for their centroids. */
struct learned {
    struct weighting weighting[MOST_REPLICATES];
    struct replicates replicates;
};

SUPPORT void learn(const struct sample *sample, const struct kmeans_settings *settings, int64_t k,
                   int64_t count, struct learned *learned)
{
    assert_true(count <= MOST_REPLICATES);
    learned->replicates = (struct replicates){
        .k = k, .spread = 1.0, .taken = 2, .weighting = learned->weighting, .count = count};
    assert_ok(memory_new(&learned->replicates.centroid, count * k * sample->customers.features,
                         sizeof(double), "test centroids"));
    assert_ok(replicates_learn(&sample->customers, &sample->preparation, settings, &learned->replicates));
    assert_int_equal(learned->replicates.done, count);
}

SUPPORT void forget(struct learned *learned)
{
    free(learned->replicates.centroid);
    learned->replicates.centroid = NULL;
}

/* Replicates; from number `halves` on both halves of one split after the other. */
SUPPORT void weigh(struct learned *learned, uint64_t seed, int64_t halves)
{
    for (int64_t b = 0; b < MOST_REPLICATES; b++)
        learned->weighting[b] =
            b < halves ? (struct weighting){WEIGHTING_REPLICATE, seed, b}
                       : (struct weighting){(b - halves) % 2 ? WEIGHTING_SECOND_HALF : WEIGHTING_FIRST_HALF,
                                            seed, (b - halves) / 2};
}

SUPPORT int64_t weight_of(const struct sample *sample, const struct weighting *weighting, int64_t row)
{
    float weight[KERNEL_LANES];
    weighting_tile(weighting, sample->customers.kernels, row / KERNEL_LANES * KERNEL_LANES, weight);
    return (int64_t)weight[row % KERNEL_LANES];
}

SUPPORT const double *centroids(const struct sample *sample, const struct learned *learned, int64_t b)
{
    return learned->replicates.centroid + b * learned->replicates.k * sample->customers.features;
}

/* Weights and means of the customers nearest to each centroid; of those of the `count` blocks `chosen`, or of
 * all (NULL). */
SUPPORT void find_means(const struct sample *sample, const struct learned *learned, int64_t b,
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

#endif
