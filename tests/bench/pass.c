/* Lloyd passes alone (assign and update), from given centroids, the customers
 * in memory: what the peers' iterations are compared with. Prints JSON: the
 * seconds of every pass (of the slowest rank), the bytes that a reduction
 * carries, the memory of the hungriest rank. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/panel.h"
#include "core/memory.h"
#include "job.h"

enum { INPUT = 1, START, SEGMENTS, PASSES, ASSIGN, OUTPUT, ARGUMENTS = OUTPUT };

static const char usage[] = "FILE.h5 START.f64 K PASSES anew|sums|program CENTROIDS.f64";

/* `program`: as `lohko fit` makes its passes. `anew`: every customer is looked at in every pass, and those
 * who changed segment are moved in the sums. `sums`: every customer is looked at and added to its segment
 * anew. */
static status_t choose_assignment(struct panel *panel, const char *assign)
{
    panel->everyone = strcmp(assign, "anew") == 0;
    panel->forgetful = strcmp(assign, "sums") == 0;
    if (!panel->everyone && !panel->forgetful && strcmp(assign, "program") != 0)
        return status_new(EXIT_BAD_USAGE, "anew, sums or program is expected, not %s", assign);
    return STATUS_OK;
}

/* Every rank reads the start itself. Local. */
static status_t read_start(const char *path, double *centroid, int64_t count)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return status_new(EXIT_NO_INPUT, "%s cannot be read", path);
    size_t read = fread(centroid, sizeof *centroid, (size_t)count, file);
    bool whole = read == (size_t)count && fgetc(file) == EOF;
    fclose(file);
    return whole ? STATUS_OK : status_new(EXIT_BAD_DATA, "%s does not hold %" PRId64 " numbers", path, count);
}

/* After the first pass and after the last, for a check of both. */
static status_t write_centroids(const char *path, const char *mode, const double *centroid, int64_t count)
{
    FILE *file = fopen(path, mode);
    if (!file)
        return status_new(EXIT_NO_OUTPUT, "%s cannot be created", path);
    bool written = fwrite(centroid, sizeof *centroid, (size_t)count, file) == (size_t)count;
    return fclose(file) == 0 && written ? STATUS_OK : status_new(EXIT_IO_ERROR, "%s: writing failed", path);
}

static status_t run_passes(struct job *job, struct panel *panel, int64_t passes, const char *output,
                           double *seconds)
{
    int64_t size = panel->model[0].k * job->customers.features;
    status_t status = STATUS_OK;
    for (int64_t p = 0; !status && p < passes; p++) {
        MPI_Barrier(job->comm.handle);
        double begun = MPI_Wtime();
        status = panel_pass(panel);
        if (!status)
            panel_move(panel, &panel->model[0]);
        if (!status)
            status = job_seconds(job, begun, &seconds[p]);
        bool wanted = job->comm.rank == 0 && (p == 0 || p == passes - 1);
        if (!status)
            status = comm_agree(&job->comm, wanted ? write_centroids(output, p == 0 ? "wb" : "ab",
                                                                     panel->model[0].centroid, size)
                                                   : STATUS_OK);
    }
    return status;
}

static status_t report(struct job *job, const struct panel *panel, int64_t passes, const double *seconds,
                       int64_t bytes_reduced)
{
    int64_t peak = memory_peak();
    status_t status = comm_max_i64(&job->comm, &peak, 1);
    if (status || job->comm.rank != 0)
        return status;
    printf("{\"customers\": %" PRId64 ", \"features\": %" PRId64 ", \"k\": %" PRId64 ", \"ranks\": %d, ",
           job->source.rows, job->customers.features, panel->model[0].k, job->comm.size);
    printf("\"share_bytes\": %.0f, \"peak_bytes\": %" PRId64 ", \"step_bytes\": %" PRId64
           ", \"reduced_bytes\": %.1f, \"inertia\": %.17g, \"way\": \"%s\", "
           "\"looked_at\": %.4f, \"seconds\": [",
           (double)job->source.rows * (double)job->customers.features * sizeof(float) / job->comm.size, peak,
           panel_wire_bytes(panel), (double)bytes_reduced / (double)passes, panel->model[0].inertia,
           panel->nearest.way == NEAREST_GEMM ? "matrix products" : "tiles",
           (double)panel->assigned / (double)panel->visited);
    for (int64_t p = 0; p < passes; p++)
        printf("%s%.9f", p > 0 ? ", " : "", seconds[p]);
    printf("]}\n");
    return STATUS_OK;
}

static status_t learn(struct job *job, char *const *arguments)
{
    int64_t k = strtoll(arguments[SEGMENTS], NULL, 10);
    int64_t passes = strtoll(arguments[PASSES], NULL, 10);
    if (k < 1 || passes < 1)
        return status_new(EXIT_BAD_USAGE, "K and PASSES are whole numbers above 0");
    struct panel panel = {0};
    double *seconds = NULL;
    status_t status = comm_agree(&job->comm, memory_new(&seconds, passes, sizeof *seconds, "times"));
    if (!status)
        status = panel_open_alike(&panel, &job->customers, &job->preparation, 1, k);
    if (!status)
        status = read_start(arguments[START], panel.model[0].centroid, k * job->customers.features);
    if (!status)
        status = choose_assignment(&panel, arguments[ASSIGN]);
    status = comm_agree(&job->comm, status);
    if (!status)
        panel_add(&panel, NULL, 0);
    int64_t before = job->comm.bytes_reduced;
    if (!status)
        status = run_passes(job, &panel, passes, arguments[OUTPUT], seconds);
    int64_t reduced = job->comm.bytes_reduced - before;
    if (!status)
        status = report(job, &panel, passes, seconds, reduced);
    panel_close(&panel);
    free(seconds);
    return status;
}

int main(int argc, char **argv)
{
    struct job job;
    status_t status = job_begin(&job, &argc, &argv, ARGUMENTS, usage);
    if (!status)
        status = job_prepare(&job);
    if (!status)
        status = learn(&job, argv);
    return job_end(&job, status);
}
