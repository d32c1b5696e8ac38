#include "data/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Counters in all: more narrow the intervals faster, fewer stay in cache. */
enum { COUNTERS = 1 << 20, MOST_BINS = 1 << 14, FEWEST_BINS = 1 << 6 };
/* When the open intervals hold no more values than this, over all ranks, they are kept and searched in
 * memory. */
enum { MOST_KEPT = 1 << 22 };

static const uint64_t SIGN = UINT64_C(1) << 63;

/* The interval that still holds the wanted value, in keys: integers in the order of the values. Closed when
 * it is a single key. */
struct interval {
    uint64_t low;
    uint64_t high;  /* inclusive */
    int64_t below;  /* values under the interval */
    int64_t inside; /* values in it */
    int shift;      /* a bin is 2^shift keys wide */
};

/* A value in an open interval, kept on the rank that has it. */
struct kept {
    double value;
    int64_t request;
};

struct search {
    struct table *table;
    const struct select_groups *groups;
    struct select_request *request;
    int64_t count;
    int *unused;    /* per column: low bits that no value has */
    int64_t *first; /* first request of (column, group); requests of one are adjacent; one more at the end */
    struct interval *interval;
    int64_t bins;
    int64_t *counter; /* count x bins */
    double *above;    /* the smallest value above the interval, later above the answer */
    struct kept *kept;
    int64_t kept_count;
    int64_t kept_capacity;
    status_t failure;
};

uint64_t select_bits(double value)
{
    double positive_zero = value + 0.0;
    uint64_t bits = 0;
    memcpy(&bits, &positive_zero, sizeof bits);
    return bits;
}

static uint64_t key_of(double value, int unused)
{
    uint64_t bits = select_bits(value);
    return (bits & SIGN ? ~bits : bits | SIGN) >> unused;
}

