/* ranks: 1 2 3 7 */
/* Segmentations are read from results files and from columns of labels, wherever and however they are kept.
 */
#include "label_files.h"

/* ---- results files ---- */

static double own_number(int64_t row, int64_t column)
{
    static const double all[] = {2, 5, 7, 9};
    (void)column;
    return all[row];
}

static int own_place(int64_t row)
{
    static const int turn[] = {3, 0, 2};
    return row % 100 == 99 ? -1 : turn[row % 3];
}

static double without_segment(int64_t row, int64_t column)
{
    (void)row;
    (void)column;
    return -1;
}

static void put_results(hid_t file, bool with_numbers, cell_value segment)
{
    write_integer_ids(file, "/assignments/customer_id", ROWS);
    put_numbers(file, "/assignments/segment", H5T_STD_I32LE, ROWS, segment);
    put_numbers(file, "/assignments/distance", H5T_IEEE_F32LE, ROWS, other_number);
    if (with_numbers)
        put_numbers(file, "/segments/number", H5T_STD_I32LE, 4, own_number);
    put_numbers(file, "/segment", H5T_STD_I8LE, ROWS, other_number); /* is not what is looked for first */
}

static void results_have_segments_that_nobody_is_in(void **state)
{
    (void)state;
    static const int64_t own[] = {2, 5, 7, 9};
    struct labelled labelled;
    hid_t file = begin();
    ON_FIRST(put_results(file, true, number_at));
    assert_ok(labelled_open(&world, &quiet, written(file), &anywhere, &labelled));
    assert_true(labelled.ours);
    assert_false(labelled.has_model);
    check(&labelled, 4, own, NULL, own_place);
    assert_int_equal(labelled.size[1], 0);
    labelled_close(&labelled);
}

static void older_results_have_the_segments_of_their_rows(void **state)
{
    (void)state;
    struct labelled labelled;
    hid_t file = begin();
    ON_FIRST(put_results(file, false, number_at));
    assert_ok(labelled_open(&world, &quiet, written(file), &anywhere, &labelled));
    assert_true(labelled.ours);
    check(&labelled, 3, numbers, NULL, place_at);
    labelled_close(&labelled);
}

/* The model has segments that the file's labels do not, and the other way round where nobody is in them. */
static void labels_become_those_of_the_model(void **state)
{
    (void)state;
    static const int64_t own[] = {1, 2, 7, 8, 9};
    static const int64_t place[] = {4, 1, 2};
    struct labelled labelled;
    hid_t file = begin();
    ON_FIRST(put_results(file, true, number_at);
             put_numbers(file, "/model/number", H5T_STD_I32LE, 4, row_number));
    assert_ok(labelled_open(&world, &quiet, written(file), &anywhere, &labelled));
    assert_true(labelled.has_model);
    assert_failure(labelled_renumber(&labelled, 2, own), EXIT_BAD_DATA,
                   "labels.h5: customers are in segment 7, which its model does not have");
    check(&labelled, 4, (const int64_t[]){2, 5, 7, 9}, NULL, own_place); /* as before */
    assert_ok(labelled_renumber(&labelled, 5, own));
    assert_int_equal(labelled.k, 5);
    for (int64_t h = 0; h < 5; h++)
        assert_int_equal(labelled.number[h], own[h]);
    for (int64_t i = 0; i < labelled.partition.row_count; i++) {
        int64_t row = labelled.partition.first_row + i;
        assert_int_equal(labelled.label[i], row % 100 == 99 ? -1 : place[row % 3]);
    }
    assert_int_equal(labelled.size[0] + labelled.size[3], 0);
    assert_int_equal(labelled.size[1] + labelled.size[2] + labelled.size[4], ROWS - ROWS / 100);
    labelled_close(&labelled);
}

static void results_without_customers_are_refused(void **state)
{
    (void)state;
    hid_t file = begin();
    ON_FIRST(put_results(file, true, without_segment));
    refuse_file(written(file), &anywhere, "labels.h5: no customer has a segment");
}

