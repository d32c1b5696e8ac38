/* ranks: 1 2 3 7 */
/* How dense customers are on borders between segments: against a plain loop, whatever the ranks. */
#include <math.h>

#include "assess/valley.h"
#include "support.h"

enum { ROWS = 2600, FEATURES = 2, MOST = 4 };

static double even(int64_t row, int64_t feature)
{
    return uniform(1, row, feature);
}

static double two_groups(int64_t row, int64_t feature)
{
    return uniform(1, row, feature) + (feature == 0 ? 10.0 * (double)(row % 2) : 0.0);
}

static bool every_third(int64_t row)
{
    return row % 3 == 0;
}

/* By the definition; empty segments are none. */
static double plain(const struct sample *sample, int64_t k, const double *means, const int64_t *size)
{
    int64_t border = 0;
    int64_t middle = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        double best[2] = {(double)INFINITY, (double)INFINITY};
        int64_t which[2] = {0, 0};
        for (int64_t h = 0; h < k; h++) {
            double square = sample_distance(sample, row, means + h * FEATURES);
            if (size[h] == 0)
                continue;
            int place = square < best[0] ? 0 : 1;
            if (place == 0) {
                best[1] = best[0];
                which[1] = which[0];
            }
            if (square < best[place]) {
                best[place] = square;
                which[place] = h;
            }
        }
        const double *a = means + which[0] * FEATURES;
        const double *b = means + which[1] * FEATURES;
        double apart = (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]);
        double place = (best[1] - best[0]) / (2 * apart);
        border += !sample->is_out[row] && place < 0.1;
        middle += !sample->is_out[row] && place >= 0.4 && place < 0.6;
    }
    return 2 * (double)border / (double)middle;
}

static double measure(sample_value value, sample_mark out, int64_t k, const double *means,
                      const int64_t *size)
{
    struct sample sample;
    struct sample own;
    double ratio = -1;
    double expected = -1;
    sample_open(&sample, &world, ROWS, FEATURES, value, out);
    sample_open(&own, &alone, ROWS, FEATURES, value, out);
    assert_ok(valley_measure(&sample.customers, k, means, size, &ratio));
    assert_ok(valley_measure(&own.customers, k, means, size, &expected));
    assert_memory_equal(&ratio, &expected, sizeof ratio);
    if (!isnan(ratio))
        assert_close(ratio, plain(&sample, k, means, size), 1e-12);
    sample_close(&sample);
    sample_close(&own);
    return ratio;
}

static void groups_have_empty_borders_and_even_customers_have_not(void **state)
{
    (void)state;
    const double apart[] = {0.5, 0.5, 10.5, 0.5};
    const double halves[] = {0.25, 0.5, 0.75, 0.5};
    const double quarters[] = {0.25, 0.25, 0.25, 0.75, 0.75, 0.25, 0.75, 0.75};
    const int64_t size[MOST] = {1, 1, 1, 1};
    assert_true(measure(two_groups, NULL, 2, apart, size) == 0);
    double ratio = measure(even, every_third, 2, halves, size);
    assert_true(ratio > 0.8 && ratio < 1.2); /* as dense on the border as around the means */
    assert_true(measure(even, NULL, 4, quarters, size) > 1);
}

static void empty_segments_and_one_segment(void **state)
{
    (void)state;
    const double means[] = {0.25, 0.5, 0.5, 0.5, 0.75, 0.5};
    const int64_t middle_is_empty[] = {5, 0, 5};
    const int64_t one_is_left[] = {0, 0, 5};
    double ratio = measure(even, NULL, 3, means, middle_is_empty);
    assert_true(ratio > 0.8 && ratio < 1.2);
    assert_true(isnan(measure(even, NULL, 3, means, one_is_left)));
    assert_true(isnan(measure(even, NULL, 1, means, middle_is_empty)));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(groups_have_empty_borders_and_even_customers_have_not),
    cmocka_unit_test(empty_segments_and_one_segment),
};

TESTS_MAIN("borders between segments", tests)
