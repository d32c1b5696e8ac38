/* /selection and /stability of results.h5. */
#ifndef LOHKO_DATA_RESULTS_STABILITY_H
#define LOHKO_DATA_RESULTS_STABILITY_H

#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/results.h"
#include "data/results_dataset.h"

/* Fills `share` for this rank's local blocks [first, first + count): BLOCK_ROWS entries a block. Local; a
 * failure is this rank's own. */
typedef status_t (*shares_maker)(void *context, int64_t first, int64_t count, float *share);

/* /stability/membership: a share for each customer. Collective. */
status_t results_write_membership(struct results_file *results, struct comm *comm,
                                  const struct partition *partition, shares_maker make, void *context)
    __attribute__((warn_unused_result));

/* Figures by their names, then the attributes of a group that they have made. Local: rank 0. */
status_t results_write_figures(struct results_file *results, const struct results_figure *figures,
                               int64_t count, const char *group, const struct results_attribute *attributes,
                               int64_t attribute_count) __attribute__((warn_unused_result));

#endif
