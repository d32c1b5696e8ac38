/* ranks: 1 2 3 7 */
/* Where k-means begins: customers themselves, all different, spread by distance, the same on any number of
 * ranks. */
#include <math.h>

#include "cluster/recluster.h"
#include "cluster/seed.h"
#include "support.h"

enum { ROWS = 3100, FEATURES = 3, MODELS = 3, MOST_K = 40 };

static double clouds(int64_t row, int64_t feature)
{
    return 20 * uniform(4, row % 8, feature) + uniform(2, row, feature);
}

/* 6 distinct customers: a common one, and five that are rare and far. */
static double few_distinct(int64_t row, int64_t feature)
{
    int64_t kind = row % 500 == 77 ? 1 + row / 500 % 5 : 0;
    return (double)(kind * kind * 10 + feature);
}

static double identical(int64_t row, int64_t feature)
{
    (void)row;
    return (double)feature;
}

/* Distinct, but only just: one quantum apart, beside an outlier. */
static double crowded(int64_t row, int64_t feature)
{
    return row == 1200 ? 30000.0 : (double)((row + feature) % 20) * SAMPLE_QUANTUM;
}

static bool some(int64_t row)
{
    return row % 4 == 1 || row < 1024;
}

static bool is_customer(const struct sample *sample, const double *point)
{
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (!sample->is_out[row] && sample_distance(sample, row, point) == 0)
            return true;
    }
    return false;
}

static void check_centroids(const struct sample *sample, const struct model *model)
{
    int64_t features = sample->customers.features;
    for (int64_t h = 0; h < model->k; h++) {
        assert_true(is_customer(sample, model->centroid + h * features));
        for (int64_t g = 0; g < h; g++)
            assert_memory_not_equal(model->centroid + g * features, model->centroid + h * features,
                                    (size_t)features * sizeof(double));
    }
}

/* Seeds all models, where there are enough different customers; how many there were said to be. */
static int64_t seeded(struct panel *panel, uint64_t seed)
{
    struct seeds seeds;
    int64_t k = panel->model[0].k;
    assert_ok(seeds_draw(panel, k, seed, &seeds));
    int64_t distinct = seeds.candidates.count;
    if (distinct >= k)
        assert_ok(seeds_choose(&seeds, panel, 0, panel->count, 0));
    seeds_free(&seeds);
    return distinct;
}

/* All blocks, in the order in which a batch that grows takes them: not that of the file. */
static void add_in_two_rounds(struct panel *panel)
{
    for (int64_t round = 0; round < 2; round++) {
        for (int64_t b = round; b < panel->customers->partition.blocks; b += 2)
            panel_add(panel, &b, 1);
    }
}

static void check_seeds(sample_value value, sample_mark out, int64_t k)
{
    struct sample sample[2];
    struct panel panel[2];
    struct comm *comms[2] = {&world, &alone};
    for (int i = 0; i < 2; i++) {
        sample_open(&sample[i], comms[i], ROWS, FEATURES, value, out);
        assert_ok(panel_open_alike(&panel[i], &sample[i].customers, &sample[i].preparation, MODELS, k));
        add_in_two_rounds(&panel[i]);
        assert_true(seeded(&panel[i], 42) >= k);
    }
    for (int64_t m = 0; m < MODELS; m++) {
        check_centroids(&sample[0], &panel[0].model[m]);
        assert_memory_equal(panel[0].model[m].centroid, panel[1].model[m].centroid,
                            (size_t)(k * FEATURES) * sizeof(double));
    }
    for (int i = 0; i < 2; i++) {
        panel_close(&panel[i]);
        sample_close(&sample[i]);
    }
}

static void centroids_are_distinct_customers_whatever_the_ranks(void **state)
{
    (void)state;
    check_seeds(clouds, NULL, 1);
    check_seeds(clouds, some, 8);
    check_seeds(clouds, some, MOST_K);
    check_seeds(few_distinct, NULL, 6);
    check_seeds(crowded, NULL, 21);
}

/* Fewer different customers than segments: they are counted, and no centroid is set. */
static void check_too_few(sample_value value, int64_t rows, int64_t k, int64_t expected)
{
    struct sample sample;
    struct panel panel;
    sample_open(&sample, &world, rows, FEATURES, value, NULL);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, MODELS, k));
    panel_add(&panel, NULL, 0);
    for (int64_t m = 0; m < MODELS; m++) {
        for (int64_t i = 0; i < k * FEATURES; i++)
            panel.model[m].centroid[i] = 77.5;
    }
    assert_int_equal(seeded(&panel, 42), expected);
    for (int64_t m = 0; m < MODELS; m++) {
        for (int64_t i = 0; i < k * FEATURES; i++)
            assert_true(panel.model[m].centroid[i] == 77.5);
    }
    panel_close(&panel);
    sample_close(&sample);
}

