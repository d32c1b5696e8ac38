/* ranks: 1 2 3 7 */
/* Labels are texts or whole numbers, and not too many; what cannot be a segmentation is refused. */
#include "data/label_set.h"
#include "label_files.h"

enum { TEXT_SIZE = 12 };

typedef const char *(*text_value)(int64_t row);

/* ---- texts ---- */

/* Of fixed length, or of variable length with a NULL for each empty one. */
static void put_texts(hid_t file, const char *path, bool variable, int64_t rows, text_value value)
{
    static char fixed[ROWS * TEXT_SIZE];
    static const char *text[ROWS];
    memset(fixed, '\0', sizeof fixed);
    for (int64_t row = 0; row < rows; row++) {
        text[row] = value(row)[0] ? value(row) : NULL;
        memcpy(fixed + row * TEXT_SIZE, value(row), strlen(value(row)));
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, variable ? H5T_VARIABLE : TEXT_SIZE) >= 0);
    assert_true(H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0);
    put_dataset(file, path, type, H5P_DEFAULT, 1, (hsize_t[]){(hsize_t)rows}, type,
                variable ? (const void *)text : fixed);
    h5_close(type);
}

static const char *text_at(int64_t row)
{
    static const char *const turn[] = {"silver", "gold", "goldish"};
    return row % 100 == 99 ? "" : turn[row % 3];
}

static const char *const names[] = {"gold", "goldish", "silver"};

/* ---- what labels are ---- */

static void labels_of_text(void **state)
{
    (void)state;
    for (int variable = 0; variable < 2; variable++) {
        hid_t file = begin();
        ON_FIRST(write_integer_ids(file, "/customer_id", ROWS);
                 put_texts(file, "/segment", variable, ROWS, text_at));
        check_file(written(file), &anywhere, 3, NULL, names, place_at);
    }
}

/* A model has numbers, and none of them is a label of text, whatever its place is. */
static void texts_do_not_become_numbers(void **state)
{
    (void)state;
    static const int64_t own[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct labelled labelled;
    hid_t file = begin();
    ON_FIRST(write_integer_ids(file, "/customer_id", ROWS); put_texts(file, "/segment", true, ROWS, text_at));
    assert_ok(labelled_open(&world, &quiet, written(file), &anywhere, &labelled));
    assert_failure(labelled_renumber(&labelled, 8, own), EXIT_BAD_DATA,
                   "labels.h5: its labels are text and no numbers of segments");
    check(&labelled, 3, NULL, names, place_at);
    labelled_close(&labelled);
}

static const char *tabbed_at(int64_t row)
{
    static const char *const turn[] = {"one\ttwo", "gold", "one two"};
    return turn[row % 3];
}

static const char *encoded_at(int64_t row)
{
    static const char *const turn[] = {"\xc3\xa4", "gold", "\xe4"};
    return turn[row % 3];
}

/* As they are shown: control characters are blanks then, and all is UTF-8. */
static void texts_that_look_alike_are_refused(void **state)
{
    (void)state;
    const text_value values[] = {tabbed_at, encoded_at};
    const char *const shown[] = {"(expected: UTF-8): one two", "(expected: UTF-8): \xc3\xa4"};
    for (int i = 0; i < 2; i++) {
        hid_t file = begin();
        ON_FIRST(write_integer_ids(file, "/customer_id", ROWS);
                 put_texts(file, "/segment", true, ROWS, values[i]));
        refuse_file(written(file), &anywhere, shown[i]);
    }
}

static double float_number(int64_t row, int64_t column)
{
    if (row % 100 != 99)
        return number_at(row, column);
    return row % 200 == 99 ? (double)NAN : -0.5;
}

static double broken_number(int64_t row, int64_t column)
{
    return row == ROWS - 1 ? 2.5 : row == 3 ? -1 : number_at(row, column);
}

static double infinite_number(int64_t row, int64_t column)
{
    return row == 1100 ? (double)INFINITY : number_at(row, column);
}

static void floats_are_labels_where_they_are_whole(void **state)
{
    (void)state;
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64BE};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        hid_t file = begin();
        ON_FIRST(write_integer_ids(file, "/customer_id", ROWS);
                 put_numbers(file, "/segment", types[i], ROWS, float_number);
                 put_numbers(file, "/broken", types[i], ROWS, broken_number);
                 put_numbers(file, "/infinite", types[i], ROWS, infinite_number));
        const char *path = written(file);
        check_file(path, &anywhere, 3, numbers, NULL, place_at);
        refuse_file(path, &(struct label_places){.label = "broken"},
                    "labels.h5: the label in row 2499 is 2.5, no whole number");
        refuse_file(path, &(struct label_places){.label = "infinite"}, "the label in row 1100 is inf, no");
    }
}

