/* Every customer as a leaf of a tree, and those at the same place as one point. */
#ifndef LOHKO_CLUSTER_PLACES_H
#define LOHKO_CLUSTER_PLACES_H

#include <stdint.h>

#include "cluster/linkage.h"
#include "core/node.h"
#include "core/status.h"
#include "data/customers.h"
#include "data/row_numbers.h"

struct places {
    int64_t leaves; /* customers that take part, in row order */
    int32_t *twin;  /* leaves: the lowest leaf at the same place; shared by the node, like the next */
    int32_t *point; /* leaves: the number of the place, in the order of lowest leaves; only at those */
    struct points points;
};

/* `leaf` (as in hierarchy_result, with room for all customers; may be NULL) is filled in. The memory is the
 * node's. Collective. */
status_t places_open(struct places *places, const struct customers *customers, struct node *node,
                     struct row_numbers *leaf) __attribute__((warn_unused_result));

/* Writes the leaves - points.count merges at height 0, a balanced tree for each place in row order, and after
 * them `merge` with leaves in the place of points: leaves - 1 in all. Local. */
status_t places_merges(const struct places *places, const struct merge *merge, struct merge *all)
    __attribute__((warn_unused_result));

/* Bytes on a node. Local. */
double places_bytes(int64_t customers, int64_t features);

#endif
