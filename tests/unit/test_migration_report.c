/* ranks: 1 */
/* The report of a migration as programs read it: results.h5, migration.csv, summary.json. */
#include <math.h>

#include <jansson.h>

#include "migration_reports.h"

static void write_csv(const struct migration *migration, char text[TEXT])
{
    struct migration_report report = report_of(migration);
    assert_ok(migration_report_csv(&report, path_to("migration.csv")));
    read_file(path_to("migration.csv"), text);
}

/* ---- migration.csv ---- */

static void csv_by_number(void **state)
{
    (void)state;
    static char text[TEXT];
    struct migration migration;
    open_migration(&migration, true);
    write_csv(&migration, text);
    assert_string_equal(text,
                        "segment,what_became_of_it,matched_with,customers_before,stayed,moved,lapsed,"
                        "retention,jaccard,to_0,to_1,to_7,to_8\n"
                        "0,survives as 0,0,100,80,10,10,0.8000,0.6612,80,0,10,0\n"
                        "1,split into 1 and 7,1,100,60,40,0,0.6000,0.5455,0,60,40,0\n"
                        "5,absorbed by 0,,61,0,41,20,0.0000,0.2562,31,10,0,0\n"
                        "7,disappears,,9,0,0,9,0.0000,0.0000,0,0,0,0\n"
                        "new,,,0,,,,,,1,2,3,70\n");
    migration_free(&migration);
}

static void csv_by_name(void **state)
{
    (void)state;
    static char text[TEXT];
    static char *before[] = {"\"A\", B", "plain"};
    static char *after[] = {"x, \"y\"", "z"};
    struct migration migration = {.before = {.k = 2, .name = before}, .after = {.k = 2, .name = after}};
    const int64_t count[] = {9, 3, 0, 0, 0, 0, 0, 0, 0};
    assert_ok(memory_new(&migration.count, 9, sizeof *count, "test counts"));
    memcpy(migration.count, count, sizeof count);
    assert_ok(migration_measure(&migration));
    write_csv(&migration, text);
    assert_string_equal(text,
                        "segment,what_became_of_it,matched_with,customers_before,stayed,moved,lapsed,"
                        "retention,jaccard,\"to_x, \"\"y\"\"\",to_z\n"
                        "\"\"\"A\"\", B\",\"split into x, \"\"y\"\" and z\",\"x, \"\"y\"\"\",12,9,3,0,0.7500,"
                        "0.7500,9,3\n"
                        "plain,disappears,,0,0,0,0,,0.0000,0,0\n"
                        "new,,,0,,,,,,0,0\n");
    migration_free(&migration);
}

static void csv_in_words(void **state)
{
    (void)state;
    static char text[TEXT];
    struct migration migration;
    open_turnover(&migration);
    write_csv(&migration, text);
    assert_non_null(strstr(text, "\n0,survives as 0 (by likeness),0,15,4,6,5,0.2667,"));
    migration_free(&migration);
    migration = (struct migration){.before = {.k = 2}, .after = {.k = 2}};
    const int64_t count[] = {40, 10, 0, 40, 0, 0, 0, 0, 0};
    assert_ok(memory_new(&migration.count, 9, sizeof *count, "test counts"));
    memcpy(migration.count, count, sizeof count);
    assert_ok(migration_measure(&migration));
    write_csv(&migration, text);
    assert_non_null(strstr(text, "\n0,absorbed by 0; what is left of it is 1,1,50,10,40,0,0.2000,"));
    migration_free(&migration);
}

/* Names that are alike as far as they are shown elsewhere: headings are whole. */
static void csv_of_long_names(void **state)
{
    (void)state;
    static char text[TEXT];
    static char name[2][101];
    static char *names[] = {name[0], name[1]};
    char heading[512];
    struct migration migration = {.before = {.k = 2, .name = names}, .after = {.k = 2, .name = names}};
    for (int h = 0; h < 2; h++) {
        memset(name[h], 'n', 100);
        name[h][99] = (char)('0' + h);
    }
    assert_ok(memory_new(&migration.count, 9, sizeof *migration.count, "test counts"));
    assert_ok(migration_measure(&migration));
    write_csv(&migration, text);
    snprintf(heading, sizeof heading, ",to_%s,to_%s\n%s,disappears", name[0], name[1], name[0]);
    assert_non_null(strstr(text, heading));
    migration_free(&migration);
}

