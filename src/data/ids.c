#include "data/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { NAMED = 5, ID_TEXT_SIZE = 64 };
/* Memory of one round of the exchange on a rank, both sides together, at least. */
static const int64_t ROUND_BYTES = INT64_C(64) << 20;
/* Words of an entry, at most. */
enum { MOST_WORDS = 3 };

/* Ids that a rank has met last, a power of two of them. */
enum { MET = 1 << 12 };

/* The first row of an id and a later one. */
struct repeat {
    int64_t first;
    int64_t again;
};

struct met {
    uint64_t id[2];
    int64_t times; /* 0: nothing is here */
};

struct search {
    struct comm *comm;
    const struct id_rows *rows;
    struct id_form form;
    int64_t rounds;
    bool with_rows; /* entries end with the row, and which rows are repeated is noted */
    struct id_entries entries;
    struct table
        *marked; /* in which repeated rows are left out after each round; NULL: the lowest are kept */
    int64_t repeat_count;   /* on this rank */
    struct repeat *repeats; /* with rows: those of the round, and the lowest before */
    int64_t listed;
    int64_t repeat_capacity;
    struct met *met; /* MET, by bits of the id */
};

/* Ids that are there very often ("unknown") would all go to one rank, in one round. Most rows that repeat one
 * are found here, and left out at once; where repeats are only named, more of an id than that are of no use.
 */
static bool is_new(void *context, const uint64_t *entry, int64_t row)
{
    struct search *search = context;
    int ids = id_words(&search->form);
    struct met *met = &search->met[entry[0] & (MET - 1)];
    uint64_t second = ids > 1 ? entry[1] : 0;
    if (met->times == 0 || met->id[0] != entry[0] || met->id[1] != second) {
        *met = (struct met){{entry[0], second}, 1};
        return true;
    }
    bool is_named = search->with_rows && !search->marked;
    if (met->times++ <= (is_named ? NAMED : 0))
        return true;
    search->repeat_count++;
    if (search->with_rows && search->marked)
        search->marked->left_out[row / TILE_ROWS] |= (uint16_t)(1U << (row % TILE_ROWS));
    return false;
}

static status_t note_repeat(struct search *search, const uint64_t *first, const uint64_t *again)
{
    int ids = id_words(&search->form);
    search->repeat_count++;
    if (!search->with_rows)
        return STATUS_OK;
    if (search->listed == search->repeat_capacity) {
        int64_t capacity = 2 * search->repeat_capacity + 64;
        struct repeat *grown = realloc(search->repeats, (size_t)capacity * sizeof *grown);
        if (!grown)
            return status_of_allocation(NULL, 1, "repeated ids");
        search->repeats = grown;
        search->repeat_capacity = capacity;
    }
    search->repeats[search->listed++] = (struct repeat){(int64_t)first[ids], (int64_t)again[ids]};
    return STATUS_OK;
}

/* Enters `count` entries into a hash table of their numbers + 1; what is there already is a repeat. */
static status_t search_part(struct search *search, const uint64_t *part, int64_t count, int64_t *slot)
{
    uint64_t mask = (uint64_t)id_slots(count) - 1;
    int words = search->entries.words;
    int ids = id_words(&search->form);
    status_t status = STATUS_OK;
    memset(slot, 0, (mask + 1) * sizeof *slot);
    for (int64_t i = 0; !status && i < count; i++) {
        const uint64_t *entry = part + i * words;
        uint64_t at = entry[0] & mask;
        while (slot[at] && !id_entries_equal(part + (slot[at] - 1) * words, entry, ids))
            at = (at + 1) & mask;
        if (slot[at])
            status = note_repeat(search, part + (slot[at] - 1) * words, entry);
        else
            slot[at] = i + 1;
    }
    return status;
}

