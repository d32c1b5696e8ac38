/* ranks: 1 2 3 7 */
/* Two lists of customers are joined by ids of all types, as a search through sorted lists joins them. */
#include "joins.h"

static int64_t around_zero(int64_t row)
{
    return 50 - row;
}

static int64_t by_seven(int64_t row)
{
    return 7 * row;
}

static void integers_match_whatever_their_type(void **state)
{
    (void)state;
    for (enum stored stored = I8; stored < INTEGERS; stored++) {
        const struct list one = {.stored = stored, .rows = 100, .id = same};
        const struct list other = {.stored = stored % 2 ? I64_BIG : U64, .rows = 60, .id = from_ten};
        check_join(&one, &other, 60);
        check_join(&other, &one, 60);
    }
    const struct list narrow = {.stored = I8, .rows = 100, .id = around_zero};
    const struct list wide = {.stored = I64_BIG, .rows = 70, .id = around_zero};
    check_join(&narrow, &wide, 70); /* negative ones too */
}

/* The same 64 bits, which one type reads as a negative number and the other as one above 2^63. */
static int64_t awkward(int64_t row)
{
    static const int64_t bits[] = {-1, 5, INT64_MIN, INT64_MAX, 0, -2, INT64_MIN + 1};
    return bits[row];
}

static void numbers_above_2_63_are_not_negative_ones(void **state)
{
    (void)state;
    const struct list with_sign = {.stored = I64, .rows = 7, .id = awkward};
    const struct list without = {.stored = U64, .rows = 7, .id = awkward};
    check_join(&with_sign, &without, 3);
    check_join(&without, &with_sign, 3);
    check_join(&without, &without, 7);
    check_join(&with_sign, &with_sign, 7);
}

static void texts_match_however_they_are_padded(void **state)
{
    (void)state;
    for (enum stored stored = ZERO_PADDED; stored <= VARIABLE; stored++) {
        const struct list one = {.stored = stored, .rows = 1500, .id = by_seven, .text_size = 20};
        for (enum stored second = ZERO_PADDED; second <= VARIABLE; second++) {
            const struct list other = {.stored = second, .rows = 1400, .id = same};
            check_join(&one, &other, 200); /* also "C 7" and "C 70" */
        }
    }
    const struct list full = {.stored = ZERO_PADDED, .rows = 90, .id = from_ten, .text_size = 4};
    const struct list roomy = {.stored = SPACE_PADDED, .rows = 90, .id = from_ten};
    check_join(&full, &roomy, 90);
}

static void row_numbers_are_integers(void **state)
{
    (void)state;
    const struct list rows = {.stored = ROW_NUMBERS, .rows = 2500};
    const struct list with_sign = {.stored = I32, .rows = 200, .id = around_zero};
    const struct list without = {.stored = U32_BIG, .rows = 200, .id = by_seven};
    const struct list fewer = {.stored = ROW_NUMBERS, .rows = 1100};
    check_join(&rows, &with_sign, 51);
    check_join(&with_sign, &rows, 51);
    check_join(&rows, &without, 200);
    check_join(&rows, &fewer, 1100);
}

static void text_is_no_integer(void **state)
{
    (void)state;
    const struct list numbers = {.stored = I64, .rows = 10, .id = same};
    const struct list texts = {.stored = ZERO_PADDED, .rows = 10, .id = same};
    const struct list rows = {.stored = ROW_NUMBERS, .rows = 10};
    const char *const numbers_first[] = {"integers in ", "before.h5, text in ", "after.h5", NULL};
    const char *const text_first[] = {"text in ", "before.h5, row numbers in ", "after.h5", NULL};
    refuse_join(&numbers, &texts, numbers_first);
    refuse_join(&texts, &rows, text_first);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(integers_match_whatever_their_type),
    cmocka_unit_test(numbers_above_2_63_are_not_negative_ones),
    cmocka_unit_test(texts_match_however_they_are_padded),
    cmocka_unit_test(row_numbers_are_integers),
    cmocka_unit_test(text_is_no_integer),
};

TESTS_MAIN("join", tests)
