/* ranks: 1 */
/* The form of the tree and its cuts, against answers by hand and against sets that are kept one by one. */
#include <math.h>

#include "cluster/dendrogram.h"
#include "support.h"

static void expect_rows(const struct dendrogram *tree, int64_t rows, const double *expected)
{
    assert_int_equal(tree->leaves, rows + 1);
    for (int64_t i = 0; i < 4 * rows; i++)
        assert_true(tree->linkage[i] == expected[i]);
}

static void expect_cut(const struct dendrogram *tree, int64_t clusters, const int32_t *expected)
{
    int32_t cluster[16];
    assert_ok(dendrogram_cut(tree, clusters, cluster));
    assert_memory_equal(cluster, expected, (size_t)tree->leaves * sizeof *cluster);
}

/* Points 0, 1, 5, 7, 20 on a line by single linkage, the merges not in order of height. */
static void a_small_tree(void **state)
{
    (void)state;
    struct merge merge[] = {{2, 2, 3}, {1, 0, 1}, {4, 0, 2}, {13, 0, 4}};
    static const double rows[] = {0, 1, 1, 2, 2, 3, 2, 2, 5, 6, 4, 4, 4, 7, 13, 5};
    struct dendrogram tree;
    assert_ok(dendrogram_build(&tree, 5, merge));
    expect_rows(&tree, 4, rows);
    expect_cut(&tree, 1, (const int32_t[]){0, 0, 0, 0, 0});
    expect_cut(&tree, 2, (const int32_t[]){0, 0, 0, 0, 1});
    expect_cut(&tree, 3, (const int32_t[]){0, 0, 1, 1, 2});
    expect_cut(&tree, 4, (const int32_t[]){0, 0, 1, 2, 3});
    expect_cut(&tree, 5, (const int32_t[]){0, 1, 2, 3, 4});
    dendrogram_free(&tree);
}

/* Where all heights are equal the rows are the merges as they were given. */
static void equal_heights_keep_their_order(void **state)
{
    (void)state;
    struct merge merge[] = {{1, 4, 5}, {1, 0, 3}, {0, 1, 2}, {1, 1, 4}, {1, 0, 1}};
    static const double rows[] = {1, 2, 0, 2, 4, 5, 1, 2, 0, 3, 1, 2, 6, 7, 1, 4, 8, 9, 1, 6};
    struct dendrogram tree;
    assert_ok(dendrogram_build(&tree, 6, merge));
    expect_rows(&tree, 5, rows);
    expect_cut(&tree, 2, (const int32_t[]){0, 1, 1, 0, 1, 1});
    dendrogram_free(&tree);
}

static void one_leaf_and_two(void **state)
{
    (void)state;
    struct dendrogram tree;
    struct dendrogram top;
    assert_ok(dendrogram_build(&tree, 1, NULL));
    expect_cut(&tree, 1, (const int32_t[]){0});
    assert_ok(dendrogram_top(&tree, 1, (const int32_t[]){0}, &top));
    assert_int_equal(top.leaves, 1);
    dendrogram_free(&top);
    dendrogram_free(&tree);
    struct merge merge[] = {{0.5, 0, 1}};
    assert_ok(dendrogram_build(&tree, 2, merge));
    expect_rows(&tree, 1, (const double[]){0, 1, 0.5, 2});
    expect_cut(&tree, 1, (const int32_t[]){0, 0});
    expect_cut(&tree, 2, (const int32_t[]){0, 1});
    dendrogram_free(&tree);
    assert_null(tree.linkage);
}

/* ---- against sets that are kept one by one ---- */

enum { LEAVES = 60 };

/* Merges that a clustering might make: each joins two clusters, heights never fall, some are equal. */
static void draw_merges(uint64_t seed, int64_t leaves, struct merge *merge)
{
    int32_t lowest[LEAVES]; /* of the clusters that are left */
    for (int32_t i = 0; i < leaves; i++)
        lowest[i] = i;
    double height = 0.0;
    for (int64_t row = 0; row < leaves - 1; row++) {
        int64_t left = leaves - row;
        int64_t a = (int64_t)(uniform(seed, row, 0) * (double)left);
        int64_t b = (a + 1 + (int64_t)(uniform(seed, row, 1) * (double)(left - 1))) % left;
        height += floor(3 * uniform(seed, row, 2));
        merge[row] = (struct merge){height, lowest[a] < lowest[b] ? lowest[a] : lowest[b],
                                    lowest[a] < lowest[b] ? lowest[b] : lowest[a]};
        lowest[a] = merge[row].first;
        lowest[b] = lowest[left - 1];
    }
}

/* Which node every leaf is in after the first `rows` merges, which are in order. */
static void follow_merges(const struct merge *merge, int64_t rows, int64_t leaves, int64_t *node)
{
    for (int64_t i = 0; i < leaves; i++)
        node[i] = i;
    for (int64_t row = 0; row < rows; row++) {
        int64_t first = node[merge[row].first];
        int64_t second = node[merge[row].second];
        for (int64_t i = 0; i < leaves; i++) {
            if (node[i] == first || node[i] == second)
                node[i] = leaves + row;
        }
    }
}

/* Names each cluster by any of its points, where draw_merges takes the lowest. */
static void name_by_any_point(uint64_t seed, int64_t leaves, struct merge *merge)
{
    for (int64_t row = 0; row < leaves - 1; row++) {
        int32_t *point[] = {&merge[row].first, &merge[row].second};
        int64_t node[LEAVES];
        follow_merges(merge, row, leaves, node);
        for (int side = 0; side < 2; side++) {
            int64_t own = node[*point[side]];
            int64_t any = (int64_t)(uniform(seed, row, 3 + side) * (double)leaves);
            while (node[any] != own)
                any = (any + 1) % leaves;
            *point[side] = (int32_t)any;
        }
    }
}

