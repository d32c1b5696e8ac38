/* ranks: 1 2 3 7 */
/* Silhouette, Calinski-Harabasz, Davies-Bouldin against what their definitions say of all pairs of customers;
 * the same bytes on any number of ranks. */
#include <math.h>

#include "segmented.h"
#include "tiles.h"

/* Distances are small differences of large numbers. */
static double far_off(int64_t row, int64_t feature)
{
    return 20000 + clouds(row, feature);
}

/* Three points, many customers on each. */
static double points(int64_t row, int64_t feature)
{
    return (double)(row % 3) * 0.7 + (double)feature;
}

/* ---- the definitions ---- */

static double distance_to_mean(const struct sample *sample, const struct segmented *made, int64_t row,
                               int64_t h)
{
    double square = 0.0;
    int64_t features = sample->customers.features;
    for (int64_t f = 0; f < features; f++) {
        double mean = made->sum[h * features + f] / (double)made->size[h];
        double difference = (double)sample->all[row * features + f] - mean;
        square += difference * difference;
    }
    return sqrt(square);
}

/* |mean - mean|; to the mean of all where l is k. */
static double between_means(const struct sample *sample, const struct segmented *made, int64_t h, int64_t l)
{
    int64_t features = sample->customers.features;
    __float128 square = 0;
    for (int64_t f = 0; f < features; f++) {
        __float128 sum = 0;
        for (int64_t m = 0; m < made->indices.k; m++)
            sum += l == m || l == made->indices.k ? (__float128)made->sum[m * features + f] : 0;
        int64_t size = l == made->indices.k ? sample->customers.used : made->size[l];
        __float128 difference = (__float128)made->sum[h * features + f] / made->size[h] - sum / size;
        square += difference * difference;
    }
    return sqrt((double)square);
}

/* Everything but the silhouette. */
static void check_means(const struct sample *sample, const struct segmented *made, int64_t filled)
{
    const struct indices *got = &made->indices;
    double inertia = 0.0;
    double between = 0.0;
    double worst_sum = 0.0;
    double mean_distance[100] = {0};
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int32_t h = made->all[row];
        if (h < 0)
            continue;
        double distance = distance_to_mean(sample, made, row, h);
        inertia += distance * distance;
        mean_distance[h] += distance / (double)made->size[h];
    }
    for (int64_t h = 0; h < got->k; h++) {
        double worst = 0.0;
        for (int64_t l = 0; made->size[h] > 0 && l < got->k; l++) {
            double apart = made->size[l] > 0 ? between_means(sample, made, h, l) : 0.0;
            if (apart > 0)
                worst = fmax(worst, (mean_distance[h] + mean_distance[l]) / apart);
        }
        worst_sum += worst;
        double away = made->size[h] > 0 ? between_means(sample, made, h, got->k) : 0.0;
        between += (double)made->size[h] * away * away;
    }
    double freedom = (double)(sample->customers.used - filled) / (double)(filled - 1);
    assert_close(got->inertia, inertia, 1e-11);
    assert_close(got->calinski_harabasz, inertia == 0 ? 1.0 : between / inertia * freedom, 1e-11);
    assert_close(got->davies_bouldin, worst_sum / (double)filled, 1e-11);
}

static void check_silhouettes(const struct sample *sample, const struct segmented *made)
{
    double sum[100] = {0};
    double all = 0.0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        int32_t h = made->all[row];
        if (h < 0)
            continue;
        double silhouette = silhouette_by_pairs(sample, made, row, NULL, false);
        sum[h] += silhouette;
        all += silhouette;
    }
    assert_true(fabs(made->indices.silhouette - all / (double)sample->customers.used) < 1e-12);
    for (int64_t h = 0; h < made->indices.k; h++) {
        double got = made->indices.segment_silhouette[h];
        if (made->size[h] > 0)
            assert_true(fabs(got - sum[h] / (double)made->size[h]) < 1e-12);
        else
            assert_true(isnan(got));
    }
}

static void check_indices(const struct sample *sample, const struct segmented *made)
{
    const struct indices *got = &made->indices;
    int64_t filled = 0;
    for (int64_t h = 0; h < got->k; h++)
        filled += made->size[h] > 0;
    if (filled > 1) {
        check_means(sample, made, filled);
        check_silhouettes(sample, made);
        return;
    }
    double inertia = 0.0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (made->all[row] >= 0)
            inertia += pow(distance_to_mean(sample, made, row, made->all[row]), 2);
    }
    assert_close(got->inertia, inertia, 1e-11);
    assert_true(isnan(got->silhouette) && isnan(got->calinski_harabasz) && isnan(got->davies_bouldin));
    for (int64_t h = 0; h < got->k; h++)
        assert_true(isnan(got->segment_silhouette[h]));
}

