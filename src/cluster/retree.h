/* Trees over the same leaves when customers count otherwise: of a bootstrap replicate, or of half of them.
 *
 * A leaf stays where it is (the mean of its customers, or the customer) and weighs what its customers weigh
 * together. Leaves that weigh nothing are no part of such a tree; in a cut they go with the nearest leaf that
 * is (the lowest on a tie). Leaves that are customers at one place are one point, which weighs something if
 * any of them does. The same on any number of ranks. */
#ifndef LOHKO_CLUSTER_RETREE_H
#define LOHKO_CLUSTER_RETREE_H

#include <stdint.h>

#include "cluster/hierarchy.h"
#include "cluster/weighting.h"
#include "core/node.h"
#include "core/status.h"
#include "data/customers.h"

/* Where the leaves are; alike on every rank. What it points to must outlive it. */
struct retree {
    const struct customers *customers;
    const struct preparation *preparation;
    enum linkage linkage;
    /* its leaves, leaf, and where they are not customers leaf_centroid: */
    const struct hierarchy_result *tree;
    struct node node;
    int64_t places; /* different ones: points of a tree in which all weigh something */
    /* Where every customer is a leaf, shared by the node; else NULL, and each leaf is a place: */
    int32_t *place; /* leaves: of each, in the order of the lowest leaves */
    int32_t *order; /* places, near ones together */
    float *value;   /* places x features */
};

/* Collective. */
status_t retree_open(struct retree *retree, const struct customers *customers,
                     const struct preparation *preparation, enum linkage linkage,
                     const struct hierarchy_result *tree) __attribute__((warn_unused_result));
/* Also after a retree_open that failed. Collective. */
void retree_close(struct retree *retree);

/* Grows one tree and cuts it into clusters[c] (1 .. leaves) for each of `cuts`. segment: cuts x leaves, on
 * every rank: numbers 0 .. clusters[c] - 1, by lowest leaf of those that weigh something; where fewer
 * different leaves weigh something there are only as many clusters. weight: leaves, on every rank. With
 * nobody weighing anything all are in cluster 0. It says nothing to the customers' log. Collective. */
status_t retree_grow(struct retree *retree, const struct weighting *weighting, int64_t cuts,
                     const int64_t *clusters, int32_t *segment, int64_t *weight)
    __attribute__((warn_unused_result));

/* Bytes that it takes on each rank beside the tree itself, with its cuts but without `segment` and `weight`;
 * `ranks_here` of the `ranks` on a node. Local. */
double retree_bytes(const struct hierarchy_settings *settings, int64_t customers, int64_t features,
                    int64_t cuts, int ranks, int ranks_here);

#endif
