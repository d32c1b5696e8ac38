/* Who owns which customers. The rows are cut by global row number into blocks of BLOCK_ROWS (a constant:
 * results must not depend on the rank count); a rank owns a run of whole blocks, possibly none. Local. */
#ifndef LOHKO_CORE_PARTITION_H
#define LOHKO_CORE_PARTITION_H

#include <stdint.h>

enum { BLOCK_ROWS = 1024 };

struct partition {
    int64_t rows;        /* over all ranks */
    int64_t blocks;      /* over all ranks; the last may be short */
    int64_t first_block; /* of this rank */
    int64_t block_count; /* of this rank */
    int64_t first_row;   /* of this rank */
    int64_t row_count;   /* of this rank */
};

/* Rank `rank` of `size`; blocks are shared out as evenly as whole blocks allow. rows >= 0. */
struct partition partition_of(int64_t rows, int rank, int size);

/* Rows in global block `block`: BLOCK_ROWS but for the last. */
int64_t partition_block_rows(const struct partition *partition, int64_t block);

#endif
