#include "cluster/leaf_search.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { COARSE = 64 /* centroids that hints are found by, about */ };

/* ---- opening ---- */

static status_t open_coarse(struct leaf_search *search)
{
    const struct neighbours *all = &search->all;
    int64_t d = all->features;
    int64_t run = (all->slots + COARSE - 1) / COARSE;
    struct tile_centroids *coarse = &search->coarse;
    coarse->features = d;
    coarse->k = (all->slots + run - 1) / run;
    status_t status = memory_new(&search->coarse_centroid, coarse->k * d, sizeof(double), "centroids");
    if (!status)
        status = memory_new(&search->coarse_leaf, coarse->k, sizeof *search->coarse_leaf, "centroids");
    if (!status)
        status = memory_new(&coarse->narrow, coarse->k * d, sizeof *coarse->narrow, "centroids");
    if (!status)
        status = memory_new(&coarse->half_square, coarse->k, sizeof *coarse->half_square, "centroids");
    if (status)
        return status;
    for (int64_t s = 0; s < all->slots; s++) {
        int64_t runs = s / run == coarse->k - 1 ? all->slots - (coarse->k - 1) * run : run;
        for (int64_t f = 0; f < d; f++)
            search->coarse_centroid[s / run * d + f] += all->sum[s * all->width + f] / (double)runs;
        if (s % run == 0)
            search->coarse_leaf[s / run] = all->cluster[s].first;
    }
    coarse->centroid = search->coarse_centroid;
    tile_narrow(coarse);
    return STATUS_OK;
}

static status_t open_tree(struct leaf_search *search, struct log *log, const double *centroid, int64_t count,
                          int64_t features)
{
    struct points points = {
        .comm = &search->node.comm, .log = log, .node = &search->node, .count = count, .features = features};
    status_t status = memory_new(&points.sum, count * features, sizeof *points.sum, "centroids");
    if (!status)
        status = memory_new(&points.size, count, sizeof *points.size, "centroids");
    if (!status)
        status = memory_new(&search->slot, count, sizeof *search->slot, "centroids");
    for (int64_t i = 0; !status && i < count; i++) {
        points.size[i] = 1;
        memcpy(points.sum + i * features, centroid + i * features, (size_t)features * sizeof *centroid);
    }
    if (!status)
        status = neighbours_open(&search->all, &points, false, false);
    if (!status)
        status = neighbours_boxes(&search->all);
    for (int64_t s = 0; !status && s < count; s++)
        search->slot[search->all.cluster[s].first] = (int32_t)s;
    free(points.sum);
    free(points.size);
    return status ? status : open_coarse(search);
}

status_t leaf_search_open(struct leaf_search *search, struct comm *comm, struct log *log,
                          const double *centroid, int64_t count, int64_t features)
{
    *search = (struct leaf_search){.slot = NULL};
    status_t status = node_open(&search->node, comm, 1);
    if (!status)
        status = comm_agree(comm, open_tree(search, log, centroid, count, features));
    return status;
}

void leaf_search_close(struct leaf_search *search)
{
    neighbours_close(&search->all);
    node_close(&search->node);
    free(search->slot);
    free(search->coarse_centroid);
    free(search->coarse_leaf);
    free(search->coarse.narrow);
    free(search->coarse.half_square);
}

/* ---- rows ---- */

static int64_t slot_hint(const struct leaf_search *search, int32_t leaf)
{
    return leaf < 0 ? 0 : search->slot[leaf];
}

/* Rows by the slot of their hint, so that near ones share a tile. */
static status_t sort_rows(const struct leaf_search *search, struct leaf_rows *rows)
{
    int64_t *begin = NULL;
    status_t status = memory_new(&begin, search->all.slots + 1, sizeof *begin, "the order of customers");
    if (status)
        return status;
    for (int64_t i = 0; i < rows->count; i++)
        begin[slot_hint(search, rows->leaf[i]) + 1]++;
    for (int64_t s = 0; s < search->all.slots; s++)
        begin[s + 1] += begin[s];
    for (int64_t i = 0; i < rows->count; i++)
        rows->order[begin[slot_hint(search, rows->leaf[i])]++] = (int32_t)i;
    free(begin);
    return STATUS_OK;
}

static void search_tile(struct leaf_search *search, struct leaf_rows *rows, const int32_t *row, int count,
                        float *tile)
{
    int64_t d = search->all.features;
    int32_t hint[KERNEL_LANES];
    int32_t nearest[KERNEL_LANES];
    double square[KERNEL_LANES];
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        const float *value = rows->value + (int64_t)row[lane < count ? lane : 0] * d;
        for (int64_t f = 0; f < d; f++)
            tile[f * KERNEL_LANES + lane] = value[f];
    }
    for (int lane = 0; lane < count; lane++)
        hint[lane] = (int32_t)slot_hint(search, rows->leaf[row[lane]]);
    neighbours_locate(&search->all, tile, count, hint, nearest, square);
    for (int lane = 0; lane < count; lane++) {
        rows->leaf[row[lane]] = search->all.cluster[nearest[lane]].first;
        rows->square[row[lane]] = square[lane];
    }
}

status_t leaf_search_rows(struct leaf_search *search, struct leaf_rows *rows)
{
    float *tile = NULL;
    status_t status = memory_new(&tile, search->all.features * KERNEL_LANES, sizeof *tile, "a tile");
    if (!status)
        status = sort_rows(search, rows);
    for (int64_t i = 0; !status && i < rows->count; i += KERNEL_LANES) {
        int64_t left = rows->count - i;
        search_tile(search, rows, rows->order + i, left < KERNEL_LANES ? (int)left : KERNEL_LANES, tile);
    }
    free(tile);
    return status;
}

void leaf_search_hint(struct leaf_search *search, const struct kernels *kernels, const struct block *block,
                      int32_t *hint)
{
    struct tile_found found[BLOCK_TILES];
    uint8_t list[BLOCK_TILES];
    for (int t = 0; t < BLOCK_TILES; t++)
        list[t] = (uint8_t)t;
    kernels->filter(block->tiles, list, BLOCK_TILES, &search->coarse, NULL, found);
    for (int row = 0; row < BLOCK_ROWS; row++)
        hint[row] = search->coarse_leaf[found[row / TILE_ROWS].nearest[row % TILE_ROWS]];
}
