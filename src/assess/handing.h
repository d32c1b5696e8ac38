/* Segment numbers handed down from one segmentation to the next, so that a number means the same segment in
 * both. Local. */
#ifndef LOHKO_ASSESS_HANDING_H
#define LOHKO_ASSESS_HANDING_H

#include <stdint.h>

#include "assess/agreement.h"
#include "core/status.h"

/* A segment hands its number down only where it and the other have at least this share of their shared
 * customers in common: the best matching also pairs those who are left over. */
#define HANDING_SHARE 0.1

/* The one-to-one matching of segments before (rows) and after (columns) with the most customers on it, as
 * agreement_match, but without pairs that share too little. match: rows; -1: none. */
status_t handing_match(const struct contingency *table, int32_t *match) __attribute__((warn_unused_result));

struct handing {
    const struct contingency *table; /* segments before x segments after: shared customers */
    const int64_t *before_number;    /* rows */
    int64_t next_number;             /* that no segment ever had; on return, likewise */
    int64_t *order;                  /* columns: segment after that becomes the h-th, by rising number */
    int64_t *number;                 /* columns: of the h-th */
};

/* Matched segments keep their numbers, others get new ones in the order that they have. EXIT_BAD_DATA where a
 * new one would be above INT32_MAX. */
status_t handing_down(struct handing *handing) __attribute__((warn_unused_result));

#endif
