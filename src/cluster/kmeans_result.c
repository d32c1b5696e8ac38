#include "cluster/kmeans_result.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

status_t kmeans_result_open(struct kmeans_result *result, const struct customers *customers, int64_t k)
{
    result->segments = (struct segmentation){.k = k};
    status_t status = segments_open(&result->segments, customers);
    if (!status)
        status =
            memory_new(&result->restart_inertia, result->restarts, sizeof(double), "inertia of restarts");
    if (!status)
        status = memory_new(&result->restart_centroid, result->restarts * k * customers->features,
                            sizeof(double), "centroids");
    return status;
}

void kmeans_result_fields(struct kmeans_result *result, struct journal_field field[KMEANS_FIELDS])
{
    struct segmentation *segments = &result->segments;
    const int64_t number = sizeof(double);
    int64_t size = segments->k * segments->features * number;
    const struct journal_field all[KMEANS_FIELDS] = {
        {segments->centroid, size},
        {segments->sum, size},
        {segments->size, segments->k * (int64_t)sizeof *segments->size},
        {&segments->inertia, number},
        {&segments->total_squares, number},
        {result->restart_inertia, result->restarts * number},
        {result->restart_centroid, result->restarts * size},
        {&result->best_restart, sizeof result->best_restart},
        {&result->taken, sizeof result->taken},
        {&result->batches, sizeof result->batches},
        {&result->passes, sizeof result->passes},
        {&result->swaps, sizeof result->swaps},
        {&result->refills, sizeof result->refills},
        {&result->converged, sizeof result->converged},
        {&result->stood, sizeof result->stood},
        {&result->models, sizeof result->models},
        {&result->step_bytes, sizeof result->step_bytes}};
    memcpy(field, all, sizeof all);
}

status_t kmeans_result_check(const struct kmeans_result *result)
{
    const struct segmentation *segments = &result->segments;
    int64_t size = segments->k * segments->features;
    bool fits = result->best_restart >= 0 && result->best_restart < result->restarts && result->taken >= 0 &&
                journal_are_places(segments->centroid, size) && journal_are_places(segments->sum, size) &&
                journal_are_counts(segments->size, segments->k, INT64_MAX) &&
                journal_are_places(result->restart_centroid, result->restarts * size) &&
                journal_are_flags(&result->converged, 1) && journal_are_flags(&result->stood, 1);
    return fits ? STATUS_OK : journal_misfit("k-means");
}

void kmeans_result_take(struct kmeans_result *result, const struct panel *panel, int64_t best)
{
    struct segmentation *segments = &result->segments;
    const struct model *model = &panel->model[best];
    size_t size = (size_t)(model->k * panel->customers->features) * sizeof *segments->centroid;
    memcpy(segments->centroid, model->centroid, size);
    memcpy(segments->sum, model->sum, size);
    memcpy(segments->size, model->count, (size_t)model->k * sizeof *segments->size);
    segments_measure(segments, panel->squares);
}

void kmeans_free(struct kmeans_result *result)
{
    segments_free(&result->segments);
    free(result->restart_inertia);
    free(result->restart_centroid);
    *result = (struct kmeans_result){0};
}
