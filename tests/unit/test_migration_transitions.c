/* ranks: 1 */
/* What became of segments, by tables made by hand. */
#include "migrations.h"

/* Lapsed and new customers have no say. */
static void segments_survive(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 2, 2, 24, 76, 900, 100, 0, 0, 500, 900, 0);
    expect_fate(&migration, 0, TRANSITION_SURVIVES, 1);
    expect_fate(&migration, 1, TRANSITION_SURVIVES, 0);
    assert_int_equal(migration.origin[0], TRANSITION_CONTINUES);
    assert_int_equal(migration.origin[1], TRANSITION_CONTINUES);
    migration_free(&migration);
}

/* The bounds themselves belong to it: a quarter is a part, a hair less is none. */
static void segments_split(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 1, 3, 50, 25, 25, 0, 0, 0, 0, 0);
    expect_fate(&migration, 0, TRANSITION_SPLIT, -1);
    for (int j = 0; j < 3; j++) {
        assert_true(migration.split_into[j]);
        assert_int_equal(migration.origin[j], TRANSITION_CONTINUES);
    }
    migration_free(&migration);
    MEASURE(&migration, 1, 2, 7501, 2499, 0, 0, 0, 0);
    expect_fate(&migration, 0, TRANSITION_SURVIVES, 0);
    assert_false(migration.split_into[0] || migration.split_into[1]);
    assert_int_equal(migration.origin[1], TRANSITION_EMERGES);
    migration_free(&migration);
}

/* Half of it is a quarter of the neighbour; or a hair less, and no part. */
static void large_neighbours_are_no_parts(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 2, 2, 50, 50, 0, 0, 150, 0, 0, 900, 0);
    expect_fate(&migration, 0, TRANSITION_SPLIT, -1);
    expect_fate(&migration, 1, TRANSITION_SURVIVES, 1);
    migration_free(&migration);
    MEASURE(&migration, 2, 2, 50, 50, 0, 0, 151, 0, 0, 0, 0);
    expect_fate(&migration, 0, TRANSITION_SURVIVES, 0);
    migration_free(&migration);
}

/* None has half. The largest is what is left of it, and does not emerge. */
static void segments_scatter(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 1, 4, 49, 17, 17, 17, 0, 0, 0, 0, 0, 0);
    expect_fate(&migration, 0, TRANSITION_DISAPPEARS, -1);
    assert_int_equal(migration.match[0], 0);
    for (int j = 0; j < 4; j++)
        assert_int_equal(migration.origin[j], j == 0 ? TRANSITION_CONTINUES : TRANSITION_EMERGES);
    migration_free(&migration);
    MEASURE(&migration, 1, 4, 50, 17, 17, 16, 0, 0, 0, 0, 0, 0);
    expect_fate(&migration, 0, TRANSITION_SURVIVES, 0);
    assert_int_equal(migration.origin[1], TRANSITION_EMERGES);
    migration_free(&migration);
}

static void segments_merge(void **state)
{
    (void)state;
    struct migration migration;
    /* the one that is matched survives, whatever it gives */
    MEASURE(&migration, 3, 1, 50, 0, 30, 0, 20, 0, 0, 0);
    expect_fate(&migration, 0, TRANSITION_SURVIVES, 0);
    expect_fate(&migration, 1, TRANSITION_ABSORBED, 0);
    expect_fate(&migration, 2, TRANSITION_ABSORBED, 0);
    migration_free(&migration);
    MEASURE(&migration, 4, 1, 20, 0, 28, 0, 27, 0, 25, 0, 0, 0);
    for (int h = 0; h < 4; h++)
        expect_fate(&migration, h, h == 1 ? TRANSITION_SURVIVES : TRANSITION_ABSORBED, 0);
    assert_int_equal(migration.origin[0], TRANSITION_CONTINUES);
    migration_free(&migration);
    /* most of it comes from one that does not live on in it */
    MEASURE(&migration, 2, 3, 30, 0, 0, 0, 40, 70, 70, 0, 0, 0, 0, 0);
    expect_fate(&migration, 0, TRANSITION_SURVIVES, 0);
    expect_fate(&migration, 1, TRANSITION_SPLIT, -1);
    migration_free(&migration);
}

/* One of two equal ones survives; half of the customers here and half there is for the match. */
static void ties_go_with_the_matching(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 2, 1, 40, 0, 40, 0, 0, 0);
    int survivor = migration.match[0] == 0 ? 0 : 1;
    expect_fate(&migration, survivor, TRANSITION_SURVIVES, 0);
    expect_fate(&migration, 1 - survivor, TRANSITION_ABSORBED, 0);
    migration_free(&migration);
    MEASURE(&migration, 3, 3, 10, 10, 0, 0, 500, 0, 0, 0, 0, 80, 100, 0, 0, 0, 0, 0);
    assert_int_equal(migration.match[0], 1);
    expect_fate(&migration, 0, TRANSITION_SURVIVES, 1);
    expect_fate(&migration, 2, TRANSITION_SPLIT, -1);
    migration_free(&migration);
}