/* ---- summary.json ---- */

static json_int_t whole(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void summary_of_all(void **state)
{
    (void)state;
    struct migration migration;
    open_migration(&migration, true);
    struct migration_report report = report_of(&migration);
    json_t *root = migration_report_summary(&report);
    assert_non_null(root);
    json_t *segments = json_object_get(root, "segments");
    assert_int_equal(json_array_size(segments), 4);
    json_t *second = json_array_get(segments, 1);
    assert_string_equal(json_string_value(json_object_get(second, "fate")), "split");
    json_t *parts = json_object_get(second, "split_into");
    assert_int_equal(json_array_size(parts), 2);
    assert_int_equal(json_integer_value(json_array_get(parts, 1)), 7);
    json_t *third = json_array_get(segments, 2);
    assert_int_equal(whole(third, "segment"), 5);
    assert_int_equal(whole(third, "heir"), 0);
    assert_true(json_is_null(json_object_get(third, "match")));
    json_t *drifted =
        json_object_get(json_object_get(json_array_get(segments, 0), "drift"), "orders_per_year");
    assert_close(json_real_value(json_object_get(drifted, "deviations")), 0.25, 0);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(root, "vanished"), 0)), 7);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(root, "emerged"), 0)), 8);
    assert_int_equal(whole(json_object_get(root, "customers"), "new"), 76);
    json_t *changes = json_object_get(root, "changes");
    assert_int_equal(whole(changes, "moved_back"), 2);
    assert_int_equal(whole(changes, "moved_by_model") + whole(changes, "moved_by_customer") +
                         whole(changes, "moved_by_both") + whole(changes, "moved_unscored") +
                         whole(json_object_get(root, "customers"), "kept"),
                     whole(json_object_get(root, "customers"), "shared"));
    json_t *features = json_object_get(json_object_get(root, "drift"), "features");
    json_t *shifted = json_object_get(features, "orders_per_year");
    assert_string_equal(json_string_value(json_object_get(shifted, "word")), "shifted");
    assert_true(json_is_null(json_object_get(json_object_get(features, "revenue"), "psi")));
    json_decref(root);
    migration_free(&migration);
}

/* Neither has emerged nor vanished what keeps its number. */
static void summary_of_what_stays(void **state)
{
    (void)state;
    struct migration migration;
    open_turnover(&migration);
    struct migration_report report = report_of(&migration);
    report.drift = NULL;
    json_t *root = migration_report_summary(&report);
    json_t *first = json_array_get(json_object_get(root, "segments"), 0);
    assert_true(json_is_true(json_object_get(first, "by_likeness")));
    assert_int_equal(json_integer_value(json_array_get(json_object_get(root, "emerged"), 0)), 2);
    assert_int_equal(json_array_size(json_object_get(root, "vanished")), 0);
    json_decref(root);
    migration_free(&migration);
    migration = (struct migration){.before = {.k = 1}, .after = {.k = 4}};
    const int64_t count[] = {49, 17, 17, 17, 0, 0, 0, 0, 0, 0};
    assert_ok(memory_new(&migration.count, 10, sizeof *count, "test counts"));
    memcpy(migration.count, count, sizeof count);
    assert_ok(migration_measure(&migration));
    report = report_of(&migration);
    root = migration_report_summary(&report);
    first = json_array_get(json_object_get(root, "segments"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "fate")), "disappears");
    assert_true(json_is_false(json_object_get(first, "by_likeness")));
    assert_int_equal(json_array_size(json_object_get(root, "vanished")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "emerged")), 3);
    json_decref(root);
    migration_free(&migration);
}

