/* ranks: 1 */
/* The values of synthetic customers: plausible, of segments as far apart as asked, of columns and seeds that
 * do not hang together. */
#include <math.h>

#include "synthetic_customers.h"

/* Columns by name, as far as the tests need them. */
enum { RECENCY_DAYS = 0, ORDERS = 1, REVENUE = 2, SHARE_ONLINE = 5 };

static void a_column_does_not_depend_on_the_others(void **state)
{
    (void)state;
    struct synthetic_settings narrow = plain;
    struct synthetic_settings wide = plain;
    narrow.features = 5;
    wide.features = 70;
    int32_t segment[2500];
    double *few = make_all(&narrow, segment);
    double *many = make_all(&wide, segment);
    for (int64_t i = 0; i < plain.customers; i++)
        assert_memory_equal(few + i * 5, many + i * 70, 5 * sizeof(double));
    free(few);
    free(many);
}

static void seeds_differ(void **state)
{
    (void)state;
    struct synthetic_settings other = plain;
    other.seed = INT64_MAX;
    int32_t segment[2500];
    double *first = make_all(&plain, segment);
    double *second = make_all(&other, segment);
    int64_t equal = 0;
    for (int64_t i = 0; i < plain.customers; i++)
        equal += first[i * 32 + REVENUE] == second[i * 32 + REVENUE];
    assert_true(equal < 10);
    free(first);
    free(second);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct synthetic_feature *)a)->name, ((const struct synthetic_feature *)b)->name);
}

static void names_are_unique(void **state)
{
    (void)state;
    struct synthetic_settings settings = plain;
    settings.features = SYNTHETIC_MAX_FEATURES;
    struct synthetic_model model;
    assert_ok(synthetic_model_new(&settings, &model));
    assert_string_equal(model.feature[REVENUE].name, "revenue");
    assert_string_equal(model.feature[32 + REVENUE].name, "revenue_2");
    qsort(model.feature, SYNTHETIC_MAX_FEATURES, sizeof *model.feature, compare_names);
    for (int j = 1; j < SYNTHETIC_MAX_FEATURES; j++)
        assert_true(compare_names(&model.feature[j - 1], &model.feature[j]) < 0);
    synthetic_model_free(&model);
}

static void sizes_are_unequal_and_none_is_zero(void **state)
{
    (void)state;
    struct synthetic_model model;
    assert_ok(synthetic_model_new(&plain, &model));
    double smallest = model.share_end[7] - model.share_end[6];
    assert_true(fabs(model.share_end[0] / smallest - 10.0) < 1e-9);
    assert_true(model.share_end[7] == 1.0);
    int64_t size[8] = {0};
    double values[32];
    for (int64_t i = 0; i < plain.customers; i++)
        size[synthetic_customer(&model, i, values)]++;
    for (int s = 0; s < 8; s++) {
        double share = model.share_end[s] - (s > 0 ? model.share_end[s - 1] : 0.0);
        double expected = share * (double)plain.customers;
        assert_true(fabs((double)size[s] - expected) < 5 * sqrt(expected) + 8);
    }
    synthetic_model_free(&model);
}

static void as_many_segments_as_customers(void **state)
{
    (void)state;
    static const int64_t counts[] = {1, 2, 3, 1000};
    for (int c = 0; c < 4; c++) {
        struct synthetic_settings settings = plain;
        settings.customers = settings.segments = counts[c];
        int32_t segment[1000];
        bool seen[1000] = {false};
        double *values = make_all(&settings, segment);
        for (int64_t i = 0; i < counts[c]; i++) {
            assert_false(seen[segment[i]]);
            seen[segment[i]] = true;
        }
        for (int64_t i = 0; i < counts[c] * settings.features; i++)
            assert_true(isfinite(values[i]));
        free(values);
    }
}

static void assert_plausible(const struct synthetic_feature *feature, double value)
{
    switch (feature->kind) {
    case SYNTHETIC_MONEY:
        assert_true(isfinite(value) && value >= 0 &&
                    fabs(value * 100 - rint(value * 100)) < 1e-6 * (1 + value));
        break;
    case SYNTHETIC_COUNT:
    case SYNTHETIC_DAYS:
        assert_true(value >= 0 && value <= feature->limit && value == floor(value));
        break;
    case SYNTHETIC_SHARE:
        assert_true(value >= 0 && value <= 1);
        break;
    case SYNTHETIC_FLAG:
        assert_true(value == 0 || value == 1);
        break;
    }
}

