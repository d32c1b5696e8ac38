#include "cluster/refill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* A customer that may become a centroid; its prepared values follow in a record. */
struct far {
    double distance;
    int64_t row;
};

struct hunt {
    const struct panel *panel;
    const struct weighting *weighting;
    struct tile_centroids centroids;
    int64_t wanted;
    int64_t found;
    char *record; /* wanted x (struct far, features floats), the farthest first */
    size_t size;
};

static struct far far_at(const char *record)
{
    struct far far;
    memcpy(&far, record, sizeof far);
    return far;
}

static bool is_farther(struct far a, struct far b)
{
    return a.distance > b.distance || (a.distance == b.distance && a.row < b.row);
}

static int by_distance(const void *a, const void *b)
{
    return is_farther(far_at(a), far_at(b)) ? -1 : 1;
}

static void offer(struct hunt *hunt, struct far far, const float *tile, int lane)
{
    if (hunt->found == hunt->wanted &&
        !is_farther(far, far_at(hunt->record + (size_t)(hunt->found - 1) * hunt->size)))
        return;
    int64_t place = hunt->found < hunt->wanted ? hunt->found++ : hunt->found - 1;
    while (place > 0 && is_farther(far, far_at(hunt->record + (size_t)(place - 1) * hunt->size))) {
        memcpy(hunt->record + (size_t)place * hunt->size, hunt->record + (size_t)(place - 1) * hunt->size,
               hunt->size);
        place--;
    }
    char *to = hunt->record + (size_t)place * hunt->size;
    memcpy(to, &far, sizeof far);
    for (int64_t f = 0; f < hunt->centroids.features; f++)
        memcpy(to + sizeof far + (size_t)f * sizeof(float), &tile[f * TILE_ROWS + lane], sizeof(float));
}

static void hunt_block(void *context, const struct block *block)
{
    struct hunt *hunt = context;
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        const float *tile = block->tiles + t * hunt->centroids.features * TILE_ROWS;
        const struct kernels *kernels = hunt->panel->customers->kernels;
        struct tile_two two;
        float weight[TILE_ROWS];
        kernels->two(tile, &hunt->centroids, &two);
        weighting_tile(hunt->weighting, kernels, block->first_row + t * TILE_ROWS, weight);
        for (int lane = 0; lane < TILE_ROWS; lane++) {
            if (!(block->left_out[t] >> lane & 1) && weight[lane] > 0 && two.distance[lane] > 0)
                offer(hunt, (struct far){two.distance[lane], block->first_row + t * TILE_ROWS + lane}, tile,
                      lane);
        }
    }
}

static void place(const struct panel *panel, int64_t model, const char *all, int64_t found, size_t size,
                  int64_t *refilled)
{
    struct model *empty = &panel->model[model];
    int64_t features = panel->customers->features;
    for (int64_t h = 0; h < empty->k && *refilled < found; h++) {
        if (empty->count[h] > 0)
            continue;
        const char *record = all + (size_t)*refilled * size;
        for (int64_t f = 0; f < features; f++) {
            float value = 0.0F;
            memcpy(&value, record + sizeof(struct far) + (size_t)f * sizeof(float), sizeof value);
            empty->centroid[h * features + f] = (double)value;
        }
        if (empty->weighting.kind == WEIGHTING_ONE)
            log_note(panel->customers->log,
                     "a model of %" PRId64 " segments: one had no customers and begins again at row %" PRId64,
                     empty->k, far_at(record).row);
        (*refilled)++;
    }
}

status_t refill_empty(struct panel *panel, int64_t model, const double *before, int64_t *refilled)
{
    const struct customers *customers = panel->customers;
    const struct model *empty = &panel->model[model];
    struct hunt hunt = {.panel = panel,
                        .weighting = &empty->weighting,
                        .centroids = {.k = empty->k, .features = customers->features, .centroid = before},
                        .size = sizeof(struct far) + (size_t)customers->features * sizeof(float)};
    *refilled = 0;
    for (int64_t h = 0; h < empty->k; h++)
        hunt.wanted += empty->count[h] == 0;
    if (hunt.wanted == 0)
        return STATUS_OK;
    void *all = NULL;
    int64_t bytes = 0;
    status_t status = memory_new(&hunt.record, hunt.wanted, hunt.size, "customers far from their centroids");
    status = comm_agree(customers->comm, status);
    if (!status)
        status = comm_agree(customers->comm, customers_walk(customers, NULL, 0, hunt_block, &hunt));
    if (!status)
        status = comm_gather_all(customers->comm, hunt.record, hunt.found * (int64_t)hunt.size, &all, &bytes);
    int64_t found = bytes / (int64_t)hunt.size;
    if (!status && found > 1)
        qsort(all, (size_t)found, hunt.size, by_distance);
    if (!status)
        place(panel, model, all, found, hunt.size, refilled);
    free(all);
    free(hunt.record);
    return status;
}
