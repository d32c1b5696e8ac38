/* ranks: 1 2 3 7 */
/* Repeated customer ids of every type are found wherever they lie; ids are copied with their type and bytes.
 */
#include <inttypes.h>

#include "data/ids.h"
#include "files.h"

enum { ROWS = 2500, TEXT_SIZE = 12 };
enum { ALSO_5 = 2400, ALSO_7 = 1500, ALSO_7_TOO = 2100 }; /* rows that repeat the ids of rows 5 and 7 */

static double zero(int64_t row, int64_t column)
{
    (void)column;
    return (double)row;
}

/* The number behind the id of a row: repeats share it. */
static int64_t number_of(int64_t row, bool repeats)
{
    if (repeats)
        row = row == ALSO_5 ? 5 : row == ALSO_7 || row == ALSO_7_TOO ? 7 : row;
    return row * 37 - 1000;
}

/* Writes the matrix and then ids by a callback on rank 0; opens it on all ranks. */
typedef void (*ids_writer)(hid_t file, bool repeats);

static void write_i64(hid_t file, bool repeats)
{
    static int64_t id[ROWS];
    for (int64_t i = 0; i < ROWS; i++)
        id[i] = number_of(i, repeats);
    put_dataset(file, "/customer_id", H5T_STD_I64LE, H5P_DEFAULT, 1, (hsize_t[]){ROWS}, H5T_NATIVE_INT64, id);
}

static void write_i32_big_endian(hid_t file, bool repeats)
{
    static int64_t id[ROWS];
    for (int64_t i = 0; i < ROWS; i++)
        id[i] = number_of(i, repeats);
    put_dataset(file, "/customer_id", H5T_STD_I32BE, H5P_DEFAULT, 1, (hsize_t[]){ROWS}, H5T_NATIVE_INT64, id);
}

/* All above 2^63: as signed numbers they would be negative, as doubles many would be equal. */
static void write_u64(hid_t file, bool repeats)
{
    static uint64_t id[ROWS];
    for (int64_t i = 0; i < ROWS; i++)
        id[i] = UINT64_C(18000000000000000000) + (uint64_t)number_of(i, repeats);
    put_dataset(file, "/customer_id", H5T_STD_U64LE, H5P_DEFAULT, 1, (hsize_t[]){ROWS}, H5T_NATIVE_UINT64,
                id);
}

static void text_of(int64_t row, bool repeats, char *text, size_t size)
{
    snprintf(text, size, "C%" PRId64, number_of(row, repeats));
}

static void write_fixed(hid_t file, bool repeats, H5T_str_t padding, char fill)
{
    static char id[ROWS * TEXT_SIZE];
    for (int64_t i = 0; i < ROWS; i++) {
        char text[2 * TEXT_SIZE];
        text_of(i, repeats, text, sizeof text);
        memset(id + i * TEXT_SIZE, fill, TEXT_SIZE);
        memcpy(id + i * TEXT_SIZE, text, strlen(text));
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, TEXT_SIZE) >= 0 && H5Tset_strpad(type, padding) >= 0);
    put_dataset(file, "/customer_id", type, H5P_DEFAULT, 1, (hsize_t[]){ROWS}, type, id);
    h5_close(type);
}

static void write_zero_padded(hid_t file, bool repeats)
{
    write_fixed(file, repeats, H5T_STR_NULLPAD, '\0');
}

static void write_space_padded(hid_t file, bool repeats)
{
    write_fixed(file, repeats, H5T_STR_SPACEPAD, ' ');
}

static void write_variable(hid_t file, bool repeats)
{
    static char memory[ROWS][2 * TEXT_SIZE];
    static const char *id[ROWS];
    for (int64_t i = 0; i < ROWS; i++) {
        text_of(i, repeats, memory[i], sizeof memory[i]);
        id[i] = memory[i];
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0);
    put_dataset(file, "/customer_id", type, H5P_DEFAULT, 1, (hsize_t[]){ROWS}, type, id);
    h5_close(type);
}

static void write_nothing(hid_t file, bool repeats)
{
    (void)file;
    (void)repeats;
}

static void open_ids(struct input *input, ids_writer write, bool repeats)
{
    const char *path = path_to("ids.h5");
    all_wait();
    if (world.rank == 0) {
        hid_t file = file_new(path);
        put_matrix(file, "/features", H5T_IEEE_F32LE, H5P_DEFAULT, ROWS, 1, zero, false);
        write(file, repeats);
        assert_true(h5_close(file));
    }
    all_wait();
    input_open(input, &world, path, -1);
}

struct form {
    ids_writer write;
    enum id_kind kind;
    const char *text_5; /* how the id of row 5 reads */
};

static const struct form forms[] = {
    {write_i64, ID_INTEGER, "-815 (rows 5 and 2400)"},
    {write_i32_big_endian, ID_INTEGER, "-815 (rows 5 and 2400)"},
    {write_u64, ID_INTEGER, "17999999999999999185 (rows 5 and 2400)"},
    {write_zero_padded, ID_FIXED_TEXT, "C-815 (rows 5 and 2400)"},
    {write_space_padded, ID_FIXED_TEXT, "C-815 (rows 5 and 2400)"},
    {write_variable, ID_VARIABLE_TEXT, "C-815 (rows 5 and 2400)"},
};
enum { FORMS = sizeof forms / sizeof forms[0] };

