#include "data/h5heap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "data/h5.h"

enum {
    WINDOW = 1 << 16,      /* bytes of the file in memory at a time */
    MOST_OBJECTS = 1 << 16 /* in a collection: their numbers have two bytes */
};

/* An object of the collection that was read from `address`; of another one where that differs. */
struct heap_object {
    uint64_t address;
    uint64_t size;
};

struct heap_check {
    int descriptor;
    uint64_t base; /* of all addresses in the file */
    uint64_t end;  /* of the file */
    size_t address_size;
    size_t length_size;
    uint64_t collection; /* whose objects are listed; 0: none */
    struct heap_object *object;
    unsigned char *window;
    uint64_t window_begin;
    size_t window_size;
};

/* ---- references as they stand in the file ---- */

/* From variable-length data to bytes: as the file has them. The library finds this for no other read. */
static herr_t keep_references(hid_t from, hid_t to, H5T_cdata_t *conversion, size_t count, size_t stride,
                              size_t background_stride, void *buffer, void *background, hid_t transfer)
{
    (void)count;
    (void)stride;
    (void)background_stride;
    (void)buffer;
    (void)background;
    (void)transfer;
    if (conversion->command != H5T_CONV_INIT)
        return 0;
    conversion->need_bkg = H5T_BKG_NO;
    return H5Tget_size(from) == H5Tget_size(to) ? 0 : -1;
}

int h5_heap_start(void)
{
    hid_t text = H5Tcopy(H5T_C_S1);
    hid_t bytes = H5Tcreate(H5T_OPAQUE, 1);
    bool done = text >= 0 && bytes >= 0 && H5Tset_size(text, H5T_VARIABLE) >= 0 &&
                H5Tregister(H5T_PERS_SOFT, "references", text, bytes, keep_references) >= 0;
    h5_close(text);
    h5_close(bytes);
    return done;
}

