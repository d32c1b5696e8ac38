/* ranks: 1 2 3 7 */
/* Whether two files have the same ids in the same rows, across the types that ids have. */
#include <inttypes.h>

#include "data/ids.h"
#include "files.h"

enum { ROWS = 2500, LONGER = 3100, TEXT_SIZE = 12 };

static double zero(int64_t row, int64_t column)
{
    (void)row;
    (void)column;
    return 0;
}

/* ---- ids by row ---- */

typedef int64_t (*id_value)(int64_t row);

static int64_t count_up(int64_t row)
{
    return row;
}

static int64_t spread(int64_t row)
{
    return row * 37 + 1000;
}

static int64_t signs(int64_t row)
{
    return row * 37 - 1000;
}

static int64_t swapped(int64_t row)
{
    return spread(row == 1040 ? 1041 : row == 1041 ? 1040 : row);
}

/* Rows in the first block, on a border, and the last one. */
static int64_t first_differs(int64_t row)
{
    return row == 0 ? 7 : spread(row);
}

static int64_t border_differs(int64_t row)
{
    return row == BLOCK_ROWS ? 7 : spread(row);
}

static int64_t last_differs(int64_t row)
{
    return row == ROWS - 1 ? 7 : spread(row);
}

static int64_t minus_one(int64_t row)
{
    return row == 1500 ? -1 : row;
}

/* ---- files ---- */

enum form { NOTHING, SIGNED_64, BIG_ENDIAN_32, UNSIGNED_64, ZERO_PADDED, SPACE_PADDED, VARIABLE };

static void put_integers(hid_t file, enum form form, int64_t rows, id_value id)
{
    int64_t *all = NULL;
    assert_ok(memory_new(&all, rows, sizeof *all, "test ids"));
    for (int64_t i = 0; i < rows; i++)
        all[i] = id(i);
    hsize_t count = (hsize_t)rows;
    hid_t type = form == SIGNED_64 ? H5T_STD_I64LE : form == UNSIGNED_64 ? H5T_STD_U64LE : H5T_STD_I32BE;
    /* negative ones go by their bits into an unsigned dataset */
    hid_t memory = form == UNSIGNED_64 ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
    put_dataset(file, "/customer_id", type, H5P_DEFAULT, 1, &count, memory, all);
    free(all);
}

static void put_texts(hid_t file, enum form form, int64_t rows, id_value id)
{
    static char text[LONGER][TEXT_SIZE];
    static const char *pointer[LONGER];
    hid_t type = H5Tcopy(H5T_C_S1);
    hsize_t count = (hsize_t)rows;
    for (int64_t i = 0; i < rows; i++) {
        char all[2 * TEXT_SIZE];
        int length = snprintf(all, sizeof all, "C%" PRId64, id(i));
        assert_true(length < TEXT_SIZE);
        memset(text[i], form == SPACE_PADDED ? ' ' : '\0', TEXT_SIZE);
        memcpy(text[i], all, (size_t)length);
        pointer[i] = text[i];
    }
    if (form == VARIABLE)
        assert_true(H5Tset_size(type, H5T_VARIABLE) >= 0);
    else
        assert_true(H5Tset_size(type, TEXT_SIZE) >= 0 &&
                    H5Tset_strpad(type, form == SPACE_PADDED ? H5T_STR_SPACEPAD : H5T_STR_NULLPAD) >= 0);
    const void *values = form == VARIABLE ? (const void *)pointer : (const void *)text;
    put_dataset(file, "/customer_id", type, H5P_DEFAULT, 1, &count, type, values);
    h5_close(type);
}

static void open_ids(struct input *input, const char *name, enum form form, int64_t rows, id_value id)
{
    if (world.rank == 0) {
        hid_t file = file_new(path_to(name));
        put_matrix(file, "/features", H5T_IEEE_F32LE, H5P_DEFAULT, rows, 1, zero, false);
        if (form >= ZERO_PADDED)
            put_texts(file, form, rows, id);
        else if (form != NOTHING)
            put_integers(file, form, rows, id);
        assert_true(h5_close(file));
    }
    all_wait();
    input_open(input, &world, path_to(name), -1);
}

static bool same(const struct input *a, const int32_t *label_a, const struct input *b, const int32_t *label_b)
{
    struct id_rows one = {&a->source.id, a->table.partition, label_a, NULL};
    struct id_rows other = {&b->source.id, b->table.partition, label_b, NULL};
    bool forwards = false;
    bool backwards = false;
    assert_ok(ids_same(&world, &one, &other, &forwards));
    assert_ok(ids_same(&world, &other, &one, &backwards));
    assert_int_equal(forwards, backwards);
    int64_t least = forwards;
    int64_t most = -(int64_t)forwards;
    assert_ok(comm_min_i64(&world, &least, 1));
    assert_ok(comm_min_i64(&world, &most, 1));
    assert_int_equal(least, -most); /* ranks agree */
    return forwards;
}

static bool compare(enum form form_a, id_value id_a, enum form form_b, int64_t rows_b, id_value id_b)
{
    struct input a;
    struct input b;
    open_ids(&a, "a.h5", form_a, ROWS, id_a);
    open_ids(&b, "b.h5", form_b, rows_b, id_b);
    bool result = same(&a, NULL, &b, NULL);
    input_close(&a);
    input_close(&b);
    return result;
}

/* ---- tests ---- */

