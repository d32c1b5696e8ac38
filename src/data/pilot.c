#include "data/pilot.h"

#include <stdlib.h>

#include <xxhash.h>

#include "core/memory.h"

/* `rows`: wanted over all ranks. */
static status_t open_rows(struct pilot *pilot, const struct partition *part, int64_t rows, int64_t columns)
{
    int64_t stride = rows > 0 ? (part->rows + rows - 1) / rows : part->rows;
    *pilot = (struct pilot){.stride = stride > 1 ? stride : 1, .columns = columns};
    int64_t most = part->row_count / pilot->stride + 2;
    status_t status = memory_new(&pilot->row, most, sizeof *pilot->row, "a sample");
    if (!status)
        status = memory_new(&pilot->value, most * columns, sizeof *pilot->value, "a sample");
    return status;
}

status_t pilot_open(struct pilot *pilot, const struct table *table)
{
    int64_t columns = table->columns > 0 ? table->columns : 1;
    return open_rows(pilot, &table->partition, PILOT_VALUES / columns * table->comm->size, table->columns);
}

status_t pilot_open_evenly(struct pilot *pilot, const struct table *table, int64_t most)
{
    return open_rows(pilot, &table->partition, most, table->features);
}

void pilot_close(struct pilot *pilot)
{
    free(pilot->row);
    free(pilot->value);
    *pilot = (struct pilot){0};
}

/* One row of every `stride`, at a place that no period of the file can follow. */
static int64_t row_of(const struct pilot *pilot, int64_t number)
{
    uint64_t place = XXH3_64bits(&number, sizeof number) % (uint64_t)pilot->stride;
    return number * pilot->stride + (int64_t)place;
}

void pilot_take(struct pilot *pilot, const struct raw_block *block)
{
    int64_t end = block->first_row + block->rows;
    for (int64_t number = block->first_row / pilot->stride; number * pilot->stride < end; number++) {
        int64_t i = row_of(pilot, number) - block->first_row;
        if (i < 0 || i >= block->rows)
            continue;
        for (int64_t c = 0; c < pilot->columns; c++)
            pilot->value[pilot->count * pilot->columns + c] = block->value[c * BLOCK_ROWS + i];
        pilot->row[pilot->count++] = block->local * BLOCK_ROWS + i;
    }
}
