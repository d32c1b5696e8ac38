/* summary.json: the figures a dashboard or a CI job reads. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "app/fit.h"
#include "app/version.h"

/* JSON has no NaN: undefined figures are null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *by_column(const struct table *table, int64_t first, int64_t end, const double *values)
{
    json_t *object = json_object();
    for (int64_t c = first; c < end; c++) {
        if (json_object_set_new(object, table_name(table, c), number(values[c])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *segment(const struct fit *fit, int64_t h)
{
    const struct profile *profile = &fit->profile;
    const struct table *table = &fit->table;
    int64_t first = h * profile->columns;
    return json_pack("{s:I, s:I, s:f, s:s, s:o, s:o, s:o, s:o}", "segment", (json_int_t)h, "size",
                     (json_int_t)profile->size[h], "share",
                     (double)profile->size[h] / (double)profile->customers, "what_sets_it_apart",
                     fit->description[h], "mean", by_column(table, 0, table->features, profile->mean + first),
                     "median", by_column(table, 0, table->features, profile->median + first), "profile_mean",
                     by_column(table, table->features, table->columns, profile->mean + first),
                     "profile_total",
                     by_column(table, table->features, table->columns, profile->total + first));
}

static json_t *segments(const struct fit *fit)
{
    json_t *array = json_array();
    for (int64_t h = 0; h < fit->profile.k; h++) {
        if (json_array_append_new(array, segment(fit, h)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *features(const struct fit *fit)
{
    json_t *array = json_array();
    for (int64_t f = 0; f < fit->preparation.count; f++) {
        const struct prepared_feature *feature = &fit->preparation.feature[f];
        int64_t c = feature->column;
        json_t *entry = json_pack(
            "{s:s, s:o, s:o, s:I, s:o}", "name", table_name(&fit->table, c), "mean",
            number(fit->profile.all_mean[c]), "stddev", number(fit->profile.all_deviation[c]), "missing",
            (json_int_t)feature->missing, "eta_squared", number(fit->profile.eta_squared[c]));
        if (json_array_append_new(array, entry) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *restarts(const struct kmeans_result *kmeans)
{
    json_t *array = json_array();
    for (int64_t r = 0; r < kmeans->restarts; r++) {
        if (json_array_append_new(array, number(kmeans->restart_inertia[r])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *phases(const struct log *log)
{
    json_t *object = json_object();
    for (int i = 0; i < log->phase_count; i++) {
        if (json_object_set_new(object, log->phase[i].name, number(log->phase[i].seconds)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *summary(const struct fit *fit)
{
    const struct kmeans_result *kmeans = &fit->kmeans;
    char checksum[24];
    snprintf(checksum, sizeof checksum, "%016" PRIx64, fit->survey.checksum);
    json_t *input =
        json_pack("{s:s, s:I, s:I, s:I, s:s}", "path", fit->config.input_path, "customers",
                  (json_int_t)fit->source.rows, "customers_used", (json_int_t)fit->survey.customers,
                  "repeated_ids", (json_int_t)fit->repeated, "checksum", checksum);
    json_t *learning =
        json_pack("{s:o, s:f, s:f, s:b, s:I, s:I, s:I, s:o}", "inertia", number(kmeans->inertia),
                  "inertia_per_customer", kmeans->inertia / (double)fit->survey.customers,
                  "explained_variance", kmeans_explained(kmeans), "converged", (int)kmeans->converged,
                  "mini_batches", (json_int_t)kmeans->batches, "passes", (json_int_t)kmeans->passes,
                  "best_restart", (json_int_t)kmeans->best_restart, "restart_inertia", restarts(kmeans));
    json_t *job = json_pack("{s:I, s:s, s:f, s:I, s:o}", "ranks", (json_int_t)fit->comm->size, "hosts",
                            fit->hosts, "seconds", log_elapsed(&fit->log), "peak_bytes_per_rank",
                            (json_int_t)fit->peak_memory, "phase_seconds", phases(&fit->log));
    return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "lohko", version_text(), "commit",
                     version_commit(), "k", (json_int_t)kmeans->k, "input", input, "learning", learning,
                     "segments", segments(fit), "features", features(fit), "job", job);
}

status_t fit_write_summary(const struct fit *fit, const char *path)
{
    json_t *root = summary(fit);
    if (!root)
        return status_new(EXIT_INTERNAL, "%s: the figures cannot be written as JSON", path);
    FILE *file = NULL;
    status_t status = output_text_begin(path, &file);
    if (!status) {
        bool written = json_dumpf(root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) == 0 &&
                       fputc('\n', file) == '\n';
        status = output_text_end(path, file);
        if (!status && !written)
            status = status_new(EXIT_IO_ERROR, "%s: writing failed", path);
    }
    json_decref(root);
    return status;
}
