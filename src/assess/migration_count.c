/* Counting who went where: every rank tallies the ways of its own customers, each way is added up on the rank
 * that its key names, and the sums are handed to all. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assess/migration.h"
#include "core/memory.h"

/* Customers with the same segments before, by the model before, and after. */
struct way {
    int64_t key;
    int64_t customers; /* 0: an empty slot of a tally */
};

struct tally {
    struct way *slot;
    int64_t slots; /* a power of two */
    int64_t used;
};

enum { FIRST_SLOTS = 1024 };

/* Segments are below 2^17, so keys below 2^51. */
static int64_t key_of(const struct migration *migration, int64_t before, int64_t old_model, int64_t after)
{
    return (before * (migration->before.k + 1) + old_model) * migration->after.k + after;
}

static struct migration_step step_of(const struct migration *migration, const struct way *way)
{
    int64_t pair = way->key / migration->after.k;
    return (struct migration_step){.before = (int32_t)(pair / (migration->before.k + 1)),
                                   .old_model = (int32_t)(pair % (migration->before.k + 1)),
                                   .after = (int32_t)(way->key % migration->after.k),
                                   .customers = way->customers};
}

static uint64_t mix(int64_t key)
{
    uint64_t bits = (uint64_t)key * 0x9e3779b97f4a7c15U;
    return bits ^ bits >> 32;
}

/* ---- the tally of a rank ---- */

static struct way *find_slot(const struct tally *tally, int64_t key)
{
    uint64_t at = mix(key);
    struct way *slot = &tally->slot[at & (uint64_t)(tally->slots - 1)];
    while (slot->customers > 0 && slot->key != key)
        slot = &tally->slot[++at & (uint64_t)(tally->slots - 1)];
    return slot;
}

static status_t grow(struct tally *tally)
{
    struct tally wider = {.slots = tally->slots > 0 ? 2 * tally->slots : FIRST_SLOTS, .used = tally->used};
    status_t status = memory_new(&wider.slot, wider.slots, sizeof *wider.slot, "ways of customers");
    if (status)
        return status;
    for (int64_t i = 0; i < tally->slots; i++) {
        if (tally->slot[i].customers > 0)
            *find_slot(&wider, tally->slot[i].key) = tally->slot[i];
    }
    free(tally->slot);
    *tally = wider;
    return STATUS_OK;
}

static status_t tally_block(const struct migration *migration, const int32_t *found, const int32_t *old_model,
                            const int32_t *after, struct tally *tally)
{
    int64_t k = migration->before.k;
    status_t status = STATUS_OK;
    for (int row = 0; !status && row < BLOCK_ROWS; row++) {
        if (after[row] < 0)
            continue;
        if (2 * tally->used >= tally->slots)
            status = grow(tally);
        if (status)
            break;
        int64_t old = old_model[row] >= 0 ? old_model[row] : k;
        int64_t key = key_of(migration, found[row] < 0 ? k : found[row], old, after[row]);
        struct way *slot = find_slot(tally, key);
        tally->used += slot->customers == 0;
        slot->key = key;
        slot->customers++;
    }
    return status;
}

static status_t tally_rows(const struct migration *migration, const struct row_numbers *found,
                           const struct row_numbers *old_model, const struct row_numbers *after,
                           struct tally *tally)
{
    int32_t found_here[BLOCK_ROWS];
    int32_t old_here[BLOCK_ROWS];
    int32_t after_here[BLOCK_ROWS];
    status_t status = STATUS_OK;
    memset(old_here, -1, sizeof old_here);
    for (int64_t b = 0; !status && b < after->blocks; b++) {
        row_numbers_get(found, b, found_here);
        row_numbers_get(after, b, after_here);
        if (old_model)
            row_numbers_get(old_model, b, old_here);
        status = tally_block(migration, found_here, old_here, after_here, tally);
    }
    return status;
}

/* ---- all ranks ---- */

static int by_key(const void *left, const void *right)
{
    const struct way *a = left;
    const struct way *b = right;
    return (a->key > b->key) - (a->key < b->key);
}

/* Sorts; equal ways become one. Returns how many are left. */
static int64_t merge(struct way *way, int64_t count)
{
    int64_t kept = 0;
    if (count > 0)
        qsort(way, (size_t)count, sizeof *way, by_key);
    for (int64_t i = 0; i < count; i++) {
        if (kept > 0 && way[kept - 1].key == way[i].key)
            way[kept - 1].customers += way[i].customers;
        else
            way[kept++] = way[i];
    }
    return kept;
}

/* Every way to the rank that its key names, so that none receives more of them than there are different ones.
 */
