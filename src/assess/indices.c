#include "assess/indices.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/exactsum.h"
#include "core/lanes.h"
#include "core/memory.h"

/* What the walks take along of one segmentation. */
struct shape {
    struct indices *indices;
    int64_t first;   /* its segments among those of all segmentations */
    int64_t filled;  /* segments with customers */
    double *mean;    /* k x features; zero without members */
    double *spread;  /* k: mean squared distance of the members to their mean; infinite without members */
    double *others;  /* k: n / (n - 1): from a mean over the members to one over a member's fellows; 0 for one
                        that has none */
    double *squared; /* k: sums over a block */
    double *plain;   /* k: likewise; after the first walk mean distances to the mean */
    enum nearest_way way;
};

struct measuring {
    const struct customers *customers;
    struct shape *shape;
    int64_t count;
    int64_t segments;      /* of all segmentations */
    struct exactsum *sums; /* 2 x segments */
    struct nearest nearest;
    int32_t label[BLOCK_ROWS];
    double squared[BLOCK_ROWS];
    double plain[BLOCK_ROWS];
};

/* ---- arithmetic of a block ---- */

/* Squared distances of the customers of `tiles` tiles to the means of their segments; of those that are in no
 * segment it says nothing. */
LANES_VERSIONS static void own_distances(const float *tile, int64_t tiles, int64_t features,
                                         const double *mean, const int32_t *label, double *squared)
{
    for (int64_t i = 0; i < tiles * TILE_ROWS; i += LANES) {
        const float *x = tile + i / TILE_ROWS * features * TILE_ROWS + i % TILE_ROWS;
        const double *own[LANES];
        lanes sum = {0};
        for (int lane = 0; lane < LANES; lane++)
            own[lane] = mean + (label[i + lane] < 0 ? 0 : label[i + lane]) * features;
        for (int64_t f = 0; f < features; f++) {
            lanes difference;
            for (int lane = 0; lane < LANES; lane++)
                difference[lane] = (double)x[f * TILE_ROWS + lane] - own[lane][f];
            sum += difference * difference;
        }
        memcpy(squared + i, &sum, sizeof sum);
    }
}

LANES_VERSIONS static void take_roots(const double *squared, double *plain)
{
    for (int i = 0; i < BLOCK_ROWS; i++)
        plain[i] = sqrt(squared[i]);
}

/* Sums of a block, which have an order, go into those that need none. */
static void take_sums(double *of_block, int64_t k, struct exactsum *sums)
{
    for (int64_t h = 0; h < k; h++)
        exactsum_add(&sums[h], of_block[h]);
    memset(of_block, 0, (size_t)k * sizeof *of_block);
}

static void label_block(struct measuring *measuring, struct shape *shape, const struct block *block)
{
    measuring->nearest.way = shape->way; /* which is the faster depends on k */
    labelling_block(shape->indices->labelling, &measuring->nearest, block, measuring->label);
    shape->way = measuring->nearest.way;
}

/* ---- first walk: distances to the own mean ---- */

static void spread_block(void *context, const struct block *block)
{
    struct measuring *measuring = context;
    int tiles = nearest_tiles_of(block);
    for (int64_t s = 0; s < measuring->count; s++) {
        struct shape *shape = &measuring->shape[s];
        label_block(measuring, shape, block);
        own_distances(block->tiles, tiles, measuring->customers->features, shape->mean, measuring->label,
                      measuring->squared);
        take_roots(measuring->squared, measuring->plain);
        for (int row = 0; row < block->rows; row++) {
            int32_t h = measuring->label[row];
            if (h < 0)
                continue;
            shape->squared[h] += measuring->squared[row];
            shape->plain[h] += measuring->plain[row];
        }
        int64_t k = shape->indices->k;
        take_sums(shape->squared, k, measuring->sums + shape->first);
        take_sums(shape->plain, k, measuring->sums + measuring->segments + shape->first);
    }
}

/* Sum over the segments of a segmentation, of exact ones: rounded once. */
static double sum_of(const struct exactsum *sums, int64_t k)
{
    struct exactsum all = {.pending = 0};
    for (int64_t h = 0; h < k; h++)
        exactsum_merge(&all, &sums[h]);
    return exactsum_round(&all);
}

/* n_h |mean_h - mean|^2 over the segments. */
static double squares_between(const struct indices *indices, int64_t customers, int64_t features)
{
    __float128 squares = 0;
    for (int64_t f = 0; f < features; f++) {
        __float128 all = 0;
        for (int64_t h = 0; h < indices->k; h++)
            all += (__float128)indices->sum[h * features + f];
        for (int64_t h = 0; h < indices->k; h++) {
            if (indices->size[h] == 0)
                continue;
            __float128 size = (__float128)indices->size[h];
            __float128 away = (__float128)indices->sum[h * features + f] / size - all / (__float128)customers;
            squares += size * away * away;
        }
    }
    return (double)squares;
}

