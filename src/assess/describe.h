/* What sets a segment apart, in words taken from the feature names. Local. */
#ifndef LOHKO_ASSESS_DESCRIBE_H
#define LOHKO_ASSESS_DESCRIBE_H

#include <stdint.h>

#include "assess/profile.h"
#include "core/status.h"
#include "data/table.h"

enum { DESCRIBE_MARKERS = 3 };

/* The features that mark a segment, the strongest first (at most DESCRIBE_MARKERS): its mean lies at least
 * 0.3 population standard deviations from that of all customers, and at least a quarter as far as the
 * segment's strongest feature (marker variables after Dolnicar and Leisch, 2014); at least half of its
 * customers have a value. Returns how many. */
int describe_markers(const struct profile *profile, const struct table *table, int64_t segment,
                     int64_t marker[DESCRIBE_MARKERS]);

/* "very high monetary total (8310 against 1904), low recency days (31 against 92)": against is the mean of
 * all customers. Flags (0 or 1) are told as shares. A segment without markers is "close to the average
 * customer". Owned by the caller. */
status_t describe_segment(const struct profile *profile, const struct table *table, int64_t segment,
                          char **text) __attribute__((warn_unused_result));

/* A number as people read it: about three digits that matter, no exponent between 0.001 and 10^15. */
void describe_number(double value, char *text, int64_t size);

#endif
