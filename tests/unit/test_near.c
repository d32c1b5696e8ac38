/* ranks: 1 */
/* The walk through a tree of boxes: everything within the limit is told, and little else. */
#include "kernel/near.h"
#include "tiles.h"

/* ---- a tree, in the order that places come in ---- */

enum { MOST_PLACES = 1000, MOST_NODES = 64, STRIDE = 2 * MOST_FEATURES + NEAR_CONSTANTS };

static double place[MOST_PLACES][MOST_FEATURES]; /* in double: the tree has it rounded */
static bool is_none[MOST_PLACES];
static double place_weight[MOST_PLACES];
static int32_t place_set[MOST_PLACES];
static float row[MOST_PLACES * (MOST_FEATURES + NEAR_CONSTANTS)];
static float box[MOST_NODES * STRIDE];
static int32_t box_set[MOST_NODES];

static double query[KERNEL_LANES][MOST_FEATURES];
static double query_weight[KERNEL_LANES];
static double limit[KERNEL_LANES];
static float coordinate[MOST_FEATURES * KERNEL_LANES];
static float factor[MOST_FEATURES * KERNEL_LANES];

static double norm(const double *at, int64_t features)
{
    double square = 0.0;
    for (int64_t f = 0; f < features; f++)
        square += at[f] * at[f];
    return square;
}

static void put_row(const struct near_tree *tree, int64_t i)
{
    float *to = row + i * (tree->features + NEAR_CONSTANTS);
    float *constant = to + tree->features;
    for (int64_t f = 0; f < tree->features; f++)
        to[f] = (float)place[i][f];
    constant[NEAR_SQUARE] =
        is_none[i] ? INFINITY : near_shrink(norm(place[i], tree->features), tree->features);
    constant[NEAR_HALF_SQUARE] =
        is_none[i] ? INFINITY : near_shrink(norm(place[i], tree->half), tree->features);
    constant[NEAR_WEIGHT] = (float)place_weight[i];
}

/* The box of the places [begin, end) that there are. */
static void put_box(const struct near_tree *tree, int64_t node, int64_t begin, int64_t end)
{
    int64_t d = tree->features;
    float *low = box + node * (2 * d + NEAR_CONSTANTS);
    float *weight = low + 2 * d + NEAR_WEIGHT;
    bool several = false;
    box_set[node] = -2;
    *weight = 0.0F;
    for (int64_t f = 0; f < d; f++) {
        low[f] = INFINITY;
        low[d + f] = -INFINITY;
    }
    for (int64_t i = begin; i < end && i < tree->count; i++) {
        const float *at = row + i * (d + NEAR_CONSTANTS);
        if (is_none[i])
            continue;
        for (int64_t f = 0; f < d; f++) {
            low[f] = fminf(low[f], at[f]);
            low[d + f] = fmaxf(low[d + f], at[f]);
        }
        *weight = fmaxf(*weight, at[d + NEAR_WEIGHT]);
        several = several || (box_set[node] != -2 && box_set[node] != place_set[i]);
        box_set[node] = place_set[i];
    }
    if (several || box_set[node] == -2)
        box_set[node] = -1;
}

static struct near_tree make_tree(int64_t features, int64_t count, bool halves, bool sets)
{
    struct near_tree tree = {
        .features = features, .half = halves ? features / 2 : 0, .count = count, .row = row};
    int64_t first = 0;
    for (int64_t i = 0; i < count; i++)
        put_row(&tree, i);
    for (int64_t nodes = (count + NEAR_CELL - 1) / NEAR_CELL;; nodes = (nodes + 1) / 2) {
        int64_t covers = (int64_t)NEAR_CELL << tree.levels;
        assert_true(first + nodes <= MOST_NODES);
        tree.nodes[tree.levels] = nodes;
        tree.box[tree.levels] = box + first * (2 * features + NEAR_CONSTANTS);
        tree.set[tree.levels++] = sets ? box_set + first : NULL;
        for (int64_t n = 0; n < nodes; n++)
            put_box(&tree, first + n, n * covers, (n + 1) * covers);
        first += nodes;
        if (nodes == 1)
            return tree;
    }
}

