/* ranks: 1 2 3 7 */
/* Average and complete linkage where no twin is needed: heights by hand, one point, distances beyond a
 * double, and the memory that is foretold. */
#include <math.h>

#include "given_points.h"

static void one_point_has_no_merges(void **state)
{
    (void)state;
    static struct outcome outcome;
    give_random(1, 2, 40);
    for (int l = 0; l < 2; l++) {
        assert_ok(run(&world, 0, linkages[l], &outcome));
        assert_int_equal(outcome.work.rounds, 0);
        assert_int_equal(outcome.merge[0].second, 0);
    }
}

/* Heights are those of two clusters, 0 1 2 and 10 12, by hand. */
static void heights_by_hand(void **state)
{
    (void)state;
    static const double places[] = {0, 1, 2.5, 10, 12};
    static const double average[] = {1, 2, 2, 59.0 / 6};
    static const double complete[] = {1, 2, 2.5, 12};
    static struct outcome outcome;
    give(5, 1);
    memcpy(given.place, places, sizeof places);
    for (int l = 0; l < 2; l++) {
        assert_ok(run(&world, 0, linkages[l], &outcome));
        struct merge *sorted = sorted_by_height(outcome.merge, 4);
        for (int i = 0; i < 4; i++)
            assert_close(sorted[i].height, l == 0 ? average[i] : complete[i], 1e-15);
        free(sorted);
    }
}

static void distances_beyond_a_double(void **state)
{
    (void)state;
    static struct outcome outcome;
    give_random(20, 2, 80);
    given.place[5] = 1e300;
    for (int l = 0; l < 2; l++)
        assert_failure(run(&world, 0, linkages[l], &outcome), EXIT_BAD_DATA, "too large");
}

static void memory_is_foretold(void **state)
{
    (void)state;
    static const int64_t counts[] = {2, 1000, 100000};
    for (int i = 0; i < 3; i++) {
        double matrix = 8.0 * (double)counts[i] * (double)counts[i];
        for (int ranks = 1; ranks <= 64; ranks *= 4) {
            double bytes = linkage_matrix_bytes(counts[i], ranks);
            double rows = ceil((double)counts[i] / ranks);
            assert_true(bytes > 1.25 * matrix / ranks);
            assert_true(bytes < 1.3 * rows * 8 * ((double)counts[i] + 64) + 1000 * (double)counts[i] + 4096);
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_point_has_no_merges),
    cmocka_unit_test(heights_by_hand),
    cmocka_unit_test(distances_beyond_a_double),
    cmocka_unit_test(memory_is_foretold),
};

TESTS_MAIN("linkage_matrix_limits", tests)
