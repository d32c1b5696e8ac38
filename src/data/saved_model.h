/* What a results.h5 knows of its own segmentation: all that scores a customer, and what the customers were
 * like that it was learned from. Read from /model, /segments and the attributes; files are untrusted. */
#ifndef LOHKO_DATA_SAVED_MODEL_H
#define LOHKO_DATA_SAVED_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"
#include "data/deciles.h"
#include "data/prepare.h"
#include "data/settings.h"
#include "data/source.h"

struct saved_model {
    char *path;
    char *version; /* of lohko, that wrote it */
    int64_t k;
    int64_t features;
    char **name;                    /* features */
    struct preparation preparation; /* feature[f].column == f: of a table opened by saved_model_columns */
    enum missing missing; /* what the fit did with missing values; fill is NaN under drop and error */
    double *centroid;     /* k x features, prepared units */
    int64_t *number;      /* k: of each segment, rising, up to INT32_MAX; 0 .. k - 1 unless handed down */
    int64_t next_number;  /* the lowest that no segment ever had; up to INT32_MAX + 1 */
    int64_t *size;        /* k: customers */
    double *mean;         /* k x features: of the members, input units */
    double *median;       /* k x features */
    double *deviation;    /* features: of all customers, input units; NaN where an older file does not say */
    int64_t customers;    /* that took part */
    double inertia;       /* of its customers; NaN where the file does not say */
    /* How the customers were spread; NULL in files of lohko 0.4 and before, like `far` then NaN: */
    double *decile;       /* features x DECILES, input units; NaN, all of a feature, where nobody who was
                             sampled had a value */
    int64_t *decile_upto; /* features x DECILES: customers with at most that value */
    int64_t *unknown;     /* features: customers without a value */
    double far;           /* 99.9 % of the customers were no farther from their centroid; prepared units */
    /* Where the segments are a cut of a tree: the places whose nearest a customer goes with. */
    bool is_cut;
    int64_t leaves;        /* 0: the nearest centroid decides; of a cut: the file (of lohko 0.4) has none */
    double *leaf_centroid; /* leaves x features */
    int32_t *leaf_segment; /* leaves: 0 .. k - 1 */
    /* What it was learned from: */
    char *input_path;     /* NULL where the file does not say, like the next two */
    char *input_checksum; /* hexadecimal, of the values of `column` */
    char *config;         /* the effective configuration, YAML */
    int64_t rows;         /* of the input, those left out too */
    int64_t columns;
    char **column; /* names of all columns that were read: features, then those that were only described */
};

/* EXIT_NO_INPUT where the file cannot be read, EXIT_BAD_DATA where it holds no model or one that contradicts
 * itself. Collective. */
status_t saved_model_read(struct comm *comm, const char *path, struct saved_model *model)
    __attribute__((warn_unused_result));
void saved_model_free(struct saved_model *model);

/* EXIT_BAD_DATA where the file does not hold what says which segment a customer belongs to. Local. */
status_t saved_model_check_scoring(const struct saved_model *model) __attribute__((warn_unused_result));

/* The source's column of each of the model's features (column: features of them). EXIT_BAD_DATA naming those
 * that are missing. Columns that the model does not know are told to the log, unless it is NULL. Local, alike
 * on all ranks. */
status_t saved_model_columns(const struct saved_model *model, const struct source *source, struct log *log,
                             int64_t *column) __attribute__((warn_unused_result));

/* What prepare.missing says: median, mean, drop, error. Local. */
const char *saved_model_missing_name(enum missing missing);

#endif