static struct near_queries make_queries(const struct near_tree *tree, int lanes)
{
    struct near_queries queries = {.lanes = lanes, .coordinate = coordinate, .factor = factor};
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        for (int64_t f = 0; f < tree->features; f++) {
            coordinate[f * KERNEL_LANES + lane] = (float)query[lane][f];
            factor[f * KERNEL_LANES + lane] = -2.0F * (float)query[lane][f];
        }
        queries.square[lane] = near_shrink(norm(query[lane], tree->features), tree->features);
        queries.half_square[lane] = near_shrink(norm(query[lane], tree->half), tree->features);
        queries.weight[lane] = (float)query_weight[lane];
        near_limit(&queries, lane, limit[lane]);
    }
    return queries;
}

/* ---- the twin ---- */

static long double squared_height(int64_t features, int lane, int64_t i)
{
    long double square = 0;
    for (int64_t f = 0; f < features; f++) {
        long double apart = (long double)query[lane][f] - (long double)place[i][f];
        square += apart * apart;
    }
    return square / ((long double)query_weight[lane] + (long double)place_weight[i]);
}

/* What float cannot tell from being within the limit: its rounding, four times over. */
static bool is_close(const struct near_tree *tree, int lane, int64_t i, long double height)
{
    double norms = norm(query[lane], tree->features) + norm(place[i], tree->features);
    long double weight = (long double)query_weight[lane] + (long double)place_weight[i];
    long double slack = 0x1p-98L + 4 * (2 * tree->features + 32) * 0x1p-24L * (long double)norms / weight;
    return height <= (long double)limit[lane] * (1 + 0x1p-18L) + slack;
}

static int told[KERNEL_LANES][MOST_PLACES];

static void note(void *context, int lane, int64_t i)
{
    const struct near_tree *tree = context;
    assert_true(lane >= 0 && lane < KERNEL_LANES && i >= 0 && i < tree->count);
    told[lane][i]++;
}

static void check_walk(const struct kernels *kernels, const struct near_tree *tree,
                       struct near_queries *queries)
{
    memset(told, 0, sizeof told);
    kernels->near(tree, queries, note, (void *)(uintptr_t)tree);
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        for (int64_t i = 0; i < tree->count; i++) {
            long double height = squared_height(tree->features, lane, i);
            bool own = tree->set[0] && place_set[i] == queries->set[lane];
            bool within = !is_none[i] && height <= (long double)limit[lane];
            assert_true(told[lane][i] <= 1);
            if (lane >= queries->lanes || (is_none[i] && limit[lane] < INFINITY))
                assert_int_equal(told[lane][i], 0);
            else if (within && !own)
                assert_int_equal(told[lane][i], 1);
            else if (!is_close(tree, lane, i, height))
                assert_int_equal(told[lane][i], 0);
        }
    }
}

/* By all sets of kernels. */
static void check_sets(const struct near_tree *tree, int lanes)
{
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        struct near_queries queries = make_queries(tree, lanes);
        if (kernels)
            check_walk(kernels, tree, &queries);
    }
}

/* ---- what it is tried with ---- */

static int by_first(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return x[0] < y[0] ? -1 : x[0] > y[0];
}

/* Places of kind 1, queries of kind 2 but for a few that are places. Limits: heights of places, exactly. */
static void make_data(maker number, int64_t features, int64_t count, int round)
{
    for (int64_t i = 0; i < count; i++) {
        place_weight[i] = round % 2 ? 0.5 : 0.5 / (double)(1 + (i * i) % 1000);
        place_set[i] = (int32_t)(i / 100);
        is_none[i] = round % 3 == 1 && uniform(8, i, round) < 0.3;
        for (int64_t f = 0; f < features; f++)
            place[i][f] = (i % 7 == 6) ? place[i - 1][f] : number(1, (i + round) * features + f);
    }
    if (round % 4 < 2) /* cells that are apart */
        qsort(place, (size_t)count, sizeof *place, by_first);
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        int64_t like = (int64_t)(uniform(9, lane, round) * (double)count);
        int64_t far = (int64_t)(uniform(10, lane, round) * (double)count);
        query_weight[lane] = round % 2 ? 0.5 : 0.5 / (double)(1 + lane * 100);
        for (int64_t f = 0; f < features; f++)
            query[lane][f] = lane % 3 == 0 ? place[like][f] : number(2, (lane + 16 * round) * features + f);
        limit[lane] = (double)squared_height(features, lane, far);
        if (limit[lane] > 1e38) /* beyond float */
            limit[lane] = INFINITY;
    }
    limit[3] = INFINITY;
    limit[4] = 0.0;
    limit[5] = -INFINITY;
}

