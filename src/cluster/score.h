/* A customer's place among the segments: its own, the nearest other, how near, how clear. Local. */
#ifndef LOHKO_CLUSTER_SCORE_H
#define LOHKO_CLUSTER_SCORE_H

#include <stdint.h>

#include "data/customers.h"
#include "data/results.h"
#include "data/row_numbers.h"
#include "kernel/tile.h"

struct score {
    const struct customers *customers;
    struct tile_centroids centroids; /* k, features, centroid */
    const struct row_numbers *label; /* of this rank's customers; none for those left out */
};

/* A block in its tiles, with the labels of its customers: BLOCK_ROWS entries of `piece`. The segment is the
 * label; the runner-up is the nearest of the others, the lowest number on a tie. With d1 and d2 the distances
 * to their centroids, shadow = 2 d1 / (d1 + d2): above 1 where the label is not that of the nearest centroid.
 * Customers left out (label -1) get segment and runner-up -1, distance and shadow NaN; with one segment the
 * runner-up is -1 and the shadow 0. */
void score_tiles(const struct kernels *kernels, const struct tile_centroids *centroids, const float *tiles,
                 const int32_t *label, const struct assignments *piece);

/* score_tiles of this rank's local blocks [first, first + count): BLOCK_ROWS entries of `piece` a block. A
 * failure is this rank's own. */
status_t score_blocks(const struct score *score, int64_t first, int64_t count,
                      const struct assignments *piece) __attribute__((warn_unused_result));

#endif
