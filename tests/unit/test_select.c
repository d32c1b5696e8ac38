/* ranks: 1 2 3 7 */
/* Order statistics against qsort: ties, signs, zeros of both signs, denormals, integers, missing values,
 * groups; and whatever the sample says. */
#include <float.h>
#include <math.h>

#include "data/select.h"
#include "files.h"
#include "numbers.h"

enum { LEVELS = 6, ROWS = 3000, GROUPS = 5, MOST_REQUESTS = 1800 };
enum {
    RANDOM,
    TIES,
    WIDE,
    ZEROS,
    DENORMALS,
    INTEGERS,
    CONSTANT,
    HALF_MISSING,
    ONE_VALUE,
    EXTREMES,
    NEGATIVE_INTEGERS,
    COLUMNS
};

static double cell(int64_t row, int64_t column)
{
    double u = uniform(11, row, column);
    switch (column) {
    case RANDOM:
        return u - 0.3;
    case TIES:
        return floor(4 * u) / 3.0;
    case WIDE:
        return (u < 0.5 ? -1 : 1) * ldexp(1 + u, (int)(row % 600) - 300);
    case ZEROS:
        return u < 0.4 ? -0.0 : u < 0.8 ? 0.0 : u < 0.9 ? -DBL_TRUE_MIN : DBL_TRUE_MIN;
    case DENORMALS:
        return floor(u * 2000 - 1000) * DBL_TRUE_MIN;
    case INTEGERS:
        return floor(u * 1000000);
    case CONSTANT:
        return -7.25;
    case HALF_MISSING:
        return u < 0.5 ? (double)NAN : 1000 * u;
    case ONE_VALUE:
        return row == 1777 ? 3.5 : (double)NAN;
    case EXTREMES:
        return row % 5 == 0 ? DBL_MAX : row % 5 == 1 ? -DBL_MAX : row % 5 == 2 ? DBL_MIN : u;
    default:
        return -8 * floor(u * 40);
    }
}

static bool is_left_out(int64_t row)
{
    return row % 7 == 3 || row >= 2990;
}

/* Group of a row; one group has a single row, one has none at all. */
static int32_t group_of(int64_t row)
{
    if (row == 2047)
        return 3;
    return row % 11 == 0 ? -1 : row % 3 == 2 ? 4 : (int32_t)(row % 3);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The values of a column in a group (all that take part: group 0 without groups), sorted. */
static int64_t sorted(int64_t column, int32_t group, bool grouped, double *value)
{
    int64_t count = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        bool in = grouped ? group_of(row) == group : !is_left_out(row);
        double x = cell(row, column);
        if (in && !isnan(x))
            value[count++] = x;
    }
    qsort(value, (size_t)count, sizeof *value, by_value);
    return count;
}

/* ---- samples, good and bad: the answers may not depend on them ---- */

enum { ALL_ROWS, SOME_ROWS, NO_ROWS, TOO_LOW, TOO_HIGH, FAR_APART, AT_ZERO, UNDER_ZERO, TOO_MANY, SAMPLES };

static int64_t stride_of[SAMPLES] = {[ALL_ROWS] = 1, [SOME_ROWS] = 9,  [NO_ROWS] = 1,
                                     [TOO_LOW] = 1,  [TOO_HIGH] = 1,   [FAR_APART] = 1,
                                     [AT_ZERO] = 1,  [UNDER_ZERO] = 1, [TOO_MANY] = INT64_C(1) << 40};

static status_t take_block(void *context, const struct raw_block *block)
{
    pilot_take(context, block);
    return STATUS_OK;
}

static void open_pilot(struct input *input, int kind, struct pilot *pilot)
{
    assert_ok(pilot_open(pilot, &input->table));
    assert_int_equal(pilot->stride, 1);
    if (kind == SOME_ROWS)
        pilot->stride = stride_of[kind];
    assert_ok(table_walk(&input->table, take_block, pilot));
    pilot->stride = stride_of[kind];
    if (kind == NO_ROWS)
        pilot->count = 0;
    for (int64_t i = 0; i < pilot->count * pilot->columns; i++) {
        if (kind == TOO_LOW)
            pilot->value[i] = -DBL_MAX;
        else if (kind == TOO_HIGH)
            pilot->value[i] = DBL_MAX;
        else if (kind == AT_ZERO)
            pilot->value[i] = 0.0;
        else if (kind == UNDER_ZERO)
            pilot->value[i] = -DBL_TRUE_MIN;
        else if (kind == FAR_APART)
            pilot->value[i] = i % 2 == 0 ? 1e-3 : 3.0;
    }
}

/* ---- requests ---- */

static int64_t make_requests(bool grouped, struct select_request *request)
{
    static const double levels[LEVELS] = {1, 0.5, 1.0 / 3, 0.9995, 0.02, 0};
    int64_t made = 0;
    for (int64_t c = COLUMNS - 1; c >= 0; c--) {
        for (int32_t g = 0; g < (grouped ? GROUPS : 1); g++) {
            for (int l = 0; l < LEVELS; l++)
                request[made++] = (struct select_request){.column = c, .group = g, .level = levels[l]};
        }
    }
    return made;
}

