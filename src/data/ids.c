#include "data/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "core/memory.h"
#include "data/id_slab.h"

enum { NAMED = 5, ID_TEXT_SIZE = 64 };
/* Entries that are searched for repeats at a time: they and the table of them fit into the second cache. */
enum { PART_ENTRIES = 1 << 11 };
/* Memory of one round of the exchange on a rank, both sides together, where the customers themselves take
 * less. */
static const int64_t ROUND_BYTES = INT64_C(64) << 20;

/* The first row of an id and a later one. */
struct repeat {
    int64_t first;
    int64_t again;
};

/* Ids travel as entries of a few words: one (of integers) or two that stand for the id, so mixed that any of
 * their bits may choose a place; then the row, if rows are asked for. */
enum { MOST_WORDS = 3 };

struct exchange {
    struct table *table;
    int id_words;
    int words; /* of an entry */
    int64_t rounds;
    uint64_t *entry; /* those of a round, in row order */
    int64_t entries;
    int64_t capacity;
    int64_t repeat_count;   /* on this rank */
    struct repeat *repeats; /* of them, where rows are asked for */
    int64_t repeat_capacity;
};

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

enum { ROUND_BIT = 16, OWNER_BIT = 32, PART_BIT = 0 };

static void make_entry(const struct exchange *exchange, const struct id_slab *slab, int64_t i, int64_t row,
                       uint64_t *entry)
{
    if (slab->id->kind == ID_INTEGER) {
        entry[0] = mix(id_slab_integer(slab, i));
    } else {
        size_t length = 0;
        const char *text = id_slab_text(slab, i, &length);
        XXH128_hash_t hash = XXH3_128bits(text, length);
        entry[0] = hash.high64;
        entry[1] = hash.low64;
    }
    if (exchange->words > exchange->id_words)
        entry[exchange->id_words] = (uint64_t)row;
}

static status_t reserve(struct exchange *exchange, int64_t more)
{
    int64_t wanted = exchange->entries + more;
    if (wanted <= exchange->capacity)
        return STATUS_OK;
    int64_t capacity = wanted + wanted / 2;
    uint64_t *grown = realloc(exchange->entry, (size_t)(capacity * exchange->words) * sizeof *grown);
    if (!grown)
        return status_of_allocation(NULL, 1, "the exchange of ids");
    exchange->entry = grown;
    exchange->capacity = capacity;
    return STATUS_OK;
}

/* Reads this rank's ids and keeps those of a round. */
static status_t read_round(struct exchange *exchange, struct id_slab *slab, int64_t round)
{
    const struct partition *part = &exchange->table->partition;
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < part->row_count; done += slab->rows) {
        int64_t count = part->row_count - done < slab->rows ? part->row_count - done : slab->rows;
        status = id_slab_read(slab, part->first_row + done, count);
        if (!status)
            status = reserve(exchange, count);
        for (int64_t i = 0; !status && i < count; i++) {
            uint64_t *entry = exchange->entry + exchange->entries * exchange->words;
            make_entry(exchange, slab, i, part->first_row + done + i, entry);
            exchange->entries +=
                exchange->rounds == 1 || place_of(entry, ROUND_BIT, exchange->rounds) == round;
        }
    }
    return status;
}

/* Replaces the entries by the same sorted by place (of `count` places), in each in the order that they had;
 * counts[p] entries have place p. */
static status_t sort_by_place(struct exchange *exchange, int bit, int64_t count, int64_t *counts)
{
    int words = exchange->words;
    uint64_t *sorted = NULL;
    int64_t *next = NULL;
    status_t status = memory_new(&next, count, sizeof *next, "the exchange of ids");
    if (!status)
        status = memory_new(&sorted, exchange->entries * words, sizeof *sorted, "the exchange of ids");
    memset(counts, 0, (size_t)count * sizeof *counts);
    for (int64_t i = 0; !status && i < exchange->entries; i++)
        counts[place_of(exchange->entry + i * words, bit, count)]++;
    for (int64_t p = 1; !status && p < count; p++)
        next[p] = next[p - 1] + counts[p - 1];
    for (int64_t i = 0; !status && i < exchange->entries; i++) {
        const uint64_t *entry = exchange->entry + i * words;
        uint64_t *to = sorted + next[place_of(entry, bit, count)]++ * words;
        for (int w = 0; w < words; w++)
            to[w] = entry[w];
    }
    free(next);
    free(exchange->entry);
    exchange->entry = sorted;
    exchange->capacity = status ? 0 : exchange->entries;
    return status;
}

