/* ranks: 1 */
/* What replicates and halves say of a segmentation, from tables that can be reckoned by hand. */
#include "assess/stability.h"

#include <math.h>

#include "support.h"

#define TABLE(r, c, ...)                                                                                     \
    (struct contingency)                                                                                     \
    {                                                                                                        \
        .rows = (r), .columns = (c), .count = (int64_t[(r) * (c)])                                           \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

/* ---- replicates ---- */

/* Indices of one replicate: rows are the segments, columns the replicate's. */
static void one_replicate(void **state)
{
    (void)state;
    struct stability stability;
    assert_ok(stability_open(&stability, 2, 2, 0));
    /* of 15 pairs 4 are together in both, 6 and 7 in one: (4 - 2.8) / (6.5 - 2.8) */
    assert_ok(stability_take(&stability, 1, &TABLE(2, 2, 2, 1, 0, 3)));
    assert_ok(stability_take(&stability, 0, &TABLE(2, 2, 0, 4, 5, 0)));
    stability_finish(&stability);
    assert_true(stability.ari[0] == 1);
    assert_close(stability.ari[1], 1.2 / 3.7, 1e-14);
    assert_close(stability.mean_ari, (1 + 1.2 / 3.7) / 2, 1e-14);
    assert_true(stability.jaccard[0] == 1 && stability.jaccard[1] == 1);
    assert_close(stability.jaccard[2], 2.0 / 3, 1e-15);
    assert_true(stability.jaccard[3] == 0.75);
    assert_true(stability.match[0] == 1 && stability.match[1] == 0);
    assert_true(stability.match[2] == 0 && stability.match[3] == 1);
    assert_close(stability.mean_jaccard[0], 5.0 / 6, 1e-15);
    assert_true(stability.mean_jaccard[1] == 0.875);
    assert_true(isnan(stability.mean_strength));
    stability_close(&stability);
}

/* Jaccard indices at the bounds and next to them: above 0.75 it is recovered, at 0.5 it is dissolved. */
static void recovered_and_dissolved(void **state)
{
    (void)state;
    struct stability stability;
    const struct contingency table[] = {
        TABLE(3, 3, 3, 0, 0, 1, 8, 0, 0, 0, 7),       /* 3/4, 8/9, 1 */
        TABLE(3, 3, 1, 0, 0, 0, 9, 0, 1, 0, 2),       /* 1/2, 1, 2/3 */
        TABLE(3, 3, 49, 51, 0, 0, 0, 3, 0, 0, 1),     /* 51/100, 3/4, 1/4 */
        TABLE(3, 3, 0, 0, 0, 301, 0, 100, 5, 0, 0),   /* 0, 301/406, 5/306 */
        TABLE(3, 3, 301, 100, 0, 0, 0, 751, 0, 0, 1), /* 301/401, 751/752, 1/752 */
        TABLE(3, 3, 302, 100, 0, 0, 0, 1, 0, 0, 1),   /* 302/402, 1/2, 1/2 */
    };
    static const double expected[6][3] = {{3. / 4, 8. / 9, 1},
                                          {1. / 2, 1, 2. / 3},
                                          {51. / 100, 3. / 4, 1. / 4},
                                          {0, 301. / 406, 5. / 306},
                                          {301. / 401, 751. / 752, 1. / 752},
                                          {302. / 402, 1. / 2, 1. / 2}};
    assert_ok(stability_open(&stability, 3, 6, 0));
    for (int64_t b = 5; b >= 0; b--)
        assert_ok(stability_take(&stability, b, &table[b]));
    for (int turn = 0; turn < 2; turn++) { /* as often as one likes */
        stability_finish(&stability);
        for (int h = 0; h < 3; h++) {
            double sum = 0.0;
            for (int b = 0; b < 6; b++) {
                assert_close(stability.jaccard[b * 3 + h], expected[b][h], 1e-15);
                sum += expected[b][h];
            }
            assert_close(stability.mean_jaccard[h], sum / 6, 1e-14);
        }
        assert_int_equal(stability.recovered[0], 2);
        assert_int_equal(stability.recovered[1], 3);
        assert_int_equal(stability.recovered[2], 1);
        assert_int_equal(stability.dissolved[0], 2);
        assert_int_equal(stability.dissolved[1], 1);
        assert_int_equal(stability.dissolved[2], 4);
    }
    stability_close(&stability);
}

/* Segments that a replicate has lost: an empty column; and fewer columns than rows. */
static void segments_without_a_match(void **state)
{
    (void)state;
    struct stability stability;
    assert_ok(stability_open(&stability, 3, 2, 0));
    assert_ok(stability_take(&stability, 0, &TABLE(3, 3, 9, 0, 0, 8, 0, 0, 0, 7, 0)));
    assert_ok(stability_take(&stability, 1, &TABLE(3, 2, 3, 0, 9, 0, 0, 4)));
    stability_finish(&stability);
    assert_true(stability.match[0] == 0 && stability.match[1] == 2 && stability.match[2] == 1);
    assert_close(stability.jaccard[1], 8.0 / 17, 1e-15);
    assert_true(stability.match[3] == -1 && stability.match[4] == 0 && stability.match[5] == 1);
    assert_true(stability.jaccard[3] == 0.25 && stability.jaccard[5] == 1);
    assert_int_equal(stability.dissolved[1], 1);
    stability_close(&stability);
}

/* ---- halves ---- */

static void halves(void **state)
{
    (void)state;
    struct stability stability;
    assert_ok(stability_open(&stability, 2, 0, 2));
    /* 5 of 10 pairs of the second row; 1 of 3 of the first */
    stability_take_halves(&stability, 1, &TABLE(2, 2, 3, 0, 1, 4), &TABLE(2, 2, 2, 1, 0, 4));
    /* a single customer has no pairs */
    stability_take_halves(&stability, 0, &TABLE(2, 2, 1, 0, 0, 6), &TABLE(2, 2, 2, 2, 0, 0));
    stability_finish(&stability);
    assert_true(stability.strength[0] == 1);
    assert_close(stability.strength[1], 1.0 / 3, 1e-15);
    assert_true(stability.strength[2] == 0.6);
    assert_close(stability.strength[3], 1.0 / 3, 1e-15);
    assert_close(stability.mean_strength, (1 + 0.6 + 2.0 / 3) / 4, 1e-15);
    assert_true(isnan(stability.mean_ari));
    stability_close(&stability);
}

/* ---- awkward cases ---- */

static void neither_replicates_nor_splits(void **state)
{
    (void)state;
    struct stability stability;
    assert_ok(stability_open(&stability, 3, 0, 0));
    stability_finish(&stability);
    assert_true(isnan(stability.mean_ari) && isnan(stability.mean_strength));
    for (int h = 0; h < 3; h++) {
        assert_true(isnan(stability.mean_jaccard[h]));
        assert_int_equal(stability.recovered[h], 0);
        assert_int_equal(stability.dissolved[h], 0);
    }
    stability_close(&stability);
    stability_close(&stability);
}

static void one_segment_always_comes_out_again(void **state)
{
    (void)state;
    struct stability stability;
    assert_ok(stability_open(&stability, 1, 2, 1));
    for (int64_t b = 0; b < 2; b++)
        assert_ok(stability_take(&stability, b, &TABLE(1, 1, 12)));
    stability_take_halves(&stability, 0, &TABLE(1, 1, 5), &TABLE(1, 1, 0));
    stability_finish(&stability);
    assert_true(stability.mean_ari == 1 && stability.mean_jaccard[0] == 1 && stability.mean_strength == 1);
    assert_true(stability.match[0] == 0 && stability.match[1] == 0);
    assert_int_equal(stability.recovered[0], 2);
    assert_int_equal(stability.dissolved[0], 0);
    stability_close(&stability);
}

static void more_than_memory_holds(void **state)
{
    (void)state;
    struct stability stability;
    assert_failure(stability_open(&stability, INT64_C(1) << 62, 1, 1), EXIT_NO_MEMORY, "stability");
    stability_close(&stability);
}

/* ---- words ---- */

static void words_change_at_their_bounds(void **state)
{
    (void)state;
    static const struct {
        double from;
        const char *verdict;
    } words[] = {{-1.0, "do not trust"},
                 {0.6, "a pattern, members doubtful"},
                 {0.75, "stable"},
                 {0.85, "highly stable"}};
    for (int i = 0; i < 4; i++) {
        double last = i < 3 ? nextafter(words[i + 1].from, 0.0) : 1.0;
        assert_string_equal(stability_verdict(words[i].from, false), words[i].verdict);
        assert_string_equal(stability_verdict(last, false), words[i].verdict);
        assert_string_equal(stability_verdict(words[i].from, true), "part of one cloud");
    }
    assert_null(stability_verdict((double)NAN, false));
    assert_null(stability_verdict((double)NAN, true));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_replicate),
    cmocka_unit_test(recovered_and_dissolved),
    cmocka_unit_test(segments_without_a_match),
    cmocka_unit_test(halves),
    cmocka_unit_test(neither_replicates_nor_splits),
    cmocka_unit_test(one_segment_always_comes_out_again),
    cmocka_unit_test(more_than_memory_holds),
    cmocka_unit_test(words_change_at_their_bounds),
};

TESTS_MAIN("stability", tests)
