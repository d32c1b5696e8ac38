#include "cluster/track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t label_bytes(int64_t k)
{
    return k > TRACK_NARROW_K ? sizeof(uint16_t) : sizeof(uint8_t);
}

int64_t track_block_bytes(int64_t k)
{
    return BLOCK_ROWS * (int64_t)label_bytes(k) + BLOCK_TILES * (int64_t)sizeof(float);
}

/* *array grows from `before` to `after` bytes; what is new is zero. */
static status_t grow(void *array, size_t before, size_t after)
{
    void **memory = array;
    void *grown = realloc(*memory, after);
    if (!grown)
        return status_of_allocation(NULL, 1, "labels of models");
    memset((char *)grown + before, 0, after - before);
    *memory = grown;
    return STATUS_OK;
}

status_t track_grow(struct track *track, int64_t k, int64_t blocks)
{
    size_t size = BLOCK_ROWS * label_bytes(k);
    if (blocks <= track->blocks)
        return STATUS_OK;
    track->wide = k > TRACK_NARROW_K;
    status_t status = grow(&track->label, (size_t)track->blocks * size, (size_t)blocks * size);
    if (!status)
        status = grow(&track->expire, (size_t)track->blocks * BLOCK_TILES * sizeof *track->expire,
                      (size_t)blocks * BLOCK_TILES * sizeof *track->expire);
    if (!status)
        track->blocks = blocks;
    return status;
}

void track_clear(struct track *track)
{
    size_t size = BLOCK_ROWS * (track->wide ? sizeof(uint16_t) : sizeof(uint8_t));
    if (track->blocks > 0) {
        memset(track->label, 0, (size_t)track->blocks * size);
        memset(track->expire, 0, (size_t)track->blocks * BLOCK_TILES * sizeof *track->expire);
    }
}

void track_free(struct track *track)
{
    free(track->label);
    free(track->expire);
    *track = (struct track){0};
}

int track_due(const struct track *track, int64_t block, int tiles, double drift, uint8_t list[BLOCK_TILES])
{
    const float *expire = track->expire + block * BLOCK_TILES;
    int count = 0;
    for (int t = 0; t < tiles; t++) {
        list[count] = (uint8_t)t;
        count += !(drift < (double)expire[t]);
    }
    return count;
}

static unsigned exchange_narrow(uint8_t *kept, const int32_t *label, int32_t *before)
{
    uint8_t fresh[TILE_ROWS];
    unsigned changed = 0;
    for (int lane = 0; lane < TILE_ROWS; lane++)
        fresh[lane] = (uint8_t)(label[lane] + 1);
    if (memcmp(kept, fresh, sizeof fresh) == 0)
        return 0;
    for (int lane = 0; lane < TILE_ROWS; lane++) {
        before[lane] = (int32_t)kept[lane] - 1;
        changed |= (unsigned)(kept[lane] != fresh[lane]) << lane;
    }
    memcpy(kept, fresh, sizeof fresh);
    return changed;
}

static unsigned exchange_wide(uint16_t *kept, const int32_t *label, int32_t *before)
{
    unsigned changed = 0;
    for (int lane = 0; lane < TILE_ROWS; lane++) {
        uint16_t fresh = (uint16_t)(label[lane] + 1);
        before[lane] = (int32_t)kept[lane] - 1;
        changed |= (unsigned)(kept[lane] != fresh) << lane;
        kept[lane] = fresh;
    }
    return changed;
}

unsigned track_exchange(struct track *track, int64_t block, int tile, const int32_t label[TILE_ROWS],
                        int32_t before[TILE_ROWS])
{
    int64_t at = block * BLOCK_ROWS + (int64_t)tile * TILE_ROWS;
    return track->wide ? exchange_wide((uint16_t *)track->label + at, label, before)
                       : exchange_narrow((uint8_t *)track->label + at, label, before);
}

void track_expire(struct track *track, int64_t block, int tile, double drift, float margin)
{
    /* the factor is more than rounding to float can add */
    track->expire[block * BLOCK_TILES + tile] = (float)((drift + (double)margin) * (1.0 - 0x1p-22));
}

double track_drift(const double *before, const double *after, int64_t k, int64_t features)
{
    double largest = 0.0;
    double next = 0.0;
    for (int64_t h = 0; h < k; h++) {
        double square = 0.0;
        for (int64_t f = 0; f < features; f++) {
            double moved = after[h * features + f] - before[h * features + f];
            square += moved * moved;
        }
        if (square > largest) {
            next = largest;
            largest = square;
        } else if (square > next) {
            next = square;
        }
    }
    /* the factor is more than the roundings of up to 2^30 features can take away */
    return (sqrt(largest) + sqrt(next)) * (1.0 + 0x1p-20);
}
