/* What the parts of `lohko assign` share. */
#ifndef LOHKO_APP_ASSIGN_H
#define LOHKO_APP_ASSIGN_H

#include <stdint.h>
#include <time.h>

#include "assess/drift.h"
#include "cluster/scorer.h"
#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"
#include "data/output.h"
#include "data/saved_model.h"
#include "data/source.h"
#include "data/table.h"

struct assign_options {
    char *model;
    char *input;
    char *output;
    char *features; /* NULL: auto, like id */
    char *id;
};

struct assign {
    struct comm *comm;
    struct log log;
    struct assign_options options;
    time_t started;
    char *hosts;
    struct saved_model model;
    struct source source;
    struct table table;
    struct table_reader *reader;
    struct scorer *scorer;
    struct drift drift;
    struct output output; /* rank 0 */
    int64_t peak_memory;  /* of a rank, at most */
};

/* Reads, scores and writes results.h5 and summary.json, and says what came of it. Collective. */
status_t assign_write(struct assign *assign) __attribute__((warn_unused_result));

/* Local: rank 0. */
status_t assign_write_summary(const struct assign *assign, const char *path)
    __attribute__((warn_unused_result));
status_t assign_print(const struct assign *assign) __attribute__((warn_unused_result));

#endif
