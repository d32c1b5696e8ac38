#include "data/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Counters in all: more narrow the intervals faster, fewer stay in cache. */
enum { COUNTERS = 1 << 19, MOST_BINS = 1 << 14, FEWEST_BINS = 1 << 8 };

static const uint64_t SIGN = UINT64_C(1) << 63;

/* The interval that still holds the wanted value, in keys: integers in the order of the values. */
struct interval {
    uint64_t low;
    uint64_t high; /* inclusive */
    int64_t below; /* values under the interval */
    int shift;     /* a bin is 2^shift keys wide */
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
    int64_t *at_most; /* of the last walk: values <= the answer */
    double *above;    /* of the last walk: the smallest value > the answer */
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
    free(search->at_most);
    free(search->above);
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
        status = memory_new(&search->at_most, search->count, sizeof *search->at_most, "selection");
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

static inline void look_beyond(struct search *search, int64_t r, double value)
{
    if (value <= search->request[r].value)
        search->at_most[r]++;
    else if (value < search->above[r])
        search->above[r] = value;
}

static status_t look_block(void *context, const struct raw_block *block)
{
    for_each_value(context, block, look_beyond);
    return STATUS_OK;
}

/* Sets the bins of every open interval; returns how many are open. */
static int64_t cut_intervals(struct search *search)
{
    int64_t open = 0;
    for (int64_t r = 0; r < search->count; r++) {
        struct interval *interval = &search->interval[r];
        interval->shift = 0;
        while ((interval->high - interval->low) >> interval->shift >= (uint64_t)search->bins)
            interval->shift++;
        open += interval->low < interval->high;
    }
    return open;
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
    }
}

static status_t find_next(struct search *search)
{
    for (int64_t r = 0; r < search->count; r++) {
        struct select_request *request = &search->request[r];
        request->value = value_of(search->interval[r].low, search->unused[request->column]);
        search->above[r] = (double)INFINITY;
    }
    status_t status = table_walk(search->table, look_block, search);
    if (!status)
        status = comm_sum_i64(search->table->comm, search->at_most, search->count);
    if (!status)
        status = comm_min_f64(search->table->comm, search->above, search->count);
    for (int64_t r = 0; !status && r < search->count; r++) {
        struct select_request *request = &search->request[r];
        bool within = search->at_most[r] > request->rank + 1 || request->rank + 1 >= request->count;
        request->next = within ? request->value : search->above[r];
    }
    return status;
}

status_t select_run(struct table *table, const struct select_groups *groups, const uint64_t *bits_used,
                    struct select_request *requests, int64_t count)
{
    if (count == 0)
        return STATUS_OK;
    struct search search = {.table = table, .groups = groups, .request = requests, .count = count};
    status_t status = comm_agree(table->comm, search_open(&search, bits_used));
    while (!status && cut_intervals(&search) > 0) {
        memset(search.counter, 0, (size_t)(count * search.bins) * sizeof *search.counter);
        status = table_walk(table, count_block, &search);
        if (!status)
            status = comm_sum_i64(table->comm, search.counter, count * search.bins);
        if (!status)
            narrow_intervals(&search);
    }
    if (!status)
        status = find_next(&search);
    search_close(&search);
    return status;
}
