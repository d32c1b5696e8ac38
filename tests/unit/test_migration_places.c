/* ranks: 1 */
/* Matching by place against all matchings tried, drift, and what segments are called. */
#include <math.h>

#include "assess/migration.h"
#include "support.h"

enum { MOST = 6, FEATURES = 2 };

/* ---- matching ---- */

static double square(const double *a, const double *b)
{
    return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]);
}

struct search {
    const double *few;
    const double *many;
    int64_t fews;
    int64_t manys;
    bool taken[MOST];
    double least;
};

static void try_all(struct search *search, int64_t i, double sum)
{
    if (i == search->fews) {
        search->least = fmin(search->least, sum);
        return;
    }
    for (int64_t j = 0; j < search->manys; j++) {
        if (search->taken[j])
            continue;
        search->taken[j] = true;
        try_all(search, i + 1, sum + square(search->few + i * FEATURES, search->many + j * FEATURES));
        search->taken[j] = false;
    }
}

/* Places of all sizes; every other time on a grid, where many are alike. */
static double place(int64_t number, int64_t index)
{
    double drawn = uniform(31, number, index);
    return number % 2 ? floor(3 * drawn) : ldexp(drawn - 0.5, (int)(number % 60) - 30);
}

static void open_places(struct migration *migration, int64_t before, int64_t after)
{
    *migration = (struct migration){.before = {.k = before}, .after = {.k = after}};
    assert_ok(memory_new(&migration->count, (before + 1) * (after + 1), sizeof(int64_t), "test counts"));
}

static void nearest_places_are_matched(void **state)
{
    (void)state;
    for (int64_t number = 0; number < 400; number++) {
        double before[MOST * FEATURES];
        double after[MOST * FEATURES];
        struct migration migration;
        open_places(&migration, 1 + number % MOST, 1 + number / MOST % MOST);
        int64_t rows = migration.before.k;
        int64_t columns = migration.after.k;
        for (int64_t i = 0; i < MOST * FEATURES; i++) {
            before[i] = place(number, i);
            after[i] = place(number, 100 + i);
        }
        migration.places = (struct migration_places){
            .features = FEATURES, .before_prepared = before, .after_prepared = after};
        assert_ok(migration_measure(&migration));
        struct search search = {.least = INFINITY};
        search.few = rows <= columns ? before : after;
        search.many = rows <= columns ? after : before;
        search.fews = rows <= columns ? rows : columns;
        search.manys = rows <= columns ? columns : rows;
        try_all(&search, 0, 0.0);
        double sum = 0;
        int64_t matched = 0;
        unsigned taken = 0;
        for (int64_t h = 0; h < rows; h++) {
            int32_t match = migration.match_place[h];
            if (match < 0)
                continue;
            assert_false(taken >> match & 1);
            taken |= 1U << match;
            matched++;
            sum += square(before + h * FEATURES, after + match * FEATURES);
        }
        assert_int_equal(matched, search.fews);
        assert_close(sum, search.least, 1e-9);
        migration_free(&migration);
    }
}

/* Far from all others, one must not blur what is near. */
static void one_far_away(void **state)
{
    (void)state;
    struct migration migration;
    const double before[] = {0, 0, 1, 0, 1000, 0};
    const double after[] = {0.9, 0, 0.1, 0, 1000, 0};
    open_places(&migration, 3, 3);
    migration.places =
        (struct migration_places){.features = FEATURES, .before_prepared = before, .after_prepared = after};
    assert_ok(migration_measure(&migration));
    assert_int_equal(migration.match_place[0], 1);
    assert_int_equal(migration.match_place[1], 0);
    assert_int_equal(migration.match_place[2], 2);
    migration_free(&migration);
}