static uint64_t number_of(const unsigned char *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = size; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

/* ---- heaps ---- */

static status_t damaged(const char *how)
{
    return status_new(EXIT_IO_ERROR, "the file is damaged: %s", how);
}

/* *bytes: `size` bytes, few, at `offset` in the file. */
static status_t look(struct heap_check *check, uint64_t offset, size_t size, const unsigned char **bytes)
{
    if (offset > check->end || size > check->end - offset)
        return damaged("text lies beyond its end");
    if (offset < check->window_begin || offset + size > check->window_begin + check->window_size) {
        ssize_t got = pread(check->descriptor, check->window, WINDOW, (off_t)offset);
        check->window_begin = offset;
        check->window_size = got < 0 ? 0 : (size_t)got;
        if (got < (ssize_t)size)
            return status_new(EXIT_IO_ERROR, "%s", got < 0 ? strerror(errno) : "the file has become shorter");
    }
    *bytes = check->window + (offset - check->window_begin);
    return STATUS_OK;
}

static uint64_t align(uint64_t size)
{
    return (size + 7) / 8 * 8;
}

/* Lists the objects from `at` to `end`, as the library will: each begins where the one before ends. */
static status_t list_objects(struct heap_check *check, uint64_t at, uint64_t end)
{
    const uint64_t header = align(8 + check->length_size);
    while (at + header <= end) {
        const unsigned char *bytes = NULL;
        status_t status = look(check, at, (size_t)header, &bytes);
        if (status)
            return status;
        uint64_t number = number_of(bytes, 2);
        uint64_t size = number_of(bytes + 8, check->length_size);
        /* number 0 is what is free, whose size includes the header */
        uint64_t least = number == 0 ? header : 0;
        uint64_t room = number == 0 ? end - at : end - at - header;
        if (size < least || size > room || (number > 0 && align(size) > room))
            return damaged("a heap of text does not add up");
        check->object[number] = (struct heap_object){check->collection, size};
        at += number == 0 ? size : header + align(size);
    }
    return STATUS_OK;
}

static status_t list_collection(struct heap_check *check, uint64_t address)
{
    const unsigned char *bytes = NULL;
    size_t header = (size_t)align(8 + check->length_size);
    uint64_t at = check->base + address;
    if (at < address)
        return damaged("text lies beyond its end");
    status_t status = look(check, at, header, &bytes);
    if (status)
        return status;
    uint64_t size = number_of(bytes + 8, check->length_size);
    if (memcmp(bytes, "GCOL\1", 5) != 0)
        return damaged("there is no heap of text where there should be one");
    if (size < header || size > check->end - at)
        return damaged("a heap of text is larger than the file");
    check->collection = address;
    return list_objects(check, at + header, at + size);
}

static status_t check_reference(struct heap_check *check, const unsigned char *reference)
{
    uint64_t length = number_of(reference, 4);
    uint64_t address = number_of(reference + 4, check->address_size);
    uint64_t number = number_of(reference + 4 + check->address_size, 4);
    if (address == 0)
        return STATUS_OK; /* no text */
    status_t status = address == check->collection ? STATUS_OK : list_collection(check, address);
    if (status)
        return status;
    if (number == 0 || number >= MOST_OBJECTS || check->object[number].address != address ||
        check->object[number].size != length)
        return damaged("a text is not where it should be");
    return STATUS_OK;
}

/* ---- the file ---- */

static status_t open_file(struct heap_check *check, hid_t object)
{
    char path[4096] = "";
    hsize_t base = 0;
    hid_t file = H5Iget_file_id(object);
    hid_t creation = file < 0 ? H5I_INVALID_HID : H5Fget_create_plist(file);
    bool known = H5Fget_name(object, path, sizeof path) > 0 && creation >= 0 &&
                 H5Pget_userblock(creation, &base) >= 0 &&
                 H5Pget_sizes(creation, &check->address_size, &check->length_size) >= 0;
    h5_close(creation);
    h5_close(file);
    if (!known || check->address_size > 8 || check->length_size > 8)
        return h5_failure(EXIT_IO_ERROR, "its addresses are not known");
    check->base = base;
    check->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = check->descriptor < 0 ? -1 : lseek(check->descriptor, 0, SEEK_END);
    if (end < 0)
        return status_new(EXIT_IO_ERROR, "%s", strerror(errno));
    check->end = (uint64_t)end;
    status_t status = memory_new(&check->object, MOST_OBJECTS, sizeof *check->object, "a heap of text");
    return status ? status : memory_new(&check->window, WINDOW, 1, "a heap of text");
}

static status_t read_references(const struct heap_check *check, hid_t object, hid_t memory_space,
                                hid_t file_space, int64_t count, unsigned char **references)
{
    size_t size = 4 + check->address_size + 4;
    hid_t type = H5Tcreate(H5T_OPAQUE, size);
    status_t status = memory_new(references, count, size, "references to text");
    if (!status && type < 0)
        status = h5_failure(EXIT_INTERNAL, "no type for references");
    if (!status) {
        herr_t done = H5Iget_type(object) == H5I_ATTR
                          ? H5Aread(object, type, *references)
                          : H5Dread(object, type, memory_space, file_space, H5P_DEFAULT, *references);
        if (done < 0)
            status = h5_failure(EXIT_IO_ERROR, "references to text cannot be read");
    }
    h5_close(type);
    return status;
}

status_t h5_check_texts(hid_t object, hid_t memory_space, hid_t file_space, int64_t count)
{
    struct heap_check check = {.descriptor = -1};
    unsigned char *references = NULL;
    if (count == 0)
        return STATUS_OK;
    status_t status = open_file(&check, object);
    if (!status)
        status = read_references(&check, object, memory_space, file_space, count, &references);
    for (int64_t i = 0; !status && i < count; i++)
        status = check_reference(&check, references + (size_t)i * (4 + check.address_size + 4));
    if (check.descriptor >= 0 && close(check.descriptor) != 0)
        status = status_first(status, status_new(EXIT_IO_ERROR, "%s", strerror(errno)));
    free(references);
    free(check.window);
    free(check.object);
    return status;
}
