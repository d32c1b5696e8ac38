#include "cluster/leaf_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static status_t make_room(struct leaf_sample *sample, int64_t room)
{
    struct leaf_rows *rows = &sample->rows;
    struct {
        void **array;
        size_t size;
    } arrays[] = {{(void **)&rows->value, (size_t)sample->customers->features * sizeof *rows->value},
                  {(void **)&rows->leaf, sizeof *rows->leaf},
                  {(void **)&rows->square, sizeof *rows->square},
                  {(void **)&rows->order, sizeof *rows->order},
                  {(void **)&sample->row, sizeof *sample->row},
                  {(void **)&sample->before, sizeof *sample->before}};
    status_t status = STATUS_OK;
    for (size_t i = 0; !status && i < sizeof arrays / sizeof *arrays; i++) {
        void *larger = NULL;
        status = memory_new(&larger, room, arrays[i].size, "a sample of customers");
        if (!status && rows->count > 0)
            memcpy(larger, *arrays[i].array, (size_t)rows->count * arrays[i].size);
        if (!status) {
            free(*arrays[i].array);
            *arrays[i].array = larger;
        }
    }
    return status;
}

static void take_block(void *context, const struct block *block)
{
    struct leaf_sample *sample = context;
    struct leaf_rows *rows = &sample->rows;
    int64_t d = sample->customers->features;
    for (int row = 0; row < block->rows; row++) {
        const float *from = block->tiles + row / TILE_ROWS * d * TILE_ROWS + row % TILE_ROWS;
        if (table_is_left_out(block->left_out, row))
            continue;
        for (int64_t f = 0; f < d; f++)
            rows->value[rows->count * d + f] = from[f * TILE_ROWS];
        rows->leaf[rows->count] = -1;
        rows->square[rows->count] = (double)INFINITY;
        sample->before[rows->count] = -1;
        sample->row[rows->count++] = block->first_row + row;
    }
}

status_t leaf_sample_grow(struct leaf_sample *sample)
{
    const struct customers *customers = sample->customers;
    int64_t blocks = minibatch_next(&sample->plan);
    int64_t own = 0;
    for (int64_t b = 0; b < blocks; b++) {
        int64_t local = sample->plan.chosen[b] - customers->partition.first_block;
        own += local >= 0 && local < customers->partition.block_count;
    }
    status_t status = make_room(sample, sample->rows.count + own * BLOCK_ROWS);
    if (!status)
        status = customers_walk(customers, sample->plan.chosen, blocks, take_block, sample);
    status = comm_agree(customers->comm, status);
    sample->customers_all = sample->rows.count;
    if (!status)
        status = comm_sum_i64(customers->comm, &sample->customers_all, 1);
    sample->is_all = sample->customers_all == customers->used;
    return status;
}

status_t leaf_sample_open(struct leaf_sample *sample, const struct customers *customers, int64_t wanted,
                          uint64_t seed)
{
    int64_t least = (int64_t)MINIBATCH_BLOCKS * BLOCK_ROWS;
    *sample = (struct leaf_sample){.customers = customers};
    status_t status = minibatch_plan_open(&sample->plan, customers->partition.blocks,
                                          wanted > least ? wanted : least, seed);
    status = comm_agree(customers->comm, status);
    return status ? status : leaf_sample_grow(sample);
}

void leaf_sample_close(struct leaf_sample *sample)
{
    minibatch_plan_close(&sample->plan);
    free(sample->rows.value);
    free(sample->rows.leaf);
    free(sample->rows.square);
    free(sample->rows.order);
    free(sample->row);
    free(sample->before);
}