static void summary_without_a_model(void **state)
{
    (void)state;
    struct migration migration;
    open_migration(&migration, false);
    struct migration_report report = report_of(&migration);
    json_t *root = migration_report_summary(&report);
    assert_non_null(root);
    assert_true(json_is_null(json_object_get(root, "changes")));
    assert_true(json_is_null(json_object_get(root, "drift")));
    assert_string_equal(json_string_value(json_object_get(root, "changes_missing")), "a.h5 has no model.");
    json_decref(root);
    migration_free(&migration);
}

/* ---- results.h5 ---- */

static void read_dataset(hid_t file, const char *name, hid_t type, int dimensions, void *values,
                         int64_t expected)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(dataset >= 0);
    hid_t space = H5Dget_space(dataset);
    assert_int_equal(H5Sget_simple_extent_ndims(space), dimensions);
    assert_int_equal(H5Sget_simple_extent_npoints(space), expected);
    assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    h5_close(space);
    h5_close(dataset);
}

static void expect_words(hid_t file, const char *name, const char *const *expected, int64_t count)
{
    char *word[8] = {NULL};
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0);
    read_dataset(file, name, type, 1, word, count);
    for (int64_t i = 0; i < count; i++) {
        assert_string_equal(word[i], expected[i]);
        assert_true(H5free_memory(word[i]) >= 0);
    }
    h5_close(type);
}

static int64_t whole_attribute(hid_t file, const char *name)
{
    int64_t value = -1;
    hid_t attribute = H5Aopen_by_name(file, "/migration", name, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attribute >= 0);
    assert_true(H5Aread(attribute, H5T_NATIVE_INT64, &value) >= 0);
    h5_close(attribute);
    return value;
}

