#include "cluster/minibatch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"

static int64_t stratum_begin(const struct minibatch_plan *plan, int64_t stratum)
{
    int64_t share = plan->blocks / plan->strata;
    int64_t left = plan->blocks % plan->strata;
    return share * stratum + (stratum < left ? stratum : left);
}

/* Fisher and Yates within each stratum, with draws keyed by the block. */
static void shuffle(struct minibatch_plan *plan, uint64_t seed)
{
    for (int64_t s = 0; s < plan->strata; s++) {
        int64_t begin = stratum_begin(plan, s);
        int64_t end = stratum_begin(plan, s + 1);
        for (int64_t b = begin; b < end; b++) {
            uint64_t bits = random_bits(seed, RANDOM_BATCH, b, 0);
            int64_t other = begin + (int64_t)(bits % (uint64_t)(b - begin + 1));
            plan->order[b] = plan->order[other];
            plan->order[other] = b;
        }
    }
}

status_t minibatch_plan_open(struct minibatch_plan *plan, int64_t blocks, int64_t batch, uint64_t seed)
{
    *plan = (struct minibatch_plan){.blocks = blocks};
    int64_t strata = (batch + BLOCK_ROWS - 1) / BLOCK_ROWS;
    plan->strata = strata < blocks ? strata : blocks;
    status_t status = memory_new(&plan->order, blocks, sizeof *plan->order, "the order of mini-batches");
    if (!status)
        status = memory_new(&plan->chosen, blocks, sizeof *plan->chosen, "the order of mini-batches");
    if (!status)
        shuffle(plan, seed);
    return status;
}

void minibatch_plan_close(struct minibatch_plan *plan)
{
    free(plan->order);
    free(plan->chosen);
    *plan = (struct minibatch_plan){0};
}

/* Blocks of the longest stratum. */
static int64_t longest(const struct minibatch_plan *plan)
{
    return plan->strata > 0 ? (plan->blocks + plan->strata - 1) / plan->strata : 0;
}

int64_t minibatch_next(struct minibatch_plan *plan)
{
    int64_t before = plan->taken;
    plan->taken = before == 0 ? 1 : 2 * before;
    int64_t count = 0;
    for (int64_t s = 0; s < plan->strata; s++) {
        int64_t begin = stratum_begin(plan, s);
        int64_t size = stratum_begin(plan, s + 1) - begin;
        for (int64_t i = before; i < plan->taken && i < size; i++)
            plan->chosen[count++] = plan->order[begin + i];
    }
    return count;
}

bool minibatch_is_last(const struct minibatch_plan *plan)
{
    return 2 * plan->taken >= longest(plan);
}

/* ---- learning ---- */

struct learning {
    struct panel *panel;
    struct minibatch_plan *plan; /* NULL: one batch */
    const char *step;            /* of the journal */
    int64_t mark;
    int64_t passes;    /* over all batches */
    int64_t customers; /* that they visited */
    /* Of the batch under way: */
    int64_t taken; /* the plan's */
    int64_t pass;
    int64_t going; /* models that go on */
    double first;  /* lowest inertia of a model in its first pass, per customer */
    double last;   /* and in the last one */
};

static bool is_still(const struct panel *panel, const struct model *model, double moved)
{
    double share = 0.0;
    for (int64_t h = 0; h < model->k; h++)
        share += model->count[h] > 0 ? 1.0 / (double)model->count[h] : 0.0;
    return moved <= MINIBATCH_STILL * model->inertia / (double)panel->passed * share;
}

/* Moves the models after a pass; returns how many go on. */
static int64_t advance(struct learning *learning)
{
    struct panel *panel = learning->panel;
    int64_t going = 0;
    learning->last = 0.0;
    for (int64_t m = 0; m < panel->count; m++) {
        struct model *model = &panel->model[m];
        double inertia = model->inertia / (double)panel->passed;
        learning->last = m == 0 || inertia < learning->last ? inertia : learning->last;
        if (!model->learning)
            continue;
        model->learning = !is_still(panel, model, panel_move(panel, model));
        going += model->learning;
    }
    return going;
}

static void learn_all(struct panel *panel)
{
    for (int64_t m = 0; m < panel->count; m++)
        panel->model[m].learning = true;
}

static void begin_batch(struct learning *learning)
{
    learning->taken = learning->plan ? learning->plan->taken : 0;
    learning->pass = 0;
    learning->going = learning->panel->count;
}

static void add_next(struct learning *learning)
{
    int64_t count = minibatch_next(learning->plan);
    panel_add(learning->panel, learning->plan->chosen, count);
}

enum { FIELDS = 7 };

