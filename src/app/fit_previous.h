/* A fit that knows the year before (previous.results): last year's model scores this year's customers, its
 * centroids are one of the starts, its segment numbers are handed down, and who went where is told. */
#ifndef LOHKO_APP_FIT_PREVIOUS_H
#define LOHKO_APP_FIT_PREVIOUS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/migration_report.h"
#include "assess/drift.h"
#include "assess/migration.h"
#include "cluster/warm.h"
#include "core/status.h"
#include "data/row_numbers.h"
#include "data/saved_model.h"

struct fit;
struct fit_try;

struct fit_previous {
    struct saved_model model;
    struct row_numbers found;     /* of this rank's rows: the segment last year, as an index of the model's;
                                     -1: new, or takes no part */
    struct row_numbers old_label; /* likewise: the segment that last year's model gives the customer now */
    bool is_scored;               /* it could score them; else nobody has an old label */
    int64_t *lapsed;              /* the model's k */
    int64_t left_out;             /* last year's customers without a segment */
    struct drift drift;
    char missing[512]; /* why the model could not score them; empty where it did */
    double *centroid;  /* last year's in this year's prepared units; the model's k x features of now */
    struct warm_start start;
    double *carried;    /* this year's centroids in last year's prepared units; k x the model's features */
    double *after_mean; /* k x the model's features: input units */
    struct migration migration;
};

/* ---- stages; collective; nothing where there is no previous.results ---- */

/* Reads last year's model, when the input is open. */
status_t fit_read_previous(struct fit *fit) __attribute__((warn_unused_result));

/* This year's customers by last year's model, and who of them was there: when it is known who takes part. */
status_t fit_score_previous(struct fit *fit) __attribute__((warn_unused_result));

/* Last year's centroids in the units of this year, when its preparation is known. */
status_t fit_carry_previous(struct fit *fit) __attribute__((warn_unused_result));

/* Last year's numbers for the segments of every try. */
status_t fit_hand_down(struct fit *fit) __attribute__((warn_unused_result));

/* Who went where, when the segments and their profile are known. */
status_t fit_measure_migration(struct fit *fit) __attribute__((warn_unused_result));

void fit_free_previous(struct fit *fit);

/* ---- local ---- */

/* The columns of last year's features, in its order: of `features`. Where features.use names others:
 * EXIT_BAD_CONFIG. */
status_t fit_previous_columns(struct fit *fit, int64_t *features, int64_t *count)
    __attribute__((warn_unused_result));

/* Whether last year's preparation is kept. */
bool fit_keeps_preparation(const struct fit *fit);

/* The number of segment h of a try: h itself unless numbers were handed down. */
int64_t fit_number(const struct fit_try *try, int64_t h);

/* The start for k-means; NULL: none. */
const struct warm_start *fit_warm_start(const struct fit *fit);

/* What the report is about. */
struct migration_report fit_migration_report(const struct fit *fit);

/* Bytes that a rank needs for it all the time, and more as long as customers are joined. */
double fit_previous_bytes(const struct fit *fit, int64_t rows_of_rank);
double fit_previous_join_bytes(const struct fit *fit);

#endif
