/* /selection and /stability of results.h5. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/fit.h"
#include "assess/tables.h"
#include "core/memory.h"
#include "data/results_stability.h"

enum { MOST_FIGURES = 16, NAME_SIZE = 48, TEXT_SIZE = 2048 };

const char *fit_verdict(const struct fit *fit, int64_t segment)
{
    return stability_verdict(fit->chosen->stability.mean_jaccard[segment], fit->selection.one_cloud);
}

const char *fit_verdict_of_all(const struct fit *fit)
{
    return stability_verdict(fit->chosen->stability.mean_ari, fit->selection.one_cloud);
}

/* ---- one row a number that was tried ---- */

enum { COLUMNS = 9 };

static void list_columns(const struct fit *fit, int64_t i, double column[COLUMNS])
{
    const struct selection_row *row = &fit->selection.row[i];
    column[0] = row->inertia;
    column[1] = row->silhouette;
    column[2] = fit->tried[i].sample_silhouette;
    column[3] = row->calinski_harabasz;
    column[4] = row->davies_bouldin;
    column[5] = row->gap;
    column[6] = row->gap_error;
    column[7] = row->prediction_strength;
    column[8] = row->stability;
}

static const struct {
    const char *name;
    const char *unit;
} titles[COLUMNS] = {
    {"/selection/inertia", "prepared units, squared"},
    {"/selection/silhouette", "mean over all customers, by squared distances"},
    {"/selection/silhouette_sample", "mean over a sample of customers, by plain distances"},
    {"/selection/calinski_harabasz", "larger is better"},
    {"/selection/davies_bouldin", "smaller is better"},
    {"/selection/gap", "mean log inertia of reference sets less that of the customers"},
    {"/selection/gap_error", "standard error of the gap"},
    {"/selection/prediction_strength", "mean over splits into halves"},
    {"/selection/stability", "mean adjusted Rand index of bootstrap replicates"},
};

static status_t write_columns(const struct fit *fit, struct results_file *results)
{
    int64_t tries = fit->tries;
    double *values = NULL;
    int64_t *k = NULL;
    struct results_figure figure[COLUMNS + 1];
    status_t status = memory_new(&values, COLUMNS * tries, sizeof *values, "the choice");
    if (!status)
        status = memory_new(&k, tries, sizeof *k, "the choice");
    for (int64_t i = 0; !status && i < tries; i++) {
        double column[COLUMNS];
        list_columns(fit, i, column);
        k[i] = fit->tried[i].segments.k;
        for (int c = 0; c < COLUMNS; c++)
            values[c * tries + i] = column[c];
    }
    figure[0] = (struct results_figure){"/selection/k", "segments", {tries, 0, 0}, NULL, k};
    for (int c = 0; !status && c < COLUMNS; c++)
        figure[c + 1] =
            (struct results_figure){titles[c].name, titles[c].unit, {tries, 0, 0}, values + c * tries, NULL};
    if (!status)
        status = results_write_figures(results, figure, COLUMNS + 1, "/selection", NULL, 0);
    free(values);
    free(k);
    return status;
}

static status_t write_choice(const struct fit *fit, struct results_file *results)
{
    const struct selection *selection = &fit->selection;
    enum criterion criterion = (enum criterion)fit->config.choose;
    bool is_range = fit->tries > 1;
    char reason[TEXT_SIZE];
    char warnings[TEXT_SIZE];
    selection_reason(selection, criterion, reason, sizeof reason);
    selection_warnings(selection, warnings, sizeof warnings);
    struct results_attribute attribute[] = {
        {.name = "chosen", .whole = true, .integer = fit->segments->k},
        {.name = "criterion", .text = is_range ? selection_criterion_name(criterion) : "none"},
        {.name = "reason", .text = is_range ? reason : "segments.k is one number"},
        {.name = "warnings", .text = warnings},
        {.name = "gap_of_one_segment", .real = selection->gap_one},
        {.name = "gap_error_of_one_segment", .real = selection->gap_one_error},
        {.name = "structure", .real = selection->structure},
        {.name = "structure_error", .real = selection->structure_error},
        {.name = "border", .real = selection->border},
        {.name = "one_cloud", .whole = true, .integer = selection->one_cloud},
        {.name = "reference_sets", .whole = true, .integer = fit->gap ? FIT_REFERENCES : 0},
        {.name = "reference_customers", .whole = true, .integer = fit->reference_customers},
        {.name = "sample_customers", .whole = true, .integer = fit->sampled},
        {.name = "splits", .whole = true, .integer = fit->splits},
    };
    return results_write_figures(results, NULL, 0, "/selection", attribute,
                                 (int64_t)(sizeof attribute / sizeof *attribute));
}

