#include "assess/migration.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/agreement.h"
#include "assess/handing.h"
#include "assess/transition.h"
#include "core/memory.h"

/* ---- names ---- */

const char *migration_label(const struct migration_side *side, int64_t segment,
                            char buffer[MIGRATION_LABEL_SIZE])
{
    if (!side->name) {
        snprintf(buffer, MIGRATION_LABEL_SIZE, "%" PRId64, migration_number(side, segment));
        return buffer;
    }
    size_t length = strnlen(side->name[segment], MIGRATION_LABEL_SIZE);
    if (length == MIGRATION_LABEL_SIZE) {
        length--;
        while (length > 0 && ((unsigned char)side->name[segment][length] & 0xc0) == 0x80)
            length--; /* not within a letter */
    }
    memcpy(buffer, side->name[segment], length);
    buffer[length] = '\0';
    return buffer;
}

int64_t migration_number(const struct migration_side *side, int64_t segment)
{
    return segment >= 0 && side->number && !side->name ? side->number[segment] : segment;
}

const char *migration_word(enum transition transition)
{
    static const char *const word[] = {
        [TRANSITION_SURVIVES] = "survives", [TRANSITION_SPLIT] = "split",
        [TRANSITION_ABSORBED] = "absorbed", [TRANSITION_DISAPPEARS] = "disappears",
        [TRANSITION_EMERGES] = "emerges",   [TRANSITION_CONTINUES] = "continues",
    };
    return word[transition];
}

/* ---- counts ---- */

