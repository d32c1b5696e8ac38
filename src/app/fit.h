/* What the stages of `lohko fit` hand on to each other, and how its results are written. */
#ifndef LOHKO_APP_FIT_H
#define LOHKO_APP_FIT_H

#include <stdint.h>
#include <time.h>

#include "app/config.h"
#include "assess/profile.h"
#include "cluster/kmeans.h"
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

struct fit {
    struct comm *comm;
    struct log log;
    struct config config;
    char *echo; /* the effective config, YAML */
    time_t started;
    char *hosts;
    struct source source;
    struct table table;
    int64_t repeated; /* customers left out because their id was there before */
    struct survey survey;
    struct preparation preparation;
    struct customers customers;
    struct kmeans_result kmeans;
    struct profile profile;
    char **description;   /* of each segment */
    struct output output; /* rank 0 */
    int64_t peak_memory;  /* of the hungriest rank, bytes */
};

/* Results, summary and segments under temporary names, then in place. Collective. */
status_t fit_write(struct fit *fit) __attribute__((warn_unused_result));

/* The files that people and dashboards read. Local: rank 0. */
status_t fit_write_segments_csv(const struct fit *fit, const char *path) __attribute__((warn_unused_result));
status_t fit_write_summary(const struct fit *fit, const char *path) __attribute__((warn_unused_result));

/* The table of segments on stdout. Local: rank 0. */
void fit_print_segments(const struct fit *fit);

#endif
