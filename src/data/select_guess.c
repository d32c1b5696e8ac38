#include "data/select_guess.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

/* Half the width of a guess, in standard deviations of the sample's ranks. */
static const double DEVIATIONS = 4.0;

/* The sampled values, labelled by cell, and how many a cell has over all ranks. */
static status_t pool_pilot(const struct table *table, const struct groups *groups, const struct pilot *pilot,
                           const int64_t *first, struct pool *pool, int64_t *size)
{
    int32_t of_block[BLOCK_ROWS];
    int64_t local = -1; /* rows of the pilot rise */
    status_t status = pool_reserve(pool, pilot->count * pilot->columns);
    for (int64_t i = 0; !status && i < pilot->count; i++) {
        int64_t row = pilot->row[i];
        if (row / BLOCK_ROWS != local) {
            local = row / BLOCK_ROWS;
            groups_of_block(groups, local, table->left_out + local * BLOCK_TILES, of_block);
        }
        int32_t group = of_block[row % BLOCK_ROWS];
        for (int64_t c = 0; group >= 0 && c < pilot->columns; c++) {
            int64_t cell = c * groups->count + group;
            double value = pilot->value[i * pilot->columns + c];
            if (isnan(value) || first[cell] == first[cell + 1])
                continue;
            pool->value[pool->count] = value;
            pool->label[pool->count++] = (int32_t)cell;
            size[cell]++;
        }
    }
    return status;
}

/* Two targets in a cell's sample for each request: values that very probably lie at both sides of the answer,
 * infinities where the sample is too small for that. */
static void aim(double level, int64_t size, struct target around[2])
{
    double place = level * (double)(size - 1);
    double margin = DEVIATIONS * sqrt((double)size * level * (1 - level)) + 2;
    double low = floor(place - margin);
    double high = ceil(place + margin);
    uint64_t least = pool_key((double)-INFINITY);
    uint64_t most = pool_key((double)INFINITY);
    around[0] = (struct target){.low = least, .high = least};
    around[1] = (struct target){.low = most, .high = most, .below = size};
    if (low >= 0)
        around[0] = (struct target){.low = least, .high = most, .rank = (int64_t)low, .pooled = true};
    if (high < (double)size)
        around[1] = (struct target){.low = least, .high = most, .rank = (int64_t)high, .pooled = true};
}

/* The first target, with the number of values that it will probably hold between its ends. */
static struct target between(const struct target *low, const struct target *high, int64_t stride)
{
    int64_t values = high->below - low->below - low->inside;
    return (struct target){
        .low = low->low, .high = high->low, .inside = ((values > 0 ? values : 0) + 1) * stride};
}

status_t select_guess(struct table *table, const struct groups *groups, const struct pilot *pilot,
                      const struct select_request *request, int64_t count, const int64_t *first,
                      struct target *target)
{
    int64_t cells = table->columns * groups->count;
    struct pool pool = {0};
    struct target *around = NULL;
    int64_t *first_around = NULL;
    int64_t *size = NULL;
    status_t status = memory_new(&around, 2 * count, sizeof *around, "selection");
    if (!status)
        status = memory_new(&first_around, cells + 1, sizeof *first_around, "selection");
    if (!status)
        status = memory_new(&size, cells, sizeof *size, "selection");
    if (!status)
        status = pool_pilot(table, groups, pilot, first, &pool, size);
    status = comm_agree(table->comm, status);
    if (!status)
        status = comm_sum_i64(table->comm, size, cells);
    for (int64_t c = 0; !status && c <= cells; c++) {
        first_around[c] = 2 * first[c];
        for (int64_t r = first[c]; c < cells && r < first[c + 1]; r++)
            aim(request[r].level, size[c], &around[2 * r]);
    }
    if (!status)
        status = pool_narrow(table->comm, &pool, first_around, around, 2 * count);
    for (int64_t r = 0; !status && r < count; r++)
        target[r] = between(&around[2 * r], &around[2 * r + 1], pilot->stride);
    pool_close(&pool);
    free(around);
    free(first_around);
    free(size);
    return status;
}
