/* Prepared customers that are not in memory: blocks of the file, read and prepared anew on each visit. Local.
 */
#ifndef LOHKO_DATA_CUSTOMERS_WINDOW_H
#define LOHKO_DATA_CUSTOMERS_WINDOW_H

#include <stdint.h>

#include "core/status.h"
#include "data/customers.h"
#include "data/prepare.h"
#include "data/table.h"

/* A block that is to be visited. */
struct customers_place {
    int64_t local;
    int64_t position; /* struct block's */
};

struct customers_window;

/* *window is NULL, or for customers_window_close, whatever is returned. */
status_t customers_window_open(struct table *table, const struct preparation *preparation,
                               struct customers_window **window) __attribute__((warn_unused_result));
void customers_window_close(struct customers_window *window);

/* Room for as many places as this rank has blocks, for customers_window_visit. */
struct customers_place *customers_window_places(struct customers_window *window);

/* Visits the blocks of the first `count` places in rising order; the places are sorted. */
status_t customers_window_visit(const struct customers *customers, int64_t count, customers_visitor visit,
                                void *context) __attribute__((warn_unused_result));

/* Bytes that a window of the table takes. */
double customers_window_bytes(const struct table *table, const struct partition *partition, int64_t features);

/* Sum of the squares of a block's prepared values as an unevaluated pair. */
void customers_squares(const float *tiles, int64_t features, double pair[2]);

#endif
