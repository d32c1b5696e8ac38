/* ranks: 1 */
/* The journal: what is kept is recalled in the order of the steps, and nothing else. */
#include "core/journal.h"
#include <math.h>
#include <string.h>

#include "support.h"

/* Keeps one number. */
static void keep(struct journal *journal, int64_t mark, const char *step, int64_t value)
{
    const struct journal_field field = {&value, sizeof value};
    assert_ok(journal_keep(journal, mark, step, &field, 1));
}

/* -1 where the step is not known. */
static int64_t recall(struct journal *journal, const char *step)
{
    int64_t value = -1;
    bool known = false;
    const struct journal_field field = {&value, sizeof value};
    assert_ok(journal_recall(journal, step, &field, 1, &known));
    assert_int_equal(known, value != -1);
    return value;
}

/* What a job that goes on has. */
static void reopen(struct journal *journal, struct journal *again)
{
    journal_open(again, journal->holds ? 0 : 1, 0, NULL, NULL);
    for (int64_t i = 0; i < journal->count; i++) {
        const struct journal_entry *entry = &journal->entry[i];
        char *data = NULL;
        assert_ok(memory_new(&data, entry->bytes, 1, "a test's journal"));
        if (entry->bytes > 0)
            memcpy(data, entry->data, (size_t)entry->bytes);
        assert_ok(journal_add(again, entry->step, data, entry->bytes));
    }
    journal_close(journal);
}

static void steps_are_recalled_in_their_order(void **state)
{
    (void)state;
    struct journal first;
    struct journal again;
    journal_open(&first, 0, 0, NULL, NULL);
    for (int64_t i = 0; i < 40; i++) { /* more than there is room for at first */
        assert_int_equal(recall(&first, "same"), -1);
        keep(&first, journal_mark(&first), "same", i);
    }
    reopen(&first, &again);
    assert_int_equal(journal_known_bytes(&again, "other"), -1);
    assert_int_equal(recall(&again, "other"), -1);
    for (int64_t i = 0; i < 40; i++) {
        assert_int_equal(journal_known_bytes(&again, "same"), sizeof(int64_t));
        assert_int_equal(recall(&again, "same"), i);
    }
    assert_int_equal(journal_known_bytes(&again, "same"), -1);
    assert_int_equal(recall(&again, "same"), -1);
    journal_close(&again);
}

static void a_step_takes_the_place_of_its_own(void **state)
{
    (void)state;
    struct journal first;
    struct journal again;
    journal_open(&first, 0, 0, NULL, NULL);
    keep(&first, journal_mark(&first), "before", 1);
    int64_t mark = journal_mark(&first);
    keep(&first, journal_mark(&first), "inner", 2);
    keep(&first, journal_mark(&first), "inner", 3);
    assert_int_equal(first.count, 3);
    keep(&first, mark, "outer", 4);
    assert_int_equal(first.count, 2);
    keep(&first, journal_mark(&first), "after", 5);
    reopen(&first, &again);
    assert_int_equal(recall(&again, "before"), 1);
    assert_int_equal(recall(&again, "inner"), -1);
    assert_int_equal(recall(&again, "outer"), 4);
    assert_int_equal(recall(&again, "after"), 5);
    journal_close(&again);
}

/* Stopped in an inner step, a job finds that one, and its outer one is as if nobody had stopped. */
static void an_outer_step_goes_on_with_what_its_inner_ones_kept(void **state)
{
    (void)state;
    struct journal first;
    struct journal again;
    journal_open(&first, 0, 0, NULL, NULL);
    keep(&first, journal_mark(&first), "inner", 2);
    reopen(&first, &again);
    int64_t mark = journal_mark(&again);
    assert_int_equal(recall(&again, "outer"), -1);
    assert_int_equal(recall(&again, "inner"), 2);
    assert_int_equal(recall(&again, "inner"), -1);
    keep(&again, journal_mark(&again), "inner", 3);
    assert_int_equal(again.count, 2);
    keep(&again, mark, "outer", 4);
    assert_int_equal(again.count, 1);
    reopen(&again, &first);
    assert_int_equal(recall(&first, "outer"), 4);
    journal_close(&first);
}

