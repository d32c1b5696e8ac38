/* A hash of a customer's prepared values, the same for values that are equal: zero has one sign. Local. */
#ifndef LOHKO_CLUSTER_ROW_HASH_H
#define LOHKO_CLUSTER_ROW_HASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t row_hash(const float *value, int64_t features)
{
    uint64_t hash = UINT64_C(0x9E3779B97F4A7C15);
    for (int64_t f = 0; f < features; f++) {
        float same = value[f] + 0.0F;
        uint32_t bits = 0;
        memcpy(&bits, &same, sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0xBF58476D1CE4E5B9);
        hash ^= hash >> 29;
    }
    hash *= UINT64_C(0x94D049BB133111EB);
    return hash ^ hash >> 32;
}

#endif
