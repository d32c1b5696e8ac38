/* A set of different customers, by their prepared values, in the order in which they came. Local. */
#ifndef LOHKO_CLUSTER_ROW_SET_H
#define LOHKO_CLUSTER_ROW_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

struct row_set {
    int64_t features;
    int64_t count;
    float *value;   /* count x features */
    int64_t *row;   /* count: global, of the first that came */
    int64_t *table; /* open: 1 + place of each, 0 where none is */
    uint64_t mask;
};

/* For at most `most` of them. */
status_t row_set_open(struct row_set *set, int64_t most, int64_t features)
    __attribute__((warn_unused_result));
void row_set_close(struct row_set *set);

/* Whether it was not there; then it is now. */
bool row_set_add(struct row_set *set, const float *value, int64_t row);

#endif
