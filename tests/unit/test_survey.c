/* ranks: 1 2 3 7 */
/* What is refused, and that the message says where; the checksum of what was read. */
#include <math.h>

#include "data/survey.h"
#include "files.h"

enum { ROWS = 2300 };

static int no_transforms[2];
static double weights[2] = {1, 1};

static struct prepare_settings plain_settings(enum scale scale)
{
    return (struct prepare_settings){.missing = MISSING_MEDIAN,
                                     .scale = scale,
                                     .clip = {0.0, 1.0},
                                     .transform = no_transforms,
                                     .weight = weights};
}

static void the_checksum_tells_values_and_not_types(void **state)
{
    (void)state;
    uint64_t checksum[3];
    const hid_t types[] = {H5T_IEEE_F64LE, H5T_STD_I16BE, H5T_STD_I16BE};
    for (int t = 0; t < 3; t++) {
        struct input input;
        struct survey survey;
        all_wait();
        if (world.rank == 0) {
            double whole[ROWS];
            for (int64_t i = 0; i < ROWS; i++)
                whole[i] = floor(100 * uniform(1, i, 0));
            whole[1700] += t == 2;
            hid_t file = file_new(path_to("sum.h5"));
            put_dataset(file, "/features", types[t], H5P_DEFAULT, 2, (hsize_t[]){ROWS, 1}, H5T_NATIVE_DOUBLE,
                        whole);
            assert_true(h5_close(file));
        }
        all_wait();
        input_open(&input, &world, path_to("sum.h5"), -1);
        assert_ok(survey_run(&input.table, MISSING_ERROR, no_transforms, &survey));
        checksum[t] = survey.checksum;
        survey_free(&survey);
        input_close(&input);
    }
    assert_true(checksum[0] == checksum[1]);
    assert_true(checksum[1] != checksum[2]);
}

/* Missing values of other bits, and the other zero. */
static int bits_turn;

static double bits_cell(int64_t row, int64_t column)
{
    (void)column;
    if (row % 7 == 3)
        return bits_turn == 0 ? (double)NAN : -(double)NAN;
    if (row % 7 == 5)
        return bits_turn == 0 ? 0.0 : -0.0;
    return (double)row + (bits_turn == 2 && row == 2100);
}

static void the_checksum_tells_numbers_and_not_bits(void **state)
{
    (void)state;
    uint64_t checksum[3];
    for (bits_turn = 0; bits_turn < 3; bits_turn++) {
        struct input input;
        struct survey survey;
        all_wait();
        write_matrix(path_to("bits.h5"), ROWS, 1, bits_cell);
        input_open(&input, &world, path_to("bits.h5"), -1);
        assert_ok(survey_run(&input.table, MISSING_MEDIAN, no_transforms, &survey));
        checksum[bits_turn] = survey.checksum;
        survey_free(&survey);
        input_close(&input);
    }
    assert_true(checksum[0] == checksum[1]);
    assert_true(checksum[1] != checksum[2]);
}

/* ---- refusals ---- */

static int64_t bad_row;
static double bad_value;
static double usual_offset;

/* Column 1 holds the bad value; rows 2100 and on hold it too, so that ranks disagree about the first one. */
static double bad_cell(int64_t row, int64_t column)
{
    if (column == 1 && (row == bad_row || row >= 2100))
        return bad_value;
    return 1 + uniform(5, row, column);
}

static void check_refusal(int64_t features, enum missing missing, int transform, const char *what)
{
    const int chosen[] = {TRANSFORM_NONE, transform};
    const int64_t rows[] = {0, 1024, 2047, 2100};
    for (int r = 0; r < 4; r++) {
        struct input input;
        struct survey survey;
        char message[128];
        all_wait();
        bad_row = rows[r];
        write_matrix(path_to("bad.h5"), ROWS, 2, bad_cell);
        input_open(&input, &world, path_to("bad.h5"), features);
        snprintf(message, sizeof message, "bad.h5: feature_1 is %s", what);
        status_t status = survey_run(&input.table, missing, chosen, &survey);
        char row[64];
        snprintf(row, sizeof row, " in row %d", (int)rows[r]);
        assert_non_null(status);
        assert_non_null(strstr(status->message, row));
        assert_failure(status, EXIT_BAD_DATA, message);
        survey_free(&survey);
        input_close(&input);
    }
}

static void values_that_cannot_be_used_are_named(void **state)
{
    (void)state;
    bad_value = (double)INFINITY;
    check_refusal(2, MISSING_MEDIAN, TRANSFORM_NONE, "infinite");
    check_refusal(1, MISSING_MEDIAN, TRANSFORM_NONE, "infinite"); /* a column that is only described */
    bad_value = -2e150;
    check_refusal(2, MISSING_MEDIAN, TRANSFORM_ASINH, "-2e+150");
    bad_value = 0.0;
    check_refusal(2, MISSING_MEDIAN, TRANSFORM_LOG, "0 ");
    bad_value = -1.0;
    check_refusal(2, MISSING_MEDIAN, TRANSFORM_LOG1P, "-1 ");
    check_refusal(2, MISSING_MEDIAN, TRANSFORM_SQRT, "-1 ");
    bad_value = (double)NAN;
    check_refusal(2, MISSING_ERROR, TRANSFORM_NONE, "missing");
}

