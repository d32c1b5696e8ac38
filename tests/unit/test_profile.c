/* ranks: 1 2 3 7 */
/* Profiles of segments against plain loops over all rows, and how segments are told in words. */
#include <math.h>

#include "assess/describe.h"
#include "assess/profile.h"
#include "files.h"
#include "numbers.h"

enum { ROWS = 2700, FEATURES = 3, COLUMNS = 5, K = 4 };

/* Segment 3 has no customers. */
static int32_t label_of(int64_t row)
{
    if (row % 10 == 4)
        return -1;
    return row == 2048 ? 2 : (int32_t)(uniform(1, row, 0) * uniform(1, row, 1) * 2);
}

static double cell(int64_t row, int64_t column)
{
    double u = uniform(2, row, column);
    switch (column) {
    case 0:
        return u * 100 + 50 * label_of(row);
    case 1:
        return u < 0.1 || label_of(row) == 2 ? (double)NAN : floor(u * 8); /* segment 2 has no value */
    case 2:
        return 7.5; /* the same for all */
    case 3:
        return u < 0.3 ? 1.0 : 0.0;
    default:
        return 1e9 + u; /* described only */
    }
}

/* ---- profile ---- */

struct plain {
    int64_t present;
    double mean;
    double deviation;
    double median;
    double total;
    double low;
    double high;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* segment < 0: all that have a label. */
static struct plain look(int32_t segment, int64_t column)
{
    static double value[ROWS];
    struct plain plain = {.mean = (double)NAN, .median = (double)NAN};
    __float128 sum = 0;
    __float128 squares = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        int32_t label = label_of(row);
        double x = cell(row, column);
        if (label < 0 || (segment >= 0 && label != segment) || isnan(x))
            continue;
        value[plain.present++] = x;
        sum += (__float128)x;
    }
    int64_t n = plain.present;
    plain.total = (double)sum;
    if (n == 0)
        return plain;
    for (int64_t i = 0; i < n; i++)
        squares += ((__float128)value[i] - sum / n) * ((__float128)value[i] - sum / n);
    qsort(value, (size_t)n, sizeof *value, by_value);
    plain.mean = (double)(sum / n);
    plain.deviation = sqrt((double)(squares / n));
    plain.median = (value[(n - 1) / 2] + value[n / 2]) / 2;
    plain.low = value[0];
    plain.high = value[n - 1];
    return plain;
}

static void check_cell(const struct profile *profile, int32_t h, int64_t c)
{
    struct plain plain = look(h, c);
    int64_t cell_index = h * COLUMNS + c;
    assert_int_equal(profile->present[cell_index], plain.present);
    if (plain.present == 0) {
        assert_true(isnan(profile->mean[cell_index]) && isnan(profile->median[cell_index]));
        assert_true(profile_effect(profile, h, c) == 0);
        return;
    }
    assert_close(profile->mean[cell_index], plain.mean, 1e-15);
    assert_close(profile->deviation[cell_index], plain.deviation, 1e-13);
    assert_close(profile->median[cell_index], plain.median, 1e-15);
    assert_close(profile->total[cell_index], plain.total, 1e-15);
    struct plain all = look(-1, c);
    double effect = all.deviation > 0 ? (plain.mean - all.mean) / all.deviation : 0;
    assert_true(fabs(profile_effect(profile, h, c) - effect) <= 1e-6 * fabs(effect) + 1e-12);
    assert_close(profile_lift(profile, h, c), plain.mean / all.mean, 1e-14);
}

static void check_column(const struct profile *profile, int64_t c)
{
    struct plain all = look(-1, c);
    double within = 0.0;
    assert_int_equal(profile->all_present[c], all.present);
    assert_close(profile->all_mean[c], all.mean, 1e-15);
    assert_close(profile->all_deviation[c], all.deviation, 1e-13);
    assert_close(profile->all_total[c], all.total, 1e-15);
    assert_true(profile->low[c] == all.low && profile->high[c] == all.high);
    for (int32_t h = 0; h < K; h++) {
        struct plain plain = look(h, c);
        within += plain.deviation * plain.deviation * (double)plain.present;
    }
    double total = all.deviation * all.deviation * (double)all.present;
    assert_true(fabs(profile->eta_squared[c] - (total > 0 ? 1 - within / total : 0)) < 1e-12);
}

