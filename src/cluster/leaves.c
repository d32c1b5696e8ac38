#include "cluster/leaves.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/leaf_draw.h"
#include "cluster/leaf_sample.h"
#include "cluster/leaf_search.h"
#include "cluster/minibatch.h"
#include "core/exactsum.h"
#include "core/memory.h"

enum {
    DRAWS = 5,  /* rounds in which centroids are drawn, about */
    PASSES = 6, /* of Lloyd over the sample, but for leaves that have become empty */
    MOST_PASSES = 400,
    STILL = 200,      /* one in so many customers that change their leaf is few enough */
    CHUNK_BLOCKS = 64 /* whose customers are put in order together */
};

struct learner {
    const struct customers *customers;
    const struct preparation *preparation;
    struct comm *comm;
    uint64_t seed;
    int64_t features;
    int64_t wanted;
    bool fewer;
    struct leaf_sample sample;
    double *centroid; /* wanted x features */
    int64_t placed;   /* centroids that there are */
    double *sum;      /* wanted x features, of the last pass, over all ranks */
    int64_t *size;    /* wanted */
    int64_t *wire;    /* wanted x (features + 1) */
    uint32_t draw;    /* how many there were */
};

/* ---- sums ---- */

static void add_row(struct learner *learner, const float *value, int32_t leaf, double *sum, int64_t *size)
{
    for (int64_t f = 0; f < learner->features; f++)
        sum[leaf * learner->features + f] += (double)value[f];
    size[leaf]++;
}

/* Sums are exact: they travel as whole numbers of quanta. */
static status_t reduce(struct learner *learner, int64_t count, double *sum, int64_t *size)
{
    int64_t d = learner->features;
    for (int64_t h = 0; h < count; h++) {
        for (int64_t f = 0; f < d; f++)
            learner->wire[h * (d + 1) + f] =
                llrint(sum[h * d + f] / learner->preparation->feature[f].quantum);
        learner->wire[h * (d + 1) + d] = size[h];
    }
    status_t status = comm_sum_i64(learner->comm, learner->wire, count * (d + 1));
    for (int64_t h = 0; h < count; h++) {
        for (int64_t f = 0; f < d; f++)
            sum[h * d + f] =
                (double)learner->wire[h * (d + 1) + f] * learner->preparation->feature[f].quantum;
        size[h] = learner->wire[h * (d + 1) + d];
    }
    return status;
}

static void clear_sums(struct learner *learner)
{
    memset(learner->sum, 0, (size_t)(learner->wanted * learner->features) * sizeof *learner->sum);
    memset(learner->size, 0, (size_t)learner->wanted * sizeof *learner->size);
}

/* ---- learning on the sample ---- */

/* Every customer of the sample to its nearest centroid; *changed: how many have another one than before. */
static status_t pass(struct learner *learner, int64_t *changed)
{
    struct leaf_search search;
    struct leaf_rows *rows = &learner->sample.rows;
    int32_t *before = learner->sample.before;
    if (rows->count > 0)
        memcpy(before, rows->leaf, (size_t)rows->count * sizeof *rows->leaf);
    status_t status = leaf_search_open(&search, learner->comm, learner->customers->log, learner->centroid,
                                       learner->placed, learner->features);
    if (!status)
        status = comm_agree(learner->comm, leaf_search_rows(&search, rows));
    leaf_search_close(&search);
    clear_sums(learner);
    *changed = 0;
    for (int64_t i = 0; !status && i < rows->count; i++) {
        add_row(learner, rows->value + i * learner->features, rows->leaf[i], learner->sum, learner->size);
        *changed += rows->leaf[i] != before[i];
    }
    if (!status)
        status = comm_sum_i64(learner->comm, changed, 1);
    return status ? status : reduce(learner, learner->placed, learner->sum, learner->size);
}

/* Leaves that are empty, or not placed yet, get centroids drawn from the sample, at most `most`; *drawn: how
 * many. */
