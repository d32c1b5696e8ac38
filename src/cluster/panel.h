/* A panel of k-means models that learn side by side: a pass reads each block of customers once, and while it
 * is in cache every model that is still learning assigns it and adds to its sums. One fused reduction a pass
 * carries the sums and counts of all of them.
 *
 * The customers of a pass are the panel's members: blocks that are added and never leave, so that a
 * mini-batch can grow (minibatch.h). A model remembers its members' segments (track.h): a later pass looks
 * again only at tiles whose segments could have changed, and moves in its sums only what did. The labels and
 * sums are those of a pass that looks at everyone.
 *
 * Sums are exact: prepared values are multiples of their feature's quantum (data/prepare.h) and travel as
 * integers. A pass needs no distances: with S_h and n_h the exact sum and count of segment h and |X|^2 the
 * exact sum of squared norms, the inertia is |X|^2 - 2 sum c_h.S_h + sum n_h |c_h|^2, evaluated in 113 bits.
 */
#ifndef LOHKO_CLUSTER_PANEL_H
#define LOHKO_CLUSTER_PANEL_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/nearest.h"
#include "cluster/track.h"
#include "cluster/weighting.h"
#include "core/comm.h"
#include "core/exactsum.h"
#include "core/journal.h"
#include "core/status.h"
#include "data/customers.h"
#include "kernel/tile.h"

struct model {
    int64_t k;
    bool learning;              /* takes part in passes */
    struct weighting weighting; /* of customers, in sums and counts */
    /* Inertia a customer that is supposed of a model whose customers are weighted: it is not measured. */
    double spread;
    double *centroid; /* k x features */
    double *sum;      /* k x features: of the last pass, over all ranks, weighted */
    int64_t *count;   /* k: customers, likewise */
    double inertia;   /* of the last pass: to the centroids that it was made with */
    /* This rank's part: */
    float *narrow; /* for the kernel */
    float *half_square;
    double *passed_with; /* k x features: the centroids of the last pass */
    double *own_sum;     /* k x features */
    int64_t *own_count;  /* k */
    int64_t passes;      /* since it remembers */
    double drift;
    struct track track;
};

struct panel {
    const struct customers *customers;
    const struct preparation *preparation; /* quanta */
    struct model *model;
    int64_t count;
    struct tile_centroids *centroids; /* of each model, as the kernels want them */
    int64_t *wire;                    /* the fused reduction */
    int64_t wire_size;
    int64_t *member; /* blocks of this rank, global numbers */
    int64_t members;
    double track_bytes;             /* that models may take to remember members */
    int64_t remembered;             /* members that the models' tracks have room for */
    struct exactsum member_squares; /* sum of their squared norms */
    int64_t member_customers;
    double squares[2]; /* of the last pass: sum of squared norms over all ranks, an unevaluated pair */
    int64_t passed;    /* customers of the last pass, over all ranks */
    struct nearest nearest;
    /* For measuring what it costs: look at every customer in every pass; and besides remember nothing, so
     * that all are added to their segments anew. */
    bool everyone;
    bool forgetful;
    int64_t visited;  /* model x customers of all passes, on this rank */
    int64_t assigned; /* of them, those whose tile was looked at */
    struct journal_field *field;
};

/* `count` models, the m-th of k[m] segments, without members. Collective. */
status_t panel_open(struct panel *panel, const struct customers *customers,
                    const struct preparation *preparation, int64_t count, const int64_t *k)
    __attribute__((warn_unused_result));
/* The same with k segments each. */
status_t panel_open_alike(struct panel *panel, const struct customers *customers,
                          const struct preparation *preparation, int64_t count, int64_t k)
    __attribute__((warn_unused_result));
void panel_close(struct panel *panel);

/* Adds blocks (global numbers; NULL: all of the file); those of other ranks are passed over. None may be a
 * member already. Local. */
void panel_add(struct panel *panel, const int64_t *block, int64_t count);

/* One pass of all learning models over the members: sets sum, count, inertia. Collective. */
status_t panel_pass(struct panel *panel) __attribute__((warn_unused_result));

/* Gives back what the models remember of their members: the next pass looks at everyone, and remembers again.
 * Local. */
void panel_forget(struct panel *panel);

/* Bytes that a panel's models may take on this rank to remember their members. Local. */
double panel_track_bytes(const struct partition *partition, int64_t features);

/* Moves the centroids of a model to the means of their customers in the last pass; those without customers
 * stay. Returns the squared length of the whole move. Local, alike on all ranks. */
double panel_move(const struct panel *panel, struct model *model);

/* The journal (core/journal.h) with all that the models have learned: centroids, sums, counts, inertia, and
 * which of them learn; and `count` more fields, at most PANEL_MORE_FIELDS. Local. EXIT_BAD_DATA as there. */
enum { PANEL_MORE_FIELDS = 8 };
status_t panel_recall(struct panel *panel, const char *step, const struct journal_field *more, int count,
                      bool *known) __attribute__((warn_unused_result));
status_t panel_keep(struct panel *panel, int64_t mark, const char *step, const struct journal_field *more,
                    int count) __attribute__((warn_unused_result));
/* Room for the fields: for panel_open. */
status_t panel_open_fields(struct panel *panel) __attribute__((warn_unused_result));

/* Bytes that one reduction of all models carries. Local. */
int64_t panel_wire_bytes(const struct panel *panel);

/* The kernel's view of a model's centroids, narrowed. Local. */
struct tile_centroids panel_centroids(const struct panel *panel, struct model *model);

#endif
