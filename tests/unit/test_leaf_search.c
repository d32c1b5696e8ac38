/* ranks: 1 2 3 */
/* The nearest of many centroids: exact, the lowest number on a tie, whatever the hints. */
#include <math.h>

#include "cluster/leaf_search.h"
#include "tiles.h"

enum { MOST_ROWS = 1500, MOST_LEAVES = 1500, MOST_WIDTH = 84 };

static float value[MOST_ROWS * MOST_WIDTH];
static double leaf_centroid[MOST_LEAVES * MOST_WIDTH];
static int32_t leaf[MOST_ROWS];
static int32_t first_leaf[MOST_ROWS];
static double square[MOST_ROWS];
static int32_t order[MOST_ROWS];

/* ---- the twin ---- */

static long double squared_distance(int64_t row, int64_t h, int64_t features)
{
    long double sum = 0;
    for (int64_t f = 0; f < features; f++) {
        long double apart =
            (long double)value[row * features + f] - (long double)leaf_centroid[h * features + f];
        sum += apart * apart;
    }
    return sum;
}

/* Where distances are whole multiples of something the nearest is one and the same; where they are not, it is
 * but for the last digits. */
static void check_row(int64_t row, int64_t count, int64_t features, bool exact)
{
    int64_t nearest = 0;
    long double least = squared_distance(row, 0, features);
    for (int64_t h = 1; h < count; h++) {
        long double distance = squared_distance(row, h, features);
        if (distance < least) {
            nearest = h;
            least = distance;
        }
    }
    assert_true(leaf[row] >= 0 && leaf[row] < count);
    long double own = squared_distance(row, leaf[row], features);
    assert_true(fabsl(square[row] - own) <= 1e-13L * own);
    assert_true(own <= least * (1 + 1e-13L));
    if (exact)
        assert_int_equal(leaf[row], nearest);
}

/* ---- hints ---- */

enum hints { NO_HINTS, SAME_HINT, RANDOM_HINTS, RIGHT_HINTS, HINT_KINDS };

static void put_hints(enum hints hints, int64_t rows, int64_t count)
{
    for (int64_t i = 0; i < rows; i++) {
        leaf[i] = -1;
        if (hints == SAME_HINT)
            leaf[i] = (int32_t)count - 1;
        else if (hints == RANDOM_HINTS && i % 5)
            leaf[i] = (int32_t)((double)count * uniform(31, i, 0));
        else if (hints == RIGHT_HINTS)
            leaf[i] = first_leaf[i];
        square[i] = -1.0;
    }
}

static void check_search(struct comm *comm, const char *vectors, int64_t rows, int64_t count,
                         int64_t features, bool exact)
{
    struct leaf_search search;
    struct leaf_rows all = {.count = rows, .value = value, .leaf = leaf, .square = square, .order = order};
    double first_square[MOST_ROWS];
    setenv("LOHKO_VECTORS", choose(vectors) ? vectors : "plain", 1);
    assert_ok(leaf_search_open(&search, comm, &quiet, leaf_centroid, count, features));
    for (int hints = 0; hints < HINT_KINDS; hints++) {
        put_hints(hints, rows, count);
        assert_ok(leaf_search_rows(&search, &all));
        if (hints > 0) {
            assert_memory_equal(leaf, first_leaf, (size_t)rows * sizeof *leaf);
            assert_memory_equal(square, first_square, (size_t)rows * sizeof *square);
            continue;
        }
        memcpy(first_leaf, leaf, sizeof leaf);
        memcpy(first_square, square, sizeof square);
        for (int64_t i = 0; i < rows; i++)
            check_row(i, count, features, exact);
    }
    leaf_search_close(&search);
    unsetenv("LOHKO_VECTORS");
}

/* `duplicates`: every centroid is there twice, far apart in number. */
static void fill(maker number, int64_t rows, int64_t count, int64_t features, bool duplicates)
{
    int64_t different = duplicates ? (count + 1) / 2 : count;
    for (int64_t i = 0; i < rows * features; i++)
        value[i] = (float)number(1, i);
    for (int64_t i = 0; i < count * features; i++)
        leaf_centroid[i] = number(2, i % (different * features));
}

static double far_number(uint64_t kind, int64_t i)
{
    return 1e6 + random_number(kind, i) * 1e-3;
}

static double blob_number(uint64_t kind, int64_t i)
{
    return 50 * floor(6 * uniform(kind, i, 1)) + random_number(kind, i);
}

