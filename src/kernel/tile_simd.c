/* The float filter: which centroid is nearest, where float can tell. Nothing here decides an answer on its
 * own, so this is the one file that is compiled with contraction of multiplications and additions allowed. */
#include <math.h>

#include "kernel/tile.h"

typedef float lanes __attribute__((vector_size(KERNEL_LANES * sizeof(float))));
typedef int32_t choice __attribute__((vector_size(KERNEL_LANES * sizeof(int32_t))));

enum { GROUP = 4 }; /* centroids at a time: independent sums hide the latency of the multiply-adds */

/* |c|^2/2 - x.c of GROUP centroids from h on: half the squared distance but for |x|^2/2, which all centroids
 * share. */
static inline __attribute__((always_inline)) void
score_group(const lanes *x, const struct tile_centroids *centroids, int64_t h, lanes score[GROUP])
{
    int64_t d = centroids->features;
    const float *c = centroids->narrow + h * d;
    for (int g = 0; g < GROUP; g++)
        score[g] = (lanes){0} + centroids->half_square[h + g];
    for (int64_t f = 0; f < d; f++) {
        for (int g = 0; g < GROUP; g++)
            score[g] -= x[f] * c[g * d + f];
    }
}

static inline __attribute__((always_inline)) lanes
score_one(const lanes *x, const struct tile_centroids *centroids, int64_t h)
{
    int64_t d = centroids->features;
    lanes score = (lanes){0} + centroids->half_square[h];
    for (int64_t f = 0; f < d; f++)
        score -= x[f] * centroids->narrow[h * d + f];
    return score;
}

/* C has no ?: on vectors; loops over the lanes compile to the same selections. */
static inline __attribute__((always_inline)) void take(lanes score, int64_t h, lanes *best, lanes *second,
                                                       choice *nearest)
{
    lanes b = *best;
    lanes s = *second;
    choice n = *nearest;
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        float runner_up = score[lane] < s[lane] ? score[lane] : s[lane];
        s[lane] = runner_up > b[lane] ? runner_up : b[lane];
        n[lane] = score[lane] < b[lane] ? (int32_t)h : n[lane];
        b[lane] = score[lane] < b[lane] ? score[lane] : b[lane];
    }
    *best = b;
    *second = s;
    *nearest = n;
}

KERNEL_VERSIONS unsigned tile_filter(const float *tile, const struct tile_centroids *centroids,
                                     const float norm[KERNEL_LANES], int32_t nearest[KERNEL_LANES])
{
    const lanes *x = (const lanes *)__builtin_assume_aligned(tile, sizeof(lanes));
    lanes best = (lanes){0} + INFINITY;
    lanes second = best;
    choice chosen = {0};
    int64_t h = 0;
    for (; h + GROUP <= centroids->k; h += GROUP) {
        lanes score[GROUP];
        score_group(x, centroids, h, score);
        for (int g = 0; g < GROUP; g++)
            take(score[g], h + g, &best, &second, &chosen);
    }
    for (; h < centroids->k; h++)
        take(score_one(x, centroids, h), h, &best, &second, &chosen);
    unsigned undecided = 0;
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        float reach = norm[lane] + centroids->largest;
        float gap = centroids->gap_constant + centroids->gap_linear * norm[lane] +
                    centroids->gap_square * reach * reach;
        nearest[lane] = chosen[lane];
        /* written so that a NaN (two infinite scores) is undecided */
        undecided |= (unsigned)!(second[lane] - best[lane] > gap) << lane;
    }
    return undecided;
}
