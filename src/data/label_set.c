#include "data/label_set.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "core/memory.h"

void label_set_free(struct label_set *set)
{
    free(set->bytes);
    free(set->end);
    free(set->slot);
    *set = (struct label_set){0};
}

const char *label_set_get(const struct label_set *set, int64_t place, int64_t *length)
{
    int64_t begin = place > 0 ? set->end[place - 1] : 0;
    *length = set->end[place] - begin;
    return set->bytes + begin;
}

/* memcmp, which may not be called with the pointers that labels of no bytes can have. */
static int compare_bytes(const char *a, const char *b, int64_t length)
{
    return length > 0 ? memcmp(a, b, (size_t)length) : 0;
}

static int64_t *find_slot(const struct label_set *set, const char *bytes, int64_t length)
{
    uint64_t mask = (uint64_t)set->slots - 1;
    uint64_t at = XXH3_64bits(bytes, (size_t)length) & mask;
    for (; set->slot[at]; at = (at + 1) & mask) {
        int64_t there = 0;
        const char *label = label_set_get(set, set->slot[at] - 1, &there);
        if (there == length && compare_bytes(label, bytes, length) == 0)
            break;
    }
    return &set->slot[at];
}

static status_t grow(void *array, int64_t *room, int64_t wanted, size_t size)
{
    void **memory = array;
    if (wanted <= *room)
        return STATUS_OK;
    int64_t larger = wanted + wanted / 2 + 64;
    void *grown = realloc(*memory, (size_t)larger * size);
    if (!grown)
        return status_of_allocation(NULL, 1, "labels");
    *memory = grown;
    *room = larger;
    return STATUS_OK;
}

static status_t grow_table(struct label_set *set)
{
    if (2 * (set->count + 1) <= set->slots)
        return STATUS_OK;
    free(set->slot);
    set->slot = NULL;
    set->slots = set->slots > 0 ? 4 * set->slots : 64;
    status_t status = memory_new(&set->slot, set->slots, sizeof *set->slot, "labels");
    for (int64_t p = 0; !status && p < set->count; p++) {
        int64_t length = 0;
        const char *label = label_set_get(set, p, &length);
        *find_slot(set, label, length) = p + 1;
    }
    return status;
}

status_t label_set_add(struct label_set *set, const char *bytes, int64_t length, int64_t *place)
{
    status_t status = grow_table(set);
    if (status)
        return status;
    int64_t *slot = find_slot(set, bytes, length);
    *place = *slot - 1;
    if (*slot)
        return STATUS_OK;
    if (set->count == LABEL_SET_MOST)
        return status_new(EXIT_BAD_DATA, "%s: there are more than %d different labels", set->path,
                          LABEL_SET_MOST);
    status = grow(&set->bytes, &set->room, set->used + length, 1);
    if (!status)
        status = grow(&set->end, &set->capacity, set->count + 1, sizeof *set->end);
    if (status)
        return status;
    if (length > 0)
        memcpy(set->bytes + set->used, bytes, (size_t)length);
    set->used += length;
    set->end[set->count] = set->used;
    *place = set->count++;
    *slot = set->count;
    return STATUS_OK;
}

/* ---- all ranks' ---- */

struct label {
    const char *bytes;
    int64_t length;
};

static int by_bytes(const void *a, const void *b)
{
    const struct label *x = a;
    const struct label *y = b;
    int order = compare_bytes(x->bytes, y->bytes, x->length < y->length ? x->length : y->length);
    return order != 0 ? order : x->length < y->length ? -1 : x->length > y->length;
}

static status_t sort_labels(const struct label_set *all, struct label_set *sorted)
{
    struct label *label = NULL;
    int64_t place = 0;
    status_t status = memory_new(&label, all->count, sizeof *label, "labels");
    for (int64_t p = 0; !status && p < all->count; p++)
        label[p].bytes = label_set_get(all, p, &label[p].length);
    if (!status && all->count > 1)
        qsort(label, (size_t)all->count, sizeof *label, by_bytes);
    for (int64_t p = 0; !status && p < all->count; p++)
        status = label_set_add(sorted, label[p].bytes, label[p].length, &place);
    free(label);
    return status;
}

/* `count` labels that all ranks sent, one after the other in `bytes`. */
static status_t merge(const char *bytes, const int64_t *length, int64_t count, struct label_set *sorted)
{
    struct label_set all = {.path = sorted->path};
    int64_t begin = 0;
    int64_t place = 0;
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < count; i++) {
        status = label_set_add(&all, bytes + begin, length[i], &place);
        begin += length[i];
    }
    if (!status)
        status = sort_labels(&all, sorted);
    label_set_free(&all);
    return status;
}

status_t label_set_share(struct comm *comm, struct label_set *set, int64_t **moved)
{
    void *bytes = NULL;
    void *lengths = NULL;
    int64_t byte_count = 0;
    int64_t length_bytes = 0;
    int64_t *length = NULL;
    struct label_set sorted = {.path = set->path};
    *moved = NULL;
    status_t status = memory_new(&length, set->count, sizeof *length, "labels");
    for (int64_t p = 0; !status && p < set->count; p++)
        (void)label_set_get(set, p, &length[p]);
    if (!status)
        status = memory_new(moved, set->count, sizeof **moved, "labels");
    status = comm_agree(comm, status);
    if (!status)
        status = comm_gather_all(comm, set->bytes, set->used, &bytes, &byte_count);
    if (!status)
        status = comm_gather_all(comm, length, set->count * (int64_t)sizeof *length, &lengths, &length_bytes);
    if (!status)
        status = comm_agree(comm, merge(bytes, lengths, length_bytes / (int64_t)sizeof *length, &sorted));
    for (int64_t p = 0; !status && p < set->count; p++) {
        int64_t here = 0;
        const char *label = label_set_get(set, p, &here);
        (*moved)[p] = *find_slot(&sorted, label, here) - 1;
    }
    free(bytes);
    free(lengths);
    free(length);
    label_set_free(set);
    *set = sorted;
    return status;
}

/* ---- numbers ---- */

void label_of_number(int64_t number, char bytes[LABEL_NUMBER_BYTES])
{
    uint64_t key = (uint64_t)number ^ UINT64_C(1) << 63;
    for (int i = 0; i < LABEL_NUMBER_BYTES; i++)
        bytes[i] = (char)(key >> (8 * (LABEL_NUMBER_BYTES - 1 - i)) & 0xff);
}

int64_t number_of_label(const char *bytes)
{
    uint64_t key = 0;
    for (int i = 0; i < LABEL_NUMBER_BYTES; i++)
        key = key << 8 | (uint8_t)bytes[i];
    return (int64_t)(key ^ UINT64_C(1) << 63);
}
