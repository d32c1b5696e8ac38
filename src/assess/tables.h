/* Contingency tables of labelings over all customers, by walks that keep nothing of each customer. */
#ifndef LOHKO_ASSESS_TABLES_H
#define LOHKO_ASSESS_TABLES_H

#include <stdint.h>

#include "assess/agreement.h"
#include "cluster/labelling.h"
#include "cluster/weighting.h"
#include "core/status.h"
#include "data/customers.h"

struct table_pair {
    const struct labelling *rows;
    const struct labelling *columns;
    const struct weighting *only; /* those customers whose weight is not 0; NULL: all */
    struct contingency table;     /* found; its counts are owned by the pair */
};

/* Counts all pairs in one walk and one reduction. Pairs that share labelings best follow each other.
 * Collective. */
status_t tables_count(const struct customers *customers, struct table_pair *pairs, int64_t count)
    __attribute__((warn_unused_result));
void tables_free(struct table_pair *pairs, int64_t count);

/* Bytes of a pair's table, and of its part in the reduction. Local. */
double tables_bytes(int64_t rows, int64_t columns);

/* In which of other labelings a customer stays where it is. */
struct membership {
    const struct labelling *own;
    const struct labelling *others; /* count */
    int64_t count;
    const int32_t
        *match; /* [i * own->k + h]: the segment of labeling i that h is matched with, -1 for none */
};

/* Of each customer of this rank's `blocks` local blocks from `first` on: the share of the other labelings in
 * which it is where its own segment has been matched to. share: BLOCK_ROWS a block; NaN for customers left
 * out. Local; a failure is this rank's own. */
status_t tables_membership(const struct customers *customers, const struct membership *membership,
                           int64_t first, int64_t blocks, float *share) __attribute__((warn_unused_result));

#endif
