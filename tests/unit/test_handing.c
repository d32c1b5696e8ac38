/* ranks: 1 */
/* Numbers handed down: examples worked out by hand, and small tables against every matching there is. */
#include "assess/handing.h"
#include "support.h"

enum { MOST = 5 };

/* ---- every matching ---- */

struct trial {
    const struct contingency *table;
    int32_t match[MOST];
    bool taken[MOST];
    int64_t most;          /* customers on the best matching */
    const int32_t *wanted; /* what is looked for among the best ones, thinned; NULL: only `most` is */
    bool found;
};

/* At least a tenth of either side, in whole numbers. */
static bool is_enough(const struct contingency *table, int64_t i, int64_t j)
{
    int64_t count = table->count[i * table->columns + j];
    int64_t row = 0;
    int64_t column = 0;
    for (int64_t c = 0; c < table->columns; c++)
        row += table->count[i * table->columns + c];
    for (int64_t r = 0; r < table->rows; r++)
        column += table->count[r * table->columns + j];
    return count > 0 && 10 * count >= row && 10 * count >= column;
}

static void end_trial(struct trial *trial, int64_t sum)
{
    if (!trial->wanted) {
        trial->most = sum > trial->most ? sum : trial->most;
        return;
    }
    bool same = sum == trial->most;
    for (int64_t i = 0; i < trial->table->rows; i++) {
        int32_t j = trial->match[i];
        same = same && trial->wanted[i] == (j >= 0 && is_enough(trial->table, i, j) ? j : -1);
    }
    trial->found = trial->found || same;
}

static void try_all(struct trial *trial, int64_t row, int64_t sum)
{
    const struct contingency *table = trial->table;
    if (row >= table->rows || row >= MOST) {
        end_trial(trial, sum);
        return;
    }
    trial->match[row] = -1;
    try_all(trial, row + 1, sum);
    for (int32_t j = 0; j < table->columns; j++) {
        if (trial->taken[j])
            continue;
        trial->taken[j] = true;
        trial->match[row] = j;
        try_all(trial, row + 1, sum + table->count[row * table->columns + j]);
        trial->taken[j] = false;
    }
    trial->match[row] = -1;
}

/* The matching is one of the best, less the pairs that share too little. */
static void check_match(const struct contingency *table, const int32_t *match)
{
    struct trial trial = {.table = table};
    try_all(&trial, 0, 0);
    trial.wanted = match;
    try_all(&trial, 0, 0);
    assert_true(trial.found);
}

/* Many zeros, ties and pairs near a tenth. */
static int64_t some_count(uint64_t seed, int64_t cell)
{
    double kind = uniform(seed, cell, 0);
    double size = uniform(seed, cell, 1);
    return kind < 0.3   ? 0
           : kind < 0.6 ? (int64_t)(4 * size)
           : kind < 0.8 ? 10 * (int64_t)(4 * size)
                        : (int64_t)(100 * size);
}

static void check_handing(const struct contingency *table, const int64_t *before, int64_t next,
                          const int32_t *match)
{
    int64_t order[MOST];
    int64_t number[MOST];
    bool seen[MOST] = {false};
    struct handing handing = {table, before, next, order, number};
    int64_t fresh = next;
    assert_ok(handing_down(&handing));
    int64_t last_fresh = -1;
    for (int64_t h = 0; h < table->columns; h++) {
        int64_t from = -1;
        for (int64_t i = 0; i < table->rows; i++)
            from = match[i] == order[h] ? i : from;
        assert_false(seen[order[h]]);
        seen[order[h]] = true;
        assert_true(h == 0 || number[h - 1] < number[h]);
        assert_int_equal(number[h], from >= 0 ? before[from] : fresh);
        if (from < 0) {
            assert_true(order[h] > last_fresh); /* new ones in the order that they have */
            last_fresh = order[h];
            fresh++;
        }
    }
    assert_int_equal(handing.next_number, fresh);
}

static void small_tables_against_every_matching(void **state)
{
    (void)state;
    static const int64_t before[MOST] = {0, 3, 4, 11, 12};
    int thinned = 0;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        int64_t count[MOST * MOST];
        int32_t match[MOST];
        int32_t whole[MOST];
        struct contingency table = {
            .rows = 1 + (int64_t)(seed % MOST), .columns = 1 + (int64_t)(seed / MOST % MOST), .count = count};
        for (int64_t cell = 0; cell < table.rows * table.columns; cell++)
            count[cell] = some_count(seed, cell);
        assert_ok(handing_match(&table, match));
        assert_ok(agreement_match(&table, whole));
        for (int64_t i = 0; i < table.rows; i++)
            thinned += whole[i] >= 0 && match[i] < 0 && count[i * table.columns + whole[i]] > 0;
        check_match(&table, match);
        check_handing(&table, before, 20, match);
    }
    assert_true(thinned > 20); /* the tables put the share to the test */
}

/* ---- examples ---- */

static void expect(const struct contingency *table, const int64_t *before, int64_t next, const int64_t *order,
                   const int64_t *number, int64_t next_then)
{
    int64_t got_order[MOST];
    int64_t got_number[MOST];
    struct handing handing = {table, before, next, got_order, got_number};
    assert_ok(handing_down(&handing));
    assert_memory_equal(got_order, order, (size_t)table->columns * sizeof *order);
    assert_memory_equal(got_number, number, (size_t)table->columns * sizeof *number);
    assert_int_equal(handing.next_number, next_then);
}

