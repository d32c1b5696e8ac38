#include "assess/handing.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/memory.h"

struct place {
    int64_t number;
    int64_t segment;
};

static int by_number(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

status_t handing_match(const struct contingency *table, int32_t *match)
{
    int64_t *column = NULL;
    status_t status = memory_new(&column, table->columns, sizeof *column, "sizes of segments");
    if (!status)
        status = agreement_match(table, match);
    for (int64_t i = 0; !status && i < table->rows; i++)
        for (int64_t j = 0; j < table->columns; j++)
            column[j] += table->count[i * table->columns + j];
    for (int64_t i = 0; !status && i < table->rows; i++) {
        const int64_t *count = table->count + i * table->columns;
        int64_t row = 0;
        for (int64_t j = 0; j < table->columns; j++)
            row += count[j];
        if (match[i] >= 0 && (count[match[i]] == 0 || (double)count[match[i]] < HANDING_SHARE * (double)row ||
                              (double)count[match[i]] < HANDING_SHARE * (double)column[match[i]]))
            match[i] = -1;
    }
    free(column);
    return status;
}

static status_t take_number(int64_t *next, int64_t *number)
{
    if (*next > INT32_MAX)
        return status_new(EXIT_BAD_DATA,
                          "segment numbers are used up: a new segment would get %" PRId64 ", above %d", *next,
                          INT32_MAX);
    *number = (*next)++;
    return STATUS_OK;
}

status_t handing_down(struct handing *handing)
{
    const struct contingency *table = handing->table;
    struct place *place = NULL;
    int32_t *match = NULL;
    status_t status = memory_new(&match, table->rows, sizeof *match, "a matching");
    if (!status)
        status = memory_new(&place, table->columns, sizeof *place, "segment numbers");
    if (!status)
        status = handing_match(table, match);
    for (int64_t j = 0; !status && j < table->columns; j++)
        place[j] = (struct place){-1, j};
    for (int64_t i = 0; !status && i < table->rows; i++) {
        if (match[i] >= 0)
            place[match[i]].number = handing->before_number[i];
    }
    for (int64_t j = 0; !status && j < table->columns; j++) {
        if (place[j].number < 0)
            status = take_number(&handing->next_number, &place[j].number);
    }
    if (!status && table->columns > 1)
        qsort(place, (size_t)table->columns, sizeof *place, by_number);
    for (int64_t j = 0; !status && j < table->columns; j++) {
        handing->order[j] = place[j].segment;
        handing->number[j] = place[j].number;
    }
    free(match);
    free(place);
    return status;
}
