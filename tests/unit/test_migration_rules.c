/* ranks: 1 */
/* What became of segments: the rules of transition.h once more, in whole numbers, over random tables; and by
 * hand where those who are like a segment's customers are asked. */
#include "assess/transition.h"
#include "migrations.h"

enum { SCATTERS = -1, SPLITS = -2 };

/* A table, and what transition_find is told and finds of it. */
struct trial {
    int64_t rows;
    int64_t columns;
    int64_t shared[MOST * MOST];
    int64_t likeness[MOST * MOST];
    int64_t size[MOST];
    int32_t match[MOST];
    bool has_likeness;
    enum transition fate[MOST];
    int32_t heir[MOST];
    bool by_likeness[MOST];
    bool split_into[MOST * MOST];
    enum transition origin[MOST];
};

static void find(struct trial *trial)
{
    struct contingency shared = {trial->rows, trial->columns, trial->shared};
    struct contingency likeness = {trial->rows, trial->columns, trial->likeness};
    struct transition_facts facts = {&shared, trial->has_likeness ? &likeness : NULL, trial->size,
                                     trial->match};
    struct transitions found = {trial->fate, trial->heir, trial->by_likeness, trial->split_into,
                                trial->origin};
    memset(trial->split_into, 0, sizeof trial->split_into);
    assert_ok(transition_find(&facts, &found));
}

/* ---- the rules once more ---- */

static int64_t sum_of_row(const struct trial *trial, const int64_t *count, int64_t row)
{
    int64_t sum = 0;
    for (int64_t j = 0; j < trial->columns; j++)
        sum += count[row * trial->columns + j];
    return sum;
}

static int64_t sum_of_column(const struct trial *trial, const int64_t *count, int64_t column)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < trial->rows; i++)
        sum += count[i * trial->columns + column];
    return sum;
}

static bool is_part(const struct trial *trial, const int64_t *count, int64_t row, int64_t column)
{
    int64_t taken = 4 * count[row * trial->columns + column];
    return taken > 0 && taken >= sum_of_row(trial, count, row) &&
           taken >= sum_of_column(trial, count, column);
}

/* Where it lives on, or SPLITS or SCATTERS. */
static int64_t answer(const struct trial *trial, const int64_t *count, int64_t row)
{
    int64_t parts = 0;
    int64_t half = SCATTERS;
    for (int64_t j = trial->columns - 1; j >= 0; j--) {
        int64_t taken = count[row * trial->columns + j];
        parts += is_part(trial, count, row, j);
        bool is_half = taken > 0 && 2 * taken >= sum_of_row(trial, count, row);
        if (is_half && (half == SCATTERS || half != trial->match[row]))
            half = j;
    }
    return parts > 1 ? SPLITS : half;
}

static bool are_asked(const struct trial *trial, int64_t row)
{
    int64_t own = answer(trial, trial->shared, row);
    int64_t other = answer(trial, trial->likeness, row);
    int64_t match = trial->match[row] < 0 ? INT64_MAX : trial->match[row];
    int64_t before = 0;
    int64_t after = 0;
    for (int64_t i = 0; i < trial->rows; i++) {
        before += trial->size[i];
        after += sum_of_row(trial, trial->likeness, i);
    }
    bool are_enough = 4 * sum_of_row(trial, trial->likeness, row) * before >= trial->size[row] * after;
    bool say_more = other == match || (own == SCATTERS && other != SCATTERS);
    return trial->has_likeness && are_enough && own != match && say_more &&
           sum_of_row(trial, trial->shared, row) > 0;
}

static const int64_t *table_of(const struct trial *trial, int64_t row)
{
    return are_asked(trial, row) ? trial->likeness : trial->shared;
}

/* Of the customers of the segment where it lives on; nothing where either has a match. */
static double gift(const struct trial *trial, int64_t row, int64_t column)
{
    const int64_t *count = table_of(trial, row);
    if (answer(trial, count, row) != column || trial->match[row] >= 0)
        return 0.0;
    for (int64_t i = 0; i < trial->rows; i++) {
        if (trial->match[i] == column)
            return 0.0;
    }
    return (double)count[row * trial->columns + column] / (double)sum_of_column(trial, count, column);
}

