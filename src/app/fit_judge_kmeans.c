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
    double visited = (double)replicates->visited;
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
    struct weighting *weighting = NULL;
    status_t status = memory_new(&weighting, count, sizeof *weighting, "replicates");
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
    if (!status && replicates.visited > 0) /* else they were learned before the job was interrupted */
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

/* Findings as far as they are counted: these, and how many of the pairs. */
enum { FINDINGS = 7, FIELDS = FINDINGS + 1 };

static void list_findings(const struct fit *fit, struct fit_try *try, const struct fit_try *before,
                          struct journal_field field[FINDINGS])
{
    const struct stability *stability = &try->stability;
    const int64_t number = sizeof(double);
    int64_t replicates = fit->config.replicates;
    int64_t k = try->segments.k;
    int64_t tables = before ? before->segments.k * k : 0;
    const struct journal_field all[FINDINGS] = {
        {stability->ari, replicates * number},
        {stability->jaccard, replicates * k * number},
        {stability->match, replicates * k * (int64_t)sizeof *stability->match},
        {stability->strength, 2 * fit->splits * number},
        {try->seed_ari, try->kmeans.restarts * number},
        {try->level, before ? k * number : 0},
        {try->level_count, tables * (int64_t)sizeof *try->level_count}};
    memcpy(field, all, sizeof all);
}

/* Pairs [first, first + count). */
static status_t count_some(struct judging *judging, int64_t first, int64_t count)
{
    const struct fit *fit = judging->fit;
    struct table_pair *pair = judging->pair + first;
    status_t status = tables_count(&fit->customers, pair, count);
    for (int64_t i = 0; !status && i < count; i++)
        status = take_pair(judging, first + i, &pair[i].table, i + 1 < count ? &pair[i + 1].table : NULL);
    status = comm_agree(fit->comm, status);
    tables_free(pair, count);
    return status;
}

/* As many at a time as memory allows, the two of a split together. */
static status_t count_pairs(struct judging *judging)
{
    const struct fit *fit = judging->fit;
    struct journal *journal = fit->comm->journal;
    int64_t k = judging->try->segments.k;
    double most = floor(JUDGE_TABLE_BYTES / tables_bytes(k, k) / 2) * 2;
    int64_t step = most > 2 ? (int64_t)fmin(most, (double)judging->pairs) : 2;
    int64_t replicates = fit->config.replicates;
    int64_t first = 0;
    int64_t mark = journal_mark(journal);
    struct journal_field field[FIELDS];
    bool known = false;
    list_findings(fit, judging->try, judging->before, field);
    field[FINDINGS] = (struct journal_field){&first, sizeof first};
    status_t status = journal_recall(journal, "agreement", field, FIELDS, &known);
    bool torn = first > replicates && first < judging->models && (first - replicates) % 2 != 0;
    if (!status && (first < 0 || first > judging->pairs || torn))
        status = journal_misfit("agreement");
    while (!status && first < judging->pairs) {
        /* so that splits, which follow the replicates, are not torn apart */
        int64_t end = first < replicates && first + step > replicates ? replicates : first + step;
        int64_t count = (end < judging->pairs ? end : judging->pairs) - first;
        status = count_some(judging, first, count);
        first += count;
        if (!status)
            status = journal_keep(journal, mark, "agreement", field, FIELDS);
    }
    return status;
}

/* Replicates and halves have been learned. */
static status_t judge_kmeans(struct fit *fit, int64_t i)
{
    struct judging judging = {.fit = fit,
                              .try = &fit->tried[i],
                              .before = i > 0 ? &fit->tried[i - 1] : NULL,
                              .models = fit->config.replicates + 2 * fit->splits};
    status_t status = open_labellings(&judging);
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

static status_t open_findings(const struct fit *fit, struct fit_try *try, const struct fit_try *before)
{
    int64_t models = fit->config.replicates + 2 * fit->splits;
    status_t status =
        memory_new(&try->seed_ari, try->kmeans.restarts, sizeof *try->seed_ari, "agreement of restarts");
    if (!status)
        status = memory_new(&try->replicate_centroid, models * try->segments.k * fit->customers.features,
                            sizeof(double), "centroids of replicates");
    if (!status && before)
        status = memory_new(&try->level, try->segments.k, sizeof *try->level, "stability of levels");
    if (!status && before)
        status = memory_new(&try->level_count, before->segments.k * try->segments.k, sizeof *try->level_count,
                            "stability of levels");
    return comm_agree(fit->comm, status);
}

static status_t judge_try(struct fit *fit, int64_t i)
{
    status_t status = STATUS_OK;
    if (fit->config.replicates + fit->splits > 0) {
        log_phase_begin(&fit->log, "replicates");
        status = learn_replicates(fit, &fit->tried[i]);
    }
    log_phase_begin(&fit->log, "agreement");
    return status ? status : judge_kmeans(fit, i);
}

/* Whether what was recalled can be used: a match is a segment of the replicate. */
static status_t check_judged(const struct fit *fit, const struct fit_try *try)
{
    int64_t models = fit->config.replicates + 2 * fit->splits;
    if (!journal_are_places(try->replicate_centroid, models * try->segments.k * fit->customers.features))
        return journal_misfit("judged");
    for (int64_t i = 0; i < fit->config.replicates * try->segments.k; i++) {
        int32_t match = try->stability.match[i];
        if (match < -1 || match >= try->segments.k)
            return journal_misfit("judged");
    }
    return STATUS_OK;
}

/* The i-th number of segments, or what the journal has of it. */
static status_t find_judgement(struct fit *fit, int64_t i)
{
    struct journal *journal = fit->comm->journal;
    struct fit_try *try = &fit->tried[i];
    const struct fit_try *before = i > 0 ? &fit->tried[i - 1] : NULL;
    int64_t size = try->segments.k * fit->customers.features * (int64_t)sizeof(double);
    struct journal_field field[FIELDS];
    int64_t mark = journal_mark(journal);
    bool known = false;
    status_t status = open_findings(fit, try, before);
    if (status)
        return status;
    list_findings(fit, try, before, field);
    field[FINDINGS] =
        (struct journal_field){try->replicate_centroid, (fit->config.replicates + 2 * fit->splits) * size};
    status = journal_recall(journal, "judged", field, FIELDS, &known);
    if (status || known)
        return status ? status : check_judged(fit, try);
    status = judge_try(fit, i);
    return status ? status : journal_keep(journal, mark, "judged", field, FIELDS);
}

status_t fit_judge_kmeans(struct fit *fit)
{
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < fit->tries; i++)
        status = find_judgement(fit, i);
    return status;
}
