/* ranks: 1 2 3 7 */
/* Every form of input is recognised and reads as the same numbers; what is declared missing is missing. */
#include <math.h>

#include "files.h"

enum { ROWS = 2600, COLUMNS = 5 };

/* Fits every type down to int8, distinct in each row and column as far as that allows. */
static double small(int64_t row, int64_t column)
{
    return (double)((row * 31 + column * 17 + row / 1024 * 5) % 120);
}

static double fractions(int64_t row, int64_t column)
{
    return (double)row * 0.25 - (double)column * 1024.0;
}

/* ---- other forms ---- */

static const char *const names[] = {"recency", "orders", "revenue", "age", "visits"};

/* As R and MATLAB write: the file shows columns x rows. */
static void a_transposed_matrix(void **state)
{
    (void)state;
    const int64_t chunks[][2] = {{0, 0}, {2, 700}, {5, 1024}, {1, 2600}};
    for (int s = 0; s < 4; s++) {
        struct input input;
        const char *path = path_to("transposed.h5");
        all_wait();
        if (world.rank == 0) {
            hid_t file = file_new(path);
            hid_t creation = chunked(chunks[s][0], chunks[s][1]);
            put_matrix(file, "/features", H5T_IEEE_F64LE, creation, ROWS, COLUMNS, fractions, true);
            put_names(file, "/features", "feature_names", names, COLUMNS);
            if (s % 2)
                write_integer_ids(file, "/customer_id", ROWS);
            h5_close(creation);
            assert_true(h5_close(file));
        }
        all_wait();
        input_open(&input, &world, path, -1);
        assert_int_equal(input.source.rows, ROWS);
        assert_string_equal(table_name(&input.table, 4), "visits");
        check_walk(&input, fractions, NULL);
        input_close(&input);
    }
}

static void put_column(hid_t file, const char *name, hid_t type, int64_t column, int64_t rows)
{
    static double value[10 * BLOCK_ROWS];
    for (int64_t i = 0; i < rows; i++)
        value[i] = small(i, column);
    hsize_t count = (hsize_t)rows;
    put_dataset(file, name, type, H5P_DEFAULT, 1, &count, H5T_NATIVE_DOUBLE, value);
}

static void put_text_column(hid_t file, const char *name, int64_t rows)
{
    static char text[10 * BLOCK_ROWS];
    hid_t type = H5Tcopy(H5T_C_S1);
    hsize_t count = (hsize_t)rows;
    memset(text, 'x', sizeof text);
    put_dataset(file, name, type, H5P_DEFAULT, 1, &count, type, text);
    h5_close(type);
}

/* As h5py and PyTables store booleans. */
static void put_flags(hid_t file, const char *name, int64_t column, int64_t rows)
{
    static signed char value[10 * BLOCK_ROWS];
    for (int64_t i = 0; i < rows; i++)
        value[i] = small(i, column) >= 60;
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    signed char member = 0;
    assert_true(H5Tenum_insert(type, "FALSE", &member) >= 0);
    member = 1;
    assert_true(H5Tenum_insert(type, "TRUE", &member) >= 0);
    hsize_t count = (hsize_t)rows;
    put_dataset(file, name, type, H5P_DEFAULT, 1, &count, type, value);
    h5_close(type);
}

static double with_flags(int64_t row, int64_t column)
{
    return column == 3 ? (double)(small(row, column) >= 60) : small(row, column);
}

/* One dataset a column, or Vaex's group with a dataset `data`; columns in the order of their names. */
static void check_columns(const char *group, const char *inner, const char *id)
{
    static const char *const columns[] = {"a", "b", "c", "d_flag"};
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_STD_U16LE, H5T_IEEE_F64BE};
    struct input input;
    char name[64];
    all_wait();
    if (world.rank == 0) {
        hid_t file = file_new(path_to("columns.h5"));
        for (int c = 0; c < 3; c++) {
            snprintf(name, sizeof name, "%s/%s%s", group, columns[c], inner);
            put_column(file, name, types[c], c, ROWS);
        }
        snprintf(name, sizeof name, "%s/%s%s", group, columns[3], inner);
        put_flags(file, name, 3, ROWS);
        snprintf(name, sizeof name, "%s/city%s", group, inner);
        put_text_column(file, name, ROWS);
        write_integer_ids(file, id, ROWS);
        assert_true(h5_close(file));
    }
    all_wait();
    input_open(&input, &world, path_to("columns.h5"), -1);
    assert_string_equal(input.source.form, "columns");
    assert_int_equal(input.table.columns, 4);
    assert_int_equal(input.source.id.kind, ID_INTEGER);
    assert_string_equal(input.source.id.path, id);
    assert_true(source_passed_over(&input.source, "city"));
    assert_int_equal(source_find(&input.source, "c"), 2);
    assert_int_equal(source_find(&input.source, "customer_id"), -1);
    check_walk(&input, with_flags, NULL);
    input_close(&input);
}

static void a_dataset_for_each_column(void **state)
{
    (void)state;
    check_columns("/features", "", "/features/customer_id");
    check_columns("/features", "", "/customer_id");
    check_columns("/table/columns", "/data", "/table/columns/customer_id/data");
}

