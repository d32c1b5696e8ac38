/* What summary.json says of the numbers of segments that were tried, and of how far the segments can be
 * trusted. */
#include <math.h>

#include "app/fit.h"
#include "app/summary_file.h"

enum { TEXT_SIZE = 2048 };

static json_t *try_of(const struct fit *fit, int64_t i)
{
    const struct selection *selection = &fit->selection;
    const struct selection_row *row = &selection->row[i];
    /* of one cloud's other cuts nothing is said */
    bool is_said = !selection->one_cloud || i == selection->chosen;
    const char *verdict = is_said ? stability_verdict(row->stability, selection->one_cloud) : NULL;
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s?}", "k", (json_int_t)row->k,
                     "inertia", summary_number(row->inertia), "silhouette", summary_number(row->silhouette),
                     "silhouette_sample", summary_number(fit->tried[i].sample_silhouette),
                     "calinski_harabasz", summary_number(row->calinski_harabasz), "davies_bouldin",
                     summary_number(row->davies_bouldin), "gap", summary_number(row->gap), "gap_error",
                     summary_number(row->gap_error), "prediction_strength",
                     summary_number(row->prediction_strength), "stability", summary_number(row->stability),
                     "verdict", verdict);
}

/* What each criterion would take: null where it was not measured, 0 where it finds no segments. */
static json_t *picks(const struct selection *selection)
{
    static const char *const names[CRITERIA] = {"silhouette", "stability", "gap", "prediction_strength"};
    json_t *object = json_object();
    for (int c = 0; c < CRITERIA; c++) {
        int64_t pick = selection->pick[c];
        json_t *value = pick >= 0                ? json_integer(selection->row[pick].k)
                        : pick == SELECTION_NONE ? json_integer(0)
                                                 : json_null();
        if (json_object_set_new(object, names[c], value) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *fit_summary_selection(const struct fit *fit)
{
    const struct selection *selection = &fit->selection;
    enum criterion criterion = (enum criterion)fit->config.choose;
    char reason[TEXT_SIZE];
    char warnings[TEXT_SIZE];
    json_t *array = json_array();
    for (int64_t i = 0; i < fit->tries; i++) {
        if (json_array_append_new(array, try_of(fit, i)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    bool is_range = fit->tries > 1;
    selection_reason(selection, criterion, reason, sizeof reason);
    selection_warnings(selection, warnings, sizeof warnings);
    return json_pack(
        "{s:I, s:s?, s:s?, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "chosen",
        (json_int_t)fit->segments->k, "criterion", is_range ? selection_criterion_name(criterion) : NULL,
        "reason", is_range ? reason : NULL, "warnings", warnings, "one_cloud", (int)selection->one_cloud,
        "gap_of_one_segment", summary_number(selection->gap_one), "gap_error_of_one_segment",
        summary_number(selection->gap_one_error), "structure", summary_number(selection->structure), "border",
        summary_number(selection->border), "structure_error", summary_number(selection->structure_error),
        "picks", is_range ? picks(selection) : json_null(), "tried", array);
}

json_t *fit_summary_stability(const struct fit *fit)
{
    const struct fit_try *try = fit->chosen;
    const struct stability *stability = &try->stability;
    bool replicates = stability->replicates > 0;
    return json_pack("{s:I, s:s?, s:o, s:o, s:o, s:o, s:o}", "replicates", (json_int_t)stability->replicates,
                     "verdict", fit_verdict_of_all(fit), "mean_ari", summary_number(stability->mean_ari),
                     "ari", replicates ? summary_numbers(stability->ari, stability->replicates) : json_null(),
                     "prediction_strength", summary_number(stability->mean_strength), "seed_ari",
                     try->seed_ari ? summary_numbers(try->seed_ari, try->kmeans.restarts) : json_null(),
                     "silhouette", summary_number(try->indices.silhouette));
}
