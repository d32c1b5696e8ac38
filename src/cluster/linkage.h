/* Exact agglomerative clustering of points by the four reducible linkages. Distances are Euclidean, heights
 * those of scipy.cluster.hierarchy.linkage.
 *
 * Each function finds the count - 1 merges of `points`, in an order in which no cluster is used before it is
 * made, alike on every rank and for any number of ranks. The points are consumed: their arrays hold nothing
 * of use afterwards. Collective over points->comm. */
#ifndef LOHKO_CLUSTER_LINKAGE_H
#define LOHKO_CLUSTER_LINKAGE_H

#include <stdint.h>

#include "core/comm.h"
#include "core/log.h"
#include "core/node.h"
#include "core/status.h"

enum linkage { LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_COMPLETE, LINKAGE_SINGLE };

/* No two are alike. A point stands for `size` customers at one place; sum / size is that place, exactly. */
struct points {
    struct comm *comm;
    struct log *log;
    struct node *node; /* whose memory the arrays are in: one copy for all its ranks */
    int64_t count;     /* below 2^31 */
    int64_t features;
    double *sum;   /* count x features: prepared values; sums of any subset are exact */
    int64_t *size; /* count */
};

/* Joins the cluster that holds point `first` with the one that holds `second`; first < second, each the
 * lowest point of its cluster. */
struct merge {
    double height;
    int32_t first;
    int32_t second;
};

/* What it cost. */
struct linkage_work {
    int64_t rounds;
    int64_t searches; /* nearest neighbours looked for among all clusters */
    int64_t pairs;    /* distances looked at, most of them in float */
    int64_t exact;    /* of them, those evaluated in double */
};

/* Which of two pairs of clusters at one distance comes first, by the lowest points of the two: a hash of them
 * (the finaliser of splitmix64), the same either way round and different for different pairs. So on a grid
 * many pairs are each other's nearest, and not only those at its corner. Local. */
static inline uint64_t linkage_tie(int32_t first_a, int32_t first_b)
{
    uint64_t low = (uint64_t)(first_a < first_b ? first_a : first_b);
    uint64_t high = (uint64_t)(first_a < first_b ? first_b : first_a);
    uint64_t mixed = low << 32 | high;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

/* The one of the three below that does `linkage`. `merge`: points->count - 1, this rank's. The journal of
 * points->comm has the outcome, and until then the rounds of those below. */
status_t linkage_run(struct points *points, enum linkage linkage, struct merge *merge,
                     struct linkage_work *work) __attribute__((warn_unused_result));

status_t linkage_ward(struct points *points, struct merge *merge, struct linkage_work *work)
    __attribute__((warn_unused_result));
/* LINKAGE_AVERAGE or LINKAGE_COMPLETE, by the matrix of distances, whose rows are cut over the ranks. */
status_t linkage_matrix(struct points *points, enum linkage linkage, struct merge *merge,
                        struct linkage_work *work) __attribute__((warn_unused_result));
status_t linkage_single(struct points *points, struct merge *merge, struct linkage_work *work)
    __attribute__((warn_unused_result));

/* Bytes that linkage_matrix takes on the rank with the most rows. Local. */
double linkage_matrix_bytes(int64_t count, int ranks);
/* Bytes that the others take: on a node, for all its ranks. Local. */
double linkage_points_bytes(int64_t count, int64_t features);

#endif
