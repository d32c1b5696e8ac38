#include "cluster/kmeans.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/minibatch.h"
#include "cluster/panel.h"
#include "cluster/refill.h"
#include "cluster/seed.h"
#include "cluster/swap.h"
#include "core/memory.h"

enum { MOST_PASSES = 300, MOST_RENUMBERINGS = 8 };

/* A model moves until it has converged; its last move is then measured by one more pass. */
enum stage { MOVING, MEASURING, DONE };

struct polish {
    struct panel *panel;
    const struct kmeans_settings *settings;
    enum stage *stage; /* of each model */
    bool *converged;
    int64_t *moves; /* of each model */
    double *before; /* k x features: centroids before a move */
    int64_t passes;
    int64_t refills;
};

static bool has_empty(const struct model *model)
{
    for (int64_t h = 0; h < model->k; h++) {
        if (model->count[h] == 0)
            return true;
    }
    return false;
}

/* One model after a pass. Decisions rest on values that are the same on all ranks. */
static status_t advance(struct polish *polish, int64_t m)
{
    struct model *model = &polish->panel->model[m];
    int64_t features = polish->panel->customers->features;
    double bound = polish->settings->tolerance * polish->panel->customers->mean_variance;
    if (has_empty(model) && polish->moves[m] < MOST_PASSES) {
        int64_t refilled = 0;
        memcpy(polish->before, model->centroid, (size_t)(model->k * features) * sizeof *polish->before);
        panel_move(polish->panel, model);
        polish->moves[m]++;
        polish->stage[m] = polish->settings->polish ? MOVING : MEASURING;
        status_t status = refill_empty(polish->panel, m, polish->before, &refilled);
        polish->refills += refilled;
        return status;
    }
    if (polish->stage[m] == MEASURING) {
        polish->stage[m] = DONE;
        return STATUS_OK;
    }
    bool last = ++polish->moves[m] >= MOST_PASSES;
    double moved = panel_move(polish->panel, model);
    polish->converged[m] = moved <= bound;
    if (moved == 0)
        polish->stage[m] = DONE;
    else if (polish->converged[m] || last)
        polish->stage[m] = MEASURING;
    return STATUS_OK;
}

static status_t advance_all(struct polish *polish, int64_t *learning, double *lowest)
{
    status_t status = STATUS_OK;
    *learning = 0;
    for (int64_t m = 0; !status && m < polish->panel->count; m++) {
        struct model *model = &polish->panel->model[m];
        double inertia = model->inertia / (double)polish->panel->passed;
        *lowest = *lowest <= 0 || inertia < *lowest ? inertia : *lowest;
        if (!model->learning)
            continue;
        status = advance(polish, m);
        model->learning = polish->stage[m] != DONE;
        *learning += model->learning;
    }
    return status;
}

/* Full passes until every learning model has converged and is measured. */
static status_t polish_run(struct polish *polish)
{
    const struct customers *customers = polish->panel->customers;
    int64_t learning = 0;
    int64_t passes = 0;
    status_t status = STATUS_OK;
    for (int64_t m = 0; m < polish->panel->count; m++) {
        polish->stage[m] = polish->settings->polish ? MOVING : MEASURING;
        learning += polish->panel->model[m].learning;
    }
    while (!status && learning > 0) {
        double inertia = 0.0;
        status = panel_pass(polish->panel);
        polish->passes++;
        passes++;
        if (!status)
            status = advance_all(polish, &learning, &inertia);
        log_show_progress(customers->log, &(struct log_progress){.step_name = "pass",
                                                                 .step = passes,
                                                                 .steps = MOST_PASSES,
                                                                 .inertia = inertia,
                                                                 .customers = passes * customers->used});
    }
    return status;
}

/* Swaps from the best restart; what they find is polished on all customers, and kept if it is better there
 * too. */
