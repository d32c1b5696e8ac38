/* results.h5: written by rank 0, which never holds n of anything. Shapes and meaning are in product.md and
 * docs/results.md. */
#ifndef LOHKO_DATA_RESULTS_H
#define LOHKO_DATA_RESULTS_H

#include <hdf5.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/customers.h"
#include "data/prepare.h"
#include "data/source.h"
#include "data/table.h"

/* What is known of each customer, for a run of rows. */
struct assignments {
    int32_t *segment;
    float *distance;
    int32_t *runner_up;
    float *shadow;
};

/* Places of which a customer's nearest says in which segment it is, where the segments are a cut of a tree.
 */
struct results_leaves {
    int64_t count;          /* 0: none, the nearest centroid decides */
    const double *centroid; /* count x preparation->count; NULL: those of /hierarchy/leaf_centroid, as they
                               are where every customer is a leaf */
    const int32_t *segment; /* count */
};

/* Everything but the assignments. Matrices are row-major. Names of columns: of the table. */
struct results_content {
    const struct table *table;
    const struct preparation *preparation;
    int64_t k;
    const double *centroid_prepared; /* k x preparation->count */
    const int64_t *size;             /* k */
    const double *mean;              /* k x table->columns, input units, like the next two */
    const double *deviation;
    const double *median;
    int64_t restarts;
    const double *restart_inertia;
    const double *segment_linkage; /* (k - 1) x 4, as SciPy has it; NULL where k is 1 */
    const int64_t *number;         /* k, rising; NULL: 0 .. k - 1, and the next is k */
    int64_t next_number;
    /* For scoring customers later: */
    const char
        *missing; /* what was done with missing values; NULL: neither it nor the next four are written */
    const double *all_deviation; /* table->columns: of all customers, input units */
    const double *decile;        /* table->features x DECILES */
    const int64_t *decile_upto;  /* table->features x DECILES */
    double far;                  /* how far nearly all customers are from their centroid at most, prepared
                                    units; NaN: not written */
    struct results_leaves leaves;
};

/* An attribute: text, or a number where text is NULL. */
struct results_attribute {
    const char *name;
    const char *text;
    bool whole; /* int64, else double */
    int64_t integer;
    double real;
};

struct results_file {
    hid_t file; /* rank 0 only */
};

/* Rank 0 creates the file. Local. */
status_t results_create(struct results_file *results, const char *path) __attribute__((warn_unused_result));

/* /segments, /hierarchy/segment_linkage, /model and the attributes of the root; after /hierarchy, where there
 * are leaves. Local: rank 0. */
status_t results_write_content(struct results_file *results, const struct results_content *content,
                               const struct results_attribute *attributes, int64_t attribute_count)
    __attribute__((warn_unused_result));

/* Flushes and closes; a failure to flush is a failure. Safe when nothing is open. Local. */
status_t results_close(struct results_file *results) __attribute__((warn_unused_result));

/* The HDF5 library's version. Local. */
void results_library(char *text, size_t size);

/* Bytes that the file will take without /hierarchy and the leaves, about. */
int64_t results_bytes(const struct table *table, int64_t k);

#endif