/* ---- the chosen segments ---- */

struct figures {
    struct results_figure item[MOST_FIGURES];
    int64_t count;
};

static void add_real(struct figures *figures, const char *name, const char *unit, int64_t rows,
                     int64_t columns, int64_t depth, const double *values)
{
    figures->item[figures->count++] =
        (struct results_figure){name, unit, {rows, columns, depth}, values, NULL};
}

static void add_whole(struct figures *figures, const char *name, const char *unit, int64_t rows,
                      const int64_t *values)
{
    figures->item[figures->count++] = (struct results_figure){name, unit, {rows, 0, 0}, NULL, values};
}

static void list_replicates(const struct fit *fit, struct figures *figures)
{
    const struct fit_try *try = fit->chosen;
    const struct stability *stability = &try->stability;
    int64_t k = stability->k;
    int64_t replicates = stability->replicates;
    add_real(figures, "/stability/ari", "adjusted Rand index of each replicate with the segments", replicates,
             0, 0, stability->ari);
    add_real(figures, "/stability/jaccard", "of each segment with the one most like it in each replicate",
             replicates, k, 0, stability->jaccard);
    add_real(figures, "/stability/segment", "mean Jaccard index over replicates", k, 0, 0,
             stability->mean_jaccard);
    add_whole(figures, "/stability/recovered", "replicates with a Jaccard index above 0.75", k,
              stability->recovered);
    add_whole(figures, "/stability/dissolved", "replicates with a Jaccard index of at most 0.5", k,
              stability->dissolved);
    if (try->replicate_centroid)
        add_real(figures, "/stability/replicate_centroid", "prepared units", replicates, k,
                 fit->customers.features, try->replicate_centroid);
}

static status_t write_verdicts(const struct fit *fit, struct results_file *results)
{
    const char **verdict = NULL;
    status_t status = memory_new(&verdict, fit->segments->k, sizeof *verdict, "verdicts");
    for (int64_t h = 0; !status && h < fit->segments->k; h++)
        verdict[h] = fit_verdict(fit, h);
    if (!status)
        status = results_write_names(results->file, "/stability/verdict", verdict, fit->segments->k);
    free(verdict);
    return status;
}

static status_t write_chosen(const struct fit *fit, struct results_file *results)
{
    const struct fit_try *try = fit->chosen;
    const struct stability *stability = &try->stability;
    const char *verdict = fit_verdict_of_all(fit);
    struct figures figures = {.count = 0};
    status_t status = STATUS_OK;
    add_real(&figures, "/stability/silhouette",
             "mean over the customers of each segment, by squared distances", try->segments.k, 0, 0,
             try->indices.segment_silhouette);
    if (stability->replicates > 0)
        list_replicates(fit, &figures);
    if (stability->splits > 0)
        add_real(&figures, "/stability/prediction_strength", "of each split into halves, in either direction",
                 stability->splits, 2, 0, stability->strength);
    if (try->seed_ari)
        add_real(&figures, "/stability/seed_ari", "adjusted Rand index of each restart with the segments",
                 try->kmeans.restarts, 0, 0, try->seed_ari);
    struct results_attribute attribute[] = {
        {.name = "replicates", .whole = true, .integer = stability->replicates},
        {.name = "mean_ari", .real = stability->mean_ari},
        {.name = "verdict", .text = verdict ? verdict : "not measured"},
    };
    status = results_write_figures(results, figures.item, figures.count, "/stability", attribute,
                                   (int64_t)(sizeof attribute / sizeof *attribute));
    if (!status && stability->replicates > 0)
        status = write_verdicts(fit, results);
    return status;
}

/* ---- where the segments of each number came from ---- */

