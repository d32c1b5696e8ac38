#include "data/id_slab.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/h5heap.h"

/* Of ids in memory at a time; less rows where texts are long. */
enum { SLAB_ROWS = 1 << 16 };
/* Of one id or label; a file that claims more is mistaken or hostile. */
enum { MOST_TEXT = 1 << 16 };
static const int64_t SLAB_BYTES = INT64_C(8) << 20;

static void slab_release(struct id_slab *slab)
{
    if (slab->id->kind == ID_VARIABLE_TEXT && slab->space >= 0)
        (void)H5Dvlen_reclaim(slab->type, slab->space, H5P_DEFAULT, slab->memory);
    h5_close(slab->space);
    slab->space = H5I_INVALID_HID;
}

void id_slab_close(struct id_slab *slab)
{
    slab_release(slab);
    h5_close(slab->type);
    free(slab->memory);
}

/* The failure with the file, the dataset and the first row. */
static status_t name_slab(const struct source_id *id, int64_t first, status_t status)
{
    char file[STATUS_MESSAGE_SIZE / 4] = "";
    if (H5Fget_name(id->dataset, file, sizeof file) < 0)
        snprintf(file, sizeof file, "a file");
    status_t named = status_new((enum status_code)status->code, "%s: %s from row %" PRId64 " on: %s", file,
                                id->path, first, status->message);
    status_free(status);
    return named;
}

status_t id_slab_open(struct id_slab *slab, const struct source_id *id)
{
    *slab = (struct id_slab){.id = id, .space = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    if (id->kind == ID_INTEGER)
        slab->type = H5Tcopy(id->is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64);
    else
        slab->type = H5Tcopy(id->type);
    slab->item = slab->type < 0 ? 0 : id->kind == ID_VARIABLE_TEXT ? sizeof(char *) : H5Tget_size(slab->type);
    if (slab->item == 0)
        return h5_failure(EXIT_INTERNAL, "%s: its type cannot be read", id->path);
    if (slab->item > MOST_TEXT) {
        h5_close(slab->type);
        slab->type = H5I_INVALID_HID;
        return name_slab(
            id, 0,
            status_new(EXIT_BAD_DATA, "texts of %zu bytes; expected at most %d", slab->item, MOST_TEXT));
    }
    slab->space_padded = id->kind == ID_FIXED_TEXT && H5Tget_strpad(slab->type) == H5T_STR_SPACEPAD;
    slab->rows = SLAB_BYTES / (int64_t)slab->item;
    slab->rows = slab->rows < 1 ? 1 : slab->rows > SLAB_ROWS ? SLAB_ROWS : slab->rows;
    return memory_new(&slab->memory, slab->rows, slab->item, "customer ids");
}

status_t id_slab_read(struct id_slab *slab, int64_t first, int64_t count)
{
    const struct source_id *id = slab->id;
    slab_release(slab);
    hsize_t start[2] = {(hsize_t)first, id->column < 0 ? 0 : (hsize_t)id->column};
    hsize_t size[2] = {(hsize_t)count, 1};
    hid_t file_space = H5Dget_space(id->dataset);
    slab->space = H5Screate_simple(1, size, NULL);
    status_t status = STATUS_OK;
    bool selected = file_space >= 0 && slab->space >= 0 &&
                    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL) >= 0;
    if (selected && id->kind == ID_VARIABLE_TEXT)
        status = h5_check_texts(id->dataset, slab->space, file_space, count);
    if (!status && (!selected ||
                    H5Dread(id->dataset, slab->type, slab->space, file_space, H5P_DEFAULT, slab->memory) < 0))
        status = h5_failure(EXIT_IO_ERROR, "reading failed");
    if (!status)
        status = h5_check_length(id->dataset);
    if (status) {
        status = name_slab(id, first, status);
        h5_close(slab->space);
        slab->space = H5I_INVALID_HID; /* nothing to reclaim */
    }
    h5_close(file_space);
    return status;
}

uint64_t id_slab_integer(const struct id_slab *slab, int64_t i)
{
    uint64_t value = 0;
    memcpy(&value, slab->memory + (size_t)i * slab->item, sizeof value);
    return value;
}

const char *id_slab_text(const struct id_slab *slab, int64_t i, size_t *length)
{
    const char *text = slab->memory + (size_t)i * slab->item;
    if (slab->id->kind == ID_VARIABLE_TEXT) {
        memcpy(&text, slab->memory + (size_t)i * slab->item, sizeof text);
        *length = text ? strlen(text) : 0;
        return text ? text : "";
    }
    *length = strnlen(text, slab->item);
    while (slab->space_padded && *length > 0 && text[*length - 1] == ' ')
        (*length)--;
    return text;
}