static void list_fields(struct learning *learning, struct journal_field field[FIELDS])
{
    const struct journal_field all[FIELDS] = {
        {&learning->passes, sizeof learning->passes}, {&learning->customers, sizeof learning->customers},
        {&learning->taken, sizeof learning->taken},   {&learning->pass, sizeof learning->pass},
        {&learning->going, sizeof learning->going},   {&learning->first, sizeof learning->first},
        {&learning->last, sizeof learning->last}};
    memcpy(field, all, sizeof all);
}

static status_t keep(struct learning *learning)
{
    struct journal_field field[FIELDS];
    list_fields(learning, field);
    return panel_keep(learning->panel, learning->mark, learning->step, field, FIELDS);
}

/* Whether what was recalled can be. */
static bool fits(const struct learning *learning)
{
    const int64_t count[] = {learning->passes, learning->customers, learning->taken, learning->pass};
    return journal_are_counts(count, sizeof count / sizeof count[0], INT64_MAX) &&
           journal_are_counts(&learning->going, 1, learning->panel->count);
}

/* Where it is known, members are those of the batch under way. */
static status_t recall(struct learning *learning, bool *known)
{
    struct minibatch_plan *plan = learning->plan;
    struct journal_field field[FIELDS];
    list_fields(learning, field);
    status_t status = panel_recall(learning->panel, learning->step, field, FIELDS, known);
    if (!status && *known && !fits(learning))
        status = journal_misfit(learning->step);
    if (status || !*known || !plan)
        return status;
    while (plan->taken < learning->taken && plan->taken < longest(plan))
        add_next(learning);
    if (plan->taken != learning->taken)
        return journal_misfit("its mini-batches are others");
    return STATUS_OK;
}

/* After a pass. */
static void take_pass(struct learning *learning)
{
    const struct panel *panel = learning->panel;
    bool is_first = learning->pass++ == 0;
    if (panel->passed == 0) { /* nobody in this batch takes part: it shows nothing */
        learning->first = (double)INFINITY;
        learning->going = 0;
        return;
    }
    learning->going = advance(learning);
    learning->first = is_first ? learning->last : learning->first;
    learning->passes++;
    learning->customers += panel->passed;
    log_show_progress(panel->customers->log, &(struct log_progress){.step_name = "mini-batch",
                                                                    .step = learning->passes,
                                                                    .inertia = learning->last,
                                                                    .customers = learning->customers});
}

/* Passes of the learning models over the batch as it is, until none moves much. */
static status_t learn_batch(struct learning *learning, int64_t most)
{
    status_t status = STATUS_OK;
    while (!status && learning->going > 0 && learning->pass < most) {
        status = panel_pass(learning->panel);
        if (!status) {
            take_pass(learning);
            status = keep(learning);
        }
    }
    return status;
}

/* Whether the batch, half of it new, could hardly be improved on; it must be large enough to tell. */
static bool is_worth_no_more(const struct learning *learning)
{
    const struct minibatch_plan *plan = learning->plan;
    return plan->taken > 1 && plan->taken * plan->strata >= MINIBATCH_BLOCKS &&
           learning->first - learning->last <= MINIBATCH_ENOUGH * learning->last;
}

static bool is_end(const struct learning *learning, int64_t end)
{
    const struct minibatch_plan *plan = learning->plan;
    if (end == MINIBATCH_TO_ALL)
        return minibatch_is_last(plan);
    bool all = plan->taken >= longest(plan);
    return all || (end == MINIBATCH_WORTH ? is_worth_no_more(learning) : plan->taken >= end);
}

status_t minibatch_learn(struct panel *panel, int64_t most, int64_t *passes)
{
    bool known = false;
    struct learning learning = {
        .panel = panel, .step = "batch", .mark = journal_mark(panel->customers->comm->journal)};
    begin_batch(&learning);
    status_t status = recall(&learning, &known);
    if (!status)
        status = learn_batch(&learning, most);
    *passes += learning.passes;
    return status;
}

status_t minibatch_run(struct panel *panel, struct minibatch_plan *plan, int64_t end, int64_t *batches,
                       int64_t *taken)
{
    struct learning learning = {.panel = panel,
                                .plan = plan,
                                .step = "mini-batches",
                                .mark = journal_mark(panel->customers->comm->journal)};
    status_t status = STATUS_OK;
    bool known = false;
    bool enough = plan->taken >= longest(plan);
    if (!enough) {
        learn_all(panel);
        begin_batch(&learning);
        status = recall(&learning, &known);
    }
    while (!status && !enough) {
        status = learn_batch(&learning, MINIBATCH_PASSES);
        enough = is_end(&learning, end);
        if (!status && !enough) {
            add_next(&learning);
            learn_all(panel);
            begin_batch(&learning);
        }
    }
    if (taken)
        *taken = plan->taken;
    while (!status && plan->taken < longest(plan))
        add_next(&learning);
    learn_all(panel);
    *batches += learning.passes;
    return status;
}
