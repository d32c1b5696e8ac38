#include "cluster/dendrogram.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { COLUMNS = 4, HEIGHT = 2, UNDERNEATH = 3 };

/* ---- rows by height ---- */

/* Merges the sorted runs [begin, middle) and [middle, end) of `from`; of equal heights the first run's come
 * first. */
static void merge_runs(const struct merge *from, int64_t begin, int64_t middle, int64_t end, struct merge *to)
{
    int64_t left = begin;
    int64_t right = middle;
    for (int64_t i = begin; i < end; i++) {
        bool take_left = right >= end || (left < middle && from[left].height <= from[right].height);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

/* By rising height; the order of equal heights stays, which qsort does not promise. */
static status_t sort_merges(struct merge *merge, int64_t count)
{
    struct merge *other = NULL;
    status_t status = memory_new(&other, count, sizeof *other, "the merges of a tree");
    if (status)
        return status;
    struct merge *from = merge;
    struct merge *to = other;
    for (int64_t run = 1; run < count; run *= 2) {
        for (int64_t begin = 0; begin < count; begin += 2 * run) {
            int64_t middle = count - begin < run ? count : begin + run;
            int64_t end = count - begin < 2 * run ? count : begin + 2 * run;
            merge_runs(from, begin, middle, end, to);
        }
        struct merge *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != merge)
        memcpy(merge, from, (size_t)count * sizeof *merge);
    free(other);
    return STATUS_OK;
}

/* ---- nodes ---- */

/* The topmost node above `node` so far; the way to it is shortened. */
static int64_t find_top(int64_t *above, int64_t node)
{
    int64_t top = node;
    while (above[top] != top)
        top = above[top];
    while (above[node] != top) {
        int64_t next = above[node];
        above[node] = top;
        node = next;
    }
    return top;
}

static double underneath(const struct dendrogram *tree, int64_t node)
{
    return node < tree->leaves ? 1.0 : tree->linkage[(node - tree->leaves) * COLUMNS + UNDERNEATH];
}

static void set_row(struct dendrogram *tree, int64_t row, int64_t a, int64_t b, double height)
{
    double *cell = tree->linkage + row * COLUMNS;
    cell[0] = (double)(a < b ? a : b);
    cell[1] = (double)(a < b ? b : a);
    cell[HEIGHT] = height;
    cell[UNDERNEATH] = underneath(tree, a) + underneath(tree, b);
}

/* The node in column 0 or 1 of a row. */
static int64_t child(const struct dendrogram *tree, int64_t row, int side)
{
    return (int64_t)tree->linkage[row * COLUMNS + side];
}

static status_t open_tree(struct dendrogram *tree, int64_t leaves)
{
    *tree = (struct dendrogram){.leaves = leaves};
    return memory_new(&tree->linkage, (leaves - 1) * COLUMNS, sizeof *tree->linkage, "a tree");
}

status_t dendrogram_build(struct dendrogram *tree, int64_t leaves, struct merge *merge)
{
    int64_t *above = NULL;
    status_t status = open_tree(tree, leaves);
    if (!status)
        status = sort_merges(merge, leaves - 1);
    if (!status)
        status = memory_new(&above, 2 * leaves - 1, sizeof *above, "the nodes of a tree");
    for (int64_t node = 0; !status && node < 2 * leaves - 1; node++)
        above[node] = node;
    for (int64_t row = 0; !status && row < leaves - 1; row++) {
        int64_t first = find_top(above, merge[row].first);
        int64_t second = find_top(above, merge[row].second);
        set_row(tree, row, first, second, merge[row].height);
        above[first] = leaves + row;
        above[second] = leaves + row;
    }
    free(above);
    return status;
}

void dendrogram_free(struct dendrogram *tree)
{
    free(tree->linkage);
    *tree = (struct dendrogram){0};
}

/* ---- cuts ---- */

status_t dendrogram_cut(const struct dendrogram *tree, int64_t clusters, int32_t *cluster)
{
    int64_t rows = tree->leaves - clusters;
    int64_t nodes = tree->leaves + rows;
    int64_t *top = NULL;
    int32_t *number = NULL;
    status_t status = memory_new(&top, nodes, sizeof *top, "a cut of the tree");
    if (!status)
        status = memory_new(&number, nodes, sizeof *number, "a cut of the tree");
    for (int64_t node = 0; !status && node < nodes; node++) {
        top[node] = node;
        number[node] = -1;
    }
    for (int64_t row = rows - 1; !status && row >= 0; row--) {
        for (int side = 0; side < 2; side++)
            top[child(tree, row, side)] = top[tree->leaves + row];
    }
    int32_t next = 0;
    for (int64_t leaf = 0; !status && leaf < tree->leaves; leaf++) {
        int32_t *of_top = &number[top[leaf]];
        if (*of_top < 0)
            *of_top = next++;
        cluster[leaf] = *of_top;
    }
    free(top);
    free(number);
    return status;
}

status_t dendrogram_top(const struct dendrogram *tree, int64_t clusters, const int32_t *cluster,
                        struct dendrogram *top)
{
    int64_t cut = tree->leaves - clusters; /* rows below it */
    int64_t *node = NULL;                  /* of `top`, for each node of the tree */
    status_t status = open_tree(top, clusters);
    if (!status)
        status = memory_new(&node, 2 * tree->leaves - 1, sizeof *node, "the nodes of a tree");
    for (int64_t leaf = 0; !status && leaf < tree->leaves; leaf++)
        node[leaf] = cluster[leaf];
    for (int64_t row = 0; !status && row < tree->leaves - 1; row++) {
        int64_t first = node[child(tree, row, 0)];
        int64_t second = node[child(tree, row, 1)];
        node[tree->leaves + row] = row < cut ? first : clusters + row - cut;
        if (row >= cut)
            set_row(top, row - cut, first, second, tree->linkage[row * COLUMNS + HEIGHT]);
    }
    free(node);
    return status;
}
