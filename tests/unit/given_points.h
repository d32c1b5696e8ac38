/* Points that a test gives, and runs of average and complete linkage over them. Header only. */
#ifndef LOHKO_TESTS_GIVEN_POINTS_H
#define LOHKO_TESTS_GIVEN_POINTS_H

#include <math.h>

#include "trees.h"

enum { MOST = 400 /* points */, WIDEST = 20 /* features */ };

SUPPORT const enum linkage linkages[] = {LINKAGE_AVERAGE, LINKAGE_COMPLETE};

/* What a test gives to linkage_matrix. */
SUPPORT struct {
    int64_t count;
    int64_t features;
    double place[MOST * WIDEST];
    int64_t size[MOST];
} given;

struct outcome {
    struct merge merge[MOST];
    struct linkage_work work;
};

SUPPORT double place(int64_t point, int64_t feature)
{
    return given.place[point * given.features + feature];
}

SUPPORT void give(int64_t count, int64_t features)
{
    assert_true(count <= MOST && features <= WIDEST);
    given.count = count;
    given.features = features;
    for (int64_t i = 0; i < count; i++)
        given.size[i] = 1;
}

SUPPORT double draw(int64_t key, int64_t i)
{
    return random_uniform(11, RANDOM_GENERATE_VALUE, i, (uint32_t)key);
}

SUPPORT void give_random(int64_t count, int64_t features, int64_t key)
{
    give(count, features);
    for (int64_t i = 0; i < count * features; i++)
        given.place[i] = 4 * draw(key, i) - 2;
}

/* Places are cut to bits of which size many have an exact sum. */
SUPPORT void give_sizes(int64_t key)
{
    for (int64_t i = 0; i < given.count; i++)
        given.size[i] = 1 + (int64_t)(draw(key, i) < 0.1 ? 1e6 * draw(key + 1, i) : 4 * draw(key, i));
    for (int64_t i = 0; i < given.count * given.features; i++)
        given.place[i] = round(0x1p20 * given.place[i]) * 0x1p-20;
}

/* ---- runs ---- */

SUPPORT status_t run(struct comm *comm, int most, enum linkage linkage, struct outcome *outcome)
{
    struct node node;
    struct points points = {
        .comm = comm, .log = &quiet, .node = &node, .count = given.count, .features = given.features};
    memset(outcome, 0, sizeof *outcome);
    assert_ok(node_open(&node, comm, most));
    assert_ok(node_memory(&node, &points.sum, given.count * given.features, sizeof *points.sum, "a test"));
    assert_ok(node_memory(&node, &points.size, given.count, sizeof *points.size, "a test"));
    for (int64_t i = 0; node.comm.rank == 0 && i < given.count; i++) {
        points.size[i] = given.size[i];
        for (int64_t f = 0; f < given.features; f++)
            points.sum[i * given.features + f] = place(i, f) * (double)given.size[i];
    }
    assert_ok(node_fence(&node));
    status_t status = linkage_matrix(&points, linkage, outcome->merge, &outcome->work);
    node_close(&node);
    return status;
}

#endif
