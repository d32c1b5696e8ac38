/* Customers scored by a saved model as they are read, block by block: nothing is kept of them.
 *
 * On the customers that the model was learned from it gives the labels of the fit, bit for bit: the same
 * preparation, the same definition of the nearest centroid (kernel/tile.h) or, where the segments are a cut
 * of a tree, of the nearest leaf. */
#ifndef LOHKO_CLUSTER_SCORER_H
#define LOHKO_CLUSTER_SCORER_H

#include <stdint.h>

#include "cluster/leaf_search.h"
#include "cluster/nearest.h"
#include "cluster/score.h"
#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"
#include "data/results.h"
#include "data/saved_model.h"
#include "data/table.h"

struct scorer;

/* The model, and the path of the customers' file for messages, must stay until scorer_close. EXIT_BAD_DATA
 * for a model that saved_model_check_scoring refuses. *opened is for scorer_close, whatever is returned.
 * Collective. */
status_t scorer_open(struct comm *comm, struct log *log, const struct saved_model *model, const char *path,
                     struct scorer **opened) __attribute__((warn_unused_result));
void scorer_close(struct scorer *scorer);

/* Labels (indices of segments, 0 .. k - 1) of a block of a table of the model's features: BLOCK_ROWS, -1 for
 * customers left out and beyond the last row. A customer without a value that the model cannot fill is left
 * out and marked in block->left_out, or EXIT_BAD_DATA (column, row) where the fit took a missing value for an
 * error; EXIT_BAD_DATA too for a value that is infinite or outside the domain of its transform. Local. */
status_t scorer_label(struct scorer *scorer, const struct raw_block *block, int32_t *label)
    __attribute__((warn_unused_result));

/* The same with distance, runner-up and shadow as in score.h: BLOCK_ROWS of each; piece->segment holds
 * indices. Local. */
status_t scorer_block(struct scorer *scorer, const struct raw_block *block, const struct assignments *piece)
    __attribute__((warn_unused_result));

#endif