static status_t fill(struct learner *learner, int64_t most, int64_t *drawn)
{
    struct leaf_draw draw = {.comm = learner->comm,
                             .seed = learner->seed,
                             .round = learner->draw++,
                             .features = learner->features,
                             .wanted = most};
    status_t status = leaf_draw_open(&draw, &learner->sample.rows, learner->sample.row);
    int64_t next = 0;
    for (int64_t h = 0; !status && h < learner->wanted && next < draw.taken.count; h++) {
        if (h < learner->placed && learner->size[h] > 0)
            continue;
        for (int64_t f = 0; f < learner->features; f++)
            learner->centroid[h * learner->features + f] =
                (double)draw.taken.value[next * learner->features + f];
        next++;
        learner->placed = h >= learner->placed ? h + 1 : learner->placed;
    }
    *drawn = next;
    leaf_draw_close(&draw);
    return status;
}

/* No different customers are left in the sample: those of the whole file, or fewer leaves. */
static status_t run_short(struct learner *learner)
{
    if (!learner->sample.is_complete)
        return leaf_sample_add_different(&learner->sample, learner->wanted);
    int64_t kept = 0;
    for (int64_t h = 0; h < learner->placed; h++) {
        if (learner->size[h] == 0)
            continue;
        memmove(learner->centroid + kept++ * learner->features, learner->centroid + h * learner->features,
                (size_t)learner->features * sizeof *learner->centroid);
    }
    if (!learner->fewer)
        return status_new(EXIT_BAD_DATA,
                          "only %" PRId64
                          " different customers were found, fewer than hierarchy.leaves = %" PRId64,
                          kept, learner->wanted);
    learner->placed = kept;
    learner->wanted = kept;
    for (int64_t i = 0; i < learner->sample.rows.count; i++)
        learner->sample.rows.leaf[i] = -1; /* numbers have changed */
    return STATUS_OK;
}

static int64_t count_empty(const struct learner *learner)
{
    int64_t empty = learner->wanted - learner->placed;
    for (int64_t h = 0; h < learner->placed; h++)
        empty += learner->size[h] == 0;
    return empty;
}

static void move(struct learner *learner)
{
    for (int64_t h = 0; h < learner->placed; h++) {
        for (int64_t f = 0; learner->size[h] > 0 && f < learner->features; f++)
            learner->centroid[h * learner->features + f] =
                learner->sum[h * learner->features + f] / (double)learner->size[h];
    }
}

/* Rounds of draws until all centroids are placed, then Lloyd's passes. It ends with a pass in which no leaf
 * was empty and whose centroids have not moved since: so none is when all customers are looked at. */
static status_t learn(struct learner *learner)
{
    int64_t share = (learner->wanted + DRAWS - 1) / DRAWS;
    int64_t settled = 0; /* passes with all centroids placed */
    status_t status = STATUS_OK;
    for (int64_t passes = 1; !status; passes++) {
        int64_t changed = 0;
        int64_t drawn = 0;
        if (learner->placed > 0)
            status = pass(learner, &changed);
        int64_t empty = count_empty(learner);
        log_show_progress(learner->customers->log,
                          &(struct log_progress){.step_name = "pass",
                                                 .step = passes,
                                                 .fraction = (double)passes / (DRAWS + PASSES)});
        if (status || (empty == 0 && (settled >= PASSES || changed <= learner->sample.customers_all / STILL)))
            break;
        if (passes == MOST_PASSES)
            return status_new(EXIT_INTERNAL, "micro-clusters did not settle in %d passes", MOST_PASSES);
        bool placing = learner->placed < learner->wanted;
        if (!placing)
            move(learner);
        settled += !placing;
        if (empty > 0)
            status = fill(learner, placing && share < empty ? share : empty, &drawn);
        if (!status && empty > 0 && drawn == 0)
            status = run_short(learner);
    }
    return status;
}

/* ---- all customers ---- */

