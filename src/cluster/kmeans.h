/* K-means: seeds, mini-batches, polish, for several numbers of segments and several restarts of each in one
 * panel (panel.h); the best restart of each number is the result. Collective throughout. */
#ifndef LOHKO_CLUSTER_KMEANS_H
#define LOHKO_CLUSTER_KMEANS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/segments.h"
#include "cluster/warm.h"
#include "core/status.h"
#include "data/customers.h"

struct kmeans_settings {
    int64_t batch; /* customers in the first mini-batch, over all ranks */
    int64_t restarts;
    bool polish;
    double tolerance; /* on the squared centroid shift, relative to the mean feature variance */
    uint64_t seed;
    const struct warm_start *start; /* an earlier segmentation, from which one more start is made; or NULL */
};

struct kmeans_result {
    struct segmentation segments; /* by falling size (ties: by centroid, lexicographically); without labels */
    int64_t restarts;             /* with the start from an earlier segmentation, which is the last */
    double *restart_inertia;      /* of each restart after its last pass */
    double *restart_centroid;     /* restarts x k x features: before swaps */
    int64_t best_restart;
    int64_t taken;      /* blocks of each stratum in the last mini-batch (minibatch.h) */
    int64_t batches;    /* mini-batch steps; this and what follows: of the panel that it was learned in */
    int64_t passes;     /* full passes of the panel */
    int64_t swaps;      /* single centroids moved far that made the best restart better (swap.h) */
    int64_t refills;    /* segments without customers that were given one */
    bool converged;     /* the best restart met the tolerance */
    bool stood;         /* the earlier centroids stay where they are: nothing was better by WARM_WORTH */
    int64_t models;     /* of the panel */
    int64_t step_bytes; /* that one reduction of the whole panel carries */
    bool by_gemm;       /* nearest centroids came from OpenBLAS, on this rank */
    double seconds[2];  /* a customer, in vector registers and by OpenBLAS, when that was decided */
    int64_t visited;    /* model x customers of all passes, on this rank */
    int64_t assigned;   /* of them, those that were looked at: the others could not have changed */
    int64_t undecided;  /* of them, those that float could not decide */
};

/* A result for each of the `count` numbers k, in rising order: the same bytes as for that k alone. As many k
 * as can remember their customers in the memory that there is for it (panel_track_bytes) learn in the same
 * passes; the others after them. */
status_t kmeans_run(const struct customers *customers, const struct preparation *preparation,
                    const struct kmeans_settings *settings, const int64_t *k, int64_t count,
                    struct kmeans_result *results) __attribute__((warn_unused_result));
void kmeans_free(struct kmeans_result *result);

/* Customers in the first mini-batch for k segments. Local. */
int64_t kmeans_first_batch(const struct customers *customers, int64_t batch, int64_t k);

/* Bytes that the centroids and sums of models side by side may take. */
#define KMEANS_MODEL_BYTES 67108864.0

/* How many of `wanted` models of k segments, each the best of `starts`, are best learned side by side: those
 * that can all remember their customers; at least one. Local. */
int64_t kmeans_side_by_side(const struct customers *customers, int64_t k, int64_t starts, int64_t wanted);

#endif
