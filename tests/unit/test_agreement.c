/* ranks: 1 */
/* Agreement of two labelings against counts of pairs, all matchings tried, and other forms of the formulas.
 */
#include <math.h>

#include "assess/agreement.h"
#include "support.h"

enum { MOST = 400 }; /* rows or columns in these tests */

#define TABLE(r, c, ...)                                                                                     \
    ((struct contingency){.rows = (r), .columns = (c), .count = (int64_t[]){__VA_ARGS__}})

static struct contingency table_new(int64_t rows, int64_t columns)
{
    struct contingency table = {.rows = rows, .columns = columns};
    assert_ok(memory_new(&table.count, rows * columns, sizeof *table.count, "a test table"));
    return table;
}

/* Small numbers, many of them zero or alike; some rows and columns have none. */
static struct contingency random_table(int64_t number, int64_t most)
{
    struct contingency table =
        table_new(1 + number % most, 1 + (int64_t)((double)most * uniform(1, number, 0)));
    for (int64_t i = 0; i < table.rows; i++) {
        for (int64_t j = 0; j < table.columns; j++) {
            int64_t drawn = (int64_t)(6 * uniform(2, number, i * most + j));
            bool none = (number % 3 == 0 && i == 1) || (number % 4 == 0 && j == 0);
            table.count[i * table.columns + j] = none || drawn < 2 ? 0 : drawn - 1;
        }
    }
    return table;
}

/* ---- pairs ---- */

/* The rows and columns of the customers of a table, one by one. */
struct listed {
    int64_t count;
    int64_t row[1000];
    int64_t column[1000];
};

static struct listed list_customers(const struct contingency *table)
{
    struct listed listed = {.count = 0};
    for (int64_t cell = 0; cell < table->rows * table->columns; cell++) {
        for (int64_t i = 0; i < table->count[cell]; i++) {
            assert_true(listed.count < 1000);
            listed.row[listed.count] = cell / table->columns;
            listed.column[listed.count++] = cell % table->columns;
        }
    }
    return listed;
}

/* By the pairs themselves; index, expected index and largest index as Hubert and Arabie have them. */
static double rand_by_pairs(const struct contingency *table)
{
    struct listed listed = list_customers(table);
    double both = 0;
    double rows = 0;
    double columns = 0;
    for (int64_t a = 0; a < listed.count; a++) {
        for (int64_t b = 0; b < a; b++) {
            bool row = listed.row[a] == listed.row[b];
            bool column = listed.column[a] == listed.column[b];
            both += row && column;
            rows += row;
            columns += column;
        }
    }
    double pairs = (double)listed.count * (double)(listed.count - 1) / 2;
    double expected = pairs > 0 ? rows * columns / pairs : 0.0;
    double largest = (rows + columns) / 2;
    return both == rows && both == columns ? 1.0 : (both - expected) / (largest - expected);
}

static double strength_by_pairs(const struct contingency *table)
{
    struct listed listed = list_customers(table);
    double least = 1.0;
    for (int64_t i = 0; i < table->rows; i++) {
        double pairs = 0;
        double kept = 0;
        for (int64_t a = 0; a < listed.count; a++) {
            for (int64_t b = 0; b < a; b++) {
                bool row = listed.row[a] == i && listed.row[b] == i;
                pairs += row;
                kept += row && listed.column[a] == listed.column[b];
            }
        }
        if (pairs > 0 && kept / pairs < least)
            least = kept / pairs;
    }
    return least;
}

static void pairs_are_counted(void **state)
{
    (void)state;
    for (int64_t number = 0; number < 200; number++) {
        struct contingency table = random_table(number, 7);
        assert_true(fabs(agreement_adjusted_rand(&table) - rand_by_pairs(&table)) < 1e-13);
        assert_close(agreement_prediction_strength(&table), strength_by_pairs(&table), 1e-15);
        free(table.count);
    }
}

