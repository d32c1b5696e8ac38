#include "cluster/replicate.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/lloyd.h"
#include "cluster/minibatch.h"
#include "cluster/panel.h"
#include "cluster/seed.h"
#include "core/memory.h"

/* Replicates that learn side by side. */
struct batch_of {
    const struct customers *customers;
    const struct preparation *preparation;
    const struct kmeans_settings *settings;
    struct replicates *replicates;
    const struct seeds *seeds;
    int64_t first;
    int64_t count;
    struct minibatch_plan plan;
};

static void weigh(const struct batch_of *some, struct panel *panel, int64_t models_each)
{
    for (int64_t m = 0; m < panel->count; m++) {
        panel->model[m].weighting = some->replicates->weighting[some->first + m / models_each];
        panel->model[m].spread = some->replicates->spread;
    }
}

/* How much less than around the origin the squared distances are to the means: of two models of the same
 * customers the one with more has the lower inertia. */
static __float128 fit_of(const struct model *model, int64_t features)
{
    __float128 fit = 0;
    for (int64_t h = 0; h < model->k; h++) {
        for (int64_t f = 0; f < features && model->count[h] > 0; f++) {
            __float128 sum = (__float128)model->sum[h * features + f];
            fit += sum * sum / (__float128)model->count[h];
        }
    }
    return fit;
}

static double *centroids_of(const struct batch_of *some, int64_t i)
{
    int64_t size = some->replicates->k * some->customers->features;
    return some->replicates->centroid + (some->first + i) * size;
}

/* The best of each replicate's starts, after the first mini-batch. */
static void choose_starts(const struct batch_of *some, const struct panel *panel)
{
    int64_t restarts = some->settings->restarts;
    int64_t features = some->customers->features;
    size_t size = (size_t)(some->replicates->k * features) * sizeof(double);
    for (int64_t i = 0; i < some->count; i++) {
        const struct model *best = &panel->model[i * restarts];
        __float128 most = fit_of(best, features);
        for (int64_t r = 1; r < restarts; r++) {
            const struct model *model = &panel->model[i * restarts + r];
            __float128 fit = fit_of(model, features);
            if (fit > most) {
                most = fit;
                best = model;
            }
        }
        memcpy(centroids_of(some, i), best->centroid, size);
    }
}

static void count_work(struct replicates *replicates, const struct panel *panel)
{
    replicates->visited += panel->visited;
    replicates->assigned += panel->assigned;
}

static status_t learn_starts(struct batch_of *some)
{
    int64_t restarts = some->settings->restarts;
    int64_t k = some->replicates->k;
    struct panel panel = {0};
    status_t status = panel_open_alike(&panel, some->customers, some->preparation, some->count * restarts, k);
    if (!status)
        weigh(some, &panel, restarts);
    /* draws that the result's own restarts did not make */
    if (!status)
        status = seeds_choose(some->seeds, &panel, 0, panel.count, (some->first + 1) * restarts);
    if (!status) {
        panel_add(&panel, some->plan.chosen, minibatch_next(&some->plan));
        status = minibatch_learn(&panel, &some->replicates->passes[0]);
    }
    if (!status)
        choose_starts(some, &panel);
    count_work(some->replicates, &panel);
    panel_close(&panel);
    return status;
}

/* From the starts on, with the first mini-batch as members. */
static status_t go_on(struct batch_of *some, int64_t first_blocks)
{
    const struct kmeans_settings *settings = some->settings;
    int64_t k = some->replicates->k;
    size_t size = (size_t)(k * some->customers->features) * sizeof(double);
    struct panel panel = {0};
    struct lloyd lloyd = {0};
    status_t status = panel_open_alike(&panel, some->customers, some->preparation, some->count, k);
    if (!status)
        status = lloyd_open(&lloyd, &panel, settings->polish, settings->tolerance);
    for (int64_t i = 0; !status && i < some->count; i++)
        memcpy(panel.model[i].centroid, centroids_of(some, i), size);
    if (!status) {
        weigh(some, &panel, 1);
        panel_add(&panel, some->plan.chosen, first_blocks);
        status =
            minibatch_run(&panel, &some->plan, settings->polish ? MINIBATCH_TO_ALL : some->replicates->taken,
                          &some->replicates->passes[1], NULL);
    }
    if (!status && settings->polish)
        status = lloyd_run(&lloyd);
    some->replicates->passes[2] += lloyd.passes;
    for (int64_t i = 0; !status && i < some->count; i++)
        memcpy(centroids_of(some, i), panel.model[i].centroid, size);
    count_work(some->replicates, &panel);
    lloyd_close(&lloyd);
    panel_close(&panel);
    return status;
}

static status_t learn_some(struct batch_of *some)
{
    const struct customers *customers = some->customers;
    int64_t first = kmeans_first_batch(customers, some->settings->batch, some->replicates->k);
    status_t status =
        comm_agree(customers->comm, minibatch_plan_open(&some->plan, customers->partition.blocks, first,
                                                        some->settings->seed));
    if (!status)
        status = learn_starts(some);
    if (!status)
        status = go_on(some, some->plan.strata);
    minibatch_plan_close(&some->plan);
    return status;
}

status_t replicates_learn(const struct customers *customers, const struct preparation *preparation,
                          const struct kmeans_settings *settings, struct replicates *replicates)
{
    int64_t k = replicates->k;
    struct seeds seeds;
    status_t status = seeds_draw_from_all(
        customers, preparation, k, kmeans_first_batch(customers, settings->batch, k), settings->seed, &seeds);
    replicates->done = 0;
    while (!status && replicates->done < replicates->count) {
        int64_t left = replicates->count - replicates->done;
        struct batch_of some = {.customers = customers,
                                .preparation = preparation,
                                .settings = settings,
                                .replicates = replicates,
                                .seeds = &seeds,
                                .first = replicates->done,
                                .count = kmeans_side_by_side(customers, k, settings->restarts, left)};
        status = learn_some(&some);
        replicates->done += some.count;
    }
    seeds_free(&seeds);
    return status;
}
