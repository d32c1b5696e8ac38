/* Numbers of rows as plain arrays, and the other way round. Header only. */
#ifndef LOHKO_TESTS_NUMBERS_H
#define LOHKO_TESTS_NUMBERS_H

#include "data/row_numbers.h"
#include "support.h"

/* Those of all blocks, BLOCK_ROWS each; the caller's. */
SUPPORT int32_t *numbers_plain(const struct row_numbers *numbers)
{
    int32_t *plain = malloc((size_t)(numbers->blocks * BLOCK_ROWS + 1) * sizeof *plain);
    assert_non_null(plain);
    for (int64_t b = 0; b < numbers->blocks; b++)
        row_numbers_get(numbers, b, plain + b * BLOCK_ROWS);
    return plain;
}

/* The first `count` of `plain`; all others have none. */
SUPPORT struct row_numbers numbers_packed(const int32_t *plain, int64_t count, int64_t blocks, int64_t most)
{
    struct row_numbers numbers;
    assert_ok(row_numbers_open(&numbers, blocks, most));
    for (int64_t b = 0; b < blocks; b++) {
        int32_t number[BLOCK_ROWS];
        for (int64_t i = 0; i < BLOCK_ROWS; i++)
            number[i] = b * BLOCK_ROWS + i < count ? plain[b * BLOCK_ROWS + i] : -1;
        row_numbers_put(&numbers, b, number);
    }
    return numbers;
}

#endif
