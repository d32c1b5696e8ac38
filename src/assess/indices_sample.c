/* The silhouette by plain Euclidean distances over a sample. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "assess/indices.h"
#include "core/exactsum.h"
#include "core/lanes.h"
#include "core/memory.h"
#include "core/random.h"

struct sampling {
    const struct customers *customers;
    const struct indices *indices;
    int64_t count;
    uint64_t seed;
    int64_t limit; /* customers with keys up to this one are drawn */
    struct nearest nearest;
    int32_t *label; /* count x BLOCK_ROWS */
    char *drawn;    /* records: int64 key and row, labels, features floats */
    int64_t drawn_count;
    int64_t drawn_capacity;
    status_t failure;
};

/* The sample, the same on all ranks. */
struct sample {
    int64_t customers;
    int64_t features;
    int64_t count;    /* segmentations */
    int64_t segments; /* of all of them */
    double *point;    /* customers x features */
    int32_t *segment; /* customers x count: among those of all segmentations */
    int64_t *size;    /* segments: customers of the sample */
};

/* ---- the draw ---- */

static size_t label_bytes(const struct sampling *sampling)
{
    return (size_t)sampling->count * sizeof(int32_t);
}

static size_t record_size(const struct sampling *sampling)
{
    return 2 * sizeof(int64_t) + label_bytes(sampling) +
           (size_t)sampling->customers->features * sizeof(float);
}

static status_t make_room(struct sampling *sampling)
{
    if (sampling->drawn_count < sampling->drawn_capacity)
        return STATUS_OK;
    int64_t capacity = 2 * sampling->drawn_capacity + 64;
    char *grown = realloc(sampling->drawn, (size_t)capacity * record_size(sampling));
    if (!grown)
        return status_of_allocation(NULL, 1, "a sample of customers");
    sampling->drawn = grown;
    sampling->drawn_capacity = capacity;
    return STATUS_OK;
}

static void draw_row(struct sampling *sampling, const struct block *block, int row, int64_t key)
{
    int64_t features = sampling->customers->features;
    int64_t number = block->first_row + row;
    const float *x = block->tiles + row / TILE_ROWS * features * TILE_ROWS + row % TILE_ROWS;
    sampling->failure = status_first(sampling->failure, make_room(sampling));
    if (sampling->failure)
        return;
    char *record = sampling->drawn + (size_t)sampling->drawn_count++ * record_size(sampling);
    memcpy(record, &key, sizeof key);
    memcpy(record + sizeof key, &number, sizeof number);
    record += 2 * sizeof(int64_t);
    for (int64_t s = 0; s < sampling->count; s++, record += sizeof(int32_t))
        memcpy(record, &sampling->label[s * BLOCK_ROWS + row], sizeof(int32_t));
    for (int64_t f = 0; f < features; f++, record += sizeof(float))
        memcpy(record, &x[f * TILE_ROWS], sizeof(float));
}

static void draw_block(void *context, const struct block *block)
{
    struct sampling *sampling = context;
    bool labelled = false;
    for (int row = 0; row < block->rows; row++) {
        if (table_is_left_out(block->left_out, row))
            continue;
        int64_t key = (int64_t)(random_bits(sampling->seed, RANDOM_SAMPLE, block->first_row + row, 0) >> 1);
        if (key > sampling->limit)
            continue;
        for (int64_t s = 0; !labelled && s < sampling->count; s++)
            labelling_block(sampling->indices[s].labelling, &sampling->nearest, block,
                            sampling->label + s * BLOCK_ROWS);
        labelled = true;
        draw_row(sampling, block, row, key);
    }
}

/* At least `wanted` customers, those of the lowest keys, and hardly more: keys are uniform, so that fewer
 * than one draw in a billion finds too few up to a limit six standard deviations above the expected one. */
static status_t draw(struct sampling *sampling, int64_t wanted)
{
    struct comm *comm = sampling->customers->comm;
    double share = ((double)wanted + 6 * sqrt((double)wanted) + 16) / (double)(sampling->customers->used + 1);
    int64_t drawn = -1;
    status_t status = STATUS_OK;
    while (!status && drawn < wanted) {
        sampling->limit = share < 1 ? (int64_t)ldexp(share, 63) : INT64_MAX;
        sampling->drawn_count = 0;
        status = customers_walk(sampling->customers, NULL, 0, draw_block, sampling);
        status = status_first(sampling->failure, status);
        sampling->failure = STATUS_OK;
        status = comm_agree(comm, status);
        drawn = sampling->drawn_count;
        if (!status)
            status = comm_sum_i64(comm, &drawn, 1);
        share *= 2;
    }
    return status;
}