/* Of customers with a label; the others are left out. */
static void check_deciles(const struct profile *profile, int64_t c)
{
    static double value[ROWS];
    int64_t present = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        value[present] = cell(row, c);
        present += !isnan(value[present]) && label_of(row) >= 0;
    }
    qsort(value, (size_t)present, sizeof *value, by_value);
    for (int i = 0; i < DECILES; i++) {
        int64_t rank = (int64_t)floor((i + 1) / 10.0 * (double)(present - 1));
        int64_t upto = rank;
        while (upto < present && value[upto] == value[rank])
            upto++;
        assert_true(profile->deciles.value[c * DECILES + i] == value[rank]);
        assert_int_equal(profile->deciles.upto[c * DECILES + i], upto);
    }
}

static void run_profile(struct comm *comm, struct input *input, struct survey *survey,
                        struct profile *profile)
{
    static const int transforms[COLUMNS];
    int32_t *label = NULL;
    input_open(input, comm, path_to("profile.h5"), FEATURES);
    const struct partition *part = &input->table.partition;
    assert_ok(survey_run(&input->table, MISSING_MEDIAN, transforms, survey));
    assert_ok(memory_new(&label, part->block_count * BLOCK_ROWS, sizeof *label, "test labels"));
    for (int64_t i = 0; i < part->block_count * BLOCK_ROWS; i++)
        label[i] = i < part->row_count ? label_of(part->first_row + i) : -1;
    for (int64_t i = 0; i < part->row_count; i++) {
        if (label[i] < 0)
            input->table.left_out[i / TILE_ROWS] |= (uint16_t)(1U << (i % TILE_ROWS));
    }
    struct row_numbers numbers = numbers_packed(label, part->block_count * BLOCK_ROWS, part->block_count, K);
    assert_ok(profile_run(&input->table, survey, &numbers, K, profile));
    row_numbers_free(&numbers);
    free(label);
}

static void profiles_match_plain_loops(void **state)
{
    (void)state;
    struct input input;
    struct survey survey;
    struct profile profile;
    int64_t size[K] = {0};
    write_matrix(path_to("profile.h5"), ROWS, COLUMNS, cell);
    run_profile(&world, &input, &survey, &profile);
    assert_int_equal(profile.k, K);
    assert_int_equal(profile.columns, COLUMNS);
    for (int64_t row = 0; row < ROWS; row++) {
        if (label_of(row) >= 0)
            size[label_of(row)]++;
    }
    assert_int_equal(size[2], 1);
    assert_int_equal(size[3], 0);
    assert_memory_equal(profile.size, size, sizeof size);
    for (int64_t c = 0; c < COLUMNS; c++) {
        check_column(&profile, c);
        if (c < FEATURES)
            check_deciles(&profile, c);
        for (int32_t h = 0; h < K; h++)
            check_cell(&profile, h, c);
    }
    profile_free(&profile);
    survey_free(&survey);
    input_close(&input);
}

static void ranks_do_not_change_a_bit(void **state)
{
    (void)state;
    struct input input[2];
    struct survey survey[2];
    struct profile profile[2];
    write_matrix(path_to("profile.h5"), ROWS, COLUMNS, cell);
    run_profile(&world, &input[0], &survey[0], &profile[0]);
    run_profile(&alone, &input[1], &survey[1], &profile[1]);
    size_t cells = K * COLUMNS * sizeof(double);
    assert_memory_equal(profile[0].mean, profile[1].mean, cells);
    assert_memory_equal(profile[0].deviation, profile[1].deviation, cells);
    assert_memory_equal(profile[0].median, profile[1].median, cells);
    assert_memory_equal(profile[0].total, profile[1].total, cells);
    assert_memory_equal(profile[0].eta_squared, profile[1].eta_squared, COLUMNS * sizeof(double));
    for (int i = 0; i < 2; i++) {
        profile_free(&profile[i]);
        survey_free(&survey[i]);
        input_close(&input[i]);
    }
}

/* ---- words ---- */

enum { WORDS = 6 };

static char *column_names[WORDS] = {(char[]){"orders_per_year"}, (char[]){"age"},    (char[]){"revenue"},
                                    (char[]){"newsletter"},      (char[]){"basket"}, (char[]){"visits"}};

/* Segment means of unit columns around `all`; the fourth is a flag, the last is described only. */
static double word_mean[3 * WORDS] = {12.0, 50.0, 1500.0, 0.9, 0.0,  1000.0, 10.1, 40.5, 1001.0,
                                      0.5,  0.0,  0.0,    8.0, 31.0, 500.0,  0.0,  0.0,  0.0};
