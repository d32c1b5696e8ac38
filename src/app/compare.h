/* What the parts of `lohko compare` share. */
#ifndef LOHKO_APP_COMPARE_H
#define LOHKO_APP_COMPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "app/migration_report.h"
#include "assess/drift.h"
#include "assess/migration.h"
#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"
#include "data/labelled.h"
#include "data/output.h"
#include "data/row_numbers.h"
#include "data/saved_model.h"
#include "data/source.h"

struct compare_options {
    char *before;
    char *after;
    char *output;
    char *input;          /* NULL: where the results after say, like the next two */
    char *input_features; /* NULL: auto, like all that follow */
    char *input_id;
    char *before_features;
    char *before_id;
    char *before_label;
    char *after_features;
    char *after_id;
    char *after_label;
};

enum { MISSING_SIZE = 512 };

/* One of the two segmentations. */
struct compare_side {
    struct labelled labelled;
    struct saved_model model; /* has_model */
    bool has_model;
};

struct compare {
    struct comm *comm;
    struct log log;
    struct compare_options options;
    time_t started;
    char *hosts;
    struct compare_side before;
    struct compare_side after;
    struct row_numbers found;     /* of the rows after: the segment before */
    struct row_numbers old_label; /* likewise: what the model before says of them now */
    int64_t *lapsed;              /* k before */
    struct source source;         /* the customers after, as they are */
    bool rescored;
    char missing[MISSING_SIZE]; /* why they are not rescored */
    struct drift drift;
    double *carried;    /* centroids after in the units before: k after x features before; like the next */
    double *after_mean; /* input units */
    struct migration migration;
    struct output output; /* rank 0 */
    int64_t peak_memory;
};

/* The customers after by the model before, where their file can be had; else compare->missing says why not.
 * Collective. */
status_t compare_rescore(struct compare *compare) __attribute__((warn_unused_result));

/* results.h5, migration.csv, summary.json, and what came of it on stdout. Collective. */
status_t compare_write(struct compare *compare) __attribute__((warn_unused_result));

#endif
