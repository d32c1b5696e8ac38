/* The first look at the raw values: what is missing, what cannot be used, ranges and exact moments of every
 * column. Collective. */
#ifndef LOHKO_DATA_SURVEY_H
#define LOHKO_DATA_SURVEY_H

#include <stdint.h>

#include "core/status.h"
#include "data/deciles.h"
#include "data/moments.h"
#include "data/pilot.h"
#include "data/settings.h"
#include "data/table.h"

struct survey {
    int64_t customers;   /* that take part, over all ranks */
    int64_t dropped;     /* left out here for a missing feature (prepare.missing: drop), over all ranks */
    struct moments *raw; /* per column of the table, over customers that take part */
    struct moments *transformed; /* per feature; of the transformed values */
    struct pilot pilot;          /* rows from all over the table, for select_open */
    struct pilot evenly;         /* and for deciles_open */
    uint64_t checksum;           /* of the values read, whatever their type in the file and the rank count */
};

/* `transform` has an enum transform for each feature. Marks customers left out in the table under
 * MISSING_DROP. EXIT_BAD_DATA with the column and the row for an infinite value, one beyond MOMENTS_LARGEST,
 * one outside its transform's domain, or a missing one under MISSING_ERROR; where nobody is left. */
status_t survey_run(struct table *table, enum missing missing, const int *transform, struct survey *survey)
    __attribute__((warn_unused_result));
void survey_free(struct survey *survey);

/* What a block adds to the checksum: its hash is keyed by its place, so that blocks add up in any order.
 * Local. */
uint64_t survey_checksum(const struct table *table, const struct raw_block *block);

/* log, log1p, sqrt or asinh of a value in their domain; the value itself for none. */
double survey_transform(int transform, double value);

const char *survey_transform_name(int transform);

/* The smallest number that is in a transform's domain. */
double survey_least(int transform);

/* How many of some values are missing, and how many are below `least` or above MOMENTS_LARGEST. */
struct survey_tally {
    int64_t missing;
    int64_t outside;
};
struct survey_tally survey_tally(const double *value, int rows, double least);

#endif
