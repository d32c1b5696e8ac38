/* ranks: 1 2 3 7 */
/* Last year's preparation for this year's customers: its constants, on a grid that is theirs. */
#include <math.h>

#include "data/survey.h"
#include "files.h"

enum { ROWS = 2300, MORE = 7100, FEATURES = 5 };

/* ---- two years ---- */

enum { SKEWED, SIGNED, COUNTS, HEAVY, STEADY };

/* Values without the missing ones. */
static double whole_cell(int64_t row, int64_t column)
{
    double u = uniform(31, row, column);
    switch (column) {
    case SKEWED:
        return 0.01 + 300 * u * u * u * u;
    case SIGNED:
        return 2000 * u - 900;
    case COUNTS:
        return floor(20 * u);
    case HEAVY:
        return row == 1100 ? 3e7 : 10 / (0.001 + u);
    default:
        return 40 + u;
    }
}

static double last_year(int64_t row, int64_t column)
{
    bool missing = uniform(32, row, column) < 0.05;
    return missing && column != STEADY ? (double)NAN : whole_cell(row, column);
}

/* Larger values, missing where last year had none, and one feature that is the same for all. */
static double this_year(int64_t row, int64_t column)
{
    bool missing = uniform(33, row, column) < 0.1;
    double grown = column == STEADY ? 41.25 : 30 * whole_cell(row + ROWS, column);
    return missing ? (double)NAN : grown;
}

static double without_values(int64_t row, int64_t column)
{
    return column == COUNTS ? (double)NAN : last_year(row, column);
}

static double far_away(int64_t row, int64_t column)
{
    return column == SIGNED && row == 77 ? 1e30 : last_year(row, column);
}

/* All but one customer are the same, away from where last year's were; twice as many of them. */
static double nearly_constant(int64_t row, int64_t column)
{
    return column == STEADY ? (row == 5000 ? 48 + 0x1p-30 : 48) : last_year(row, column);
}

static const int transforms[FEATURES] = {TRANSFORM_LOG, TRANSFORM_ASINH, TRANSFORM_LOG1P, TRANSFORM_SQRT,
                                         TRANSFORM_NONE};
static const int no_transforms[FEATURES];
static double weights[FEATURES] = {1, 2.5, 1, 0.125, 1};

static double transformed(int transform, double x)
{
    return transform == TRANSFORM_LOG     ? log(x)
           : transform == TRANSFORM_LOG1P ? log1p(x)
           : transform == TRANSFORM_SQRT  ? sqrt(x)
           : transform == TRANSFORM_ASINH ? asinh(x)
                                          : x;
}

/* ---- a year ---- */

struct year {
    struct input input;
    struct survey survey;
    struct preparation preparation;
    struct customers customers;
    int64_t rows;
    cell_value cell;
};

static struct prepare_settings settings_of(enum scale scale, enum missing missing, bool clip,
                                           const int *transform)
{
    static int own[FEATURES];
    memcpy(own, transform, sizeof own);
    return (struct prepare_settings){.missing = missing,
                                     .scale = scale,
                                     .clip = {clip ? 0.03 : 0.0, clip ? 0.9 : 1.0},
                                     .transform = own,
                                     .weight = weights};
}

static void year_open(struct year *year, const char *name, const struct prepare_settings *settings,
                      int64_t rows, cell_value cell)
{
    *year = (struct year){.rows = rows, .cell = cell};
    write_matrix(path_to(name), rows, FEATURES, cell);
    input_open(&year->input, &world, path_to(name), -1);
    assert_ok(survey_run(&year->input.table, settings->missing, settings->transform, &year->survey));
}

static void year_load(struct year *year)
{
    assert_ok(customers_load(&year->input.table, &year->preparation, year->survey.customers, INT64_MAX,
                             &year->customers));
}

static void year_close(struct year *year)
{
    customers_free(&year->customers);
    prepare_free(&year->preparation);
    survey_free(&year->survey);
    input_close(&year->input);
}

static void learn_year(struct year *year, const struct prepare_settings *settings)
{
    year_open(year, "last.h5", settings, ROWS, last_year);
    assert_ok(prepare_learn(&year->input.table, settings, &year->survey, &year->preparation));
    assert_int_equal(year->preparation.count, FEATURES);
    year_load(year);
}

/* What a file keeps of a preparation. */
static void forget_the_rest(struct preparation *preparation)
{
    for (int64_t f = 0; f < FEATURES; f++) {
        preparation->feature[f].column = f;
        preparation->feature[f].missing = 0;
        preparation->feature[f].variance = 0;
    }
}

