/* Random weights of customers, by the keyed random numbers of core/random.h: word `index` modulo 4 of the
 * draw (seed, purpose, row, index / 4) is compared with a distribution function. Of a bootstrap replicate:
 * how often a customer is drawn, Poisson(1). Of halves: 1 in one, 0 in the other. */
#ifndef LOHKO_KERNEL_WEIGHTS_H
#define LOHKO_KERNEL_WEIGHTS_H

#include <stdint.h>

/* 2^32 P(weight <= j), rounded; what is left beyond the last is less than 2^-33. A weight is the number of
 * steps that are not above the word: at most WEIGHT_MOST, within the four bits that prepared values leave. */
enum { WEIGHT_STEPS = 12, WEIGHT_MOST = WEIGHT_STEPS };
static const uint32_t weight_step[WEIGHT_STEPS] = {
    0x5e2d58d9U, 0xbc5ab1b1U, 0xeb715e1eU, 0xfb239797U, 0xff1025f6U, 0xffd90f3cU,
    0xfffa8b72U, 0xffff540cU, 0xffffed1fU, 0xfffffe21U, 0xffffffd5U, 0xfffffffcU,
};
enum { HALF_STEPS = 1 };
static const uint32_t half_step[HALF_STEPS] = {0x80000000U};

#endif
