/* ranks: 1 2 3 7 */
/* Segments without customers begin again at the customers farthest from their centroids. */
#include "cluster/panel.h"
#include "cluster/refill.h"
#include "support.h"

/* Clouds of unequal sizes around 6 places. */
static double clouds(int64_t row, int64_t feature)
{
    int64_t cloud = (int64_t)(6 * uniform(1, row, 1000) * uniform(1, row, 1001));
    double noise = uniform(2, row, feature) + uniform(3, row, feature) - 1;
    return 3 * uniform(4, cloud, feature) + noise;
}

/* 12 distinct customers, each many times. */
static double grid(int64_t row, int64_t feature)
{
    int64_t kind = (row * 7) % 12;
    return feature == 0 ? (double)(kind % 4) : (double)(kind / 4);
}

static bool every_third(int64_t row)
{
    return row % 3 == 1;
}

/* The farthest customers by squared distance to `before`, the lowest row on a tie. */
static int64_t farthest(const struct sample *sample, const double *before, int64_t k, const int64_t *taken,
                        int64_t count)
{
    int64_t best = -1;
    double most = -1.0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int32_t nearest = sample_nearest(sample, row, before, k);
        bool is_taken = nearest < 0;
        for (int64_t i = 0; i < count; i++)
            is_taken = is_taken || taken[i] == row;
        double distance =
            is_taken ? -1.0 : sample_distance(sample, row, before + nearest * sample->customers.features);
        if (distance > most) {
            most = distance;
            best = row;
        }
    }
    return best;
}

/* Customers at the same distance from the centroids (0.5, 1) and (2, 2) of check_refill, in different places.
 */
static double equally_far(int64_t row, int64_t feature)
{
    static const double place[4][2] = {{5, 2}, {-2.5, 1}, {2, 5}, {0.5, -2}};
    return place[row * 3 % 4][feature];
}

/* Three centroids of five far from all customers: they have none, and begin again at the farthest ones. */
static void check_refill(sample_value value)
{
    enum { K = 5, FEATURES = 2, EMPTY = 3 };
    struct sample sample;
    struct panel panel;
    double before[K * FEATURES] = {1e6, 1e6, 0.5, 1.0, -1e6, 1e6, 2.0, 2.0, 1e6, -1e6};
    int64_t refilled = -1;
    int64_t taken[EMPTY];
    sample_open(&sample, &world, 2300, FEATURES, value, every_third);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, 1, K));
    memcpy(panel.model[0].centroid, before, sizeof before);
    panel_add(&panel, NULL, 0);
    assert_ok(panel_pass(&panel));
    panel_move(&panel, &panel.model[0]);
    assert_ok(refill_empty(&panel, 0, before, &refilled));
    assert_int_equal(refilled, EMPTY);
    for (int64_t e = 0; e < EMPTY; e++) {
        taken[e] = farthest(&sample, before, K, taken, e);
        for (int64_t f = 0; f < FEATURES; f++)
            assert_true(panel.model[0].centroid[2 * e * FEATURES + f] ==
                        (double)sample.all[taken[e] * FEATURES + f]);
    }
    panel_close(&panel);
    sample_close(&sample);
}

static void empty_segments_take_the_farthest_customers(void **state)
{
    (void)state;
    check_refill(clouds);
    check_refill(grid);
    check_refill(equally_far); /* the lowest rows */
}

static void nothing_to_refill(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    int64_t refilled = -1;
    double before[2] = {0, 0};
    sample_open(&sample, &world, 1100, 2, clouds, NULL);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, 1, 1));
    panel_add(&panel, NULL, 0);
    assert_ok(panel_pass(&panel));
    assert_ok(refill_empty(&panel, 0, before, &refilled));
    assert_int_equal(refilled, 0);
    panel_close(&panel);
    sample_close(&sample);
}

static int64_t weight_of(const struct sample *sample, const struct weighting *weighting, int64_t row)
{
    float weight[KERNEL_LANES];
    weighting_tile(weighting, sample->customers.kernels, row / KERNEL_LANES * KERNEL_LANES, weight);
    return (int64_t)weight[row % KERNEL_LANES];
}