static status_t take_chunk(struct learner *learner, struct leaf_search *search, struct leaf_rows *rows,
                           int64_t first, int64_t blocks, int32_t *label)
{
    int64_t d = learner->features;
    rows->count = 0;
    for (int64_t b = first; b < first + blocks; b++) {
        struct block block = customers_block(learner->customers, b);
        int32_t *hint = label + b * BLOCK_ROWS;
        leaf_search_hint(search, learner->customers->kernels, &block, hint);
        for (int row = 0; row < BLOCK_ROWS; row++) {
            const float *from = block.tiles + row / TILE_ROWS * d * TILE_ROWS + row % TILE_ROWS;
            if (table_is_left_out(block.left_out, row)) {
                hint[row] = -1;
                continue;
            }
            for (int64_t f = 0; f < d; f++)
                rows->value[rows->count * d + f] = from[f * TILE_ROWS];
            rows->leaf[rows->count++] = hint[row];
        }
    }
    status_t status = leaf_search_refine(search, learner->customers->kernels, rows);
    if (!status)
        status = leaf_search_rows(search, rows);
    int64_t next = 0;
    for (int64_t row = first * BLOCK_ROWS; !status && row < (first + blocks) * BLOCK_ROWS; row++) {
        if (label[row] < 0)
            continue;
        label[row] = rows->leaf[next];
        add_row(learner, rows->value + next * d, label[row], learner->sum, learner->size);
        next++;
    }
    return status;
}

static status_t assign_all(struct learner *learner, struct leaf_search *search, int32_t *label)
{
    struct leaf_rows rows = {.count = 0};
    int64_t room = (int64_t)CHUNK_BLOCKS * BLOCK_ROWS;
    int64_t blocks = learner->customers->partition.block_count;
    status_t status = memory_new(&rows.value, room * learner->features, sizeof *rows.value, "customers");
    if (!status)
        status = memory_new(&rows.leaf, room, sizeof *rows.leaf, "customers");
    if (!status)
        status = memory_new(&rows.square, room, sizeof *rows.square, "customers");
    if (!status)
        status = memory_new(&rows.order, room, sizeof *rows.order, "customers");
    for (int64_t b = 0; !status && b < blocks; b += CHUNK_BLOCKS) {
        int64_t part = blocks - b < CHUNK_BLOCKS ? blocks - b : CHUNK_BLOCKS;
        status = take_chunk(learner, search, &rows, b, part, label);
        log_show_progress(learner->customers->log,
                          &(struct log_progress){.customers = (b + part) * BLOCK_ROWS * learner->comm->size,
                                                 .fraction = (double)(b + part) / (double)blocks});
    }
    free(rows.value);
    free(rows.leaf);
    free(rows.square);
    free(rows.order);
    return status;
}

/* The sum of squared distances to the means: of the squared norms, less what the means explain. */
static status_t measure(struct learner *learner, double *measured)
{
    struct exactsum squares = {0};
    double high = 0.0;
    double low = 0.0;
    for (int64_t b = 0; b < learner->customers->partition.block_count; b++) {
        struct block block = customers_block(learner->customers, b);
        exactsum_add(&squares, block.squares[0]);
        exactsum_add(&squares, block.squares[1]);
    }
    status_t status = comm_sum_exact(learner->comm, &squares, 1);
    exactsum_value(&squares, &high, &low);
    __float128 inertia = (__float128)high + (__float128)low;
    for (int64_t h = 0; h < learner->wanted; h++) {
        for (int64_t f = 0; f < learner->features; f++) {
            __float128 sum = (__float128)learner->sum[h * learner->features + f];
            inertia -= sum * sum / (__float128)learner->size[h];
        }
    }
    *measured = inertia > 0 ? (double)inertia : 0.0;
    return status;
}

