/* The few operations on vector registers that the kernels are written in, for the widest registers that the
 * file is compiled for (CMakeLists.txt compiles tile_simd.c once for each): 16, 8 or 4 floats, half as many
 * doubles. A tile of 16 customers is VECTOR_PARTS such registers.
 *
 * + - * / work on the types as they are. min, max and the selections follow x86: where a NaN takes part, the
 * second argument is the answer. */
#ifndef LOHKO_KERNEL_VECTOR_H
#define LOHKO_KERNEL_VECTOR_H

#include <stdint.h>
#include <string.h>

#include "kernel/tile.h"

#define VECTOR_INLINE static inline __attribute__((always_inline, unused))

#if defined __AVX512F__ && defined __AVX512DQ__ && defined __AVX512VL__
#include <immintrin.h>
#define VECTOR_NAME avx512
enum { VECTOR_LANES = 16 };
typedef __m512 floats;
typedef __m512d doubles;

VECTOR_INLINE floats floats_min(floats a, floats b)
{
    return _mm512_min_ps(a, b);
}
VECTOR_INLINE floats floats_max(floats a, floats b)
{
    return _mm512_max_ps(a, b);
}
/* Where a < b, x; else y. */
VECTOR_INLINE floats floats_if_less(floats a, floats b, floats x, floats y)
{
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), x);
}
VECTOR_INLINE doubles doubles_if_less(doubles a, doubles b, doubles x, doubles y)
{
    return _mm512_mask_mov_pd(y, _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), x);
}
/* A bit for every lane where a > b. */
VECTOR_INLINE unsigned floats_above(floats a, floats b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
VECTOR_INLINE float floats_lowest(floats a)
{
    return _mm512_reduce_min_ps(a);
}
VECTOR_INLINE doubles doubles_fma(doubles a, doubles b, doubles c)
{
    return _mm512_fmadd_pd(a, b, c);
}
VECTOR_INLINE doubles doubles_from(const float *x)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(x));
}
VECTOR_INLINE void floats_to_int32(floats a, int32_t *to)
{
    _mm512_storeu_si512(to, _mm512_cvttps_epi32(a));
}

#elif defined __AVX2__ && defined __FMA__
#include <immintrin.h>
#define VECTOR_NAME avx2
enum { VECTOR_LANES = 8 };
typedef __m256 floats;
typedef __m256d doubles;

VECTOR_INLINE floats floats_min(floats a, floats b)
{
    return _mm256_min_ps(a, b);
}
VECTOR_INLINE floats floats_max(floats a, floats b)
{
    return _mm256_max_ps(a, b);
}
VECTOR_INLINE floats floats_if_less(floats a, floats b, floats x, floats y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
VECTOR_INLINE doubles doubles_if_less(doubles a, doubles b, doubles x, doubles y)
{
    return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}
VECTOR_INLINE unsigned floats_above(floats a, floats b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
VECTOR_INLINE float floats_lowest(floats a)
{
    __m128 low = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    low = _mm_min_ps(low, _mm_movehl_ps(low, low));
    return _mm_cvtss_f32(_mm_min_ss(low, _mm_movehdup_ps(low)));
}
VECTOR_INLINE doubles doubles_fma(doubles a, doubles b, doubles c)
{
    return _mm256_fmadd_pd(a, b, c);
}
VECTOR_INLINE doubles doubles_from(const float *x)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(x));
}
VECTOR_INLINE void floats_to_int32(floats a, int32_t *to)
{
    _mm256_storeu_si256((__m256i *)to, _mm256_cvttps_epi32(a));
}

#else
#define VECTOR_NAME plain
enum { VECTOR_LANES = 4 };
typedef float floats __attribute__((vector_size(16)));
typedef double doubles __attribute__((vector_size(16)));

