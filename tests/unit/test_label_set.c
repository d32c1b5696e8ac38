/* ranks: 1 2 3 7 */
/* Sets of labels: each has one place, however many there are; all ranks end with the same, sorted. */
#include <inttypes.h>

#include "data/label_set.h"
#include "support.h"

static int64_t add(struct label_set *set, const char *bytes, int64_t length)
{
    int64_t place = -1;
    assert_ok(label_set_add(set, bytes, length, &place));
    return place;
}

static int64_t add_text(struct label_set *set, const char *text)
{
    return add(set, text, (int64_t)strlen(text));
}

static int64_t add_number(struct label_set *set, int64_t number)
{
    char bytes[LABEL_NUMBER_BYTES];
    label_of_number(number, bytes);
    return add(set, bytes, sizeof bytes);
}

static void expect_label(const struct label_set *set, int64_t place, const char *text)
{
    int64_t length = -1;
    const char *label = label_set_get(set, place, &length);
    assert_int_equal(length, strlen(text));
    assert_true(length == 0 || memcmp(label, text, (size_t)length) == 0);
}

static void a_label_has_one_place(void **state)
{
    (void)state;
    struct label_set set = {.path = "labels.h5"};
    assert_int_equal(add_text(&set, ""), 0);
    assert_int_equal(add(&set, NULL, 0), 0);
    assert_int_equal(add_text(&set, "gold"), 1);
    assert_int_equal(add_text(&set, "gol"), 2);
    assert_int_equal(add_text(&set, "golden"), 3);
    assert_int_equal(add(&set, "gold\0", 5), 4); /* a zero is a byte like others */
    assert_int_equal(add_text(&set, "gold"), 1);
    assert_int_equal(add_text(&set, ""), 0);
    assert_int_equal(set.count, 5);
    expect_label(&set, 0, "");
    expect_label(&set, 2, "gol");
    expect_label(&set, 3, "golden");
    label_set_free(&set);
    assert_int_equal(set.count, 0);
}

/* Texts of growing length, so that bytes, places and the table all grow many times. */
static void long_text(int64_t i, char *text, size_t size)
{
    snprintf(text, size, "%0*" PRId64, (int)(1 + i % 50), i);
}

static void sets_grow_to_their_limit(void **state)
{
    (void)state;
    struct label_set set = {.path = "labels.h5"};
    char text[80];
    int64_t place = 0;
    for (int64_t i = 0; i < LABEL_SET_MOST; i++) {
        long_text(i + 100000, text, sizeof text);
        assert_int_equal(add_text(&set, text), i);
    }
    for (int64_t i = 0; i < LABEL_SET_MOST; i++) {
        long_text(i + 100000, text, sizeof text);
        assert_int_equal(add_text(&set, text), i);
        expect_label(&set, i, text);
    }
    assert_int_equal(set.count, LABEL_SET_MOST);
    assert_failure(label_set_add(&set, "new", 3, &place), EXIT_BAD_DATA,
                   "labels.h5: there are more than 65536 different labels");
    assert_int_equal(set.count, LABEL_SET_MOST);
    assert_int_equal(add_text(&set, text), LABEL_SET_MOST - 1);
    label_set_free(&set);
}

/* Each begins the next, so only their lengths tell them apart where they meet in the table. */
static void labels_that_begin_each_other_differ(void **state)
{
    (void)state;
    enum { LONGEST = 2000 };
    static char text[LONGEST];
    struct label_set set = {.path = "labels.h5"};
    memset(text, 'a', sizeof text);
    for (int64_t i = 0; i < LONGEST; i++)
        assert_int_equal(add(&set, text, i % 2 ? LONGEST - i / 2 : i / 2 + 1), i);
    for (int64_t i = 0; i < LONGEST; i++)
        assert_int_equal(add(&set, text, i % 2 ? LONGEST - i / 2 : i / 2 + 1), i);
    assert_int_equal(set.count, LONGEST);
    label_set_free(&set);
}

static void numbers_come_back(void **state)
{
    (void)state;
    static const int64_t rising[] = {
        INT64_MIN, -(INT64_C(1) << 40), -256,          -255,     -1, 0, 1, 127, 128, 255, 256, 65535,
        65536,     INT64_C(1) << 32,    INT64_MAX - 1, INT64_MAX};
    char before[LABEL_NUMBER_BYTES] = {0};
    for (size_t i = 0; i < sizeof rising / sizeof rising[0]; i++) {
        char bytes[LABEL_NUMBER_BYTES];
        label_of_number(rising[i], bytes);
        assert_true(number_of_label(bytes) == rising[i]);
        assert_true(i == 0 || memcmp(before, bytes, sizeof bytes) < 0);
        memcpy(before, bytes, sizeof bytes);
    }
}

