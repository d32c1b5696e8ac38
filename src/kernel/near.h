/* The search for near neighbours among many places: a tree of boxes over cells of 64 places, walked by 16
 * queries at a time, one a lane. Pure arithmetic, like tile.h.
 *
 * Everything is in float and errs to one side: a place is passed over only if its distance is certainly above
 * the query's limit; what is not passed over goes to the caller, who evaluates it in double. So neither the
 * registers nor the order of the walk can change an answer.
 *
 * A place has a weight w = 1 / (2 size), a query likewise; the height at which the two would merge by Ward's
 * linkage is sqrt(distance^2 / (w_query + w_place)). With sizes of one that is the distance itself.
 *
 * Rounding, with u = 2^-24 and d features: coordinates are wrong by at most u of themselves, so squared
 * distances by 4 u (|q|^2 + |c|^2); |q|^2 + |c|^2 - 2 q.c in d + 2 steps, each of a sum below 2 (|q|^2 +
 * |c|^2), adds (2 d + 4) u of it. near_shrink takes (2 d + 24) u off both squared norms, which covers that
 * and their own rounding, so the sum is a bound from below. For boxes see near_limit.
 * Squared norms must be within the range of float: one that is infinite stands for a place that is none. */
#ifndef LOHKO_KERNEL_NEAR_H
#define LOHKO_KERNEL_NEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/tile.h"

enum {
    NEAR_CELL = 64, /* places in a cell */
    NEAR_LEVELS = 32,
    /* behind a place's coordinates: its squared norm, that of its first `half` coordinates, both shrunk, and
     * its weight; behind a box's low and high ends: its largest weight */
    NEAR_SQUARE = 0,
    NEAR_HALF_SQUARE = 1,
    NEAR_WEIGHT = 2,
    NEAR_CONSTANTS = 4
};

struct near_tree {
    int64_t features;
    int64_t half;     /* coordinates that are looked at before the rest is; 0: all at once */
    int64_t count;    /* places */
    const float *row; /* count x (features + NEAR_CONSTANTS); a place that is none has infinite squares */
    int levels;
    int64_t nodes[NEAR_LEVELS];      /* of each level; level 0 are the cells, the last has one */
    const float *box[NEAR_LEVELS];   /* nodes x (2 features + NEAR_CONSTANTS) */
    const int32_t *set[NEAR_LEVELS]; /* nodes: the set that all places of a node are in, -1 where they are in
                                        several; or NULL throughout */
    bool everywhere;                 /* pass nothing over, for measuring what it saves */
};

struct near_queries {
    int lanes;                               /* queries; the lanes behind them are never found anything for */
    float *coordinate;                       /* features x KERNEL_LANES */
    float *factor;                           /* features x KERNEL_LANES: -2 coordinate */
    _Alignas(64) float square[KERNEL_LANES]; /* shrunk like the places' */
    float half_square[KERNEL_LANES];
    float weight[KERNEL_LANES];
    float limit[KERNEL_LANES];     /* on the squared height, rounded up: set by near_limit */
    float scaled[KERNEL_LANES];    /* limit x weight */
    float for_boxes[KERNEL_LANES]; /* scaled, and what rounding asks for with boxes */
    int32_t set[KERNEL_LANES];     /* where the tree has sets: of the query; its own is passed over */
    int64_t pairs;                 /* distances looked at, of 16 queries each */
};

/* Called for a place that may be within the lane's limit; may lower limits by near_limit. */
typedef void (*near_found)(void *context, int lane, int64_t place);

/* The lane looks for squared heights of at most `square` from now on. `square` negative: for nothing.
 *
 * Boxes: with e = u (|q| + |c|) the error of a distance, and |c| <= |q| + distance, a place within limit L
 * has a float distance below (1 + u) sqrt(L) + 2 u |q|, whose square is at most L (1 + 8 u) + 5 u |q|^2. */
static inline void near_limit(struct near_queries *queries, int lane, double square)
{
    float limit = (float)square;
    if (square >= 0.0)
        limit = limit * (1.0F + 0x1p-20F) + 0x1p-100F;
    float scaled = limit * queries->weight[lane];
    queries->limit[lane] = limit;
    queries->scaled[lane] = scaled;
    queries->for_boxes[lane] = square >= 0.0 ? scaled + 0x1p-21F * queries->square[lane] : scaled;
}

/* A squared norm, rounded down as told above. */
static inline float near_shrink(double square, int64_t features)
{
    return (float)(square * (1.0 - (double)(2 * features + 24) * 0x1p-24));
}

#endif
