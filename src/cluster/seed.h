/* Where k-means begins: k-means|| (Bahmani, Moseley, Vattani, Kumar, Vassilvitskii, VLDB 2012). Rounds of D^2
 * sampling draw candidates, about 2k a round; each is weighted by the customers nearest to it; each model
 * draws its k centroids from them by weighted k-means++ (Arthur and Vassilvitskii, SODA 2007), the best of a
 * few draws a step. */
#ifndef LOHKO_CLUSTER_SEED_H
#define LOHKO_CLUSTER_SEED_H

#include <stdint.h>

#include "cluster/panel.h"
#include "cluster/recluster.h"
#include "core/status.h"

/* Candidates that the usual rounds draw, in multiples of k. */
enum { SEED_CANDIDATES = 10 };

struct seeds {
    int64_t k;
    int64_t features;
    uint64_t seed;
    struct candidates candidates; /* all different */
};

/* Candidates for k centroids, from the panel's members. Where fewer than k are found, there are no more
 * different customers among the members, and they have no weights. Collective. */
status_t seeds_draw(const struct panel *panel, int64_t k, uint64_t seed, struct seeds *seeds)
    __attribute__((warn_unused_result));

/* The same from as many customers as a batch of `batch` has, but no fewer than MINIBATCH_BLOCKS blocks, and
 * more while they do not hold k different ones. Collective. EXIT_BAD_DATA where fewer than k different
 * customers exist. */
status_t seeds_draw_from_all(const struct customers *customers, const struct preparation *preparation,
                             int64_t k, int64_t batch, uint64_t seed, struct seeds *seeds)
    __attribute__((warn_unused_result));

void seeds_free(struct seeds *seeds);

/* Sets the centroids of the panel's models [first, first + count), which have k segments, from at least k
 * candidates; they draw with (seed, number), (seed, number + 1), ... Collective. */
status_t seeds_choose(const struct seeds *seeds, struct panel *panel, int64_t first, int64_t count,
                      int64_t number) __attribute__((warn_unused_result));

#endif
