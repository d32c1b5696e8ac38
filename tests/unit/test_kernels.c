/* ranks: 1 */
/* The sets of kernels: which one is chosen; sums against plain arithmetic. */
#include "tiles.h"

static const int64_t feature_counts[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 72, 100};
enum { FEATURE_COUNTS = 14 };

static void the_widest_set_or_the_one_named(void **state)
{
    (void)state;
    static const int lanes[SETS] = {16, 8, 4};
    const struct kernels *widest = NULL;
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        if (kernels) {
            assert_string_equal(kernels->name, set_name[s]);
            assert_int_equal(kernels->lanes, lanes[s]);
        }
        widest = widest ? widest : kernels;
    }
    assert_non_null(choose("plain")); /* every machine has it */
    assert_non_null(widest);
    assert_ptr_equal(choose(NULL), widest);
}

static void unknown_names_give_none(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "sse", "AVX2", "avx", "avx5122", "plain "};
    for (int i = 0; i < 6; i++)
        assert_null(choose(unknown[i]));
}

/* ---- sums ---- */

enum { K = 5, GUARD = 16 };

struct move {
    unsigned lanes;
    int32_t from[KERNEL_LANES];
    int32_t to[KERNEL_LANES];
    float weight[KERNEL_LANES];
    bool weighted;
};

/* Whole numbers in the tile; in lanes that nobody moves, NaN. */
static struct move make_move(int64_t i, int64_t d, unsigned lanes, bool weighted)
{
    struct move move = {.lanes = lanes, .weighted = weighted};
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        move.from[lane] = (int32_t)(uniform(11, i, lane) * (K + 1)) - 1;
        move.to[lane] = (int32_t)(uniform(12, i, lane) * (K + 1)) - 1;
        move.weight[lane] = (float)(int)(uniform(13, i, lane) * 13);
        for (int64_t f = 0; f < d; f++) {
            double value = rint(1e6 * (uniform(14, i * MOST_FEATURES + f, lane) - 0.5));
            tiles[f * KERNEL_LANES + lane] = lanes >> lane & 1 ? (float)value : NAN;
        }
    }
    return move;
}

static void check_move(const struct kernels *kernels, const struct move *move, int64_t d)
{
    double sum[K * MOST_FEATURES + GUARD];
    int64_t count[K + GUARD];
    int64_t expected[K * MOST_FEATURES + GUARD];
    int64_t expected_count[K + GUARD];
    for (int64_t i = 0; i < K * MOST_FEATURES + GUARD; i++)
        sum[i] = (double)(expected[i] = 1000 - i); /* sums that have begun, and what stands behind them */
    for (int64_t i = 0; i < K + GUARD; i++)
        count[i] = expected_count[i] = 77 * i;
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        int64_t weight = move->weighted ? (int64_t)move->weight[lane] : 1;
        if (!(move->lanes >> lane & 1))
            continue;
        for (int side = 0; side < 2; side++) {
            int32_t h = side ? move->from[lane] : move->to[lane];
            int64_t signed_weight = side ? -weight : weight;
            if (h < 0)
                continue;
            expected_count[h] += signed_weight;
            for (int64_t f = 0; f < d; f++)
                expected[h * d + f] += signed_weight * (int64_t)tiles[f * KERNEL_LANES + lane];
        }
    }
    kernels->move(tiles, d, move->lanes, move->from, move->to, move->weighted ? move->weight : NULL, sum,
                  count);
    assert_memory_equal(count, expected_count, sizeof count);
    for (int64_t i = 0; i < K * MOST_FEATURES + GUARD; i++)
        assert_true(sum[i] == (double)expected[i]);
}

static void moves_are_exact(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        for (int64_t i = 0; kernels && i < 3000; i++) {
            int64_t d = feature_counts[i % FEATURE_COUNTS];
            unsigned bits = (unsigned)random_bits(15, RANDOM_GENERATE_VALUE, i, 0);
            unsigned lanes = bits & 0xffff;
            if (i % 3 == 0) /* one lane, or two that may be the same */
                lanes = 1U << (bits & 15) | 1U << (bits >> 8 & 15);
            if (i % 29 == 0)
                lanes = i % 2 ? 0xffff : 0;
            struct move move = make_move(i, d, lanes, i / 2 % 2);
            check_move(kernels, &move, d);
        }
    }
}

/* Every subset of eight lanes, low and high. */
static void any_lanes_move(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        for (unsigned lanes = 0; kernels && lanes < 512; lanes++) {
            struct move move = make_move(lanes, 11, lanes < 256 ? lanes : (lanes & 0xff) << 8, lanes % 2);
            check_move(kernels, &move, 11);
        }
    }
}

/* Moving there and back leaves nothing behind: what bounds on sums stand on. */
static void there_and_back_is_nothing(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        for (int64_t i = 0; kernels && i < 100; i++) {
            int64_t d = feature_counts[i % FEATURE_COUNTS];
            double sum[K * MOST_FEATURES] = {0};
            int64_t count[K] = {0};
            struct move move = make_move(i, d, 0xffff, true);
            kernels->move(tiles, d, 0xffff, move.from, move.to, move.weight, sum, count);
            kernels->move(tiles, d, 0xffff, move.to, move.from, move.weight, sum, count);
            for (int64_t j = 0; j < K * MOST_FEATURES; j++)
                assert_true(sum[j] == 0 && count[j % K] == 0);
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_widest_set_or_the_one_named),
    cmocka_unit_test(unknown_names_give_none),
    cmocka_unit_test(moves_are_exact),
    cmocka_unit_test(any_lanes_move),
    cmocka_unit_test(there_and_back_is_nothing),
};

TESTS_MAIN("kernels", tests)
