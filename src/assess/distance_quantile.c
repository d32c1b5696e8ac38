#include "assess/distance_quantile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "core/memory.h"

enum { HALF_BITS = 16, BINS = 1 << HALF_BITS };

struct counting {
    const struct segmentation *segments;
    int64_t *counter; /* BINS */
    bool upper_known; /* the lower halves are counted */
    uint32_t upper;
};

/* What tile_distance gives, for 16 customers, each to the centroid of its label (< 0: 0). */
LANES_VERSIONS static void own_squares(const float *tile, int64_t features, const double *centroid,
                                       const int32_t *label, double square[TILE_ROWS])
{
    for (int lane = 0; lane < TILE_ROWS; lane++) {
        const double *own = centroid + (label[lane] < 0 ? 0 : label[lane]) * features;
        double sum = 0.0;
        for (int64_t f = 0; f < features; f++) {
            double difference = (double)tile[f * TILE_ROWS + lane] - own[f];
            sum = __builtin_fma(difference, difference, sum);
        }
        square[lane] = sum;
    }
}

/* The bits of floats that are not negative rise with them. */
static void count_distance(const struct counting *counting, double square)
{
    float distance = (float)sqrt(square);
    uint32_t bits = 0;
    memcpy(&bits, &distance, sizeof bits);
    if (!counting->upper_known)
        counting->counter[bits >> HALF_BITS]++;
    else if (bits >> HALF_BITS == counting->upper)
        counting->counter[bits & (BINS - 1)]++;
}

static void count_block(void *context, const struct block *block)
{
    const struct counting *counting = context;
    int64_t features = counting->segments->features;
    int32_t of_block[BLOCK_ROWS];
    row_numbers_get(&counting->segments->label, block->local, of_block);
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        const int32_t *label = of_block + t * TILE_ROWS;
        double square[TILE_ROWS];
        own_squares(block->tiles + t * features * TILE_ROWS, features, counting->segments->centroid, label,
                    square);
        for (int lane = 0; lane < TILE_ROWS; lane++) {
            if (label[lane] >= 0)
                count_distance(counting, square[lane]);
        }
    }
}

/* Counts all customers; *bin: the one that holds the wanted rank, *below: how many lie in lower ones. */
static status_t find_bin(const struct customers *customers, struct counting *counting, int64_t rank,
                         uint32_t *bin, int64_t *below)
{
    memset(counting->counter, 0, BINS * sizeof *counting->counter);
    status_t status = customers_walk(customers, NULL, 0, count_block, counting);
    status = comm_agree(customers->comm, status);
    if (!status)
        status = comm_sum_i64(customers->comm, counting->counter, BINS);
    *bin = 0;
    while (!status && *bin < BINS - 1 && *below + counting->counter[*bin] <= rank)
        *below += counting->counter[(*bin)++];
    return status;
}

status_t distance_quantile(const struct customers *customers, const struct segmentation *segments,
                           int64_t beyond, double *found)
{
    struct counting counting = {.segments = segments};
    int64_t rank = customers->used - 1 - beyond;
    int64_t below = 0;
    uint32_t lower = 0;
    status_t status = comm_agree(customers->comm,
                                 memory_new(&counting.counter, BINS, sizeof *counting.counter, "distances"));
    if (!status)
        status = find_bin(customers, &counting, rank, &counting.upper, &below);
    counting.upper_known = true;
    if (!status)
        status = find_bin(customers, &counting, rank, &lower, &below);
    uint32_t bits = counting.upper << HALF_BITS | lower;
    float distance = 0.0F;
    memcpy(&distance, &bits, sizeof distance);
    *found = (double)distance;
    free(counting.counter);
    return status;
}
