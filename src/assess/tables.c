#include "assess/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Labels of the block under way by the last two labelings that were asked for. */
struct cache {
    struct nearest nearest;
    const struct labelling *of[2];
    int32_t label[2][BLOCK_ROWS];
    int oldest;
};

struct counting {
    const struct customers *customers;
    struct table_pair *pairs;
    int64_t count;
    struct cache cache;
};

static const int32_t *labels_of(struct cache *cache, const struct labelling *labelling,
                                const struct block *block)
{
    for (int i = 0; i < 2; i++) {
        if (cache->of[i] == labelling) {
            cache->oldest = 1 - i;
            return cache->label[i];
        }
    }
    int i = cache->oldest;
    cache->of[i] = labelling;
    cache->oldest = 1 - i;
    labelling_block(labelling, &cache->nearest, block, cache->label[i]);
    return cache->label[i];
}

static void forget_block(struct cache *cache)
{
    cache->of[0] = NULL;
    cache->of[1] = NULL;
}

static void count_all(const struct block *block, const int32_t *row, const int32_t *column,
                      struct contingency *table)
{
    for (int i = 0; i < block->rows; i++) {
        if (row[i] >= 0)
            table->count[row[i] * table->columns + column[i]]++;
    }
}

static void count_some(const struct counting *counting, const struct table_pair *pair,
                       const struct block *block, const int32_t *row, const int32_t *column)
{
    float weight[TILE_ROWS];
    for (int i = 0; i < block->rows; i++) {
        if (i % TILE_ROWS == 0)
            weighting_tile(pair->only, counting->customers->kernels, block->first_row + i, weight);
        if (row[i] >= 0 && weight[i % TILE_ROWS] > 0)
            pair->table.count[row[i] * pair->table.columns + column[i]]++;
    }
}

static void count_block(void *context, const struct block *block)
{
    struct counting *counting = context;
    forget_block(&counting->cache);
    for (int64_t p = 0; p < counting->count; p++) {
        struct table_pair *pair = &counting->pairs[p];
        const int32_t *row = labels_of(&counting->cache, pair->rows, block);
        const int32_t *column = labels_of(&counting->cache, pair->columns, block);
        if (pair->only)
            count_some(counting, pair, block, row, column);
        else
            count_all(block, row, column, &pair->table);
    }
}

/* All tables in one piece of memory, which the first pair owns: that piece is what is reduced. */
static status_t open_tables(struct table_pair *pairs, int64_t count, int64_t *words)
{
    int64_t *all = NULL;
    *words = 0;
    for (int64_t p = 0; p < count; p++) {
        pairs[p].table = (struct contingency){pairs[p].rows->k, pairs[p].columns->k, NULL};
        *words += pairs[p].table.rows * pairs[p].table.columns;
    }
    status_t status = memory_new(&all, *words, sizeof *all, "contingency tables");
    for (int64_t p = 0; !status && p < count; p++) {
        pairs[p].table.count = all;
        all += pairs[p].table.rows * pairs[p].table.columns;
    }
    return status;
}

status_t tables_count(const struct customers *customers, struct table_pair *pairs, int64_t count)
{
    struct counting *counting = NULL;
    int64_t words = 0;
    status_t status = open_tables(pairs, count, &words);
    if (!status)
        status = memory_new(&counting, 1, sizeof *counting, "contingency tables");
    if (!status) {
        counting->customers = customers;
        counting->pairs = pairs;
        counting->count = count;
        status = nearest_open(&counting->cache.nearest, customers);
    }
    if (!status)
        status = customers_walk(customers, NULL, 0, count_block, counting);
    status = comm_agree(customers->comm, status);
    if (!status && count > 0)
        status = comm_sum_i64(customers->comm, pairs[0].table.count, words);
    if (counting)
        nearest_close(&counting->cache.nearest);
    free(counting);
    return status;
}

void tables_free(struct table_pair *pairs, int64_t count)
{
    if (pairs && count > 0)
        free(pairs[0].table.count);
}

double tables_bytes(int64_t rows, int64_t columns)
{
    return (double)rows * (double)columns * sizeof(int64_t);
}

/* ---- membership ---- */

struct following {
    const struct membership *membership;
    int64_t first;
    float *share;
    struct nearest nearest;
    int32_t own[BLOCK_ROWS];
    int32_t other[BLOCK_ROWS];
};

static void follow_block(void *context, const struct block *block)
{
    struct following *following = context;
    const struct membership *membership = following->membership;
    float *share = following->share + (block->local - following->first) * BLOCK_ROWS;
    const int32_t *own = following->own;
    memset(share, 0, BLOCK_ROWS * sizeof *share);
    labelling_block(membership->own, &following->nearest, block, following->own);
    for (int64_t o = 0; o < membership->count; o++) {
        const int32_t *match = membership->match + o * membership->own->k;
        labelling_block(&membership->others[o], &following->nearest, block, following->other);
        for (int i = 0; i < block->rows; i++)
            share[i] += own[i] >= 0 && match[own[i]] == following->other[i] ? 1.0F : 0.0F;
    }
    for (int i = 0; i < BLOCK_ROWS; i++)
        share[i] = i < block->rows && own[i] >= 0 ? share[i] / (float)membership->count : NAN;
}

status_t tables_membership(const struct customers *customers, const struct membership *membership,
                           int64_t first, int64_t blocks, float *share)
{
    struct following *following = NULL;
    status_t status = memory_new(&following, 1, sizeof *following, "membership");
    if (status)
        return status;
    following->membership = membership;
    following->first = first;
    following->share = share;
    status = nearest_open(&following->nearest, customers);
    if (!status)
        status = customers_walk_part(customers, first, blocks, follow_block, following);
    nearest_close(&following->nearest);
    free(following);
    return status;
}
