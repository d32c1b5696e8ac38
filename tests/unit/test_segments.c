/* ranks: 1 2 3 7 */
/* Segments from labels against plain sums; their numbers, and other ones; alike on any number of ranks. */
#include <math.h>

#include "cluster/segments.h"
#include "numbers.h"
#include "support.h"

enum { ROWS = 5000, FEATURES = 3 };

static double clouds(int64_t row, int64_t feature)
{
    return (double)(row % 5) * 4 + uniform(1, row, feature);
}

static double grid(int64_t row, int64_t feature)
{
    return (double)(feature == 0 ? row % 4 : row / 4 % 3);
}

static bool some(int64_t row)
{
    return row % 6 == 5 || row / BLOCK_ROWS == 1;
}

/* Each block's pair says the same in two parts. */
static void split_squares(struct sample *sample)
{
    for (int64_t b = 0; b < sample->customers.partition.block_count; b++) {
        double *pair = sample->customers.squares + 2 * b;
        pair[0] -= 1.5;
        pair[1] += 1.5;
    }
}

typedef int32_t (*labelling)(int64_t row);

static int32_t by_cloud(int64_t row)
{
    return (int32_t)(row % 5 * 3 % 5);
}

/* Many, of few customers each, most of them of equal size. */
static int32_t many(int64_t row)
{
    return (int32_t)(row * 7919 % 1250);
}

static int32_t one(int64_t row)
{
    (void)row;
    return 0;
}

static struct segmentation labelled(const struct sample *sample, int64_t k, labelling label)
{
    const struct partition *part = &sample->customers.partition;
    struct segmentation segments = {.k = k};
    assert_ok(row_numbers_open(&segments.label, part->block_count, k));
    for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++) {
        int64_t row = part->first_row + i;
        bool out = row >= part->rows || sample->is_out[row];
        row_numbers_set(&segments.label, i, out ? -1 : label(row));
    }
    return segments;
}

static void check_order(const struct segmentation *segments)
{
    int64_t features = segments->features;
    for (int64_t h = 1; h < segments->k; h++) {
        const double *before = segments->centroid + (h - 1) * features;
        const double *here = before + features;
        int64_t f = 0;
        while (f < features && before[f] == here[f])
            f++;
        assert_true(segments->size[h - 1] >= segments->size[h]);
        assert_true(segments->size[h - 1] > segments->size[h] || f == features || before[f] < here[f]);
    }
}

/* Sums and sizes of all rows, plainly. */
static void sum_plainly(const struct sample *sample, const int32_t *number, labelling label, double *sum,
                        int64_t *size)
{
    int64_t features = sample->customers.features;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (sample->is_out[row])
            continue;
        int64_t h = number[label(row)];
        size[h]++;
        for (int64_t f = 0; f < features; f++)
            sum[h * features + f] += (double)sample->all[row * features + f];
    }
}

static double squares_around(const struct sample *sample, const int32_t *number, labelling label,
                             const double *centroid)
{
    int64_t features = sample->customers.features;
    __float128 squares = 0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int64_t h = number && !sample->is_out[row] ? number[label(row)] : 0;
        if (!sample->is_out[row])
            squares += (__float128)sample_distance(sample, row, centroid + h * features);
    }
    return (double)squares;
}

static void check_segments(const struct sample *sample, const struct segmentation *segments,
                           const int32_t *number, labelling label)
{
    int64_t features = segments->features;
    double *sum = NULL;
    int64_t *size = NULL;
    double mean[FEATURES] = {0};
    assert_ok(memory_new(&sum, segments->k * features, sizeof *sum, "test sums"));
    assert_ok(memory_new(&size, segments->k, sizeof *size, "test sizes"));
    sum_plainly(sample, number, label, sum, size);
    assert_memory_equal(segments->size, size, (size_t)segments->k * sizeof *size);
    assert_memory_equal(segments->sum, sum, (size_t)(segments->k * features) * sizeof *sum);
    for (int64_t i = 0; i < segments->k * features; i++) {
        assert_true(segments->centroid[i] == sum[i] / (double)size[i / features]);
        mean[i % features] += sum[i] / (double)sample->customers.used;
    }
    assert_close(segments->inertia, squares_around(sample, number, label, segments->centroid), 1e-13);
    assert_close(segments->total_squares, squares_around(sample, NULL, label, mean), 1e-12);
    assert_close(segments_explained(segments), 1 - segments->inertia / segments->total_squares, 0);
    check_order(segments);
    const struct partition *part = &sample->customers.partition;
    int32_t *got = numbers_plain(&segments->label);
    for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++) {
        int64_t row = part->first_row + i;
        bool out = row >= part->rows || sample->is_out[row];
        assert_int_equal(got[i], out ? -1 : number[label(row)]);
    }
    free(got);
    free(sum);
    free(size);
}

