/* ranks: 1 */
/* Keyed draws: published words of Philox, every part of the key counts, plausible distributions. */
#include <math.h>

#include "support.h"

/* The known answers that Random123 publishes for philox4x32-10, as far as the key's order of words allows:
 * all zeros, and all ones. */
static void words_are_those_published(void **state)
{
    (void)state;
    struct random_words zeros = random_draw(0, (enum random_purpose)0, 0, 0);
    const uint32_t expected_zeros[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    assert_memory_equal(zeros.word, expected_zeros, sizeof expected_zeros);
    struct random_words ones = random_draw(UINT64_MAX, (enum random_purpose) - 1, -1, UINT32_MAX);
    const uint32_t expected_ones[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    assert_memory_equal(ones.word, expected_ones, sizeof expected_ones);
}

static void bits_are_the_first_words(void **state)
{
    (void)state;
    for (int64_t row = 0; row < 100; row++) {
        struct random_words words = random_draw(9, RANDOM_BATCH, row, 4);
        uint64_t bits = random_bits(9, RANDOM_BATCH, row, 4);
        assert_true((uint32_t)bits == words.word[0] && (uint32_t)(bits >> 32) == words.word[1]);
        assert_true(random_uniform(9, RANDOM_BATCH, row, 4) == (double)(bits >> 11) * 0x1p-53);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* 64 bits of different keys do not meet by chance. */
static void every_part_of_the_key_counts(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {0, 1, UINT64_C(1) << 32, UINT64_MAX};
    static const int64_t rows[] = {0, 1, INT64_C(1) << 32, INT64_MAX};
    static const uint32_t indices[] = {0, 1, UINT32_MAX};
    uint64_t drawn[4 * 4 * 3 * RANDOM_REPLICATE];
    int count = 0;
    for (int s = 0; s < 4; s++) {
        for (int r = 0; r < 4; r++) {
            for (int i = 0; i < 3; i++) {
                for (int p = RANDOM_FIRST_CENTER; p <= RANDOM_REPLICATE; p++)
                    drawn[count++] = random_bits(seeds[s], (enum random_purpose)p, rows[r], indices[i]);
            }
        }
    }
    qsort(drawn, (size_t)count, sizeof *drawn, compare);
    for (int i = 1; i < count; i++)
        assert_true(drawn[i - 1] != drawn[i]);
}

static void uniform_draws_are_uniform(void **state)
{
    (void)state;
    enum { DRAWS = 100000, BINS = 20 };
    int64_t bin[BINS] = {0};
    for (int64_t i = 0; i < DRAWS; i++) {
        double u = random_uniform(3, RANDOM_OVERSAMPLE, i, 0);
        assert_true(u >= 0 && u < 1);
        bin[(int)(u * BINS)]++;
    }
    double chi_squared = 0.0;
    for (int b = 0; b < BINS; b++) {
        double difference = (double)bin[b] - (double)DRAWS / BINS;
        chi_squared += difference * difference / ((double)DRAWS / BINS);
    }
    assert_true(chi_squared > 4 && chi_squared < 50); /* 19 degrees of freedom: 1 in 5000 lies outside */
}

static void normal_draws_are_normal(void **state)
{
    (void)state;
    enum { PAIRS = 50000 };
    double sum[5] = {0};
    for (int64_t i = 0; i < PAIRS; i++) {
        double z[2];
        random_normal_pair(3, RANDOM_GENERATE_VALUE, i, 0, z);
        assert_true(isfinite(z[0]) && isfinite(z[1]));
        sum[0] += z[0] + z[1];
        sum[1] += z[0] * z[0] + z[1] * z[1];
        sum[2] += z[0] * z[1];
        sum[3] += z[0] * z[0] * z[0] * z[0];
        sum[4] += z[1] > 1.959963985;
    }
    assert_true(fabs(sum[0] / (2 * PAIRS)) < 4 / sqrt(2.0 * PAIRS));
    assert_true(fabs(sum[1] / (2 * PAIRS) - 1) < 4 * sqrt(2 / (2.0 * PAIRS)));
    assert_true(fabs(sum[2] / PAIRS) < 4 / sqrt(PAIRS));
    assert_true(fabs(sum[3] / PAIRS - 3) < 4 * sqrt(96.0 / PAIRS));
    assert_true(fabs(sum[4] / PAIRS - 0.025) < 4 * sqrt(0.025 / PAIRS));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(words_are_those_published),    cmocka_unit_test(bits_are_the_first_words),
    cmocka_unit_test(every_part_of_the_key_counts), cmocka_unit_test(uniform_draws_are_uniform),
    cmocka_unit_test(normal_draws_are_normal),
};

TESTS_MAIN("random", tests)
