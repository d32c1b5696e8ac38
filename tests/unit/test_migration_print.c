/* ranks: 1 */
/* The report of a migration as people read it on the terminal. */
#include <unistd.h>

#include "app/terminal.h"
#include "migration_reports.h"

/* From here on stdout is a file; what to give to end_printing. */
static int begin_printing(void)
{
    fflush(stdout);
    int screen = dup(STDOUT_FILENO);
    assert_true(screen >= 0);
    assert_non_null(freopen(path_to("printed"), "w", stdout));
    return screen;
}

static void end_printing(int screen, char text[TEXT])
{
    fflush(stdout);
    assert_true(dup2(screen, STDOUT_FILENO) >= 0);
    close(screen);
    read_file(path_to("printed"), text);
}

static void print_to(const struct migration_report *report, char text[TEXT])
{
    int screen = begin_printing();
    status_t status = migration_report_print(report);
    end_printing(screen, text);
    assert_ok(status);
}

static void expect_lines_that_fit(const char *text)
{
    char line[1024];
    for (; *text; text += *text == '\n') {
        size_t bytes = strcspn(text, "\n");
        assert_true(bytes < sizeof line);
        snprintf(line, sizeof line, "%.*s", (int)bytes, text);
        if (terminal_letters(line) > TERMINAL_WIDTH)
            fail_msg("too long: %s", line);
        text += bytes;
    }
}

static void expect_in(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("not said: %s\nbut: %s", part, text);
}

static void expect_not_in(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("said: %s\nin: %s", part, text);
}

/* ---- terminal ---- */

static void words_for_people(void **state)
{
    (void)state;
    static char text[TEXT];
    struct migration migration;
    open_migration(&migration, true);
    struct migration_report report = report_of(&migration);
    print_to(&report, text);
    expect_lines_that_fit(text);
    assert_int_equal(strncmp(text, "\nFrom a.h5 to b.h5\n\n", 20), 0);
    expect_in(text, "270 customers before, 307 after: 231 are in both, 76 are new, 39 lapsed.");
    expect_in(text, "3 before, 0 after");
    expect_in(
        text,
        "\n      0         100  80.0%  10.0%  10.0%    0.66  survives as 0: orders per year 4.00 to 5.00");
    expect_not_in(text, "revenue 100");
    expect_in(text, "split into 1 and 7");
    expect_in(text, "absorbed by 0");
    expect_in(text, "disappears: none of its customers is left");
    expect_in(text, "8 emerges: 70 customers, 100 % of them new");
    expect_in(text, "\n      0    80     -    10     -      10\n");
    expect_in(text, "  0.310  orders per year (shifted)");
    expect_in(text, "0.25 % are far out");
    expect_not_in(text, "likeness");
    expect_in(text, "\n    new     1     3     4    92\n");
    expect_in(text, "Matched by where they lie, not by customers: 5 with 8 (not none), 7 with 7 (not none).");
    /* of 231: 138, 2, 56, 31, 3 and 1 */
    expect_in(text, "  59.7%  stayed\n");
    expect_in(text, "   0.9%  stayed although");
    expect_in(text, "  24.2%  moved because the model changed");
    expect_in(text, "  13.4%  moved because they changed");
    expect_in(text, "   1.3%  moved for both reasons");
    expect_in(text, "   0.4%  moved; why is not known");
    migration_free(&migration);
}

/* Numbers that stay, though customers do not; and what the words mean. */
static void words_since_last_year(void **state)
{
    (void)state;
    static char text[TEXT];
    struct migration migration;
    open_turnover(&migration);
    struct migration_report report = report_of(&migration);
    report.drift = NULL;
    print_to(&report, text);
    expect_lines_that_fit(text);
    assert_int_equal(strncmp(text, "\nSince last year (a.h5)\n\n", 25), 0);
    expect_in(text, "13.3 % of those in both stayed\nin their segment (adjusted");
    expect_in(text, "0          15  26.7%  40.0%  33.3%    0.30  survives as 0 (by likeness)\n");
    expect_in(text, "1          20   0.0% 100.0%   0.0%    0.83  survives as 1 (by likeness)\n");
    expect_in(text, "2 emerges: 3 customers, 100 % from 0\n");
    expect_in(text, "  likeness    its customers moved too much to tell");
    expect_in(text, "two or more each took 25 % of its customers in both, and got 25 % of theirs from it");
    expect_in(text, "at least 50 % are in its match");
    migration_free(&migration);
}

