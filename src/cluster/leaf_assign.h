/* All of a rank's customers to the nearest of thousands of centroids, and the sums of the leaves that they
 * make. Local unless marked. */
#ifndef LOHKO_CLUSTER_LEAF_ASSIGN_H
#define LOHKO_CLUSTER_LEAF_ASSIGN_H

#include <stdint.h>

#include "cluster/leaf_search.h"
#include "core/status.h"
#include "data/customers.h"
#include "data/prepare.h"
#include "data/row_numbers.h"

/* What is found for this rank's customers. */
struct leaf_assigned {
    struct row_numbers *leaf; /* of each; none for those left out */
    double *sum;              /* centroids x features: each customer is added to that of its leaf */
    int64_t *size;            /* centroids: and counted here */
};

/* In one walk over the blocks. A failure is this rank's own. */
status_t leaf_assign(const struct customers *customers, struct leaf_search *search,
                     const struct leaf_assigned *assigned) __attribute__((warn_unused_result));

/* Adds a customer's values to those of a leaf. */
void leaf_add_row(const float *value, int64_t features, int32_t leaf, double *sum, int64_t *size);

/* Sums (count x preparation->count) and sizes over all ranks: exact, as whole numbers of quanta. wire: room
 * for count x (preparation->count + 1). Collective. */
status_t leaf_sum_up(struct comm *comm, const struct preparation *preparation, int64_t count, double *sum,
                     int64_t *size, int64_t *wire) __attribute__((warn_unused_result));

/* Bytes that leaf_assign takes. */
double leaf_assign_bytes(int64_t features);

#endif
