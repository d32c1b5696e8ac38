/* The raw values of a block in runs: of one column and one group of customers, one after the other, without
 * what is missing. What is counted or summed per group is done a run at a time, in vector registers. Local
 * but for runs_walk. */
#ifndef LOHKO_DATA_RUNS_H
#define LOHKO_DATA_RUNS_H

#include <stdint.h>

#include "core/status.h"
#include "data/row_numbers.h"
#include "data/table.h"

struct groups {
    const struct row_numbers *group; /* of this rank's rows; NULL: all customers not left out are group 0 */
    int32_t count;
};

/* The groups of the BLOCK_ROWS rows of local block `local`, with these marks (BLOCK_TILES); -1: none. */
void groups_of_block(const struct groups *groups, int64_t local, const uint16_t *left_out, int32_t *group);

struct runs {
    struct groups groups;
    int *end;                 /* per group: where its rows end in `row` */
    uint16_t row[BLOCK_ROWS]; /* of the block, by group, rising in each */
    double value[BLOCK_ROWS];
};

/* count > 0, at most BLOCK_ROWS. */
typedef void (*run_visitor)(void *context, int64_t column, int32_t group, const double *value, int count);

status_t runs_open(struct runs *runs, struct groups groups) __attribute__((warn_unused_result));
void runs_close(struct runs *runs);

/* Visits column by column, and in each the groups in rising order. */
void runs_of_block(struct runs *runs, const struct raw_block *block, int64_t columns, run_visitor visit,
                   void *context);

/* All runs of this rank's rows. Collective. */
status_t runs_walk(struct table *table, struct groups groups, run_visitor visit, void *context)
    __attribute__((warn_unused_result));

#endif
