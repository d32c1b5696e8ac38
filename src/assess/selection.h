/* Which number of segments: four criteria, each with its rule, and what they say together. Local. */
#ifndef LOHKO_ASSESS_SELECTION_H
#define LOHKO_ASSESS_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assess/criterion.h"
#include "assess/gap.h"
#include "core/status.h"

/* Mean adjusted Rand indices that differ by no more are taken for equally stable. */
#define SELECTION_ALIKE 0.02

/* Evenly spread customers fill the middle of the box, without this share at either end of each axis. */
#define SELECTION_TRIM 0.02
/* What counts as nothing: uniform and normal clouds in 2 to 16 features gave up to 0.01, overlapping groups
 * (3 standard deviations apart) 0.14 and more; borders of the former had a density of 1 and more, of separate
 * groups 0. */
#define SELECTION_EVEN 0.02
#define SELECTION_VALLEY 0.5
#define SELECTION_TELLS 0.1
/* A restart has found the same segments from this adjusted Rand index on. */
#define SELECTION_SAME 0.9

/* A number of segments; NaN for what was not measured. */
struct selection_row {
    int64_t k;
    double inertia;
    double silhouette;
    double calinski_harabasz;
    double davies_bouldin;
    double gap;
    double gap_error;
    double prediction_strength;
    double stability; /* mean adjusted Rand index of bootstrap replicates with the segments */
};

/* What a criterion picks: a row; or NONE, where it says that there are no segments at all; or UNKNOWN, where
 * it was not measured. */
enum { SELECTION_NONE = -1, SELECTION_UNKNOWN = -2 };

struct selection {
    struct selection_row *row; /* by rising k; owned */
    int64_t count;
    double gap_one; /* the gap of one segment, and its error; NaN where it was not measured */
    double gap_one_error;
    /* The share of restarts that found the chosen segments; NaN where there are none. Set by the caller, once
     * the choice is made. */
    double found_again;
    /* Found by selection_choose: */
    int64_t pick[CRITERIA];
    int64_t chosen; /* row */
    bool unstable;  /* nothing that was tried but one segment has a stability of STABILITY_PATTERN or more */
    /* Found by selection_weigh: how much more of the customers' squared distances the chosen segments take
     * away than as many segments of customers that are spread evenly take of theirs: log(W1 / Wk) - log(W1* /
     * Wk*), W the inertia of one and of k segments. Evenly over the middle of the box along the principal
     * axes, without the SELECTION_TRIM farthest at either end: unlike the gap it does not grow with what lies
     * far outside, nor with the number of customers. NaN where it was not measured. */
    double structure;
    double structure_error;
    double border; /* density of customers on borders over that around means (valley.h) */
    bool
        one_cloud; /* there are no fewer customers on borders (SELECTION_VALLEY), and the segments fit no
                      better than those of evenly spread customers: by the structure (SELECTION_EVEN and twice
                      its error), or by the gap, which is not above that of one segment by twice the errors */
    bool too_few;  /* that may be so, but customers are too few to say: twice the error leaves room for a
                      difference above  SELECTION_TELLS */
};

/* Fills in what is found, from the rows and gap_one. Where the criterion picks none, one segment is
 * chosen, if that is in the range, else the row that it likes best: the highest gap or strength; where it is
 * unknown, the first. */
void selection_choose(struct selection *selection, enum criterion criterion);

/* With the gaps of one segment and of the chosen ones against sets over the middle of the box, and the
 * density on borders. */
void selection_weigh(struct selection *selection, const struct gap *one, const struct gap *chosen,
                     double border);

const char *selection_criterion_name(enum criterion criterion);

/* The choice and its reason in a sentence; `text` of `size` bytes, cut short if it must be. */
void selection_reason(const struct selection *selection, enum criterion criterion, char *text, size_t size);

/* What stands against it, a sentence each, with newlines between them; empty where nothing does. */
void selection_warnings(const struct selection *selection, char *text, size_t size);

#endif
