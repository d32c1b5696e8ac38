#include "cluster/score.h"

#include <math.h>

struct place {
    int32_t segment;
    int32_t runner_up;
    double distance; /* squared, like the next */
    double runner_up_distance;
};

/* `two` has the two nearest centroids of the tile; the label's is most often the first of them. */
static struct place find_place(const struct tile_centroids *centroids, const float *tile,
                               const struct tile_two *two, int lane, int32_t label)
{
    if (two->nearest[lane] == label)
        return (struct place){label, two->second[lane], two->distance[lane], two->second_distance[lane]};
    int64_t features = centroids->features;
    double distance = tile_distance(tile, features, lane, centroids->centroid + label * features);
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

void score_tiles(const struct kernels *kernels, const struct tile_centroids *centroids, const float *tiles,
                 const int32_t *label, const struct assignments *piece)
{
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        const float *tile = tiles + t * centroids->features * TILE_ROWS;
        struct tile_two two;
        kernels->two(tile, centroids, &two);
        for (int64_t i = t * TILE_ROWS; i < (t + 1) * TILE_ROWS; i++) {
            if (label[i] < 0) {
                leave_out(piece, i);
                continue;
            }
            struct place place = find_place(centroids, tile, &two, (int)(i % TILE_ROWS), label[i]);
            write_place(&place, piece, i);
        }
    }
}

struct scoring {
    const struct score *score;
    const struct assignments *piece;
    int64_t first;
};

static void score_block(void *context, const struct block *block)
{
    const struct scoring *scoring = context;
    const struct score *score = scoring->score;
    int64_t at = (block->local - scoring->first) * BLOCK_ROWS;
    struct assignments part = {scoring->piece->segment + at, scoring->piece->distance + at,
                               scoring->piece->runner_up + at, scoring->piece->shadow + at};
    int32_t label[BLOCK_ROWS];
    row_numbers_get(score->label, block->local, label);
    score_tiles(score->customers->kernels, &score->centroids, block->tiles, label, &part);
}

status_t score_blocks(const struct score *score, int64_t first, int64_t count,
                      const struct assignments *piece)
{
    struct scoring scoring = {score, piece, first};
    return customers_walk_part(score->customers, first, count, score_block, &scoring);
}
