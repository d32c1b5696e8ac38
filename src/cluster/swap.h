/* Out of a poor local optimum: swaps of one centroid (after Fraenti and Kivijaervi, 2000; the removal and
 * insertion costs as in k-means++ reseeding). Lloyd's passes end where no small move helps; taking away the
 * centroid that is missed least and setting one where customers are far from theirs often does.
 *
 * Variants of a model learn side by side in a panel of their own, on all customers where they are few, else
 * on blocks spread over the whole file, so that the cost does not grow with the customers. */
#ifndef LOHKO_CLUSTER_SWAP_H
#define LOHKO_CLUSTER_SWAP_H

#include <stdint.h>

#include "cluster/panel.h"
#include "core/status.h"

enum {
    SWAP_VARIANTS = 8, /* tried a round */
    SWAP_ROUNDS = 48,  /* at most */
    SWAP_PATIENCE = 6, /* rounds without a better variant before it ends; twice as many on all customers */
    SWAP_PASSES = 40,  /* of a variant, at most */
    SWAP_HORIZON = 10, /* passes that a variant's last fall in inertia is trusted for */
    SWAP_BATCHES = 2   /* customers that variants learn on, in mini-batches */
};

/* Searches from `centroid` (k x features), which is replaced by the best found. *swaps counts the swaps that
 * were taken; 0 leaves it as it was. tolerance as in kmeans.h. Collective. */
status_t swap_improve(const struct customers *customers, const struct preparation *preparation, int64_t k,
                      int64_t batch, double tolerance, uint64_t seed, double *centroid, int64_t *swaps)
    __attribute__((warn_unused_result));

#endif
