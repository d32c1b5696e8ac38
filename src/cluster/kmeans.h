/* k-means over all ranks: seeding, mini-batches, full passes to convergence, the best of several restarts.
 *
 * The result depends on the customers and the settings alone, not on the number of ranks. Collective
 * throughout. */
#ifndef LOHKO_CLUSTER_KMEANS_H
#define LOHKO_CLUSTER_KMEANS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/segments.h"
#include "core/status.h"
#include "data/customers.h"

struct kmeans_settings {
    int64_t k;
    int64_t batch; /* customers in the first mini-batch, over all ranks */
    int64_t restarts;
    bool polish;
    double tolerance; /* on the squared centroid shift, relative to the mean feature variance */
    uint64_t seed;
};

struct kmeans_result {
    struct segmentation segments; /* by falling size (ties: by centroid, lexicographically) */
    int64_t restarts;
    double *restart_inertia; /* of each restart after its last pass */
    int64_t best_restart;
    int64_t batches;    /* mini-batch steps */
    int64_t passes;     /* full passes of the panel */
    int64_t swaps;      /* single centroids moved far that made the best restart better (swap.h) */
    int64_t refills;    /* segments without customers that were given one */
    bool converged;     /* the best restart met the tolerance */
    int64_t step_bytes; /* that one reduction of the whole panel carries */
    bool by_gemm;       /* nearest centroids came from OpenBLAS, on this rank */
    double seconds[2];  /* a customer, in vector registers and by OpenBLAS, when that was decided */
    int64_t visited;    /* model x customers of all passes, on this rank */
    int64_t assigned;   /* of them, those that were looked at: the others could not have changed */
    int64_t undecided;  /* of them, those that float could not decide */
};

status_t kmeans_run(const struct customers *customers, const struct preparation *preparation,
                    const struct kmeans_settings *settings, struct kmeans_result *result)
    __attribute__((warn_unused_result));
void kmeans_free(struct kmeans_result *result);

#endif