static enum transition plain_fate(const struct trial *trial, int64_t row)
{
    int64_t said = answer(trial, table_of(trial, row), row);
    if (said < 0)
        return said == SPLITS ? TRANSITION_SPLIT : TRANSITION_DISAPPEARS;
    if (said == trial->match[row])
        return TRANSITION_SURVIVES;
    double own = gift(trial, row, said);
    bool is_most = own >= 0.5;
    for (int64_t i = 0; i < trial->rows; i++)
        is_most &= i < row ? gift(trial, i, said) < own : gift(trial, i, said) <= own;
    return is_most ? TRANSITION_SURVIVES : TRANSITION_ABSORBED;
}

static enum transition plain_origin(const struct trial *trial, int64_t column)
{
    for (int64_t i = 0; i < trial->rows; i++) {
        const int64_t *count = table_of(trial, i);
        int64_t said = answer(trial, count, i);
        if (trial->match[i] == column || said == column ||
            (said == SPLITS && is_part(trial, count, i, column)))
            return TRANSITION_CONTINUES;
    }
    return TRANSITION_EMERGES;
}

/* ---- random tables ---- */

/* Mostly few customers, so that ties and bounds are met, now and then none. */
static int64_t draw_count(int64_t number, int64_t cell)
{
    double drawn = uniform(41, number, cell);
    return (int64_t)((number % 3 == 0 ? 6 : 25) * drawn * drawn * drawn * (drawn > 0.3));
}

static void draw_trial(int64_t number, struct trial *trial)
{
    *trial = (struct trial){.rows = 1 + number % MOST,
                            .columns = 1 + (int64_t)(MOST * uniform(42, number, 0)),
                            .has_likeness = number % 4 != 0};
    bool taken[MOST] = {false};
    for (int64_t cell = 0; cell < trial->rows * trial->columns; cell++) {
        trial->shared[cell] = draw_count(number, cell);
        trial->likeness[cell] = draw_count(number, MOST * MOST + cell);
    }
    for (int64_t i = 0; i < trial->rows; i++) {
        int32_t match = (int32_t)((double)trial->columns * uniform(43, number, i));
        bool is_matched = !taken[match] && uniform(44, number, i) < 0.6;
        trial->match[i] = is_matched ? match : -1;
        taken[match] |= is_matched;
        trial->size[i] =
            sum_of_row(trial, trial->shared, i) + (int64_t)(60 * uniform(45, number, i) * (number % 2));
    }
}

static void check_trial(const struct trial *trial)
{
    for (int64_t i = 0; i < trial->rows; i++) {
        const int64_t *count = table_of(trial, i);
        int64_t said = answer(trial, count, i);
        assert_int_equal(trial->by_likeness[i], are_asked(trial, i));
        assert_string_equal(migration_word(trial->fate[i]), migration_word(plain_fate(trial, i)));
        assert_int_equal(trial->heir[i], said >= 0 ? said : -1);
        for (int64_t j = 0; j < trial->columns; j++)
            assert_int_equal(trial->split_into[i * trial->columns + j],
                             said == SPLITS && is_part(trial, count, i, j));
    }
    for (int64_t j = 0; j < trial->columns; j++)
        assert_int_equal(trial->origin[j], plain_origin(trial, j));
}

static void transitions_by_the_rules(void **state)
{
    (void)state;
    int64_t seen[2][6] = {{0}};
    int64_t seen_without_match = 0;
    for (int64_t number = 0; number < 6000; number++) {
        struct trial trial;
        draw_trial(number, &trial);
        find(&trial);
        check_trial(&trial);
        for (int64_t i = 0; i < trial.rows; i++) {
            seen[trial.by_likeness[i]][trial.fate[i]]++;
            seen_without_match += trial.fate[i] == TRANSITION_SURVIVES && trial.match[i] < 0;
        }
        for (int64_t j = 0; j < trial.columns; j++)
            seen[0][trial.origin[j]]++;
    }
    for (int t = 0; t < 6; t++)
        assert_true(seen[0][t] > 100);
    assert_true(seen[1][TRANSITION_SURVIVES] > 100 && seen[1][TRANSITION_SPLIT] > 100 &&
                seen[1][TRANSITION_ABSORBED] > 100 && seen[1][TRANSITION_DISAPPEARS] == 0);
    assert_true(seen_without_match > 100);
}

