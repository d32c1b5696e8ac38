#include "data/h5text.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/h5heap.h"

/* More names than this are no names of columns but a mistaken or hostile file. */
enum { MAX_TEXTS = 1 << 20, MAX_TEXT_SIZE = 1 << 16, MAX_BYTES = 1 << 26 };

void texts_free(struct texts *texts)
{
    for (int64_t i = 0; i < texts->count; i++)
        free(texts->text[i]);
    free(texts->text);
    *texts = (struct texts){0};
}

/* Bytes of the UTF-8 character at `text`, 0 where there is none. */
static size_t character_length(const unsigned char *text)
{
    static const unsigned char lead_mask[] = {0, 0x80, 0xe0, 0xf0, 0xf8};
    static const unsigned char lead[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    for (size_t length = 1; length <= 4; length++) {
        if ((text[0] & lead_mask[length]) != lead[length])
            continue;
        for (size_t i = 1; i < length; i++) {
            if ((text[i] & 0xc0) != 0x80)
                return 0;
        }
        bool overlong = (length == 2 && text[0] < 0xc2) ||
                        (length == 3 && text[0] == 0xe0 && text[1] < 0xa0) ||
                        (length == 4 && text[0] == 0xf0 && text[1] < 0x90);
        bool outside = (length == 3 && text[0] == 0xed && text[1] > 0x9f) ||
                       (length == 4 && (text[0] > 0xf4 || (text[0] == 0xf4 && text[1] > 0x8f)));
        return overlong || outside ? 0 : length;
    }
    return 0;
}

static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        size_t length = character_length(at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

status_t texts_clean(const char *name, char **clean)
{
    bool utf8 = is_utf8(name);
    status_t status = memory_new(clean, 2 * (int64_t)strlen(name) + 1, 1, "a name");
    if (status)
        return status;
    char *to = *clean;
    for (const char *at = name; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x20 || byte == 0x7f) {
            *to++ = ' ';
        } else if (utf8 || byte < 0x80) {
            *to++ = *at;
        } else {
            *to++ = (char)(0xc0 | byte >> 6);
            *to++ = (char)(0x80 | (byte & 0x3f));
        }
    }
    *to = '\0';
    return STATUS_OK;
}

status_t texts_append(struct texts *texts, const char *text)
{
    char **grown = realloc(texts->text, ((size_t)texts->count + 1) * sizeof *grown);
    if (!grown)
        return status_of_allocation(NULL, 1, "a list of names");
    texts->text = grown;
    status_t status = memory_copy_text(&grown[texts->count], text);
    if (!status)
        texts->count++;
    return status;
}

int64_t texts_find(const struct texts *texts, const char *text)
{
    for (int64_t i = 0; i < texts->count; i++) {
        if (strcmp(texts->text[i], text) == 0)
            return i;
    }
    return -1;
}

/* `memory` holds `count` texts of `size` bytes each (padded with NUL or spaces). */
static status_t append_fixed(struct texts *texts, const char *memory, int64_t count, size_t size, bool spaces)
{
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < count; i++) {
        size_t length = strnlen(memory + (size_t)i * size, size);
        while (spaces && length > 0 && memory[(size_t)i * size + length - 1] == ' ')
            length--;
        char *copy = strndup(memory + (size_t)i * size, length);
        status = status_of_allocation(copy, length + 1, "a name");
        if (!status)
            status = texts_append(texts, copy);
        free(copy);
    }
    return status;
}

static status_t append_variable(struct texts *texts, char *const *memory, int64_t count)
{
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < count; i++)
        status = texts_append(texts, memory[i] ? memory[i] : "");
    return status;
}

/* Reads all texts of an attribute or a dataset (exactly one of the two is valid). */
static status_t read_all(hid_t attribute, hid_t dataset, hid_t type, hid_t space, const char *what,
                         struct texts *texts)
{
    hssize_t count = H5Sget_simple_extent_npoints(space);
    htri_t variable = H5Tis_variable_str(type);
    size_t size = variable > 0 ? sizeof(char *) : H5Tget_size(type);
    if (count < 0 || count > MAX_TEXTS || variable < 0 || size == 0 || size > MAX_TEXT_SIZE ||
        (size_t)count * size > MAX_BYTES)
        return h5_failure(EXIT_BAD_DATA, "%s: no list of names that can be read", what);
    hid_t native = H5Tcopy(type);
    char *memory = NULL;
    status_t status = memory_new(&memory, count, size, "names");
    if (!status && variable)
        status = h5_name_failure(what,
                                 h5_check_texts(dataset >= 0 ? dataset : attribute, H5S_ALL, H5S_ALL, count));
    if (!status && count > 0) {
        herr_t result = dataset >= 0 ? H5Dread(dataset, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, memory)
                                     : H5Aread(attribute, native, memory);
        if (result < 0)
            status = h5_failure(EXIT_IO_ERROR, "%s: names cannot be read", what);
        else if (variable)
            status = append_variable(texts, (char **)(void *)memory, count);
        else
            status = append_fixed(texts, memory, count, size, H5Tget_strpad(type) == H5T_STR_SPACEPAD);
        if (result >= 0 && variable && H5Dvlen_reclaim(native, space, H5P_DEFAULT, memory) < 0)
            status = status_first(status, h5_failure(EXIT_INTERNAL, "%s: names cannot be released", what));
    }
    free(memory);
    h5_close(native);
    return status;
}

status_t h5_read_text_attribute(hid_t object, const char *name, struct texts *texts, bool *found)
{
    *texts = (struct texts){0};
    *found = false;
    if (H5Aexists(object, name) <= 0)
        return STATUS_OK;
    status_t status = STATUS_OK;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    if (attribute < 0 || type < 0 || space < 0) {
        status = h5_failure(EXIT_IO_ERROR, "attribute %s cannot be read", name);
    } else if (H5Tget_class(type) == H5T_STRING) {
        status = read_all(attribute, H5I_INVALID_HID, type, space, name, texts);
        *found = !status;
    }
    h5_close(space);
    h5_close(type);
    h5_close(attribute);
    if (status)
        texts_free(texts);
    return status;
}

status_t h5_read_text_dataset(hid_t dataset, const char *path, struct texts *texts)
{
    *texts = (struct texts){0};
    hid_t type = H5Dget_type(dataset);
    hid_t space = H5Dget_space(dataset);
    status_t status = STATUS_OK;
    if (type < 0 || space < 0 || H5Tget_class(type) != H5T_STRING)
        status = status_new(EXIT_BAD_DATA, "%s: names are expected to be text", path);
    else
        status = read_all(H5I_INVALID_HID, dataset, type, space, path, texts);
    h5_close(space);
    h5_close(type);
    if (status)
        texts_free(texts);
    return status;
}
