/* ranks: 1 2 3 7 */
/* results.h5 as written from all ranks and read back by HDF5 alone: shapes, values, names, piece boundaries.
 */
#include <math.h>

#include "data/results.h"
#include "data/results_assignments.h"
#include "files.h"

enum { COLUMNS = 3, K = 2, KEPT = 2 };

static double cell(int64_t row, int64_t column)
{
    return (double)(row % 100 + column);
}

/* ---- assignments ---- */

static bool is_out(int64_t row)
{
    return row % 11 == 6;
}

static int32_t segment_of(int64_t row)
{
    return is_out(row) ? -1 : (int32_t)(row % 7);
}

static float distance_of(int64_t row)
{
    return is_out(row) ? NAN : (float)row * 0.5F;
}

static status_t make_piece(void *context, int64_t first, int64_t count, const struct assignments *piece)
{
    const struct partition *part = context;
    assert_true(first >= 0 && count > 0 && first + count <= part->block_count);
    for (int64_t i = 0; i < count * BLOCK_ROWS; i++) {
        int64_t row = part->first_row + first * BLOCK_ROWS + i;
        piece->segment[i] = segment_of(row);
        piece->runner_up[i] = segment_of(row) + 1;
        piece->distance[i] = distance_of(row);
        piece->shadow[i] = distance_of(row) + 0.25F;
    }
    return STATUS_OK;
}

static hid_t open_checked(hid_t file, const char *name, hid_t type, int64_t rows)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(dataset >= 0);
    hid_t stored = H5Dget_type(dataset);
    hid_t space = H5Dget_space(dataset);
    hsize_t dimensions[2] = {0, 0};
    assert_int_equal(H5Sget_simple_extent_dims(space, dimensions, NULL), 1);
    assert_int_equal(dimensions[0], rows);
    assert_true(H5Tequal(stored, type) > 0);
    assert_true(H5Aexists(dataset, "unit") > 0);
    h5_close(space);
    h5_close(stored);
    return dataset;
}

static void check_whole(hid_t file, const char *name, int64_t rows, int32_t shift)
{
    int32_t *got = NULL;
    hid_t dataset = open_checked(file, name, H5T_STD_I32LE, rows);
    assert_ok(memory_new(&got, rows, sizeof *got, "test labels"));
    assert_ok(h5_read_rows(dataset, H5T_NATIVE_INT32, 0, rows, got));
    for (int64_t row = 0; row < rows; row++)
        assert_int_equal(got[row], segment_of(row) + shift);
    free(got);
    h5_close(dataset);
}

static void check_real(hid_t file, const char *name, int64_t rows, float shift)
{
    float *got = NULL;
    hid_t dataset = open_checked(file, name, H5T_IEEE_F32LE, rows);
    assert_ok(memory_new(&got, rows, sizeof *got, "test distances"));
    assert_ok(h5_read_rows(dataset, H5T_NATIVE_FLOAT, 0, rows, got));
    for (int64_t row = 0; row < rows; row++)
        assert_true(is_out(row) ? isnan(got[row]) : got[row] == distance_of(row) + shift);
    free(got);
    h5_close(dataset);
}

static void check_ids(hid_t file, int64_t rows)
{
    int64_t *id = NULL;
    hid_t dataset = H5Dopen2(file, "/assignments/customer_id", H5P_DEFAULT);
    assert_ok(memory_new(&id, rows, sizeof *id, "test ids"));
    assert_ok(h5_read_rows(dataset, H5T_NATIVE_INT64, 0, rows, id));
    for (int64_t row = 0; row < rows; row++)
        assert_int_equal(id[row], row);
    free(id);
    h5_close(dataset);
}