/* A feature that only one side has says nothing; one side without places leaves nothing to match. */
static void unknown_places(void **state)
{
    (void)state;
    struct migration migration;
    const double before[] = {0, 0, 10, 0};
    const double after[] = {10, NAN, 0, NAN};
    open_places(&migration, 2, 2);
    migration.places =
        (struct migration_places){.features = FEATURES, .before_prepared = before, .after_prepared = after};
    assert_ok(migration_measure(&migration));
    assert_int_equal(migration.match_place[0], 1);
    assert_int_equal(migration.match_place[1], 0);
    migration_free(&migration);
    open_places(&migration, 2, 2);
    migration.places = (struct migration_places){.features = FEATURES, .before_prepared = before};
    assert_ok(migration_measure(&migration));
    assert_null(migration.match_place);
    migration_free(&migration);
}

/* Distances that are no numbers are not measured by halves. */
static void places_too_far_apart(void **state)
{
    (void)state;
    struct migration migration;
    const double before[] = {0, 0, 1e200, 0};
    const double after[] = {1, 0, -1e200, 0};
    open_places(&migration, 2, 2);
    migration.places =
        (struct migration_places){.features = FEATURES, .before_prepared = before, .after_prepared = after};
    assert_ok(migration_measure(&migration));
    assert_null(migration.match_place);
    migration_free(&migration);
}

/* ---- drift ---- */

/* 0 becomes 1, 1 becomes 0, 2 has no successor. */
static void segments_drift(void **state)
{
    (void)state;
    struct migration migration;
    static const int64_t count[] = {1, 9, 0, 9, 1, 0, 0, 0, 5, 0, 0, 0};
    const double before[] = {1, 10, 2, 20, 3, 30};
    const double after[] = {5, 22, 4, NAN};
    const double deviation[] = {2, 0};
    open_places(&migration, 3, 2);
    memcpy(migration.count, count, sizeof count);
    migration.places = (struct migration_places){
        .features = FEATURES, .before_mean = before, .after_mean = after, .deviation = deviation};
    assert_ok(migration_measure(&migration));
    static const double drift[] = {3, NAN, 3, 2, NAN, NAN};
    static const double deviations[] = {1.5, NAN, 1.5, NAN, NAN, NAN};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(isnan(migration.drift[i]), isnan(drift[i]));
        assert_int_equal(isnan(migration.drift_deviations[i]), isnan(deviations[i]));
        if (!isnan(drift[i]))
            assert_close(migration.drift[i], drift[i], 0);
        if (!isnan(deviations[i]))
            assert_close(migration.drift_deviations[i], deviations[i], 0);
    }
    migration_free(&migration);
}

/* ---- names ---- */

static void segments_have_names(void **state)
{
    (void)state;
    char buffer[MIGRATION_LABEL_SIZE];
    char longest[100];
    char letters[100];
    const int64_t number[] = {3, 17};
    struct migration_side side = {.k = 2, .number = number};
    assert_string_equal(migration_label(&side, 1, buffer), "17");
    assert_int_equal(migration_number(&side, 1), 17);
    assert_int_equal(migration_number(&side, -1), -1);
    side.number = NULL;
    assert_string_equal(migration_label(&side, 1, buffer), "1");
    memset(longest, 'x', sizeof longest);
    longest[99] = '\0';
    /* 31 letters of two bytes are 62 bytes; half of one more would fit */
    for (int i = 0; i < 98; i += 2)
        memcpy(letters + i, "\xc3\xa4", 3);
    char *name[] = {longest, letters};
    side.name = name;
    side.number = number;
    assert_int_equal(strlen(migration_label(&side, 0, buffer)), MIGRATION_LABEL_SIZE - 1);
    assert_int_equal(strlen(migration_label(&side, 1, buffer)), 62);
    assert_int_equal(migration_number(&side, 1), 1);
    longest[MIGRATION_LABEL_SIZE - 1] = '\0'; /* just fits */
    assert_string_equal(migration_label(&side, 0, buffer), longest);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nearest_places_are_matched),
    cmocka_unit_test(one_far_away),
    cmocka_unit_test(unknown_places),
    cmocka_unit_test(places_too_far_apart),
    cmocka_unit_test(segments_drift),
    cmocka_unit_test(segments_have_names),
};

TESTS_MAIN("migration_places", tests)
