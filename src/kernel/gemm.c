#include "kernel/gemm.h"

#include <stdlib.h>
#include <string.h>

#include <cblas.h>

enum gemm_wish gemm_wish(void)
{
    const char *wish = getenv("LOHKO_NEAREST");
    if (!wish)
        return GEMM_MEASURED;
    return strcmp(wish, "tiles") == 0      ? GEMM_NEVER
           : strcmp(wish, "openblas") == 0 ? GEMM_ALWAYS
                                           : GEMM_UNKNOWN;
}

const char *gemm_prepare(void)
{
    openblas_set_num_threads(1);
    return openblas_get_corename();
}

/* The listed tiles side by side: a features x (count x KERNEL_LANES) matrix. */
static void gather(const float *tiles, const uint8_t *list, int count, int64_t features, float *x)
{
    int64_t width = (int64_t)count * KERNEL_LANES;
    for (int i = 0; i < count; i++) {
        const float *tile = tiles + list[i] * features * KERNEL_LANES;
        for (int64_t f = 0; f < features; f++)
            memcpy(x + f * width + (int64_t)i * KERNEL_LANES, tile + f * KERNEL_LANES,
                   KERNEL_LANES * sizeof *x);
    }
}

void gemm_filter(const struct kernels *kernels, const struct gemm *gemm, const float *tiles,
                 const uint8_t *list, int count, const struct tile_centroids *centroids,
                 struct tile_found *found)
{
    int d = (int)centroids->features;
    int width = count * KERNEL_LANES;
    gather(tiles, list, count, d, gemm->x);
    kernels->begin(count, gemm->state);
    for (int64_t h = 0; h < centroids->k; h += GEMM_CENTROIDS) {
        int64_t some = centroids->k - h < GEMM_CENTROIDS ? centroids->k - h : GEMM_CENTROIDS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)some, width, d, 1.0F,
                    centroids->narrow + h * d, d, gemm->x, width, 0.0F, gemm->product, width);
        kernels->take(gemm->product, width, centroids, h, some, count, gemm->state);
    }
    kernels->finish(gemm->state, tiles, list, count, centroids, found);
}
