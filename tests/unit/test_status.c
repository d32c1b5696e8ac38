/* ranks: 1 */
/* Failures as values: code, text, and who owns them. */
#include "support.h"

static void carries_code_and_text(void **state)
{
    (void)state;
    status_t status = status_new(EXIT_BAD_CONFIG, "%s is %d%%", "share", 7);
    assert_int_equal(status->code, 78);
    assert_string_equal(status->message, "share is 7%");
    status_free(status);
    status_free(STATUS_OK);
}

static void long_text_is_cut(void **state)
{
    (void)state;
    char text[3 * STATUS_MESSAGE_SIZE];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    status_t status = status_new(EXIT_INTERNAL, "%s", text);
    assert_int_equal(strlen(status->message), STATUS_MESSAGE_SIZE - 1);
    status_free(status);
}

/* Names come from files: line breaks and control characters, also those beyond ASCII. */
static void it_stays_one_line(void **state)
{
    (void)state;
    status_t status = status_new(EXIT_BAD_DATA, "%s",
                                 "a\nb\x1b"
                                 "c\x7f"
                                 "d\xc2\x85"
                                 "e\xe2\x80\xa8"
                                 "f\xc3\xa4");
    assert_string_equal(status->message, "a?b?c?d??e???f\xc3\xa4");
    status_free(status);
}

static void the_first_failure_is_kept(void **state)
{
    (void)state;
    assert_null(status_first(STATUS_OK, STATUS_OK));
    assert_failure(status_first(status_new(EXIT_BAD_DATA, "one"), STATUS_OK), EXIT_BAD_DATA, "one");
    assert_failure(status_first(STATUS_OK, status_new(EXIT_IO_ERROR, "two")), EXIT_IO_ERROR, "two");
    assert_failure(status_first(status_new(EXIT_BAD_DATA, "one"), status_new(EXIT_IO_ERROR, "two")),
                   EXIT_BAD_DATA, "one");
}

static void allocations_that_failed_say_what_for(void **state)
{
    (void)state;
    int something = 0;
    assert_null(status_of_allocation(&something, 8, "labels"));
    assert_null(status_of_allocation(NULL, 0, "labels"));
    assert_failure(status_of_allocation(NULL, 123456789, "labels"), EXIT_NO_MEMORY,
                   "123456789 bytes for labels");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(carries_code_and_text),
    cmocka_unit_test(long_text_is_cut),
    cmocka_unit_test(it_stays_one_line),
    cmocka_unit_test(the_first_failure_is_kept),
    cmocka_unit_test(allocations_that_failed_say_what_for),
};

TESTS_MAIN("status", tests)
