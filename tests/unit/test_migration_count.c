/* ranks: 1 2 3 7 */
/* Counting who went where: against a plain count over all customers on every rank. */
#include "assess/migration.h"
#include "support.h"

enum { MOST = 41 };

struct labels {
    struct row_numbers found;
    struct row_numbers old_model;
    struct row_numbers after;
    int64_t first; /* of this rank */
    int64_t rows;
};

/* From -1 to k - 1; keyed by the customer, whatever the rank. */
static int32_t draw(uint64_t seed, int64_t row, int64_t k)
{
    return (int32_t)(uniform(seed, row, 0) * (double)(k + 1)) - 1;
}

/* Ranks in `idle` (a bit each) have no rows; the others share them unevenly. */
static void labels_open(struct labels *labels, int64_t rows, int64_t before, int64_t after, unsigned idle)
{
    int64_t working = 0;
    int64_t place = 0;
    for (int r = 0; r < world.size; r++) {
        place = r == world.rank ? working : place;
        working += !(idle >> r & 1);
    }
    bool is_idle = idle >> world.rank & 1;
    *labels = (struct labels){.first = 0};
    if (working == 0 || is_idle)
        return;
    labels->first = rows * place * place / (working * working);
    labels->rows = rows * (place + 1) * (place + 1) / (working * working) - labels->first;
    int64_t blocks = (labels->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    assert_ok(row_numbers_open(&labels->found, blocks, before));
    assert_ok(row_numbers_open(&labels->old_model, blocks, before));
    assert_ok(row_numbers_open(&labels->after, blocks, after));
    for (int64_t i = 0; i < labels->rows; i++) {
        row_numbers_set(&labels->found, i, draw(11, labels->first + i, before));
        row_numbers_set(&labels->old_model, i, draw(12, labels->first + i, before));
        row_numbers_set(&labels->after, i, draw(13, labels->first + i, after));
    }
}

static void labels_close(struct labels *labels)
{
    row_numbers_free(&labels->found);
    row_numbers_free(&labels->old_model);
    row_numbers_free(&labels->after);
}

/* What a customer's labels say, the plain way. */
static void check_counts(const struct migration *migration, int64_t rows, const int64_t *lapsed)
{
    int64_t k = migration->before.k;
    int64_t columns = migration->after.k + 1;
    int64_t *count = NULL;
    assert_ok(memory_new(&count, (k + 1) * columns, sizeof *count, "test counts"));
    for (int64_t row = 0; row < rows; row++) {
        int32_t from = draw(11, row, k);
        int32_t to = draw(13, row, migration->after.k);
        if (to >= 0)
            count[(from < 0 ? k : from) * columns + to]++;
    }
    for (int64_t h = 0; h < k; h++)
        count[h * columns + columns - 1] = lapsed[h];
    assert_memory_equal(migration->count, count, (size_t)((k + 1) * columns) * sizeof *count);
    free(count);
}

/* In order, none twice, and each with its customers. */
static void check_steps(const struct migration *migration, int64_t rows)
{
    int64_t k = migration->before.k;
    int64_t customers = 0;
    for (int64_t s = 0; s < migration->steps; s++) {
        const struct migration_step *step = &migration->step[s];
        const struct migration_step *last = step - 1;
        assert_true(s == 0 || step->before > last->before ||
                    (step->before == last->before &&
                     (step->old_model > last->old_model ||
                      (step->old_model == last->old_model && step->after > last->after))));
        int64_t expected = 0;
        for (int64_t row = 0; row < rows; row++) {
            int32_t from = draw(11, row, k);
            int32_t old = draw(12, row, k);
            expected += (from < 0 ? k : from) == step->before && (old < 0 ? k : old) == step->old_model &&
                        draw(13, row, migration->after.k) == step->after;
        }
        assert_int_equal(step->customers, expected);
        customers += step->customers;
    }
    for (int64_t row = 0; row < rows; row++)
        customers -= draw(13, row, migration->after.k) >= 0;
    assert_int_equal(customers, 0);
}

static void count_and_check(int64_t rows, int64_t before, int64_t after, unsigned idle, bool with_steps)
{
    struct labels labels;
    int64_t lapsed[MOST];
    struct migration migration = {.before = {.k = before}, .after = {.k = after}};
    for (int64_t h = 0; h < before; h++)
        lapsed[h] = 7 * h + 3;
    labels_open(&labels, rows, before, after, idle);
    assert_ok(migration_count(&world, &labels.found, with_steps ? &labels.old_model : NULL, &labels.after,
                              lapsed, &migration));
    bool any = rows > 0 && (idle & ((1U << world.size) - 1)) != (1U << world.size) - 1;
    assert_int_equal(migration.has_steps, with_steps);
    check_counts(&migration, any ? rows : 0, lapsed);
    if (migration.has_steps)
        check_steps(&migration, any ? rows : 0);
    else
        assert_int_equal(migration.steps, 0);
    labels_close(&labels);
    migration_free(&migration);
}

static void customers_are_counted(void **state)
{
    (void)state;
    count_and_check(5000, 3, 4, 0, true);
    count_and_check(5000, 3, 4, 0, false);
    count_and_check(900, 1, 1, 0, true);
}

/* More ways than the first tally has room for. */
static void many_ways_are_counted(void **state)
{
    (void)state;
    count_and_check(4000, MOST, 37, 0, true);
}

static void ranks_without_rows(void **state)
{
    (void)state;
    count_and_check(1000, 3, 4, 1, true); /* alone: nobody at all */
    count_and_check(1000, 3, 4, 2, true);
    count_and_check(1000, 3, 4, 2, false);
    count_and_check(1000, 3, 4, 0x3e, true);
    count_and_check(3, 3, 4, 0, true);
}

static void nobody_and_no_segments(void **state)
{
    (void)state;
    count_and_check(0, 2, 3, 0xff, true);
    count_and_check(500, 0, 3, 0, true);
    count_and_check(500, 3, 0, 0, true);
}

/* Refused before any of it is touched: a machine may promise more memory than it has. */
static void refuse_segments(int64_t before, int64_t after)
{
    int64_t lapsed = 0;
    int64_t peak = memory_peak();
    const struct row_numbers nobody = {.blocks = 0};
    struct migration migration = {.before = {.k = before}, .after = {.k = after}};
    assert_failure(migration_count(&world, &nobody, NULL, &nobody, &lapsed, &migration), EXIT_NO_MEMORY,
                   "segments take");
    assert_null(migration.count);
    assert_true(memory_peak() - peak < 1 << 24);
    migration_free(&migration);
}

static void too_many_segments(void **state)
{
    (void)state;
    double most = 4.0 * 0x1p35; /* bytes of the tables of 2^16 x 2^16 segments */
    int64_t available = memory_available();
    refuse_segments(INT64_C(1) << 38, INT64_C(1) << 38);
    if ((double)available < most * world.size)
        refuse_segments(65536, 65536);
    else
        print_message("left out: this machine has room for tables of 65536 x 65536 segments\n");
}

/* Room for one table, which the counts are, but not for all that are made of them. */
static void all_tables_are_counted(void **state)
{
    (void)state;
    double available = (double)memory_available();
    assert_ok(comm_min_f64(&world, &available, 1));
    int64_t cells = (int64_t)(available / world.size / 2 / sizeof(int64_t));
    refuse_segments(cells / 1000, 1000);
    refuse_segments(1000, cells / 1000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(customers_are_counted), cmocka_unit_test(many_ways_are_counted),
    cmocka_unit_test(ranks_without_rows),    cmocka_unit_test(nobody_and_no_segments),
    cmocka_unit_test(too_many_segments),     cmocka_unit_test(all_tables_are_counted),
};

TESTS_MAIN("migration_count", tests)
