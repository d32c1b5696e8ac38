/* Mini-batch k-means with nested batches (Newling and Fleuret, NIPS 2016, arXiv 1602.02934) for a panel.
 *
 * The first batch is learned on by Lloyd's passes until centroids move by less than the chance of having
 * drawn these customers moves them; then the batch doubles. Every batch contains the one before, so that
 * segments and sums found there still hold, and each customer counts once. Batches are blocks spread over the
 * whole file. */
#ifndef LOHKO_CLUSTER_MINIBATCH_H
#define LOHKO_CLUSTER_MINIBATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/panel.h"
#include "core/status.h"

enum {
    MINIBATCH_PASSES = 40,    /* over one batch, at most */
    MINIBATCH_CUSTOMERS = 32, /* in the first batch, for each segment, at least */
    /* Blocks that are enough to see a file by, whatever it is sorted by: seeds come from no fewer, and larger
     * batches are not thought unneeded before. */
    MINIBATCH_BLOCKS = 64
};
/* A model is done with a batch when the squared length of its move is at most this share of the squared
 * sampling error of its centroids, (inertia / n) sum_h 1 / n_h. */
#define MINIBATCH_STILL 0.03
/* Without full passes afterwards, batches stop growing when one, half of it never seen before, could be
 * improved on by less than this share of its inertia (the stopping rule of Schwartzman, ICLR 2023). */
#define MINIBATCH_ENOUGH 1e-3

/* Which blocks are in which batch: `strata` equal runs of the file give as many blocks each, by a random
 * order of the run's blocks. */
struct minibatch_plan {
    int64_t blocks;
    int64_t strata;
    int64_t *order;  /* blocks: in each stratum, first come first taken */
    int64_t *chosen; /* blocks: the last answer of minibatch_next */
    int64_t taken;   /* blocks of each stratum so far */
};
/* First batches of `batch` customers. Local. */
status_t minibatch_plan_open(struct minibatch_plan *plan, int64_t blocks, int64_t batch, uint64_t seed)
    __attribute__((warn_unused_result));
void minibatch_plan_close(struct minibatch_plan *plan);
/* The blocks that the next batch has and the one before had not, in plan->chosen; returns how many, 0 when
 * all are taken. Local. */
int64_t minibatch_next(struct minibatch_plan *plan);
/* Whether one more batch would take all blocks. Local. */
bool minibatch_is_last(const struct minibatch_plan *plan);

/* Passes of the learning models over the panel's members as they are, until none of them moves much, at most
 * so many. *passes counts them. Collective. */
status_t minibatch_learn(struct panel *panel, int64_t most, int64_t *passes)
    __attribute__((warn_unused_result));

/* When larger batches end. */
enum {
    MINIBATCH_TO_ALL = -1, /* when only the batch of all customers is left */
    MINIBATCH_WORTH = 0    /* when they are not worth it, or all are in; any other number: when the plan has
                              taken so many blocks of each stratum, or all are in */
};

/* Learns all models from their centroids on, batch by batch; the panel's members are the plan's first batch.
 * At the end all blocks are members and all models learn. *batches counts the passes; *taken (or NULL) is
 * what the plan had taken when batches ended. Collective. */
status_t minibatch_run(struct panel *panel, struct minibatch_plan *plan, int64_t end, int64_t *batches,
                       int64_t *taken) __attribute__((warn_unused_result));

#endif