static void check_assignments(int64_t rows)
{
    struct input input;
    struct results_file results = {H5I_INVALID_HID};
    write_matrix(path_to("input.h5"), rows, 1, cell);
    input_open(&input, &world, path_to("input.h5"), -1);
    if (world.rank == 0)
        assert_ok(results_create(&results, path_to("results.h5")));
    assert_ok(results_write_scores(&results, &world, &input.table, make_piece, &input.table.partition));
    assert_ok(results_close(&results));
    if (world.rank == 0) {
        hid_t file = H5Fopen(path_to("results.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
        check_whole(file, "/assignments/segment", rows, 0);
        check_whole(file, "/assignments/runner_up", rows, 1);
        check_real(file, "/assignments/distance", rows, 0.0F);
        check_real(file, "/assignments/shadow", rows, 0.25F);
        check_ids(file, rows);
        assert_true(h5_close(file));
    }
    input_close(&input);
}

static void assignments_of_all_ranks_are_in_place(void **state)
{
    (void)state;
    static const int64_t rows[] = {1, 1024, 1025, 5000};
    for (int i = 0; i < 4; i++)
        check_assignments(rows[i]);
}

/* One rank has more blocks than one piece holds. */
static void assignments_in_several_pieces(void **state)
{
    (void)state;
    check_assignments(300 * BLOCK_ROWS - 100);
}

/* ---- the rest ---- */

static const double centroid[K * KEPT] = {1.5, -2.5, 3.5, 0.1};
static const double mean[K * COLUMNS] = {10, 20, 30, 40, 50, (double)NAN};
static const double deviation[K * COLUMNS] = {1, 2, 3, 4, 5, 6};
static const double median[K * COLUMNS] = {7, 8, 9, 10, 11, 12};
static const int64_t size[K] = {INT64_C(5000000000), 3};
static const double segment_linkage[4] = {0, 1, 2.5, 2};
static const double inertia[3] = {0.5, 0.25, 0.125};

static struct prepared_feature features[KEPT] = {{.column = 0,
                                                  .missing = 17,
                                                  .transform = TRANSFORM_LOG,
                                                  .fill = 2,
                                                  .low = -3,
                                                  .high = 3,
                                                  .shift = 0.5,
                                                  .factor = 2,
                                                  .weight = 1,
                                                  .quantum = 0x1p-20},
                                                 {.column = 2,
                                                  .transform = TRANSFORM_NONE,
                                                  .low = (double)-INFINITY,
                                                  .high = (double)INFINITY,
                                                  .fill = (double)NAN,
                                                  .factor = 4,
                                                  .weight = 8,
                                                  .quantum = 0x1p-10}};

static void expect_reals(hid_t file, const char *name, int64_t rows, int64_t columns, const double *expected)
{
    double got[16];
    hsize_t dimensions[2] = {0, 0};
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(dataset >= 0);
    hid_t space = H5Dget_space(dataset);
    assert_int_equal(H5Sget_simple_extent_dims(space, dimensions, NULL), columns > 0 ? 2 : 1);
    assert_int_equal(dimensions[0], rows);
    assert_int_equal(dimensions[1], columns);
    assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    for (int64_t i = 0; i < rows * (columns > 0 ? columns : 1); i++)
        assert_true(got[i] == expected[i] || (isnan(got[i]) && isnan(expected[i])));
    h5_close(space);
    h5_close(dataset);
}

static void expect_texts(const struct texts *texts, int64_t count, const char *const *expected)
{
    assert_int_equal(texts->count, count);
    for (int64_t i = 0; i < count; i++)
        assert_string_equal(texts->text[i], expected[i]);
}

static void expect_names(hid_t file, const char *dataset_name, const char *attribute, int64_t count,
                         const char *const *expected)
{
    struct texts texts = {0};
    bool found = true;
    hid_t dataset = H5Dopen2(file, dataset_name, H5P_DEFAULT);
    if (attribute)
        assert_ok(h5_read_text_attribute(dataset, attribute, &texts, &found));
    else
        assert_ok(h5_read_text_dataset(dataset, dataset_name, &texts));
    assert_true(found);
    expect_texts(&texts, count, expected);
    texts_free(&texts);
    h5_close(dataset);
}

static void check_content(hid_t file)
{
    static const char *const all_names[] = {"feature_0", "feature_1", "feature_2"};
    static const char *const kept_names[] = {"feature_0", "feature_2"};
    static const char *const transform_names[] = {"log", "none"};
    const double in_units[] = {10, 30, 40, (double)NAN};
    const double sizes[] = {5e9, 3};
    const double factors[] = {2, 4};
    const double fills[] = {2, (double)NAN};
    const double lows[] = {-3, (double)-INFINITY};
    const double quanta[] = {0x1p-20, 0x1p-10};
    const double missing[] = {17, 0};
    const double numbers[] = {0, 1};
    expect_reals(file, "/segments/size", K, 0, sizes);
    expect_reals(file, "/segments/number", K, 0, numbers);
    expect_reals(file, "/segments/centroid", K, KEPT, in_units);
    expect_reals(file, "/segments/centroid_prepared", K, KEPT, centroid);
    expect_reals(file, "/segments/mean", K, COLUMNS, mean);
    expect_reals(file, "/segments/stddev", K, COLUMNS, deviation);
    expect_reals(file, "/segments/median", K, COLUMNS, median);
    expect_reals(file, "/model/centroid", K, KEPT, centroid);
    expect_reals(file, "/model/restart_inertia", 3, 0, inertia);
    expect_reals(file, "/hierarchy/segment_linkage", 1, 4, segment_linkage);
    expect_reals(file, "/model/factor", KEPT, 0, factors);
    expect_reals(file, "/model/fill", KEPT, 0, fills);
    expect_reals(file, "/model/clip_low", KEPT, 0, lows);
    expect_reals(file, "/model/quantum", KEPT, 0, quanta);
    expect_reals(file, "/model/missing", KEPT, 0, missing);
    expect_names(file, "/segments/mean", "feature_names", COLUMNS, all_names);
    expect_names(file, "/segments/centroid", "feature_names", KEPT, kept_names);
    expect_names(file, "/model/feature_names", NULL, KEPT, kept_names);
    expect_names(file, "/model/transform", NULL, KEPT, transform_names);
}

static void check_attributes(hid_t file)
{
    struct texts texts = {0};
    bool found = false;
    int64_t whole = 0;
    double real = 0;
    const char *const expected[] = {"gr\xc3\xbc\xc3\x9f"};
    assert_ok(h5_read_text_attribute(file, "words", &texts, &found));
    assert_true(found);
    expect_texts(&texts, 1, expected);
    texts_free(&texts);
    hid_t attribute = H5Aopen(file, "seed", H5P_DEFAULT);
    assert_true(H5Aread(attribute, H5T_NATIVE_INT64, &whole) >= 0);
    h5_close(attribute);
    attribute = H5Aopen(file, "inertia", H5P_DEFAULT);
    assert_true(H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) >= 0);
    h5_close(attribute);
    assert_true(whole == INT64_MAX && real == 0.1);
}

static void content_and_attributes_are_as_given(void **state)
{
    (void)state;
    struct input input;
    const struct preparation preparation = {KEPT, features};
    const struct results_attribute attributes[] = {
        {.name = "words", .text = "gr\xc3\xbc\xc3\x9f"},
        {.name = "seed", .whole = true, .integer = INT64_MAX},
        {.name = "inertia", .real = 0.1},
    };
    write_matrix(path_to("input.h5"), 50, COLUMNS, cell);
    input_open(&input, &world, path_to("input.h5"), -1);
    struct results_content content = {.table = &input.table,
                                      .preparation = &preparation,
                                      .k = K,
                                      .centroid_prepared = centroid,
                                      .size = size,
                                      .mean = mean,
                                      .deviation = deviation,
                                      .median = median,
                                      .restarts = 3,
                                      .restart_inertia = inertia,
                                      .segment_linkage = segment_linkage};
    if (world.rank == 0) {
        struct results_file results;
        assert_ok(results_create(&results, path_to("results.h5")));
        assert_ok(results_write_content(&results, &content, attributes, 3));
        assert_ok(results_close(&results));
        assert_ok(results_close(&results)); /* safe when nothing is open */
        hid_t file = H5Fopen(path_to("results.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
        check_content(file);
        check_attributes(file);
        assert_true(h5_close(file));
    }
    input_close(&input);
}

static void a_place_that_cannot_be_written(void **state)
{
    (void)state;
    struct results_file results;
    assert_failure(results_create(&results, path_to("absent/results.h5")), EXIT_NO_OUTPUT,
                   "absent/results.h5");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(assignments_of_all_ranks_are_in_place),
    cmocka_unit_test(assignments_in_several_pieces),
    cmocka_unit_test(content_and_attributes_are_as_given),
    cmocka_unit_test(a_place_that_cannot_be_written),
};

TESTS_MAIN("results", tests)
