/* Where k-means begins: k-means|| (Bahmani, Moseley, Vattani, Kumar, Vassilvitskii, VLDB 2012). Rounds of D^2
 * sampling draw candidates, about 2k a round; each is weighted by the customers nearest to it; each model
 * draws its k centroids from them by weighted k-means++ (Arthur and Vassilvitskii, SODA 2007), the best of a
 * few draws a step. */
#ifndef LOHKO_CLUSTER_SEED_H
#define LOHKO_CLUSTER_SEED_H

#include <stdint.h>

#include "cluster/panel.h"
#include "core/status.h"

/* Candidates that the usual rounds draw, in multiples of k. */
enum { SEED_CANDIDATES = 10 };

/* Sets the centroids of every model of the panel, from its members; model m draws with (seed, m). *distinct:
 * how many different customers were found; where it is less than k there are no more among the members, and
 * no centroids were set. Collective. */
status_t seed_panel(struct panel *panel, uint64_t seed, int64_t *distinct)
    __attribute__((warn_unused_result));

/* Sets the centroids of every model of the panel, whoever its members are, from as many customers as a batch
 * of `batch` has, but no fewer than MINIBATCH_BLOCKS blocks, and more while they do not hold k different
 * ones. Collective. EXIT_BAD_DATA where fewer than k different customers exist. */
status_t seed_models(struct panel *panel, int64_t batch, uint64_t seed) __attribute__((warn_unused_result));

#endif
