/* What a model remembers of its members (panel.h) so that a pass need not look at them again: every
 * customer's segment, and for every tile how far the model's centroids may move before a segment in it could
 * change.
 *
 * With d1 and d2 a customer's distances to its centroid and to the next best, a move of the centroids changes
 * their difference by at most the two largest moves together. `drift` adds these up over the passes; a tile
 * whose least margin d2 - d1 was m at drift D keeps its segments until the drift reaches D + m (after
 * Hamerly, SDM 2010, with one bound for the sixteen customers that share a vector register). One float a tile
 * and one or two bytes a customer. Local. */
#ifndef LOHKO_CLUSTER_TRACK_H
#define LOHKO_CLUSTER_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "data/customers.h"

struct track {
    bool in_use;
    int wide;      /* two bytes a label, for more than TRACK_NARROW_K segments */
    void *label;   /* blocks x BLOCK_ROWS: segment + 1; 0 for none */
    float *expire; /* blocks x BLOCK_TILES: the drift at which a tile is due */
    int64_t blocks;
};

enum { TRACK_NARROW_K = 255, TRACK_WIDE_K = 65535 };

/* Bytes that a block of customers takes for one model of k segments. */
int64_t track_block_bytes(int64_t k);

/* Room for `blocks` blocks; new ones hold no labels and are due. What was there is kept. */
status_t track_grow(struct track *track, int64_t k, int64_t blocks) __attribute__((warn_unused_result));
/* Forgets all labels. */
void track_clear(struct track *track);
void track_free(struct track *track);

/* Those of the first `tiles` tiles of block `block` that are due at this drift; returns how many. */
int track_due(const struct track *track, int64_t block, int tiles, double drift, uint8_t list[BLOCK_TILES]);

/* Notes the segments of a tile (-1: none) and returns a bit for every lane whose segment is another than
 * before; `before` is filled where any is. */
unsigned track_exchange(struct track *track, int64_t block, int tile, const int32_t label[TILE_ROWS],
                        int32_t before[TILE_ROWS]);

/* The tile is due again when the drift has grown from `drift` by `margin`. */
void track_expire(struct track *track, int64_t block, int tile, double drift, float margin);

/* How far the centroids (k x features) may have changed any difference of two distances: the sum of the two
 * largest moves, not less than the true one. */
double track_drift(const double *before, const double *after, int64_t k, int64_t features);

#endif
