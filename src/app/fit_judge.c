/* How good and how stable the segments of every number that was tried are, and which number is taken. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/fit.h"
#include "assess/tables.h"
#include "cluster/replicate.h"
#include "core/memory.h"

struct weighting fit_weighting(const struct fit *fit, int64_t w)
{
    uint64_t seed = (uint64_t)fit->config.seed;
    int64_t half = w - fit->config.replicates;
    if (half < 0)
        return (struct weighting){WEIGHTING_REPLICATE, seed, w};
    return (struct weighting){half % 2 == 0 ? WEIGHTING_FIRST_HALF : WEIGHTING_SECOND_HALF, seed, half / 2};
}

/* ---- labelings and indices ---- */

static status_t open_try(const struct fit *fit, struct fit_try *try)
{
    try->labelling = (struct labelling){.k = try->segments.k, .centroid = try->segments.centroid};
    if (try->cut) {
        try->labelling.segment = try->cut->segment;
        try->labelling.leaf = fit->hierarchy.leaf;
    }
    status_t status = labelling_open(&try->labelling, fit->customers.features);
    if (!status)
        status = stability_open(&try->stability, try->segments.k, fit->config.replicates, fit->splits);
    return status;
}

static status_t sample_silhouettes(struct fit *fit, const struct indices *indices)
{
    double *value = NULL;
    status_t status = comm_agree(fit->comm, memory_new(&value, fit->tries, sizeof *value, "silhouettes"));
    if (!status)
        status = indices_sample_silhouette(&fit->customers, indices, fit->tries, FIT_SAMPLE,
                                           (uint64_t)fit->config.seed, value, &fit->sampled);
    for (int64_t i = 0; !status && i < fit->tries; i++)
        fit->tried[i].sample_silhouette = value[i];
    free(value);
    return status;
}

static status_t measure_indices(struct fit *fit)
{
    struct indices *indices = NULL;
    log_phase_begin(&fit->log, "indices");
    status_t status = comm_agree(fit->comm, memory_new(&indices, fit->tries, sizeof *indices, "indices"));
    for (int64_t i = 0; !status && i < fit->tries; i++) {
        const struct fit_try *try = &fit->tried[i];
        indices[i] = (struct indices){.labelling = &try->labelling,
                                      .k = try->segments.k,
                                      .sum = try->segments.sum,
                                      .size = try->segments.size};
    }
    if (!status)
        status = indices_measure(&fit->customers, indices, fit->tries);
    if (!status)
        status = sample_silhouettes(fit, indices);
    for (int64_t i = 0; indices && i < fit->tries; i++)
        fit->tried[i].indices = indices[i];
    free(indices);
    return status;
}

/* ---- k-means: replicates, halves, restarts, and the number before ---- */

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

static status_t judge_all_kmeans(struct fit *fit)
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

/* ---- gaps ---- */

static struct gap_settings gap_settings(const struct fit *fit)
{
    return (struct gap_settings){.tree = fit->config.method == METHOD_HIERARCHY,
                                 .linkage = (enum linkage)fit->config.linkage,
                                 .kmeans = fit_kmeans_settings(&fit->config),
                                 .references = FIT_REFERENCES,
                                 .seed = (uint64_t)fit->config.seed};
}

static status_t measure_gaps(struct fit *fit)
{
    struct gap_settings settings = gap_settings(fit);
    log_phase_begin(&fit->log, "reference sets");
    status_t status = comm_agree(fit->comm, memory_new(&fit->gap, fit->tries + 1, sizeof *fit->gap, "gaps"));
    if (status)
        return status;
    fit->gap[0] = (struct gap){.k = 1, .inertia = fit->tried[0].segments.total_squares};
    for (int64_t i = 0; i < fit->tries; i++)
        fit->gap[i + 1] =
            (struct gap){.k = fit->tried[i].segments.k, .inertia = fit->tried[i].indices.inertia};
    return gap_measure(&fit->customers, &settings, fit->gap, fit->tries + 1, &fit->reference_customers);
}

/* Whether the chosen segments are more than cuts through one cloud. */
static status_t measure_structure(struct fit *fit)
{
    const struct fit_try *try = fit->chosen;
    struct gap_settings settings = gap_settings(fit);
    struct gap gap[2] = {{.k = 1, .inertia = try->segments.total_squares},
                         {.k = try->segments.k, .inertia = try->indices.inertia}};
    settings.references = FIT_EVEN;
    settings.trim = SELECTION_TRIM;
    if (try->segments.k == 1)
        return STATUS_OK;
    log_phase_begin(&fit->log, "structure");
    status_t status = gap_measure(&fit->customers, &settings, gap, 2, &fit->reference_customers);
    if (!status)
        selection_weigh(&fit->selection, &gap[0], &gap[1]);
    return status;
}

