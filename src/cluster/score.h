/* A customer's place among the segments: nearest, second nearest, how near, how clear. Local. */
#ifndef LOHKO_CLUSTER_SCORE_H
#define LOHKO_CLUSTER_SCORE_H

#include <stdint.h>

#include "data/customers.h"
#include "data/results.h"
#include "kernel/tile.h"

struct score {
    const struct customers *customers;
    struct tile_centroids centroids; /* k, features, centroid */
};

/* An assignments_maker; `context` is a struct score. Customers left out get segment and runner-up -1,
 * distance and shadow NaN; with one segment the runner-up is -1 and the shadow 0. shadow = 2 d1 / (d1 + d2).
 */
void score_blocks(void *context, int64_t first, int64_t count, const struct assignments *piece);

#endif