static void check_labelling(int64_t k, labelling label, sample_value value, sample_mark out)
{
    struct sample sample;
    struct sample own;
    int32_t *number = NULL;
    int32_t *own_number = NULL;
    sample_open(&sample, &world, ROWS, FEATURES, value, out);
    sample_open(&own, &alone, ROWS, FEATURES, value, out);
    split_squares(&sample);
    split_squares(&own);
    assert_ok(memory_new(&number, k, sizeof *number, "test numbers"));
    assert_ok(memory_new(&own_number, k, sizeof *own_number, "test numbers"));
    struct segmentation segments = labelled(&sample, k, label);
    struct segmentation expected = labelled(&own, k, label);
    assert_ok(segments_from_labels(&sample.customers, &sample.preparation, NULL, &segments, number));
    assert_ok(segments_from_labels(&own.customers, &own.preparation, NULL, &expected, own_number));
    check_segments(&sample, &segments, number, label);
    assert_memory_equal(number, own_number, (size_t)k * sizeof *number);
    assert_memory_equal(segments.centroid, expected.centroid, (size_t)(k * FEATURES) * sizeof(double));
    assert_memory_equal(segments.sum, expected.sum, (size_t)(k * FEATURES) * sizeof(double));
    assert_memory_equal(&segments.inertia, &expected.inertia, sizeof(double));
    assert_memory_equal(&segments.total_squares, &expected.total_squares, sizeof(double));
    free(number);
    free(own_number);
    segments_free(&segments);
    segments_free(&expected);
    sample_close(&sample);
    sample_close(&own);
}

static void sums_and_numbers_are_those_of_the_labels(void **state)
{
    (void)state;
    check_labelling(5, by_cloud, clouds, NULL);
    check_labelling(5, by_cloud, clouds, some);
    check_labelling(1, one, clouds, some);
    check_labelling(1250, many, clouds, NULL);
    check_labelling(1250, many, grid, NULL); /* equal sizes, equal centroids */
}

/* Two are equally large, and one of those is in front by its second coordinate. */
static void numbers_by_size_then_centroid(void **state)
{
    (void)state;
    static const double centroid[] = {1, 5, 9, 9, 1, 4, -3, 0};
    static const int64_t size[] = {10, 20, 10, 10};
    int64_t order[4];
    assert_ok(segments_order(4, 2, centroid, size, order));
    assert_true(order[0] == 1 && order[1] == 3 && order[2] == 2 && order[3] == 0);
}

/* ---- another order ---- */

/* Customers at 0, 1, 2 .. 6 of a line; every second one lies halfway between two of the places. */
static double line(int64_t row, int64_t feature)
{
    return (double)(feature == 0 ? row % 7 : 1);
}

static const double places[] = {0, 1, 0, 2, 1, 0, 4, 1, 0, 6, 1, 0, 40, 1, 0};
enum { PLACES = sizeof places / sizeof places[0] / FEATURES };

/* Segments of the places, each customer with the nearest, the lower number on a tie; the last has none. */
static struct segmentation nearest_segments(const struct sample *sample, const double *centroid)
{
    struct segmentation segments = {.k = PLACES};
    assert_ok(segments_open(&segments, &sample->customers));
    memcpy(segments.centroid, centroid, sizeof places);
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int32_t h = sample_nearest(sample, row, centroid, PLACES);
        if (h < 0)
            continue;
        segments.size[h]++;
        for (int64_t f = 0; f < FEATURES; f++)
            segments.sum[h * FEATURES + f] += (double)sample->all[row * FEATURES + f];
    }
    segments.inertia = sample_inertia(sample, centroid, PLACES);
    return segments;
}

