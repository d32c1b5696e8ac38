/* ranks: 1 2 3 */
/* The tree of segments against heights by hand, and the ways to its leaves. */
#include <math.h>

#include "cluster/segment_tree.h"
#include "support.h"

static void expect_path(const struct segment_paths *paths, int64_t segment, const char *expected)
{
    char text[16];
    segment_path(paths, segment, text);
    assert_string_equal(text, expected);
}

/* Rows of a linkage matrix: nodes, height, leaves. */
static void open_paths(struct segment_paths *paths, double *rows, int64_t segments, const int64_t *size)
{
    struct dendrogram tree = {segments, rows};
    assert_ok(segment_paths_open(paths, &tree, size));
    assert_int_equal(paths->segments, segments);
}

static void the_larger_side_is_a(void **state)
{
    (void)state;
    double rows[] = {2, 4, 1, 2, 1, 5, 2, 3, 0, 3, 3, 2, 6, 7, 4, 5};
    static const int64_t size[] = {50, 40, 30, 20, 10};
    struct segment_paths paths;
    open_paths(&paths, rows, 5, size);
    /* {1, {2, 4}} has 80 customers and {0, 3} 70; {2, 4} has as many as 1 */
    expect_path(&paths, 0, "BA");
    expect_path(&paths, 3, "BB");
    expect_path(&paths, 1, "AA");
    expect_path(&paths, 2, "ABA");
    expect_path(&paths, 4, "ABB");
    assert_int_equal(paths.longest, 3);
    segment_paths_close(&paths);
}

/* Equally many: the lowest number decides, wherever it lies underneath. */
static void ties_go_by_number(void **state)
{
    (void)state;
    double rows[] = {1, 3, 1, 2, 0, 2, 2, 2, 4, 5, 3, 4};
    static const int64_t size[] = {7, 7, 7, 7};
    struct segment_paths paths;
    open_paths(&paths, rows, 4, size);
    expect_path(&paths, 0, "AA");
    expect_path(&paths, 2, "AB");
    expect_path(&paths, 1, "BA");
    expect_path(&paths, 3, "BB");
    segment_paths_close(&paths);
}

static void one_segment_has_no_letters(void **state)
{
    (void)state;
    static const int64_t size[] = {12};
    struct segment_paths paths;
    open_paths(&paths, NULL, 1, size);
    expect_path(&paths, 0, "");
    assert_int_equal(paths.longest, 0);
    segment_paths_close(&paths);
}

/* ---- the tree ---- */

/* Ward's distance of two clusters: sqrt(2 a b / (a + b)) |x - y|. */
static double ward(double a, double x, double b, double y)
{
    return sqrt(2 * a * b / (a + b)) * fabs(x - y);
}

static void expect_row(const struct dendrogram *tree, int64_t row, double first, double second, double height,
                       double leaves)
{
    const double *cell = tree->linkage + 4 * row;
    assert_true(cell[0] == first && cell[1] == second && cell[3] == leaves);
    assert_close(cell[2], height, 1e-12);
}

/* Segments on a line: 100 customers around 0, 50 around 10, 30 at 1, 2 at 9.5. */
static void heights_are_weighted(void **state)
{
    (void)state;
    double sum[] = {0, 500, 30, 19};
    double centroid[] = {0.001, 9.999, 1, 9.5}; /* near the means, as k-means leaves them */
    int64_t size[] = {100, 50, 30, 2};
    struct segmentation segments = {.k = 4, .features = 1, .centroid = centroid, .sum = sum, .size = size};
    struct dendrogram tree;
    assert_ok(segment_tree_ward(&world, &quiet, &segments, &tree));
    assert_int_equal(tree.leaves, 4);
    expect_row(&tree, 0, 1, 3, ward(50, 10, 2, 9.5), 2);
    expect_row(&tree, 1, 0, 2, ward(100, 0, 30, 1), 2);
    expect_row(&tree, 2, 4, 5, ward(52, 519.0 / 52, 130, 30.0 / 130), 4);
    dendrogram_free(&tree);
}

static void one_segment_and_an_empty_one(void **state)
{
    (void)state;
    double sum[] = {6, 0};
    double centroid[] = {2, 5};
    int64_t size[] = {3, 0};
    struct segmentation segments = {.k = 1, .features = 1, .centroid = centroid, .sum = sum, .size = size};
    struct dendrogram tree;
    assert_ok(segment_tree_ward(&world, &quiet, &segments, &tree));
    assert_int_equal(tree.leaves, 1);
    dendrogram_free(&tree);
    segments.k = 2;
    assert_ok(segment_tree_ward(&world, &quiet, &segments, &tree));
    expect_row(&tree, 0, 0, 1, ward(3, 2, 1, 5), 2);
    dendrogram_free(&tree);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_larger_side_is_a),         cmocka_unit_test(ties_go_by_number),
    cmocka_unit_test(one_segment_has_no_letters),   cmocka_unit_test(heights_are_weighted),
    cmocka_unit_test(one_segment_and_an_empty_one),
};

TESTS_MAIN("segment_tree", tests)
