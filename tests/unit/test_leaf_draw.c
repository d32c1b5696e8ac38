/* ranks: 1 2 3 7 */
/* Draws in proportion to squared distance: who can be drawn, how often, and the same on any ranks. */
#include "cluster/leaf_draw.h"

#include <math.h>

#include "support.h"

enum { ROWS = 2000, FEATURES = 2 };

/* What customer `row` is worth, and where it is. */
typedef double (*row_square)(int64_t row);
typedef int64_t (*row_place)(int64_t row);

static double even(int64_t row)
{
    (void)row;
    return 3.0;
}

static double mostly_none(int64_t row)
{
    return row % 100 == 7 ? 1.0 : 0.0;
}

static double none(int64_t row)
{
    (void)row;
    return 0.0;
}

static double unknown(int64_t row)
{
    (void)row;
    return (double)INFINITY;
}

static double wild(int64_t row)
{
    return row % 10 == 0 ? 0.0 : ldexp(1.0, (int)(row % 200) - 100);
}

/* One in four is worth four times as much. */
static double two_kinds(int64_t row)
{
    return row % 4 == 0 ? 4.0 : 1.0;
}

static int64_t own_place(int64_t row)
{
    return row;
}

static int64_t few_places(int64_t row)
{
    return row % 30;
}

static int64_t one_place(int64_t row)
{
    (void)row;
    return 5;
}

/* 60 places, one of which has nearly all customers. */
static int64_t skewed_places(int64_t row)
{
    return row % 33 == 0 ? 1 + row : 0;
}

struct crowd {
    row_square square;
    row_place place;
    int64_t rows;
    bool backwards; /* a rank's customers in the other order */
    bool one_rank;  /* the last one has all of them */
};

static float place_value(int64_t place, int64_t feature)
{
    return place == 0 && feature == 1 ? 0.0F : (float)(place - 3 * feature) / 4;
}

/* Draws from the crowd, whose customers are spread over `comm` in runs. */
static void draw_from(const struct crowd *crowd, struct comm *comm, struct leaf_draw *draw)
{
    static float value[ROWS * FEATURES];
    static double square[ROWS];
    static int64_t number[ROWS];
    struct leaf_rows rows = {.value = value, .square = square};
    int64_t begin = crowd->rows * comm->rank / comm->size;
    int64_t end = crowd->rows * (comm->rank + 1) / comm->size;
    if (crowd->one_rank) {
        begin = 0;
        end = comm->rank == comm->size - 1 ? crowd->rows : 0;
    }
    for (int64_t i = begin; i < end; i++) {
        int64_t row = crowd->backwards ? begin + end - 1 - i : i;
        for (int64_t f = 0; f < FEATURES; f++) {
            float x = place_value(crowd->place(row), f);
            value[rows.count * FEATURES + f] = x == 0.0F && row % 2 ? -0.0F : x;
        }
        number[rows.count] = row;
        square[rows.count++] = crowd->square(row);
    }
    assert_ok(leaf_draw_open(draw, &rows, number));
}

static struct leaf_draw a_draw(struct comm *comm, uint64_t seed, uint32_t round, int64_t wanted)
{
    return (struct leaf_draw){
        .comm = comm, .seed = seed, .round = round, .features = FEATURES, .wanted = wanted};
}

/* The place that a drawn customer is at; fails where nobody who can be drawn is there. */
static int64_t place_of(const struct crowd *crowd, const float *value)
{
    for (int64_t row = 0; row < crowd->rows; row++) {
        int64_t place = crowd->place(row);
        if (crowd->square(row) > 0.0 && value[0] == place_value(place, 0) &&
            value[1] == place_value(place, 1))
            return place;
    }
    fail();
    return -1;
}

/* Everyone drawn can be drawn, no two are alike. Returns how many were. */
static int64_t check_draw(const struct crowd *crowd, int64_t wanted)
{
    static const struct crowd manners[] = {{.backwards = true}, {.one_rank = true}};
    struct leaf_draw draw = a_draw(&world, 9, 1, wanted);
    draw_from(crowd, &world, &draw);
    assert_true(draw.taken.count <= wanted);
    for (int64_t i = 0; i < draw.taken.count; i++) {
        int64_t place = place_of(crowd, draw.taken.value + i * FEATURES);
        for (int64_t j = 0; j < i; j++)
            assert_true(place_of(crowd, draw.taken.value + j * FEATURES) != place);
    }
    for (int m = 0; m < 3; m++) {
        struct crowd other = *crowd;
        struct leaf_draw twin = a_draw(m == 2 ? &alone : &world, 9, 1, wanted);
        other.backwards = m < 2 && manners[m].backwards;
        other.one_rank = m < 2 && manners[m].one_rank;
        draw_from(&other, twin.comm, &twin);
        assert_int_equal(twin.taken.count, draw.taken.count);
        for (int64_t i = 0; i < draw.taken.count * FEATURES; i++)
            assert_true(twin.taken.value[i] == draw.taken.value[i]);
        leaf_draw_close(&twin);
    }
    int64_t count = draw.taken.count;
    leaf_draw_close(&draw);
    assert_null(draw.taken.value);
    return count;
}

