/* ranks: 1 2 3 7 */
/* Gaps against plain twins, which have all customers of each reference set before them. */
#include <math.h>

#include "assess/box.h"
#include "assess/reference.h"
#include "gaps.h"

/* ---- reference sets, and what is expected of them ---- */

/* The coordinates of all reference sets of a sample: sets x rows x features, on every rank. */
static double *draw_sets(const struct sample *sample, const struct gap_settings *settings, int64_t rows)
{
    int64_t d = sample->customers.features;
    struct sample one = *sample;
    struct box box;
    struct reference set;
    double *at = NULL;
    assert_ok(memory_new(&at, settings->references * rows * d, sizeof *at, "test sets"));
    assert_ok(box_find(&sample->customers, 0, &box));
    one.customers.comm = &alone;
    assert_ok(reference_open(&set, &one.customers, &box, rows));
    for (int64_t i = 0; i < settings->references * rows * d; i++) {
        int64_t row = i / d % rows;
        if (row == 0 && i % d == 0)
            reference_draw(&set, settings->seed, i / d / rows);
        at[i] = (double)set.customers.tiles[(row / TILE_ROWS * d + i % d) * TILE_ROWS + row % TILE_ROWS];
    }
    reference_close(&set);
    box_free(&box);
    return at;
}

/* Of the customers with one label, around their mean; NULL: of all. */
static double plain_inertia(const double *at, int64_t rows, int64_t d, const int *label, int wanted)
{
    __float128 inertia = 0;
    for (int64_t f = 0; f < d; f++) {
        __float128 sum = 0;
        __float128 squares = 0;
        int64_t members = 0;
        for (int64_t row = 0; row < rows; row++) {
            if (label && label[row] != wanted)
                continue;
            sum += (__float128)at[row * d + f];
            squares += (__float128)at[row * d + f] * (__float128)at[row * d + f];
            members++;
        }
        inertia += members > 0 ? squares - sum * sum / members : 0;
    }
    return (double)inertia;
}

/* As published, from the inertia of each set. */
static void expect_gap(const struct gap *gap, const double *inertia, int64_t sets, int64_t rows, int64_t used)
{
    double mean = 0.0;
    double squares = 0.0;
    for (int64_t r = 0; r < sets; r++)
        mean += log(inertia[r] / (double)rows);
    mean /= (double)sets;
    for (int64_t r = 0; r < sets; r++)
        squares += pow(log(inertia[r] / (double)rows) - mean, 2);
    assert_true(fabs(gap->gap - (mean - log(gap->inertia / (double)used))) < 1e-12);
    assert_close(gap->error, sqrt((1 + 1 / (double)sets) * squares / (double)sets), 1e-9);
}

/* ---- one segment ---- */

/* No learning, and a set may have fewer customers than there are. */
static void check_one_segment(const struct gap_settings *settings, int64_t customers, int64_t features,
                              int64_t expected)
{
    struct sample sample;
    struct gap gap;
    double inertia[8];
    int64_t rows = 0;
    sample_open(&sample, &world, customers, features, mixed, every_seventh);
    assert_ok(measure(&sample, settings, &gap, 1, &rows));
    assert_int_equal(rows, expected < 0 ? sample.customers.used : expected);
    double *at = draw_sets(&sample, settings, rows);
    for (int64_t r = 0; r < settings->references; r++)
        inertia[r] = plain_inertia(at + r * rows * features, rows, features, NULL, 0);
    expect_gap(&gap, inertia, settings->references, rows, sample.customers.used);
    free(at);
    sample_close(&sample);
}

static void one_segment_is_exact(void **state)
{
    (void)state;
    const struct gap_settings kmeans = by_kmeans(3);
    const struct gap_settings tree = by_tree(LINKAGE_WARD, 3);
    check_one_segment(&kmeans, 2500, 3, -1);
    check_one_segment(&tree, 2500, 3, -1);
    check_one_segment(&kmeans, 40, 1, -1);
    check_one_segment(&tree, 40, 1, -1);
    check_one_segment(&tree, 5500, 2, GAP_TREE_CUSTOMERS);
    check_one_segment(&kmeans, 80000, 1, GAP_CUSTOMERS);
}

/* ---- k-means, along one axis ---- */