static void the_same_ids_are_the_same_whatever_their_type(void **state)
{
    (void)state;
    static const enum form integers[] = {SIGNED_64, BIG_ENDIAN_32, UNSIGNED_64};
    static const enum form texts[] = {ZERO_PADDED, SPACE_PADDED, VARIABLE};
    for (int i = 0; i < 3; i++) {
        for (int j = i; j < 3; j++) {
            assert_true(compare(integers[i], spread, integers[j], ROWS, spread));
            assert_true(compare(texts[i], spread, texts[j], ROWS, spread));
        }
    }
    assert_true(compare(SIGNED_64, signs, BIG_ENDIAN_32, ROWS, signs));
}

static void one_that_differs_is_found(void **state)
{
    (void)state;
    static const id_value others[] = {swapped, first_differs, border_differs, last_differs};
    for (int i = 0; i < 4; i++) {
        assert_false(compare(SIGNED_64, spread, SIGNED_64, ROWS, others[i]));
        assert_false(compare(SIGNED_64, spread, UNSIGNED_64, ROWS, others[i]));
        assert_false(compare(ZERO_PADDED, spread, VARIABLE, ROWS, others[i]));
    }
}

static void as_many_bits_are_not_the_same_number(void **state)
{
    (void)state;
    assert_false(compare(SIGNED_64, minus_one, UNSIGNED_64, ROWS, minus_one)); /* -1 and 2^64 - 1 */
    assert_true(compare(SIGNED_64, minus_one, SIGNED_64, ROWS, minus_one));
    assert_true(compare(UNSIGNED_64, minus_one, UNSIGNED_64, ROWS, minus_one));
}

static void lists_of_other_length_or_kind_differ(void **state)
{
    (void)state;
    assert_false(compare(SIGNED_64, spread, SIGNED_64, LONGER, spread));
    assert_false(compare(VARIABLE, spread, VARIABLE, LONGER, spread));
    assert_false(compare(SIGNED_64, spread, VARIABLE, ROWS, spread));
}

/* Where a file has no ids its row numbers are them, and are written as integers into results. */
static void row_numbers_are_integers(void **state)
{
    (void)state;
    assert_true(compare(NOTHING, NULL, NOTHING, ROWS, NULL));
    assert_false(compare(NOTHING, NULL, NOTHING, LONGER, NULL));
    assert_true(compare(NOTHING, NULL, SIGNED_64, ROWS, count_up));
    assert_true(compare(NOTHING, NULL, UNSIGNED_64, ROWS, count_up));
    assert_false(compare(NOTHING, NULL, SIGNED_64, ROWS, spread));
    assert_false(compare(NOTHING, NULL, SIGNED_64, ROWS, minus_one));
    assert_false(compare(NOTHING, NULL, VARIABLE, ROWS, count_up));
}

/* Rows that take no part are not compared, but it must be the same rows. */
static void rows_left_out_are_passed_over(void **state)
{
    (void)state;
    struct input a;
    struct input b;
    int32_t *left[2] = {NULL, NULL};
    open_ids(&a, "a.h5", SIGNED_64, ROWS, spread);
    open_ids(&b, "b.h5", SIGNED_64, ROWS, last_differs);
    const struct partition *part = &a.table.partition;
    for (int i = 0; i < 2; i++)
        assert_ok(memory_new(&left[i], part->block_count * BLOCK_ROWS, sizeof *left[i], "test labels"));
    for (int64_t i = 0; i < part->row_count; i++) {
        left[0][i] = part->first_row + i == ROWS - 1 ? -1 : 0;
        left[1][i] = part->first_row + i == 1200 ? -1 : 0;
    }
    assert_false(same(&a, NULL, &b, NULL));
    assert_true(same(&a, left[0], &b, left[0]));
    assert_false(same(&a, left[1], &b, left[1]));
    assert_false(same(&a, left[0], &a, left[1]));
    assert_false(same(&a, left[0], &a, NULL));
    free(left[0]);
    free(left[1]);
    input_close(&a);
    input_close(&b);
}

/* Twelve of them. */
static int64_t some_differ(int64_t row)
{
    return spread(row) + (row < 1200 && row % 100 == 0);
}

/* So many that one rank compares them in two rounds: one that differs may be in either. */
static void ids_by_the_million(void **state)
{
    (void)state;
    enum { MANY = 1500000 };
    struct input a;
    struct input b;
    int32_t *label = NULL;
    open_ids(&a, "a.h5", SIGNED_64, MANY, spread);
    open_ids(&b, "b.h5", SIGNED_64, MANY, some_differ);
    const struct partition *part = &a.table.partition;
    assert_ok(memory_new(&label, part->block_count * BLOCK_ROWS, sizeof *label, "test labels"));
    for (int64_t one = 0; one <= 1200; one += 100) {
        for (int64_t i = 0; i < part->row_count; i++) {
            int64_t row = part->first_row + i;
            label[i] = some_differ(row) != spread(row) && row != one ? -1 : 0;
        }
        assert_int_equal(same(&a, label, &b, label), one == 1200); /* there, all that differ are left out */
    }
    free(label);
    input_close(&a);
    input_close(&b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_same_ids_are_the_same_whatever_their_type),
    cmocka_unit_test(one_that_differs_is_found),
    cmocka_unit_test(as_many_bits_are_not_the_same_number),
    cmocka_unit_test(lists_of_other_length_or_kind_differ),
    cmocka_unit_test(row_numbers_are_integers),
    cmocka_unit_test(rows_left_out_are_passed_over),
    cmocka_unit_test(ids_by_the_million),
};

TESTS_MAIN("ids_same", tests)
