/* The kernels. This one file is compiled for each width of vector registers (kernel/vector.h), with
 * contraction of multiplications and additions allowed: in float nothing is decided for good (the filter
 * leaves to double what it cannot tell), and in double every product that is added to something is either
 * exact or meant to be fused. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/near.h"
#include "kernel/vector.h"

/* Centroids at a time: independent sums hide the latency of the multiply-adds; more than four would not leave
 * the registers that the smaller sets need. */
enum { GROUP = 4 };

/* ---- nearest centroid in float ---- */

struct best {
    floats square[VECTOR_PARTS]; /* |x|^2 */
    floats score[VECTOR_PARTS];
    floats second[VECTOR_PARTS];
    floats nearest[VECTOR_PARTS];
};

VECTOR_INLINE void begin_best(struct best *best)
{
    for (int64_t p = 0; p < VECTOR_PARTS; p++) {
        best->square[p] = floats_all(0.0F);
        best->score[p] = floats_all(INFINITY);
        best->second[p] = floats_all(INFINITY);
        best->nearest[p] = floats_all(0.0F);
    }
}

VECTOR_INLINE void take_score(floats score, floats h, int64_t p, struct best *best)
{
    best->nearest[p] = floats_if_less(score, best->score[p], h, best->nearest[p]);
    best->second[p] = floats_min(best->second[p], floats_max(best->score[p], score));
    best->score[p] = floats_min(best->score[p], score);
}

/* |c|^2/2 - x.c of `group` centroids from h on: half the squared distance but for |x|^2/2, which all
 * centroids share, and which is summed on the way where `square` says so. `group` and `square` are constants
 * where this is inlined. */
VECTOR_INLINE void take_group(const float *tile, const struct tile_centroids *centroids, int64_t h,
                              const int group, const bool square, struct best *best)
{
    int64_t d = centroids->features;
    const float *c = centroids->narrow + h * d;
    floats score[GROUP][VECTOR_PARTS];
#pragma GCC unroll 4
    for (int g = 0; g < group; g++)
#pragma GCC unroll 4
        for (int64_t p = 0; p < VECTOR_PARTS; p++)
            score[g][p] = floats_all(centroids->half_square[h + g]);
    for (int64_t f = 0; f < d; f++) {
        floats x[VECTOR_PARTS];
#pragma GCC unroll 4
        for (int64_t p = 0; p < VECTOR_PARTS; p++) {
            x[p] = floats_load(tile + f * KERNEL_LANES + p * VECTOR_LANES);
            if (square)
                best->square[p] += x[p] * x[p];
        }
#pragma GCC unroll 4
        for (int g = 0; g < group; g++) {
            floats factor = floats_all(c[g * d + f]);
#pragma GCC unroll 4
            for (int64_t p = 0; p < VECTOR_PARTS; p++)
                score[g][p] -= x[p] * factor;
        }
    }
#pragma GCC unroll 4
    for (int g = 0; g < group; g++)
#pragma GCC unroll 4
        for (int64_t p = 0; p < VECTOR_PARTS; p++)
            take_score(score[g][p], floats_all((float)(h + g)), p, best);
}

/* The margin of a part of a tile, squared: with s the second best and b the best score, true scores within
 * gap/2 of them and d2^2 = |x|^2 + 2 s not less than the true one, d2 - d1 = 2 (s - b) / (d2 + d1) >= (s - b
 * - gap) / d2. Written so that a NaN gives 0 and nothing overflows on the way. */
VECTOR_INLINE floats squared_margin(floats best, floats second, floats square, floats gap)
{
    floats zero = floats_all(0.0F);
    floats ahead = floats_max(second - best - gap, zero);
    floats far = square * floats_all(1.0F + 0x1p-10F) + second + second + gap;
    return floats_max(ahead * (ahead / far), zero);
}

/* What is left of a tile to be made one number of, when the arithmetic of the next tiles can hide the wait.
 */
typedef float unreduced[KERNEL_LANES];

