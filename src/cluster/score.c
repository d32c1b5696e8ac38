#include "cluster/score.h"

#include <math.h>

static void score_lane(const struct tile_two *two, int lane, bool left_out, const struct assignments *piece,
                       int64_t at)
{
    if (left_out) {
        piece->segment[at] = -1;
        piece->runner_up[at] = -1;
        piece->distance[at] = NAN;
        piece->shadow[at] = NAN;
        return;
    }
    double nearest = sqrt(two->distance[lane]);
    double second = sqrt(two->second_distance[lane]);
    piece->segment[at] = two->nearest[lane];
    piece->runner_up[at] = two->second[lane];
    piece->distance[at] = (float)nearest;
    piece->shadow[at] = nearest > 0 ? (float)(2 * nearest / (nearest + second)) : 0.0F;
}

void score_blocks(void *context, int64_t first, int64_t count, const struct assignments *piece)
{
    const struct score *score = context;
    int64_t features = score->centroids.features;
    for (int64_t b = 0; b < count; b++) {
        struct block block = customers_block(score->customers, first + b);
        for (int64_t t = 0; t < BLOCK_TILES; t++) {
            struct tile_two two;
            score->customers->kernels->two(block.tiles + t * features * TILE_ROWS, &score->centroids, &two);
            for (int lane = 0; lane < TILE_ROWS; lane++)
                score_lane(&two, lane, block.left_out[t] >> lane & 1, piece,
                           b * BLOCK_ROWS + t * TILE_ROWS + lane);
        }
    }
}