/* 1 where no customer is away from its mean, as scikit-learn has it. */
static double calinski_harabasz(const struct shape *shape, int64_t customers, int64_t features)
{
    double inertia = shape->indices->inertia;
    double between = squares_between(shape->indices, customers, features);
    if (inertia == 0)
        return 1.0;
    return between * (double)(customers - shape->filled) / (inertia * (double)(shape->filled - 1));
}

static double distance_between(const double *a, const double *b, int64_t features)
{
    double sum = 0.0;
    for (int64_t f = 0; f < features; f++)
        sum += (a[f] - b[f]) * (a[f] - b[f]);
    return sqrt(sum);
}

/* shape->plain: mean distances to the mean. Of means that coincide nothing is said, as in scikit-learn. */
static double davies_bouldin(const struct shape *shape, int64_t features)
{
    const struct indices *indices = shape->indices;
    double sum = 0.0;
    for (int64_t h = 0; h < indices->k; h++) {
        double worst = 0.0;
        for (int64_t l = 0; indices->size[h] > 0 && l < indices->k; l++) {
            double apart = distance_between(shape->mean + h * features, shape->mean + l * features, features);
            if (indices->size[l] == 0 || apart == 0)
                continue;
            double ratio = (shape->plain[h] + shape->plain[l]) / apart;
            worst = ratio > worst ? ratio : worst;
        }
        sum += worst;
    }
    return sum / (double)shape->filled;
}

static int64_t customers_in(const struct indices *indices)
{
    int64_t customers = 0;
    for (int64_t h = 0; h < indices->k; h++)
        customers += indices->size[h];
    return customers;
}

static void take_spreads(struct measuring *measuring, struct shape *shape)
{
    struct indices *indices = shape->indices;
    int64_t features = measuring->customers->features;
    struct exactsum *squared = measuring->sums + shape->first;
    struct exactsum *plain = squared + measuring->segments;
    indices->inertia = sum_of(squared, indices->k);
    for (int64_t h = 0; h < indices->k; h++) {
        double size = (double)indices->size[h];
        shape->spread[h] = size > 0 ? exactsum_round(&squared[h]) / size : (double)INFINITY;
        shape->plain[h] = size > 0 ? exactsum_round(&plain[h]) / size : 0.0;
    }
    if (shape->filled > 1) {
        indices->calinski_harabasz = calinski_harabasz(shape, customers_in(indices), features);
        indices->davies_bouldin = davies_bouldin(shape, features);
    }
}

/* ---- second walk: the nearest other segment ---- */

/* Adds the silhouettes of a tile's customers to shape->squared. `own` has room for a tile. */
static void compare_tile(const struct measuring *measuring, struct shape *shape, const float *tile,
                         const int32_t *label, double *own)
{
    struct tile_centroids means = {.k = shape->indices->k,
                                   .features = measuring->customers->features,
                                   .centroid = shape->mean,
                                   .offset = shape->spread};
    struct tile_two two;
    bool own_known = false;
    measuring->customers->kernels->two(tile, &means, &two);
    for (int lane = 0; lane < TILE_ROWS; lane++) {
        int32_t h = label[lane];
        if (h < 0 || shape->others[h] == 0)
            continue;
        double b = two.nearest[lane] == h ? two.second_distance[lane] : two.distance[lane];
        double a = two.nearest[lane] == h ? two.distance[lane] : two.second_distance[lane];
        if (two.nearest[lane] != h && two.second[lane] != h) {
            if (!own_known)
                own_distances(tile, 1, means.features, shape->mean, label, own);
            own_known = true;
            a = own[lane] + shape->spread[h];
        }
        a *= shape->others[h];
        double larger = a > b ? a : b;
        shape->squared[h] += larger > 0 ? (b - a) / larger : 0.0;
    }
}

static void compare_block(void *context, const struct block *block)
{
    struct measuring *measuring = context;
    int64_t tile_floats = measuring->customers->features * TILE_ROWS;
    for (int64_t s = 0; s < measuring->count; s++) {
        struct shape *shape = &measuring->shape[s];
        if (shape->filled < 2)
            continue;
        label_block(measuring, shape, block);
        for (int64_t t = 0; t < nearest_tiles_of(block); t++)
            compare_tile(measuring, shape, block->tiles + t * tile_floats, measuring->label + t * TILE_ROWS,
                         measuring->squared);
        take_sums(shape->squared, shape->indices->k, measuring->sums + shape->first);
    }
}

static void take_silhouettes(const struct measuring *measuring, struct shape *shape)
{
    struct indices *indices = shape->indices;
    struct exactsum *sums = measuring->sums + shape->first;
    for (int64_t h = 0; h < indices->k; h++) {
        bool some = shape->filled > 1 && indices->size[h] > 0;
        indices->segment_silhouette[h] =
            some ? exactsum_round(&sums[h]) / (double)indices->size[h] : (double)NAN;
    }
    if (shape->filled > 1)
        indices->silhouette = sum_of(sums, indices->k) / (double)customers_in(indices);
}

