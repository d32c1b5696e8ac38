/* ranks: 1 2 3 7 */
/* Every form of input reads as the same numbers, whatever its types and chunks; no chunk is decompressed
 * twice by a rank in a walk; files that cannot be used are refused alike on all ranks. */
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

/* The number of the cell, exact in float for the sizes here. */
static double numbered(int64_t row, int64_t column)
{
    return (double)(row * 600 + column);
}

/* ---- walking ---- */

struct visit {
    const struct input *input;
    cell_value expected;
    const int64_t *from; /* column of the file that each column of the table is; NULL: the same */
    int64_t next_row;
    int64_t blocks;
};

static status_t visit_block(void *context, const struct raw_block *block)
{
    struct visit *visit = context;
    const struct table *table = &visit->input->table;
    assert_int_equal(block->first_row, visit->next_row);
    assert_int_equal(block->block, table->partition.first_block + visit->blocks);
    assert_int_equal(block->local, visit->blocks);
    assert_int_equal(block->rows, partition_block_rows(&table->partition, block->block));
    for (int64_t c = 0; c < table->columns; c++) {
        for (int i = 0; i < block->rows; i++) {
            double expected = visit->expected(block->first_row + i, visit->from ? visit->from[c] : c);
            double got = block->value[c * BLOCK_ROWS + i];
            if (got != expected && !(isnan(got) && isnan(expected)))
                print_error("row %d column %d: %g, not %g\n", (int)block->first_row + i, (int)c, got,
                            expected);
            assert_true(got == expected || (isnan(got) && isnan(expected)));
        }
    }
    visit->next_row += block->rows;
    visit->blocks++;
    return STATUS_OK;
}

static void check_walk(struct input *input, cell_value expected, const int64_t *from)
{
    struct visit visit = {input, expected, from, input->table.partition.first_row, 0};
    assert_ok(table_walk(&input->table, visit_block, &visit));
    assert_int_equal(visit.blocks, input->table.partition.block_count);
    assert_int_equal(visit.next_row, input->table.partition.first_row + input->table.partition.row_count);
}

/* A chunk of rows x columns; 0 rows: contiguous. */
static hid_t chunked(int64_t rows, int64_t columns)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[2] = {(hsize_t)rows, (hsize_t)columns};
    assert_true(creation >= 0);
    if (rows > 0)
        assert_true(H5Pset_chunk(creation, 2, chunk) >= 0);
    return creation;
}

static void check_matrix(hid_t type, cell_value value, int64_t chunk_rows, int64_t chunk_columns,
                         int64_t rows)
{
    struct input input;
    const char *path = path_to("matrix.h5");
    all_wait();
    if (world.rank == 0) {
        hid_t file = file_new(path);
        hid_t creation = chunked(chunk_rows, chunk_columns);
        put_matrix(file, "/features", type, creation, rows, COLUMNS, value, false);
        h5_close(creation);
        assert_true(h5_close(file));
    }
    all_wait();
    input_open(&input, &world, path, -1);
    assert_int_equal(input.source.rows, rows);
    assert_int_equal(input.table.columns, COLUMNS);
    assert_string_equal(input.source.form, "matrix");
    assert_string_equal(table_name(&input.table, 3), "feature_3");
    check_walk(&input, value, NULL);
    check_walk(&input, value, NULL); /* a second time from whatever the cache holds */
    input_close(&input);
}

static void all_number_types(void **state)
{
    (void)state;
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_IEEE_F64BE, H5T_STD_I8LE,
                           H5T_STD_U8LE,   H5T_STD_I16LE,  H5T_STD_U16BE,  H5T_STD_I32LE,  H5T_STD_I32BE,
                           H5T_STD_U32LE,  H5T_STD_I64LE,  H5T_STD_I64BE,  H5T_STD_U64LE};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        check_matrix(types[t], small, 0, 0, ROWS);
        check_matrix(types[t], small, 700, 2, ROWS);
    }
}

static void all_chunk_shapes(void **state)
{
    (void)state;
    const int64_t shapes[][2] = {{1, 5}, {1024, 1}, {1025, 2}, {1023, 3}, {2600, 5}, {17, 5}};
    for (int s = 0; s < 6; s++)
        check_matrix(H5T_IEEE_F32LE, fractions, shapes[s][0], shapes[s][1], ROWS);
    const int64_t sizes[] = {1, 15, 16, 17, 1023, 1024, 1025, 2048};
    for (int s = 0; s < 8; s++)
        check_matrix(H5T_IEEE_F64LE, fractions, 0, 0, sizes[s]);
}

static void chosen_columns_in_the_order_chosen(void **state)
{
    (void)state;
    const int64_t feature[] = {4, 1};
    const int64_t profile[] = {0, 4};
    const int64_t from[] = {4, 1, 0, 4};
    struct input input;
    int64_t customers = 0;
    write_matrix(path_to("matrix.h5"), ROWS, COLUMNS, fractions);
    assert_ok(source_open(&world, path_to("matrix.h5"), NULL, NULL, &input.source));
    assert_ok(table_open(&world, &quiet, &input.source, feature, 2, profile, 2, &input.table));
    assert_int_equal(input.table.columns, 4);
    assert_int_equal(input.table.features, 2);
    check_walk(&input, fractions, from);
    assert_ok(table_count(&input.table, &customers));
    assert_int_equal(customers, ROWS);
    input_close(&input);
}

static status_t refuse_row(void *context, const struct raw_block *block)
{
    int64_t row = *(const int64_t *)context;
    if (row >= block->first_row && row < block->first_row + block->rows)
        return status_new(EXIT_BAD_DATA, "row %d is refused", (int)row);
    return STATUS_OK;
}

