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
    bool is_all;           /* everyone who takes part is in it */
};

/* About `wanted` customers, but no fewer than MINIBATCH_BLOCKS blocks. Collective. */
status_t leaf_sample_open(struct leaf_sample *sample, const struct customers *customers, int64_t wanted,
                          uint64_t seed) __attribute__((warn_unused_result));
void leaf_sample_close(struct leaf_sample *sample);

/* Twice as many; those that are in it stay. Collective. */
status_t leaf_sample_grow(struct leaf_sample *sample) __attribute__((warn_unused_result));

#endif
