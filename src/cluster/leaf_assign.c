#include "cluster/leaf_assign.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

enum { CHUNK_BLOCKS = 64 /* whose customers are put in order together */ };

/* Blocks that follow each other, and their customers who take part. */
struct chunk {
    const struct customers *customers;
    struct leaf_search *search;
    const struct leaf_assigned *assigned;
    int64_t first; /* local block */
    int64_t blocks;
    struct leaf_rows rows;
    status_t status;
};

double leaf_assign_bytes(int64_t features)
{
    double row = (double)features * sizeof(float) + sizeof(double) + 2 * sizeof(int32_t);
    return (double)CHUNK_BLOCKS * BLOCK_ROWS * row;
}

void leaf_add_row(const float *value, int64_t features, int32_t leaf, double *sum, int64_t *size)
{
    for (int64_t f = 0; f < features; f++)
        sum[leaf * features + f] += (double)value[f];
    size[leaf]++;
}

/* Notes the leaves of a block, whose customers' rows begin at `next`. Returns where those of the next do. */
static int64_t take_leaves(struct chunk *chunk, int64_t block, int64_t next)
{
    int64_t d = chunk->customers->features;
    const uint16_t *left_out = customers_marks(chunk->customers, block);
    int32_t leaf[BLOCK_ROWS];
    for (int row = 0; row < BLOCK_ROWS; row++) {
        leaf[row] = -1;
        if (table_is_left_out(left_out, row))
            continue;
        leaf[row] = chunk->rows.leaf[next];
        leaf_add_row(chunk->rows.value + next * d, d, leaf[row], chunk->assigned->sum, chunk->assigned->size);
        next++;
    }
    row_numbers_put(chunk->assigned->leaf, block, leaf);
    return next;
}

/* Finds the leaves of what the chunk holds, and empties it. */
static void finish_chunk(struct chunk *chunk)
{
    const struct customers *customers = chunk->customers;
    status_t status = leaf_search_refine(chunk->search, customers->kernels, &chunk->rows);
    if (!status)
        status = leaf_search_rows(chunk->search, &chunk->rows);
    int64_t next = 0;
    for (int64_t b = chunk->first; !status && b < chunk->first + chunk->blocks; b++)
        next = take_leaves(chunk, b, next);
    int64_t done = chunk->first + chunk->blocks;
    log_show_progress(
        customers->log,
        &(struct log_progress){.customers = done * BLOCK_ROWS * customers->comm->size,
                               .fraction = (double)done / (double)customers->partition.block_count});
    chunk->status = status;
    chunk->blocks = 0;
    chunk->rows.count = 0;
}

static void visit(void *context, const struct block *block)
{
    struct chunk *chunk = context;
    struct leaf_rows *rows = &chunk->rows;
    int64_t d = chunk->customers->features;
    int32_t hint[BLOCK_ROWS];
    if (chunk->status)
        return;
    leaf_search_hint(chunk->search, chunk->customers->kernels, block, hint);
    for (int row = 0; row < BLOCK_ROWS; row++) {
        const float *from = block->tiles + row / TILE_ROWS * d * TILE_ROWS + row % TILE_ROWS;
        if (table_is_left_out(block->left_out, row))
            continue;
        for (int64_t f = 0; f < d; f++)
            rows->value[rows->count * d + f] = from[f * TILE_ROWS];
        rows->leaf[rows->count++] = hint[row];
    }
    if (chunk->blocks++ == 0)
        chunk->first = block->local;
    if (chunk->blocks == CHUNK_BLOCKS)
        finish_chunk(chunk);
}

static status_t open_rows(struct leaf_rows *rows, int64_t features)
{
    int64_t room = (int64_t)CHUNK_BLOCKS * BLOCK_ROWS;
    status_t status = memory_new(&rows->value, room * features, sizeof *rows->value, "customers");
    if (!status)
        status = memory_new(&rows->leaf, room, sizeof *rows->leaf, "customers");
    if (!status)
        status = memory_new(&rows->square, room, sizeof *rows->square, "customers");
    if (!status)
        status = memory_new(&rows->order, room, sizeof *rows->order, "customers");
    return status;
}

status_t leaf_assign(const struct customers *customers, struct leaf_search *search,
                     const struct leaf_assigned *assigned)
{
    struct chunk chunk = {.customers = customers, .search = search, .assigned = assigned};
    status_t status = open_rows(&chunk.rows, customers->features);
    if (!status)
        status = customers_walk(customers, NULL, 0, visit, &chunk);
    if (!status && !chunk.status && chunk.blocks > 0)
        finish_chunk(&chunk);
    free(chunk.rows.value);
    free(chunk.rows.leaf);
    free(chunk.rows.square);
    free(chunk.rows.order);
    return status_first(status, chunk.status);
}

status_t leaf_sum_up(struct comm *comm, const struct preparation *preparation, int64_t count, double *sum,
                     int64_t *size, int64_t *wire)
{
    int64_t d = preparation->count;
    for (int64_t h = 0; h < count; h++) {
        for (int64_t f = 0; f < d; f++)
            wire[h * (d + 1) + f] = llrint(sum[h * d + f] / preparation->feature[f].quantum);
        wire[h * (d + 1) + d] = size[h];
    }
    status_t status = comm_sum_i64(comm, wire, count * (d + 1));
    for (int64_t h = 0; h < count; h++) {
        for (int64_t f = 0; f < d; f++)
            sum[h * d + f] = (double)wire[h * (d + 1) + f] * preparation->feature[f].quantum;
        size[h] = wire[h * (d + 1) + d];
    }
    return status;
}