static double large_number(int64_t row, int64_t column)
{
    return row == 3 ? 0x1p31 : own_number(row, column);
}

static double largest_number(int64_t row, int64_t column)
{
    return row == 3 ? 0x1p31 - 1 : own_number(row, column);
}

static double negative_number(int64_t row, int64_t column)
{
    return row == 0 ? -1 : own_number(row, column);
}

static void own_numbers_are_small_and_not_negative(void **state)
{
    (void)state;
    const cell_value outside[] = {large_number, negative_number};
    const char *const message[] = {"labels.h5: /segments/number holds 2147483648; expected",
                                   "labels.h5: /segments/number holds -1; expected"};
    for (int i = 0; i < 3; i++) {
        hid_t file = begin();
        ON_FIRST(put_results(file, false, number_at); put_numbers(file, "/segments/number", H5T_STD_I64LE, 4,
                                                                  i < 2 ? outside[i] : largest_number));
        const char *path = written(file);
        if (i < 2) {
            refuse_file(path, &anywhere, message[i]);
            continue;
        }
        struct labelled labelled;
        assert_ok(labelled_open(&world, &quiet, path, &anywhere, &labelled));
        assert_int_equal(labelled.k, 5); /* and segment 9 of the rows */
        assert_int_equal(labelled.number[4], INT32_MAX);
        labelled_close(&labelled);
    }
}

/* ---- where labels are ---- */

static void usual_names_at_the_root(void **state)
{
    (void)state;
    static const char *const paths[] = {"/cluster", "/label", "/segment"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct labelled labelled;
        hid_t file = begin();
        ON_FIRST(write_integer_ids(file, "/customer_id", ROWS);
                 put_numbers(file, paths[i], H5T_STD_I16BE, ROWS, number_at));
        assert_ok(labelled_open(&world, &quiet, written(file), &anywhere, &labelled));
        assert_false(labelled.ours);
        check(&labelled, 3, numbers, NULL, place_at);
        labelled_close(&labelled);
    }
}

static void labels_by_name_and_by_path(void **state)
{
    (void)state;
    static const struct label_places places[] = {
        {.label = "tier"},
        {.label = "/tier"},
        {.label = "/study/tier"},
        {.features = "/study", .label = "tier"},
        {.features = "/study"},
        {.label = "/alone/tier"},
        {.label = "/alone/tier", .id = "/study/customer_id"},
    };
    hid_t file = begin();
    ON_FIRST(write_integer_ids(file, "/customer_id", ROWS);
             write_integer_ids(file, "/study/customer_id", ROWS);
             put_numbers(file, "/label", H5T_STD_I8LE, ROWS, other_number);
             put_numbers(file, "/tier", H5T_STD_I8LE, ROWS, number_at);
             put_numbers(file, "/study/tier", H5T_STD_I64LE, ROWS, number_at);
             put_numbers(file, "/study/label", H5T_STD_I64LE, ROWS, number_at);
             put_numbers(file, "/alone/tier", H5T_IEEE_F64BE, ROWS, number_at));
    const char *path = written(file);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        check_file(path, &places[i], 3, numbers, NULL, place_at);
    const struct label_places nowhere[] = {{.label = "/study"}, {.label = "/study/none"}, {.label = "/"}};
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++)
        refuse_file(path, &nowhere[i], "is no dataset in the file");
    refuse_file(path, &(struct label_places){.label = "none"}, "there is no column none");
    refuse_file(path, &(struct label_places){.label = "tier", .id = "/none"}, "/none is no dataset");
}

