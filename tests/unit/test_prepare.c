/* ranks: 1 2 3 7 */
/* Preparation under every setting against plain sorts and sums; the promise that sums of prepared values are
 * exact. */
#include <math.h>

#include "data/survey.h"
#include "files.h"

enum { ROWS = 2300 };

/* ---- a table of awkward columns ---- */

enum { SKEWED, SIGNED, COUNTS, HEAVY, TIED, CONSTANT, ABSENT, COLUMNS };

static double cell(int64_t row, int64_t column)
{
    double u = uniform(21, row, column);
    bool missing = uniform(22, row, column) < 0.05;
    switch (column) {
    case SKEWED:
        return missing ? (double)NAN : 0.01 + 300 * u * u * u * u;
    case SIGNED:
        return 2000 * u - 900; /* none missing */
    case COUNTS:
        return missing ? (double)NAN : floor(20 * u);
    case HEAVY:
        return missing ? (double)NAN : row == 1100 ? 3e7 : 10 / (0.001 + u);
    case TIED:
        return missing ? (double)NAN : u < 0.8 ? 4.0 : 4.0 + u; /* quartiles are equal */
    case CONSTANT:
        return missing ? (double)NAN : 12.5;
    default:
        return (double)NAN;
    }
}

static const int transforms[COLUMNS] = {TRANSFORM_LOG,  TRANSFORM_ASINH, TRANSFORM_LOG1P, TRANSFORM_SQRT,
                                        TRANSFORM_NONE, TRANSFORM_NONE,  TRANSFORM_NONE};
static const int no_transforms[COLUMNS];
static double weights[COLUMNS] = {1, 2.5, 1, 0.125, 1, 1, 1};

static double transformed(int transform, double x)
{
    return transform == TRANSFORM_LOG     ? log(x)
           : transform == TRANSFORM_LOG1P ? log1p(x)
           : transform == TRANSFORM_SQRT  ? sqrt(x)
           : transform == TRANSFORM_ASINH ? asinh(x)
                                          : x;
}

/* ---- what is expected, from all rows, plainly ---- */

