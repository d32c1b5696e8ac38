#include "cluster/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/kmeans_result.h"
#include "cluster/lloyd.h"
#include "cluster/minibatch.h"
#include "cluster/panel.h"
#include "cluster/seed.h"
#include "cluster/swap.h"
#include "core/memory.h"

enum { MOST_RENUMBERINGS = 8 };

/* A batch of more than all customers is all of them. */
static int64_t at_most_all(const struct customers *customers, int64_t batch)
{
    return batch < customers->partition.rows ? batch : customers->partition.rows;
}

int64_t kmeans_first_batch(const struct customers *customers, int64_t batch, int64_t k)
{
    int64_t first = at_most_all(customers, batch);
    return k > first / MINIBATCH_CUSTOMERS ? MINIBATCH_CUSTOMERS * k : first;
}

int64_t kmeans_side_by_side(const struct customers *customers, int64_t k, int64_t starts, int64_t wanted)
{
    /* as if one rank had them all: what is learned together does not depend on the ranks */
    struct partition all = partition_of(customers->partition.rows, 0, 1);
    double remembered = (double)track_block_bytes(k) * (double)all.blocks;
    double fit = panel_track_bytes(&all, customers->features) / fmax(remembered, 1.0);
    double own = (double)starts * (double)k * (double)customers->features * 6 * sizeof(double);
    double side = fmin(fmin(fit, KMEANS_MODEL_BYTES / own), (double)wanted);
    return side > 1 ? (int64_t)side : 1;
}

/* Numbers of segments that are learned in the same passes. */
struct group {
    const struct kmeans_settings *settings;
    const int64_t *k;
    int64_t count;
    struct kmeans_result *results;
    int64_t *model_k; /* of each model: restarts follow each other */
    int64_t batch;    /* customers in the first mini-batch */
    int64_t taken;
    int64_t batches;
    struct journal_field *field; /* of all results */
    struct panel panel;
    struct minibatch_plan plan;
    struct lloyd lloyd;
};

/* Swaps from the best restart; what they find is polished on all customers, and kept if it is better there
 * too. */
