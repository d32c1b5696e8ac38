/* How customers differ from those that a model was learned from: the population stability index of every
 * feature and of the shares of segments, and how many lie farther out than nearly all of the others did. */
#ifndef LOHKO_ASSESS_DRIFT_H
#define LOHKO_ASSESS_DRIFT_H

#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/saved_model.h"
#include "data/table.h"

/* Bins of a feature: those that the model's deciles part, and one for missing values. */
enum { DRIFT_BINS = DECILES + 2 };

/* A share of nothing counts as this much in a population stability index, so that its logarithm is finite. */
#define DRIFT_EPSILON 1e-4

/* From these on, by convention and not by a test, a distribution is to be watched, or has shifted. */
#define DRIFT_WATCH 0.1
#define DRIFT_SHIFTED 0.25

struct drift {
    const struct saved_model *model;
    int64_t customers; /* that were scored, like all that follows */
    int64_t far;       /* of them, farther from their centroid than model->far */
    int64_t *segment;  /* k: customers in each */
    int64_t *bin;      /* features x DRIFT_BINS: customers */
    /* after drift_finish: */
    double *psi; /* features; NaN where the model does not know how its customers' values were spread */
    double segment_psi; /* of the shares of segments */
    double far_share;   /* NaN likewise */
};

/* Local, like drift_take. */
status_t drift_open(struct drift *drift, const struct saved_model *model) __attribute__((warn_unused_result));
void drift_close(struct drift *drift);

/* A block of the table that was scored: labels (BLOCK_ROWS, -1: does not count) and, unless NULL, distances.
 */
void drift_take(struct drift *drift, const struct raw_block *block, const int32_t *label,
                const float *distance);

/* Adds up over the ranks and measures. Collective. */
status_t drift_finish(struct comm *comm, struct drift *drift) __attribute__((warn_unused_result));

/* Customers in each bin of a feature when the model was learned; of a model that has deciles. Local. */
void drift_bins_before(const struct saved_model *model, int64_t feature, int64_t bin[DRIFT_BINS]);

/* sum (p - q) ln(p / q) over `bins` bins, p and q the shares of `before` and `now`, each at least
 * DRIFT_EPSILON; 0 where neither has any. Local. */
double drift_psi(const int64_t *before, const int64_t *now, int64_t bins);

/* stable, watch or shifted; NULL for NaN. Local. */
const char *drift_word(double psi);

#endif
