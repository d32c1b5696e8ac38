/* The tree of customers in `lohko fit`: how it is grown, its cuts, and the tree of the segments. */
#include <inttypes.h>
#include <stdlib.h>

#include "app/fit.h"
#include "core/memory.h"

enum { AUTO_LEAVES = 4096 };

/* ---- settings ---- */

struct hierarchy_settings fit_hierarchy_settings(const struct config *config, int64_t customers)
{
    bool automatic = config->leaves == LEAVES_AUTO;
    bool few = customers <= AUTO_LEAVES || config->linkage != LINKAGE_WARD;
    return (struct hierarchy_settings){.linkage = (enum linkage)config->linkage,
                                       .every_customer = config->leaves == LEAVES_ALL || (automatic && few),
                                       .leaves = automatic ? AUTO_LEAVES : config->leaves,
                                       .fewer = automatic,
                                       .seed = (uint64_t)config->seed};
}

const char *fit_route(const struct hierarchy_result *hierarchy)
{
    return hierarchy->every_customer ? "every customer, exact" : "micro-clusters";
}

const char *fit_linkage_name(const struct config *config)
{
    static const char *const names[] = {"ward", "average", "complete", "single"};
    return names[config->linkage];
}

/* ---- counts ---- */

/* `most`: of which `what` says what they are. */
static status_t check_count(const struct fit *fit, int64_t most, const char *what, const char *option,
                            int64_t count)
{
    if (count <= most)
        return STATUS_OK;
    return status_new(EXIT_BAD_DATA, "%s: %" PRId64 " %s fewer than %s = %" PRId64, fit->config.input_path,
                      most, what, option, count);
}

/* All cuts of a tree of so many leaves. */
static status_t check_cuts(const struct fit *fit, int64_t leaves, const char *what)
{
    const struct config *config = &fit->config;
    status_t status = STATUS_OK;
    if (config->method == METHOD_HIERARCHY)
        status = check_count(fit, leaves, what, "segments.k", config->k_high);
    for (int64_t l = 0; !status && l < config->levels.count; l++)
        status = check_count(fit, leaves, what, "hierarchy.levels", (int64_t)config->levels.value[l]);
    return status;
}

status_t fit_check_counts(const struct fit *fit)
{
    const struct config *config = &fit->config;
    int64_t customers = fit->survey.customers;
    struct hierarchy_settings settings = fit_hierarchy_settings(config, customers);
    status_t status = check_count(fit, customers, "customers are", "segments.k", config->k_high);
    if (status || config->leaves == 0)
        return status;
    if (!settings.every_customer && !settings.fewer)
        status = check_count(fit, customers, "customers are", "hierarchy.leaves", settings.leaves);
    if (!status && settings.every_customer && customers > INT32_MAX)
        status = status_new(EXIT_BAD_DATA,
                            "%s: %" PRId64
                            " customers are more leaves than a tree can have (%d); "
                            "hierarchy.leaves: 4096 grows it on micro-clusters",
                            config->input_path, customers, INT32_MAX);
    if (!status && settings.every_customer)
        status = check_cuts(fit, customers, "customers are");
    else if (!status)
        status = check_cuts(fit, settings.leaves, "leaves of the tree are");
    return status;
}

/* ---- cuts ---- */

int32_t fit_parent(const struct fit_cut *fine, int64_t segment, const struct fit_cut *coarse)
{
    return coarse->segment[fine->leaf[segment]];
}

const struct fit_cut *fit_coarser_level(const struct fit *fit, int64_t c)
{
    while (--c >= 0) {
        if (fit->cut[c].is_level)
            return &fit->cut[c];
    }
    return NULL;
}

static int by_segments(const void *a, const void *b)
{
    const struct fit_cut *x = a;
    const struct fit_cut *y = b;
    if (x->segments != y->segments)
        return x->segments < y->segments ? -1 : 1;
    return (int)y->is_level - (int)x->is_level;
}

/* The levels, and every number that is tried where the segments are a cut; from coarse to fine. A level keeps
 * its numbers where last year hands down others to the segments. */
static status_t list_cuts(struct fit *fit)
{
    const struct config *config = &fit->config;
    int64_t tries = config->method == METHOD_HIERARCHY ? fit->tries : 0;
    status_t status =
        memory_new(&fit->cut, config->levels.count + tries, sizeof *fit->cut, "cuts of the tree");
    for (int64_t l = 0; !status && l < config->levels.count; l++)
        fit->cut[fit->cuts++] =
            (struct fit_cut){.segments = (int64_t)config->levels.value[l], .is_level = true};
    for (int64_t i = 0; !status && i < tries; i++) {
        bool is_there = false;
        for (int64_t l = 0; l < config->levels.count && !fit->previous; l++) {
            fit->cut[l].is_tried = fit->cut[l].is_tried || fit->cut[l].segments == config->k_low + i;
            is_there = is_there || fit->cut[l].segments == config->k_low + i;
        }
        if (!is_there)
            fit->cut[fit->cuts++] = (struct fit_cut){.segments = config->k_low + i, .is_tried = true};
    }
    if (!status && fit->cuts > 0)
        qsort(fit->cut, (size_t)fit->cuts, sizeof *fit->cut, by_segments);
    return status;
}

