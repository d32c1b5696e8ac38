/* Points for trees, and runs of a linkage in every manner that must not matter: ranks, nodes, registers,
 * pruning. Header only. */
#ifndef LOHKO_TESTS_TREES_H
#define LOHKO_TESTS_TREES_H

#include <math.h>

#include "cluster/linkage.h"
#include "cluster/neighbours.h"
#include "tiles.h"

/* ---- points ---- */

static const double GRAIN = 0x1p-20; /* sums are multiples of it */

struct cloud {
    int64_t count;
    int64_t features;
    double (*value)(int64_t point, int64_t feature);
    int64_t (*size)(int64_t point); /* NULL: all one */
    double rounding;                /* of heights, beside 1e-12 of themselves */
    int64_t rounds;                 /* that are enough; 0: any number */
};

SUPPORT int64_t cloud_size(const struct cloud *cloud, int64_t point)
{
    return cloud->size ? cloud->size(point) : 1;
}

/* Where a point is, is this over its size. */
SUPPORT double cloud_sum(const struct cloud *cloud, int64_t point, int64_t feature)
{
    return rint(cloud->value(point, feature) * (double)cloud_size(cloud, point) / GRAIN) * GRAIN;
}

SUPPORT double random_place(int64_t point, int64_t feature)
{
    return uniform(3, point, feature);
}

SUPPORT double blob_place(int64_t point, int64_t feature)
{
    return 20 * uniform(4, point * 7 % 11, feature) + uniform(3, point, feature);
}

SUPPORT double line_place(int64_t point, int64_t feature)
{
    return rint(uniform(5, point, 0) * 1e5) * 0x1p-10 * (double)(feature + 1) * (feature % 2 ? -1.0 : 1.0);
}

/* 20 in a row: every point has ties. */
SUPPORT double lattice_place(int64_t point, int64_t feature)
{
    return (double)(feature == 0 ? point % 20 : feature == 1 ? point / 20 : 0);
}

/* All equally far from each other. */
SUPPORT double corner_place(int64_t point, int64_t feature)
{
    return point == feature ? 1.0 : 0.0;
}

SUPPORT double outlier_place(int64_t point, int64_t feature)
{
    return point == 17 ? 1e6 * (double)(feature + 1) : uniform(3, point, feature);
}

/* Two groups so far apart that in float all of a group are at one place. */
SUPPORT double distant_place(int64_t point, int64_t feature)
{
    return (point % 2 ? 0x1p20 : -0x1p20) + uniform(3, point, feature) * 0x1p-10;
}

SUPPORT double huge_place(int64_t point, int64_t feature)
{
    return rint(0x1p20 * uniform(3, point, feature)) * 0x1p26;
}

/* Three points at each place, whose sizes differ. */
SUPPORT double shared_place(int64_t point, int64_t feature)
{
    return rint(1024 * uniform(3, point / 3, feature));
}

/* Points around three others in all directions, about as far, some much heavier than the rest: what a cluster
 * remembers is used up before it has moved. */
SUPPORT double star(uint64_t seed, int64_t point, int64_t feature)
{
    double square = 0.0;
    for (int f = 0; f < 5; f++)
        square += pow(uniform(seed, point, f) - 0.5, 2);
    return point % 60 == 0 ? 0.01 * (double)point : (uniform(seed, point, feature) - 0.5) / sqrt(square);
}

SUPPORT double star_place(int64_t point, int64_t feature)
{
    return star(1003, point, feature);
}

SUPPORT double other_star_place(int64_t point, int64_t feature)
{
    return star(1007, point, feature);
}

SUPPORT int64_t star_size(int64_t point)
{
    return point % 20 == 0 ? 1000 : 1;
}

SUPPORT int64_t some_size(int64_t point)
{
    return 1 + (int64_t)(1000 * pow(uniform(6, point, 0), 4));
}

SUPPORT int64_t rising_size(int64_t point)
{
    return point + 1;
}

/* This communicator's copy; the arrays are the node's. Collective. */
SUPPORT void cloud_points(const struct cloud *cloud, struct comm *comm, struct node *node,
                          struct points *points)
{
    *points = (struct points){
        .comm = comm, .log = &quiet, .node = node, .count = cloud->count, .features = cloud->features};
    assert_ok(node_memory(node, &points->sum, cloud->count * cloud->features, sizeof *points->sum, "points"));
    assert_ok(node_memory(node, &points->size, cloud->count, sizeof *points->size, "points"));
    for (int64_t i = 0; node->comm.rank == 0 && i < cloud->count; i++) {
        points->size[i] = cloud_size(cloud, i);
        for (int64_t f = 0; f < cloud->features; f++)
            points->sum[i * cloud->features + f] = cloud_sum(cloud, i, f);
    }
    assert_ok(node_fence(node));
}

/* ---- manners ---- */

