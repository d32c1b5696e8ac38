#include "app/places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static int64_t find_column(const struct places_after *after, const char *name)
{
    for (int64_t c = 0; c < after->columns; c++) {
        if (strcmp(after->column[c], name) == 0)
            return c;
    }
    return -1;
}

/* One feature of the segmentation before. */
static void take_mean(const struct places_after *after, const char *name, int64_t features, double *mean)
{
    int64_t c = find_column(after, name);
    for (int64_t h = 0; h < after->k; h++)
        mean[h * features] = c < 0 ? (double)NAN : after->mean[h * after->columns + c];
}

status_t places_find(const struct saved_model *before, const struct places_after *after, double **carried,
                     double **mean, struct migration_places *places)
{
    int64_t size = after->k * before->features;
    double *unknown = NULL;
    status_t status = memory_new(&unknown, before->features, sizeof *unknown, "places");
    if (!status)
        status = memory_new(carried, size, sizeof **carried, "places");
    if (!status)
        status = memory_new(mean, size, sizeof **mean, "places");
    for (int64_t f = 0; !status && f < before->features; f++) {
        unknown[f] = NAN;
        take_mean(after, before->name[f], before->features, *mean + f);
    }
    bool known = !status;
    struct carry_units units = {&before->preparation, before->name};
    if (!status)
        carry_places(&after->units, after->centroid, after->k, &units, unknown, *carried);
    for (int64_t i = 0; known && i < size; i++)
        known = !isnan((*carried)[i]);
    *places = (struct migration_places){.features = before->features,
                                        .name = before->name,
                                        .before_prepared = known ? before->centroid : NULL,
                                        .after_prepared = known ? *carried : NULL,
                                        .before_mean = before->mean,
                                        .after_mean = *mean,
                                        .deviation = before->deviation};
    free(unknown);
    return status;
}
