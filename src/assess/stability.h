/* Would these segments come out again? What bootstrap replicates and halves of the customers say of a
 * segmentation, by contingency tables of it (rows) with theirs (columns). Local: tables are alike on every
 * rank. */
#ifndef LOHKO_ASSESS_STABILITY_H
#define LOHKO_ASSESS_STABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "assess/agreement.h"
#include "core/status.h"

/* Hennig's bounds (Computational Statistics & Data Analysis 52, 2007, and fpc's clusterboot). */
#define STABILITY_HIGH 0.85
#define STABILITY_STABLE 0.75
#define STABILITY_PATTERN 0.6
#define STABILITY_DISSOLVED 0.5
/* Segments are predictable from one half of the customers to the other from here on (Tibshirani and Walther,
 * 2005: 0.8 to 0.9). */
#define STABILITY_STRENGTH 0.8

struct stability {
    int64_t k;
    int64_t replicates;
    double *ari;          /* replicates: adjusted Rand index with the segmentation */
    double *jaccard;      /* replicates x k: of each segment with the one most like it */
    int32_t *match;       /* replicates x k: the segment that each is matched with, one to one; -1: none */
    double mean_ari;      /* NaN without replicates */
    double *mean_jaccard; /* k: Hennig's stability of a segment */
    int64_t *recovered;   /* k: replicates with a Jaccard index above STABILITY_STABLE */
    int64_t *dissolved;   /* k: of at most STABILITY_DISSOLVED */
    int64_t splits;
    double *strength;     /* splits x 2: prediction strength of each half */
    double mean_strength; /* NaN without splits */
};

/* On failure *stability is safe to close. */
status_t stability_open(struct stability *stability, int64_t k, int64_t replicates, int64_t splits)
    __attribute__((warn_unused_result));
void stability_close(struct stability *stability);

/* Replicate b. */
status_t stability_take(struct stability *stability, int64_t b, const struct contingency *table)
    __attribute__((warn_unused_result));
/* Split s: customers of one half, by their own clustering (rows) and by that of the other half. */
void stability_take_halves(struct stability *stability, int64_t s, const struct contingency *first,
                           const struct contingency *second);
/* The means and counts, when all are taken. */
void stability_finish(struct stability *stability);

/* Hennig's words for a mean Jaccard index, and for want of others for a mean adjusted Rand index too. Where
 * the segments are parts of one cloud, that is said instead: such parts may well come out again. NULL for
 * NaN. */
const char *stability_verdict(double value, bool one_cloud);

#endif
