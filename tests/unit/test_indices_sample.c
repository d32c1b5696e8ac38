/* ranks: 1 2 3 7 */
/* The silhouette of a sample of the customers against all pairs of those who are in it. */
#include <math.h>

#include "segmented.h"

/* Who is in the sample: fewer than `size` customers have lower keys. */
static int64_t mark_sample(const struct sample *sample, int64_t size, uint64_t seed, bool *in)
{
    int64_t rows = sample->customers.partition.rows;
    uint64_t key[ROWS];
    int64_t count = 0;
    for (int64_t row = 0; row < rows; row++)
        key[row] = sample->is_out[row] ? UINT64_MAX : random_bits(seed, RANDOM_SAMPLE, row, 0) >> 1;
    for (int64_t row = 0; row < rows; row++) {
        int64_t lower = 0;
        for (int64_t other = 0; other < rows; other++)
            lower += key[other] < key[row];
        in[row] = !sample->is_out[row] && lower < size;
        count += in[row];
    }
    return count;
}

static void check_sample(const struct measured *measured, int64_t size, uint64_t seed)
{
    bool in[ROWS];
    double value[MOST];
    int64_t sampled = -1;
    int64_t count = mark_sample(&measured->sample, size, seed, in);
    assert_ok(indices_sample_silhouette(&measured->sample.customers, measured->indices, measured->count, size,
                                        seed, value, &sampled));
    assert_int_equal(sampled, count);
    for (int64_t s = 0; s < measured->count; s++) {
        const struct segmented *made = &measured->made[s];
        double sum = 0.0;
        int32_t first = -1;
        bool several = false;
        for (int64_t row = 0; row < measured->sample.customers.partition.rows; row++) {
            if (!in[row])
                continue;
            first = first < 0 ? made->all[row] : first;
            several = several || made->all[row] != first;
            sum += silhouette_by_pairs(&measured->sample, made, row, in, true);
        }
        if (several)
            assert_true(fabs(value[s] - sum / (double)count) < 1e-12);
        else
            assert_true(isnan(value[s]));
    }
}

static void samples_are_those_of_their_pairs(void **state)
{
    (void)state;
    struct measured measured;
    measured_open(&measured, &world, ROWS, clouds, some, of_clouds, CLOUDS);
    check_sample(&measured, 400, 1);
    check_sample(&measured, 33, 2);
    check_sample(&measured, 1, 3);
    check_sample(&measured, 2, 4);
    check_sample(&measured, measured.sample.customers.used - 1, 5);
    measured_close(&measured);
}

static void samples_of_everybody(void **state)
{
    (void)state;
    struct measured measured;
    measured_open(&measured, &world, 60, clouds, some, (struct wanted[]){{5, NULL}, {60, same}}, 2);
    check_sample(&measured, 50, 1); /* exactly all of them */
    check_sample(&measured, INT64_C(1) << 40, 1);
    measured_close(&measured);
    measured_open(&measured, &world, 100, alike, NULL, (struct wanted[]){{3, by_third}, {3, only_one}}, 2);
    check_sample(&measured, 100, 1);
    measured_close(&measured);
}

static void ranks_do_not_change_a_sample(void **state)
{
    (void)state;
    struct measured measured[2];
    double value[2][MOST];
    int64_t sampled[2] = {0};
    for (int i = 0; i < 2; i++) {
        measured_open(&measured[i], i == 0 ? &world : &alone, ROWS, clouds, some, of_clouds, CLOUDS);
        assert_ok(indices_sample_silhouette(&measured[i].sample.customers, measured[i].indices, CLOUDS, 500,
                                            7, value[i], &sampled[i]));
    }
    assert_true(sampled[0] == 500 && sampled[1] == 500);
    assert_memory_equal(value[0], value[1], sizeof value[0]);
    assert_ok(indices_sample_silhouette(&measured[0].sample.customers, measured[0].indices, CLOUDS, 500, 8,
                                        value[1], &sampled[1]));
    assert_true(value[0][0] != value[1][0]); /* another seed, other customers */
    measured_close(&measured[0]);
    measured_close(&measured[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(samples_are_those_of_their_pairs),
    cmocka_unit_test(samples_of_everybody),
    cmocka_unit_test(ranks_do_not_change_a_sample),
};

TESTS_MAIN("indices_sample", tests)