/* ---- the choice ---- */

static status_t choose(struct fit *fit)
{
    struct selection *selection = &fit->selection;
    bool gaps = fit->gap != NULL;
    status_t status = memory_new(&selection->row, fit->tries, sizeof *selection->row, "the choice");
    for (int64_t i = 0; !status && i < fit->tries; i++) {
        const struct fit_try *try = &fit->tried[i];
        selection->row[i] = (struct selection_row){.k = try->segments.k,
                                                   .inertia = try->segments.inertia,
                                                   .silhouette = try->indices.silhouette,
                                                   .calinski_harabasz = try->indices.calinski_harabasz,
                                                   .davies_bouldin = try->indices.davies_bouldin,
                                                   .gap = gaps ? fit->gap[i + 1].gap : (double)NAN,
                                                   .gap_error = gaps ? fit->gap[i + 1].error : (double)NAN,
                                                   .prediction_strength = try->stability.mean_strength,
                                                   .stability = try->stability.mean_ari};
    }
    if (!status) {
        selection->count = fit->tries;
        selection->gap_one = gaps ? fit->gap[0].gap : (double)NAN;
        selection->gap_one_error = gaps ? fit->gap[0].error : (double)NAN;
        selection_choose(selection, (enum criterion)fit->config.choose);
        fit->chosen = &fit->tried[selection->chosen];
        fit->segments = &fit->chosen->segments;
    }
    return comm_agree(fit->comm, status);
}

/* ---- customers of the chosen segments ---- */

static status_t follow_customers(struct fit *fit)
{
    const struct fit_try *try = fit->chosen;
    int64_t replicates = fit->config.replicates;
    int64_t size = try->segments.k * fit->customers.features;
    struct labelling *other = NULL;
    status_t status = memory_new(&other, replicates, sizeof *other, "labelings");
    for (int64_t b = 0; !status && b < replicates; b++) {
        other[b] = (struct labelling){.k = try->segments.k, .centroid = try->replicate_centroid + b * size};
        status = labelling_open(&other[b], fit->customers.features);
    }
    if (!status)
        status = tables_membership(&fit->customers, &try->labelling, other, replicates, try->stability.match,
                                   fit->membership);
    for (int64_t b = 0; other && b < replicates; b++)
        labelling_close(&other[b]);
    free(other);
    return status;
}

static void follow_leaves(struct fit *fit)
{
    const int32_t *leaf = fit->hierarchy.leaf;
    for (int64_t i = 0; i < fit->customers.partition.block_count * BLOCK_ROWS; i++)
        fit->membership[i] = leaf[i] < 0 ? NAN : fit->chosen->stays[leaf[i]] / (float)fit->config.replicates;
}

static status_t take_customers(struct fit *fit)
{
    struct fit_try *try = fit->chosen;
    int64_t rows = fit->customers.partition.block_count * BLOCK_ROWS;
    log_phase_begin(&fit->log, "labels");
    status_t status = memory_new(&try->segments.label, rows, sizeof *try->segments.label, "labels");
    if (!status)
        status = labelling_all(&try->labelling, &fit->customers, try->segments.label);
    if (!status && fit->config.replicates > 0)
        status = memory_new(&fit->membership, rows, sizeof *fit->membership, "membership");
    if (!status && fit->membership && try->cut)
        follow_leaves(fit);
    else if (!status && fit->membership)
        status = follow_customers(fit);
    return comm_agree(fit->comm, status);
}

status_t fit_judge(struct fit *fit)
{
    bool judged = fit->config.replicates > 0 || fit->tries > 1;
    fit->splits = judged ? FIT_SPLITS : 0;
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < fit->tries; i++)
        status = open_try(fit, &fit->tried[i]);
    status = comm_agree(fit->comm, status);
    if (!status)
        status = measure_indices(fit);
    if (!status && fit->config.method == METHOD_KMEANS)
        status = judge_all_kmeans(fit);
    else if (!status && judged)
        status = fit_judge_trees(fit);
    for (int64_t i = 0; !status && i < fit->tries; i++)
        stability_finish(&fit->tried[i].stability);
    if (!status && judged)
        status = measure_gaps(fit);
    if (!status)
        status = choose(fit);
    if (!status && judged)
        status = measure_structure(fit);
    if (!status)
        status = take_customers(fit);
    return status;
}
