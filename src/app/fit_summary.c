/* summary.json: the figures a dashboard or a CI job reads. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/fit.h"
#include "app/summary_file.h"
#include "app/version.h"
#include "core/memory.h"

static json_t *by_column(const struct table *table, int64_t first, int64_t end, const double *values)
{
    json_t *object = json_object();
    for (int64_t c = first; c < end; c++) {
        if (json_object_set_new(object, table_name(table, c), summary_number(values[c])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* `path`: room for the longest one. */
static json_t *segment(const struct fit *fit, int64_t h, char *path)
{
    const struct fit_try *chosen = fit->chosen;
    const struct profile *profile = &fit->profile;
    const struct table *table = &fit->table;
    int64_t first = h * profile->columns;
    segment_path(&fit->paths, h, path);
    return json_pack(
        "{s:I, s:I, s:f, s:s, s:s, s:o, s:s?, s:o, s:o, s:o, s:o, s:o}", "segment",
        (json_int_t)fit_number(chosen, h), "size", (json_int_t)profile->size[h], "share",
        (double)profile->size[h] / (double)profile->customers, "tree_path", path, "what_sets_it_apart",
        fit->description[h], "stability", summary_number(chosen->stability.mean_jaccard[h]), "verdict",
        fit_verdict(fit, h), "silhouette", summary_number(chosen->indices.segment_silhouette[h]), "mean",
        by_column(table, 0, table->features, profile->mean + first), "median",
        by_column(table, 0, table->features, profile->median + first), "profile_mean",
        by_column(table, table->features, table->columns, profile->mean + first), "profile_total",
        by_column(table, table->features, table->columns, profile->total + first));
}

