#include "cluster/lloyd.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/refill.h"
#include "core/memory.h"

enum { MOST_PASSES = 300 };
#define STEP "polish" /* of the journal */

/* A model moves until it has converged; its last move is then measured by one more pass. */
enum stage { MOVING, MEASURING, DONE };

struct lloyd_model {
    enum stage stage;
    bool converged;
    bool exhausted; /* no customer is left that an empty segment could be given */
    int64_t moves;
};

status_t lloyd_open(struct lloyd *lloyd, struct panel *panel, bool polish, double tolerance)
{
    const struct customers *customers = panel->customers;
    int64_t most = 0;
    *lloyd = (struct lloyd){.panel = panel, .polish = polish, .bound = tolerance * customers->mean_variance};
    for (int64_t m = 0; m < panel->count; m++)
        most = panel->model[m].k > most ? panel->model[m].k : most;
    status_t status = memory_new(&lloyd->model, panel->count, sizeof *lloyd->model, "models");
    if (!status)
        status = memory_new(&lloyd->before, most * customers->features, sizeof *lloyd->before, "centroids");
    return comm_agree(customers->comm, status);
}

void lloyd_close(struct lloyd *lloyd)
{
    free(lloyd->model);
    free(lloyd->before);
    *lloyd = (struct lloyd){.panel = NULL};
}

bool lloyd_converged(const struct lloyd *lloyd, int64_t model)
{
    return lloyd->model[model].converged;
}

static bool has_empty(const struct model *model)
{
    for (int64_t h = 0; h < model->k; h++) {
        if (model->count[h] == 0)
            return true;
    }
    return false;
}

/* Segments that nobody can be found for: they fall together with one that has customers, and get none, so
 * that whoever weighs nothing does not belong to them either. */
static void close_empty(const struct lloyd *lloyd, struct model *model)
{
    size_t features = (size_t)lloyd->panel->customers->features;
    int64_t full = 0;
    while (full < model->k && model->count[full] == 0)
        full++;
    for (int64_t h = 0; full < model->k && h < model->k; h++) {
        if (model->count[h] == 0)
            memcpy(model->centroid + (size_t)h * features, model->centroid + (size_t)full * features,
                   features * sizeof *model->centroid);
    }
}

static status_t refill(struct lloyd *lloyd, int64_t m)
{
    struct model *model = &lloyd->panel->model[m];
    struct lloyd_model *state = &lloyd->model[m];
    int64_t size = model->k * lloyd->panel->customers->features;
    int64_t refilled = 0;
    memcpy(lloyd->before, model->centroid, (size_t)size * sizeof *lloyd->before);
    panel_move(lloyd->panel, model);
    state->moves++;
    state->stage = lloyd->polish ? MOVING : MEASURING;
    status_t status = refill_empty(lloyd->panel, m, lloyd->before, &refilled);
    lloyd->refills += refilled;
    state->exhausted = refilled == 0;
    if (!status && state->exhausted)
        close_empty(lloyd, model);
    return status;
}

/* One model after a pass. Decisions rest on values that are the same on all ranks. */
static status_t advance(struct lloyd *lloyd, int64_t m)
{
    struct model *model = &lloyd->panel->model[m];
    struct lloyd_model *state = &lloyd->model[m];
    if (has_empty(model) && !state->exhausted && state->moves < MOST_PASSES)
        return refill(lloyd, m);
    if (state->stage == MEASURING) {
        state->stage = DONE;
        return STATUS_OK;
    }
    bool last = ++state->moves >= MOST_PASSES;
    double moved = panel_move(lloyd->panel, model);
    state->converged = moved <= lloyd->bound;
    if (moved == 0 || (state->converged && model->weighting.kind != WEIGHTING_ONE))
        state->stage = DONE;
    else if (state->converged || last)
        state->stage = MEASURING;
    return STATUS_OK;
}

static status_t advance_all(struct lloyd *lloyd, int64_t *learning, double *lowest)
{
    struct panel *panel = lloyd->panel;
    status_t status = STATUS_OK;
    *learning = 0;
    for (int64_t m = 0; !status && m < panel->count; m++) {
        struct model *model = &panel->model[m];
        double inertia = model->inertia / (double)panel->passed;
        *lowest = *lowest <= 0 || inertia < *lowest ? inertia : *lowest;
        if (!model->learning)
            continue;
        status = advance(lloyd, m);
        model->learning = lloyd->model[m].stage != DONE;
        *learning += model->learning;
    }
    return status;
}

static int64_t count_learning(const struct lloyd *lloyd)
{
    int64_t learning = 0;
    for (int64_t m = 0; m < lloyd->panel->count; m++)
        learning += lloyd->panel->model[m].learning;
    return learning;
}

enum { FIELDS = 3 };

/* Of a run that has made `passes`. */
static void list_fields(struct lloyd *lloyd, int64_t *passes, struct journal_field field[FIELDS])
{
    field[0] = (struct journal_field){lloyd->model, lloyd->panel->count * (int64_t)sizeof *lloyd->model};
    field[1] = (struct journal_field){passes, sizeof *passes};
    field[2] = (struct journal_field){&lloyd->refills, sizeof lloyd->refills};
}

static status_t recall(struct lloyd *lloyd, int64_t *passes)
{
    struct journal_field field[FIELDS];
    bool known = false;
    list_fields(lloyd, passes, field);
    status_t status = panel_recall(lloyd->panel, STEP, field, FIELDS, &known);
    for (int64_t m = 0; !status && known && m < lloyd->panel->count; m++) {
        const struct lloyd_model *state = &lloyd->model[m];
        if ((unsigned)state->stage > DONE || !journal_are_flags(&state->converged, 1) ||
            !journal_are_flags(&state->exhausted, 1))
            status = journal_misfit(STEP);
    }
    return status;
}

status_t lloyd_run(struct lloyd *lloyd)
{
    const struct customers *customers = lloyd->panel->customers;
    int64_t mark = journal_mark(customers->comm->journal);
    int64_t passes = 0;
    struct journal_field field[FIELDS];
    for (int64_t m = 0; m < lloyd->panel->count; m++) {
        if (lloyd->panel->model[m].learning)
            lloyd->model[m] = (struct lloyd_model){.stage = lloyd->polish ? MOVING : MEASURING};
    }
    status_t status = recall(lloyd, &passes);
    int64_t learning = status ? 0 : count_learning(lloyd);
    list_fields(lloyd, &passes, field);
    while (!status && learning > 0) {
        double inertia = 0.0;
        status = panel_pass(lloyd->panel);
        passes++;
        if (!status)
            status = advance_all(lloyd, &learning, &inertia);
        if (!status)
            status = panel_keep(lloyd->panel, mark, STEP, field, FIELDS);
        log_show_progress(customers->log, &(struct log_progress){.step_name = "pass",
                                                                 .step = passes,
                                                                 .steps = MOST_PASSES,
                                                                 .inertia = inertia,
                                                                 .customers = passes * customers->used});
    }
    lloyd->passes += passes;
    return status;
}
