/* How good and how stable the segments of every number that was tried are, and which number is taken. */
#include <math.h>
#include <stdlib.h>

#include "app/fit.h"
#include "assess/valley.h"
#include "cluster/weighting.h"
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
        try->labelling.leaf = &fit->hierarchy.leaf;
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
    double border = (double)NAN;
    status_t status = gap_measure(&fit->customers, &settings, gap, 2, &fit->reference_customers);
    if (!status)
        status = valley_measure(&fit->customers, try->segments.k, try->segments.centroid, try->segments.size,
                                &border);
    if (!status)
        selection_weigh(&fit->selection, &gap[0], &gap[1], border);
    return status;
}

/* ---- the choice ---- */

/* The share of restarts that found the same segments. */
static double found_again(const struct fit_try *try)
{
    int64_t same = 0;
    if (!try->seed_ari || try->segments.k == 1)
        return (double)NAN;
    for (int64_t r = 0; r < try->kmeans.restarts; r++)
        same += try->seed_ari[r] >= SELECTION_SAME;
    return (double)same / (double)try->kmeans.restarts;
}

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
        selection->found_again = found_again(fit->chosen);
        fit->segments = &fit->chosen->segments;
    }
    return comm_agree(fit->comm, status);
}

/* ---- customers of the chosen segments ---- */

static status_t take_customers(struct fit *fit)
{
    struct fit_try *try = fit->chosen;
    log_phase_begin(&fit->log, "labels");
    return comm_agree(fit->comm, segments_label(&fit->customers, &try->labelling, &try->segments));
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
        status = fit_judge_kmeans(fit);
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
