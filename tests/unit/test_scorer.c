/* ranks: 1 2 3 7 */
/* Customers scored as they are read against those that were prepared, kept and scored: bit for bit. What
 * cannot be scored is refused, with its column and row. */
#include <math.h>

#include "cluster/scorer.h"
#include "data/survey.h"
#include "files.h"
#include "numbers.h"

enum { ROWS = 4 * BLOCK_ROWS + 300, COLUMNS = 4, K = 6, LEAVES = 90 };

static const char *const names[COLUMNS] = {"spent", "orders", "same", "days"};

static double cell(int64_t row, int64_t column)
{
    double u = uniform(41, row, column);
    if (column == 2)
        return 7; /* the model leaves it out, and the columns behind it move up */
    if (uniform(42, row, column) < 0.04)
        return (double)NAN;
    return column == 0 ? 0.01 + 300 * u * u * u * u : column == 1 ? floor(9 * u) : 2000 * u - 900;
}

/* ---- a model as a fit would save it ---- */

struct fitted {
    struct input input;
    struct survey survey;
    struct preparation preparation;
    struct customers customers;
    struct saved_model model;
    int64_t column[COLUMNS]; /* of the source, of each feature */
    char *name[COLUMNS];
    double centroid[K * COLUMNS];
    double leaf_centroid[LEAVES * COLUMNS];
    int32_t leaf_segment[LEAVES];
};

static const int transforms[COLUMNS] = {TRANSFORM_LOG, TRANSFORM_LOG1P, TRANSFORM_NONE, TRANSFORM_NONE};

static void draw_places(double *place, int64_t count, int64_t features)
{
    for (int64_t i = 0; i < count * features; i++)
        place[i] = floor(12 * uniform(43 + (uint64_t)count, i, 0) - 6) / 4; /* some of them equal */
}

static void model_open(struct fitted *fitted, enum missing missing, int64_t k, int64_t leaves)
{
    static int transform[COLUMNS];
    static double weight[COLUMNS] = {1, 1, 1, 2};
    memcpy(transform, transforms, sizeof transform);
    struct prepare_settings settings = {.missing = missing,
                                        .scale = SCALE_ZSCORE,
                                        .clip = {0.0, 0.98},
                                        .transform = transform,
                                        .weight = weight};
    struct table *table = &fitted->input.table;
    input_open(&fitted->input, &world, path_to("in.h5"), -1);
    assert_ok(survey_run(table, missing, transform, &fitted->survey));
    assert_ok(prepare_learn(table, &settings, &fitted->survey, &fitted->preparation));
    assert_ok(
        customers_load(table, &fitted->preparation, fitted->survey.customers, INT64_MAX, &fitted->customers));
    int64_t d = fitted->preparation.count;
    assert_int_equal(d, COLUMNS - 1);
    fitted->model = (struct saved_model){.k = k,
                                         .features = d,
                                         .missing = missing,
                                         .name = fitted->name,
                                         .centroid = fitted->centroid,
                                         .leaves = leaves,
                                         .leaf_centroid = fitted->leaf_centroid,
                                         .leaf_segment = fitted->leaf_segment};
    assert_ok(memory_new(&fitted->model.preparation.feature, d, sizeof(struct prepared_feature), "a model"));
    fitted->model.preparation.count = d;
    for (int64_t f = 0; f < d; f++) {
        fitted->column[f] = fitted->preparation.feature[f].column;
        assert_ok(memory_copy_text(&fitted->name[f], names[fitted->column[f]]));
        fitted->model.preparation.feature[f] = fitted->preparation.feature[f];
        fitted->model.preparation.feature[f].column = f;
    }
    draw_places(fitted->centroid, k, d);
    draw_places(fitted->leaf_centroid, leaves, d);
    for (int64_t i = 0; i < leaves; i++)
        fitted->leaf_segment[i] = (int32_t)(i * 5 % k);
}

static void model_close(struct fitted *fitted)
{
    for (int64_t f = 0; f < fitted->model.features; f++)
        free(fitted->name[f]);
    free(fitted->model.preparation.feature);
    customers_free(&fitted->customers);
    prepare_free(&fitted->preparation);
    survey_free(&fitted->survey);
    input_close(&fitted->input);
}

/* ---- what is expected ---- */

static void pieces_new(struct assignments *piece, int64_t blocks)
{
    int64_t entries = blocks * BLOCK_ROWS;
    assert_ok(memory_new(&piece->segment, entries, sizeof *piece->segment, "test scores"));
    assert_ok(memory_new(&piece->distance, entries, sizeof *piece->distance, "test scores"));
    assert_ok(memory_new(&piece->runner_up, entries, sizeof *piece->runner_up, "test scores"));
    assert_ok(memory_new(&piece->shadow, entries, sizeof *piece->shadow, "test scores"));
}

