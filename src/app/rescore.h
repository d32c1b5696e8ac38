/* Customers as they are now by the model from before: for a fit that knows the year before, and for compare.
 */
#ifndef LOHKO_APP_RESCORE_H
#define LOHKO_APP_RESCORE_H

#include <stdint.h>

#include "assess/drift.h"
#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"
#include "data/row_numbers.h"
#include "data/saved_model.h"
#include "data/source.h"

struct rescore {
    struct comm *comm;
    struct log *log;
    const struct saved_model *model;
    struct source *source;    /* the customers now */
    const uint16_t *left_out; /* of this rank's rows, BLOCK_TILES a block: a bit for each who takes no part */
};

/* label: of this rank's rows, the index of the model's segment, -1: takes no part, or cannot be scored. It
 * and `drift` are opened here, and closed by the caller whatever is returned. Collective. */
status_t rescore_run(const struct rescore *rescore, struct row_numbers *label, struct drift *drift)
    __attribute__((warn_unused_result));

#endif