static hid_t write_results(const struct migration *migration)
{
    struct migration_report report = report_of(migration);
    hid_t file = H5Fcreate(path_to("migration.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    assert_ok(migration_report_results(&report, file));
    return file;
}

static void results_by_number(void **state)
{
    (void)state;
    struct migration migration;
    open_migration(&migration, true);
    hid_t file = write_results(&migration);
    int64_t number[64];
    double real[64];
    read_dataset(file, "/migration/counts", H5T_NATIVE_INT64, 2, number, 25);
    assert_memory_equal(number, counts, sizeof counts);
    read_dataset(file, "/migration/after_segment", H5T_NATIVE_INT64, 1, number, 4);
    assert_memory_equal(number, after_number, sizeof after_number);
    static const int64_t match[] = {0, 1, -1, -1};
    read_dataset(file, "/migration/match", H5T_NATIVE_INT64, 1, number, 4);
    assert_memory_equal(number, match, sizeof match);
    static const int64_t match_place[] = {0, 1, 8, 7};
    read_dataset(file, "/migration/match_by_centroid", H5T_NATIVE_INT64, 1, number, 4);
    assert_memory_equal(number, match_place, sizeof match_place);
    read_dataset(file, "/migration/by_likeness", H5T_NATIVE_INT64, 1, number, 4);
    assert_int_equal(number[0] + number[1] + number[2] + number[3], 0);
    expect_words(file, "/migration/fate",
                 (const char *const[]){"survives", "split", "absorbed", "disappears"}, 4);
    expect_words(file, "/migration/origin",
                 (const char *const[]){"continues", "continues", "continues", "emerges"}, 4);
    static const int64_t heir[] = {0, -1, 0, -1};
    read_dataset(file, "/migration/heir", H5T_NATIVE_INT64, 1, number, 4);
    assert_memory_equal(number, heir, sizeof heir);
    static const int64_t parts[] = {1, 1, 1, 7};
    read_dataset(file, "/migration/split_into", H5T_NATIVE_INT64, 2, number, 4);
    assert_memory_equal(number, parts, sizeof parts);
    read_dataset(file, "/migration/steps", H5T_NATIVE_INT64, 2, number, 52);
    static const int64_t unscored[] = {0, -1, 7, 1};
    static const int64_t last[] = {-1, -1, 8, 70};
    assert_memory_equal(number + 16, unscored, sizeof unscored);
    assert_memory_equal(number + 48, last, sizeof last);
    read_dataset(file, "/migration/customer_change", H5T_NATIVE_INT64, 2, number, 25);
    read_dataset(file, "/migration/model_change", H5T_NATIVE_INT64, 2, number, 20);
    read_dataset(file, "/migration/share", H5T_NATIVE_DOUBLE, 2, real, 25);
    assert_close(real[0], 0.8, 1e-15);
    read_dataset(file, "/migration/centroid_drift", H5T_NATIVE_DOUBLE, 2, real, 8);
    assert_close(real[0], 1, 0);
    assert_true(isnan(real[4]));
    read_dataset(file, "/migration/psi", H5T_NATIVE_DOUBLE, 1, real, 2);
    assert_true(H5Aexists_by_name(file, "/migration/psi", "feature_names", H5P_DEFAULT) > 0);
    assert_true(H5Aexists_by_name(file, "/migration/centroid_drift", "feature_names", H5P_DEFAULT) > 0);
    assert_int_equal(whole_attribute(file, "shared"), migration.shared);
    assert_int_equal(whole_attribute(file, "moved_back"), 2);
    assert_int_equal(whole_attribute(file, "before_left_out"), 3);
    assert_true(H5Lexists(file, "/migration/before_name", H5P_DEFAULT) <= 0);
    assert_true(h5_close(file));
    migration_free(&migration);
}

static void results_of_a_turnover(void **state)
{
    (void)state;
    struct migration migration;
    int64_t number[2];
    open_turnover(&migration);
    struct migration_report report = report_of(&migration);
    report.drift = NULL;
    hid_t file = H5Fcreate(path_to("migration.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    assert_ok(migration_report_results(&report, file));
    read_dataset(file, "/migration/by_likeness", H5T_NATIVE_INT64, 1, number, 2);
    assert_int_equal(number[0] + number[1], 2);
    read_dataset(file, "/migration/heir", H5T_NATIVE_INT64, 1, number, 2);
    assert_int_equal(number[0], 0);
    assert_int_equal(number[1], 1);
    assert_true(h5_close(file));
    migration_free(&migration);
}

/* Names, no model, and a side without any segments. */
static void results_of_little(void **state)
{
    (void)state;
    static char *name[] = {"a", "b"};
    int64_t number[4];
    struct migration migration = {.after = {.k = 2, .name = name}};
    assert_ok(memory_new(&migration.count, 3, sizeof *migration.count, "test counts"));
    migration.count[1] = 4;
    assert_ok(migration_measure(&migration));
    hid_t file = write_results(&migration);
    read_dataset(file, "/migration/counts", H5T_NATIVE_INT64, 2, number, 3);
    read_dataset(file, "/migration/match", H5T_NATIVE_INT64, 1, number, 0);
    read_dataset(file, "/migration/after_segment", H5T_NATIVE_INT64, 1, number, 2);
    assert_int_equal(number[1], 1);
    assert_true(H5Lexists(file, "/migration/after_name", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "/migration/steps", H5P_DEFAULT) <= 0);
    assert_true(H5Aexists_by_name(file, "/migration", "moved_back", H5P_DEFAULT) <= 0);
    assert_true(h5_close(file));
    migration_free(&migration);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(csv_in_words),          cmocka_unit_test(summary_of_what_stays),
    cmocka_unit_test(results_of_a_turnover), cmocka_unit_test(csv_by_number),
    cmocka_unit_test(csv_by_name),           cmocka_unit_test(csv_of_long_names),
    cmocka_unit_test(summary_of_all),        cmocka_unit_test(summary_without_a_model),
    cmocka_unit_test(results_by_number),     cmocka_unit_test(results_of_little),
};

TESTS_MAIN("migration_report", tests)
