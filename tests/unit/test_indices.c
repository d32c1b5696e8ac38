/* ranks: 1 2 3 7 */
/* Silhouette, Calinski-Harabasz, Davies-Bouldin against what their definitions say of all pairs of customers;
 * the same bytes on any number of ranks. */
#include <math.h>

#include "assess/indices.h"
#include "numbers.h"
#include "tiles.h"

enum { ROWS = 2500, FEATURES = 3 };

static double clouds(int64_t row, int64_t feature)
{
    return (double)(row % 5 * (feature + 1) % 7) * 3 + 2 * uniform(1, row, feature) - 1;
}

/* Distances are small differences of large numbers. */
static double far_off(int64_t row, int64_t feature)
{
    return 20000 + clouds(row, feature);
}

static double alike(int64_t row, int64_t feature)
{
    (void)row;
    return 0.1 + (double)feature;
}

/* Three points, many customers on each. */
static double points(int64_t row, int64_t feature)
{
    return (double)(row % 3) * 0.7 + (double)feature;
}

static bool some(int64_t row)
{
    return row % 6 == 5 || row / BLOCK_ROWS == 1;
}

/* ---- segmentations ---- */

/* As a fit makes it, and everybody's segment on every rank. */
struct segmented {
    struct labelling labelling;
    struct indices indices;
    double *sum;
    int64_t *size;
    int32_t *all; /* rows; -1 for those left out */
    double *centroid;
    struct row_numbers leaf;
    int32_t *segment;
};

/* Leaf of a customer and segment of a leaf, for segments that no centroids know of. */
typedef int32_t (*leaf_of)(int64_t row);
enum { LEAVES = ROWS };

static int32_t same(int64_t i)
{
    return (int32_t)i;
}

/* Segments of clouds(), but for many customers who are elsewhere. */
static int32_t muddled(int64_t i)
{
    return (int32_t)(i % 4 == 0 ? i / 4 % 5 : i % 5);
}

static int32_t by_third(int64_t i)
{
    return (int32_t)(i % 3);
}

/* Segment 1 has one customer, segments 0 and 4 none. */
static int32_t uneven(int64_t i)
{
    if (i == 2200)
        return 1;
    return i % 5 < 2 ? 2 : 3 + 2 * (i % 7 == 0);
}

static int32_t only_one(int64_t i)
{
    (void)i;
    return 2;
}

static int32_t many(int64_t i)
{
    return (int32_t)(i * 7919 % 60);
}

static void label_by_leaf(const struct sample *sample, leaf_of segment, struct segmented *made)
{
    const struct partition *part = &sample->customers.partition;
    int32_t *leaf = calloc((size_t)part->row_count + 1, sizeof *leaf);
    assert_non_null(leaf);
    assert_ok(memory_new(&made->segment, LEAVES, sizeof(int32_t), "test leaves"));
    for (int64_t i = 0; i < LEAVES; i++)
        made->segment[i] = segment(LEAVES - 1 - i);
    for (int64_t i = 0; i < part->row_count; i++)
        leaf[i] = (int32_t)(sample->is_out[part->first_row + i] ? -1 : LEAVES - 1 - part->first_row - i);
    made->leaf = numbers_packed(leaf, part->row_count, part->block_count, LEAVES);
    made->labelling.leaf = &made->leaf;
    free(leaf);
    made->labelling.segment = made->segment;
    for (int64_t row = 0; row < part->rows; row++)
        made->all[row] = sample->is_out[row] ? -1 : segment(row);
}

/* To the nearest of k customers. */
static void label_by_centroid(const struct sample *sample, int64_t k, struct segmented *made)
{
    int64_t rows = sample->customers.partition.rows;
    int64_t features = sample->customers.features;
    assert_ok(memory_new(&made->centroid, k * features, sizeof(double), "test centroids"));
    for (int64_t h = 0; h < k; h++)
        for (int64_t f = 0; f < features; f++)
            made->centroid[h * features + f] = (double)sample->all[(h * 401 + 3) % rows * features + f];
    made->labelling.centroid = made->centroid;
    for (int64_t row = 0; row < rows; row++)
        made->all[row] = sample_nearest(sample, row, made->centroid, k);
}

