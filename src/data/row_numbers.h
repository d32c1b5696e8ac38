/* A small number for each of this rank's rows, such as its segment or its leaf, in as few bytes as the
 * largest needs. Blocks of BLOCK_ROWS, as customers have them. Local. */
#ifndef LOHKO_DATA_ROW_NUMBERS_H
#define LOHKO_DATA_ROW_NUMBERS_H

#include <stdint.h>

#include "core/partition.h"
#include "core/status.h"

struct row_numbers {
    int width; /* bytes a number: 1, 2 or 4 */
    int64_t blocks;
    void *number; /* blocks x BLOCK_ROWS: the number and 1, 0 for none; NULL: there are none */
};

/* Room for numbers 0 .. most - 1 in `blocks` blocks; none has one at first. */
status_t row_numbers_open(struct row_numbers *numbers, int64_t blocks, int64_t most)
    __attribute__((warn_unused_result));
void row_numbers_free(struct row_numbers *numbers);

/* Those of local block `block`: BLOCK_ROWS; -1 for none. */
void row_numbers_put(struct row_numbers *numbers, int64_t block, const int32_t *number);
void row_numbers_get(const struct row_numbers *numbers, int64_t block, int32_t *number);

/* That of one row of this rank. */
void row_numbers_set(struct row_numbers *numbers, int64_t row, int32_t number);

/* Rows that have one. */
int64_t row_numbers_count(const struct row_numbers *numbers);

/* Bytes a row takes with numbers below `most`. */
int row_numbers_width(int64_t most);

#endif