static status_t note_repeat(struct exchange *exchange, const uint64_t *first, const uint64_t *again)
{
    exchange->repeat_count++;
    if (exchange->words == exchange->id_words)
        return STATUS_OK;
    if (exchange->repeat_count > exchange->repeat_capacity) {
        int64_t capacity = 2 * exchange->repeat_capacity + 64;
        struct repeat *grown = realloc(exchange->repeats, (size_t)capacity * sizeof *grown);
        if (!grown)
            return status_of_allocation(NULL, 1, "repeated ids");
        exchange->repeats = grown;
        exchange->repeat_capacity = capacity;
    }
    exchange->repeats[exchange->repeat_count - 1] =
        (struct repeat){(int64_t)first[exchange->id_words], (int64_t)again[exchange->id_words]};
    return STATUS_OK;
}

static bool same_id(const struct exchange *exchange, const uint64_t *a, const uint64_t *b)
{
    return a[0] == b[0] && (exchange->id_words == 1 || a[1] == b[1]);
}

static int64_t slots_for(int64_t entries)
{
    int64_t slots = 2;
    while (slots < 2 * entries)
        slots *= 2;
    return slots;
}

/* Enters `count` entries into a hash table of their numbers + 1; what is there already is a repeat. */
static status_t search_part(struct exchange *exchange, const uint64_t *part, int64_t count, int64_t *slot)
{
    uint64_t mask = (uint64_t)slots_for(count) - 1;
    status_t status = STATUS_OK;
    memset(slot, 0, (mask + 1) * sizeof *slot);
    for (int64_t i = 0; !status && i < count; i++) {
        const uint64_t *entry = part + i * exchange->words;
        uint64_t at = entry[0] & mask;
        while (slot[at] && !same_id(exchange, part + (slot[at] - 1) * exchange->words, entry))
            at = (at + 1) & mask;
        if (slot[at])
            status = note_repeat(exchange, part + (slot[at] - 1) * exchange->words, entry);
        else
            slot[at] = i + 1;
    }
    return status;
}

/* Entries came in row order, so the first of equal ones has the lowest row. */
static status_t search(struct exchange *exchange)
{
    int64_t parts = exchange->entries / PART_ENTRIES + 1;
    int64_t *counts = NULL;
    int64_t *slot = NULL;
    int64_t largest = 0;
    status_t status = memory_new(&counts, parts, sizeof *counts, "the search for repeated ids");
    if (!status)
        status = sort_by_place(exchange, PART_BIT, parts, counts);
    for (int64_t p = 0; !status && p < parts; p++)
        largest = counts[p] > largest ? counts[p] : largest;
    if (!status)
        status = memory_new(&slot, slots_for(largest), sizeof *slot, "the search for repeated ids");
    const uint64_t *part = exchange->entry;
    for (int64_t p = 0; !status && p < parts; part += counts[p++] * exchange->words)
        status = search_part(exchange, part, counts[p], slot);
    free(counts);
    free(slot);
    return status;
}

static status_t run_round(struct exchange *exchange, struct id_slab *slab, int64_t round)
{
    struct comm *comm = exchange->table->comm;
    int64_t *counts = NULL;
    void *incoming = NULL;
    int64_t received = 0;
    status_t status = memory_new(&counts, comm->size, sizeof *counts, "the exchange of ids");
    if (!status)
        status = read_round(exchange, slab, round);
    if (!status)
        status = sort_by_place(exchange, OWNER_BIT, comm->size, counts);
    status = comm_agree(comm, status);
    if (!status)
        status = comm_exchange(comm, exchange->entry, counts, (size_t)exchange->words * sizeof(uint64_t),
                               &incoming, &received);
    free(exchange->entry);
    exchange->entry = incoming;
    exchange->entries = received;
    if (!status)
        status = comm_agree(comm, search(exchange));
    free(exchange->entry);
    exchange->entry = NULL;
    exchange->entries = 0;
    exchange->capacity = 0;
    free(counts);
    return status;
}

static int by_again(const void *a, const void *b)
{
    const struct repeat *x = a;
    const struct repeat *y = b;
    return x->again < y->again ? -1 : x->again > y->again;
}

static status_t describe_id(const struct source *source, int64_t row, char *text, size_t size)
{
    struct id_slab slab;
    status_t status = id_slab_open(&slab, &source->id);
    if (!status)
        status = id_slab_read(&slab, row, 1);
    if (!status && source->id.kind == ID_INTEGER) {
        uint64_t value = id_slab_integer(&slab, 0);
        if (source->id.is_signed)
            snprintf(text, size, "%" PRId64, (int64_t)value);
        else
            snprintf(text, size, "%" PRIu64, value);
    } else if (!status) {
        size_t length = 0;
        const char *id = id_slab_text(&slab, 0, &length);
        snprintf(text, size, "%.*s", (int)(length < size ? length : size - 1), id);
    }
    id_slab_close(&slab);
    return status;
}