static double value_of(uint64_t key, int unused)
{
    uint64_t bits = key << unused;
    if (bits & SIGN)
        bits ^= SIGN;
    else
        bits = ~(bits | ((UINT64_C(1) << unused) - 1));
    double value = 0.0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

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

static void search_close(struct search *search)
{
    free(search->unused);
    free(search->first);
    free(search->interval);
    free(search->counter);
    free(search->above);
    free(search->kept);
}

static int64_t cell(const struct search *search, int64_t column, int32_t group)
{
    return column * search->groups->count + group;
}

static int by_cell(const void *a, const void *b)
{
    const struct select_request *x = a;
    const struct select_request *y = b;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static void index_requests(struct search *search, const uint64_t *bits_used)
{
    int64_t cells = search->table->columns * search->groups->count;
    qsort(search->request, (size_t)search->count, sizeof *search->request, by_cell);
    int64_t r = 0;
    for (int64_t c = 0; c <= cells; c++) {
        while (r < search->count && cell(search, search->request[r].column, search->request[r].group) < c)
            r++;
        search->first[c] = r;
    }
    for (int64_t c = 0; c < search->table->columns; c++)
        search->unused[c] = bits_used[c] ? __builtin_ctzll(bits_used[c]) : 0;
    for (int64_t i = 0; i < search->count; i++) {
        int unused = search->unused[search->request[i].column];
        search->interval[i].low = key_of(search->request[i].low, unused);
        search->interval[i].high = key_of(search->request[i].high, unused);
        search->interval[i].inside = search->request[i].count;
        search->above[i] = (double)INFINITY;
    }
}

static status_t search_open(struct search *search, const uint64_t *bits_used)
{
    int64_t cells = search->table->columns * search->groups->count;
    search->bins = MOST_BINS;
    while (search->bins > FEWEST_BINS && search->bins * search->count > COUNTERS)
        search->bins /= 2;
    status_t status =
        memory_new(&search->unused, search->table->columns, sizeof *search->unused, "selection");
    if (!status)
        status = memory_new(&search->first, cells + 1, sizeof *search->first, "selection");
    if (!status)
        status = memory_new(&search->interval, search->count, sizeof *search->interval, "selection");
    if (!status)
        status =
            memory_new(&search->counter, search->count * search->bins, sizeof *search->counter, "selection");
    if (!status)
        status = memory_new(&search->above, search->count, sizeof *search->above, "selection");
    if (!status)
        index_requests(search, bits_used);
    return status;
}

/* Calls take(search, request, value) for every value of a block that some request is about. */
static inline void for_each_value(struct search *search, const struct raw_block *block,
                                  void (*take)(struct search *, int64_t, double))
{
    const int32_t *group = search->groups->group ? search->groups->group + block->local * BLOCK_ROWS : NULL;
    for (int64_t c = 0; c < search->table->columns; c++) {
        int64_t base = cell(search, c, 0);
        if (search->first[base] == search->first[base + search->groups->count])
            continue;
        const double *value = block->value + c * BLOCK_ROWS;
        for (int i = 0; i < block->rows; i++) {
            int32_t g = group ? group[i] : table_is_left_out(block->left_out, i) ? -1 : 0;
            if (g < 0 || isnan(value[i]))
                continue;
            for (int64_t r = search->first[base + g]; r < search->first[base + g + 1]; r++)
                take(search, r, value[i]);
        }
    }
}

static inline void count_into_bin(struct search *search, int64_t r, double value)
{
    const struct interval *interval = &search->interval[r];
    uint64_t key = key_of(value, search->unused[search->request[r].column]);
    if (key >= interval->low && key <= interval->high)
        search->counter[r * search->bins + (int64_t)((key - interval->low) >> interval->shift)]++;
}

static status_t count_block(void *context, const struct raw_block *block)
{
    for_each_value(context, block, count_into_bin);
    return STATUS_OK;
}

static void keep(struct search *search, int64_t r, double value)
{
    if (search->kept_count == search->kept_capacity) {
        int64_t capacity = 2 * search->kept_capacity + 1024;
        struct kept *grown = realloc(search->kept, (size_t)capacity * sizeof *grown);
        if (!grown) {
            search->failure =
                status_first(search->failure, status_of_allocation(NULL, 1, "values near quantiles"));
            return;
        }
        search->kept = grown;
        search->kept_capacity = capacity;
    }
    search->kept[search->kept_count++] = (struct kept){value, r};
}

static inline void keep_if_open(struct search *search, int64_t r, double value)
{
    const struct interval *interval = &search->interval[r];
    uint64_t key = key_of(value, search->unused[search->request[r].column]);
    if (key > interval->high)
        search->above[r] = value < search->above[r] ? value : search->above[r];
    else if (key >= interval->low && interval->low < interval->high)
        keep(search, r, value);
}

static status_t keep_block(void *context, const struct raw_block *block)
{
    struct search *search = context;
    for_each_value(search, block, keep_if_open);
    status_t failure = search->failure;
    search->failure = STATUS_OK;
    return failure;
}

/* Sets the bins of every open interval; returns how many values the open ones hold. */
static int64_t cut_intervals(struct search *search)
{
    int64_t held = 0;
    for (int64_t r = 0; r < search->count; r++) {
        struct interval *interval = &search->interval[r];
        interval->shift = 0;
        while ((interval->high - interval->low) >> interval->shift >= (uint64_t)search->bins)
            interval->shift++;
        held += interval->low < interval->high ? interval->inside : 0;
    }
    return held;
}

static void narrow_intervals(struct search *search)
{
    for (int64_t r = 0; r < search->count; r++) {
        struct interval *interval = &search->interval[r];
        if (interval->low == interval->high)
            continue;
        const int64_t *counter = search->counter + r * search->bins;
        int64_t bin = 0;
        while (bin < search->bins - 1 && interval->below + counter[bin] <= search->request[r].rank)
            interval->below += counter[bin++];
        uint64_t width = (UINT64_C(1) << interval->shift) - 1;
        interval->low += (uint64_t)bin << interval->shift;
        if (interval->high - interval->low > width)
            interval->high = interval->low + width;
        interval->inside = counter[bin];
    }
}

/* One round of counting and narrowing, over the file or over what is kept. */
static status_t count_and_narrow(struct search *search, bool in_memory)
{
    struct comm *comm = search->table->comm;
    int64_t counters = search->count * search->bins;
    memset(search->counter, 0, (size_t)counters * sizeof *search->counter);
    status_t status = STATUS_OK;
    if (in_memory) {
        for (int64_t i = 0; i < search->kept_count; i++)
            count_into_bin(search, search->kept[i].request, search->kept[i].value);
    } else {
        status = table_walk(search->table, count_block, search);
    }
    if (!status)
        status = comm_sum_i64(comm, search->counter, counters);
    if (!status)
        narrow_intervals(search);
    return status;
}

/* Whether the value after the answer may be a larger one: then it must be looked for. */
static bool ends_its_ties(const struct search *search, int64_t r)
{
    const struct select_request *request = &search->request[r];
    const struct interval *interval = &search->interval[r];
    return request->rank + 1 < request->count && request->rank + 1 >= interval->below + interval->inside;
}

static bool needs_another_walk(const struct search *search)
{
    for (int64_t r = 0; r < search->count; r++) {
        if (search->interval[r].low < search->interval[r].high || ends_its_ties(search, r))
            return true;
    }
    return false;
}

static status_t answer(struct search *search)
{
    for (int64_t r = 0; r < search->count; r++)
        search->request[r].value =
            value_of(search->interval[r].low, search->unused[search->request[r].column]);
    for (int64_t i = 0; i < search->kept_count; i++) {
        const struct kept *kept = &search->kept[i];
        if (kept->value > search->request[kept->request].value && kept->value < search->above[kept->request])
            search->above[kept->request] = kept->value;
    }
    status_t status = comm_min_f64(search->table->comm, search->above, search->count);
    for (int64_t r = 0; !status && r < search->count; r++)
        search->request[r].next = ends_its_ties(search, r) ? search->above[r] : search->request[r].value;
    return status;
}

status_t select_run(struct table *table, const struct select_groups *groups, const uint64_t *bits_used,
                    struct select_request *requests, int64_t count)
{
    if (count == 0)
        return STATUS_OK;
    struct search search = {.table = table, .groups = groups, .request = requests, .count = count};
    status_t status = comm_agree(table->comm, search_open(&search, bits_used));
    while (!status && cut_intervals(&search) > MOST_KEPT)
        status = count_and_narrow(&search, false);
    if (!status && needs_another_walk(&search))
        status = table_walk(table, keep_block, &search);
    while (!status && cut_intervals(&search) > 0)
        status = count_and_narrow(&search, true);
    if (!status)
        status = answer(&search);
    search_close(&search);
    return status;
}
