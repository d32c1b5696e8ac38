/* ranks: 1 2 3 7 */
/* The gap statistic: the box along the principal axes, the sets that fill it, and gaps against plain twins.
 */
#include "assess/gap.h"

#include <math.h>
#include <unistd.h>

#include "assess/box.h"
#include "assess/reference.h"
#include "cluster/hierarchy.h"
#include "cluster/labelling.h"
#include "support.h"

enum { MOST_GAPS = 8 };

/* ---- customers ---- */

/* A thin rectangle, turned, far from the origin, where those who take no part are put. */
static double turned_rectangle(int64_t row, int64_t feature)
{
    static const double axis[3][3] = {
        {2. / 3, -2. / 3, 1. / 3}, {2. / 3, 1. / 3, -2. / 3}, {1. / 3, 2. / 3, 2. / 3}};
    static const double width[3] = {20.0, 2.0, 0.5};
    double at = 100.0 - 60.0 * (double)feature;
    for (int a = 0; a < 3; a++)
        at += width[a] * (uniform(1, row, a) - 0.5) * axis[a][feature];
    return at;
}

static double mixed(int64_t row, int64_t feature)
{
    return 3 * uniform(1, row, feature) + uniform(1, row, feature / 2) - uniform(1, row, feature + 7) +
           (double)feature;
}

static double box_of_numbers(int64_t row, int64_t feature)
{
    return (2 + (double)feature) * uniform(2, row, feature);
}

static double normal(int64_t row, int64_t index)
{
    double pair[2];
    random_normal_pair(3, RANDOM_GENERATE_VALUE, row, (uint32_t)index, pair);
    return pair[0];
}

/* Elongated, and not along a feature: the axis-parallel box would be mostly empty. */
static double long_cloud(int64_t row, int64_t feature)
{
    return 10 * normal(row, 9) + normal(row, feature);
}

static double three_groups(int64_t row, int64_t feature)
{
    static const double place[3][2] = {{0, 0}, {9, 2}, {3, 8}};
    return place[row % 3][feature] + normal(row, feature);
}

static double alike(int64_t row, int64_t feature)
{
    (void)row;
    return 1.5 + (double)feature;
}

static bool every_seventh(int64_t row)
{
    return row % 7 == 3;
}

/* Whole blocks without a customer among them. */
static bool most(int64_t row)
{
    return row < 1024 || row % 8 != 1;
}

static bool all_but_one(int64_t row)
{
    return row != 1500;
}

static bool all_but_two(int64_t row)
{
    return row != 4 && row != 1900;
}

/* ---- the box ---- */

static double covariance(const struct sample *sample, const double *mean, int64_t f, int64_t g)
{
    int64_t d = sample->customers.features;
    long double sum = 0;
    for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
        if (!sample->is_out[row])
            sum += ((long double)sample->all[row * d + f] - mean[f]) *
                   ((long double)sample->all[row * d + g] - mean[g]);
    }
    return (double)(sum / sample->customers.used);
}

/* Unit vectors, upright on each other, which the covariance maps to themselves, the longest image first. */
static void check_axes(const struct sample *sample, const struct box *box)
{
    int64_t d = box->features;
    double *matrix = NULL;
    double before = (double)INFINITY;
    double size = 0.0;
    assert_ok(memory_new(&matrix, d * d, sizeof *matrix, "test covariance"));
    for (int64_t f = 0; f < d; f++) {
        for (int64_t g = 0; g <= f; g++)
            matrix[f * d + g] = matrix[g * d + f] = covariance(sample, box->mean, f, g);
        size += matrix[f * d + f];
    }
    for (int64_t a = 0; a < d; a++) {
        double value = 0.0;
        const double *axis = box->axis + a * d;
        for (int64_t f = 0; f < d; f++) {
            double image = 0.0;
            for (int64_t g = 0; g < d; g++)
                image += matrix[f * d + g] * axis[g];
            value += image * axis[f];
        }
        for (int64_t f = 0; f < d; f++) {
            double image = 0.0;
            double product = 0.0;
            for (int64_t g = 0; g < d; g++) {
                image += matrix[f * d + g] * axis[g];
                product += axis[g] * box->axis[f * d + g];
            }
            assert_true(fabs(image - value * axis[f]) <= 1e-12 * size);
            assert_true(fabs(product - (f == a)) <= 1e-12);
        }
        assert_true(value <= before + 1e-12 * size);
        before = value;
    }
    free(matrix);
}

