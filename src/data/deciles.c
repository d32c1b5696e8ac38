#include "data/deciles.h"

#include <math.h>
#include <stdlib.h>

#include "core/lanes.h"
#include "core/memory.h"
#include "data/pool.h"
#include "data/select.h"

/* The sampled values of all features, labelled by feature; count: features of them. */
static status_t pool_sample(const struct table *table, const struct pilot *sample, struct pool *pool,
                            int64_t *count)
{
    status_t status = pool_reserve(pool, sample->count * sample->columns);
    for (int64_t i = 0; !status && i < sample->count; i++) {
        int64_t row = sample->row[i];
        if (table->left_out[row / TILE_ROWS] >> (row % TILE_ROWS) & 1)
            continue;
        for (int64_t f = 0; f < sample->columns; f++) {
            double value = sample->value[i * sample->columns + f];
            if (isnan(value))
                continue;
            pool->value[pool->count] = value;
            pool->label[pool->count++] = (int32_t)f;
            count[f]++;
        }
    }
    return status;
}

static void aim(int64_t features, const int64_t *count, struct target *target, int64_t *first)
{
    for (int64_t f = 0; f <= features; f++)
        first[f] = f * DECILES;
    for (int64_t i = 0; i < features * DECILES; i++) {
        int64_t values = count[i / DECILES];
        double level = (double)(i % DECILES + 1) / (DECILES + 1);
        uint64_t least = pool_key((double)-INFINITY);
        target[i] = (struct target){.low = least, .high = least};
        if (values > 0)
            target[i] = (struct target){.low = least,
                                        .high = pool_key((double)INFINITY),
                                        .rank = select_rank(level, values),
                                        .inside = values,
                                        .pooled = true};
    }
}

static status_t choose(struct table *table, const struct pilot *sample, struct deciles *deciles)
{
    int64_t features = deciles->features;
    struct pool pool = {0};
    struct target *target = NULL;
    int64_t *first = NULL;
    int64_t *count = NULL;
    status_t status = memory_new(&target, features * DECILES, sizeof *target, "deciles");
    if (!status)
        status = memory_new(&first, features + 1, sizeof *first, "deciles");
    if (!status)
        status = memory_new(&count, features, sizeof *count, "deciles");
    if (!status)
        status = pool_sample(table, sample, &pool, count);
    status = comm_agree(table->comm, status);
    if (!status)
        status = comm_sum_i64(table->comm, count, features);
    if (!status) {
        aim(features, count, target, first);
        status = pool_narrow(table->comm, &pool, first, target, features * DECILES);
    }
    for (int64_t i = 0; !status && i < features * DECILES; i++)
        deciles->value[i] = count[i / DECILES] > 0 ? pool_value(target[i].low) : (double)NAN;
    pool_close(&pool);
    free(target);
    free(first);
    free(count);
    return status;
}

status_t deciles_open(struct table *table, const struct pilot *sample, struct deciles *deciles)
{
    *deciles = (struct deciles){.features = table->features};
    status_t status =
        memory_new(&deciles->value, deciles->features * DECILES, sizeof *deciles->value, "deciles");
    if (!status)
        status = memory_new(&deciles->upto, deciles->features * DECILES, sizeof *deciles->upto, "deciles");
    status = comm_agree(table->comm, status);
    return status ? status : choose(table, sample, deciles);
}

void deciles_close(struct deciles *deciles)
{
    free(deciles->value);
    free(deciles->upto);
    *deciles = (struct deciles){0};
}

LANES_VERSIONS static int64_t count_upto(const double *value, int count, double most)
{
    int64_t upto = 0;
    for (int i = 0; i < count; i++)
        upto += value[i] <= most;
    return upto;
}

void deciles_take(struct deciles *deciles, int64_t feature, const double *value, int count)
{
    for (int q = 0; q < DECILES; q++)
        deciles->upto[feature * DECILES + q] +=
            count_upto(value, count, deciles->value[feature * DECILES + q]);
}

status_t deciles_share(struct comm *comm, struct deciles *deciles)
{
    return comm_sum_i64(comm, deciles->upto, deciles->features * DECILES);
}
