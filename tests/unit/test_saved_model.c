/* ranks: 1 2 3 7 */
/* Models read back from results.h5: what was written, what older files lack; the columns of another file. */
#include "model_file.h"

/* ---- what is read ---- */

static void check_features(const struct saved_model *model)
{
    assert_int_equal(model->features, KEPT);
    assert_int_equal(model->preparation.count, KEPT);
    for (int64_t f = 0; f < KEPT; f++) {
        const struct prepared_feature *got = &model->preparation.feature[f];
        const struct prepared_feature *wanted = &prepared[f];
        assert_string_equal(model->name[f], column_names[wanted->column]);
        assert_int_equal(got->column, f);
        assert_int_equal(got->missing, wanted->missing);
        assert_int_equal(got->transform, wanted->transform);
        assert_true(got->fill == wanted->fill && got->low == wanted->low && got->high == wanted->high);
        assert_true(got->shift == wanted->shift && got->factor == wanted->factor);
        assert_true(got->weight == wanted->weight && got->quantum == wanted->quantum);
    }
}

static void check_segments(const struct saved_model *model)
{
    assert_int_equal(model->k, K);
    assert_int_equal(model->customers, CUSTOMERS);
    assert_memory_equal(model->size, sizes, sizeof sizes);
    assert_memory_equal(model->centroid, centroid, sizeof centroid);
    for (int64_t h = 0; h < K; h++) {
        for (int64_t f = 0; f < KEPT; f++) {
            int64_t at = h * COLUMNS + prepared[f].column;
            double median = model->median[h * KEPT + f];
            assert_true(model->mean[h * KEPT + f] == column_figure[0][at]);
            assert_true(at == 2 ? isnan(median) : median == column_figure[2][at]);
        }
    }
}

static void check_origin(const struct saved_model *model)
{
    assert_string_equal(model->path, path_to("model.h5"));
    assert_string_equal(model->version, "7.8.9");
    assert_string_equal(model->input_path, "a file.h5");
    assert_string_equal(model->input_checksum, "0123456789abcdef");
    assert_string_equal(model->config, "a: 1\nb: 2\n");
    assert_int_equal(model->rows, ROWS);
    assert_int_equal(model->columns, COLUMNS);
    for (int64_t c = 0; c < COLUMNS; c++)
        assert_string_equal(model->column[c], column_names[c]);
}

static void check_spread(const struct saved_model *model)
{
    assert_int_equal(model->missing, MISSING_MEAN);
    assert_true(model->far == 2.5);
    assert_memory_equal(model->number, numbers, sizeof numbers);
    assert_int_equal(model->next_number, 9);
    for (int64_t f = 0; f < KEPT; f++) {
        int64_t from = prepared[f].column * DECILES;
        assert_int_equal(model->unknown[f], prepared[f].missing);
        assert_true(model->deviation[f] == all_deviation[prepared[f].column]);
        assert_memory_equal(model->decile + f * DECILES, decile + from, DECILES * sizeof *decile);
        assert_memory_equal(model->decile_upto + f * DECILES, decile_upto + from,
                            DECILES * sizeof *decile_upto);
    }
}

static void reads_what_was_written(void **state)
{
    (void)state;
    for (enum kind kind = KMEANS; kind <= CUT; kind++) {
        struct saved_model model;
        write_model(kind);
        assert_ok(saved_model_read(&world, path_to("model.h5"), &model));
        check_features(&model);
        check_segments(&model);
        check_origin(&model);
        check_spread(&model);
        assert_int_equal(model.leaves, kind == CUT ? LEAVES : 0);
        if (kind == CUT) {
            assert_memory_equal(model.leaf_centroid, leaf_centroid, sizeof leaf_centroid);
            assert_memory_equal(model.leaf_segment, leaf_segment, sizeof leaf_segment);
        }
        saved_model_free(&model);
        assert_null(model.name);
    }
}

