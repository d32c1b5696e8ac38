/* ranks: 1 2 3 7 */
/* Counts of bins against plain comparisons, on any number of ranks; the index against figures worked out by
 * hand. */
#include <math.h>

#include "assess/drift.h"
#include "support.h"

enum { ROWS = 3 * BLOCK_ROWS + 77, FEATURES = 3, K = 4 };

/* Of the model: feature 0 a plain spread, 1 a flag whose deciles are all equal, 2 one that reaches no one. */
static double decile[FEATURES * DECILES];
static int64_t upto[FEATURES * DECILES];
static int64_t unknown[FEATURES] = {0, 100, 10};
static int64_t size[K] = {400, 300, 200, 100};
static struct prepared_feature feature[FEATURES] = {{.column = 0}, {.column = 1}, {.column = 2}};

static struct saved_model model_of(bool deciles)
{
    for (int j = 0; j < DECILES; j++) {
        decile[j] = 10.0 * (j + 1);
        upto[j] = 100 * (j + 1);
        decile[DECILES + j] = 1.0;
        upto[DECILES + j] = 900;
        decile[2 * DECILES + j] = 1e6 + j;
        upto[2 * DECILES + j] = 99 * (j + 1);
    }
    return (struct saved_model){.k = K,
                                .features = FEATURES,
                                .preparation = {FEATURES, feature},
                                .size = size,
                                .customers = 1000,
                                .decile = deciles ? decile : NULL,
                                .decile_upto = deciles ? upto : NULL,
                                .unknown = unknown,
                                .far = deciles ? 2.5 : (double)NAN};
}

/* On edges, between them, beyond them; some missing. */
static double cell(int64_t row, int64_t f)
{
    double u = uniform(31, row, f);
    if (uniform(32, row, f) < 0.1)
        return (double)NAN;
    return f == 0 ? floor(24 * u) * 5 : f == 1 ? (double)(u < 0.3) : -u;
}

static int32_t label_of(int64_t row)
{
    return uniform(33, row, 0) < 0.2 || (row >= BLOCK_ROWS && row < 2 * BLOCK_ROWS)
               ? -1
               : (int32_t)floor(3 * uniform(34, row, 0));
}

static float distance_of(int64_t row)
{
    return label_of(row) < 0 ? NAN : (float)floor(11 * uniform(35, row, 0)) / 2;
}

static int bin_of(int64_t f, double value)
{
    if (isnan(value))
        return DECILES + 1;
    int bin = 0;
    while (bin < DECILES && value > decile[f * DECILES + bin])
        bin++;
    return bin;
}

struct tables {
    int64_t bin[FEATURES * DRIFT_BINS];
    int64_t segment[K];
    int64_t customers;
    int64_t far;
};

static void count_plainly(int64_t rows, bool all, struct tables *tables)
{
    *tables = (struct tables){.customers = 0};
    for (int64_t row = 0; row < rows; row++) {
        int32_t label = all ? 0 : label_of(row);
        if (label < 0)
            continue;
        tables->customers++;
        tables->segment[label]++;
        tables->far += (double)distance_of(row) > 2.5;
        for (int64_t f = 0; f < FEATURES; f++)
            tables->bin[f * DRIFT_BINS + bin_of(f, cell(row, f))]++;
    }
}

/* This rank's blocks of `rows` customers; `all`: everyone has a label, and distances are not told. */
static void take_all(struct drift *drift, int64_t rows, bool all)
{
    static double value[FEATURES * BLOCK_ROWS];
    struct partition part = partition_of(rows, world.rank, world.size);
    for (int64_t b = 0; b < part.block_count; b++) {
        int32_t label[BLOCK_ROWS];
        float distance[BLOCK_ROWS];
        uint16_t left_out[BLOCK_TILES] = {0};
        int64_t first = (part.first_block + b) * BLOCK_ROWS;
        int count = (int)partition_block_rows(&part, part.first_block + b);
        for (int i = 0; i < BLOCK_ROWS; i++) {
            label[i] = i >= count ? -1 : all ? 0 : label_of(first + i);
            distance[i] = distance_of(first + i);
            for (int64_t f = 0; f < FEATURES; f++)
                value[f * BLOCK_ROWS + i] = i < count ? cell(first + i, f) : 15.0;
        }
        struct raw_block block = {
            .local = b, .first_row = first, .rows = count, .value = value, .left_out = left_out};
        drift_take(drift, &block, label, all ? NULL : distance);
    }
}

static double psi_plainly(const int64_t *before, const int64_t *now, int bins)
{
    double all_before = 0;
    double all_now = 0;
    double psi = 0;
    for (int b = 0; b < bins; b++) {
        all_before += (double)before[b];
        all_now += (double)now[b];
    }
    for (int b = 0; b < bins; b++) {
        double p = fmax((double)before[b] / all_before, 1e-4);
        double q = fmax((double)now[b] / all_now, 1e-4);
        psi += (p - q) * (log(p) - log(q));
    }
    return psi;
}