static json_t *segments(const struct fit *fit)
{
    char *path = NULL;
    status_t status = memory_new(&path, fit->paths.longest + 1, 1, "ways in the tree");
    json_t *array = status ? NULL : json_array();
    status_free(status);
    for (int64_t h = 0; array && h < fit->profile.k; h++) {
        if (json_array_append_new(array, segment(fit, h, path)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    free(path);
    return array;
}

static json_t *features(const struct fit *fit)
{
    json_t *array = json_array();
    for (int64_t f = 0; f < fit->preparation.count; f++) {
        const struct prepared_feature *feature = &fit->preparation.feature[f];
        int64_t c = feature->column;
        json_t *entry =
            json_pack("{s:s, s:o, s:o, s:I, s:o}", "name", table_name(&fit->table, c), "mean",
                      summary_number(fit->profile.all_mean[c]), "stddev",
                      summary_number(fit->profile.all_deviation[c]), "missing", (json_int_t)feature->missing,
                      "eta_squared", summary_number(fit->profile.eta_squared[c]));
        if (json_array_append_new(array, entry) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* A phase that comes more than once counts as one. */
static json_t *phases(const struct log *log)
{
    json_t *object = json_object();
    for (int i = 0; i < log->phase_count; i++) {
        const struct log_phase *phase = &log->phase[i];
        double before = json_number_value(json_object_get(object, phase->name));
        if (json_object_set_new(object, phase->name, summary_number(before + phase->seconds)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* How the segments fit, and, of k-means, how it learned: null where there was none. */
static json_t *learning(const struct fit *fit)
{
    const struct kmeans_result *kmeans = &fit->chosen->kmeans;
    const struct segmentation *fitted = fit->segments;
    double customers = (double)fit->survey.customers;
    if (fit->config.method != METHOD_KMEANS)
        return json_pack("{s:o, s:f, s:f, s:n, s:n, s:n, s:n, s:[]}", "inertia",
                         summary_number(fitted->inertia), "inertia_per_customer", fitted->inertia / customers,
                         "explained_variance", segments_explained(fitted), "converged", "mini_batches",
                         "passes", "best_restart", "restart_inertia");
    return json_pack("{s:o, s:f, s:f, s:b, s:I, s:I, s:I, s:o}", "inertia", summary_number(fitted->inertia),
                     "inertia_per_customer", fitted->inertia / customers, "explained_variance",
                     segments_explained(fitted), "converged", (int)kmeans->converged, "mini_batches",
                     (json_int_t)kmeans->batches, "passes", (json_int_t)kmeans->passes, "best_restart",
                     (json_int_t)kmeans->best_restart, "restart_inertia",
                     summary_numbers(kmeans->restart_inertia, kmeans->restarts));
}

static json_t *level(const struct fit *fit, int64_t c)
{
    const struct fit_cut *cut = &fit->cut[c];
    const struct fit_cut *coarser = fit_coarser_level(fit, c);
    json_t *sizes = json_array();
    json_t *parents = coarser ? json_array() : json_null();
    for (int64_t h = 0; h < cut->segments; h++) {
        json_array_append_new(sizes, json_integer(cut->size[h]));
        if (coarser)
            json_array_append_new(parents, json_integer(fit_parent(cut, h, coarser)));
    }
    return json_pack("{s:I, s:o, s:o}", "segments", (json_int_t)cut->segments, "sizes", sizes, "parents",
                     parents);
}

static json_t *levels(const struct fit *fit)
{
    json_t *array = json_array();
    for (int64_t c = 0; c < fit->cuts; c++) {
        if (fit->cut[c].is_level && json_array_append_new(array, level(fit, c)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Null where there is no tree of customers. */
static json_t *hierarchy(const struct fit *fit)
{
    const struct hierarchy_result *tree = &fit->hierarchy;
    int64_t rows = tree->leaves - 1;
    if (fit->config.leaves == 0)
        return json_null();
    json_t *heights =
        rows > 0 ? json_pack("[f, f]", tree->tree.linkage[2], tree->tree.linkage[4 * rows - 2]) : json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:o}", "linkage", fit_linkage_name(&fit->config),
                     "route", fit_route(tree), "leaves", (json_int_t)tree->leaves, "different_leaves",
                     (json_int_t)tree->distinct, "heights", heights, "rounds", (json_int_t)tree->work.rounds,
                     "levels", levels(fit));
}

/* What the tree cost, which the number of ranks has a say in. */
static json_t *tree_work(const struct fit *fit)
{
    const struct linkage_work *work = &fit->hierarchy.work;
    if (fit->config.leaves == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:I}", "searches", (json_int_t)work->searches, "distances",
                     (json_int_t)work->pairs, "distances_in_double", (json_int_t)work->exact);
}

/* Null where there is no year before. */
static json_t *migration(const struct fit *fit)
{
    if (!fit->previous)
        return json_null();
    struct migration_report report = fit_migration_report(fit);
    return migration_report_summary(&report);
}

static json_t *summary(const struct fit *fit)
{
    char checksum[24];
    snprintf(checksum, sizeof checksum, "%016" PRIx64, fit->survey.checksum);
    json_t *input =
        json_pack("{s:s, s:I, s:I, s:I, s:s}", "path", fit->config.input_path, "customers",
                  (json_int_t)fit->source.rows, "customers_used", (json_int_t)fit->survey.customers,
                  "repeated_ids", (json_int_t)fit->repeated, "checksum", checksum);
    json_t *job =
        json_pack("{s:I, s:s, s:f, s:I, s:o, s:o}", "ranks", (json_int_t)fit->comm->size, "hosts", fit->hosts,
                  "seconds", log_elapsed(&fit->log), "peak_bytes_per_rank", (json_int_t)fit->peak_memory,
                  "phase_seconds", phases(&fit->log), "tree_work", tree_work(fit));
    return json_pack("{s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "lohko",
                     version_text(), "commit", version_commit(), "k", (json_int_t)fit->segments->k, "method",
                     fit->config.method == METHOD_KMEANS ? "kmeans" : "hierarchy", "input", input, "learning",
                     learning(fit), "selection", fit_summary_selection(fit), "stability",
                     fit_summary_stability(fit), "segments", segments(fit), "hierarchy", hierarchy(fit),
                     "features", features(fit), "migration", migration(fit), "job", job);
}

status_t fit_write_summary(const struct fit *fit, const char *path)
{
    return summary_write(path, summary(fit));
}
