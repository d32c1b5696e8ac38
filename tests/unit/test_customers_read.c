/* ranks: 1 2 3 7 */
/* Customers of whom none, some or all stay in memory: every walk visits the same blocks with the same bytes,
 * whatever the form of the file; a file that is cut short or changed under it fails on all ranks. */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "files.h"

enum { ROWS = 4600, NARROW = 5, WIDE = 300, MOST_BLOCKS = 16 };

struct loaded {
    struct input input;
    struct survey survey;
    struct preparation preparation;
    struct customers customers;
};

static double cell(int64_t row, int64_t column)
{
    double value = floor(4096 * uniform(1, row, (uint32_t)column)) / 64;
    return uniform(2, row, (uint32_t)column) < 0.001 ? (double)NAN : value;
}

static void load(struct loaded *loaded, const char *path, enum missing missing, int64_t keep)
{
    static int transform[WIDE];
    static double weight[WIDE];
    struct prepare_settings settings = {
        .missing = missing, .scale = SCALE_ZSCORE, .clip = {0.01, 0.99}, .transform = transform};
    for (int c = 0; c < WIDE; c++) {
        transform[c] = c % 3 == 1 ? TRANSFORM_LOG1P : TRANSFORM_NONE;
        weight[c] = 1.0 + c % 2;
    }
    settings.weight = weight;
    input_open(&loaded->input, &world, path, -1);
    struct table *table = &loaded->input.table;
    assert_ok(survey_run(table, missing, transform, &loaded->survey));
    assert_ok(prepare_learn(table, &settings, &loaded->survey, &loaded->preparation));
    assert_ok(
        customers_load(table, &loaded->preparation, loaded->survey.customers, keep, &loaded->customers));
    int64_t blocks = table->partition.block_count;
    assert_int_equal(loaded->customers.kept, keep < blocks ? keep : blocks);
    assert_int_equal(loaded->customers.window != NULL, keep < blocks);
}

static void unload(struct loaded *loaded)
{
    customers_free(&loaded->customers);
    prepare_free(&loaded->preparation);
    survey_free(&loaded->survey);
    input_close(&loaded->input);
}

/* ---- walks ---- */

struct comparing {
    const struct customers *all; /* in memory */
    int64_t position[MOST_BLOCKS];
    int visits[MOST_BLOCKS]; /* by local block, like the one before */
    int64_t count;
    int64_t last;
    bool ahead_is_due;
    const float *ahead;
};

static void compare_block(void *context, const struct block *block)
{
    struct comparing *comparing = context;
    const struct customers *all = comparing->all;
    int64_t floats = all->features * BLOCK_ROWS;
    assert_true((uintptr_t)block->tiles % 64 == 0);
    assert_int_equal(block->block, all->partition.first_block + block->local);
    assert_int_equal(block->first_row, block->block * BLOCK_ROWS);
    assert_int_equal(block->rows, partition_block_rows(&all->partition, block->block));
    assert_memory_equal(block->tiles, all->tiles + block->local * floats, (size_t)floats * sizeof(float));
    assert_memory_equal(block->left_out, customers_marks(all, block->local), BLOCK_TILES * sizeof(uint16_t));
    assert_memory_equal(block->squares, all->squares + 2 * block->local, 2 * sizeof(double));
    assert_true(!comparing->ahead || comparing->ahead == block->tiles); /* what was promised comes next */
    comparing->ahead = block->ahead;
    comparing->position[block->local] = block->position;
    comparing->visits[block->local]++;
    comparing->count++;
}

static void walk_chosen(const struct customers *customers, const struct customers *all, const int64_t *chosen,
                        int64_t count)
{
    struct comparing comparing = {.all = all};
    int64_t position = 0;
    assert_ok(customers_walk(customers, chosen, count, compare_block, &comparing));
    for (int64_t i = 0; i < count; i++) {
        int64_t local = chosen[i] - all->partition.first_block;
        if (local < 0 || local >= all->partition.block_count)
            continue;
        assert_int_equal(comparing.visits[local], 1);
        assert_int_equal(comparing.position[local], position++);
    }
    assert_int_equal(comparing.count, position);
    assert_null(comparing.ahead);
}

static void walk_part(const struct customers *customers, const struct customers *all, int64_t first,
                      int64_t count)
{
    struct comparing comparing = {.all = all};
    assert_ok(customers_walk_part(customers, first, count, compare_block, &comparing));
    for (int64_t local = 0; local < all->partition.block_count; local++) {
        bool inside = local >= first && local < first + count;
        assert_int_equal(comparing.visits[local], inside);
        assert_true(!inside || comparing.position[local] == local);
    }
    assert_null(comparing.ahead);
}

static void check_walks(const struct customers *customers, const struct customers *all)
{
    static const int64_t chosen[][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {3, 0, 4, 1, 2}, {0, 4, 2}, {3}};
    static const int64_t counts[] = {5, 5, 5, 3, 1};
    int64_t blocks = all->partition.block_count;
    for (int c = 0; c < 5; c++)
        walk_chosen(customers, all, chosen[c], counts[c]);
    struct comparing comparing = {.all = all};
    assert_ok(customers_walk(customers, chosen[0], 0, compare_block, &comparing)); /* nobody is chosen */
    assert_int_equal(comparing.count, 0);
    assert_ok(customers_walk(customers, NULL, 0, compare_block, &comparing)); /* all are */
    assert_int_equal(comparing.count, blocks);
    for (int64_t first = 0; first < blocks; first++) {
        for (int64_t count = 0; first + count <= blocks; count++)
            walk_part(customers, all, first, count);
    }
}

