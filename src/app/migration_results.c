/* /migration of results.h5. */
#include <math.h>
#include <stdlib.h>

#include "app/migration_report.h"
#include "core/memory.h"
#include "data/results_dataset.h"
#include "data/results_stability.h"

/* ---- segments ---- */

/* What segments of `side` are called, given their places; -1 stays. */
static status_t number_list(const struct migration_side *side, const int32_t *segment, int64_t count,
                            int64_t **number)
{
    status_t status = memory_new(number, count, sizeof **number, "segment numbers");
    for (int64_t i = 0; !status && i < count; i++)
        (*number)[i] = migration_number(side, segment ? segment[i] : i);
    return status;
}

static status_t write_numbers(hid_t file, const char *name, const char *unit,
                              const struct migration_side *side, const int32_t *segment, int64_t count)
{
    int64_t *number = NULL;
    status_t status = number_list(side, segment, count, &number);
    if (!status)
        status = results_write_whole(file, name, unit, count, number);
    free(number);
    return status;
}

static status_t write_side(hid_t file, const struct migration_side *side, const char *number,
                           const char *name)
{
    status_t status = write_numbers(file, number, "number of a segment; its place where segments have names",
                                    side, NULL, side->k);
    if (!status && side->name)
        status = results_write_names(file, name, (const char *const *)side->name, side->k);
    return status;
}

static status_t write_words(hid_t file, const char *name, const enum transition *transition, int64_t count)
{
    const char **word = NULL;
    status_t status = memory_new(&word, count, sizeof *word, "transitions");
    for (int64_t i = 0; !status && i < count; i++)
        word[i] = migration_word(transition[i]);
    if (!status)
        status = results_write_names(file, name, word, count);
    free(word);
    return status;
}

static status_t write_transitions(const struct migration *migration, hid_t file)
{
    int64_t k = migration->before.k;
    int64_t *by_likeness = NULL;
    status_t status = memory_new(&by_likeness, k, sizeof *by_likeness, "transitions");
    for (int64_t h = 0; !status && h < k; h++)
        by_likeness[h] = migration->by_likeness[h];
    if (!status)
        status = results_write_whole(
            file, "/migration/by_likeness",
            "1: its fate is that of the customers whom the model before puts into it", k, by_likeness);
    if (!status)
        status = write_words(file, "/migration/fate", migration->fate, k);
    if (!status)
        status = write_numbers(file, "/migration/heir", "segment after in which it survives or is absorbed",
                               &migration->after, migration->heir, k);
    if (!status)
        status = write_words(file, "/migration/origin", migration->origin, migration->after.k);
    free(by_likeness);
    return status;
}

static status_t write_segments(const struct migration *migration, hid_t file)
{
    int64_t k = migration->before.k;
    const struct migration_side *after = &migration->after;
    status_t status =
        write_side(file, &migration->before, "/migration/before_segment", "/migration/before_name");
    if (!status)
        status = write_side(file, after, "/migration/after_segment", "/migration/after_name");
    if (!status)
        status = write_numbers(file, "/migration/match", "segment after with which it is one, by customers",
                               after, migration->match, k);
    if (!status && migration->match_place)
        status = write_numbers(file, "/migration/match_by_centroid",
                               "segment after with which it is one, by distance of centroids", after,
                               migration->match_place, k);
    if (!status)
        status =
            results_write_real(file, "/migration/retention", "of its customers, those in the matched segment",
                               k, 0, migration->retention, NULL);
    if (!status)
        status = results_write_real(file, "/migration/retention_of_shared",
                                    "of its customers of both times, those in the matched segment", k, 0,
                                    migration->retention_shared, NULL);
    if (!status)
        status = results_write_real(file, "/migration/jaccard", "with the most alike segment after", k, 0,
                                    migration->jaccard, NULL);
    return status;
}

/* A row a part: the segment that split, the one that took a part of it. */
static status_t write_parts(const struct migration *migration, hid_t file)
{
    enum { COLUMNS = 2 };
    int64_t k = migration->after.k;
    int64_t pairs = migration->before.k * k;
    int64_t parts = 0;
    int64_t *rows = NULL;
    for (int64_t pair = 0; pair < pairs; pair++)
        parts += migration->split_into[pair];
    status_t status = memory_new(&rows, parts * COLUMNS, sizeof *rows, "parts of segments");
    int64_t *row = rows;
    for (int64_t pair = 0; !status && pair < pairs; pair++) {
        if (!migration->split_into[pair])
            continue;
        *row++ = migration_number(&migration->before, pair / k);
        *row++ = migration_number(&migration->after, pair % k);
    }
    struct results_figure figure = {"/migration/split_into",
                                    "segment before that split, segment after that is a part of it",
                                    {parts, COLUMNS, 0},
                                    NULL,
                                    rows};
    if (!status)
        status = results_write_figure(file, &figure);
    free(rows);
    return status;
}

/* ---- customers ---- */

