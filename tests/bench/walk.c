/* Reading alone: walks over the raw values whose visitor does nothing. Prints
 * the seconds of each as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "job.h"

static status_t look_away(void *context, const struct raw_block *block)
{
    int64_t *rows = context;
    *rows += block->rows;
    return STATUS_OK;
}

static status_t walk(struct job *job, double *seconds)
{
    int64_t rows = 0;
    MPI_Barrier(job->comm.handle);
    double begun = MPI_Wtime();
    status_t status = table_walk(&job->table, look_away, &rows);
    if (!status)
        status = job_seconds(job, begun, seconds);
    if (!status)
        status = comm_sum_i64(&job->comm, &rows, 1);
    if (!status && rows != job->source.rows)
        status =
            status_new(EXIT_INTERNAL, "%" PRId64 " rows were walked, not %" PRId64, rows, job->source.rows);
    return status;
}

int main(int argc, char **argv)
{
    struct job job;
    status_t status = job_begin(&job, &argc, &argv, 2, "FILE.h5 WALKS");
    int walks = status ? 0 : (int)strtol(argv[2], NULL, 10);
    if (!status && job.comm.rank == 0)
        printf("{\"customers\": %" PRId64 ", \"features\": %" PRId64 ", \"ranks\": %d, \"seconds\": [",
               job.source.rows, job.table.features, job.comm.size);
    for (int i = 0; !status && i < walks; i++) {
        double seconds = 0.0;
        status = walk(&job, &seconds);
        if (!status && job.comm.rank == 0)
            printf("%s%.9f", i > 0 ? ", " : "", seconds);
    }
    if (!status && job.comm.rank == 0)
        printf("]}\n");
    return job_end(&job, status);
}
