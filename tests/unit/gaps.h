/* Customers for the tests of the gap statistic, and gaps measured of them. Header only. */
#ifndef LOHKO_TESTS_GAPS_H
#define LOHKO_TESTS_GAPS_H

#include "assess/gap.h"
#include "support.h"

enum { MOST_GAPS = 8 };

/* ---- customers ---- */

SUPPORT double mixed(int64_t row, int64_t feature)
{
    return 3 * uniform(1, row, feature) + uniform(1, row, feature / 2) - uniform(1, row, feature + 7) +
           (double)feature;
}

SUPPORT double box_of_numbers(int64_t row, int64_t feature)
{
    return (2 + (double)feature) * uniform(2, row, feature);
}

SUPPORT double alike(int64_t row, int64_t feature)
{
    (void)row;
    return 1.5 + (double)feature;
}

SUPPORT bool every_seventh(int64_t row)
{
    return row % 7 == 3;
}

SUPPORT bool all_but_one(int64_t row)
{
    return row != 1500;
}

/* ---- gaps ---- */

SUPPORT struct gap_settings by_kmeans(int64_t references)
{
    const struct kmeans_settings kmeans = {
        .batch = 65536, .restarts = 3, .polish = true, .tolerance = 1e-4, .seed = 1};
    return (struct gap_settings){.kmeans = kmeans, .references = references, .seed = 5};
}

SUPPORT struct gap_settings by_tree(enum linkage linkage, int64_t references)
{
    return (struct gap_settings){.tree = true, .linkage = linkage, .references = references, .seed = 5};
}

/* Gaps of k = 1 .. count, of customers whose inertia is said to be 1000 / k. */
SUPPORT status_t measure(const struct sample *sample, const struct gap_settings *settings, struct gap *gaps,
                         int64_t count, int64_t *rows)
{
    for (int64_t g = 0; g < count; g++)
        gaps[g] = (struct gap){.k = g + 1, .inertia = 1000.0 / (double)(g + 1), .gap = 77, .error = 77};
    return gap_measure(&sample->customers, settings, gaps, count, rows);
}

#endif