struct plain {
    double fill;
    double low;
    double high;
    double shift;
    double scale;
    double value[ROWS]; /* prepared before rounding to the grid, by row */
    bool used[ROWS];
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile(const double *sorted, int64_t count, double q)
{
    double place = q * (double)(count - 1);
    int64_t below = (int64_t)floor(place);
    double share = place - (double)below;
    return share > 0 ? sorted[below] + (sorted[below + 1] - sorted[below]) * share : sorted[below];
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static void plain_scale(struct plain *plain, const double *value, const double *quartile, enum scale scale,
                        int64_t used)
{
    __float128 sum = 0;
    __float128 squares = 0;
    double least = (double)INFINITY;
    double most = (double)-INFINITY;
    for (int64_t row = 0; row < ROWS; row++) {
        if (!plain->used[row])
            continue;
        sum += (__float128)value[row];
        squares += (__float128)value[row] * (__float128)value[row];
        least = fmin(least, value[row]);
        most = fmax(most, value[row]);
    }
    double deviation = sqrt((double)((squares - sum * sum / used) / used));
    double range = clamp(quartile[2], plain->low, plain->high) - clamp(quartile[0], plain->low, plain->high);
    plain->shift = scale == SCALE_ZSCORE   ? (double)(sum / used)
                   : scale == SCALE_ROBUST ? clamp(quartile[1], plain->low, plain->high)
                   : scale == SCALE_MINMAX ? least
                                           : 0.0;
    plain->scale = scale == SCALE_ZSCORE   ? deviation
                   : scale == SCALE_ROBUST ? (range > 0 ? range : deviation)
                   : scale == SCALE_MINMAX ? most - least
                                           : 1.0;
}

static void prepare_plainly(struct plain *plain, int64_t column, const struct prepare_settings *settings)
{
    static double present[ROWS];
    static double value[ROWS];
    int64_t count = 0;
    int64_t used = 0;
    int transform = settings->transform[column];
    long double total = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        double x = cell(row, column);
        used += plain->used[row];
        if (plain->used[row] && !isnan(x)) {
            present[count++] = x;
            total += (long double)x;
        }
    }
    qsort(present, (size_t)count, sizeof *present, by_value);
    plain->fill = settings->missing == MISSING_MEDIAN ? quantile(present, count, 0.5)
                  : settings->missing == MISSING_MEAN ? (double)(total / (long double)count)
                                                      : (double)NAN;
    for (int64_t i = 0; i < count; i++)
        present[i] = transformed(transform, present[i]);
    plain->low = settings->clip[0] > 0 ? quantile(present, count, settings->clip[0]) : (double)-INFINITY;
    plain->high = settings->clip[1] < 1 ? quantile(present, count, settings->clip[1]) : (double)INFINITY;
    for (int64_t row = 0; row < ROWS; row++) {
        double x = cell(row, column);
        value[row] = clamp(transformed(transform, isnan(x) ? plain->fill : x), plain->low, plain->high);
    }
    const double quartile[] = {quantile(present, count, 0.25), quantile(present, count, 0.5),
                               quantile(present, count, 0.75)};
    plain_scale(plain, value, quartile, settings->scale, used);
    for (int64_t row = 0; row < ROWS; row++)
        plain->value[row] = (value[row] - plain->shift) / plain->scale * settings->weight[column];
}

/* ---- comparison ---- */

struct prepared {
    struct input input;
    struct survey survey;
    struct preparation preparation;
    struct customers customers;
};

static struct prepare_settings settings_of(enum scale scale, enum missing missing, bool clip,
                                           const int *transform)
{
    static int own[COLUMNS];
    memcpy(own, transform, sizeof own);
    return (struct prepare_settings){.missing = missing,
                                     .scale = scale,
                                     .clip = {clip ? 0.03 : 0.0, clip ? 0.9 : 1.0},
                                     .transform = own,
                                     .weight = weights};
}

static void prepare_file(struct prepared *prepared, struct comm *comm,
                         const struct prepare_settings *settings)
{
    /* ABSENT is a feature only where customers are not dropped for it. */
    int64_t features = settings->missing == MISSING_DROP ? ABSENT : COLUMNS;
    input_open(&prepared->input, comm, path_to("prepare.h5"), features);
    struct table *table = &prepared->input.table;
    assert_ok(survey_run(table, settings->missing, settings->transform, &prepared->survey));
    assert_ok(prepare_learn(table, settings, &prepared->survey, &prepared->preparation));
    assert_ok(customers_load(table, &prepared->preparation, prepared->survey.customers, INT64_MAX,
                             &prepared->customers));
}

static void prepared_close(struct prepared *prepared)
{
    customers_free(&prepared->customers);
    prepare_free(&prepared->preparation);
    survey_free(&prepared->survey);
    input_close(&prepared->input);
}

static float loaded(const struct customers *customers, int64_t local_row, int64_t feature)
{
    int64_t at = (local_row / TILE_ROWS * customers->features + feature) * TILE_ROWS + local_row % TILE_ROWS;
    return customers->tiles[at];
}

static void check_constants(const struct prepared_feature *feature, const struct plain *plain)
{
    double size = fabs(plain->shift) + plain->scale;
    if (isnan(plain->fill))
        assert_true(isnan(feature->fill));
    else if (feature->missing > 0)
        assert_close(feature->fill, plain->fill, 1e-14);
    assert_close(feature->low, plain->low, 1e-14);
    assert_close(feature->high, plain->high, 1e-14);
    assert_true(fabs(feature->shift - plain->shift) <= 1e-13 * size);
    assert_close(feature->weight / feature->factor, plain->scale, 1e-12);
}

/* The grid is a power of two and fine enough for sums over all customers, 16 times over. */
static void check_grid(const struct prepared_feature *feature, const struct plain *plain)
{
    int exponent = 0;
    double sum = 0.0;
    assert_true(frexp(feature->quantum, &exponent) == 0.5);
    for (int64_t row = 0; row < ROWS; row++)
        sum += plain->used[row] ? fabs(plain->value[row]) + feature->quantum : 0.0;
    assert_true(16 * sum < 0x1p53 * feature->quantum);
}

static void check_values(const struct customers *customers, int64_t f, const struct prepared_feature *feature,
                         const struct plain *plain)
{
    for (int64_t i = 0; i < customers->partition.block_count * BLOCK_ROWS; i++) {
        int64_t row = customers->partition.first_row + i;
        float got = loaded(customers, i, f);
        if (i >= customers->partition.row_count || !plain->used[row]) {
            assert_true(got == 0 && table_is_left_out(customers->left_out, (int)i));
            continue;
        }
        assert_false(table_is_left_out(customers->left_out, (int)i));
        double expected = plain->value[row];
        double quanta = (double)got / feature->quantum;
        assert_true(quanta == rint(quanta));
        assert_true(!(got == 0 && signbit(got)));
        if (!(fabs((double)got - expected) <=
              0.5001 * feature->quantum + 0x1.01p-24 * fabs(expected) + 1e-12))
            print_error("row %d: %.9g, not %.9g\n", (int)row, (double)got, expected);
        assert_true(fabs((double)got - expected) <=
                    0.5001 * feature->quantum + 0x1.01p-24 * fabs(expected) + 1e-12);
    }
}

/* Forwards, backwards, and in quanta: every order and every type of sum gives the same. */
static void check_sums(const struct customers *customers, int64_t f, double quantum)
{
    double forward = 0.0;
    double backward = 0.0;
    int64_t quanta = 0;
    int64_t rows = customers->partition.row_count;
    for (int64_t i = 0; i < rows; i++) {
        forward += 16 * (double)loaded(customers, i, f);
        backward += 16 * (double)loaded(customers, rows - 1 - i, f);
        quanta += 16 * llrint((double)loaded(customers, i, f) / quantum);
    }
    assert_true(forward == backward);
    double total = 0.0;
    assert_int_equal(MPI_Allreduce(&forward, &total, 1, MPI_DOUBLE, MPI_SUM, customers->comm->handle),
                     MPI_SUCCESS);
    assert_ok(comm_sum_i64(customers->comm, &quanta, 1));
    assert_true(total == (double)quanta * quantum);
    assert_true(llabs(quanta) < INT64_C(1) << 53);
}

static void check_squares(const struct customers *customers)
{
    for (int64_t b = 0; b < customers->partition.block_count; b++) {
        __float128 sum = 0;
        for (int64_t i = b * BLOCK_ROWS; i < (b + 1) * BLOCK_ROWS; i++) {
            for (int64_t f = 0; f < customers->features; f++)
                sum += (__float128)loaded(customers, i, f) * (__float128)loaded(customers, i, f);
        }
        __float128 got = (__float128)customers->squares[2 * b] + (__float128)customers->squares[2 * b + 1];
        __float128 difference = got > sum ? got - sum : sum - got;
        assert_true(difference <= sum * (__float128)0x1p-90);
    }
}

static void check_settings(const struct prepare_settings *settings)
{
    static struct plain plain;
    struct prepared prepared;
    prepare_file(&prepared, &world, settings);
    int64_t used = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        plain.used[row] = true;
        for (int64_t c = 0; settings->missing == MISSING_DROP && c < ABSENT; c++)
            plain.used[row] = plain.used[row] && !isnan(cell(row, c));
        used += plain.used[row];
    }
    assert_int_equal(prepared.survey.customers, used);
    assert_int_equal(prepared.survey.dropped, ROWS - used);
    assert_int_equal(prepared.customers.used, used);
    assert_int_equal(prepared.preparation.count,
                     CONSTANT); /* the constant and the absent column are left out */
    double mean_variance = 0.0;
    for (int64_t f = 0; f < prepared.preparation.count; f++) {
        const struct prepared_feature *feature = &prepared.preparation.feature[f];
        assert_int_equal(feature->column, f);
        prepare_plainly(&plain, f, settings);
        check_constants(feature, &plain);
        check_grid(feature, &plain);
        check_values(&prepared.customers, f, feature, &plain);
        check_sums(&prepared.customers, f, feature->quantum);
        mean_variance += feature->variance / (double)CONSTANT;
        if (settings->scale == SCALE_ZSCORE)
            assert_close(feature->variance, weights[f] * weights[f], 1e-12);
    }
    assert_close(prepared.customers.mean_variance, mean_variance, 1e-12);
    check_squares(&prepared.customers);
    prepared_close(&prepared);
}

