/* Micro-clusters: k-means with thousands of centroids, as the leaves of a tree over very many customers.
 *
 * Centroids are learned on a sample of blocks from all over the file: drawn in proportion to squared
 * distance, in rounds, then moved by Lloyd's passes. Every customer then belongs to the nearest. With so many
 * centroids the nearest is found in a tree of boxes (neighbours.h), for customers in an order that keeps near
 * ones together, so that most centroids are never looked at. */
#ifndef LOHKO_CLUSTER_LEAVES_H
#define LOHKO_CLUSTER_LEAVES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "data/customers.h"
#include "data/prepare.h"
#include "data/row_numbers.h"

struct leaves {
    int64_t count;
    double *sum;      /* count x features: of the customers of each, exact */
    double *centroid; /* count x features: their mean, prepared units */
    double *place;    /* count x features: where it lay when every customer went with the nearest */
    int64_t *size;    /* count: customers, at least one */
    double inertia;   /* sum of squared distances of all customers to the mean of their leaf */
};

/* leaf: that of each of this rank's customers, with room for `count`; none for those left out. Leaves are
 * numbered as their centroids were drawn. With `fewer` there are only as many as there are different
 * customers; without, fewer different ones are EXIT_BAD_DATA. The arrays of *leaves are the caller's to free.
 * Collective. */
status_t leaves_learn(const struct customers *customers, const struct preparation *preparation, int64_t count,
                      bool fewer, uint64_t seed, struct row_numbers *leaf, struct leaves *leaves)
    __attribute__((warn_unused_result));

/* Bytes that it takes on a rank with `rows` customers. Local. */
double leaves_bytes(int64_t count, int64_t rows, int64_t features, int ranks);

#endif
