/* Exact sums of doubles: the result does not depend on the order of the terms, nor on how they were split
 * over ranks.
 *
 * A fixed-point number as wide as the exponent range of double, in 32-bit digits kept in 64-bit words so that
 * carries can wait (the idea is Kulisch's long accumulator; see also Neal, arXiv 1505.05571). Two sums are
 * added digit by digit, so an array of them can be reduced as plain int64 (comm_sum_exact). Local. */
#ifndef LOHKO_CORE_EXACTSUM_H
#define LOHKO_CORE_EXACTSUM_H

#include <stdint.h>

enum { EXACTSUM_DIGITS = 70 };

struct exactsum {
    int64_t digit[EXACTSUM_DIGITS]; /* value = sum of digit[i] * 2^(32 i - 1088) */
    int64_t pending;                /* additions since the digits were last normalised */
};

/* A sum that starts at zero is all zero bytes. Terms must be finite. */
void exactsum_add(struct exactsum *sum, double term);

/* Adds `count` terms; several times faster than one by one. */
void exactsum_add_all(struct exactsum *sum, const double *term, int64_t count);

/* Carries propagated: every digit but the last in [0, 2^32); the last carries the sign. */
void exactsum_normalise(struct exactsum *sum);

/* sum += other. */
void exactsum_merge(struct exactsum *sum, const struct exactsum *other);

/* The sum as an unevaluated pair high + low (about 106 bits). `sum` is normalised on the way. */
void exactsum_value(struct exactsum *sum, double *high, double *low);

/* The sum rounded to double. */
double exactsum_round(struct exactsum *sum);

#endif
