#include "data/id_entries.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A call for each id costs more than its hash. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/memory.h"

/* Row numbers that are made at a time, where they are the ids. */
enum { NUMBERS = 1 << 16 };

/* Every step can be undone, so two integers are equal exactly if these are (the finalizer of MurmurHash3). */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return value ^ value >> 33;
}

/* One of `count` places, by 32 of the id's bits from `bit` on. */
static int64_t place_of(const uint64_t *entry, int bit, int64_t count)
{
    return (int64_t)((entry[0] >> bit & UINT32_MAX) * (uint64_t)count >> 32);
}

static void put_integer(const struct id_form *form, uint64_t value, bool negative, uint64_t *entry)
{
    entry[0] = mix(value);
    if (form->mixed_signs)
        entry[1] = negative;
}

static void put_id(const struct id_form *form, const struct id_rows *rows, const struct id_slab *slab,
                   int64_t i, int64_t row, uint64_t *entry)
{
    if (rows->id->kind == ID_ROW_NUMBER) {
        put_integer(form, (uint64_t)row, false, entry);
    } else if (!form->text) {
        uint64_t value = id_slab_integer(slab, i);
        put_integer(form, value, rows->id->is_signed && (int64_t)value < 0, entry);
    } else {
        size_t length = 0;
        const char *text = id_slab_text(slab, i, &length);
        XXH128_hash_t hash = XXH3_128bits(text, length);
        entry[0] = hash.high64;
        entry[1] = hash.low64;
    }
}

static status_t reserve(struct id_entries *entries, int64_t more)
{
    int64_t wanted = entries->count + more;
    if (wanted <= entries->capacity)
        return STATUS_OK;
    int64_t capacity = entries->word ? wanted + wanted / 2 : wanted;
    uint64_t *grown = realloc(entries->word, (size_t)(capacity * entries->words) * sizeof *grown);
    if (!grown)
        return status_of_allocation(NULL, 1, "the exchange of ids");
    entries->word = grown;
    entries->capacity = capacity;
    return STATUS_OK;
}

static bool takes_part(const struct id_rows *rows, int64_t row)
{
    bool is_out = rows->left_out && (rows->left_out[row / TILE_ROWS] >> (row % TILE_ROWS) & 1);
    return !is_out && !(rows->label && rows->label[row] < 0);
}

status_t id_entries_read(struct id_entries *entries, const struct id_rows *rows, struct id_slab *slab,
                         const struct id_form *form, enum id_tail tail, int64_t round, int64_t rounds)
{
    return id_entries_read_some(entries, rows, slab, form, tail, round, rounds, NULL, NULL);
}

status_t id_entries_read_some(struct id_entries *entries, const struct id_rows *rows, struct id_slab *slab,
                              const struct id_form *form, enum id_tail tail, int64_t round, int64_t rounds,
                              id_sieve sieve, void *context)
{
    const struct partition *part = &rows->partition;
    bool numbers = rows->id->kind == ID_ROW_NUMBER;
    int ids = id_words(form);
    int64_t at_a_time = numbers ? NUMBERS : slab->rows;
    *entries = (struct id_entries){.words = ids + (tail != ID_ALONE)};
    int64_t expected = part->row_count / rounds;
    status_t status = reserve(entries, rounds == 1 ? expected : expected + expected / 16 + at_a_time);
    for (int64_t done = 0; !status && done < part->row_count; done += at_a_time) {
        int64_t count = part->row_count - done < at_a_time ? part->row_count - done : at_a_time;
        if (!numbers)
            status = id_slab_read(slab, part->first_row + done, count);
        if (!status)
            status = reserve(entries, count);
        for (int64_t i = 0; !status && i < count; i++) {
            uint64_t *entry = entries->word + entries->count * entries->words;
            if (!takes_part(rows, done + i))
                continue;
            put_id(form, rows, slab, i, part->first_row + done + i, entry);
            if (tail != ID_ALONE)
                entry[ids] =
                    tail == ID_ROW ? (uint64_t)(part->first_row + done + i) : (uint64_t)rows->label[done + i];
            bool is_its = rounds == 1 || place_of(entry, ID_ROUND_BIT, rounds) == round;
            entries->count += is_its && (!sieve || sieve(context, entry, done + i));
        }
    }
    return status;
}