/* More columns than are summed at a time. */
static void pairs_of_wide_tables(void **state)
{
    (void)state;
    static const int64_t columns[] = {63, 64, 65, 128, 150};
    for (int64_t t = 0; t < 5; t++) {
        struct contingency table = table_new(9, columns[t]);
        for (int64_t cell = 0; cell < 9 * columns[t]; cell++)
            table.count[cell] = uniform(3, t, cell) < 0.8 ? 0 : 1 + cell % 4;
        table.count[columns[t] - 1] += 9;
        assert_close(agreement_adjusted_rand(&table), rand_by_pairs(&table), 1e-12);
        free(table.count);
    }
}

/* What scikit-learn's adjusted_rand_score has no formula for. */
static void awkward_pairs(void **state)
{
    (void)state;
    assert_true(agreement_adjusted_rand(&TABLE(1, 1, 0)) == 1);
    assert_true(agreement_adjusted_rand(&TABLE(1, 1, 1)) == 1);
    assert_true(agreement_adjusted_rand(&TABLE(1, 1, 9)) == 1);
    assert_true(agreement_adjusted_rand(&TABLE(3, 2, 0, 0, 0, 9, 0, 0)) == 1); /* one in both */
    assert_true(agreement_adjusted_rand(&TABLE(2, 2, 0, 1, 1, 0)) == 1);       /* all alone in both */
    assert_true(agreement_adjusted_rand(&TABLE(2, 3, 0, 5, 0, 7, 0, 0)) == 1); /* other numbers */
    assert_true(agreement_adjusted_rand(&TABLE(1, 2, 4, 5)) == 0);             /* one against two */
    assert_true(agreement_adjusted_rand(&TABLE(3, 1, 1, 1, 1)) == 0);          /* alone against one */
    assert_close(agreement_adjusted_rand(&TABLE(2, 2, 1, 1, 1, 1)), -0.5, 1e-15);
    assert_true(agreement_prediction_strength(&TABLE(2, 2, 0, 0, 1, 0)) == 1); /* no pairs */
    assert_true(agreement_prediction_strength(&TABLE(2, 2, 1, 1, 5, 0)) == 0);
    assert_true(agreement_prediction_strength(&TABLE(2, 2, 0, 1, 2, 2)) == 1.0 / 3);
}

static void check_large(const struct contingency *table, double rand, double strength)
{
    assert_close(agreement_adjusted_rand(table), rand, 1e-15);
    assert_close(agreement_prediction_strength(table), strength, 1e-15);
}

/* Expected as by exact fractions, in Hubert and Arabie's form. */
static void pairs_beyond_64_bits(void **state)
{
    (void)state;
    const int64_t n = INT64_C(1) << 40;
    check_large(&TABLE(2, 2, n / 2, 1, 0, n / 2 - 1), 0.999999999996362, 0.999999999996362);
    check_large(&TABLE(2, 2, n / 4, n / 4, n / 4, n / 4), -9.094947017745826e-13, 0.4999999999990905);
    check_large(&TABLE(2, 2, n / 4 + 1, n / 4 - 1, n / 4, n / 4), -9.094947017712739e-13, 0.4999999999990905);
    check_large(&TABLE(2, 2, 3000000000, 1, 2500000000, 77), 5.539393596884141e-09, 0.9999999384000038);
    check_large(&TABLE(2, 2, n - 1, 0, 0, 1), 1.0, 1.0);
    check_large(&TABLE(2, 2, n - 2, 1, 1, 0), -9.094947017737554e-13, 0.999999999998181);
}

/* ---- segments ---- */

static void check_segments(const struct contingency *table)
{
    double jaccard[MOST];
    double stability[MOST];
    struct listed listed = list_customers(table);
    assert_ok(agreement_jaccard(table, jaccard));
    agreement_level_stability(table, stability);
    for (int64_t i = 0; i < table->rows; i++) {
        double best = 0.0;
        for (int64_t j = 0; j < table->columns; j++) {
            double shared = 0;
            double either = 0;
            for (int64_t a = 0; a < listed.count; a++) {
                shared += listed.row[a] == i && listed.column[a] == j;
                either += listed.row[a] == i || listed.column[a] == j;
            }
            best = either > 0 && shared / either > best ? shared / either : best;
        }
        assert_true(jaccard[i] == best);
    }
    for (int64_t j = 0; j < table->columns; j++) {
        double all = 0;
        double information = 0; /* sum of n log n */
        for (int64_t i = 0; i < table->rows; i++) {
            double count = (double)table->count[i * table->columns + j];
            all += count;
            information += count > 0 ? count * log(count) : 0.0;
        }
        double expected = 1 - (log(all) - information / all) / log((double)table->rows);
        if (all == 0)
            assert_true(isnan(stability[j]));
        else
            assert_true(fabs(stability[j] - (table->rows > 1 ? expected : 1.0)) < 1e-13);
        assert_false(stability[j] < 0 || stability[j] > 1);
    }
}