/* `segment` NULL: by centroids. */
static void segmented_open(const struct sample *sample, int64_t k, leaf_of segment, struct segmented *made)
{
    int64_t rows = sample->customers.partition.rows;
    int64_t features = sample->customers.features;
    *made = (struct segmented){.labelling.k = k};
    assert_ok(memory_new(&made->all, rows, sizeof *made->all, "test labels"));
    assert_ok(memory_new(&made->sum, k * features, sizeof *made->sum, "test sums"));
    assert_ok(memory_new(&made->size, k, sizeof *made->size, "test sizes"));
    if (segment)
        label_by_leaf(sample, segment, made);
    else
        label_by_centroid(sample, k, made);
    assert_ok(labelling_open(&made->labelling, features));
    for (int64_t row = 0; row < rows; row++) {
        int32_t h = made->all[row];
        if (h < 0)
            continue;
        assert_true(h < k);
        made->size[h]++;
        for (int64_t f = 0; f < features; f++)
            made->sum[h * features + f] += (double)sample->all[row * features + f];
    }
    made->indices =
        (struct indices){.labelling = &made->labelling, .k = k, .sum = made->sum, .size = made->size};
}

static void segmented_close(struct segmented *made)
{
    labelling_close(&made->labelling);
    free(made->all);
    free(made->sum);
    free(made->size);
    free(made->centroid);
    row_numbers_free(&made->leaf);
    free(made->segment);
}

/* ---- the definitions ---- */

static double square_between(const struct sample *sample, int64_t a, int64_t b)
{
    double sum = 0.0;
    for (int64_t f = 0; f < sample->customers.features; f++) {
        double difference = (double)sample->all[a * sample->customers.features + f] -
                            (double)sample->all[b * sample->customers.features + f];
        sum += difference * difference;
    }
    return sum;
}

/* Of customer i among those with in[row], or all; by squared distances, or plain ones. */
static double silhouette_by_pairs(const struct sample *sample, const struct segmented *made, int64_t i,
                                  const bool *in, bool plain)
{
    double sum[100] = {0};
    int64_t count[100] = {0};
    double a = 0.0;
    double b = (double)INFINITY;
    assert_true(made->indices.k <= 100);
    for (int64_t j = 0; j < sample->customers.partition.rows; j++) {
        int32_t h = made->all[j];
        if (h < 0 || j == i || (in && !in[j]))
            continue;
        double square = square_between(sample, i, j);
        sum[h] += plain ? sqrt(square) : square;
        count[h]++;
    }
    int32_t own = made->all[i];
    for (int64_t h = 0; h < made->indices.k; h++) {
        if (h != own && count[h] > 0 && sum[h] / (double)count[h] < b)
            b = sum[h] / (double)count[h];
    }
    if (count[own] == 0)
        return 0.0;
    a = sum[own] / (double)count[own];
    return a == b ? 0.0 : (b - a) / fmax(a, b);
}

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

/* ---- several segmentations at once ---- */

struct wanted {
    int64_t k;
    leaf_of segment;
};

static const struct wanted of_clouds[] = {{5, muddled}, {1, NULL},  {5, NULL},     {6, uneven},
                                          {2, NULL},    {60, many}, {3, only_one}, {33, NULL}};
enum { CLOUDS = sizeof of_clouds / sizeof of_clouds[0], MOST = CLOUDS };

struct measured {
    struct sample sample;
    struct segmented made[MOST]; /* with the indices found */
    struct indices indices[MOST];
    int64_t count;
};

static void measured_open(struct measured *measured, struct comm *comm, int64_t rows, sample_value value,
                          sample_mark out, const struct wanted *wanted, int64_t count)
{
    sample_open(&measured->sample, comm, rows, FEATURES, value, out);
    measured->count = count;
    for (int64_t s = 0; s < count; s++) {
        segmented_open(&measured->sample, wanted[s].k, wanted[s].segment, &measured->made[s]);
        measured->indices[s] = measured->made[s].indices;
    }
    assert_ok(indices_measure(&measured->sample.customers, measured->indices, count));
    for (int64_t s = 0; s < count; s++)
        measured->made[s].indices = measured->indices[s];
}

static void measured_close(struct measured *measured)
{
    for (int64_t s = 0; s < measured->count; s++) {
        indices_free(&measured->indices[s]);
        segmented_close(&measured->made[s]);
    }
    sample_close(&measured->sample);
}

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

/* ---- samples ---- */

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
    cmocka_unit_test(indices_are_those_of_all_pairs),
    cmocka_unit_test(far_from_zero),
    cmocka_unit_test(all_alone),
    cmocka_unit_test(duplicates),
    cmocka_unit_test(ranks_and_kernels_do_not_change_a_bit),
    cmocka_unit_test(samples_are_those_of_their_pairs),
    cmocka_unit_test(samples_of_everybody),
    cmocka_unit_test(ranks_do_not_change_a_sample),
};

TESTS_MAIN("indices", tests)
