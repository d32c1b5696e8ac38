#include "cluster/segments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/labelling.h"
#include "core/exactsum.h"
#include "core/memory.h"

enum { EXACTSUM_WORDS = sizeof(struct exactsum) / sizeof(int64_t) };

status_t segments_open(struct segmentation *segments, const struct customers *customers)
{
    int64_t k = segments->k;
    segments->features = customers->features;
    status_t status =
        memory_new(&segments->centroid, k * segments->features, sizeof *segments->centroid, "centroids");
    if (!status)
        status = memory_new(&segments->sum, k * segments->features, sizeof *segments->sum, "segment sums");
    if (!status)
        status = memory_new(&segments->size, k, sizeof *segments->size, "segment sizes");
    return status;
}

void segments_free(struct segmentation *segments)
{
    free(segments->centroid);
    free(segments->sum);
    free(segments->size);
    row_numbers_free(&segments->label);
    *segments = (struct segmentation){0};
}

double segments_explained(const struct segmentation *segments)
{
    return segments->total_squares > 0 ? 1.0 - segments->inertia / segments->total_squares : 0.0;
}

/* Sum of squared distances to the mean of all, as |X|^2 - |sum S_h|^2 / n. */
static double squares_around_the_mean(const struct segmentation *segments, __float128 squares)
{
    int64_t customers = 0;
    for (int64_t h = 0; h < segments->k; h++)
        customers += segments->size[h];
    for (int64_t f = 0; f < segments->features; f++) {
        __float128 sum = 0;
        for (int64_t h = 0; h < segments->k; h++)
            sum += (__float128)segments->sum[h * segments->features + f];
        squares -= sum * sum / (__float128)customers;
    }
    return (double)squares;
}

/* With S_h and n_h the sum and size of segment h and |X|^2 the sum of squared norms, the inertia is |X|^2 - 2
 * sum c_h.S_h + sum n_h |c_h|^2. */
void segments_measure(struct segmentation *segments, const double squares[2])
{
    __float128 all = (__float128)squares[0] + (__float128)squares[1];
    __float128 inertia = all;
    for (int64_t h = 0; h < segments->k; h++) {
        for (int64_t f = 0; f < segments->features; f++) {
            __float128 c = (__float128)segments->centroid[h * segments->features + f];
            __float128 sum = (__float128)segments->sum[h * segments->features + f];
            inertia += c * ((__float128)segments->size[h] * c - 2 * sum);
        }
    }
    segments->inertia = inertia > 0 ? (double)inertia : 0.0;
    segments->total_squares = squares_around_the_mean(segments, all);
}

/* ---- numbers ---- */

struct rank_key {
    const double *centroid;
    int64_t features;
    int64_t size;
    int64_t index;
};