static void segments_are_compared(void **state)
{
    (void)state;
    for (int64_t number = 0; number < 200; number++) {
        struct contingency table = random_table(number, 7);
        check_segments(&table);
        free(table.count);
    }
}

static void awkward_segments(void **state)
{
    (void)state;
    const int64_t n = INT64_C(1) << 38;
    double jaccard[3];
    double stability[3];
    struct contingency table = TABLE(3, 2, 0, 0, n, n, n, 2 * n); /* an empty row */
    assert_ok(agreement_jaccard(&table, jaccard));
    assert_true(jaccard[0] == 0 && jaccard[1] == 1.0 / 3 && jaccard[2] == 0.5);
    table = TABLE(2, 3, n, 0, 3 * n, 0, 0, n); /* an empty column */
    assert_ok(agreement_jaccard(&table, jaccard));
    assert_true(jaccard[0] == 0.6 && jaccard[1] == 0.25);
    agreement_level_stability(&table, stability);
    assert_true(stability[0] == 1 && isnan(stability[1]));
    assert_close(stability[2], 1 - (0.75 * log2(4.0 / 3) + 0.25 * 2), 1e-15);
    agreement_level_stability(&TABLE(1, 3, 5, 0, 1), stability); /* from one segment */
    assert_true(stability[0] == 1 && isnan(stability[1]) && stability[2] == 1);
    agreement_level_stability(&TABLE(3, 3, 1, n, 0, 1, n, 0, 1, n, 7), stability); /* from all equally */
    assert_true(stability[0] >= 0 && stability[0] < 1e-15 && stability[1] < 1e-15 && stability[2] == 1);
    for (int64_t rows = 2; rows < MOST; rows++) {
        int64_t ones[MOST];
        for (int64_t i = 0; i < rows; i++)
            ones[i] = 1;
        agreement_level_stability(&(struct contingency){rows, 1, ones}, stability);
        assert_true(stability[0] >= 0 && stability[0] < 1e-13);
    }
}

/* ---- matching ---- */

/* The most customers on a matching of the rows from `row` on with the columns not in `taken`. */
static int64_t best_total(const struct contingency *table, int64_t row, unsigned taken, int64_t spare)
{
    if (row == table->rows)
        return 0;
    int64_t best = spare > 0 ? best_total(table, row + 1, taken, spare - 1) : -1;
    for (int64_t j = 0; j < table->columns; j++) {
        if (taken >> j & 1)
            continue;
        int64_t total =
            table->count[row * table->columns + j] + best_total(table, row + 1, taken | 1U << j, spare);
        best = total > best ? total : best;
    }
    return best;
}

/* The total of what agreement_match gives, after its being a matching is checked. */
static int64_t matched_total(const struct contingency *table)
{
    int32_t match[MOST];
    bool taken[MOST] = {false};
    int64_t total = 0;
    int64_t matched = 0;
    assert_true(table->rows <= MOST && table->columns <= MOST);
    memset(match, 0x55, sizeof match);
    assert_ok(agreement_match(table, match));
    for (int64_t i = 0; i < table->rows; i++) {
        assert_true(match[i] >= -1 && match[i] < table->columns);
        if (match[i] < 0)
            continue;
        assert_false(taken[match[i]]);
        taken[match[i]] = true;
        total += table->count[i * table->columns + match[i]];
        matched++;
    }
    assert_int_equal(matched, table->rows < table->columns ? table->rows : table->columns);
    return total;
}

