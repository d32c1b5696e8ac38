/* A sample of customers in blocks from all over the file. */
#ifndef LOHKO_CLUSTER_LEAF_SAMPLE_H
#define LOHKO_CLUSTER_LEAF_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/leaf_search.h"
#include "cluster/minibatch.h"
#include "core/status.h"
#include "data/customers.h"

struct leaf_sample {
    const struct customers *customers;
    struct minibatch_plan plan;
    /* this rank's part; leaf is -1 and square infinite for those who are new */
    struct leaf_rows rows;
    int64_t *row;          /* rows.count: global */
    int32_t *before;       /* rows.count: for the caller */
    int64_t customers_all; /* over all ranks */
    bool is_complete; /* no customer is unlike all of the sample, or leaf_sample_add_different was there */
};

/* About `wanted` customers, but no fewer than MINIBATCH_BLOCKS blocks. Collective. */
status_t leaf_sample_open(struct leaf_sample *sample, const struct customers *customers, int64_t wanted,
                          uint64_t seed) __attribute__((warn_unused_result));
void leaf_sample_close(struct leaf_sample *sample);

/* Adds the first `count` different customers of the file, or all different ones where there are no more; so
 * then the sample has as many different ones as that, or all: is_complete. Collective. */
status_t leaf_sample_add_different(struct leaf_sample *sample, int64_t count)
    __attribute__((warn_unused_result));

#endif
