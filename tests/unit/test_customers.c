/* ranks: 1 2 3 7 */
/* Walking the prepared customers: every chosen block once, by its owner. */
#include "support.h"

struct walk {
    int64_t expected[4];
    int64_t count;
};

static void note_block(void *context, const struct block *block)
{
    struct walk *walk = context;
    assert_int_equal(block->first_row, block->block * BLOCK_ROWS);
    assert_true((uintptr_t)block->tiles % 64 == 0);
    walk->expected[walk->count++] = block->block;
}

static double row_number(int64_t row, int64_t feature)
{
    return (double)(row + feature);
}

static void chosen_blocks_are_visited_by_their_owners(void **state)
{
    (void)state;
    struct sample sample;
    const int64_t chosen[] = {0, 2, 3};
    sample_open(&sample, &world, 3500, 2, row_number, NULL);
    struct walk walk = {.count = 0};
    assert_ok(customers_walk(&sample.customers, chosen, 3, note_block, &walk));
    int64_t total = walk.count;
    for (int64_t i = 0; i < walk.count; i++) {
        int64_t local = walk.expected[i] - sample.customers.partition.first_block;
        assert_true(local >= 0 && local < sample.customers.partition.block_count && walk.expected[i] != 1);
    }
    assert_ok(comm_sum_i64(&world, &total, 1));
    assert_int_equal(total, 3);
    walk.count = 0;
    assert_ok(customers_walk(&sample.customers, NULL, 0, note_block, &walk));
    assert_int_equal(walk.count, sample.customers.partition.block_count);
    walk.count = 0;
    assert_ok(customers_walk(&sample.customers, chosen, 0, note_block, &walk));
    assert_int_equal(walk.count, 0);
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(chosen_blocks_are_visited_by_their_owners)};

TESTS_MAIN("customers", tests)
