#include "data/select.h"

#include <math.h>
#include <stdlib.h>

#include "core/lanes.h"
#include "core/memory.h"
#include "data/pool.h"
#include "data/select_guess.h"

/* Values kept in a walk: as many a rank on average, and on one rank at most. */
enum { KEPT = 1 << 21, MOST_KEPT = 1 << 22 };

/* What a walk counts for a request, apart from the bins of what is strictly between low and high. */
enum { BELOW, AT_LOW, AT_HIGH, ABOVE, SLOTS };

struct select {
    struct table *table;
    struct groups groups;
    struct select_request *request;
    int64_t count;
    int64_t *first;        /* first request of a cell: a column's group; one more at the end */
    struct target *target; /* per request */
    bool *done;            /* per request */
    /* a walk: */
    double *low; /* per request: the ends of the target as values */
    double *high;
    bool keeping;     /* what lies between is kept, not counted into bins */
    int64_t bins;     /* 1 when keeping */
    int64_t *counter; /* per request SLOTS + bins; and whether any rank had no room */
    struct pool kept; /* labelled by request */
    status_t failure;
};

int64_t select_rank(double q, int64_t count)
{
    int64_t rank = (int64_t)floor(q * (double)(count - 1));
    return rank < 0 ? 0 : rank > count - 1 ? count - 1 : rank;
}

double select_interpolate(double q, int64_t count, double value, double next)
{
    double place = q * (double)(count - 1) - (double)select_rank(q, count);
    return place <= 0 || value == next ? value : value + (next - value) * place;
}

static int64_t cell_of(const struct select *select, int64_t column, int32_t group)
{
    return column * select->groups.count + group;
}

static int by_cell(const void *a, const void *b)
{
    const struct select_request *x = a;
    const struct select_request *y = b;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->level < y->level ? -1 : x->level > y->level;
}

static void index_requests(struct select *select)
{
    int64_t cells = select->table->columns * select->groups.count;
    if (select->count > 1)
        qsort(select->request, (size_t)select->count, sizeof *select->request, by_cell);
    int64_t r = 0;
    for (int64_t c = 0; c <= cells; c++) {
        while (r < select->count && cell_of(select, select->request[r].column, select->request[r].group) < c)
            r++;
        select->first[c] = r;
    }
}

/* ---- a walk ---- */

/* Decides what the next walk does: keeps what lies between the ends where that is little enough. */
static status_t begin_walk(struct select *select)
{
    int64_t inside = 0;
    for (int64_t r = 0; r < select->count; r++) {
        struct target *target = &select->target[r];
        target->low += target->low == POOL_NO_KEY;
        target->high -= target->high == POOL_NO_KEY;
        select->low[r] = pool_value(target->low);
        select->high[r] = pool_value(target->high);
        target->next = (double)INFINITY;
        if (!select->done[r] && target->low < target->high)
            inside += target->inside;
    }
    select->keeping = inside <= (int64_t)KEPT * select->table->comm->size;
    select->bins = select->keeping ? 1 : pool_bins(select->count);
    free(select->counter);
    select->counter = NULL;
    return memory_new(&select->counter, select->count * (SLOTS + select->bins) + 1, sizeof *select->counter,
                      "selection");
}

static int64_t *slots_of(const struct select *select, int64_t r)
{
    return select->counter + r * (SLOTS + select->bins);
}

static int64_t *no_room(const struct select *select)
{
    return select->counter + select->count * (SLOTS + select->bins);
}

LANES_VERSIONS static void tally_run(const double *value, int count, double low, double high, int64_t *slot)
{
    int64_t below = 0;
    int64_t at_low = 0;
    int64_t at_high = 0;
    int64_t above = 0;
    for (int i = 0; i < count; i++) {
        below += value[i] < low;
        at_low += value[i] == low;
        at_high += value[i] == high;
        above += value[i] > high;
    }
    slot[BELOW] = below;
    slot[AT_LOW] = at_low;
    slot[AT_HIGH] = low < high ? at_high : 0; /* else they are at low */
    slot[ABOVE] = above;
}

