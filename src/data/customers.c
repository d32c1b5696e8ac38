#include "data/customers.h"

#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "core/memory.h"
#include "kernel/gemm.h"

struct loading {
    const struct preparation *preparation;
    struct customers *customers;
};

static int64_t block_floats(int64_t features)
{
    return features * BLOCK_ROWS;
}

double customers_bytes(const struct partition *partition, int64_t features)
{
    double a_block = (double)block_floats(features) * sizeof(float) + 2 * sizeof(double);
    return (double)partition->block_count * a_block;
}

/* What an unevaluated sum high + low holds after `term` was added (Knuth's two-sum). */
LANES_INLINE void two_sum(lanes term, lanes *high, lanes *low)
{
    lanes sum = *high + term;
    lanes back = sum - *high;
    *low += (*high - (sum - back)) + (term - back);
    *high = sum;
}

/* Squares of floats are exact in double, and the pair (high, low) keeps the sum's rounding errors too. In
 * LANES * SUMS sums, whatever the registers, so that the result is everywhere the same. */
LANES_VERSIONS static void sum_of_squares(const float *tiles, int64_t count, double pair[2])
{
    enum { SUMS = TILE_ROWS / LANES };
    lanes high[SUMS] = {{0}};
    lanes low[SUMS] = {{0}};
    for (int64_t i = 0; i < count; i += TILE_ROWS) {
        for (int64_t s = 0; s < SUMS; s++) {
            lanes value;
            for (int lane = 0; lane < LANES; lane++)
                value[lane] = (double)tiles[i + s * LANES + lane];
            two_sum(value * value, &high[s], &low[s]);
        }
    }
    for (int64_t s = 1; s < SUMS; s++) {
        two_sum(high[s], &high[0], &low[0]);
        low[0] += low[s];
    }
    lanes all = {0};
    lanes rest = {0};
    for (int lane = 0; lane < LANES; lane++) {
        lanes one = {high[0][lane]};
        two_sum(one, &all, &rest);
        rest[0] += low[0][lane];
    }
    pair[0] = all[0];
    pair[1] = rest[0];
}

/* Who takes no part is zero in every feature. */
static void clear_left_out(float *tiles, int64_t features, const uint16_t *left_out)
{
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        for (int lane = 0; left_out[t] != 0 && lane < TILE_ROWS; lane++) {
            for (int64_t f = 0; (left_out[t] >> lane & 1) && f < features; f++)
                tiles[(t * features + f) * TILE_ROWS + lane] = 0.0F;
        }
    }
}

void customers_prepare(const struct preparation *preparation, const struct raw_block *block, float *tiles)
{
    int64_t features = preparation->count;
    float prepared[BLOCK_ROWS] = {0};
    for (int64_t f = 0; f < features; f++) {
        const struct prepared_feature *feature = &preparation->feature[f];
        prepare_values(feature, block->value + feature->column * BLOCK_ROWS, block->rows, prepared);
        for (int64_t t = 0; t < BLOCK_TILES; t++)
            memcpy(tiles + (t * features + f) * TILE_ROWS, prepared + t * TILE_ROWS,
                   TILE_ROWS * sizeof *tiles);
    }
    clear_left_out(tiles, features, block->left_out);
}

static status_t load_block(void *context, const struct raw_block *block)
{
    struct loading *loading = context;
    struct customers *customers = loading->customers;
    float *tiles = customers->tiles + block->local * block_floats(customers->features);
    customers_prepare(loading->preparation, block, tiles);
    sum_of_squares(tiles, block_floats(customers->features), customers->squares + 2 * block->local);
    return STATUS_OK;
}

status_t customers_kernels(const struct kernels **kernels)
{
    *kernels = kernels_choose();
    if (!*kernels)
        return status_new(EXIT_BAD_USAGE,
                          "LOHKO_VECTORS names vector registers that this machine does not have "
                          "(known: avx512, avx2, plain)");
    if (gemm_wish() == GEMM_UNKNOWN)
        return status_new(EXIT_BAD_USAGE, "LOHKO_NEAREST is neither tiles nor openblas");
    return STATUS_OK;
}

status_t customers_load(struct table *table, const struct preparation *preparation, int64_t used,
                        struct customers *customers)
{
    *customers = (struct customers){.comm = table->comm,
                                    .log = table->log,
                                    .partition = table->partition,
                                    .features = preparation->count,
                                    .used = used,
                                    .left_out = table->left_out};
    for (int64_t f = 0; f < preparation->count; f++)
        customers->mean_variance += preparation->feature[f].variance / (double)preparation->count;
    int64_t blocks = customers->partition.block_count;
    status_t status = customers_kernels(&customers->kernels);
    if (!status)
        status = memory_new(&customers->tiles, blocks * block_floats(customers->features),
                            sizeof *customers->tiles, "the prepared customers");
    if (!status)
        status = memory_new(&customers->squares, 2 * blocks, sizeof *customers->squares, "block norms");
    status = comm_agree(table->comm, status);
    struct loading loading = {preparation, customers};
    if (!status)
        status = table_walk(table, load_block, &loading);
    return status;
}

void customers_free(struct customers *customers)
{
    free(customers->tiles);
    free(customers->squares);
    customers->tiles = NULL;
    customers->squares = NULL;
}

struct block customers_block(const struct customers *customers, int64_t local)
{
    int64_t block = customers->partition.first_block + local;
    return (struct block){.block = block,
                          .local = local,
                          .first_row = block * BLOCK_ROWS,
                          .rows = (int)partition_block_rows(&customers->partition, block),
                          .tiles = customers->tiles + local * block_floats(customers->features),
                          .left_out = customers->left_out + local * BLOCK_TILES,
                          .squares = customers->squares + 2 * local};
}

const uint16_t *customers_marks(const struct customers *customers, int64_t local)
{
    return customers->left_out + local * BLOCK_TILES;
}

/* The place of the next block of this rank, from place `i` of a walk on; `steps` where there is none. */
static int64_t next_own(const struct customers *customers, const int64_t *chosen, int64_t steps, int64_t i)
{
    int64_t first = customers->partition.first_block;
    while (chosen && i < steps &&
           (chosen[i] < first || chosen[i] >= first + customers->partition.block_count))
        i++;
    return i;
}

status_t customers_walk(const struct customers *customers, const int64_t *chosen, int64_t count,
                        customers_visitor visit, void *context)
{
    if (!chosen)
        return customers_walk_part(customers, 0, customers->partition.block_count, visit, context);
    int64_t first = customers->partition.first_block;
    int64_t i = next_own(customers, chosen, count, 0);
    for (int64_t position = 0; i < count; position++) {
        struct block block = customers_block(customers, chosen[i] - first);
        block.position = position;
        i = next_own(customers, chosen, count, i + 1);
        if (i < count)
            block.ahead = customers_block(customers, chosen[i] - first).tiles;
        visit(context, &block);
    }
    return STATUS_OK;
}

status_t customers_walk_part(const struct customers *customers, int64_t first, int64_t count,
                             customers_visitor visit, void *context)
{
    for (int64_t local = first; local < first + count; local++) {
        struct block block = customers_block(customers, local);
        block.position = local;
        if (local + 1 < first + count)
            block.ahead = customers_block(customers, local + 1).tiles;
        visit(context, &block);
    }
    return STATUS_OK;
}
