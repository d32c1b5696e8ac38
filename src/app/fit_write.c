#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/fit.h"
#include "app/version.h"
#include "cluster/score.h"
#include "core/memory.h"
#include "data/results_hierarchy.h"

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
    add_text(list, "method", fit->config.method == METHOD_KMEANS ? "kmeans" : "hierarchy");
    add_real(list, "inertia", fit->segments->inertia);
    add_real(list, "explained_variance", segments_explained(fit->segments));
}

static status_t write_content(struct fit *fit, struct results_file *results)
{
    struct results_content content = {.table = &fit->table,
                                      .preparation = &fit->preparation,
                                      .k = fit->segments->k,
                                      .centroid_prepared = fit->segments->centroid,
                                      .size = fit->segments->size,
                                      .mean = fit->profile.mean,
                                      .deviation = fit->profile.deviation,
                                      .median = fit->profile.median,
                                      .restarts = fit->chosen->kmeans.restarts,
                                      .restart_inertia = fit->chosen->kmeans.restart_inertia,
                                      .segment_linkage = fit->segment_tree.linkage};
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

/* ---- the tree of customers ---- */

struct tree_content {
    struct results_hierarchy hierarchy;
    struct results_level *level;
    struct attribute_list attributes;
};

static status_t list_parents(const struct fit *fit, int64_t c, int32_t **parent)
{
    const struct fit_cut *coarser = fit_coarser_level(fit, c);
    *parent = NULL;
    status_t status = STATUS_OK;
    if (coarser)
        status = memory_new(parent, fit->cut[c].segments, sizeof **parent, "segments of a cut");
    for (int64_t h = 0; *parent && h < fit->cut[c].segments; h++)
        (*parent)[h] = fit_parent(&fit->cut[c], h, coarser);
    return status;
}

static void describe_tree(const struct fit *fit, struct attribute_list *list)
{
    const struct hierarchy_result *tree = &fit->hierarchy;
    add_text(list, "linkage", fit_linkage_name(&fit->config));
    add_text(list, "route", fit_route(tree));
    add_whole(list, "leaves", tree->leaves);
    add_whole(list, "different_leaves", tree->distinct);
    add_whole(list, "rounds", tree->work.rounds);
    if (!tree->every_customer)
        add_real(list, "leaf_inertia", tree->inertia);
}

/* What free_tree gives back, whatever is returned. */
static status_t list_tree(const struct fit *fit, struct tree_content *content)
{
    const struct hierarchy_result *tree = &fit->hierarchy;
    int64_t levels = 0;
    *content = (struct tree_content){.level = NULL};
    describe_tree(fit, &content->attributes);
    status_t status = memory_new(&content->level, fit->cuts, sizeof *content->level, "cuts of the tree");
    for (int64_t c = 0; !status && c < fit->cuts; c++) {
        const struct fit_cut *cut = &fit->cut[c];
        int32_t *parent = NULL;
        if (!cut->is_level)
            continue;
        status = list_parents(fit, c, &parent);
        content->level[levels++] = (struct results_level){cut->segments, cut->segment, cut->size, parent};
    }
    content->hierarchy = (struct results_hierarchy){.customers = &fit->customers,
                                                    .table = &fit->table,
                                                    .preparation = &fit->preparation,
                                                    .every_customer = tree->every_customer,
                                                    .leaves = tree->leaves,
                                                    .leaf = tree->leaf,
                                                    .linkage = tree->tree.linkage,
                                                    .leaf_centroid = tree->leaf_centroid,
                                                    .leaf_size = tree->leaf_size,
                                                    .level = content->level,
                                                    .levels = levels,
                                                    .attribute = content->attributes.item,
                                                    .attributes = content->attributes.count};
    return status;
}

static void free_tree(struct tree_content *content)
{
    for (int64_t l = 0; l < content->hierarchy.levels; l++)
        free(content->level[l].parent);
    free(content->level);
}

/* ---- all ---- */

static status_t create_results(struct fit *fit, const struct tree_content *tree, struct results_file *results)
{
    const char *path = NULL;
    int64_t bytes = results_bytes(&fit->table, fit->segments->k) + fit_stability_bytes(fit);
    if (fit->config.leaves != 0)
        bytes += results_hierarchy_bytes(&tree->hierarchy);
    status_t status = output_add(&fit->output, "results.h5", &path);
    if (!status)
        status = results_create(results, path);
    if (!status)
        status = output_reserve(path, bytes);
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

static status_t write_results(struct fit *fit, const struct tree_content *tree)
{
    struct comm *comm = fit->comm;
    struct results_file results = {H5I_INVALID_HID};
    struct score score = {.customers = &fit->customers,
                          .centroids = {.k = fit->segments->k,
                                        .features = fit->segments->features,
                                        .centroid = fit->segments->centroid},
                          .label = fit->segments->label};
    status_t status = comm_agree(comm, comm->rank == 0 ? create_results(fit, tree, &results) : STATUS_OK);
    if (!status)
        status = results_write_assignments(&results, comm, &fit->table, score_blocks, &score);
    if (!status && fit->config.leaves != 0)
        status = results_write_hierarchy(&results, comm, &tree->hierarchy);
    if (!status)
        status = fit_write_stability(fit, &results);
    if (!status && comm->rank == 0)
        status = write_content(fit, &results);
    return status_first(status, results_close(&results));
}

status_t fit_write(struct fit *fit)
{
    struct comm *comm = fit->comm;
    struct tree_content tree;
    log_phase_begin(&fit->log, "writing");
    fit->peak_memory = memory_peak();
    status_t status = comm_agree(comm, list_tree(fit, &tree));
    if (!status)
        status = comm_max_i64(comm, &fit->peak_memory, 1);
    if (!status)
        status = write_results(fit, &tree);
    free_tree(&tree);
    log_phase_end(&fit->log);
    if (!status && comm->rank == 0)
        status = write_texts(fit);
    if (!status && comm->rank == 0)
        status = output_commit(&fit->output);
    status = comm_agree(comm, status);
    log_phase_table(&fit->log, fit->source.rows);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? fit_print(fit) : STATUS_OK);
    return status;
}
