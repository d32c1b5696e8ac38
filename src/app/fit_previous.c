#include "app/fit_previous.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/fit.h"
#include "app/rescore.h"
#include "core/memory.h"
#include "data/join.h"
#include "data/labelled.h"

/* Of a round of the join, on a rank: the prepared customers are not in memory yet. */
static const int64_t JOIN_BYTES = INT64_C(128) << 20;

bool fit_keeps_preparation(const struct fit *fit)
{
    return fit->previous && fit->config.preparation == PREPARATION_KEEP;
}

int64_t fit_number(const struct fit_try *try, int64_t h)
{
    return try->number ? try->number[h] : h;
}

const struct warm_start *fit_warm_start(const struct fit *fit)
{
    return fit->previous ? &fit->previous->start : NULL;
}

double fit_previous_bytes(const struct fit *fit, int64_t rows_of_rank)
{
    if (!fit->previous)
        return 0.0;
    const struct saved_model *model = &fit->previous->model;
    double labels = 2.0 * (double)rows_of_rank * row_numbers_width(model->k);
    double places = (double)(model->leaves + 4 * model->k) * (double)model->features * sizeof(double);
    return labels + places;
}

double fit_previous_join_bytes(const struct fit *fit)
{
    if (!fit->previous)
        return 0.0;
    double labels = ((double)fit->previous->model.rows / fit->comm->size + BLOCK_ROWS) * sizeof(int32_t);
    return labels + (double)JOIN_BYTES;
}

/* ---- last year's model ---- */

status_t fit_read_previous(struct fit *fit)
{
    struct comm *comm = fit->comm;
    if (!fit->config.previous)
        return STATUS_OK;
    status_t status =
        comm_agree(comm, memory_new(&fit->previous, 1, sizeof *fit->previous, "last year's results"));
    if (!status)
        status = saved_model_read(comm, fit->config.previous, &fit->previous->model);
    return status;
}

static bool is_feature(const struct saved_model *model, const char *name)
{
    for (int64_t f = 0; f < model->features; f++) {
        if (strcmp(model->name[f], name) == 0)
            return true;
    }
    return false;
}

static bool is_profiled(const struct fit *fit, const char *name)
{
    for (int64_t i = 0; i < fit->config.profile.count; i++) {
        if (strcmp(fit->config.profile.name[i], name) == 0)
            return true;
    }
    return false;
}

/* Columns that were not there last year, or not used. */
static void tell_unused(struct fit *fit)
{
    const char *first = NULL;
    int64_t others = 0;
    for (int64_t c = 0; c < fit->source.column_count; c++) {
        const char *name = fit->source.column[c].name;
        if (is_feature(&fit->previous->model, name) || is_profiled(fit, name))
            continue;
        others += first != NULL;
        first = first ? first : name;
    }
    if (first && others > 0)
        log_note(&fit->log, "%s and %" PRId64 " more columns are no features of %s and not used", first,
                 others, fit->config.previous);
    else if (first)
        log_note(&fit->log, "%s is no feature of %s and not used", first, fit->config.previous);
}

status_t fit_previous_columns(struct fit *fit, int64_t *features, int64_t *count)
{
    const struct config *config = &fit->config;
    const struct saved_model *model = &fit->previous->model;
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && !config->use_all && i < config->use.count; i++) {
        if (config->use.count != model->features || !is_feature(model, config->use.name[i]))
            status =
                status_new(EXIT_BAD_CONFIG,
                           "features.use is not the %" PRId64
                           " features of %s, whose preparation is to be kept (previous.preparation: refit "
                           "prepares anew)",
                           model->features, config->previous);
    }
    for (int64_t i = 0; !status && i < config->profile.count; i++) {
        if (is_feature(model, config->profile.name[i]))
            status = status_new(EXIT_BAD_CONFIG, "%s is in features.profile, but a feature of %s",
                                config->profile.name[i], config->previous);
    }
    if (!status)
        status = saved_model_columns(model, &fit->source, NULL, features);
    if (!status && config->use_all)
        tell_unused(fit);
    *count = model->features;
    return status;
}

