/* A way to put every customer into a segment that needs no memory of each: by the nearest of its centroids,
 * or by the leaf of a tree that the customer is in. Local. */
#ifndef LOHKO_CLUSTER_LABELLING_H
#define LOHKO_CLUSTER_LABELLING_H

#include <stdint.h>

#include "cluster/nearest.h"
#include "core/status.h"
#include "data/customers.h"
#include "data/row_numbers.h"

struct labelling {
    int64_t k;
    /* By the nearest centroid: */
    const double *centroid; /* k x features, prepared units; not owned, like the next two */
    /* Or, where this is not NULL, by the leaf: */
    const int32_t *segment;         /* of each leaf */
    const struct row_numbers *leaf; /* of this rank's customers; none for those left out */
    /* Owned: */
    float *narrow;
    float *half_square;
    struct tile_centroids centroids;
};

/* What is not owned is filled in already; the centroids may not change from here on. */
status_t labelling_open(struct labelling *labelling, int64_t features) __attribute__((warn_unused_result));
void labelling_close(struct labelling *labelling);

/* The labels of a block: BLOCK_ROWS; -1 for those left out and beyond the last row. */
void labelling_block(const struct labelling *labelling, struct nearest *nearest, const struct block *block,
                     int32_t *label);

#endif
