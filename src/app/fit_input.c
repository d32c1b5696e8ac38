/* What `lohko fit` does before it learns: columns, settings of the preparation, the customers themselves. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/fit.h"
#include "core/memory.h"
#include "core/plural.h"

/* ---- columns ---- */

static status_t find_column(const struct source *source, const char *option, const char *name,
                            int64_t *column)
{
    *column = source_find(source, name);
    if (*column >= 0)
        return STATUS_OK;
    if (source_passed_over(source, name))
        return status_new(EXIT_BAD_DATA, "%s: %s holds no numbers (%s)", source->path, name, option);
    return status_new(EXIT_BAD_DATA, "%s: there is no column %s (%s)", source->path, name, option);
}

static bool is_listed(const struct name_list *list, const char *name)
{
    for (int64_t i = 0; i < list->count; i++) {
        if (strcmp(list->name[i], name) == 0)
            return true;
    }
    return false;
}

/* Columns that are both clustered on and only described, or the id, would be a contradiction. */
static status_t choose_columns(struct fit *fit, int64_t *features, int64_t *feature_count, int64_t *profile)
{
    const struct config *config = &fit->config;
    const struct source *source = &fit->source;
    status_t status = STATUS_OK;
    *feature_count = 0;
    for (int64_t i = 0; !status && i < config->profile.count; i++)
        status = find_column(source, "features.profile", config->profile.name[i], &profile[i]);
    if (!status && fit_keeps_preparation(fit))
        return fit_previous_columns(fit, features, feature_count);
    for (int64_t i = 0; !status && !config->use_all && i < config->use.count; i++) {
        status = find_column(source, "features.use", config->use.name[i], &features[(*feature_count)++]);
        if (!status && is_listed(&config->profile, config->use.name[i]))
            status = status_new(EXIT_BAD_CONFIG, "%s is in both features.use and features.profile",
                                config->use.name[i]);
    }
    for (int64_t c = 0; !status && config->use_all && c < source->column_count; c++) {
        if (!is_listed(&config->profile, source->column[c].name))
            features[(*feature_count)++] = c;
    }
    if (!status && *feature_count == 0)
        status = status_new(EXIT_BAD_DATA, "%s: no feature is left to cluster on", source->path);
    return status;
}

static void tell_passed_over(struct fit *fit)
{
    const struct texts *names = &fit->source.passed_over;
    for (int64_t i = 0; fit->config.use_all && i < names->count; i++)
        log_note(&fit->log, "%s holds no numbers and is passed over", names->text[i]);
}

status_t fit_open_table(struct fit *fit)
{
    const struct config *config = &fit->config;
    log_phase_begin(&fit->log, "opening the input");
    status_t status =
        source_open(fit->comm, config->input_path, config->input_features, config->input_id, &fit->source);
    if (status)
        return status;
    int64_t *features = NULL;
    int64_t *profile = NULL;
    int64_t feature_count = 0;
    status = fit_read_previous(fit);
    int64_t most = fit->source.column_count + config->use.count;
    if (!status && fit->previous)
        most += fit->previous->model.features;
    if (!status)
        status = memory_new(&features, most, sizeof *features, "columns");
    if (!status)
        status = memory_new(&profile, config->profile.count, sizeof *profile, "columns");
    if (!status)
        status = choose_columns(fit, features, &feature_count, profile);
    status = comm_agree(fit->comm, status);
    if (!status)
        status = table_open(fit->comm, &fit->log, &fit->source, features, feature_count, profile,
                            config->profile.count, &fit->table);
    free(features);
    free(profile);
    if (!status) {
        tell_passed_over(fit);
        log_note(&fit->log, "%s: %" PRId64 " customer%s, %" PRId64 " feature%s (%s), %d rank%s",
                 config->input_path, fit->source.rows, plural(fit->source.rows), fit->table.features,
                 plural(fit->table.features), fit->source.form, fit->comm->size, plural(fit->comm->size));
    }
    return status;
}

