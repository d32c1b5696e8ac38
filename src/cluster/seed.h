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

#endif
