/* ranks: 1 2 3 7 */
/* Two lists of customers are joined by ids of all types, as a search through sorted lists joins them. */
#include <inttypes.h>

#include "data/join.h"
#include "files.h"
#include "numbers.h"

enum { TEXT_SIZE = 24, MANY_BYTES = 1 << 30, LABELS = 5 };

/* How ids are kept in a file. */
enum stored {
    I8,
    I16_BIG,
    I32,
    I64,
    I64_BIG,
    U8,
    U32_BIG,
    U64,
    U64_BIG,
    INTEGERS,
    ZERO_PADDED = INTEGERS,
    ZERO_ENDED,
    SPACE_PADDED,
    VARIABLE,
    ROW_NUMBERS
};

/* A list of customers: the number behind each id (of unsigned ones the bits), and labels. */
struct list {
    enum stored stored;
    int64_t rows;
    int64_t (*id)(int64_t row);
    int32_t (*label)(int64_t row); /* NULL: row % LABELS */
    size_t text_size;              /* of fixed text; 0: TEXT_SIZE */
};

static bool is_unsigned(enum stored stored)
{
    return stored >= U8 && stored <= U64_BIG;
}

static int32_t label_of(const struct list *list, int64_t row)
{
    return list->label ? list->label(row) : (int32_t)(row % LABELS);
}

static void text_of(const struct list *list, int64_t row, char *text)
{
    snprintf(text, TEXT_SIZE, "C %" PRId64, list->id(row));
}

/* ---- files ---- */

static hid_t integer_type(enum stored stored)
{
    const hid_t types[INTEGERS] = {H5T_STD_I8LE, H5T_STD_I16BE, H5T_STD_I32LE, H5T_STD_I64LE, H5T_STD_I64BE,
                                   H5T_STD_U8LE, H5T_STD_U32BE, H5T_STD_U64LE, H5T_STD_U64BE};
    return types[stored];
}

static void put_integers(hid_t file, const struct list *list)
{
    int64_t *id = NULL;
    hsize_t rows = (hsize_t)list->rows;
    assert_ok(memory_new(&id, list->rows, sizeof *id, "test ids"));
    for (int64_t row = 0; row < list->rows; row++)
        id[row] = list->id(row);
    put_dataset(file, "/customer_id", integer_type(list->stored), H5P_DEFAULT, 1, &rows,
                is_unsigned(list->stored) ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64, id);
    free(id);
}

static void put_fixed_texts(hid_t file, const struct list *list)
{
    size_t size = list->text_size ? list->text_size : TEXT_SIZE;
    char *id = NULL;
    hsize_t rows = (hsize_t)list->rows;
    H5T_str_t padding = list->stored == SPACE_PADDED  ? H5T_STR_SPACEPAD
                        : list->stored == ZERO_PADDED ? H5T_STR_NULLPAD
                                                      : H5T_STR_NULLTERM;
    assert_ok(memory_new(&id, list->rows, size, "test ids"));
    memset(id, padding == H5T_STR_SPACEPAD ? ' ' : '\0', (size_t)list->rows * size);
    for (int64_t row = 0; row < list->rows; row++) {
        char text[TEXT_SIZE];
        text_of(list, row, text);
        assert_true(strlen(text) <= size);
        memcpy(id + (size_t)row * size, text, strlen(text));
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, size) >= 0 && H5Tset_strpad(type, padding) >= 0);
    put_dataset(file, "/customer_id", type, H5P_DEFAULT, 1, &rows, type, id);
    h5_close(type);
    free(id);
}

static void put_variable_texts(hid_t file, const struct list *list)
{
    char *memory = NULL;
    char **id = NULL;
    hsize_t rows = (hsize_t)list->rows;
    assert_ok(memory_new(&memory, list->rows, TEXT_SIZE, "test ids"));
    assert_ok(memory_new(&id, list->rows, sizeof *id, "test ids"));
    for (int64_t row = 0; row < list->rows; row++) {
        id[row] = memory + row * TEXT_SIZE;
        text_of(list, row, id[row]);
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0);
    put_dataset(file, "/customer_id", type, H5P_DEFAULT, 1, &rows, type, id);
    h5_close(type);
    free(id);
    free(memory);
}

static double zero(int64_t row, int64_t column)
{
    (void)row;
    (void)column;
    return 0.0;
}

static void write_list(const char *path, const struct list *list)
{
    hid_t file = file_new(path);
    put_matrix(file, "/features", H5T_STD_I8LE, H5P_DEFAULT, list->rows, 1, zero, false);
    if (list->stored < INTEGERS)
        put_integers(file, list);
    else if (list->stored == VARIABLE)
        put_variable_texts(file, list);
    else if (list->stored != ROW_NUMBERS)
        put_fixed_texts(file, list);
    assert_true(h5_close(file));
}

/* ---- a join ---- */

struct joining {
    const struct list *list[2]; /* before, after */
    struct source source[2];
    struct join_side side[2];
    int32_t *label[2];
    struct row_numbers found;
    int64_t lapsed[LABELS];
};

