/* ranks: 1 */
/* Numbers, bytes, ranges and truth values from text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/scalar_text.h"

static void numbers_are_taken_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum number kind;
        int64_t value;
    } integer[] = {
        {"0", NUMBER_FINE, 0},
        {"-7", NUMBER_FINE, -7},
        {"+7", NUMBER_FINE, 7},
        {"1e6", NUMBER_FINE, 1000000},
        {"2.5e3", NUMBER_FINE, 2500},
        {"1E0", NUMBER_FINE, 1},
        {"1e18", NUMBER_FINE, 1000000000000000000},
        {"9223372036854775807", NUMBER_FINE, INT64_MAX},
        {"9223372036854775808", NUMBER_TOO_LARGE, 0},
        {"1e19", NUMBER_TOO_LARGE, 0},
        {"1e99999", NUMBER_TOO_LARGE, 0},
        {"1.5", NUMBER_MALFORMED, 0},
        {"", NUMBER_MALFORMED, 0},
        {" 1", NUMBER_MALFORMED, 0},
        {"1 ", NUMBER_MALFORMED, 0},
        {"0x10", NUMBER_MALFORMED, 0},
        {"1_000", NUMBER_MALFORMED, 0},
        {"1e", NUMBER_MALFORMED, 0},
        {"e1", NUMBER_MALFORMED, 0},
        {"--1", NUMBER_MALFORMED, 0},
        {"1-2", NUMBER_MALFORMED, 0},
        {"nan", NUMBER_MALFORMED, 0},
        {"inf", NUMBER_MALFORMED, 0},
        {"1e-3", NUMBER_MALFORMED, 0},
    };
    for (size_t i = 0; i < sizeof integer / sizeof *integer; i++) {
        int64_t value = 0;
        assert_int_equal(integer_of_text(integer[i].text, &value), integer[i].kind);
        if (integer[i].kind == NUMBER_FINE)
            assert_int_equal(value, integer[i].value);
    }
    double number = 0;
    assert_int_equal(number_of_text("1e400", &number), NUMBER_TOO_LARGE);
    assert_int_equal(number_of_text(".nan", &number), NUMBER_MALFORMED);
    assert_int_equal(number_of_text("1.5.2", &number), NUMBER_MALFORMED);
    assert_int_equal(number_of_text("-.5e1", &number), NUMBER_FINE);
    assert_true(number == -5);
}

static void number_text_reads_back(void **state)
{
    (void)state;
    static const double number[] = {0,   1, 0.1, 1e-4, 1e-5, 1.0 / 3, 1e300, 5e-324, 123456789012345678.0,
                                    -2.5};
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
        char text[NUMBER_TEXT_SIZE];
        double back = -1;
        text_of_number(number[i], text);
        assert_int_equal(number_of_text(text, &back), NUMBER_FINE);
        assert_true(back == number[i]);
        assert_true(!strchr(text, 'e') || strchr(text, '.'));
    }
}

static void truth_values(void **state)
{
    (void)state;
    static const char *const none[] = {"", "1", "0", "t", "truee", " true", "y"};
    bool truth = false;
    assert_true(bool_of_text("Yes", &truth) && truth);
    assert_true(bool_of_text("OFF", &truth) && !truth);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(bool_of_text(none[i], &truth));
}

static void bytes_have_units(void **state)
{
    (void)state;
    int64_t bytes = 0;
    assert_int_equal(bytes_of_text("1t", &bytes), NUMBER_FINE);
    assert_int_equal(bytes, INT64_C(1) << 40);
    assert_int_equal(bytes_of_text("8388607T", &bytes), NUMBER_FINE);
    assert_int_equal(bytes_of_text("8388608T", &bytes), NUMBER_TOO_LARGE);
    assert_int_equal(bytes_of_text("0.5K", &bytes), NUMBER_FINE);
    assert_int_equal(bytes, 512);
    assert_int_equal(bytes_of_text("K", &bytes), NUMBER_MALFORMED);
    assert_int_equal(bytes_of_text("", &bytes), NUMBER_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_taken_whole),
        cmocka_unit_test(number_text_reads_back),
        cmocka_unit_test(truth_values),
        cmocka_unit_test(bytes_have_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
