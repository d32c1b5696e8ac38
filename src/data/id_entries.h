/* Customer ids on their way between ranks: entries of a few words, sorted by where they go. Shared by the
 * search for repeated ids and the join. Local but for id_entries_send. */
#ifndef LOHKO_DATA_ID_ENTRIES_H
#define LOHKO_DATA_ID_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/partition.h"
#include "core/status.h"
#include "data/id_slab.h"
#include "data/source.h"
#include "data/table.h"

/* This rank's rows of a list of ids. */
struct id_rows {
    const struct source_id *id;
    struct partition partition;
    const int32_t *label; /* BLOCK_ROWS a block; a row with a negative one takes no part; NULL: all do */
    const uint16_t
        *left_out; /* BLOCK_TILES a block: a bit for every row that takes no part either; or NULL */
};

/* An entry begins with the words that stand for the id, so mixed that any of their bits may choose a place:
 * one of an integer, which it is equal to exactly, two of a text (128-bit XXH3). */
struct id_form {
    bool text;
    bool mixed_signs; /* of integers: some lists are signed and others not, and a second word says which of
                         the numbers are negative */
};

static inline int id_words(const struct id_form *form)
{
    return form->text || form->mixed_signs ? 2 : 1;
}

/* What follows the id in an entry, as one word. */
enum id_tail { ID_ALONE, ID_ROW, ID_LABEL };

struct id_entries {
    int words; /* of an entry */
    uint64_t *word;
    int64_t count;
    int64_t capacity;
};

/* Bits of the id that choose the round of an exchange, the rank and the part of a search. */
enum { ID_ROUND_BIT = 16, ID_OWNER_BIT = 32, ID_PART_BIT = 0 };

/* Entries of a part, at most on average: they and a table of them fit into the second cache. */
enum { ID_PART_ENTRIES = 1 << 11 };

/* Says of an entry, which ends with its row where entries do, whether it is of use. */
typedef bool (*id_sieve)(void *context, const uint64_t *entry, int64_t row);

/* Reads the ids of this rank's rows and makes entries of those of `round`, in row order, that the sieve
 * (NULL: all) lets through. `slab` is open for rows->id; unused where row numbers are the ids. */
status_t id_entries_read(struct id_entries *entries, const struct id_rows *rows, struct id_slab *slab,
                         const struct id_form *form, enum id_tail tail, int64_t round, int64_t rounds)
    __attribute__((warn_unused_result));
status_t id_entries_read_some(struct id_entries *entries, const struct id_rows *rows, struct id_slab *slab,
                              const struct id_form *form, enum id_tail tail, int64_t round, int64_t rounds,
                              id_sieve sieve, void *context) __attribute__((warn_unused_result));
void id_entries_free(struct id_entries *entries);

/* Sorts by one of `count` places, in each the order that was; counts[p] entries have place p. */
status_t id_entries_sort(struct id_entries *entries, int bit, int64_t count, int64_t *counts)
    __attribute__((warn_unused_result));

/* The same, and each entry then ends with one more word: which it was before, counted from 0. */
status_t id_entries_sort_numbered(struct id_entries *entries, int bit, int64_t count, int64_t *counts)
    __attribute__((warn_unused_result));

/* Replaces the entries, sorted by ID_OWNER_BIT (counts: of each rank), by those that this rank owns, in the
 * order of the ranks they came from. Collective. */
status_t id_entries_send(struct comm *comm, struct id_entries *entries, const int64_t *counts)
    __attribute__((warn_unused_result));

static inline bool id_entries_equal(const uint64_t *a, const uint64_t *b, int words)
{
    return a[0] == b[0] && (words == 1 || a[1] == b[1]);
}

/* Slots of a hash table of so many entries: a power of two, at least twice as many. */
int64_t id_slots(int64_t entries);

/* The id of a row as people read it, cut at `size`. */
status_t id_describe(const struct source_id *id, int64_t row, char *text, size_t size)
    __attribute__((warn_unused_result));

#endif
