/* Two lists of customers in files, their join, and the same by searching a sorted list. Header only. */
#ifndef LOHKO_TESTS_JOINS_H
#define LOHKO_TESTS_JOINS_H

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

SUPPORT bool is_unsigned(enum stored stored)
{
    return stored >= U8 && stored <= U64_BIG;
}

SUPPORT int32_t label_of(const struct list *list, int64_t row)
{
    return list->label ? list->label(row) : (int32_t)(row % LABELS);
}

SUPPORT void text_of(const struct list *list, int64_t row, char *text)
{
    snprintf(text, TEXT_SIZE, "C %" PRId64, list->id(row));
}

/* ---- files ---- */

SUPPORT hid_t integer_type(enum stored stored)
{
    const hid_t types[INTEGERS] = {H5T_STD_I8LE, H5T_STD_I16BE, H5T_STD_I32LE, H5T_STD_I64LE, H5T_STD_I64BE,
                                   H5T_STD_U8LE, H5T_STD_U32BE, H5T_STD_U64LE, H5T_STD_U64BE};
    return types[stored];
}

SUPPORT void put_integers(hid_t file, const struct list *list)
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

SUPPORT void put_fixed_texts(hid_t file, const struct list *list)
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

SUPPORT void put_variable_texts(hid_t file, const struct list *list)
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

SUPPORT double zero(int64_t row, int64_t column)
{
    (void)row;
    (void)column;
    return 0.0;
}

SUPPORT void write_list(const char *path, const struct list *list)
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

SUPPORT void open_side(struct joining *joining, int s, const char *name, const char *advice)
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

SUPPORT void joining_open(struct joining *joining, const struct list *before, const struct list *after)
{
    *joining = (struct joining){.list = {before, after}};
    open_side(joining, 0, "before.h5", "advice for before");
    open_side(joining, 1, "after.h5", "advice for after");
}

SUPPORT status_t join(struct joining *joining, int64_t bytes)
{
    memset(joining->lapsed, 0x55, sizeof joining->lapsed);
    row_numbers_free(&joining->found);
    return join_lookup(&world, &joining->side[0], &joining->side[1], LABELS, bytes, &joining->found,
                       joining->lapsed);
}

SUPPORT void joining_close(struct joining *joining)
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

SUPPORT __int128 key_of(const struct list *list, int64_t row)
{
    int64_t id = list->stored == ROW_NUMBERS ? row : list->id(row);
    return is_unsigned(list->stored) ? (__int128)(uint64_t)id : (__int128)id;
}

SUPPORT int by_key(const void *a, const void *b)
{
    const struct known *x = a;
    const struct known *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

SUPPORT int64_t sorted_before(const struct list *before, struct known *known)
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
SUPPORT int64_t check_found(const struct joining *joining)
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
SUPPORT void check_join(const struct list *before, const struct list *after, int64_t shared)
{
    struct joining joining;
    joining_open(&joining, before, after);
    assert_ok(join(&joining, MANY_BYTES));
    assert_int_equal(check_found(&joining), shared);
    joining_close(&joining);
}

SUPPORT void refuse_join(const struct list *before, const struct list *after, const char *const *parts)
{
    struct joining joining;
    joining_open(&joining, before, after);
    for (; *parts; parts++)
        assert_failure(join(&joining, MANY_BYTES), EXIT_BAD_DATA, *parts);
    joining_close(&joining);
}

/* ---- ids ---- */

SUPPORT int64_t same(int64_t row)
{
    return row;
}

SUPPORT int64_t from_ten(int64_t row)
{
    return row + 10;
}

#endif
