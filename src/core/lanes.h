/* Eight doubles at a time, in whatever vector registers the machine has. For loops that a compiler does not
 * turn into vector code by itself, since the order of additions or minima is part of their meaning.
 * Functions that use it are marked LANES_VERSIONS: compiled several times, chosen when the program is loaded;
 * additions, multiplications and fused multiply-adds have the same bits in each. Local. */
#ifndef LOHKO_CORE_LANES_H
#define LOHKO_CORE_LANES_H

#include <stdint.h>
#include <string.h>

enum { LANES = 8 };

typedef double lanes __attribute__((vector_size(64)));
typedef int64_t lane_masks __attribute__((vector_size(64))); /* all ones or zero */

#define LANES_VERSIONS __attribute__((target_clones("avx512f", "fma", "default")))
#define LANES_INLINE __attribute__((always_inline)) static inline

LANES_INLINE lanes lanes_of(const double *value)
{
    lanes all;
    memcpy(&all, value, sizeof all);
    return all;
}

/* The first `count` < LANES lanes from memory, the others from `rest`. */
LANES_INLINE lanes lanes_part(const double *value, int64_t count, lanes rest)
{
    memcpy(&rest, value, (size_t)count * sizeof *value);
    return rest;
}

LANES_INLINE lanes lanes_choose(lane_masks mask, lanes yes, lanes no)
{
    return (lanes)((mask & (lane_masks)yes) | (~mask & (lane_masks)no));
}

#endif