static const int64_t feature_counts[] = {1, 2, 7, 8, 16, 84};
static const int64_t place_counts[] = {1, 7, 63, 64, 65, 129, 1000};
enum { FEATURE_COUNTS = 6, PLACE_COUNTS = 7 };

static void everything_within_the_limit_is_told(void **state)
{
    (void)state;
    for (int m = 0; m < MAKERS; m++) {
        for (int i = 0; i < FEATURE_COUNTS * PLACE_COUNTS; i++) {
            int64_t features = feature_counts[i % FEATURE_COUNTS];
            int64_t count = place_counts[i / FEATURE_COUNTS];
            if (makers[m] == overflowing_number)
                continue; /* customers are prepared to keep their squares within float's range */
            make_data(makers[m], features, count, m + i);
            struct near_tree tree = make_tree(features, count, i % 2, false);
            check_sets(&tree, (m + i) % KERNEL_LANES + 1);
        }
    }
}

/* Queries at tiny distances to places far from the origin: limits that float cannot resolve. */
static double cluster_number(uint64_t kind, int64_t i)
{
    return (uniform(11, i / 16, 0) < 0.5 ? 1e9 : -1e9) + ldexp(random_number(kind, i), (int)(i % 30) - 20);
}

/* Up to the largest that a prepared value may be, and nearly zero. */
static double extreme_number(uint64_t kind, int64_t i)
{
    static const double scale[] = {0x1p50, 1.0, 1e-30, 0x1p30, 3e17};
    return scale[(int)(5 * uniform(kind, i, 2))] * random_number(kind, i);
}

static void nothing_is_lost_to_rounding(void **state)
{
    (void)state;
    static const maker hard[] = {cluster_number, extreme_number, offset_number};
    static const int64_t end_of_cell[] = {63, 64, 127, 128, 191, 192};
    for (int i = 0; i < 360; i++) {
        int64_t features = feature_counts[i / 3 % FEATURE_COUNTS];
        make_data(hard[i % 3], features, 200, i);
        for (int64_t f = 0; f < 6 * features; f++) { /* hard by the ends of cells */
            double at = place[end_of_cell[f / features]][f % features];
            query[10 + f / features][f % features] = at * (1 + 0x1p-23 * (uniform(13, i, f) - 0.5));
        }
        for (int lane = 6; lane < KERNEL_LANES; lane++) { /* the nearest, and barely not the nearest */
            long double least = (long double)INFINITY;
            for (int64_t p = 0; p < 200; p++)
                least = fminl(least, squared_height(features, lane, p));
            limit[lane] = lane % 2 ? (double)least : nextafter((double)least, INFINITY);
        }
        struct near_tree tree = make_tree(features, 200, i / 18 % 2, false);
        check_sets(&tree, KERNEL_LANES);
        for (int lane = 0; lane < KERNEL_LANES; lane++) { /* no other query opens a cell for this one */
            if (lane != 10 + i % 6)
                limit[lane] = -INFINITY;
        }
        check_sets(&tree, KERNEL_LANES);
    }
}

/* All coordinates alike, so that in some sums of squares the rounding is to one side at every step. */
static void rounding_that_adds_up(void **state)
{
    (void)state;
    make_data(zero_number, 84, 65, 3);
    for (int v = 0; v < 1000; v++) {
        double at = (double)(float)(1 + uniform(12, v, 0));
        for (int64_t i = 0; i < 65 * 84; i++)
            place[i / 84][i % 84] = at;
        for (int lane = 0; lane < KERNEL_LANES; lane++)
            limit[lane] = (double)squared_height(84, lane, 0);
        struct near_tree tree = make_tree(84, 65, v % 2, false);
        check_sets(&tree, KERNEL_LANES);
    }
}

