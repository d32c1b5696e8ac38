#include "data/customers.h"

#include <stdlib.h>

#include "core/memory.h"

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

/* Squares of floats are exact in double; the pair (high, low) keeps the sum's rounding errors too (Knuth's
 * two-sum). */
static void sum_of_squares(const float *tiles, int64_t count, double pair[2])
{
    double high = 0.0;
    double low = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double term = (double)tiles[i] * (double)tiles[i];
        double sum = high + term;
        double back = sum - high;
        low += (high - (sum - back)) + (term - back);
        high = sum;
    }
    pair[0] = high;
    pair[1] = low;
}

static status_t load_block(void *context, const struct raw_block *block)
{
    struct loading *loading = context;
    struct customers *customers = loading->customers;
    float *tiles = customers->tiles + block->local * block_floats(customers->features);
    float prepared[BLOCK_ROWS];
    for (int64_t f = 0; f < customers->features; f++) {
        const struct prepared_feature *feature = &loading->preparation->feature[f];
        prepare_values(feature, block->value + feature->column * BLOCK_ROWS, block->rows, prepared);
        for (int i = 0; i < block->rows; i++) {
            if (!table_is_left_out(block->left_out, i))
                tiles[(i / TILE_ROWS * customers->features + f) * TILE_ROWS + i % TILE_ROWS] = prepared[i];
        }
    }
    sum_of_squares(tiles, block_floats(customers->features), customers->squares + 2 * block->local);
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
    status_t status = memory_new(&customers->tiles, blocks * block_floats(customers->features),
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

status_t customers_walk(const struct customers *customers, const int64_t *chosen, int64_t count,
                        customers_visitor visit, void *context)
{
    int64_t first = customers->partition.first_block;
    int64_t end = first + customers->partition.block_count;
    int64_t steps = chosen ? count : customers->partition.block_count;
    for (int64_t i = 0; i < steps; i++) {
        int64_t number = chosen ? chosen[i] : first + i;
        if (number < first || number >= end)
            continue;
        struct block block = customers_block(customers, number - first);
        visit(context, &block);
    }
    return STATUS_OK;
}
