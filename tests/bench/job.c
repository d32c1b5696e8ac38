#include "job.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "data/h5.h"

static status_t open_all_columns(struct job *job, const char *path)
{
    int64_t *features = NULL;
    status_t status = source_open(&job->comm, path, NULL, NULL, &job->source);
    if (status)
        return status;
    int64_t count = job->source.column_count;
    status = comm_agree(&job->comm, memory_new(&features, count, sizeof *features, "columns"));
    for (int64_t c = 0; !status && c < count; c++)
        features[c] = c;
    if (!status)
        status = table_open(&job->comm, &job->log, &job->source, features, count, NULL, 0, &job->table);
    free(features);
    return status;
}

status_t job_begin(struct job *job, int *argc, char ***argv, int wanted, const char *usage)
{
    *job = (struct job){.comm = {.handle = MPI_COMM_NULL}};
    job->source.file = H5I_INVALID_HID;
    if (MPI_Init(argc, argv) != MPI_SUCCESS)
        return status_new(EXIT_INTERNAL, "MPI could not be started");
    status_t status = comm_open(&job->comm, MPI_COMM_WORLD);
    if (status)
        return status;
    log_open(&job->log, job->comm.rank, LOG_QUIET);
    status = comm_agree(&job->comm, h5_start());
    if (!status && *argc != wanted + 1)
        status = status_new(EXIT_BAD_USAGE, "usage: %s %s", (*argv)[0], usage);
    if (!status)
        status = open_all_columns(job, (*argv)[1]);
    return status;
}

status_t job_prepare(struct job *job)
{
    int64_t features = job->table.features;
    struct prepare_settings settings = {.missing = MISSING_MEDIAN, .scale = SCALE_ZSCORE, .clip = {0.0, 1.0}};
    status_t status = memory_new(&settings.transform, features, sizeof *settings.transform, "settings");
    if (!status)
        status = memory_new(&settings.weight, features, sizeof *settings.weight, "settings");
    for (int64_t f = 0; !status && f < features; f++)
        settings.weight[f] = 1.0;
    status = comm_agree(&job->comm, status);
    if (!status)
        status = survey_run(&job->table, settings.missing, settings.transform, &job->survey);
    if (!status)
        status = prepare_learn(&job->table, &settings, &job->survey, &job->preparation);
    if (!status)
        status =
            customers_load(&job->table, &job->preparation, job->survey.customers, INT64_MAX, &job->customers);
    free(settings.transform);
    free(settings.weight);
    return status;
}

status_t job_seconds(struct job *job, double begun, double *seconds)
{
    *seconds = MPI_Wtime() - begun;
    return comm_max_f64(&job->comm, seconds, 1);
}

int job_end(struct job *job, status_t status)
{
    int code = status ? status->code : EXIT_DONE;
    if (status && job->comm.rank == 0)
        fprintf(stderr, "bench: %s\n", status->message);
    status_free(status);
    customers_free(&job->customers);
    prepare_free(&job->preparation);
    survey_free(&job->survey);
    table_close(&job->table);
    source_close(&job->source);
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = EXIT_IO_ERROR;
    comm_close(&job->comm);
    if (MPI_Finalize() != MPI_SUCCESS && code == EXIT_DONE)
        code = EXIT_INTERNAL;
    return code;
}
