/* ranks: 1 */
/* What a model remembers of its customers: labels come back as they were put, and a tile is never due later
 * than its margin allows. */
#include <math.h>

#include "cluster/track.h"
#include "support.h"

enum { KS = 6 };
static const int64_t ks[KS] = {1, 2, 255, 256, 300, 65535};

/* The label of a customer in a turn: in steps up to k - 1, and none now and then. */
static int32_t label_of(int64_t k, int64_t turn, int64_t customer)
{
    double u = uniform(3, turn, customer);
    if (u < 0.1)
        return -1;
    return u > 0.9 ? (int32_t)(k - 1) : (int32_t)(uniform(4, turn, customer) * (double)k);
}

/* Every fourth tile stays as it is. */
static int32_t label_in(int64_t k, int64_t turn, int tile, int64_t customer)
{
    return label_of(k, tile % 4 == 0 ? 0 : turn, customer);
}

/* Puts the labels of `turn` into the tiles of a block; those of `before` must have been there, none if that
 * is negative. */
static void exchange_block(struct track *track, int64_t k, int64_t block, int64_t turn, int64_t before)
{
    for (int t = 0; t < BLOCK_TILES; t++) {
        int32_t label[TILE_ROWS];
        int32_t was[TILE_ROWS];
        unsigned expected = 0;
        for (int lane = 0; lane < TILE_ROWS; lane++) {
            int64_t customer = block * BLOCK_ROWS + t * TILE_ROWS + lane;
            label[lane] = label_in(k, turn, t, customer);
            was[lane] = before < 0 ? -1 : label_in(k, before, t, customer);
            expected |= (unsigned)(label[lane] != was[lane]) << lane;
        }
        int32_t got[TILE_ROWS];
        unsigned changed = track_exchange(track, block, t, label, got);
        assert_int_equal(changed, expected);
        if (changed != 0)
            assert_memory_equal(got, was, sizeof got);
    }
}

static void labels_come_back(void **state)
{
    (void)state;
    enum { BLOCKS = 3 };
    for (int i = 0; i < KS; i++) {
        struct track track = {0};
        assert_ok(track_grow(&track, ks[i], BLOCKS));
        for (int64_t turn = 0; turn < 4; turn++) {
            for (int64_t b = 0; b < BLOCKS; b++)
                exchange_block(&track, ks[i], b, turn, turn - 1);
        }
        track_clear(&track);
        for (int64_t b = 0; b < BLOCKS; b++)
            exchange_block(&track, ks[i], b, 7, -1);
        track_free(&track);
        assert_true(!track.in_use && !track.label && !track.expire && track.blocks == 0);
    }
}

static void check_due(const struct track *track, int64_t block, int tiles, double drift, bool due)
{
    uint8_t list[BLOCK_TILES];
    int count = track_due(track, block, tiles, drift, list);
    assert_int_equal(count, due ? tiles : 0);
    for (int t = 0; t < count; t++)
        assert_int_equal(list[t], t);
}

/* New blocks hold nothing and are due; old ones keep what they held. */
static void growing_keeps_what_was_there(void **state)
{
    (void)state;
    for (int i = 0; i < KS; i++) {
        struct track track = {0};
        for (int64_t blocks = 1; blocks <= 40; blocks *= 3) {
            int64_t before = track.blocks;
            assert_ok(track_grow(&track, ks[i], blocks));
            assert_int_equal(track.blocks, blocks);
            for (int64_t b = 0; b < blocks; b++) {
                bool is_new = b >= before;
                check_due(&track, b, BLOCK_TILES, 0.0, is_new);
                exchange_block(&track, ks[i], b, blocks, is_new ? -1 : before);
                for (int t = 0; t < BLOCK_TILES; t++)
                    track_expire(&track, b, t, 0.0, 1.0F);
            }
        }
        int64_t blocks = track.blocks;
        assert_ok(track_grow(&track, ks[i], blocks - 1)); /* nothing to do */
        assert_int_equal(track.blocks, blocks);
        track_clear(&track);
        for (int64_t b = 0; b < blocks; b++)
            check_due(&track, b, BLOCK_TILES, 0.0, true);
        track_free(&track);
    }
}

/* Room for what is said: with the sanitizers, any access beyond it fails. */
static void bytes_are_those_taken(void **state)
{
    (void)state;
    assert_int_equal(track_block_bytes(1), BLOCK_ROWS + BLOCK_TILES * 4);
    assert_int_equal(track_block_bytes(255), BLOCK_ROWS + BLOCK_TILES * 4);
    assert_int_equal(track_block_bytes(256), 2 * BLOCK_ROWS + BLOCK_TILES * 4);
}