static status_t improve_best(struct polish *polish, int64_t batch, struct kmeans_result *result)
{
    struct panel *panel = polish->panel;
    struct model *best = &panel->model[result->best_restart];
    size_t size = (size_t)(best->k * panel->customers->features) * sizeof *best->centroid;
    double inertia = best->inertia;
    bool converged = polish->converged[result->best_restart];
    double *found = NULL;
    status_t status = comm_agree(panel->customers->comm, memory_new(&found, (int64_t)size, 1, "centroids"));
    panel_forget(panel); /* variants remember, too */
    if (!status) {
        memcpy(found, best->centroid, size);
        status = swap_improve(panel->customers, panel->preparation, best->k, batch,
                              polish->settings->tolerance, polish->settings->seed, found, &result->swaps);
    }
    if (!status && result->swaps > 0) {
        double *kept = best->centroid;
        best->centroid = found;
        found = kept;
        best->learning = true;
        polish->moves[result->best_restart] = 0;
        status = polish_run(polish);
        if (!status && best->inertia >= inertia) {
            found = best->centroid;
            best->centroid = kept;
            polish->converged[result->best_restart] = converged;
            result->swaps = 0;
        }
    }
    free(found);
    return status;
}

/* ---- the result ---- */

/* Puts the model's centroids in the order of their segments' numbers. *changed: they were in another. */
static status_t renumber(struct model *model, int64_t features, bool *changed)
{
    int64_t *order = NULL;
    double *centroid = NULL;
    int64_t *count = NULL;
    *changed = false;
    status_t status = memory_new(&order, model->k, sizeof *order, "segment numbers");
    if (!status)
        status = memory_new(&centroid, model->k * features, sizeof *centroid, "centroids");
    if (!status)
        status = memory_new(&count, model->k, sizeof *count, "segment sizes");
    if (!status)
        status = segments_order(model->k, features, model->centroid, model->count, order);
    for (int64_t h = 0; !status && h < model->k; h++) {
        *changed = *changed || order[h] != h;
        memcpy(centroid + h * features, model->centroid + order[h] * features,
               (size_t)features * sizeof *centroid);
        count[h] = model->count[order[h]];
    }
    if (!status) {
        memcpy(model->centroid, centroid, (size_t)(model->k * features) * sizeof *centroid);
        memcpy(model->count, count, (size_t)model->k * sizeof *count);
    }
    free(order);
    free(centroid);
    free(count);
    return status;
}

/* A customer halfway between two centroids belongs to the lower number, so numbers and sizes are settled
 * together. */
static status_t settle_numbers(struct panel *panel, int64_t best)
{
    struct model *model = &panel->model[best];
    struct comm *comm = panel->customers->comm;
    bool changed = true;
    for (int64_t m = 0; m < panel->count; m++)
        panel->model[m].learning = m == best;
    /* what the model's last pass measured may be another set of centroids: a swap that was not kept */
    status_t status = panel_pass(panel);
    for (int turn = 0; !status && changed && turn < MOST_RENUMBERINGS; turn++) {
        status = comm_agree(comm, renumber(model, panel->customers->features, &changed));
        if (!status && changed)
            status = panel_pass(panel);
    }
    return status;
}

static status_t take_segments(struct panel *panel, int64_t best, struct segmentation *segments)
{
    const struct model *model = &panel->model[best];
    size_t size = (size_t)(model->k * panel->customers->features) * sizeof *segments->centroid;
    *segments = (struct segmentation){.k = model->k};
    status_t status = segments_open(segments, panel->customers);
    if (!status)
        status = memory_new(&segments->label, panel->customers->partition.block_count * BLOCK_ROWS,
                            sizeof *segments->label, "labels");
    if (status)
        return status;
    memcpy(segments->centroid, model->centroid, size);
    memcpy(segments->sum, model->sum, size);
    memcpy(segments->size, model->count, (size_t)model->k * sizeof *segments->size);
    segments_measure(segments, panel->squares);
    return panel_label(panel, best, segments->label);
}

static status_t take_result(struct panel *panel, const struct polish *polish,
                            struct kmeans_result *result)
{
    status_t status = take_segments(panel, result->best_restart, &result->segments);
    result->passes = polish->passes;
    result->refills = polish->refills;
    result->converged = polish->converged[result->best_restart];
    result->step_bytes = panel_wire_bytes(panel);
    result->by_gemm = panel->nearest.way == NEAREST_GEMM;
    memcpy(result->seconds, panel->nearest.seconds, sizeof result->seconds);
    result->visited = panel->visited;
    result->assigned = panel->assigned;
    result->undecided = panel->nearest.undecided;
    return comm_agree(panel->customers->comm, status);
}

