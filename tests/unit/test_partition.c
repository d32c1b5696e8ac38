/* ranks: 1 */
/* Blocks of rows shared out over ranks: everything once, in order, as evenly as whole blocks allow. */
#include "support.h"

static const int64_t row_counts[] = {0,    1,        1023,         1024,   1025,
                                     2048, 7 * 1024, 7 * 1024 + 1, 123456, INT64_C(1) << 40};
static const int sizes[] = {1, 2, 3, 7, 64, 1000};

static void check_ranks(int64_t rows, int size)
{
    int64_t next_block = 0;
    int64_t next_row = 0;
    int64_t most = 0;
    int64_t fewest = INT64_MAX;
    for (int r = 0; r < size; r++) {
        struct partition part = partition_of(rows, r, size);
        assert_int_equal(part.rows, rows);
        assert_int_equal(part.blocks, (rows + BLOCK_ROWS - 1) / BLOCK_ROWS);
        assert_int_equal(part.first_block, next_block);
        assert_int_equal(part.first_row, next_row);
        int64_t counted = 0;
        for (int64_t b = 0; b < part.block_count && part.block_count < 1000; b++)
            counted += partition_block_rows(&part, part.first_block + b);
        if (part.block_count < 1000)
            assert_int_equal(part.row_count, counted);
        next_block += part.block_count;
        next_row += part.row_count;
        most = part.block_count > most ? part.block_count : most;
        fewest = part.block_count < fewest ? part.block_count : fewest;
    }
    assert_int_equal(next_row, rows);
    assert_int_equal(next_block, (rows + BLOCK_ROWS - 1) / BLOCK_ROWS);
    assert_true(most - fewest <= 1);
    assert_int_equal(partition_of(rows, 0, size).block_count, most); /* rank 0 has as many as any */
}

static void every_row_has_one_owner(void **state)
{
    (void)state;
    for (int n = 0; n < 10; n++) {
        for (int s = 0; s < 6; s++)
            check_ranks(row_counts[n], sizes[s]);
    }
}

static void blocks_do_not_depend_on_ranks(void **state)
{
    (void)state;
    struct partition part = partition_of(2500, 1, 3);
    assert_int_equal(partition_block_rows(&part, 0), 1024);
    assert_int_equal(partition_block_rows(&part, 1), 1024);
    assert_int_equal(partition_block_rows(&part, 2), 452);
    assert_int_equal(part.first_row, 1024);
    assert_int_equal(part.row_count, 1024);
}

static void ranks_beyond_the_blocks_have_nothing(void **state)
{
    (void)state;
    struct partition part = partition_of(1025, 6, 7);
    assert_int_equal(part.row_count, 0);
    assert_int_equal(part.block_count, 0);
    assert_int_equal(part.first_row, 1025);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_row_has_one_owner),
    cmocka_unit_test(blocks_do_not_depend_on_ranks),
    cmocka_unit_test(ranks_beyond_the_blocks_have_nothing),
};

TESTS_MAIN("partition", tests)