static void check_mean_and_extent(const struct sample *sample, const struct box *box)
{
    int64_t d = box->features;
    double customers = (double)sample->customers.used;
    for (int64_t f = 0; f < d; f++) {
        long double sum = 0;
        for (int64_t row = 0; row < sample->customers.partition.rows; row++)
            sum += sample->is_out[row] ? 0 : (long double)sample->all[row * d + f];
        assert_close(box->mean[f], (double)sum / customers, 1e-15);
    }
    for (int64_t a = 0; a < d; a += d < 100 ? 1 : 12) {
        double low = 0.0;
        double high = 0.0;
        for (int64_t row = 0; row < sample->customers.partition.rows; row++) {
            double at = 0.0;
            for (int64_t f = 0; !sample->is_out[row] && f < d; f++)
                at += ((double)sample->all[row * d + f] - box->mean[f]) * box->axis[a * d + f];
            low = fmin(low, at);
            high = fmax(high, at);
        }
        assert_true(fabs(box->low[a] - low) <= 1e-11 && fabs(box->high[a] - high) <= 1e-11);
    }
}

static void check_box(int64_t rows, int64_t features, sample_value value, sample_mark out)
{
    struct sample all;
    struct sample one;
    struct box box;
    struct box box_alone;
    sample_open(&all, &world, rows, features, value, out);
    sample_open(&one, &alone, rows, features, value, out);
    assert_ok(box_measure(&all.customers, &box));
    assert_ok(box_measure(&one.customers, &box_alone));
    size_t size = (size_t)features * sizeof(double);
    assert_int_equal(box.features, features);
    assert_memory_equal(box.mean, box_alone.mean, size);
    assert_memory_equal(box.axis, box_alone.axis, size * (size_t)features);
    assert_memory_equal(box.low, box_alone.low, size);
    assert_memory_equal(box.high, box_alone.high, size);
    check_mean_and_extent(&all, &box);
    if (features < 100 || world.rank == 0)
        check_axes(&all, &box);
    box_free(&box);
    box_free(&box_alone);
    assert_null(box.axis);
    sample_close(&all);
    sample_close(&one);
}

static void boxes_lie_along_the_principal_axes(void **state)
{
    (void)state;
    static const int64_t features[] = {1, 2, 3, 5, 16, 17};
    check_box(2500, 3, turned_rectangle, NULL);
    check_box(2500, 3, turned_rectangle, every_seventh);
    check_box(2500, 3, turned_rectangle, all_but_one);
    check_box(2500, 2, alike, NULL);
    check_box(1, 2, mixed, NULL);
    for (int i = 0; i < 6; i++)
        check_box(3 * BLOCK_ROWS + 5, features[i], mixed, i % 2 ? every_seventh : most);
}

/* More sums than are kept at a time. */
static void a_box_of_many_features(void **state)
{
    (void)state;
    check_box(1100, 261, box_of_numbers, every_seventh);
}

/* The three widths of the rectangle itself, and not of the box along the features, which is 14 wide. */
static void a_thin_rectangle_is_filled_and_no_more(void **state)
{
    (void)state;
    static const double width[3] = {20.0, 2.0, 0.5};
    struct sample all;
    struct box box;
    sample_open(&all, &world, 2500, 3, turned_rectangle, every_seventh);
    assert_ok(box_measure(&all.customers, &box));
    for (int a = 0; a < 3; a++)
        assert_close(box.high[a] - box.low[a], width[a], 0.05);
    box_free(&box);
    sample_close(&all);
}

/* ---- reference sets ---- */

/* A box from -1 to 3 along the first axis, from -0.5 to 0.25 along the second; nothing along the third. */
static double box_low[3] = {-1.0, -0.5, 0.0};
static double box_high[3] = {3.0, 0.25, 0.0};
static const double box_width[3] = {4.0, 0.75, 0.0};
static const struct box plain_box = {.features = 3, .low = box_low, .high = box_high};

static void open_set(struct reference *set, struct comm *comm, int64_t rows)
{
    struct customers like = {.comm = comm, .log = &quiet, .kernels = kernels_choose()};
    assert_ok(reference_open(set, &like, &plain_box, rows));
}

/* All coordinates of a set that is this rank's alone: rows x 3. */
static double *coordinates(const struct reference *set)
{
    double *at = NULL;
    assert_ok(memory_new(&at, set->customers.used * 3, sizeof *at, "test coordinates"));
    for (int64_t i = 0; i < set->customers.used * 3; i++) {
        int64_t row = i / 3;
        at[i] = (double)set->customers.tiles[(row / TILE_ROWS * 3 + i % 3) * TILE_ROWS + row % TILE_ROWS];
    }
    return at;
}

