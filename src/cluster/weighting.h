/* How often customers count for a model: once, as often as a bootstrap replicate has drawn them, or once if
 * they are in its half. A weight depends on the seed, the draw and the global row alone. Local. */
#ifndef LOHKO_CLUSTER_WEIGHTING_H
#define LOHKO_CLUSTER_WEIGHTING_H

#include <stdint.h>

#include "data/customers.h"
#include "kernel/tile.h"

enum weighting_kind {
    WEIGHTING_ONE,       /* all weigh one */
    WEIGHTING_REPLICATE, /* Poisson(1) */
    WEIGHTING_FIRST_HALF,
    WEIGHTING_SECOND_HALF /* those that are not in the first half of the same index */
};

struct weighting {
    enum weighting_kind kind;
    uint64_t seed;
    int64_t index; /* of the replicate, or of the split into halves */
};

/* Weights of the 16 customers from global row `row` on: whole numbers, at most 12. */
void weighting_tile(const struct weighting *weighting, const struct kernels *kernels, int64_t row,
                    float weight[KERNEL_LANES]);

/* Draws of a block, of which four come together, for several weightings that look at it one after the other.
 */
struct weights {
    const struct kernels *kernels;
    struct weighting drawn; /* one of the four */
    int64_t block;
    uint64_t known; /* a bit for each tile */
    float weight[BLOCK_TILES][4][TILE_ROWS];
    float flipped[TILE_ROWS];
};

void weights_open(struct weights *weights, const struct kernels *kernels);

/* Weights of the customers of a tile. They stand until the next call. */
const float *weights_tile(struct weights *weights, const struct weighting *weighting,
                          const struct block *block, int tile);

#endif