VECTOR_INLINE void finish_best(const struct best *best, const struct tile_centroids *centroids,
                               struct tile_found *found, unreduced squared)
{
    found->undecided = 0;
#pragma GCC unroll 4
    for (int64_t p = 0; p < VECTOR_PARTS; p++) {
        floats square = best->square[p];
        floats gap = floats_all(centroids->gap_square) * square + floats_all(centroids->gap_constant);
        /* a NaN (two infinite scores) is not above anything */
        unsigned decided = floats_above(best->second[p] - best->score[p], gap);
        found->undecided |= (~decided & ((1U << VECTOR_LANES) - 1)) << (p * VECTOR_LANES);
        floats_to_int32(best->nearest[p], found->nearest + p * VECTOR_LANES);
        floats_store(squared_margin(best->score[p], best->second[p], square, gap),
                     squared + p * VECTOR_LANES);
    }
}

/* The least margin of each tile. */
VECTOR_INLINE void reduce_margins(unreduced *squared, int count, struct tile_found *found)
{
    for (int i = 0; i < count; i++) {
        floats lowest = floats_all(FLT_MAX);
        for (int64_t p = 0; p < VECTOR_PARTS; p++)
            lowest = floats_min(lowest, floats_load(squared[i] + p * VECTOR_LANES));
        float margin = sqrtf(floats_lowest(lowest)) * (1.0F - 0x1p-10F);
        found[i].margin = margin < 0x1p60F ? margin : 0.0F;
    }
}

/* One to three centroids that are left over after whole groups, or are all there are. */
VECTOR_INLINE void take_rest(const float *tile, const struct tile_centroids *centroids, int64_t h,
                             const bool square, struct best *best)
{
    if (centroids->k - h == 3)
        take_group(tile, centroids, h, 3, square, best);
    else if (centroids->k - h == 2)
        take_group(tile, centroids, h, 2, square, best);
    else if (centroids->k - h == 1)
        take_group(tile, centroids, h, 1, square, best);
}

static void filter(const float *tiles, const uint8_t *list, int count, const struct tile_centroids *centroids,
                   const float *ahead, struct tile_found *found)
{
    int64_t d = centroids->features;
    _Alignas(64) unreduced squared[KERNEL_TILES];
    for (int i = 0; i < count; i++) {
        const float *tile = tiles + list[i] * d * KERNEL_LANES;
        struct best best;
        begin_best(&best);
        for (int64_t f = 0; ahead && f < d; f++)
            __builtin_prefetch(ahead + (list[i] * d + f) * KERNEL_LANES, 0, 2);
        if (centroids->k < GROUP) {
            take_rest(tile, centroids, 0, true, &best);
        } else {
            int64_t h = GROUP;
            take_group(tile, centroids, 0, GROUP, true, &best);
            for (; h + GROUP <= centroids->k; h += GROUP)
                take_group(tile, centroids, h, GROUP, false, &best);
            take_rest(tile, centroids, h, false, &best);
        }
        finish_best(&best, centroids, &found[i], squared[i]);
    }
    reduce_margins(squared, count, found);
}

VECTOR_INLINE void sum_squares(const float *tile, int64_t features, struct best *best)
{
    for (int64_t f = 0; f < features; f++) {
        for (int64_t p = 0; p < VECTOR_PARTS; p++) {
            floats x = floats_load(tile + f * KERNEL_LANES + p * VECTOR_LANES);
            best->square[p] += x * x;
        }
    }
}

/* ---- the same from products that a matrix product made ---- */

VECTOR_INLINE void load_best(const struct tile_state *state, struct best *best)
{
    for (int64_t p = 0; p < VECTOR_PARTS; p++) {
        best->square[p] = floats_all(0.0F);
        best->score[p] = floats_load(state->best + p * VECTOR_LANES);
        best->second[p] = floats_load(state->second + p * VECTOR_LANES);
        best->nearest[p] = floats_load(state->nearest + p * VECTOR_LANES);
    }
}

