#include "assess/box.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/exactsum.h"
#include "core/lanes.h"
#include "core/memory.h"
#include "kernel/axes.h"

enum {
    HALVES = TILE_ROWS / LANES,
    /* Doubles from one feature of a centred block to the next: not a power of two, or a customer's features
     * would all want the same place in the cache. */
    STRIDE = BLOCK_ROWS + LANES,
    MOST_SUMS = 1 << 15 /* exact sums at a time, where they are many: 18 MB */
};

typedef float float_lanes __attribute__((vector_size(LANES * sizeof(float))));

struct measuring {
    const struct customers *customers;
    struct box *box;
    double *centred;      /* features x STRIDE: a block less the mean; zero who takes no part */
    struct exactsum *sum; /* of the features; of the products of features first .. end - 1 with later ones */
    int64_t first;
    int64_t end;
    double *low; /* features x LANES */
    double *high;
};

LANES_INLINE lanes widen(const float *value)
{
    float_lanes narrow;
    memcpy(&narrow, value, sizeof narrow);
    return __builtin_convertvector(narrow, lanes);
}

LANES_INLINE double add_up(lanes value)
{
    double sum = 0.0;
    for (int lane = 0; lane < LANES; lane++)
        sum += value[lane];
    return sum;
}

/* ---- mean ---- */

/* The sum of a feature over a block; those who take no part are zero. */
LANES_VERSIONS static double sum_feature(const float *tiles, int64_t features)
{
    lanes sum = {0};
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        for (int h = 0; h < HALVES; h++)
            sum += widen(tiles + t * features * TILE_ROWS + (int64_t)h * LANES);
    }
    return add_up(sum);
}

static void sum_block(void *context, const struct block *block)
{
    struct measuring *measuring = context;
    int64_t d = measuring->box->features;
    for (int64_t f = 0; f < d; f++)
        exactsum_add(&measuring->sum[f], sum_feature(block->tiles + f * TILE_ROWS, d));
}

static status_t find_mean(struct measuring *measuring)
{
    const struct customers *customers = measuring->customers;
    struct box *box = measuring->box;
    status_t status = comm_agree(customers->comm, customers_walk(customers, NULL, 0, sum_block, measuring));
    if (!status)
        status = comm_sum_exact(customers->comm, measuring->sum, box->features);
    for (int64_t f = 0; !status && f < box->features; f++)
        box->mean[f] = exactsum_round(&measuring->sum[f]) / (double)customers->used;
    return status;
}

/* ---- covariance ---- */

LANES_VERSIONS static void centre_block(const struct block *block, int64_t features, const double *mean,
                                        double *centred)
{
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        int64_t mark[TILE_ROWS];
        lane_masks takes_part[HALVES];
        for (int lane = 0; lane < TILE_ROWS; lane++)
            mark[lane] = (block->left_out[t] >> lane & 1) - 1;
        memcpy(takes_part, mark, sizeof takes_part);
        for (int64_t f = 0; f < features; f++) {
            for (int h = 0; h < HALVES; h++) {
                lanes value =
                    widen(block->tiles + (t * features + f) * TILE_ROWS + (int64_t)h * LANES) - mean[f];
                value = (lanes)((lane_masks)value & takes_part[h]);
                memcpy(centred + f * STRIDE + t * TILE_ROWS + (int64_t)h * LANES, &value, sizeof value);
            }
        }
    }
}

/* Sums over a centred block of the products of features a[0], a[1] with b[0], b[1]: aa ab ba bb. Four at once
 * so that what is loaded is used twice. */
LANES_VERSIONS static void multiply(const double *const a[2], const double *const b[2], double product[4])
{
    lanes sum[4] = {{0}};
    for (int64_t i = 0; i < BLOCK_ROWS; i += LANES) {
        lanes a0 = lanes_of(a[0] + i);
        lanes a1 = lanes_of(a[1] + i);
        lanes b0 = lanes_of(b[0] + i);
        lanes b1 = lanes_of(b[1] + i);
        sum[0] += a0 * b0;
        sum[1] += a0 * b1;
        sum[2] += a1 * b0;
        sum[3] += a1 * b1;
    }
    for (int i = 0; i < 4; i++)
        product[i] = add_up(sum[i]);
}

/* Where the sum of the products of f and g >= f is: row by row of the triangle, from row `first` on. */
static int64_t place_of(int64_t features, int64_t first, int64_t f, int64_t g)
{
    return (f - first) * (2 * features - f - first + 1) / 2 + g - f;
}

