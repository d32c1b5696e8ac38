#include "cluster/labelling.h"

#include <stdlib.h>

#include "core/memory.h"

status_t labelling_open(struct labelling *labelling, int64_t features)
{
    if (labelling->segment)
        return STATUS_OK;
    status_t status =
        memory_new(&labelling->narrow, labelling->k * features, sizeof *labelling->narrow, "centroids");
    if (!status)
        status =
            memory_new(&labelling->half_square, labelling->k, sizeof *labelling->half_square, "centroids");
    if (status)
        return status;
    labelling->centroids = (struct tile_centroids){.k = labelling->k,
                                                   .features = features,
                                                   .centroid = labelling->centroid,
                                                   .narrow = labelling->narrow,
                                                   .half_square = labelling->half_square};
    tile_narrow(&labelling->centroids);
    return STATUS_OK;
}

void labelling_close(struct labelling *labelling)
{
    free(labelling->narrow);
    free(labelling->half_square);
    *labelling = (struct labelling){.k = 0};
}

void labelling_block(const struct labelling *labelling, struct nearest *nearest, const struct block *block,
                     int32_t *label)
{
    if (!labelling->segment) {
        nearest_block(nearest, block, &labelling->centroids, label);
        return;
    }
    row_numbers_get(labelling->leaf, block->local, label);
    for (int i = 0; i < BLOCK_ROWS; i++)
        label[i] = i < block->rows && label[i] >= 0 ? labelling->segment[label[i]] : -1;
}
