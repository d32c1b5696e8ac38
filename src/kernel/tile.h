/* Pure arithmetic on a block of customers in tiles: no MPI, no I/O, no allocation.
 *
 * A tile holds KERNEL_LANES customers: for each feature one float per customer, so that the lanes of a vector
 * register are customers. Distances are defined once, in double and in one order of operations
 * (tile_distance); whatever is faster must give the same answer or ask again. */
#ifndef LOHKO_KERNEL_TILE_H
#define LOHKO_KERNEL_TILE_H

#include <stdint.h>

enum { KERNEL_LANES = 16 };

/* Versions for the vector registers that machines have, from one source; chosen when the program is loaded.
 */
#define KERNEL_VERSIONS __attribute__((target_clones("avx512f", "fma", "default")))

/* Centroids as the kernels want them. The arrays belong to the caller. */
struct tile_centroids {
    int64_t k;
    int64_t features;
    const double *centroid; /* k x features */
    float *narrow;          /* k x features: rounded to float, by tile_narrow */
    float *half_square;     /* k: |centroid|^2 / 2, rounded to float, by tile_narrow */
    /* By how much two float scores of a customer of norm x must differ for their order to be that of the
     * distances: gap_constant + gap_linear x + gap_square (x + largest)^2. Set by tile_narrow. */
    float gap_constant;
    float gap_linear;
    float gap_square;
    float largest; /* norm of any centroid, not less than the true one */
};

/* Squared Euclidean distance of lane `lane` to a centroid: features in rising order, each difference squared
 * and added by one fused multiply-add in double. This order defines which centroid is nearest. */
double tile_distance(const float *tile, int64_t features, int lane, const double *centroid);

/* Fills in everything but k, features and centroid. */
void tile_narrow(struct tile_centroids *centroids);

/* Norm of every lane of a tile, not less than the true one. */
void tile_norms(const float *tile, int64_t features, float norm[KERNEL_LANES]);

/* The nearest centroid of every lane, the lowest index on a tie: by a float filter with a proved error bound,
 * and by tile_distance where the filter cannot decide. norm: from tile_norms. Returns how many lanes were
 * decided in double. */
int tile_nearest(const float *tile, const struct tile_centroids *centroids, const float norm[KERNEL_LANES],
                 int32_t nearest[KERNEL_LANES]);

/* The float filter alone: fills `nearest` and returns a bit for every lane that it could not decide. */
unsigned tile_filter(const float *tile, const struct tile_centroids *centroids,
                     const float norm[KERNEL_LANES], int32_t nearest[KERNEL_LANES]);

/* The same in the obvious way: the twin that tile_nearest is held to. */
void tile_nearest_reference(const float *tile, const struct tile_centroids *centroids,
                            int32_t nearest[KERNEL_LANES]);

/* Nearest and second nearest with their squared distances (of tile_distance); the lowest index on a tie. With
 * one centroid the second is -1 at an infinite distance. */
struct tile_two {
    int32_t nearest[KERNEL_LANES];
    int32_t second[KERNEL_LANES];
    double distance[KERNEL_LANES];
    double second_distance[KERNEL_LANES];
};
void tile_nearest_two(const float *tile, const struct tile_centroids *centroids, struct tile_two *two);

/* Adds every lane with label >= 0 to its segment: sum[label * features + f] += x, count[label]++. */
void tile_add(const float *tile, int64_t features, const int32_t label[KERNEL_LANES], double *sum,
              int64_t *count);

#endif
