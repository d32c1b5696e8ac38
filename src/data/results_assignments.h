/* /assignments of results.h5 made by something that can fail, such as reading: customers that are scored as
 * they are written. (results_write_assignments of results.h is for customers that are in memory.) */
#ifndef LOHKO_DATA_RESULTS_ASSIGNMENTS_H
#define LOHKO_DATA_RESULTS_ASSIGNMENTS_H

#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/results.h"
#include "data/table.h"

/* As assignments_maker; calls come in rising order of blocks, each block once. Local: a failure is this
 * rank's own. */
typedef status_t (*scores_maker)(void *context, int64_t first, int64_t count,
                                 const struct assignments *piece);

/* Collective. */
status_t results_write_scores(struct results_file *results, struct comm *comm, const struct table *table,
                              scores_maker make, void *context) __attribute__((warn_unused_result));

#endif
