/* What the stages of `lohko fit` hand on to each other, and how its results are written. */
#ifndef LOHKO_APP_FIT_H
#define LOHKO_APP_FIT_H

#include <stdint.h>
#include <time.h>

#include "app/config.h"
#include "app/fit_checkpoint.h"
#include "app/fit_memory.h"
#include "app/fit_previous.h"
#include "assess/gap.h"
#include "assess/indices.h"
#include "assess/profile.h"
#include "assess/selection.h"
#include "assess/stability.h"
#include "cluster/hierarchy.h"
#include "cluster/kmeans.h"
#include "cluster/segment_tree.h"
#include "cluster/segments.h"
#include "core/comm.h"
#include "core/log.h"
#include "data/customers.h"
#include "data/ids.h"
#include "data/output.h"
#include "data/prepare.h"
#include "data/results.h"
#include "data/source.h"
#include "data/survey.h"
#include "data/table.h"

/* Splits of the customers into halves, for prediction strength; reference sets for the gap statistic;
 * customers in the sample for the silhouette by plain distances. */
enum { FIT_SPLITS = 5, FIT_REFERENCES = 20, FIT_EVEN = 10, FIT_SAMPLE = 4096 };

/* Bytes of tables that one walk counts, at most, if a pair is no larger. */
#define JUDGE_TABLE_BYTES 67108864.0

/* A cut of the tree of customers, alike on every rank. */
struct fit_cut {
    int64_t segments;
    bool is_level;    /* one of hierarchy.levels */
    bool is_tried;    /* gives the segments of a try. Both, unless last year's numbers are handed down */
    int32_t *segment; /* of each leaf; numbered by falling size like all segments */
    int32_t *leaf;    /* of each segment, the lowest of its leaves */
    int64_t *size;    /* of each segment: customers */
};

/* A number of segments that was tried, and what is known of its segments; alike on every rank. */
struct fit_try {
    struct kmeans_result kmeans;  /* how it was learned; its segments are below */
    const struct fit_cut *cut;    /* or the cut of the tree that they are */
    struct segmentation segments; /* labels: only of those that are chosen */
    struct labelling labelling;
    struct indices indices;
    double sample_silhouette; /* by plain distances, over a sample */
    struct stability stability;
    double *replicate_centroid; /* replicates x k x features; of k-means */
    double *seed_ari;           /* restarts: adjusted Rand index with the segments; of k-means */
    double *level;              /* k: agreement_level_stability against the try before; NULL for the first */
    int64_t *level_count;       /* the table that it comes from */
    int64_t *number;            /* k: that last year handed down, rising; NULL: 0 .. k - 1 */
    int64_t next_number;        /* that no segment ever had */
    float *stays;               /* leaves: replicates in which each stays; of a tree */
};

struct fit {
    struct comm *comm;
    struct log log;
    struct config config;
    char *echo; /* the effective config, YAML */
    time_t started;
    char *hosts;
    struct source source;
    struct table table;
    struct prepare_settings settings;
    int64_t repeated; /* customers left out because their id was there before */
    struct survey survey;
    struct fit_previous *previous; /* NULL where there is no previous.results */
    struct preparation preparation;
    struct fit_memory memory;
    struct customers customers;
    struct fit_try *tried; /* by rising number of segments */
    int64_t tries;
    struct hierarchy_result hierarchy;
    struct fit_cut *cut; /* from coarse to fine */
    int64_t cuts;
    struct gap *gap; /* of one segment, then of every try; NULL where it was not measured, like the next */
    int64_t reference_customers;
    int64_t sampled; /* customers in the sample */
    int64_t splits;
    struct selection selection;
    struct fit_try *chosen;
    const struct segmentation *segments; /* those that were chosen */
    struct dendrogram segment_tree;      /* rank 0, like the next */
    struct segment_paths paths;
    struct profile profile;
    char **description;   /* of each segment */
    struct output output; /* rank 0 */
    struct fit_checkpoint checkpoint;
    int64_t peak_memory; /* of the hungriest rank, bytes */
};

/* ---- stages; collective ---- */

status_t fit_open_table(struct fit *fit) __attribute__((warn_unused_result));