static void too_few_distinct_customers_are_counted(void **state)
{
    (void)state;
    check_too_few(few_distinct, ROWS, 7, 6);
    check_too_few(identical, ROWS, 2, 1);
    check_too_few(clouds, 1, 2, 1);
    check_too_few(clouds, 3, 5, 3);
    check_too_few(crowded, ROWS, 22, 21);
}

/* Members are all that there is: one block of four, whichever rank has it. */
static void seeds_come_from_the_members(void **state)
{
    (void)state;
    for (int64_t block = 0; block < 4; block++) {
        struct sample sample;
        struct panel panel;
        sample_open(&sample, &world, ROWS, FEATURES, clouds, NULL);
        for (int64_t row = 0; row < ROWS; row++)
            sample.is_out[row] = row / BLOCK_ROWS != block; /* for the check alone */
        assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, MODELS, 20));
        panel_add(&panel, &block, 1);
        assert_true(seeded(&panel, 42) >= 20);
        for (int64_t m = 0; m < MODELS; m++)
            check_centroids(&sample, &panel.model[m]);
        panel_close(&panel);
        sample_close(&sample);
    }
}

static void nobody_is_not_seeded_on(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    const int64_t empty_block = 0;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, some);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, MODELS, 2));
    assert_int_equal(seeded(&panel, 42), 0); /* no members */
    panel_add(&panel, &empty_block, 1);      /* members that take no part */
    assert_int_equal(seeded(&panel, 42), 0);
    panel_close(&panel);
    sample_close(&sample);
}

/* Eight clouds far apart: nearly every draw has one centroid in each. */
static void seeds_are_spread(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    int64_t hit = 0;
    sample_open(&sample, &world, ROWS, FEATURES, clouds, NULL);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, MODELS, 8));
    panel_add(&panel, NULL, 0);
    for (uint64_t seed = 0; seed < 5; seed++) {
        seeded(&panel, seed);
        for (int64_t m = 0; m < MODELS; m++) {
            bool has[8] = {false};
            for (int64_t h = 0; h < 8; h++) {
                for (int64_t cloud = 0; cloud < 8; cloud++) {
                    const double *c = panel.model[m].centroid + h * FEATURES;
                    double low = 20 * uniform(4, cloud, 0);
                    double next = 20 * uniform(4, cloud, 1);
                    has[cloud] |= c[0] >= low - 0.01 && c[0] <= low + 1.01 && c[1] >= next - 0.01 &&
                                  c[1] <= next + 1.01;
                }
            }
            for (int64_t cloud = 0; cloud < 8; cloud++)
                hit += has[cloud];
        }
    }
    assert_true(hit >= 114); /* of 120 */
    panel_close(&panel);
    sample_close(&sample);
}

static void models_and_seeds_differ(void **state)
{
    (void)state;
    struct sample sample;
    struct panel panel;
    double first[8 * FEATURES];
    sample_open(&sample, &world, ROWS, FEATURES, clouds, NULL);
    assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, MODELS, 8));
    panel_add(&panel, NULL, 0);
    seeded(&panel, 1);
    memcpy(first, panel.model[0].centroid, sizeof first);
    assert_memory_not_equal(first, panel.model[1].centroid, sizeof first);
    seeded(&panel, 2);
    assert_memory_not_equal(first, panel.model[0].centroid, sizeof first);
    panel_close(&panel);
    sample_close(&sample);
}

/* Weighted draws: of two candidates at equal distances the one with nine times the weight comes first nine
 * times as often; without weight a candidate comes last. */
static void weights_decide_the_first_draw(void **state)
{
    (void)state;
    enum { DRAWS = 2000 };
    double point[] = {0.0, 10.0, 20.0};
    int64_t weight[] = {9, 0, 1};
    struct candidates candidates = {.count = 3, .capacity = 3, .point = point, .weight = weight};
    struct recluster recluster;
    int64_t first[3] = {0};
    assert_ok(recluster_open(&recluster, &candidates, 1, 77));
    for (int64_t model = 0; model < DRAWS; model++) {
        double centroid[3];
        recluster_choose(&recluster, model, 3, centroid);
        first[(int)(centroid[0] / 10)]++;
        assert_true(centroid[2] == 10.0);
    }
    assert_int_equal(first[1], 0);
    assert_true(fabs((double)first[2] - 200) < 5 * sqrt(180));
    recluster_close(&recluster);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(centroids_are_distinct_customers_whatever_the_ranks),
    cmocka_unit_test(too_few_distinct_customers_are_counted),
    cmocka_unit_test(seeds_come_from_the_members),
    cmocka_unit_test(nobody_is_not_seeded_on),
    cmocka_unit_test(seeds_are_spread),
    cmocka_unit_test(models_and_seeds_differ),
    cmocka_unit_test(weights_decide_the_first_draw),
};

TESTS_MAIN("seed", tests)
