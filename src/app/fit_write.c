#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/fit.h"
#include "app/version.h"
#include "cluster/score.h"
#include "core/memory.h"

enum { FORMAT_VERSION = 1, MOST_ATTRIBUTES = 32, TIME_SIZE = 32 };

static void format_time(time_t time, char text[TIME_SIZE])
{
    struct tm parts;
    if (!gmtime_r(&time, &parts) || strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, TIME_SIZE, "unknown");
}

struct attribute_list {
    struct results_attribute item[MOST_ATTRIBUTES];
    int64_t count;
};

static void add_text(struct attribute_list *list, const char *name, const char *text)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .text = text};
}

static void add_whole(struct attribute_list *list, const char *name, int64_t value)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .whole = true, .integer = value};
}

static void add_real(struct attribute_list *list, const char *name, double value)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .real = value};
}

static void describe_input(const struct fit *fit, struct attribute_list *list, char modified[TIME_SIZE],
                           char checksum[TIME_SIZE])
{
    struct stat input;
    bool known = stat(fit->config.input_path, &input) == 0;
    format_time(known ? input.st_mtime : 0, modified);
    snprintf(checksum, TIME_SIZE, "%016" PRIx64, fit->survey.checksum);
    add_text(list, "input_path", fit->config.input_path);
    add_whole(list, "input_size", known ? (int64_t)input.st_size : -1);
    add_text(list, "input_modified", known ? modified : "unknown");
    add_text(list, "input_checksum", checksum);
}

static void describe_job(const struct fit *fit, struct attribute_list *list)
{
    add_whole(list, "format_version", FORMAT_VERSION);
    add_text(list, "lohko_version", version_text());
    add_text(list, "lohko_commit", version_commit());
    add_whole(list, "seed", fit->config.seed);
    add_text(list, "config", fit->echo);
    add_text(list, "hosts", fit->hosts);
    add_whole(list, "ranks", fit->comm->size);
    add_whole(list, "customers", fit->source.rows);
    add_whole(list, "customers_used", fit->survey.customers);
    add_real(list, "inertia", fit->kmeans.inertia);
    add_real(list, "explained_variance", kmeans_explained(&fit->kmeans));
}

static status_t write_content(struct fit *fit, struct results_file *results)
{
    struct results_content content = {.table = &fit->table,
                                      .preparation = &fit->preparation,
                                      .k = fit->kmeans.k,
                                      .centroid_prepared = fit->kmeans.centroid,
                                      .size = fit->kmeans.size,
                                      .mean = fit->profile.mean,
                                      .deviation = fit->profile.deviation,
                                      .median = fit->profile.median,
                                      .restarts = fit->kmeans.restarts,
                                      .restart_inertia = fit->kmeans.restart_inertia};
    struct attribute_list list = {.count = 0};
    char started[TIME_SIZE];
    char ended[TIME_SIZE];
    char modified[TIME_SIZE];
    char checksum[TIME_SIZE];
    char mpi[128];
    char hdf5[32];
    describe_job(fit, &list);
    describe_input(fit, &list, modified, checksum);
    comm_library(mpi, sizeof mpi);
    results_library(hdf5, sizeof hdf5);
    add_text(&list, "mpi_version", mpi);
    add_text(&list, "hdf5_version", hdf5);
    format_time(fit->started, started);
    format_time(time(NULL), ended);
    add_text(&list, "started", started);
    add_text(&list, "ended", ended);
    return results_write_content(results, &content, list.item, list.count);
}

static status_t create_results(struct fit *fit, struct results_file *results, const char **path)
{
    status_t status = output_add(&fit->output, "results.h5", path);
    if (!status)
        status = results_create(results, *path);
    if (!status)
        status = output_reserve(*path, results_bytes(&fit->table, fit->kmeans.k));
    return status;
}

static status_t write_texts(struct fit *fit)
{
    const char *path = NULL;
    status_t status = output_add(&fit->output, "segments.csv", &path);
    if (!status)
        status = fit_write_segments_csv(fit, path);
    if (!status)
        status = output_add(&fit->output, "summary.json", &path);
    if (!status)
        status = fit_write_summary(fit, path);
    return status;
}

status_t fit_write(struct fit *fit)
{
    struct comm *comm = fit->comm;
    struct results_file results = {H5I_INVALID_HID};
    const char *path = NULL;
    log_phase_begin(&fit->log, "writing");
    fit->peak_memory = memory_peak();
    status_t status = comm_max_i64(comm, &fit->peak_memory, 1);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? create_results(fit, &results, &path) : STATUS_OK);
    struct score score = {.customers = &fit->customers,
                          .centroids = {.k = fit->kmeans.k,
                                        .features = fit->kmeans.features,
                                        .centroid = fit->kmeans.centroid}};
    if (!status)
        status = results_write_assignments(&results, comm, &fit->table, score_blocks, &score);
    if (!status && comm->rank == 0)
        status = write_content(fit, &results);
    status = status_first(status, results_close(&results));
    log_phase_end(&fit->log);
    if (!status && comm->rank == 0)
        status = write_texts(fit);
    if (!status && comm->rank == 0)
        status = output_commit(&fit->output);
    status = comm_agree(comm, status);
    log_phase_table(&fit->log, fit->source.rows);
    if (!status && comm->rank == 0)
        fit_print_segments(fit);
    return status;
}
