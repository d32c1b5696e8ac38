#include "data/join.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/ids.h"

/* A row's way through a round: its id goes to the rank that owns it, as an entry with the label (before) or
 * without anything (after); the owner looks it up and sends the label back, in the order in which the entries
 * came, so that the sender, who kept their rows, needs no more than the labels. */
struct join {
    struct comm *comm;
    const struct join_side *before;
    const struct join_side *after;
    struct id_form form;
    int64_t rounds;
    struct id_slab before_slab;
    struct id_slab after_slab;
    struct row_numbers *found;
    int64_t *lapsed;
    int64_t repeated[2]; /* ids of the sides that came twice, on this rank */
    /* of a round: */
    struct id_entries known; /* of before, on the rank that owns them */
    struct id_entries asked; /* of after, likewise; in the search each ends with which it was as they came */
    int64_t *row;            /* of this rank's rows that were asked about, in the order they were sent */
    int64_t rows;
    int64_t *sent; /* to each rank */
    int32_t *reply;
};

/* ---- what types of ids can be compared ---- */

static const char *kind_name(const struct source_id *id)
{
    return id->kind == ID_INTEGER ? "integers" : id->kind == ID_ROW_NUMBER ? "row numbers" : "text";
}

static status_t choose_form(struct join *join)
{
    const struct source_id *before = join->before->rows.id;
    const struct source_id *after = join->after->rows.id;
    bool text_before = before->kind == ID_FIXED_TEXT || before->kind == ID_VARIABLE_TEXT;
    bool text_after = after->kind == ID_FIXED_TEXT || after->kind == ID_VARIABLE_TEXT;
    if (text_before != text_after)
        return status_new(EXIT_BAD_DATA,
                          "customer ids of different types cannot be compared: %s in %s, %s in %s",
                          kind_name(before), join->before->path, kind_name(after), join->after->path);
    bool numbers = !text_before;
    join->form = (struct id_form){.text = text_before,
                                  .mixed_signs = numbers && before->is_signed != after->is_signed};
    return STATUS_OK;
}

/* ---- the owner's part ---- */

/* Slots hold the number of a known entry + 1, or minus that of one that was asked about and is new. */
struct part {
    const uint64_t *known;
    int64_t knowns;
    const uint64_t *asked;
    int64_t askeds;
    int64_t *slot;
    uint64_t mask;
    bool *seen; /* of known entries: asked about */
};

static const uint64_t *entry_of(const struct join *join, const struct part *part, int64_t slot)
{
    return slot > 0 ? part->known + (slot - 1) * join->known.words
                    : part->asked + (-slot - 1) * join->asked.words;
}

/* The slot of the id, or the empty one where it belongs. */
static int64_t *find_slot(const struct join *join, const struct part *part, const uint64_t *entry)
{
    int ids = id_words(&join->form);
    uint64_t at = entry[0] & part->mask;
    while (part->slot[at] && !id_entries_equal(entry_of(join, part, part->slot[at]), entry, ids))
        at = (at + 1) & part->mask;
    return &part->slot[at];
}

static void look_up(struct join *join, struct part *part)
{
    int ids = id_words(&join->form);
    for (int64_t i = 0; i < part->knowns; i++) {
        int64_t *slot = find_slot(join, part, part->known + i * join->known.words);
        join->repeated[0] += *slot != 0;
        *slot = *slot ? *slot : i + 1;
    }
    for (int64_t i = 0; i < part->askeds; i++) {
        const uint64_t *entry = part->asked + i * join->asked.words;
        int64_t *slot = find_slot(join, part, entry);
        int32_t label = -1;
        if (*slot > 0) {
            label = (int32_t)part->known[(*slot - 1) * join->known.words + ids];
            join->repeated[1] += part->seen[*slot - 1];
            part->seen[*slot - 1] = true;
        } else {
            join->repeated[1] += *slot < 0;
            *slot = -(i + 1);
        }
        join->reply[entry[ids]] = label;
    }
    for (int64_t i = 0; i < part->knowns; i++)
        join->lapsed[part->known[i * join->known.words + ids]] += !part->seen[i];
}

