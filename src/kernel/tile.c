#include "kernel/tile.h"

#include <float.h>
#include <math.h>

static inline __attribute__((always_inline)) double distance(const float *tile, int64_t features, int lane,
                                                             const double *centroid)
{
    double sum = 0.0;
    for (int64_t f = 0; f < features; f++) {
        double difference = (double)tile[f * KERNEL_LANES + lane] - centroid[f];
        sum = __builtin_fma(difference, difference, sum);
    }
    return sum;
}

KERNEL_VERSIONS double tile_distance(const float *tile, int64_t features, int lane, const double *centroid)
{
    return distance(tile, features, lane, centroid);
}

/* With u = 2^-24: rounding the centroid, its half square and d multiply-adds (or d multiplications and d
 * subtractions) put a score off by at most (2 d + 3) u (|x| C + C^2 / 2) (1 + small), C the largest centroid
 * norm; underflow adds less than (2 d + 3) 2^-149. tile_distance itself is off by at most (d + 3) 2^-53 of a
 * squared distance, which is at most
 * (|x| + C)^2. Two scores can err towards each other. The factors are rounded up generously. */
static void set_gap(struct tile_centroids *centroids, double largest)
{
    double d = (double)centroids->features;
    /* higher powers of u: at most a factor 1 / (1 - (2 d + 4) u) */
    double roundings = 2 * (2 * d + 4) * 0x1p-24 * 1.01 / (1.0 - (2 * d + 4) * 0x1p-24);
    centroids->gap_constant = (float)(roundings * 0.5 * largest * largest + (2 * d + 4) * 0x1p-147);
    centroids->gap_linear = (float)(roundings * largest * 1.01);
    centroids->gap_square = (float)((d + 4) * 0x1p-52 * 1.01);
    centroids->largest = (float)(largest * 1.01);
}

void tile_narrow(struct tile_centroids *centroids)
{
    int64_t d = centroids->features;
    double largest = 0.0;
    for (int64_t h = 0; h < centroids->k; h++) {
        double square = 0.0;
        for (int64_t f = 0; f < d; f++) {
            double value = centroids->centroid[h * d + f];
            centroids->narrow[h * d + f] = (float)value;
            square = __builtin_fma(value, value, square);
        }
        centroids->half_square[h] = (float)(0.5 * square);
        largest = square > largest ? square : largest;
    }
    set_gap(centroids, sqrt(largest) * (1.0 + 0x1p-40));
}

KERNEL_VERSIONS void tile_norms(const float *tile, int64_t features, float norm[KERNEL_LANES])
{
    float square[KERNEL_LANES] = {0};
    for (int64_t f = 0; f < features; f++) {
        for (int lane = 0; lane < KERNEL_LANES; lane++)
            square[lane] += tile[f * KERNEL_LANES + lane] * tile[f * KERNEL_LANES + lane];
    }
    /* features + 3 roundings, and squares too small for float */
    float grow = 1.0F + (float)(features + 8) * FLT_EPSILON;
    for (int lane = 0; lane < KERNEL_LANES; lane++)
        norm[lane] = sqrtf(square[lane] * grow + (float)(features + 1) * FLT_MIN);
}

void tile_nearest_reference(const float *tile, const struct tile_centroids *centroids,
                            int32_t nearest[KERNEL_LANES])
{
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        double best = (double)INFINITY;
        nearest[lane] = 0;
        for (int64_t h = 0; h < centroids->k; h++) {
            double distance =
                tile_distance(tile, centroids->features, lane, centroids->centroid + h * centroids->features);
            if (distance < best) {
                best = distance;
                nearest[lane] = (int32_t)h;
            }
        }
    }
}

KERNEL_VERSIONS static int32_t nearest_in_double(const float *tile, const struct tile_centroids *centroids,
                                                 int lane)
{
    int64_t d = centroids->features;
    double best = (double)INFINITY;
    int32_t nearest = 0;
    for (int64_t h = 0; h < centroids->k; h++) {
        double candidate = distance(tile, d, lane, centroids->centroid + h * d);
        if (candidate < best) {
            best = candidate;
            nearest = (int32_t)h;
        }
    }
    return nearest;
}

int tile_nearest(const float *tile, const struct tile_centroids *centroids, const float norm[KERNEL_LANES],
                 int32_t nearest[KERNEL_LANES])
{
    unsigned undecided = tile_filter(tile, centroids, norm, nearest);
    for (unsigned left = undecided; left != 0; left &= left - 1) {
        int lane = __builtin_ctz(left);
        nearest[lane] = nearest_in_double(tile, centroids, lane);
    }
    return __builtin_popcount(undecided);
}

KERNEL_VERSIONS void tile_nearest_two(const float *tile, const struct tile_centroids *centroids,
                                      struct tile_two *two)
{
    int64_t d = centroids->features;
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        two->nearest[lane] = -1;
        two->second[lane] = -1;
        two->distance[lane] = (double)INFINITY;
        two->second_distance[lane] = (double)INFINITY;
    }
    for (int64_t h = 0; h < centroids->k; h++) {
        const double *c = centroids->centroid + h * d;
        double sum[KERNEL_LANES] = {0};
        for (int64_t f = 0; f < d; f++) {
            for (int lane = 0; lane < KERNEL_LANES; lane++) {
                double difference = (double)tile[f * KERNEL_LANES + lane] - c[f];
                sum[lane] = __builtin_fma(difference, difference, sum[lane]);
            }
        }
        for (int lane = 0; lane < KERNEL_LANES; lane++) {
            int first = sum[lane] < two->distance[lane];
            int next = sum[lane] < two->second_distance[lane];
            two->second[lane] = first ? two->nearest[lane] : next ? (int32_t)h : two->second[lane];
            two->second_distance[lane] = first  ? two->distance[lane]
                                         : next ? sum[lane]
                                                : two->second_distance[lane];
            two->nearest[lane] = first ? (int32_t)h : two->nearest[lane];
            two->distance[lane] = first ? sum[lane] : two->distance[lane];
        }
    }
}

void tile_add(const float *tile, int64_t features, const int32_t label[KERNEL_LANES], double *sum,
              int64_t *count)
{
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        if (label[lane] < 0)
            continue;
        double *to = sum + label[lane] * features;
        for (int64_t f = 0; f < features; f++)
            to[f] += (double)tile[f * KERNEL_LANES + lane];
        count[label[lane]]++;
    }
}
