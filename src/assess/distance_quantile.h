/* How far customers lie from the centroids of their segments. */
#ifndef LOHKO_ASSESS_DISTANCE_QUANTILE_H
#define LOHKO_ASSESS_DISTANCE_QUANTILE_H

#include "cluster/segments.h"
#include "core/status.h"
#include "data/customers.h"

/* The distance, in prepared units, that all but `beyond` customers (fewer than there are) do not exceed, each
 * rounded to float as score.h does. Exact: the upper halves of the numbers are counted, then the lower halves
 * of those with the right upper one; nothing is kept of a customer. Collective. */
status_t distance_quantile(const struct customers *customers, const struct segmentation *segments,
                           int64_t beyond, double *found) __attribute__((warn_unused_result));

#endif
