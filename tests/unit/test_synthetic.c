/* ranks: 1 2 3 7 */
/* Synthetic customers are the same on any number of ranks, and their file is as promised. */
#include <dirent.h>

#include "synthetic_customers.h"

static void ranks_make_the_same_customers(void **state)
{
    (void)state;
    struct synthetic_settings settings = plain;
    settings.missing = 0.1;
    int32_t segment[2500];
    double *expected = make_all(&settings, segment);
    struct partition part = partition_of(settings.customers, world.rank, world.size);
    struct synthetic_model model;
    assert_ok(synthetic_model_new(&settings, &model));
    double *mine = NULL;
    assert_ok(memory_new(&mine, part.row_count * settings.features, sizeof *mine, "test values"));
    /* Backwards: the order of the calls does not matter either. */
    for (int64_t i = part.row_count - 1; i >= 0; i--)
        assert_int_equal(synthetic_customer(&model, part.first_row + i, mine + i * settings.features),
                         segment[part.first_row + i]);
    double *all = NULL;
    int64_t bytes = 0;
    int64_t size = settings.features * (int64_t)sizeof(double);
    assert_ok(comm_gather_all(&world, mine, part.row_count * size, (void **)&all, &bytes));
    assert_int_equal(bytes, settings.customers * size);
    assert_memory_equal(all, expected, (size_t)bytes);
    free(all);
    free(mine);
    free(expected);
    synthetic_model_free(&model);
}

static void bytes_are_counted_or_refused(void **state)
{
    (void)state;
    struct synthetic_settings settings = plain;
    int64_t bytes = 0;
    assert_ok(synthetic_bytes(&settings, &bytes));
    assert_int_equal(bytes, 2500 * (32 * 4 + 8 + 4) + 8 * 8);
    settings.type = SYNTHETIC_FLOAT64;
    settings.id = SYNTHETIC_ID_TEXT;
    settings.customers = SYNTHETIC_MAX_CUSTOMERS;
    assert_ok(synthetic_bytes(&settings, &bytes));
    assert_int_equal(bytes, SYNTHETIC_MAX_CUSTOMERS * (32 * 8 + 14 + 4) + 8 * 8);
    settings.customers = INT64_MAX / 256;
    assert_failure(synthetic_bytes(&settings, &bytes), EXIT_BAD_USAGE, "");
}

static status_t write_to(const struct synthetic_settings *settings, const char *path)
{
    return synthetic_write(&world, &quiet, settings, path, "lohko test");
}

static void check_file(const struct synthetic_settings *settings, const char *path)
{
    hid_t file = H5I_INVALID_HID;
    assert_ok(h5_open_parallel(&world, path, &file));
    hid_t features = H5Dopen2(file, "/features", H5P_DEFAULT);
    hid_t truth = H5Dopen2(file, "/truth/segment", H5P_DEFAULT);
    hid_t ids = H5Dopen2(file, "/customer_id", H5P_DEFAULT);
    assert_true(features >= 0 && truth >= 0 && ids >= 0);
    struct synthetic_model model;
    assert_ok(synthetic_model_new(settings, &model));
    double expected[32];
    for (int64_t row = 0; row < settings->customers; row += 97) {
        float values[32];
        int32_t segment = -1;
        int64_t id = -1;
        assert_ok(h5_read_rows(features, H5T_NATIVE_FLOAT, row, 1, values));
        assert_ok(h5_read_rows(truth, H5T_NATIVE_INT32, row, 1, &segment));
        assert_ok(h5_read_rows(ids, H5T_NATIVE_INT64, row, 1, &id));
        assert_int_equal(segment, synthetic_customer(&model, row, expected));
        assert_int_equal(id, 100000 + 7 * row);
        for (int64_t j = 0; j < settings->features; j++)
            assert_true(values[j] == (float)expected[j]);
    }
    synthetic_model_free(&model);
    assert_true(h5_close(features) && h5_close(truth) && h5_close(ids) && h5_close(file));
}

/* On rank 0, which makes and removes files: it may be ahead of the others. */
static void assert_nothing_beside_customers(void)
{
    if (world.rank > 0)
        return;
    DIR *entries = opendir(directory);
    assert_non_null(entries);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        const char *name = entry->d_name;
        assert_true(strcmp(name, "customers.h5") == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0);
    }
    closedir(entries);
}

static void the_file_holds_the_customers(void **state)
{
    (void)state;
    /* One customer, fewer blocks than ranks, and enough for every rank. */
    static const int64_t counts[] = {1, 2500, 10000};
    for (int c = 0; c < 3; c++) {
        struct synthetic_settings settings = plain;
        settings.customers = counts[c];
        settings.segments = counts[c] < 8 ? counts[c] : 8;
        assert_ok(write_to(&settings, path_to("customers.h5")));
        check_file(&settings, path_to("customers.h5"));
        assert_nothing_beside_customers();
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
    assert_refused(path_to("absent/customers.h5"), EXIT_NO_OUTPUT);
    assert_refused(directory, EXIT_NO_OUTPUT);
    assert_nothing_beside_customers();
}

static void a_file_that_cannot_fit_is_refused_at_once(void **state)
{
    (void)state;
    struct synthetic_settings settings = plain;
    settings.customers = SYNTHETIC_MAX_CUSTOMERS;
    settings.features = SYNTHETIC_MAX_FEATURES;
    settings.type = SYNTHETIC_FLOAT64; /* 36 petabytes */
    assert_failure(write_to(&settings, path_to("large.h5")), EXIT_IO_ERROR, "");
    assert_nothing_beside_customers();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ranks_make_the_same_customers),
    cmocka_unit_test(bytes_are_counted_or_refused),
    cmocka_unit_test(the_file_holds_the_customers),
    cmocka_unit_test(what_cannot_be_created_is_refused),
    cmocka_unit_test(a_file_that_cannot_fit_is_refused_at_once),
};

TESTS_MAIN("synthetic", tests)
