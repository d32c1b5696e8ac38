/* The distances between clusters, all of them, rows cut over the ranks; by average or complete linkage.
 *
 * A cluster has a row and a column of the same number, its slot. D[i][j] and D[j][i] are kept at different
 * places and always have the same bits. INFINITY stands in the own column and where there is no cluster (any
 * more). Local unless marked collective. */
#ifndef LOHKO_CLUSTER_DISTANCE_MATRIX_H
#define LOHKO_CLUSTER_DISTANCE_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/linkage.h"
#include "core/comm.h"
#include "core/status.h"

struct distance_matrix {
    struct comm *comm;
    bool complete; /* else average */
    int64_t slots;
    int64_t stride; /* doubles in a row */
    int64_t first;  /* slot of this rank's first row */
    int64_t rows;   /* of this rank */
    double *row;    /* rows x stride */
    double *other;  /* stride: a row from another rank */
};

/* Two clusters that merge. */
struct distance_pair {
    double height;
    double kept_size;
    double gone_size;
    int32_t kept;  /* slot of the result */
    int32_t gone;  /* the other's slot */
    int32_t first; /* lowest points, the lower one first */
    int32_t second;
};

struct distance_least {
    double first;
    double second; /* equal to the first where that occurs twice */
    int64_t at;    /* slot of the first, where it occurs once; anything where it is INFINITY */
};

/* Every point a cluster: Euclidean distances of their places in double, features in rising order, each
 * difference squared and added by one fused multiply-add. Collective. */
status_t distance_matrix_open(struct distance_matrix *matrix, const struct points *points, bool complete)
    __attribute__((warn_unused_result));
void distance_matrix_close(struct distance_matrix *matrix);

/* Bytes that it takes on the rank with the most rows, while it is made smaller for the first time. */
double distance_matrix_bytes(int64_t count, int ranks);

/* One of this rank's rows. */
static inline double *distance_matrix_row(const struct distance_matrix *matrix, int64_t slot)
{
    return matrix->row + (slot - matrix->first) * matrix->stride;
}

/* The two least of one of this rank's rows. */
struct distance_least distance_matrix_least(const struct distance_matrix *matrix, int64_t slot);

/* Merges the `pairs` pairs, which are in rising order of `first` and have no slot in common: their rows here,
 * the other rows' columns by distance_matrix_columns. A distance to a merged cluster lies between those to
 * its two halves, whatever the rounding. Collective. */
status_t distance_matrix_merge(struct distance_matrix *matrix, const struct distance_pair *pair,
                               int64_t pairs) __attribute__((warn_unused_result));

/* Combines the columns of pairs in one of this rank's rows, whose slot is in none of them. */
void distance_matrix_columns(struct distance_matrix *matrix, int64_t slot, const struct distance_pair *pair,
                             int64_t pairs);

/* Takes out slots and shares the rows out evenly again. moved: the number that a slot gets, in the same
 * order, 0 .. left - 1; -1 for those taken out, at least half of them. Collective. */
status_t distance_matrix_compact(struct distance_matrix *matrix, const int32_t *moved, int64_t left)
    __attribute__((warn_unused_result));

#endif