static void put_texts(hid_t file, const char *name, const char *const *texts, int count)
{
    char memory[16][16] = {{0}};
    for (int i = 0; i < count; i++)
        snprintf(memory[i], sizeof memory[i], "%s", texts[i]);
    hid_t type = H5Tcopy(H5T_C_S1);
    hsize_t size = (hsize_t)count;
    assert_true(H5Tset_size(type, sizeof memory[0]) >= 0);
    put_dataset(file, name, type, H5P_DEFAULT, 1, &size, type, memory);
    h5_close(type);
}

static double even_columns(int64_t row, int64_t column)
{
    return small(row, 2 * column);
}

static double odd_columns(int64_t row, int64_t column)
{
    return column == 1 ? (double)(row * 3) : small(row, 1);
}

/* A frame whose columns lie in two blocks by type; the ids are a column of one of them. */
static void a_pandas_frame(void **state)
{
    (void)state;
    static const char *const order[] = {"a", "b", "customer_id", "c"};
    static const char *const floats[] = {"a", "c"};
    static const char *const whole[] = {"b", "customer_id"};
    struct input input;
    if (world.rank == 0) {
        hid_t file = file_new(path_to("frame.h5"));
        put_matrix(file, "/df/block0_values", H5T_IEEE_F64LE, H5P_DEFAULT, ROWS, 2, even_columns, false);
        put_matrix(file, "/df/block1_values", H5T_STD_I64LE, H5P_DEFAULT, ROWS, 2, odd_columns, false);
        put_texts(file, "/df/block0_items", floats, 2);
        put_texts(file, "/df/block1_items", whole, 2);
        put_texts(file, "/df/axis0", order, 4);
        write_integer_ids(file, "/df/axis1", ROWS);
        hid_t group = H5Oopen(file, "/df", H5P_DEFAULT);
        assert_ok(h5_write_text(group, "pandas_type", "frame"));
        assert_true(H5Oclose(group) >= 0);
        assert_true(h5_close(file));
    }
    all_wait();
    input_open(&input, &world, path_to("frame.h5"), -1);
    assert_string_equal(input.source.form, "pandas");
    assert_int_equal(input.table.columns, 3);
    assert_string_equal(table_name(&input.table, 1), "b");
    assert_int_equal(input.source.id.kind, ID_INTEGER);
    assert_int_equal(input.source.id.column, 1);
    check_walk(&input, small, NULL);
    input_close(&input);
}

/* ---- missing values ---- */

static double with_code(int64_t row, int64_t column)
{
    return row % 5 == column       ? -999.5
           : row % 5 == column + 1 ? (double)NAN
           : row % 7 == 0          ? 0.0
                                   : small(row, column);
}

static double without_code(int64_t row, int64_t column)
{
    double value = with_code(row, column);
    return value == -999.5 ? (double)NAN : value;
}

static double with_na(int64_t row, int64_t column)
{
    return row % 5 == column ? (double)INT32_MIN : small(row, column);
}

static double without_na(int64_t row, int64_t column)
{
    return row % 5 == column ? (double)NAN : small(row, column);
}

static void check_code(hid_t type, double code, cell_value written, cell_value expected, bool r_attribute)
{
    struct input input;
    all_wait();
    if (world.rank == 0) {
        hid_t file = file_new(path_to("code.h5"));
        hid_t creation = chunked(700, 2);
        assert_true(H5Pset_fill_value(creation, H5T_NATIVE_DOUBLE, &code) >= 0);
        put_matrix(file, "/features", type, creation, ROWS, COLUMNS, written, false);
        int32_t one = 1;
        hid_t dataset = H5Dopen2(file, "/features", H5P_DEFAULT);
        if (r_attribute)
            assert_ok(h5_write_number(dataset, "rhdf5-NA.OK", H5T_NATIVE_INT32, &one));
        h5_close(dataset);
        h5_close(creation);
        assert_true(h5_close(file));
    }
    all_wait();
    input_open(&input, &world, path_to("code.h5"), -1);
    check_walk(&input, expected, NULL);
    input_close(&input);
}

static void a_declared_fill_value_is_missing(void **state)
{
    (void)state;
    check_code(H5T_IEEE_F32LE, -999.5, with_code, without_code, false);
    check_code(H5T_IEEE_F64LE, -999.5, with_code, without_code, false);
    check_code(H5T_IEEE_F64LE, 0.0, with_code, with_code, false); /* zero is no code */
    check_code(H5T_STD_I32LE, 3.0, small, small, false);          /* nor is an integer's fill value */
    check_code(H5T_STD_I32LE, 0.0, with_na, without_na, true);
    check_code(H5T_STD_I32LE, 0.0, with_na, with_na, false);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_transposed_matrix),
    cmocka_unit_test(a_dataset_for_each_column),
    cmocka_unit_test(a_pandas_frame),
    cmocka_unit_test(a_declared_fill_value_is_missing),
};

TESTS_MAIN("source", tests)
