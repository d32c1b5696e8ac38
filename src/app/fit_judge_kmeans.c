/* Replicates and halves by k-means: learned anew, and counted against the segments; restarts, and the number
 * of segments before, likewise. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/fit.h"
#include "assess/tables.h"
#include "cluster/replicate.h"
#include "core/memory.h"

static void tell_replicates(struct fit *fit, const struct replicates *replicates)
{
    double models = (double)replicates->count * (double)fit->customers.partition.row_count;
    double visited = replicates->visited > 0 ? (double)replicates->visited : 1.0;
    log_detail(
        &fit->log,
        "replicates and halves of %" PRId64 " segments: %" PRId64 " models; %" PRId64
        " passes over the first mini-batch, %" PRId64 " over larger ones, %" PRId64
        " over all customers; %.1f %% of assignments could not have changed and were not made, the rest "
        "is the work of %.1f full passes a model",
        replicates->k, replicates->count, replicates->passes[0], replicates->passes[1], replicates->passes[2],
        100.0 * (1.0 - (double)replicates->assigned / visited),
        models > 0 ? (double)replicates->assigned / models : 0.0);
}

static status_t learn_replicates(struct fit *fit, struct fit_try *try)
{
    struct kmeans_settings settings = fit_kmeans_settings(&fit->config);
    int64_t count = fit->config.replicates + 2 * fit->splits;
    int64_t size = try->segments.k * fit->customers.features;
    struct weighting *weighting = NULL;
    status_t status =
        memory_new(&try->replicate_centroid, count * size, sizeof(double), "centroids of replicates");
    if (!status)
        status = memory_new(&weighting, count, sizeof *weighting, "replicates");
    for (int64_t w = 0; !status && w < count; w++)
        weighting[w] = fit_weighting(fit, w);
    struct replicates replicates = {.k = try->segments.k,
                                    .spread = try->segments.inertia / (double)fit->survey.customers,
                                    .taken = try->kmeans.taken,
                                    .weighting = weighting,
                                    .count = count,
                                    .centroid = try->replicate_centroid};
    status = comm_agree(fit->comm, status);
    if (!status)
        status = replicates_learn(&fit->customers, &fit->preparation, &settings, &replicates);
    free(weighting);
    if (!status)
        tell_replicates(fit, &replicates);
    return status;
}

/* What a try's tables are of: its labeling with those of replicates, of halves with each other, of restarts,
 * and that of the number before with its own. */
struct judging {
    struct fit *fit;
    struct fit_try *try;
    const struct fit_try *before; /* NULL: none */
    int64_t models;               /* replicates and halves */
    struct labelling *other;      /* models, then restarts */
    struct weighting *half;       /* 2 x splits */
    struct table_pair *pair;      /* models, restarts, before: in this order */
    int64_t pairs;
};

static status_t open_labellings(struct judging *judging)
{
    const struct fit *fit = judging->fit;
    const struct fit_try *try = judging->try;
    int64_t features = fit->customers.features;
    int64_t size = try->segments.k * features;
    int64_t count = judging->models + try->kmeans.restarts;
    status_t status = memory_new(&judging->other, count, sizeof *judging->other, "labelings");
    if (!status)
        status = memory_new(&judging->half, 2 * fit->splits, sizeof *judging->half, "halves");
    if (!status)
        status = memory_new(&judging->pair, count + 1, sizeof *judging->pair, "contingency tables");
    for (int64_t i = 0; !status && i < 2 * fit->splits; i++)
        judging->half[i] = fit_weighting(fit, fit->config.replicates + i);
    for (int64_t i = 0; !status && i < count; i++) {
        const double *centroid = i < judging->models
                                     ? try->replicate_centroid + i * size
                                     : try->kmeans.restart_centroid + (i - judging->models) * size;
        judging->other[i] = (struct labelling){.k = try->segments.k, .centroid = centroid};
        status = labelling_open(&judging->other[i], features);
    }
    return status;
}