static void no_matching_is_better(void **state)
{
    (void)state;
    static const int64_t factor[] = {1, 524287, 131071}; /* one after the other: up to 2^39 */
    for (int64_t number = 0; number < 600; number++) {
        struct contingency table = random_table(number, 6);
        int64_t spare = table.rows > table.columns ? table.rows - table.columns : 0;
        for (int step = 0; step < 3; step++) {
            for (int64_t cell = 0; cell < table.rows * table.columns; cell++)
                table.count[cell] = table.count[cell] * factor[step] + (step > 0 ? cell * cell % 11 : 0);
            assert_int_equal(matched_total(&table), best_total(&table, 0, 0, spare));
        }
        free(table.count);
    }
}

/* Count (i + 1) (j + 1): everybody's favourite is the last column, and larger rows are best put to larger
 * columns. */
static void check_conflict(int64_t rows, int64_t columns, int64_t scale)
{
    struct contingency table = table_new(rows, columns);
    int64_t few = rows < columns ? rows : columns;
    int64_t best = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            table.count[i * columns + j] = (i + 1) * (j + 1) * scale;
    for (int64_t i = 0; i < few; i++)
        best += (rows - i) * (columns - i) * scale;
    assert_int_equal(matched_total(&table), best);
    free(table.count);
}

static void all_want_the_same(void **state)
{
    (void)state;
    check_conflict(1, 1, 1);
    check_conflict(60, 60, 1);
    check_conflict(60, 100, INT64_C(1) << 27);
    check_conflict(100, 60, INT64_C(1) << 27);
    check_conflict(1, MOST, 1);
    check_conflict(MOST, 1, 1);
}

/* A permutation (7 does not divide k) that is the best by far: each row's favourite, or not where `lure` puts
 * more customers into the first column. */
static void check_planted(int64_t k, int64_t lure)
{
    struct contingency table = table_new(k, k);
    int32_t match[MOST];
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = 0; j < k; j++)
            table.count[i * k + j] = (i * 31 + j * 17) % 50;
        table.count[i * k] += lure;
        table.count[i * k + (i * 7 + 3) % k] += 100000;
    }
    assert_ok(agreement_match(&table, match));
    for (int64_t i = 0; i < k; i++)
        assert_int_equal(match[i], (i * 7 + 3) % k);
    free(table.count);
}

static void planted_matches_are_found(void **state)
{
    (void)state;
    check_planted(MOST - 3, 0);
    check_planted(MOST - 3, 150000);
}

static void ties_and_empty_segments(void **state)
{
    (void)state;
    int32_t match[4];
    assert_ok(agreement_match(&TABLE(2, 2, 0, 0, 0, 0), match));
    assert_true(match[0] == 0 && match[1] == 1);
    assert_ok(agreement_match(&TABLE(3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5), match));
    assert_true(match[0] == 0 && match[1] == 1 && match[2] == 2);
    assert_ok(agreement_match(&TABLE(3, 3, 0, 0, 0, 9, 2, 0, 8, 0, 0), match)); /* an empty row and column */
    assert_true(match[0] == 2 && match[1] == 1 && match[2] == 0);
    assert_ok(agreement_match(&TABLE(4, 2, 3, 0, 7, 0, 0, 0, 7, 6), match)); /* two have none */
    assert_true(match[0] == -1 && match[1] == 0 && match[2] == -1 && match[3] == 1);
    assert_ok(agreement_match(&TABLE(1, 3, 1, 4, 4), match));
    assert_int_equal(match[0], 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(pairs_are_counted),
    cmocka_unit_test(pairs_of_wide_tables),
    cmocka_unit_test(awkward_pairs),
    cmocka_unit_test(pairs_beyond_64_bits),
    cmocka_unit_test(segments_are_compared),
    cmocka_unit_test(awkward_segments),
    cmocka_unit_test(no_matching_is_better),
    cmocka_unit_test(all_want_the_same),
    cmocka_unit_test(planted_matches_are_found),
    cmocka_unit_test(ties_and_empty_segments),
};

TESTS_MAIN("agreement", tests)