struct looking {
    const struct reference *set;
    double total[3];
    int64_t seen;
};

static void look_at_block(void *context, const struct block *block)
{
    struct looking *looking = context;
    __float128 squares = 0;
    for (int row = 0; row < BLOCK_ROWS; row++) {
        assert_true(table_is_left_out(block->left_out, row) == (row >= block->rows));
        for (int f = 0; f < 3; f++) {
            double at = (double)block->tiles[(row / TILE_ROWS * 3 + f) * TILE_ROWS + row % TILE_ROWS];
            double quanta = at / looking->set->preparation.feature[f].quantum;
            assert_true(rint(quanta) == quanta && !(at == 0 && signbit(at)));
            assert_true(fabs(at) <= box_width[f] / 2 * 1.0000002 && (row < block->rows || at == 0));
            looking->total[f] += fabs(quanta);
            squares += (__float128)at * at;
        }
        looking->seen += row < block->rows;
    }
    assert_true((double)squares == block->squares[0] &&
                (double)(squares - block->squares[0]) == block->squares[1]);
}

/* What customers_load promises of customers, and prepare.h of quanta. */
static void check_customers(const struct reference *set, int64_t rows)
{
    const struct customers *customers = &set->customers;
    struct looking looking = {.set = set};
    assert_true(customers->used == rows && customers->partition.rows == rows && customers->features == 3);
    assert_true(customers->log == &set->log && !set->log.speaks && set->preparation.count == 3);
    assert_close(customers->mean_variance, (16.0 + 0.5625) / 36, 1e-15);
    assert_ok(customers_walk(customers, NULL, 0, look_at_block, &looking));
    assert_true(looking.seen == customers->partition.row_count);
    for (int f = 0; f < 3; f++)
        assert_true(16 * looking.total[f] < 0x1p53);
    /* as fine as that allows, or nearly */
    assert_true(rows < 100 || looking.seen < rows || 16 * looking.total[0] > 0x1p48);
}

static void sets_are_customers_like_others(void **state)
{
    (void)state;
    static const int64_t rows[] = {1, 16, 1024, 1025, 2500, 9000};
    for (int i = 0; i < 6; i++) {
        struct reference all;
        struct reference one;
        open_set(&all, &world, rows[i]);
        open_set(&one, &alone, rows[i]);
        for (int64_t r = 0; r < 2; r++) { /* into the same room */
            reference_draw(&all, 7, r);
            reference_draw(&one, 7, r);
            check_customers(&all, rows[i]);
            check_customers(&one, rows[i]);
            const struct partition *part = &all.customers.partition;
            if (part->block_count > 0) {
                size_t size = (size_t)part->block_count * BLOCK_ROWS * 3 * sizeof(float);
                assert_memory_equal(all.customers.tiles,
                                    one.customers.tiles + part->first_block * BLOCK_ROWS * 3, size);
            }
        }
        reference_close(&all);
        reference_close(&one);
        assert_null(all.customers.tiles);
    }
}

/* Ten equal parts of the box's width hold a tenth each, up to both ends. */
static void check_uniform(const double *at, int64_t rows, int f)
{
    int64_t held[10] = {0};
    double low = 0.0;
    double high = 0.0;
    for (int64_t row = 0; row < rows; row++) {
        double share = at[row * 3 + f] / box_width[f] + 0.5;
        int part = (int)(10 * share);
        held[part > 9 ? 9 : part]++;
        low = fmin(low, share - 0.5);
        high = fmax(high, share - 0.5);
    }
    for (int part = 0; part < 10; part++)
        assert_true(fabs((double)held[part] - 0.1 * (double)rows) < 5 * sqrt(0.09 * (double)rows));
    assert_true(low < -0.4985 && high > 0.4985);
}

static double correlation(const double *a, const double *b, int64_t rows)
{
    double squares[3] = {0};
    for (int64_t row = 0; row < rows; row++) {
        squares[0] += a[row * 3] * a[row * 3];
        squares[1] += a[row * 3] * b[row * 3];
        squares[2] += b[row * 3] * b[row * 3];
    }
    return squares[1] / sqrt(squares[0] * squares[2]);
}

