/* ranks: 1 */
/* The nearest centroids of a tile: every set of kernels against the plain twins, on data made to trip a float
 * filter: ties, duplicates, huge and tiny values, offsets, zeros. */
#include "tiles.h"

static const int64_t feature_counts[] = {1, 2, 3, 5, 8, 16, 17, 64, 100};
static const int64_t segment_counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 64, 257};
enum { FEATURE_COUNTS = 9, SEGMENT_COUNTS = 11, LISTS = 4 };

static const uint8_t lists[LISTS][TILES] = {{0, 1, 2, 3}, {1, 3}, {2}, {3, 0, 1}};
static const int list_counts[LISTS] = {4, 2, 1, 3};

/* ---- twins ---- */

/* Every lane's own answer by tile_distance alone. */
static int32_t nearest_of(const float *values, const struct tile_centroids *centroids, int lane)
{
    int32_t nearest = 0;
    for (int32_t h = 1; h < centroids->k; h++) {
        int64_t d = centroids->features;
        if (tile_distance(values, d, lane, centroid + h * d) <
            tile_distance(values, d, lane, centroid + nearest * d))
            nearest = h;
    }
    return nearest;
}

static void the_reference_is_the_lowest_distance(void **state)
{
    (void)state;
    for (int m = 0; m < MAKERS; m++) {
        for (int d = 0; d < FEATURE_COUNTS; d++) {
            struct tile_centroids centroids = make(makers[m], feature_counts[d], segment_counts[m], d % 2);
            for (int lane = 0; lane < KERNEL_LANES; lane++)
                assert_int_equal(reference[1][lane],
                                 nearest_of(tile_at(feature_counts[d], 1), &centroids, lane));
        }
    }
}

static void distance_is_exact_on_small_integers(void **state)
{
    (void)state;
    for (int d = 0; d < FEATURE_COUNTS; d++) {
        int64_t features = feature_counts[d];
        make(grid_number, features, 3, false);
        for (int lane = 0; lane < KERNEL_LANES; lane++) {
            int64_t expected = 0;
            for (int64_t f = 0; f < features; f++) {
                int64_t difference =
                    (int64_t)tiles[f * KERNEL_LANES + lane] - (int64_t)centroid[2 * features + f];
                expected += difference * difference;
            }
            assert_true(tile_distance(tiles, features, lane, centroid + 2 * features) == (double)expected);
        }
    }
}

/* ---- in double ---- */

/* Expected nearest and second by (distance, number), a stable selection of the two lowest. */
static void check_two(const float *values, const struct tile_centroids *centroids, const struct tile_two *two)
{
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        int32_t first = -1;
        int32_t second = -1;
        double distance[MOST_K];
        for (int32_t h = 0; h < centroids->k; h++) {
            distance[h] =
                tile_distance(values, centroids->features, lane, centroid + h * centroids->features);
            if (first < 0 || distance[h] < distance[first]) {
                second = first;
                first = h;
            } else if (second < 0 || distance[h] < distance[second]) {
                second = h;
            }
        }
        assert_int_equal(two->nearest[lane], first);
        assert_int_equal(two->second[lane], second);
        assert_true(first >= 0 && two->distance[lane] == distance[first]);
        assert_true(second < 0 ? isinf(two->second_distance[lane])
                               : two->second_distance[lane] == distance[second]);
    }
}

/* ---- in float ---- */

/* The filter on a list; then those lanes in double that it could not tell: together the reference. */
static void check_filter(const struct kernels *kernels, const struct tile_centroids *centroids, int l)
{
    struct tile_found found[TILES];
    int count = list_counts[l];
    memset(found, 0x5a, sizeof found);
    kernels->filter(tiles, lists[l], count, centroids, l % 2 ? tiles : NULL, found);
    for (int i = 0; i < count; i++) {
        struct tile_two two;
        check_found(centroids, lists[l][i], &found[i]);
        kernels->two(tile_at(centroids->features, lists[l][i]), centroids, &two);
        for (int lane = 0; lane < KERNEL_LANES; lane++) {
            if (found[i].undecided >> lane & 1)
                found[i].nearest[lane] = two.nearest[lane];
        }
        assert_memory_equal(found[i].nearest, reference[lists[l][i]], sizeof found[i].nearest);
    }
    for (int i = count; i < TILES; i++)
        assert_int_equal(found[i].undecided, 0x5a5a5a5a); /* beyond the list nothing is written */
}

