#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/attributes.h"
#include "app/fit.h"
#include "assess/distance_quantile.h"
#include "cluster/score.h"
#include "core/memory.h"
#include "data/results_assignments.h"
#include "data/results_hierarchy.h"
#include "data/saved_model.h"

/* Customers that lie farther out than all but one in so many of these did are told of when they are scored
 * later. */
enum { FAR_IN = 1000 };

enum { CHECKSUM_SIZE = 17 };

/* `checksum` must stay as long as the list. */
static void describe_fit(const struct fit *fit, const char *checksum, struct attribute_list *list)
{
    attributes_add_job(list, fit->comm, fit->hosts, fit->started);
    attributes_add_input(list, fit->config.input_path);
    attributes_add_text(list, "input_checksum", checksum);
    attributes_add_whole(list, "seed", fit->config.seed);
    attributes_add_text(list, "config", fit->echo);
    attributes_add_whole(list, "customers", fit->source.rows);
    attributes_add_whole(list, "customers_used", fit->survey.customers);
    attributes_add_text(list, "method", fit->config.method == METHOD_KMEANS ? "kmeans" : "hierarchy");
    attributes_add_real(list, "inertia", fit->segments->inertia);
    attributes_add_real(list, "explained_variance", segments_explained(fit->segments));
}

static struct results_leaves list_leaves(const struct fit *fit)
{
    const struct hierarchy_result *tree = &fit->hierarchy;
    if (fit->config.method != METHOD_HIERARCHY)
        return (struct results_leaves){.count = 0};
    return (struct results_leaves){
        .count = tree->leaves, .centroid = tree->leaf_place, .segment = fit->chosen->cut->segment};
}

static status_t write_content(struct fit *fit, double far, struct results_file *results)
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
                                      .segment_linkage = fit->segment_tree.linkage,
                                      .number = fit->chosen->number,
                                      .next_number = fit->chosen->next_number,
                                      .missing = saved_model_missing_name(fit->settings.missing),
                                      .all_deviation = fit->profile.all_deviation,
                                      .decile = fit->profile.deciles.value,
                                      .decile_upto = fit->profile.deciles.upto,
                                      .far = far,
                                      .leaves = list_leaves(fit)};
    struct attribute_list list = {.count = 0};
    char checksum[CHECKSUM_SIZE];
    snprintf(checksum, sizeof checksum, "%016" PRIx64, fit->survey.checksum);
    describe_fit(fit, checksum, &list);
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
    attributes_add_text(list, "linkage", fit_linkage_name(&fit->config));
    attributes_add_text(list, "route", fit_route(tree));
    attributes_add_whole(list, "leaves", tree->leaves);
    attributes_add_whole(list, "different_leaves", tree->distinct);
    attributes_add_whole(list, "rounds", tree->work.rounds);
    if (!tree->every_customer)
        attributes_add_real(list, "leaf_inertia", tree->inertia);
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
                                                    .leaf = &tree->leaf,
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

/* Leaves that are customers lie in /hierarchy already. */
static int64_t leaves_bytes_in_file(const struct fit *fit)
{
    struct results_leaves leaves = list_leaves(fit);
    int64_t values = leaves.centroid ? fit->preparation.count : 0;
    return leaves.count * ((int64_t)sizeof(int32_t) + values * (int64_t)sizeof(double));
}

static status_t create_results(struct fit *fit, const struct tree_content *tree, struct results_file *results)
{
    const char *path = NULL;
    int64_t bytes =
        results_bytes(&fit->table, fit->segments->k) + fit_stability_bytes(fit) + leaves_bytes_in_file(fit);
    if (fit->config.leaves != 0)
        bytes += results_hierarchy_bytes(&tree->hierarchy);
    status_t status = output_add(&fit->output, "results.h5", &path);
    if (!status)
        status = results_create(results, path);
    if (!status)
        status = output_reserve(path, bytes);
    return status;
}

static status_t write_migration_csv(struct fit *fit)
{
    const char *path = NULL;
    if (!fit->previous)
        return output_retire(&fit->output, "migration.csv");
    struct migration_report report = fit_migration_report(fit);
    status_t status = output_add(&fit->output, "migration.csv", &path);
    return status ? status : migration_report_csv(&report, path);
}

static status_t write_texts(struct fit *fit)
{
    const char *path = NULL;
    status_t status = write_migration_csv(fit);
    if (!status)
        status = output_add(&fit->output, "segments.csv", &path);
    if (!status)
        status = fit_write_segments_csv(fit, path);
    if (!status)
        status = output_add(&fit->output, "summary.json", &path);
    if (!status)
        status = fit_write_summary(fit, path);
    return status;
}

/* Customers scored, under the numbers that segments are called by. */
struct numbering {
    struct score score;
    const int64_t *number; /* NULL: their indices */
};

static status_t make_assignments(void *context, int64_t first, int64_t count, const struct assignments *piece)
{
    const struct numbering *numbering = context;
    status_t status = score_blocks(&numbering->score, first, count, piece);
    for (int64_t i = 0; !status && numbering->number && i < count * BLOCK_ROWS; i++) {
        if (piece->segment[i] >= 0)
            piece->segment[i] = (int32_t)numbering->number[piece->segment[i]];
        if (piece->runner_up[i] >= 0)
            piece->runner_up[i] = (int32_t)numbering->number[piece->runner_up[i]];
    }
    return status;
}

static status_t write_figures(struct fit *fit, double far, struct results_file *results)
{
    status_t status = write_content(fit, far, results);
    if (status || !fit->previous)
        return status;
    struct migration_report report = fit_migration_report(fit);
    return migration_report_results(&report, results->file);
}

static status_t write_results(struct fit *fit, const struct tree_content *tree)
{
    struct comm *comm = fit->comm;
    struct results_file results = {H5I_INVALID_HID};
    struct numbering numbering = {.score = {.customers = &fit->customers,
                                            .centroids = {.k = fit->segments->k,
                                                          .features = fit->segments->features,
                                                          .centroid = fit->segments->centroid},
                                            .label = &fit->segments->label},
                                  .number = fit->chosen->number};
    double far = (double)NAN;
    status_t status = distance_quantile(&fit->customers, fit->segments, fit->survey.customers / FAR_IN, &far);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? create_results(fit, tree, &results) : STATUS_OK);
    if (!status)
        status = results_write_scores(&results, comm, &fit->table, make_assignments, &numbering);
    if (!status && fit->config.leaves != 0)
        status = results_write_hierarchy(&results, comm, &tree->hierarchy);
    if (!status)
        status = fit_write_stability(fit, &results);
    if (!status && comm->rank == 0)
        status = write_figures(fit, far, &results);
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
    status = comm_agree(comm, status);
    comm->stop = NULL; /* from here on the job ends */
    if (!status && comm->rank == 0)
        status = output_commit(&fit->output);
    status = comm_agree(comm, status);
    log_phase_table(&fit->log, fit->source.rows);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? fit_print(fit) : STATUS_OK);
    return status;
}
