/* The nearest of thousands of centroids, for many customers. Each rank has its own tree of the centroids.
 * Local unless marked. */
#ifndef LOHKO_CLUSTER_LEAF_SEARCH_H
#define LOHKO_CLUSTER_LEAF_SEARCH_H

#include <stdint.h>

#include "cluster/neighbours.h"
#include "core/node.h"
#include "core/status.h"
#include "data/customers.h"

struct leaf_search {
    struct comm *comm; /* that may be asked to stop */
    struct node node;  /* this rank alone */
    struct neighbours all;
    int32_t *slot; /* count: of each centroid in the tree */
    /* For hints: means of runs of slots, and the centroids of each run, in the order of slots. */
    int64_t run;
    struct tile_centroids coarse;
    struct tile_centroids *fine; /* coarse.k */
    double *centroid;            /* coarse.k + count of them */
    float *narrow;
    float *half_square;
};

/* Customers in rows, in any order. */
struct leaf_rows {
    int64_t count;
    float *value;   /* count x features */
    int32_t *leaf;  /* count: a centroid that may be near, -1 where nothing is known; then the nearest */
    double *square; /* count: squared distance to it */
    int32_t *order; /* count: room */
};

/* Centroids: count x features. Collective. */
status_t leaf_search_open(struct leaf_search *search, struct comm *comm, struct log *log,
                          const double *centroid, int64_t count, int64_t features)
    __attribute__((warn_unused_result));
void leaf_search_close(struct leaf_search *search);

/* Finds the nearest centroids: exact, the lowest number on a tie. */
status_t leaf_search_rows(struct leaf_search *search, struct leaf_rows *rows)
    __attribute__((warn_unused_result));

/* A centroid somewhere near each customer of a block. hint: BLOCK_ROWS. */
void leaf_search_hint(const struct leaf_search *search, const struct kernels *kernels,
                      const struct block *block, int32_t *hint);
/* From centroids somewhere near (those of leaf_search_hint) to nearer ones, for leaf_search_rows to begin
 * with. */
status_t leaf_search_refine(const struct leaf_search *search, const struct kernels *kernels,
                            struct leaf_rows *rows) __attribute__((warn_unused_result));

#endif