static void check_file(const char *path, enum missing missing)
{
    static const int64_t keep[] = {0, 1, 3, 4};
    struct loaded all;
    load(&all, path, missing, INT64_MAX);
    assert_null(all.customers.window);
    assert_true(missing != MISSING_DROP || all.customers.used < ROWS);
    check_walks(&all.customers, &all.customers);
    for (int k = 0; k < 4; k++) {
        struct loaded some;
        load(&some, path, missing, keep[k]);
        check_walks(&some.customers, &all.customers);
        check_walks(&some.customers, &all.customers); /* again */
        unload(&some);
    }
    unload(&all);
}

/* ---- forms ---- */

static void matrices(void **state)
{
    (void)state;
    static const struct {
        int64_t columns;
        int64_t chunk_rows; /* 0: contiguous */
        int64_t chunk_columns;
        bool transposed;
    } forms[] = {{NARROW, 0, 0, false},
                 {NARROW, 700, 2, false},
                 {NARROW, 4000, 5, false},
                 {NARROW, 2, 1100, true},
                 {WIDE, 0, 0, false}};
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        const char *path = path_to("customers.h5");
        all_wait();
        if (world.rank == 0) {
            hid_t file = file_new(path);
            hid_t creation = chunked(forms[f].chunk_rows, forms[f].chunk_columns);
            hid_t type = f % 2 == 0 ? H5T_IEEE_F64LE : H5T_IEEE_F32BE;
            if (forms[f].chunk_rows > 0)
                assert_true(H5Pset_deflate(creation, 1) >= 0);
            put_matrix(file, "/features", type, creation, ROWS, forms[f].columns, cell, forms[f].transposed);
            if (forms[f].transposed)
                write_integer_ids(file, "/customer_id", ROWS);
            h5_close(creation);
            assert_true(h5_close(file));
        }
        all_wait();
        check_file(path, f % 2 == 0 ? MISSING_MEDIAN : MISSING_DROP);
    }
}

static void columns(void **state)
{
    (void)state;
    static const char *const names[] = {"/features/spend", "/features/visits", "/features/age"};
    const char *path = path_to("columns.h5");
    all_wait();
    if (world.rank == 0) {
        hid_t file = file_new(path);
        for (int c = 0; c < 3; c++) {
            double *cells = all_cells(cell, ROWS, 1, false);
            hsize_t rows = ROWS;
            for (int64_t row = 0; row < ROWS; row++)
                cells[row] = cell(row, c);
            put_dataset(file, names[c], H5T_IEEE_F64LE, H5P_DEFAULT, 1, &rows, H5T_NATIVE_DOUBLE, cells);
            free(cells);
        }
        assert_true(h5_close(file));
    }
    all_wait();
    check_file(path, MISSING_DROP);
}

/* ---- failures ---- */

static void ignore(void *context, const struct block *block)
{
    (void)context;
    (void)block;
}

static void a_file_that_is_cut_short_fails_on_all_ranks(void **state)
{
    (void)state;
    struct loaded loaded;
    const char *path = path_to("short.h5");
    write_matrix(path, ROWS, NARROW, cell);
    load(&loaded, path, MISSING_MEDIAN, 0);
    all_wait();
    if (world.rank == 0)
        assert_int_equal(truncate(path, 4096 + ROWS / 2 * NARROW * 8), 0);
    all_wait();
    assert_failure(comm_agree(&world, customers_walk(&loaded.customers, NULL, 0, ignore, NULL)),
                   EXIT_IO_ERROR, "short.h5");
    unload(&loaded);
}

/* Only the rank that has the row can see it. A block is more than the library keeps of the file. */
static void a_changed_value_fails_on_all_ranks(void **state)
{
    (void)state;
    struct loaded loaded;
    const char *path = path_to("changed.h5");
    write_matrix(path, ROWS, WIDE, cell);
    load(&loaded, path, MISSING_MEDIAN, 0);
    assert_ok(comm_agree(&world, customers_walk(&loaded.customers, NULL, 0, ignore, NULL)));
    haddr_t at = H5Dget_offset(loaded.input.source.dataset[0].id);
    double other = 17.25;
    all_wait();
    if (world.rank == 0) {
        int file = open(path, O_WRONLY | O_CLOEXEC);
        off_t place = (off_t)at + (3100 * WIDE + 3) * 8;
        assert_true(file >= 0 && pwrite(file, &other, sizeof other, place) == sizeof other);
        assert_int_equal(close(file), 0);
    }
    all_wait();
    assert_failure(comm_agree(&world, customers_walk(&loaded.customers, NULL, 0, ignore, NULL)),
                   EXIT_IO_ERROR, "rows 3072 to 4095");
    const int64_t chosen[] = {4, 0, 1};
    assert_ok(comm_agree(&world, customers_walk(&loaded.customers, chosen, 3, ignore, NULL))); /* others */
    unload(&loaded);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(matrices),
    cmocka_unit_test(columns),
    cmocka_unit_test(a_file_that_is_cut_short_fails_on_all_ranks),
    cmocka_unit_test(a_changed_value_fails_on_all_ranks),
};

TESTS_MAIN("customers_read", tests)
