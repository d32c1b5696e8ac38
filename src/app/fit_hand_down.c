/* Last year's centroids, numbers and customers in this year's fit. */
#include <stdlib.h>
#include <string.h>

#include "app/fit.h"
#include "app/fit_previous.h"
#include "app/places.h"
#include "assess/handing.h"
#include "core/memory.h"
#include "data/carry.h"

/* ---- centroids ---- */

/* Names of this year's features as the preparation has them; the array is the caller's to free. */
static status_t list_names(const struct fit *fit, char ***name)
{
    const struct preparation *preparation = &fit->preparation;
    status_t status = memory_new(name, preparation->count, sizeof **name, "names");
    for (int64_t f = 0; !status && f < preparation->count; f++)
        (*name)[f] = fit->source.column[fit->table.column[preparation->feature[f].column]].name;
    return status;
}

/* Where last year did not know a feature, its centroids lie at the mean of all customers. */
static status_t list_means(const struct fit *fit, double **mean)
{
    const struct preparation *preparation = &fit->preparation;
    status_t status = memory_new(mean, preparation->count, sizeof **mean, "means");
    for (int64_t f = 0; !status && f < preparation->count; f++) {
        const struct prepared_feature *feature = &preparation->feature[f];
        (*mean)[f] =
            (moments_mean(&fit->survey.transformed[feature->column]) - feature->shift) * feature->factor;
    }
    return status;
}

status_t fit_carry_previous(struct fit *fit)
{
    struct fit_previous *previous = fit->previous;
    char **name = NULL;
    double *mean = NULL;
    if (!previous)
        return STATUS_OK;
    const struct saved_model *model = &previous->model;
    status_t status = list_names(fit, &name);
    if (!status)
        status = list_means(fit, &mean);
    if (!status)
        status = memory_new(&previous->centroid, model->k * fit->preparation.count,
                            sizeof *previous->centroid, "last year's centroids");
    if (!status) {
        struct carry_units from = {&model->preparation, model->name};
        struct carry_units to = {&fit->preparation, name};
        carry_places(&from, model->centroid, model->k, &to, mean, previous->centroid);
        previous->start = (struct warm_start){.k = model->k,
                                              .centroid = previous->centroid,
                                              .size = model->size,
                                              .customers = model->customers,
                                              .inertia = model->inertia};
    }
    free(name);
    free(mean);
    return comm_agree(fit->comm, status);
}

/* ---- numbers ---- */

struct sharing {
    const struct fit *fit;
    const struct labelling *labelling;
    struct nearest nearest;
    struct contingency *table;
};

static void count_block(void *context, const struct block *block)
{
    struct sharing *sharing = context;
    struct contingency *table = sharing->table;
    int32_t found[BLOCK_ROWS];
    int32_t label[BLOCK_ROWS];
    row_numbers_get(&sharing->fit->previous->found, block->local, found);
    labelling_block(sharing->labelling, &sharing->nearest, block, label);
    for (int i = 0; i < BLOCK_ROWS; i++) {
        if (label[i] >= 0 && found[i] >= 0)
            table->count[found[i] * table->columns + label[i]]++;
    }
}

/* Last year's segments (rows) and this year's (columns), over shared customers. */
static status_t count_shared(const struct fit *fit, const struct fit_try *try, struct contingency *table)
{
    const struct fit_previous *previous = fit->previous;
    struct labelling labelling = {.k = try->segments.k, .centroid = try->segments.centroid};
    struct sharing sharing = {.fit = fit, .labelling = &labelling, .table = table};
    if (try->cut) {
        labelling.segment = try->cut->segment;
        labelling.leaf = &fit->hierarchy.leaf;
    }
    *table = (struct contingency){.rows = previous->model.k, .columns = try->segments.k};
    status_t status =
        memory_new(&table->count, table->rows * table->columns, sizeof *table->count, "a table");
    if (!status)
        status = labelling_open(&labelling, fit->customers.features);
    if (!status)
        status = nearest_open(&sharing.nearest, &fit->customers);
    if (!status)
        status = customers_walk(&fit->customers, NULL, 0, count_block, &sharing);
    nearest_close(&sharing.nearest);
    labelling_close(&labelling);
    status = comm_agree(fit->comm, status);
    return status ? status : comm_sum_i64(fit->comm, table->count, table->rows * table->columns);
}

/* The cut that gives the segments follows them. */
static status_t reorder_cut(struct fit_cut *cut, int64_t leaves, const int64_t *order)
{
    int32_t *place = NULL;
    int32_t *leaf = NULL;
    int64_t *size = NULL;
    status_t status = memory_new(&place, cut->segments, sizeof *place, "a cut");
    if (!status)
        status = memory_new(&leaf, cut->segments, sizeof *leaf, "a cut");
    if (!status)
        status = memory_new(&size, cut->segments, sizeof *size, "a cut");
    for (int64_t h = 0; !status && h < cut->segments; h++) {
        place[order[h]] = (int32_t)h;
        leaf[h] = cut->leaf[order[h]];
        size[h] = cut->size[order[h]];
    }
    for (int64_t l = 0; !status && l < leaves; l++)
        cut->segment[l] = place[cut->segment[l]];
    if (!status) {
        memcpy(cut->leaf, leaf, (size_t)cut->segments * sizeof *leaf);
        memcpy(cut->size, size, (size_t)cut->segments * sizeof *size);
    }
    free(place);
    free(leaf);
    free(size);
    return status;
}