static void values_at_the_edge_of_a_domain_pass(void **state)
{
    (void)state;
    const int edge_transforms[] = {TRANSFORM_NONE, TRANSFORM_SQRT, TRANSFORM_LOG1P, TRANSFORM_ASINH};
    const double edge_values[] = {MOMENTS_LARGEST, 0.0, -0.5, -MOMENTS_LARGEST};
    for (int e = 0; e < 4; e++) {
        const int chosen[] = {TRANSFORM_NONE, edge_transforms[e]};
        struct input input;
        struct survey survey;
        all_wait();
        bad_value = edge_values[e];
        write_matrix(path_to("bad.h5"), ROWS, 2, bad_cell);
        input_open(&input, &world, path_to("bad.h5"), 2);
        assert_ok(survey_run(&input.table, MISSING_ERROR, chosen, &survey));
        survey_free(&survey);
        input_close(&input);
    }
}

static double missing_everywhere(int64_t row, int64_t column)
{
    return row % 2 == column ? (double)NAN : 1.0 + (double)row;
}

static void nobody_is_left(void **state)
{
    (void)state;
    struct input input;
    struct survey survey;
    write_matrix(path_to("bad.h5"), ROWS, 2, missing_everywhere);
    input_open(&input, &world, path_to("bad.h5"), 2);
    assert_failure(survey_run(&input.table, MISSING_DROP, no_transforms, &survey), EXIT_BAD_DATA,
                   "no customer is left");
    survey_free(&survey);
    input_close(&input);
}

static double offset_cell(int64_t row, int64_t column)
{
    return usual_offset + (column == 0 ? uniform(6, row, 0) : 0.0);
}

/* Learns from one varying column around usual_offset, and returns what prepare_learn says. */
static status_t learn_offset(double offset, int64_t columns, enum scale scale)
{
    struct input input;
    struct survey survey;
    struct preparation preparation;
    struct prepare_settings settings = plain_settings(scale);
    all_wait();
    usual_offset = offset;
    write_matrix(path_to("far.h5"), ROWS, 2, offset_cell);
    input_open(&input, &world, path_to("far.h5"), 2);
    if (columns == 1)
        input.table.column[0] = 1; /* the constant column only */
    assert_ok(survey_run(&input.table, MISSING_MEDIAN, no_transforms, &survey));
    status_t status = prepare_learn(&input.table, &settings, &survey, &preparation);
    prepare_free(&preparation);
    survey_free(&survey);
    input_close(&input);
    return status;
}

static void what_cannot_be_summed_is_refused(void **state)
{
    (void)state;
    assert_ok(learn_offset(1000, 2, SCALE_NONE));
    assert_failure(learn_offset(1e7, 2, SCALE_NONE), EXIT_BAD_DATA, "far.h5: feature_0 varies by");
    assert_ok(learn_offset(1e7, 2, SCALE_ZSCORE));
    assert_ok(learn_offset(1e7, 2, SCALE_ROBUST));
    assert_ok(learn_offset(1e7, 2, SCALE_MINMAX));
    assert_failure(learn_offset(5, 1, SCALE_ZSCORE), EXIT_BAD_DATA, "no feature varies");
}

static double huge_cell(int64_t row, int64_t column)
{
    (void)column;
    return 1e18 * uniform(7, row, 0);
}

static void what_is_too_far_away_is_refused(void **state)
{
    (void)state;
    struct input input;
    struct survey survey;
    struct preparation preparation;
    struct prepare_settings settings = plain_settings(SCALE_NONE);
    write_matrix(path_to("far.h5"), ROWS, 1, huge_cell);
    input_open(&input, &world, path_to("far.h5"), 1);
    assert_ok(survey_run(&input.table, MISSING_MEDIAN, no_transforms, &survey));
    assert_failure(prepare_learn(&input.table, &settings, &survey, &preparation), EXIT_BAD_DATA, "too far");
    prepare_free(&preparation);
    settings.scale = SCALE_MINMAX;
    assert_ok(prepare_learn(&input.table, &settings, &survey, &preparation));
    prepare_free(&preparation);
    survey_free(&survey);
    input_close(&input);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_checksum_tells_values_and_not_types),
    cmocka_unit_test(the_checksum_tells_numbers_and_not_bits),
    cmocka_unit_test(values_that_cannot_be_used_are_named),
    cmocka_unit_test(values_at_the_edge_of_a_domain_pass),
    cmocka_unit_test(nobody_is_left),
    cmocka_unit_test(what_cannot_be_summed_is_refused),
    cmocka_unit_test(what_is_too_far_away_is_refused),
};

TESTS_MAIN("survey", tests)
