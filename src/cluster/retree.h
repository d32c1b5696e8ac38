/* Trees over the same leaves when customers count otherwise: of a bootstrap replicate, or of half of them.
 *
 * A leaf stays where it is (the mean of its customers, or the customer) and weighs what its customers weigh
 * together. Leaves that weigh nothing are no part of such a tree; in a cut they go with the nearest leaf that
 * is (the lowest on a tie). The same on any number of ranks. */
#ifndef LOHKO_CLUSTER_RETREE_H
#define LOHKO_CLUSTER_RETREE_H

#include <stdint.h>

#include "cluster/hierarchy.h"
#include "cluster/weighting.h"
#include "core/status.h"
#include "data/customers.h"

/* Where the leaves are, and how many customers each has; alike on every rank. */
struct retree {
    const struct customers *customers;
    const struct preparation *preparation;
    enum linkage linkage;
    const struct hierarchy_result
        *tree; /* leaves, leaf, and where they are not customers leaf_centroid, leaf_size */
    /* what it needs besides */
};

status_t retree_open(struct retree *retree, const struct customers *customers,
                     const struct preparation *preparation, enum linkage linkage,
                     const struct hierarchy_result *tree) __attribute__((warn_unused_result));
void retree_close(struct retree *retree);

/* Grows one tree and cuts it into clusters[c] (1 .. leaves) for each of `cuts`. segment: cuts x leaves, on
 * every rank: numbers 0 .. clusters[c] - 1, by lowest leaf of those that weigh something; where fewer
 * different leaves weigh something there are only as many clusters. weight: leaves, on every rank. With
 * nobody weighing anything all are in cluster 0. Collective. */
status_t retree_grow(struct retree *retree, const struct weighting *weighting, int64_t cuts,
                     const int64_t *clusters, int32_t *segment, int64_t *weight)
    __attribute__((warn_unused_result));

/* Bytes that it takes on each rank beside the tree itself. Local. */
double retree_bytes(const struct hierarchy_settings *settings, int64_t customers, int64_t features,
                    int64_t cuts, int ranks, int ranks_here);

#endif
