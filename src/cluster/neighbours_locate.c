/* The search for customers that are no clusters themselves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/neighbours.h"
#include "core/lanes.h"
#include "core/memory.h"

enum { HALVES = KERNEL_LANES / LANES };

struct locating {
    struct neighbours *all;
    double *customer; /* KERNEL_LANES x width */
    int32_t *nearest;
    double *square;
};

static void take_place(void *context, int lane, int64_t place)
{
    struct locating *locating = context;
    struct neighbours *all = locating->all;
    int32_t nearest = locating->nearest[lane];
    if (place == nearest)
        return;
    double square = neighbours_distance(all, place, locating->customer + lane * all->width);
    if (nearest >= 0 &&
        (square > locating->square[lane] ||
         (square == locating->square[lane] && all->cluster[place].first > all->cluster[nearest].first)))
        return;
    locating->nearest[lane] = (int32_t)place;
    locating->square[lane] = square;
    near_limit(&all->tile, lane, square);
}

/* Turns the tile into the axes of the tree. */
LANES_VERSIONS static void turn(struct neighbours *all, const float *tile)
{
    int64_t d = all->features;
    double square[KERNEL_LANES] = {0};
    double half_square[KERNEL_LANES] = {0};
    for (int64_t g = 0; g < d; g++) {
        lanes at[HALVES] = {{0}};
        for (int64_t f = all->rotation ? 0 : g; f < (all->rotation ? d : g + 1); f++) {
            double weight = all->rotation ? all->rotation[g * d + f] : 1.0;
            for (int64_t h = 0; h < HALVES; h++) {
                lanes x;
                for (int64_t i = 0; i < LANES; i++)
                    x[i] = (double)tile[f * KERNEL_LANES + h * LANES + i];
                at[h] += (x - all->mean[f]) * weight;
            }
        }
        for (int lane = 0; lane < KERNEL_LANES; lane++) {
            double value = at[lane / LANES][lane % LANES];
            all->tile.coordinate[g * KERNEL_LANES + lane] = (float)value;
            all->tile.factor[g * KERNEL_LANES + lane] = -2.0F * (float)value;
            square[lane] += value * value;
            half_square[lane] += g < all->tree.half ? value * value : 0.0;
        }
    }
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        all->tile.square[lane] = near_shrink(square[lane], d);
        all->tile.half_square[lane] = near_shrink(half_square[lane], d);
        all->tile.weight[lane] = 0.5F;
    }
}

void neighbours_locate(struct neighbours *all, const float *tile, int lanes_used, const int32_t *hint,
                       int32_t *nearest, double *square)
{
    struct locating locating = {.all = all, .customer = all->customer, .nearest = nearest, .square = square};
    all->tile.lanes = lanes_used;
    turn(all, tile);
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        near_limit(&all->tile, lane, -(double)INFINITY);
        for (int64_t f = 0; f < all->features; f++)
            all->customer[lane * all->width + f] = (double)tile[f * KERNEL_LANES + lane];
    }
    for (int lane = 0; lane < lanes_used; lane++) {
        nearest[lane] = -1;
        take_place(&locating, lane, hint[lane]);
    }
    all->kernels->near(&all->tree, &all->tile, take_place, &locating);
}
