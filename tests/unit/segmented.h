/* Customers in segments, the indices of several segmentations measured at once, and a silhouette from all
 * pairs. Header only. */
#ifndef LOHKO_TESTS_SEGMENTED_H
#define LOHKO_TESTS_SEGMENTED_H

#include <math.h>

#include "assess/indices.h"
#include "numbers.h"

enum { ROWS = 2500, FEATURES = 3 };

/* ---- customers ---- */

SUPPORT double clouds(int64_t row, int64_t feature)
{
    return (double)(row % 5 * (feature + 1) % 7) * 3 + 2 * uniform(1, row, feature) - 1;
}

SUPPORT double alike(int64_t row, int64_t feature)
{
    (void)row;
    return 0.1 + (double)feature;
}

SUPPORT bool some(int64_t row)
{
    return row % 6 == 5 || row / BLOCK_ROWS == 1;
}

/* ---- segmentations ---- */

/* As a fit makes it, and everybody's segment on every rank. */
struct segmented {
    struct labelling labelling;
    struct indices indices;
    double *sum;
    int64_t *size;
    int32_t *all; /* rows; -1 for those left out */
    double *centroid;
    struct row_numbers leaf;
    int32_t *segment;
};

/* Leaf of a customer and segment of a leaf, for segments that no centroids know of. */
typedef int32_t (*leaf_of)(int64_t row);
enum { LEAVES = ROWS };

SUPPORT int32_t same(int64_t i)
{
    return (int32_t)i;
}

/* Segments of clouds(), but for many customers who are elsewhere. */
SUPPORT int32_t muddled(int64_t i)
{
    return (int32_t)(i % 4 == 0 ? i / 4 % 5 : i % 5);
}

SUPPORT int32_t by_third(int64_t i)
{
    return (int32_t)(i % 3);
}

/* Segment 1 has one customer, segments 0 and 4 none. */
SUPPORT int32_t uneven(int64_t i)
{
    if (i == 2200)
        return 1;
    return i % 5 < 2 ? 2 : 3 + 2 * (i % 7 == 0);
}

SUPPORT int32_t only_one(int64_t i)
{
    (void)i;
    return 2;
}

SUPPORT int32_t many(int64_t i)
{
    return (int32_t)(i * 7919 % 60);
}

SUPPORT void label_by_leaf(const struct sample *sample, leaf_of segment, struct segmented *made)
{
    const struct partition *part = &sample->customers.partition;
    int32_t *leaf = calloc((size_t)part->row_count + 1, sizeof *leaf);
    assert_non_null(leaf);
    assert_ok(memory_new(&made->segment, LEAVES, sizeof(int32_t), "test leaves"));
    for (int64_t i = 0; i < LEAVES; i++)
        made->segment[i] = segment(LEAVES - 1 - i);
    for (int64_t i = 0; i < part->row_count; i++)
        leaf[i] = (int32_t)(sample->is_out[part->first_row + i] ? -1 : LEAVES - 1 - part->first_row - i);
    made->leaf = numbers_packed(leaf, part->row_count, part->block_count, LEAVES);
    made->labelling.leaf = &made->leaf;
    free(leaf);
    made->labelling.segment = made->segment;
    for (int64_t row = 0; row < part->rows; row++)
        made->all[row] = sample->is_out[row] ? -1 : segment(row);
}

/* To the nearest of k customers. */
SUPPORT void label_by_centroid(const struct sample *sample, int64_t k, struct segmented *made)
{
    int64_t rows = sample->customers.partition.rows;
    int64_t features = sample->customers.features;
    assert_ok(memory_new(&made->centroid, k * features, sizeof(double), "test centroids"));
    for (int64_t h = 0; h < k; h++)
        for (int64_t f = 0; f < features; f++)
            made->centroid[h * features + f] = (double)sample->all[(h * 401 + 3) % rows * features + f];
    made->labelling.centroid = made->centroid;
    for (int64_t row = 0; row < rows; row++)
        made->all[row] = sample_nearest(sample, row, made->centroid, k);
}

