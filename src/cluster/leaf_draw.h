/* Draws customers of a sample in proportion to their squared distance from the nearest centroid, without
 * replacement: by priority, the squared distance over a uniform number (Duffield, Lund and Thorup, J. ACM
 * 2007), the largest first. The number is keyed by the customer's row, so the draw does not depend on ranks.
 * Of customers at the same place only one is drawn. */
#ifndef LOHKO_CLUSTER_LEAF_DRAW_H
#define LOHKO_CLUSTER_LEAF_DRAW_H

#include <stdint.h>

#include "cluster/leaf_search.h"
#include "cluster/row_set.h"
#include "core/comm.h"
#include "core/status.h"

struct leaf_draw {
    struct comm *comm;
    uint64_t seed;
    uint32_t round; /* another draw, other numbers */
    int64_t features;
    int64_t wanted;
    struct row_set taken; /* drawn: at most `wanted` */
};

/* All fields down to `wanted` are set by the caller. row: the global row of each of `rows`; those at a
 * squared distance of 0 are not drawn, and infinite ones all alike. Collective. */
status_t leaf_draw_open(struct leaf_draw *draw, const struct leaf_rows *rows, const int64_t *row)
    __attribute__((warn_unused_result));
void leaf_draw_close(struct leaf_draw *draw);

#endif
