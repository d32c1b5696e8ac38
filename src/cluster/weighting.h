/* How often customers count for a model: once, as often as a bootstrap replicate has drawn them, or once if
 * they are in its half. A weight depends on the seed, the draw and the global row alone. Local. */
#ifndef LOHKO_CLUSTER_WEIGHTING_H
#define LOHKO_CLUSTER_WEIGHTING_H

#include <stdint.h>

#include "kernel/tile.h"

enum weighting_kind {
    WEIGHTING_ONE,       /* all weigh one */
    WEIGHTING_REPLICATE, /* Poisson(1) */
    WEIGHTING_FIRST_HALF,
    WEIGHTING_SECOND_HALF /* those that are not in the first half of the same index */
};

struct weighting {
    enum weighting_kind kind;
    uint64_t seed;
    int64_t index; /* of the replicate, or of the split into halves */
};

/* Weights of the 16 customers from global row `row` on: whole numbers, at most 12. */
void weighting_tile(const struct weighting *weighting, const struct kernels *kernels, int64_t row,
                    float weight[KERNEL_LANES]);

#endif