/* ---- this year's customers, last year ---- */

static status_t join_customers(struct fit *fit, const struct labelled *labelled)
{
    struct fit_previous *previous = fit->previous;
    struct join_side before = {
        .path = fit->config.previous,
        .advice = "make it again with input.duplicates: first, which keeps the first row",
        .rows = {.id = &labelled->source.id, .partition = labelled->partition, .label = labelled->label}};
    struct join_side after = {
        .path = fit->config.input_path,
        .advice = "input.duplicates: first keeps the first row",
        .rows = {.id = &fit->source.id, .partition = fit->table.partition, .left_out = fit->table.left_out}};
    status_t status = join_lookup(fit->comm, &before, &after, previous->model.k, JOIN_BYTES, &previous->found,
                                  previous->lapsed);
    int64_t shared = status ? 0 : row_numbers_count(&previous->found);
    if (!status)
        status = comm_sum_i64(fit->comm, &shared, 1);
    if (!status && shared == 0)
        status = status_new(EXIT_BAD_DATA, "%s and %s have no customer in common", fit->config.previous,
                            fit->config.input_path);
    if (!status && (source_ids_are_rows(&fit->source) || source_ids_are_rows(&labelled->source)))
        log_warning(&fit->log,
                    "%s has no customer ids: row numbers are taken for them, which is right only where both "
                    "years' rows are the same customers",
                    source_ids_are_rows(&fit->source) ? fit->config.input_path : fit->config.previous);
    return status;
}

static status_t find_customers(struct fit *fit)
{
    const struct label_places places = {NULL, NULL, NULL};
    const struct saved_model *model = &fit->previous->model;
    struct labelled labelled = {.label = NULL};
    log_phase_begin(&fit->log, "last year's customers");
    status_t status = labelled_open(fit->comm, &fit->log, fit->config.previous, &places, &labelled);
    if (!status && !labelled.ours)
        status = status_new(EXIT_BAD_DATA, "%s: there is no /assignments/segment", fit->config.previous);
    if (!status)
        status = comm_agree(fit->comm, labelled_renumber(&labelled, model->k, model->number));
    if (!status)
        status = join_customers(fit, &labelled);
    fit->previous->left_out = labelled.left_out;
    labelled_close(&labelled);
    return status;
}

/* Where this year is prepared anew, last year's model need not be able to score its customers: then it is not
 * known what they did and what the model did. */
static status_t go_without(struct fit *fit, status_t failure)
{
    struct fit_previous *previous = fit->previous;
    previous->is_scored = !failure;
    if (!failure || fit_keeps_preparation(fit) || failure->code != EXIT_BAD_DATA)
        return failure;
    snprintf(previous->missing, sizeof previous->missing,
             "last year's model cannot score this year's customers (%.400s)", failure->message);
    log_warning(&fit->log, "%s", previous->missing);
    status_free(failure);
    drift_close(&previous->drift);
    row_numbers_free(&previous->old_label);
    return STATUS_OK;
}

status_t fit_score_previous(struct fit *fit)
{
    struct fit_previous *previous = fit->previous;
    if (!previous)
        return STATUS_OK;
    status_t status = comm_agree(
        fit->comm, memory_new(&previous->lapsed, previous->model.k, sizeof *previous->lapsed, "customers"));
    log_phase_begin(&fit->log, "last year's model");
    struct rescore rescore = {fit->comm, &fit->log, &previous->model, &fit->source, fit->table.left_out};
    if (!status)
        status = go_without(fit, rescore_run(&rescore, &previous->old_label, &previous->drift));
    return status ? status : find_customers(fit);
}

void fit_free_previous(struct fit *fit)
{
    struct fit_previous *previous = fit->previous;
    if (!previous)
        return;
    migration_free(&previous->migration);
    drift_close(&previous->drift);
    saved_model_free(&previous->model);
    row_numbers_free(&previous->found);
    row_numbers_free(&previous->old_label);
    free(previous->lapsed);
    free(previous->centroid);
    free(previous->carried);
    free(previous->after_mean);
    free(previous);
    fit->previous = NULL;
}
