#include "data/carry.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* What survey_transform made of it. */
static double undo_transform(int transform, double value)
{
    switch (transform) {
    case TRANSFORM_LOG:
        return exp(value);
    case TRANSFORM_LOG1P:
        return expm1(value);
    case TRANSFORM_SQRT:
        return value * value;
    case TRANSFORM_ASINH:
        return sinh(value);
    default:
        return value;
    }
}

static int64_t find(const struct carry_units *units, const char *name)
{
    for (int64_t f = 0; f < units->preparation->count; f++) {
        if (strcmp(units->name[f], name) == 0)
            return f;
    }
    return -1;
}

static bool same_constants(const struct prepared_feature *a, const struct prepared_feature *b)
{
    return a->transform == b->transform && a->low == b->low && a->high == b->high && a->shift == b->shift &&
           a->factor == b->factor;
}

/* Not finite where there is no such place. */
static double carry(const struct prepared_feature *from, double value, const struct prepared_feature *to)
{
    if (same_constants(from, to))
        return value;
    double transformed = value / from->factor + from->shift;
    if (from->transform != to->transform)
        transformed = survey_transform(to->transform, undo_transform(from->transform, transformed));
    if (!isfinite(transformed)) /* a clip would make it finite */
        return transformed;
    return (fmin(fmax(transformed, to->low), to->high) - to->shift) * to->factor;
}

void carry_places(const struct carry_units *from, const double *place, int64_t count,
                  const struct carry_units *to, const double *otherwise, double *carried)
{
    int64_t features = to->preparation->count;
    for (int64_t f = 0; f < features; f++) {
        const struct prepared_feature *there = &to->preparation->feature[f];
        int64_t source = find(from, to->name[f]);
        const struct prepared_feature *here = source < 0 ? NULL : &from->preparation->feature[source];
        for (int64_t i = 0; i < count; i++) {
            double value =
                here ? carry(here, place[i * from->preparation->count + source], there) : (double)NAN;
            carried[i * features + f] = isfinite(value) ? value : otherwise[f];
        }
    }
}
