#include "cluster/distance_matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "core/memory.h"

enum {
    GROUP = 64,       /* columns; rows are whole groups long */
    VOTE_PAIRS = 1024 /* that are merged between two votes */
};

/* ---- which rows are whose ---- */

static int64_t stride_of(int64_t slots)
{
    return (slots + GROUP - 1) / GROUP * GROUP;
}

static int64_t first_slot(int64_t slots, int rank, int ranks)
{
    return slots * rank / ranks;
}

static int owner_of(const struct distance_matrix *matrix, int64_t slot)
{
    return (int)(((slot + 1) * matrix->comm->size - 1) / matrix->slots);
}

static void set_slots(struct distance_matrix *matrix, int64_t slots)
{
    int ranks = matrix->comm->size;
    matrix->slots = slots;
    matrix->stride = stride_of(slots);
    matrix->first = first_slot(slots, matrix->comm->rank, ranks);
    matrix->rows = first_slot(slots, matrix->comm->rank + 1, ranks) - matrix->first;
}

double distance_matrix_bytes(int64_t count, int ranks)
{
    double left = ceil(0.5 * (double)count);
    double row = (double)stride_of(count) * sizeof(double);
    double row_left = (double)stride_of((int64_t)left) * sizeof(double);
    return (ceil((double)count / ranks) + 1) * row + ceil(left / ranks) * row_left;
}

/* ---- distances of points ---- */

/* Of the place x to the GROUP places `group` (feature-major). Either way round it has the same bits. */
LANES_VERSIONS
static void find_distances(const double *group, const double *x, int64_t features, double *distance)
{
    double sum[GROUP] = {0};
    for (int64_t f = 0; f < features; f++) {
        for (int j = 0; j < GROUP; j++) {
            double difference = group[f * GROUP + j] - x[f];
            sum[j] = __builtin_fma(difference, difference, sum[j]);
        }
    }
    for (int j = 0; j < GROUP; j++)
        distance[j] = sqrt(sum[j]);
}

static void place_of(const struct points *points, int64_t point, double *place, int64_t step)
{
    for (int64_t f = 0; f < points->features; f++)
        place[f * step] = points->sum[point * points->features + f] / (double)points->size[point];
}

/* `group`: for the places of GROUP points and one more. */
static status_t fill_rows(struct distance_matrix *matrix, const struct points *points, double *group)
{
    double *x = group + points->features * GROUP;
    for (int64_t begin = 0; begin < matrix->stride; begin += GROUP) {
        if (comm_is_stopping(matrix->comm))
            return comm_stopped();
        int64_t count = matrix->slots - begin < GROUP ? matrix->slots - begin : GROUP;
        for (int64_t j = 0; j < count; j++)
            place_of(points, begin + j, group + j, GROUP);
        for (int64_t i = matrix->first; i < matrix->first + matrix->rows; i++) {
            double *row = distance_matrix_row(matrix, i);
            place_of(points, i, x, 1);
            find_distances(group, x, points->features, row + begin);
            for (int64_t j = count; j < GROUP; j++)
                row[begin + j] = INFINITY;
            row[i] = INFINITY;
        }
    }
    return STATUS_OK;
}

status_t distance_matrix_open(struct distance_matrix *matrix, const struct points *points, bool complete)
{
    *matrix = (struct distance_matrix){.comm = points->comm, .complete = complete};
    set_slots(matrix, points->count);
    double *group = NULL;
    status_t status = memory_new(&matrix->row, matrix->rows * matrix->stride, sizeof *matrix->row,
                                 "the matrix of distances");
    if (!status)
        status = memory_new(&matrix->other, matrix->stride, sizeof *matrix->other, "a row of distances");
    if (!status)
        status = memory_new(&group, points->features * (GROUP + 1), sizeof *group, "places of points");
    if (!status)
        status = fill_rows(matrix, points, group);
    free(group);
    return comm_agree(points->comm, status);
}

void distance_matrix_close(struct distance_matrix *matrix)
{
    free(matrix->row);
    free(matrix->other);
    matrix->row = matrix->other = NULL;
}

/* ---- one row ---- */

LANES_INLINE lanes lesser(lanes a, lanes b)
{
    return lanes_choose(a < b, a, b);
}

LANES_INLINE lanes greater(lanes a, lanes b)
{
    return lanes_choose(a > b, a, b);
}

LANES_VERSIONS
static struct distance_least find_least(const double *row, int64_t stride)
{
    enum { CHAINS = 4 };
    lanes first[CHAINS];
    lanes second[CHAINS];
    lane_masks at[CHAINS];
    for (int c = 0; c < CHAINS; c++) {
        first[c] = second[c] = (lanes){0} + INFINITY;
        at[c] = (lane_masks){0};
    }
    for (int64_t begin = 0; begin < stride; begin += (int64_t)CHAINS * LANES) {
        for (int c = 0; c < CHAINS; c++) {
            lanes value = lanes_of(row + begin + (int64_t)c * LANES);
            lane_masks is_less = value < first[c];
            second[c] = lesser(second[c], greater(first[c], value));
            first[c] = lesser(first[c], value);
            at[c] = (at[c] & ~is_less) | (((lane_masks){0} + begin) & is_less);
        }
    }
    struct distance_least least = {.first = INFINITY, .second = INFINITY};
    for (int i = 0; i < CHAINS * LANES; i++) {
        double value = first[i / LANES][i % LANES];
        least.second = fmin(least.second, fmin(second[i / LANES][i % LANES], fmax(least.first, value)));
        if (value < least.first) {
            least.first = value;
            least.at = at[i / LANES][i % LANES] + i;
        }
    }
    return least;
}

