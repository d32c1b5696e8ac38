/* Clusters in space and the nearest others of each: what linkage by reciprocal nearest neighbours stands on.
 *
 * All ranks of a node share one copy and change it together; nodes change theirs alike. The clusters lie in
 * slots, in an order that keeps near ones together, under a tree of boxes (kernel/near.h); a rank searches
 * for its share of the queries. A cluster remembers a few nearest others and a radius outside which all the
 * rest are. Merging two clusters never brings the result nearer to a third than both were (the linkages are
 * reducible), so what was outside the radius stays there, whatever merges with what.
 *
 * Which of two clusters is nearer: the one that merging with is lower; on a tie, the one for which a hash of
 * the pair is. Neither depends on slots, ranks or registers. */
#ifndef LOHKO_CLUSTER_NEIGHBOURS_H
#define LOHKO_CLUSTER_NEIGHBOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/linkage.h"
#include "core/status.h"
#include "kernel/near.h"

enum { NEIGHBOURS = 6 /* remembered */ };
/* What is farther than this many times the nearest (squared) is not remembered. */
#define NEIGHBOURS_REACH 1.3

struct cluster {
    int64_t size;
    double made;     /* square of the height that it was made at; 0 for a point */
    double square;   /* of the height at which it would merge with the nearest */
    double radius;   /* squared height too: those not remembered are no nearer */
    int32_t first;   /* its lowest point */
    int32_t joined;  /* the slot of the cluster that it has become part of; its own while it is one */
    int32_t nearest; /* slot; -1: must be found */
    int32_t partner; /* where it was made in the last round: the slot of its other half, else -1 */
    int32_t known[NEIGHBOURS]; /* slots of remembered ones, the nearest first; -1: no more */
};

struct neighbours {
    struct comm *comm;
    struct node *node;
    const struct kernels *kernels;
    int64_t features;
    int64_t width;  /* doubles in a row of sums: features, rounded up to whole lanes */
    int64_t slots;  /* in use, with those whose cluster has become part of another */
    int64_t active; /* clusters */
    /* shared by the node: */
    struct cluster *cluster; /* slots */
    double *sum;             /* slots x width */
    float *row;              /* slots x (features + NEAR_CONSTANTS) */
    float *box;              /* of all levels */
    int32_t *box_set;        /* of all levels; or NULL */
    int32_t *set;            /* slots: queries look outside their own set only; or NULL */
    double *within; /* slots, by set: the squared height that its queries look for at most; or NULL */
    int32_t *order; /* slots: for putting them in order */
    int32_t *place; /* slots: where a slot has gone to */
    float *key;     /* slots: likewise */
    char *spare;    /* room for one array in another order */
    int32_t *query; /* slots that must be searched for, by slot */
    int64_t *next;  /* query tile that nobody has taken */
    /* this rank's: */
    int64_t queries;
    double *mean;     /* features: taken off before the axes are turned */
    double *rotation; /* features x features, or NULL where axes stay as they are */
    struct near_tree tree;
    struct near_queries tile;
    double *customer;     /* KERNEL_LANES x width: for neighbours_locate */
    int64_t ranks_before; /* on the nodes before this one */
    bool alone;           /* all ranks share this memory */
    struct linkage_work work;
};

/* Makes a cluster of each point; with `sizes` false all weigh one. With `sets`, box_set, set and within are
 * there, and zero. LOHKO_PRUNE=none in the environment: nothing is passed over.
 * Collective over points->comm. */
status_t neighbours_open(struct neighbours *all, struct points *points, bool sizes, bool sets)
    __attribute__((warn_unused_result));
void neighbours_close(struct neighbours *all);

/* Bytes that it takes on a node. Local. */
double neighbours_bytes(int64_t count, int64_t features);

/* Squared height at which the clusters in two slots would merge; the same bits either way round. Local. */
double neighbours_square(struct neighbours *all, int64_t a, int64_t b);
/* Squared distance of slot's cluster to a customer: width doubles, zero beyond the features. Local. */
double neighbours_distance(struct neighbours *all, int64_t slot, const double *customer);
/* Whether slot a with its squared height is the nearer one to `slot` than b is. Local. */
bool neighbours_nearer(const struct neighbours *all, int64_t slot, double square_a, int64_t a,
                       double square_b, int64_t b);

/* Lowers the `within` of a set to `square`, if it is above; while other ranks do likewise. Local. */
void neighbours_lower(struct neighbours *all, int32_t set, double square);

/* Takes slots whose cluster has become part of another out, and puts the others in order anew. `square` and
 * `nearest` and what is remembered stay true. Collective over the node. */
status_t neighbours_compact(struct neighbours *all) __attribute__((warn_unused_result));

/* Finds the tree's boxes anew, after clusters have moved. Collective over the node. */
status_t neighbours_boxes(struct neighbours *all) __attribute__((warn_unused_result));

/* Puts slot's cluster where its sum and size say; `active` false: nowhere. Local. */
void neighbours_put(struct neighbours *all, int64_t slot, bool active);

/* The active slots with `nearest` -1, in order, into all->query. Collective over the node. */
status_t neighbours_collect(struct neighbours *all) __attribute__((warn_unused_result));

/* How many of the queries have been answered, about. Local. */
typedef void (*neighbours_progress)(void *context, int64_t done, int64_t queries);

/* For every slot in all->query: nearest, square, known, radius. Where there are sets, only clusters of other
 * sets count; a set's `within` falls to the least square found in it, nearest stays -1 where there is nothing
 * within it, and the one with the least square (and lowest tie) of a set is always found. Collective over
 * all->comm. */
status_t neighbours_search(struct neighbours *all, neighbours_progress progress, void *context)
    __attribute__((warn_unused_result));

/* The nearest clusters of customers that are none themselves, `lanes` of them in a tile (features x
 * KERNEL_LANES floats): slots, and squared distances; the one with the lowest `first` on a tie. hint: slots
 * that may be near. Where clusters have sizes of one and there are no sets. Local. */
void neighbours_locate(struct neighbours *all, const float *tile, int lanes, const int32_t *hint,
                       int32_t *nearest, double *square);

#endif