/* ---- tests ---- */

static void check(int64_t rows, sample_value value, sample_mark out, const struct wanted *wanted,
                  int64_t count)
{
    struct measured measured;
    measured_open(&measured, &world, rows, value, out, wanted, count);
    for (int64_t s = 0; s < count; s++)
        check_indices(&measured.sample, &measured.made[s]);
    measured_close(&measured);
}

static void indices_are_those_of_all_pairs(void **state)
{
    (void)state;
    check(ROWS, clouds, some, of_clouds, CLOUDS);
    check(ROWS, clouds, NULL, of_clouds, 3);
}

static void far_from_zero(void **state)
{
    (void)state;
    check(ROWS, far_off, some, of_clouds, 4);
}

static void all_alone(void **state)
{
    (void)state;
    struct measured measured;
    measured_open(&measured, &world, 6, clouds, NULL, &(struct wanted){9, same}, 1);
    const struct indices *got = measured.indices;
    check_indices(&measured.sample, &measured.made[0]);
    assert_true(got->inertia == 0 && got->silhouette == 0 && got->calinski_harabasz == 1);
    assert_true(got->davies_bouldin == 0 && got->segment_silhouette[5] == 0 &&
                isnan(got->segment_silhouette[6]));
    measured_close(&measured);
    check(1, clouds, NULL, &(struct wanted){1, NULL}, 1);
    check(2, clouds, NULL, &(struct wanted){2, same}, 1);
}

/* No distance between anybody, or none within a segment. */
static void duplicates(void **state)
{
    (void)state;
    struct measured measured;
    static const struct wanted wanted[] = {{5, muddled}, {3, by_third}, {3, NULL}};
    measured_open(&measured, &world, ROWS, alike, some, wanted, 2);
    for (int s = 0; s < 2; s++) {
        const struct indices *got = &measured.indices[s];
        check_indices(&measured.sample, &measured.made[s]);
        assert_true(got->inertia == 0 && got->silhouette == 0 && got->segment_silhouette[1] == 0);
        assert_true(got->calinski_harabasz == 1 && got->davies_bouldin == 0);
    }
    measured_close(&measured);
    measured_open(&measured, &world, ROWS, points, some, wanted, 3);
    for (int s = 0; s < 3; s++)
        check_indices(&measured.sample, &measured.made[s]);
    assert_true(measured.indices[1].inertia == 0 && measured.indices[1].silhouette == 1);
    assert_true(measured.indices[2].davies_bouldin == 0 && measured.indices[2].calinski_harabasz == 1);
    measured_close(&measured);
}

static void check_same(const struct measured *a, const struct measured *b)
{
    for (int64_t s = 0; s < a->count; s++) {
        const struct indices *x = &a->indices[s];
        const struct indices *y = &b->indices[s];
        double one[] = {x->inertia, x->silhouette, x->calinski_harabasz, x->davies_bouldin};
        double other[] = {y->inertia, y->silhouette, y->calinski_harabasz, y->davies_bouldin};
        assert_memory_equal(one, other, sizeof one);
        assert_memory_equal(x->segment_silhouette, y->segment_silhouette, (size_t)x->k * sizeof(double));
    }
}

static void ranks_and_kernels_do_not_change_a_bit(void **state)
{
    (void)state;
    struct measured measured;
    struct measured own;
    measured_open(&measured, &world, ROWS, clouds, some, of_clouds, CLOUDS);
    measured_open(&own, &alone, ROWS, clouds, some, of_clouds, CLOUDS);
    check_same(&measured, &own);
    for (int set = 0; set < SETS; set++) {
        own.sample.customers.kernels = choose(set_name[set]);
        if (!own.sample.customers.kernels)
            continue;
        for (int64_t s = 0; s < CLOUDS; s++)
            indices_free(&own.indices[s]);
        for (int64_t s = 0; s < CLOUDS; s++)
            own.indices[s] = (struct indices){.labelling = &own.made[s].labelling,
                                              .k = own.made[s].labelling.k,
                                              .sum = own.made[s].sum,
                                              .size = own.made[s].size};
        assert_ok(indices_measure(&own.sample.customers, own.indices, CLOUDS));
        check_same(&measured, &own);
    }
    measured_close(&measured);
    measured_close(&own);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(indices_are_those_of_all_pairs),
    cmocka_unit_test(far_from_zero),
    cmocka_unit_test(all_alone),
    cmocka_unit_test(duplicates),
    cmocka_unit_test(ranks_and_kernels_do_not_change_a_bit),
};

TESTS_MAIN("indices", tests)
