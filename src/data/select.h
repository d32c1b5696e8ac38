/* Exact order statistics of columns of the table, per group of customers, without gathering a column.
 *
 * A sample of the rows (a pilot) says between which two values the wanted one very probably lies. A walk
 * counts what is below, at and above them, keeps what is between (few), and the answer is found among those.
 * Where the guess was wrong or would keep too much, further walks count values into ever narrower intervals:
 * the answer is the same whatever the pilot. Collective but for select_take. */
#ifndef LOHKO_DATA_SELECT_H
#define LOHKO_DATA_SELECT_H

#include <stdint.h>

#include "core/status.h"
#include "data/pilot.h"
#include "data/runs.h"
#include "data/table.h"

/* Memory that a request takes at least, in bytes; a selection may take up to 48 MB more. */
enum { SELECT_BYTES = 768 };

struct select_request {
    int64_t column; /* of the table */
    int32_t group;  /* 0 where all customers are one group */
    double level;   /* which quantile, in [0, 1] */
    int64_t count;  /* out: values that are not missing, of the column in the group */
    double value;   /* out: the order statistic of rank select_rank(level, count); NaN where count is 0 */
    double next;    /* out: that of the rank after it (== value at the last) */
};

struct select;

/* Sorts the requests by column and group, and guesses. The requests, the table, the groups and the pilot
 * must stay until select_close. */
status_t select_open(struct table *table, struct groups groups, const struct pilot *pilot,
                     struct select_request *requests, int64_t count, struct select **opened)
    __attribute__((warn_unused_result));

/* A run_visitor (its context: the struct select) that must see all values once before select_finish: so
 * whoever walks the table anyway needs no walk for this. */
void select_take(void *context, int64_t column, int32_t group, const double *value, int count);

/* Answers the requests. */
status_t select_finish(struct select *select) __attribute__((warn_unused_result));
void select_close(struct select *select);

/* All of it. */
status_t select_run(struct table *table, struct groups groups, const struct pilot *pilot,
                    struct select_request *requests, int64_t count) __attribute__((warn_unused_result));

/* The quantile q in [0, 1] of `count` values by linear interpolation (NumPy's default): the rank to ask for,
 * and the value from the answer. */
int64_t select_rank(double q, int64_t count);
double select_interpolate(double q, int64_t count, double value, double next);

#endif