/* x.c as somebody else would sum it: forwards, backwards, or in two halves. */
static float product_of(const float *tile, int64_t d, int lane, const float *c, int way)
{
    float part[2] = {0.0F, 0.0F};
    for (int64_t i = 0; i < d; i++) {
        int64_t f = way == 1 ? d - 1 - i : i;
        part[way == 2 ? i % 2 : 0] += tile[f * KERNEL_LANES + lane] * c[f];
    }
    return part[0] + part[1];
}

/* The same in two steps: products from elsewhere, centroids in parts. */
static void check_steps(const struct kernels *kernels, const struct tile_centroids *centroids, int l, int way)
{
    enum { MOST_PART = 7, STRIDE = TILES * KERNEL_LANES + 5 };
    static float product[MOST_PART * STRIDE];
    struct tile_found found[TILES];
    struct tile_state part_state[TILES];
    int count = list_counts[l];
    int64_t part = way == 0 ? 1 : 3 * way + 1;
    int64_t d = centroids->features;
    kernels->begin(count, part_state);
    for (int64_t h = 0; h < centroids->k; h += part) {
        int64_t some = centroids->k - h < part ? centroids->k - h : part;
        for (int64_t c = 0; c < some; c++) {
            for (int i = 0; i < count * KERNEL_LANES; i++)
                product[c * STRIDE + i] = product_of(tile_at(d, lists[l][i / KERNEL_LANES]), d,
                                                     i % KERNEL_LANES, narrow + (h + c) * d, way);
        }
        kernels->take(product, STRIDE, centroids, h, some, count, part_state);
    }
    kernels->finish(part_state, tiles, lists[l], count, centroids, found);
    for (int i = 0; i < count; i++)
        check_found(centroids, lists[l][i], &found[i]);
}

static void check_case(const struct tile_centroids *centroids, int i)
{
    int tile = i % TILES;
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        if (!kernels)
            continue;
        check_filter(kernels, centroids, i % LISTS);
        if (centroids->k * centroids->features <= 1100)
            check_steps(kernels, centroids, (i + 1) % LISTS, i % 3);
        struct tile_two two;
        kernels->two(tile_at(centroids->features, tile), centroids, &two);
        check_two(tile_at(centroids->features, tile), centroids, &two);
    }
}

static void check_all(bool duplicates)
{
    int i = 0;
    for (int m = 0; m < MAKERS; m++) {
        for (int d = 0; d < FEATURE_COUNTS; d++) {
            for (int k = 0; k < SEGMENT_COUNTS; k++) {
                struct tile_centroids centroids =
                    make(makers[m], feature_counts[d], segment_counts[k], duplicates);
                check_case(&centroids, i++);
            }
        }
    }
}

static void nearest_is_that_of_the_twin(void **state)
{
    (void)state;
    check_all(false);
}

static void the_lower_of_two_equal_centroids_wins(void **state)
{
    (void)state;
    check_all(true);
}

/* The filter must be of use: on plain data it decides nearly everything, and its margin is at least about
 * half of the true one: d2 - d1 is bounded by (d2^2 - d1^2) / (2 d2). */
