#include "cluster/nearest_points.h"

#include <math.h>
#include <stdlib.h>

#include "cluster/neighbours.h"
#include "core/memory.h"

/* A run of idle places, this rank's, and what has been found for them. */
struct share {
    int64_t begin;
    int64_t end;
    int32_t *nearest; /* end - begin */
};

/* By the tree of boxes. */
static status_t locate_customers(struct neighbours *all, const struct idle *idle, struct share *share)
{
    int64_t d = all->features;
    float *tile = NULL;
    int32_t *slot = NULL; /* points: of each */
    double square[KERNEL_LANES];
    int32_t hint[KERNEL_LANES] = {0};
    int32_t found[KERNEL_LANES];
    status_t status = memory_new(&tile, d * KERNEL_LANES, sizeof *tile, "a tile");
    if (!status)
        status = memory_new(&slot, all->slots, sizeof *slot, "the points of a tree");
    for (int64_t s = 0; !status && s < all->slots; s++)
        slot[all->cluster[s].first] = (int32_t)s;
    for (int64_t i = share->begin; !status && i < share->end; i += KERNEL_LANES) {
        int64_t left = share->end - i;
        int count = left < KERNEL_LANES ? (int)left : KERNEL_LANES;
        for (int lane = 0; lane < count; lane++) {
            for (int64_t f = 0; f < d; f++)
                tile[f * KERNEL_LANES + lane] = idle->value[idle->place[i + lane] * d + f];
            hint[lane] = slot[idle->hint[i + lane]];
        }
        neighbours_locate(all, tile, count, hint, found, square);
        for (int lane = 0; lane < count; lane++)
            share->nearest[i - share->begin + lane] = all->cluster[found[lane]].first;
        if (comm_is_stopping(all->comm))
            status = comm_stopped();
    }
    free(tile);
    free(slot);
    return status;
}

static int32_t nearest_to(struct neighbours *all, const double *mean)
{
    double least = (double)INFINITY;
    int32_t nearest = INT32_MAX;
    for (int64_t s = 0; s < all->slots; s++) {
        double square = neighbours_distance(all, s, mean);
        int32_t point = all->cluster[s].first;
        if (square > least || (square == least && point > nearest))
            continue;
        least = square;
        nearest = point;
    }
    return nearest;
}

/* Few micro-clusters weigh nothing: all points are looked at. */
static status_t locate_means(struct neighbours *all, const struct idle *idle, struct share *share)
{
    double *mean = NULL;
    status_t status = memory_new(&mean, all->width, sizeof *mean, "a micro-cluster");
    for (int64_t i = share->begin; !status && i < share->end; i++) {
        for (int64_t f = 0; f < all->features; f++)
            mean[f] = idle->mean[idle->place[i] * all->features + f];
        share->nearest[i - share->begin] = nearest_to(all, mean);
    }
    free(mean);
    return status;
}

static status_t locate_share(struct neighbours *all, const struct idle *idle, struct share *share)
{
    status_t status =
        memory_new(&share->nearest, share->end - share->begin, sizeof *share->nearest, "the nearest points");
    if (status)
        return status;
    return idle->value ? locate_customers(all, idle, share) : locate_means(all, idle, share);
}

status_t nearest_points(struct points *points, const struct idle *idle, int32_t **nearest)
{
    struct comm *comm = points->comm;
    struct neighbours all = {.comm = NULL};
    struct share share = {.begin = idle->count * comm->rank / comm->size,
                          .end = idle->count * (comm->rank + 1) / comm->size};
    int64_t bytes = 0;
    status_t status = neighbours_open(&all, points, false, false);
    if (!status)
        status = comm_agree(comm, neighbours_boxes(&all));
    if (!status)
        status = comm_agree(comm, locate_share(&all, idle, &share));
    if (!status)
        status =
            comm_gather_all(comm, share.nearest, (share.end - share.begin) * (int64_t)sizeof *share.nearest,
                            (void **)nearest, &bytes);
    free(share.nearest);
    neighbours_close(&all);
    return status;
}
