#include "data/customers_window.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/memory.h"

struct customers_window {
    const char *path; /* of the input, for messages */
    const struct preparation *preparation;
    struct table_reader *reader;
    struct customers_place *place; /* as many as there are blocks, like the next */
    int64_t *local;
    float *tiles; /* of the block at hand */
    bool in_use;
    /* of the walk under way: */
    const struct customers *customers;
    int64_t next; /* place */
    customers_visitor visit;
    void *context;
};

status_t customers_window_open(struct table *table, const struct preparation *preparation,
                               struct customers_window **window)
{
    int64_t blocks = table->partition.block_count;
    status_t status = memory_new(window, 1, sizeof **window, "a window of the input");
    if (status)
        return status;
    (*window)->path = table->source->path;
    (*window)->preparation = preparation;
    status = table_reader_open(table, &(*window)->reader);
    if (!status)
        status = memory_new(&(*window)->place, blocks, sizeof *(*window)->place, "places of blocks");
    if (!status)
        status = memory_new(&(*window)->local, blocks, sizeof *(*window)->local, "places of blocks");
    if (!status)
        status = memory_new(&(*window)->tiles, preparation->count * BLOCK_ROWS, sizeof *(*window)->tiles,
                            "a prepared block");
    return status;
}

void customers_window_close(struct customers_window *window)
{
    if (!window)
        return;
    table_reader_close(window->reader);
    free(window->place);
    free(window->local);
    free(window->tiles);
    free(window);
}

struct customers_place *customers_window_places(struct customers_window *window)
{
    return window->place;
}

double customers_window_bytes(const struct table *table, const struct partition *partition, int64_t features)
{
    return table_reader_bytes(table) + (double)features * BLOCK_ROWS * sizeof(float) +
           (double)partition->block_count * (double)(sizeof(struct customers_place) + sizeof(int64_t));
}

/* The values are those of the first reading, or the file is another by now. */
static status_t take_block(void *context, const struct raw_block *raw)
{
    struct customers_window *window = context;
    const struct customers *customers = window->customers;
    const double *squares = customers->squares + 2 * raw->local;
    double pair[2];
    customers_prepare(window->preparation, raw, window->tiles);
    customers_squares(window->tiles, customers->features, pair);
    if (pair[0] != squares[0] || pair[1] != squares[1])
        return status_new(EXIT_IO_ERROR,
                          "%s: changed since it was read first, in rows %" PRId64 " to %" PRId64,
                          window->path, raw->first_row, raw->first_row + raw->rows - 1);
    struct block block = {.block = raw->block,
                          .local = raw->local,
                          .position = window->place[window->next++].position,
                          .first_row = raw->first_row,
                          .rows = raw->rows,
                          .tiles = window->tiles,
                          .left_out = customers_marks(customers, raw->local),
                          .squares = squares};
    window->visit(window->context, &block);
    return STATUS_OK;
}

static int by_local(const void *a, const void *b)
{
    const struct customers_place *x = a;
    const struct customers_place *y = b;
    return (x->local > y->local) - (x->local < y->local);
}

status_t customers_window_visit(const struct customers *customers, int64_t count, customers_visitor visit,
                                void *context)
{
    struct customers_window *window = customers->window;
    if (window->in_use)
        return status_new(EXIT_INTERNAL, "a walk over the customers within another");
    window->in_use = true;
    window->customers = customers;
    window->next = 0;
    window->visit = visit;
    window->context = context;
    if (count > 1)
        qsort(window->place, (size_t)count, sizeof *window->place, by_local);
    for (int64_t i = 0; i < count; i++)
        window->local[i] = window->place[i].local;
    status_t status = table_reader_visit(window->reader, window->local, count, take_block, window);
    window->in_use = false;
    return status;
}