/* `segment` NULL: by centroids. */
SUPPORT void segmented_open(const struct sample *sample, int64_t k, leaf_of segment, struct segmented *made)
{
    int64_t rows = sample->customers.partition.rows;
    int64_t features = sample->customers.features;
    *made = (struct segmented){.labelling.k = k};
    assert_ok(memory_new(&made->all, rows, sizeof *made->all, "test labels"));
    assert_ok(memory_new(&made->sum, k * features, sizeof *made->sum, "test sums"));
    assert_ok(memory_new(&made->size, k, sizeof *made->size, "test sizes"));
    if (segment)
        label_by_leaf(sample, segment, made);
    else
        label_by_centroid(sample, k, made);
    assert_ok(labelling_open(&made->labelling, features));
    for (int64_t row = 0; row < rows; row++) {
        int32_t h = made->all[row];
        if (h < 0)
            continue;
        assert_true(h < k);
        made->size[h]++;
        for (int64_t f = 0; f < features; f++)
            made->sum[h * features + f] += (double)sample->all[row * features + f];
    }
    made->indices =
        (struct indices){.labelling = &made->labelling, .k = k, .sum = made->sum, .size = made->size};
}

SUPPORT void segmented_close(struct segmented *made)
{
    labelling_close(&made->labelling);
    free(made->all);
    free(made->sum);
    free(made->size);
    free(made->centroid);
    row_numbers_free(&made->leaf);
    free(made->segment);
}

/* ---- several segmentations at once ---- */

struct wanted {
    int64_t k;
    leaf_of segment;
};

SUPPORT const struct wanted of_clouds[] = {{5, muddled}, {1, NULL},  {5, NULL},     {6, uneven},
                                           {2, NULL},    {60, many}, {3, only_one}, {33, NULL}};
enum { CLOUDS = sizeof of_clouds / sizeof of_clouds[0], MOST = CLOUDS };

struct measured {
    struct sample sample;
    struct segmented made[MOST]; /* with the indices found */
    struct indices indices[MOST];
    int64_t count;
};

SUPPORT void measured_open(struct measured *measured, struct comm *comm, int64_t rows, sample_value value,
                           sample_mark out, const struct wanted *wanted, int64_t count)
{
    sample_open(&measured->sample, comm, rows, FEATURES, value, out);
    measured->count = count;
    for (int64_t s = 0; s < count; s++) {
        segmented_open(&measured->sample, wanted[s].k, wanted[s].segment, &measured->made[s]);
        measured->indices[s] = measured->made[s].indices;
    }
    assert_ok(indices_measure(&measured->sample.customers, measured->indices, count));
    for (int64_t s = 0; s < count; s++)
        measured->made[s].indices = measured->indices[s];
}

SUPPORT void measured_close(struct measured *measured)
{
    for (int64_t s = 0; s < measured->count; s++) {
        indices_free(&measured->indices[s]);
        segmented_close(&measured->made[s]);
    }
    sample_close(&measured->sample);
}

/* ---- the silhouette by its definition ---- */

SUPPORT double square_between(const struct sample *sample, int64_t a, int64_t b)
{
    double sum = 0.0;
    for (int64_t f = 0; f < sample->customers.features; f++) {
        double difference = (double)sample->all[a * sample->customers.features + f] -
                            (double)sample->all[b * sample->customers.features + f];
        sum += difference * difference;
    }
    return sum;
}

/* Of customer i among those with in[row], or all; by squared distances, or plain ones. */
SUPPORT double silhouette_by_pairs(const struct sample *sample, const struct segmented *made, int64_t i,
                                   const bool *in, bool plain)
{
    double sum[100] = {0};
    int64_t count[100] = {0};
    double a = 0.0;
    double b = (double)INFINITY;
    assert_true(made->indices.k <= 100);
    for (int64_t j = 0; j < sample->customers.partition.rows; j++) {
        int32_t h = made->all[j];
        if (h < 0 || j == i || (in && !in[j]))
            continue;
        double square = square_between(sample, i, j);
        sum[h] += plain ? sqrt(square) : square;
        count[h]++;
    }
    int32_t own = made->all[i];
    for (int64_t h = 0; h < made->indices.k; h++) {
        if (h != own && count[h] > 0 && sum[h] / (double)count[h] < b)
            b = sum[h] / (double)count[h];
    }
    if (count[own] == 0)
        return 0.0;
    a = sum[own] / (double)count[own];
    return a == b ? 0.0 : (b - a) / fmax(a, b);
}

#endif
