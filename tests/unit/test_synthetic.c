/* ranks: 1 2 3 7 */
/* Synthetic customers: the same on any number of ranks, plausible values, the file as promised. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/comm.h"
#include "core/memory.h"
#include "core/partition.h"
#include "data/h5.h"
#include "data/synthetic.h"

static struct comm comm;
static char directory[] = "test_synthetic-XXXXXX"; /* in the working directory, which the ranks share */

static const struct synthetic_settings plain = {
    .customers = 2500, .features = 32, .segments = 8, .seed = 1, .separation = 1.0};

/* Columns by name, as far as the tests need them. */
enum { RECENCY_DAYS = 0, ORDERS = 1, REVENUE = 2, SHARE_ONLINE = 5, NEWSLETTER = 8 };

/* customers x features, and the segments; freed by the caller. */
static double *make_all(const struct synthetic_settings *settings, int32_t *segment)
{
    struct synthetic_model model;
    assert_null(synthetic_model_new(settings, &model));
    double *values = NULL;
    assert_null(memory_new(&values, settings->customers * settings->features, sizeof *values, "test values"));
    for (int64_t i = 0; i < settings->customers; i++)
        segment[i] = synthetic_customer(&model, i, values + i * settings->features);
    synthetic_model_free(&model);
    return values;
}

static void ranks_make_the_same_customers(void **state)
{
    (void)state;
    struct synthetic_settings settings = plain;
    settings.missing = 0.1;
    int32_t segment[2500];
    double *expected = make_all(&settings, segment);
    struct partition part = partition_of(settings.customers, comm.rank, comm.size);
    struct synthetic_model model;
    assert_null(synthetic_model_new(&settings, &model));
    double *mine = NULL;
    assert_null(memory_new(&mine, part.row_count * settings.features, sizeof *mine, "test values"));
    /* Backwards: the order of the calls does not matter either. */
    for (int64_t i = part.row_count - 1; i >= 0; i--)
        assert_int_equal(synthetic_customer(&model, part.first_row + i, mine + i * settings.features),
                         segment[part.first_row + i]);
    double *all = NULL;
    int64_t bytes = 0;
    int64_t size = settings.features * (int64_t)sizeof(double);
    assert_null(comm_gather_all(&comm, mine, part.row_count * size, (void **)&all, &bytes));
    assert_int_equal(bytes, settings.customers * size);
    assert_memory_equal(all, expected, (size_t)bytes);
    free(all);
    free(mine);
    free(expected);
    synthetic_model_free(&model);
}

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
    assert_null(synthetic_model_new(&settings, &model));
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
    assert_null(synthetic_model_new(&plain, &model));
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
        assert_null(synthetic_model_new(&settings, &model));
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

static void bytes_are_counted_or_refused(void **state)
{
    (void)state;
    struct synthetic_settings settings = plain;
    int64_t bytes = 0;
    assert_null(synthetic_bytes(&settings, &bytes));
    assert_int_equal(bytes, 2500 * (32 * 4 + 8 + 4) + 8 * 8);
    settings.type = SYNTHETIC_FLOAT64;
    settings.id = SYNTHETIC_ID_TEXT;
    settings.customers = SYNTHETIC_MAX_CUSTOMERS;
    assert_null(synthetic_bytes(&settings, &bytes));
    assert_int_equal(bytes, SYNTHETIC_MAX_CUSTOMERS * (32 * 8 + 14 + 4) + 8 * 8);
    settings.customers = INT64_MAX / 256;
    status_t status = synthetic_bytes(&settings, &bytes);
    assert_non_null(status);
    assert_int_equal(status->code, EXIT_BAD_USAGE);
    status_free(status);
}

static void in_directory(char *path, size_t size, const char *name)
{
    assert_true(snprintf(path, size, "%s/%s", directory, name) < (int)size);
}

static status_t write_to(const struct synthetic_settings *settings, const char *path)
{
    struct log log;
    log_open(&log, comm.rank, LOG_QUIET);
    return synthetic_write(&comm, &log, settings, path, "lohko test");
}