static void multiply_block(void *context, const struct block *block)
{
    struct measuring *measuring = context;
    int64_t d = measuring->box->features;
    const double *centred = measuring->centred;
    centre_block(block, d, measuring->box->mean, measuring->centred);
    for (int64_t f = measuring->first; f < measuring->end; f += 2) {
        for (int64_t g = f; g < d; g += 2) {
            /* where there is no second one, the first again, and it is not looked at */
            const double *const a[2] = {centred + f * STRIDE, centred + (f + (f + 1 < d)) * STRIDE};
            const double *const b[2] = {centred + g * STRIDE, centred + (g + (g + 1 < d)) * STRIDE};
            double product[4];
            multiply(a, b, product);
            for (int64_t i = 0; i < 4; i++) {
                int64_t row = f + i / 2;
                int64_t column = g + i % 2;
                if (row < d && column < d && row <= column)
                    exactsum_add(&measuring->sum[place_of(d, measuring->first, row, column)], product[i]);
            }
        }
    }
}

/* Where a run of rows of the triangle ends that has no more than MOST_SUMS sums, or is two rows. */
static int64_t end_of_strip(int64_t features, int64_t first)
{
    int64_t end = first + 2;
    while (end < features && place_of(features, first, end + 2, end + 2) <= MOST_SUMS)
        end += 2;
    return end < features ? end : features;
}

static int64_t sums_at_once(int64_t features)
{
    int64_t two_rows = 2 * features;
    int64_t most = two_rows > MOST_SUMS ? two_rows : MOST_SUMS;
    int64_t all = features * (features + 1) / 2;
    return all < most ? all : most;
}

/* The covariance in place of the axes. */
static status_t find_covariance(struct measuring *measuring)
{
    const struct customers *customers = measuring->customers;
    int64_t d = measuring->box->features;
    double *covariance = measuring->box->axis;
    struct journal *journal = customers->comm->journal;
    int64_t first = 0;
    const struct journal_field field[] = {{covariance, d * d * (int64_t)sizeof *covariance},
                                          {&first, sizeof first}};
    int64_t mark = journal_mark(journal);
    bool known = false;
    status_t status = journal_recall(journal, "covariance", field, 2, &known);
    if (!status && known && (first < 0 || first > d || !journal_are_places(covariance, d * d)))
        status = journal_misfit("covariance");
    while (!status && first < d) {
        measuring->first = first;
        measuring->end = end_of_strip(d, first);
        int64_t sums = place_of(d, first, measuring->end, measuring->end);
        memset(measuring->sum, 0, (size_t)sums * sizeof *measuring->sum);
        status = comm_agree(customers->comm, customers_walk(customers, NULL, 0, multiply_block, measuring));
        if (!status)
            status = comm_sum_exact(customers->comm, measuring->sum, sums);
        for (int64_t f = first; !status && f < measuring->end; f++) {
            for (int64_t g = f; g < d; g++) {
                double sum = exactsum_round(&measuring->sum[place_of(d, first, f, g)]);
                covariance[f * d + g] = covariance[g * d + f] = sum / (double)customers->used;
            }
        }
        first = measuring->end;
        if (!status)
            status = journal_keep(journal, mark, "covariance", field, 2);
    }
    return status;
}

/* ---- axes ---- */

/* Of the covariance, which every rank has. */
static status_t find_axes(struct measuring *measuring)
{
    int64_t d = measuring->box->features;
    double *work = NULL;
    status_t status = memory_new(&work, 4 * d, sizeof *work, "the principal axes");
    if (!status && !axes_of(d, measuring->box->axis, work))
        status = status_new(EXIT_INTERNAL, "the principal axes of the customers were not found");
    free(work);
    return comm_agree(measuring->customers->comm, status);
}

/* ---- extent ---- */

/* Least and largest coordinates of the customers in two halves of a tile along two axes, lane by lane. */
LANES_INLINE void extend(const double *centred, int64_t features, const double *const axis[2],
                         double *const low[2], double *const high[2])
{
    lanes at[2][HALVES] = {{{0}}};
    for (int64_t f = 0; f < features; f++) {
        for (int h = 0; h < HALVES; h++) {
            lanes value = lanes_of(centred + f * STRIDE + (int64_t)h * LANES);
            at[0][h] += value * axis[0][f];
            at[1][h] += value * axis[1][f];
        }
    }
    for (int a = 0; a < 2; a++) {
        lanes least = lanes_of(low[a]);
        lanes most = lanes_of(high[a]);
        for (int h = 0; h < HALVES; h++) {
            least = lanes_choose(at[a][h] < least, at[a][h], least);
            most = lanes_choose(at[a][h] > most, at[a][h], most);
        }
        memcpy(low[a], &least, sizeof least);
        memcpy(high[a], &most, sizeof most);
    }
}

