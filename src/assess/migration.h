/* Who went where between two segmentations, year on year (methods.md): what is measured from counts of
 * customers. Local but for migration_count. */
#ifndef LOHKO_ASSESS_MIGRATION_H
#define LOHKO_ASSESS_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/row_numbers.h"

/* What became of a segment (after MONIC: Spiliopoulou, Ntoutsi, Theodoridis and Schult, KDD 2006). */
enum transition {
    TRANSITION_SURVIVES,
    TRANSITION_SPLIT,
    TRANSITION_ABSORBED,
    TRANSITION_DISAPPEARS,
    /* of segments after: */
    TRANSITION_EMERGES,
    TRANSITION_CONTINUES /* one from before is matched with it, or lives on in it, or a part of one does */
};

/* Overlap is the share of a segment's shared customers: a segment lives on in one that takes at least so many
 * of them, and splits into those that take at least this many each; transition.h has the rules. */
#define MIGRATION_OVERLAP 0.5
#define MIGRATION_SPLIT_OVERLAP 0.25

/* One of the two segmentations. */
struct migration_side {
    int64_t k;
    const int64_t *number; /* k: of each segment, rising; not owned, like all here */
    char *const *name; /* k: instead, where segments have names (a segmentation from elsewhere); or NULL */
};

/* Customers of the time after who took the same way. */
struct migration_step {
    int32_t before; /* segment before; side k: new customer */
    int32_t
        old_model; /* the segment that the model before gives to the customer as it is after; side k: none */
    int32_t after;
    int64_t customers;
};

/* Where segments lie, for matching by place and for drift; every pointer may be NULL (not known). */
struct migration_places {
    int64_t features;              /* of the segmentation before */
    char *const *name;             /* features */
    const double *before_prepared; /* k before x features, like the next in the prepared units before */
    const double *after_prepared;  /* k after x features */
    const double *before_mean;     /* k before x features, input units */
    const double *after_mean;      /* k after x features; NaN where a feature is not known after */
    const double *deviation;       /* features: of all customers before, input units */
};

struct migration {
    struct migration_side before;
    struct migration_side after;
    struct migration_places places;
    bool same_numbers; /* numbers were handed down: segments of one number are one */
    /* counted (migration_count): */
    int64_t *count;              /* (k before + 1) x (k after + 1): last row new, last column lapsed */
    bool has_steps;              /* the model before could be asked about the customers after */
    struct migration_step *step; /* steps: by before, old_model, after; each has customers */
    int64_t steps;
    /* measured (migration_measure), all owned: */
    int64_t shared; /* customers of both times; in a segment both times, like all here */
    int64_t fresh;  /* new ones */
    int64_t lapsed;
    int64_t kept;             /* shared ones in the segment that theirs is matched with */
    double adjusted_rand;     /* over shared customers; NaN where there are none */
    double *share;            /* of the row's customers: as count; NaN in a row without any */
    int32_t *match;           /* k before: the segment after with which it is one, by customers; -1 none */
    int32_t *match_place;     /* the same by distance of centroids; NULL where places are not known, or so far
                                 apart that their distance is no number */
    double *retention;        /* k before: of all its customers, those in the matched segment */
    double *retention_shared; /* k before: of its customers who are shared */
    double *jaccard;          /* k before: with the most alike segment after, over shared customers */
    enum transition *fate;    /* k before */
    int32_t *heir;            /* k before: where it survives or is absorbed, the segment after; else -1 */
    bool *by_likeness;        /* k before: its fate is that of the customers who are like its own */
    bool *split_into;         /* k before x k after: the parts of one that split */
    enum transition *origin;  /* k after: emerges or continues */
    int64_t *customer_change; /* (k before + 1) x (k before + 1): what customers did, by the model before;
                                 last row new, last column lapsed or not scored; NULL without steps */
    int64_t *model_change;    /* (k before + 1) x k after: what the model did, to the same customers; last row
                                 not scored by the model before */
    int64_t
        moved_by_customer;    /* shared: changed segment under the model before alone; the new model agrees */
    int64_t moved_by_model;   /* stayed under the model before; the new model moved them */
    int64_t moved_by_both;    /* moved under the model before, and moved on by the new one, elsewhere */
    int64_t moved_back;       /* moved under the model before, and moved back by the new one: they are kept */
    int64_t moved_unscored;   /* not kept, and not scored by the model before. kept and all of these but
                                 moved_back add up to shared; all are 0 without steps */
    double *drift;            /* k before x features: of the matched segment's mean, input units; or NaN */
    double *drift_deviations; /* the same in standard deviations of all customers before */
};

/* Counts customers over the ranks' rows: `found` and `after` label each of this rank's rows (-1: new; takes
 * no part), `old_model` too (-1: not scored) unless NULL (no steps); lapsed: k before, alike on all ranks.
 * The sides and the places are set. EXIT_NO_MEMORY where the tables that are made here and in
 * migration_measure have no room. Collective; alike on all ranks. */
status_t migration_count(struct comm *comm, const struct row_numbers *found,
                         const struct row_numbers *old_model, const struct row_numbers *after,
                         const int64_t *lapsed, struct migration *migration)
    __attribute__((warn_unused_result));

/* Everything else, from the counts and the places. Either side may have no segments. */
status_t migration_measure(struct migration *migration) __attribute__((warn_unused_result));
void migration_free(struct migration *migration);

/* "3", or the segment's name, cut where it is longer than the buffer. */
enum { MIGRATION_LABEL_SIZE = 64 };
const char *migration_label(const struct migration_side *side, int64_t segment,
                            char buffer[MIGRATION_LABEL_SIZE]);

/* What the segment is called in datasets: its number, its place where segments have names; -1 for -1. */
int64_t migration_number(const struct migration_side *side, int64_t segment);

/* survives, split, absorbed, disappears, emerges, continues. */
const char *migration_word(enum transition transition);

#endif