struct manner {
    struct comm *comm;
    int most;            /* ranks of a node; 0: any number */
    const char *vectors; /* the widest where the machine lacks them */
    bool everything;     /* nothing is passed over */
};

static const struct manner manners[] = {
    {&alone, 0, "avx512", false}, {&world, 0, "avx512", false}, {&world, 1, "plain", false},
    {&world, 2, "avx2", false},   {&alone, 0, "plain", true},
};
enum { MANNERS = sizeof manners / sizeof manners[0], PLAIN_MANNER = 0, EVERYTHING_MANNER = 4 };

SUPPORT void manner_begin(const struct manner *manner)
{
    if (choose(manner->vectors))
        setenv("LOHKO_VECTORS", manner->vectors, 1);
    if (manner->everything)
        setenv("LOHKO_PRUNE", "none", 1);
}

SUPPORT void manner_end(void)
{
    unsetenv("LOHKO_VECTORS");
    unsetenv("LOHKO_PRUNE");
}

/* ---- clusters in slots ---- */

struct held {
    struct node node;
    struct points points;
    struct neighbours all;
};

SUPPORT void hold(struct held *held, const struct cloud *cloud, const struct manner *manner, bool sizes,
                  bool sets)
{
    manner_begin(manner);
    assert_ok(node_open(&held->node, manner->comm, manner->most));
    cloud_points(cloud, manner->comm, &held->node, &held->points);
    assert_ok(neighbours_open(&held->all, &held->points, sizes, sets));
    assert_ok(neighbours_boxes(&held->all));
    manner_end();
}

SUPPORT void release(struct held *held)
{
    neighbours_close(&held->all);
    node_close(&held->node);
}

SUPPORT void see_progress(void *context, int64_t done, int64_t queries)
{
    (void)context;
    assert_true(done >= 0 && done <= queries);
}

SUPPORT void search_all(struct held *held)
{
    assert_ok(neighbours_collect(&held->all));
    assert_ok(neighbours_search(&held->all, see_progress, NULL));
}

/* ---- merges ---- */

typedef status_t (*linkage_function)(struct points *points, struct merge *merge, struct linkage_work *work);

/* The merges of a cloud, count - 1 of them, the caller's to free. */
SUPPORT struct merge *link_cloud(const struct cloud *cloud, linkage_function link,
                                 const struct manner *manner, struct linkage_work *work)
{
    struct node node;
    struct points points;
    struct merge *merge = calloc((size_t)cloud->count, sizeof *merge);
    assert_non_null(merge);
    manner_begin(manner);
    assert_ok(node_open(&node, manner->comm, manner->most));
    cloud_points(cloud, manner->comm, &node, &points);
    assert_ok(link(&points, merge, work));
    node_close(&node);
    manner_end();
    return merge;
}

SUPPORT bool same_merges(const struct merge *a, const struct merge *b, int64_t count)
{
    return count == 0 || memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

/* ---- what any order of merges keeps ---- */

/* No cluster is used before it is made, and each goes by its lowest point; ends with one. */
SUPPORT void check_names(const struct merge *merge, int64_t count)
{
    bool *gone = calloc((size_t)count + 1, sizeof *gone);
    assert_non_null(gone);
    for (int64_t i = 0; i + 1 < count; i++) {
        assert_true(merge[i].first >= 0 && merge[i].first < merge[i].second && merge[i].second < count);
        assert_true(!gone[merge[i].first] && !gone[merge[i].second]);
        gone[merge[i].second] = true;
    }
    free(gone);
}

static const struct merge *sorted_merges;

SUPPORT int by_height_then_turn(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    if (sorted_merges[x].height != sorted_merges[y].height)
        return sorted_merges[x].height < sorted_merges[y].height ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The merges by height, those of one height in the order given, as a dendrogram has them. The caller's. */
SUPPORT struct merge *sorted_by_height(const struct merge *merge, int64_t merges)
{
    int64_t *turn = calloc((size_t)merges + 1, sizeof *turn);
    struct merge *sorted = calloc((size_t)merges + 1, sizeof *sorted);
    assert_true(turn && sorted);
    for (int64_t i = 0; i < merges; i++)
        turn[i] = i;
    sorted_merges = merge;
    qsort(turn, (size_t)merges, sizeof *turn, by_height_then_turn);
    for (int64_t i = 0; i < merges; i++)
        sorted[i] = merge[turn[i]];
    free(turn);
    return sorted;
}

SUPPORT void expect_height(double got, long double expected, const struct cloud *cloud, const char *file,
                           int line)
{
    if (fabsl(got - expected) <= 1e-12L * expected + (long double)cloud->rounding)
        return;
    print_error("expected a height of %.17Lg, got %.17g\n", expected, got);
    _fail(file, line);
}

#define assert_height(got, expected, cloud) expect_height((got), (expected), (cloud), __FILE__, __LINE__)

#endif
