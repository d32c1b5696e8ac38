/* ranks: 1 */
/* Checked allocation: zeroed, aligned, refused when the size makes no sense. */
#include "support.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    static const int64_t counts[] = {1, 7, 63, 64, 65, 10000};
    for (int i = 0; i < 24; i++) { /* the same sizes again, so that what was written comes back */
        unsigned char *memory = NULL;
        assert_ok(memory_new(&memory, counts[i % 6], 3, "a test"));
        assert_true((uintptr_t)memory % 64 == 0);
        for (int64_t b = 0; b < 3 * counts[i % 6]; b++)
            assert_int_equal(memory[b], 0);
        memset(memory, 0xa5, (size_t)(3 * counts[i % 6])); /* all of it may be written */
        free(memory);
    }
}

static void nothing_is_null(void **state)
{
    (void)state;
    void *memory = &state;
    assert_ok(memory_new(&memory, 0, 8, "a test"));
    assert_null(memory);
}

static void sizes_beyond_reason_are_refused(void **state)
{
    (void)state;
    static const int64_t counts[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 60};
    for (int i = 0; i < 4; i++) {
        void *memory = &state;
        assert_failure(memory_new(&memory, counts[i], 32, "the moon"), EXIT_NO_MEMORY, "for the moon");
        assert_null(memory);
    }
    void *memory = &state;
    assert_failure(memory_new(&memory, 1, SIZE_MAX - 8, "the moon"), EXIT_NO_MEMORY, "for the moon");
    assert_null(memory);
}

static void text_is_copied(void **state)
{
    (void)state;
    char text[] = "abc";
    char *copy = NULL;
    assert_ok(memory_copy_text(&copy, text));
    text[0] = 'x';
    assert_string_equal(copy, "abc");
    free(copy);
    assert_ok(memory_copy_text(&copy, ""));
    assert_string_equal(copy, "");
    free(copy);
}

static void the_process_is_measured(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20 };
    int64_t available = memory_available();
    assert_true(available == -1 || available > BYTES);
    char *memory = NULL;
    int64_t before = memory_peak();
    assert_true(before > 1 << 20);
    assert_ok(memory_new(&memory, BYTES, 1, "a test"));
    memset(memory, 1, BYTES);
    assert_true(memory_peak() >= BYTES && memory_peak() >= before);
    free(memory);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(memory_is_zeroed_and_aligned),    cmocka_unit_test(nothing_is_null),
    cmocka_unit_test(sizes_beyond_reason_are_refused), cmocka_unit_test(text_is_copied),
    cmocka_unit_test(the_process_is_measured),
};

TESTS_MAIN("memory", tests)