/* A segment whose customers scatter may have a match all the same. */
static void words_about_what_is_left(void **state)
{
    (void)state;
    static char text[TEXT];
    const int64_t count[] = {49, 17, 17, 17, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    struct migration migration = {.before = {.k = 2}, .after = {.k = 4}};
    assert_ok(memory_new(&migration.count, 15, sizeof *count, "test counts"));
    memcpy(migration.count, count, sizeof count);
    assert_ok(migration_measure(&migration));
    struct migration_report report = report_of(&migration);
    print_to(&report, text);
    expect_lines_that_fit(text);
    expect_in(text, "  disappears: its customers scatter, 49 % at most to");
    expect_in(text, "one (0); what is left of it is 1\n");
    expect_in(text, "  survives as 0\n");
    expect_not_in(text, "1 emerges");
    expect_in(text, "2 emerges: 17 customers, 100 % from 0\n");
    expect_not_in(text, "\n    new ");
    migration_free(&migration);
}

static void words_without_a_model(void **state)
{
    (void)state;
    static char text[TEXT];
    struct migration migration;
    open_migration(&migration, false);
    struct migration_report report = report_of(&migration);
    print_to(&report, text);
    expect_lines_that_fit(text);
    expect_in(text, "Not known: a.h5 has no model.");
    expect_not_in(text, "moved because");
    expect_not_in(text, " sd");
    expect_not_in(text, "by where they lie");
    expect_not_in(text, "nan");
    migration_free(&migration);
}

static void words_about_nobody(void **state)
{
    (void)state;
    static char text[TEXT];
    struct migration migration = {.before = {.k = 1}, .after = {.k = 1}};
    assert_ok(memory_new(&migration.count, 4, sizeof *migration.count, "test counts"));
    assert_ok(migration_measure(&migration));
    struct migration_report report = {.migration = &migration, .before_path = "a", .after_path = "b"};
    print_to(&report, text);
    expect_in(text, "0 customers before, 0 after");
    expect_in(text, "Nobody is in both");
    expect_not_in(text, "nan");
    migration_free(&migration);
}

/* Many segments with long names: the table is cut, lines are not too long, and it says where the rest is. */
static void words_about_many(void **state)
{
    (void)state;
    enum { MANY = 300 };
    static char text[TEXT];
    static char name[MANY][100];
    static char *names[MANY];
    struct migration migration = {.before = {.k = MANY, .name = names}, .after = {.k = MANY, .name = names}};
    assert_ok(memory_new(&migration.count, (MANY + 1) * (MANY + 1), sizeof *migration.count, "test counts"));
    for (int h = 0; h < MANY; h++) {
        snprintf(name[h], sizeof name[h],
                 "a segment \xc3\xa4 with a very long name that must be cut at some place, %d", h);
        names[h] = name[h];
        migration.count[h * (MANY + 1) + h] = h % 2 ? 1000000 : 0;
        migration.count[MANY * (MANY + 1) + h] = 5;
    }
    assert_ok(migration_measure(&migration));
    struct migration_report report = report_of(&migration);
    report.missing = NULL;
    print_to(&report, text);
    expect_lines_that_fit(text);
    expect_in(text, "more, in migration.csv");
    expect_in(text, "and 140 more emerge");
    int lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    assert_true(lines < 120);
    migration_free(&migration);
}

/* The widest table of shares, with names that are cut between letters. */
static void words_about_a_dozen(void **state)
{
    (void)state;
    enum { DOZEN = 12, LETTERS = 30 };
    static char text[TEXT];
    static char name[DOZEN][2 * LETTERS + 1];
    static char *names[DOZEN];
    struct migration migration = {.before = {.k = DOZEN, .name = names},
                                  .after = {.k = DOZEN, .name = names}};
    assert_ok(
        memory_new(&migration.count, (DOZEN + 1) * (DOZEN + 1), sizeof *migration.count, "test counts"));
    for (int h = 0; h < DOZEN; h++) {
        names[h] = name[h];
        for (int i = 0; i < LETTERS; i++)
            memcpy(name[h] + 2 * i, i == 0 ? "\xc3\xb6" : "\xc3\xa4", 2);
        migration.count[h * (DOZEN + 1) + h] = 100;
        migration.count[h * (DOZEN + 1) + (h + 1) % DOZEN] = 399;
        migration.count[h * (DOZEN + 1) + DOZEN] = 1;
    }
    assert_ok(migration_measure(&migration));
    struct migration_report report = report_of(&migration);
    report.missing = NULL;
    print_to(&report, text);
    expect_lines_that_fit(text);
    expect_in(
        text,
        "\n\xc3\xb6"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4..         500  79.8%  20.0%   0.2%");
    expect_in(text, "    20    80     -     -     -     -     -     -     -     -     -     -      <1\n");
    migration_free(&migration);
}

/* ---- text ---- */

static void counts_in_groups(void **state)
{
    (void)state;
    char text[TERMINAL_COUNT_SIZE];
    assert_string_equal(terminal_count(0, text), "0");
    assert_string_equal(terminal_count(999, text), "999");
    assert_string_equal(terminal_count(1000, text), "1 000");
    assert_string_equal(terminal_count(1234567, text), "1 234 567");
    assert_string_equal(terminal_count(INT64_MAX, text), "9 223 372 036 854 775 807");
}

/* Line ends are kept, lines are filled, numbers are not cut. */
static void sentences_in_lines(void **state)
{
    (void)state;
    static char text[TEXT];
    struct prose prose = {.used = 0};
    prose_add(&prose, "%s", "first\n");
    for (int i = 0; i < 23; i++)
        prose_add(&prose, "%sabc", i > 0 ? " " : "");
    prose_add(&prose, " 12 345 %% x\nlast 7\n8");
    int screen = begin_printing();
    prose_print(&prose, 2);
    end_printing(screen, text);
    static const char words[] =
        "abc abc abc abc abc abc abc abc abc abc abc abc abc abc abc abc abc abc abc abc "
        "abc abc abc";
    char expected[256];
    snprintf(expected, sizeof expected, "first\n  %s\n  12 345 %% x\n  last 7\n  8\n", words);
    assert_string_equal(text, expected);
    /* nor is a number parted from its unit */
    prose = (struct prose){.used = 0};
    prose_add(&prose, "%s (+0.25 sd) end", words);
    screen = begin_printing();
    prose_print(&prose, 0);
    end_printing(screen, text);
    snprintf(expected, sizeof expected, "%s\n(+0.25 sd) end\n", words);
    assert_string_equal(text, expected);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(words_since_last_year), cmocka_unit_test(words_about_what_is_left),
    cmocka_unit_test(sentences_in_lines),    cmocka_unit_test(words_for_people),
    cmocka_unit_test(words_without_a_model), cmocka_unit_test(words_about_nobody),
    cmocka_unit_test(words_about_many),      cmocka_unit_test(words_about_a_dozen),
    cmocka_unit_test(counts_in_groups),
};

TESTS_MAIN("migration_print", tests)
