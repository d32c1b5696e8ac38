#include "cluster/neighbours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "core/memory.h"
#include "kernel/axes.h"

enum {
    SAMPLE = 20000,     /* points that the axes are found from */
    MOST_FEATURES = 256 /* that turning the axes is worth its cost for */
};

/* ---- distance ---- */

LANES_VERSIONS static double squared_distance(const double *a, double size_a, const double *b, double size_b,
                                              int64_t width)
{
    lanes total = {0};
    for (int64_t f = 0; f < width; f += LANES) {
        lanes apart = lanes_of(a + f) / size_a - lanes_of(b + f) / size_b;
        total += apart * apart;
    }
    return ((total[0] + total[1]) + (total[2] + total[3])) + ((total[4] + total[5]) + (total[6] + total[7]));
}

double neighbours_square(struct neighbours *all, int64_t a, int64_t b)
{
    double size_a = (double)all->cluster[a].size;
    double size_b = (double)all->cluster[b].size;
    all->work.exact++;
    return squared_distance(all->sum + a * all->width, size_a, all->sum + b * all->width, size_b,
                            all->width) *
           (2.0 * size_a * size_b / (size_a + size_b));
}

double neighbours_distance(struct neighbours *all, int64_t slot, const double *customer)
{
    all->work.exact++;
    return squared_distance(all->sum + slot * all->width, (double)all->cluster[slot].size, customer, 1.0,
                            all->width);
}

bool neighbours_nearer(const struct neighbours *all, int64_t slot, double square_a, int64_t a,
                       double square_b, int64_t b)
{
    if (square_a != square_b)
        return square_a < square_b;
    int32_t first = all->cluster[slot].first;
    /* the hash is a bijection, so different pairs differ */
    return linkage_tie(first, all->cluster[a].first) < linkage_tie(first, all->cluster[b].first);
}