static void open_input(struct input *input)
{
    const char *path = path_to("select.h5");
    write_matrix(path, ROWS, COLUMNS, cell);
    input_open(input, &world, path, -1);
    for (int64_t i = 0; i < input->table.partition.row_count; i++) {
        if (is_left_out(input->table.partition.first_row + i))
            input->table.left_out[i / TILE_ROWS] |= (uint16_t)(1U << (i % TILE_ROWS));
    }
}

static void check_answers(const struct select_request *request, int64_t count, bool grouped)
{
    static double value[ROWS];
    for (int64_t r = 0; r < count; r++) {
        const struct select_request *asked = &request[r];
        int64_t values = 0;
        if (r == 0 || asked->column != request[r - 1].column || asked->group != request[r - 1].group)
            values = sorted(asked->column, asked->group, grouped, value);
        else
            values = request[r - 1].count; /* checked, and sorted, in the last turn */
        assert_int_equal(values, asked->count);
        if (values == 0) {
            assert_true(isnan(asked->value) && isnan(asked->next));
            continue;
        }
        int64_t rank = select_rank(asked->level, values);
        double next = value[rank + 1 < values ? rank + 1 : values - 1];
        if (asked->value != value[rank] || asked->next != next)
            print_error("column %d group %d rank %d of %d: %g then %g, not %g then %g\n", (int)asked->column,
                        asked->group, (int)rank, (int)values, asked->value, asked->next, value[rank], next);
        assert_true(asked->value == value[rank]);
        assert_true(asked->next == next);
        assert_false(asked->next == 0 && signbit(asked->next));
        assert_false(asked->value == 0 && signbit(asked->value)); /* both zeros are the positive one */
    }
}

static void check_selection(bool grouped, int kind)
{
    static struct select_request request[MOST_REQUESTS];
    static int32_t group[4 * BLOCK_ROWS];
    struct input input;
    struct pilot pilot;
    open_input(&input);
    open_pilot(&input, kind, &pilot);
    for (int64_t i = 0; i < input.table.partition.row_count; i++)
        group[i] = group_of(input.table.partition.first_row + i);
    struct row_numbers numbers = numbers_packed(group, 4 * BLOCK_ROWS, 4, GROUPS);
    struct groups groups = {grouped ? &numbers : NULL, grouped ? GROUPS : 1};
    int64_t count = make_requests(grouped, request);
    assert_true(count > 40);
    assert_ok(select_run(&input.table, groups, &pilot, request, count));
    check_answers(request, count, grouped);
    row_numbers_free(&numbers);
    pilot_close(&pilot);
    input_close(&input);
}

static void selects_as_a_sort_would(void **state)
{
    (void)state;
    for (int kind = 0; kind < SAMPLES; kind++)
        check_selection(false, kind);
}

static void selects_in_every_group(void **state)
{
    (void)state;
    for (int kind = 0; kind < SAMPLES; kind++)
        check_selection(true, kind);
}

/* One request has the most counters, many have the fewest; without a sample, many want more values kept than
 * a rank has room for, if it has all rows. */
static void any_number_of_requests(void **state)
{
    (void)state;
    static struct select_request request[MOST_REQUESTS];
    struct input input;
    struct pilot pilot;
    const int kinds[] = {ALL_ROWS, NO_ROWS, TOO_MANY};
    open_input(&input);
    for (int k = 0; k < 3; k++) {
        open_pilot(&input, kinds[k], &pilot);
        for (int64_t many = 0; many <= MOST_REQUESTS; many = many == 0 ? 1 : many * MOST_REQUESTS) {
            for (int64_t r = 0; r < many; r++)
                request[r] = (struct select_request){.level = ((double)r + 0.5) / (double)many};
            assert_ok(select_run(&input.table, (struct groups){NULL, 1}, &pilot, request, many));
            check_answers(request, many, false);
        }
        pilot_close(&pilot);
    }
    input_close(&input);
}

static void interpolates_as_numpy(void **state)
{
    (void)state;
    const double levels[] = {0, 0.001, 0.1, 0.25, 1.0 / 3, 0.5, 0.75, 0.95, 0.999, 1};
    const int64_t counts[] = {1, 2, 3, 4, 10, 11, 1000, 2999};
    static double value[ROWS];
    for (int64_t i = 0; i < ROWS; i++)
        value[i] = uniform(5, i, 0) * 1000 - 500;
    for (int n = 0; n < 8; n++) {
        int64_t count = counts[n];
        qsort(value, (size_t)count, sizeof *value, by_value);
        for (int l = 0; l < 10; l++) {
            double place = levels[l] * (double)(count - 1);
            int64_t below = (int64_t)floor(place);
            int64_t above = below + 1 < count ? below + 1 : count - 1;
            long double share = (long double)place - (long double)below;
            double expected =
                (double)((1 - share) * (long double)value[below] + share * (long double)value[above]);
            assert_int_equal(select_rank(levels[l], count), below);
            double got = select_interpolate(levels[l], count, value[below], value[above]);
            assert_true(fabs(got - expected) <= 1e-13 * (fabs(value[below]) + fabs(value[above])));
            assert_true(got >= value[below] && got <= value[above]);
        }
    }
    assert_true(select_interpolate(0, 5, -3.0, 8.0) == -3.0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(selects_as_a_sort_would),
    cmocka_unit_test(selects_in_every_group),
    cmocka_unit_test(any_number_of_requests),
    cmocka_unit_test(interpolates_as_numpy),
};

TESTS_MAIN("select", tests)
