#include "cluster/leaf_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/row_set.h"
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

static status_t count_customers(struct leaf_sample *sample)
{
    sample->customers_all = sample->rows.count;
    return comm_sum_i64(sample->customers->comm, &sample->customers_all, 1);
}

static status_t take_blocks(struct leaf_sample *sample)
{
    const struct customers *customers = sample->customers;
    int64_t blocks = minibatch_next(&sample->plan);
    int64_t own = 0;
    for (int64_t b = 0; b < blocks; b++) {
        int64_t local = sample->plan.chosen[b] - customers->partition.first_block;
        own += local >= 0 && local < customers->partition.block_count;
    }
    status_t status = make_room(sample, own * BLOCK_ROWS);
    if (!status)
        status = customers_walk(customers, sample->plan.chosen, blocks, take_block, sample);
    status = comm_agree(customers->comm, status);
    if (!status)
        status = count_customers(sample);
    sample->is_complete = sample->customers_all == customers->used;
    return status;
}

/* ---- different ones ---- */

struct finding {
    const struct leaf_sample *sample;
    struct row_set *set;
    int64_t wanted;
    float *value; /* features: of a customer */
};

static void find_in_block(void *context, const struct block *block)
{
    struct finding *finding = context;
    int64_t d = finding->sample->customers->features;
    for (int row = 0; row < block->rows && finding->set->count < finding->wanted; row++) {
        const float *from = block->tiles + row / TILE_ROWS * d * TILE_ROWS + row % TILE_ROWS;
        if (table_is_left_out(block->left_out, row))
            continue;
        for (int64_t f = 0; f < d; f++)
            finding->value[f] = from[f * TILE_ROWS];
        row_set_add(finding->set, finding->value, block->first_row + row);
    }
}

/* Takes this rank's first `wanted` different customers into `set`. */
static status_t find_different(const struct leaf_sample *sample, struct row_set *set, int64_t wanted)
{
    struct finding finding = {.sample = sample, .set = set, .wanted = wanted};
    status_t status =
        memory_new(&finding.value, sample->customers->features, sizeof *finding.value, "a customer");
    if (!status)
        status = customers_walk(sample->customers, NULL, 0, find_in_block, &finding);
    free(finding.value);
    return status;
}

/* All ranks' finds in the order of rows, which is that of ranks: the first `wanted` different ones of all. */
static status_t join_finds(struct leaf_sample *sample, const struct row_set *mine, struct row_set *first,
                           int64_t wanted)
{
    struct comm *comm = sample->customers->comm;
    int64_t d = sample->customers->features;
    int64_t *rows = NULL;
    float *values = NULL;
    int64_t bytes = 0;
    status_t status =
        comm_gather_all(comm, mine->row, mine->count * (int64_t)sizeof *rows, (void **)&rows, &bytes);
    int64_t total = bytes / (int64_t)sizeof *rows;
    if (!status)
        status = comm_gather_all(comm, mine->value, mine->count * d * (int64_t)sizeof *values,
                                 (void **)&values, &bytes);
    for (int64_t i = 0; !status && i < total && first->count < wanted; i++)
        row_set_add(first, values + i * d, rows[i]);
    free(rows);
    free(values);
    return status;
}

/* Those of this rank's rows. */
static status_t take_finds(struct leaf_sample *sample, const struct row_set *first)
{
    const struct partition *partition = &sample->customers->partition;
    struct leaf_rows *rows = &sample->rows;
    int64_t d = sample->customers->features;
    status_t status = make_room(sample, rows->count + first->count);
    for (int64_t i = 0; !status && i < first->count; i++) {
        int64_t local = first->row[i] - partition->first_row;
        if (local < 0 || local >= partition->row_count)
            continue;
        memcpy(rows->value + rows->count * d, first->value + i * d, (size_t)d * sizeof *rows->value);
        rows->leaf[rows->count] = -1;
        rows->square[rows->count] = (double)INFINITY;
        sample->before[rows->count] = -1;
        sample->row[rows->count++] = first->row[i];
    }
    return status;
}

status_t leaf_sample_add_different(struct leaf_sample *sample, int64_t count)
{
    struct comm *comm = sample->customers->comm;
    struct row_set mine = {.count = 0};
    struct row_set first = {.count = 0};
    status_t status = row_set_open(&mine, count, sample->customers->features);
    if (!status)
        status = row_set_open(&first, count, sample->customers->features);
    if (!status)
        status = find_different(sample, &mine, count);
    status = comm_agree(comm, status);
    if (!status)
        status = join_finds(sample, &mine, &first, count);
    if (!status)
        status = comm_agree(comm, take_finds(sample, &first));
    if (!status)
        status = count_customers(sample);
    sample->is_complete = true;
    row_set_close(&mine);
    row_set_close(&first);
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
    return status ? status : take_blocks(sample);
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
