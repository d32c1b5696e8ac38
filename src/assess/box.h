/* The box that the customers fill along their principal axes, in prepared units. */
#ifndef LOHKO_ASSESS_BOX_H
#define LOHKO_ASSESS_BOX_H

#include <stdint.h>

#include "core/status.h"
#include "data/customers.h"

struct box {
    int64_t features;
    double *mean; /* features: of the customers that take part */
    double *axis; /* features x features: unit vectors, one a row, by falling variance along them */
    double *low;  /* features: the least coordinate of a customer along each axis, from the mean; <= 0 */
    double *high; /* the largest; >= 0 */
};

/* Measures the box, and trims it where `share` is above 0; or takes what the journal (core/journal.h) has.
 * Three walks over the customers and features^2 / 2 sums, exact over blocks; where there are very many
 * features, a walk more for each 32768 of these sums. The same on any number of ranks. Collective. */
status_t box_find(const struct customers *customers, double share, struct box *box)
    __attribute__((warn_unused_result));
void box_free(struct box *box);

/* Narrows the box along each axis to what lies between the quantiles `share` and 1 - share of the customers'
 * coordinates: of all, or of those in blocks from all over the file. low and high may then have the same
 * sign. The same on any number of ranks. Collective. */
status_t box_trim(const struct customers *customers, double share, struct box *box)
    __attribute__((warn_unused_result));

/* Bytes that box_find takes on a rank. Local. */
double box_bytes(int64_t features);

#endif
