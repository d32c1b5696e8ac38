/* Replicates and halves where segments are cuts of a tree: trees of customers that count otherwise. All that
 * is asked of them can be counted by leaves. */
#include <stdlib.h>
#include <string.h>

#include "app/fit.h"
#include "cluster/retree.h"
#include "core/memory.h"

struct regrowing {
    struct fit *fit;
    struct retree retree;
    int64_t leaves;
    int64_t *clusters;           /* tries */
    int32_t *segment[2];         /* tries x leaves: of one tree, and of that of the other half */
    int64_t *weight[2];          /* leaves */
    int64_t *size;               /* leaves: customers */
    int64_t *count;              /* of two tables */
    int64_t done;                /* replicates and splits that have been taken in */
    struct journal_field *field; /* what they have left, in `fields` parts */
    int fields;
    int64_t mark;
};

static status_t open_regrowing(struct regrowing *regrowing)
{
    const struct fit *fit = regrowing->fit;
    const struct hierarchy_result *tree = &fit->hierarchy;
    int64_t leaves = tree->leaves;
    int64_t most = fit->config.k_high;
    regrowing->leaves = leaves;
    status_t status = memory_new(&regrowing->clusters, fit->tries, sizeof *regrowing->clusters, "tries");
    for (int i = 0; !status && i < 2; i++) {
        status = memory_new(&regrowing->segment[i], fit->tries * leaves, sizeof **regrowing->segment,
                            "cuts of a tree");
        if (!status)
            status =
                memory_new(&regrowing->weight[i], leaves, sizeof **regrowing->weight, "weights of leaves");
    }
    if (!status)
        status = memory_new(&regrowing->size, leaves, sizeof *regrowing->size, "weights of leaves");
    if (!status)
        status =
            memory_new(&regrowing->count, 2 * most * most, sizeof *regrowing->count, "contingency tables");
    for (int64_t i = 0; !status && i < fit->tries; i++) {
        regrowing->clusters[i] = fit->tried[i].segments.k;
        status = memory_new(&fit->tried[i].stays, leaves, sizeof *fit->tried[i].stays, "membership");
    }
    for (int64_t leaf = 0; !status && leaf < leaves; leaf++)
        regrowing->size[leaf] = tree->leaf_size ? tree->leaf_size[leaf] : 1;
    return comm_agree(fit->comm, status);
}

static void close_regrowing(struct regrowing *regrowing)
{
    free(regrowing->clusters);
    free(regrowing->segment[0]);
    free(regrowing->segment[1]);
    free(regrowing->weight[0]);
    free(regrowing->weight[1]);
    free(regrowing->size);
    free(regrowing->count);
    free(regrowing->field);
    retree_close(&regrowing->retree);
}

/* The table of two cuts into k, by what the leaves weigh. */
static struct contingency count_leaves(const struct regrowing *regrowing, int64_t k, const int32_t *row,
                                       const int32_t *column, const int64_t *weight, int64_t *count)
{
    memset(count, 0, (size_t)(k * k) * sizeof *count);
    for (int64_t leaf = 0; leaf < regrowing->leaves; leaf++)
        count[row[leaf] * k + column[leaf]] += weight[leaf];
    return (struct contingency){k, k, count};
}

static status_t take_replicate(struct regrowing *regrowing, int64_t b)
{
    struct fit *fit = regrowing->fit;
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < fit->tries; i++) {
        struct fit_try *try = &fit->tried[i];
        int64_t k = try->segments.k;
        const int32_t *own = try->cut->segment;
        const int32_t *other = regrowing->segment[0] + i * regrowing->leaves;
        struct contingency table = count_leaves(regrowing, k, own, other, regrowing->size, regrowing->count);
        status = stability_take(&try->stability, b, &table);
        const int32_t *match = try->stability.match + b * k;
        for (int64_t leaf = 0; !status && leaf < regrowing->leaves; leaf++)
            try->stays[leaf] += match[own[leaf]] == other[leaf] ? 1.0F : 0.0F;
    }
    return comm_agree(fit->comm, status);
}

static void take_halves(struct regrowing *regrowing, int64_t split)
{
    struct fit *fit = regrowing->fit;
    for (int64_t i = 0; i < fit->tries; i++) {
        int64_t k = fit->tried[i].segments.k;
        const int32_t *first = regrowing->segment[0] + i * regrowing->leaves;
        const int32_t *second = regrowing->segment[1] + i * regrowing->leaves;
        struct contingency of_first =
            count_leaves(regrowing, k, first, second, regrowing->weight[0], regrowing->count);
        struct contingency of_second =
            count_leaves(regrowing, k, second, first, regrowing->weight[1], regrowing->count + k * k);
        stability_take_halves(&fit->tried[i].stability, split, &of_first, &of_second);
    }
}

/* ---- kept ---- */

enum { FIELDS_OF_TRY = 5 };

