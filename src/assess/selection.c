#include "assess/selection.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "assess/stability.h"
#include "core/plural.h"

/* ---- rules ---- */

static int64_t most_silhouette(const struct selection *selection)
{
    int64_t best = SELECTION_UNKNOWN;
    for (int64_t i = 0; i < selection->count; i++) {
        double value = selection->row[i].silhouette;
        if (isfinite(value) && (best < 0 || value > selection->row[best].silhouette))
            best = i;
    }
    return best;
}

/* -INFINITY where none was measured. One segment always comes out again. */
static double highest_stability(const struct selection *selection)
{
    double highest = -(double)INFINITY;
    for (int64_t i = 0; i < selection->count; i++) {
        if (selection->row[i].k > 1)
            highest = fmax(highest, selection->row[i].stability);
    }
    return highest;
}

static int64_t most_stable(const struct selection *selection)
{
    double highest = highest_stability(selection);
    int64_t pick = SELECTION_UNKNOWN;
    for (int64_t i = 0; i < selection->count; i++) {
        if (selection->row[i].k > 1 && selection->row[i].stability >= highest - SELECTION_ALIKE)
            pick = i;
    }
    return pick;
}

/* gap - error of a row. */
static double lower_gap(const struct selection_row *row)
{
    return row->gap - row->gap_error;
}

/* The range ends where gaps are not known: at as many segments as a reference set has customers. */
static bool is_last_gap(const struct selection *selection, int64_t i)
{
    return i + 1 == selection->count || isnan(selection->row[i + 1].gap);
}

static int64_t first_gap(const struct selection *selection)
{
    const struct selection_row *row = selection->row;
    if (isnan(selection->gap_one) || isnan(row[0].gap))
        return SELECTION_UNKNOWN;
    if (row[0].k > 1 && selection->gap_one >= lower_gap(&row[0]))
        return SELECTION_NONE;
    int64_t i = 0;
    while (!is_last_gap(selection, i) && row[i].gap < lower_gap(&row[i + 1]))
        i++;
    return row[i].k > 1 ? i : SELECTION_NONE;
}

static int64_t most_predictable(const struct selection *selection)
{
    int64_t pick = SELECTION_UNKNOWN;
    for (int64_t i = 0; i < selection->count; i++) {
        double strength = selection->row[i].prediction_strength;
        if (selection->row[i].k == 1 || isnan(strength))
            continue;
        if (strength >= STABILITY_STRENGTH)
            pick = i;
        else if (pick == SELECTION_UNKNOWN)
            pick = SELECTION_NONE;
    }
    return pick;
}

/* Where the criterion picks none: one segment, if that is in the range, else the row that it likes best. */
static int64_t best_of_none(const struct selection *selection, enum criterion criterion)
{
    double most = -(double)INFINITY;
    int64_t best = 0;
    if (selection->row[0].k == 1)
        return 0;
    for (int64_t i = 0; i < selection->count; i++) {
        const struct selection_row *row = &selection->row[i];
        double value = criterion == CHOOSE_GAP ? row->gap : row->prediction_strength;
        if (value > most) {
            most = value;
            best = i;
        }
    }
    return best;
}

void selection_choose(struct selection *selection, enum criterion criterion)
{
    selection->pick[CHOOSE_SILHOUETTE] = most_silhouette(selection);
    selection->pick[CHOOSE_STABILITY] = most_stable(selection);
    selection->pick[CHOOSE_GAP] = first_gap(selection);
    selection->pick[CHOOSE_PREDICTION_STRENGTH] = most_predictable(selection);
    int64_t pick = selection->pick[criterion];
    selection->chosen = pick >= 0 ? pick : pick == SELECTION_NONE ? best_of_none(selection, criterion) : 0;
    selection->structure = (double)NAN;
    selection->structure_error = (double)NAN;
    selection->border = (double)NAN;
    selection->found_again = (double)NAN;
    selection->one_cloud = false;
    selection->too_few = false;
    double stability = highest_stability(selection);
    selection->unstable = isfinite(stability) && stability < STABILITY_PATTERN;
}

/* Whether a difference is not above `nothing` but for its error, and then whether the error leaves no room
 * for more. */
struct doubt {
    bool may_be_nothing;
    bool is_told;
};

static struct doubt doubt_of(double difference, double error, double nothing)
{
    return (struct doubt){.may_be_nothing = difference <= nothing + 2 * error,
                          .is_told = difference + 2 * error <= SELECTION_TELLS};
}

void selection_weigh(struct selection *selection, const struct gap *one, const struct gap *chosen,
                     double border)
{
    const struct selection_row *row = &selection->row[selection->chosen];
    selection->structure = chosen->gap - one->gap;
    selection->structure_error = hypot(chosen->error, one->error);
    selection->border = border;
    struct doubt structure = doubt_of(selection->structure, selection->structure_error, SELECTION_EVEN);
    struct doubt gap =
        doubt_of(row->gap - selection->gap_one, hypot(row->gap_error, selection->gap_one_error), 0);
    bool doubtful = chosen->k > 1 && border >= SELECTION_VALLEY;
    selection->one_cloud =
        doubtful && ((structure.may_be_nothing && structure.is_told) || (gap.may_be_nothing && gap.is_told));
    selection->too_few =
        doubtful && !selection->one_cloud && (structure.may_be_nothing || gap.may_be_nothing);
}

