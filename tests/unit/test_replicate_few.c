/* ranks: 1 2 3 7 */
/* Replicates that have drawn fewer different customers than they have segments, or nobody. */
#include "labels.h"
#include "replicates.h"

enum { KINDS = 12 };

/* ---- customers ---- */

/* A dozen kinds of customers. */
static double kinds(int64_t row, int64_t feature)
{
    int64_t kind = row / 175 % KINDS;
    return feature == 0 ? (double)(kind % 4) : (double)(kind * kind) / 8;
}

/* One of each kind, from all over the file. */
static bool all_but_kinds(int64_t row)
{
    return row % 175 != 3;
}

/* Two of each kind. */
static bool all_but_pairs(int64_t row)
{
    return row % 175 != 3 && row % 175 != 100;
}

/* ---- what must hold of few customers ---- */

/* Replicate `b` has fewer different customers than k: each is a segment, and the other centroids are like one
 * of them and get nobody. Returns how many there are. */
static int64_t check_few(const struct sample *sample, const struct learned *learned, int64_t b)
{
    int64_t k = learned->replicates.k;
    int64_t d = sample->customers.features;
    const double *centroid = centroids(sample, learned, b);
    struct labelling labelling = {.k = k, .centroid = centroid};
    const struct partition *part = &sample->customers.partition;
    int32_t *label = NULL;
    int64_t weight[KINDS];
    double mean[KINDS * 2];
    int64_t full = 0;
    find_means(sample, learned, b, NULL, 0, weight, mean);
    for (int64_t h = 0; h < k; h++) {
        bool is_alike = false;
        for (int64_t g = 0; g < h; g++)
            is_alike =
                is_alike || memcmp(centroid + g * d, centroid + h * d, (size_t)d * sizeof(double)) == 0;
        assert_true((weight[h] == 0) == is_alike);
        full += weight[h] > 0;
    }
    for (int64_t i = 0; i < k * d; i++)
        assert_true(weight[i / d] == 0 || centroid[i] == mean[i]);
    assert_ok(memory_new(&label, part->block_count * BLOCK_ROWS, sizeof *label, "test labels"));
    assert_ok(labelling_open(&labelling, d));
    assert_ok(label_all(&labelling, &sample->customers, label));
    for (int64_t i = 0; i < part->row_count; i++) {
        int64_t row = part->first_row + i;
        int32_t h = sample_nearest(sample, row, centroid, k);
        assert_int_equal(label[i], h);
        assert_true(h < 0 || weight[h] > 0); /* also who was not drawn */
        if (h >= 0 && weight_of(sample, &learned->weighting[b], row) > 0)
            assert_true(sample_distance(sample, row, centroid + h * d) == 0);
    }
    labelling_close(&labelling);
    free(label);
    return full;
}

/* Kinds of customers that a replicate has drawn. */
static int64_t count_drawn(const struct sample *sample, const struct weighting *weighting)
{
    bool drawn[KINDS] = {false};
    int64_t count = 0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (!sample->is_out[row] && weight_of(sample, weighting, row) > 0)
            drawn[row / 175 % KINDS] = true;
    }
    for (int i = 0; i < KINDS; i++)
        count += drawn[i];
    return count;
}

/* ---- few customers ---- */

static void check_kinds(sample_mark out, int64_t k, uint64_t seed, int64_t fewer[2])
{
    struct sample sample;
    struct learned learned;
    struct kmeans_settings settings = plain;
    settings.seed = seed;
    sample_open(&sample, &world, 175 * KINDS, 2, kinds, out);
    weigh(&learned, seed, 8);
    learn(&sample, &settings, k, 10, &learned);
    for (int64_t b = 0; b < 10; b++) {
        int64_t drawn = count_drawn(&sample, &learned.weighting[b]);
        fewer[drawn < k]++;
        if (drawn <= k)
            assert_int_equal(check_few(&sample, &learned, b), drawn);
    }
    forget(&learned);
    sample_close(&sample);
}

static void fewer_customers_than_segments(void **state)
{
    (void)state;
    int64_t fewer[2] = {0, 0};
    for (uint64_t seed = 0; seed < 2; seed++) {
        check_kinds(all_but_kinds, KINDS, seed, fewer);
        check_kinds(all_but_kinds, KINDS - 3, seed, fewer);
        check_kinds(all_but_pairs, KINDS, seed, fewer);
        check_kinds(all_but_kinds, 5, seed, fewer);
    }
    assert_true(fewer[0] >= 5 && fewer[1] >= 20);
}

/* Nobody is drawn: centroids are still customers. */
static void check_nobody(int64_t rows, int64_t k)
{
    struct sample sample;
    int64_t found = 0;
    sample_open(&sample, &world, rows, 2, clouds, NULL);
    for (uint64_t seed = 0; seed < 16; seed++) {
        struct learned learned;
        struct kmeans_settings settings = plain;
        settings.seed = seed;
        weigh(&learned, seed, 2);
        learn(&sample, &settings, k, 4, &learned);
        for (int64_t b = 0; b < 4; b++) {
            int64_t drawn = 0;
            for (int64_t row = 0; row < rows; row++)
                drawn += weight_of(&sample, &learned.weighting[b], row);
            for (int64_t h = 0; h < k && drawn == 0; h++) {
                bool is_customer = false;
                for (int64_t row = 0; row < rows; row++)
                    is_customer = is_customer ||
                                  sample_distance(&sample, row, centroids(&sample, &learned, b) + h * 2) == 0;
                assert_true(is_customer);
            }
            found += drawn == 0;
        }
        forget(&learned);
    }
    assert_true(found > 0);
    sample_close(&sample);
}

static void nobody_is_drawn(void **state)
{
    (void)state;
    check_nobody(1, 1);
    check_nobody(2, 1);
    check_nobody(2, 2);
}

static void fewer_customers_than_segments_at_all(void **state)
{
    (void)state;
    struct sample sample;
    struct learned learned;
    double room[(KINDS + 1) * 2];
    sample_open(&sample, &world, 175 * KINDS, 2, kinds, every_third);
    weigh(&learned, 1, 1);
    struct replicates replicates = {
        .k = KINDS + 1, .spread = 1.0, .weighting = learned.weighting, .count = 1, .centroid = room};
    assert_failure(replicates_learn(&sample.customers, &sample.preparation, &plain, &replicates),
                   EXIT_BAD_DATA, "12 distinct customers");
    assert_int_equal(replicates.done, 0);
    sample_close(&sample);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(fewer_customers_than_segments),
    cmocka_unit_test(nobody_is_drawn),
    cmocka_unit_test(fewer_customers_than_segments_at_all),
};

TESTS_MAIN("few customers of replicates", tests)
