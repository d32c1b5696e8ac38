/* K-means that begins where an earlier segmentation ended. */
#ifndef LOHKO_CLUSTER_WARM_H
#define LOHKO_CLUSTER_WARM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "data/customers.h"

/* An earlier segmentation in the prepared units of the customers. */
struct warm_start {
    int64_t k;
    const double *centroid; /* k x features */
    const int64_t *size;    /* k: customers that it had */
    int64_t customers;      /* in all */
    double inertia;         /* of them; NaN where it is not known */
};

/* The earlier centroids are worth more than their inertia says: everyone knows the segments. They stay where
 * they are so long as nothing better by this share is found, and in any case where the customers are those
 * that they were learned from: as many, and with the same inertia, whose sums are exact, to the last bit. */
#define WARM_WORTH 1e-3

struct warm {
    double *centroid; /* k x features: where the passes ended; owned */
    double inertia;
    bool converged;
    double *standing; /* k x features: the earlier centroids themselves; NULL where they are not k; owned */
    bool stands;      /* there are k, and each still has customers */
    double standing_inertia;
    bool same_customers; /* as those of the earlier segmentation */
};

/* k segments by full passes over all customers from the earlier centroids: the largest k of them, or all and
 * others where customers are far from theirs. `polish` and `tolerance` as in kmeans.h: without polish nothing
 * is learned, and one pass only measures the centroids as they are; where one has no customers, all move once
 * and that one is filled again (lloyd.h). batch, seed: for candidates. Collective. */
status_t warm_learn(const struct customers *customers, const struct preparation *preparation,
                    const struct warm_start *start, int64_t k, bool polish, double tolerance, int64_t batch,
                    uint64_t seed, struct warm *warm) __attribute__((warn_unused_result));
void warm_free(struct warm *warm);

#endif