static int by_key(const void *a, const void *b)
{
    int64_t x[2];
    int64_t y[2];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    int first = x[0] == y[0];
    return x[first] < y[first] ? -1 : x[first] > y[first];
}

/* ---- the sample ---- */

static status_t sample_open(struct sample *sample, const struct sampling *sampling)
{
    for (int64_t s = 0; s < sample->count; s++)
        sample->segments += sampling->indices[s].k;
    status_t status = memory_new(&sample->point, sample->customers * sample->features, sizeof *sample->point,
                                 "a sample of customers");
    if (!status)
        status = memory_new(&sample->segment, sample->customers * sample->count, sizeof *sample->segment,
                            "a sample of customers");
    if (!status)
        status = memory_new(&sample->size, sample->segments, sizeof *sample->size, "a sample of customers");
    return status;
}

static void sample_close(struct sample *sample)
{
    free(sample->point);
    free(sample->segment);
    free(sample->size);
}

static void take_record(const struct sampling *sampling, const char *record, int64_t i, struct sample *sample)
{
    int64_t first = 0;
    record += 2 * sizeof(int64_t);
    for (int64_t s = 0; s < sample->count; s++, record += sizeof(int32_t)) {
        int32_t label = 0;
        memcpy(&label, record, sizeof label);
        sample->segment[i * sample->count + s] = (int32_t)first + label;
        sample->size[first + label]++;
        first += sampling->indices[s].k;
    }
    for (int64_t f = 0; f < sample->features; f++, record += sizeof(float)) {
        float value = 0.0F;
        memcpy(&value, record, sizeof value);
        sample->point[i * sample->features + f] = (double)value;
    }
}

/* All ranks' draws become the sample on every rank, in the order of their keys. */
static status_t gather(const struct sampling *sampling, struct sample *sample)
{
    struct comm *comm = sampling->customers->comm;
    size_t size = record_size(sampling);
    void *records = NULL;
    int64_t bytes = 0;
    status_t status =
        comm_gather_all(comm, sampling->drawn, sampling->drawn_count * (int64_t)size, &records, &bytes);
    if (!status)
        status = sample_open(sample, sampling);
    if (!status && bytes > 0)
        qsort(records, (size_t)bytes / size, size, by_key);
    for (int64_t i = 0; !status && i < sample->customers; i++)
        take_record(sampling, (const char *)records + (size_t)i * size, i, sample);
    free(records);
    return comm_agree(comm, status);
}

/* ---- distances ---- */

/* Customers whose distances are taken at a time: roots of many numbers side by side are cheaper. */
enum { STRETCH = 32 };

/* Sums of the distances of LANES customers (features x LANES) to those of each segment. */
LANES_VERSIONS static void sum_distances(const struct sample *sample, const lanes *x, lanes *sum)
{
    double distance[STRETCH * LANES] = {0};
    memset(sum, 0, (size_t)sample->segments * sizeof *sum);
    for (int64_t first = 0; first < sample->customers; first += STRETCH) {
        int64_t count = sample->customers - first < STRETCH ? sample->customers - first : STRETCH;
        for (int64_t j = 0; j < count; j++) {
            const double *y = sample->point + (first + j) * sample->features;
            lanes square = {0};
            for (int64_t f = 0; f < sample->features; f++)
                square += (x[f] - y[f]) * (x[f] - y[f]);
            memcpy(distance + j * LANES, &square, sizeof square);
        }
        for (int i = 0; i < STRETCH * LANES; i++)
            distance[i] = sqrt(distance[i]);
        const int32_t *segment = sample->segment + first * sample->count;
        for (int64_t j = 0; j < count; j++)
            for (int64_t s = 0; s < sample->count; s++)
                sum[segment[j * sample->count + s]] += lanes_of(distance + j * LANES);
    }
}

/* Of customer i, whose sums of distances to the members of segment h are sum[h][lane], in the segmentation
 * with the segments [first, end). */
static double silhouette_of(const struct sample *sample, const lanes *sum, int lane, int64_t own,
                            int64_t first, int64_t end)
{
    if (sample->size[own] < 2)
        return 0.0;
    double a = sum[own][lane] / (double)(sample->size[own] - 1);
    double b = (double)INFINITY;
    for (int64_t h = first; h < end; h++) {
        if (h == own || sample->size[h] == 0)
            continue;
        double mean = sum[h][lane] / (double)sample->size[h];
        b = mean < b ? mean : b;
    }
    double larger = a > b ? a : b;
    return larger > 0 && b < (double)INFINITY ? (b - a) / larger : 0.0;
}