static void values_are_plausible_at_every_separation(void **state)
{
    (void)state;
    static const double separations[] = {0, 1, 100};
    for (int c = 0; c < 3; c++) {
        struct synthetic_settings settings = plain;
        settings.features = 200;
        settings.separation = separations[c];
        struct synthetic_model model;
        assert_ok(synthetic_model_new(&settings, &model));
        double values[200];
        for (int64_t i = 0; i < settings.customers; i++) {
            synthetic_customer(&model, i, values);
            for (int j = 0; j < 200; j++)
                assert_plausible(&model.feature[j], values[j]);
        }
        synthetic_model_free(&model);
    }
}

static void missing_values_are_as_many_as_asked(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.01, 0.3, 1};
    for (int c = 0; c < 4; c++) {
        struct synthetic_settings settings = plain;
        settings.missing = shares[c];
        int32_t segment[2500];
        double *values = make_all(&settings, segment);
        double all = (double)(settings.customers * settings.features);
        int64_t missing = 0;
        for (int64_t i = 0; i < settings.customers * settings.features; i++)
            missing += isnan(values[i]) != 0;
        double spread = sqrt(all * shares[c] * (1 - shares[c]));
        assert_true(fabs((double)missing - all * shares[c]) <= 5 * spread);
        free(values);
    }
}

/* Correlation of log1p of two columns. */
static double correlation(const double *values, int64_t rows, int64_t columns, int a, int b)
{
    double sum[5] = {0};
    for (int64_t i = 0; i < rows; i++) {
        double x = log1p(values[i * columns + a]);
        double y = log1p(values[i * columns + b]);
        sum[0] += x;
        sum[1] += y;
        sum[2] += x * x;
        sum[3] += y * y;
        sum[4] += x * y;
    }
    double n = (double)rows;
    double covariance = sum[4] / n - sum[0] / n * sum[1] / n;
    return covariance / sqrt((sum[2] / n - sum[0] / n * sum[0] / n) * (sum[3] / n - sum[1] / n * sum[1] / n));
}

static void features_move_together(void **state)
{
    (void)state;
    struct synthetic_settings settings = plain;
    settings.separation = 0;
    int32_t segment[2500];
    double *values = make_all(&settings, segment);
    assert_true(correlation(values, settings.customers, 32, ORDERS, REVENUE) > 0.2);
    assert_true(correlation(values, settings.customers, 32, ORDERS, RECENCY_DAYS) < -0.4);
    assert_true(fabs(correlation(values, settings.customers, 32, SHARE_ONLINE, RECENCY_DAYS)) < 0.3);
    free(values);
}

/* Part of the variance of log1p of a column that lies between the segments. */
static double between_part(const double *values, const int32_t *segment, int64_t rows, int64_t columns, int j)
{
    double sum[8] = {0};
    double size[8] = {0};
    double total = 0;
    double squares = 0;
    for (int64_t i = 0; i < rows; i++) {
        double x = log1p(values[i * columns + j]);
        sum[segment[i]] += x;
        size[segment[i]] += 1;
        total += x;
        squares += x * x;
    }
    double between = 0;
    for (int s = 0; s < 8; s++)
        between += sum[s] * sum[s] / size[s];
    double mean = total * total / (double)rows;
    return (between - mean) / (squares - mean);
}

static void separation_separates(void **state)
{
    (void)state;
    static const double separations[] = {0, 0.5, 1, 3};
    static const double low[] = {0, 0.2, 0.5, 0.85};
    static const double high[] = {0.02, 0.8, 0.92, 1};
    for (int c = 0; c < 4; c++) {
        struct synthetic_settings settings = plain;
        settings.separation = separations[c];
        int32_t segment[2500];
        double *values = make_all(&settings, segment);
        double part = between_part(values, segment, settings.customers, 32, REVENUE);
        assert_true(part >= low[c] && part <= high[c]);
        free(values);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_column_does_not_depend_on_the_others),
    cmocka_unit_test(seeds_differ),
    cmocka_unit_test(names_are_unique),
    cmocka_unit_test(sizes_are_unequal_and_none_is_zero),
    cmocka_unit_test(as_many_segments_as_customers),
    cmocka_unit_test(values_are_plausible_at_every_separation),
    cmocka_unit_test(missing_values_are_as_many_as_asked),
    cmocka_unit_test(features_move_together),
    cmocka_unit_test(separation_separates),
};

TESTS_MAIN("synthetic_values", tests)