static void keep_year(struct year *year, const struct prepare_settings *settings, int64_t rows,
                      cell_value cell, struct preparation *earlier)
{
    year_open(year, "this.h5", settings, rows, cell);
    forget_the_rest(earlier);
    assert_ok(prepare_keep(&year->input.table, &year->survey, earlier, &year->preparation));
    year_load(year);
}

/* ---- what must hold ---- */

static float loaded(const struct customers *customers, int64_t local_row, int64_t feature)
{
    int64_t at = (local_row / TILE_ROWS * customers->features + feature) * TILE_ROWS + local_row % TILE_ROWS;
    return customers->tiles[at];
}

static void check_constants(const struct prepared_feature *now, const struct prepared_feature *before)
{
    assert_int_equal(now->transform, before->transform);
    assert_memory_equal(&now->fill, &before->fill,
                        offsetof(struct prepared_feature, quantum) - offsetof(struct prepared_feature, fill));
}

static bool takes_part(const struct year *year, enum missing missing, int64_t row)
{
    bool used = true;
    for (int64_t c = 0; missing == MISSING_DROP && c < FEATURES; c++)
        used = used && !isnan(year->cell(row, c));
    return used;
}

/* Before rounding to the grid, from the constants and the customers of now. */
static double prepare_plainly(const struct year *year, const struct prepared_feature *feature, int64_t row,
                              int64_t c)
{
    double x = year->cell(row, c);
    double value = transformed(feature->transform, isnan(x) ? feature->fill : x);
    value = value < feature->low ? feature->low : value > feature->high ? feature->high : value;
    return (value - feature->shift) * feature->factor;
}

static void check_values(const struct year *year, enum missing missing, int64_t f)
{
    const struct prepared_feature *feature = &year->preparation.feature[f];
    const struct partition *part = &year->customers.partition;
    for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++) {
        int64_t row = part->first_row + i;
        bool used = i < part->row_count && takes_part(year, missing, row);
        assert_int_equal(table_is_left_out(year->customers.left_out, (int)i), !used);
        if (!used)
            continue;
        double got = (double)loaded(&year->customers, i, f);
        double expected = prepare_plainly(year, feature, row, f);
        double quanta = got / feature->quantum;
        assert_true(quanta == rint(quanta));
        assert_true(fabs(got - expected) <= 0.5001 * feature->quantum + 0x1.01p-24 * fabs(expected) + 1e-12);
    }
}

/* Sixteen times the sum of all sizes is fewer than 2^53 quanta, and no order of summing loses any; a grid of
 * half the quantum would be promised too much by up to four times at most. */
static void check_sums(const struct year *year, enum missing missing, int64_t f)
{
    const struct prepared_feature *feature = &year->preparation.feature[f];
    const struct customers *customers = &year->customers;
    double sizes = 0.0;
    double squares = 0.0;
    double sum = 0.0;
    double count = 0.0;
    int exponent = 0;
    for (int64_t row = 0; row < year->rows; row++) {
        if (!takes_part(year, missing, row))
            continue;
        double value = prepare_plainly(year, feature, row, f);
        count++;
        sizes += fabs(value) + feature->quantum;
        sum += value;
        squares += value * value;
    }
    assert_true(frexp(feature->quantum, &exponent) == 0.5);
    assert_true(16 * sizes < 0x1p53 * feature->quantum);
    assert_true(32 * 1.002 * sqrt(count * squares) >=
                0x1p52 * feature->quantum); /* no coarser than it need be */
    double variance = squares / count - sum / count * (sum / count);
    assert_true(fabs(feature->variance - variance) <= 1e-9 * squares / count);
    double forward = 0.0;
    double backward = 0.0;
    int64_t quanta = 0;
    int64_t rows = customers->partition.row_count;
    for (int64_t i = 0; i < rows; i++) {
        forward += 16 * (double)loaded(customers, i, f);
        backward += 16 * (double)loaded(customers, rows - 1 - i, f);
        quanta += 16 * llrint((double)loaded(customers, i, f) / feature->quantum);
    }
    assert_true(forward == backward && forward == (double)quanta * feature->quantum);
}

static void check_years(const struct prepare_settings *settings)
{
    struct year before;
    struct year now;
    learn_year(&before, settings);
    keep_year(&now, settings, MORE, this_year, &before.preparation);
    assert_int_equal(now.preparation.count, FEATURES); /* the one that is the same for all, too */
    for (int64_t f = 0; f < FEATURES; f++) {
        const struct prepared_feature *feature = &now.preparation.feature[f];
        int64_t missing = 0;
        int64_t used = 0;
        for (int64_t row = 0; row < MORE; row++) {
            bool part = takes_part(&now, settings->missing, row);
            used += part;
            missing += part && isnan(this_year(row, f));
        }
        assert_int_equal(now.survey.customers, used);
        assert_int_equal(feature->column, f);
        assert_int_equal(feature->missing, missing);
        check_constants(feature, &before.preparation.feature[f]);
        check_values(&now, settings->missing, f);
        check_sums(&now, settings->missing, f);
    }
    year_close(&before);
    year_close(&now);
}

