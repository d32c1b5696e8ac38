/* What the drivers of the bench share: MPI's beginning and end, and the stages of `lohko fit` up to the
 * prepared customers, with its defaults (app/fit.c has the same order of calls). */
#ifndef LOHKO_BENCH_JOB_H
#define LOHKO_BENCH_JOB_H

#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"
#include "data/customers.h"
#include "data/prepare.h"
#include "data/source.h"
#include "data/survey.h"
#include "data/table.h"

struct job {
    struct comm comm;
    struct log log;
    struct source source;
    struct table table;
    struct survey survey;
    struct preparation preparation;
    struct customers customers;
};

/* Starts MPI and opens the file with all its columns as features. `usage`: printed where there are not
 * `wanted` arguments. Collective. */
status_t job_begin(struct job *job, int *argc, char ***argv, int wanted, const char *usage)
    __attribute__((warn_unused_result));

/* Survey, constants, prepared customers. Collective. */
status_t job_prepare(struct job *job) __attribute__((warn_unused_result));

/* Says what failed, frees, ends MPI; the exit code of the program. Collective. */
int job_end(struct job *job, status_t status);

/* Seconds since `begun` (MPI_Wtime) of the slowest rank. Collective. */
status_t job_seconds(struct job *job, double begun, double *seconds) __attribute__((warn_unused_result));

#endif
