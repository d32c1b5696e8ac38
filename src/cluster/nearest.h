/* The nearest centroid of every customer of a block: float decides where it can, double where it cannot.
 * Float works in vector registers tile by tile, or by matrix products of OpenBLAS: the first block decides
 * which, by the clock; the labels are the same. Local. */
#ifndef LOHKO_CLUSTER_NEAREST_H
#define LOHKO_CLUSTER_NEAREST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "data/customers.h"
#include "kernel/gemm.h"
#include "kernel/tile.h"

enum nearest_way { NEAREST_UNDECIDED, NEAREST_TILES, NEAREST_GEMM };

struct nearest {
    const struct kernels *kernels;
    int64_t features;
    enum nearest_way way;
    double seconds[2]; /* a customer, by tiles and by matrix products, when the first block decided */
    struct gemm gemm;
    int64_t undecided; /* customers that the float filter left to double, so far */
    uint8_t all[BLOCK_TILES];
    struct tile_found found[BLOCK_TILES];
};

status_t nearest_open(struct nearest *nearest, const struct customers *customers)
    __attribute__((warn_unused_result));
void nearest_close(struct nearest *nearest);

/* Labels of the `count` tiles `list` of a block, in nearest->found[0 .. count), -1 for customers that are
 * left out. */
void nearest_tiles(struct nearest *nearest, const struct block *block, const uint8_t *list, int count,
                   const struct tile_centroids *centroids);

/* The labels of a whole block: BLOCK_ROWS. */
void nearest_block(struct nearest *nearest, const struct block *block, const struct tile_centroids *centroids,
                   int32_t *label);

/* Tiles of a block that hold customers. */
int nearest_tiles_of(const struct block *block);

#endif
