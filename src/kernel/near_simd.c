/* The walk of near.h, compiled for each width of vector registers as tile_simd.c is. Contraction is allowed:
 * float decides nothing for good here. */
#include "kernel/near.h"

#include "kernel/vector.h"

enum { GROUP = 8 / VECTOR_PARTS }; /* places at a time: their sums fill the registers */

typedef floats tile_floats[VECTOR_PARTS];

struct walk {
    const struct near_tree *tree;
    struct near_queries *queries;
    near_found found;
    void *context;
    float shrink; /* of squared distances to boxes: their own rounding */
};

/* A bit for every lane where not a > b: a NaN passes. */
VECTOR_INLINE unsigned lanes_within(const floats *a, const floats *b)
{
    unsigned above = 0;
#pragma GCC unroll 4
    for (int64_t p = 0; p < VECTOR_PARTS; p++)
        above |= floats_above(a[p], b[p]) << (p * VECTOR_LANES);
    return ~above & 0xFFFFU;
}

/* The lanes that a place of this weight at these squared distances is within the limit of. */
VECTOR_INLINE unsigned lanes_near(const struct near_queries *queries, const float *scaled,
                                  const floats *square, float weight)
{
    tile_floats limit;
#pragma GCC unroll 4
    for (int64_t p = 0; p < VECTOR_PARTS; p++)
        limit[p] = floats_load(scaled + p * VECTOR_LANES) +
                   floats_load(queries->limit + p * VECTOR_LANES) * floats_all(weight);
    return lanes_within(square, limit);
}

/* Adds coordinates [from, to) to the sums of `group` places. */
VECTOR_INLINE void add_products(const float *factor, const float *row, int64_t stride, int64_t from,
                                int64_t to, const int group, tile_floats *sum)
{
    for (int64_t f = from; f < to; f++) {
        tile_floats x;
#pragma GCC unroll 4
        for (int64_t p = 0; p < VECTOR_PARTS; p++)
            x[p] = floats_load(factor + f * KERNEL_LANES + p * VECTOR_LANES);
#pragma GCC unroll 8
        for (int g = 0; g < group; g++) {
            floats c = floats_all(row[g * stride + f]);
#pragma GCC unroll 4
            for (int64_t p = 0; p < VECTOR_PARTS; p++)
                sum[g][p] += x[p] * c;
        }
    }
}

static void tell(const struct walk *walk, unsigned lanes, int64_t place)
{
    lanes &= (1U << walk->queries->lanes) - 1;
    for (; lanes; lanes &= lanes - 1)
        walk->found(walk->context, __builtin_ctz(lanes), place);
}

/* `group` places from `place` on; those whose first coordinates already are too far are done with. */
VECTOR_INLINE void look_at(const struct walk *walk, int64_t place, const int group)
{
    const struct near_tree *tree = walk->tree;
    struct near_queries *queries = walk->queries;
    int64_t d = tree->features;
    int64_t stride = d + NEAR_CONSTANTS;
    const float *row = tree->row + place * stride;
    tile_floats sum[GROUP];
    unsigned lanes[GROUP];
    unsigned any = 0;
    const float *squares = tree->half ? queries->half_square : queries->square;
    const int which = tree->half ? NEAR_HALF_SQUARE : NEAR_SQUARE;
#pragma GCC unroll 8
    for (int g = 0; g < group; g++)
#pragma GCC unroll 4
        for (int64_t p = 0; p < VECTOR_PARTS; p++)
            sum[g][p] = floats_load(squares + p * VECTOR_LANES) + floats_all(row[g * stride + d + which]);
    add_products(queries->factor, row, stride, 0, tree->half ? tree->half : d, group, sum);
#pragma GCC unroll 8
    for (int g = 0; g < group; g++) {
        lanes[g] = lanes_near(queries, queries->scaled, sum[g], row[g * stride + d + NEAR_WEIGHT]);
        any |= lanes[g];
    }
    if (any && tree->half) {
        any = 0;
#pragma GCC unroll 8
        for (int g = 0; g < group; g++) {
            const float *constant = row + g * stride + d;
            floats rest = floats_all(constant[NEAR_SQUARE] - constant[NEAR_HALF_SQUARE]);
#pragma GCC unroll 4
            for (int64_t p = 0; p < VECTOR_PARTS; p++)
                sum[g][p] += floats_load(queries->square + p * VECTOR_LANES) -
                             floats_load(queries->half_square + p * VECTOR_LANES) + rest;
        }
        add_products(queries->factor, row, stride, tree->half, d, group, sum);
#pragma GCC unroll 8
        for (int g = 0; g < group; g++) {
            lanes[g] &= lanes_near(queries, queries->scaled, sum[g], row[g * stride + d + NEAR_WEIGHT]);
            any |= lanes[g];
        }
    }
    if (any) {
        for (int g = 0; g < group; g++)
            tell(walk, lanes[g], place + g);
    }
}

