/* Ids from the input to the results. */
#include <stdlib.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/id_slab.h"
#include "data/ids.h"

enum { NUMBER_ROWS = 1 << 16 }; /* row numbers in memory at a time */

static status_t copy_row_numbers(hid_t dataset, int64_t rows)
{
    int64_t *number = NULL;
    status_t status = memory_new(&number, NUMBER_ROWS, sizeof *number, "row numbers");
    for (int64_t done = 0; !status && done < rows; done += NUMBER_ROWS) {
        int64_t count = rows - done < NUMBER_ROWS ? rows - done : NUMBER_ROWS;
        for (int64_t i = 0; i < count; i++)
            number[i] = done + i;
        status = h5_write_rows(dataset, H5T_NATIVE_INT64, done, count, number);
    }
    free(number);
    return status;
}

static status_t copy_ids(const struct source *source, hid_t dataset)
{
    struct id_slab slab;
    status_t status = id_slab_open(&slab, &source->id);
    for (int64_t done = 0; !status && done < source->rows; done += slab.rows) {
        int64_t count = source->rows - done < slab.rows ? source->rows - done : slab.rows;
        status = id_slab_read(&slab, done, count);
        if (!status)
            status = h5_write_rows(dataset, slab.type, done, count, slab.memory);
    }
    id_slab_close(&slab);
    return status;
}

status_t ids_copy(const struct source *source, hid_t output, const char *name)
{
    bool numbers = source->id.kind == ID_ROW_NUMBER;
    hid_t type = numbers ? H5Tcopy(H5T_STD_I64LE) : H5Tcopy(source->id.type);
    hid_t dataset = H5I_INVALID_HID;
    hsize_t rows = (hsize_t)source->rows;
    status_t status = STATUS_OK;
    if (type < 0)
        status = h5_failure(EXIT_INTERNAL, "the type of the ids cannot be copied");
    if (!status)
        status = h5_create_dataset(output, name, type, 1, &rows, &dataset);
    if (!status && numbers)
        status = h5_write_text(dataset, "unit", SOURCE_ROW_NUMBERS);
    if (!status)
        status = numbers ? copy_row_numbers(dataset, source->rows) : copy_ids(source, dataset);
    h5_close(type);
    if (!h5_close(dataset))
        status = status_first(status, h5_write_failure(output, name));
    return status;
}
