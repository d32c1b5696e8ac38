#include "cluster/weighting.h"

#include "core/random.h"
#include "kernel/weights.h"

void weighting_tile(const struct weighting *weighting, const struct kernels *kernels, int64_t row,
                    float weight[KERNEL_LANES])
{
    switch (weighting->kind) {
    case WEIGHTING_REPLICATE:
        kernels->weights(weighting->seed, RANDOM_REPLICATE, weighting->index, row, weight_step, WEIGHT_STEPS,
                         weight);
        return;
    case WEIGHTING_FIRST_HALF:
    case WEIGHTING_SECOND_HALF:
        kernels->weights(weighting->seed, RANDOM_HALF, weighting->index, row, half_step, HALF_STEPS, weight);
        break;
    case WEIGHTING_ONE:
    default:
        for (int lane = 0; lane < KERNEL_LANES; lane++)
            weight[lane] = 1.0F;
        return;
    }
    for (int lane = 0; weighting->kind == WEIGHTING_SECOND_HALF && lane < KERNEL_LANES; lane++)
        weight[lane] = 1.0F - weight[lane];
}
