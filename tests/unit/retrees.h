/* Customers, trees over them, and trees grown anew with other weights. Header only. */
#ifndef LOHKO_TESTS_RETREES_H
#define LOHKO_TESTS_RETREES_H

#include <math.h>

#include "cluster/retree.h"
#include "numbers.h"

enum { ROWS = 1500, FEATURES = 2, MOST = 400 /* leaves, and items of the twin */ };

static const enum linkage linkages[] = {LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_COMPLETE, LINKAGE_SINGLE};
enum { LINKAGES = 4 };

/* ---- customers ---- */

SUPPORT double scattered(int64_t row, int64_t feature)
{
    return 6 * uniform(4, row % 5, feature) + uniform(2, row, feature);
}

/* Three customers at most places, all of whose distances differ. */
SUPPORT double shared_places(int64_t row, int64_t feature)
{
    return 10 * uniform(8, row / 12 % 40, feature);
}

/* Places on a grid: many distances are alike. */
SUPPORT double grid(int64_t row, int64_t feature)
{
    int64_t i = row / 12 % 100;
    return (double)(feature == 0 ? i % 10 : i / 10);
}

SUPPORT double all_alike(int64_t row, int64_t feature)
{
    (void)row;
    return (double)feature;
}

SUPPORT bool most(int64_t row)
{
    return row % 12 != 5;
}

SUPPORT bool all_but_one(int64_t row)
{
    return row != 700;
}

SUPPORT bool all_but_four(int64_t row)
{
    return row != 3 && row != 20 && row != 700 && row != 1400;
}

/* ---- runs ---- */

struct run {
    struct sample sample;
    struct hierarchy_result result;
    struct retree retree;
};

SUPPORT struct hierarchy_settings every_customer(enum linkage linkage)
{
    return (struct hierarchy_settings){.linkage = linkage, .every_customer = true, .seed = 1};
}

SUPPORT struct hierarchy_settings micro_clusters(int64_t leaves)
{
    return (struct hierarchy_settings){.linkage = LINKAGE_WARD, .leaves = leaves, .fewer = true, .seed = 1};
}

SUPPORT void open_run(struct run *run, struct comm *comm, int64_t rows, sample_value value, sample_mark out,
                      const struct hierarchy_settings *settings)
{
    sample_open(&run->sample, comm, rows, FEATURES, value, out);
    assert_ok(hierarchy_run(&run->sample.customers, &run->sample.preparation, settings, &run->result));
    assert_ok(retree_open(&run->retree, &run->sample.customers, &run->sample.preparation, settings->linkage,
                          &run->result));
}

SUPPORT void close_run(struct run *run)
{
    retree_close(&run->retree);
    hierarchy_free(&run->result);
    sample_close(&run->sample);
}

struct grown {
    int64_t leaves;
    int64_t cuts;
    const int64_t *clusters;
    int32_t *segment;
    int64_t *weight;
};

SUPPORT struct grown grow(struct run *run, const struct weighting *weighting, int64_t cuts,
                          const int64_t *clusters)
{
    int64_t leaves = run->result.leaves;
    struct grown grown = {leaves, cuts, clusters, malloc((size_t)(cuts * leaves) * sizeof(int32_t)),
                          malloc((size_t)leaves * sizeof(int64_t))};
    assert_true(grown.segment && grown.weight);
    memset(grown.segment, 0x77, (size_t)(cuts * leaves) * sizeof(int32_t));
    memset(grown.weight, 0x77, (size_t)leaves * sizeof(int64_t));
    assert_ok(retree_grow(&run->retree, weighting, cuts, clusters, grown.segment, grown.weight));
    return grown;
}

SUPPORT void drop(struct grown *grown)
{
    free(grown->segment);
    free(grown->weight);
}

SUPPORT void check_alike(const struct grown *a, const struct grown *b)
{
    assert_true(a->leaves == b->leaves && a->cuts == b->cuts);
    assert_memory_equal(a->segment, b->segment, (size_t)(a->cuts * a->leaves) * sizeof *a->segment);
    assert_memory_equal(a->weight, b->weight, (size_t)a->leaves * sizeof *a->weight);
}

SUPPORT int64_t weight_of(const struct run *run, const struct weighting *weighting, int64_t row)
{
    float weight[KERNEL_LANES];
    weighting_tile(weighting, run->sample.customers.kernels, row - row % KERNEL_LANES, weight);
    return (int64_t)weight[row % KERNEL_LANES];
}

/* ---- leaves, plainly; of a run on one rank ---- */

static double (*place)[FEATURES]; /* of each leaf */

SUPPORT void find_leaves(const struct run *one, const struct weighting *weighting, const struct grown *grown)
{
    const struct hierarchy_result *result = &one->result;
    int64_t *weight = calloc((size_t)result->leaves, sizeof *weight);
    place = calloc((size_t)result->leaves, sizeof *place);
    assert_true(weight && place);
    int32_t *leaves = numbers_plain(&result->leaf);
    for (int64_t row = 0; row < one->sample.customers.partition.rows; row++) {
        int32_t leaf = leaves[row];
        if (leaf < 0)
            continue;
        weight[leaf] += weight_of(one, weighting, row);
        for (int64_t f = 0; f < FEATURES; f++)
            place[leaf][f] = result->every_customer ? (double)one->sample.all[row * FEATURES + f]
                                                    : result->leaf_centroid[(int64_t)leaf * FEATURES + f];
    }
    assert_memory_equal(weight, grown->weight, (size_t)result->leaves * sizeof *weight);
    free(weight);
    free(leaves);
}

SUPPORT long double apart(int64_t a, int64_t b)
{
    long double square = 0;
    for (int64_t f = 0; f < FEATURES; f++)
        square += powl((long double)place[a][f] - (long double)place[b][f], 2);
    return square;
}

/* The nearest leaf that weighs something. */
SUPPORT int64_t nearest_leaf(const struct grown *grown, int64_t leaf)
{
    int64_t nearest = -1;
    for (int64_t i = 0; i < grown->leaves; i++) {
        if (grown->weight[i] > 0 && (nearest < 0 || apart(leaf, i) < apart(leaf, nearest)))
            nearest = i;
    }
    return nearest;
}

/* Leaves that weigh something, those of customers at one place as one. */
SUPPORT int64_t count_points(const struct grown *grown, bool every)
{
    int64_t points = 0;
    for (int64_t i = 0; i < grown->leaves; i++) {
        int64_t same = 0;
        while (same < i && (!every || grown->weight[same] == 0 || apart(same, i) > 0))
            same++;
        points += grown->weight[i] > 0 && same == i;
    }
    return points;
}

/* Numbered by lowest leaf of those that weigh something, as many as asked for; the others as the nearest. */
SUPPORT void check_numbers(const struct grown *grown, int64_t points)
{
    for (int64_t c = 0; c < grown->cuts; c++) {
        const int32_t *segment = grown->segment + c * grown->leaves;
        int32_t next = 0;
        for (int64_t i = 0; i < grown->leaves; i++) {
            int64_t nearest = grown->weight[i] > 0 ? i : nearest_leaf(grown, i);
            assert_int_equal(segment[i], nearest < 0 ? 0 : segment[nearest]);
            assert_true(grown->weight[i] == 0 || (segment[i] >= 0 && segment[i] <= next));
            next += grown->weight[i] > 0 && segment[i] == next;
        }
        assert_int_equal(next, grown->clusters[c] < points ? grown->clusters[c] : points);
    }
}

#endif