static void check_file(const struct synthetic_settings *settings, const char *path)
{
    hid_t file = H5I_INVALID_HID;
    assert_null(h5_open_parallel(&comm, path, &file));
    hid_t features = H5Dopen2(file, "/features", H5P_DEFAULT);
    hid_t truth = H5Dopen2(file, "/truth/segment", H5P_DEFAULT);
    hid_t ids = H5Dopen2(file, "/customer_id", H5P_DEFAULT);
    assert_true(features >= 0 && truth >= 0 && ids >= 0);
    struct synthetic_model model;
    assert_null(synthetic_model_new(settings, &model));
    double expected[32];
    for (int64_t row = 0; row < settings->customers; row += 97) {
        float values[32];
        int32_t segment = -1;
        int64_t id = -1;
        assert_null(h5_read_rows(features, H5T_NATIVE_FLOAT, row, 1, values));
        assert_null(h5_read_rows(truth, H5T_NATIVE_INT32, row, 1, &segment));
        assert_null(h5_read_rows(ids, H5T_NATIVE_INT64, row, 1, &id));
        assert_int_equal(segment, synthetic_customer(&model, row, expected));
        assert_int_equal(id, 100000 + 7 * row);
        for (int64_t j = 0; j < settings->features; j++)
            assert_true(values[j] == (float)expected[j]);
    }
    synthetic_model_free(&model);
    assert_true(h5_close(features) && h5_close(truth) && h5_close(ids) && h5_close(file));
}

/* On rank 0, which makes and removes files: it may be ahead of the others. */
static void assert_absent(const char *path)
{
    if (comm.rank == 0)
        assert_int_equal(access(path, F_OK), -1);
}

static void the_file_holds_the_customers(void **state)
{
    (void)state;
    /* One customer, fewer blocks than ranks, and enough for every rank. */
    static const int64_t counts[] = {1, 2500, 10000};
    char path[64];
    char partial[64];
    in_directory(path, sizeof path, "customers.h5");
    in_directory(partial, sizeof partial, "customers.h5.partial");
    for (int c = 0; c < 3; c++) {
        struct synthetic_settings settings = plain;
        settings.customers = counts[c];
        settings.segments = counts[c] < 8 ? counts[c] : 8;
        assert_null(write_to(&settings, path));
        check_file(&settings, path);
        assert_absent(partial);
    }
}

static void assert_refused(const char *path, int code)
{
    status_t status = write_to(&plain, path);
    assert_non_null(status);
    assert_int_equal(status->code, code);
    assert_null(strchr(status->message, '\n'));
    status_free(status);
}

static void what_cannot_be_created_is_refused(void **state)
{
    (void)state;
    char path[64];
    in_directory(path, sizeof path, "absent/customers.h5");
    assert_refused(path, EXIT_NO_OUTPUT);
    assert_refused(directory, EXIT_NO_OUTPUT);
}

static void a_file_that_cannot_fit_is_refused_at_once(void **state)
{
    (void)state;
    char path[64];
    char partial[64];
    in_directory(path, sizeof path, "large.h5");
    in_directory(partial, sizeof partial, "large.h5.partial");
    struct synthetic_settings settings = plain;
    settings.customers = SYNTHETIC_MAX_CUSTOMERS;
    settings.features = SYNTHETIC_MAX_FEATURES;
    settings.type = SYNTHETIC_FLOAT64; /* 36 petabytes */
    status_t status = write_to(&settings, path);
    assert_non_null(status);
    assert_int_equal(status->code, EXIT_IO_ERROR);
    status_free(status);
    assert_absent(partial);
}

/* Rank 0's directory under the name that all ranks know; removed with what the tests left in it. */
static int make_directory(void **state)
{
    (void)state;
    status_t status = STATUS_OK;
    if (comm.rank == 0 && !mkdtemp(directory))
        status = status_new(EXIT_NO_OUTPUT, "no temporary directory");
    status = comm_agree(&comm, status);
    if (!status)
        status = comm_broadcast(&comm, directory, sizeof directory);
    int failed = status != STATUS_OK;
    status_free(status);
    return failed;
}

static int remove_directory(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/customers.h5", directory);
    status_t status = comm_agree(&comm, STATUS_OK);
    int failed = status != STATUS_OK;
    status_free(status);
    if (comm.rank == 0)
        return failed || unlink(path) != 0 || rmdir(directory) != 0;
    return failed;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_make_the_same_customers),
        cmocka_unit_test(a_column_does_not_depend_on_the_others),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(sizes_are_unequal_and_none_is_zero),
        cmocka_unit_test(as_many_segments_as_customers),
        cmocka_unit_test(values_are_plausible_at_every_separation),
        cmocka_unit_test(missing_values_are_as_many_as_asked),
        cmocka_unit_test(features_move_together),
        cmocka_unit_test(separation_separates),
        cmocka_unit_test(bytes_are_counted_or_refused),
        cmocka_unit_test(the_file_holds_the_customers),
        cmocka_unit_test(what_cannot_be_created_is_refused),
        cmocka_unit_test(a_file_that_cannot_fit_is_refused_at_once),
    };
    if (MPI_Init(&argc, &argv) != MPI_SUCCESS || comm_open(&comm, MPI_COMM_WORLD) || h5_start())
        return 1;
    int failed = cmocka_run_group_tests(tests, make_directory, remove_directory);
    comm_close(&comm);
    return MPI_Finalize() == MPI_SUCCESS ? failed : 1;
}