static void every_setting_matches_plain_sorts_and_sums(void **state)
{
    (void)state;
    write_matrix(path_to("prepare.h5"), ROWS, COLUMNS, cell);
    for (int missing = MISSING_MEDIAN; missing <= MISSING_DROP; missing++) {
        for (int i = 0; i < 4; i++) {
            enum scale scale = (enum scale)(SCALE_ZSCORE + i);
            struct prepare_settings settings = settings_of(scale, (enum missing)missing, (i + missing) % 2,
                                                           i % 3 ? transforms : no_transforms);
            check_settings(&settings);
        }
    }
    struct prepare_settings settings = settings_of(SCALE_ROBUST, MISSING_MEDIAN, true, transforms);
    check_settings(&settings);
    settings = settings_of(SCALE_ZSCORE, MISSING_MEAN, false, transforms);
    check_settings(&settings);
}

static void ranks_learn_the_same(void **state)
{
    (void)state;
    struct prepared all;
    struct prepared own;
    struct prepare_settings settings = settings_of(SCALE_ROBUST, MISSING_MEDIAN, true, transforms);
    write_matrix(path_to("prepare.h5"), ROWS, COLUMNS, cell);
    prepare_file(&all, &world, &settings);
    prepare_file(&own, &alone, &settings);
    assert_int_equal(all.preparation.count, own.preparation.count);
    assert_true(all.survey.checksum == own.survey.checksum);
    for (int64_t f = 0; f < all.preparation.count; f++) {
        const struct prepared_feature *a = &all.preparation.feature[f];
        const struct prepared_feature *b = &own.preparation.feature[f];
        assert_int_equal(a->missing, b->missing);
        assert_memory_equal(&a->fill, &b->fill,
                            offsetof(struct prepared_feature, variance) + sizeof(double) -
                                offsetof(struct prepared_feature, fill));
    }
    int64_t blocks = all.customers.partition.block_count;
    int64_t floats = all.customers.features * BLOCK_ROWS;
    int64_t first = all.customers.partition.first_block;
    for (int64_t b = 0; b < blocks; b++) {
        assert_memory_equal(all.customers.tiles + b * floats, own.customers.tiles + (first + b) * floats,
                            (size_t)floats * sizeof(float));
        assert_memory_equal(all.customers.squares + 2 * b, own.customers.squares + 2 * (first + b), 16);
    }
    prepared_close(&all);
    prepared_close(&own);
}

/* The value for missing ones is told for columns without any, too: later customers may miss it. */
static void the_median_fills_whether_or_not_it_was_needed(void **state)
{
    (void)state;
    static struct plain plain;
    struct prepared prepared;
    write_matrix(path_to("prepare.h5"), ROWS, COLUMNS, cell);
    struct prepare_settings settings = settings_of(SCALE_ZSCORE, MISSING_MEDIAN, false, no_transforms);
    memset(plain.used, true, sizeof plain.used);
    prepare_file(&prepared, &world, &settings);
    prepare_plainly(&plain, SIGNED, &settings);
    assert_int_equal(prepared.preparation.feature[SIGNED].missing, 0);
    assert_close(prepared.preparation.feature[SIGNED].fill, plain.fill, 1e-14);
    prepared_close(&prepared);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_setting_matches_plain_sorts_and_sums),
    cmocka_unit_test(ranks_learn_the_same),
    cmocka_unit_test(the_median_fills_whether_or_not_it_was_needed),
};

TESTS_MAIN("prepare", tests)