/* Entries came in row order, so the first of equal ones has the lowest row. */
static status_t search_entries(struct search *search)
{
    int64_t parts = search->entries.count / ID_PART_ENTRIES + 1;
    int64_t *counts = NULL;
    int64_t *slot = NULL;
    int64_t largest = 0;
    status_t status = memory_new(&counts, parts, sizeof *counts, "the search for repeated ids");
    if (!status)
        status = id_entries_sort(&search->entries, ID_PART_BIT, parts, counts);
    for (int64_t p = 0; !status && p < parts; p++)
        largest = counts[p] > largest ? counts[p] : largest;
    if (!status)
        status = memory_new(&slot, id_slots(largest), sizeof *slot, "the search for repeated ids");
    const uint64_t *part = search->entries.word;
    for (int64_t p = 0; !status && p < parts; part += counts[p++] * search->entries.words)
        status = search_part(search, part, counts[p], slot);
    free(counts);
    free(slot);
    return status;
}

static status_t run_round(struct search *search, struct id_slab *slab, int64_t round)
{
    struct comm *comm = search->comm;
    int64_t *counts = NULL;
    status_t status = memory_new(&counts, comm->size, sizeof *counts, "the exchange of ids");
    if (!status)
        status = id_entries_read_some(&search->entries, search->rows, slab, &search->form,
                                      search->with_rows ? ID_ROW : ID_ALONE, round, search->rounds, is_new,
                                      search);
    if (!status)
        status = id_entries_sort(&search->entries, ID_OWNER_BIT, comm->size, counts);
    status = comm_agree(comm, status);
    if (!status)
        status = id_entries_send(comm, &search->entries, counts);
    if (!status)
        status = comm_agree(comm, search_entries(search));
    id_entries_free(&search->entries);
    free(counts);
    return status;
}

/* ---- which rows ---- */

static int by_again(const void *a, const void *b)
{
    const struct repeat *x = a;
    const struct repeat *y = b;
    return x->again < y->again ? -1 : x->again > y->again;
}

static void sort_repeats(struct repeat *repeats, int64_t count)
{
    if (count > 1)
        qsort(repeats, (size_t)count, sizeof *repeats, by_again);
}

static int rank_of_row(const struct comm *comm, int64_t rows, int64_t row)
{
    int low = 0;
    int high = comm->size - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        struct partition part = partition_of(rows, middle, comm->size);
        if (row < part.first_row + part.row_count)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Tells the owners of the repeated rows, who mark them. */
static status_t leave_out_repeats(struct search *search)
{
    struct comm *comm = search->comm;
    struct table *table = search->marked;
    void *incoming = NULL;
    int64_t received = 0;
    int64_t *counts = NULL;
    status_t status = comm_agree(comm, memory_new(&counts, comm->size, sizeof *counts, "repeated ids"));
    sort_repeats(search->repeats, search->listed);
    for (int64_t i = 0; !status && i < search->listed; i++)
        counts[rank_of_row(comm, table->partition.rows, search->repeats[i].again)]++;
    if (!status)
        status = comm_exchange(comm, search->repeats, counts, sizeof(struct repeat), &incoming, &received);
    for (int64_t i = 0; !status && i < received; i++) {
        int64_t row = ((const struct repeat *)incoming)[i].again - table->partition.first_row;
        table->left_out[row / TILE_ROWS] |= (uint16_t)(1U << (row % TILE_ROWS));
    }
    free(incoming);
    free(counts);
    search->listed = 0;
    return status;
}

/* Repeats are not gathered over the rounds: there may be as many as rows. */
static status_t settle_round(struct search *search)
{
    if (search->marked)
        return leave_out_repeats(search);
    sort_repeats(search->repeats, search->listed);
    search->listed = search->listed < NAMED ? search->listed : NAMED;
    return STATUS_OK;
}

/* How many ids repeat an earlier one, over all ranks; with rows: also which. */
static status_t find_repeats(struct search *search, bool with_rows, int64_t *total)
{
    struct id_slab slab;
    search->with_rows = with_rows;
    search->repeat_count = 0;
    search->listed = 0;
    status_t status = memory_new(&search->met, MET, sizeof *search->met, "the search for repeated ids");
    status = comm_agree(search->comm, status_first(id_slab_open(&slab, search->rows->id), status));
    for (int64_t round = 0; !status && round < search->rounds; round++) {
        status = run_round(search, &slab, round);
        if (!status && with_rows)
            status = settle_round(search);
    }
    id_slab_close(&slab);
    free(search->met);
    *total = search->repeat_count;
    return status ? status : comm_sum_i64(search->comm, total, 1);
}

/* ---- what is done about them ---- */

static status_t describe_repeats(const struct source_id *id, const char *path, const char *advice,
                                 const struct repeat *repeats, int64_t named, int64_t total)
{
    char list[NAMED * (ID_TEXT_SIZE + 64)] = "";
    for (int64_t i = 0; i < named; i++) {
        char text[ID_TEXT_SIZE] = "";
        status_t status = id_describe(id, repeats[i].again, text, sizeof text);
        if (status)
            return status;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s (rows %" PRId64 " and %" PRId64 ")",
                 i > 0 ? ", " : "", text, repeats[i].first, repeats[i].again);
    }
    return status_new(EXIT_BAD_DATA, "%s: %" PRId64 " customer id%s repeated: %s%s; %s", path, total,
                      total == 1 ? " is" : "s are", list, total > named ? " ..." : "", advice);
}

