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

/* Elements whose squares are too small for a double, and eigenvalues over 200 orders of magnitude. */
static void very_small_elements(void **state)
{
    (void)state;
    static const double sizes[] = {1e-90, 1e-140, 1e-160, 1e-200, 1e-310};
    double first = 0.0;
    for (int i = 0; i < 5; i++) {
        for (int64_t f = 0; f < 12; f++)
            for (int64_t g = 0; g < 12; g++)
                given[f * 12 + g] = f == g ? (f == 5 ? 1.0 : sizes[i]) : sizes[i] * uniform(2, f + g, f * g);
        check_axes(12, 1, &first);
        assert_close(first, 1.0, 1e-12);
    }
    for (int64_t f = 0; f < 30; f++)
        for (int64_t g = 0; g < 30; g++)
            given[f * 30 + g] = pow(10.0, -4.0 * (double)(f + g)) * (1.0 + (f == g));
    check_axes(30, 2, &first);
}

/* Every eigenvalue but one is there four times. */
static void the_same_eigenvalue_again(void **state)
{
    (void)state;
    double first = 0.0;
    for (int64_t f = 0; f < 25; f++)
        for (int64_t g = 0; g < 25; g++)
            given[f * 25 + g] =
                f == g ? 1.0 + (double)(f / 5) : (f / 5 == g / 5 ? -0.2 * (1.0 + (double)(f / 5)) : 0.0);
    check_axes(25, 5, &first);
    assert_close(first, 6.0, 1e-12);
}

static void only_what_is_below_the_diagonal_counts(void **state)
{
    (void)state;
    double first = 0.0;
    double whole[MOST];
    make_matrix(10, 30, 1.0);
    check_axes(10, 30, &first);
    memcpy(whole, axis, sizeof whole);
    memcpy(axis, given, sizeof axis);
    for (int64_t f = 0; f < 10; f++)
        for (int64_t g = f + 1; g < 10; g++)
            axis[f * 10 + g] = NAN;
    assert_true(axes_of(10, axis, work));
    assert_memory_equal(axis, whole, sizeof whole);
}

static void what_is_no_number_has_no_axes(void **state)
{
    (void)state;
    static const double values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        make_matrix(4, 9, 1.0);
        memcpy(axis, given, sizeof axis);
        axis[4 * 3 + 1] = values[i];
        assert_false(axes_of(4, axis, work));
    }
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
    cmocka_unit_test(very_small_elements),
    cmocka_unit_test(the_same_eigenvalue_again),
    cmocka_unit_test(only_what_is_below_the_diagonal_counts),
    cmocka_unit_test(what_is_no_number_has_no_axes),
    cmocka_unit_test(a_line),
};

TESTS_MAIN("axes", tests)
