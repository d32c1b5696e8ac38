/* Whether customers are fewer on the borders between segments than around their centroids: the mark of groups
 * with room between them, which evenly spread customers, or one cloud, do not have. */
#ifndef LOHKO_ASSESS_VALLEY_H
#define LOHKO_ASSESS_VALLEY_H

#include <stdint.h>

#include "core/status.h"
#include "data/customers.h"

/* With d1 and d2 a customer's squared distances to the nearest and the next of the k means, D that of these
 * two, t = (d2 - d1) / (2 D) is its place between them: 0 on the border, 1/2 at the mean. *ratio: customers
 * with t below 1/10 over half of those between 4/10 and 6/10, that is the density on borders over that around
 * means: about 1 or more for evenly spread customers, 0 where nobody is near a border. NaN where nobody is in
 * either, or k is 1. means: k x features; those of segments without customers are left out (size 0). The same
 * on any number of ranks. Collective. */
status_t valley_measure(const struct customers *customers, int64_t k, const double *means,
                        const int64_t *size, double *ratio) __attribute__((warn_unused_result));

#endif
