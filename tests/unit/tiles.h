/* Tiles and centroids made to trip a float filter, and every set of kernels that the machine has. Header
 * only. */
#ifndef LOHKO_TESTS_TILES_H
#define LOHKO_TESTS_TILES_H

#include <math.h>

#include "kernel/tile.h"
#include "support.h"

/* ---- sets of kernels ---- */

static const char *const set_name[] = {"avx512", "avx2", "plain"};
enum { SETS = 3 };

/* What kernels_choose answers when LOHKO_VECTORS is `name`; NULL: when it is not set. */
SUPPORT const struct kernels *choose(const char *name)
{
    const char *given = getenv("LOHKO_VECTORS");
    char *kept = given ? strdup(given) : NULL;
    if (name)
        setenv("LOHKO_VECTORS", name, 1);
    else
        unsetenv("LOHKO_VECTORS");
    const struct kernels *kernels = kernels_choose();
    if (kept)
        setenv("LOHKO_VECTORS", kept, 1);
    else
        unsetenv("LOHKO_VECTORS");
    free(kept);
    return kernels;
}

/* ---- numbers ---- */

/* A way of making numbers: the i-th number of kind 1 (customers) or 2 (centroids). */
typedef double (*maker)(uint64_t kind, int64_t i);

SUPPORT double random_number(uint64_t kind, int64_t i)
{
    return 4 * uniform(kind, i, 0) - 2;
}

SUPPORT double grid_number(uint64_t kind, int64_t i)
{
    return floor(3 * uniform(kind, i, 0)) - 1;
}

/* Centroids halfway between grid points: every customer has ties. */
SUPPORT double half_grid_number(uint64_t kind, int64_t i)
{
    return grid_number(kind, i) + (kind == 2 ? 0.5 : 0.0);
}

SUPPORT double huge_number(uint64_t kind, int64_t i)
{
    return 1e14 * random_number(kind, i);
}

SUPPORT double overflowing_number(uint64_t kind, int64_t i)
{
    return 1e30 * random_number(kind, i);
}

SUPPORT double denormal_number(uint64_t kind, int64_t i)
{
    return 1e-41 * random_number(kind, i);
}

SUPPORT double tiny_number(uint64_t kind, int64_t i)
{
    return 1e-23 * random_number(kind, i); /* squares are below float's range */
}

SUPPORT double offset_number(uint64_t kind, int64_t i)
{
    return 4096.0 + random_number(kind, i) / 256;
}

SUPPORT double zero_number(uint64_t kind, int64_t i)
{
    (void)kind;
    (void)i;
    return 0.0;
}

SUPPORT double zero_customer_number(uint64_t kind, int64_t i)
{
    return kind == 1 ? 0.0 : grid_number(kind, i);
}

SUPPORT double mixed_number(uint64_t kind, int64_t i)
{
    return ldexp(random_number(kind, i), (int)(uniform(kind, i, 1) * 90) - 45);
}

static const maker makers[] = {random_number,      grid_number,          half_grid_number, huge_number,
                               overflowing_number, denormal_number,      tiny_number,      offset_number,
                               zero_number,        zero_customer_number, mixed_number};
enum { MAKERS = sizeof makers / sizeof makers[0] };

/* ---- a few tiles and their centroids ---- */

enum { MOST_FEATURES = 100, MOST_K = 300, TILES = 4 };

static _Alignas(64) float tiles[TILES * MOST_FEATURES * KERNEL_LANES];
static double centroid[MOST_K * MOST_FEATURES];
static float narrow[MOST_K * MOST_FEATURES];
static float half_square[MOST_K];
static int32_t reference[TILES][KERNEL_LANES]; /* by tile_nearest_reference */

SUPPORT const float *tile_at(int64_t features, int tile)
{
    return tiles + tile * features * KERNEL_LANES;
}

SUPPORT struct tile_centroids narrowed(int64_t features, int64_t k)
{
    struct tile_centroids centroids = {
        .k = k, .features = features, .centroid = centroid, .narrow = narrow, .half_square = half_square};
    tile_narrow(&centroids);
    return centroids;
}

/* TILES tiles of customers with their references. With `duplicates` every centroid is there twice. */
SUPPORT struct tile_centroids make(maker number, int64_t features, int64_t k, bool duplicates)
{
    for (int64_t i = 0; i < TILES * features * KERNEL_LANES; i++)
        tiles[i] = (float)number(1, i);
    for (int64_t h = 0; h < k; h++) {
        for (int64_t f = 0; f < features; f++)
            centroid[h * features + f] = number(2, (duplicates ? h / 2 : h) * features + f);
    }
    struct tile_centroids centroids = narrowed(features, k);
    for (int t = 0; t < TILES; t++)
        tile_nearest_reference(tile_at(features, t), &centroids, reference[t]);
    return centroids;
}

/* ---- what a filter promises ---- */

/* How much nearer the nearest centroid of a lane is than any other: long double is exact enough to judge
 * float. */
SUPPORT long double true_margin(const float *tile, const struct tile_centroids *centroids, int lane,
                                int32_t nearest)
{
    long double own = 0;
    long double next = (long double)INFINITY;
    for (int64_t h = 0; h < centroids->k; h++) {
        long double square = 0;
        for (int64_t f = 0; f < centroids->features; f++) {
            long double difference = (long double)tile[f * KERNEL_LANES + lane] -
                                     (long double)centroids->centroid[h * centroids->features + f];
            square += difference * difference;
        }
        if (h == nearest)
            own = sqrtl(square);
        else if (sqrtl(square) < next)
            next = sqrtl(square);
    }
    return next - own;
}

/* Of a tile of make(): what is decided is right, and the margin holds for every lane. */
SUPPORT void check_found(const struct tile_centroids *centroids, int tile, const struct tile_found *found)
{
    assert_true(found->undecided <= 0xffff);
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        if (!(found->undecided >> lane & 1))
            assert_int_equal(found->nearest[lane], reference[tile][lane]);
    }
    assert_true(found->margin >= 0 && found->margin < INFINITY);
    for (int lane = 0; found->margin > 0 && lane < KERNEL_LANES; lane++)
        assert_true(true_margin(tile_at(centroids->features, tile), centroids, lane, reference[tile][lane]) >=
                    (long double)found->margin);
}

#endif