static void sets_are_uniform_and_independent(void **state)
{
    (void)state;
    enum { ROWS = 9000 };
    static const uint64_t seed[] = {7, 7, 8};
    static const int64_t number[] = {0, 1, 0};
    double *at[3];
    for (int s = 0; s < 3; s++) {
        struct reference set;
        open_set(&set, &alone, ROWS);
        reference_draw(&set, seed[s], number[s]);
        at[s] = coordinates(&set);
        reference_close(&set);
    }
    for (int i = 0; i < 6; i++) { /* sets and axes with extent */
        check_uniform(at[i / 2], ROWS, i % 2);
        for (int j = 0; j < i; j++)
            assert_true(fabs(correlation(at[i / 2] + i % 2, at[j / 2] + j % 2, ROWS)) < 5 / sqrt(ROWS));
    }
    for (int s = 0; s < 3; s++)
        free(at[s]);
}

/* ---- gaps ---- */

static struct gap_settings by_kmeans(int64_t references)
{
    const struct kmeans_settings kmeans = {
        .batch = 65536, .restarts = 3, .polish = true, .tolerance = 1e-4, .seed = 1};
    return (struct gap_settings){.kmeans = kmeans, .references = references, .seed = 5};
}

static struct gap_settings by_tree(enum linkage linkage, int64_t references)
{
    return (struct gap_settings){.tree = true, .linkage = linkage, .references = references, .seed = 5};
}

/* Gaps of k = 1 .. count, of customers whose inertia is said to be 1000 / k. */
static status_t measure(const struct sample *sample, const struct gap_settings *settings, struct gap *gaps,
                        int64_t count, int64_t *rows)
{
    for (int64_t g = 0; g < count; g++)
        gaps[g] = (struct gap){.k = g + 1, .inertia = 1000.0 / (double)(g + 1), .gap = 77, .error = 77};
    return gap_measure(&sample->customers, settings, gaps, count, rows);
}

static void gaps_are_the_same_on_any_number_of_ranks(void **state)
{
    (void)state;
    const struct gap_settings settings[] = {by_kmeans(2), by_tree(LINKAGE_WARD, 2),
                                            by_tree(LINKAGE_AVERAGE, 2)};
    for (int i = 0; i < 3; i++) {
        struct sample all;
        struct sample one;
        struct gap gap[5];
        struct gap gap_alone[5];
        int64_t rows = 0;
        int64_t rows_alone = 0;
        sample_open(&all, &world, i < 2 ? 2500 : 1300, 3, mixed, every_seventh);
        sample_open(&one, &alone, i < 2 ? 2500 : 1300, 3, mixed, every_seventh);
        assert_ok(measure(&all, &settings[i], gap, 5, &rows));
        assert_ok(measure(&one, &settings[i], gap_alone, 5, &rows_alone));
        assert_true(rows == all.customers.used && rows == rows_alone);
        assert_memory_equal(gap, gap_alone, sizeof gap);
        for (int64_t g = 0; g < 5; g++)
            assert_true(isfinite(gap[g].gap) && gap[g].error > 0 && gap[g].k == g + 1);
        sample_close(&all);
        sample_close(&one);
    }
}

/* ---- gaps against twins ---- */

/* The coordinates of all reference sets of a sample: sets x rows x features, on every rank. */
static double *draw_sets(const struct sample *sample, const struct gap_settings *settings, int64_t rows)
{
    int64_t d = sample->customers.features;
    struct sample one = *sample;
    struct box box;
    struct reference set;
    double *at = NULL;
    assert_ok(memory_new(&at, settings->references * rows * d, sizeof *at, "test sets"));
    assert_ok(box_measure(&sample->customers, &box));
    one.customers.comm = &alone;
    assert_ok(reference_open(&set, &one.customers, &box, rows));
    for (int64_t i = 0; i < settings->references * rows * d; i++) {
        int64_t row = i / d % rows;
        if (row == 0 && i % d == 0)
            reference_draw(&set, settings->seed, i / d / rows);
        at[i] = (double)set.customers.tiles[(row / TILE_ROWS * d + i % d) * TILE_ROWS + row % TILE_ROWS];
    }
    reference_close(&set);
    box_free(&box);
    return at;
}

/* Of the customers with one label, around their mean; NULL: of all. */
static double plain_inertia(const double *at, int64_t rows, int64_t d, const int *label, int wanted)
{
    __float128 inertia = 0;
    for (int64_t f = 0; f < d; f++) {
        __float128 sum = 0;
        __float128 squares = 0;
        int64_t members = 0;
        for (int64_t row = 0; row < rows; row++) {
            if (label && label[row] != wanted)
                continue;
            sum += (__float128)at[row * d + f];
            squares += (__float128)at[row * d + f] * (__float128)at[row * d + f];
            members++;
        }
        inertia += members > 0 ? squares - sum * sum / members : 0;
    }
    return (double)inertia;
}