void neighbours_lower(struct neighbours *all, int32_t set, double square)
{
    double there;
    __atomic_load(&all->within[set], &there, __ATOMIC_RELAXED);
    while (square < there && !__atomic_compare_exchange(&all->within[set], &there, &square, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* ---- places ---- */

void neighbours_put(struct neighbours *all, int64_t slot, bool active)
{
    int64_t d = all->features;
    float *row = all->row + slot * (d + NEAR_CONSTANTS);
    const double *sum = all->sum + slot * all->width;
    double size = (double)all->cluster[slot].size;
    double square = 0.0;
    double half_square = 0.0;
    for (int64_t g = 0; g < d; g++) {
        double at = 0.0;
        for (int64_t f = 0; all->rotation && f < d; f++)
            at += all->rotation[g * d + f] * (sum[f] / size - all->mean[f]);
        if (!all->rotation)
            at = sum[g] / size - all->mean[g];
        row[g] = (float)at;
        square += at * at;
        half_square += g < all->tree.half ? at * at : 0.0;
    }
    row[d + NEAR_SQUARE] = active ? near_shrink(square, d) : (float)INFINITY;
    row[d + NEAR_HALF_SQUARE] = active ? near_shrink(half_square, d) : (float)INFINITY;
    row[d + NEAR_WEIGHT] = (float)(0.5 / size);
}

/* Mean and principal axes of some of the points: the first coordinates then tell most. Any axes would do, the
 * same on all ranks. */
static status_t find_axes(struct neighbours *all, const struct points *points)
{
    int64_t d = all->features;
    int64_t step = points->count / SAMPLE + 1;
    int64_t seen = 0;
    double *work = NULL;
    status_t status = memory_new(&all->mean, d, sizeof *all->mean, "the mean");
    if (!status && d > 1 && d <= MOST_FEATURES)
        status = memory_new(&all->rotation, d * d, sizeof *all->rotation, "the axes");
    if (!status)
        status = memory_new(&work, 4 * d, sizeof *work, "the axes");
    for (int64_t i = 0; !status && i < points->count; i += step, seen++) {
        for (int64_t f = 0; f < d; f++)
            all->mean[f] += points->sum[i * d + f] / (double)points->size[i];
    }
    for (int64_t f = 0; !status && f < d; f++)
        all->mean[f] /= (double)seen;
    for (int64_t i = 0; !status && all->rotation && i < points->count; i += step) {
        for (int64_t f = 0; f < d; f++)
            work[f] = points->sum[i * d + f] / (double)points->size[i] - all->mean[f];
        for (int64_t f = 0; f < d; f++)
            for (int64_t g = 0; g < d; g++)
                all->rotation[f * d + g] += work[f] * work[g];
    }
    bool found = !status && all->rotation && axes_of(d, all->rotation, work);
    free(work);
    if (!found) {
        free(all->rotation);
        all->rotation = NULL;
    }
    return comm_agree(all->comm, status);
}

/* ---- opening ---- */

static size_t row_bytes(const struct neighbours *all)
{
    return (size_t)(all->features + NEAR_CONSTANTS) * sizeof *all->row;
}

static double largest(double a, double b)
{
    return a > b ? a : b;
}

double neighbours_bytes(int64_t count, int64_t features)
{
    int64_t padded = (features + LANES - 1) / LANES * LANES;
    double width = (double)padded;
    double row = (double)(features + NEAR_CONSTANTS) * (double)sizeof(float);
    double sum = width * (double)sizeof(double);
    double spare = largest(largest(sum, row), (double)sizeof(struct cluster));
    double box = 2.0 / NEAR_CELL * (double)(2 * features + NEAR_CONSTANTS + 1) * (double)sizeof(float);
    return (double)count * (sizeof(struct cluster) + sum + row + spare + box + 9.0 * sizeof(int32_t)) +
           64.0 * row + 1e6;
}

static status_t take_memory(struct neighbours *all, int64_t count, bool sets)
{
    struct node *node = all->node;
    int64_t d = all->features;
    int64_t boxes = 2 * (count / NEAR_CELL + NEAR_LEVELS);
    size_t spare = (size_t)largest(largest((double)row_bytes(all), (double)sizeof(struct cluster)),
                                   (double)all->width * (double)sizeof(double));
    struct {
        void *out;
        int64_t count;
        size_t size;
    } wanted[] = {{&all->cluster, count, sizeof *all->cluster},
                  {&all->sum, count, (size_t)all->width * sizeof *all->sum},
                  {&all->row, count, row_bytes(all)},
                  {&all->box, boxes, (size_t)(2 * d + NEAR_CONSTANTS) * sizeof *all->box},
                  {&all->box_set, sets ? boxes : 0, sizeof *all->box_set},
                  {&all->set, sets ? count : 0, sizeof *all->set},
                  {&all->within, sets ? count : 0, sizeof *all->within},
                  {&all->order, count, sizeof *all->order},
                  {&all->place, count, sizeof *all->place},
                  {&all->key, count, sizeof *all->key},
                  {&all->query, count, sizeof *all->query},
                  {&all->spare, count, spare},
                  {&all->next, 1, sizeof *all->next}};
    status_t status = STATUS_OK;
    for (size_t i = 0; !status && i < sizeof wanted / sizeof *wanted; i++)
        status = node_memory(node, wanted[i].out, wanted[i].count, wanted[i].size, "clusters");
    status_t own =
        memory_new(&all->tile.coordinate, d * KERNEL_LANES, sizeof *all->tile.coordinate, "queries");
    if (!own)
        own = memory_new(&all->tile.factor, d * KERNEL_LANES, sizeof *all->tile.factor, "queries");
    if (!own)
        own = memory_new(&all->customer, KERNEL_LANES * all->width, sizeof *all->customer, "queries");
    if (!own && !all->kernels)
        own = status_new(EXIT_BAD_USAGE, "LOHKO_VECTORS names registers that this machine lacks");
    return comm_agree(all->comm, status_first(status, own));
}

/* How many ranks the nodes before this one have, in the order of their first ranks. */
static status_t count_ranks_before(struct neighbours *all)
{
    int64_t leader = all->comm->rank;
    int64_t *leaders = NULL;
    int64_t bytes = 0;
    status_t status = comm_min_i64(&all->node->comm, &leader, 1);
    if (!status)
        status = comm_gather_all(all->comm, &leader, sizeof leader, (void **)&leaders, &bytes);
    for (int r = 0; !status && r < all->comm->size; r++)
        all->ranks_before += leaders[r] < leader;
    free(leaders);
    all->alone = all->node->comm.size == all->comm->size;
    return status;
}

static void take_points(struct neighbours *all, const struct points *points, bool sizes)
{
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, points->count, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        int64_t size = sizes ? points->size[i] : 1;
        all->cluster[i] = (struct cluster){
            .size = size, .first = (int32_t)i, .joined = (int32_t)i, .nearest = -1, .partner = -1};
        for (int n = 0; n < NEIGHBOURS; n++)
            all->cluster[i].known[n] = -1;
        for (int64_t f = 0; f < all->features; f++) {
            double sum = points->sum[i * all->features + f];
            all->sum[i * all->width + f] = sizes ? sum : sum / (double)points->size[i];
        }
        neighbours_put(all, i, true);
    }
}

status_t neighbours_open(struct neighbours *all, struct points *points, bool sizes, bool sets)
{
    int64_t d = points->features;
    const char *prune = getenv("LOHKO_PRUNE");
    *all = (struct neighbours){.comm = points->comm,
                               .node = points->node,
                               .kernels = kernels_choose(),
                               .features = d,
                               .width = (d + LANES - 1) / LANES * LANES,
                               .slots = points->count,
                               .active = points->count,
                               .tree = {.features = d, .half = d >= 8 ? d / 2 : 0}};
    all->tree.everywhere = prune && strcmp(prune, "none") == 0;
    status_t status = take_memory(all, points->count, sets);
    if (!status)
        status = count_ranks_before(all);
    if (!status)
        status = find_axes(all, points);
    if (!status) {
        take_points(all, points, sizes);
        status = node_fence(all->node);
    }
    if (!status)
        status = neighbours_compact(all);
    return comm_agree(all->comm, status);
}

void neighbours_close(struct neighbours *all)
{
    free(all->mean);
    free(all->rotation);
    free(all->tile.coordinate);
    free(all->tile.factor);
    free(all->customer);
    *all = (struct neighbours){0};
}