/* ---- both walks ---- */

static status_t shape_open(struct shape *shape, struct indices *indices, int64_t features)
{
    int64_t k = indices->k;
    double **of_segments[] = {&shape->spread, &shape->others, &shape->squared, &shape->plain,
                              &indices->segment_silhouette};
    *shape = (struct shape){.indices = indices};
    indices->silhouette = indices->calinski_harabasz = indices->davies_bouldin = (double)NAN;
    indices->segment_silhouette = NULL;
    status_t status = memory_new(&shape->mean, k * features, sizeof *shape->mean, "indices");
    for (size_t i = 0; !status && i < sizeof of_segments / sizeof of_segments[0]; i++)
        status = memory_new(of_segments[i], k, sizeof(double), "indices");
    for (int64_t h = 0; !status && h < k; h++) {
        double size = (double)indices->size[h];
        shape->filled += size > 0;
        shape->others[h] = size > 1 ? size / (size - 1) : 0.0;
        for (int64_t f = 0; size > 0 && f < features; f++)
            shape->mean[h * features + f] = indices->sum[h * features + f] / size;
    }
    return status;
}

static status_t measuring_open(struct measuring *measuring, struct indices *indices, int64_t count)
{
    for (int64_t s = 0; s < count; s++)
        indices[s].segment_silhouette = NULL;
    status_t status = memory_new(&measuring->shape, count, sizeof *measuring->shape, "indices");
    for (; !status && measuring->count < count; measuring->count++) {
        struct shape *shape = &measuring->shape[measuring->count];
        status = shape_open(shape, &indices[measuring->count], measuring->customers->features);
        shape->first = measuring->segments;
        measuring->segments += indices[measuring->count].k;
    }
    if (!status)
        status = memory_new(&measuring->sums, 2 * measuring->segments, sizeof *measuring->sums, "indices");
    if (!status)
        status = nearest_open(&measuring->nearest, measuring->customers);
    return status;
}

static void measuring_close(struct measuring *measuring)
{
    nearest_close(&measuring->nearest);
    for (int64_t s = 0; s < measuring->count; s++) {
        struct shape *shape = &measuring->shape[s];
        free(shape->mean);
        free(shape->spread);
        free(shape->others);
        free(shape->squared);
        free(shape->plain);
    }
    free(measuring->shape);
    free(measuring->sums);
}

/* One walk, one reduction of `count` sums. */
static status_t walk(struct measuring *measuring, customers_visitor visit, int64_t count)
{
    const struct customers *customers = measuring->customers;
    memset(measuring->sums, 0, (size_t)count * sizeof *measuring->sums);
    status_t status = comm_agree(customers->comm, customers_walk(customers, NULL, 0, visit, measuring));
    return status ? status : comm_sum_exact(customers->comm, measuring->sums, count);
}

static status_t measure(struct measuring *measuring)
{
    status_t status = walk(measuring, spread_block, 2 * measuring->segments);
    for (int64_t s = 0; !status && s < measuring->count; s++)
        take_spreads(measuring, &measuring->shape[s]);
    if (!status)
        status = walk(measuring, compare_block, measuring->segments);
    for (int64_t s = 0; !status && s < measuring->count; s++)
        take_silhouettes(measuring, &measuring->shape[s]);
    return status;
}

enum { FIELDS = 5 }; /* of a segmentation */

static void list_fields(struct indices *indices, struct journal_field field[FIELDS])
{
    const int64_t number = sizeof(double);
    field[0] = (struct journal_field){&indices->inertia, number};
    field[1] = (struct journal_field){&indices->silhouette, number};
    field[2] = (struct journal_field){&indices->calinski_harabasz, number};
    field[3] = (struct journal_field){&indices->davies_bouldin, number};
    field[4] = (struct journal_field){indices->segment_silhouette, indices->k * number};
}

status_t indices_measure(const struct customers *customers, struct indices *indices, int64_t count)
{
    struct measuring measuring = {.customers = customers};
    struct journal *journal = customers->comm->journal;
    struct journal_field *field = NULL;
    int64_t mark = journal_mark(journal);
    bool known = false;
    status_t status = measuring_open(&measuring, indices, count);
    if (!status)
        status = memory_new(&field, count * FIELDS, sizeof *field, "indices");
    status = comm_agree(customers->comm, status);
    for (int64_t s = 0; !status && s < count; s++)
        list_fields(&indices[s], field + s * FIELDS);
    if (!status)
        status = journal_recall(journal, "indices", field, (int)count * FIELDS, &known);
    if (!status && !known) {
        status = measure(&measuring);
        if (!status)
            status = journal_keep(journal, mark, "indices", field, (int)count * FIELDS);
    }
    measuring_close(&measuring);
    free(field);
    return status;
}

void indices_free(struct indices *indices)
{
    free(indices->segment_silhouette);
    *indices = (struct indices){.k = 0};
}