/* Due from drift + margin on and never later, whatever float can hold of it; not due much before. */
static void never_due_too_late(void **state)
{
    (void)state;
    struct track track = {0};
    assert_ok(track_grow(&track, 2, 2));
    for (int64_t i = 0; i < 200000; i++) {
        uint8_t list[BLOCK_TILES];
        double drift = i % 7 == 0 ? 0.0 : ldexp(uniform(5, i, 0), (int)(uniform(5, i, 1) * 140) - 60);
        float margin = (float)ldexp(uniform(5, i, 2), (int)(uniform(5, i, 3) * 120) - 60);
        if (i % 11 == 0)
            margin = 0.0F;
        int tile = (int)(i % BLOCK_TILES);
        track_expire(&track, 1, tile, drift, margin);
        double due = drift + (double)margin; /* rounded: the true sum is within half a step of it */
        const double late[] = {nextafter(due, 0.0), due, due * (1 + 1e-6), due + 1};
        for (int l = 0; l < 4; l++) {
            int count = track_due(&track, 1, tile + 1, late[l], list);
            assert_true(count > 0 && list[count - 1] == tile);
        }
        int count = track_due(&track, 1, tile + 1, due * (1 - 1e-6), list);
        assert_true(due * (1 - 1e-6) >= due || count == 0 || list[count - 1] != tile);
    }
    track_free(&track);
}

/* Of the tiles of a block only those that are due, in order; of a short block only those that it has. */
static void due_tiles_are_listed_in_order(void **state)
{
    (void)state;
    struct track track = {0};
    assert_ok(track_grow(&track, 2, 3));
    for (int64_t b = 0; b < 3; b++) {
        for (int t = 0; t < BLOCK_TILES; t++)
            track_expire(&track, b, t, 0.0, (float)((t * 37 + b) % BLOCK_TILES));
    }
    for (int64_t b = 0; b < 3; b++) {
        for (int tiles = 0; tiles <= BLOCK_TILES; tiles++) {
            uint8_t list[BLOCK_TILES];
            int expected = 0;
            double drift = 20.5;
            int count = track_due(&track, b, tiles, drift, list);
            for (int t = 0; t < tiles; t++) {
                if ((t * 37 + b) % BLOCK_TILES <= 20)
                    assert_true(expected < count && list[expected++] == t);
            }
            assert_int_equal(count, expected);
        }
    }
    track_free(&track);
}

/* At least the sum of the two largest moves, and not much more. */
static void drift_is_the_two_largest_moves(void **state)
{
    (void)state;
    enum { MOST_K = 9, MOST_FEATURES = 33 };
    double before[MOST_K * MOST_FEATURES];
    double after[MOST_K * MOST_FEATURES];
    for (int64_t i = 0; i < 5000; i++) {
        int64_t k = 1 + i % MOST_K;
        int64_t d = 1 + i * 7 % MOST_FEATURES;
        long double largest = 0;
        long double next = 0;
        for (int64_t h = 0; h < k; h++) {
            double size = ldexp(1.0, (int)(uniform(6, i, h) * 80) - 40) * (i % 5 == 0 ? 1 : uniform(7, i, h));
            if (i % 6 == 0)
                size = h % 2 ? 0.0 : 1.0;
            long double square = 0;
            for (int64_t f = 0; f < d; f++) {
                int64_t at = h * d + f;
                before[at] = uniform(8, i, at) - 0.5;
                after[at] = before[at] + size * (uniform(9, i, at) - 0.5);
                long double moved = (long double)after[at] - (long double)before[at];
                square += moved * moved;
            }
            long double length = sqrtl(square);
            next = length > largest ? largest : fmaxl(next, length);
            largest = fmaxl(largest, length);
        }
        double drift = track_drift(before, after, k, d);
        assert_true((long double)drift >= largest + next);
        assert_true((long double)drift <= (largest + next) * (1 + 1e-5L));
    }
    assert_true(track_drift(before, before, MOST_K, MOST_FEATURES) == 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(labels_come_back),
    cmocka_unit_test(growing_keeps_what_was_there),
    cmocka_unit_test(bytes_are_those_taken),
    cmocka_unit_test(never_due_too_late),
    cmocka_unit_test(due_tiles_are_listed_in_order),
    cmocka_unit_test(drift_is_the_two_largest_moves),
};

TESTS_MAIN("track", tests)