static double ratio(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

static status_t measure_shares(struct migration *migration)
{
    int64_t rows = migration->before.k + 1;
    int64_t columns = migration->after.k + 1;
    status_t status = memory_new(&migration->share, rows * columns, sizeof *migration->share, "shares");
    for (int64_t i = 0; !status && i < rows; i++) {
        const int64_t *count = migration->count + i * columns;
        int64_t sum = 0;
        for (int64_t j = 0; j < columns; j++)
            sum += count[j];
        for (int64_t j = 0; j < columns; j++)
            migration->share[i * columns + j] = ratio(count[j], sum);
        migration->lapsed += count[columns - 1];
        migration->shared += i < rows - 1 ? sum - count[columns - 1] : 0;
        migration->fresh += i < rows - 1 ? 0 : sum;
    }
    return status;
}

/* The counts of the customers of both times alone. */
static status_t take_shared(const struct migration *migration, struct contingency *shared)
{
    int64_t rows = migration->before.k;
    int64_t columns = migration->after.k;
    *shared = (struct contingency){.rows = rows, .columns = columns};
    status_t status = memory_new(&shared->count, rows * columns, sizeof *shared->count, "shared customers");
    for (int64_t i = 0; !status && i < rows && columns > 0; i++)
        memcpy(shared->count + i * columns, migration->count + i * (columns + 1),
               (size_t)columns * sizeof *shared->count);
    return status;
}

/* ---- matching ---- */

static void match_nobody(const struct contingency *table, int32_t *match)
{
    for (int64_t i = 0; i < table->rows; i++)
        match[i] = -1;
}

/* Numbers that were handed down say which segments are one. */
static void match_numbers(const struct migration *migration, int32_t *match)
{
    const struct migration_side *after = &migration->after;
    for (int64_t i = 0; i < migration->before.k; i++) {
        match[i] = -1;
        for (int64_t j = 0; j < after->k; j++) {
            if (after->number[j] == migration->before.number[i])
                match[i] = (int32_t)j;
        }
    }
}

static status_t match_customers(struct migration *migration, const struct contingency *shared)
{
    status_t status = memory_new(&migration->match, shared->rows, sizeof *migration->match, "a matching");
    if (!status && migration->same_numbers)
        match_numbers(migration, migration->match);
    else if (!status && (shared->rows == 0 || shared->columns == 0))
        match_nobody(shared, migration->match);
    else if (!status)
        status = handing_match(shared, migration->match);
    for (int64_t i = 0; !status && i < shared->rows; i++) {
        int32_t match = migration->match[i];
        migration->kept += match < 0 ? 0 : shared->count[i * shared->columns + match];
    }
    return status;
}

/* Features that are not known of one of the two say nothing. */
static double distance(const struct migration_places *places, int64_t before, int64_t after)
{
    double sum = 0.0;
    for (int64_t f = 0; f < places->features; f++) {
        double difference = places->after_prepared[after * places->features + f] -
                            places->before_prepared[before * places->features + f];
        sum += isnan(difference) ? 0.0 : difference * difference;
    }
    return sum;
}

/* The matching wants whole numbers to make large: how much nearer than the farthest pair, in parts of its
 * distance so small that they do not show, and so large that 2^16 of them can be added. */
static const double PARTS = 0x1p40;

/* NULL where a pair is so far apart that its distance is no number. */
static status_t measure_nearness(const struct migration_places *places, struct contingency *nearness)
{
    int64_t pairs = nearness->rows * nearness->columns;
    double *square = NULL;
    double farthest = 0.0;
    status_t status = memory_new(&square, pairs, sizeof *square, "a matching");
    for (int64_t pair = 0; !status && pair < pairs; pair++) {
        square[pair] = distance(places, pair / nearness->columns, pair % nearness->columns);
        farthest = fmax(farthest, square[pair]);
    }
    if (!status && isfinite(farthest))
        status = memory_new(&nearness->count, pairs, sizeof *nearness->count, "a matching");
    for (int64_t pair = 0; nearness->count && pair < pairs && farthest > 0; pair++)
        nearness->count[pair] = (int64_t)rint((farthest - square[pair]) / farthest * PARTS);
    free(square);
    return status;
}

static status_t match_places(struct migration *migration)
{
    const struct migration_places *places = &migration->places;
    struct contingency nearness = {.rows = migration->before.k, .columns = migration->after.k};
    bool any = nearness.rows > 0 && nearness.columns > 0;
    if (!places->before_prepared || !places->after_prepared)
        return STATUS_OK;
    status_t status = any ? measure_nearness(places, &nearness) : STATUS_OK;
    if (!status && (!any || nearness.count))
        status =
            memory_new(&migration->match_place, nearness.rows, sizeof *migration->match_place, "a matching");
    if (!status && !any)
        match_nobody(&nearness, migration->match_place);
    else if (!status && nearness.count)
        status = agreement_match(&nearness, migration->match_place);
    free(nearness.count);
    return status;
}

/* ---- segments ---- */

static status_t measure_retention(struct migration *migration, const struct contingency *shared)
{
    int64_t k = shared->rows;
    status_t status = memory_new(&migration->retention, k, sizeof *migration->retention, "retention");
    if (!status)
        status =
            memory_new(&migration->retention_shared, k, sizeof *migration->retention_shared, "retention");
    if (!status)
        status = memory_new(&migration->jaccard, k, sizeof *migration->jaccard, "Jaccard indices");
    for (int64_t i = 0; !status && i < k; i++) {
        int64_t sum = 0;
        for (int64_t j = 0; j < shared->columns; j++)
            sum += shared->count[i * shared->columns + j];
        int64_t kept = migration->match[i] < 0 ? 0 : shared->count[i * shared->columns + migration->match[i]];
        int64_t lapsed = migration->count[i * (shared->columns + 1) + shared->columns];
        migration->retention[i] = ratio(kept, sum + lapsed);
        migration->retention_shared[i] = ratio(kept, sum);
    }
    if (!status && shared->columns > 0)
        status = agreement_jaccard(shared, migration->jaccard);
    return status;
}

/* Customers before, whether they are still there or not. */
static void add_up_sizes(const struct migration *migration, int64_t *size)
{
    int64_t columns = migration->after.k + 1;
    for (int64_t i = 0; i < migration->before.k; i++)
        for (int64_t j = 0; j < columns; j++)
            size[i] += migration->count[i * columns + j];
}

static status_t find_transitions(struct migration *migration, const struct contingency *shared)
{
    int64_t k = shared->rows;
    int64_t *size = NULL;
    status_t status = memory_new(&migration->fate, k, sizeof *migration->fate, "transitions");
    if (!status)
        status = memory_new(&migration->heir, k, sizeof *migration->heir, "transitions");
    if (!status)
        status = memory_new(&migration->by_likeness, k, sizeof *migration->by_likeness, "transitions");
    if (!status)
        status = memory_new(&migration->split_into, k * shared->columns, sizeof *migration->split_into,
                            "transitions");
    if (!status)
        status = memory_new(&migration->origin, shared->columns, sizeof *migration->origin, "transitions");
    if (!status)
        status = memory_new(&size, k, sizeof *size, "sizes of segments");
    if (!status) {
        struct contingency likeness = {k, shared->columns, migration->model_change};
        struct transition_facts facts = {shared, migration->has_steps ? &likeness : NULL, size,
                                         migration->match};
        struct transitions found = {migration->fate, migration->heir, migration->by_likeness,
                                    migration->split_into, migration->origin};
        add_up_sizes(migration, size);
        status = transition_find(&facts, &found);
    }
    free(size);
    return status;
}

/* ---- customers and models ---- */

static void sort_out(struct migration *migration, const struct migration_step *step)
{
    int64_t k = migration->before.k;
    const int32_t *match = migration->match;
    if (step->before == k)
        return;
    bool is_kept = step->after == match[step->before];
    bool moved = step->old_model != step->before;
    if (is_kept)
        migration->moved_back += moved && step->old_model < k ? step->customers : 0;
    else if (step->old_model == k)
        migration->moved_unscored += step->customers;
    else if (!moved)
        migration->moved_by_model += step->customers;
    else if (step->after == match[step->old_model])
        migration->moved_by_customer += step->customers;
    else
        migration->moved_by_both += step->customers;
}

/* Both tables are margins of the steps. Customers who lapsed were not asked about. */
static status_t part_changes(struct migration *migration)
{
    int64_t k = migration->before.k;
    int64_t columns = migration->after.k;
    if (!migration->has_steps)
        return STATUS_OK;
    status_t status = memory_new(&migration->customer_change, (k + 1) * (k + 1),
                                 sizeof *migration->customer_change, "changes of customers");
    if (!status)
        status = memory_new(&migration->model_change, (k + 1) * columns, sizeof *migration->model_change,
                            "changes of the model");
    for (int64_t i = 0; !status && i < k; i++)
        migration->customer_change[i * (k + 1) + k] = migration->count[i * (columns + 1) + columns];
    for (int64_t s = 0; !status && s < migration->steps; s++) {
        const struct migration_step *step = &migration->step[s];
        migration->customer_change[step->before * (k + 1) + step->old_model] += step->customers;
        migration->model_change[step->old_model * columns + step->after] += step->customers;
        sort_out(migration, step);
    }
    return status;
}

/* ---- drift ---- */

static double known_or_nan(double value)
{
    return isfinite(value) ? value : (double)NAN;
}

static status_t measure_drift(struct migration *migration)
{
    const struct migration_places *places = &migration->places;
    int64_t features = places->features;
    int64_t figures = migration->before.k * features;
    if (!places->before_mean || !places->after_mean)
        return STATUS_OK;
    status_t status = memory_new(&migration->drift, figures, sizeof *migration->drift, "drift");
    if (!status)
        status =
            memory_new(&migration->drift_deviations, figures, sizeof *migration->drift_deviations, "drift");
    for (int64_t i = 0; !status && i < figures; i++) {
        int32_t match = migration->match[i / features];
        int64_t f = i % features;
        double drift =
            match < 0 ? (double)NAN : places->after_mean[match * features + f] - places->before_mean[i];
        migration->drift[i] = known_or_nan(drift);
        migration->drift_deviations[i] =
            places->deviation ? known_or_nan(migration->drift[i] / places->deviation[f]) : (double)NAN;
    }
    return status;
}

/* ---- all ---- */

status_t migration_measure(struct migration *migration)
{
    struct contingency shared = {.count = NULL};
    status_t status = measure_shares(migration);
    if (!status)
        status = take_shared(migration, &shared);
    if (!status)
        status = match_customers(migration, &shared);
    if (!status)
        status = match_places(migration);
    if (!status)
        status = measure_retention(migration, &shared);
    if (!status)
        status = part_changes(migration);
    if (!status)
        status = find_transitions(migration, &shared);
    if (!status)
        status = measure_drift(migration);
    if (!status)
        migration->adjusted_rand = migration->shared > 0 ? agreement_adjusted_rand(&shared) : (double)NAN;
    free(shared.count);
    return status;
}

void migration_free(struct migration *migration)
{
    free(migration->count);
    free(migration->step);
    free(migration->share);
    free(migration->match);
    free(migration->match_place);
    free(migration->retention);
    free(migration->retention_shared);
    free(migration->jaccard);
    free(migration->fate);
    free(migration->heir);
    free(migration->by_likeness);
    free(migration->split_into);
    free(migration->origin);
    free(migration->customer_change);
    free(migration->model_change);
    free(migration->drift);
    free(migration->drift_deviations);
    *migration = (struct migration){.count = NULL};
}
