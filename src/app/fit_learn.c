/* The numbers of segments that are tried, and k-means for each. */
#include <inttypes.h>
#include <stdlib.h>

#include "app/fit.h"
#include "core/memory.h"
#include "kernel/gemm.h"

struct kmeans_settings fit_kmeans_settings(const struct config *config)
{
    return (struct kmeans_settings){.batch = config->batch,
                                    .restarts = config->restarts,
                                    .polish = config->polish,
                                    .tolerance = config->tolerance,
                                    .seed = (uint64_t)config->seed};
}

status_t fit_open_tries(struct fit *fit)
{
    const struct config *config = &fit->config;
    fit->tries = config->k_high - config->k_low + 1;
    return comm_agree(fit->comm, memory_new(&fit->tried, fit->tries, sizeof *fit->tried, "tries"));
}

void fit_free_tries(struct fit *fit)
{
    for (int64_t i = 0; fit->tried && i < fit->tries; i++) {
        struct fit_try *try = &fit->tried[i];
        kmeans_free(&try->kmeans);
        segments_free(&try->segments);
        labelling_close(&try->labelling);
        indices_free(&try->indices);
        stability_close(&try->stability);
        free(try->replicate_centroid);
        free(try->seed_ari);
        free(try->level);
        free(try->level_count);
        free(try->stays);
        free(try->number);
    }
    free(fit->tried);
    free(fit->gap);
    free(fit->selection.row);
}

/* How the learning went, for -v: what was computed with, and what was not computed at all. */
static void tell_work(struct fit *fit, const struct kmeans_result *kmeans)
{
    const struct kernels *kernels = fit->customers.kernels;
    double models = (double)kmeans->models * (double)fit->customers.partition.row_count;
    double visited = (double)kmeans->visited;
    double assigned = kmeans->assigned > 0 ? (double)kmeans->assigned : 1.0;
    log_detail(
        &fit->log,
        "nearest centroid: by %s; %s registers (%d floats) take %.2f ns a customer, OpenBLAS (%s) %.2f",
        kmeans->by_gemm ? "OpenBLAS" : "vector registers", kernels->name, kernels->lanes,
        1e9 * kmeans->seconds[0], gemm_prepare(), 1e9 * kmeans->seconds[1]);
    log_detail(
        &fit->log,
        "learning: %" PRId64 " models side by side, %" PRId64 " passes over mini-batches, %" PRId64
        " over all customers; %.1f %% of assignments could not have changed and were not made, the rest is "
        "the work of %.1f full passes a model; %.2g of it in double; %" PRId64 " bytes a reduction",
        kmeans->models, kmeans->batches, kmeans->passes, 100.0 * (1.0 - (double)kmeans->assigned / visited),
        models > 0 ? (double)kmeans->assigned / models : 0.0, (double)kmeans->undecided / assigned,
        kmeans->step_bytes);
}

static status_t open_lists(const struct fit *fit, int64_t **k, struct kmeans_result **results)
{
    status_t status = memory_new(k, fit->tries, sizeof **k, "tries");
    if (!status)
        status = memory_new(results, fit->tries, sizeof **results, "tries");
    for (int64_t i = 0; !status && i < fit->tries; i++)
        (*k)[i] = fit->config.k_low + i;
    return comm_agree(fit->comm, status);
}

status_t fit_learn(struct fit *fit)
{
    struct kmeans_settings settings = fit_kmeans_settings(&fit->config);
    settings.start = fit_warm_start(fit);
    struct kmeans_result *results = NULL;
    int64_t *k = NULL;
    status_t status = open_lists(fit, &k, &results);
    if (!status)
        status = kmeans_run(&fit->customers, &fit->preparation, &settings, k, fit->tries, results);
    for (int64_t i = 0; results && i < fit->tries; i++) {
        fit->tried[i].kmeans = results[i];
        fit->tried[i].segments = results[i].segments;
        fit->tried[i].kmeans.segments = (struct segmentation){0};
        if (!status && !results[i].converged && settings.polish)
            log_warning(&fit->log,
                        "the best restart of %" PRId64 " had not converged after %" PRId64 " passes", k[i],
                        results[i].passes);
    }
    for (int64_t i = 0; !status && i < fit->tries; i++) {
        if (results[i].stood)
            log_note(
                &fit->log,
                "last year's %" PRId64
                " centroids stay where they are: nothing is better by %g %%, or the customers are the same",
                k[i], 100 * WARM_WORTH);
    }
    if (!status && results[0].visited > 0) /* else it was learned before the job was interrupted */
        tell_work(fit, &results[0]);
    free(results);
    free(k);
    return status;
}
