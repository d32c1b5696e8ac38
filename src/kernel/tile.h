/* Pure arithmetic on a block of customers in tiles: no MPI, no I/O, no allocation.
 *
 * A tile holds KERNEL_LANES customers: for each feature one float per customer, so that the lanes of a vector
 * register are customers. Distances are defined once, in double and in one order of operations
 * (tile_distance); whatever is faster must give the same answer or ask again.
 *
 * The kernels are one source (tile_simd.c), compiled for each width of vector registers; kernels_choose takes
 * the widest that the machine has. What they give in double has the same bits in all of them; what the filter
 * says is right in all of them. */
#ifndef LOHKO_KERNEL_TILE_H
#define LOHKO_KERNEL_TILE_H

#include <stdint.h>

enum { KERNEL_LANES = 16, KERNEL_TILES = 64 /* in a block, at most */ };

/* Centroids as the kernels want them. The arrays belong to the caller. */
struct tile_centroids {
    int64_t k;
    int64_t features;
    const double *centroid; /* k x features */
    float *narrow;          /* k x features: rounded to float, by tile_narrow */
    float *half_square;     /* k: |centroid|^2 / 2, rounded to float, by tile_narrow */
    /* By how much two float scores of a customer x must differ for their order to be that of the distances:
     * gap_constant + gap_square |x|^2. Set by tile_narrow. */
    float gap_constant;
    float gap_square;
    const double *offset; /* k: added to squared distances by `two` alone; NULL: nothing */
};

/* Squared Euclidean distance of lane `lane` to a centroid: features in rising order, each difference squared
 * and added by one fused multiply-add in double. This order defines which centroid is nearest. */
double tile_distance(const float *tile, int64_t features, int lane, const double *centroid);

/* Fills in everything but k, features and centroid. */
void tile_narrow(struct tile_centroids *centroids);

/* The nearest centroid of every lane by tile_distance in the obvious way, the lowest index on a tie: the twin
 * that the kernels are held to. */
void tile_nearest_reference(const float *tile, const struct tile_centroids *centroids,
                            int32_t nearest[KERNEL_LANES]);

/* What the float filter says of a tile. */
struct tile_found {
    int32_t nearest[KERNEL_LANES];
    unsigned undecided; /* a bit for every lane whose two best scores are too close for float */
    /* Every lane's nearest centroid is nearer than any other by at least this distance (not squared), with
     * room for the rounding of tile_distance; 0 where nothing can be said. */
    float margin;
};

/* The float filter's state of a tile while centroids come in parts (gemm.h). */
struct tile_state {
    float best[KERNEL_LANES];
    float second[KERNEL_LANES];
    float nearest[KERNEL_LANES];
};

/* Nearest and second nearest with their squared distances (of tile_distance); the lowest index on a tie. With
 * one centroid the second is -1 at an infinite distance. */
struct tile_two {
    int32_t nearest[KERNEL_LANES];
    int32_t second[KERNEL_LANES];
    double distance[KERNEL_LANES];
    double second_distance[KERNEL_LANES];
};

struct near_tree;
struct near_queries;

struct kernels {
    const char *name; /* of the vector registers: avx512, avx2, plain */
    int lanes;        /* floats in one of them */

    /* The nearest centroid of every lane of the `count` tiles `list` of a block, by float scores with a
     * proved error bound. ahead: NULL, or where the block lies that comes next: its tiles of the same numbers
     * are fetched into the cache meanwhile. */
    void (*filter)(const float *tiles, const uint8_t *list, int count, const struct tile_centroids *centroids,
                   const float *ahead, struct tile_found *found);

    /* The same in two steps, where the products x.c come from elsewhere: takes `count` centroids from `first`
     * on into the states; product[c * stride + 16 t + lane] for centroid first + c and the t-th state. */
    void (*begin)(int tiles, struct tile_state *state);
    void (*take)(const float *product, int64_t stride, const struct tile_centroids *centroids, int64_t first,
                 int64_t count, int tiles, struct tile_state *state);
    void (*finish)(const struct tile_state *state, const float *tiles, const uint8_t *list, int count,
                   const struct tile_centroids *centroids, struct tile_found *found);

    /* Nearest and second nearest in double, as tile_distance has it, with the centroids' offsets. */
    void (*two)(const float *tile, const struct tile_centroids *centroids, struct tile_two *two);

    /* Moves the customers of the lanes in the bit set from segment from[lane] to to[lane], each times its
     * weight (NULL: 1): sum[to * features + f] += w x, sum[from * features + f] -= w x, counts likewise. A
     * negative segment is none. Exact as long as no sum needs more than 53 bits. */
    void (*move)(const float *tile, int64_t features, unsigned lanes, const int32_t from[KERNEL_LANES],
                 const int32_t to[KERNEL_LANES], const float *weight, double *sum, int64_t *count);

    /* Random weights of the 16 customers from global row `row` on in the draws 4 `quad` to 4 `quad` + 3
     * (weights.h), which cost hardly more than one: how many of the `steps` rising numbers are not above the
     * customer's word. `purpose`: of the random numbers. */
    void (*weights)(uint64_t seed, uint32_t purpose, int64_t quad, int64_t row, const uint32_t *step,
                    int steps, float weight[4][KERNEL_LANES]);

    /* All places that may be within the limits of the queries, told one by one (near.h). */
    void (*near)(const struct near_tree *tree, struct near_queries *queries,
                 void (*found)(void *context, int lane, int64_t place), void *context);
};

/* The kernels for the widest registers that this machine has, or those that the environment variable
 * LOHKO_VECTORS names (avx512, avx2, plain); NULL where that is unknown or the machine lacks them. Local. */
const struct kernels *kernels_choose(void);

#endif