static status_t share_out(struct comm *comm, const struct tally *tally, struct way **mine, int64_t *count)
{
    int64_t *counts = NULL;
    int64_t *next = NULL;
    struct way *sorted = NULL;
    status_t status = memory_new(&counts, comm->size, sizeof *counts, "ways of customers");
    if (!status)
        status = memory_new(&next, comm->size, sizeof *next, "ways of customers");
    if (!status)
        status = memory_new(&sorted, tally->used, sizeof *sorted, "ways of customers");
    for (int64_t i = 0; !status && i < tally->slots; i++)
        counts[mix(tally->slot[i].key) % (uint64_t)comm->size] += tally->slot[i].customers > 0;
    for (int r = 1; !status && r < comm->size; r++)
        next[r] = next[r - 1] + counts[r - 1];
    for (int64_t i = 0; !status && i < tally->slots; i++) {
        if (tally->slot[i].customers > 0)
            sorted[next[mix(tally->slot[i].key) % (uint64_t)comm->size]++] = tally->slot[i];
    }
    status = comm_agree(comm, status);
    if (!status)
        status = comm_exchange(comm, sorted, counts, sizeof *sorted, (void **)mine, count);
    free(counts);
    free(next);
    free(sorted);
    return status;
}

/* Everybody's ways, by key, on all ranks. */
static status_t gather(struct comm *comm, const struct tally *tally, struct way **all, int64_t *count)
{
    struct way *mine = NULL;
    int64_t own = 0;
    int64_t bytes = 0;
    status_t status = share_out(comm, tally, &mine, &own);
    if (!status) {
        own = merge(mine, own);
        status = comm_gather_all(comm, mine, own * (int64_t)sizeof *mine, (void **)all, &bytes);
    }
    if (!status)
        *count = merge(*all, bytes / (int64_t)sizeof **all);
    free(mine);
    return status;
}

static status_t fill_in(struct migration *migration, const struct way *way, int64_t ways,
                        const int64_t *lapsed)
{
    int64_t columns = migration->after.k + 1;
    status_t status = memory_new(&migration->count, (migration->before.k + 1) * columns,
                                 sizeof *migration->count, "counts of customers who moved");
    if (!status && migration->has_steps)
        status = memory_new(&migration->step, ways, sizeof *migration->step, "ways of customers");
    if (status)
        return status;
    migration->steps = migration->has_steps ? ways : 0;
    for (int64_t i = 0; i < ways; i++) {
        struct migration_step step = step_of(migration, &way[i]);
        migration->count[step.before * columns + step.after] += step.customers;
        if (migration->has_steps)
            migration->step[i] = step;
    }
    for (int64_t h = 0; h < migration->before.k; h++)
        migration->count[h * columns + columns - 1] = lapsed[h];
    return STATUS_OK;
}

/* Of the tables that migration_measure has at once at most. All have a cell for every pair of segments. */
static double bytes_of_tables(const struct migration *migration)
{
    double rows = (double)migration->before.k + 1;
    double table = rows * ((double)migration->after.k + 1) * sizeof(int64_t);
    bool places = migration->places.before_prepared && migration->places.after_prepared;
    /* first nearness and its distances, or one of them turned */
    double matching = places ? 2 * table : table;
    /* then what the model did and what customers did, and the parts of those that split */
    double changes = migration->has_steps ? table + rows * rows * sizeof(int64_t) : 0.0;
    double parts = table / sizeof(int64_t) * sizeof(bool);
    /* beside counts, shares and the counts of shared customers */
    return 3 * table + fmax(matching, changes + parts);
}

/* The tables are dense: of many segments twice over they may be larger than the machine. */
static status_t check_memory(struct comm *comm, const struct migration *migration)
{
    int ranks = 1;
    status_t status = comm_ranks_on_node(comm, &ranks);
    double bytes = bytes_of_tables(migration);
    int64_t available = memory_available();
    if (!status && available >= 0 && bytes * ranks > (double)available)
        status = status_new(EXIT_NO_MEMORY,
                            "not enough memory: the tables of customers between %" PRId64 " and %" PRId64
                            " segments take %.1f GiB on each of %d ranks of a node",
                            migration->before.k, migration->after.k, bytes / 0x1p30, ranks);
    return comm_agree(comm, status);
}

status_t migration_count(struct comm *comm, const struct row_numbers *found,
                         const struct row_numbers *old_model, const struct row_numbers *after,
                         const int64_t *lapsed, struct migration *migration)
{
    struct tally tally = {.slots = 0};
    struct way *way = NULL;
    int64_t ways = 0;
    migration->has_steps = old_model != NULL;
    status_t status = check_memory(comm, migration);
    if (!status)
        status = comm_agree(comm, tally_rows(migration, found, old_model, after, &tally));
    if (!status)
        status = gather(comm, &tally, &way, &ways);
    if (!status)
        status = comm_agree(comm, fill_in(migration, way, ways, lapsed));
    free(tally.slot);
    free(way);
    return status;
}
