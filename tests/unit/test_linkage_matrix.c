/* ranks: 1 2 3 7 */
/* Average and complete linkage against a twin that keeps every distance as the definition has it, on points
 * with and without ties, on any number of ranks and nodes. */
#include <math.h>

#include "given_points.h"

/* ---- the twin ---- */

/* The clusters while merges are done again one by one. A cluster is known by its lowest point. */
struct replay {
    enum linkage linkage;
    double size[MOST]; /* 0: part of another */
    double value[MOST]
                [MOST]; /* average: sum over pairs of points, of size x size x distance; else the greatest */
};

static struct replay replay;

static double distance(int64_t i, int64_t j)
{
    long double sum = 0;
    for (int64_t f = 0; f < given.features; f++) {
        long double difference = (long double)place(i, f) - place(j, f);
        sum += difference * difference;
    }
    return (double)sqrtl(sum);
}

static void replay_begin(enum linkage linkage)
{
    replay.linkage = linkage;
    for (int64_t i = 0; i < given.count; i++) {
        replay.size[i] = (double)given.size[i];
        for (int64_t j = 0; j < given.count; j++) {
            double weight = linkage == LINKAGE_AVERAGE ? (double)given.size[i] * (double)given.size[j] : 1.0;
            replay.value[i][j] = weight * distance(i, j);
        }
    }
}

static double replay_height(int64_t a, int64_t b)
{
    double weight = replay.linkage == LINKAGE_AVERAGE ? replay.size[a] * replay.size[b] : 1.0;
    return replay.value[a][b] / weight;
}

static double replay_least(void)
{
    double least = INFINITY;
    for (int64_t a = 0; a < given.count; a++) {
        for (int64_t b = 0; b < a; b++) {
            if (replay.size[a] > 0 && replay.size[b] > 0)
                least = fmin(least, replay_height(a, b));
        }
    }
    return least;
}

static void replay_merge(int64_t a, int64_t b)
{
    for (int64_t j = 0; j < given.count; j++) {
        double both = replay.linkage == LINKAGE_AVERAGE ? replay.value[a][j] + replay.value[b][j]
                                                        : fmax(replay.value[a][j], replay.value[b][j]);
        replay.value[a][j] = replay.value[j][a] = both;
    }
    replay.size[a] += replay.size[b];
    replay.size[b] = 0;
}

/* Each merge, in order of height, is of two clusters that there are, known by their lowest points; no two are
 * nearer at that time; the height is their distance. Where heights differ only one tree is like that. */
static void check_tree(enum linkage linkage, const struct merge *merge)
{
    int64_t count = given.count - 1;
    replay_begin(linkage);
    for (int64_t i = 0; i < count; i++) {
        int64_t first = merge[i].first;
        int64_t second = merge[i].second;
        assert_true(first >= 0 && first < second && second < given.count);
        assert_true(replay.size[first] > 0 && replay.size[second] > 0); /* made before it is used */
        replay_merge(first, second);
    }
    struct merge *sorted = sorted_by_height(merge, count);
    replay_begin(linkage);
    for (int64_t i = 0; i < count; i++) {
        int64_t first = sorted[i].first;
        int64_t second = sorted[i].second;
        assert_true(replay.size[first] > 0 && replay.size[second] > 0);
        assert_close(sorted[i].height, replay_height(first, second), 1e-12);
        assert_true(sorted[i].height <= replay_least() * (1 + 1e-12));
        replay_merge(first, second);
    }
    free(sorted);
}

/* ---- rounds, in the obvious way ---- */

/* Everything is looked for anew in every round. A cluster is known by its lowest point. */
struct rounds {
    bool complete;
    double size[MOST]; /* 0: part of another */
    double value[MOST][MOST];
    int64_t nearest[MOST];
};

static struct rounds rounds;

