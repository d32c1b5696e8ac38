/* ranks: 1 */
/* Weights that blocks keep for several weightings are those of each customer alone, whatever the order in
 * which they are asked for. */
#include "cluster/weighting.h"
#include "support.h"

enum { BLOCKS = 3, ASKED = 20000 };

static const struct weighting one = {WEIGHTING_ONE, 1, 0};

static struct block block_of(int64_t number)
{
    return (struct block){.block = number, .first_row = number * BLOCK_ROWS, .rows = BLOCK_ROWS};
}

/* Fails unless the cache gives what weighting_tile gives. */
static void ask(struct weights *weights, const struct weighting *weighting, int64_t block, int tile)
{
    float expected[TILE_ROWS];
    struct block asked = block_of(block);
    const float *got = weights_tile(weights, weighting, &asked, tile);
    weighting_tile(weighting, weights->kernels, asked.first_row + (int64_t)tile * TILE_ROWS, expected);
    assert_memory_equal(got, expected, sizeof expected);
}

static uint64_t roll(int64_t row, uint32_t index, uint64_t sides)
{
    return random_bits(5, RANDOM_GENERATE_VALUE, row, index) % sides;
}

/* A few tiles of a few blocks by a few weightings, so that what is kept is often wanted again, and as often
 * is another's. */
static void any_order_gives_the_same_weights(void **state)
{
    (void)state;
    static const enum weighting_kind kind[] = {WEIGHTING_ONE, WEIGHTING_REPLICATE, WEIGHTING_FIRST_HALF,
                                               WEIGHTING_SECOND_HALF};
    static const uint64_t seed[] = {0, 1, UINT64_C(1) << 40};
    static const int64_t index[] = {0, 1, 3, 4, 7, INT64_C(1) << 33, (INT64_C(1) << 34) + 3};
    static const int tile[] = {0, 1, 31, 32, BLOCK_TILES - 1};
    struct weights weights;
    weights_open(&weights, kernels_choose());
    struct weighting weighting = one;
    int64_t block = 0;
    for (int64_t i = 0; i < ASKED; i++) {
        /* mostly only one of them changes */
        uint64_t change = roll(i, 0, 6);
        if (change == 0)
            weighting.kind = kind[roll(i, 1, 4)];
        if (change == 1)
            weighting.seed = seed[roll(i, 2, 3)];
        if (change == 2 || change == 3)
            weighting.index = index[roll(i, 3, 7)];
        if (change == 4)
            block = (int64_t)roll(i, 4, BLOCKS) << (roll(i, 5, 2) ? 30 : 0);
        ask(&weights, &weighting, block, tile[roll(i, 6, 5)]);
    }
}

/* As panels and tables ask: block by block, for each weighting all tiles in turn. */
static void blocks_one_after_the_other(void **state)
{
    (void)state;
    struct weights weights;
    weights_open(&weights, kernels_choose());
    for (int64_t block = 0; block < BLOCKS; block++) {
        for (int64_t w = 0; w < 9; w++) {
            struct weighting replicate = {WEIGHTING_REPLICATE, 3, w};
            struct weighting half = {w % 2 ? WEIGHTING_SECOND_HALF : WEIGHTING_FIRST_HALF, 3, w / 2};
            for (int tile = 0; tile < BLOCK_TILES; tile++)
                ask(&weights, &replicate, block, tile);
            for (int tile = 0; tile < BLOCK_TILES; tile++)
                ask(&weights, &half, block, tile);
        }
    }
}

/* The first thing that is asked of the cache may be the first tile of the first block. */
static void nothing_is_known_at_first(void **state)
{
    (void)state;
    static const struct weighting first = {WEIGHTING_REPLICATE, 0, 0};
    struct weights weights;
    memset(&weights, 0, sizeof weights);
    weights.known = UINT64_MAX;
    weights.drawn = first;
    weights_open(&weights, kernels_choose());
    ask(&weights, &first, 0, 0);
}

static void halves_complement_each_other(void **state)
{
    (void)state;
    struct weights weights;
    weights_open(&weights, kernels_choose());
    for (int64_t index = 0; index < 6; index++) {
        struct weighting first = {WEIGHTING_FIRST_HALF, 11, index};
        struct weighting second = {WEIGHTING_SECOND_HALF, 11, index};
        int64_t in_first = 0;
        for (int64_t number = 0; number < BLOCKS; number++) {
            struct block block = block_of(number);
            for (int tile = 0; tile < BLOCK_TILES; tile++) {
                float kept[TILE_ROWS];
                memcpy(kept, weights_tile(&weights, &first, &block, tile), sizeof kept);
                const float *other = weights_tile(&weights, &second, &block, tile);
                for (int lane = 0; lane < TILE_ROWS; lane++) {
                    assert_true((kept[lane] == 0 && other[lane] == 1) ||
                                (kept[lane] == 1 && other[lane] == 0));
                    in_first += kept[lane] == 1;
                }
            }
        }
        /* of 3072, with a standard deviation of 28 */
        assert_true(in_first > 1536 - 140 && in_first < 1536 + 140);
    }
}

static void everybody_weighs_one(void **state)
{
    (void)state;
    struct weights weights;
    weights_open(&weights, kernels_choose());
    struct weighting replicate = {WEIGHTING_REPLICATE, 1, 0};
    struct block block = block_of(2);
    for (int tile = 0; tile < BLOCK_TILES; tile++) {
        float direct[TILE_ROWS];
        ask(&weights, &replicate, 2, tile);
        const float *weight = weights_tile(&weights, &one, &block, tile);
        weighting_tile(&one, weights.kernels, block.first_row + (int64_t)tile * TILE_ROWS, direct);
        for (int lane = 0; lane < TILE_ROWS; lane++)
            assert_true(weight[lane] == 1 && direct[lane] == 1);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_order_gives_the_same_weights),
    cmocka_unit_test(blocks_one_after_the_other),
    cmocka_unit_test(nothing_is_known_at_first),
    cmocka_unit_test(halves_complement_each_other),
    cmocka_unit_test(everybody_weighs_one),
};

TESTS_MAIN("weights of blocks", tests)