void id_entries_free(struct id_entries *entries)
{
    free(entries->word);
    *entries = (struct id_entries){.words = entries->words};
}

/* `sorted` has room for the entries, with a word more each where they are numbered. */
static void sort_into(const struct id_entries *entries, int bit, int64_t count, int64_t *next, bool numbered,
                      uint64_t *sorted)
{
    int words = entries->words;
    for (int64_t i = 0; i < entries->count; i++) {
        const uint64_t *entry = entries->word + i * words;
        uint64_t *to = sorted + next[place_of(entry, bit, count)]++ * (words + numbered);
        for (int w = 0; w < words; w++)
            to[w] = entry[w];
        if (numbered)
            to[words] = (uint64_t)i;
    }
}

static status_t sort(struct id_entries *entries, int bit, int64_t count, int64_t *counts, bool numbered)
{
    uint64_t *sorted = NULL;
    int64_t *next = NULL;
    status_t status = memory_new(&next, count, sizeof *next, "the exchange of ids");
    if (!status)
        status = memory_new(&sorted, entries->count * (entries->words + numbered), sizeof *sorted,
                            "the exchange of ids");
    memset(counts, 0, (size_t)count * sizeof *counts);
    for (int64_t i = 0; !status && i < entries->count; i++)
        counts[place_of(entries->word + i * entries->words, bit, count)]++;
    for (int64_t p = 1; !status && p < count; p++)
        next[p] = next[p - 1] + counts[p - 1];
    if (!status)
        sort_into(entries, bit, count, next, numbered, sorted);
    free(next);
    free(entries->word);
    entries->word = sorted;
    entries->words += numbered;
    entries->count = status ? 0 : entries->count;
    entries->capacity = entries->count;
    return status;
}

status_t id_entries_sort(struct id_entries *entries, int bit, int64_t count, int64_t *counts)
{
    return sort(entries, bit, count, counts, false);
}

status_t id_entries_sort_numbered(struct id_entries *entries, int bit, int64_t count, int64_t *counts)
{
    return sort(entries, bit, count, counts, true);
}

status_t id_entries_send(struct comm *comm, struct id_entries *entries, const int64_t *counts)
{
    void *incoming = NULL;
    int64_t received = 0;
    status_t status = comm_exchange(comm, entries->word, counts, (size_t)entries->words * sizeof(uint64_t),
                                    &incoming, &received);
    free(entries->word);
    entries->word = incoming;
    entries->count = received;
    entries->capacity = received;
    return status;
}

int64_t id_slots(int64_t entries)
{
    int64_t slots = 2;
    while (slots < 2 * entries)
        slots *= 2;
    return slots;
}

status_t id_describe(const struct source_id *id, int64_t row, char *text, size_t size)
{
    struct id_slab slab;
    if (id->kind == ID_ROW_NUMBER) {
        snprintf(text, size, "%" PRId64, row);
        return STATUS_OK;
    }
    status_t status = id_slab_open(&slab, id);
    if (!status)
        status = id_slab_read(&slab, row, 1);
    if (!status && id->kind == ID_INTEGER) {
        uint64_t value = id_slab_integer(&slab, 0);
        if (id->is_signed)
            snprintf(text, size, "%" PRId64, (int64_t)value);
        else
            snprintf(text, size, "%" PRIu64, value);
    } else if (!status) {
        size_t length = 0;
        const char *characters = id_slab_text(&slab, 0, &length);
        snprintf(text, size, "%.*s", (int)(length < size ? length : size - 1), characters);
    }
    id_slab_close(&slab);
    return status;
}
