/* Migrations for tests: tables by hand, and random ones. */
#ifndef LOHKO_TESTS_MIGRATIONS_H
#define LOHKO_TESTS_MIGRATIONS_H

#include "assess/migration.h"
#include "support.h"

enum { MOST = 6 };

/* The counts, row by row with the last column lapsed and the last row new. */
SUPPORT void open_table(struct migration *migration, int64_t before, int64_t after, const int64_t *count)
{
    *migration = (struct migration){.before = {.k = before}, .after = {.k = after}};
    int64_t cells = (before + 1) * (after + 1);
    assert_ok(memory_new(&migration->count, cells, sizeof *count, "test counts"));
    memcpy(migration->count, count, (size_t)cells * sizeof *count);
}

#define OPEN(migration, before, after, ...)                                                                  \
    open_table((migration), (before), (after), (int64_t[]){__VA_ARGS__})

#define MEASURE(migration, before, after, ...)                                                               \
    do {                                                                                                     \
        OPEN(migration, before, after, __VA_ARGS__);                                                         \
        assert_ok(migration_measure(migration));                                                             \
    } while (0)

SUPPORT void expect_fate(const struct migration *migration, int64_t h, enum transition fate, int32_t heir)
{
    assert_string_equal(migration_word(migration->fate[h]), migration_word(fate));
    assert_int_equal(migration->heir[h], heir);
}

/* Up to MOST segments on a side, most counts small or none. */
SUPPORT void random_counts(int64_t number, struct migration *migration)
{
    int64_t before = 1 + number % MOST;
    int64_t after = 1 + (int64_t)(MOST * uniform(21, number, 0));
    int64_t count[(MOST + 1) * (MOST + 1)] = {0};
    for (int64_t cell = 0; cell < (before + 1) * (after + 1) - 1; cell++) {
        double drawn = uniform(22, number, cell);
        count[cell] = (int64_t)(12 * drawn * drawn * drawn * drawn);
    }
    open_table(migration, before, after, count);
}

#endif
