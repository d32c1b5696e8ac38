/* The float filter with its products from OpenBLAS: worth it where features times centroids are many. Gives
 * what kernels.filter gives, but for the last bits of the scores, which decide nothing. */
#ifndef LOHKO_KERNEL_GEMM_H
#define LOHKO_KERNEL_GEMM_H

#include <stddef.h>

#include "kernel/tile.h"

enum { GEMM_CENTROIDS = 128 };

/* Scratch, which belongs to the caller. */
struct gemm {
    float *x;                 /* features x KERNEL_TILES x KERNEL_LANES */
    float *product;           /* GEMM_CENTROIDS x KERNEL_TILES x KERNEL_LANES */
    struct tile_state *state; /* KERNEL_TILES */
};

/* As kernels.filter; count <= KERNEL_TILES. */
void gemm_filter(const struct kernels *kernels, const struct gemm *gemm, const float *tiles,
                 const uint8_t *list, int count, const struct tile_centroids *centroids,
                 struct tile_found *found);

/* The environment variable LOHKO_NEAREST forces the way to the nearest centroid, for tests. */
enum gemm_wish { GEMM_MEASURED, GEMM_NEVER /* tiles */, GEMM_ALWAYS /* openblas */, GEMM_UNKNOWN };
enum gemm_wish gemm_wish(void);

/* The processor that OpenBLAS takes this machine for; its threads are limited to one, for a rank is a core.
 */
const char *gemm_prepare(void);

#endif
