/* ranks: 1 2 3 7 */
/* Rows made piece by piece: calls in order, each block once; a maker that fails on one rank fails on all, in
 * whatever piece, and nobody is left waiting. */
#include "data/results_assignments.h"
#include "data/results_rows.h"
#include "files.h"

enum { VALUES = 64 /* a row: pieces are short */ };

struct maker {
    const struct partition *partition;
    int64_t next;      /* local block */
    int64_t bad_block; /* global; -1: none */
    int64_t pieces;
};

static status_t make(void *context, int64_t first, int64_t count, void *const *memory, int64_t *rows)
{
    struct maker *maker = context;
    int64_t *value = memory[0];
    int64_t begin = (maker->partition->first_block + first) * BLOCK_ROWS;
    assert_int_equal(first, maker->next);
    assert_true(count > 0);
    maker->next = first + count;
    maker->pieces++;
    for (int64_t b = first; b < first + count; b++) {
        if (maker->partition->first_block + b == maker->bad_block)
            return status_new(EXIT_BAD_DATA, "block %d is bad", (int)maker->bad_block);
    }
    *rows = results_rows_of(maker->partition, first, count);
    for (int64_t i = 0; i < *rows * VALUES; i++)
        value[i] = begin * VALUES + i;
    return STATUS_OK;
}

static hid_t new_file(const char *name)
{
    return world.rank == 0 ? file_new(path_to(name)) : H5I_INVALID_HID;
}

static status_t write_rows(hid_t file, struct maker *maker, const struct partition *part)
{
    const struct rows_dataset dataset = {"/values", "unit", H5T_STD_I64LE, H5T_NATIVE_INT64, 8, VALUES};
    struct rows_job job = {.partition = part,
                           .dataset = &dataset,
                           .datasets = 1,
                           .rows = part->row_count,
                           .make = make,
                           .context = maker};
    return results_write_rows(file, &world, &job);
}

static void check_values(hid_t file, int64_t rows)
{
    int64_t *got = NULL;
    if (world.rank != 0)
        return;
    hid_t dataset = H5Dopen2(file, "/values", H5P_DEFAULT);
    assert_true(dataset >= 0);
    assert_ok(memory_new(&got, rows * VALUES, sizeof *got, "test values"));
    assert_true(H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0); /* what is read must be in the file */
    assert_ok(h5_read_rows(dataset, H5T_NATIVE_INT64, 0, rows, got));
    for (int64_t i = 0; i < rows * VALUES; i++)
        assert_int_equal(got[i], i);
    free(got);
    h5_close(dataset);
}

static void rows_of_all_ranks_in_several_pieces(void **state)
{
    (void)state;
    const int64_t sizes[] = {1, 1024, 5000, 40 * BLOCK_ROWS + 3};
    for (int s = 0; s < 4; s++) {
        struct partition part = partition_of(sizes[s], world.rank, world.size);
        struct maker maker = {.partition = &part, .bad_block = -1};
        hid_t file = new_file("rows.h5");
        assert_ok(write_rows(file, &maker, &part));
        assert_int_equal(maker.next, part.block_count);
        assert_true(sizes[s] < 5001 || maker.pieces > 1 || world.size > 3);
        check_values(file, sizes[s]);
        h5_close(file);
        all_wait();
    }
}

static void a_maker_that_fails_anywhere_fails_everywhere(void **state)
{
    (void)state;
    int64_t rows = 30 * BLOCK_ROWS + 3;
    struct partition part = partition_of(rows, world.rank, world.size);
    for (int64_t bad = 0; bad < part.blocks; bad += 5) {
        struct maker maker = {.partition = &part, .bad_block = bad};
        hid_t file = new_file("bad.h5");
        assert_failure(write_rows(file, &maker, &part), EXIT_BAD_DATA, "is bad");
        h5_close(file);
        all_wait();
    }
}

/* ---- assignments ---- */

static double cell(int64_t row, int64_t column)
{
    return (double)(row + column);
}

static status_t refuse(void *context, int64_t first, int64_t count, const struct assignments *piece)
{
    const struct partition *part = context;
    for (int64_t i = 0; i < count * BLOCK_ROWS; i++)
        piece->segment[i] = piece->runner_up[i] = 0;
    if (part->first_block + first + count == part->blocks)
        return status_new(EXIT_BAD_DATA, "the last block is bad");
    return STATUS_OK;
}

static void scores_that_cannot_be_made(void **state)
{
    (void)state;
    struct input input;
    struct results_file results = {H5I_INVALID_HID};
    write_matrix(path_to("in.h5"), 2500, 2, cell);
    input_open(&input, &world, path_to("in.h5"), -1);
    if (world.rank == 0)
        assert_ok(results_create(&results, path_to("scores.h5")));
    assert_failure(results_write_scores(&results, &world, &input.table, refuse, &input.table.partition),
                   EXIT_BAD_DATA, "the last block is bad");
    assert_ok(results_close(&results));
    input_close(&input);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(rows_of_all_ranks_in_several_pieces),
    cmocka_unit_test(a_maker_that_fails_anywhere_fails_everywhere),
    cmocka_unit_test(scores_that_cannot_be_made),
};

TESTS_MAIN("results_rows", tests)
