#include "cluster/leaf_draw.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"

enum { SPARE = 2 /* times as many as wanted are offered, since some will be alike */ };

struct offer {
    double priority;
    int64_t row;
    int64_t index; /* among this rank's rows; then among all offers */
};

static int by_priority(const void *a, const void *b)
{
    const struct offer *x = a;
    const struct offer *y = b;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static double priority_of(const struct leaf_draw *draw, double square, int64_t row)
{
    double uniform = 1.0 - random_uniform(draw->seed, RANDOM_LEAVES, row, draw->round); /* in (0, 1] */
    return (isfinite(square) ? square : 1.0) / uniform;
}

/* This rank's best offers, in order; *count of them. */
static status_t make_offers(const struct leaf_draw *draw, const struct leaf_rows *rows, const int64_t *row,
                            struct offer **offers, int64_t *count)
{
    status_t status = memory_new(offers, rows->count, sizeof **offers, "centroids to draw");
    *count = 0;
    for (int64_t i = 0; !status && i < rows->count; i++) {
        if (rows->square[i] > 0.0)
            (*offers)[(*count)++] = (struct offer){priority_of(draw, rows->square[i], row[i]), row[i], i};
    }
    if (!status && *count > 1)
        qsort(*offers, (size_t)*count, sizeof **offers, by_priority);
    *count = *count < SPARE * draw->wanted ? *count : SPARE * draw->wanted;
    return status;
}

/* All ranks' offers in order, and their values. */
static status_t share_offers(const struct leaf_draw *draw, const struct leaf_rows *rows,
                             const struct offer *mine, int64_t count, struct offer **offers, float **values,
                             int64_t *total)
{
    int64_t size = draw->features * (int64_t)sizeof(float);
    float *own = NULL;
    int64_t bytes = 0;
    status_t status =
        comm_agree(draw->comm, memory_new(&own, count * draw->features, sizeof *own, "centroids to draw"));
    for (int64_t i = 0; !status && i < count; i++)
        memcpy(own + i * draw->features, rows->value + mine[i].index * draw->features, (size_t)size);
    if (!status)
        status = comm_gather_all(draw->comm, mine, count * (int64_t)sizeof *mine, (void **)offers, &bytes);
    *total = bytes / (int64_t)sizeof **offers;
    if (!status)
        status = comm_gather_all(draw->comm, own, count * size, (void **)values, &bytes);
    for (int64_t i = 0; !status && i < *total; i++)
        (*offers)[i].index = i;
    if (!status && *total > 1)
        qsort(*offers, (size_t)*total, sizeof **offers, by_priority);
    /* as many as one rank alone would offer: how many more there are depends on the ranks */
    *total = *total < SPARE * draw->wanted ? *total : SPARE * draw->wanted;
    free(own);
    return status;
}

/* Takes offers in order, but for those at a place that has been taken. */
static status_t take_offers(struct leaf_draw *draw, const struct offer *offers, const float *values,
                            int64_t total)
{
    status_t status = row_set_open(&draw->taken, draw->wanted, draw->features);
    for (int64_t i = 0; !status && i < total && draw->taken.count < draw->wanted; i++)
        row_set_add(&draw->taken, values + offers[i].index * draw->features, offers[i].row);
    return status;
}

status_t leaf_draw_open(struct leaf_draw *draw, const struct leaf_rows *rows, const int64_t *row)
{
    struct offer *mine = NULL;
    struct offer *offers = NULL;
    float *values = NULL;
    int64_t count = 0;
    int64_t total = 0;
    draw->taken = (struct row_set){0};
    status_t status = comm_agree(draw->comm, make_offers(draw, rows, row, &mine, &count));
    if (!status)
        status = share_offers(draw, rows, mine, count, &offers, &values, &total);
    if (!status)
        status = comm_agree(draw->comm, take_offers(draw, offers, values, total));
    free(mine);
    free(offers);
    free(values);
    return status;
}

void leaf_draw_close(struct leaf_draw *draw)
{
    row_set_close(&draw->taken);
}
