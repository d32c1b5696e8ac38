/* Customers are read, scored and written piece by piece; then what they were like. */
#include <stdlib.h>

#include "app/assign.h"
#include "app/attributes.h"
#include "core/memory.h"
#include "data/results_assignments.h"
#include "data/results_dataset.h"
#include "data/results_stability.h"

/* ---- scoring ---- */

struct scoring {
    struct assign *assign;
    int64_t first; /* block of the piece */
    const struct assignments *piece;
};

static void number_segments(const int64_t *number, int32_t *segment)
{
    for (int i = 0; i < BLOCK_ROWS; i++) {
        if (segment[i] >= 0)
            segment[i] = (int32_t)number[segment[i]];
    }
}

static status_t score(void *context, const struct raw_block *block)
{
    const struct scoring *scoring = context;
    struct assign *assign = scoring->assign;
    const struct assignments *piece = scoring->piece;
    int64_t at = (block->local - scoring->first) * BLOCK_ROWS;
    struct assignments part = {piece->segment + at, piece->distance + at, piece->runner_up + at,
                               piece->shadow + at};
    status_t status = scorer_block(assign->scorer, block, &part);
    if (status)
        return status;
    drift_take(&assign->drift, block, part.segment, part.distance);
    number_segments(assign->model.number, part.segment);
    number_segments(assign->model.number, part.runner_up);
    return STATUS_OK;
}

static status_t score_piece(void *context, int64_t first, int64_t count, const struct assignments *piece)
{
    struct assign *assign = context;
    struct scoring scoring = {assign, first, piece};
    return table_reader_walk(assign->reader, first, count, score, &scoring);
}

/* ---- results.h5 ---- */

static status_t write_segments(const struct assign *assign, hid_t file)
{
    int64_t k = assign->model.k;
    status_t status =
        results_write_whole(file, "/segments/number", "segment number", k, assign->model.number);
    if (!status)
        status = results_write_whole(file, "/segments/size", "customers", k, assign->drift.segment);
    return status;
}

static status_t write_bins(const struct assign *assign, struct results_file *results)
{
    const struct saved_model *model = &assign->model;
    int64_t *before = NULL;
    status_t status =
        memory_new(&before, model->features * DRIFT_BINS, sizeof *before, "counts of the model's customers");
    for (int64_t f = 0; !status && f < model->features; f++)
        drift_bins_before(model, f, before + f * DRIFT_BINS);
    const struct results_figure figures[] = {
        {"/drift/count",
         "customers up to each of the model's deciles, above, without a value",
         {model->features, DRIFT_BINS, 0},
         NULL,
         assign->drift.bin},
        {"/drift/count_before",
         "the same of the customers that the model was learned from",
         {model->features, DRIFT_BINS, 0},
         NULL,
         before},
    };
    if (!status)
        status = results_write_figures(results, figures, 2, "/drift", NULL, 0);
    free(before);
    return status;
}

static status_t write_drift(const struct assign *assign, struct results_file *results)
{
    const struct drift *drift = &assign->drift;
    const struct saved_model *model = &assign->model;
    status_t status =
        results_write_real(results->file, "/drift/psi", "population stability index; NaN: not known",
                           model->features, 0, drift->psi, (const char *const *)model->name);
    if (!status && model->decile)
        status = write_bins(assign, results);
    const struct results_attribute attributes[] = {
        {.name = "segment_psi", .real = drift->segment_psi},
        {.name = "far_share", .real = drift->far_share},
        {.name = "far", .real = model->far},
        {.name = "epsilon", .real = DRIFT_EPSILON},
        {.name = "watch", .real = DRIFT_WATCH},
        {.name = "shifted", .real = DRIFT_SHIFTED},
        {.name = "customers", .whole = true, .integer = drift->customers},
    };
    if (!status)
        status = results_write_figures(results, NULL, 0, "/drift", attributes,
                                       (int64_t)(sizeof attributes / sizeof *attributes));
    return status;
}

static status_t write_attributes(const struct assign *assign, hid_t file)
{
    struct attribute_list list = {.count = 0};
    const char *checksum = assign->model.input_checksum;
    attributes_add_job(&list, assign->comm, assign->hosts, assign->started);
    attributes_add_whole(&list, "customers", assign->source.rows);
    attributes_add_whole(&list, "customers_used", assign->drift.customers);
    attributes_add_text(&list, "model_path", assign->options.model);
    attributes_add_text(&list, "model_checksum", checksum ? checksum : "unknown");
    attributes_add_input(&list, assign->options.input);
    return results_write_attributes(file, list.item, list.count);
}

/* ---- all ---- */

static status_t create_results(struct assign *assign, struct results_file *results)
{
    const char *path = NULL;
    status_t status = output_add(&assign->output, "results.h5", &path);
    if (!status)
        status = results_create(results, path);
    if (!status)
        status = output_reserve(path, results_bytes(&assign->table, assign->model.k));
    return status;
}

static status_t write_figures(struct assign *assign, struct results_file *results)
{
    status_t status = write_segments(assign, results->file);
    if (!status)
        status = write_drift(assign, results);
    return status ? status : write_attributes(assign, results->file);
}

static status_t write_results(struct assign *assign)
{
    struct comm *comm = assign->comm;
    struct results_file results = {H5I_INVALID_HID};
    status_t status = comm_agree(comm, comm->rank == 0 ? create_results(assign, &results) : STATUS_OK);
    if (!status)
        status = results_write_scores(&results, comm, &assign->table, score_piece, assign);
    if (!status)
        status = drift_finish(comm, &assign->drift);
    if (!status && comm->rank == 0)
        status = write_figures(assign, &results);
    return status_first(status, results_close(&results));
}

static status_t finish(struct assign *assign)
{
    const char *path = NULL;
    status_t status = output_add(&assign->output, "summary.json", &path);
    if (!status)
        status = assign_write_summary(assign, path);
    if (!status)
        status = output_retire(&assign->output, "segments.csv");
    if (!status)
        status = output_retire(&assign->output, "migration.csv");
    return status ? status : output_commit(&assign->output);
}

status_t assign_write(struct assign *assign)
{
    struct comm *comm = assign->comm;
    log_phase_begin(&assign->log, "scoring");
    status_t status = comm_agree(comm, write_results(assign));
    log_phase_end(&assign->log);
    assign->peak_memory = memory_peak();
    if (!status)
        status = comm_max_i64(comm, &assign->peak_memory, 1);
    comm->stop = NULL; /* from here on the job ends */
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? finish(assign) : STATUS_OK);
    log_phase_table(&assign->log, assign->source.rows);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? assign_print(assign) : STATUS_OK);
    return status;
}