/* ---- customers ---- */

/* Last year's: what is missing and how values are transformed is asked for before anything is prepared. */
static void keep_settings(struct fit *fit)
{
    const struct saved_model *model = &fit->previous->model;
    fit->settings.missing = model->missing;
    for (int64_t f = 0; f < model->features; f++)
        fit->settings.transform[f] = model->preparation.feature[f].transform;
    log_note(&fit->log, "the preparation of features is that of %s; prepare.* is not looked at",
             fit->config.previous);
}

static status_t map_settings(struct fit *fit)
{
    const struct config *config = &fit->config;
    struct prepare_settings *settings = &fit->settings;
    int64_t features = fit->table.features;
    *settings = (struct prepare_settings){
        .missing = (enum missing)config->missing, .scale = (enum scale)config->scale, .clip = {0.0, 1.0}};
    if (config->clip.count == 2) {
        settings->clip[0] = config->clip.value[0];
        settings->clip[1] = config->clip.value[1];
    }
    status_t status = memory_new(&settings->transform, features, sizeof *settings->transform, "settings");
    if (!status)
        status = memory_new(&settings->weight, features, sizeof *settings->weight, "settings");
    for (int64_t c = 0; !status && c < features; c++)
        settings->weight[c] = 1.0;
    if (!status && fit_keeps_preparation(fit)) {
        keep_settings(fit);
        return STATUS_OK;
    }
    const struct name_map *maps[] = {&config->transform, &config->weight};
    const char *const options[] = {"prepare.transform", "prepare.weight"};
    for (int m = 0; m < 2; m++) {
        for (int64_t i = 0; !status && i < maps[m]->count; i++) {
            int64_t c = 0;
            while (c < features && strcmp(table_name(&fit->table, c), maps[m]->name[i]) != 0)
                c++;
            if (c == features)
                status = status_new(EXIT_BAD_CONFIG, "%s: %s is not among the features", options[m],
                                    maps[m]->name[i]);
            else if (m == 0)
                settings->transform[c] = (int)maps[m]->value[i];
            else
                settings->weight[c] = maps[m]->value[i];
        }
    }
    return status;
}

status_t fit_survey(struct fit *fit)
{
    status_t status = comm_agree(fit->comm, map_settings(fit));
    if (!status) {
        log_phase_begin(&fit->log, "looking for repeated ids");
        status = ids_check(&fit->table, (enum duplicates)fit->config.duplicates, fit->memory.id_bytes,
                           &fit->repeated);
    }
    if (!status && fit->repeated > 0 && fit->config.duplicates == DUPLICATES_FIRST)
        log_note(&fit->log, "%" PRId64 " row%s left out: the customer id was there before", fit->repeated,
                 plural(fit->repeated));
    if (!status) {
        log_phase_begin(&fit->log, "survey");
        status = survey_run(&fit->table, fit->settings.missing, fit->settings.transform, &fit->survey);
    }
    if (!status && fit->survey.dropped > 0)
        log_note(&fit->log, "%" PRId64 " customer%s left out: a feature is missing", fit->survey.dropped,
                 plural(fit->survey.dropped));
    return status;
}

status_t fit_load(struct fit *fit)
{
    log_phase_begin(&fit->log, "preparation constants");
    status_t status =
        fit_keeps_preparation(fit)
            ? prepare_keep(&fit->table, &fit->survey, &fit->previous->model.preparation, &fit->preparation)
            : prepare_learn(&fit->table, &fit->settings, &fit->survey, &fit->preparation);
    if (!status) {
        log_phase_begin(&fit->log, "loading");
        status = customers_load(&fit->table, &fit->preparation, fit->survey.customers, fit->memory.kept,
                                &fit->customers);
        fit->customers.track_bytes = fit->memory.track_bytes;
    }
    return status;
}