static void the_same_segments_keep_their_numbers(void **state)
{
    (void)state;
    int64_t same[] = {50, 1, 2, 0, 40, 3, 1, 1, 30};
    int64_t turned[] = {1, 2, 50, 40, 3, 0, 1, 30, 1};
    struct contingency table = {3, 3, same};
    static const int64_t plain[] = {0, 1, 2};
    static const int64_t gaps[] = {2, 5, INT32_MAX};
    expect(&table, plain, 3, plain, plain, 3);
    expect(&table, gaps, 1 + gaps[2], plain, gaps, 1 + gaps[2]);
    table.count = turned; /* the first is now the last */
    expect(&table, gaps, 1 + gaps[2], (const int64_t[]){2, 0, 1}, gaps, 1 + gaps[2]);
}

/* Numbers need not rise with the rows. */
static void numbers_decide_the_order(void **state)
{
    (void)state;
    int64_t count[] = {50, 0, 0, 0, 40, 0, 0, 0, 30};
    struct contingency table = {3, 3, count};
    static const int64_t before[] = {7, 9, 4};
    expect(&table, before, 10, (const int64_t[]){2, 0, 1}, (const int64_t[]){4, 7, 9}, 10);
}

static void a_new_segment_gets_a_number_never_used(void **state)
{
    (void)state;
    int64_t count[] = {5, 50, 0, 2, 0, 4, 0, 40};
    struct contingency table = {2, 4, count};
    static const int64_t before[] = {1, 6};
    expect(&table, before, 8, (const int64_t[]){1, 3, 0, 2}, (const int64_t[]){1, 6, 8, 9}, 10);
}

static void the_number_of_a_vanished_segment_stays_unused(void **state)
{
    (void)state;
    int64_t count[] = {0, 50, 30, 2, 60, 1};
    struct contingency table = {3, 2, count};
    static const int64_t before[] = {0, 1, 2};
    /* the second of the three is taken in by the first of the two, whose customers are mostly the third's */
    expect(&table, before, 3, (const int64_t[]){1, 0}, (const int64_t[]){0, 2}, 3);
}

/* Those left over are no pair, if they share less than a tenth of either. */
static void leftovers_do_not_inherit(void **state)
{
    (void)state;
    static const int64_t before[] = {0, 1};
    static const int64_t both[] = {0, 1};
    int64_t enough[] = {1000, 0, 90, 10}; /* ten of a hundred are a tenth */
    int64_t little[] = {1000, 0, 91, 10};
    int64_t other[] = {1000, 91, 0, 10};
    struct contingency table = {2, 2, enough};
    expect(&table, before, 2, both, both, 2);
    table.count = little;
    expect(&table, before, 2, both, (const int64_t[]){0, 2}, 3);
    table.count = other;
    expect(&table, before, 2, both, (const int64_t[]){0, 2}, 3);
}

/* A tenth of a count is no double; the comparison must not mind. */
static void exactly_the_share_is_enough(void **state)
{
    (void)state;
    for (int64_t n = 1; n < INT64_C(1) << 45; n = 2 * n + n / 3 + 1) {
        int64_t count[] = {9 * n, n, 100 * n, 0};
        int32_t match[2];
        struct contingency table = {2, 2, count};
        assert_ok(handing_match(&table, match));
        assert_true(match[0] == 1 && match[1] == 0);
        count[0]++;
        assert_ok(handing_match(&table, match));
        assert_true(match[0] == -1 && match[1] == 0);
    }
}

static void nobody_shared_is_all_new(void **state)
{
    (void)state;
    int64_t none[MOST * MOST] = {0};
    static const int64_t before[] = {0, 1, 2};
    struct contingency table = {3, 2, none};
    expect(&table, before, 3, (const int64_t[]){0, 1}, (const int64_t[]){3, 4}, 5);
    table = (struct contingency){1, 4, none};
    expect(&table, before, 3, (const int64_t[]){0, 1, 2, 3}, (const int64_t[]){3, 4, 5, 6}, 7);
}

static void numbers_are_used_up(void **state)
{
    (void)state;
    int64_t count[] = {50, 0, 0};
    int64_t order[MOST];
    int64_t number[MOST];
    struct contingency table = {1, 3, count};
    static const int64_t before[] = {INT32_MAX - 2};
    expect(&table, before, before[0] + 1, (const int64_t[]){0, 1, 2},
           (const int64_t[]){INT32_MAX - 2, INT32_MAX - 1, INT32_MAX}, INT64_C(1) + INT32_MAX);
    struct handing handing = {&table, before, INT32_MAX, order, number};
    assert_failure(handing_down(&handing), EXIT_BAD_DATA, "segment numbers are used up");
    table = (struct contingency){1, 1, count}; /* no new one is wanted */
    expect(&table, before, INT64_C(1) + INT32_MAX, (const int64_t[]){0}, before, INT64_C(1) + INT32_MAX);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(small_tables_against_every_matching),
    cmocka_unit_test(the_same_segments_keep_their_numbers),
    cmocka_unit_test(numbers_decide_the_order),
    cmocka_unit_test(a_new_segment_gets_a_number_never_used),
    cmocka_unit_test(the_number_of_a_vanished_segment_stays_unused),
    cmocka_unit_test(leftovers_do_not_inherit),
    cmocka_unit_test(exactly_the_share_is_enough),
    cmocka_unit_test(nobody_shared_is_all_new),
    cmocka_unit_test(numbers_are_used_up),
};

TESTS_MAIN("handing", tests)