static status_t write_steps(const struct migration *migration, hid_t file)
{
    enum { COLUMNS = 4 };
    int64_t k = migration->before.k;
    int64_t *rows = NULL;
    status_t status = memory_new(&rows, migration->steps * COLUMNS, sizeof *rows, "ways of customers");
    for (int64_t s = 0; !status && s < migration->steps; s++) {
        const struct migration_step *step = &migration->step[s];
        int64_t *row = rows + s * COLUMNS;
        row[0] = migration_number(&migration->before, step->before < k ? step->before : -1);
        row[1] = migration_number(&migration->before, step->old_model < k ? step->old_model : -1);
        row[2] = migration_number(&migration->after, step->after);
        row[3] = step->customers;
    }
    struct results_figure figure = {
        "/migration/steps",
        "segment before (-1: new), by the model before (-1: not scored), after; customers",
        {migration->steps, COLUMNS, 0},
        NULL,
        rows};
    if (!status)
        status = results_write_figure(file, &figure);
    free(rows);
    return status;
}

static status_t write_counts(const struct migration *migration, hid_t file)
{
    int64_t k = migration->before.k;
    int64_t columns = migration->after.k;
    const struct results_figure figure[] = {
        {"/migration/counts",
         "customers: from segments before (last row: new) to segments after (last column: lapsed)",
         {k + 1, columns + 1, 0},
         NULL,
         migration->count},
        {"/migration/share", "of the row's customers", {k + 1, columns + 1, 0}, migration->share, NULL},
        {"/migration/customer_change",
         "customers: from segments before (last row: new) to those by the same model now (last column: "
         "lapsed or "
         "not scored)",
         {k + 1, k + 1, 0},
         NULL,
         migration->customer_change},
        {"/migration/model_change",
         "customers now: from segments by the model before (last row: not scored) to segments after",
         {k + 1, columns, 0},
         NULL,
         migration->model_change},
    };
    int figures = migration->has_steps ? 4 : 2;
    status_t status = STATUS_OK;
    for (int i = 0; !status && i < figures; i++)
        status = results_write_figure(file, &figure[i]);
    if (!status && migration->has_steps)
        status = write_steps(migration, file);
    return status;
}

/* ---- drift ---- */

static status_t write_drift(const struct migration_report *report, hid_t file)
{
    const struct migration *migration = report->migration;
    const struct migration_places *places = &migration->places;
    const struct drift *drift = report->drift;
    int64_t k = migration->before.k;
    status_t status = STATUS_OK;
    if (migration->drift) {
        const char *const *name = (const char *const *)places->name;
        status = results_write_real(file, "/migration/centroid_drift",
                                    "mean of the matched segment less its own, input units", k,
                                    places->features, migration->drift, name);
        if (!status)
            status = results_write_real(file, "/migration/centroid_drift_deviations",
                                        "the same in standard deviations of all customers before", k,
                                        places->features, migration->drift_deviations, name);
    }
    if (!status && drift)
        status = results_write_real(
            file, "/migration/psi", "population stability index: customers after, by deciles before",
            drift->model->features, 0, drift->psi, (const char *const *)drift->model->name);
    return status;
}

/* ---- attributes ---- */

static status_t write_attributes(const struct migration_report *report, hid_t file)
{
    const struct migration *migration = report->migration;
    const struct drift *drift = report->drift;
    struct results_file results = {.file = file};
    double nothing = (double)NAN;
    const struct results_attribute attribute[] = {
        {.name = "before", .text = report->before_path},
        {.name = "after", .text = report->after_path},
        {.name = "shared", .whole = true, .integer = migration->shared},
        {.name = "new", .whole = true, .integer = migration->fresh},
        {.name = "lapsed", .whole = true, .integer = migration->lapsed},
        {.name = "before_left_out", .whole = true, .integer = report->before_left_out},
        {.name = "after_left_out", .whole = true, .integer = report->after_left_out},
        {.name = "kept", .whole = true, .integer = migration->kept},
        {.name = "adjusted_rand", .real = migration->adjusted_rand},
        {.name = "overlap", .real = MIGRATION_OVERLAP},
        {.name = "split_overlap", .real = MIGRATION_SPLIT_OVERLAP},
        {.name = "psi_epsilon", .real = DRIFT_EPSILON},
        {.name = "segment_psi", .real = drift ? drift->segment_psi : nothing},
        {.name = "far_share", .real = drift ? drift->far_share : nothing},
    };
    const struct results_attribute moves[] = {
        {.name = "moved_by_customer", .whole = true, .integer = migration->moved_by_customer},
        {.name = "moved_by_model", .whole = true, .integer = migration->moved_by_model},
        {.name = "moved_by_both", .whole = true, .integer = migration->moved_by_both},
        {.name = "moved_back", .whole = true, .integer = migration->moved_back},
        {.name = "moved_unscored", .whole = true, .integer = migration->moved_unscored},
    };
    const struct results_attribute missing[] = {{.name = "customer_change_missing", .text = report->missing}};
    status_t status = results_write_figures(&results, NULL, 0, "/migration", attribute,
                                            (int64_t)(sizeof attribute / sizeof *attribute));
    if (!status && migration->has_steps)
        status = results_write_figures(&results, NULL, 0, "/migration", moves,
                                       (int64_t)(sizeof moves / sizeof *moves));
    if (!status && report->missing)
        status = results_write_figures(&results, NULL, 0, "/migration", missing, 1);
    return status;
}

status_t migration_report_results(const struct migration_report *report, hid_t file)
{
    status_t status = write_counts(report->migration, file);
    if (!status)
        status = write_segments(report->migration, file);
    if (!status)
        status = write_transitions(report->migration, file);
    if (!status)
        status = write_parts(report->migration, file);
    if (!status)
        status = write_drift(report, file);
    if (!status)
        status = write_attributes(report, file);
    return status;
}