LANES_VERSIONS static void extend_by_block(const double *centred, const struct box *box, double *low,
                                           double *high)
{
    int64_t d = box->features;
    for (int64_t i = 0; i < BLOCK_ROWS; i += TILE_ROWS) {
        for (int64_t a = 0; a < d; a += 2) {
            int64_t next = a + 1 < d ? a + 1 : a;
            const double *const axis[2] = {box->axis + a * d, box->axis + next * d};
            double *const low_of[2] = {low + a * LANES, low + next * LANES};
            double *const high_of[2] = {high + a * LANES, high + next * LANES};
            extend(centred + i, d, axis, low_of, high_of);
        }
    }
}

static void visit_extent(void *context, const struct block *block)
{
    struct measuring *measuring = context;
    centre_block(block, measuring->box->features, measuring->box->mean, measuring->centred);
    extend_by_block(measuring->centred, measuring->box, measuring->low, measuring->high);
}

/* Ranges begin as the mean, which lies in them; there, too, are those who take no part. */
static status_t find_extent(struct measuring *measuring)
{
    const struct customers *customers = measuring->customers;
    struct box *box = measuring->box;
    status_t status =
        comm_agree(customers->comm, customers_walk(customers, NULL, 0, visit_extent, measuring));
    for (int64_t i = 0; i < box->features * LANES; i++) {
        int64_t a = i / LANES;
        box->low[a] = measuring->low[i] < box->low[a] ? measuring->low[i] : box->low[a];
        box->high[a] = measuring->high[i] > box->high[a] ? measuring->high[i] : box->high[a];
    }
    if (!status)
        status = comm_min_f64(customers->comm, box->low, box->features);
    if (!status)
        status = comm_max_f64(customers->comm, box->high, box->features);
    return status;
}

/* ---- all of it ---- */

static status_t box_open(const struct customers *customers, struct box *box)
{
    int64_t d = customers->features;
    *box = (struct box){.features = d};
    double **of_features[] = {&box->mean, &box->low, &box->high};
    status_t status = memory_new(&box->axis, d * d, sizeof *box->axis, "the principal axes");
    for (int i = 0; !status && i < 3; i++)
        status = memory_new(of_features[i], d, sizeof(double), "the customers' box");
    return comm_agree(customers->comm, status);
}

static status_t measuring_open(struct measuring *measuring)
{
    int64_t d = measuring->box->features;
    status_t status = memory_new(&measuring->sum, sums_at_once(d), sizeof *measuring->sum, "the covariance");
    if (!status)
        status =
            memory_new(&measuring->centred, d * STRIDE, sizeof *measuring->centred, "a block of customers");
    if (!status)
        status = memory_new(&measuring->low, d * LANES, sizeof *measuring->low, "the customers' box");
    if (!status)
        status = memory_new(&measuring->high, d * LANES, sizeof *measuring->high, "the customers' box");
    return comm_agree(measuring->customers->comm, status);
}

static status_t measure(const struct customers *customers, struct box *box)
{
    struct measuring measuring = {.customers = customers, .box = box};
    status_t status = measuring_open(&measuring);
    if (!status)
        status = find_mean(&measuring);
    if (!status)
        status = find_covariance(&measuring);
    if (!status)
        status = find_axes(&measuring);
    if (!status)
        status = find_extent(&measuring);
    free(measuring.sum);
    free(measuring.centred);
    free(measuring.low);
    free(measuring.high);
    return status;
}

/* What was recalled. */
static status_t check_box(const struct box *box)
{
    int64_t d = box->features;
    bool fits = journal_are_places(box->mean, d) && journal_are_places(box->axis, d * d) &&
                journal_are_places(box->low, d) && journal_are_places(box->high, d);
    return fits ? STATUS_OK : journal_misfit("box");
}

status_t box_find(const struct customers *customers, double share, struct box *box)
{
    struct journal *journal = customers->comm->journal;
    int64_t mark = journal_mark(journal);
    bool known = false;
    status_t status = box_open(customers, box);
    if (status)
        return status;
    int64_t size = box->features * (int64_t)sizeof(double);
    const struct journal_field field[] = {
        {box->mean, size}, {box->axis, box->features * size}, {box->low, size}, {box->high, size}};
    enum { FIELDS = sizeof field / sizeof field[0] };
    status = journal_recall(journal, "box", field, FIELDS, &known);
    if (status || known)
        return status ? status : check_box(box);
    status = measure(customers, box);
    if (!status && share > 0)
        status = box_trim(customers, share, box);
    return status ? status : journal_keep(journal, mark, "box", field, FIELDS);
}

void box_free(struct box *box)
{
    free(box->mean);
    free(box->axis);
    free(box->low);
    free(box->high);
    *box = (struct box){0};
}

double box_bytes(int64_t features)
{
    double d = (double)features;
    return (double)sums_at_once(features) * sizeof(struct exactsum) +
           d * (d + 7.0 + STRIDE + 2.0 * LANES) * sizeof(double);
}
