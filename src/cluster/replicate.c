#include "cluster/replicate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/lloyd.h"
#include "cluster/minibatch.h"
#include "cluster/panel.h"
#include "cluster/seed.h"
#include "core/memory.h"

/* Over the first mini-batch, before the worse half of the starts is given up. */
enum { ROUND_PASSES = 8 };

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

static bool are_places(const struct batch_of *some)
{
    return journal_are_places(centroids_of(some, 0),
                              some->count * some->replicates->k * some->customers->features);
}

/* Gives up the worse half of each replicate's starts; `alive`: of each model; `fit`: restarts. */
static void drop_half(const struct batch_of *some, struct panel *panel, bool *alive, __float128 *fit)
{
    int64_t starts = some->settings->restarts;
    for (int64_t i = 0; i < some->count; i++) {
        bool *is_alive = alive + i * starts;
        int64_t left = 0;
        for (int64_t r = 0; r < starts; r++) {
            left += is_alive[r];
            if (is_alive[r])
                fit[r] = fit_of(&panel->model[i * starts + r], some->customers->features);
        }
        for (int64_t drop = left / 2; drop > 0; drop--) {
            int64_t worst = -1;
            for (int64_t r = 0; r < starts; r++) {
                if (is_alive[r] && (worst < 0 || fit[r] <= fit[worst]))
                    worst = r;
            }
            is_alive[worst] = false;
        }
    }
}

/* The one start that each replicate has left. */
static void take_starts(const struct batch_of *some, const struct panel *panel, const bool *alive)
{
    int64_t starts = some->settings->restarts;
    size_t size = (size_t)(some->replicates->k * some->customers->features) * sizeof(double);
    for (int64_t m = 0; m < panel->count; m++) {
        if (alive[m])
            memcpy(centroids_of(some, m / starts), panel->model[m].centroid, size);
    }
}

static void count_work(struct replicates *replicates, const struct panel *panel)
{
    replicates->visited += panel->visited;
    replicates->assigned += panel->assigned;
}

/* Draws depend on the weighting alone, whichever others are asked for; the result's restarts made others. */
static status_t seed_starts(const struct batch_of *some, struct panel *panel, int64_t i)
{
    const struct weighting *weighting = &some->replicates->weighting[some->first + i];
    int64_t starts = some->settings->restarts;
    int64_t number = (((int64_t)weighting->kind << 32) + weighting->index) * starts;
    return seeds_choose(some->seeds, panel, i * starts, starts, number);
}

/* Starts of replicates, of which the worse are given up. */
struct run_off {
    struct batch_of *some;
    struct panel panel;
    bool *alive;     /* of each model */
    __float128 *fit; /* of the starts of a replicate */
    int64_t left;    /* starts that each replicate has */
    int64_t mark;    /* of the journal */
};

enum { FIELDS = 3 };

static void list_fields(struct run_off *run, struct journal_field field[FIELDS])
{
    int64_t *passes = &run->some->replicates->passes[0];
    field[0] = (struct journal_field){run->alive, run->panel.count * (int64_t)sizeof *run->alive};
    field[1] = (struct journal_field){&run->left, sizeof run->left};
    field[2] = (struct journal_field){passes, sizeof *passes};
}

static status_t keep(struct run_off *run)
{
    struct journal_field field[FIELDS];
    list_fields(run, field);
    return panel_keep(&run->panel, run->mark, "starts", field, FIELDS);
}

static status_t run_off_open(struct run_off *run)
{
    const struct batch_of *some = run->some;
    struct panel *panel = &run->panel;
    int64_t starts = some->settings->restarts;
    status_t status = panel_open_alike(panel, some->customers, some->preparation, some->count * starts,
                                       some->replicates->k);
    if (status)
        return status;
    weigh(some, panel, starts);
    status = memory_new(&run->alive, panel->count, sizeof *run->alive, "starts");
    if (!status)
        status = memory_new(&run->fit, starts, sizeof *run->fit, "starts");
    for (int64_t m = 0; !status && m < panel->count; m++)
        run->alive[m] = true;
    return comm_agree(some->customers->comm, status);
}

static void run_off_close(struct run_off *run)
{
    panel_close(&run->panel);
    free(run->alive);
    free(run->fit);
}

/* Whether what was recalled can be: as many starts alive of each replicate as there are said to be left. */
static bool fits(const struct run_off *run)
{
    int64_t starts = run->some->settings->restarts;
    bool all = run->left >= 1 && run->left <= starts && journal_are_flags(run->alive, run->panel.count);
    for (int64_t i = 0; all && i < run->some->count; i++) {
        int64_t alive = 0;
        for (int64_t r = 0; r < starts; r++)
            alive += run->alive[i * starts + r];
        all = alive == run->left;
    }
    return all;
}

