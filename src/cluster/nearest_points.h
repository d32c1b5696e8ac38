/* For places that are no points of a tree, the nearest ones that are. */
#ifndef LOHKO_CLUSTER_NEAREST_POINTS_H
#define LOHKO_CLUSTER_NEAREST_POINTS_H

#include <stdint.h>

#include "cluster/linkage.h"
#include "core/status.h"

/* Alike on every rank. Where a place is: in a row of `value` (customers, of which there may be many), or else
 * of `mean`, which floats do not hold. */
struct idle {
    int64_t count;
    int32_t *place; /* count: the rows, near ones together where there are many */
    int32_t *hint;  /* count: a point that may be near */
    const float *value;
    const double *mean;
};

/* The nearest point of each idle place by squared distance in double, the lowest on a tie; on every rank.
 * *nearest (idle->count) is allocated here and owned by the caller. The points, at least one, have sizes of 1
 * and stay as they are. The memory besides is that of linkage_points_bytes. Collective over points->comm. */
status_t nearest_points(struct points *points, const struct idle *idle, int32_t **nearest)
    __attribute__((warn_unused_result));

#endif