VECTOR_INLINE void store_best(const struct best *best, struct tile_state *state)
{
    for (int64_t p = 0; p < VECTOR_PARTS; p++) {
        floats_store(best->score[p], state->best + p * VECTOR_LANES);
        floats_store(best->second[p], state->second + p * VECTOR_LANES);
        floats_store(best->nearest[p], state->nearest + p * VECTOR_LANES);
    }
}

static void begin(int tiles, struct tile_state *state)
{
    struct best best;
    begin_best(&best);
    for (int64_t t = 0; t < tiles; t++)
        store_best(&best, &state[t]);
}

static void take(const float *product, int64_t stride, const struct tile_centroids *centroids, int64_t first,
                 int64_t count, int tiles, struct tile_state *state)
{
    for (int64_t t = 0; t < tiles; t++) {
        struct best best;
        load_best(&state[t], &best);
        for (int64_t c = 0; c < count; c++) {
            const float *from = product + c * stride + t * KERNEL_LANES;
            floats half = floats_all(centroids->half_square[first + c]);
            floats h = floats_all((float)(first + c));
            for (int64_t p = 0; p < VECTOR_PARTS; p++)
                take_score(half - floats_load(from + p * VECTOR_LANES), h, p, &best);
        }
        store_best(&best, &state[t]);
    }
}

static void finish(const struct tile_state *state, const float *tiles, const uint8_t *list, int count,
                   const struct tile_centroids *centroids, struct tile_found *found)
{
    _Alignas(64) unreduced squared[KERNEL_TILES];
    for (int i = 0; i < count; i++) {
        struct best best;
        load_best(&state[i], &best);
        sum_squares(tiles + list[i] * centroids->features * KERNEL_LANES, centroids->features, &best);
        finish_best(&best, centroids, &found[i], squared[i]);
    }
    reduce_margins(squared, count, found);
}

/* ---- nearest two in double ---- */

/* At a time, as above: doubles take twice the registers. */
enum { PAIR_GROUP = VECTOR_LANES / 4 };

struct nearest_two {
    doubles distance[DOUBLE_PARTS];
    doubles second_distance[DOUBLE_PARTS];
    doubles nearest[DOUBLE_PARTS];
    doubles second[DOUBLE_PARTS];
};

VECTOR_INLINE void take_distance(doubles distance, doubles h, int64_t p, struct nearest_two *two)
{
    doubles next = doubles_if_less(distance, two->second_distance[p], h, two->second[p]);
    doubles next_distance =
        doubles_if_less(distance, two->second_distance[p], distance, two->second_distance[p]);
    two->second[p] = doubles_if_less(distance, two->distance[p], two->nearest[p], next);
    two->second_distance[p] = doubles_if_less(distance, two->distance[p], two->distance[p], next_distance);
    two->nearest[p] = doubles_if_less(distance, two->distance[p], h, two->nearest[p]);
    two->distance[p] = doubles_if_less(distance, two->distance[p], distance, two->distance[p]);
}

/* The distances of `group` centroids from h on; `group` is a constant where this is inlined. */
VECTOR_INLINE void take_distances(const float *tile, const struct tile_centroids *centroids, int64_t h,
                                  const int group, struct nearest_two *best)
{
    int64_t d = centroids->features;
    const double *c = centroids->centroid + h * d;
    doubles sum[PAIR_GROUP][DOUBLE_PARTS];
#pragma GCC unroll 4
    for (int g = 0; g < group; g++)
#pragma GCC unroll 8
        for (int64_t p = 0; p < DOUBLE_PARTS; p++)
            sum[g][p] = doubles_all(0.0);
    for (int64_t f = 0; f < d; f++) {
        doubles x[DOUBLE_PARTS];
#pragma GCC unroll 8
        for (int64_t p = 0; p < DOUBLE_PARTS; p++)
            x[p] = doubles_from(tile + f * KERNEL_LANES + p * DOUBLE_LANES);
#pragma GCC unroll 4
        for (int g = 0; g < group; g++) {
            doubles at = doubles_all(c[g * d + f]);
#pragma GCC unroll 8
            for (int64_t p = 0; p < DOUBLE_PARTS; p++) {
                doubles difference = x[p] - at;
                sum[g][p] = doubles_fma(difference, difference, sum[g][p]);
            }
        }
    }
    for (int g = 0; centroids->offset && g < group; g++)
        for (int64_t p = 0; p < DOUBLE_PARTS; p++)
            sum[g][p] += doubles_all(centroids->offset[h + g]);
#pragma GCC unroll 4
    for (int g = 0; g < group; g++)
#pragma GCC unroll 8
        for (int64_t p = 0; p < DOUBLE_PARTS; p++)
            take_distance(sum[g][p], doubles_all((double)(h + g)), p, best);
}

