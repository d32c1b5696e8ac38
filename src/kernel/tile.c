#include "kernel/tile.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

double tile_distance(const float *tile, int64_t features, int lane, const double *centroid)
{
    double sum = 0.0;
    for (int64_t f = 0; f < features; f++) {
        double difference = (double)tile[f * KERNEL_LANES + lane] - centroid[f];
        sum = __builtin_fma(difference, difference, sum);
    }
    return sum;
}

/* With u = 2^-24: rounding the centroid, its half square and d multiply-adds in any order (or d
 * multiplications and d additions) put a score off by at most (2 d + 4) u (|x| C + C^2 / 2) (1 + small), C
 * the largest centroid norm; underflow adds less than (2 d + 4) 2^-149. tile_distance itself is off by at
 * most (d + 3) 2^-53 of a squared distance, which is at most (|x| + C)^2. Two scores can err towards each
 * other. With |x| C <= (|x|^2 + C^2) / 2 and (|x| + C)^2 <= 2 (|x|^2 + C^2) the gap needs no root. The
 * factors are rounded up generously; that of tile_distance has room for the margin of tile_found, which must
 * stand after centroids have moved by less than it. */
static void set_gap(struct tile_centroids *centroids, double largest_square)
{
    double d = (double)centroids->features;
    /* higher powers of u: at most a factor 1 / (1 - (2 d + 5) u) */
    double roundings = 2 * (2 * d + 5) * 0x1p-24 * 1.01 / (1.0 - (2 * d + 5) * 0x1p-24);
    double of_distance = (d + 8) * 0x1p-48;
    centroids->gap_constant =
        (float)(((roundings + of_distance) * largest_square + (2 * d + 5) * 0x1p-147) * 1.01);
    /* where scores could overflow, nothing is decided in float */
    if (!(largest_square < 0x1p120))
        centroids->gap_constant = INFINITY;
    centroids->gap_square = (float)((0.5 * roundings + of_distance) * 1.02);
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
    set_gap(centroids, largest * (1.0 + 0x1p-40));
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

extern const struct kernels kernels_plain;
#ifdef __x86_64__
extern const struct kernels kernels_avx512;
extern const struct kernels kernels_avx2;
#endif

const struct kernels *kernels_choose(void)
{
    const struct kernels *available[3] = {NULL};
    int count = 0;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        available[count++] = &kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        available[count++] = &kernels_avx2;
#endif
    available[count++] = &kernels_plain;
    const char *wanted = getenv("LOHKO_VECTORS");
    for (int i = 0; i < count; i++) {
        if (!wanted || strcmp(wanted, available[i]->name) == 0)
            return available[i];
    }
    return NULL;
}