/* 2^53 and the number after it are one double: as labels they would become one. */
static void numbers_that_no_double_tells_apart_are_refused(void **state)
{
    (void)state;
    static int64_t number[ROWS];
    const int64_t large = INT64_C(1) << 53;
    for (int above = 0; above < 2; above++) {
        for (int64_t row = 0; row < ROWS; row++)
            number[row] = row == 7 ? large - 1 + 2 * above : 0;
        hid_t file = begin();
        ON_FIRST(write_integer_ids(file, "/customer_id", ROWS);
                 put_dataset(file, "/segment", H5T_STD_I64LE, H5P_DEFAULT, 1, (hsize_t[]){ROWS},
                             H5T_NATIVE_INT64, number));
        struct labelled labelled;
        status_t status = labelled_open(&world, &quiet, written(file), &anywhere, &labelled);
        if (above) {
            assert_failure(status, EXIT_BAD_DATA, "the label in row 7 is 9.0072e+15, no whole number below");
        } else {
            assert_ok(status);
            assert_int_equal(labelled.k, 2);
            assert_true(labelled.number[1] == large - 1);
            assert_int_equal(labelled.size[1], 1);
        }
        labelled_close(&labelled);
    }
}

static void there_can_be_too_many_labels(void **state)
{
    (void)state;
    for (int64_t rows = LABEL_SET_MOST; rows <= LABEL_SET_MOST + 1; rows++) {
        hid_t file = begin();
        ON_FIRST(put_numbers(file, "/customer_id", H5T_STD_I32LE, rows, row_number);
                 put_numbers(file, "/segment", H5T_STD_I32LE, rows, row_number));
        const char *path = written(file);
        struct labelled labelled;
        if (rows > LABEL_SET_MOST) {
            refuse_file(path, &anywhere, "labels.h5: there are more than 65536 different labels");
            continue;
        }
        assert_ok(labelled_open(&world, &quiet, path, &anywhere, &labelled));
        assert_int_equal(labelled.k, LABEL_SET_MOST);
        assert_int_equal(labelled.number[LABEL_SET_MOST - 1], LABEL_SET_MOST - 1);
        labelled_close(&labelled);
    }
}

/* ---- files that are none ---- */

static void files_without_ids_or_labels_are_refused(void **state)
{
    (void)state;
    hid_t file = begin();
    ON_FIRST(put_numbers(file, "/segment", H5T_STD_I32LE, ROWS, number_at));
    refuse_file(written(file), &anywhere, "labels.h5: there are no customer ids beside the labels");
    file = begin();
    ON_FIRST(write_integer_ids(file, "/customer_id", ROWS));
    refuse_file(written(file), &anywhere, "labels.h5: there is no column segment, label or cluster");
    file = begin();
    ON_FIRST(write_integer_ids(file, "/customer_id", ROWS - 1);
             put_numbers(file, "/segment", H5T_STD_I32LE, ROWS, number_at);
             put_texts(file, "/label", true, ROWS, text_at));
    const char *path = written(file);
    refuse_file(path, &anywhere, "/customer_id has 2499 entries; expected");
    refuse_file(path, &(struct label_places){.label = "label"}, "/customer_id has 2499 entries; expected");
    file = begin();
    ON_FIRST(write_integer_ids(file, "/customer_id", 0);
             put_numbers(file, "/segment", H5T_STD_I8LE, 0, NULL));
    refuse_file(written(file), &anywhere, "labels.h5: 0 rows; expected 1 to 2^40");
}

static void labels_have_one_dimension_and_a_simple_type(void **state)
{
    (void)state;
    static const char text[ROWS * 2];
    hid_t pair = H5Tcreate(H5T_COMPOUND, 2);
    hid_t single = H5Tcopy(H5T_C_S1);
    assert_true(H5Tinsert(pair, "a", 0, H5T_NATIVE_INT8) >= 0 &&
                H5Tinsert(pair, "b", 1, H5T_NATIVE_INT8) >= 0);
    hid_t file = begin();
    ON_FIRST(write_integer_ids(file, "/customer_id", ROWS);
             put_matrix(file, "/wide", H5T_STD_I8LE, H5P_DEFAULT, ROWS, 2, other_number, false);
             put_dataset(file, "/texts", single, H5P_DEFAULT, 2, (hsize_t[]){ROWS, 2}, single, text);
             put_dataset(file, "/pairs", pair, H5P_DEFAULT, 1, (hsize_t[]){ROWS}, pair, text));
    const char *path = written(file);
    refuse_file(path, &(struct label_places){.label = "wide"}, "/wide has 2 dimensions; a column has one");
    refuse_file(path, &(struct label_places){.label = "texts"},
                "/texts is no column of whole numbers or text");
    refuse_file(path, &(struct label_places){.label = "pairs"},
                "/pairs is no column of whole numbers or text");
    h5_close(pair);
    h5_close(single);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(labels_of_text),
    cmocka_unit_test(texts_do_not_become_numbers),
    cmocka_unit_test(texts_that_look_alike_are_refused),
    cmocka_unit_test(floats_are_labels_where_they_are_whole),
    cmocka_unit_test(numbers_that_no_double_tells_apart_are_refused),
    cmocka_unit_test(there_can_be_too_many_labels),
    cmocka_unit_test(files_without_ids_or_labels_are_refused),
    cmocka_unit_test(labels_have_one_dimension_and_a_simple_type),
};

TESTS_MAIN("labelled_values", tests)