/* Silhouettes of the customers that are this rank's: every size-th LANES of them. */
static void sum_silhouettes(const struct sampling *sampling, const struct sample *sample, lanes *x,
                            lanes *sum, struct exactsum *silhouette)
{
    const struct comm *comm = sampling->customers->comm;
    for (int64_t i = (int64_t)comm->rank * LANES; i < sample->customers; i += (int64_t)comm->size * LANES) {
        int64_t lane_count = sample->customers - i < LANES ? sample->customers - i : LANES;
        for (int64_t f = 0; f < sample->features; f++)
            for (int64_t lane = 0; lane < lane_count; lane++)
                x[f][lane] = sample->point[(i + lane) * sample->features + f];
        sum_distances(sample, x, sum);
        for (int lane = 0; lane < lane_count; lane++) {
            int64_t first = 0;
            for (int64_t s = 0; s < sample->count; s++) {
                int64_t end = first + sampling->indices[s].k;
                int64_t own = sample->segment[(i + lane) * sample->count + s];
                exactsum_add(&silhouette[s], silhouette_of(sample, sum, lane, own, first, end));
                first = end;
            }
        }
    }
}

static void take_values(const struct sampling *sampling, const struct sample *sample,
                        struct exactsum *silhouette, double *value)
{
    int64_t first = 0;
    for (int64_t s = 0; s < sample->count; s++) {
        int64_t filled = 0;
        for (int64_t h = 0; h < sampling->indices[s].k; h++)
            filled += sample->size[first + h] > 0;
        value[s] = filled > 1 ? exactsum_round(&silhouette[s]) / (double)sample->customers : (double)NAN;
        first += sampling->indices[s].k;
    }
}

static status_t measure(const struct sampling *sampling, const struct sample *sample, double *value)
{
    struct comm *comm = sampling->customers->comm;
    lanes *x = NULL;
    lanes *sum = NULL;
    struct exactsum *silhouette = NULL;
    status_t status = memory_new(&x, sample->features, sizeof *x, "silhouettes");
    if (!status)
        status = memory_new(&sum, sample->segments, sizeof *sum, "silhouettes");
    if (!status)
        status = memory_new(&silhouette, sample->count, sizeof *silhouette, "silhouettes");
    if (!status)
        sum_silhouettes(sampling, sample, x, sum, silhouette);
    status = comm_agree(comm, status);
    if (!status)
        status = comm_sum_exact(comm, silhouette, sample->count);
    if (!status)
        take_values(sampling, sample, silhouette, value);
    free(x);
    free(sum);
    free(silhouette);
    return status;
}

/* Of `size` customers. */
static status_t find_silhouettes(const struct customers *customers, const struct indices *indices,
                                 int64_t count, int64_t size, uint64_t seed, double *value)
{
    struct sampling sampling = {.customers = customers, .indices = indices, .count = count, .seed = seed};
    struct sample sample = {.customers = size, .features = customers->features, .count = count};
    status_t status = memory_new(&sampling.label, count * BLOCK_ROWS, sizeof *sampling.label, "labels");
    if (!status)
        status = nearest_open(&sampling.nearest, customers);
    status = comm_agree(customers->comm, status);
    if (!status)
        status = draw(&sampling, size);
    if (!status)
        status = gather(&sampling, &sample);
    if (!status)
        status = measure(&sampling, &sample, value);
    nearest_close(&sampling.nearest);
    free(sampling.label);
    free(sampling.drawn);
    sample_close(&sample);
    return status;
}

status_t indices_sample_silhouette(const struct customers *customers, const struct indices *indices,
                                   int64_t count, int64_t size, uint64_t seed, double *value,
                                   int64_t *sampled)
{
    struct journal *journal = customers->comm->journal;
    const struct journal_field field = {value, count * (int64_t)sizeof *value};
    int64_t mark = journal_mark(journal);
    bool known = false;
    *sampled = size < customers->used ? size : customers->used;
    status_t status = journal_recall(journal, "silhouettes", &field, 1, &known);
    if (status || known)
        return status;
    status = find_silhouettes(customers, indices, count, *sampled, seed, value);
    return status ? status : journal_keep(journal, mark, "silhouettes", &field, 1);
}
