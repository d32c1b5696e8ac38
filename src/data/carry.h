/* Places carried from the prepared units of one preparation to those of another: last year's centroids into
 * this year's units, or the other way round. Local. */
#ifndef LOHKO_DATA_CARRY_H
#define LOHKO_DATA_CARRY_H

#include <stdint.h>

#include "data/prepare.h"

/* A preparation and the names of its features, in its order. */
struct carry_units {
    const struct preparation *preparation;
    char *const *name;
};

/* `count` places from `place` (count x from's features) to `carried` (count x to's features). A feature that
 * `from` does not have, or where the value is outside the domain of the transform, becomes `otherwise` (of
 * to's features). A feature with the same constants in both stays as it is to the last bit. */
void carry_places(const struct carry_units *from, const double *place, int64_t count,
                  const struct carry_units *to, const double *otherwise, double *carried);

#endif
