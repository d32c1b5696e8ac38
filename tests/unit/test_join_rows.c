/* ranks: 1 2 3 7 */
/* The rows of two lists that are joined: few and many, in many rounds, without a part in it, and repeated. */
#include "joins.h"

static int64_t far_away(int64_t row)
{
    return 1000000 + row;
}

/* All different, in no order: of every 4096 numbers one, 3 x 5 ... being odd. */
static int64_t scattered(int64_t row)
{
    return row * 1235 % 4096 - 1000;
}

static int64_t scattered_otherwise(int64_t row)
{
    return row * 2777 % 8192 - 1500;
}

/* ---- few rows and many ---- */

static void nothing_in_common(void **state)
{
    (void)state;
    const struct list before = {.stored = I64, .rows = 3000, .id = same};
    const struct list after = {.stored = I64, .rows = 2100, .id = far_away};
    check_join(&before, &after, 0);
}

static void few_rows(void **state)
{
    (void)state;
    const struct list one = {.stored = VARIABLE, .rows = 1, .id = from_ten};
    const struct list many = {.stored = ZERO_PADDED, .rows = 3000, .id = same};
    const struct list blocks = {.stored = SPACE_PADDED, .rows = BLOCK_ROWS, .id = same};
    check_join(&one, &one, 1);
    check_join(&one, &many, 1);
    check_join(&many, &one, 1);
    check_join(&many, &blocks, BLOCK_ROWS);
}

static void many_rounds_give_what_one_gives(void **state)
{
    (void)state;
    static const int64_t bytes[] = {MANY_BYTES, 300000, 20000, 2000};
    const enum stored stored[][2] = {{I64, U64}, {I64, I32}, {VARIABLE, SPACE_PADDED}};
    for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++) {
        const struct list before = {.stored = stored[i][0], .rows = 3000, .id = scattered};
        const struct list after = {.stored = stored[i][1], .rows = 3000, .id = scattered_otherwise};
        struct joining joining;
        joining_open(&joining, &before, &after);
        for (size_t b = 0; b < sizeof bytes / sizeof bytes[0]; b++) {
            assert_ok(join(&joining, bytes[b]));
            assert_true(check_found(&joining) > 500);
        }
        joining_close(&joining);
    }
}

/* ---- rows that take no part, and repeats ---- */

static int64_t two_repeats(int64_t row)
{
    return row == 1500 ? 3 : row == 2400 ? 1234 : row;
}

static int32_t without_repeats(int64_t row)
{
    return row == 3 || row == 2400 || row % 10 == 9 ? -1 - (int32_t)(row % 3) : (int32_t)(row % LABELS);
}

static int32_t nobody(int64_t row)
{
    return -1 - (int32_t)(row % 2);
}

static void rows_with_negative_labels_take_no_part(void **state)
{
    (void)state;
    const struct list plain = {.stored = I64, .rows = 2500, .id = same};
    const struct list some = {.stored = I64, .rows = 2500, .id = two_repeats, .label = without_repeats};
    const struct list none = {.stored = I64, .rows = 2500, .id = same, .label = nobody};
    check_join(&plain, &some, 2248);
    check_join(&some, &plain, 2248);
    check_join(&some, &some, 2248);
    check_join(&none, &plain, 0);
    check_join(&plain, &none, 0);
}

static void repeats_are_named_with_their_rows(void **state)
{
    (void)state;
    const struct list numbers = {.stored = I64, .rows = 2500, .id = two_repeats};
    const struct list plain = {.stored = I64, .rows = 2500, .id = same};
    const struct list elsewhere = {.stored = I64, .rows = 1100, .id = far_away};
    const struct list texts = {.stored = VARIABLE, .rows = 2500, .id = two_repeats};
    const struct list plain_texts = {.stored = VARIABLE, .rows = 2500, .id = same};
    const char *const before[] = {
        "before.h5: 2 customer ids are repeated: 3 (rows 3 and 1500), "
        "1234 (rows 1234 and 2400); advice for before",
        NULL};
    const char *const after[] = {
        "after.h5: 2 customer ids are repeated: 3 (rows 3 and 1500), "
        "1234 (rows 1234 and 2400); advice for after",
        NULL};
    const char *const text[] = {"after.h5: 2 customer ids are repeated: C 3 (rows 3 and 1500), C 1234 (",
                                NULL};
    refuse_join(&numbers, &plain, before);
    refuse_join(&plain, &numbers, after);
    refuse_join(&numbers, &elsewhere, before); /* nobody asks about them */
    refuse_join(&elsewhere, &numbers, after);  /* nobody knows them */
    refuse_join(&plain_texts, &texts, text);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_in_common),
    cmocka_unit_test(few_rows),
    cmocka_unit_test(many_rounds_give_what_one_gives),
    cmocka_unit_test(rows_with_negative_labels_take_no_part),
    cmocka_unit_test(repeats_are_named_with_their_rows),
};

TESTS_MAIN("join_rows", tests)
