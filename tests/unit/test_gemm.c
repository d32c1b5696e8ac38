/* ranks: 1 */
/* The float filter with products from OpenBLAS: it promises what the filter promises, whatever order OpenBLAS
 * sums in, with more centroids than go into one product and with short lists. */
#include "kernel/gemm.h"
#include "tiles.h"

static const int64_t feature_counts[] = {1, 2, 3, 8, 17, 64, 100};
static const int64_t segment_counts[] = {1, 2, 3, 64, 127, 128, 129, 255, 256, 257, 300};
enum { FEATURE_COUNTS = 7, SEGMENT_COUNTS = 11, LISTS = 4 };

static const uint8_t lists[LISTS][TILES] = {{0, 1, 2, 3}, {1, 3}, {2}, {3, 0, 1}};
static const int list_counts[LISTS] = {4, 2, 1, 3};

static struct gemm gemm;

static void open_gemm(void)
{
    const char *processor = gemm_prepare();
    assert_true(processor && processor[0]);
    assert_ok(
        memory_new(&gemm.x, (int64_t)MOST_FEATURES * KERNEL_TILES * KERNEL_LANES, sizeof *gemm.x, "test"));
    assert_ok(memory_new(&gemm.product, (int64_t)GEMM_CENTROIDS * KERNEL_TILES * KERNEL_LANES,
                         sizeof *gemm.product, "test"));
    assert_ok(memory_new(&gemm.state, KERNEL_TILES, sizeof *gemm.state, "test"));
}

static void close_gemm(void)
{
    free(gemm.x);
    free(gemm.product);
    free(gemm.state);
}

/* What both filters decide is the same, and the reference; the margins hold and are nearly alike. */
static void check_case(const struct kernels *kernels, const struct tile_centroids *centroids, int l)
{
    struct tile_found found[TILES];
    struct tile_found expected[TILES];
    memset(found, 0x5a, sizeof found);
    kernels->filter(tiles, lists[l], list_counts[l], centroids, NULL, expected);
    gemm_filter(kernels, &gemm, tiles, lists[l], list_counts[l], centroids, found);
    for (int i = 0; i < list_counts[l]; i++) {
        check_found(centroids, lists[l][i], &found[i]);
        unsigned decided = ~(found[i].undecided | expected[i].undecided) & 0xffff;
        for (int lane = 0; lane < KERNEL_LANES; lane++)
            assert_true(!(decided >> lane & 1) || found[i].nearest[lane] == expected[i].nearest[lane]);
    }
    for (int i = list_counts[l]; i < TILES; i++)
        assert_int_equal(found[i].undecided, 0x5a5a5a5a);
}

static void check_all(bool duplicates)
{
    open_gemm();
    for (int m = 0; m < MAKERS; m++) {
        for (int i = 0; i < FEATURE_COUNTS * SEGMENT_COUNTS; i++) {
            struct tile_centroids centroids = make(makers[m], feature_counts[i / SEGMENT_COUNTS],
                                                   segment_counts[i % SEGMENT_COUNTS], duplicates);
            for (int s = 0; s < SETS; s++) {
                const struct kernels *kernels = choose(set_name[s]);
                if (kernels)
                    check_case(kernels, &centroids, (i + m) % LISTS);
            }
        }
    }
    close_gemm();
}

static void products_of_openblas_find_the_nearest(void **state)
{
    (void)state;
    check_all(false);
}

static void the_lower_of_two_equal_centroids_wins(void **state)
{
    (void)state;
    check_all(true);
}

/* It must be of use: on plain data it decides what the filter decides, with nearly the same margin. */
static void as_much_is_decided(void **state)
{
    (void)state;
    int left = 0;
    open_gemm();
    for (int64_t d = 4; d <= 64; d *= 4) {
        const struct kernels *kernels = choose(NULL);
        struct tile_centroids centroids = make(random_number, d, 200, false);
        struct tile_found found[TILES];
        struct tile_found expected[TILES];
        kernels->filter(tiles, lists[0], TILES, &centroids, NULL, expected);
        gemm_filter(kernels, &gemm, tiles, lists[0], TILES, &centroids, found);
        for (int t = 0; t < TILES; t++) {
            left += __builtin_popcount(found[t].undecided);
            assert_true(fabsf(found[t].margin - expected[t].margin) < 1e-3F);
        }
    }
    assert_true(left <= 3);
    close_gemm();
}

/* A whole block of 64 tiles, all of them and every third: each tile's own answer. */
static void a_whole_block(void **state)
{
    (void)state;
    enum { FEATURES = 6, K = 150, ROWS = KERNEL_TILES * KERNEL_LANES };
    static _Alignas(64) float block[ROWS * FEATURES];
    static struct tile_found found[KERNEL_TILES];
    static struct tile_found expected[KERNEL_TILES];
    const struct kernels *kernels = choose(NULL);
    uint8_t list[KERNEL_TILES];
    open_gemm();
    struct tile_centroids centroids = make(random_number, FEATURES, K, false);
    for (int64_t i = 0; i < ROWS * FEATURES; i++)
        block[i] = (float)random_number(9, i);
    for (int step = 1; step <= 3; step += 2) {
        int count = 0;
        for (int t = KERNEL_TILES - 1; t >= 0; t -= step)
            list[count++] = (uint8_t)t;
        gemm_filter(kernels, &gemm, block, list, count, &centroids, found);
        kernels->filter(block, list, count, &centroids, block, expected);
        for (int i = 0; i < count; i++) {
            memcpy(tiles, block + (int64_t)list[i] * FEATURES * KERNEL_LANES,
                   FEATURES * KERNEL_LANES * sizeof *tiles);
            tile_nearest_reference(tiles, &centroids, reference[0]);
            check_found(&centroids, 0, &found[i]);
            check_found(&centroids, 0, &expected[i]);
        }
    }
    close_gemm();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(products_of_openblas_find_the_nearest),
    cmocka_unit_test(the_lower_of_two_equal_centroids_wins),
    cmocka_unit_test(as_much_is_decided),
    cmocka_unit_test(a_whole_block),
};

TESTS_MAIN("gemm", tests)
