/* ranks: 1 2 3 7 */
/* Leaves and places: numbers, equal customers, the merges at height 0, what nodes tell each other. */
#include "cluster/places.h"
#include "numbers.h"
#include "trees.h"

enum { ROWS = 5000, FEATURES = 3 };

static double few_places(int64_t row, int64_t feature)
{
    return floor(4 * uniform(2, row, feature)) - 1.5 + (double)feature;
}

static double all_alike(int64_t row, int64_t feature)
{
    (void)row;
    return (double)feature - 1;
}

static double all_different(int64_t row, int64_t feature)
{
    return (double)(row * 7919 % 100003) + (double)feature;
}

/* One place has most customers, in runs. */
static double mostly_alike(int64_t row, int64_t feature)
{
    return row % 1000 < 900 ? 0.0 : (double)(row / 3 + feature);
}

static bool some(int64_t row)
{
    return row % 3 == 1 || row < 2 || row == ROWS - 1;
}

static bool whole_blocks(int64_t row)
{
    return row / BLOCK_ROWS % 2 == 0;
}

static bool all_but_one(int64_t row)
{
    return row != 2500;
}

/* ---- the twin ---- */

struct twin {
    int64_t leaves;
    int64_t places;
    int64_t *row;    /* leaves */
    int32_t *lowest; /* leaves: of those at the same place */
    int32_t *number; /* leaves: of the place */
    int64_t *size;   /* places */
};

static bool are_alike(const struct sample *sample, int64_t a, int64_t b)
{
    for (int64_t f = 0; f < sample->customers.features; f++) {
        if (sample->all[a * sample->customers.features + f] !=
            sample->all[b * sample->customers.features + f])
            return false;
    }
    return true;
}

static struct twin make_twin(const struct sample *sample)
{
    int64_t rows = sample->customers.partition.rows;
    struct twin twin = {.row = calloc((size_t)rows, sizeof *twin.row),
                        .lowest = calloc((size_t)rows, sizeof *twin.lowest),
                        .number = calloc((size_t)rows, sizeof *twin.number),
                        .size = calloc((size_t)rows, sizeof *twin.size)};
    assert_true(twin.row && twin.lowest && twin.number && twin.size);
    for (int64_t row = 0; row < rows; row++) {
        int64_t leaf = twin.leaves;
        int32_t lowest = 0;
        if (sample->is_out[row])
            continue;
        twin.row[twin.leaves++] = row;
        while (lowest < leaf && (twin.lowest[lowest] != lowest || !are_alike(sample, twin.row[lowest], row)))
            lowest++;
        twin.lowest[leaf] = lowest;
        twin.number[leaf] = lowest < leaf ? twin.number[lowest] : (int32_t)twin.places++;
        twin.size[twin.number[leaf]]++;
    }
    return twin;
}

static void free_twin(struct twin *twin)
{
    free(twin->row);
    free(twin->lowest);
    free(twin->number);
    free(twin->size);
}

/* ---- opening ---- */

static void check_leaves(const struct sample *sample, const struct row_numbers *numbers)
{
    const struct partition *part = &sample->customers.partition;
    int32_t *leaf = numbers_plain(numbers);
    int32_t next = 0;
    for (int64_t row = 0; row < part->rows; row++) {
        int64_t here = row - part->first_row;
        int32_t expected = sample->is_out[row] ? -1 : next++;
        if (here >= 0 && here < part->row_count)
            assert_int_equal(leaf[here], expected);
    }
    for (int64_t row = part->row_count; row < part->block_count * BLOCK_ROWS; row++)
        assert_int_equal(leaf[row], -1);
    free(leaf);
}

static void check_points(const struct sample *sample, const struct twin *twin, const struct places *places)
{
    const struct points *points = &places->points;
    assert_true(places->leaves == twin->leaves && points->count == twin->places);
    assert_int_equal(points->features, sample->customers.features);
    for (int64_t i = 0; i < twin->leaves; i++) {
        assert_int_equal(places->twin[i], twin->lowest[i]);
        if (twin->lowest[i] != i)
            continue;
        int64_t point = twin->number[i];
        assert_int_equal(places->point[i], point);
        assert_int_equal(points->size[point], twin->size[point]);
        for (int64_t f = 0; f < points->features; f++) {
            double value = (double)sample->all[twin->row[i] * points->features + f];
            double sum = points->sum[point * points->features + f];
            assert_true(sum == value * (double)twin->size[point] && !(sum == 0.0 && signbit(sum)));
        }
    }
}