static void distinct_ids_are_no_repeats(void **state)
{
    (void)state;
    for (int f = 0; f < FORMS; f++) {
        struct input input;
        int64_t left_out = -1;
        open_ids(&input, forms[f].write, false);
        assert_int_equal(input.source.id.kind, forms[f].kind);
        assert_ok(ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out));
        assert_int_equal(left_out, 0);
        assert_ok(ids_check(&input.table, DUPLICATES_FIRST, 0, &left_out));
        assert_int_equal(left_out, 0);
        input_close(&input);
    }
}

static void a_repeat_is_an_error_that_names_ids_and_rows(void **state)
{
    (void)state;
    for (int f = 0; f < FORMS; f++) {
        struct input input;
        int64_t left_out = -1;
        open_ids(&input, forms[f].write, true);
        assert_failure(ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out), EXIT_BAD_DATA,
                       forms[f].text_5);
        assert_failure(ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out), EXIT_BAD_DATA,
                       "(rows 7 and 2100)");
        input_close(&input);
    }
}

static void only_the_first_row_of_an_id_stays(void **state)
{
    (void)state;
    for (int f = 0; f < FORMS; f++) {
        struct input input;
        int64_t left_out = -1;
        int64_t customers = 0;
        open_ids(&input, forms[f].write, true);
        assert_ok(ids_check(&input.table, DUPLICATES_FIRST, 0, &left_out));
        assert_int_equal(left_out, 3);
        for (int64_t i = 0; i < input.table.partition.row_count; i++) {
            int64_t row = input.table.partition.first_row + i;
            bool out = input.table.left_out[i / TILE_ROWS] >> (i % TILE_ROWS) & 1;
            assert_int_equal(out, row == ALSO_5 || row == ALSO_7 || row == ALSO_7_TOO);
        }
        assert_ok(table_count(&input.table, &customers));
        assert_int_equal(customers, ROWS - 3);
        input_close(&input);
    }
}

static void repeats_may_be_allowed(void **state)
{
    (void)state;
    struct input input;
    int64_t left_out = -1;
    int64_t customers = 0;
    open_ids(&input, write_variable, true);
    assert_ok(ids_check(&input.table, DUPLICATES_ALLOW, 0, &left_out));
    assert_int_equal(left_out, 0);
    assert_ok(table_count(&input.table, &customers));
    assert_int_equal(customers, ROWS);
    input_close(&input);
}

static void write_one_for_all(hid_t file, bool repeats)
{
    static int64_t id[ROWS];
    (void)repeats;
    put_dataset(file, "/customer_id", H5T_STD_I64LE, H5P_DEFAULT, 1, (hsize_t[]){ROWS}, H5T_NATIVE_INT64, id);
}

static void many_repeats_are_counted_and_a_few_are_named(void **state)
{
    (void)state;
    struct input input;
    int64_t left_out = -1;
    open_ids(&input, write_one_for_all, true);
    assert_failure(ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out), EXIT_BAD_DATA, "2499");
    assert_failure(
        ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out), EXIT_BAD_DATA,
        "0 (rows 0 and 1), 0 (rows 0 and 2), 0 (rows 0 and 3), 0 (rows 0 and 4), 0 (rows 0 and 5) ...");
    assert_ok(ids_check(&input.table, DUPLICATES_FIRST, 0, &left_out));
    assert_int_equal(left_out, ROWS - 1);
    input_close(&input);
}

/* So many that one rank exchanges them in two rounds. */
static void ids_by_the_million(void **state)
{
    (void)state;
    enum { MANY = 1500000, REPEATS = 5 };
    struct input input;
    int64_t left_out = -1;
    int64_t marked = 0;
    all_wait();
    if (world.rank == 0) {
        int64_t *id = NULL;
        assert_ok(memory_new(&id, MANY, sizeof *id, "test ids"));
        for (int64_t i = 0; i < MANY; i++)
            id[i] = (i * 7919 + 13) % MANY; /* 7919 is prime and no factor of MANY: all differ */
        for (int64_t i = 0; i < REPEATS; i++)
            id[MANY - 1 - i * 100000] = id[i * 1000];
        hid_t file = file_new(path_to("many.h5"));
        put_matrix(file, "/features", H5T_IEEE_F32LE, H5P_DEFAULT, MANY, 1, zero, false);
        put_dataset(file, "/customer_id", H5T_STD_I64LE, H5P_DEFAULT, 1, (hsize_t[]){MANY}, H5T_NATIVE_INT64,
                    id);
        assert_true(h5_close(file));
        free(id);
    }
    all_wait();
    input_open(&input, &world, path_to("many.h5"), -1);
    assert_failure(ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out), EXIT_BAD_DATA,
                   "5 customer ids are repeated: ");
    assert_failure(ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out), EXIT_BAD_DATA,
                   "(rows 4000 and 1099999)");
    assert_ok(ids_check(&input.table, DUPLICATES_FIRST, 0, &left_out));
    assert_int_equal(left_out, REPEATS);
    for (int64_t i = 0; i < input.table.partition.row_count; i++) {
        int64_t row = input.table.partition.first_row + i;
        if (!table_is_left_out(input.table.left_out, (int)i))
            continue;
        assert_true((MANY - 1 - row) % 100000 == 0 && row > MANY - 1 - REPEATS * 100000);
        marked++;
    }
    assert_ok(comm_sum_i64(&world, &marked, 1));
    assert_int_equal(marked, REPEATS);
    input_close(&input);
}

