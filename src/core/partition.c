#include "core/partition.h"

static int64_t first_block_of(int64_t blocks, int rank, int size)
{
    int64_t share = blocks / size;
    int64_t left = blocks % size;
    return share * rank + (rank < left ? rank : left);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct partition partition_of(int64_t rows, int rank, int size)
{
    struct partition part = {.rows = rows, .blocks = rows / BLOCK_ROWS + (rows % BLOCK_ROWS != 0)};
    part.first_block = first_block_of(part.blocks, rank, size);
    part.block_count = first_block_of(part.blocks, rank + 1, size) - part.first_block;
    part.first_row = smaller(part.first_block * BLOCK_ROWS, rows);
    part.row_count = smaller((part.first_block + part.block_count) * BLOCK_ROWS, rows) - part.first_row;
    return part;
}

int64_t partition_block_rows(const struct partition *partition, int64_t block)
{
    return smaller(BLOCK_ROWS, partition->rows - block * BLOCK_ROWS);
}