/* Rank 0 changes model.h5. */
static void in_the_file(void (*change)(hid_t file))
{
    all_wait();
    if (world.rank == 0) {
        hid_t file = H5Fopen(path_to("model.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
        change(file);
        assert_true(h5_close(file));
    }
    all_wait();
}

/* What lohko 0.4 did not write either. */
static void remove_numbers(hid_t file)
{
    assert_true(H5Ldelete(file, "/segments/number", H5P_DEFAULT) >= 0);
    assert_true(H5Adelete_by_name(file, "/segments", "next_number", H5P_DEFAULT) >= 0);
}

static void an_older_file_says_less(void **state)
{
    (void)state;
    struct saved_model model;
    write_model(OLD);
    in_the_file(remove_numbers);
    assert_ok(saved_model_read(&world, path_to("model.h5"), &model));
    check_features(&model);
    check_segments(&model);
    check_origin(&model);
    assert_int_equal(model.missing, MISSING_MEDIAN);
    assert_int_equal(model.next_number, K);
    assert_null(model.decile);
    assert_null(model.decile_upto);
    assert_null(model.unknown);
    assert_true(isnan(model.far));
    for (int64_t h = 0; h < K; h++)
        assert_int_equal(model.number[h], h);
    for (int64_t f = 0; f < KEPT; f++)
        assert_true(isnan(model.deviation[f]));
    saved_model_free(&model);
}

static void remove_leaves(hid_t file)
{
    assert_true(H5Ldelete(file, "/model/leaf_centroid", H5P_DEFAULT) >= 0);
    assert_true(H5Ldelete(file, "/model/leaf_segment", H5P_DEFAULT) >= 0);
}

/* Of lohko 0.4: it can be compared, but scores nobody. */
static void a_cut_without_leaves_scores_nobody(void **state)
{
    (void)state;
    struct saved_model model;
    for (enum kind kind = KMEANS; kind <= CUT; kind++) {
        write_model(kind);
        assert_ok(saved_model_read(&world, path_to("model.h5"), &model));
        assert_ok(saved_model_check_scoring(&model));
        saved_model_free(&model);
    }
    in_the_file(remove_leaves);
    assert_ok(saved_model_read(&world, path_to("model.h5"), &model));
    check_segments(&model);
    check_spread(&model);
    assert_int_equal(model.leaves, 0);
    assert_null(model.leaf_centroid);
    status_t status = saved_model_check_scoring(&model);
    assert_non_null(status);
    assert_non_null(strstr(status->message, path_to("model.h5")));
    assert_failure(status, EXIT_BAD_DATA, "make the fit again");
    saved_model_free(&model);
}

static void put_largest_number(hid_t file)
{
    const int64_t largest[K] = {0, 4, INT32_MAX};
    const int64_t next = INT64_C(1) + INT32_MAX;
    hid_t dataset = H5Dopen2(file, "/segments/number", H5P_DEFAULT);
    hid_t segments = H5Gopen2(file, "/segments", H5P_DEFAULT);
    assert_true(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, largest) >= 0);
    assert_true(H5Adelete(segments, "next_number") >= 0);
    assert_ok(h5_write_number(segments, "next_number", H5T_NATIVE_INT64, &next));
    h5_close(segments);
    h5_close(dataset);
}

static void the_largest_number(void **state)
{
    (void)state;
    struct saved_model model;
    write_model(KMEANS);
    in_the_file(put_largest_number);
    assert_ok(saved_model_read(&world, path_to("model.h5"), &model));
    assert_int_equal(model.number[K - 1], INT32_MAX);
    assert_int_equal(model.next_number, INT64_C(1) + INT32_MAX);
    saved_model_free(&model);
}

/* Of visits, the third of the features that were read. */
static void remove_deciles(hid_t file)
{
    double value[KEPT * DECILES];
    int64_t upto[KEPT * DECILES];
    hid_t values = H5Dopen2(file, "/model/decile", H5P_DEFAULT);
    hid_t uptos = H5Dopen2(file, "/model/decile_upto", H5P_DEFAULT);
    assert_true(H5Dread(values, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    assert_true(H5Dread(uptos, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, upto) >= 0);
    for (int q = DECILES; q < KEPT * DECILES; q++) {
        value[q] = (double)NAN;
        upto[q] = 0;
    }
    assert_true(H5Dwrite(values, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    assert_true(H5Dwrite(uptos, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, upto) >= 0);
    h5_close(values);
    h5_close(uptos);
}

static void a_feature_without_values_among_the_sampled(void **state)
{
    (void)state;
    struct saved_model model;
    write_model(KMEANS);
    in_the_file(remove_deciles);
    assert_ok(saved_model_read(&world, path_to("model.h5"), &model));
    assert_memory_equal(model.decile, decile, DECILES * sizeof *decile);
    for (int q = DECILES; q < KEPT * DECILES; q++)
        assert_true(isnan(model.decile[q]) && model.decile_upto[q] == 0);
    saved_model_free(&model);
}

static void other_files_hold_no_model(void **state)
{
    (void)state;
    struct saved_model model;
    write_matrix(path_to("input.h5"), 8, COLUMNS, model_cell);
    assert_failure(saved_model_read(&world, path_to("input.h5"), &model), EXIT_BAD_DATA,
                   "input.h5 holds no model (expected: results.h5 of lohko fit)");
    assert_failure(saved_model_read(&world, path_to("nowhere.h5"), &model), EXIT_NO_INPUT, "nowhere.h5");
}

/* ---- columns ---- */

static void open_source(struct source *source, const char *const *names, int64_t count)
{
    all_wait();
    if (world.rank == 0) {
        hid_t file = file_new(path_to("new.h5"));
        hsize_t rows = 3;
        hid_t text = H5Tcopy(H5T_C_S1);
        assert_true(H5Tset_size(text, H5T_VARIABLE) >= 0);
        const char *const words[3] = {"x", "y", "z"};
        const double values[3] = {1, 2, 3};
        for (int64_t c = 0; c < count; c++) {
            char place[64];
            bool is_text = names[c][0] == '!';
            snprintf(place, sizeof place, "/features/%s", names[c] + is_text);
            put_dataset(file, place, is_text ? text : H5T_IEEE_F64LE, H5P_DEFAULT, 1, &rows,
                        is_text ? text : H5T_NATIVE_DOUBLE, is_text ? (const void *)words : values);
        }
        h5_close(text);
        assert_true(h5_close(file));
    }
    all_wait();
    assert_ok(source_open(&world, path_to("new.h5"), NULL, NULL, source));
}

static void columns_are_found_by_name(void **state)
{
    (void)state;
    static const char *const complete[] = {"a", "age", "b", "c", "d", "e", "f", "visits"};
    static const char *const none[] = {"other", "!visits"};
    static const char *const words[] = {"age", "!visits"};
    static const char *const some[] = {"notes", "visits"};
    struct saved_model model;
    struct source source;
    int64_t column[KEPT];
    write_model(KMEANS);
    assert_ok(saved_model_read(&world, path_to("model.h5"), &model));
    open_source(&source, complete, 8);
    assert_ok(saved_model_columns(&model, &source, &quiet, column));
    assert_string_equal(source.column[column[0]].name, "age");
    assert_string_equal(source.column[column[1]].name, "visits");
    source_close(&source);
    open_source(&source, none, 2);
    assert_failure(saved_model_columns(&model, &source, &quiet, column), EXIT_BAD_DATA,
                   "new.h5: there is no column age, which the model of ");
    source_close(&source);
    open_source(&source, words, 2);
    assert_failure(saved_model_columns(&model, &source, &quiet, column), EXIT_BAD_DATA,
                   "new.h5: visits holds no numbers, and the model of ");
    source_close(&source);
    open_source(&source, some, 2);
    assert_failure(saved_model_columns(&model, &source, &quiet, column), EXIT_BAD_DATA,
                   "new.h5: there is no column age, which the model of ");
    source_close(&source);
    saved_model_free(&model);
}

static void at_most_five_are_named(void **state)
{
    (void)state;
    static const char *const other[] = {"other"};
    static char *names[] = {"a", "b", "c", "d", "e", "f", "g"};
    static const char *const messages[] = {"there is no column a, which",
                                           "there are no columns a and b, which",
                                           "there are no columns a, b and c, which",
                                           "there are no columns a, b, c and d, which",
                                           "there are no columns a, b, c, d and e, which",
                                           "there are no columns a, b, c, d, e and 1 more, which",
                                           "there are no columns a, b, c, d, e and 2 more, which"};
    struct source source;
    int64_t column[7];
    open_source(&source, other, 1);
    for (int64_t count = 1; count <= 7; count++) {
        struct saved_model model = {.path = "last.h5", .features = count, .name = names};
        assert_failure(saved_model_columns(&model, &source, &quiet, column), EXIT_BAD_DATA,
                       messages[count - 1]);
    }
    source_close(&source);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(reads_what_was_written),
    cmocka_unit_test(an_older_file_says_less),
    cmocka_unit_test(a_cut_without_leaves_scores_nobody),
    cmocka_unit_test(the_largest_number),
    cmocka_unit_test(a_feature_without_values_among_the_sampled),
    cmocka_unit_test(other_files_hold_no_model),
    cmocka_unit_test(columns_are_found_by_name),
    cmocka_unit_test(at_most_five_are_named),
};

TESTS_MAIN("saved model", tests)
