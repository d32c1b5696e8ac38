/* ranks: 1 */
/* Places carried from one preparation's units to another's, against the formulas from input units. */
#include <math.h>

#include "data/carry.h"
#include "data/survey.h"
#include "support.h"

static const double ends = (double)INFINITY;

static struct prepared_feature feature_of(int transform, double shift, double factor)
{
    return (struct prepared_feature){
        .transform = transform, .low = -ends, .high = ends, .shift = shift, .factor = factor, .weight = 1};
}

/* One feature of one name, one place. */
static double carry_one(struct prepared_feature from, double place, struct prepared_feature to,
                        double otherwise)
{
    static char text[] = "x";
    char *name[] = {text};
    struct preparation before = {1, &from};
    struct preparation after = {1, &to};
    struct carry_units from_units = {&before, name};
    struct carry_units to_units = {&after, name};
    double carried = 12345;
    carry_places(&from_units, &place, 1, &to_units, &otherwise, &carried);
    return carried;
}

static double prepare_one(const struct prepared_feature *feature, double x)
{
    double value = survey_transform(feature->transform, x);
    return (fmin(fmax(value, feature->low), feature->high) - feature->shift) * feature->factor;
}

/* ---- tests ---- */

static void the_same_constants_change_no_bit(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct prepared_feature feature =
            feature_of(i % 5, 100 * uniform(1, i, 0) - 50, exp(20 * uniform(1, i, 1) - 10));
        double place = 10 * uniform(1, i, 2) - 5;
        if (i % 3 == 0) { /* the place is at the end of the clip, but for rounding */
            feature.high = place / feature.factor + feature.shift;
            feature.low = feature.high;
        }
        double carried = carry_one(feature, place, feature, 77);
        assert_memory_equal(&carried, &place, sizeof place);
    }
}

/* Last year by mean and standard deviation, this year by median and quartiles or by the range, and back. */
static void other_scales_are_other_units_of_the_same_place(void **state)
{
    (void)state;
    const struct prepared_feature scales[] = {
        feature_of(TRANSFORM_NONE, 41.3, 1 / 12.7),    /* zscore */
        feature_of(TRANSFORM_NONE, 37.0, 2.5 / 19.25), /* robust, with a weight */
        feature_of(TRANSFORM_NONE, -3.5, 1 / 90.125),  /* minmax */
        feature_of(TRANSFORM_NONE, 0.0, 1.0),          /* none */
    };
    for (int a = 0; a < 4; a++) {
        for (int b = 0; b < 4; b++) {
            for (int i = 0; i < 13; i++) {
                double x = -3.5 + 7.3 * i;
                double place = prepare_one(&scales[a], x);
                double there = carry_one(scales[a], place, scales[b], 1e9);
                double size = (fabs(x) + fabs(scales[b].shift) + fabs(scales[a].shift));
                assert_true(fabs(there - prepare_one(&scales[b], x)) <= 4e-16 * size * scales[b].factor);
                double back = carry_one(scales[b], there, scales[a], 1e9);
                assert_true(fabs(back - place) <= 8e-16 * size * scales[a].factor);
            }
        }
    }
}

static void transforms_on_either_side(void **state)
{
    (void)state;
    for (int a = TRANSFORM_NONE; a <= TRANSFORM_ASINH; a++) {
        for (int b = TRANSFORM_NONE; b <= TRANSFORM_ASINH; b++) {
            struct prepared_feature from = feature_of(a, 0.75, 1.5);
            struct prepared_feature to = feature_of(b, -0.25, 3.0);
            for (int i = 0; i < 10; i++) {
                double x = 0.2 * pow(1.7, i);
                double place = prepare_one(&from, x);
                double expected = prepare_one(&to, x);
                double there = carry_one(from, place, to, 1e9);
                double size = (fabs(survey_transform(b, x)) + 1) * to.factor;
                assert_true(fabs(there - expected) <= 2e-14 * size);
                assert_true(fabs(carry_one(to, there, from, 1e9) - place) <= 1e-13 * (fabs(place) + 3));
            }
        }
    }
}

