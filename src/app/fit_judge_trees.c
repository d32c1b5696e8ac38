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
    int64_t *clusters;   /* tries */
    int32_t *segment[2]; /* tries x leaves: of one tree, and of that of the other half */
    int64_t *weight[2];  /* leaves */
    int64_t *size;       /* leaves: customers */
    int64_t *count;      /* of two tables */
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

status_t fit_judge_trees(struct fit *fit)
{
    struct regrowing regrowing = {.fit = fit};
    int64_t replicates = fit->config.replicates;
    log_phase_begin(&fit->log, "replicates");
    status_t status = open_regrowing(&regrowing);
    if (!status)
        status = retree_open(&regrowing.retree, &fit->customers, &fit->preparation,
                             (enum linkage)fit->config.linkage, &fit->hierarchy);
    for (int64_t b = 0; !status && b < replicates; b++) {
        status = grow(&regrowing, b, 0);
        if (!status)
            status = take_replicate(&regrowing, b);
    }
    for (int64_t s = 0; !status && s < fit->splits; s++) {
        status = grow(&regrowing, replicates + 2 * s, 0);
        if (!status)
            status = grow(&regrowing, replicates + 2 * s + 1, 1);
        if (!status)
            take_halves(&regrowing, s);
    }
    if (!status)
        status = compare_levels(fit);
    close_regrowing(&regrowing);
    return status;
}