static void choose_best(const struct panel *panel, struct kmeans_result *result)
{
    result->best_restart = 0;
    for (int64_t m = 0; m < panel->count; m++) {
        result->restart_inertia[m] = panel->model[m].inertia;
        if (panel->model[m].inertia < panel->model[result->best_restart].inertia)
            result->best_restart = m;
    }
}

static status_t polish_open(struct polish *polish, struct panel *panel,
                            const struct kmeans_settings *settings)
{
    *polish = (struct polish){.panel = panel, .settings = settings};
    status_t status = memory_new(&polish->stage, panel->count, sizeof *polish->stage, "restarts");
    if (!status)
        status = memory_new(&polish->converged, panel->count, sizeof *polish->converged, "restarts");
    if (!status)
        status = memory_new(&polish->moves, panel->count, sizeof *polish->moves, "restarts");
    if (!status)
        status = memory_new(&polish->before, settings->k * panel->customers->features, sizeof *polish->before,
                            "centroids");
    return comm_agree(panel->customers->comm, status);
}

static void polish_close(struct polish *polish)
{
    free(polish->stage);
    free(polish->converged);
    free(polish->moves);
    free(polish->before);
}

static status_t learn(struct panel *panel, struct minibatch_plan *plan, struct polish *polish, int64_t batch,
                      struct kmeans_result *result)
{
    const struct kmeans_settings *settings = polish->settings;
    struct log *log = panel->customers->log;
    log_phase_begin(log, "seeding");
    status_t status = seed_models(panel, plan->strata * BLOCK_ROWS, settings->seed);
    if (!status)
        panel_add(panel, plan->chosen, minibatch_next(plan));
    if (!status) {
        log_phase_begin(log, "mini-batches");
        status = minibatch_run(panel, plan, settings->polish, &result->batches);
    }
    if (!status) {
        log_phase_begin(log, settings->polish ? "polish" : "measuring");
        status = polish_run(polish);
    }
    if (!status) {
        choose_best(panel, result);
        log_phase_begin(log, "swaps");
    }
    if (!status && settings->polish && settings->k > 1)
        status = improve_best(polish, batch, result);
    if (!status) {
        log_phase_begin(log, "labels");
        status = settle_numbers(panel, result->best_restart);
    }
    return status;
}

status_t kmeans_run(const struct customers *customers, const struct preparation *preparation,
                    const struct kmeans_settings *settings, struct kmeans_result *result)
{
    *result = (struct kmeans_result){.restarts = settings->restarts};
    /* a batch of more than all customers is all of them */
    int64_t rows = customers->partition.rows;
    int64_t batch = settings->batch < rows ? settings->batch : rows;
    int64_t first = settings->k > batch / MINIBATCH_CUSTOMERS ? MINIBATCH_CUSTOMERS * settings->k : batch;
    struct panel panel = {0};
    struct polish polish = {0};
    struct minibatch_plan plan = {0};
    status_t status =
        memory_new(&result->restart_inertia, settings->restarts, sizeof *result->restart_inertia, "restarts");
    if (!status)
        status = minibatch_plan_open(&plan, customers->partition.blocks, first, settings->seed);
    status = comm_agree(customers->comm, status);
    if (!status)
        status = panel_open_alike(&panel, customers, preparation, settings->restarts, settings->k);
    if (!status)
        status = polish_open(&polish, &panel, settings);
    if (!status)
        status = learn(&panel, &plan, &polish, batch, result);
    panel_forget(&panel);
    if (!status)
        status = take_result(&panel, &polish, result);
    minibatch_plan_close(&plan);
    polish_close(&polish);
    panel_close(&panel);
    return status;
}

void kmeans_free(struct kmeans_result *result)
{
    segments_free(&result->segments);
    free(result->restart_inertia);
    *result = (struct kmeans_result){0};
}