static void check_counts(int64_t rows, bool all)
{
    struct saved_model model = model_of(true);
    struct drift drift;
    struct tables tables;
    assert_ok(drift_open(&drift, &model));
    take_all(&drift, rows, all);
    assert_ok(drift_finish(&world, &drift));
    count_plainly(rows, all, &tables);
    assert_int_equal(drift.customers, tables.customers);
    assert_int_equal(drift.far, all ? 0 : tables.far);
    assert_memory_equal(drift.segment, tables.segment, sizeof tables.segment);
    assert_memory_equal(drift.bin, tables.bin, sizeof tables.bin);
    assert_close(drift.segment_psi, psi_plainly(size, tables.segment, K), 1e-12);
    assert_close(drift.far_share, (double)drift.far / (double)drift.customers, 0);
    for (int64_t f = 0; f < FEATURES; f++) {
        int64_t before[DRIFT_BINS];
        drift_bins_before(&model, f, before);
        assert_close(drift.psi[f], psi_plainly(before, tables.bin + f * DRIFT_BINS, DRIFT_BINS), 1e-12);
    }
    drift_close(&drift);
}

static void bins_are_counted(void **state)
{
    (void)state;
    const int64_t rows[] = {1, 7, 8, 9, 1023, 1024, 1025, ROWS};
    for (int i = 0; i < 8; i++) {
        check_counts(rows[i], true);
        if (label_of(0) >= 0 || rows[i] > 1)
            check_counts(rows[i], false);
    }
}

static void bins_of_the_model(void **state)
{
    (void)state;
    struct saved_model model = model_of(true);
    const int64_t plain[DRIFT_BINS] = {100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 0};
    const int64_t flag[DRIFT_BINS] = {900, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100};
    int64_t bin[DRIFT_BINS];
    drift_bins_before(&model, 0, bin);
    assert_memory_equal(bin, plain, sizeof plain);
    drift_bins_before(&model, 1, bin);
    assert_memory_equal(bin, flag, sizeof flag);
}

static void the_index_by_hand(void **state)
{
    (void)state;
    const int64_t even[] = {50, 50};
    const int64_t uneven[] = {75, 25};
    const int64_t one[] = {100, 0};
    const int64_t rare[] = {1, 99999};
    const int64_t none[] = {0, 0};
    assert_close(drift_psi(even, even, 2), 0.0, 0);
    assert_close(drift_psi(even, uneven, 2), 0.25 * log(3), 1e-14); /* (1/4) ln (3/2) + (1/4) ln 2 */
    assert_close(drift_psi(uneven, even, 2), drift_psi(even, uneven, 2), 1e-14);
    assert_close(drift_psi(even, one, 2), 0.5 * log(2) + (0.5 - 1e-4) * log(5000), 1e-13);
    assert_close(drift_psi(one, one, 2), 0.0, 0);
    assert_close(drift_psi(rare, even, 2), (0.5 - 1e-4) * log(5000) + 0.49999 * log(1.99998), 1e-13);
    assert_close(drift_psi(none, none, 2), 0.0, 0);
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(drift_word(0.0), "stable");
    assert_string_equal(drift_word(0.0999), "stable");
    assert_string_equal(drift_word(0.1), "watch");
    assert_string_equal(drift_word(0.2499), "watch");
    assert_string_equal(drift_word(0.25), "shifted");
    assert_null(drift_word((double)NAN));
}

static void what_is_not_known_is_not_measured(void **state)
{
    (void)state;
    struct drift drift;
    struct saved_model model = model_of(false);
    assert_ok(drift_open(&drift, &model));
    take_all(&drift, ROWS, false);
    assert_ok(drift_finish(&world, &drift));
    assert_true(isnan(drift.psi[0]) && isnan(drift.far_share) && drift.segment_psi > 0);
    drift_close(&drift);
    model = model_of(true); /* and where nobody was scored */
    assert_ok(drift_open(&drift, &model));
    assert_ok(drift_finish(&world, &drift));
    assert_true(isnan(drift.psi[0]) && isnan(drift.far_share) && isnan(drift.segment_psi));
    drift_close(&drift);
}

/* 0 would say that nothing has changed. */
static void a_feature_without_deciles_is_not_measured(void **state)
{
    (void)state;
    struct drift drift;
    struct saved_model model = model_of(true);
    for (int j = DECILES; j < 2 * DECILES; j++) {
        decile[j] = (double)NAN;
        upto[j] = 0;
    }
    assert_ok(drift_open(&drift, &model));
    take_all(&drift, ROWS, false);
    assert_ok(drift_finish(&world, &drift));
    assert_true(isnan(drift.psi[1]));
    assert_true(drift.psi[0] >= 0 && drift.psi[2] >= 0);
    drift_close(&drift);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(bins_are_counted),
    cmocka_unit_test(bins_of_the_model),
    cmocka_unit_test(the_index_by_hand),
    cmocka_unit_test(words),
    cmocka_unit_test(what_is_not_known_is_not_measured),
    cmocka_unit_test(a_feature_without_deciles_is_not_measured),
};

TESTS_MAIN("drift", tests)
