/* Counter-based random numbers: a draw depends on (seed, purpose, row, index) alone, never on rank or call
 * order. Philox4x32-10 (Salmon et al., SC 2011) from Random123. Local. */
#ifndef LOHKO_CORE_RANDOM_H
#define LOHKO_CORE_RANDOM_H

#include <stdint.h>

/* What a draw is for. Values are part of the promise that a seed gives the same result: only append. */
enum random_purpose {
    RANDOM_FIRST_CENTER = 1,
    RANDOM_OVERSAMPLE = 2,
    RANDOM_RECLUSTER = 3,
    RANDOM_BATCH = 4,
    RANDOM_GENERATE_MODEL = 5,
    RANDOM_GENERATE_SEGMENT = 6,
    RANDOM_GENERATE_VALUE = 7,
    RANDOM_GENERATE_MISSING = 8,
    RANDOM_SWAP = 9,
    RANDOM_REPLICATE = 10,
    RANDOM_LEAVES = 11,
    RANDOM_HALF = 12,
    RANDOM_REFERENCE = 13,
    RANDOM_SAMPLE = 14
};

struct random_words {
    uint32_t word[4];
};

/* Four independent 32-bit words for a key. */
struct random_words random_draw(uint64_t seed, enum random_purpose purpose, int64_t row, uint32_t index);

/* The first 64 bits of random_draw. */
uint64_t random_bits(uint64_t seed, enum random_purpose purpose, int64_t row, uint32_t index);

/* Uniform in [0, 1), a multiple of 2^-53. */
double random_uniform(uint64_t seed, enum random_purpose purpose, int64_t row, uint32_t index);

/* Two independent standard normal draws (Box-Muller). */
void random_normal_pair(uint64_t seed, enum random_purpose purpose, int64_t row, uint32_t index,
                        double normal[2]);

#endif
