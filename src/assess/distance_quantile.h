/* How far customers lie from the centroids of their segments. */
#ifndef LOHKO_ASSESS_DISTANCE_QUANTILE_H
#define LOHKO_ASSESS_DISTANCE_QUANTILE_H

#include "cluster/segments.h"
#include "core/status.h"
#include "data/customers.h"

/* The order statistic of rank select_rank(level, customers->used) of the distances in prepared units, each
 * rounded to float as score.h does. Exact: the upper halves of the numbers are counted, then the lower halves
 * of those with the right upper one; nothing is kept of a customer. Collective. */
status_t distance_quantile(const struct customers *customers, const struct segmentation *segments,
                           double level, double *found) __attribute__((warn_unused_result));

#endif
