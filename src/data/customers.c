#include "data/customers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "core/memory.h"
#include "data/customers_window.h"
#include "kernel/gemm.h"

struct loading {
    const struct preparation *preparation;
    struct customers *customers;
    float *passing; /* of a block that is not kept */
};

static int64_t block_floats(int64_t features)
{
    return features * BLOCK_ROWS;
}

double customers_bytes(const struct partition *partition, int64_t features)
{
    return (double)partition->block_count * (customers_block_bytes(features) + 2 * sizeof(double));
}

double customers_block_bytes(int64_t features)
{
    return (double)block_floats(features) * sizeof(float);
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
LANES_VERSIONS void customers_squares(const float *tiles, int64_t features, double pair[2])
{
    int64_t count = block_floats(features);
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
    int64_t features = customers->features;
    bool is_kept = block->local < customers->kept;
    float *tiles = is_kept ? customers->tiles + block->local * block_floats(features) : loading->passing;
    customers_prepare(loading->preparation, block, tiles);
    customers_squares(tiles, features, customers->squares + 2 * block->local);
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

/* Memory for what stays. */
static status_t open_blocks(struct table *table, struct loading *loading)
{
    struct customers *customers = loading->customers;
    int64_t blocks = customers->partition.block_count;
    int64_t floats = block_floats(customers->features);
    status_t status = memory_new(&customers->tiles, customers->kept * floats, sizeof *customers->tiles,
                                 "the prepared customers");
    if (!status)
        status = memory_new(&customers->squares, 2 * blocks, sizeof *customers->squares, "block norms");
    if (!status && customers->kept < blocks)
        status = memory_new(&loading->passing, floats, sizeof *loading->passing, "a prepared block");
    if (!status && customers->kept < blocks)
        status = customers_window_open(table, loading->preparation, &customers->window);
    return status;
}

status_t customers_load(struct table *table, const struct preparation *preparation, int64_t used,
                        int64_t keep, struct customers *customers)
{
    int64_t blocks = table->partition.block_count;
    *customers = (struct customers){.comm = table->comm,
                                    .log = table->log,
                                    .partition = table->partition,
                                    .features = preparation->count,
                                    .used = used,
                                    .kept = keep < blocks ? keep : blocks,
                                    .left_out = table->left_out};
    for (int64_t f = 0; f < preparation->count; f++)
        customers->mean_variance += preparation->feature[f].variance / (double)preparation->count;
    struct loading loading = {.preparation = preparation, .customers = customers};
    status_t status = customers_kernels(&customers->kernels);
    if (!status)
        status = open_blocks(table, &loading);
    status = comm_agree(table->comm, status);
    if (!status)
        status = table_walk(table, load_block, &loading);
    free(loading.passing);
    return status;
}

void customers_free(struct customers *customers)
{
    free(customers->tiles);
    free(customers->squares);
    customers_window_close(customers->window);
    customers->tiles = NULL;
    customers->squares = NULL;
    customers->window = NULL;
}

/* A block that is in memory. */
static struct block kept_block(const struct customers *customers, int64_t local)
{
    int64_t block = customers->partition.first_block + local;
    return (struct block){.block = block,
                          .local = local,
                          .first_row = block * BLOCK_ROWS,
                          .rows = (int)partition_block_rows(&customers->partition, block),
                          .tiles = customers->tiles + local * block_floats(customers->features),
                          .left_out = customers_marks(customers, local),
                          .squares = customers->squares + 2 * local};
}

const uint16_t *customers_marks(const struct customers *customers, int64_t local)
{
    return customers->left_out + local * BLOCK_TILES;
}

static bool is_kept(const struct customers *customers, int64_t local)
{
    return !customers->window || local < customers->kept;
}

/* The local number of a global one; -1 where it is another rank's. */
static int64_t own_block(const struct customers *customers, int64_t block)
{
    int64_t local = block - customers->partition.first_block;
    return local >= 0 && local < customers->partition.block_count ? local : -1;
}

/* Visits one block behind, when it is known which is next. */
struct following {
    customers_visitor visit;
    void *context;
    struct block block;
    bool any;
};

static void follow(struct following *following, const struct block *next)
{
    following->block.ahead = next ? next->tiles : NULL;
    if (following->any)
        following->visit(following->context, &following->block);
    following->any = next != NULL;
    if (next)
        following->block = *next;
}

status_t customers_walk(const struct customers *customers, const int64_t *chosen, int64_t count,
                        customers_visitor visit, void *context)
{
    struct customers_place *later = customers->window ? customers_window_places(customers->window) : NULL;
    struct following following = {.visit = visit, .context = context};
    int64_t position = 0;
    int64_t read = 0;
    if (!chosen)
        return customers_walk_part(customers, 0, customers->partition.block_count, visit, context);
    for (int64_t i = 0; i < count; i++) {
        int64_t local = own_block(customers, chosen[i]);
        if (local < 0)
            continue;
        if (is_kept(customers, local)) {
            struct block block = kept_block(customers, local);
            block.position = position;
            follow(&following, &block);
        } else {
            later[read++] = (struct customers_place){local, position};
        }
        position++;
    }
    follow(&following, NULL);
    return read > 0 ? customers_window_visit(customers, read, visit, context) : STATUS_OK;
}

status_t customers_walk_part(const struct customers *customers, int64_t first, int64_t count,
                             customers_visitor visit, void *context)
{
    struct customers_place *later = customers->window ? customers_window_places(customers->window) : NULL;
    int64_t local = first;
    int64_t read = 0;
    for (; local < first + count && is_kept(customers, local); local++) {
        struct block block = kept_block(customers, local);
        block.position = local;
        if (local + 1 < first + count && is_kept(customers, local + 1))
            block.ahead = block.tiles + block_floats(customers->features);
        visit(context, &block);
    }
    for (; local < first + count; local++)
        later[read++] = (struct customers_place){local, local};
    return read > 0 ? customers_window_visit(customers, read, visit, context) : STATUS_OK;
}