/* As published, from the inertia of each set. */
static void expect_gap(const struct gap *gap, const double *inertia, int64_t sets, int64_t rows, int64_t used)
{
    double mean = 0.0;
    double squares = 0.0;
    for (int64_t r = 0; r < sets; r++)
        mean += log(inertia[r] / (double)rows);
    mean /= (double)sets;
    for (int64_t r = 0; r < sets; r++)
        squares += pow(log(inertia[r] / (double)rows) - mean, 2);
    assert_true(fabs(gap->gap - (mean - log(gap->inertia / (double)used))) < 1e-12);
    assert_close(gap->error, sqrt((1 + 1 / (double)sets) * squares / (double)sets), 1e-9);
}

/* No learning, and a set may have fewer customers than there are. */
static void check_one_segment(const struct gap_settings *settings, int64_t customers, int64_t features,
                              int64_t expected)
{
    struct sample sample;
    struct gap gap;
    double inertia[8];
    int64_t rows = 0;
    sample_open(&sample, &world, customers, features, mixed, every_seventh);
    assert_ok(measure(&sample, settings, &gap, 1, &rows));
    assert_int_equal(rows, expected < 0 ? sample.customers.used : expected);
    double *at = draw_sets(&sample, settings, rows);
    for (int64_t r = 0; r < settings->references; r++)
        inertia[r] = plain_inertia(at + r * rows * features, rows, features, NULL, 0);
    expect_gap(&gap, inertia, settings->references, rows, sample.customers.used);
    free(at);
    sample_close(&sample);
}