VECTOR_INLINE floats floats_if_less(floats a, floats b, floats x, floats y)
{
    floats result = y;
    for (int i = 0; i < 4; i++)
        result[i] = a[i] < b[i] ? x[i] : y[i];
    return result;
}
VECTOR_INLINE floats floats_min(floats a, floats b)
{
    return floats_if_less(a, b, a, b);
}
VECTOR_INLINE floats floats_max(floats a, floats b)
{
    return floats_if_less(b, a, a, b);
}
VECTOR_INLINE doubles doubles_if_less(doubles a, doubles b, doubles x, doubles y)
{
    doubles result = y;
    for (int i = 0; i < 2; i++)
        result[i] = a[i] < b[i] ? x[i] : y[i];
    return result;
}
VECTOR_INLINE unsigned floats_above(floats a, floats b)
{
    unsigned bits = 0;
    for (int i = 0; i < 4; i++)
        bits |= (unsigned)(a[i] > b[i]) << i;
    return bits;
}
VECTOR_INLINE float floats_lowest(floats a)
{
    float lowest = a[0];
    for (int i = 1; i < 4; i++)
        lowest = a[i] < lowest ? a[i] : lowest;
    return lowest;
}
VECTOR_INLINE doubles doubles_fma(doubles a, doubles b, doubles c)
{
    return (doubles){__builtin_fma(a[0], b[0], c[0]), __builtin_fma(a[1], b[1], c[1])};
}
VECTOR_INLINE doubles doubles_from(const float *x)
{
    return (doubles){(double)x[0], (double)x[1]};
}
VECTOR_INLINE void floats_to_int32(floats a, int32_t *to)
{
    for (int i = 0; i < 4; i++)
        to[i] = (int32_t)a[i];
}
#endif

enum {
    VECTOR_PARTS = KERNEL_LANES / VECTOR_LANES, /* registers of floats in a tile */
    DOUBLE_LANES = VECTOR_LANES / 2,
    DOUBLE_PARTS = KERNEL_LANES / DOUBLE_LANES
};

VECTOR_INLINE floats floats_all(float x)
{
    return x - (floats){0};
}
VECTOR_INLINE doubles doubles_all(double x)
{
    return x - (doubles){0};
}
VECTOR_INLINE floats floats_load(const float *x)
{
    floats loaded;
    memcpy(&loaded, x, sizeof loaded);
    return loaded;
}
VECTOR_INLINE void floats_store(floats a, float *to)
{
    memcpy(to, &a, sizeof a);
}
VECTOR_INLINE doubles doubles_load(const double *x)
{
    doubles loaded;
    memcpy(&loaded, x, sizeof loaded);
    return loaded;
}
VECTOR_INLINE void doubles_store(doubles a, double *to)
{
    memcpy(to, &a, sizeof a);
}

typedef float octet __attribute__((vector_size(32)));

/* Up to 8 features of a tile as rows of its customers: row[lane * stride + f] = tile[f][lane]; where there
 * are fewer, the rest of the 8 means nothing. */
VECTOR_INLINE void transpose(const float *tile, int64_t features, float *row, int64_t stride)
{
    for (int64_t half = 0; half < KERNEL_LANES; half += 8) {
        octet a[8];
        octet b[8];
        for (int64_t f = 0; f < 8; f++) {
            const float *at = tile + (f < features ? f : 0) * KERNEL_LANES + half;
            memcpy(&a[f], at, sizeof a[f]);
        }
        for (int i = 0; i < 8; i += 2) {
            b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
            b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
        }
        for (int i = 0; i < 8; i += 4) {
            a[i] = __builtin_shufflevector(b[i], b[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + 1] = __builtin_shufflevector(b[i], b[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
            a[i + 2] = __builtin_shufflevector(b[i + 1], b[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + 3] = __builtin_shufflevector(b[i + 1], b[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
        }
        for (int i = 0; i < 4; i++) {
            b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
            b[i + 4] = __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        }
        for (int64_t i = 0; i < 8; i++)
            memcpy(row + (half + i) * stride, &b[i], sizeof b[i]);
    }
}

#endif