static status_t write_levels(const struct fit *fit, struct results_file *results)
{
    status_t status = STATUS_OK;
    for (int64_t i = 1; !status && i < fit->tries; i++) {
        const struct fit_try *try = &fit->tried[i];
        char name[NAME_SIZE];
        char counts[NAME_SIZE];
        snprintf(name, sizeof name, "/stability/level_%" PRId64, try->segments.k);
        snprintf(counts, sizeof counts, "/stability/level_counts_%" PRId64, try->segments.k);
        struct results_figure figure[] = {
            {name,
             "1: from one segment of the number before; 0: from all alike",
             {try->segments.k, 0, 0},
             try->level,
             NULL},
            {counts,
             "customers: from the segments of the number before (rows) to these",
             {fit->tried[i - 1].segments.k, try->segments.k, 0},
             NULL,
             try->level_count},
        };
        status = results_write_figures(results, figure, 2, "/stability", NULL, 0);
    }
    return status;
}

/* ---- in how many replicates each customer stays ---- */

struct staying {
    const struct fit *fit;
    struct membership membership; /* of k-means */
};

static status_t follow_customers(void *context, int64_t first, int64_t count, float *share)
{
    const struct staying *staying = context;
    return tables_membership(&staying->fit->customers, &staying->membership, first, count, share);
}

/* A tree's replicates weigh leaves, and who is in a leaf stays with it. */
static status_t follow_leaves(void *context, int64_t first, int64_t count, float *share)
{
    const struct fit *fit = ((const struct staying *)context)->fit;
    int32_t leaf[BLOCK_ROWS];
    for (int64_t b = 0; b < count; b++) {
        row_numbers_get(&fit->hierarchy.leaf, first + b, leaf);
        for (int i = 0; i < BLOCK_ROWS; i++)
            share[b * BLOCK_ROWS + i] =
                leaf[i] < 0 ? NAN : fit->chosen->stays[leaf[i]] / (float)fit->config.replicates;
    }
    return STATUS_OK;
}

/* What close_replicates gives back, whatever is returned. */
static status_t open_replicates(const struct fit *fit, struct labelling **other)
{
    const struct fit_try *try = fit->chosen;
    int64_t size = try->segments.k * fit->customers.features;
    status_t status = memory_new(other, fit->config.replicates, sizeof **other, "labelings");
    for (int64_t b = 0; !status && b < fit->config.replicates; b++) {
        (*other)[b] =
            (struct labelling){.k = try->segments.k, .centroid = try->replicate_centroid + b * size};
        status = labelling_open(&(*other)[b], fit->customers.features);
    }
    return status;
}

static void close_replicates(const struct fit *fit, struct labelling *other)
{
    for (int64_t b = 0; other && b < fit->config.replicates; b++)
        labelling_close(&other[b]);
    free(other);
}

static status_t write_membership(const struct fit *fit, struct results_file *results)
{
    const struct fit_try *try = fit->chosen;
    const struct partition *partition = &fit->customers.partition;
    struct staying staying = {.fit = fit};
    struct labelling *other = NULL;
    if (try->cut)
        return results_write_membership(results, fit->comm, partition, follow_leaves, &staying);
    status_t status = comm_agree(fit->comm, open_replicates(fit, &other));
    staying.membership =
        (struct membership){&try->labelling, other, fit->config.replicates, try->stability.match};
    if (!status)
        status = results_write_membership(results, fit->comm, partition, follow_customers, &staying);
    close_replicates(fit, other);
    return status;
}

status_t fit_write_stability(const struct fit *fit, struct results_file *results)
{
    status_t status = STATUS_OK;
    if (fit->comm->rank == 0) {
        status = write_columns(fit, results);
        if (!status)
            status = write_choice(fit, results);
        if (!status)
            status = write_chosen(fit, results);
        if (!status)
            status = write_levels(fit, results);
    }
    status = comm_agree(fit->comm, status);
    if (!status && fit->config.replicates > 0)
        status = write_membership(fit, results);
    return status;
}

int64_t fit_stability_bytes(const struct fit *fit)
{
    int64_t k = fit->segments->k;
    int64_t replicates = fit->config.replicates;
    int64_t bytes = replicates > 0 ? fit->customers.partition.rows * (int64_t)sizeof(float) : 0;
    bytes += replicates * k * (fit->customers.features + 1) * (int64_t)sizeof(double);
    for (int64_t i = 1; i < fit->tries; i++)
        bytes += fit->tried[i].segments.k * (fit->tried[i - 1].segments.k + 1) * (int64_t)sizeof(int64_t);
    return bytes;
}