static void pieces_free(struct assignments *piece)
{
    free(piece->segment);
    free(piece->distance);
    free(piece->runner_up);
    free(piece->shadow);
}

struct plain {
    const struct saved_model *model;
    int32_t *label;
};

static void label_block(void *context, const struct block *block)
{
    const struct plain *plain = context;
    const struct saved_model *model = plain->model;
    struct tile_centroids places = {.k = model->leaves > 0 ? model->leaves : model->k,
                                    .features = model->features,
                                    .centroid = model->leaves > 0 ? model->leaf_centroid : model->centroid};
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        int32_t *of_tile = plain->label + block->local * BLOCK_ROWS + t * TILE_ROWS;
        tile_nearest_reference(block->tiles + t * model->features * TILE_ROWS, &places, of_tile);
        for (int lane = 0; lane < TILE_ROWS; lane++) {
            bool out = table_is_left_out(block->left_out, (int)t * TILE_ROWS + lane);
            of_tile[lane] = out ? -1 : model->leaves > 0 ? model->leaf_segment[of_tile[lane]] : of_tile[lane];
        }
    }
}

/* The nearest place of every kept customer by definition. */
static void label_plainly(const struct fitted *fitted, int32_t *label)
{
    struct plain plain = {&fitted->model, label};
    assert_ok(customers_walk(&fitted->customers, NULL, 0, label_block, &plain));
}

/* ---- scoring ---- */

struct scoring {
    struct scorer *scorer;
    const struct assignments *piece;
    int64_t left_out;
};

static status_t score(void *context, const struct raw_block *block)
{
    struct scoring *scoring = context;
    int32_t label[BLOCK_ROWS];
    int64_t at = block->local * BLOCK_ROWS;
    struct assignments part = {scoring->piece->segment + at, scoring->piece->distance + at,
                               scoring->piece->runner_up + at, scoring->piece->shadow + at};
    status_t status = scorer_block(scoring->scorer, block, &part);
    if (status)
        return status;
    assert_ok(scorer_label(scoring->scorer, block, label));
    assert_memory_equal(label, part.segment, sizeof label);
    for (int i = 0; i < BLOCK_ROWS; i++) {
        assert_int_equal(label[i] < 0, table_is_left_out(block->left_out, i));
        scoring->left_out += i < block->rows && label[i] < 0;
    }
    return STATUS_OK;
}

/* Scores the model's own customers from the file, in a table of its features that keeps no marks. */
static status_t score_file(struct fitted *fitted, const char *file, struct scoring *scoring)
{
    struct source source;
    struct table table;
    assert_ok(source_open(&world, path_to(file), NULL, NULL, &source));
    assert_ok(table_open_unmarked(&world, &quiet, &source, fitted->column, fitted->model.features, &table));
    status_t status = scorer_open(&world, &quiet, &fitted->model, file, &scoring->scorer);
    if (!status)
        status = table_walk(&table, score, scoring);
    scorer_close(scoring->scorer);
    table_close(&table);
    source_close(&source);
    return status;
}

static void check_same(enum missing missing, int64_t k, int64_t leaves)
{
    struct fitted fitted = {.column = {0}};
    struct assignments expected;
    struct assignments got;
    int32_t *label = NULL;
    model_open(&fitted, missing, k, leaves);
    int64_t blocks = fitted.customers.partition.block_count;
    pieces_new(&expected, blocks);
    pieces_new(&got, blocks);
    assert_ok(memory_new(&label, blocks * BLOCK_ROWS, sizeof *label, "test labels"));
    label_plainly(&fitted, label);
    struct row_numbers packed_label = numbers_packed(label, blocks * BLOCK_ROWS, blocks, k);
    struct score kept = {&fitted.customers,
                         {.k = k, .features = fitted.model.features, .centroid = fitted.centroid},
                         &packed_label};
    assert_ok(score_blocks(&kept, 0, blocks, &expected));
    struct scoring scoring = {.piece = &got};
    assert_ok(score_file(&fitted, "in.h5", &scoring));
    if (blocks > 0) {
        size_t bytes = (size_t)(blocks * BLOCK_ROWS) * 4;
        assert_memory_equal(got.segment, expected.segment, bytes);
        assert_memory_equal(got.runner_up, expected.runner_up, bytes);
        assert_memory_equal(got.distance, expected.distance, bytes);
        assert_memory_equal(got.shadow, expected.shadow, bytes);
    }
    assert_ok(comm_sum_i64(&world, &scoring.left_out, 1));
    assert_int_equal(scoring.left_out, ROWS - fitted.survey.customers);
    assert_int_equal(scoring.left_out > 0, missing == MISSING_DROP);
    free(label);
    row_numbers_free(&packed_label);
    pieces_free(&expected);
    pieces_free(&got);
    model_close(&fitted);
}