static int by_value(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The least inertia that k segments of sorted numbers can have, for k = 1 .. most: by dynamic programming. */
static void least_inertia(const double *at, int64_t rows, int64_t most_segments, double *least)
{
    double best[2][256];
    for (int64_t k = 1; k <= most_segments; k++) {
        for (int64_t end = 1; end <= rows; end++) {
            double sum = 0.0;
            double squares = 0.0;
            double lowest = (double)INFINITY;
            for (int64_t begin = end - 1; begin >= 0; begin--) {
                sum += at[begin];
                squares += at[begin] * at[begin];
                double here = squares - sum * sum / (double)(end - begin);
                double before = begin == 0 ? 0.0 : k == 1 ? (double)INFINITY : best[(k - 1) % 2][begin];
                lowest = fmin(lowest, before + here);
            }
            best[k % 2][end] = lowest;
        }
        least[k - 1] = best[k % 2][rows];
    }
}

/* Along one axis the best segments can be known; k-means finds them, or nearly. */
static void kmeans_of_one_feature(void **state)
{
    (void)state;
    struct gap_settings settings = by_kmeans(3);
    struct sample sample;
    struct gap gap[6];
    double least[3][6];
    int64_t rows = 0;
    sample_open(&sample, &world, 240, 1, mixed, NULL);
    assert_ok(measure(&sample, &settings, gap, 6, &rows));
    assert_int_equal(rows, 240);
    double *at = draw_sets(&sample, &settings, rows);
    for (int64_t r = 0; r < 3; r++) {
        qsort(at + r * rows, (size_t)rows, sizeof *at, by_value);
        least_inertia(at + r * rows, rows, 6, least[r]);
    }
    for (int64_t g = 0; g < 6; g++) {
        double mean = 0.0;
        for (int64_t r = 0; r < 3; r++)
            mean += log(least[r][g] / (double)rows) / 3;
        double above = gap[g].gap - (mean - log(gap[g].inertia / 240));
        assert_true(above > -1e-12 && above < 0.01);
    }
    free(at);
    sample_close(&sample);
}

/* ---- trees, plainly ---- */

enum { LEAVES = 40 };

static double pair_distance(const double *at, int64_t d, int a, int b)
{
    double square = 0.0;
    for (int64_t f = 0; f < d; f++)
        square += pow(at[a * d + f] - at[b * d + f], 2);
    return sqrt(square);
}

/* How far two clusters are apart, from all pairs of their leaves. */
static double apart(const double *at, int64_t d, enum linkage linkage, const int *label, int a, int b)
{
    double least = (double)INFINITY;
    double most_apart = 0.0;
    double sum = 0.0;
    int pairs = 0;
    int both[LEAVES];
    for (int i = 0; i < LEAVES; i++) {
        both[i] = label[i] == a || label[i] == b;
        for (int j = 0; label[i] == a && j < LEAVES; j++) {
            double distance = label[j] == b ? pair_distance(at, d, i, j) : -1.0;
            if (distance < 0)
                continue;
            least = fmin(least, distance);
            most_apart = fmax(most_apart, distance);
            sum += distance;
            pairs++;
        }
    }
    if (linkage == LINKAGE_WARD)
        return plain_inertia(at, LEAVES, d, both, 1) - plain_inertia(at, LEAVES, d, label, a) -
               plain_inertia(at, LEAVES, d, label, b);
    return linkage == LINKAGE_SINGLE ? least : linkage == LINKAGE_COMPLETE ? most_apart : sum / pairs;
}

/* inertia[k - 1] of the cuts into k = 1 .. count. */
static void plain_cuts(const double *at, int64_t d, enum linkage linkage, int64_t count, double *inertia)
{
    int label[LEAVES];
    for (int i = 0; i < LEAVES; i++)
        label[i] = i;
    for (int64_t clusters = LEAVES; clusters > 0; clusters--) {
        double nearest = (double)INFINITY;
        int join[2] = {0, 0};
        for (int a = 0; clusters <= count && a < LEAVES; a++)
            inertia[clusters - 1] =
                (a > 0 ? inertia[clusters - 1] : 0.0) + plain_inertia(at, LEAVES, d, label, a);
        for (int a = 0; a < LEAVES; a++) {
            for (int b = a + 1; label[a] == a && b < LEAVES; b++) {
                double distance = label[b] == b ? apart(at, d, linkage, label, a, b) : (double)INFINITY;
                if (distance < nearest) {
                    nearest = distance;
                    join[0] = a;
                    join[1] = b;
                }
            }
        }
        for (int i = 0; i < LEAVES; i++)
            label[i] = label[i] == join[1] ? join[0] : label[i];
    }
}

/* All cuts of each set's own tree. */
static void trees_are_cut(void **state)
{
    (void)state;
    static const enum linkage linkages[] = {LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_COMPLETE, LINKAGE_SINGLE};
    struct sample sample;
    sample_open(&sample, &world, LEAVES, 3, mixed, NULL);
    for (int i = 0; i < 4; i++) {
        struct gap_settings settings = by_tree(linkages[i], 2);
        struct gap gap[MOST_GAPS];
        double inertia[2][MOST_GAPS];
        int64_t rows = 0;
        assert_ok(measure(&sample, &settings, gap, MOST_GAPS, &rows));
        assert_int_equal(rows, LEAVES);
        double *at = draw_sets(&sample, &settings, rows);
        for (int r = 0; r < 2; r++)
            plain_cuts(at + r * LEAVES * 3, 3, linkages[i], MOST_GAPS, inertia[r]);
        for (int64_t g = 0; g < MOST_GAPS; g++)
            expect_gap(&gap[g], (double[]){inertia[0][g], inertia[1][g]}, 2, rows, rows);
        free(at);
    }
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_segment_is_exact),
    cmocka_unit_test(kmeans_of_one_feature),
    cmocka_unit_test(trees_are_cut),
};

TESTS_MAIN("gap_twins", tests)