/* ---- words ---- */

static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

const char *selection_criterion_name(enum criterion criterion)
{
    static const char *const names[CRITERIA] = {"silhouette", "stability", "gap", "prediction strength"};
    return names[criterion];
}

static void gap_reason(const struct selection *selection, char *text, size_t size)
{
    const struct selection_row *row = &selection->row[selection->chosen];
    if (row->k == 1)
        append(text, size, "the gap statistic finds no more");
    else if (selection->pick[CHOOSE_GAP] == SELECTION_NONE)
        append(text, size, "the gap statistic is for one segment; of the others it is highest here (%.3f)",
               row->gap);
    else if (is_last_gap(selection, selection->chosen))
        append(text, size, "the gap statistic still grows at the end of the range (%.3f)", row->gap);
    else
        append(text, size,
               "the fewest whose gap (%.3f) is not below that of %" PRId64 " less its error (%.3f - %.3f)",
               row->gap, row[1].k, row[1].gap, row[1].gap_error);
}

static void strength_reason(const struct selection *selection, char *text, size_t size)
{
    const struct selection_row *row = &selection->row[selection->chosen];
    if (row->k == 1)
        append(text, size, "no more have a prediction strength of %.1f", STABILITY_STRENGTH);
    else if (selection->pick[CHOOSE_PREDICTION_STRENGTH] == SELECTION_NONE)
        append(text, size,
               "no number of segments has a prediction strength of %.1f; here it is highest (%.2f)",
               STABILITY_STRENGTH, row->prediction_strength);
    else
        append(text, size, "the most with a prediction strength of at least %.1f (%.2f)", STABILITY_STRENGTH,
               row->prediction_strength);
}

void selection_reason(const struct selection *selection, enum criterion criterion, char *text, size_t size)
{
    const struct selection_row *row = &selection->row[selection->chosen];
    text[0] = '\0';
    append(text, size, "%" PRId64 " segment%s, by %s: ", row->k, plural(row->k),
           selection_criterion_name(criterion));
    if (selection->pick[criterion] == SELECTION_UNKNOWN)
        append(text, size, "it could not be measured, so the fewest");
    else if (criterion == CHOOSE_SILHOUETTE)
        append(text, size, "the highest mean silhouette (%.3f)", row->silhouette);
    else if (criterion == CHOOSE_STABILITY)
        append(text, size,
               "the most whose bootstrap replicates agree (mean adjusted Rand index %.2f) within %.2f of "
               "the best",
               row->stability, SELECTION_ALIKE);
    else if (criterion == CHOOSE_GAP)
        gap_reason(selection, text, size);
    else
        strength_reason(selection, text, size);
    append(text, size, ".");
}

static void warn_of_one_cloud(const struct selection *selection, char *text, size_t size)
{
    append(text, size,
           "No separate segments can be seen here. There are hardly fewer customers on the borders between "
           "these %" PRId64
           " segments than around their centres, and the segments fit them no better than segments fit "
           "customers that are spread evenly. They are slices of one cloud, even where the same slices come "
           "out again.\n",
           selection->row[selection->chosen].k);
}

static void warn_of_disagreement(const struct selection *selection, char *text, size_t size)
{
    int64_t first = SELECTION_UNKNOWN;
    bool differ = false;
    for (int c = 0; c < CRITERIA; c++) {
        int64_t pick = selection->pick[c];
        if (pick == SELECTION_UNKNOWN)
            continue;
        differ = differ || (first != SELECTION_UNKNOWN && pick != first);
        first = pick;
    }
    if (!differ || selection->count == 1)
        return;
    append(text, size, "The criteria disagree:");
    bool begun = false;
    for (int c = 0; c < CRITERIA; c++) {
        int64_t pick = selection->pick[c];
        if (pick == SELECTION_UNKNOWN)
            continue;
        append(text, size, "%s %s ", begun ? "," : "", selection_criterion_name((enum criterion)c));
        begun = true;
        if (pick == SELECTION_NONE)
            append(text, size, "none (no segments)");
        else
            append(text, size, "%" PRId64, selection->row[pick].k);
    }
    append(text, size, ".\n");
}

static void warn_of_instability(const struct selection *selection, char *text, size_t size)
{
    append(text, size,
           "Nothing here is stable: bootstrap replicates agree with the segments by a mean adjusted Rand "
           "index of %s%.2f, below %.1f. Do not build on these segments.\n",
           selection->count > 1 ? "at most " : "", highest_stability(selection), STABILITY_PATTERN);
}

void selection_warnings(const struct selection *selection, char *text, size_t size)
{
    text[0] = '\0';
    if (selection->one_cloud)
        warn_of_one_cloud(selection, text, size);
    if (selection->too_few)
        append(text, size,
               "These are too few customers to tell segments from one cloud, or to say what would come out "
               "again.\n");
    if (selection->unstable)
        warn_of_instability(selection, text, size);
    if (selection->found_again < 0.5)
        append(text, size,
               "Most restarts end in other segments than these. So may replicates, which then say less for "
               "them than "
               "they could; more kmeans.restarts help.\n");
    warn_of_disagreement(selection, text, size);
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
}
