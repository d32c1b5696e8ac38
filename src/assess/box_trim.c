/* The box without its ends: between two quantiles along every axis. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assess/box.h"
#include "core/lanes.h"
#include "core/memory.h"

/* Each round looks into one of BINS bins of the one before; all blocks up to BLOCKS, else that many or more
 * spread over the file. */
enum { BINS = 1024, ROUNDS = 3, SIDES = 2, BLOCKS = 256, HALVES = TILE_ROWS / LANES };

/* The place of one quantile along one axis, between two coordinates. */
struct interval {
    double low;
    double width;
};

struct trimming {
    const struct box *box;
    struct interval *interval; /* features x SIDES */
    int64_t *count;            /* features x SIDES x (BINS + 1): those below the interval, then its bins */
    int64_t customers;         /* that are looked at; behind the counts in the reduction */
};

/* Coordinates of a tile's customers along an axis. */
LANES_VERSIONS static void project(const float *tile, const struct box *box, const double *axis,
                                   double coordinate[TILE_ROWS])
{
    for (int h = 0; h < HALVES; h++) {
        lanes at = {0};
        for (int64_t f = 0; f < box->features; f++) {
            lanes x;
            for (int i = 0; i < LANES; i++)
                x[i] = (double)tile[f * TILE_ROWS + (int64_t)h * LANES + i];
            at += (x - box->mean[f]) * axis[f];
        }
        for (int i = 0; i < LANES; i++)
            coordinate[h * LANES + i] = at[i];
    }
}

static void count_one(const struct interval *interval, double coordinate, int64_t *count)
{
    double bin = (coordinate - interval->low) / interval->width * BINS;
    if (bin < 0)
        count[0]++;
    else if (bin < BINS)
        count[1 + (int)bin]++;
}

static void count_block(void *context, const struct block *block)
{
    struct trimming *trimming = context;
    int64_t d = trimming->box->features;
    for (int t = 0; t < BLOCK_TILES; t++) {
        unsigned there = (uint16_t)~block->left_out[t];
        trimming->customers += __builtin_popcount(there);
        for (int64_t a = 0; there != 0 && a < d; a++) {
            double coordinate[TILE_ROWS];
            project(block->tiles + t * d * TILE_ROWS, trimming->box, trimming->box->axis + a * d, coordinate);
            for (unsigned left = there; left != 0; left &= left - 1) {
                for (int64_t s = a * SIDES; s < (a + 1) * SIDES; s++)
                    count_one(&trimming->interval[s], coordinate[__builtin_ctz(left)],
                              trimming->count + s * (BINS + 1));
            }
        }
    }
}

/* The bin in which the customer of that rank lies. */
static void narrow(struct interval *interval, const int64_t *count, double rank)
{
    int64_t below = count[0];
    int bin = 0;
    while (bin + 1 < BINS && (double)(below + count[1 + bin]) <= rank)
        below += count[1 + bin++];
    interval->width /= BINS;
    interval->low += interval->width * bin;
}

static status_t run_round(const struct customers *customers, const int64_t *chosen, int64_t blocks,
                          double share, struct trimming *trimming)
{
    int64_t d = trimming->box->features;
    int64_t words = d * SIDES * (BINS + 1);
    memset(trimming->count, 0, (size_t)words * sizeof *trimming->count);
    trimming->customers = 0;
    status_t status =
        comm_agree(customers->comm, customers_walk(customers, chosen, blocks, count_block, trimming));
    trimming->count[words] = trimming->customers;
    if (!status)
        status = comm_sum_i64(customers->comm, trimming->count, words + 1);
    double seen = (double)trimming->count[words];
    for (int64_t s = 0; !status && s < d * SIDES; s++)
        narrow(&trimming->interval[s], trimming->count + s * (BINS + 1),
               (s % SIDES ? 1 - share : share) * seen);
    return status;
}

/* Global numbers, rising. */
static status_t choose_blocks(const struct partition *partition, int64_t **chosen, int64_t *count)
{
    int64_t stride = partition->blocks > BLOCKS ? partition->blocks / BLOCKS : 1;
    status_t status = memory_new(chosen, partition->blocks / stride + 1, sizeof **chosen, "blocks");
    *count = 0;
    for (int64_t b = 0; !status && b < partition->blocks; b += stride)
        (*chosen)[(*count)++] = b;
    return status;
}

status_t box_trim(const struct customers *customers, double share, struct box *box)
{
    struct trimming trimming = {.box = box};
    int64_t d = box->features;
    int64_t *chosen = NULL;
    int64_t blocks = 0;
    status_t status = choose_blocks(&customers->partition, &chosen, &blocks);
    if (!status)
        status = memory_new(&trimming.interval, d * SIDES, sizeof *trimming.interval, "quantiles");
    if (!status)
        status = memory_new(&trimming.count, d * SIDES * (BINS + 1) + 1, sizeof *trimming.count, "quantiles");
    for (int64_t s = 0; !status && s < d * SIDES; s++) {
        double low = box->low[s / SIDES];
        trimming.interval[s] = (struct interval){low, fmax(box->high[s / SIDES] - low, 1e-300)};
    }
    status = comm_agree(customers->comm, status);
    for (int round = 0; !status && round < ROUNDS; round++)
        status = run_round(customers, chosen, blocks, share, &trimming);
    for (int64_t a = 0; !status && a < d; a++) {
        const struct interval *interval = &trimming.interval[a * SIDES];
        box->low[a] = interval[0].low;
        box->high[a] = interval[1].low + interval[1].width;
    }
    free(chosen);
    free(trimming.interval);
    free(trimming.count);
    return status;
}