static const struct {
    int64_t rows;
    int64_t count;
    int64_t features;
} sizes[] = {{1, 1, 1},    {0, 5, 2},     {17, 2, 3},    {16, 63, 7},   {100, 64, 8},
             {33, 65, 16}, {200, 700, 2}, {60, 300, 84}, {300, 1500, 1}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void the_nearest_whatever_the_hints(void **state)
{
    (void)state;
    static const maker numbers[] = {random_number, blob_number, far_number, mixed_number, huge_number};
    for (int i = 0; i < SIZES * 5; i++) {
        int s = i % SIZES;
        fill(numbers[i / SIZES], sizes[s].rows, sizes[s].count, sizes[s].features, false);
        check_search(i % 2 ? &world : &alone, set_name[i % SETS], sizes[s].rows, sizes[s].count,
                     sizes[s].features, false);
    }
}

/* Customers on a grid or halfway: the lowest number wins, whatever lies between. */
static void the_lowest_number_on_a_tie(void **state)
{
    (void)state;
    static const maker numbers[] = {grid_number, half_grid_number, zero_number, zero_customer_number};
    for (int i = 0; i < SIZES * 8; i++) {
        int s = i % SIZES;
        fill(numbers[i / SIZES % 4], sizes[s].rows, sizes[s].count, sizes[s].features, i / SIZES / 4);
        check_search(&world, set_name[i % SETS], sizes[s].rows, sizes[s].count, sizes[s].features, true);
    }
}

/* ---- hints for blocks ---- */

static double everywhere(int64_t row, int64_t feature)
{
    return uniform(2, row, feature);
}

static double total(int64_t rows, int64_t features)
{
    double sum = 0.0;
    for (int64_t i = 0; i < rows; i++) {
        assert_true(leaf[i] >= 0);
        sum += (double)squared_distance(i, leaf[i], features);
    }
    return sum;
}

struct hinting {
    struct leaf_search *search;
    const struct kernels *kernels;
};

static void hint_block(void *context, const struct block *block)
{
    const struct hinting *hinting = context;
    leaf_search_hint(hinting->search, hinting->kernels, block, leaf);
}

/* Hints are near, refined ones nearer, the nearest hardly more so. */
static void hints_of_a_block(void **state)
{
    (void)state;
    enum { COUNT = 1000, FEATURES = 3 };
    struct sample sample;
    struct leaf_search search;
    struct leaf_rows rows = {
        .count = BLOCK_ROWS, .value = value, .leaf = leaf, .square = square, .order = order};
    sample_open(&sample, &alone, BLOCK_ROWS, FEATURES, everywhere, NULL);
    memcpy(value, sample.all, (size_t)BLOCK_ROWS * FEATURES * sizeof *value);
    for (int64_t i = 0; i < COUNT * FEATURES; i++)
        leaf_centroid[i] = everywhere(5000 + i / FEATURES, i % FEATURES);
    assert_ok(leaf_search_open(&search, &world, &quiet, leaf_centroid, COUNT, FEATURES));
    for (int64_t i = 0; i < BLOCK_ROWS; i++)
        leaf[i] = (int32_t)(i % COUNT);
    double any = total(BLOCK_ROWS, FEATURES);
    struct hinting hinting = {&search, sample.customers.kernels};
    assert_ok(customers_walk(&sample.customers, NULL, 0, hint_block, &hinting));
    double hinted = total(BLOCK_ROWS, FEATURES);
    assert_ok(leaf_search_refine(&search, sample.customers.kernels, &rows));
    double refined = total(BLOCK_ROWS, FEATURES);
    assert_ok(leaf_search_rows(&search, &rows));
    double nearest = total(BLOCK_ROWS, FEATURES);
    for (int64_t i = 0; i < BLOCK_ROWS; i++)
        check_row(i, COUNT, FEATURES, false);
    assert_true(hinted < 0.25 * any && refined < 0.5 * hinted && nearest <= refined);
    leaf_search_close(&search);
    sample_close(&sample);
}

/* Most centroids are never looked at. */
static void boxes_save_work(void **state)
{
    (void)state;
    struct leaf_search search;
    struct leaf_rows rows = {.count = 1000, .value = value, .leaf = leaf, .square = square, .order = order};
    fill(random_number, 1000, 1500, 2, false);
    assert_ok(leaf_search_open(&search, &world, &quiet, leaf_centroid, 1500, 2));
    put_hints(NO_HINTS, 1000, 1500);
    assert_ok(leaf_search_rows(&search, &rows));
    int64_t first = search.all.tile.pairs;
    memcpy(first_leaf, leaf, sizeof leaf);
    put_hints(RIGHT_HINTS, 1000, 1500);
    assert_ok(leaf_search_rows(&search, &rows));
    assert_true(first * KERNEL_LANES < 1000 * 1500);
    assert_true(4 * (search.all.tile.pairs - first) * KERNEL_LANES < 1000 * 1500);
    leaf_search_close(&search);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_nearest_whatever_the_hints),
    cmocka_unit_test(the_lowest_number_on_a_tie),
    cmocka_unit_test(hints_of_a_block),
    cmocka_unit_test(boxes_save_work),
};

TESTS_MAIN("leaf_search", tests)
