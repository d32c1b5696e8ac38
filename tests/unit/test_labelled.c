/* ranks: 1 2 3 7 */
/* Segmentations are read from results files and from columns of labels, wherever and however they are kept.
 */
#include <inttypes.h>

#include "data/label_set.h"
#include "data/labelled.h"
#include "files.h"

enum { ROWS = 2500, TEXT_SIZE = 12 };

typedef const char *(*text_value)(int64_t row);

/* ---- files ---- */

static void put_numbers(hid_t file, const char *path, hid_t type, int64_t rows, cell_value value)
{
    double *number = all_cells(value, rows, 1, false);
    put_dataset(file, path, type, H5P_DEFAULT, 1, (hsize_t[]){(hsize_t)rows}, H5T_NATIVE_DOUBLE, number);
    free(number);
}

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

/* Local: rank 0 writes, others wait in written. */
static hid_t begin(void)
{
    return world.rank == 0 ? file_new(path_to("labels.h5")) : H5I_INVALID_HID;
}

static const char *written(hid_t file)
{
    assert_true(h5_close(file));
    all_wait();
    return path_to("labels.h5");
}

/* Writes where only rank 0 does. */
#define ON_FIRST(...)                                                                                        \
    do {                                                                                                     \
        if (world.rank == 0) {                                                                               \
            __VA_ARGS__;                                                                                     \
        }                                                                                                    \
    } while (0)

/* ---- what is expected ---- */

static const struct label_places anywhere = {0};

/* The file's segmentation: numbers (or names) in order, and the label of each row. */
static void check(struct labelled *labelled, int64_t k, const int64_t *number, const char *const *name,
                  int (*label)(int64_t row))
{
    const struct partition *part = &labelled->partition;
    int64_t size[16] = {0};
    int64_t left_out = 0;
    assert_int_equal(part->rows, ROWS);
    assert_int_equal(part->first_row, partition_of(ROWS, world.rank, world.size).first_row);
    assert_int_equal(labelled->k, k);
    for (int64_t row = 0; row < ROWS; row++) {
        if (label(row) < 0)
            left_out++;
        else
            size[label(row)]++;
        if (row >= part->first_row && row < part->first_row + part->row_count)
            assert_int_equal(labelled->label[row - part->first_row], label(row));
    }
    for (int64_t h = 0; h < k; h++) {
        assert_int_equal(labelled->number[h], number ? number[h] : h);
        assert_int_equal(labelled->size[h], size[h]);
        if (name)
            assert_string_equal(labelled->name[h], name[h]);
    }
    assert_true(name || !labelled->name);
    assert_int_equal(labelled->left_out, left_out);
    for (int64_t i = part->row_count; i < part->block_count * BLOCK_ROWS; i++)
        assert_int_equal(labelled->label[i], -1);
}

static void check_file(const char *path, const struct label_places *places, int64_t k, const int64_t *number,
                       const char *const *name, int (*label)(int64_t row))
{
    struct labelled labelled;
    assert_ok(labelled_open(&world, &quiet, path, places, &labelled));
    check(&labelled, k, number, name, label);
    assert_true(labelled.source.id.kind == ID_INTEGER);
    labelled_close(&labelled);
}

static void refuse_file(const char *path, const struct label_places *places, const char *message)
{
    struct labelled labelled;
    assert_failure(labelled_open(&world, &quiet, path, places, &labelled), EXIT_BAD_DATA, message);
    labelled_close(&labelled);
}

/* ---- labels ---- */

static const int64_t numbers[] = {2, 7, 9};

/* 9, 2, 7 in turn, the first one first on no rank but the first; every hundredth without a segment. */
static double number_at(int64_t row, int64_t column)
{
    static const double turn[] = {9, 2, 7};
    (void)column;
    return row % 100 == 99 ? -1 : turn[row % 3];
}

static int place_at(int64_t row)
{
    static const int turn[] = {2, 0, 1};
    return row % 100 == 99 ? -1 : turn[row % 3];
}

static const char *text_at(int64_t row)
{
    static const char *const turn[] = {"silver", "gold", "goldish"};
    return row % 100 == 99 ? "" : turn[row % 3];
}

static const char *const names[] = {"gold", "goldish", "silver"};

static double other_number(int64_t row, int64_t column)
{
    return (double)(row % 2 + column);
}

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

static double model_number(int64_t row, int64_t column)
{
    (void)column;
    return (double)row;
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
             put_numbers(file, "/model/number", H5T_STD_I32LE, 4, model_number));
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

static double row_number(int64_t row, int64_t column)
{
    (void)column;
    return (double)row;
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
    cmocka_unit_test(labels_of_text),
    cmocka_unit_test(texts_do_not_become_numbers),
    cmocka_unit_test(texts_that_look_alike_are_refused),
    cmocka_unit_test(floats_are_labels_where_they_are_whole),
    cmocka_unit_test(numbers_that_no_double_tells_apart_are_refused),
    cmocka_unit_test(there_can_be_too_many_labels),
    cmocka_unit_test(files_without_ids_or_labels_are_refused),
    cmocka_unit_test(labels_have_one_dimension_and_a_simple_type),
};

TESTS_MAIN("labelled", tests)
