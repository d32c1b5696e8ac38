/* Reference sets of the gap statistic: customers without any segments, uniform over the box that the real
 * ones fill along their principal axes.
 *
 * They are given by their coordinates along the axes, from the middle of the box: what depends on distances
 * alone, as k-means and trees do, is the same as if they were turned and moved to where the customers are. */
#ifndef LOHKO_ASSESS_REFERENCE_H
#define LOHKO_ASSESS_REFERENCE_H

#include <stdint.h>

#include "assess/box.h"
#include "core/log.h"
#include "core/status.h"
#include "data/customers.h"
#include "data/prepare.h"

/* Customers and what is known of them, for whoever learns. Not to be moved: `customers` points into it. */
struct reference {
    struct customers customers;
    struct preparation preparation; /* quantum and variance alone */
    struct log log;                 /* says nothing */
    uint16_t *left_out;             /* lanes beyond the last row; all others take part */
    double *width;                  /* of the box along each axis */
};

/* Room for a set of `rows` over the ranks of `like`. Collective. */
status_t reference_open(struct reference *reference, const struct customers *like, const struct box *box,
                        int64_t rows) __attribute__((warn_unused_result));
void reference_close(struct reference *reference);

/* Set `number`: the same on any number of ranks. Local. */
void reference_draw(struct reference *reference, uint64_t seed, int64_t number);

/* Bytes of this rank. Local. */
double reference_bytes(int64_t rows, int64_t features, int ranks);

#endif
