/* The tree that merges make, in the form of SciPy's linkage matrix, and cuts of it. Local. */
#ifndef LOHKO_CLUSTER_DENDROGRAM_H
#define LOHKO_CLUSTER_DENDROGRAM_H

#include <stdint.h>

#include "cluster/linkage.h"
#include "core/status.h"

/* Nodes 0 .. leaves - 1 are the leaves; node leaves + i is what row i of the matrix makes. */
struct dendrogram {
    int64_t leaves;
    double *linkage; /* (leaves - 1) x 4: the two nodes, the lower first; height; leaves underneath */
};

/* Rows by height; merges of one height in the order given. `merge` (leaves - 1) is reordered. */
status_t dendrogram_build(struct dendrogram *tree, int64_t leaves, struct merge *merge)
    __attribute__((warn_unused_result));
void dendrogram_free(struct dendrogram *tree);

/* The cut into `clusters` of them (1 .. leaves): what the tree is without its last clusters - 1 merges.
 * cluster: leaves; numbers 0 .. clusters - 1 by lowest leaf. */
status_t dendrogram_cut(const struct dendrogram *tree, int64_t clusters, int32_t *cluster)
    __attribute__((warn_unused_result));

/* The tree above that cut: its leaves are the clusters, under the numbers 0 .. clusters - 1 that `cluster`
 * (tree->leaves; one cluster's leaves alike) gives them. */
status_t dendrogram_top(const struct dendrogram *tree, int64_t clusters, const int32_t *cluster,
                        struct dendrogram *top) __attribute__((warn_unused_result));

#endif
