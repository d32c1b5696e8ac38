/* The gap statistic (Tibshirani, Walther and Hastie, Journal of the Royal Statistical Society B 63, 2001):
 * how much smaller the inertia of k segments is than that of as many segments of customers without any:
 * uniformly spread over the box that the customers fill along their principal axes. */
#ifndef LOHKO_ASSESS_GAP_H
#define LOHKO_ASSESS_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/kmeans.h"
#include "cluster/linkage.h"
#include "core/status.h"
#include "data/customers.h"

/* Reference sets have as many customers as there are, but no more than these: inertia a customer hardly
 * depends on them. A tree's are fewer, for it is exact. */
enum { GAP_CUSTOMERS = 32768, GAP_TREE_CUSTOMERS = 4096 };

struct gap_settings {
    bool tree;                     /* cuts of a tree over every customer, not k-means */
    enum linkage linkage;          /* of the tree */
    struct kmeans_settings kmeans; /* of k-means */
    int64_t references;            /* sets, at least 2 */
    double trim; /* sets fill the box between this quantile and its counterpart along each axis; 0: as
                    published, all of the box */
    uint64_t seed;
};

struct gap {
    /* Given: */
    int64_t k;      /* no more than a reference set has customers */
    double inertia; /* of the customers' own segments; a sum over all */
    /* Found; gap = mean over the sets of log(inertia* / customers*) - log(inertia / customers), those with a
     * star of a set; error = sd sqrt(1 + 1 / sets), sd the deviation of the first logarithm over the sets
     * with 1 / sets, as published. Where the inertia is 0 the gap is infinite and the error as it is. Where a
     * set's is 0 (a box without extent), or k is above half of a set's customers, both are NaN. */
    double gap;
    double error;
};

/* Fills in `count` of them, by rising k. *reference_customers: how many a reference set has. The sets are the
 * same for all k, and have segments of their own by the settings: k-means, or the cuts of one tree a set. The
 * same on any number of ranks. Collective. */
status_t gap_measure(const struct customers *customers, const struct gap_settings *settings, struct gap *gaps,
                     int64_t count, int64_t *reference_customers) __attribute__((warn_unused_result));

/* Bytes that it takes on a rank, but for what learning on a reference set takes (hierarchy_bytes with
 * GAP_TREE_CUSTOMERS customers for a tree). Local. */
double gap_bytes(int64_t customers, int64_t features, int ranks);

#endif