static status_t open_cut(const struct fit *fit, struct fit_cut *cut, int32_t **number)
{
    status_t status = memory_new(&cut->segment, fit->hierarchy.leaves, sizeof *cut->segment, "a cut");
    if (!status)
        status = memory_new(&cut->leaf, cut->segments, sizeof *cut->leaf, "a cut");
    if (!status)
        status = memory_new(&cut->size, cut->segments, sizeof *cut->size, "a cut");
    if (!status)
        status = memory_new(number, cut->segments, sizeof **number, "a cut");
    return status;
}

/* From the numbers that the cut gave its clusters to those of segments. */
static void number_cut(struct fit_cut *cut, int64_t leaves, const int32_t *number,
                       const struct segmentation *segments)
{
    for (int64_t leaf = leaves - 1; leaf >= 0; leaf--) {
        cut->segment[leaf] = number[cut->segment[leaf]];
        cut->leaf[cut->segment[leaf]] = (int32_t)leaf;
    }
    for (int64_t h = 0; h < cut->segments; h++)
        cut->size[h] = segments->size[h];
}

static status_t make_cut(struct fit *fit, struct fit_cut *cut)
{
    const struct hierarchy_result *hierarchy = &fit->hierarchy;
    struct segmentation segments = {.k = cut->segments};
    int32_t *number = NULL;
    status_t status = comm_agree(fit->comm, open_cut(fit, cut, &number));
    struct labelling labelling = {.k = cut->segments, .segment = cut->segment, .leaf = &hierarchy->leaf};
    if (!status)
        status = hierarchy_cut(fit->comm, hierarchy, cut->segments, cut->segment);
    if (!status)
        status = segments_from_labels(&fit->customers, &fit->preparation, &labelling, &segments, number);
    if (!status)
        number_cut(cut, hierarchy->leaves, number, &segments);
    if (!status && cut->is_tried) {
        struct fit_try *try = &fit->tried[cut->segments - fit->config.k_low];
        try->cut = cut;
        try->segments = segments;
    } else {
        segments_free(&segments);
    }
    free(number);
    return status;
}

/* ---- trees ---- */

static void tell_work(struct fit *fit)
{
    const struct hierarchy_result *hierarchy = &fit->hierarchy;
    const struct linkage_work *work = &hierarchy->work;
    double pairs = work->pairs > 0 ? (double)work->pairs : 1.0;
    log_detail(&fit->log,
               "tree: %" PRId64 " leaves (%s, %s), %" PRId64 " of them different; %" PRId64
               " rounds, %" PRId64
               " searches for a nearest neighbour, %.3g distances looked at, %.2g of them in double",
               hierarchy->leaves, fit_route(hierarchy), fit_linkage_name(&fit->config), hierarchy->distinct,
               work->rounds, work->searches, (double)work->pairs, (double)work->exact / pairs);
}

status_t fit_grow_tree(struct fit *fit)
{
    struct hierarchy_settings settings = fit_hierarchy_settings(&fit->config, fit->survey.customers);
    status_t status = hierarchy_run(&fit->customers, &fit->preparation, &settings, &fit->hierarchy);
    if (!status) {
        tell_work(fit);
        status = check_cuts(fit, fit->hierarchy.leaves, "leaves of the tree are");
    }
    if (!status) {
        log_phase_begin(&fit->log, "cuts");
        status = comm_agree(fit->comm, list_cuts(fit));
    }
    for (int64_t c = 0; !status && c < fit->cuts; c++)
        status = make_cut(fit, &fit->cut[c]);
    return status;
}

/* Where the segments are a cut, their tree is what stands above it. */
static status_t take_top(struct fit *fit)
{
    const struct fit_cut *cut = fit->chosen->cut;
    status_t status = STATUS_OK;
    if (fit->comm->rank == 0)
        status = dendrogram_top(&fit->hierarchy.tree, cut->segments, cut->segment, &fit->segment_tree);
    return status;
}

status_t fit_grow_segment_tree(struct fit *fit)
{
    log_phase_begin(&fit->log, "tree of segments");
    status_t status = fit->config.method == METHOD_HIERARCHY
                          ? comm_agree(fit->comm, take_top(fit))
                          : segment_tree_ward(fit->comm, &fit->log, fit->segments, &fit->segment_tree);
    if (status)
        return status;
    if (fit->comm->rank == 0)
        status = segment_paths_open(&fit->paths, &fit->segment_tree, fit->segments->size);
    return comm_agree(fit->comm, status);
}

void fit_free_trees(struct fit *fit)
{
    for (int64_t c = 0; c < fit->cuts; c++) {
        free(fit->cut[c].segment);
        free(fit->cut[c].leaf);
        free(fit->cut[c].size);
    }
    free(fit->cut);
    hierarchy_free(&fit->hierarchy);
    dendrogram_free(&fit->segment_tree);
    segment_paths_close(&fit->paths);
}