/* They decide which leaf a customer goes with, now and when it is scored later; the means do not. */
static status_t copy_places(const struct learner *learner, double **place)
{
    int64_t values = learner->wanted * learner->features;
    status_t status = memory_new(place, values, sizeof **place, "micro-clusters");
    if (!status)
        memcpy(*place, learner->centroid, (size_t)values * sizeof **place);
    return comm_agree(learner->comm, status);
}

static status_t take_all(struct learner *learner, int32_t *label, struct leaves *leaves)
{
    struct leaf_search search;
    int64_t count = learner->wanted;
    log_phase_begin(learner->customers->log, "assigning micro-clusters");
    status_t status = leaf_search_open(&search, learner->comm, learner->customers->log, learner->centroid,
                                       count, learner->features);
    clear_sums(learner);
    if (!status)
        status = comm_agree(learner->comm, assign_all(learner, &search, label));
    leaf_search_close(&search);
    if (!status)
        status = reduce(learner, count, learner->sum, learner->size);
    double inertia = 0.0;
    double *place = NULL;
    if (!status)
        status = measure(learner, &inertia);
    if (!status)
        status = copy_places(learner, &place);
    if (status)
        return status;
    move(learner);
    *leaves = (struct leaves){.count = count,
                              .sum = learner->sum,
                              .centroid = learner->centroid,
                              .place = place,
                              .size = learner->size,
                              .inertia = inertia};
    learner->sum = NULL;
    learner->centroid = NULL;
    learner->size = NULL;
    return status;
}

/* ---- in all ---- */

static status_t open_learner(struct learner *learner, int64_t count)
{
    int64_t d = learner->features;
    status_t status = memory_new(&learner->centroid, count * d, sizeof *learner->centroid, "micro-clusters");
    if (!status)
        status = memory_new(&learner->sum, count * d, sizeof *learner->sum, "micro-clusters");
    if (!status)
        status = memory_new(&learner->size, count, sizeof *learner->size, "micro-clusters");
    if (!status)
        status = memory_new(&learner->wire, count * (d + 1), sizeof *learner->wire, "micro-clusters");
    status = comm_agree(learner->comm, status);
    if (!status)
        status = leaf_sample_open(&learner->sample, learner->customers, MINIBATCH_CUSTOMERS * count,
                                  learner->seed);
    return status;
}

static void close_learner(struct learner *learner)
{
    leaf_sample_close(&learner->sample);
    free(learner->centroid);
    free(learner->sum);
    free(learner->size);
    free(learner->wire);
}

status_t leaves_learn(const struct customers *customers, const struct preparation *preparation, int64_t count,
                      bool fewer, uint64_t seed, int32_t *label, struct leaves *leaves)
{
    struct learner learner = {.customers = customers,
                              .preparation = preparation,
                              .comm = customers->comm,
                              .seed = seed,
                              .features = customers->features,
                              .wanted = count,
                              .fewer = fewer};
    *leaves = (struct leaves){.count = 0};
    log_phase_begin(customers->log, "micro-clusters");
    status_t status = open_learner(&learner, count);
    if (!status)
        status = learn(&learner);
    if (!status)
        status = take_all(&learner, label, leaves);
    close_learner(&learner);
    return status;
}

double leaves_bytes(int64_t count, int64_t rows, int64_t features, int ranks)
{
    double row = (double)features * sizeof(float) + 4.0 * sizeof(double);
    double blocks = (double)MINIBATCH_CUSTOMERS * (double)count + (double)MINIBATCH_BLOCKS * BLOCK_ROWS;
    double sampled = 2.0 * blocks / ranks + (double)count;
    double sample = (sampled < 2.0 * (double)rows ? sampled : 2.0 * (double)rows) * row;
    double different = 4.0 * (double)count * row * ranks; /* offers, and different customers, of all ranks */
    return sample + different + (double)CHUNK_BLOCKS * BLOCK_ROWS * row +
           (double)count * 4.0 * (double)(features + 1) * sizeof(double) +
           linkage_points_bytes(count, features);
}
