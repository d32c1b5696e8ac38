/* Weighted k-means++ on candidates (Arthur and Vassilvitskii, SODA 2007): each centroid is drawn with
 * probability in proportion to weight x squared distance to those chosen before, the best of a few draws a
 * step. Local: the same arithmetic, and so the same centroids, on whichever rank does it. */
#ifndef LOHKO_CLUSTER_RECLUSTER_H
#define LOHKO_CLUSTER_RECLUSTER_H

#include <stdint.h>

#include "core/status.h"

struct candidates {
    int64_t count;
    int64_t capacity;
    double *point;   /* count x features */
    int64_t *weight; /* customers nearest to each */
};

struct recluster {
    const struct candidates *candidates;
    int64_t features;
    uint64_t seed;
    int64_t model; /* draws are keyed by (seed, model) */
    uint32_t draws;
    double *distance; /* of each candidate: squared, to the nearest chosen one */
    double *trial;    /* the same if the candidate on trial were chosen */
    double *best;
};

status_t recluster_open(struct recluster *recluster, const struct candidates *candidates, int64_t features,
                        uint64_t seed) __attribute__((warn_unused_result));
void recluster_close(struct recluster *recluster);

/* Draws `centroid` (k x features) for recluster->model. There are at least k candidates. */
void recluster_choose(struct recluster *recluster, int64_t model, int64_t k, double *centroid);

#endif
