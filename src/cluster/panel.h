/* A panel of k-means models that learn side by side: a pass reads each block of customers once, and while it
 * is in cache every model that is still learning assigns it and adds to its sums. One fused reduction a pass
 * carries the sums and counts of all of them.
 *
 * Sums are exact: prepared values are multiples of their feature's quantum (data/prepare.h) and travel as
 * integers. A pass needs no distances: with S_h and n_h the exact sum and count of segment h and |X|^2 the
 * exact sum of squared norms, the inertia is |X|^2 - 2 sum c_h.S_h + sum n_h |c_h|^2, evaluated in 113 bits.
 */
#ifndef LOHKO_CLUSTER_PANEL_H
#define LOHKO_CLUSTER_PANEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/exactsum.h"
#include "core/status.h"
#include "data/customers.h"
#include "kernel/tile.h"

struct model {
    int64_t k;
    bool learning;    /* takes part in passes */
    double *centroid; /* k x features */
    double *sum;      /* k x features: of the last pass, over all ranks */
    int64_t *count;   /* k: customers, likewise */
    double inertia;   /* of the last pass: to the centroids that it was made with */
    float *narrow;    /* for the kernel */
    float *half_square;
};

struct panel {
    const struct customers *customers;
    const struct preparation *preparation; /* quanta */
    struct model *model;
    int64_t count;
    struct tile_centroids *centroids; /* of each model, as the kernels want them */
    int64_t *wire;                    /* the fused reduction */
    int64_t wire_size;
    double squares[2]; /* of the last pass: sum of squared norms, an unevaluated pair */
    int64_t passed;    /* customers that the last pass visited, over all ranks */
    int64_t undecided; /* model x customers that the float filter left to double, on this rank, ever */
    int64_t decided;   /* model x customers assigned on this rank, ever */
};

/* `count` models of k segments each. */
status_t panel_open(struct panel *panel, const struct customers *customers,
                    const struct preparation *preparation, int64_t count, int64_t k)
    __attribute__((warn_unused_result));
void panel_close(struct panel *panel);

/* One pass of all learning models over the chosen blocks (global numbers, rising; NULL: all): sets sum,
 * count, inertia. Collective. */
status_t panel_pass(struct panel *panel, const int64_t *chosen, int64_t count)
    __attribute__((warn_unused_result));

/* Moves the centroids of a model to the means of their customers in the last pass; those without customers
 * stay. Returns the squared length of the whole move. Local, alike on all ranks. */
double panel_move(const struct panel *panel, struct model *model);

/* Bytes that one reduction of all models carries. Local. */
int64_t panel_wire_bytes(const struct panel *panel);

/* The labels of this rank's customers under one model; -1 for those left out. `label`: block_count x
 * BLOCK_ROWS. Local. */
status_t panel_label(const struct panel *panel, int64_t model, int32_t *label)
    __attribute__((warn_unused_result));

/* The kernel's view of a model's centroids, narrowed. Local. */
struct tile_centroids panel_centroids(const struct panel *panel, struct model *model);

#endif
