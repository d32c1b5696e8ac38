#include "cluster/nearest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/memory.h"

enum { TRIALS = 3 };

status_t nearest_open(struct nearest *nearest, const struct customers *customers)
{
    *nearest = (struct nearest){.kernels = customers->kernels, .features = customers->features};
    struct gemm *gemm = &nearest->gemm;
    gemm_prepare();
    for (int t = 0; t < BLOCK_TILES; t++)
        nearest->all[t] = (uint8_t)t;
    status_t status = memory_new(&gemm->x, nearest->features * BLOCK_ROWS, sizeof *gemm->x, "a block");
    if (!status)
        status = memory_new(&gemm->product, (int64_t)GEMM_CENTROIDS * BLOCK_ROWS, sizeof *gemm->product,
                            "a block's scores");
    if (!status)
        status = memory_new(&gemm->state, KERNEL_TILES, sizeof *gemm->state, "a block's scores");
    return status;
}

void nearest_close(struct nearest *nearest)
{
    free(nearest->gemm.x);
    free(nearest->gemm.product);
    free(nearest->gemm.state);
    *nearest = (struct nearest){.kernels = NULL};
}

int nearest_tiles_of(const struct block *block)
{
    return (block->rows + TILE_ROWS - 1) / TILE_ROWS;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void filter(struct nearest *nearest, const struct block *block, const uint8_t *list, int count,
                   const struct tile_centroids *centroids, enum nearest_way way)
{
    /* Where most of a block is looked at, so is most of the next one, presumably. */
    bool most = 4 * count >= 3 * nearest_tiles_of(block);
    if (way == NEAREST_GEMM)
        gemm_filter(nearest->kernels, &nearest->gemm, block->tiles, list, count, centroids, nearest->found);
    else
        nearest->kernels->filter(block->tiles, list, count, centroids, most ? block->ahead : NULL,
                                 nearest->found);
}

static double best_seconds(struct nearest *nearest, const struct block *block, const uint8_t *list, int count,
                           const struct tile_centroids *centroids, enum nearest_way way)
{
    double best = 0.0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double begun = seconds_now();
        filter(nearest, block, list, count, centroids, way);
        double taken = seconds_now() - begun;
        best = trial == 0 || taken < best ? taken : best;
    }
    return best / (double)(count * TILE_ROWS);
}

static void decide_way(struct nearest *nearest, const struct block *block, const uint8_t *list, int count,
                       const struct tile_centroids *centroids)
{
    nearest->seconds[0] = best_seconds(nearest, block, list, count, centroids, NEAREST_TILES);
    nearest->seconds[1] = best_seconds(nearest, block, list, count, centroids, NEAREST_GEMM);
    bool gemm = nearest->seconds[1] < nearest->seconds[0];
    if (gemm_wish() != GEMM_MEASURED)
        gemm = gemm_wish() == GEMM_ALWAYS;
    nearest->way = gemm ? NEAREST_GEMM : NEAREST_TILES;
}

/* What float could not tell is told in double; who takes no part gets -1. */
static void settle(struct nearest *nearest, const struct block *block, int tile, struct tile_found *found,
                   const struct tile_centroids *centroids)
{
    uint16_t left_out = block->left_out[tile];
    unsigned ask = found->undecided & (unsigned)~left_out;
    if (ask != 0) {
        struct tile_two two;
        nearest->kernels->two(block->tiles + tile * nearest->features * TILE_ROWS, centroids, &two);
        for (; ask != 0; ask &= ask - 1) {
            int lane = __builtin_ctz(ask);
            found->nearest[lane] = two.nearest[lane];
            nearest->undecided++;
        }
    }
    for (int lane = 0; left_out && lane < TILE_ROWS; lane++) {
        if (left_out >> lane & 1)
            found->nearest[lane] = -1;
    }
}

void nearest_tiles(struct nearest *nearest, const struct block *block, const uint8_t *list, int count,
                   const struct tile_centroids *centroids)
{
    if (count == 0)
        return;
    if (nearest->way == NEAREST_UNDECIDED)
        decide_way(nearest, block, list, count, centroids);
    filter(nearest, block, list, count, centroids, nearest->way);
    for (int i = 0; i < count; i++)
        settle(nearest, block, list[i], &nearest->found[i], centroids);
}

void nearest_block(struct nearest *nearest, const struct block *block, const struct tile_centroids *centroids,
                   int32_t *label)
{
    int tiles = nearest_tiles_of(block);
    nearest_tiles(nearest, block, nearest->all, tiles, centroids);
    for (int64_t t = 0; t < tiles; t++)
        memcpy(label + t * TILE_ROWS, nearest->found[t].nearest, sizeof nearest->found[t].nearest);
    memset(label + (int64_t)tiles * TILE_ROWS, -1, (size_t)(BLOCK_TILES - tiles) * TILE_ROWS * sizeof *label);
}
