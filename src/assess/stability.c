#include "assess/stability.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

status_t stability_open(struct stability *stability, int64_t k, int64_t replicates, int64_t splits)
{
    *stability = (struct stability){.k = k, .replicates = replicates, .splits = splits};
    status_t status = memory_new(&stability->ari, replicates, sizeof *stability->ari, "stability");
    if (!status)
        status = memory_new(&stability->jaccard, replicates * k, sizeof *stability->jaccard, "stability");
    if (!status)
        status = memory_new(&stability->match, replicates * k, sizeof *stability->match, "stability");
    if (!status)
        status = memory_new(&stability->mean_jaccard, k, sizeof *stability->mean_jaccard, "stability");
    if (!status)
        status = memory_new(&stability->recovered, k, sizeof *stability->recovered, "stability");
    if (!status)
        status = memory_new(&stability->dissolved, k, sizeof *stability->dissolved, "stability");
    if (!status)
        status = memory_new(&stability->strength, splits * 2, sizeof *stability->strength, "stability");
    return status;
}

void stability_close(struct stability *stability)
{
    free(stability->ari);
    free(stability->jaccard);
    free(stability->match);
    free(stability->mean_jaccard);
    free(stability->recovered);
    free(stability->dissolved);
    free(stability->strength);
    *stability = (struct stability){.k = 0};
}

status_t stability_take(struct stability *stability, int64_t b, const struct contingency *table)
{
    stability->ari[b] = agreement_adjusted_rand(table);
    status_t status = agreement_jaccard(table, stability->jaccard + b * stability->k);
    if (!status)
        status = agreement_match(table, stability->match + b * stability->k);
    return status;
}

void stability_take_halves(struct stability *stability, int64_t s, const struct contingency *first,
                           const struct contingency *second)
{
    stability->strength[2 * s] = agreement_prediction_strength(first);
    stability->strength[2 * s + 1] = agreement_prediction_strength(second);
}

static double mean_of(const double *values, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i];
    return count > 0 ? sum / (double)count : (double)NAN;
}

void stability_finish(struct stability *stability)
{
    int64_t k = stability->k;
    stability->mean_ari = mean_of(stability->ari, stability->replicates);
    stability->mean_strength = mean_of(stability->strength, 2 * stability->splits);
    for (int64_t h = 0; h < k; h++) {
        double sum = 0.0;
        stability->recovered[h] = 0;
        stability->dissolved[h] = 0;
        for (int64_t b = 0; b < stability->replicates; b++) {
            double jaccard = stability->jaccard[b * k + h];
            sum += jaccard;
            stability->recovered[h] += jaccard > STABILITY_STABLE;
            stability->dissolved[h] += jaccard <= STABILITY_DISSOLVED;
        }
        stability->mean_jaccard[h] =
            stability->replicates > 0 ? sum / (double)stability->replicates : (double)NAN;
    }
}

const char *stability_verdict(double value, bool one_cloud)
{
    if (isnan(value))
        return NULL;
    if (one_cloud)
        return "part of one cloud";
    return value >= STABILITY_HIGH      ? "highly stable"
           : value >= STABILITY_STABLE  ? "stable"
           : value >= STABILITY_PATTERN ? "a pattern, members doubtful"
                                        : "do not trust";
}
