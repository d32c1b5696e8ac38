/* Mini-batch k-means (Sculley, WWW 2010) for a panel: a centroid moves towards its customers of a batch at
 * the rate 1 / (customers it has had so far). Batches are drawn without replacement within an epoch, each
 * from blocks spread over the whole file. */
#ifndef LOHKO_CLUSTER_MINIBATCH_H
#define LOHKO_CLUSTER_MINIBATCH_H

#include <stdint.h>

#include "cluster/panel.h"
#include "core/status.h"

/* A model stops when its smoothed inertia has not fallen for MINIBATCH_PATIENCE batches by more than
 * MINIBATCH_IMPROVEMENT of itself, or after MINIBATCH_EPOCHS epochs. */
enum { MINIBATCH_PATIENCE = 10, MINIBATCH_EPOCHS = 10 };
#define MINIBATCH_IMPROVEMENT 1e-4
#define MINIBATCH_SMOOTHING 0.1

/* Learns all models from their centroids on. Does nothing where one batch would hold all customers. Models
 * that stop are taken out of the panel for the rest; at the end all are back in it. Collective. */
status_t minibatch_run(struct panel *panel, int64_t batch, uint64_t seed, int64_t *batches)
    __attribute__((warn_unused_result));

/* The blocks (global numbers, one stratum after the other and so rising) of batch `step` of `epoch`: one from
 * each of `strata` equal runs of the file, by a random order of the run's blocks; `chosen` has room for
 * `strata`. Returns how many. Local. */
struct minibatch_plan {
    int64_t blocks;
    int64_t strata;
    int64_t batches; /* in an epoch */
    int64_t *order;  /* blocks: the epoch's order within each stratum */
};
status_t minibatch_plan_open(struct minibatch_plan *plan, int64_t blocks, int64_t batch)
    __attribute__((warn_unused_result));
void minibatch_plan_close(struct minibatch_plan *plan);
void minibatch_plan_shuffle(struct minibatch_plan *plan, uint64_t seed, int64_t epoch);
int64_t minibatch_plan_take(const struct minibatch_plan *plan, int64_t step, int64_t *chosen);

#endif