static struct fit_cut *cut_of(struct fit *fit, const struct fit_try *try)
{
    for (int64_t c = 0; c < fit->cuts; c++) {
        if (&fit->cut[c] == try->cut)
            return &fit->cut[c];
    }
    return NULL;
}

/* Who was in which segment is no part of what a checkpoint says of its input; but what is kept from here on
 * is by the segments' order. */
static status_t check_order(const struct fit *fit, const struct fit_try *try, const int64_t *order)
{
    struct journal *journal = fit->comm->journal;
    int64_t k = try->segments.k;
    int64_t mark = journal_mark(journal);
    int64_t *then = NULL;
    bool known = false;
    status_t status = comm_agree(fit->comm, memory_new(&then, k + 1, sizeof *then, "segment numbers"));
    const struct journal_field kept = {then, (k + 1) * (int64_t)sizeof *then};
    if (!status)
        status = journal_recall(journal, "order", &kept, 1, &known);
    bool same = known && then[k] == try->next_number;
    for (int64_t h = 0; !status && h < k; h++) {
        same = same && then[h] == order[h];
        then[h] = order[h];
    }
    if (!status && known && !same)
        status =
            status_new(EXIT_BAD_DATA,
                       "the checkpoint belongs to another job: customers of other ids, or who were in other "
                       "segments of %s (expected: the same, or run.resume: false to begin at the beginning)",
                       fit->config.previous);
    if (!status && !known) {
        then[k] = try->next_number;
        status = journal_keep(journal, mark, "order", &kept, 1);
    }
    free(then);
    return status;
}

static status_t hand_down(struct fit *fit, struct fit_try *try)
{
    const struct fit_previous *previous = fit->previous;
    struct contingency table;
    struct handing handing = {
        .table = &table, .before_number = previous->model.number, .next_number = previous->model.next_number};
    status_t status = count_shared(fit, try, &table);
    if (!status)
        status = memory_new(&handing.order, try->segments.k, sizeof *handing.order, "segment numbers");
    if (!status)
        status = memory_new(&try->number, try->segments.k, sizeof *try->number, "segment numbers");
    handing.number = try->number;
    if (!status)
        status = handing_down(&handing);
    try->next_number = handing.next_number;
    struct fit_cut *cut = cut_of(fit, try);
    if (!status && cut)
        status = reorder_cut(cut, fit->hierarchy.leaves, handing.order);
    status = comm_agree(fit->comm, status);
    if (!status)
        status = check_order(fit, try, handing.order);
    if (!status)
        status = segments_reorder(&fit->customers, &fit->preparation, handing.order, !cut, &try->segments);
    free(handing.order);
    free(table.count);
    return status;
}

status_t fit_hand_down(struct fit *fit)
{
    status_t status = STATUS_OK;
    if (!fit->previous)
        return STATUS_OK;
    log_phase_begin(&fit->log, "numbers");
    for (int64_t i = 0; !status && i < fit->tries; i++)
        status = hand_down(fit, &fit->tried[i]);
    return status;
}

/* ---- who went where ---- */

/* Where segments lie, in last year's units and in input units. */
static status_t find_places(struct fit *fit, struct migration_places *places)
{
    struct fit_previous *previous = fit->previous;
    struct places_after after = {.k = fit->segments->k,
                                 .centroid = fit->segments->centroid,
                                 .columns = fit->profile.columns,
                                 .mean = fit->profile.mean};
    char **name = NULL;
    char **column = NULL;
    status_t status = list_names(fit, &name);
    if (!status)
        status = memory_new(&column, after.columns, sizeof *column, "names");
    for (int64_t c = 0; !status && c < after.columns; c++)
        column[c] = fit->source.column[fit->table.column[c]].name;
    after.units = (struct carry_units){&fit->preparation, name};
    after.column = column;
    if (!status)
        status = places_find(&previous->model, &after, &previous->carried, &previous->after_mean, places);
    free(name);
    free(column);
    return status;
}

status_t fit_measure_migration(struct fit *fit)
{
    struct fit_previous *previous = fit->previous;
    if (!previous)
        return STATUS_OK;
    struct migration *migration = &previous->migration;
    log_phase_begin(&fit->log, "migration");
    migration->before = (struct migration_side){.k = previous->model.k, .number = previous->model.number};
    migration->after = (struct migration_side){.k = fit->segments->k, .number = fit->chosen->number};
    migration->same_numbers = true;
    status_t status = comm_agree(fit->comm, find_places(fit, &migration->places));
    if (!status)
        status =
            migration_count(fit->comm, &previous->found, previous->is_scored ? &previous->old_label : NULL,
                            &fit->segments->label, previous->lapsed, migration);
    if (!status)
        status = comm_agree(fit->comm, migration_measure(migration));
    return status;
}

struct migration_report fit_migration_report(const struct fit *fit)
{
    const struct fit_previous *previous = fit->previous;
    return (struct migration_report){.migration = &previous->migration,
                                     .drift = previous->is_scored ? &previous->drift : NULL,
                                     .before_path = fit->config.previous,
                                     .after_path = fit->config.input_path,
                                     .before_left_out = previous->left_out,
                                     .after_left_out = fit->source.rows - fit->survey.customers,
                                     .missing = previous->is_scored ? NULL : previous->missing};
}