static int by_falling_size(const void *a, const void *b)
{
    const struct rank_key *x = a;
    const struct rank_key *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    for (int64_t f = 0; f < x->features; f++) {
        if (x->centroid[f] != y->centroid[f])
            return x->centroid[f] < y->centroid[f] ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

status_t segments_order(int64_t k, int64_t features, const double *centroid, const int64_t *size,
                        int64_t *order)
{
    struct rank_key *keys = NULL;
    status_t status = memory_new(&keys, k, sizeof *keys, "segment numbers");
    for (int64_t h = 0; !status && h < k; h++)
        keys[h] = (struct rank_key){centroid + h * features, features, size[h], h};
    if (!status)
        qsort(keys, (size_t)k, sizeof *keys, by_falling_size);
    for (int64_t h = 0; !status && h < k; h++)
        order[h] = keys[h].index;
    free(keys);
    return status;
}

/* Rows of `width` values, put in order. */
static status_t reorder(double *values, int64_t rows, int64_t width, const int64_t *order)
{
    double *old = NULL;
    status_t status = memory_new(&old, rows * width, sizeof *old, "segments in order");
    if (status)
        return status;
    memcpy(old, values, (size_t)(rows * width) * sizeof *old);
    for (int64_t h = 0; h < rows; h++)
        memcpy(values + h * width, old + order[h] * width, (size_t)width * sizeof *old);
    free(old);
    return STATUS_OK;
}

static void renumber_labels(struct row_numbers *label, const int32_t *number)
{
    int32_t of_block[BLOCK_ROWS];
    for (int64_t b = 0; b < label->blocks; b++) {
        row_numbers_get(label, b, of_block);
        for (int i = 0; i < BLOCK_ROWS; i++)
            of_block[i] = of_block[i] < 0 ? -1 : number[of_block[i]];
        row_numbers_put(label, b, of_block);
    }
}

static status_t renumber(struct segmentation *segments, int32_t *number)
{
    int64_t *order = NULL;
    int64_t *size = NULL;
    status_t status = memory_new(&order, segments->k, sizeof *order, "segment numbers");
    if (!status)
        status = memory_new(&size, segments->k, sizeof *size, "segment sizes");
    if (!status)
        status = segments_order(segments->k, segments->features, segments->centroid, segments->size, order);
    if (!status)
        status = reorder(segments->centroid, segments->k, segments->features, order);
    if (!status)
        status = reorder(segments->sum, segments->k, segments->features, order);
    for (int64_t h = 0; !status && h < segments->k; h++) {
        size[h] = segments->size[order[h]];
        number[order[h]] = (int32_t)h;
    }
    if (!status) {
        memcpy(segments->size, size, (size_t)segments->k * sizeof *size);
        renumber_labels(&segments->label, number);
    }
    free(order);
    free(size);
    return status;
}

/* ---- labels ---- */

struct label_walk {
    const struct labelling *labelling;
    struct nearest nearest;
    struct row_numbers *label;
};

static void label_block(void *context, const struct block *block)
{
    struct label_walk *walk = context;
    int32_t label[BLOCK_ROWS];
    labelling_block(walk->labelling, &walk->nearest, block, label);
    row_numbers_put(walk->label, block->local, label);
}

status_t segments_label(const struct customers *customers, const struct labelling *labelling,
                        struct segmentation *segments)
{
    struct label_walk walk = {.labelling = labelling, .label = &segments->label};
    status_t status = row_numbers_open(&segments->label, customers->partition.block_count, segments->k);
    if (!status)
        status = nearest_open(&walk.nearest, customers);
    if (!status)
        status = customers_walk(customers, NULL, 0, label_block, &walk);
    nearest_close(&walk.nearest);
    return status;
}

/* ---- sums ---- */

struct summing {
    const struct customers *customers;
    struct segmentation *segments;     /* sum and size: of this rank's customers */
    const struct labelling *labelling; /* that says who is where; NULL: the segments' labels do */
    struct nearest nearest;            /* for it */
    bool fixed;                        /* the centroids stay; else they become the means */
    struct exactsum squares;
};

static void sum_block(void *context, const struct block *block)
{
    struct summing *summing = context;
    struct segmentation *segments = summing->segments;
    int32_t label[BLOCK_ROWS];
    int32_t nobody[TILE_ROWS];
    memset(nobody, -1, sizeof nobody);
    if (summing->labelling)
        labelling_block(summing->labelling, &summing->nearest, block, label);
    else
        row_numbers_get(&segments->label, block->local, label);
    for (int64_t t = 0; t < BLOCK_TILES; t++)
        summing->customers->kernels->move(block->tiles + t * segments->features * TILE_ROWS,
                                          segments->features, (uint16_t)~block->left_out[t], nobody,
                                          label + t * TILE_ROWS, NULL, segments->sum, segments->size);
    exactsum_add(&summing->squares, block->squares[0]);
    exactsum_add(&summing->squares, block->squares[1]);
}

/* Sums as whole numbers of quanta: exact, and so the same whatever the ranks summed. */
static void pack(struct summing *summing, const struct preparation *preparation, int64_t *word)
{
    const struct segmentation *segments = summing->segments;
    exactsum_normalise(&summing->squares);
    memcpy(word, &summing->squares, sizeof summing->squares);
    word += EXACTSUM_WORDS;
    for (int64_t h = 0; h < segments->k; h++) {
        for (int64_t f = 0; f < segments->features; f++)
            *word++ = llrint(segments->sum[h * segments->features + f] / preparation->feature[f].quantum);
        *word++ = segments->size[h];
    }
}

static void unpack(struct summing *summing, const struct preparation *preparation, const int64_t *word)
{
    struct segmentation *segments = summing->segments;
    memcpy(&summing->squares, word, sizeof summing->squares);
    word += EXACTSUM_WORDS;
    for (int64_t h = 0; h < segments->k; h++) {
        for (int64_t f = 0; f < segments->features; f++)
            segments->sum[h * segments->features + f] = (double)*word++ * preparation->feature[f].quantum;
        segments->size[h] = *word++;
        for (int64_t f = 0; f < segments->features && segments->size[h] > 0 && !summing->fixed; f++)
            segments->centroid[h * segments->features + f] =
                segments->sum[h * segments->features + f] / (double)segments->size[h];
    }
}

/* One walk, one reduction. */
static status_t sum_up(struct summing *summing, const struct preparation *preparation)
{
    struct segmentation *segments = summing->segments;
    struct comm *comm = summing->customers->comm;
    int64_t words = EXACTSUM_WORDS + segments->k * (segments->features + 1);
    int64_t *wire = NULL;
    status_t status = memory_new(&wire, words, sizeof *wire, "a reduction");
    if (!status)
        status = customers_walk(summing->customers, NULL, 0, sum_block, summing);
    status = comm_agree(comm, status);
    if (!status) {
        pack(summing, preparation, wire);
        status = comm_sum_i64(comm, wire, words);
    }
    if (!status)
        unpack(summing, preparation, wire);
    free(wire);
    return status;
}

status_t segments_from_labels(const struct customers *customers, const struct preparation *preparation,
                              const struct labelling *labelling, struct segmentation *segments,
                              int32_t *number)
{
    struct summing summing = {.customers = customers, .segments = segments, .labelling = labelling};
    status_t status = segments_open(segments, customers);
    if (!status && labelling)
        status = nearest_open(&summing.nearest, customers);
    status = comm_agree(customers->comm, status);
    if (!status)
        status = sum_up(&summing, preparation);
    if (!status) {
        double squares[2];
        exactsum_value(&summing.squares, &squares[0], &squares[1]);
        segments_measure(segments, squares);
        status = comm_agree(customers->comm, renumber(segments, number));
    }
    nearest_close(&summing.nearest);
    return status;
}

/* Labels anew, since a tie goes to the lower number, and then all that depends on them. */
static status_t recount(const struct customers *customers, const struct preparation *preparation,
                        struct segmentation *segments)
{
    struct labelling labelling = {.k = segments->k, .centroid = segments->centroid};
    struct summing summing = {
        .customers = customers, .segments = segments, .labelling = &labelling, .fixed = true};
    status_t status = labelling_open(&labelling, segments->features);
    if (!status)
        status = nearest_open(&summing.nearest, customers);
    status = comm_agree(customers->comm, status);
    memset(segments->sum, 0, (size_t)(segments->k * segments->features) * sizeof *segments->sum);
    memset(segments->size, 0, (size_t)segments->k * sizeof *segments->size);
    if (!status)
        status = sum_up(&summing, preparation);
    if (!status) {
        double squares[2];
        exactsum_value(&summing.squares, &squares[0], &squares[1]);
        segments_measure(segments, squares);
    }
    nearest_close(&summing.nearest);
    labelling_close(&labelling);
    return status;
}

status_t segments_reorder(const struct customers *customers, const struct preparation *preparation,
                          const int64_t *order, bool by_centroid, struct segmentation *segments)
{
    int64_t *size = NULL;
    status_t status = memory_new(&size, segments->k, sizeof *size, "segment sizes");
    if (!status)
        status = reorder(segments->centroid, segments->k, segments->features, order);
    if (!status)
        status = reorder(segments->sum, segments->k, segments->features, order);
    for (int64_t h = 0; !status && h < segments->k; h++)
        size[h] = segments->size[order[h]];
    if (!status)
        memcpy(segments->size, size, (size_t)segments->k * sizeof *size);
    free(size);
    status = comm_agree(customers->comm, status);
    return status || !by_centroid ? status : recount(customers, preparation, segments);
}
