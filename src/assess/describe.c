#include "assess/describe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const double LEAST_EFFECT = 0.3; /* in standard deviations of all customers */
static const double CLEAR_EFFECT = 0.75;
static const double STRONG_EFFECT = 2.0;
static const double MARKER_SHARE = 0.25; /* of the segment's strongest effect */

void describe_number(double value, char *text, int64_t size)
{
    double magnitude = fabs(value);
    if (magnitude != 0 && (magnitude < 1e-3 || magnitude >= 1e15))
        snprintf(text, (size_t)size, "%.3g", value);
    else if (magnitude >= 100)
        snprintf(text, (size_t)size, "%.0f", value);
    else
        snprintf(text, (size_t)size, "%.*f", magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3, value);
}

/* The effect by which a feature may mark a segment: none where most of its customers have no value. */
static double marker_effect(const struct profile *profile, int64_t segment, int64_t column)
{
    bool known = 2 * profile->present[segment * profile->columns + column] >= profile->size[segment];
    return known ? profile_effect(profile, segment, column) : 0.0;
}

int describe_markers(const struct profile *profile, const struct table *table, int64_t segment,
                     int64_t marker[DESCRIBE_MARKERS])
{
    int count = 0;
    double strongest = 0.0;
    for (int64_t c = 0; c < table->features; c++)
        strongest = fmax(strongest, fabs(marker_effect(profile, segment, c)));
    for (int64_t c = 0; c < table->features; c++) {
        double effect = fabs(marker_effect(profile, segment, c));
        if (effect < LEAST_EFFECT || effect < MARKER_SHARE * strongest)
            continue;
        int place = count < DESCRIBE_MARKERS ? count++ : DESCRIBE_MARKERS;
        while (place > 0 && effect > fabs(marker_effect(profile, segment, marker[place - 1]))) {
            if (place < DESCRIBE_MARKERS)
                marker[place] = marker[place - 1];
            place--;
        }
        if (place < DESCRIBE_MARKERS)
            marker[place] = c;
    }
    return count;
}

/* Whether a column only has the values 0 and 1: then its variance is mean (1 - mean). */
static bool is_flag(const struct profile *profile, int64_t column)
{
    double mean = profile->all_mean[column];
    double deviation = profile->all_deviation[column];
    return profile->low[column] == 0 && profile->high[column] == 1 &&
           fabs(deviation * deviation - mean * (1 - mean)) < 1e-12;
}

static const char *word_of(double effect)
{
    double magnitude = fabs(effect);
    if (effect > 0)
        return magnitude >= STRONG_EFFECT ? "very high" : magnitude >= CLEAR_EFFECT ? "high" : "rather high";
    return magnitude >= STRONG_EFFECT ? "very low" : magnitude >= CLEAR_EFFECT ? "low" : "rather low";
}

static status_t append_marker(const struct profile *profile, const struct table *table, int64_t segment,
                              int64_t column, char **text)
{
    char here[64];
    char everywhere[64];
    char *name = NULL;
    status_t status = memory_copy_text(&name, table_name(table, column));
    if (status)
        return status;
    for (char *at = strchr(name, '_'); at; at = strchr(at, '_'))
        *at = ' ';
    double mean = profile->mean[segment * profile->columns + column];
    double all = profile->all_mean[column];
    char *longer = NULL;
    const char *separator = (*text)[0] ? ", " : "";
    int written = 0;
    if (is_flag(profile, column)) {
        written = asprintf(&longer, "%s%s%s %.0f%% (against %.0f%%)", *text, separator, name, 100 * mean,
                           100 * all);
    } else {
        describe_number(mean, here, sizeof here);
        describe_number(all, everywhere, sizeof everywhere);
        written = asprintf(&longer, "%s%s%s %s (%s against %s)", *text, separator,
                           word_of(profile_effect(profile, segment, column)), name, here, everywhere);
    }
    free(name);
    if (written < 0)
        return status_of_allocation(NULL, 1, "a description");
    free(*text);
    *text = longer;
    return STATUS_OK;
}

status_t describe_segment(const struct profile *profile, const struct table *table, int64_t segment,
                          char **text)
{
    int64_t marker[DESCRIBE_MARKERS];
    int count = describe_markers(profile, table, segment, marker);
    status_t status = memory_copy_text(text, count == 0 ? "close to the average customer" : "");
    for (int i = 0; !status && i < count; i++)
        status = append_marker(profile, table, segment, marker[i], text);
    return status;
}