/* Where this year's transform has no such value, with a clip or without one. */
static void outside_the_domain_it_is_otherwise(void **state)
{
    (void)state;
    struct prepared_feature plain = feature_of(TRANSFORM_NONE, 10, 0.5);
    static const struct {
        int transform;
        double x;
    } outside[] = {{TRANSFORM_LOG, -3},     {TRANSFORM_LOG, 0},    {TRANSFORM_SQRT, -1e-3},
                   {TRANSFORM_LOG1P, -1.5}, {TRANSFORM_LOG1P, -1}, {TRANSFORM_SQRT, -1e300}};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        struct prepared_feature to = feature_of(outside[i].transform, 1, 2);
        double place = prepare_one(&plain, outside[i].x);
        assert_true(carry_one(plain, place, to, 0.375) == 0.375);
        to.low = -2;
        to.high = 6;
        assert_true(carry_one(plain, place, to, 0.375) == 0.375);
    }
    /* so far out in last year's units that it is no number in input units */
    struct prepared_feature steep = feature_of(TRANSFORM_LOG, 0, 1);
    struct prepared_feature to = feature_of(TRANSFORM_NONE, 0, 1);
    assert_true(carry_one(steep, 800, to, 0.375) == 0.375);
    to.high = 100;
    assert_true(carry_one(steep, 800, to, 0.375) == 0.375);
    assert_true(carry_one(to, (double)NAN, to, 0.375) == 0.375);
    assert_true(carry_one(steep, (double)NAN, to, 0.375) == 0.375);
    assert_true(isnan(carry_one(steep, 800, to, (double)NAN)));
}

static void a_place_beyond_the_clip_lies_at_its_end(void **state)
{
    (void)state;
    struct prepared_feature from = feature_of(TRANSFORM_NONE, 10, 0.5);
    struct prepared_feature to = feature_of(TRANSFORM_LOG1P, 1, 2);
    to.low = log1p(5);
    to.high = log1p(20);
    assert_close(carry_one(from, prepare_one(&from, 300), to, 0), (log1p(20) - 1) * 2, 0);
    assert_close(carry_one(from, prepare_one(&from, 2), to, 0), (log1p(5) - 1) * 2, 0);
    assert_close(carry_one(from, prepare_one(&from, 12), to, 0), (log1p(12) - 1) * 2, 1e-15);
    /* all is the same but the clip */
    to = from;
    to.high = 20;
    assert_close(carry_one(from, prepare_one(&from, 300), to, 0), 5, 0);
    assert_close(carry_one(to, prepare_one(&to, 300), from, 0), 5, 0);
    assert_close(carry_one(from, prepare_one(&from, 18), to, 0), 4, 0);
    to = from;
    to.low = 0;
    assert_close(carry_one(from, prepare_one(&from, -300), to, 0), -5, 0);
}

/* This year's order, a feature that last year did not have, and one that is gone. */
static void features_are_found_by_name(void **state)
{
    (void)state;
    static char visits[] = "visits";
    static char spend[] = "spend";
    static char gone[] = "gone";
    static char visit[] = "visit"; /* not visits */
    char *before_name[] = {gone, spend, visits};
    char *after_name[] = {visits, visit, spend};
    struct prepared_feature before_feature[] = {feature_of(TRANSFORM_NONE, 0, 1),
                                                feature_of(TRANSFORM_NONE, 8, 0.25),
                                                feature_of(TRANSFORM_NONE, 3, 0.5)};
    struct prepared_feature after_feature[] = {feature_of(TRANSFORM_NONE, 3, 0.5),
                                               feature_of(TRANSFORM_NONE, 5, 1),
                                               feature_of(TRANSFORM_NONE, 4, 0.5)};
    struct preparation before = {3, before_feature};
    struct preparation after = {3, after_feature};
    struct carry_units from = {&before, before_name};
    struct carry_units to = {&after, after_name};
    static const double place[] = {100, 1, 0.1, 200, -1, 0.2};
    static const double otherwise[] = {-7, -8, -9};
    static const double expected[] = {0.1, -8, 4, 0.2, -8, 0};
    double carried[6];
    carry_places(&from, place, 2, &to, otherwise, carried);
    assert_memory_equal(carried, expected, sizeof expected);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_same_constants_change_no_bit),
    cmocka_unit_test(other_scales_are_other_units_of_the_same_place),
    cmocka_unit_test(transforms_on_either_side),
    cmocka_unit_test(outside_the_domain_it_is_otherwise),
    cmocka_unit_test(a_place_beyond_the_clip_lies_at_its_end),
    cmocka_unit_test(features_are_found_by_name),
};

TESTS_MAIN("carry", tests)