static void its_own_customers_are_scored_alike(void **state)
{
    (void)state;
    write_matrix(path_to("in.h5"), ROWS, COLUMNS, cell);
    const enum missing missing[] = {MISSING_MEDIAN, MISSING_MEAN, MISSING_DROP};
    for (int m = 0; m < 3; m++) {
        check_same(missing[m], K, 0);
        check_same(missing[m], K, LEAVES);
        check_same(missing[m], 1, 0);
        check_same(missing[m], 1, 1);
    }
}

/* ---- what cannot be scored ---- */

static int64_t bad_row;
static int64_t bad_column;
static double bad_value;

static double cell_with_a_fault(int64_t row, int64_t column)
{
    double value = cell(row, column);
    if (row == bad_row && column == bad_column)
        return bad_value;
    return isnan(value) ? 5 : value;
}

static void check_refused(enum missing missing, int64_t row, int64_t column, double value, const char *words)
{
    struct fitted fitted = {.column = {0}};
    struct assignments piece;
    bad_row = row;
    bad_column = column;
    bad_value = value;
    write_matrix(path_to("bad.h5"), ROWS, COLUMNS, cell_with_a_fault);
    model_open(&fitted, missing == MISSING_ERROR ? MISSING_DROP : missing, K, 0);
    fitted.model.missing = missing;
    pieces_new(&piece, fitted.customers.partition.block_count);
    struct scoring scoring = {.piece = &piece};
    if (words) {
        assert_failure(score_file(&fitted, "bad.h5", &scoring), EXIT_BAD_DATA, words);
    } else {
        assert_ok(score_file(&fitted, "bad.h5", &scoring));
        assert_ok(comm_sum_i64(&world, &scoring.left_out, 1));
        assert_int_equal(scoring.left_out, missing == MISSING_DROP);
    }
    pieces_free(&piece);
    model_close(&fitted);
}

static void values_that_cannot_be_scored(void **state)
{
    (void)state;
    const double missing = (double)NAN;
    check_refused(MISSING_MEDIAN, 0, 0, (double)INFINITY, "spent is infinite in row 0");
    check_refused(MISSING_DROP, 2049, 3, (double)-INFINITY, "days is infinite in row 2049");
    check_refused(MISSING_MEDIAN, ROWS - 1, 0, 0.0, "spent is 0 in row 4395, outside the domain of log");
    check_refused(MISSING_MEDIAN, 1024, 1, -1.0, "orders is -1 in row 1024, outside the domain of log1p");
    check_refused(MISSING_MEDIAN, 7, 3, 1e150, "the largest that can be used");
    check_refused(MISSING_MEDIAN, 7, 3, -1e30, "days is -1e+30 in row 7, which is");
    check_refused(MISSING_ERROR, 3000, 1, missing, "orders is missing in row 3000");
    check_refused(MISSING_DROP, 3000, 1, missing, NULL);
    check_refused(MISSING_MEDIAN, 3000, 1, missing, NULL);
    check_refused(MISSING_MEDIAN, 7, 3, 1e30, NULL);               /* clipped */
    check_refused(MISSING_ERROR, 3000, 2, (double)INFINITY, NULL); /* no feature of the model */
}

static void kernels_that_are_not_there(void **state)
{
    (void)state;
    struct fitted fitted = {.column = {0}};
    struct scoring scoring = {.piece = NULL};
    model_open(&fitted, MISSING_MEDIAN, K, 0);
    assert_int_equal(setenv("LOHKO_VECTORS", "mmx", 1), 0);
    assert_failure(score_file(&fitted, "in.h5", &scoring), EXIT_BAD_USAGE, "LOHKO_VECTORS");
    assert_int_equal(unsetenv("LOHKO_VECTORS"), 0);
    model_close(&fitted);
}

/* The nearest centroid would say something else than the fit did. */
static void a_cut_without_leaves_is_refused(void **state)
{
    (void)state;
    struct fitted fitted = {.column = {0}};
    struct scoring scoring = {.piece = NULL};
    char path[] = "old.h5";
    model_open(&fitted, MISSING_MEDIAN, K, 0);
    fitted.model.path = path;
    fitted.model.is_cut = true;
    assert_failure(score_file(&fitted, "in.h5", &scoring), EXIT_BAD_DATA,
                   "old.h5: its segments are a cut of a tree");
    model_close(&fitted);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(its_own_customers_are_scored_alike),
    cmocka_unit_test(values_that_cannot_be_scored),
    cmocka_unit_test(kernels_that_are_not_there),
    cmocka_unit_test(a_cut_without_leaves_is_refused),
};

TESTS_MAIN("scorer", tests)