/* The few lowest repeats over all ranks, named by rank 0. */
static status_t refuse_repeats(struct search *search, const char *path, const char *advice, int64_t total)
{
    void *all = NULL;
    int64_t bytes = 0;
    status_t status = comm_gather_all(search->comm, search->repeats,
                                      search->listed * (int64_t)sizeof(struct repeat), &all, &bytes);
    int64_t count = bytes / (int64_t)sizeof(struct repeat);
    if (!status && search->comm->rank == 0) {
        sort_repeats(all, count);
        status = describe_repeats(search->rows->id, path, advice, all, count < NAMED ? count : NAMED, total);
    }
    free(all);
    return comm_agree(search->comm, status);
}

/* Of all ids at once: entries, and a copy while they are sorted or sent. */
static int64_t bytes_at_once(const struct comm *comm, int64_t rows)
{
    return (rows / comm->size + BLOCK_ROWS) * 2 * MOST_WORDS * (int64_t)sizeof(uint64_t);
}

static int64_t rounds_needed(const struct comm *comm, int64_t rows, int64_t allowed)
{
    return bytes_at_once(comm, rows) / (allowed > ROUND_BYTES ? allowed : ROUND_BYTES) + 1;
}

double ids_check_bytes(const struct table *table)
{
    int64_t bytes = bytes_at_once(table->comm, table->partition.rows);
    /* a sixteenth more, since hashes do not share out evenly, and a slab of ids */
    bytes = bytes < ROUND_BYTES ? bytes : ROUND_BYTES;
    return table->source->id.kind == ID_ROW_NUMBER ? 0.0 : (double)bytes * 17 / 16 + (8 << 20);
}

status_t ids_check(struct table *table, enum duplicates duplicates, int64_t bytes, int64_t *left_out)
{
    const struct id_rows rows = {.id = &table->source->id, .partition = table->partition};
    *left_out = 0;
    if (duplicates == DUPLICATES_ALLOW || rows.id->kind == ID_ROW_NUMBER)
        return STATUS_OK;
    struct search search = {.comm = table->comm,
                            .rows = &rows,
                            .form = {.text = rows.id->kind != ID_INTEGER},
                            .marked = duplicates == DUPLICATES_FIRST ? table : NULL,
                            .rounds = rounds_needed(table->comm, table->partition.rows, bytes)};
    int64_t total = 0;
    status_t status = find_repeats(&search, false, &total);
    if (!status && total > 0)
        status = find_repeats(&search, true, &total);
    if (!status && total > 0 && duplicates == DUPLICATES_ERROR)
        status = refuse_repeats(&search, table->source->path, "input.duplicates: first keeps the first row",
                                total);
    *left_out = total;
    free(search.repeats);
    return status;
}

status_t ids_refuse_repeats(struct comm *comm, const char *path, const char *advice,
                            const struct id_rows *rows)
{
    struct search search = {.comm = comm,
                            .rows = rows,
                            .form = {.text = rows->id->kind != ID_INTEGER},
                            .rounds = rounds_needed(comm, rows->partition.rows, ROUND_BYTES)};
    int64_t total = 0;
    if (rows->id->kind == ID_ROW_NUMBER)
        return STATUS_OK;
    status_t status = find_repeats(&search, true, &total);
    if (!status && total > 0)
        status = refuse_repeats(&search, path, advice, total);
    free(search.repeats);
    return status;
}
