/* ranks: 1 2 3 7 */
/* The box along the principal axes, and the reference sets that fill it. */
#include <math.h>

#include "assess/box.h"
#include "assess/reference.h"
#include "gaps.h"

/* ---- the box ---- */

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

/* Whole blocks without a customer among them. */
static bool most(int64_t row)
{
    return row < 1024 || row % 8 != 1;
}

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
    assert_ok(box_find(&all.customers, 0, &box));
    assert_ok(box_find(&one.customers, 0, &box_alone));
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
    assert_ok(box_find(&all.customers, 0, &box));
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(boxes_lie_along_the_principal_axes),
    cmocka_unit_test(a_box_of_many_features),
    cmocka_unit_test(a_thin_rectangle_is_filled_and_no_more),
    cmocka_unit_test(sets_are_customers_like_others),
    cmocka_unit_test(sets_are_uniform_and_independent),
};

TESTS_MAIN("box", tests)
