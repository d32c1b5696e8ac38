/* Who is in which segment, where the segments lie and how well they fit: what every way of making segments
 * gives, for all that comes after. */
#ifndef LOHKO_CLUSTER_SEGMENTS_H
#define LOHKO_CLUSTER_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"
#include "data/customers.h"
#include "data/row_numbers.h"

struct segmentation {
    int64_t k;
    int64_t features;
    double *centroid;         /* k x features, prepared units; what distances are measured to */
    double *sum;              /* k x features: of the members' prepared values, exact */
    int64_t *size;            /* k: customers, over all ranks */
    struct row_numbers label; /* of this rank's customers; none for those left out */
    double inertia;           /* of the labels and centroids above, over all customers */
    double total_squares;     /* sum of squared distances to the mean customer, prepared units */
};

/* centroid, sum and size, zeroed, for segments->k of customers->features. Local. */
status_t segments_open(struct segmentation *segments, const struct customers *customers)
    __attribute__((warn_unused_result));
void segments_free(struct segmentation *segments);

struct labelling;

/* The labels of this rank's customers by a labelling, which is open, of segments->k. Local; a failure is this
 * rank's own. */
status_t segments_label(const struct customers *customers, const struct labelling *labelling,
                        struct segmentation *segments) __attribute__((warn_unused_result));

/* Everything from labels, 0 .. k - 1 in any order, each with a customer: those of `labelling`, which is open,
 * or where that is NULL segments->label. segments->k is given; the rest is opened here. The centroids are the
 * means of the members. Segments are numbered anew, by falling size (ties: by centroid, lexicographically),
 * and segments->label with them: number[old] = new (k of them). The same on any number of ranks. Collective.
 */
status_t segments_from_labels(const struct customers *customers, const struct preparation *preparation,
                              const struct labelling *labelling, struct segmentation *segments,
                              int32_t *number) __attribute__((warn_unused_result));

/* Puts the segments in another order: the one that was order[h] becomes h (k of them). Where they are those
 * of the nearest centroid (`by_centroid`), customers halfway between two centroids go to the one that is now
 * the lower, and sums, sizes and inertia with them; the centroids stay. There are no labels, and none are
 * made. Collective. */
status_t segments_reorder(const struct customers *customers, const struct preparation *preparation,
                          const int64_t *order, bool by_centroid, struct segmentation *segments)
    __attribute__((warn_unused_result));

/* The order in which segments are numbered: order[h] is the one that number h belongs to. Local. */
status_t segments_order(int64_t k, int64_t features, const double *centroid, const int64_t *size,
                        int64_t *order) __attribute__((warn_unused_result));

/* Sets inertia and total_squares, from all else and the sum of the customers' squared norms (an unevaluated
 * pair), in 113 bits. Local. */
void segments_measure(struct segmentation *segments, const double squares[2]);

/* The share of the customers' squared distances to their mean that the segments explain. Local. */
double segments_explained(const struct segmentation *segments);

#endif