static void far_nodes_are_not_looked_into(void **state)
{
    (void)state;
    make_data(zero_number, 2, MOST_PLACES, 3);
    for (int64_t i = 0; i < MOST_PLACES; i++)
        place[i][0] = (double)i;
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        query[lane][0] = 500.0;
        query[lane][1] = 3.0;
        limit[lane] = 25.0; /* places 496 .. 504, which are in one cell */
    }
    struct near_tree tree = make_tree(2, MOST_PLACES, false, false);
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        struct near_queries queries = make_queries(&tree, KERNEL_LANES);
        if (!kernels)
            continue;
        check_walk(kernels, &tree, &queries);
        assert_int_equal(queries.pairs, NEAR_CELL);
        tree.everywhere = true;
        check_walk(kernels, &tree, &queries);
        assert_int_equal(queries.pairs, NEAR_CELL + MOST_PLACES);
        tree.everywhere = false;
        near_limit(&queries, 2, 1e9); /* one lane is enough */
        limit[2] = 1e9;
        check_walk(kernels, &tree, &queries);
        assert_int_equal(queries.pairs, NEAR_CELL + 2 * MOST_PLACES);
        limit[2] = 25.0;
    }
}

/* Queries of set 4, or of as many sets as there are lanes, look at so many places. */
static void check_pairs(const struct near_tree *tree, int lanes, bool many, int64_t pairs)
{
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        struct near_queries queries = make_queries(tree, lanes);
        for (int lane = 0; lane < KERNEL_LANES; lane++)
            queries.set[lane] = many ? lane : 4;
        if (!kernels)
            continue;
        check_walk(kernels, tree, &queries);
        assert_int_equal(queries.pairs, pairs);
    }
}

/* Cells of one set are closed to queries of theirs. Sets of 100 places fill no cell of 64. */
static void own_sets_are_passed_over(void **state)
{
    (void)state;
    make_data(random_number, 3, MOST_PLACES, 5);
    for (int lane = 0; lane < KERNEL_LANES; lane++)
        limit[lane] = lane % 2 ? INFINITY : 3.0;
    struct near_tree tree = make_tree(3, MOST_PLACES, false, true);
    check_pairs(&tree, KERNEL_LANES, true, MOST_PLACES);
    check_pairs(&tree, KERNEL_LANES, false, MOST_PLACES);
    for (int64_t i = 0; i < MOST_PLACES; i++)
        place_set[i] = i < 640 ? 4 : 5;
    tree = make_tree(3, MOST_PLACES, false, true);
    check_pairs(&tree, 9, false, MOST_PLACES - 640);
    check_pairs(&tree, 9, true, MOST_PLACES);
}

/* Lanes that no query is in may hold anything. */
static void unused_lanes_hold_anything(void **state)
{
    (void)state;
    make_data(random_number, 8, 100, 7);
    for (int lane = 0; lane < 5; lane++)
        limit[lane] = 2.0;
    struct near_tree tree = make_tree(8, 100, true, false);
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        struct near_queries queries = make_queries(&tree, 5);
        for (int lane = 5; lane < KERNEL_LANES; lane++) {
            for (int64_t f = 0; f < 8; f++)
                coordinate[f * KERNEL_LANES + lane] = factor[f * KERNEL_LANES + lane] = NAN;
            queries.square[lane] = queries.half_square[lane] = lane % 2 ? NAN : INFINITY;
            near_limit(&queries, lane, INFINITY);
        }
        if (kernels)
            check_walk(kernels, &tree, &queries);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(everything_within_the_limit_is_told),
    cmocka_unit_test(nothing_is_lost_to_rounding),
    cmocka_unit_test(rounding_that_adds_up),
    cmocka_unit_test(far_nodes_are_not_looked_into),
    cmocka_unit_test(own_sets_are_passed_over),
    cmocka_unit_test(unused_lanes_hold_anything),
};

TESTS_MAIN("near", tests)