/* The documented order of pairs that are as near. */
static uint64_t hash_of(int64_t a, int64_t b)
{
    uint64_t mixed = a < b ? (uint64_t)a << 32 | (uint64_t)b : (uint64_t)b << 32 | (uint64_t)a;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

static int64_t nearest_of(int64_t i)
{
    int64_t nearest = -1;
    for (int64_t j = 0; j < given.count; j++) {
        if (j == i || rounds.size[j] == 0)
            continue;
        double difference = nearest < 0 ? -1.0 : rounds.value[i][j] - rounds.value[i][nearest];
        if (difference < 0 || (difference == 0 && hash_of(i, j) < hash_of(i, nearest)))
            nearest = j;
    }
    return nearest;
}

static void join(int64_t a, int64_t b)
{
    double sizes = rounds.size[a] + rounds.size[b];
    for (int64_t j = 0; j < given.count; j++) {
        double x = rounds.value[a][j];
        double y = rounds.value[b][j];
        double mean = (rounds.size[a] * x + rounds.size[b] * y) / sizes;
        mean = rounds.complete ? fmax(x, y) : fmin(fmax(mean, fmin(x, y)), fmax(x, y));
        rounds.value[a][j] = rounds.value[j][a] = mean;
    }
    rounds.size[a] = sizes;
    rounds.size[b] = 0;
}

/* The same merges, in the same order and with the same bits. */
static void check_rounds(enum linkage linkage, const struct outcome *outcome)
{
    rounds.complete = linkage == LINKAGE_COMPLETE;
    for (int64_t i = 0; i < given.count; i++) {
        rounds.size[i] = (double)given.size[i];
        for (int64_t j = 0; j < given.count; j++) {
            double sum = 0;
            for (int64_t f = 0; f < given.features; f++)
                sum = fma(place(i, f) - place(j, f), place(i, f) - place(j, f), sum);
            rounds.value[i][j] = sqrt(sum);
        }
    }
    int64_t merged = 0;
    int64_t round = 0;
    for (; merged < given.count - 1; round++) {
        int64_t before = merged;
        for (int64_t i = 0; i < given.count; i++)
            rounds.nearest[i] = rounds.size[i] > 0 ? nearest_of(i) : -1;
        for (int64_t i = 0; i < given.count; i++) {
            int64_t other = rounds.nearest[i];
            if (other < i || rounds.nearest[other] != i)
                continue;
            const struct merge *merge = &outcome->merge[merged++];
            assert_true(merge->first == i && merge->second == other);
            assert_true(merge->height == rounds.value[i][other]);
        }
        assert_true(merged > before);
        for (int64_t m = before; m < merged; m++)
            join(outcome->merge[m].first, outcome->merge[m].second);
    }
    assert_int_equal(outcome->work.rounds, round);
}

/* Both linkages of what is given: right on one rank, and the same bytes on all ranks, however they are cut
 * into nodes. */
static void check(void)
{
    static struct outcome by_one;
    static struct outcome by_all;
    for (int l = 0; l < 2; l++) {
        assert_ok(run(&alone, 0, linkages[l], &by_one));
        for (int most = 0; most < 3; most++) {
            assert_ok(run(&world, most, linkages[l], &by_all));
            assert_memory_equal(&by_all, &by_one, sizeof by_one);
        }
        check_rounds(linkages[l], &by_one);
        check_tree(linkages[l], by_one.merge);
    }
}

/* ---- tests ---- */

static void random_points(void **state)
{
    (void)state;
    static const int64_t counts[] = {2, 3, 4, 5, 8, 63, 64, 65, 130, 300};
    static const int64_t features[] = {1, 2, 3, 17};
    for (int i = 0; i < 10; i++) {
        give_random(counts[i], features[i % 4], i);
        check();
    }
}

static void points_of_many_sizes(void **state)
{
    (void)state;
    static const int64_t counts[] = {2, 3, 40, 200};
    for (int i = 0; i < 4; i++) {
        give_random(counts[i], 3, 20 + i);
        give_sizes(30 + i);
        check();
    }
}

/* Very many equal distances; then some that differ in their last bits. */
static void points_on_a_grid(void **state)
{
    (void)state;
    enum { SIDE = 18 };
    give(SIDE * SIDE, 2);
    for (int64_t i = 0; i < SIDE * SIDE; i++) {
        given.place[2 * i] = (double)(i % SIDE);
        given.place[2 * i + 1] = (double)(i / SIDE);
    }
    check();
    give_sizes(50);
    check();
    for (int64_t i = 0; i < SIDE * SIDE; i++) {
        given.size[i] = INT64_C(1) << (int)(20 * draw(51, i));
        for (int64_t f = 0; f < 2; f++)
            given.place[2 * i + f] = given.place[2 * i + f] / 16 + 0x1p-52 * floor(4 * draw(52 + f, i));
    }
    check();
}

/* A mean that rounding makes as near as the nearest neighbour, and that wins the tie: rare enough that the
 * points were looked for among many grids, all but even, of weights from 1 to 2^24. */
static void a_tie_that_rounding_makes(void **state)
{
    (void)state;
    enum { SIDE = 5, FOUND = 7603700 };
    give(SIDE * SIDE, 2);
    for (int64_t i = 0; i < SIDE * SIDE; i++) {
        given.size[i] = INT64_C(1) << (int)(24 * draw(51, FOUND + i));
        given.place[2 * i] = (double)(1 + i % SIDE) / 16 + 0x1p-56 * floor(16 * draw(52, FOUND + i));
        given.place[2 * i + 1] = (double)(1 + i / SIDE) / 16 + 0x1p-56 * floor(16 * draw(53, FOUND + i));
    }
    check();
}

/* Corners of a simplex: all distances are equal. */
static void points_all_as_far(void **state)
{
    (void)state;
    give(WIDEST, WIDEST);
    for (int64_t i = 0; i < given.count * given.count; i++)
        given.place[i] = i % (given.count + 1) == 0 ? 3.0 : 0.0;
    check();
    give_sizes(60);
    check();
}

/* At equal steps: a hash breaks the ties, so that rounds are far fewer than points. */
static void points_on_a_line(void **state)
{
    (void)state;
    static struct outcome outcome;
    give(300, 2);
    for (int64_t i = 0; i < given.count; i++) {
        given.place[2 * i] = (double)i;
        given.place[2 * i + 1] = (double)(2 * i);
    }
    check();
    for (int l = 0; l < 2; l++) {
        assert_ok(run(&world, 0, linkages[l], &outcome));
        assert_in_range(outcome.work.rounds, 9, 30);
    }
    /* Each farther from all before than they are from each other: a pair a round. */
    give(40, 1);
    for (int64_t i = 0; i < given.count; i++)
        given.place[i] = ldexp(1, (int)i);
    check();
}

static void far_outliers_and_near_twins(void **state)
{
    (void)state;
    give_random(100, 2, 70);
    given.place[2 * 57] = 0x1p40;
    given.place[2 * 3 + 1] = -0x1p45;
    for (int64_t i = 0; i < 10; i++) {
        given.place[2 * (80 + i)] = given.place[2 * i];
        given.place[2 * (80 + i) + 1] = given.place[2 * i + 1] + 0x1p-30;
    }
    check();
    /* So near that the squares vanish. */
    give(3, 1);
    given.place[0] = 0x1p-1000;
    given.place[1] = 0x1p-999;
    given.place[2] = 1;
    static struct outcome outcome;
    assert_ok(run(&world, 0, LINKAGE_AVERAGE, &outcome));
    assert_true(outcome.merge[0].height == 0.0 && outcome.merge[0].second == 1);
    assert_true(outcome.merge[1].height == 1.0 && outcome.merge[1].second == 2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_points),
    cmocka_unit_test(points_of_many_sizes),
    cmocka_unit_test(points_on_a_grid),
    cmocka_unit_test(a_tie_that_rounding_makes),
    cmocka_unit_test(points_all_as_far),
    cmocka_unit_test(points_on_a_line),
    cmocka_unit_test(far_outliers_and_near_twins),
};

TESTS_MAIN("linkage_matrix", tests)
