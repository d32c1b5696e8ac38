/* What an open labelling says of all of a rank's customers. Header only. */
#ifndef LOHKO_TESTS_LABELS_H
#define LOHKO_TESTS_LABELS_H

#include "cluster/labelling.h"
#include "support.h"

struct label_walk {
    const struct labelling *labelling;
    struct nearest nearest;
    int32_t *label;
};

SUPPORT void label_block(void *context, const struct block *block)
{
    struct label_walk *walk = context;
    labelling_block(walk->labelling, &walk->nearest, block, walk->label + block->local * BLOCK_ROWS);
}

/* The labels of all of this rank's customers: BLOCK_ROWS a block. A failure is this rank's own. */
SUPPORT status_t label_all(const struct labelling *labelling, const struct customers *customers,
                           int32_t *label)
{
    struct label_walk walk = {.labelling = labelling, .label = label};
    status_t status = nearest_open(&walk.nearest, customers);
    if (!status)
        status = customers_walk(customers, NULL, 0, label_block, &walk);
    nearest_close(&walk.nearest);
    return status;
}

#endif
