/* Two lists of customers joined by their ids. Ids are hashed to ranks and exchanged in rounds of bounded
 * size, so that no rank holds more than a share; integers are compared exactly, text by 128-bit XXH3.
 * Collective. */
#ifndef LOHKO_DATA_JOIN_H
#define LOHKO_DATA_JOIN_H

#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/id_entries.h"
#include "data/row_numbers.h"

struct join_side {
    const char *path;    /* for messages, like the next */
    const char *advice;  /* what can be done about repeated ids */
    struct id_rows rows; /* of before: with labels */
};

/* found: of each row of `after` the label of the same id in `before`, -1 where there is none and for rows
 * that take no part (this rank's rows; opened here, for row_numbers_free whatever is returned). lapsed[label
 * of before] = customers of `before` that are not in `after`, over all ranks; `labels` of them, at least one.
 * A round takes about `bytes` of memory on a rank. EXIT_BAD_DATA where ids are of different types, or where
 * an id is repeated among the rows of a side that take part (ids and rows are named). */
status_t join_lookup(struct comm *comm, const struct join_side *before, const struct join_side *after,
                     int64_t labels, int64_t bytes, struct row_numbers *found, int64_t *lapsed)
    __attribute__((warn_unused_result));

#endif