static void two(const float *tile, const struct tile_centroids *centroids, struct tile_two *result)
{
    struct nearest_two best;
    for (int64_t p = 0; p < DOUBLE_PARTS; p++) {
        best.distance[p] = doubles_all((double)INFINITY);
        best.second_distance[p] = doubles_all((double)INFINITY);
        best.nearest[p] = doubles_all(-1.0);
        best.second[p] = doubles_all(-1.0);
    }
    int64_t h = 0;
    for (; h + PAIR_GROUP <= centroids->k; h += PAIR_GROUP)
        take_distances(tile, centroids, h, PAIR_GROUP, &best);
    for (; h < centroids->k; h++)
        take_distances(tile, centroids, h, 1, &best);
    double nearest[KERNEL_LANES];
    double second[KERNEL_LANES];
    for (int64_t p = 0; p < DOUBLE_PARTS; p++) {
        doubles_store(best.distance[p], result->distance + p * DOUBLE_LANES);
        doubles_store(best.second_distance[p], result->second_distance + p * DOUBLE_LANES);
        doubles_store(best.nearest[p], nearest + p * DOUBLE_LANES);
        doubles_store(best.second[p], second + p * DOUBLE_LANES);
    }
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        result->nearest[lane] = (int32_t)nearest[lane];
        result->second[lane] = (int32_t)second[lane];
    }
}

/* ---- sums ---- */

/* Features that are turned at a time; up to how many lanes are read where they are instead. */
enum { STRIP = 8, STRIPS = 8, WIDE = STRIP * STRIPS, FEW_LANES = 2 };

/* sum += w x. */
VECTOR_INLINE void add_row(const float *x, int64_t count, double w, double *sum)
{
    int64_t f = 0;
    for (; f + DOUBLE_LANES <= count; f += DOUBLE_LANES)
        doubles_store(doubles_load(sum + f) + doubles_all(w) * doubles_from(x + f), sum + f);
    for (; f < count; f++)
        sum[f] += w * (double)x[f];
}

VECTOR_INLINE void add_lane(const float *x, int64_t count, double w, double *sum)
{
    for (int64_t f = 0; f < count; f++)
        sum[f] += w * (double)x[f * KERNEL_LANES];
}

static void move_few(const float *tile, int64_t features, unsigned lanes, const int32_t *from,
                     const int32_t *to, const float *weight, double *sum)
{
    for (; lanes != 0; lanes &= lanes - 1) {
        int lane = __builtin_ctz(lanes);
        double w = weight ? (double)weight[lane] : 1.0;
        if (to[lane] >= 0)
            add_lane(tile + lane, features, w, sum + to[lane] * features);
        if (from[lane] >= 0)
            add_lane(tile + lane, features, -w, sum + from[lane] * features);
    }
}

/* Turns the tile first, so that a customer's features lie side by side. */
static void move_many(const float *tile, int64_t features, unsigned lanes, const int32_t *from,
                      const int32_t *to, const float *weight, double *sum)
{
    _Alignas(64) float row[KERNEL_LANES][WIDE];
    for (int64_t f = 0; f < features; f += WIDE) {
        int64_t count = features - f < WIDE ? features - f : WIDE;
        for (int64_t s = 0; s < count; s += STRIP)
            transpose(tile + (f + s) * KERNEL_LANES, count - s, row[0] + s, WIDE);
        for (unsigned left = lanes; left != 0; left &= left - 1) {
            int lane = __builtin_ctz(left);
            double w = weight ? (double)weight[lane] : 1.0;
            if (to[lane] >= 0)
                add_row(row[lane], count, w, sum + to[lane] * features + f);
            if (from[lane] >= 0)
                add_row(row[lane], count, -w, sum + from[lane] * features + f);
        }
    }
}

