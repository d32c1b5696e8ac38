/* A tree over the customers: every customer a leaf, or micro-clusters of them.
 *
 * The result depends on the customers and the settings alone, not on the number of ranks. Collective
 * throughout. */
#ifndef LOHKO_CLUSTER_HIERARCHY_H
#define LOHKO_CLUSTER_HIERARCHY_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/dendrogram.h"
#include "cluster/linkage.h"
#include "core/status.h"
#include "data/customers.h"
#include "data/row_numbers.h"

struct hierarchy_settings {
    enum linkage linkage;
    bool every_customer; /* a leaf each: exact. Otherwise micro-clusters, which only ward has */
    int64_t leaves;      /* micro-clusters */
    bool fewer; /* take fewer leaves where there are not as many different customers; else an error */
    uint64_t seed;
};

struct hierarchy_result {
    bool every_customer;
    int64_t leaves;
    int64_t features;
    struct row_numbers leaf; /* of this rank's customers; none for those left out. Where every customer is a
                                leaf they are numbered in row order, left-out ones skipped */
    double *leaf_centroid;   /* leaves x features, prepared units; NULL where every customer is a leaf */
    double *leaf_place; /* leaves x features: each customer's leaf is the nearest of these; NULL likewise */
    int64_t *leaf_size; /* leaves: customers; NULL likewise */
    struct dendrogram tree; /* rank 0 only */
    int64_t distinct;       /* points that the linkage began with: leaves, but alike customers as one */
    double inertia;         /* of the micro-clusters; 0 where every customer is a leaf */
    struct linkage_work work;
};

status_t hierarchy_run(const struct customers *customers, const struct preparation *preparation,
                       const struct hierarchy_settings *settings, struct hierarchy_result *result)
    __attribute__((warn_unused_result));
void hierarchy_free(struct hierarchy_result *result);

/* Bytes that hierarchy_run takes on each rank beside the customers, `ranks_here` of them on a node and
 * `ranks` in all; `rows` of this rank. Local. */
double hierarchy_bytes(const struct hierarchy_settings *settings, int64_t customers, int64_t rows,
                       int64_t features, int ranks, int ranks_here);

/* The cut into `clusters`, on every rank. cluster: result->leaves; numbered by lowest leaf. */
status_t hierarchy_cut(struct comm *comm, const struct hierarchy_result *result, int64_t clusters,
                       int32_t *cluster) __attribute__((warn_unused_result));

#endif
