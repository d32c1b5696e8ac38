/* Segments without customers. */
#ifndef LOHKO_CLUSTER_REFILL_H
#define LOHKO_CLUSTER_REFILL_H

#include <stdint.h>

#include "cluster/panel.h"
#include "core/status.h"

/* Gives every segment of the model that had no customer in its last pass the customer farthest from its own
 * centroid (largest squared distance; the lowest row on a tie), the next farthest for the next, as its
 * centroid. Customers that weigh nothing, or lie at their centroid, are not taken: where there are no others
 * the segment stays where it is. `before` holds the centroids (k x features) that the last pass was made
 * with. *refilled counts them. Collective. */
status_t refill_empty(struct panel *panel, int64_t model, const double *before, int64_t *refilled)
    __attribute__((warn_unused_result));

#endif