/* Who takes part, and how the features are spread. */
status_t fit_survey(struct fit *fit) __attribute__((warn_unused_result));

/* The customers, prepared. */
status_t fit_load(struct fit *fit) __attribute__((warn_unused_result));

/* What stays in memory; refuses what cannot work for want of it: EXIT_NO_MEMORY. `customers` of them take
 * part. */
status_t fit_check_memory(struct fit *fit, int64_t customers) __attribute__((warn_unused_result));

/* Refuses more segments, leaves or levels than there are customers: EXIT_BAD_DATA. Local, alike on all ranks.
 */
status_t fit_check_counts(const struct fit *fit) __attribute__((warn_unused_result));

/* One for each number of segments in segments.k. */
status_t fit_open_tries(struct fit *fit) __attribute__((warn_unused_result));

/* The segments by k-means, for every number that is tried. */
status_t fit_learn(struct fit *fit) __attribute__((warn_unused_result));

/* How good and how stable the segments of every number that was tried are, and which number is taken. */
status_t fit_judge(struct fit *fit) __attribute__((warn_unused_result));
void fit_free_tries(struct fit *fit);

/* The tree of customers, its cuts, and, where they are some of them, the segments. */
status_t fit_grow_tree(struct fit *fit) __attribute__((warn_unused_result));

/* The tree of the segments themselves. */
status_t fit_grow_segment_tree(struct fit *fit) __attribute__((warn_unused_result));
void fit_free_trees(struct fit *fit);

/* Results, summary and segments under temporary names, then in place. */
status_t fit_write(struct fit *fit) __attribute__((warn_unused_result));

/* ---- local ---- */

/* Weighting w of those that are judged by: replicates, then the first and second half of each split. */
struct weighting fit_weighting(const struct fit *fit, int64_t w);

/* Replicates and halves, by k-means, or where trees of customers that count otherwise give the segments. */
status_t fit_judge_kmeans(struct fit *fit) __attribute__((warn_unused_result));
status_t fit_judge_trees(struct fit *fit) __attribute__((warn_unused_result));

/* How k-means is to learn. */
struct kmeans_settings fit_kmeans_settings(const struct config *config);

/* How a tree over so many customers is to be grown. */
struct hierarchy_settings fit_hierarchy_settings(const struct config *config, int64_t customers);

/* What is to be thought of a segment; NULL without replicates. */
const char *fit_verdict(const struct fit *fit, int64_t segment);
/* And of all. */
const char *fit_verdict_of_all(const struct fit *fit);

/* What the tree's leaves are, in a few words. */
const char *fit_route(const struct hierarchy_result *hierarchy);
const char *fit_linkage_name(const struct config *config);

/* The segment of a coarser cut in which a segment of `fine` lies. */
int32_t fit_parent(const struct fit_cut *fine, int64_t segment, const struct fit_cut *coarse);

/* The next coarser of hierarchy.levels before cut[c]; NULL: none. */
const struct fit_cut *fit_coarser_level(const struct fit *fit, int64_t c);

/* /selection and /stability of results.h5. Collective. */
struct results_file;
status_t fit_write_stability(const struct fit *fit, struct results_file *results)
    __attribute__((warn_unused_result));
/* Bytes that they take, about. */
int64_t fit_stability_bytes(const struct fit *fit);

/* Of summary.json; NULL where memory is short, and json_null where there is nothing to tell. */
struct json_t;
struct json_t *fit_summary_selection(const struct fit *fit);
struct json_t *fit_summary_stability(const struct fit *fit);

/* On stdout, rank 0: the numbers that were tried, and the choice; what is to be thought of the segments. */
void fit_print_tries(const struct fit *fit);
void fit_print_stability(const struct fit *fit);

/* The files that people and dashboards read: rank 0. */
status_t fit_write_segments_csv(const struct fit *fit, const char *path) __attribute__((warn_unused_result));
status_t fit_write_summary(const struct fit *fit, const char *path) __attribute__((warn_unused_result));

/* The tables on stdout: rank 0. */
status_t fit_print(const struct fit *fit) __attribute__((warn_unused_result));

#endif