struct distance_least distance_matrix_least(const struct distance_matrix *matrix, int64_t slot)
{
    return find_least(distance_matrix_row(matrix, slot), matrix->stride);
}

/* ---- merging ---- */

/* The distances to two clusters as those to one, for each column; weighed by size, or the greater ones. The
 * same bits either way round. */
LANES_VERSIONS
static void combine_rows(bool complete, double *row, const double *other, double size, double other_size,
                         int64_t stride)
{
    for (int64_t j = 0; j < stride; j += LANES) {
        lanes x = lanes_of(row + j);
        lanes y = lanes_of(other + j);
        lanes result = greater(x, y);
        if (!complete) {
            lanes mean = (size * x + other_size * y) / ((lanes){0} + (size + other_size));
            result = lesser(greater(mean, lesser(x, y)), result);
        }
        memcpy(row + j, &result, sizeof result);
    }
}

/* The same for columns, in one row. */
static void combine_columns(bool complete, double *row, const struct distance_pair *pair, int64_t pairs)
{
    for (int64_t p = 0; p < pairs; p++) {
        double x = row[pair[p].kept];
        double y = row[pair[p].gone];
        double low = x < y ? x : y;
        double high = x > y ? x : y;
        double sizes = pair[p].kept_size + pair[p].gone_size;
        double mean = (pair[p].kept_size * x + pair[p].gone_size * y) / sizes;
        mean = mean > low ? mean : low;
        row[pair[p].kept] = complete || mean > high ? high : mean;
        row[pair[p].gone] = INFINITY;
    }
}

void distance_matrix_columns(struct distance_matrix *matrix, int64_t slot, const struct distance_pair *pair,
                             int64_t pairs)
{
    double *row = distance_matrix_row(matrix, slot);
    const double *next = slot + 1 < matrix->first + matrix->rows ? row + matrix->stride : row;
    /* What the next row will be asked for lies scattered in memory: so that it is there by then. */
    for (int64_t p = 0; p < pairs; p++) {
        __builtin_prefetch(next + pair[p].kept);
        __builtin_prefetch(next + pair[p].gone);
    }
    combine_columns(matrix->complete, row, pair, pairs);
}

/* The row of what pair p makes. Where it meets the column of another pair four distances become one: the two
 * halves of the cluster with the lower point are combined first, here and in that pair's row alike. */
static void merge_rows(struct distance_matrix *matrix, const struct distance_pair *pair, int64_t pairs,
                       int64_t p, double *gone)
{
    double *kept = distance_matrix_row(matrix, pair[p].kept);
    combine_columns(matrix->complete, kept, pair, p);
    combine_columns(matrix->complete, gone, pair, p);
    combine_rows(matrix->complete, kept, gone, pair[p].kept_size, pair[p].gone_size, matrix->stride);
    combine_columns(matrix->complete, kept, pair + p + 1, pairs - p - 1);
}

status_t distance_matrix_merge(struct distance_matrix *matrix, const struct distance_pair *pair,
                               int64_t pairs)
{
    struct comm *comm = matrix->comm;
    int64_t bytes = matrix->stride * (int64_t)sizeof *matrix->row;
    status_t status = STATUS_OK;
    /* All ranks go through the pairs in one order: the two that meet at the first pair still open can go on.
     */
    for (int64_t p = 0; !status && p < pairs; p++) {
        int to = owner_of(matrix, pair[p].kept);
        int from = owner_of(matrix, pair[p].gone);
        double *gone = from == comm->rank ? distance_matrix_row(matrix, pair[p].gone) : matrix->other;
        if (to != from && from == comm->rank)
            status = comm_send(comm, to, gone, bytes);
        if (to != from && to == comm->rank)
            status = comm_receive(comm, from, gone, bytes);
        if (!status && to == comm->rank)
            merge_rows(matrix, pair, pairs, p, gone);
        if ((p + 1) % VOTE_PAIRS == 0)
            status = comm_agree(comm, status);
    }
    return status;
}

/* ---- a smaller matrix ---- */

/* Takes columns out of a row. `to` may be `from`, or lie before it. */
static void squeeze_row(const double *from, int64_t slots, const int32_t *moved, double *to, int64_t left)
{
    for (int64_t j = 0; j < slots; j++) {
        if (moved[j] >= 0)
            to[moved[j]] = from[j];
    }
    for (int64_t j = left; j < stride_of(left); j++)
        to[j] = INFINITY;
}

status_t distance_matrix_compact(struct distance_matrix *matrix, const int32_t *moved, int64_t left)
{
    struct distance_matrix before = *matrix;
    int64_t *counts = NULL;
    void *received = NULL;
    int64_t received_count = 0;
    status_t status =
        comm_agree(matrix->comm, memory_new(&counts, matrix->comm->size, sizeof *counts, "rows to send"));
    if (status) {
        free(counts);
        return status;
    }
    set_slots(matrix, left);
    double *to = matrix->row;
    for (int64_t i = 0; i < before.rows; i++) {
        if (moved[before.first + i] < 0)
            continue;
        squeeze_row(before.row + i * before.stride, before.slots, moved, to, left);
        counts[owner_of(matrix, moved[before.first + i])]++;
        to += matrix->stride;
    }
    status = comm_exchange(matrix->comm, matrix->row, counts, (size_t)matrix->stride * sizeof *matrix->row,
                           &received, &received_count);
    free(counts);
    free(matrix->row);
    matrix->row = received;
    return status;
}
