/* ranks: 1 2 3 7 */
/* Runs hold every present value once, under its column and group and in row order; a sample has a row of
 * every stretch. */
#include <math.h>

#include "data/pilot.h"
#include "data/runs.h"
#include "files.h"
#include "numbers.h"

enum { ROWS = 2600, COLUMNS = 4, GROUPS = 6 };

static double cell(int64_t row, int64_t column)
{
    if (column == 1)
        return (double)NAN;
    return column == 2 && row % 3 == 1 ? (double)NAN : (double)(row * 10 + column);
}

/* Group 2 is empty, and a block of rows has no group at all. */
static int32_t group_of(int64_t row)
{
    int32_t group = (int32_t)(uniform(3, row, 0) * (GROUPS + 1)) - 1;
    return group == 2 || row / BLOCK_ROWS == 1 ? -1 : group;
}

static bool is_left_out(int64_t row)
{
    return row % 5 == 2 || row >= 2590;
}

struct seen {
    const struct input *input;
    bool grouped;
    int64_t next_row[COLUMNS][GROUPS]; /* the first that was not seen yet, of this rank */
    int64_t values;
};

static int32_t expected_group(const struct seen *seen, int64_t row)
{
    if (seen->grouped)
        return group_of(row);
    return is_left_out(row) ? -1 : 0;
}

static void see(void *context, int64_t column, int32_t group, const double *value, int count)
{
    struct seen *seen = context;
    int64_t *row = &seen->next_row[column][group];
    assert_true(count > 0 && count <= BLOCK_ROWS);
    for (int i = 0; i < count; i++, (*row)++) {
        while (expected_group(seen, *row) != group || isnan(cell(*row, column)))
            (*row)++;
        assert_true(value[i] == cell(*row, column));
    }
    seen->values += count;
}

static void check_runs(bool grouped)
{
    static int32_t group[4 * BLOCK_ROWS];
    struct input input;
    struct seen seen = {.input = &input, .grouped = grouped};
    int64_t expected = 0;
    write_matrix(path_to("runs.h5"), ROWS, COLUMNS, cell);
    input_open(&input, &world, path_to("runs.h5"), -1);
    const struct partition *part = &input.table.partition;
    for (int64_t i = 0; i < part->row_count; i++) {
        int64_t row = part->first_row + i;
        group[i] = group_of(row);
        if (is_left_out(row))
            input.table.left_out[i / TILE_ROWS] |= (uint16_t)(1U << (i % TILE_ROWS));
        for (int64_t c = 0; c < COLUMNS; c++)
            expected += !isnan(cell(row, c)) && expected_group(&seen, row) >= 0;
    }
    for (int64_t c = 0; c < COLUMNS; c++) {
        for (int32_t g = 0; g < GROUPS; g++)
            seen.next_row[c][g] = part->first_row;
    }
    struct row_numbers numbers = numbers_packed(group, 4 * BLOCK_ROWS, 4, GROUPS);
    struct groups groups = {grouped ? &numbers : NULL, grouped ? GROUPS : 1};
    assert_ok(runs_walk(&input.table, groups, see, &seen));
    row_numbers_free(&numbers);
    assert_int_equal(seen.values, expected);
    for (int64_t c = 0; c < COLUMNS; c++) {
        for (int32_t g = 0; g < GROUPS; g++)
            assert_true(seen.next_row[c][g] <= part->first_row + part->row_count);
    }
    input_close(&input);
}

static void everyone_is_one_group(void **state)
{
    (void)state;
    check_runs(false);
}

static void groups_are_kept_apart(void **state)
{
    (void)state;
    check_runs(true);
}

static status_t take(void *context, const struct raw_block *block)
{
    pilot_take(context, block);
    return STATUS_OK;
}

static void a_sample_has_a_row_of_every_stretch(void **state)
{
    (void)state;
    const int64_t strides[] = {1, 7, 100, 1000, 1024, 1300, 1500, 1800, 2000, 2600, 5000};
    struct input input;
    write_matrix(path_to("runs.h5"), ROWS, COLUMNS, cell);
    input_open(&input, &world, path_to("runs.h5"), -1);
    int64_t first_row = input.table.partition.first_row;
    for (int s = 0; s < 11; s++) {
        struct pilot pilot;
        int64_t stretch[ROWS + 1] = {0};
        int64_t stride = strides[s];
        assert_ok(pilot_open(&pilot, &input.table));
        pilot.stride = stride;
        assert_ok(table_walk(&input.table, take, &pilot));
        for (int64_t i = 0; i < pilot.count; i++) {
            int64_t row = first_row + pilot.row[i];
            assert_true(i == 0 || pilot.row[i] > pilot.row[i - 1]);
            stretch[row / stride]++;
            for (int64_t c = 0; c < COLUMNS; c++) {
                double value = pilot.value[i * COLUMNS + c];
                assert_true(value == cell(row, c) || (isnan(value) && isnan(cell(row, c))));
            }
        }
        assert_ok(comm_sum_i64(&world, stretch, ROWS + 1));
        for (int64_t t = 0; t * stride < ROWS; t++) /* the last may be short, and its row beyond the end */
            assert_true(stretch[t] == 1 || ((t + 1) * stride > ROWS && stretch[t] == 0));
        pilot_close(&pilot);
    }
    input_close(&input);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(everyone_is_one_group),
    cmocka_unit_test(groups_are_kept_apart),
    cmocka_unit_test(a_sample_has_a_row_of_every_stretch),
};

TESTS_MAIN("runs", tests)
