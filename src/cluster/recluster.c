#include "cluster/recluster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"

static double squared_distance(const double *a, const double *b, int64_t features)
{
    double sum = 0.0;
    for (int64_t f = 0; f < features; f++)
        sum += (a[f] - b[f]) * (a[f] - b[f]);
    return sum;
}

/* A candidate drawn with probability in proportion to weight x distance (to weight alone for the first). */
static int64_t draw_weighted(struct recluster *recluster, const double *distance)
{
    const struct candidates *candidates = recluster->candidates;
    double total = 0.0;
    for (int64_t c = 0; c < candidates->count; c++)
        total += (double)candidates->weight[c] * (distance ? distance[c] : 1.0);
    double mark =
        random_uniform(recluster->seed, RANDOM_RECLUSTER, recluster->model, recluster->draws++) * total;
    int64_t last = -1;
    for (int64_t c = 0; c < candidates->count; c++) {
        double mass = (double)candidates->weight[c] * (distance ? distance[c] : 1.0);
        if (mass > 0)
            last = c;
        mark -= mass;
        if (mark < 0 && last >= 0)
            return last;
    }
    return last;
}

/* The potential if candidate `chosen` joined; fills recluster->trial. */
static double try_candidate(struct recluster *recluster, int64_t chosen)
{
    const struct candidates *candidates = recluster->candidates;
    const double *point = candidates->point + chosen * recluster->features;
    double potential = 0.0;
    for (int64_t c = 0; c < candidates->count; c++) {
        double squared =
            squared_distance(candidates->point + c * recluster->features, point, recluster->features);
        recluster->trial[c] = squared < recluster->distance[c] ? squared : recluster->distance[c];
        potential += (double)candidates->weight[c] * recluster->trial[c];
    }
    return potential;
}

status_t recluster_open(struct recluster *recluster, const struct candidates *candidates, int64_t features,
                        uint64_t seed)
{
    *recluster = (struct recluster){.candidates = candidates, .features = features, .seed = seed};
    status_t status = memory_new(&recluster->distance, candidates->count, sizeof(double), "seeding");
    if (!status)
        status = memory_new(&recluster->trial, candidates->count, sizeof(double), "seeding");
    if (!status)
        status = memory_new(&recluster->best, candidates->count, sizeof(double), "seeding");
    return status;
}

void recluster_close(struct recluster *recluster)
{
    free(recluster->distance);
    free(recluster->trial);
    free(recluster->best);
}

void recluster_choose(struct recluster *recluster, int64_t model, int64_t k, double *centroid)
{
    recluster->model = model;
    recluster->draws = 0;
    const struct candidates *candidates = recluster->candidates;
    int64_t features = recluster->features;
    int trials = 2 + (int)log((double)k);
    for (int64_t c = 0; c < candidates->count; c++)
        recluster->distance[c] = (double)INFINITY;
    for (int64_t h = 0; h < k; h++) {
        double best = (double)INFINITY;
        int64_t chosen = 0;
        for (int t = 0; t < (h == 0 ? 1 : trials); t++) {
            int64_t drawn = draw_weighted(recluster, h == 0 ? NULL : recluster->distance);
            /* candidates without weight or at a chosen place come last: any still unchosen one will do */
            for (int64_t c = 0; drawn < 0 && c < candidates->count; c++)
                drawn = recluster->distance[c] > 0 ? c : -1;
            double potential = try_candidate(recluster, drawn);
            if (potential < best) {
                best = potential;
                chosen = drawn;
                memcpy(recluster->best, recluster->trial, (size_t)candidates->count * sizeof(double));
            }
        }
        memcpy(recluster->distance, recluster->best, (size_t)candidates->count * sizeof(double));
        memcpy(centroid + h * features, candidates->point + chosen * features,
               (size_t)features * sizeof(double));
    }
}