static void as_many_as_wanted_or_as_there_are(void **state)
{
    (void)state;
    static const int64_t wanted[] = {1, 2, 17, 300};
    for (int i = 0; i < 4; i++) {
        int64_t w = wanted[i];
        assert_int_equal(check_draw(&(struct crowd){even, own_place, ROWS, false, false}, w), w);
        assert_int_equal(check_draw(&(struct crowd){unknown, own_place, ROWS, false, false}, w), w);
        assert_int_equal(check_draw(&(struct crowd){wild, own_place, ROWS, false, false}, w), w);
        assert_int_equal(check_draw(&(struct crowd){mostly_none, own_place, ROWS, false, false}, w),
                         w < 20 ? w : 20);
        assert_int_equal(check_draw(&(struct crowd){even, own_place, 3, false, false}, w), w < 3 ? w : 3);
        assert_int_equal(check_draw(&(struct crowd){even, one_place, ROWS, false, false}, w), 1);
        assert_int_equal(check_draw(&(struct crowd){none, own_place, ROWS, false, false}, w), 0);
        assert_int_equal(check_draw(&(struct crowd){even, own_place, 0, false, false}, w), 0);
    }
    assert_int_equal(check_draw(&(struct crowd){even, few_places, ROWS, false, false}, 10), 10);
}

/* However many are alike, the same on any number of ranks; and somebody as long as there is anybody. */
static void customers_at_the_same_place(void **state)
{
    (void)state;
    for (int64_t wanted = 1; wanted <= 64; wanted *= 2) {
        assert_true(check_draw(&(struct crowd){even, skewed_places, ROWS, false, false}, wanted) > 0);
        assert_true(check_draw(&(struct crowd){wild, skewed_places, ROWS, false, false}, wanted) > 0);
        assert_true(check_draw(&(struct crowd){unknown, few_places, ROWS, false, false}, wanted) > 0);
    }
}

/* The share of every fourth customer in many draws. */
static double share_of_every_fourth(row_square square, uint64_t seed)
{
    enum { DRAWS = 150, WANTED = 40 };
    struct crowd crowd = {square, own_place, ROWS, false, false};
    int64_t fourths = 0;
    int64_t drawn = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct leaf_draw draw = a_draw(&world, seed + i / 2, i % 2, WANTED);
        draw_from(&crowd, &world, &draw);
        for (int64_t j = 0; j < draw.taken.count; j++)
            fourths += (int64_t)(draw.taken.value[j * FEATURES] * 4) % 4 == 0;
        drawn += draw.taken.count;
        leaf_draw_close(&draw);
    }
    return (double)fourths / (double)drawn;
}

static void in_proportion_to_squared_distance(void **state)
{
    (void)state;
    /* five standard errors of 6000 draws */
    assert_true(fabs(share_of_every_fourth(two_kinds, 100) - 4.0 / 7) < 0.032);
    assert_true(fabs(share_of_every_fourth(even, 200) - 0.25) < 0.028);
    assert_true(fabs(share_of_every_fourth(unknown, 300) - 0.25) < 0.028);
}

static void another_seed_or_round_is_another_draw(void **state)
{
    (void)state;
    static const row_square squares[] = {even, unknown, wild};
    for (int c = 0; c < 3; c++) {
        struct crowd crowd = {squares[c], own_place, ROWS, false, false};
        struct leaf_draw draw[3] = {a_draw(&world, 1, 1, 20), a_draw(&world, 2, 1, 20),
                                    a_draw(&world, 1, 2, 20)};
        for (int i = 0; i < 3; i++)
            draw_from(&crowd, &world, &draw[i]);
        for (int i = 1; i < 3; i++)
            assert_memory_not_equal(draw[0].taken.value, draw[i].taken.value, 20 * FEATURES * sizeof(float));
        for (int i = 0; i < 3; i++)
            leaf_draw_close(&draw[i]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(as_many_as_wanted_or_as_there_are),
    cmocka_unit_test(customers_at_the_same_place),
    cmocka_unit_test(in_proportion_to_squared_distance),
    cmocka_unit_test(another_seed_or_round_is_another_draw),
};

TESTS_MAIN("leaf_draw", tests)
