/* Files of segmentations, and what is read from them. Header only. */
#ifndef LOHKO_TESTS_LABEL_FILES_H
#define LOHKO_TESTS_LABEL_FILES_H

#include "data/labelled.h"
#include "files.h"

enum { ROWS = 2500 };

/* ---- files ---- */

SUPPORT void put_numbers(hid_t file, const char *path, hid_t type, int64_t rows, cell_value value)
{
    double *number = all_cells(value, rows, 1, false);
    put_dataset(file, path, type, H5P_DEFAULT, 1, (hsize_t[]){(hsize_t)rows}, H5T_NATIVE_DOUBLE, number);
    free(number);
}

/* Local: rank 0 writes, others wait in written. */
SUPPORT hid_t begin(void)
{
    return world.rank == 0 ? file_new(path_to("labels.h5")) : H5I_INVALID_HID;
}

SUPPORT const char *written(hid_t file)
{
    assert_true(h5_close(file));
    all_wait();
    return path_to("labels.h5");
}

/* Writes where only rank 0 does. */
#define ON_FIRST(...)                                                                                        \
    do {                                                                                                     \
        if (world.rank == 0) {                                                                               \
            __VA_ARGS__;                                                                                     \
        }                                                                                                    \
    } while (0)

/* ---- what is expected ---- */

SUPPORT const struct label_places anywhere = {0};

/* The file's segmentation: numbers (or names) in order, and the label of each row. */
SUPPORT void check(struct labelled *labelled, int64_t k, const int64_t *number, const char *const *name,
                   int (*label)(int64_t row))
{
    const struct partition *part = &labelled->partition;
    int64_t size[16] = {0};
    int64_t left_out = 0;
    assert_int_equal(part->rows, ROWS);
    assert_int_equal(part->first_row, partition_of(ROWS, world.rank, world.size).first_row);
    assert_int_equal(labelled->k, k);
    for (int64_t row = 0; row < ROWS; row++) {
        if (label(row) < 0)
            left_out++;
        else
            size[label(row)]++;
        if (row >= part->first_row && row < part->first_row + part->row_count)
            assert_int_equal(labelled->label[row - part->first_row], label(row));
    }
    for (int64_t h = 0; h < k; h++) {
        assert_int_equal(labelled->number[h], number ? number[h] : h);
        assert_int_equal(labelled->size[h], size[h]);
        if (name)
            assert_string_equal(labelled->name[h], name[h]);
    }
    assert_true(name || !labelled->name);
    assert_int_equal(labelled->left_out, left_out);
    for (int64_t i = part->row_count; i < part->block_count * BLOCK_ROWS; i++)
        assert_int_equal(labelled->label[i], -1);
}

SUPPORT void check_file(const char *path, const struct label_places *places, int64_t k, const int64_t *number,
                        const char *const *name, int (*label)(int64_t row))
{
    struct labelled labelled;
    assert_ok(labelled_open(&world, &quiet, path, places, &labelled));
    check(&labelled, k, number, name, label);
    assert_true(labelled.source.id.kind == ID_INTEGER);
    labelled_close(&labelled);
}

SUPPORT void refuse_file(const char *path, const struct label_places *places, const char *message)
{
    struct labelled labelled;
    assert_failure(labelled_open(&world, &quiet, path, places, &labelled), EXIT_BAD_DATA, message);
    labelled_close(&labelled);
}

/* ---- labels ---- */

SUPPORT const int64_t numbers[] = {2, 7, 9};

/* 9, 2, 7 in turn, the first one first on no rank but the first; every hundredth without a segment. */
SUPPORT double number_at(int64_t row, int64_t column)
{
    static const double turn[] = {9, 2, 7};
    (void)column;
    return row % 100 == 99 ? -1 : turn[row % 3];
}

SUPPORT int place_at(int64_t row)
{
    static const int turn[] = {2, 0, 1};
    return row % 100 == 99 ? -1 : turn[row % 3];
}

SUPPORT double other_number(int64_t row, int64_t column)
{
    return (double)(row % 2 + column);
}

SUPPORT double row_number(int64_t row, int64_t column)
{
    (void)column;
    return (double)row;
}

#endif
