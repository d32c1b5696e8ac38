#include "cluster/minibatch.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/random.h"

struct progress {
    double smoothed; /* inertia per customer, exponentially smoothed; 0 before the first batch */
    double lowest;
    int64_t since_lowest;
    int64_t *seen; /* k: customers that a centroid has had */
};

static int64_t stratum_begin(const struct minibatch_plan *plan, int64_t stratum)
{
    int64_t share = plan->blocks / plan->strata;
    int64_t left = plan->blocks % plan->strata;
    return share * stratum + (stratum < left ? stratum : left);
}

status_t minibatch_plan_open(struct minibatch_plan *plan, int64_t blocks, int64_t batch)
{
    *plan = (struct minibatch_plan){.blocks = blocks};
    plan->strata = batch / BLOCK_ROWS < 1 ? 1 : batch / BLOCK_ROWS;
    plan->strata = plan->strata > blocks ? blocks : plan->strata;
    plan->batches = (blocks + plan->strata - 1) / plan->strata;
    return memory_new(&plan->order, blocks, sizeof *plan->order, "the order of mini-batches");
}

void minibatch_plan_close(struct minibatch_plan *plan)
{
    free(plan->order);
    plan->order = NULL;
}

/* Fisher and Yates, with draws keyed by the block and the epoch. */
void minibatch_plan_shuffle(struct minibatch_plan *plan, uint64_t seed, int64_t epoch)
{
    for (int64_t s = 0; s < plan->strata; s++) {
        int64_t begin = stratum_begin(plan, s);
        int64_t end = stratum_begin(plan, s + 1);
        for (int64_t b = begin; b < end; b++) {
            uint64_t bits = random_bits(seed, RANDOM_BATCH, b, (uint32_t)epoch);
            int64_t other = begin + (int64_t)(bits % (uint64_t)(b - begin + 1));
            plan->order[b] = plan->order[other];
            plan->order[other] = b;
        }
    }
}

int64_t minibatch_plan_take(const struct minibatch_plan *plan, int64_t step, int64_t *chosen)
{
    int64_t count = 0;
    for (int64_t s = 0; s < plan->strata; s++) {
        int64_t begin = stratum_begin(plan, s);
        int64_t at = step;
        /* a stratum with one block less than the epoch has batches sits one out, each another one */
        if (stratum_begin(plan, s + 1) - begin < plan->batches) {
            int64_t out = s % plan->batches;
            if (step == out)
                continue;
            at = step - (step > out);
        }
        chosen[count++] = plan->order[begin + at];
    }
    return count;
}

static void move_centroids(struct model *model, int64_t features, int64_t *seen)
{
    for (int64_t h = 0; h < model->k; h++) {
        if (model->count[h] == 0)
            continue;
        seen[h] += model->count[h];
        double share = (double)model->count[h] / (double)seen[h];
        double *centroid = model->centroid + h * features;
        for (int64_t f = 0; f < features; f++) {
            double mean = model->sum[h * features + f] / (double)model->count[h];
            centroid[f] += (mean - centroid[f]) * share;
        }
    }
}

static bool has_settled(struct progress *progress, double inertia)
{
    progress->smoothed = progress->smoothed > 0
                             ? progress->smoothed + MINIBATCH_SMOOTHING * (inertia - progress->smoothed)
                             : inertia;
    if (progress->lowest <= 0 || progress->smoothed < progress->lowest * (1.0 - MINIBATCH_IMPROVEMENT)) {
        progress->lowest = progress->smoothed;
        progress->since_lowest = 0;
    } else {
        progress->since_lowest++;
    }
    return progress->since_lowest >= MINIBATCH_PATIENCE;
}

/* Takes one pass's sums into all learning models; returns how many go on, and the lowest inertia per
 * customer. */
static int64_t learn_from_batch(struct panel *panel, struct progress *progress, double *lowest)
{
    int64_t learning = 0;
    for (int64_t m = 0; m < panel->count; m++) {
        struct model *model = &panel->model[m];
        if (!model->learning || panel->passed == 0)
            continue;
        double inertia = model->inertia / (double)panel->passed;
        *lowest = *lowest <= 0 || inertia < *lowest ? inertia : *lowest;
        move_centroids(model, panel->customers->features, progress[m].seen);
        model->learning = !has_settled(&progress[m], inertia);
        learning += model->learning;
    }
    return panel->passed == 0 ? 1 : learning;
}

static status_t learn(struct panel *panel, struct minibatch_plan *plan, uint64_t seed,
                      struct progress *progress, int64_t *chosen, int64_t *batches)
{
    const struct customers *customers = panel->customers;
    int64_t learning = panel->count;
    int64_t most = MINIBATCH_EPOCHS * plan->batches;
    int64_t seen = 0;
    status_t status = STATUS_OK;
    for (int64_t step = 0; !status && learning > 0 && step < most; step++) {
        if (step % plan->batches == 0)
            minibatch_plan_shuffle(plan, seed, step / plan->batches);
        int64_t count = minibatch_plan_take(plan, step % plan->batches, chosen);
        status = panel_pass(panel, chosen, count);
        double inertia = 0.0;
        if (!status)
            learning = learn_from_batch(panel, progress, &inertia);
        seen += panel->passed;
        *batches = step + 1;
        log_show_progress(customers->log, &(struct log_progress){.step_name = "batch",
                                                                 .step = step + 1,
                                                                 .steps = most,
                                                                 .inertia = inertia,
                                                                 .customers = seen});
    }
    return status;
}

status_t minibatch_run(struct panel *panel, int64_t batch, uint64_t seed, int64_t *batches)
{
    const struct customers *customers = panel->customers;
    *batches = 0;
    if (customers->partition.rows <= batch)
        return STATUS_OK;
    struct minibatch_plan plan;
    struct progress *progress = NULL;
    int64_t *chosen = NULL;
    status_t status = minibatch_plan_open(&plan, customers->partition.blocks, batch);
    if (!status)
        status = memory_new(&chosen, plan.strata, sizeof *chosen, "a mini-batch");
    if (!status)
        status = memory_new(&progress, panel->count, sizeof *progress, "mini-batches");
    for (int64_t m = 0; !status && m < panel->count; m++)
        status = memory_new(&progress[m].seen, panel->model[m].k, sizeof *progress[m].seen, "mini-batches");
    status = comm_agree(customers->comm, status);
    if (!status)
        status = learn(panel, &plan, seed, progress, chosen, batches);
    for (int64_t m = 0; m < panel->count; m++) {
        panel->model[m].learning = true;
        if (progress)
            free(progress[m].seen);
    }
    free(progress);
    free(chosen);
    minibatch_plan_close(&plan);
    return status;
}