static int64_t largest_of(const int64_t *count, int64_t parts)
{
    int64_t largest = 0;
    for (int64_t p = 0; p < parts; p++)
        largest = count[p] > largest ? count[p] : largest;
    return largest;
}

/* In parts that fit into a cache: both lists are sorted by the same bits first. */
static status_t answer(struct join *join)
{
    int64_t parts = (join->known.count + join->asked.count) / ID_PART_ENTRIES + 1;
    int64_t *knowns = NULL;
    int64_t *askeds = NULL;
    struct part part = {0};
    status_t status = memory_new(&knowns, parts, sizeof *knowns, "the join");
    if (!status)
        status = memory_new(&askeds, parts, sizeof *askeds, "the join");
    if (!status)
        status = memory_new(&join->reply, join->asked.count, sizeof *join->reply, "the join");
    if (!status)
        status = id_entries_sort(&join->known, ID_PART_BIT, parts, knowns);
    if (!status)
        status = id_entries_sort_numbered(&join->asked, ID_PART_BIT, parts, askeds);
    int64_t most = status ? 0 : largest_of(knowns, parts);
    int64_t slots = status ? 0 : id_slots(most + largest_of(askeds, parts));
    if (!status)
        status = memory_new(&part.slot, slots, sizeof *part.slot, "the join");
    if (!status)
        status = memory_new(&part.seen, most, sizeof *part.seen, "the join");
    part.known = join->known.word;
    part.asked = join->asked.word;
    for (int64_t p = 0; !status && p < parts; p++) {
        part.knowns = knowns[p];
        part.askeds = askeds[p];
        part.mask = (uint64_t)id_slots(part.knowns + part.askeds) - 1;
        memset(part.slot, 0, (part.mask + 1) * sizeof *part.slot);
        if (part.knowns > 0)
            memset(part.seen, 0, (size_t)part.knowns * sizeof *part.seen);
        look_up(join, &part);
        part.known += part.knowns * join->known.words;
        part.asked += part.askeds * join->asked.words;
    }
    free(part.slot);
    free(part.seen);
    free(knowns);
    free(askeds);
    return status;
}

/* ---- a round ---- */

static status_t send_known(struct join *join, int64_t round)
{
    struct comm *comm = join->comm;
    status_t status = id_entries_read(&join->known, &join->before->rows, &join->before_slab, &join->form,
                                      ID_LABEL, round, join->rounds);
    if (!status)
        status = id_entries_sort(&join->known, ID_OWNER_BIT, comm->size, join->sent);
    status = comm_agree(comm, status);
    return status ? status : id_entries_send(comm, &join->known, join->sent);
}

/* Takes the rows out of the entries, which keep the ids alone. */
static status_t keep_rows(struct join *join)
{
    struct id_entries *asked = &join->asked;
    int ids = id_words(&join->form);
    join->rows = asked->count;
    status_t status = memory_new(&join->row, asked->count, sizeof *join->row, "the join");
    for (int64_t i = 0; !status && i < asked->count; i++) {
        const uint64_t *entry = asked->word + i * asked->words;
        join->row[i] = (int64_t)entry[ids];
        memmove(asked->word + i * ids, entry, (size_t)ids * sizeof *entry);
    }
    asked->words = ids;
    return status;
}

static status_t send_asked(struct join *join, int64_t round)
{
    struct comm *comm = join->comm;
    status_t status = id_entries_read(&join->asked, &join->after->rows, &join->after_slab, &join->form,
                                      ID_ROW, round, join->rounds);
    if (!status)
        status = id_entries_sort(&join->asked, ID_OWNER_BIT, comm->size, join->sent);
    if (!status)
        status = keep_rows(join);
    status = comm_agree(comm, status);
    return status ? status : id_entries_send(comm, &join->asked, join->sent);
}