static void a_visitor_that_fails_anywhere_fails_everywhere(void **state)
{
    (void)state;
    struct input input;
    write_matrix(path_to("matrix.h5"), ROWS, COLUMNS, fractions);
    input_open(&input, &world, path_to("matrix.h5"), -1);
    for (int64_t row = 0; row < ROWS; row += ROWS - 1)
        assert_failure(table_walk(&input.table, refuse_row, &row), EXIT_BAD_DATA, "is refused");
    input_close(&input);
}

/* ---- other forms ---- */

static const char *const names[] = {"recency", "orders", "revenue", "age", "visits"};

static void write_integer_ids(hid_t file, const char *path, int64_t rows)
{
    static int64_t id[10 * BLOCK_ROWS];
    for (int64_t i = 0; i < rows; i++)
        id[i] = i * 3;
    hsize_t count = (hsize_t)rows;
    put_dataset(file, path, H5T_STD_I64LE, H5P_DEFAULT, 1, &count, H5T_NATIVE_INT64, id);
}

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

/* ---- decompression ---- */

enum { FILTER = 301, CHUNK_ROWS = 700, CHUNK_COLUMNS = 130, WIDE = 600, TALL = 4200, MOST_CHUNKS = 4096 };

static int decompressed[MOST_CHUNKS]; /* of each chunk, on this rank */
static bool filter_breaks;

/* Leaves the bytes as they are and counts; a chunk is told by its first number (see numbered). */
static size_t counting_filter(unsigned flags, size_t parameters, const unsigned parameter[], size_t bytes,
                              size_t *size, void **buffer)
{
    (void)parameters;
    (void)parameter;
    (void)size;
    double first = 0;
    memcpy(&first, *buffer, sizeof first);
    if (flags & H5Z_FLAG_REVERSE) {
        int64_t row = (int64_t)first / WIDE / CHUNK_ROWS;
        int64_t column = (int64_t)first % WIDE / CHUNK_COLUMNS;
        decompressed[row * (WIDE / CHUNK_COLUMNS + 1) + column]++;
        if (filter_breaks && row == 2)
            return 0;
    }
    return bytes;
}

static void write_filtered(bool transposed)
{
    all_wait();
    if (world.rank != 0)
        return;
    hid_t file = file_new(path_to("filtered.h5"));
    hid_t creation = transposed ? chunked(CHUNK_COLUMNS, CHUNK_ROWS) : chunked(CHUNK_ROWS, CHUNK_COLUMNS);
    assert_true(H5Pset_filter(creation, FILTER, H5Z_FLAG_MANDATORY, 0, NULL) >= 0);
    put_matrix(file, "/features", H5T_IEEE_F64LE, creation, TALL, WIDE, numbered, transposed);
    if (transposed)
        write_integer_ids(file, "/customer_id", TALL);
    h5_close(creation);
    assert_true(h5_close(file));
}

/* Slabs are shorter than the rows of the file here, and chunks straddle slabs and ranks. */
static void check_decompression(bool transposed)
{
    struct input input;
    write_filtered(transposed);
    all_wait();
    input_open(&input, &world, path_to("filtered.h5"), -1);
    memset(decompressed, 0, sizeof decompressed);
    check_walk(&input, numbered, NULL);
    int64_t total = 0;
    for (int chunk = 0; chunk < MOST_CHUNKS; chunk++) {
        assert_true(decompressed[chunk] <= 1);
        total += decompressed[chunk];
    }
    int64_t first = input.table.partition.first_row / CHUNK_ROWS;
    int64_t last = (input.table.partition.first_row + input.table.partition.row_count - 1) / CHUNK_ROWS;
    int64_t expected =
        input.table.partition.row_count == 0 ? 0 : (last - first + 1) * (WIDE / CHUNK_COLUMNS + 1);
    assert_int_equal(total, expected);
    input_close(&input);
}

static void no_chunk_is_decompressed_twice(void **state)
{
    (void)state;
    static const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, FILTER, 1,    1,
                                        "counting",       NULL,   NULL, counting_filter};
    assert_true(H5Zregister(&filter) >= 0);
    check_decompression(false);
    check_decompression(true);
}

static status_t ignore(void *context, const struct raw_block *block)
{
    (void)context;
    (void)block;
    return STATUS_OK;
}

static void a_chunk_that_cannot_be_read_fails_on_all_ranks(void **state)
{
    (void)state;
    struct input input;
    write_filtered(false);
    all_wait();
    input_open(&input, &world, path_to("filtered.h5"), -1);
    filter_breaks = true;
    assert_failure(table_walk(&input.table, ignore, NULL), EXIT_IO_ERROR,
                   "filtered.h5: reading /features failed in rows");
    filter_breaks = false;
    input_close(&input);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_number_types),
    cmocka_unit_test(all_chunk_shapes),
    cmocka_unit_test(chosen_columns_in_the_order_chosen),
    cmocka_unit_test(a_visitor_that_fails_anywhere_fails_everywhere),
    cmocka_unit_test(a_transposed_matrix),
    cmocka_unit_test(a_dataset_for_each_column),
    cmocka_unit_test(a_pandas_frame),
    cmocka_unit_test(a_declared_fill_value_is_missing),
    cmocka_unit_test(no_chunk_is_decompressed_twice),
    cmocka_unit_test(a_chunk_that_cannot_be_read_fails_on_all_ranks),
};

TESTS_MAIN("table", tests)