/* Balanced, in row order, each at height 0, and before all others. */
static void check_merges(const struct twin *twin, const struct places *places)
{
    int64_t points = places->points.count;
    int64_t alike = twin->leaves - points;
    struct merge *merge = calloc((size_t)points + 1, sizeof *merge);
    struct merge *all = calloc((size_t)twin->leaves + 1, sizeof *all);
    int *depth = calloc((size_t)twin->leaves + 1, sizeof *depth);
    int32_t *of_point = calloc((size_t)points + 1, sizeof *of_point);
    int64_t *made = calloc((size_t)points + 1, sizeof *made);
    assert_true(merge && all && depth && of_point && made);
    for (int32_t i = 0; i < twin->leaves; i++) {
        if (twin->lowest[i] == i)
            of_point[twin->number[i]] = i;
    }
    for (int32_t i = 0; i + 1 < points; i++)
        merge[i] = (struct merge){1.0 + i, 0, i + 1};
    all[twin->leaves - 1].height = -7.0; /* behind the last */
    assert_ok(places_merges(places, merge, all));
    assert_true(all[twin->leaves - 1].height == -7.0);
    check_names(all, twin->leaves);
    for (int64_t i = 0; i < alike; i++) {
        int32_t first = all[i].first;
        int32_t second = all[i].second;
        int64_t point = twin->number[first];
        assert_true(all[i].height == 0.0 && point == twin->number[second]);
        depth[first] = 1 + (depth[first] > depth[second] ? depth[first] : depth[second]);
        assert_true(((int64_t)1 << (depth[first] - 1)) < twin->size[point]); /* depth <= ceil(log2(size)) */
        made[point]++;
    }
    for (int64_t p = 0; p < points; p++)
        assert_int_equal(made[p], twin->size[p] - 1);
    for (int32_t i = 0; i + 1 < points; i++) {
        struct merge expected = {1.0 + i, of_point[0], of_point[i + 1]};
        assert_memory_equal(&all[alike + i], &expected, sizeof expected);
    }
    free(merge);
    free(all);
    free(depth);
    free(of_point);
    free(made);
}

static void check_places(sample_value value, sample_mark out, int64_t rows, bool negative_zeros)
{
    static const int cuts[] = {0, 1, 2};
    for (int c = 0; c < 3; c++) {
        struct sample sample;
        struct node node;
        struct places places;
        sample_open(&sample, &world, rows, FEATURES, value, out);
        int64_t room = sample.customers.partition.block_count * BLOCK_ROWS;
        for (int64_t i = 0; negative_zeros && i < room * FEATURES; i++) {
            if (sample.customers.tiles[i] == 0.0F && i % 3)
                sample.customers.tiles[i] = -0.0F;
        }
        struct row_numbers leaf;
        assert_ok(row_numbers_open(&leaf, room / BLOCK_ROWS, sample.customers.used));
        assert_ok(node_open(&node, &world, cuts[c]));
        assert_ok(places_open(&places, &sample.customers, &node, &leaf));
        check_leaves(&sample, &leaf);
        struct twin twin = make_twin(&sample);
        check_points(&sample, &twin, &places);
        check_merges(&twin, &places);
        free_twin(&twin);
        node_close(&node);
        row_numbers_free(&leaf);
        sample_close(&sample);
    }
}

static void equal_customers_are_one_point(void **state)
{
    (void)state;
    check_places(few_places, NULL, ROWS, false);
    check_places(few_places, some, ROWS, false);
    check_places(few_places, whole_blocks, ROWS, false);
    check_places(few_places, whole_blocks, ROWS, true);
    check_places(mostly_alike, some, 3 * BLOCK_ROWS, true);
}

static void all_alike_and_all_different(void **state)
{
    (void)state;
    check_places(all_alike, NULL, ROWS, false);
    check_places(all_alike, some, ROWS, true);
    check_places(all_different, some, 2 * BLOCK_ROWS + 1, false);
    check_places(all_different, NULL, BLOCK_ROWS, false);
}

static void few_customers(void **state)
{
    (void)state;
    check_places(few_places, all_but_one, ROWS, false);
    check_places(few_places, NULL, 1, false);
    check_places(all_alike, NULL, 2, false);
    check_places(all_alike, NULL, 3, false);
    check_places(all_different, NULL, 2, false);
}

/* More rows than ranks tell the other nodes at a time. */
static void nodes_hear_of_all_rows(void **state)
{
    (void)state;
    enum { MANY = 200000, DIFFERENT = 50000 };
    struct sample sample;
    struct node node;
    struct places places;
    sample_open(&sample, &world, MANY, 1, all_different, NULL);
    for (int64_t i = 0; i < sample.customers.partition.row_count; i++)
        sample.customers.tiles[i] = (float)((sample.customers.partition.first_row + i) % DIFFERENT);
    assert_ok(node_open(&node, &world, 1));
    assert_ok(places_open(&places, &sample.customers, &node, NULL));
    assert_int_equal(places.points.count, DIFFERENT);
    for (int64_t i = 0; i < MANY; i++)
        assert_int_equal(places.twin[i], i % DIFFERENT);
    for (int64_t i = 0; i < DIFFERENT; i++) {
        assert_int_equal(places.point[i], i);
        assert_int_equal(places.points.size[i], MANY / DIFFERENT);
        assert_true(places.points.sum[i] == (double)(MANY / DIFFERENT * i));
    }
    node_close(&node);
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(equal_customers_are_one_point),
    cmocka_unit_test(all_alike_and_all_different),
    cmocka_unit_test(few_customers),
    cmocka_unit_test(nodes_hear_of_all_rows),
};

TESTS_MAIN("places", tests)
