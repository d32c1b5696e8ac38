#include "cluster/leaf_search.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { COARSE = 64 /* runs of slots, about */ };

/* ---- opening ---- */

static void set_centroids(struct leaf_search *search, struct tile_centroids *some, int64_t first,
                          int64_t count)
{
    int64_t d = search->all.features;
    *some = (struct tile_centroids){.k = count,
                                    .features = d,
                                    .centroid = search->centroid + first * d,
                                    .narrow = search->narrow + first * d,
                                    .half_square = search->half_square + first};
    tile_narrow(some);
}

static status_t open_hints(struct leaf_search *search)
{
    const struct neighbours *all = &search->all;
    int64_t d = all->features;
    search->run = (all->slots + COARSE - 1) / COARSE;
    int64_t runs = (all->slots + search->run - 1) / search->run;
    status_t status = memory_new(&search->fine, runs, sizeof *search->fine, "centroids");
    if (!status)
        status =
            memory_new(&search->centroid, (runs + all->slots) * d, sizeof *search->centroid, "centroids");
    if (!status)
        status = memory_new(&search->narrow, (runs + all->slots) * d, sizeof *search->narrow, "centroids");
    if (!status)
        status =
            memory_new(&search->half_square, runs + all->slots, sizeof *search->half_square, "centroids");
    if (status)
        return status;
    for (int64_t s = 0; s < all->slots; s++) {
        int64_t r = s / search->run;
        int64_t size = r == runs - 1 ? all->slots - r * search->run : search->run;
        for (int64_t f = 0; f < d; f++) {
            search->centroid[(runs + s) * d + f] = all->sum[s * all->width + f];
            search->centroid[r * d + f] += all->sum[s * all->width + f] / (double)size;
        }
    }
    set_centroids(search, &search->coarse, 0, runs);
    for (int64_t r = 0; r < runs; r++) {
        int64_t left = all->slots - r * search->run;
        set_centroids(search, &search->fine[r], runs + r * search->run,
                      left < search->run ? left : search->run);
    }
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
    return status ? status : open_hints(search);
}

status_t leaf_search_open(struct leaf_search *search, struct comm *comm, struct log *log,
                          const double *centroid, int64_t count, int64_t features)
{
    *search = (struct leaf_search){.comm = comm};
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
    free(search->fine);
    free(search->centroid);
    free(search->narrow);
    free(search->half_square);
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

static void gather_tile(const struct leaf_search *search, const struct leaf_rows *rows, const int32_t *row,
                        int count, float *tile)
{
    int64_t d = search->all.features;
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        const float *value = rows->value + (int64_t)row[lane < count ? lane : 0] * d;
        for (int64_t f = 0; f < d; f++)
            tile[f * KERNEL_LANES + lane] = value[f];
    }
}

typedef void (*tile_visitor)(void *context, struct leaf_rows *rows, const int32_t *row, int count,
                             const float *tile);

/* Tiles of rows whose hints are near each other. */
static status_t visit_tiles(const struct leaf_search *search, struct leaf_rows *rows, tile_visitor visit,
                            void *context)
{
    float *tile = NULL;
    status_t status = memory_new(&tile, search->all.features * KERNEL_LANES, sizeof *tile, "a tile");
    if (!status)
        status = sort_rows(search, rows);
    for (int64_t i = 0; !status && i < rows->count; i += KERNEL_LANES) {
        int64_t left = rows->count - i;
        int count = left < KERNEL_LANES ? (int)left : KERNEL_LANES;
        gather_tile(search, rows, rows->order + i, count, tile);
        visit(context, rows, rows->order + i, count, tile);
        if (comm_is_stopping(search->comm))
            status = comm_stopped();
    }
    free(tile);
    return status;
}

static void search_tile(void *context, struct leaf_rows *rows, const int32_t *row, int count,
                        const float *tile)
{
    struct leaf_search *search = context;
    int32_t hint[KERNEL_LANES] = {0};
    int32_t nearest[KERNEL_LANES];
    double square[KERNEL_LANES];
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
    return visit_tiles(search, rows, search_tile, search);
}

struct refining {
    const struct leaf_search *search;
    const struct kernels *kernels;
};

/* Nearly all rows of a tile have their hint in one run; the nearest of that run does for the others too. */
static void refine_tile(void *context, struct leaf_rows *rows, const int32_t *row, int count,
                        const float *tile)
{
    const struct refining *refining = context;
    const struct leaf_search *search = refining->search;
    const uint8_t only = 0;
    struct tile_found found;
    int64_t run = slot_hint(search, rows->leaf[row[0]]) / search->run;
    refining->kernels->filter(tile, &only, 1, &search->fine[run], NULL, &found);
    for (int lane = 0; lane < count; lane++)
        rows->leaf[row[lane]] = search->all.cluster[run * search->run + found.nearest[lane]].first;
}

status_t leaf_search_refine(const struct leaf_search *search, const struct kernels *kernels,
                            struct leaf_rows *rows)
{
    struct refining refining = {search, kernels};
    return visit_tiles(search, rows, refine_tile, &refining);
}

void leaf_search_hint(const struct leaf_search *search, const struct kernels *kernels,
                      const struct block *block, int32_t *hint)
{
    struct tile_found found[BLOCK_TILES];
    uint8_t list[BLOCK_TILES];
    for (int t = 0; t < BLOCK_TILES; t++)
        list[t] = (uint8_t)t;
    kernels->filter(block->tiles, list, BLOCK_TILES, &search->coarse, NULL, found);
    for (int row = 0; row < BLOCK_ROWS; row++)
        hint[row] = search->all.cluster[found[row / TILE_ROWS].nearest[row % TILE_ROWS] * search->run].first;
}