static void open_side(struct joining *joining, int s, const char *name, const char *advice)
{
    const struct list *list = joining->list[s];
    all_wait();
    if (world.rank == 0)
        write_list(path_to(name), list);
    all_wait();
    assert_ok(source_open(&world, path_to(name), NULL, NULL, &joining->source[s]));
    struct partition part = partition_of(list->rows, world.rank, world.size);
    assert_ok(memory_new(&joining->label[s], part.block_count * BLOCK_ROWS, sizeof(int32_t), "test labels"));
    for (int64_t i = 0; i < part.block_count * BLOCK_ROWS; i++)
        joining->label[s][i] = i < part.row_count ? label_of(list, part.first_row + i) : 0;
    joining->side[s] = (struct join_side){
        joining->source[s].path, advice, {&joining->source[s].id, part, joining->label[s], NULL}};
}

static void joining_open(struct joining *joining, const struct list *before, const struct list *after)
{
    *joining = (struct joining){.list = {before, after}};
    open_side(joining, 0, "before.h5", "advice for before");
    open_side(joining, 1, "after.h5", "advice for after");
}

static status_t join(struct joining *joining, int64_t bytes)
{
    memset(joining->lapsed, 0x55, sizeof joining->lapsed);
    row_numbers_free(&joining->found);
    return join_lookup(&world, &joining->side[0], &joining->side[1], LABELS, bytes, &joining->found,
                       joining->lapsed);
}

static void joining_close(struct joining *joining)
{
    for (int s = 0; s < 2; s++) {
        source_close(&joining->source[s]);
        free(joining->label[s]);
    }
    row_numbers_free(&joining->found);
}

/* ---- the same by searching a sorted list ---- */

struct known {
    __int128 key;
    int32_t label;
    bool asked;
};

static __int128 key_of(const struct list *list, int64_t row)
{
    int64_t id = list->stored == ROW_NUMBERS ? row : list->id(row);
    return is_unsigned(list->stored) ? (__int128)(uint64_t)id : (__int128)id;
}

static int by_key(const void *a, const void *b)
{
    const struct known *x = a;
    const struct known *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static int64_t sorted_before(const struct list *before, struct known *known)
{
    int64_t count = 0;
    for (int64_t row = 0; row < before->rows; row++) {
        if (label_of(before, row) >= 0)
            known[count++] = (struct known){key_of(before, row), label_of(before, row), false};
    }
    if (count > 1)
        qsort(known, (size_t)count, sizeof *known, by_key);
    return count;
}

/* Returns how many ids of `after` are in `before`. */
static int64_t check_found(const struct joining *joining)
{
    const struct list *after = joining->list[1];
    const struct partition *part = &joining->side[1].rows.partition;
    int64_t lapsed[LABELS] = {0};
    int64_t shared = 0;
    struct known *known = NULL;
    assert_ok(memory_new(&known, joining->list[0]->rows, sizeof *known, "test ids"));
    int64_t knowns = sorted_before(joining->list[0], known);
    int32_t *found = numbers_plain(&joining->found);
    for (int64_t row = 0; row < after->rows; row++) {
        struct known wanted = {.key = key_of(after, row)};
        struct known *hit = label_of(after, row) < 0 || knowns == 0
                                ? NULL
                                : bsearch(&wanted, known, (size_t)knowns, sizeof *known, by_key);
        shared += hit != NULL;
        if (hit)
            hit->asked = true;
        if (row >= part->first_row && row < part->first_row + part->row_count)
            assert_int_equal(found[row - part->first_row], hit ? hit->label : -1);
    }
    free(found);
    for (int64_t i = 0; i < knowns; i++)
        lapsed[known[i].label] += !known[i].asked;
    for (int64_t h = 0; h < LABELS; h++)
        assert_int_equal(joining->lapsed[h], lapsed[h]);
    free(known);
    return shared;
}

/* `shared`: how many customers both lists have. */
static void check_join(const struct list *before, const struct list *after, int64_t shared)
{
    struct joining joining;
    joining_open(&joining, before, after);
    assert_ok(join(&joining, MANY_BYTES));
    assert_int_equal(check_found(&joining), shared);
    joining_close(&joining);
}

static void refuse_join(const struct list *before, const struct list *after, const char *const *parts)
{
    struct joining joining;
    joining_open(&joining, before, after);
    for (; *parts; parts++)
        assert_failure(join(&joining, MANY_BYTES), EXIT_BAD_DATA, *parts);
    joining_close(&joining);
}

/* ---- ids ---- */

static int64_t same(int64_t row)
{
    return row;
}

static int64_t from_ten(int64_t row)
{
    return row + 10;
}

static int64_t around_zero(int64_t row)
{
    return 50 - row;
}

static int64_t by_seven(int64_t row)
{
    return 7 * row;
}

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

/* ---- tests ---- */

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
    cmocka_unit_test(nothing_in_common),
    cmocka_unit_test(few_rows),
    cmocka_unit_test(many_rounds_give_what_one_gives),
    cmocka_unit_test(rows_with_negative_labels_take_no_part),
    cmocka_unit_test(repeats_are_named_with_their_rows),
    cmocka_unit_test(text_is_no_integer),
};

TESTS_MAIN("join", tests)