static double word_all_mean[WORDS] = {10.0, 40.0, 1000.0, 0.5, 0.0, 500.0};
static double word_all_deviation[WORDS] = {2.0, 4.0, 1000.0, 0.5, 0.0, 100.0};
static int64_t word_size[3] = {10, 10, 10};
static double word_low[WORDS] = {0, 18, 0, 0, 0, 0};
static double word_high[WORDS] = {20, 99, 9999, 1, 0, 1000};

struct words {
    struct profile profile;
    struct source source;
    struct source_column column[WORDS];
    int64_t index[WORDS];
    int64_t present[3 * WORDS];
    struct table table;
};

static void words_open(struct words *words)
{
    *words = (struct words){.profile = {.k = 3,
                                        .columns = WORDS,
                                        .mean = word_mean,
                                        .all_mean = word_all_mean,
                                        .all_deviation = word_all_deviation,
                                        .low = word_low,
                                        .high = word_high}};
    words->profile.size = word_size;
    words->profile.present = words->present;
    for (int64_t cell_index = 0; cell_index < 3 * WORDS; cell_index++)
        words->present[cell_index] = word_size[cell_index / WORDS];
    for (int64_t c = 0; c < WORDS; c++) {
        words->column[c].name = column_names[c];
        words->index[c] = c;
    }
    words->source.column = words->column;
    words->source.column_count = WORDS;
    words->table = (struct table){
        .source = &words->source, .columns = WORDS, .features = WORDS - 1, .column = words->index};
}

static void markers_are_the_strongest_features(void **state)
{
    (void)state;
    struct words words;
    int64_t marker[DESCRIBE_MARKERS] = {-1, -1, -1};
    words_open(&words);
    /* effects 1, 2.5, 0.5, 0.8, 0; half of 1 and the column that is no feature do not count */
    assert_int_equal(describe_markers(&words.profile, &words.table, 0, marker), 3);
    assert_true(marker[0] == 1 && marker[1] == 0 && marker[2] == 3);
    assert_int_equal(describe_markers(&words.profile, &words.table, 1, marker), 0);
    assert_int_equal(describe_markers(&words.profile, &words.table, 2, marker), 3);
    assert_true(marker[0] == 1 && marker[1] == 0 &&
                marker[2] == 3); /* equal effects: the earlier column first */
}

static void a_feature_that_most_lack_marks_nothing(void **state)
{
    (void)state;
    struct words words;
    int64_t marker[DESCRIBE_MARKERS] = {-1, -1, -1};
    words_open(&words);
    words.present[1] = 5; /* age in the first segment: half of it is enough */
    assert_int_equal(describe_markers(&words.profile, &words.table, 0, marker), 3);
    assert_true(marker[0] == 1);
    words.present[1] = 4;
    assert_int_equal(describe_markers(&words.profile, &words.table, 0, marker), 3);
    assert_true(marker[0] == 0 && marker[1] == 3 && marker[2] == 2);
}

static void segments_are_told_in_words(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "very high age (50.0 against 40.0), high orders per year (12.0 against 10.0), newsletter 90% "
        "(against 50%)",
        "close to the average customer",
        "very low age (31.0 against 40.0), low orders per year (8.00 against 10.0), newsletter 0% (against "
        "50%)"};
    struct words words;
    words_open(&words);
    for (int64_t h = 0; h < 3; h++) {
        char *text = NULL;
        assert_ok(describe_segment(&words.profile, &words.table, h, &text));
        assert_string_equal(text, expected[h]);
        free(text);
    }
}

static void numbers_are_short(void **state)
{
    (void)state;
    static const double values[] = {0,      0.123456, 1.5,    12.345,  123.45,
                                    8310.4, 1234567,  -31.26, 9.87e20, 1.234e-7};
    static const char *const expected[] = {"0.000", "0.123",   "1.50",  "12.3",     "123",
                                           "8310",  "1234567", "-31.3", "9.87e+20", "1.23e-07"};
    for (int i = 0; i < 10; i++) {
        char text[32];
        describe_number(values[i], text, sizeof text);
        assert_string_equal(text, expected[i]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(profiles_match_plain_loops),
    cmocka_unit_test(ranks_do_not_change_a_bit),
    cmocka_unit_test(markers_are_the_strongest_features),
    cmocka_unit_test(a_feature_that_most_lack_marks_nothing),
    cmocka_unit_test(segments_are_told_in_words),
    cmocka_unit_test(numbers_are_short),
};

TESTS_MAIN("profile", tests)
