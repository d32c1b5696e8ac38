/* ranks: 1 */
/* What is measured of a migration: figures of tables by hand, and the split into changes of customers and of
 * the model, of random ways. */
#include <math.h>

#include "assess/agreement.h"
#include "migrations.h"

/* ---- figures ---- */

static void figures_of_a_table(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 2, 2, 60, 20, 20, 10, 30, 0, 5, 15, 0);
    assert_int_equal(migration.shared, 120);
    assert_int_equal(migration.fresh, 20);
    assert_int_equal(migration.lapsed, 20);
    assert_int_equal(migration.kept, 90);
    static const double share[] = {0.6, 0.2, 0.2, 0.25, 0.75, 0, 0.25, 0.75, 0};
    for (int i = 0; i < 9; i++)
        assert_close(migration.share[i], share[i], 1e-15);
    assert_int_equal(migration.match[0], 0);
    assert_int_equal(migration.match[1], 1);
    assert_close(migration.retention[0], 0.6, 1e-15);
    assert_close(migration.retention_shared[0], 0.75, 1e-15);
    assert_close(migration.retention[1], 0.75, 1e-15);
    assert_close(migration.jaccard[0], 60.0 / 90, 1e-15);
    assert_close(migration.jaccard[1], 30.0 / 60, 1e-15);
    struct contingency shared = {2, 2, (int64_t[]){60, 20, 10, 30}};
    assert_close(migration.adjusted_rand, agreement_adjusted_rand(&shared), 0);
    assert_null(migration.match_place);
    assert_null(migration.customer_change);
    assert_null(migration.drift);
    migration_free(&migration);
}

/* A segment whose only free partner has none of its customers is matched with nobody. */
static void strangers_are_not_matched(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 2, 2, 50, 0, 0, 30, 0, 5, 0, 40, 0);
    assert_int_equal(migration.match[0], 0);
    assert_int_equal(migration.match[1], -1);
    assert_int_equal(migration.kept, 50);
    assert_close(migration.retention[1], 0, 0);
    migration_free(&migration);
}

static void sides_without_customers(void **state)
{
    (void)state;
    struct migration migration;
    /* nobody shared, and a segment that never had anybody */
    MEASURE(&migration, 2, 2, 0, 0, 9, 0, 0, 0, 4, 0, 0);
    assert_int_equal(migration.shared, 0);
    assert_true(isnan(migration.adjusted_rand));
    assert_close(migration.retention[0], 0, 0);
    assert_true(isnan(migration.retention[1]));
    assert_true(isnan(migration.retention_shared[0]));
    assert_close(migration.jaccard[0], 0, 0);
    assert_true(isnan(migration.share[3]));
    for (int h = 0; h < 2; h++) {
        assert_int_equal(migration.match[h], -1);
        expect_fate(&migration, h, TRANSITION_DISAPPEARS, -1);
        assert_int_equal(migration.origin[h], TRANSITION_EMERGES);
    }
    migration_free(&migration);
}

static void sides_without_segments(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 0, 2, 3, 4, 0);
    assert_int_equal(migration.fresh, 7);
    assert_int_equal(migration.origin[1], TRANSITION_EMERGES);
    migration_free(&migration);
    MEASURE(&migration, 2, 0, 3, 4, 0);
    assert_int_equal(migration.lapsed, 7);
    assert_int_equal(migration.match[0], -1);
    expect_fate(&migration, 0, TRANSITION_DISAPPEARS, -1);
    migration_free(&migration);
}

static void one_segment(void **state)
{
    (void)state;
    struct migration migration;
    MEASURE(&migration, 1, 1, 5, 2, 3, 0);
    expect_fate(&migration, 0, TRANSITION_SURVIVES, 0);
    assert_close(migration.jaccard[0], 1, 0);
    assert_close(migration.adjusted_rand, 1, 0);
    assert_close(migration.retention[0], 5.0 / 7, 1e-15);
    migration_free(&migration);
}

/* ---- customers and models ---- */

/* Every way with some customers, from which the counts follow. */
static void random_steps(int64_t number, struct migration *migration)
{
    random_counts(number, migration);
    int64_t k = migration->before.k;
    int64_t columns = migration->after.k;
    for (int64_t i = 0; i <= k; i++)
        memset(migration->count + i * (columns + 1), 0, (size_t)columns * sizeof(int64_t));
    int64_t ways = (k + 1) * (k + 1) * columns;
    assert_ok(memory_new(&migration->step, ways, sizeof *migration->step, "test steps"));
    migration->has_steps = true;
    for (int64_t way = 0; way < ways; way++) {
        struct migration_step step = {(int32_t)(way / columns / (k + 1)), (int32_t)(way / columns % (k + 1)),
                                      (int32_t)(way % columns), (int64_t)(9 * uniform(23, number, way)) - 4};
        if (step.customers <= 0)
            continue;
        migration->step[migration->steps++] = step;
        migration->count[step.before * (columns + 1) + step.after] += step.customers;
    }
}

/* Both tables lead from the same rows to the same columns; who moved is told of one customer after the other.
 */