/* The smallest value above `high`, `next` if that is smaller still. */
LANES_VERSIONS static double least_above(const double *value, int count, double high, double next)
{
    lanes infinity = (double)INFINITY - (lanes){0};
    lanes least = next - (lanes){0};
    for (int i = 0; i < count; i += LANES) {
        lanes x = i + LANES <= count ? lanes_of(value + i) : lanes_part(value + i, count - i, infinity);
        x = lanes_choose(x > high, x, infinity); /* one comparison at a time: of two, GCC makes slow code */
        least = lanes_choose(x < least, x, least);
    }
    for (int lane = 0; lane < LANES; lane++)
        next = least[lane] < next ? least[lane] : next;
    return next;
}

static void keep_between(struct pool *pool, int64_t r, const double *value, int count, double low,
                         double high)
{
    int64_t kept = pool->count;
    for (int i = 0; i < count; i++) {
        pool->value[kept] = value[i];
        pool->label[kept] = (int32_t)r;
        kept += (value[i] > low) & (value[i] < high);
    }
    pool->count = kept;
}

static void count_between(const struct target *target, const double *value, int count, int64_t *counter,
                          int64_t bins)
{
    uint64_t low = target->low + 1;
    uint64_t high = target->high - 1;
    int shift = pool_shift(low, high, bins);
    for (int i = 0; i < count; i++) {
        uint64_t key = pool_key(value[i]);
        if (key >= low && key <= high)
            counter[(key - low) >> shift]++;
    }
}

static void take_for(struct select *select, int64_t r, const double *value, int count)
{
    int64_t slot[SLOTS];
    int64_t *all = slots_of(select, r);
    double low = select->low[r];
    double high = select->high[r];
    tally_run(value, count, low, high, slot);
    if (slot[ABOVE] > 0)
        select->target[r].next = least_above(value, count, high, select->target[r].next);
    int64_t between = count - slot[BELOW] - slot[AT_LOW] - slot[AT_HIGH] - slot[ABOVE];
    for (int s = 0; s < SLOTS; s++)
        all[s] += slot[s];
    if (between == 0)
        return;
    if (!select->keeping) {
        count_between(&select->target[r], value, count, all + SLOTS, select->bins);
        return;
    }
    all[SLOTS] += between;
    if (select->kept.count + between > MOST_KEPT)
        *no_room(select) = 1;
    else if (!select->failure)
        select->failure = pool_reserve(&select->kept, between);
    if (!*no_room(select) && !select->failure)
        keep_between(&select->kept, r, value, count, low, high);
}

void select_take(void *context, int64_t column, int32_t group, const double *value, int count)
{
    struct select *select = context;
    int64_t cell = cell_of(select, column, group);
    for (int64_t r = select->first[cell]; r < select->first[cell + 1]; r++) {
        if (!select->done[r])
            take_for(select, r, value, count);
    }
}

/* ---- after a walk ---- */

/* Where the wanted rank is now known to be: that is the answer, or it will be found in the pool, if what a
 * walk kept is at hand and the guess was right. */
static void settle(struct select *select, int64_t r, bool at_hand)
{
    const int64_t *slot = slots_of(select, r);
    struct select_request *request = &select->request[r];
    struct target old = select->target[r];
    struct target *target = &select->target[r];
    int64_t under = slot[BELOW] + slot[AT_LOW];
    int64_t upto = under;
    for (int64_t bin = 0; bin < select->bins; bin++)
        upto += slot[SLOTS + bin];
    request->count = upto + slot[AT_HIGH] + slot[ABOVE];
    target->rank = request->count > 0 ? select_rank(request->level, request->count) : -1;
    target->pooled = false;
    select->done[r] = at_hand || request->count == 0;
    if (target->rank < slot[BELOW]) {
        target->low = pool_key((double)-INFINITY);
        target->high = old.low - 1;
        target->below = 0;
        target->inside = slot[BELOW];
        select->done[r] = request->count == 0;
    } else if (target->rank < under) {
        target->high = old.low;
        target->below = slot[BELOW];
        target->inside = slot[AT_LOW];
    } else if (target->rank < upto && select->keeping) {
        target->low = old.low + 1;
        target->high = old.high - 1;
        target->below = under;
        target->inside = upto - under;
        target->pooled = at_hand;
    } else if (target->rank < upto) {
        pool_enter_bin(target, old.low + 1, old.high - 1, under, slot + SLOTS, select->bins);
    } else if (target->rank < upto + slot[AT_HIGH]) {
        target->low = old.high;
        target->below = upto;
        target->inside = slot[AT_HIGH];
    } else {
        target->low = old.high + 1;
        target->high = pool_key((double)INFINITY);
        target->below = upto + slot[AT_HIGH];
        target->inside = slot[ABOVE];
        select->done[r] = false;
    }
}