static void move(const float *tile, int64_t features, unsigned lanes, const int32_t from[KERNEL_LANES],
                 const int32_t to[KERNEL_LANES], const float *weight, double *sum, int64_t *count)
{
    for (unsigned left = lanes; left != 0; left &= left - 1) {
        int lane = __builtin_ctz(left);
        int64_t w = weight ? (int64_t)weight[lane] : 1;
        if (to[lane] >= 0)
            count[to[lane]] += w;
        if (from[lane] >= 0)
            count[from[lane]] -= w;
    }
    if (__builtin_popcount(lanes) <= FEW_LANES)
        move_few(tile, features, lanes, from, to, weight, sum);
    else
        move_many(tile, features, lanes, from, to, weight, sum);
}

/* ---- random weights ---- */

/* One round of Philox4x32 (Salmon, Moraes, Dror, Shaw, SC 2011) on every lane. */
VECTOR_INLINE void philox_round(uint32_t word[4][KERNEL_LANES], uint32_t key0, uint32_t key1)
{
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        uint64_t first = (uint64_t)0xD2511F53U * word[0][lane];
        uint64_t second = (uint64_t)0xCD9E8D57U * word[2][lane];
        word[0][lane] = (uint32_t)(second >> 32) ^ word[1][lane] ^ key0;
        word[2][lane] = (uint32_t)(first >> 32) ^ word[3][lane] ^ key1;
        word[1][lane] = (uint32_t)second;
        word[3][lane] = (uint32_t)first;
    }
}

static void weights(uint64_t seed, uint32_t purpose, int64_t quad, int64_t row, const uint32_t *step,
                    int steps, float weight[4][KERNEL_LANES])
{
    uint32_t word[4][KERNEL_LANES];
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        uint64_t number = (uint64_t)row + (uint64_t)lane;
        word[0][lane] = (uint32_t)number;
        word[1][lane] = (uint32_t)(number >> 32);
        word[2][lane] = (uint32_t)quad;
        word[3][lane] = purpose;
    }
    for (uint32_t round = 0; round < 10; round++)
        philox_round(word, (uint32_t)seed + round * 0x9E3779B9U,
                     (uint32_t)(seed >> 32) + round * 0xBB67AE85U);
    for (int draw = 0; draw < 4; draw++) {
        int32_t count[KERNEL_LANES] = {0};
        for (int s = 0; s < steps; s++) {
            for (int lane = 0; lane < KERNEL_LANES; lane++)
                count[lane] += word[draw][lane] >= step[s];
        }
        for (int lane = 0; lane < KERNEL_LANES; lane++)
            weight[draw][lane] = (float)count[lane];
    }
}

#define JOINED(stem, name) JOINED_AGAIN(stem, name)
#define JOINED_AGAIN(stem, name) stem##name
#define NAMED(name) JOINED(kernels_, name)
#define TEXT_OF(name) TEXT_OF_AGAIN(name)
#define TEXT_OF_AGAIN(name) #name

void JOINED(near_, VECTOR_NAME)(const struct near_tree *tree, struct near_queries *queries, near_found found,
                                void *context); /* near_simd.c */
extern const struct kernels NAMED(VECTOR_NAME);
const struct kernels NAMED(VECTOR_NAME) = {.name = TEXT_OF(VECTOR_NAME),
                                           .lanes = VECTOR_LANES,
                                           .filter = filter,
                                           .begin = begin,
                                           .take = take,
                                           .finish = finish,
                                           .two = two,
                                           .move = move,
                                           .weights = weights,
                                           .near = JOINED(near_, VECTOR_NAME)};
