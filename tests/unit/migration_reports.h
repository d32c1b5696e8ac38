/* A migration to be reported, for tests of the report's parts. */
#ifndef LOHKO_TESTS_MIGRATION_REPORTS_H
#define LOHKO_TESTS_MIGRATION_REPORTS_H

#include <math.h>

#include "app/migration_report.h"
#include "support.h"

enum { TEXT = 1 << 16, FEATURES = 2 };

/* ---- a migration ---- */

SUPPORT const int64_t before_number[] = {0, 1, 5, 7};
SUPPORT const int64_t after_number[] = {0, 1, 7, 8};
SUPPORT char *feature_name[] = {"orders_per_year", "revenue"};
SUPPORT const double before_mean[] = {4, 100, 8, 200, 12, 300, 16, 400};
SUPPORT const double after_mean[] = {5, 100.5, 8, 200, 2, 20, 1, 10};
SUPPORT const double before_place[] = {0, 0, 1, 1, 2, 2, 3, 3};
SUPPORT const double after_place[] = {0, 0, 1, 1, 9, 9, 2, 2};
SUPPORT const double deviation[] = {4, 100};
SUPPORT double psi[] = {0.31, NAN};
SUPPORT const struct saved_model model = {.features = FEATURES, .name = feature_name};
SUPPORT const struct drift drift = {
    .model = &model, .customers = 500, .psi = psi, .segment_psi = 0.125, .far_share = 0.0025};

/* 0 stays, 1 splits, 5 goes into 0, 7 is gone; 8 is new. Of the 80 in segment 0 both times two were moved
 * back. */
SUPPORT const int64_t counts[] = {80, 0,  10, 0, 10, /**/ 0, 60, 40, 0, 0, /**/
                                  31, 10, 0,  0, 20, /**/ 0, 0,  0,  0, 9, /**/ 1, 2, 3, 70, 0};
SUPPORT const struct migration_step steps[] = {
    {0, 0, 0, 78}, {0, 0, 2, 6},  {0, 1, 0, 2}, {0, 1, 2, 3}, {0, 4, 2, 1}, {1, 1, 1, 60}, {1, 1, 2, 40},
    {2, 0, 0, 31}, {2, 2, 1, 10}, {4, 0, 0, 1}, {4, 1, 1, 2}, {4, 1, 2, 3}, {4, 4, 3, 70},
};

SUPPORT void open_migration(struct migration *migration, bool asked)
{
    *migration = (struct migration){.before = {.k = 4, .number = before_number},
                                    .after = {.k = 4, .number = after_number}};
    assert_ok(memory_new(&migration->count, 25, sizeof *counts, "test counts"));
    memcpy(migration->count, counts, sizeof counts);
    if (asked) {
        migration->has_steps = true;
        migration->steps = (int64_t)(sizeof steps / sizeof *steps);
        assert_ok(memory_new(&migration->step, migration->steps, sizeof *steps, "test steps"));
        memcpy(migration->step, steps, sizeof steps);
        migration->places = (struct migration_places){FEATURES,    feature_name, before_place, after_place,
                                                      before_mean, after_mean,   deviation};
    }
    assert_ok(migration_measure(migration));
}

/* Numbers were handed down, customers moved on, and others are where they were. */
SUPPORT void open_turnover(struct migration *migration)
{
    static const int64_t number[] = {0, 1, 2};
    static const int64_t count[] = {4, 3, 3, 5, 20, 0, 0, 0, 0, 20, 0, 0};
    static const struct migration_step step[] = {
        {0, 0, 0, 4}, {0, 1, 1, 3}, {0, 1, 2, 3}, {1, 0, 0, 20}, {2, 1, 1, 20}};
    *migration = (struct migration){.before = {.k = 2, .number = number},
                                    .after = {.k = 3, .number = number},
                                    .same_numbers = true,
                                    .has_steps = true,
                                    .steps = 5};
    assert_ok(memory_new(&migration->count, 12, sizeof *count, "test counts"));
    memcpy(migration->count, count, sizeof count);
    assert_ok(memory_new(&migration->step, 5, sizeof *step, "test steps"));
    memcpy(migration->step, step, sizeof step);
    assert_ok(migration_measure(migration));
}

SUPPORT struct migration_report report_of(const struct migration *migration)
{
    return (struct migration_report){.migration = migration,
                                     .drift = migration->has_steps ? &drift : NULL,
                                     .before_path = "a.h5",
                                     .after_path = "b.h5",
                                     .before_left_out = 3,
                                     .missing = migration->has_steps ? NULL : "a.h5 has no model."};
}

/* ---- files ---- */

SUPPORT void read_file(const char *path, char text[TEXT])
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, TEXT - 1, file);
    text[length] = '\0';
    assert_int_equal(fclose(file), 0);
}

#endif