static void write_near_misses(hid_t file, bool repeats)
{
    static const char *odd[] = {"",    "1", "01", "001", "1.0",      "ab",
                                "abc", "a", "A",  " a",  "\xc3\xa4", "\xc3\xb6"};
    static char memory[ROWS][2 * TEXT_SIZE];
    static const char *id[ROWS];
    for (int64_t i = 0; i < ROWS; i++) {
        text_of(i, repeats, memory[i], sizeof memory[i]);
        id[i] = i < 12 ? odd[i] : memory[i];
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, H5T_VARIABLE) >= 0);
    put_dataset(file, "/customer_id", type, H5P_DEFAULT, 1, (hsize_t[]){ROWS}, type, id);
    h5_close(type);
}

static void ids_that_nearly_agree_differ(void **state)
{
    (void)state;
    struct input input;
    int64_t left_out = -1;
    open_ids(&input, write_near_misses, false);
    assert_ok(ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out));
    input_close(&input);
}

static void compare_texts(hid_t a, hid_t b, hid_t type)
{
    static char *x[ROWS];
    static char *y[ROWS];
    hid_t space = H5Dget_space(a);
    assert_true(H5Dread(a, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    assert_true(H5Dread(b, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, y) >= 0);
    for (int64_t i = 0; i < ROWS; i++)
        assert_string_equal(x[i], y[i]);
    assert_true(H5Dvlen_reclaim(type, space, H5P_DEFAULT, x) >= 0);
    assert_true(H5Dvlen_reclaim(type, space, H5P_DEFAULT, y) >= 0);
    h5_close(space);
}

/* Read in the file's own type, so that nothing is converted: the bytes must agree. */
static void compare_datasets(hid_t a, hid_t b)
{
    static char x[ROWS * TEXT_SIZE];
    static char y[ROWS * TEXT_SIZE];
    hid_t type = H5Dget_type(a);
    hid_t other = H5Dget_type(b);
    assert_true(H5Tequal(type, other) > 0);
    if (H5Tis_variable_str(type) > 0) {
        compare_texts(a, b, type);
    } else {
        assert_true(H5Dread(a, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
        assert_true(H5Dread(b, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, y) >= 0);
        assert_memory_equal(x, y, ROWS * H5Tget_size(type));
    }
    h5_close(type);
    h5_close(other);
}

static void copies_keep_type_and_bytes(void **state)
{
    (void)state;
    for (int f = 0; f < FORMS; f++) {
        struct input input;
        open_ids(&input, forms[f].write, true);
        if (world.rank == 0) {
            hid_t output = file_new(path_to("copy.h5"));
            assert_ok(ids_copy(&input.source, output, "/assignments/customer_id"));
            hid_t copy = H5Dopen2(output, "/assignments/customer_id", H5P_DEFAULT);
            compare_datasets(input.source.id.dataset, copy);
            h5_close(copy);
            assert_true(h5_close(output));
        }
        input_close(&input);
    }
}

static void without_ids_rows_are_numbered(void **state)
{
    (void)state;
    struct input input;
    int64_t left_out = -1;
    open_ids(&input, write_nothing, true);
    assert_int_equal(input.source.id.kind, ID_ROW_NUMBER);
    assert_ok(ids_check(&input.table, DUPLICATES_ERROR, 0, &left_out));
    if (world.rank == 0) {
        static int64_t number[ROWS];
        hid_t output = file_new(path_to("copy.h5"));
        assert_ok(ids_copy(&input.source, output, "/customer_id"));
        hid_t copy = H5Dopen2(output, "/customer_id", H5P_DEFAULT);
        assert_true(H5Dread(copy, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, number) >= 0);
        for (int64_t i = 0; i < ROWS; i++)
            assert_int_equal(number[i], i);
        h5_close(copy);
        assert_true(h5_close(output));
    }
    input_close(&input);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(distinct_ids_are_no_repeats),
    cmocka_unit_test(a_repeat_is_an_error_that_names_ids_and_rows),
    cmocka_unit_test(only_the_first_row_of_an_id_stays),
    cmocka_unit_test(repeats_may_be_allowed),
    cmocka_unit_test(many_repeats_are_counted_and_a_few_are_named),
    cmocka_unit_test(ids_by_the_million),
    cmocka_unit_test(ids_that_nearly_agree_differ),
    cmocka_unit_test(copies_keep_type_and_bytes),
    cmocka_unit_test(without_ids_rows_are_numbered),
};

TESTS_MAIN("ids", tests)