static void one_segment_is_exact(void **state)
{
    (void)state;
    const struct gap_settings kmeans = by_kmeans(3);
    const struct gap_settings tree = by_tree(LINKAGE_WARD, 3);
    check_one_segment(&kmeans, 2500, 3, -1);
    check_one_segment(&tree, 2500, 3, -1);
    check_one_segment(&kmeans, 40, 1, -1);
    check_one_segment(&tree, 40, 1, -1);
    check_one_segment(&tree, 5500, 2, GAP_TREE_CUSTOMERS);
    check_one_segment(&kmeans, 80000, 1, GAP_CUSTOMERS);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The least inertia that k segments of sorted numbers can have, for k = 1 .. most: by dynamic programming. */
static void least_inertia(const double *at, int64_t rows, int64_t most_segments, double *least)
{
    double best[2][256];
    for (int64_t k = 1; k <= most_segments; k++) {
        for (int64_t end = 1; end <= rows; end++) {
            double sum = 0.0;
            double squares = 0.0;
            double lowest = (double)INFINITY;
            for (int64_t begin = end - 1; begin >= 0; begin--) {
                sum += at[begin];
                squares += at[begin] * at[begin];
                double here = squares - sum * sum / (double)(end - begin);
                double before = begin == 0 ? 0.0 : k == 1 ? (double)INFINITY : best[(k - 1) % 2][begin];
                lowest = fmin(lowest, before + here);
            }
            best[k % 2][end] = lowest;
        }
        least[k - 1] = best[k % 2][rows];
    }
}

/* Along one axis the best segments can be known; k-means finds them, or nearly. */
static void kmeans_of_one_feature(void **state)
{
    (void)state;
    struct gap_settings settings = by_kmeans(3);
    struct sample sample;
    struct gap gap[6];
    double least[3][6];
    int64_t rows = 0;
    sample_open(&sample, &world, 240, 1, mixed, NULL);
    assert_ok(measure(&sample, &settings, gap, 6, &rows));
    assert_int_equal(rows, 240);
    double *at = draw_sets(&sample, &settings, rows);
    for (int64_t r = 0; r < 3; r++) {
        qsort(at + r * rows, (size_t)rows, sizeof *at, by_value);
        least_inertia(at + r * rows, rows, 6, least[r]);
    }
    for (int64_t g = 0; g < 6; g++) {
        double mean = 0.0;
        for (int64_t r = 0; r < 3; r++)
            mean += log(least[r][g] / (double)rows) / 3;
        double above = gap[g].gap - (mean - log(gap[g].inertia / 240));
        assert_true(above > -1e-12 && above < 0.01);
    }
    free(at);
    sample_close(&sample);
}

/* ---- trees, plainly ---- */

enum { LEAVES = 40 };

static double pair_distance(const double *at, int64_t d, int a, int b)
{
    double square = 0.0;
    for (int64_t f = 0; f < d; f++)
        square += pow(at[a * d + f] - at[b * d + f], 2);
    return sqrt(square);
}

/* How far two clusters are apart, from all pairs of their leaves. */
static double apart(const double *at, int64_t d, enum linkage linkage, const int *label, int a, int b)
{
    double least = (double)INFINITY;
    double most_apart = 0.0;
    double sum = 0.0;
    int pairs = 0;
    int both[LEAVES];
    for (int i = 0; i < LEAVES; i++) {
        both[i] = label[i] == a || label[i] == b;
        for (int j = 0; label[i] == a && j < LEAVES; j++) {
            double distance = label[j] == b ? pair_distance(at, d, i, j) : -1.0;
            if (distance < 0)
                continue;
            least = fmin(least, distance);
            most_apart = fmax(most_apart, distance);
            sum += distance;
            pairs++;
        }
    }
    if (linkage == LINKAGE_WARD)
        return plain_inertia(at, LEAVES, d, both, 1) - plain_inertia(at, LEAVES, d, label, a) -
               plain_inertia(at, LEAVES, d, label, b);
    return linkage == LINKAGE_SINGLE ? least : linkage == LINKAGE_COMPLETE ? most_apart : sum / pairs;
}

/* inertia[k - 1] of the cuts into k = 1 .. count. */
static void plain_cuts(const double *at, int64_t d, enum linkage linkage, int64_t count, double *inertia)
{
    int label[LEAVES];
    for (int i = 0; i < LEAVES; i++)
        label[i] = i;
    for (int64_t clusters = LEAVES; clusters > 0; clusters--) {
        double nearest = (double)INFINITY;
        int join[2] = {0, 0};
        for (int a = 0; clusters <= count && a < LEAVES; a++)
            inertia[clusters - 1] =
                (a > 0 ? inertia[clusters - 1] : 0.0) + plain_inertia(at, LEAVES, d, label, a);
        for (int a = 0; a < LEAVES; a++) {
            for (int b = a + 1; label[a] == a && b < LEAVES; b++) {
                double distance = label[b] == b ? apart(at, d, linkage, label, a, b) : (double)INFINITY;
                if (distance < nearest) {
                    nearest = distance;
                    join[0] = a;
                    join[1] = b;
                }
            }
        }
        for (int i = 0; i < LEAVES; i++)
            label[i] = label[i] == join[1] ? join[0] : label[i];
    }
}

/* All cuts of each set's own tree. */
static void trees_are_cut(void **state)
{
    (void)state;
    static const enum linkage linkages[] = {LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_COMPLETE, LINKAGE_SINGLE};
    struct sample sample;
    sample_open(&sample, &world, LEAVES, 3, mixed, NULL);
    for (int i = 0; i < 4; i++) {
        struct gap_settings settings = by_tree(linkages[i], 2);
        struct gap gap[MOST_GAPS];
        double inertia[2][MOST_GAPS];
        int64_t rows = 0;
        assert_ok(measure(&sample, &settings, gap, MOST_GAPS, &rows));
        assert_int_equal(rows, LEAVES);
        double *at = draw_sets(&sample, &settings, rows);
        for (int r = 0; r < 2; r++)
            plain_cuts(at + r * LEAVES * 3, 3, linkages[i], MOST_GAPS, inertia[r]);
        for (int64_t g = 0; g < MOST_GAPS; g++)
            expect_gap(&gap[g], (double[]){inertia[0][g], inertia[1][g]}, 2, rows, rows);
        free(at);
    }
    sample_close(&sample);
}

/* ---- what gaps tell ---- */

static double inertia_of_cut(const struct sample *sample, const struct hierarchy_result *tree, int64_t k)
{
    struct segmentation segments = {.k = k};
    int32_t cut[1024];
    int32_t number[MOST_GAPS];
    const struct labelling labelling = {.k = k, .segment = cut, .leaf = &tree->leaf};
    assert_true(tree->leaves <= 1024);
    assert_ok(hierarchy_cut(&world, tree, k, cut));
    assert_ok(segments_from_labels(&sample->customers, &sample->preparation, &labelling, &segments, number));
    double inertia = segments.inertia;
    segments_free(&segments);
    return inertia;
}

/* Gaps of 1 .. count segments of the sample, whose own inertia is that of the same method. */
static void judge(const struct sample *sample, const struct gap_settings *settings, struct gap *gaps,
                  int64_t count)
{
    int64_t rows = 0;
    struct hierarchy_result tree = {.leaves = 0};
    struct hierarchy_settings every = {.linkage = settings->linkage, .every_customer = true};
    struct kmeans_result result[MOST_GAPS];
    static const int64_t numbers[MOST_GAPS] = {1, 2, 3, 4, 5, 6, 7, 8};
    if (settings->tree)
        assert_ok(hierarchy_run(&sample->customers, &sample->preparation, &every, &tree));
    else
        assert_ok(
            kmeans_run(&sample->customers, &sample->preparation, &settings->kmeans, numbers, count, result));
    for (int64_t g = 0; g < count; g++) {
        gaps[g] = (struct gap){.k = g + 1};
        if (settings->tree) {
            gaps[g].inertia = inertia_of_cut(sample, &tree, g + 1);
        } else {
            gaps[g].inertia = result[g].segments.inertia;
            kmeans_free(&result[g]);
        }
    }
    hierarchy_free(&tree);
    assert_ok(gap_measure(&sample->customers, settings, gaps, count, &rows));
}

/* The rule of the paper: the smallest k with gap(k) >= gap(k + 1) - error(k + 1); 0 where there is none. */
static int64_t first_peak(const struct gap *gaps, int64_t count)
{
    for (int64_t g = 0; g + 1 < count; g++) {
        if (gaps[g].gap >= gaps[g + 1].gap - gaps[g + 1].error)
            return gaps[g].k;
    }
    return 0;
}

static void check_peak(sample_value value, int64_t features, const struct gap_settings *settings,
                       int64_t expected)
{
    struct sample sample;
    struct gap gap[5];
    sample_open(&sample, &world, 600, features, value, NULL);
    judge(&sample, settings, gap, 5);
    assert_int_equal(first_peak(gap, 5), expected);
    for (int64_t g = 0; g < 5; g++)
        assert_true(gap[g].gap <= gap[expected - 1].gap + 2 * hypot(gap[g].error, gap[expected - 1].error));
    sample_close(&sample);
}

static void peaks_are_where_segments_are(void **state)
{
    (void)state;
    const struct gap_settings kmeans = by_kmeans(6);
    const struct gap_settings tree = by_tree(LINKAGE_WARD, 6);
    check_peak(three_groups, 2, &kmeans, 3);
    check_peak(three_groups, 2, &tree, 3);
    check_peak(box_of_numbers, 2, &kmeans, 1);
    check_peak(box_of_numbers, 2, &tree, 1);
    check_peak(long_cloud, 3, &kmeans, 1);
    check_peak(long_cloud, 3, &tree, 1);
}

/* ---- awkward cases ---- */

static void customers_without_inertia(void **state)
{
    (void)state;
    const struct gap_settings settings[] = {by_kmeans(3), by_tree(LINKAGE_WARD, 3)};
    struct sample sample;
    sample_open(&sample, &world, 300, 2, mixed, every_seventh);
    for (int i = 0; i < 2; i++) {
        struct gap gap[2];
        struct gap none[2] = {{.k = 1, .inertia = 5.0}, {.k = 2, .inertia = 0.0}};
        int64_t rows = 0;
        assert_ok(measure(&sample, &settings[i], gap, 2, &rows));
        assert_ok(gap_measure(&sample.customers, &settings[i], none, 2, &rows));
        assert_true(isinf(none[1].gap) && none[1].gap > 0 && isfinite(none[0].gap));
        assert_true(none[1].error == gap[1].error && gap[1].error > 0);
    }
    sample_close(&sample);
}

static void sets_without_inertia(void **state)
{
    (void)state;
    const struct gap_settings settings[] = {by_kmeans(2), by_tree(LINKAGE_WARD, 2)};
    for (int i = 0; i < 2; i++) {
        struct sample sample;
        struct gap gap[5];
        int64_t rows = 0;
        sample_open(&sample, &world, 5, 2, mixed, NULL);
        assert_ok(measure(&sample, &settings[i], gap, 5, &rows));
        assert_true(isfinite(gap[1].gap) && isfinite(gap[1].error));
        for (int g = 2; g < 5; g++) /* less than two customers a segment */
            assert_true(isnan(gap[g].gap) && isnan(gap[g].error));
        sample_close(&sample);
        sample_open(&sample, &world, 2500, 2, mixed, all_but_two);
        assert_ok(measure(&sample, &settings[i], gap, 1, &rows));
        assert_true(rows == 2 && isfinite(gap[0].gap));
        sample_close(&sample);
        sample_open(&sample, &world, 2500, 2, mixed, all_but_one);
        assert_ok(measure(&sample, &settings[i], gap, 1, &rows));
        assert_true(rows == 1 && isnan(gap[0].gap) && isnan(gap[0].error));
        sample_close(&sample);
        sample_open(&sample, &world, 50, 2, alike, NULL);
        assert_ok(measure(&sample, &settings[i], gap, 1, &rows));
        assert_true(rows == 50 && isnan(gap[0].gap));
        sample_close(&sample);
    }
}

/* Sets are drawn by the seed alone, whatever else is asked for. */
static void sets_hang_on_the_seed(void **state)
{
    (void)state;
    struct gap_settings settings = by_kmeans(2);
    struct sample sample;
    struct gap gap[4];
    struct gap other[4];
    struct gap single = {.k = 3, .inertia = 1000.0 / 3};
    int64_t rows = 0;
    sample_open(&sample, &world, 300, 2, mixed, NULL);
    assert_ok(measure(&sample, &settings, gap, 4, &rows));
    assert_ok(gap_measure(&sample.customers, &settings, &single, 1, &rows));
    assert_true(single.gap == gap[2].gap && single.error == gap[2].error);
    settings.seed++;
    assert_ok(measure(&sample, &settings, other, 4, &rows));
    for (int64_t g = 0; g < 4; g++)
        assert_true(other[g].gap != gap[g].gap && fabs(other[g].gap - gap[g].gap) < 0.5);
    sample_close(&sample);
}

/* What the first rank says in a job that says all it can. */
static void the_log_tells_of_sets_alone(void **state)
{
    (void)state;
    const struct gap_settings settings[] = {by_kmeans(3), by_tree(LINKAGE_WARD, 3)};
    struct sample sample;
    struct gap gap[3];
    int64_t rows = 0;
    sample_open(&sample, &world, 300, 2, mixed, NULL);
    for (int i = 0; i < 2; i++) {
        char text[512] = "";
        struct log log;
        log_open(&log, world.rank, LOG_VERBOSE);
        log.terminal = false; /* where progress is a line at most every few seconds, and the first at once */
        log.phase_begun = log.begun;
        sample.customers.log = &log;
        FILE *file = fopen(path_to(world.rank == 0 ? "said" : "silence"), world.rank == 0 ? "w+" : "a+");
        assert_non_null(file);
        fflush(stderr);
        int kept = dup(STDERR_FILENO);
        assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
        status_t status = measure(&sample, &settings[i], gap, 3, &rows);
        fflush(stderr);
        assert_true(dup2(kept, STDERR_FILENO) >= 0 && close(kept) == 0);
        assert_ok(status);
        rewind(file);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
        const char *end = strchr(text, '\n');
        assert_true(world.rank > 0 ||
                    (end && end[1] == '\0' && strstr(text, "reference set 1 of at most 3")));
        assert_true(world.rank == 0 || text[0] == '\0');
        assert_int_equal(log.phase_count, 0);
    }
    sample_close(&sample);
}

static void bytes_that_are_asked_for(void **state)
{
    (void)state;
    double few = gap_bytes(1000, 16, 4);
    double many = gap_bytes(100000000, 16, 4);
    double set = (double)GAP_CUSTOMERS * 16 * sizeof(float);
    assert_true(many > set / 4 && many < set / 4 * 1.5 + 1e6);
    assert_true(gap_bytes(GAP_CUSTOMERS, 16, 4) == many && few < many && few > 1024 * 16 * sizeof(float));
    assert_true(gap_bytes(100000000, 16, 1) > many + 0.7 * set);
    double wide = gap_bytes(1000, 1000, 1); /* the axes, a block and the sums */
    assert_true(wide > 8e6 + 8.2e6 + 18e6 && wide < 8e6 + 3 * 8.2e6 + 20e6);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(boxes_lie_along_the_principal_axes),
    cmocka_unit_test(a_box_of_many_features),
    cmocka_unit_test(a_thin_rectangle_is_filled_and_no_more),
    cmocka_unit_test(sets_are_customers_like_others),
    cmocka_unit_test(sets_are_uniform_and_independent),
    cmocka_unit_test(gaps_are_the_same_on_any_number_of_ranks),
    cmocka_unit_test(one_segment_is_exact),
    cmocka_unit_test(kmeans_of_one_feature),
    cmocka_unit_test(trees_are_cut),
    cmocka_unit_test(peaks_are_where_segments_are),
    cmocka_unit_test(customers_without_inertia),
    cmocka_unit_test(sets_without_inertia),
    cmocka_unit_test(sets_hang_on_the_seed),
    cmocka_unit_test(the_log_tells_of_sets_alone),
    cmocka_unit_test(bytes_that_are_asked_for),
};

TESTS_MAIN("gap", tests)
