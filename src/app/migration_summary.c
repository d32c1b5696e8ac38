/* What summary.json says of who went where. */
#include <jansson.h>

#include "app/migration_report.h"
#include "app/migration_words.h"
#include "app/summary_file.h"

/* As datasets have it; null for -1. */
static json_t *segment_number(const struct migration_side *side, int64_t segment)
{
    return segment < 0 ? json_null() : json_integer(migration_number(side, segment));
}

static const char *name_or_null(const struct migration_side *side, int64_t segment)
{
    return side->name ? side->name[segment] : NULL;
}

/* Owns `entry`, and drops the array where it cannot be added. */
static json_t *with(json_t *array, json_t *entry)
{
    if (json_array_append_new(array, entry) == 0)
        return array;
    json_decref(array);
    return NULL;
}

/* ---- segments before ---- */

static json_t *parts(const struct migration *migration, int64_t h)
{
    json_t *array = json_array();
    for (int64_t j = 0; array && j < migration->after.k; j++) {
        if (migration->split_into[h * migration->after.k + j])
            array = with(array, segment_number(&migration->after, j));
    }
    return array;
}

/* Null where places are not known. */
static json_t *drift_by_feature(const struct migration *migration, int64_t h)
{
    const struct migration_places *places = &migration->places;
    json_t *object = migration->drift ? json_object() : json_null();
    for (int64_t f = 0; migration->drift && f < places->features; f++) {
        int64_t at = h * places->features + f;
        json_t *entry = json_pack("{s:o, s:o}", "change", summary_number(migration->drift[at]), "deviations",
                                  summary_number(migration->drift_deviations[at]));
        if (json_object_set_new(object, places->name[f], entry) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *segment_before(const struct migration *migration, int64_t h)
{
    const struct migration_side *after = &migration->after;
    struct migration_past past = migration_past(migration, h);
    json_t *place = migration->match_place ? segment_number(after, migration->match_place[h]) : json_null();
    return json_pack("{s:o, s:s?, s:I, s:I, s:I, s:I, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "segment", segment_number(&migration->before, h), "name",
                     name_or_null(&migration->before, h), "customers", (json_int_t)past.customers, "stayed",
                     (json_int_t)past.stayed, "moved", (json_int_t)past.moved, "lapsed",
                     (json_int_t)past.lapsed, "fate", migration_word(migration->fate[h]), "by_likeness",
                     (int)migration->by_likeness[h], "heir", segment_number(after, migration->heir[h]),
                     "split_into", parts(migration, h), "match", segment_number(after, migration->match[h]),
                     "match_by_centroid", place, "retention", summary_number(migration->retention[h]),
                     "retention_of_shared", summary_number(migration->retention_shared[h]), "jaccard",
                     summary_number(migration->jaccard[h]), "drift", drift_by_feature(migration, h));
}

static json_t *segments_before(const struct migration *migration)
{
    json_t *array = json_array();
    for (int64_t h = 0; array && h < migration->before.k; h++)
        array = with(array, segment_before(migration, h));
    return array;
}

/* Of which nothing is left that has its number. */
static json_t *vanished(const struct migration *migration)
{
    json_t *array = json_array();
    for (int64_t h = 0; array && h < migration->before.k; h++) {
        if (migration->fate[h] == TRANSITION_DISAPPEARS && migration->match[h] < 0)
            array = with(array, segment_number(&migration->before, h));
    }
    return array;
}

/* ---- segments after ---- */

static json_t *segment_after(const struct migration *migration, int64_t j)
{
    struct migration_present present = migration_present(migration, j);
    return json_pack("{s:o, s:s?, s:I, s:I, s:s}", "segment", segment_number(&migration->after, j), "name",
                     name_or_null(&migration->after, j), "customers", (json_int_t)present.customers, "new",
                     (json_int_t)present.fresh, "origin", migration_word(migration->origin[j]));
}

static json_t *segments_after(const struct migration *migration)
{
    json_t *array = json_array();
    for (int64_t j = 0; array && j < migration->after.k; j++)
        array = with(array, segment_after(migration, j));
    return array;
}

static json_t *emerged(const struct migration *migration)
{
    json_t *array = json_array();
    for (int64_t j = 0; array && j < migration->after.k; j++) {
        if (migration->origin[j] == TRANSITION_EMERGES)
            array = with(array, segment_number(&migration->after, j));
    }
    return array;
}

/* ---- customers ---- */

/* Null where the model before could not be asked. */
static json_t *changes(const struct migration *migration)
{
    if (!migration->has_steps)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "moved_by_customer",
                     (json_int_t)migration->moved_by_customer, "moved_by_model",
                     (json_int_t)migration->moved_by_model, "moved_by_both",
                     (json_int_t)migration->moved_by_both, "moved_back", (json_int_t)migration->moved_back,
                     "moved_unscored", (json_int_t)migration->moved_unscored);
}

static json_t *psi(const struct drift *drift)
{
    json_t *object = json_object();
    for (int64_t f = 0; f < drift->model->features; f++) {
        json_t *entry =
            json_pack("{s:o, s:s?}", "psi", summary_number(drift->psi[f]), "word", drift_word(drift->psi[f]));
        if (json_object_set_new(object, drift->model->name[f], entry) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *drift_of_customers(const struct drift *drift)
{
    if (!drift)
        return json_null();
    return json_pack("{s:o, s:s?, s:o, s:f, s:o}", "segment_psi", summary_number(drift->segment_psi), "word",
                     drift_word(drift->segment_psi), "far_share", summary_number(drift->far_share),
                     "psi_epsilon", DRIFT_EPSILON, "features", psi(drift));
}

struct json_t *migration_report_summary(const struct migration_report *report)
{
    const struct migration *migration = report->migration;
    int64_t before = migration->shared + migration->lapsed;
    int64_t after = migration->shared + migration->fresh;
    json_t *customers = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "before", (json_int_t)before, "after", (json_int_t)after,
        "shared", (json_int_t)migration->shared, "new", (json_int_t)migration->fresh, "lapsed",
        (json_int_t)migration->lapsed, "kept", (json_int_t)migration->kept, "before_left_out",
        (json_int_t)report->before_left_out, "after_left_out", (json_int_t)report->after_left_out);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s?, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "before",
                     report->before_path, "after", report->after_path, "customers", customers,
                     "adjusted_rand", summary_number(migration->adjusted_rand), "changes", changes(migration),
                     "changes_missing", report->missing, "overlap", MIGRATION_OVERLAP, "split_overlap",
                     MIGRATION_SPLIT_OVERLAP, "segments", segments_before(migration), "segments_after",
                     segments_after(migration), "emerged", emerged(migration), "vanished",
                     vanished(migration), "drift", drift_of_customers(report->drift));
}
