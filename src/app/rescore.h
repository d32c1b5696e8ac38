/* Customers as they are now by the model from before: for a fit that knows the year before, and for compare.
 */
#ifndef LOHKO_APP_RESCORE_H
#define LOHKO_APP_RESCORE_H

#include <stdint.h>

#include "assess/drift.h"
#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"
#include "data/saved_model.h"
#include "data/source.h"

struct rescore {
    struct comm *comm;
    struct log *log;
    const struct saved_model *model;
    struct source *source;     /* the customers now */
    const int32_t *takes_part; /* of this rank's rows, BLOCK_ROWS a block: negative for those who do not */
};

/* label: BLOCK_ROWS a block, the index of the model's segment, -1: takes no part, or cannot be scored.
 * `drift` is opened here, and closed by the caller. Collective. */
status_t rescore_run(const struct rescore *rescore, int32_t *label, struct drift *drift)
    __attribute__((warn_unused_result));

#endif