/* ---- all ranks ---- */

static void shared_texts_are_sorted_by_bytes(void **state)
{
    (void)state;
    static const char *const sorted[] = {"", " gold", "Gold", "gol", "gold", "golden", "gole", "\xc3\xa4"};
    enum { LABELS = sizeof sorted / sizeof sorted[0] };
    struct label_set set = {.path = "labels.h5"};
    int64_t *moved = NULL;
    int64_t mine[LABELS];
    int64_t count = 0;
    /* from the last to the first, each on one rank or on two; with seven ranks some have one label */
    for (int64_t i = LABELS - 1; i >= 0; i--) {
        if (i % world.size == world.rank || (i + 1) % world.size == world.rank) {
            mine[count] = i;
            assert_int_equal(add_text(&set, sorted[i]), count);
            count++;
        }
    }
    assert_ok(label_set_share(&world, &set, &moved));
    assert_int_equal(set.count, LABELS);
    assert_string_equal(set.path, "labels.h5");
    for (int64_t p = 0; p < LABELS; p++)
        expect_label(&set, p, sorted[p]);
    for (int64_t p = 0; p < count; p++)
        assert_int_equal(moved[p], mine[p]);
    assert_int_equal(add_text(&set, "gold"), 4);
    free(moved);
    label_set_free(&set);
}

static void shared_numbers_are_sorted_as_numbers(void **state)
{
    (void)state;
    static const int64_t sorted[] = {-1000, -2, -1, 0, 1, 9, 10, 255, 256, 1000};
    enum { LABELS = sizeof sorted / sizeof sorted[0] };
    struct label_set set = {.path = "labels.h5"};
    int64_t *moved = NULL;
    for (int64_t i = 0; i < LABELS; i++)
        assert_int_equal(add_number(&set, sorted[(i + world.rank) % LABELS]), i);
    assert_ok(label_set_share(&world, &set, &moved));
    assert_int_equal(set.count, LABELS);
    for (int64_t i = 0; i < LABELS; i++) {
        int64_t length = 0;
        assert_true(number_of_label(label_set_get(&set, i, &length)) == sorted[i]);
        assert_int_equal(length, LABEL_NUMBER_BYTES);
        assert_int_equal(moved[i], (i + world.rank) % LABELS);
    }
    free(moved);
    label_set_free(&set);
}

static void ranks_may_have_no_labels(void **state)
{
    (void)state;
    struct label_set set = {.path = "labels.h5"};
    int64_t *moved = NULL;
    assert_ok(label_set_share(&world, &set, &moved));
    assert_int_equal(set.count, 0);
    assert_null(moved);
    if (world.rank == world.size - 1) {
        assert_int_equal(add_text(&set, "b"), 0);
        assert_int_equal(add_text(&set, "a"), 1);
    }
    assert_ok(label_set_share(&world, &set, &moved));
    assert_int_equal(set.count, 2);
    expect_label(&set, 0, "a");
    expect_label(&set, 1, "b");
    if (world.rank == world.size - 1) {
        assert_int_equal(moved[0], 1);
        assert_int_equal(moved[1], 0);
    }
    free(moved);
    label_set_free(&set);
}

/* Each rank has few enough, all together one too many. */
static void too_many_together_fail_on_all_ranks(void **state)
{
    (void)state;
    for (int64_t extra = 0; extra < 2; extra++) {
        struct label_set set = {.path = "labels.h5"};
        int64_t *moved = NULL;
        for (int64_t i = world.rank; i < LABEL_SET_MOST + (world.size > 1 ? extra : 0); i += world.size)
            add_number(&set, i);
        status_t status = label_set_share(&world, &set, &moved);
        if (world.size > 1 && extra > 0)
            assert_failure(status, EXIT_BAD_DATA, "labels.h5: there are more than 65536 different labels");
        else
            assert_ok(status);
        free(moved);
        label_set_free(&set);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_label_has_one_place),
    cmocka_unit_test(sets_grow_to_their_limit),
    cmocka_unit_test(labels_that_begin_each_other_differ),
    cmocka_unit_test(numbers_come_back),
    cmocka_unit_test(shared_texts_are_sorted_by_bytes),
    cmocka_unit_test(shared_numbers_are_sorted_as_numbers),
    cmocka_unit_test(ranks_may_have_no_labels),
    cmocka_unit_test(too_many_together_fail_on_all_ranks),
};

TESTS_MAIN("label_set", tests)
