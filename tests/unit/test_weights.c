/* ranks: 1 */
/* Bootstrap weights: each the number of steps of Poisson's distribution function that a keyed random word has
 * reached; every set of kernels alike. */
#include "kernel/weights.h"
#include "tiles.h"

/* By the definition: one word of one draw. */
static float weight_of(uint64_t seed, int64_t replicate, int64_t row)
{
    struct random_words words = random_draw(seed, RANDOM_REPLICATE, row, (uint32_t)(replicate / 4));
    int weight = 0;
    while (weight < WEIGHT_STEPS && words.word[replicate % 4] >= weight_step[weight])
        weight++;
    return (float)weight;
}

/* weight_step is 2^32 P(weight <= j), rounded; beyond WEIGHT_MOST there is next to nothing. */
static void steps_are_those_of_poisson(void **state)
{
    (void)state;
    long double share = expl(-1);
    long double total = 0;
    for (int j = 0; j < WEIGHT_STEPS; j++) {
        total += share;
        assert_int_equal(weight_step[j], (int64_t)rintl(total * 0x1p32L));
        share /= j + 1;
    }
    assert_true(1 - total - share < 0x1p-33L);
    assert_int_equal(WEIGHT_MOST, WEIGHT_STEPS);
}

static void weights_are_those_of_the_definition(void **state)
{
    (void)state;
    static const int64_t firsts[] = {
        0, 16, 1 << 20, (INT64_C(1) << 32) - 16, (INT64_C(1) << 32) - 8, INT64_C(1) << 32, INT64_C(5) << 33};
    static const uint64_t seeds[] = {0, 1, UINT64_C(1) << 32, UINT64_C(0xfedcba9876543210), UINT64_MAX};
    for (int s = 0; s < SETS; s++) {
        const struct kernels *kernels = choose(set_name[s]);
        for (int i = 0; kernels && i < 7 * 5; i++) {
            for (int64_t replicate = 0; replicate < 10; replicate++) {
                float weight[4][KERNEL_LANES];
                kernels->weights(seeds[i % 5], RANDOM_REPLICATE, replicate / 4, firsts[i / 5], weight_step,
                                 WEIGHT_STEPS, weight);
                for (int lane = 0; lane < KERNEL_LANES; lane++)
                    assert_true(weight[replicate % 4][lane] ==
                                weight_of(seeds[i % 5], replicate, firsts[i / 5] + lane));
            }
        }
    }
}

/* Poisson(1) has mean and variance 1 and fourth central moment 4: 10^6 draws are off by 5 standard errors at
 * most. Two replicates are uncorrelated. */
static void many_weights_have_mean_and_variance_one(void **state)
{
    (void)state;
    enum { DRAWS = 1000000, REPLICATES = 8 };
    const struct kernels *kernels = choose(NULL);
    double sum[REPLICATES] = {0};
    double squares[REPLICATES] = {0};
    double product[REPLICATES] = {0};
    for (int64_t row = 0; row < DRAWS; row += KERNEL_LANES) {
        float weight[REPLICATES][KERNEL_LANES];
        for (int r = 0; r < REPLICATES; r += 4)
            kernels->weights(20, RANDOM_REPLICATE, r / 4, row, weight_step, WEIGHT_STEPS, weight + r);
        for (int r = 0; r < REPLICATES; r++) {
            for (int lane = 0; lane < KERNEL_LANES; lane++) {
                double deviation = (double)weight[r][lane] - 1;
                sum[r] += deviation;
                squares[r] += deviation * deviation;
                product[r] += r > 0 ? deviation * ((double)weight[r - 1][lane] - 1) : 0.0;
            }
        }
    }
    for (int r = 0; r < REPLICATES; r++) {
        assert_true(fabs(sum[r] / DRAWS) < 5 / sqrt(DRAWS));
        assert_true(fabs(squares[r] / DRAWS - 1) < 5 * sqrt((4.0 - 1.0) / DRAWS));
        assert_true(fabs(product[r] / DRAWS) < 5 / sqrt(DRAWS));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(steps_are_those_of_poisson),
    cmocka_unit_test(weights_are_those_of_the_definition),
    cmocka_unit_test(many_weights_have_mean_and_variance_one),
};

TESTS_MAIN("weights", tests)
