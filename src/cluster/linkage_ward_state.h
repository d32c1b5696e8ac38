/* What clusters know of their nearest others between two rounds of Ward's linkage: a round that begins with
 * it merges the same pairs, also where ties and rounding leave several ways to go on. */
#ifndef LOHKO_CLUSTER_LINKAGE_WARD_STATE_H
#define LOHKO_CLUSTER_LINKAGE_WARD_STATE_H

#include <stdint.h>

#include "cluster/linkage_rounds.h"
#include "cluster/neighbours.h"
#include "core/status.h"

/* Clusters go by their lowest points; -1 is none. */
struct ward_known {
    double radius;
    int32_t first; /* of the cluster itself */
    int32_t nearest;
    int32_t known[NEIGHBOURS];
};

/* Of all clusters, all->active of them, in all->spare. Collective over the node. */
status_t ward_state_list(struct neighbours *all, struct ward_known **known)
    __attribute__((warn_unused_result));

/* Makes the clusters that merges of the `points` points make, and lets them know what rounds->extra says.
 * merge: rounds->known of them. Collective. */
status_t ward_state_recall(struct neighbours *all, int64_t points, const struct merge *merge,
                           const struct linkage_rounds *rounds) __attribute__((warn_unused_result));

#endif