static void list_pairs(struct judging *judging)
{
    int64_t replicates = judging->fit->config.replicates;
    int64_t others = judging->models + judging->try->kmeans.restarts;
    for (int64_t i = 0; i < others; i++) {
        const struct labelling *other = &judging->other[i];
        int64_t half = i - replicates;
        struct table_pair pair = {.rows = &judging->try->labelling, .columns = other};
        /* each half by its own clustering, and by that of the other half */
        if (half >= 0 && i < judging->models)
            pair = (struct table_pair){.rows = other,
                                       .columns = half % 2 == 0 ? other + 1 : other - 1,
                                       .only = &judging->half[half]};
        judging->pair[judging->pairs++] = pair;
    }
    if (judging->before)
        judging->pair[judging->pairs++] =
            (struct table_pair){.rows = &judging->before->labelling, .columns = &judging->try->labelling};
}

/* What the i-th pair says. */
static status_t take_pair(struct judging *judging, int64_t i, const struct contingency *table,
                          const struct contingency *after)
{
    struct fit_try *try = judging->try;
    int64_t half = i - judging->fit->config.replicates;
    int64_t restart = i - judging->models;
    if (half < 0)
        return stability_take(&try->stability, i, table);
    if (i < judging->models) {
        if (half % 2 == 0)
            stability_take_halves(&try->stability, half / 2, table, after);
    } else if (restart < try->kmeans.restarts) {
        try->seed_ari[restart] = agreement_adjusted_rand(table);
    } else {
        memcpy(try->level_count, table->count,
               (size_t)(table->rows * table->columns) * sizeof *try->level_count);
        agreement_level_stability(table, try->level);
    }
    return STATUS_OK;
}

/* As many at a time as memory allows, the two of a split together. */
static status_t count_pairs(struct judging *judging)
{
    const struct fit *fit = judging->fit;
    int64_t k = judging->try->segments.k;
    double most = floor(JUDGE_TABLE_BYTES / tables_bytes(k, k) / 2) * 2;
    int64_t step = most > 2 ? (int64_t)fmin(most, (double)judging->pairs) : 2;
    int64_t replicates = fit->config.replicates;
    status_t status = STATUS_OK;
    for (int64_t first = 0; !status && first < judging->pairs;) {
        /* so that splits, which follow the replicates, are not torn apart */
        int64_t end = first < replicates && first + step > replicates ? replicates : first + step;
        int64_t count = (end < judging->pairs ? end : judging->pairs) - first;
        struct table_pair *pair = judging->pair + first;
        status = tables_count(&fit->customers, pair, count);
        for (int64_t i = 0; !status && i < count; i++)
            status = take_pair(judging, first + i, &pair[i].table, i + 1 < count ? &pair[i + 1].table : NULL);
        status = comm_agree(fit->comm, status);
        tables_free(pair, count);
        first += count;
    }
    return status;
}

static status_t open_findings(const struct judging *judging)
{
    struct fit_try *try = judging->try;
    status_t status =
        memory_new(&try->seed_ari, try->kmeans.restarts, sizeof *try->seed_ari, "agreement of restarts");
    if (!status && judging->before)
        status = memory_new(&try->level, try->segments.k, sizeof *try->level, "stability of levels");
    if (!status && judging->before)
        status = memory_new(&try->level_count, judging->before->segments.k * try->segments.k,
                            sizeof *try->level_count, "stability of levels");
    return status;
}

static status_t judge_kmeans(struct fit *fit, int64_t i)
{
    struct judging judging = {.fit = fit,
                              .try = &fit->tried[i],
                              .before = i > 0 ? &fit->tried[i - 1] : NULL,
                              .models = fit->config.replicates + 2 * fit->splits};
    status_t status = open_labellings(&judging);
    if (!status)
        status = open_findings(&judging);
    status = comm_agree(fit->comm, status);
    if (!status) {
        list_pairs(&judging);
        status = count_pairs(&judging);
    }
    for (int64_t o = 0; judging.other && o < judging.models + judging.try->kmeans.restarts; o++)
        labelling_close(&judging.other[o]);
    free(judging.other);
    free(judging.half);
    free(judging.pair);
    return status;
}

status_t fit_judge_kmeans(struct fit *fit)
{
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < fit->tries; i++) {
        if (fit->config.replicates + fit->splits > 0) {
            log_phase_begin(&fit->log, "replicates");
            status = learn_replicates(fit, &fit->tried[i]);
        }
        log_phase_begin(&fit->log, "agreement");
        if (!status)
            status = judge_kmeans(fit, i);
    }
    return status;
}
