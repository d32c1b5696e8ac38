#include "cluster/segment_tree.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/node.h"

/* ---- the tree ---- */

/* A segment without members, which a renumbering can leave behind, counts as one at its centroid. */
static void set_point(const struct points *points, const struct segmentation *segments, int64_t h)
{
    bool empty = segments->size[h] == 0;
    const double *place = (empty ? segments->centroid : segments->sum) + h * segments->features;
    memcpy(points->sum + h * segments->features, place, (size_t)segments->features * sizeof *place);
    points->size[h] = empty ? 1 : segments->size[h];
}

static status_t open_points(struct points *points, const struct segmentation *segments)
{
    struct node *node = points->node;
    status_t status =
        node_memory(node, &points->sum, points->count * points->features, sizeof(double), "segments");
    if (!status)
        status = node_memory(node, &points->size, points->count, sizeof(int64_t), "segments");
    for (int64_t h = 0; !status && node->comm.rank == 0 && h < points->count; h++)
        set_point(points, segments, h);
    return status ? status : node_fence(node);
}

status_t segment_tree_ward(struct comm *comm, struct log *log, const struct segmentation *segments,
                           struct dendrogram *tree)
{
    struct node node;
    struct merge *merge = NULL;
    struct linkage_work work = {0};
    struct points points = {
        .comm = comm, .log = log, .node = &node, .count = segments->k, .features = segments->features};
    status_t status = node_open(&node, comm, 0);
    if (!status)
        status = comm_agree(comm, open_points(&points, segments));
    if (!status)
        status = comm_agree(comm, memory_new(&merge, segments->k - 1, sizeof *merge, "a tree"));
    if (!status)
        status = linkage_run(&points, LINKAGE_WARD, merge, &work);
    if (!status)
        status = comm_agree(comm, dendrogram_build(tree, segments->k, merge));
    free(merge);
    node_close(&node);
    return status;
}

/* ---- ways ---- */

struct side {
    int64_t node;
    int64_t customers;
    int64_t lowest; /* segment number */
};

/* The two sides of a row; [0] is A. */
static void weigh_sides(const struct dendrogram *tree, int64_t row, const int64_t *customers,
                        const int64_t *lowest, struct side side[2])
{
    for (int i = 0; i < 2; i++) {
        int64_t node = (int64_t)tree->linkage[4 * row + i];
        side[i] = (struct side){node, customers[node], lowest[node]};
    }
    bool swap = side[0].customers != side[1].customers ? side[0].customers < side[1].customers
                                                       : side[0].lowest > side[1].lowest;
    if (swap) {
        struct side lighter = side[0];
        side[0] = side[1];
        side[1] = lighter;
    }
}

static void name_sides(struct segment_paths *paths, const struct dendrogram *tree, int64_t *customers,
                       int64_t *lowest)
{
    for (int64_t row = 0; row < tree->leaves - 1; row++) {
        struct side side[2];
        int64_t node = tree->leaves + row;
        weigh_sides(tree, row, customers, lowest, side);
        for (int i = 0; i < 2; i++) {
            paths->above[side[i].node] = node;
            paths->letter[side[i].node] = (char)('A' + i);
        }
        customers[node] = side[0].customers + side[1].customers;
        lowest[node] = side[0].lowest < side[1].lowest ? side[0].lowest : side[1].lowest;
    }
    paths->above[2 * tree->leaves - 2] = -1;
}

status_t segment_paths_open(struct segment_paths *paths, const struct dendrogram *tree, const int64_t *size)
{
    int64_t nodes = 2 * tree->leaves - 1;
    int64_t *customers = NULL;
    int64_t *lowest = NULL;
    *paths = (struct segment_paths){.segments = tree->leaves};
    status_t status = memory_new(&paths->above, nodes, sizeof *paths->above, "ways in the tree");
    if (!status)
        status = memory_new(&paths->letter, nodes, sizeof *paths->letter, "ways in the tree");
    if (!status)
        status = memory_new(&customers, nodes, sizeof *customers, "ways in the tree");
    if (!status)
        status = memory_new(&lowest, nodes, sizeof *lowest, "ways in the tree");
    for (int64_t h = 0; !status && h < tree->leaves; h++) {
        customers[h] = size[h];
        lowest[h] = h;
    }
    if (!status)
        name_sides(paths, tree, customers, lowest);
    /* from the root down, how deep a node lies; `lowest` has served */
    for (int64_t node = nodes - 1; !status && node >= 0; node--) {
        lowest[node] = paths->above[node] < 0 ? 0 : lowest[paths->above[node]] + 1;
        paths->longest = lowest[node] > paths->longest ? lowest[node] : paths->longest;
    }
    free(customers);
    free(lowest);
    return status;
}

void segment_paths_close(struct segment_paths *paths)
{
    free(paths->above);
    free(paths->letter);
    *paths = (struct segment_paths){0};
}

void segment_path(const struct segment_paths *paths, int64_t segment, char *text)
{
    int64_t letters = 0;
    for (int64_t node = segment; paths->above[node] >= 0; node = paths->above[node])
        letters++;
    text[letters] = '\0';
    for (int64_t node = segment; paths->above[node] >= 0; node = paths->above[node])
        text[--letters] = paths->letter[node];
}