/* The labels back to where the ids came from. */
static status_t send_replies(struct join *join)
{
    struct comm *comm = join->comm;
    int64_t *back = NULL;
    void *incoming = NULL;
    int64_t received = 0;
    status_t status = comm_agree(comm, memory_new(&back, comm->size, sizeof *back, "the join"));
    if (!status)
        status = comm_transpose(comm, join->sent, back);
    if (!status)
        status = comm_exchange(comm, join->reply, back, sizeof *join->reply, &incoming, &received);
    int64_t first = join->after->rows.partition.first_row;
    for (int64_t i = 0; !status && i < join->rows; i++)
        row_numbers_set(join->found, join->row[i] - first, ((const int32_t *)incoming)[i]);
    free(incoming);
    free(back);
    return status;
}

static status_t run_round(struct join *join, int64_t round)
{
    status_t status = send_known(join, round);
    if (!status)
        status = send_asked(join, round);
    if (!status)
        status = comm_agree(join->comm, answer(join));
    if (!status)
        status = send_replies(join);
    id_entries_free(&join->known);
    id_entries_free(&join->asked);
    free(join->row);
    free(join->reply);
    join->row = NULL;
    join->reply = NULL;
    return status;
}

/* ---- all ---- */

static status_t open_slab(struct id_slab *slab, const struct source_id *id)
{
    *slab = (struct id_slab){.id = id, .space = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    return id->kind == ID_ROW_NUMBER ? STATUS_OK : id_slab_open(slab, id);
}

static void close_slab(struct id_slab *slab)
{
    if (slab->id)
        id_slab_close(slab);
}

static status_t name_repeats(struct join *join)
{
    status_t status = comm_sum_i64(join->comm, join->repeated, 2);
    const struct join_side *sides[2] = {join->before, join->after};
    for (int s = 0; !status && s < 2; s++) {
        if (join->repeated[s] > 0)
            status = ids_refuse_repeats(join->comm, sides[s]->path, sides[s]->advice, &sides[s]->rows);
    }
    return status;
}

/* Entries are read, sorted and sent, two copies at a time, and a row and a reply go with each. */
static int64_t rounds_needed(const struct join *join, int64_t bytes)
{
    int64_t rows = join->before->rows.partition.rows / join->comm->size +
                   join->after->rows.partition.rows / join->comm->size + 2 * (int64_t)BLOCK_ROWS;
    int64_t words = id_words(&join->form) + 1;
    int64_t row_bytes = 2 * words * (int64_t)sizeof(uint64_t) + (int64_t)(sizeof(int64_t) + sizeof(int32_t));
    return rows / (bytes / row_bytes + 1) + 1;
}

status_t join_lookup(struct comm *comm, const struct join_side *before, const struct join_side *after,
                     int64_t labels, int64_t bytes, struct row_numbers *found, int64_t *lapsed)
{
    struct join join = {.comm = comm, .before = before, .after = after, .found = found, .lapsed = lapsed};
    status_t status = choose_form(&join);
    if (status)
        return status;
    join.rounds = rounds_needed(&join, bytes);
    memset(lapsed, 0, (size_t)labels * sizeof *lapsed);
    status = row_numbers_open(found, after->rows.partition.block_count, labels);
    if (!status)
        status = open_slab(&join.before_slab, before->rows.id);
    if (!status)
        status = open_slab(&join.after_slab, after->rows.id);
    if (!status)
        status = memory_new(&join.sent, comm->size, sizeof *join.sent, "the join");
    status = comm_agree(comm, status);
    for (int64_t round = 0; !status && round < join.rounds; round++)
        status = run_round(&join, round);
    close_slab(&join.before_slab);
    close_slab(&join.after_slab);
    free(join.sent);
    if (!status)
        status = name_repeats(&join);
    return status ? status : comm_sum_i64(comm, lapsed, labels);
}
