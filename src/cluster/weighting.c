#include "cluster/weighting.h"

#include <stdbool.h>

#include "core/random.h"
#include "kernel/weights.h"

_Static_assert(BLOCK_TILES <= 64, "a bit for each tile");

static const float ones[TILE_ROWS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

void weights_open(struct weights *weights, const struct kernels *kernels)
{
    weights->kernels = kernels;
    weights->known = 0;
    weights->block = -1;
}

static bool are_halves(const struct weighting *weighting)
{
    return weighting->kind != WEIGHTING_REPLICATE;
}

static void draw(const struct weighting *weighting, const struct kernels *kernels, int64_t row,
                 float weight[4][KERNEL_LANES])
{
    bool halves = are_halves(weighting);
    kernels->weights(weighting->seed, halves ? RANDOM_HALF : RANDOM_REPLICATE, weighting->index / 4, row,
                     halves ? half_step : weight_step, halves ? HALF_STEPS : WEIGHT_STEPS, weight);
}

static void take(const struct weighting *weighting, const float *drawn, float *weight)
{
    bool flipped = weighting->kind == WEIGHTING_SECOND_HALF;
    for (int lane = 0; lane < KERNEL_LANES; lane++)
        weight[lane] = flipped ? 1.0F - drawn[lane] : drawn[lane];
}

void weighting_tile(const struct weighting *weighting, const struct kernels *kernels, int64_t row,
                    float weight[KERNEL_LANES])
{
    float drawn[4][KERNEL_LANES];
    const float *own = ones;
    if (weighting->kind != WEIGHTING_ONE) {
        draw(weighting, kernels, row, drawn);
        own = drawn[weighting->index % 4];
    }
    take(weighting, own, weight);
}

const float *weights_tile(struct weights *weights, const struct weighting *weighting,
                          const struct block *block, int tile)
{
    const struct weighting *drawn = &weights->drawn;
    if (weighting->kind == WEIGHTING_ONE)
        return ones;
    if (weights->block != block->block || drawn->seed != weighting->seed ||
        are_halves(drawn) != are_halves(weighting) || drawn->index / 4 != weighting->index / 4) {
        weights->block = block->block;
        weights->drawn = *weighting;
        weights->known = 0;
    }
    if (!(weights->known >> tile & 1))
        draw(weighting, weights->kernels, block->first_row + (int64_t)tile * TILE_ROWS,
             weights->weight[tile]);
    weights->known |= UINT64_C(1) << tile;
    const float *weight = weights->weight[tile][weighting->index % 4];
    if (weighting->kind != WEIGHTING_SECOND_HALF)
        return weight;
    take(weighting, weight, weights->flipped);
    return weights->flipped;
}