static void the_filter_decides_plain_data(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        int left = 0;
        int margins = 0;
        for (int64_t d = 2; kernels && d <= 64; d *= 2) {
            struct tile_centroids centroids = make(random_number, d, 12, false);
            struct tile_found found[TILES];
            kernels->filter(tiles, lists[0], TILES, &centroids, NULL, found);
            for (int t = 0; t < TILES; t++) {
                long double least = (long double)INFINITY;
                for (int lane = 0; lane < KERNEL_LANES; lane++)
                    least = fminl(least, true_margin(tile_at(d, t), &centroids, lane, reference[t][lane]));
                left += __builtin_popcount(found[t].undecided);
                if (least > 0.01L) {
                    assert_true((long double)found[t].margin > 0.49L * least);
                    margins++;
                }
            }
        }
        assert_true(!kernels || (left <= 2 && margins >= 12));
    }
}

/* Two centroids as close to equally far as doubles can be, near customers far from zero. */
static void the_filter_leaves_near_ties_to_double(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        int64_t features = feature_counts[i % FEATURE_COUNTS];
        make(offset_number, features, 2, false);
        for (int64_t f = 0; f < features; f++) {
            double at = (double)tiles[f * KERNEL_LANES + i % KERNEL_LANES];
            double step = (uniform(3, i, f) - 0.5) * ldexp(1.0, -(i % 20));
            centroid[f] = at + step;
            centroid[features + f] = at - step * (1 + 0x1p-30 * (double)(i % 3 - 1));
        }
        struct tile_centroids centroids = narrowed(features, 2);
        for (int t = 0; t < TILES; t++)
            tile_nearest_reference(tile_at(features, t), &centroids, reference[t]);
        check_case(&centroids, i);
    }
}

/* All lanes near the middle of two centroids at +-step, ahead by about 2^-j: there the margin is nearly the
 * true one, and so must neither exceed it nor fall far below. */
static void the_margin_is_tight_near_the_middle(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        int64_t d = feature_counts[i % 6];
        int j = 6 + i % 5;
        make(random_number, d, 2, false);
        double length = 0.0;
        for (int64_t f = 0; f < d; f++) {
            centroid[d + f] = random_number(5, i * 100 + f);
            centroid[f] = -centroid[d + f];
            length += centroid[f] * centroid[f];
        }
        for (int t = 0; t < TILES * KERNEL_LANES; t++) {
            float *x = tiles + t / KERNEL_LANES * d * KERNEL_LANES + t % KERNEL_LANES;
            double along = 0.0;
            for (int64_t f = 0; f < d; f++)
                along += (double)x[f * KERNEL_LANES] * centroid[f] / length;
            double wanted = ldexp(1 + uniform(6, i, t), -j) * (t % 3 ? 1 : -1);
            for (int64_t f = 0; f < d; f++)
                x[f * KERNEL_LANES] += (float)((wanted - along) * centroid[f]);
        }
        struct tile_centroids centroids = narrowed(d, 2);
        for (int t = 0; t < TILES; t++)
            tile_nearest_reference(tile_at(d, t), &centroids, reference[t]);
        for (int s = 0; s < SETS; s++) {
            const struct kernels *kernels = choose(set_name[s]);
            struct tile_found found[TILES];
            if (!kernels)
                continue;
            check_case(&centroids, i);
            kernels->filter(tiles, lists[0], TILES, &centroids, NULL, found);
            for (int t = 0; t < TILES; t++) {
                long double least = (long double)INFINITY;
                for (int lane = 0; lane < KERNEL_LANES; lane++)
                    least = fminl(least, true_margin(tile_at(d, t), &centroids, lane, reference[t][lane]));
                assert_true((long double)found[t].margin > 0.9L * least);
            }
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_reference_is_the_lowest_distance),
    cmocka_unit_test(distance_is_exact_on_small_integers),
    cmocka_unit_test(nearest_is_that_of_the_twin),
    cmocka_unit_test(the_lower_of_two_equal_centroids_wins),
    cmocka_unit_test(the_filter_decides_plain_data),
    cmocka_unit_test(the_filter_leaves_near_ties_to_double),
    cmocka_unit_test(the_margin_is_tight_near_the_middle),
};

TESTS_MAIN("tile", tests)
