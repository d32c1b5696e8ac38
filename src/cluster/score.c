#include "cluster/score.h"

#include <math.h>

struct place {
    int32_t segment;
    int32_t runner_up;
    double distance; /* squared, like the next */
    double runner_up_distance;
};

/* `two` has the two nearest centroids of the tile; the label's is most often the first of them. */
static struct place find_place(const struct score *score, const float *tile, const struct tile_two *two,
                               int lane, int32_t label)
{
    if (two->nearest[lane] == label)
        return (struct place){label, two->second[lane], two->distance[lane], two->second_distance[lane]};
    int64_t features = score->centroids.features;
    double distance = tile_distance(tile, features, lane, score->centroids.centroid + label * features);
    return (struct place){label, two->nearest[lane], distance, two->distance[lane]};
}

static void leave_out(const struct assignments *piece, int64_t at)
{
    piece->segment[at] = -1;
    piece->runner_up[at] = -1;
    piece->distance[at] = NAN;
    piece->shadow[at] = NAN;
}

static void write_place(const struct place *place, const struct assignments *piece, int64_t at)
{
    double own = sqrt(place->distance);
    double other = sqrt(place->runner_up_distance);
    piece->segment[at] = place->segment;
    piece->runner_up[at] = place->runner_up;
    piece->distance[at] = (float)own;
    piece->shadow[at] = own > 0 ? (float)(2 * own / (own + other)) : 0.0F;
}

void score_blocks(void *context, int64_t first, int64_t count, const struct assignments *piece)
{
    const struct score *score = context;
    int64_t features = score->centroids.features;
    for (int64_t b = 0; b < count; b++) {
        struct block block = customers_block(score->customers, first + b);
        const int32_t *label = score->label + (first + b) * BLOCK_ROWS;
        for (int64_t t = 0; t < BLOCK_TILES; t++) {
            const float *tile = block.tiles + t * features * TILE_ROWS;
            struct tile_two two;
            score->customers->kernels->two(tile, &score->centroids, &two);
            for (int64_t i = t * TILE_ROWS; i < (t + 1) * TILE_ROWS; i++) {
                if (label[i] < 0) {
                    leave_out(piece, b * BLOCK_ROWS + i);
                    continue;
                }
                struct place place = find_place(score, tile, &two, (int)(i % TILE_ROWS), label[i]);
                write_place(&place, piece, b * BLOCK_ROWS + i);
            }
        }
    }
}