/* Absorbed, but what stays is a segment after all, and does not emerge. */
static void something_is_left(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 2, 2, 40, 10, 0, 40, 0, 0, 0, 70, 0);
    assert_int_equal(migration.match[0], 1);
    expect_fate(&migration, 0, TRANSITION_ABSORBED, 0);
    expect_fate(&migration, 1, TRANSITION_SURVIVES, 0);
    assert_int_equal(migration.origin[1], TRANSITION_CONTINUES);
    migration_free(&migration);
}

/* A tenth of either is the least that makes a match. */
static void thin_pairs_are_no_match(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 2, 2, 900, 0, 0, 91, 9, 0, 0, 0, 0);
    assert_int_equal(migration.match[1], -1);
    assert_int_equal(migration.kept, 900);
    assert_close(migration.retention[1], 0, 0);
    expect_fate(&migration, 1, TRANSITION_ABSORBED, 0);
    assert_int_equal(migration.origin[1], TRANSITION_EMERGES);
    migration_free(&migration);
    MEASURE(&migration, 2, 2, 900, 0, 0, 90, 10, 0, 0, 0, 0);
    assert_int_equal(migration.match[1], 1);
    assert_int_equal(migration.kept, 910);
    expect_fate(&migration, 1, TRANSITION_ABSORBED, 0);
    assert_int_equal(migration.origin[1], TRANSITION_CONTINUES);
    migration_free(&migration);
    /* nor where it is all of the one, but little of the other */
    MEASURE(&migration, 2, 1, 910, 0, 90, 0, 0, 0);
    assert_int_equal(migration.match[1], -1);
    migration_free(&migration);
}

/* Numbers that were handed down are the match, be another pair as good. */
static void numbers_are_the_match(void **state)
{
    (void)state;
    struct migration migration;
    static const int64_t before[] = {2, 5, 9};
    static const int64_t after[] = {5, 9, 11};
    OPEN(&migration, 3, 3, 60, 5, 0, 1, 10, 4, 0, 0, 0, 1, 20, 0, 0, 0, 0, 0);
    migration.before.number = before;
    migration.after.number = after;
    migration.same_numbers = true;
    assert_ok(migration_measure(&migration));
    static const int32_t match[] = {-1, 0, 1};
    assert_memory_equal(migration.match, match, sizeof match);
    assert_int_equal(migration.kept, 11);
    expect_fate(&migration, 0, TRANSITION_ABSORBED, 0);
    expect_fate(&migration, 1, TRANSITION_SURVIVES, 0);
    expect_fate(&migration, 2, TRANSITION_ABSORBED, 2);
    assert_int_equal(migration.origin[1], TRANSITION_CONTINUES);
    migration_free(&migration);
}

/* Those who lapsed count where it is asked whether those who are like its customers are enough: 20 of 100
 * now, and before 8 and those who lapsed of 80 and those. All of its own went to the other. */
static void expect_with_lapsed(int64_t lapsed, enum transition fate, int32_t heir)
{
    static const int64_t number[] = {0, 1};
    static const struct migration_step step[] = {{0, 1, 1, 8}, {1, 1, 1, 72}, {2, 0, 0, 20}};
    struct migration migration;
    OPEN(&migration, 2, 2, 0, 8, lapsed, 0, 72, 0, 20, 0, 0);
    migration.before.number = number;
    migration.after.number = number;
    migration.same_numbers = true;
    migration.has_steps = true;
    migration.steps = 3;
    assert_ok(memory_new(&migration.step, 3, sizeof *step, "test steps"));
    memcpy(migration.step, step, sizeof step);
    assert_ok(migration_measure(&migration));
    expect_fate(&migration, 0, fate, heir);
    assert_int_equal(migration.by_likeness[0], fate == TRANSITION_SURVIVES);
    expect_fate(&migration, 1, TRANSITION_SURVIVES, 1);
    migration_free(&migration);
}

static void lapsed_customers_count(void **state)
{
    (void)state;
    expect_with_lapsed(280, TRANSITION_SURVIVES, 0);
    expect_with_lapsed(281, TRANSITION_ABSORBED, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lapsed_customers_count),    cmocka_unit_test(large_neighbours_are_no_parts),
    cmocka_unit_test(segments_survive),          cmocka_unit_test(segments_split),
    cmocka_unit_test(segments_scatter),          cmocka_unit_test(segments_merge),
    cmocka_unit_test(ties_go_with_the_matching), cmocka_unit_test(something_is_left),
    cmocka_unit_test(thin_pairs_are_no_match),   cmocka_unit_test(numbers_are_the_match),
};

TESTS_MAIN("migration_transitions", tests)
