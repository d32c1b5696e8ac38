/* ranks: 1 2 3 7 */
/* Passes that begin where an earlier segmentation ended: which places, and whether they can stand. */
#include "apart.h"
#include "cluster/warm.h"

static bool is_customer(const struct sample *sample, const double *place)
{
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (!sample->is_out[row] && sample_distance(sample, row, place) == 0)
            return true;
    }
    return false;
}

/* Without polish the places are those that it begins with. */
static void check_start(const struct sample *sample, int64_t k, const double *expected, int64_t rows)
{
    static const int64_t size[] = {30, 50, 10, 40};
    static const double centroid[4 * FEATURES] = {1, 1, 1, 9, 1, 9, 17, 1, 33, 1, 9, 33};
    struct warm_start start = {4, centroid, size, 0, NAN};
    struct warm warm;
    struct warm polished;
    size_t same = (size_t)(rows * FEATURES) * sizeof(double);
    assert_ok(warm_learn(&sample->customers, &sample->preparation, &start, k, false, 1e-4, 100000, 1, &warm));
    assert_ok(
        warm_learn(&sample->customers, &sample->preparation, &start, k, true, 1e-4, 100000, 1, &polished));
    assert_memory_equal(warm.centroid, expected ? expected : centroid, same);
    for (int64_t h = rows; h < k; h++)
        assert_true(is_customer(sample, warm.centroid + h * FEATURES));
    double inertia = sample_inertia(sample, warm.centroid, k);
    assert_close(warm.inertia, inertia, 1e-12);
    assert_close(polished.inertia, sample_inertia(sample, polished.centroid, k), 1e-12);
    assert_true(polished.inertia < warm.inertia && polished.converged);
    assert_int_equal(warm.standing != NULL, k == 4);
    if (k == 4) {
        assert_memory_equal(warm.standing, centroid, sizeof centroid);
        assert_memory_equal(polished.standing, centroid, sizeof centroid);
        assert_true(warm.standing_inertia == warm.inertia && polished.standing_inertia == warm.inertia);
    }
    warm_free(&warm);
    warm_free(&polished);
}

static void it_begins_at_the_earlier_places(void **state)
{
    (void)state;
    static const double two[] = {9, 1, 9, 1, 9, 33}; /* the largest, in their order */
    static const double three[] = {1, 1, 1, 9, 1, 9, 1, 9, 33};
    struct sample sample;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, some);
    check_start(&sample, 1, two, 1);
    check_start(&sample, 2, two, 2);
    check_start(&sample, 3, three, 3);
    check_start(&sample, 4, NULL, 4);
    check_start(&sample, 5, NULL, 4);
    check_start(&sample, 9, NULL, 4);
    sample_close(&sample);
}

/* Each of the clouds that were not known gets a place of its own. */
static void more_segments_begin_where_customers_are_far(void **state)
{
    (void)state;
    struct sample sample;
    double centroid[4 * FEATURES];
    static const int64_t size[] = {1, 1, 1, 1};
    static const int64_t known[] = {0, 2, 3, 4};
    struct warm_start start = {4, centroid, size, 0, NAN};
    struct warm warm;
    for (int64_t c = 0; c < 4 * FEATURES; c++)
        centroid[c] = cloud_place(known[c / FEATURES], c % FEATURES) + 1;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, some);
    assert_ok(
        warm_learn(&sample.customers, &sample.preparation, &start, CLOUDS, false, 1e-4, 100000, 1, &warm));
    int found[2] = {0, 0};
    for (int64_t h = 4; h < CLOUDS; h++) {
        for (int i = 0; i < 2; i++) {
            bool inside = true;
            for (int64_t f = 0; f < FEATURES; f++)
                inside =
                    inside && fabs(warm.centroid[h * FEATURES + f] - cloud_place(i ? 5 : 1, f) - 1) <= 1.0;
            found[i] += inside;
        }
    }
    assert_true(found[0] == 1 && found[1] == 1);
    warm_free(&warm);
    sample_close(&sample);
}

/* One of the earlier places has no customers any more. */
static void nobody_left_cannot_stand(void **state)
{
    (void)state;
    struct sample sample;
    double centroid[CLOUDS * FEATURES];
    static const int64_t size[CLOUDS] = {6, 5, 4, 3, 2, 1};
    struct warm_start start = {CLOUDS, centroid, size, 0, NAN};
    for (int64_t c = 0; c < CLOUDS * FEATURES; c++)
        centroid[c] = cloud_place(c / FEATURES, c % FEATURES) + 1;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, without_one);
    for (int polish = 0; polish < 2; polish++) {
        struct warm warm;
        assert_ok(warm_learn(&sample.customers, &sample.preparation, &start, CLOUDS, polish, 1e-4, 100000, 1,
                             &warm));
        assert_false(warm.stands);
        assert_close(warm.inertia, sample_inertia(&sample, warm.centroid, CLOUDS), 1e-11);
        assert_true(warm.inertia < sample_inertia(&sample, centroid, CLOUDS)); /* it is set elsewhere */
        warm_free(&warm);
    }
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(it_begins_at_the_earlier_places),
    cmocka_unit_test(more_segments_begin_where_customers_are_far),
    cmocka_unit_test(nobody_left_cannot_stand),
};

TESTS_MAIN("warm", tests)