static status_t describe_repeats(const struct source *source, const struct repeat *repeats, int64_t named,
                                 int64_t total)
{
    char list[NAMED * (ID_TEXT_SIZE + 64)] = "";
    for (int64_t i = 0; i < named; i++) {
        char id[ID_TEXT_SIZE] = "";
        status_t status = describe_id(source, repeats[i].again, id, sizeof id);
        if (status)
            return status;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s (rows %" PRId64 " and %" PRId64 ")",
                 i > 0 ? ", " : "", id, repeats[i].first, repeats[i].again);
    }
    return status_new(EXIT_BAD_DATA,
                      "%s: %" PRId64
                      " customer id%s repeated: %s%s; input.duplicates: first keeps the first row",
                      source->path, total, total == 1 ? " is" : "s are", list, total > named ? " ..." : "");
}

/* The few lowest repeats over all ranks, named by rank 0. */
static status_t refuse_repeats(struct exchange *exchange, int64_t total)
{
    struct comm *comm = exchange->table->comm;
    void *all = NULL;
    int64_t bytes = 0;
    int64_t mine = exchange->repeat_count < NAMED ? exchange->repeat_count : NAMED;
    if (exchange->repeat_count > 1)
        qsort(exchange->repeats, (size_t)exchange->repeat_count, sizeof *exchange->repeats, by_again);
    status_t status =
        comm_gather_all(comm, exchange->repeats, mine * (int64_t)sizeof(struct repeat), &all, &bytes);
    int64_t count = bytes / (int64_t)sizeof(struct repeat);
    if (!status && comm->rank == 0) {
        qsort(all, (size_t)count, sizeof(struct repeat), by_again);
        status = describe_repeats(exchange->table->source, all, count < NAMED ? count : NAMED, total);
    }
    free(all);
    return comm_agree(comm, status);
}

static int rank_of_row(const struct table *table, int64_t row)
{
    int low = 0;
    int high = table->comm->size - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        struct partition part = partition_of(table->partition.rows, middle, table->comm->size);
        if (row < part.first_row + part.row_count)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Tells the owners of the repeated rows, who mark them. */
static status_t leave_out_repeats(struct exchange *exchange)
{
    struct table *table = exchange->table;
    void *incoming = NULL;
    int64_t received = 0;
    int64_t *counts = NULL;
    status_t status =
        comm_agree(table->comm, memory_new(&counts, table->comm->size, sizeof *counts, "repeated ids"));
    if (!status && exchange->repeat_count > 1)
        qsort(exchange->repeats, (size_t)exchange->repeat_count, sizeof *exchange->repeats, by_again);
    for (int64_t i = 0; !status && i < exchange->repeat_count; i++)
        counts[rank_of_row(table, exchange->repeats[i].again)]++;
    if (!status)
        status = comm_exchange(table->comm, exchange->repeats, counts, sizeof(struct repeat), &incoming,
                               &received);
    for (int64_t i = 0; !status && i < received; i++) {
        int64_t row = ((const struct repeat *)incoming)[i].again - table->partition.first_row;
        table->left_out[row / TILE_ROWS] |= (uint16_t)(1U << (row % TILE_ROWS));
    }
    free(incoming);
    free(counts);
    return status;
}

/* The prepared customers are not in memory yet: a round may take what they will. */
static int64_t rounds_needed(const struct table *table)
{
    int64_t share = table->partition.rows / table->comm->size + BLOCK_ROWS;
    int64_t later = share * table->features * (int64_t)sizeof(float);
    int64_t allowed = later > ROUND_BYTES ? later : ROUND_BYTES;
    return share * 2 * MOST_WORDS * (int64_t)sizeof(uint64_t) / allowed + 1;
}

/* How many ids repeat an earlier one, over all ranks; with rows: also which. */
static status_t find_repeats(struct exchange *exchange, struct id_slab *slab, bool with_rows, int64_t *total)
{
    exchange->words = exchange->id_words + with_rows;
    exchange->repeat_count = 0;
    status_t status = STATUS_OK;
    for (int64_t round = 0; !status && round < exchange->rounds; round++)
        status = run_round(exchange, slab, round);
    *total = exchange->repeat_count;
    return status ? status : comm_sum_i64(exchange->table->comm, total, 1);
}

status_t ids_check(struct table *table, enum duplicates duplicates, int64_t *left_out)
{
    const struct source_id *id = &table->source->id;
    *left_out = 0;
    if (duplicates == DUPLICATES_ALLOW || id->kind == ID_ROW_NUMBER)
        return STATUS_OK;
    struct exchange exchange = {
        .table = table, .id_words = id->kind == ID_INTEGER ? 1 : 2, .rounds = rounds_needed(table)};
    struct id_slab slab;
    int64_t total = 0;
    status_t status = comm_agree(table->comm, id_slab_open(&slab, id));
    if (!status)
        status = find_repeats(&exchange, &slab, false, &total);
    if (!status && total > 0)
        status = find_repeats(&exchange, &slab, true, &total);
    if (!status && total > 0 && duplicates == DUPLICATES_ERROR)
        status = refuse_repeats(&exchange, total);
    else if (!status && total > 0)
        status = leave_out_repeats(&exchange);
    *left_out = total;
    id_slab_close(&slab);
    free(exchange.repeats);
    return status;
}
