/* /assignments of results.h5: every rank makes its rows piece by piece and rank 0 writes them. */
#ifndef LOHKO_DATA_RESULTS_ASSIGNMENTS_H
#define LOHKO_DATA_RESULTS_ASSIGNMENTS_H

#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/results.h"
#include "data/table.h"

/* Fills `piece` for the customers of this rank's local blocks [first, first + count): BLOCK_ROWS entries a
 * block. Calls come in rising order of blocks, each block once. Local: a failure, such as of reading, is this
 * rank's own. */
typedef status_t (*scores_maker)(void *context, int64_t first, int64_t count,
                                 const struct assignments *piece);

/* Collective. */
status_t results_write_scores(struct results_file *results, struct comm *comm, const struct table *table,
                              scores_maker make, void *context) __attribute__((warn_unused_result));

#endif