static status_t improve_best(struct group *group, int64_t m, struct kmeans_result *result)
{
    struct panel *panel = &group->panel;
    struct model *best = &panel->model[m];
    size_t size = (size_t)(best->k * panel->customers->features) * sizeof *best->centroid;
    double inertia = best->inertia;
    double *found = NULL;
    status_t status = comm_agree(panel->customers->comm, memory_new(&found, (int64_t)size, 1, "centroids"));
    panel_forget(panel); /* variants remember, too */
    if (!status) {
        memcpy(found, best->centroid, size);
        status = swap_improve(panel->customers, panel->preparation, best->k,
                              at_most_all(panel->customers, group->settings->batch),
                              group->settings->tolerance, group->settings->seed, found, &result->swaps);
    }
    if (!status && result->swaps > 0) {
        double *kept = best->centroid;
        bool converged = result->converged;
        best->centroid = found;
        found = kept;
        best->learning = true;
        status = lloyd_run(&group->lloyd);
        result->converged = lloyd_converged(&group->lloyd, m);
        if (!status && best->inertia >= inertia) {
            found = best->centroid;
            best->centroid = kept;
            best->inertia = inertia;
            result->converged = converged;
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

static void tell_work(const struct group *group, struct kmeans_result *result)
{
    const struct panel *panel = &group->panel;
    result->taken = group->taken;
    result->batches = group->batches;
    result->passes = group->lloyd.passes;
    result->refills = group->lloyd.refills;
    result->models = panel->count;
    result->step_bytes = panel_wire_bytes(panel);
    result->by_gemm = panel->nearest.way == NEAREST_GEMM;
    memcpy(result->seconds, panel->nearest.seconds, sizeof result->seconds);
    result->visited = panel->visited;
    result->assigned = panel->assigned;
    result->undecided = panel->nearest.undecided;
}

/* Of models [first, first + models), which are restarts. */
static void choose_best(const struct panel *panel, int64_t models, int64_t first,
                        struct kmeans_result *result)
{
    int64_t size = panel->model[first].k * panel->customers->features;
    result->best_restart = 0;
    for (int64_t r = 0; r < models; r++) {
        const struct model *model = &panel->model[first + r];
        result->restart_inertia[r] = model->inertia;
        memcpy(result->restart_centroid + r * size, model->centroid, (size_t)size * sizeof(double));
        if (model->inertia < panel->model[first + result->best_restart].inertia)
            result->best_restart = r;
    }
}

/* The start from the earlier segmentation, as the last restart; it becomes the model that goes on where it is
 * the best. */
static status_t try_start(struct group *group, int64_t i, struct kmeans_result *result, struct warm *warm)
{
    const struct kmeans_settings *settings = group->settings;
    struct panel *panel = &group->panel;
    struct model *best = &panel->model[i * settings->restarts + result->best_restart];
    size_t size = (size_t)(best->k * panel->customers->features) * sizeof *best->centroid;
    int64_t last = settings->restarts;
    log_phase_begin(panel->customers->log, "earlier segments");
    panel_forget(panel); /* the start remembers, too */
    status_t status = warm_learn(panel->customers, panel->preparation, settings->start, best->k,
                                 settings->polish, settings->tolerance, group->batch, settings->seed, warm);
    if (status)
        return status;
    result->restart_inertia[last] = warm->inertia;
    memcpy(result->restart_centroid + last * best->k * panel->customers->features, warm->centroid, size);
    if (warm->inertia < best->inertia) {
        memcpy(best->centroid, warm->centroid, size);
        best->inertia = warm->inertia;
        result->best_restart = last;
        result->converged = warm->converged;
    }
    return STATUS_OK;
}

/* The earlier centroids themselves, unless something was better enough. */
static void let_stand(const struct panel *panel, struct model *best, const struct warm *warm,
                      struct kmeans_result *result)
{
    bool is_better = best->inertia < warm->standing_inertia * (1 - WARM_WORTH);
    if (!warm->stands || (is_better && !warm->same_customers))
        return;
    memcpy(best->centroid, warm->standing,
           (size_t)(best->k * panel->customers->features) * sizeof *best->centroid);
    result->stood = true;
    result->converged = true;
    result->swaps = 0;
    result->best_restart = result->restarts - 1;
}

/* The i-th of the group's numbers of segments. */
static status_t find_segments(struct group *group, int64_t i)
{
    const struct kmeans_settings *settings = group->settings;
    struct kmeans_result *result = &group->results[i];
    struct panel *panel = &group->panel;
    struct warm warm = {.centroid = NULL};
    int64_t first = i * settings->restarts;
    choose_best(panel, settings->restarts, first, result);
    int64_t best = first + result->best_restart;
    result->converged = lloyd_converged(&group->lloyd, best);
    status_t status = STATUS_OK;
    if (settings->start)
        status = try_start(group, i, result, &warm);
    log_phase_begin(panel->customers->log, "swaps");
    if (!status && settings->polish && group->k[i] > 1)
        status = improve_best(group, best, result);
    if (!status)
        let_stand(panel, &panel->model[best], &warm, result);
    warm_free(&warm);
    log_phase_begin(panel->customers->log, "numbers");
    if (!status)
        status = settle_numbers(panel, best);
    if (!status)
        kmeans_result_take(result, panel, best);
    panel->model[best].learning = false;
    return status;
}

static status_t finish(struct group *group, int64_t i)
{
    struct journal *journal = group->panel.customers->comm->journal;
    struct lloyd *lloyd = &group->lloyd;
    struct journal_field field[KMEANS_FIELDS + 2];
    int64_t mark = journal_mark(journal);
    bool known = false;
    kmeans_result_fields(&group->results[i], field);
    field[KMEANS_FIELDS] = (struct journal_field){&lloyd->passes, sizeof lloyd->passes};
    field[KMEANS_FIELDS + 1] = (struct journal_field){&lloyd->refills, sizeof lloyd->refills};
    status_t status = journal_recall(journal, "segments", field, KMEANS_FIELDS + 2, &known);
    if (status || known)
        return status ? status : kmeans_result_check(&group->results[i]);
    status = find_segments(group, i);
    return status ? status : journal_keep(journal, mark, "segments", field, KMEANS_FIELDS + 2);
}

static status_t seed_group(struct group *group)
{
    const struct kmeans_settings *settings = group->settings;
    struct panel *panel = &group->panel;
    int64_t mark = journal_mark(panel->customers->comm->journal);
    bool known = false;
    log_phase_begin(panel->customers->log, "seeding");
    status_t status = panel_recall(panel, "seeds", NULL, 0, &known);
    for (int64_t i = 0; !status && !known && i < group->count; i++) {
        struct seeds seeds;
        status = seeds_draw_from_all(panel->customers, panel->preparation, group->k[i],
                                     group->plan.strata * BLOCK_ROWS, settings->seed, &seeds);
        if (!status)
            status = seeds_choose(&seeds, panel, i * settings->restarts, settings->restarts, 0);
        seeds_free(&seeds);
    }
    return status || known ? status : panel_keep(panel, mark, "seeds", NULL, 0);
}

static status_t learn(struct group *group)
{
    const struct kmeans_settings *settings = group->settings;
    struct panel *panel = &group->panel;
    struct log *log = panel->customers->log;
    status_t status = seed_group(group);
    if (!status) {
        log_phase_begin(log, "mini-batches");
        panel_add(panel, group->plan.chosen, minibatch_next(&group->plan));
        status = minibatch_run(panel, &group->plan, settings->polish ? MINIBATCH_TO_ALL : MINIBATCH_WORTH,
                               &group->batches, &group->taken);
    }
    if (!status) {
        log_phase_begin(log, settings->polish ? "polish" : "measuring");
        status = lloyd_run(&group->lloyd);
    }
    for (int64_t i = 0; !status && i < group->count; i++)
        status = finish(group, i);
    for (int64_t i = 0; !status && i < group->count; i++)
        tell_work(group, &group->results[i]);
    return status;
}

static status_t learn_group(const struct customers *customers, const struct preparation *preparation,
                            struct group *group)
{
    const struct kmeans_settings *settings = group->settings;
    int64_t models = group->count * settings->restarts;
    status_t status = memory_new(&group->model_k, models, sizeof *group->model_k, "models");
    for (int64_t m = 0; !status && m < models; m++)
        group->model_k[m] = group->k[m / settings->restarts];
    if (!status)
        status = minibatch_plan_open(&group->plan, customers->partition.blocks, group->batch, settings->seed);
    status = comm_agree(customers->comm, status);
    if (!status)
        status = panel_open(&group->panel, customers, preparation, models, group->model_k);
    if (!status)
        status = lloyd_open(&group->lloyd, &group->panel, settings->polish, settings->tolerance);
    if (!status)
        status = learn(group);
    free(group->model_k);
    minibatch_plan_close(&group->plan);
    lloyd_close(&group->lloyd);
    panel_close(&group->panel);
    return status;
}

static status_t open_results(const struct customers *customers, struct group *group)
{
    status_t status =
        memory_new(&group->field, group->count * KMEANS_FIELDS, sizeof *group->field, "results");
    for (int64_t i = 0; !status && i < group->count; i++) {
        struct kmeans_result *result = &group->results[i];
        status = kmeans_result_open(result, customers, group->k[i]);
        if (!status)
            kmeans_result_fields(result, group->field + i * KMEANS_FIELDS);
    }
    return comm_agree(customers->comm, status);
}

static status_t run_group(const struct customers *customers, const struct preparation *preparation,
                          struct group *group)
{
    struct journal *journal = customers->comm->journal;
    int64_t mark = journal_mark(journal);
    int fields = (int)group->count * KMEANS_FIELDS;
    bool known = false;
    status_t status = open_results(customers, group);
    if (!status)
        status = journal_recall(journal, "k-means", group->field, fields, &known);
    for (int64_t i = 0; !status && known && i < group->count; i++)
        status = kmeans_result_check(&group->results[i]);
    if (!status && !known) {
        status = learn_group(customers, preparation, group);
        if (!status)
            status = journal_keep(journal, mark, "k-means", group->field, fields);
    }
    free(group->field);
    return status;
}

/* How many of the numbers from k[0] on go together. Where batches end early, by what the best model gains,
 * they would not be those of one number alone. */
static int64_t group_size(const struct customers *customers, const struct kmeans_settings *settings,
                          const int64_t *k, int64_t left)
{
    int64_t count = 1;
    while (settings->polish && count < left &&
           kmeans_first_batch(customers, settings->batch, k[count]) ==
               kmeans_first_batch(customers, settings->batch, k[0]) &&
           kmeans_side_by_side(customers, k[count], 1, (count + 1) * settings->restarts) ==
               (count + 1) * settings->restarts)
        count++;
    return count;
}

status_t kmeans_run(const struct customers *customers, const struct preparation *preparation,
                    const struct kmeans_settings *settings, const int64_t *k, int64_t count,
                    struct kmeans_result *results)
{
    status_t status = STATUS_OK;
    for (int64_t i = 0; i < count; i++)
        results[i] = (struct kmeans_result){.restarts = settings->restarts + (settings->start != NULL)};
    for (int64_t first = 0; !status && first < count;) {
        struct group group = {
            .settings = settings,
            .k = k + first,
            .count = group_size(customers, settings, k + first, count - first),
            .results = results + first,
            .batch = kmeans_first_batch(customers, settings->batch, k[first]),
        };
        status = run_group(customers, preparation, &group);
        first += group.count;
    }
    return status;
}