/* The newest state of a loop replaces the one before, and what the iteration kept. */
static void a_loop_keeps_its_newest_state(void **state)
{
    (void)state;
    struct journal journal;
    struct journal again;
    journal_open(&journal, 0, 0, NULL, NULL);
    for (int64_t stop = 1; stop <= 5; stop++) {
        int64_t mark = journal_mark(&journal);
        int64_t done = recall(&journal, "loop");
        assert_int_equal(done, stop == 1 ? -1 : stop - 1);
        int64_t half = recall(&journal, "half");
        assert_int_equal(half, stop == 1 ? -1 : 100 + stop);
        if (half < 0)
            keep(&journal, journal_mark(&journal), "half", 100 + stop);
        keep(&journal, mark, "loop", stop);
        assert_int_equal(journal.count, 1);
        keep(&journal, journal_mark(&journal), "half", 100 + stop + 1);
        reopen(&journal, &again);
        journal = again;
    }
    journal_close(&journal);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct journal first;
    struct journal again;
    int32_t half = 0;
    int64_t whole = 0;
    bool known = false;
    const struct journal_field less = {&half, sizeof half};
    const struct journal_field same = {&whole, sizeof whole};
    const struct journal_field more[] = {{&whole, sizeof whole}, {&half, sizeof half}};
    journal_open(&first, 0, 0, NULL, NULL);
    keep(&first, journal_mark(&first), "step", 7);
    reopen(&first, &again);
    assert_failure(journal_recall(&again, "step", &less, 1, &known), EXIT_BAD_DATA, "step");
    assert_failure(journal_recall(&again, "step", more, 2, &known), EXIT_BAD_DATA, "step");
    assert_failure(journal_recall(&again, "step", NULL, 0, &known), EXIT_BAD_DATA, "step");
    /* another step than the one that is due */
    assert_failure(journal_keep(&again, journal_mark(&again), "elsewhere", &same, 1), EXIT_BAD_DATA, "step");
    assert_int_equal(recall(&again, "step"), 7);
    journal_close(&again);
}

/* What a file may hold where places, counts and flags are expected. */
static void values_that_cannot_be_are_told(void **state)
{
    (void)state;
    const double place[] = {0, -1e99, JOURNAL_FAR, NAN, 1e101, -INFINITY};
    assert_true(journal_are_places(place, 3) && journal_are_places(place, 0));
    for (int i = 3; i < 6; i++)
        assert_false(journal_are_places(place + i, 1));
    assert_false(journal_are_places(place + 2, 2));
    const int64_t count[] = {0, 7, 8, -1};
    assert_true(journal_are_counts(count, 2, 7));
    assert_false(journal_are_counts(count, 3, 7) || journal_are_counts(count + 3, 1, INT64_MAX));
    bool flag[] = {true, false, true};
    assert_true(journal_are_flags(flag, 3));
    memset(flag + 2, 2, 1);
    assert_false(journal_are_flags(flag, 3));
    status_t status = journal_misfit("a step");
    assert_int_equal(status->code, EXIT_BAD_DATA);
    assert_string_equal(status->message, "the checkpoint does not fit this job: a step");
    status_free(status);
}

static void fields_follow_each_other_and_may_be_empty(void **state)
{
    (void)state;
    struct journal first;
    struct journal again;
    char text[4] = "abc";
    double number = 2.5;
    bool known = false;
    const struct journal_field field[] = {{text, 4}, {NULL, 0}, {&number, sizeof number}};
    journal_open(&first, 0, 0, NULL, NULL);
    assert_ok(journal_keep(&first, 0, "three", field, 3));
    assert_ok(journal_keep(&first, journal_mark(&first), "nothing", NULL, 0));
    reopen(&first, &again);
    memset(text, 0, sizeof text);
    number = 0;
    assert_int_equal(journal_known_bytes(&again, "three"), 12);
    assert_ok(journal_recall(&again, "three", field, 3, &known));
    assert_true(known && number == 2.5);
    assert_string_equal(text, "abc");
    assert_int_equal(journal_known_bytes(&again, "nothing"), 0);
    assert_ok(journal_recall(&again, "nothing", NULL, 0, &known));
    assert_true(known);
    journal_close(&again);
}