static void list_fields_of(struct fit *fit, struct fit_try *try, struct journal_field *field)
{
    struct stability *stability = &try->stability;
    int64_t replicates = stability->replicates;
    int64_t each = replicates * stability->k;
    field[0] = (struct journal_field){stability->ari, replicates * (int64_t)sizeof *stability->ari};
    field[1] = (struct journal_field){stability->jaccard, each * (int64_t)sizeof *stability->jaccard};
    field[2] = (struct journal_field){stability->match, each * (int64_t)sizeof *stability->match};
    field[3] = (struct journal_field){stability->strength,
                                      2 * stability->splits * (int64_t)sizeof *stability->strength};
    field[4] = (struct journal_field){try->stays, fit->hierarchy.leaves * (int64_t)sizeof *try->stays};
}

/* What comes from a file may be damaged. */
static bool are_recalled_well(const struct regrowing *regrowing)
{
    const struct fit *fit = regrowing->fit;
    bool well = regrowing->done >= 0 && regrowing->done <= fit->config.replicates + fit->splits;
    for (int64_t i = 0; i < fit->tries; i++) {
        const struct stability *stability = &fit->tried[i].stability;
        for (int64_t j = 0; well && j < stability->replicates * stability->k; j++)
            well = stability->match[j] >= -1 && stability->match[j] < stability->k;
    }
    return well;
}

/* What is known already, if anything. */
static status_t recall_trees(struct regrowing *regrowing)
{
    struct fit *fit = regrowing->fit;
    bool known = false;
    status_t status = memory_new(&regrowing->field, 1 + fit->tries * FIELDS_OF_TRY, sizeof *regrowing->field,
                                 "the journal");
    status = comm_agree(fit->comm, status);
    if (status)
        return status;
    regrowing->mark = journal_mark(fit->comm->journal);
    regrowing->field[0] = (struct journal_field){&regrowing->done, sizeof regrowing->done};
    regrowing->fields = 1;
    for (int64_t i = 0; i < fit->tries; i++, regrowing->fields += FIELDS_OF_TRY)
        list_fields_of(fit, &fit->tried[i], regrowing->field + regrowing->fields);
    status = journal_recall(fit->comm->journal, "trees", regrowing->field, regrowing->fields, &known);
    if (!status && known && !are_recalled_well(regrowing))
        status = journal_misfit("trees of replicates");
    return status;
}

static status_t keep_trees(struct regrowing *regrowing)
{
    regrowing->done++;
    return journal_keep(regrowing->fit->comm->journal, regrowing->mark, "trees", regrowing->field,
                        regrowing->fields);
}

/* ---- levels ---- */

/* Cuts of one tree lie in each other, so that every segment comes from one. */
static status_t compare_levels(struct fit *fit)
{
    status_t status = STATUS_OK;
    for (int64_t i = 1; !status && i < fit->tries; i++) {
        struct fit_try *try = &fit->tried[i];
        int64_t rows = fit->tried[i - 1].segments.k;
        int64_t columns = try->segments.k;
        status = memory_new(&try->level, columns, sizeof *try->level, "stability of levels");
        if (!status)
            status = memory_new(&try->level_count, rows * columns, sizeof *try->level_count,
                                "stability of levels");
        if (status)
            break;
        for (int64_t h = 0; h < columns; h++)
            try->level_count[fit_parent(try->cut, h, fit->tried[i - 1].cut) * columns + h] =
                try->cut->size[h];
        struct contingency table = {rows, columns, try->level_count};
        agreement_level_stability(&table, try->level);
    }
    return comm_agree(fit->comm, status);
}

static status_t grow(struct regrowing *regrowing, int64_t w, int place)
{
    struct fit *fit = regrowing->fit;
    int64_t trees = fit->config.replicates + 2 * fit->splits;
    struct weighting weighting = fit_weighting(fit, w);
    log_show_progress(&fit->log, &(struct log_progress){.step_name = "tree",
                                                        .step = w + 1,
                                                        .steps = trees,
                                                        .fraction = (double)w / (double)trees});
    return retree_grow(&regrowing->retree, &weighting, fit->tries, regrowing->clusters,
                       regrowing->segment[place], regrowing->weight[place]);
}

static status_t judge_replicate(struct regrowing *regrowing, int64_t b)
{
    status_t status = grow(regrowing, b, 0);
    return status ? status : take_replicate(regrowing, b);
}

static status_t judge_halves(struct regrowing *regrowing, int64_t split)
{
    int64_t first = regrowing->fit->config.replicates + 2 * split;
    status_t status = grow(regrowing, first, 0);
    if (!status)
        status = grow(regrowing, first + 1, 1);
    if (!status)
        take_halves(regrowing, split);
    return status;
}

status_t fit_judge_trees(struct fit *fit)
{
    struct regrowing regrowing = {.fit = fit};
    int64_t replicates = fit->config.replicates;
    log_phase_begin(&fit->log, "replicates");
    status_t status = open_regrowing(&regrowing);
    if (!status)
        status = retree_open(&regrowing.retree, &fit->customers, &fit->preparation,
                             (enum linkage)fit->config.linkage, &fit->hierarchy);
    if (!status)
        status = recall_trees(&regrowing);
    while (!status && regrowing.done < replicates + fit->splits) {
        status = regrowing.done < replicates ? judge_replicate(&regrowing, regrowing.done)
                                             : judge_halves(&regrowing, regrowing.done - replicates);
        if (!status)
            status = keep_trees(&regrowing);
    }
    if (!status)
        status = compare_levels(fit);
    close_regrowing(&regrowing);
    return status;
}