static void check_rows(const struct dendrogram *tree, const struct merge *merge)
{
    for (int64_t row = 0; row < tree->leaves - 1; row++) {
        int64_t node[LEAVES];
        int64_t members = 0;
        follow_merges(merge, row, tree->leaves, node);
        double first = (double)node[merge[row].first];
        double second = (double)node[merge[row].second];
        for (int64_t i = 0; i < tree->leaves; i++)
            members += (double)node[i] == first || (double)node[i] == second;
        const double *cell = tree->linkage + 4 * row;
        assert_true(cell[0] == fmin(first, second) && cell[1] == fmax(first, second));
        assert_true(cell[2] == merge[row].height && cell[3] == (double)members);
    }
}

static void check_cuts(const struct dendrogram *tree, const struct merge *merge)
{
    for (int64_t clusters = 1; clusters <= tree->leaves; clusters++) {
        int64_t node[LEAVES];
        int32_t cluster[LEAVES];
        follow_merges(merge, tree->leaves - clusters, tree->leaves, node);
        assert_ok(dendrogram_cut(tree, clusters, cluster));
        int32_t next = 0;
        for (int64_t i = 0; i < tree->leaves; i++) {
            int64_t before = 0;
            while (node[before] != node[i])
                before++;
            assert_int_equal(cluster[i], before == i ? next : cluster[before]);
            next += before == i;
        }
        assert_int_equal(next, clusters);
    }
}

/* The top is what the merges above the cut make of the clusters, here numbered from the last. */
static void check_top(const struct dendrogram *tree, const struct merge *merge, int64_t clusters)
{
    int32_t cluster[LEAVES];
    struct merge above[LEAVES];
    struct dendrogram top;
    struct dendrogram expected;
    assert_ok(dendrogram_cut(tree, clusters, cluster));
    for (int64_t i = 0; i < tree->leaves; i++)
        cluster[i] = (int32_t)clusters - 1 - cluster[i];
    for (int64_t i = 0; i < clusters - 1; i++) {
        const struct merge *old = &merge[tree->leaves - clusters + i];
        above[i] = (struct merge){old->height, cluster[old->first], cluster[old->second]};
    }
    assert_ok(dendrogram_build(&expected, clusters, above));
    assert_ok(dendrogram_top(tree, clusters, cluster, &top));
    expect_rows(&top, clusters - 1, expected.linkage);
    dendrogram_free(&expected);
    dendrogram_free(&top);
}

static void random_trees(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct merge merge[LEAVES];
        struct merge shuffled[LEAVES];
        struct dendrogram tree;
        int64_t leaves = 2 + (int64_t)(seed * 17 % (LEAVES - 1));
        draw_merges(seed, leaves, merge);
        if (seed % 2 == 1)
            name_by_any_point(seed, leaves, merge);
        /* out of order, but for those of one height */
        for (int64_t i = 0; i < leaves - 1; i++) {
            int64_t place = 0;
            for (int64_t j = 0; j < leaves - 1; j++) {
                int order_i = (int)merge[i].height % 5;
                int order_j = (int)merge[j].height % 5;
                place += order_j < order_i || (order_j == order_i && j < i);
            }
            shuffled[place] = merge[i];
        }
        assert_ok(dendrogram_build(&tree, leaves, shuffled));
        check_rows(&tree, merge);
        check_cuts(&tree, merge);
        for (int64_t clusters = 1; clusters <= leaves; clusters++)
            check_top(&tree, merge, clusters);
        dendrogram_free(&tree);
    }
}

/* A chain, as single linkage makes them: every merge adds one leaf to the same cluster. The other way round
 * each begins with the highest leaf. */
static void long_chains(void **state)
{
    (void)state;
    enum { LONG = 300000 };
    struct merge *merge = NULL;
    int32_t *cluster = NULL;
    assert_ok(memory_new(&merge, LONG, sizeof *merge, "test merges"));
    assert_ok(memory_new(&cluster, LONG, sizeof *cluster, "test clusters"));
    for (int backwards = 0; backwards < 2; backwards++) {
        struct dendrogram tree;
        for (int32_t i = 0; i < LONG - 1; i++) {
            int32_t added = backwards ? LONG - 2 - i : i + 1;
            merge[i] = (struct merge){i, backwards ? added : 0, backwards ? added + 1 : added};
        }
        assert_ok(dendrogram_build(&tree, LONG, merge));
        for (int64_t row = 1; row < LONG - 1; row++) {
            const double *cell = tree.linkage + 4 * row;
            int64_t added = backwards ? LONG - 2 - row : row + 1;
            assert_true(cell[0] == (double)added && cell[1] == (double)(LONG + row - 1));
            assert_true(cell[2] == (double)row && cell[3] == (double)(row + 2));
        }
        assert_ok(dendrogram_cut(&tree, 3, cluster));
        for (int32_t i = 0; i < LONG; i++)
            assert_int_equal(cluster[i], backwards ? (i < 2 ? i : 2) : (i < LONG - 2 ? 0 : i - LONG + 3));
        dendrogram_free(&tree);
    }
    free(merge);
    free(cluster);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_small_tree),     cmocka_unit_test(equal_heights_keep_their_order),
    cmocka_unit_test(one_leaf_and_two), cmocka_unit_test(random_trees),
    cmocka_unit_test(long_chains),
};

TESTS_MAIN("dendrogram", tests)