static void look_into_cell(const struct walk *walk, int64_t cell)
{
    int64_t place = cell * NEAR_CELL;
    int64_t end = place + NEAR_CELL < walk->tree->count ? place + NEAR_CELL : walk->tree->count;
    walk->queries->pairs += end - place;
    for (; place + GROUP <= end; place += GROUP)
        look_at(walk, place, GROUP);
    for (; place < end; place++)
        look_at(walk, place, 1);
}

/* Squared distances of the queries to a box. */
VECTOR_INLINE void box_distance(const struct walk *walk, const float *low, tile_floats square)
{
    int64_t d = walk->tree->features;
    const float *high = low + d;
    const floats zero = floats_all(0.0F);
#pragma GCC unroll 4
    for (int64_t p = 0; p < VECTOR_PARTS; p++)
        square[p] = zero;
    for (int64_t f = 0; f < d; f++) {
#pragma GCC unroll 4
        for (int64_t p = 0; p < VECTOR_PARTS; p++) {
            floats q = floats_load(walk->queries->coordinate + f * KERNEL_LANES + p * VECTOR_LANES);
            floats outside = floats_max(floats_max(floats_all(low[f]) - q, q - floats_all(high[f])), zero);
            square[p] += outside * outside;
        }
    }
#pragma GCC unroll 4
    for (int64_t p = 0; p < VECTOR_PARTS; p++)
        square[p] *= floats_all(walk->shrink);
}

/* Whether a query may have what it looks for in a node at these distances. */
VECTOR_INLINE bool is_open(const struct walk *walk, int level, int64_t node, const tile_floats square)
{
    const struct near_tree *tree = walk->tree;
    const struct near_queries *queries = walk->queries;
    const float *box = tree->box[level] + node * (2 * tree->features + NEAR_CONSTANTS);
    unsigned lanes = lanes_near(queries, queries->for_boxes, square, box[2 * tree->features + NEAR_WEIGHT]);
    if (tree->set[0] && tree->set[level][node] >= 0) {
        for (int lane = 0; lane < queries->lanes; lane++) {
            if (queries->set[lane] == tree->set[level][node])
                lanes &= ~(1U << lane);
        }
    }
    return (lanes & ((1U << queries->lanes) - 1)) != 0 || tree->everywhere;
}

VECTOR_INLINE float nearness(const tile_floats square)
{
    floats sum = square[0];
    for (int64_t p = 1; p < VECTOR_PARTS; p++)
        sum += square[p];
    float all[VECTOR_LANES];
    floats_store(sum, all);
    float total = 0.0F;
    for (int i = 0; i < VECTOR_LANES; i++)
        total += all[i];
    return total;
}

/* Both halves of a node, the nearer one first; what is found there may close the other. */
static void look_into(const struct walk *walk, int level, int64_t node)
{
    const struct near_tree *tree = walk->tree;
    if (level == 0) {
        look_into_cell(walk, node);
        return;
    }
    int64_t below = tree->nodes[level - 1];
    int64_t size = 2 * tree->features + NEAR_CONSTANTS;
    int64_t child[2] = {2 * node, 2 * node + 1};
    if (child[1] >= below) {
        look_into(walk, level - 1, child[0]);
        return;
    }
    tile_floats square[2];
    for (int i = 0; i < 2; i++)
        box_distance(walk, tree->box[level - 1] + child[i] * size, square[i]);
    int first = nearness(square[1]) < nearness(square[0]) ? 1 : 0;
    if (is_open(walk, level - 1, child[first], square[first]))
        look_into(walk, level - 1, child[first]);
    if (is_open(walk, level - 1, child[!first], square[!first]))
        look_into(walk, level - 1, child[!first]);
}

#define NAMED(name) NAMED_AGAIN(name)
#define NAMED_AGAIN(name) near_##name

void NAMED(VECTOR_NAME)(const struct near_tree *tree, struct near_queries *queries, near_found found,
                        void *context);

void NAMED(VECTOR_NAME)(const struct near_tree *tree, struct near_queries *queries, near_found found,
                        void *context)
{
    struct walk walk = {.tree = tree,
                        .queries = queries,
                        .found = found,
                        .context = context,
                        .shrink = 1.0F - (float)(tree->features + 8) * 0x1p-23F};
    if (tree->levels > 0)
        look_into(&walk, tree->levels - 1, 0);
}