/* A rank that holds nothing recalls what was read, and knows no more after the first step that is kept. */
static void other_ranks_hold_nothing(void **state)
{
    (void)state;
    struct journal first;
    struct journal other;
    journal_open(&first, 0, 0, NULL, NULL);
    keep(&first, journal_mark(&first), "one", 1);
    keep(&first, journal_mark(&first), "two", 2);
    first.holds = false;
    reopen(&first, &other);
    int64_t mark = journal_mark(&other);
    assert_int_equal(recall(&other, "one"), 1);
    assert_int_equal(recall(&other, "two"), 2);
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(recall(&other, "loop"), -1);
        keep(&other, journal_mark(&other), "loop", i);
        assert_int_equal(other.count, 2);
    }
    keep(&other, mark, "all", 3);
    assert_int_equal(other.count, 0);
    assert_int_equal(recall(&other, "all"), -1);
    journal_close(&other);
}

/* More than any machine has. */
static void without_memory_nothing_more_is_kept(void **state)
{
    (void)state;
    struct journal journal;
    char byte = 0;
    const struct journal_field huge = {&byte, INT64_MAX / 2};
    journal_open(&journal, 0, 0, NULL, NULL);
    keep(&journal, journal_mark(&journal), "one", 1);
    assert_ok(journal_keep(&journal, journal_mark(&journal), "huge", &huge, 1));
    assert_true(journal.is_lost);
    assert_int_equal(journal.count, 0);
    assert_int_equal(recall(&journal, "two"), -1);
    keep(&journal, journal_mark(&journal), "two", 2);
    assert_int_equal(journal.count, 0);
    journal_close(&journal);
}

static void count_writes(void *context, const struct journal *journal)
{
    assert_true(journal->count > 0);
    ++*(int64_t *)context;
}

static void it_is_written_when_it_is_time(void **state)
{
    (void)state;
    int64_t writes = 0;
    const double interval[] = {0, 1e-9, 1e9};
    for (int i = 0; i < 3; i++) {
        struct journal journal;
        writes = 0;
        journal_open(&journal, 0, interval[i], count_writes, &writes);
        for (int64_t step = 0; step < 5; step++)
            keep(&journal, journal_mark(&journal), "step", step);
        assert_int_equal(writes, i == 1 ? 5 : 0);
        journal_close(&journal);
    }
}

static void without_a_journal_nothing_is_known(void **state)
{
    (void)state;
    int64_t value = 3;
    bool known = true;
    const struct journal_field field = {&value, sizeof value};
    assert_int_equal(journal_mark(NULL), 0);
    assert_int_equal(journal_known_bytes(NULL, "step"), -1);
    assert_ok(journal_keep(NULL, 0, "step", &field, 1));
    assert_ok(journal_recall(NULL, "step", &field, 1, &known));
    assert_false(known);
    assert_int_equal(value, 3);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(steps_are_recalled_in_their_order),
    cmocka_unit_test(a_step_takes_the_place_of_its_own),
    cmocka_unit_test(an_outer_step_goes_on_with_what_its_inner_ones_kept),
    cmocka_unit_test(a_loop_keeps_its_newest_state),
    cmocka_unit_test(what_does_not_fit_is_refused),
    cmocka_unit_test(values_that_cannot_be_are_told),
    cmocka_unit_test(fields_follow_each_other_and_may_be_empty),
    cmocka_unit_test(other_ranks_hold_nothing),
    cmocka_unit_test(without_memory_nothing_more_is_kept),
    cmocka_unit_test(it_is_written_when_it_is_time),
    cmocka_unit_test(without_a_journal_nothing_is_known),
};

TESTS_MAIN("journal", tests)