static void labels_among_columns(void **state)
{
    (void)state;
    hid_t file = begin();
    ON_FIRST(write_integer_ids(file, "/features/customer_id", ROWS);
             put_numbers(file, "/features/orders", H5T_IEEE_F32LE, ROWS, other_number);
             put_numbers(file, "/features/segment", H5T_STD_I32LE, ROWS, number_at));
    check_file(written(file), &anywhere, 3, numbers, NULL, place_at);
    file = begin();
    ON_FIRST(write_integer_ids(file, "/table/columns/customer_id/data", ROWS);
             put_numbers(file, "/table/columns/orders/data", H5T_IEEE_F32LE, ROWS, other_number);
             put_numbers(file, "/table/columns/tier/data", H5T_STD_I32LE, ROWS, number_at));
    const char *path = written(file);
    check_file(path, &(struct label_places){.label = "tier"}, 3, numbers, NULL, place_at);
    check_file(path, &(struct label_places){.label = "/table/columns/tier"}, 3, numbers, NULL, place_at);
    refuse_file(path, &anywhere, "there is no column segment, label or cluster");
}

static double second_number(int64_t row, int64_t column)
{
    return column == 1 ? number_at(row, 0) : other_number(row, column);
}

static void labels_among_the_features_of_a_matrix(void **state)
{
    (void)state;
    static const char *const features[] = {"orders", "cluster", "revenue"};
    hid_t file = begin();
    ON_FIRST(write_integer_ids(file, "/customer_id", ROWS);
             put_matrix(file, "/features", H5T_IEEE_F64LE, H5P_DEFAULT, ROWS, 3, second_number, false);
             put_names(file, "/features", "feature_names", features, 3));
    const char *path = written(file);
    check_file(path, &anywhere, 3, numbers, NULL, place_at);
    check_file(path, &(struct label_places){.label = "cluster"}, 3, numbers, NULL, place_at);
    refuse_file(path, &(struct label_places){.label = "segment"}, "there is no column segment");
}

/* Two blocks: numbers, and the column of text that pandas keeps as Python objects. */
static void put_frame(hid_t file, const char *text, const char *label)
{
    const char *const order[] = {text, "orders", label};
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, H5T_VARIABLE) >= 0);
    put_matrix(file, "/df/block0_values", H5T_IEEE_F64LE, H5P_DEFAULT, ROWS, 2, second_number, false);
    put_dataset(file, "/df/block0_items", type, H5P_DEFAULT, 1, (hsize_t[]){2}, type, order + 1);
    put_dataset(file, "/df/axis0", type, H5P_DEFAULT, 1, (hsize_t[]){3}, type, order);
    write_integer_ids(file, "/df/axis1", ROWS);
    hid_t group = H5Gopen2(file, "/df", H5P_DEFAULT);
    assert_ok(h5_write_text(group, "pandas_type", "frame"));
    h5_close(group);
    h5_close(type);
}

static void labels_in_a_pandas_frame(void **state)
{
    (void)state;
    hid_t file = begin();
    ON_FIRST(put_frame(file, "country", "segment"));
    const char *path = written(file);
    check_file(path, &anywhere, 3, numbers, NULL, place_at);
    check_file(path, &(struct label_places){.features = "/df", .label = "segment"}, 3, numbers, NULL,
               place_at);
    refuse_file(path, &(struct label_places){.label = "country"}, "country holds text in a form that only");
    file = begin();
    ON_FIRST(put_frame(file, "segment", "revenue"));
    refuse_file(written(file), &anywhere, "segment holds text in a form that only Python can read");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(results_have_segments_that_nobody_is_in),
    cmocka_unit_test(older_results_have_the_segments_of_their_rows),
    cmocka_unit_test(labels_become_those_of_the_model),
    cmocka_unit_test(results_without_customers_are_refused),
    cmocka_unit_test(own_numbers_are_small_and_not_negative),
    cmocka_unit_test(usual_names_at_the_root),
    cmocka_unit_test(labels_by_name_and_by_path),
    cmocka_unit_test(labels_among_columns),
    cmocka_unit_test(labels_among_the_features_of_a_matrix),
    cmocka_unit_test(labels_in_a_pandas_frame),
};

TESTS_MAIN("labelled", tests)
