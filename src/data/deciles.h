/* How the values of features are spread: nine values at about a tenth of the customers each, and exactly how
 * many customers have at most each of them.
 *
 * The values are order statistics of at most DECILES_SAMPLE customers, drawn evenly over the file by row
 * number, and so the same on any number of ranks (of all customers, where they are no more); the counts are
 * of all customers. */
#ifndef LOHKO_DATA_DECILES_H
#define LOHKO_DATA_DECILES_H

#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/pilot.h"
#include "data/table.h"

enum { DECILES = 9, DECILES_SAMPLE = 65536 };

struct deciles {
    int64_t features;
    double *value; /* features x DECILES, rising: of rank select_rank(q, count) for q = 0.1 .. 0.9 among the
                      sampled customers that the table has not left out and that have a value; NaN where there
                      is none */
    int64_t *upto; /* features x DECILES: customers with at most that value */
};

/* `sample`: pilot_open_evenly's, full. Collective. */
status_t deciles_open(struct table *table, const struct pilot *sample, struct deciles *deciles)
    __attribute__((warn_unused_result));
void deciles_close(struct deciles *deciles);

/* Counts values of a feature that are not missing. Local. */
void deciles_take(struct deciles *deciles, int64_t feature, const double *value, int count);

/* Adds up over the ranks. Collective. */
status_t deciles_share(struct comm *comm, struct deciles *deciles) __attribute__((warn_unused_result));

#endif