static void check_reordered(struct comm *comm, const int64_t *order, sample_mark out)
{
    struct sample sample;
    double moved[PLACES * FEATURES];
    sample_open(&sample, comm, ROWS, FEATURES, line, out);
    split_squares(&sample);
    for (int64_t h = 0; h < PLACES; h++)
        memcpy(moved + h * FEATURES, places + order[h] * FEATURES, FEATURES * sizeof *moved);
    struct segmentation segments = nearest_segments(&sample, places);
    struct segmentation expected = nearest_segments(&sample, moved);
    double mean[FEATURES] = {0};
    for (int64_t i = 0; i < PLACES * FEATURES; i++)
        mean[i % FEATURES] += expected.sum[i] / (double)sample.customers.used;
    assert_ok(segments_reorder(&sample.customers, &sample.preparation, order, true, &segments));
    assert_memory_equal(segments.centroid, moved, sizeof moved);
    assert_memory_equal(segments.size, expected.size, PLACES * sizeof(int64_t));
    assert_memory_equal(segments.sum, expected.sum, PLACES * FEATURES * sizeof(double));
    assert_close(segments.inertia, expected.inertia, 1e-13);
    assert_close(segments.total_squares, squares_around(&sample, NULL, one, mean), 1e-12);
    assert_null(segments.label.number);
    segments_free(&segments);
    segments_free(&expected);
    sample_close(&sample);
}

static void ties_go_to_the_lower_number_of_the_new_order(void **state)
{
    (void)state;
    static const int64_t orders[][PLACES] = {
        {0, 1, 2, 3, 4}, {3, 2, 1, 0, 4}, {4, 0, 2, 1, 3}, {1, 4, 3, 0, 2}};
    for (int i = 0; i < 4; i++) {
        check_reordered(&world, orders[i], NULL);
        check_reordered(&world, orders[i], some);
        check_reordered(&alone, orders[i], some);
    }
}

/* The way back gives the first bits again, and the order that they have changes none. */
static void there_and_back_is_the_same(void **state)
{
    (void)state;
    static const int64_t order[] = {3, 4, 0, 1, 2};
    static const int64_t back[] = {2, 3, 4, 0, 1};
    static const int64_t same[] = {0, 1, 2, 3, 4};
    struct sample sample;
    sample_open(&sample, &world, ROWS, FEATURES, line, some);
    struct segmentation segments = nearest_segments(&sample, places);
    assert_ok(segments_reorder(&sample.customers, &sample.preparation, same, true, &segments));
    double inertia = segments.inertia;
    double total = segments.total_squares;
    int64_t size = segments.size[3];
    assert_ok(segments_reorder(&sample.customers, &sample.preparation, order, true, &segments));
    assert_true(segments.size[0] != size); /* the customers halfway went */
    assert_true(segments.total_squares == total);
    assert_ok(segments_reorder(&sample.customers, &sample.preparation, back, true, &segments));
    assert_true(segments.size[3] == size && segments.inertia == inertia && segments.total_squares == total);
    assert_memory_equal(segments.centroid, places, sizeof places);
    segments_free(&segments);
    sample_close(&sample);
}

/* The segments of a cut are not those of the nearest centroid: nobody goes elsewhere. */
static void a_cut_only_changes_places(void **state)
{
    (void)state;
    static const int64_t order[] = {3, 0, 4, 1, 2};
    int32_t number[PLACES];
    struct sample sample;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, some);
    struct segmentation segments = labelled(&sample, PLACES, by_cloud);
    struct segmentation before = labelled(&sample, PLACES, by_cloud);
    int32_t *label = numbers_plain(&segments.label);
    for (int64_t i = 0; i < sample.customers.partition.row_count; i += 3) { /* anything but the nearest */
        int32_t other = label[i] < 0 ? -1 : (label[i] + 1) % PLACES;
        row_numbers_set(&segments.label, i, other);
        row_numbers_set(&before.label, i, other);
    }
    free(label);
    assert_ok(segments_from_labels(&sample.customers, &sample.preparation, NULL, &segments, number));
    assert_ok(segments_from_labels(&sample.customers, &sample.preparation, NULL, &before, number));
    row_numbers_free(&segments.label);
    assert_ok(segments_reorder(&sample.customers, &sample.preparation, order, false, &segments));
    for (int64_t h = 0; h < PLACES; h++) {
        size_t row = FEATURES * sizeof(double);
        assert_int_equal(segments.size[h], before.size[order[h]]);
        assert_memory_equal(segments.centroid + h * FEATURES, before.centroid + order[h] * FEATURES, row);
        assert_memory_equal(segments.sum + h * FEATURES, before.sum + order[h] * FEATURES, row);
    }
    assert_true(segments.inertia == before.inertia && segments.total_squares == before.total_squares);
    assert_null(segments.label.number);
    segments_free(&segments);
    segments_free(&before);
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(sums_and_numbers_are_those_of_the_labels),
    cmocka_unit_test(numbers_by_size_then_centroid),
    cmocka_unit_test(ties_go_to_the_lower_number_of_the_new_order),
    cmocka_unit_test(there_and_back_is_the_same),
    cmocka_unit_test(a_cut_only_changes_places),
};

TESTS_MAIN("segments", tests)