/* Where they were known, as far as the rounds have come. */
static status_t begin(struct run_off *run)
{
    struct batch_of *some = run->some;
    struct journal_field field[FIELDS];
    bool known = false;
    list_fields(run, field);
    status_t status = panel_recall(&run->panel, "starts", field, FIELDS, &known);
    if (status || known)
        return status || fits(run) ? status : journal_misfit("starts");
    for (int64_t i = 0; !status && i < some->count; i++)
        status = seed_starts(some, &run->panel, i);
    return status ? status : keep(run);
}

/* Rounds over the first mini-batch until each replicate has one start left. */
static status_t run_rounds(struct run_off *run)
{
    struct batch_of *some = run->some;
    struct panel *panel = &run->panel;
    status_t status = STATUS_OK;
    while (!status && run->left > 1) {
        for (int64_t m = 0; m < panel->count; m++)
            panel->model[m].learning = run->alive[m];
        status = minibatch_learn(panel, ROUND_PASSES, &some->replicates->passes[0]);
        if (status)
            break;
        drop_half(some, panel, run->alive, run->fit);
        run->left -= run->left / 2;
        status = keep(run);
    }
    return status;
}

static status_t learn_starts(struct batch_of *some, int64_t first_blocks)
{
    struct run_off run = {
        .some = some, .left = some->settings->restarts, .mark = journal_mark(some->customers->comm->journal)};
    status_t status = run_off_open(&run);
    if (!status)
        status = begin(&run);
    if (!status) {
        panel_add(&run.panel, some->plan.chosen, first_blocks);
        status = run_rounds(&run);
    }
    if (!status)
        take_starts(some, &run.panel, run.alive);
    count_work(some->replicates, &run.panel);
    run_off_close(&run);
    return status;
}

/* The starts, in the journal without the others. */
static status_t find_starts(struct batch_of *some, int64_t first_blocks)
{
    struct journal *journal = some->customers->comm->journal;
    struct replicates *replicates = some->replicates;
    int64_t size = replicates->k * some->customers->features * (int64_t)sizeof(double);
    const struct journal_field field[] = {{centroids_of(some, 0), some->count * size},
                                          {replicates->passes, sizeof replicates->passes}};
    int64_t mark = journal_mark(journal);
    bool known = false;
    status_t status = journal_recall(journal, "chosen starts", field, 2, &known);
    if (status || known)
        return status || are_places(some) ? status : journal_misfit("chosen starts");
    status = learn_starts(some, first_blocks);
    return status ? status : journal_keep(journal, mark, "chosen starts", field, 2);
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
    if (!status && (settings->polish || some->replicates->inertia))
        status = lloyd_run(&lloyd);
    some->replicates->passes[2] += lloyd.passes;
    for (int64_t i = 0; !status && i < some->count; i++) {
        memcpy(centroids_of(some, i), panel.model[i].centroid, size);
        if (some->replicates->inertia)
            some->replicates->inertia[some->first + i] = panel.model[i].inertia;
    }
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
    if (!status) {
        int64_t blocks = minibatch_next(&some->plan);
        status = find_starts(some, blocks);
        if (!status)
            status = go_on(some, blocks);
    }
    minibatch_plan_close(&some->plan);
    return status;
}

/* A group of replicates, or what the journal has of them. */
static status_t find_some(struct batch_of *some)
{
    struct journal *journal = some->customers->comm->journal;
    struct replicates *replicates = some->replicates;
    int64_t size = replicates->k * some->customers->features * (int64_t)sizeof(double);
    double *inertia = replicates->inertia ? replicates->inertia + some->first : NULL;
    const struct journal_field field[] = {{centroids_of(some, 0), some->count * size},
                                          {inertia, inertia ? some->count * (int64_t)sizeof *inertia : 0},
                                          {replicates->passes, sizeof replicates->passes}};
    int64_t mark = journal_mark(journal);
    bool known = false;
    status_t status = journal_recall(journal, "replicates", field, 3, &known);
    if (status || known)
        return status || are_places(some) ? status : journal_misfit("replicates");
    status = learn_some(some);
    return status ? status : journal_keep(journal, mark, "replicates", field, 3);
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
        status = find_some(&some);
        replicates->done += some.count;
    }
    seeds_free(&seeds);
    return status;
}
