#include "data/row_numbers.h"

#include <stdlib.h>

#include "core/memory.h"

int row_numbers_width(int64_t most)
{
    if (most <= UINT8_MAX)
        return 1;
    return most <= UINT16_MAX ? 2 : 4;
}

status_t row_numbers_open(struct row_numbers *numbers, int64_t blocks, int64_t most)
{
    *numbers = (struct row_numbers){.width = row_numbers_width(most), .blocks = blocks};
    return memory_new(&numbers->number, blocks * BLOCK_ROWS, (size_t)numbers->width, "numbers of rows");
}

void row_numbers_free(struct row_numbers *numbers)
{
    free(numbers->number);
    *numbers = (struct row_numbers){0};
}

/* Between -1 .. most - 1 and 0 .. most. */
#define PUT(type)                                                                                            \
    do {                                                                                                     \
        for (int i = 0; i < BLOCK_ROWS; i++)                                                                 \
            ((type *)numbers->number)[block * BLOCK_ROWS + i] = (type)((uint32_t)number[i] + 1U);            \
    } while (0)
#define GET(type)                                                                                            \
    do {                                                                                                     \
        const type *from = (const type *)numbers->number + block * BLOCK_ROWS;                               \
        for (int i = 0; i < BLOCK_ROWS; i++)                                                                 \
            number[i] = (int32_t)((uint32_t)from[i] - 1U);                                                   \
    } while (0)

void row_numbers_put(struct row_numbers *numbers, int64_t block, const int32_t *number)
{
    if (numbers->width == 1)
        PUT(uint8_t);
    else if (numbers->width == 2)
        PUT(uint16_t);
    else
        PUT(uint32_t);
}

void row_numbers_get(const struct row_numbers *numbers, int64_t block, int32_t *number)
{
    if (numbers->width == 1)
        GET(uint8_t);
    else if (numbers->width == 2)
        GET(uint16_t);
    else
        GET(uint32_t);
}

void row_numbers_set(struct row_numbers *numbers, int64_t row, int32_t number)
{
    uint32_t kept = (uint32_t)number + 1U;
    if (numbers->width == 1)
        ((uint8_t *)numbers->number)[row] = (uint8_t)kept;
    else if (numbers->width == 2)
        ((uint16_t *)numbers->number)[row] = (uint16_t)kept;
    else
        ((uint32_t *)numbers->number)[row] = kept;
}

int64_t row_numbers_count(const struct row_numbers *numbers)
{
    int32_t number[BLOCK_ROWS];
    int64_t rows = 0;
    for (int64_t b = 0; b < numbers->blocks; b++) {
        row_numbers_get(numbers, b, number);
        for (int i = 0; i < BLOCK_ROWS; i++)
            rows += number[i] >= 0;
    }
    return rows;
}
