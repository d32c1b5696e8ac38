/* ranks: 1 */
/* Principal axes: eigenvectors, orthogonal, by falling eigenvalue. */
#include "kernel/axes.h"

#include <math.h>

#include "support.h"

enum { MOST = 100 };

static double given[MOST * MOST];
static double axis[MOST * MOST];
static double work[4 * MOST + 4];

/* Checks the axes of `given`; *first: the largest eigenvalue. */
static void check_axes(int64_t count, double size, double *first)
{
    double before = INFINITY;
    memcpy(axis, given, sizeof axis);
    for (int i = 0; i < 4; i++)
        work[4 * count + i] = 77.0; /* what is behind the room that it was given */
    assert_true(axes_of(count, axis, work));
    for (int i = 0; i < 4; i++)
        assert_true(work[4 * count + i] == 77.0);
    for (int64_t a = 0; a < count; a++) {
        double value = 0.0;
        for (int64_t b = 0; b < count; b++) {
            double product = 0.0;
            for (int64_t f = 0; f < count; f++)
                product += axis[a * count + f] * axis[b * count + f];
            assert_true(fabs(product - (a == b ? 1.0 : 0.0)) < 1e-12);
        }
        double image[MOST];
        for (int64_t f = 0; f < count; f++) {
            image[f] = 0.0;
            for (int64_t g = 0; g < count; g++)
                image[f] += given[f * count + g] * axis[a * count + g];
            value += image[f] * axis[a * count + f];
        }
        for (int64_t f = 0; f < count; f++)
            assert_true(fabs(image[f] - value * axis[a * count + f]) <= 1e-12 * size);
        assert_true(value <= before + 1e-12 * size);
        before = value;
        *first = a == 0 ? value : *first;
    }
}

/* The sum of outer products of `terms` vectors. */
static void make_matrix(int64_t count, int64_t terms, double size)
{
    memset(given, 0, sizeof given);
    for (int64_t t = 0; t < terms; t++) {
        for (int64_t f = 0; f < count; f++)
            for (int64_t g = 0; g < count; g++)
                given[f * count + g] += size * (uniform(1, t, f) - 0.5) * (uniform(1, t, g) - 0.5);
    }
}

static void eigenvectors_by_falling_eigenvalue(void **state)
{
    (void)state;
    static const int64_t counts[] = {1, 2, 3, 8, 84, 100};
    static const double sizes[] = {1.0, 1e30, 1e-30};
    double first = 0.0;
    for (int i = 0; i < 18; i++) {
        make_matrix(counts[i % 6], 300, sizes[i / 6]);
        check_axes(counts[i % 6], 300 * sizes[i / 6], &first);
        assert_true(first > 0);
    }
}

/* Fewer terms than coordinates, all the same, nothing at all. */
static void matrices_without_spread(void **state)
{
    (void)state;
    double first = 0.0;
    make_matrix(20, 3, 1.0);
    check_axes(20, 3, &first);
    memset(given, 0, sizeof given);
    check_axes(7, 1, &first);
    assert_true(first == 0.0);
    for (int64_t f = 0; f < 9; f++)
        given[f * 9 + f] = 5.0;
    check_axes(9, 5, &first);
    assert_close(first, 5.0, 1e-12);
}

/* The widest direction comes first. */
static void a_line(void **state)
{
    (void)state;
    static const double line[3] = {1.0, -2.0, 2.0};
    double first = 0.0;
    for (int64_t f = 0; f < 3; f++)
        for (int64_t g = 0; g < 3; g++)
            given[f * 3 + g] = line[f] * line[g] + (f == g ? 0.5 : 0.0);
    check_axes(3, 10, &first);
    assert_close(first, 9.5, 1e-12);
    assert_close(fabs(axis[0] * line[0] + axis[1] * line[1] + axis[2] * line[2]), 3.0, 1e-12);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(eigenvectors_by_falling_eigenvalue),
    cmocka_unit_test(matrices_without_spread),
    cmocka_unit_test(a_line),
};

TESTS_MAIN("axes", tests)
