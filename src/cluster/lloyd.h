/* Lloyd's passes of a panel's learning models over its members until each has converged: its centroids moved
 * by no more than the tolerance. */
#ifndef LOHKO_CLUSTER_LLOYD_H
#define LOHKO_CLUSTER_LLOYD_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/panel.h"
#include "core/status.h"

struct lloyd_model;

struct lloyd {
    struct panel *panel;
    bool polish;               /* else centroids stay where they are, and are measured by one pass */
    double bound;              /* on the squared move of all centroids */
    struct lloyd_model *model; /* of each model of the panel */
    double *before;            /* the most k x features: centroids before a move */
    int64_t passes;            /* so far */
    int64_t refills;           /* segments without customers that were given one (refill.h) */
};

/* tolerance: on the squared move, relative to the mean feature variance. Collective. */
status_t lloyd_open(struct lloyd *lloyd, struct panel *panel, bool polish, double tolerance)
    __attribute__((warn_unused_result));
void lloyd_close(struct lloyd *lloyd);

/* Until no model learns any more. Those whose customers all weigh one are then measured: sums, counts and
 * inertia are those of their centroids. Collective. */
status_t lloyd_run(struct lloyd *lloyd) __attribute__((warn_unused_result));

/* Whether a model met the tolerance, in its last run. Local. */
bool lloyd_converged(const struct lloyd *lloyd, int64_t model);

#endif
