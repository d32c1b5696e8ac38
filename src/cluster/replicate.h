/* K-means once more, many times, with other weights of the customers: bootstrap replicates, and halves.
 *
 * Learned by the rules of kmeans.h: each draws as many starts from the same candidates, learns on the same
 * mini-batches and is polished on everybody. But it is the first mini-batch that decides between the starts:
 * every few passes over it the worse half of them is given up. And the swap search is left out: where only
 * that has found the optimum, replicates end elsewhere more often, and agree less than they might. (The
 * segments of all customers as one more start would win nearly always: with many customers the best optimum
 * for all is the best for a replicate too, whatever k is, and stability would tell nothing.) */
#ifndef LOHKO_CLUSTER_REPLICATE_H
#define LOHKO_CLUSTER_REPLICATE_H

#include <stdint.h>

#include "cluster/kmeans.h"
#include "cluster/weighting.h"
#include "core/status.h"
#include "data/customers.h"

struct replicates {
    int64_t k;
    double spread;                     /* inertia a customer to be expected: that of kmeans_run */
    int64_t taken;                     /* kmeans_result's */
    const struct weighting *weighting; /* count */
    int64_t count;
    double *centroid; /* count x k x features: found; room is the caller's, as for the next */
    double *inertia;  /* count: found where weights are WEIGHTING_ONE; NULL: not asked for */
    int64_t done;     /* learned so far */
    /* What it cost: passes over the first mini-batch, over larger ones, over all customers; and on this rank:
     */
    int64_t passes[3];
    int64_t visited;  /* model x customers */
    int64_t assigned; /* of them, those that were looked at */
};

/* With the settings that kmeans_run had for the same customers. The memory does not grow with the number of
 * replicates. With polish, a replicate with fewer different customers than k has fewer segments: some of
 * its centroids are alike. Collective. */
status_t replicates_learn(const struct customers *customers, const struct preparation *preparation,
                          const struct kmeans_settings *settings, struct replicates *replicates)
    __attribute__((warn_unused_result));

#endif
