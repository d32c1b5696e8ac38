/* ranks: 1 2 3 7 */
/* A matrix reads as the same numbers whatever its type and chunks; no chunk is decompressed twice by a rank
 * in a walk; failures reach all ranks. */
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

/* ---- in pieces ---- */

static void check_pieces(struct input *input, cell_value value, int64_t blocks)
{
    const struct partition *part = &input->table.partition;
    struct visit visit = {input, value, NULL, part->first_row, 0};
    struct table_reader *reader = NULL;
    assert_ok(table_reader_open(&input->table, &reader));
    for (int64_t first = 0; first < part->block_count; first += blocks) {
        int64_t left = part->block_count - first;
        assert_ok(table_reader_walk(reader, first, left < blocks ? left : blocks, visit_block, &visit));
    }
    table_reader_close(reader);
    assert_int_equal(visit.blocks, part->block_count);
    assert_int_equal(visit.next_row, part->first_row + part->row_count);
}

static void pieces_give_what_the_walk_gives(void **state)
{
    (void)state;
    struct input input;
    write_matrix(path_to("matrix.h5"), 9000, COLUMNS, fractions);
    input_open(&input, &world, path_to("matrix.h5"), -1);
    for (int64_t blocks = 1; blocks <= 4; blocks++)
        check_pieces(&input, fractions, blocks);
    input_close(&input);
}

/* Rows beyond the last are marked, others are not, whatever was marked in the block before. */
static status_t check_and_mark(void *context, const struct raw_block *block)
{
    (void)context;
    for (int i = 0; i < BLOCK_ROWS; i++)
        assert_int_equal(table_is_left_out(block->left_out, i), i >= block->rows);
    for (int t = 0; t < BLOCK_TILES; t++)
        block->left_out[t] = UINT16_MAX;
    return STATUS_OK;
}

static void a_table_without_marks_keeps_none(void **state)
{
    (void)state;
    const int64_t feature[] = {3, 0};
    struct input input;
    write_matrix(path_to("matrix.h5"), 3 * BLOCK_ROWS - 5, COLUMNS, fractions);
    assert_ok(source_open(&world, path_to("matrix.h5"), NULL, NULL, &input.source));
    assert_ok(table_open_unmarked(&world, &quiet, &input.source, feature, 2, &input.table));
    assert_null(input.table.left_out);
    check_walk(&input, fractions, feature);
    assert_ok(table_walk(&input.table, check_and_mark, NULL));
    assert_ok(table_walk(&input.table, check_and_mark, NULL));
    input_close(&input);
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

/* Slabs are shorter than the rows of the file here, and chunks straddle slabs and ranks. blocks: of a piece;
 * 0: the walk as a whole. */
static void check_decompression(bool transposed, int64_t blocks)
{
    struct input input;
    write_filtered(transposed);
    all_wait();
    input_open(&input, &world, path_to("filtered.h5"), -1);
    memset(decompressed, 0, sizeof decompressed);
    if (blocks > 0)
        check_pieces(&input, numbered, blocks);
    else
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
    for (int64_t blocks = 0; blocks <= 2; blocks++) {
        check_decompression(false, blocks);
        check_decompression(true, blocks);
    }
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
    cmocka_unit_test(pieces_give_what_the_walk_gives),
    cmocka_unit_test(a_table_without_marks_keeps_none),
    cmocka_unit_test(no_chunk_is_decompressed_twice),
    cmocka_unit_test(a_chunk_that_cannot_be_read_fails_on_all_ranks),
};

TESTS_MAIN("table", tests)