/* The farthest customers of all are not drawn: others are taken. */
static void check_weights(const struct sample *sample, const struct weighting *weighting)
{
    enum { K = 6, FEATURES = 2 };
    struct panel panel;
    double before[K * FEATURES] = {1e6, 1e6, -1e6, 1e6, 0.5, 1.0, 1e6, -1e6, -1e6, -1e6, 2.0, 2.0};
    static const int64_t empty[] = {0, 1, 3, 4};
    int64_t taken[2300];
    int64_t passed_over = 0;
    int64_t refilled = -1;
    assert_ok(panel_open_alike(&panel, &sample->customers, &sample->preparation, 1, K));
    memcpy(panel.model[0].centroid, before, sizeof before);
    panel.model[0].weighting = *weighting;
    panel_add(&panel, NULL, 0);
    assert_ok(panel_pass(&panel));
    panel_move(&panel, &panel.model[0]);
    assert_ok(refill_empty(&panel, 0, before, &refilled));
    assert_int_equal(refilled, 4);
    int64_t count = 0;
    for (int64_t e = 0; e < 4; count++) {
        taken[count] = farthest(sample, before, K, taken, count);
        assert_true(taken[count] >= 0);
        if (weight_of(sample, weighting, taken[count]) == 0) {
            passed_over++;
            continue;
        }
        for (int64_t f = 0; f < FEATURES; f++)
            assert_true(panel.model[0].centroid[empty[e] * FEATURES + f] ==
                        (double)sample->all[taken[count] * FEATURES + f]);
        e++;
    }
    assert_true(passed_over > 0);
    panel_close(&panel);
}

static void who_weighs_nothing_is_not_taken(void **state)
{
    (void)state;
    static const struct weighting weighting[] = {
        {WEIGHTING_REPLICATE, 3, 1}, {WEIGHTING_FIRST_HALF, 3, 2}, {WEIGHTING_SECOND_HALF, 3, 2}};
    struct sample sample;
    sample_open(&sample, &world, 2300, 2, clouds, every_third);
    for (int i = 0; i < 3; i++)
        check_weights(&sample, &weighting[i]);
    sample_close(&sample);
}

/* All at one place but two, who are on different ranks where there are several. */
static double one_place(int64_t row, int64_t feature)
{
    return row == 2100 ? 5.0 : row == 30 ? -7.0 - (double)feature : 1.5;
}

/* Who takes no part lies at the origin. */
static bool all_but_three(int64_t row)
{
    return row != 2100 && row != 30 && row != 1500;
}

/* `few`: how many are away from their centroid; there are three segments without customers. */
static void check_few(sample_value value, sample_mark out, int64_t few)
{
    enum { K = 4 };
    struct sample sample;
    struct panel panel;
    double before[K * 2] = {1e6, 1e6, 1.5, 1.5, -1e6, 1e6, 1e6, -1e6};
    static const int64_t row[2] = {30, 2100}; /* by falling distance */
    static const int64_t empty[3] = {0, 2, 3};
    int64_t refilled = -1;
    sample_open(&sample, &world, 2300, 2, value, out);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, 1, K));
    memcpy(panel.model[0].centroid, before, sizeof before);
    panel_add(&panel, NULL, 0);
    assert_ok(panel_pass(&panel));
    panel_move(&panel, &panel.model[0]);
    assert_ok(refill_empty(&panel, 0, before, &refilled));
    assert_int_equal(refilled, few);
    for (int64_t e = 0; e < 3; e++) {
        for (int64_t f = 0; f < 2; f++)
            assert_true(panel.model[0].centroid[empty[e] * 2 + f] ==
                        (e < few ? (double)sample.all[row[e] * 2 + f] : before[empty[e] * 2 + f]));
    }
    panel_close(&panel);
    sample_close(&sample);
}

static double all_at_one_place(int64_t row, int64_t feature)
{
    (void)row;
    (void)feature;
    return 1.5;
}

static void who_lies_at_a_centroid_is_not_taken(void **state)
{
    (void)state;
    check_few(one_place, NULL, 2);
    check_few(one_place, all_but_three, 2);
    check_few(all_at_one_place, NULL, 0);
    check_few(all_at_one_place, every_third, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(empty_segments_take_the_farthest_customers),
    cmocka_unit_test(nothing_to_refill),
    cmocka_unit_test(who_weighs_nothing_is_not_taken),
    cmocka_unit_test(who_lies_at_a_centroid_is_not_taken),
};

TESTS_MAIN("refill", tests)
