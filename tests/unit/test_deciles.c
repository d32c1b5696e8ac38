/* ranks: 1 2 3 7 */
/* Deciles of more customers than are sampled: near the true ones, with exact counts, the same on any number
 * of ranks. (Of fewer they are the order statistics: test_profile.) */
#include "core/random.h"
#include "data/deciles.h"
#include "files.h"

enum { ROWS = 150001, FEATURES = 4, LEFT_OUT = 1000 };

/* Uniform; mostly ties; never known; known of one customer in ten. */
static double cell(int64_t row, int64_t column)
{
    double u = random_uniform(7, RANDOM_SAMPLE, row, (uint32_t)column);
    if (column == 0)
        return u;
    if (column == 1)
        return u < 0.75 ? 0.0 : floor(40 * u);
    return column == 2 || u > 0.1 ? (double)NAN : -u;
}

struct counting {
    struct pilot sample;
    struct deciles deciles;
};

static status_t sample_block(void *context, const struct raw_block *block)
{
    struct counting *counting = context;
    for (int i = 0; i < block->rows; i++) {
        if (block->first_row + i < LEFT_OUT)
            block->left_out[i / TILE_ROWS] |= (uint16_t)(1U << (i % TILE_ROWS));
    }
    pilot_take(&counting->sample, block);
    return STATUS_OK;
}

static status_t count_block(void *context, const struct raw_block *block)
{
    struct counting *counting = context;
    for (int64_t f = 0; f < FEATURES; f++) {
        double value[BLOCK_ROWS];
        int count = 0;
        for (int i = 0; i < block->rows; i++) {
            value[count] = block->value[f * BLOCK_ROWS + i];
            count += !isnan(value[count]) && !table_is_left_out(block->left_out, i);
        }
        deciles_take(&counting->deciles, f, value, count);
    }
    return STATUS_OK;
}

static void count_all(struct comm *comm, struct counting *counting)
{
    struct input input;
    input_open(&input, comm, path_to("deciles.h5"), FEATURES);
    assert_ok(pilot_open_evenly(&counting->sample, &input.table, DECILES_SAMPLE));
    assert_ok(table_walk(&input.table, sample_block, counting));
    assert_ok(deciles_open(&input.table, &counting->sample, &counting->deciles));
    assert_ok(table_walk(&input.table, count_block, counting));
    assert_ok(deciles_share(comm, &counting->deciles));
    input_close(&input);
}

static void close_counting(struct counting *counting)
{
    pilot_close(&counting->sample);
    deciles_close(&counting->deciles);
}

static void check_feature(const struct deciles *deciles, int64_t f)
{
    int64_t present = 0;
    for (int64_t row = LEFT_OUT; row < ROWS; row++)
        present += !isnan(cell(row, f));
    for (int q = 0; q < DECILES; q++) {
        double value = deciles->value[f * DECILES + q];
        int64_t below = 0;
        int64_t upto = 0;
        for (int64_t row = LEFT_OUT; row < ROWS; row++) {
            below += cell(row, f) < value;
            upto += cell(row, f) <= value;
        }
        assert_int_equal(deciles->upto[f * DECILES + q], upto);
        if (f == 2) {
            assert_true(isnan(value));
            continue;
        }
        /* of thousands of customers a decile is off by parts in a hundred at most */
        double wanted = (q + 1) / 10.0 * (double)present;
        assert_true((double)below <= wanted + 0.03 * (double)present);
        assert_true((double)upto >= wanted - 0.03 * (double)present);
        assert_true(q == 0 || value >= deciles->value[f * DECILES + q - 1]);
    }
}

static void many_customers_are_sampled(void **state)
{
    (void)state;
    struct counting all = {0};
    struct counting one = {0};
    write_matrix(path_to("deciles.h5"), ROWS, FEATURES, cell);
    count_all(&world, &all);
    count_all(&alone, &one);
    for (int64_t f = 0; world.rank == 0 && f < FEATURES; f++)
        check_feature(&all.deciles, f);
    assert_memory_equal(all.deciles.value, one.deciles.value, FEATURES * DECILES * sizeof(double));
    assert_memory_equal(all.deciles.upto, one.deciles.upto, FEATURES * DECILES * sizeof(int64_t));
    close_counting(&all);
    close_counting(&one);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(many_customers_are_sampled),
};

TESTS_MAIN("deciles", tests)