/* ---- by hand ---- */

/* Customers of two segments change places, and new ones make the third: all are where they were. */
static void open_swap(struct trial *trial)
{
    *trial = (struct trial){.rows = 2,
                            .columns = 3,
                            .shared = {4, 40, 3, 50, 4, 3},
                            .likeness = {60, 1, 1, 1, 50, 2},
                            .size = {50, 60},
                            .match = {0, 1},
                            .has_likeness = true};
}

static void expect(const struct trial *trial, int64_t row, enum transition fate, int32_t heir, bool asked)
{
    assert_string_equal(migration_word(trial->fate[row]), migration_word(fate));
    assert_int_equal(trial->heir[row], heir);
    assert_int_equal(trial->by_likeness[row], asked);
}

static void segments_that_swap_customers(void **state)
{
    (void)state;
    struct trial trial;
    open_swap(&trial);
    find(&trial);
    expect(&trial, 0, TRANSITION_SURVIVES, 0, true);
    expect(&trial, 1, TRANSITION_SURVIVES, 1, true);
    assert_int_equal(trial.origin[2], TRANSITION_EMERGES);
    /* nobody can be asked */
    open_swap(&trial);
    trial.has_likeness = false;
    find(&trial);
    expect(&trial, 0, TRANSITION_ABSORBED, 1, false);
    assert_int_equal(trial.origin[0], TRANSITION_CONTINUES);
    /* where a segment keeps its own customers, nobody else is asked */
    open_swap(&trial);
    trial.match[0] = 1;
    trial.match[1] = 0;
    find(&trial);
    expect(&trial, 0, TRANSITION_SURVIVES, 1, false);
    expect(&trial, 1, TRANSITION_SURVIVES, 0, false);
}

/* Half of those before were in it; of 160 now, a quarter of as many are 20. */
static void too_few_to_ask(void **state)
{
    (void)state;
    struct trial trial;
    open_swap(&trial);
    trial.size[1] = 50;
    memcpy(trial.likeness, (int64_t[]){20, 0, 0, 0, 140, 0}, sizeof(int64_t[6]));
    find(&trial);
    expect(&trial, 0, TRANSITION_SURVIVES, 0, true);
    memcpy(trial.likeness, (int64_t[]){19, 0, 0, 0, 141, 0}, sizeof(int64_t[6]));
    find(&trial);
    expect(&trial, 0, TRANSITION_ABSORBED, 1, false);
}

/* Its place may be taken, but nobody of it is left. */
static void nobody_is_left(void **state)
{
    (void)state;
    struct trial trial;
    open_swap(&trial);
    memset(trial.shared, 0, 3 * sizeof(int64_t));
    trial.match[0] = -1;
    find(&trial);
    expect(&trial, 0, TRANSITION_DISAPPEARS, -1, false);
}

/* Its customers scatter; others like them are a segment by themselves, which has no number from before. */
static void a_new_number_for_the_same(void **state)
{
    (void)state;
    struct trial trial = {.rows = 2,
                          .columns = 4,
                          .shared = {3, 3, 3, 1, 0, 40, 40, 0},
                          .likeness = {0, 0, 1, 30, 0, 40, 40, 30},
                          .size = {10, 80},
                          .match = {-1, 1},
                          .has_likeness = true};
    find(&trial);
    expect(&trial, 0, TRANSITION_SURVIVES, 3, true);
    /* less than half of it */
    trial.likeness[7] = 31;
    find(&trial);
    expect(&trial, 0, TRANSITION_ABSORBED, 3, true);
    assert_int_equal(trial.origin[3], TRANSITION_CONTINUES);
    /* matched with another, it leaves its number there */
    trial.likeness[7] = 0;
    trial.match[0] = 0;
    find(&trial);
    expect(&trial, 0, TRANSITION_ABSORBED, 3, true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(transitions_by_the_rules),
    cmocka_unit_test(segments_that_swap_customers),
    cmocka_unit_test(too_few_to_ask),
    cmocka_unit_test(nobody_is_left),
    cmocka_unit_test(a_new_number_for_the_same),
};

TESTS_MAIN("migration_rules", tests)
