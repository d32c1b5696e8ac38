/* ranks: 1 2 3 7 */
/* Walking the prepared customers: every chosen block once, by its owner, in the order given. */
#include "support.h"

struct walk {
    int64_t visited[4];
    int64_t count;
    const float *ahead; /* as the last block named it */
};

static void note_block(void *context, const struct block *block)
{
    struct walk *walk = context;
    assert_int_equal(block->first_row, block->block * BLOCK_ROWS);
    assert_true((uintptr_t)block->tiles % 64 == 0);
    assert_true(walk->count == 0 || walk->ahead == block->tiles);
    walk->ahead = block->ahead;
    walk->visited[walk->count++] = block->block;
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
        int64_t local = walk.visited[i] - sample.customers.partition.first_block;
        assert_true(local >= 0 && local < sample.customers.partition.block_count && walk.visited[i] != 1);
    }
    assert_ok(comm_sum_i64(&world, &total, 1));
    assert_int_equal(total, 3);
    assert_null(walk.ahead);
    walk = (struct walk){.count = 0};
    assert_ok(customers_walk(&sample.customers, NULL, 0, note_block, &walk));
    assert_int_equal(walk.count, sample.customers.partition.block_count);
    assert_null(walk.ahead);
    walk.count = 0;
    assert_ok(customers_walk(&sample.customers, chosen, 0, note_block, &walk));
    assert_int_equal(walk.count, 0);
    sample_close(&sample);
}

/* As the members of a panel that has grown. */
static void any_order_is_kept(void **state)
{
    (void)state;
    struct sample sample;
    const int64_t chosen[] = {3, 0, 2, 1};
    sample_open(&sample, &world, 3500, 2, row_number, NULL);
    const struct partition *part = &sample.customers.partition;
    struct walk walk = {.count = 0};
    assert_ok(customers_walk(&sample.customers, chosen, 4, note_block, &walk));
    int64_t visited = 0;
    for (int i = 0; i < 4; i++) {
        if (chosen[i] >= part->first_block && chosen[i] < part->first_block + part->block_count)
            assert_int_equal(walk.visited[visited++], chosen[i]);
    }
    assert_int_equal(visited, walk.count);
    assert_null(walk.ahead);
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(chosen_blocks_are_visited_by_their_owners),
    cmocka_unit_test(any_order_is_kept),
};

TESTS_MAIN("customers", tests)