/* The answers to requests that were not done before this walk and are now. */
static status_t answer(struct select *select, const bool *before, double *next)
{
    for (int64_t r = 0; r < select->count; r++) {
        const struct target *target = &select->target[r];
        double high = slots_of(select, r)[AT_HIGH] > 0 ? select->high[r] : (double)INFINITY;
        next[r] = high > pool_value(target->low) && high < target->next ? high : target->next;
    }
    status_t status = comm_min_f64(select->table->comm, next, select->count);
    for (int64_t r = 0; !status && r < select->count; r++) {
        const struct target *target = &select->target[r];
        struct select_request *request = &select->request[r];
        if (before[r] || !select->done[r])
            continue;
        bool tied = target->rank + 1 >= request->count || target->rank + 1 < target->below + target->inside;
        request->value = request->count > 0 ? pool_value(target->low) : (double)NAN;
        request->next = tied ? request->value : next[r];
    }
    return status;
}

static status_t settle_all(struct select *select)
{
    struct comm *comm = select->table->comm;
    int64_t counters = select->count * (SLOTS + select->bins) + 1;
    bool *before = NULL;
    double *next = NULL;
    status_t status = memory_new(&before, select->count, sizeof *before, "selection");
    if (!status)
        status = memory_new(&next, select->count, sizeof *next, "selection");
    status = comm_agree(comm, status_first(status, select->failure));
    select->failure = STATUS_OK;
    if (!status)
        status = comm_sum_i64(comm, select->counter, counters);
    bool at_hand = !status && select->keeping && *no_room(select) == 0;
    for (int64_t r = 0; !status && r < select->count; r++) {
        before[r] = select->done[r];
        if (!before[r])
            settle(select, r, at_hand);
    }
    if (!status && at_hand)
        status = pool_narrow(comm, &select->kept, NULL, select->target, select->count);
    if (!status)
        status = answer(select, before, next);
    pool_close(&select->kept);
    free(before);
    free(next);
    return status;
}

static bool all_done(const struct select *select)
{
    for (int64_t r = 0; r < select->count; r++) {
        if (!select->done[r])
            return false;
    }
    return true;
}

status_t select_open(struct table *table, struct groups groups, const struct pilot *pilot,
                     struct select_request *requests, int64_t count, struct select **opened)
{
    struct select *select = NULL;
    status_t status = memory_new(&select, 1, sizeof *select, "selection");
    if (!status) {
        *select = (struct select){.table = table, .groups = groups, .request = requests, .count = count};
        status =
            memory_new(&select->first, table->columns * groups.count + 1, sizeof *select->first, "selection");
    }
    if (!status)
        status = memory_new(&select->target, count, sizeof *select->target, "selection");
    if (!status)
        status = memory_new(&select->done, count, sizeof *select->done, "selection");
    if (!status)
        status = memory_new(&select->low, count, sizeof *select->low, "selection");
    if (!status)
        status = memory_new(&select->high, count, sizeof *select->high, "selection");
    *opened = select;
    status = comm_agree(table->comm, status);
    if (!status)
        index_requests(select);
    if (!status)
        status = select_guess(table, &groups, pilot, requests, count, select->first, select->target);
    if (!status)
        status = comm_agree(table->comm, begin_walk(select));
    return status;
}

status_t select_finish(struct select *select)
{
    status_t status = settle_all(select);
    while (!status && !all_done(select)) {
        status = comm_agree(select->table->comm, begin_walk(select));
        if (!status)
            status = runs_walk(select->table, select->groups, select_take, select);
        if (!status)
            status = settle_all(select);
    }
    return status;
}

void select_close(struct select *select)
{
    if (!select)
        return;
    free(select->first);
    free(select->target);
    free(select->done);
    free(select->low);
    free(select->high);
    free(select->counter);
    pool_close(&select->kept);
    status_free(select->failure);
    free(select);
}

status_t select_run(struct table *table, struct groups groups, const struct pilot *pilot,
                    struct select_request *requests, int64_t count)
{
    struct select *select = NULL;
    if (count == 0)
        return STATUS_OK;
    status_t status = select_open(table, groups, pilot, requests, count, &select);
    if (!status)
        status = runs_walk(table, groups, select_take, select);
    if (!status)
        status = select_finish(select);
    select_close(select);
    return status;
}