/* ---- tests ---- */

static void constants_stay_and_the_grid_is_of_now(void **state)
{
    (void)state;
    for (int missing = MISSING_MEDIAN; missing <= MISSING_DROP; missing++) {
        for (int scale = SCALE_ZSCORE; scale <= SCALE_NONE; scale++) {
            bool clip = (scale + missing) % 2;
            struct prepare_settings settings = settings_of((enum scale)scale, (enum missing)missing, clip,
                                                           scale % 3 == missing ? no_transforms : transforms);
            check_years(&settings);
        }
    }
}

static void the_same_customers_are_the_same_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct year before;
        struct year now;
        struct prepare_settings settings =
            settings_of((enum scale)(SCALE_ZSCORE + i / 2), i % 3 ? MISSING_MEAN : MISSING_DROP, i % 2,
                        i % 4 ? transforms : no_transforms);
        learn_year(&before, &settings);
        int64_t missing[FEATURES];
        double variance[FEATURES];
        for (int64_t f = 0; f < FEATURES; f++) {
            missing[f] = before.preparation.feature[f].missing;
            variance[f] = before.preparation.feature[f].variance;
        }
        keep_year(&now, &settings, ROWS, last_year, &before.preparation);
        for (int64_t f = 0; f < FEATURES; f++) {
            const struct prepared_feature *feature = &now.preparation.feature[f];
            check_constants(feature, &before.preparation.feature[f]);
            assert_int_equal(feature->missing, missing[f]);
            assert_true(feature->variance == variance[f]);
            assert_true(feature->quantum == before.preparation.feature[f].quantum);
        }
        int64_t blocks = now.customers.partition.block_count;
        size_t floats = (size_t)(blocks * BLOCK_ROWS * FEATURES);
        if (blocks > 0) {
            assert_memory_equal(now.customers.tiles, before.customers.tiles, floats * sizeof(float));
            assert_memory_equal(now.customers.squares, before.customers.squares,
                                (size_t)blocks * 2 * sizeof(double));
        }
        assert_true(now.customers.mean_variance == before.customers.mean_variance);
        year_close(&before);
        year_close(&now);
    }
}

/* What hardly varies now is still measured in last year's units, however little it varies. */
static void what_hardly_varies_is_kept(void **state)
{
    (void)state;
    for (int scale = SCALE_ZSCORE; scale <= SCALE_MINMAX; scale++) {
        struct year before;
        struct year now;
        struct prepare_settings settings =
            settings_of((enum scale)scale, MISSING_MEDIAN, false, no_transforms);
        learn_year(&before, &settings);
        keep_year(&now, &settings, MORE, nearly_constant, &before.preparation);
        check_constants(&now.preparation.feature[STEADY], &before.preparation.feature[STEADY]);
        check_values(&now, MISSING_MEDIAN, STEADY);
        check_sums(&now, MISSING_MEDIAN, STEADY);
        assert_true(now.preparation.feature[STEADY].variance < 1e-20);
        year_close(&before);
        year_close(&now);
    }
}

static void expect_refusal(const struct prepare_settings *settings, cell_value cell, const char *part)
{
    struct year before;
    struct year now;
    learn_year(&before, settings);
    year_open(&now, "this.h5", settings, MORE, cell);
    forget_the_rest(&before.preparation);
    assert_failure(prepare_keep(&now.input.table, &now.survey, &before.preparation, &now.preparation),
                   EXIT_BAD_DATA, part);
    year_close(&before);
    year_close(&now);
}

static void what_cannot_be_prepared_is_refused(void **state)
{
    (void)state;
    struct prepare_settings settings = settings_of(SCALE_ZSCORE, MISSING_MEDIAN, false, no_transforms);
    expect_refusal(&settings, without_values, "this.h5: feature_2 has no values");
    expect_refusal(&settings, far_away, "previous.preparation: refit");
    settings = settings_of(SCALE_ZSCORE, MISSING_MEDIAN, true, no_transforms);
    expect_refusal(&settings, without_values, "feature_2 has no values");
    settings = settings_of(SCALE_NONE, MISSING_MEDIAN, false, no_transforms);
    expect_refusal(&settings, nearly_constant, "varies by");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(constants_stay_and_the_grid_is_of_now),
    cmocka_unit_test(the_same_customers_are_the_same_bytes),
    cmocka_unit_test(what_hardly_varies_is_kept),
    cmocka_unit_test(what_cannot_be_prepared_is_refused),
};

TESTS_MAIN("prepare_keep", tests)
