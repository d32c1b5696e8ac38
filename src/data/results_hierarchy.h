/* /hierarchy of results.h5: the tree of customers, and cuts of it. */
#ifndef LOHKO_DATA_RESULTS_HIERARCHY_H
#define LOHKO_DATA_RESULTS_HIERARCHY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/customers.h"
#include "data/prepare.h"
#include "data/results.h"
#include "data/row_numbers.h"
#include "data/table.h"

/* A cut. Sizes and parents: rank 0. */
struct results_level {
    int64_t segments;
    const int32_t *segment; /* of each leaf */
    const int64_t *size;    /* segments: customers */
    int32_t *parent;        /* segments: that of the next coarser level which each lies in; NULL: none */
};

struct results_hierarchy {
    const struct customers *customers;
    const struct table *table;
    const struct preparation *preparation;
    bool every_customer; /* is a leaf, in row order */
    int64_t leaves;
    const struct row_numbers *leaf; /* of this rank's customers; none: left out */
    const double *linkage;          /* rank 0: (leaves - 1) x 4 */
    const double
        *leaf_centroid;       /* rank 0: leaves x preparation->count; NULL where every customer is a leaf */
    const int64_t *leaf_size; /* rank 0: leaves; NULL likewise */
    const struct results_level *level;
    int64_t levels;
    const struct results_attribute *attribute; /* of the group */
    int64_t attributes;
};

/* Collective. */
status_t results_write_hierarchy(struct results_file *results, struct comm *comm,
                                 const struct results_hierarchy *hierarchy)
    __attribute__((warn_unused_result));

/* Bytes that this takes, about. Local. */
int64_t results_hierarchy_bytes(const struct results_hierarchy *hierarchy);

#endif