static void check_composition(const struct migration *migration)
{
    int64_t k = migration->before.k;
    int64_t columns = migration->after.k;
    int64_t customer[(MOST + 1) * (MOST + 1)] = {0};
    int64_t model[(MOST + 1) * MOST] = {0};
    int64_t moved[5] = {0};
    for (int64_t s = 0; s < migration->steps; s++) {
        const struct migration_step *step = &migration->step[s];
        customer[step->before * (k + 1) + step->old_model] += step->customers;
        model[step->old_model * columns + step->after] += step->customers;
        if (step->before == k)
            continue;
        /* where the matching takes the segments before and by the model before */
        int32_t stays = migration->match[step->before];
        int32_t goes = step->old_model < k ? migration->match[step->old_model] : -2;
        bool changed = step->old_model != step->before;
        int kind = step->old_model == k   ? (step->after == stays ? -1 : 4)
                   : !changed             ? (step->after == stays ? -1 : 1)
                   : step->after == stays ? 3
                   : step->after == goes  ? 0
                                          : 2;
        if (kind >= 0)
            moved[kind] += step->customers;
    }
    for (int64_t i = 0; i < k; i++)
        customer[i * (k + 1) + k] += migration->count[i * (columns + 1) + columns];
    assert_memory_equal(migration->customer_change, customer, (size_t)((k + 1) * (k + 1)) * sizeof *customer);
    assert_memory_equal(migration->model_change, model, (size_t)((k + 1) * columns) * sizeof *model);
    assert_int_equal(migration->moved_by_customer, moved[0]);
    assert_int_equal(migration->moved_by_model, moved[1]);
    assert_int_equal(migration->moved_by_both, moved[2]);
    assert_int_equal(migration->moved_back, moved[3]);
    assert_int_equal(migration->moved_unscored, moved[4]);
    assert_int_equal(migration->kept + moved[0] + moved[1] + moved[2] + moved[4], migration->shared);
}

/* Rows of the one are rows of the raw table, columns of the other its columns, and the two meet in between.
 */
static void check_margins(const struct migration *migration)
{
    int64_t k = migration->before.k;
    int64_t columns = migration->after.k;
    for (int64_t i = 0; i <= k; i++) {
        int64_t sum = 0;
        for (int64_t l = 0; l <= k; l++)
            sum += migration->customer_change[i * (k + 1) + l];
        for (int64_t j = 0; j <= columns; j++)
            sum -= migration->count[i * (columns + 1) + j];
        assert_int_equal(sum, 0);
    }
    for (int64_t l = 0; l < k; l++) {
        int64_t sum = 0;
        for (int64_t i = 0; i <= k; i++)
            sum += migration->customer_change[i * (k + 1) + l];
        for (int64_t j = 0; j < columns; j++)
            sum -= migration->model_change[l * columns + j];
        assert_int_equal(sum, 0);
    }
}

static void changes_compose(void **state)
{
    (void)state;
    for (int64_t number = 0; number < 300; number++) {
        struct migration migration;
        random_steps(number, &migration);
        assert_ok(migration_measure(&migration));
        check_composition(&migration);
        check_margins(&migration);
        migration_free(&migration);
    }
}

/* One customer of each kind; segment 0 is matched with 1, and 1 with 0. */
static void every_kind_of_move(void **state)
{
    (void)state;
    struct migration migration;
    static const struct migration_step step[] = {
        {0, 0, 0, 1},   /* the model moved them */
        {0, 0, 1, 100}, /* stayed */
        {0, 1, 0, 2},   /* they moved */
        {0, 1, 1, 4},   /* moved and moved back */
        {0, 1, 2, 8},   /* both */
        {0, 2, 0, 16},  /* not scored, moved */
        {0, 2, 1, 32},  /* not scored, stayed */
        {1, 1, 0, 100}, /* stayed */
        {2, 0, 0, 64},  /* new: not of both */
    };
    OPEN(&migration, 2, 3, 19, 136, 8, 5, 100, 0, 0, 0, 64, 0, 0, 0);
    migration.has_steps = true;
    migration.steps = 9;
    assert_ok(memory_new(&migration.step, 9, sizeof *step, "test steps"));
    memcpy(migration.step, step, sizeof step);
    assert_ok(migration_measure(&migration));
    assert_int_equal(migration.match[0], 1);
    assert_int_equal(migration.match[1], 0);
    assert_int_equal(migration.kept, 236);
    assert_int_equal(migration.moved_by_model, 1);
    assert_int_equal(migration.moved_by_customer, 2);
    assert_int_equal(migration.moved_back, 4);
    assert_int_equal(migration.moved_by_both, 8);
    assert_int_equal(migration.moved_unscored, 16);
    static const int64_t customer[] = {101, 14, 53, 0, 100, 0, 64, 0, 0};
    static const int64_t model[] = {65, 100, 0, 102, 4, 8, 16, 32, 0};
    assert_memory_equal(migration.customer_change, customer, sizeof customer);
    assert_memory_equal(migration.model_change, model, sizeof model);
    migration_free(&migration);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(figures_of_a_table),
    cmocka_unit_test(strangers_are_not_matched),
    cmocka_unit_test(sides_without_customers),
    cmocka_unit_test(sides_without_segments),
    cmocka_unit_test(one_segment),
    cmocka_unit_test(changes_compose),
    cmocka_unit_test(every_kind_of_move),
};

TESTS_MAIN("migration", tests)
