/* The tree of the segments themselves: which are siblings, and the way to each from the root. */
#ifndef LOHKO_CLUSTER_SEGMENT_TREE_H
#define LOHKO_CLUSTER_SEGMENT_TREE_H

#include <stdint.h>

#include "cluster/dendrogram.h"
#include "cluster/segments.h"
#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"

/* The weighted Ward tree of the segments' means: leaf h is segment h. On every rank. Collective. */
status_t segment_tree_ward(struct comm *comm, struct log *log, const struct segmentation *segments,
                           struct dendrogram *tree) __attribute__((warn_unused_result));

/* Ways from the root. At every fork A is the side with more customers, B the other; with equally many, A is
 * that with the lowest segment number. */
struct segment_paths {
    int64_t segments;
    int64_t longest; /* letters */
    int64_t *above;  /* the node over each node; -1 over the root */
    char *letter;    /* of each node, at the fork above it */
};

/* `size` (tree->leaves): customers of each segment. Local. */
status_t segment_paths_open(struct segment_paths *paths, const struct dendrogram *tree, const int64_t *size)
    __attribute__((warn_unused_result));
void segment_paths_close(struct segment_paths *paths);

/* The letters from the root to a segment, at text[0 .. longest], ended by a NUL; none for the only segment.
 * Local. */
void segment_path(const struct segment_paths *paths, int64_t segment, char *text);

#endif
