/* ranks: 1 2 3 */
/* Results files that contradict themselves, or claim what is not there, are refused by name. */
#include "model_file.h"

/* ---- datasets ---- */

struct fault {
    const char *name; /* dataset */
    int64_t place;    /* whose value is changed; REMOVED, or a shape: how many rows it gets instead */
    double value;
    const char *message;
};

enum { REMOVED = -1, LONGER = -2, HUGE_CLAIM = -3, TEXT = -4, FLAT = -5 };

static const struct fault faults[] = {
    {"/model/centroid", REMOVED, 0, "holds no model (expected: results.h5 of lohko fit)"},
    {"/segments/size", REMOVED, 0, "holds no model"},
    {"/model/feature_names", REMOVED, 0, "there is no /model/feature_names"},
    {"/model/transform", REMOVED, 0, "there is no /model/transform"},
    {"/model/missing", REMOVED, 0, "there is no /model/missing"},
    {"/segments/mean", REMOVED, 0, "there is no /segments/mean"},
    {"/segments/median", REMOVED, 0, "there is no /segments/median"},
    {"/model/decile_upto", REMOVED, 0, "there is no /model/decile_upto"},
    {"/model/leaf_centroid", REMOVED, 0, "there is no /model/leaf_centroid"},
    {"/model/leaf_segment", REMOVED, 0, "there is no /model/leaf_segment"},
    {"/model/centroid", 0, NAN, "/model/centroid holds nan"},
    {"/model/centroid", 5, INFINITY, "/model/centroid holds inf"},
    {"/model/fill", 1, INFINITY, "/model/fill holds inf"},
    {"/model/fill", 1, NAN, "/model/fill of visits does not go with"},
    {"/model/clip_low", 0, NAN, "/model/clip_low holds nan"},
    {"/model/clip_high", 1, 0.25, "/model/clip_low of visits is above /model/clip_high"},
    {"/model/shift", 0, -INFINITY, "/model/shift holds -inf"},
    {"/model/factor", 0, 0.0, "/model/factor holds 0"},
    {"/model/factor", 1, -1.0, "/model/factor holds -1"},
    {"/model/quantum", 0, 0.0, "/model/quantum holds 0"},
    {"/model/quantum", 1, 0.3, "/model/quantum of visits is no power of two"},
    {"/model/weight", 1, -2.0, "/model/weight holds -2"},
    {"/model/missing", 1, -1.0, "/model/missing holds -1"},
    {"/model/missing", 1, 101.0, "/model/missing holds 101"},
    {"/model/decile", 0, NAN, "/model/decile and /model/decile_upto of age"},
    {"/model/decile", 4, NAN, "/model/decile and /model/decile_upto of age"},
    {"/model/decile", 4, INFINITY, "/model/decile holds inf"},
    {"/model/decile", 4, -5.0, "/model/decile and /model/decile_upto of age"},
    {"/model/decile_upto", 12, 0.0, "/model/decile and /model/decile_upto of visits"},
    {"/model/decile_upto", 8, 98.0, "/model/decile and /model/decile_upto of age"}, /* 3 of 100 have none */
    {"/model/deviation", 0, -1.0, "/model/deviation holds -1"},
    {"/model/leaf_segment", 3, 3.0, "/model/leaf_segment holds 3"},
    {"/model/leaf_segment", 3, -1.0, "/model/leaf_segment holds -1"},
    {"/model/leaf_centroid", 9, NAN, "/model/leaf_centroid holds nan"},
    {"/segments/size", 0, -1.0, "/segments/size holds -1"},
    {"/segments/size", 0, 61.0, "/segments/size does not add up"},
    {"/segments/size", 0, 59.0, "/segments/size does not add up"},
    {"/segments/number", 0, -3.0, "/segments/number holds -3"},
    {"/segments/number", 2, 0x1p31, "/segments/number holds 2147483648"},
    {"/segments/number", 1, 1.0, "/segments/number does not rise"},
    {"/segments/number", 2, 9.0, "next_number of /segments is not above"},
    {"/segments/mean", 1, INFINITY, "/segments/mean holds inf"},
    {"/model/factor", LONGER, 0, "/model/factor has 3 values, not 2"},
    {"/model/centroid", LONGER, 0, "/model/centroid is 4 x 2, not 3 x 2"},
    {"/segments/mean", LONGER, 0, "/segments/mean is 4 x 4, not 3 x 4"},
    {"/model/leaf_segment", LONGER, 0, "/model/leaf_segment has 6 values, not 5"},
    {"/model/leaf_centroid", HUGE_CLAIM, 0, "/model/leaf_centroid claims"},
    {"/segments/size", HUGE_CLAIM, 0, "/segments/size claims"},
    {"/model/feature_names", HUGE_CLAIM, 0, "/model/feature_names claims"},
    {"/model/factor", TEXT, 0, "/model/factor does not hold numbers"},
    {"/segments/size", TEXT, 0, "/segments/size does not hold whole numbers"},
    {"/model/centroid", FLAT, 0, "/model/centroid has 1 dimension(s), not 2"},
    {"/model/feature_names", FLAT, 0, "names are expected to be text"},
};

/* What a fault needs to know of the dataset as it was. */
struct shape {
    hid_t type;
    int rank;
    hsize_t extent[2];
};

static struct shape look(hid_t file, const char *name)
{
    struct shape shape = {.extent = {0, 0}};
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(dataset);
    shape.type = H5Dget_type(dataset);
    shape.rank = H5Sget_simple_extent_dims(space, shape.extent, NULL);
    assert_true(shape.rank > 0);
    h5_close(space);
    h5_close(dataset);
    return shape;
}

static void change_value(hid_t file, const struct fault *fault)
{
    double values[64] = {0};
    hid_t dataset = H5Dopen2(file, fault->name, H5P_DEFAULT);
    assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    values[fault->place] = fault->value;
    assert_true(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    h5_close(dataset);
}

/* Chunks of which none is ever written. */
static void claim(hid_t file, const char *name, const struct shape *shape)
{
    const hsize_t extent[2] = {(hsize_t)1 << 30, shape->extent[1]};
    const hsize_t chunk[2] = {2, 2};
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(shape->rank, extent, NULL);
    assert_true(H5Pset_chunk(creation, shape->rank, chunk) >= 0);
    hid_t dataset = H5Dcreate2(file, name, shape->type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(dataset >= 0);
    h5_close(dataset);
    h5_close(space);
    h5_close(creation);
}

static void put_words(hid_t file, const char *name, const struct shape *shape)
{
    static const char *const words[] = {"a", "b", "c", "d", "e", "f"};
    hid_t text = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(text, H5T_VARIABLE) >= 0);
    put_dataset(file, name, text, H5P_DEFAULT, shape->rank, shape->extent, text, words);
    h5_close(text);
}

static void reshape(hid_t file, const struct fault *fault, struct shape *shape)
{
    double values[64];
    bool is_text = H5Tget_class(shape->type) == H5T_STRING;
    for (int i = 0; i < 64; i++)
        values[i] = 1;
    shape->extent[0] += fault->place == LONGER;
    put_dataset(file, fault->name, is_text ? H5T_IEEE_F64LE : shape->type, H5P_DEFAULT,
                fault->place == FLAT ? 1 : shape->rank, shape->extent, H5T_NATIVE_DOUBLE, values);
    if (strcmp(fault->name, "/segments/mean") == 0)
        put_names(file, fault->name, "feature_names", column_names, COLUMNS);
}

static void damage(hid_t file, const struct fault *fault)
{
    if (fault->place >= 0) {
        change_value(file, fault);
        return;
    }
    struct shape shape = look(file, fault->name);
    assert_true(H5Ldelete(file, fault->name, H5P_DEFAULT) >= 0);
    if (fault->place == HUGE_CLAIM)
        claim(file, fault->name, &shape);
    else if (fault->place == TEXT)
        put_words(file, fault->name, &shape);
    else if (fault->place != REMOVED)
        reshape(file, fault, &shape);
    h5_close(shape.type);
}

static void expect_refusal(const char *message)
{
    struct saved_model model;
    all_wait();
    status_t status = saved_model_read(&world, path_to("model.h5"), &model);
    bool names_file = status && strstr(status->message, "model.h5");
    if (!names_file)
        print_error("the file is not named where this is expected: %s\n", message);
    assert_true(names_file);
    assert_failure(status, EXIT_BAD_DATA, message);
    assert_null(model.name);
    assert_null(model.centroid);
}

static void contradictions_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        write_model(CUT);
        if (world.rank == 0) {
            hid_t file = H5Fopen(path_to("model.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
            damage(file, &faults[i]);
            assert_true(h5_close(file));
        }
        expect_refusal(faults[i].message);
    }
}

/* ---- texts and attributes ---- */

static void put_text(hid_t file, const char *object, const char *name, const char *text)
{
    hid_t handle = H5Oopen(file, object, H5P_DEFAULT);
    assert_true(H5Adelete(handle, name) >= 0);
    if (text)
        assert_ok(h5_write_text(handle, name, text));
    assert_true(H5Oclose(handle) >= 0);
}

static void put_number(hid_t file, const char *object, const char *name, double number)
{
    hid_t handle = H5Oopen(file, object, H5P_DEFAULT);
    int64_t whole = (int64_t)number;
    assert_true(H5Adelete(handle, name) >= 0);
    if (number == (double)whole)
        assert_ok(h5_write_number(handle, name, H5T_NATIVE_INT64, &whole));
    else
        assert_ok(h5_write_number(handle, name, H5T_NATIVE_DOUBLE, &number));
    assert_true(H5Oclose(handle) >= 0);
}

static void replace_texts(hid_t file, const char *name, const char *const *texts)
{
    hid_t text = H5Tcopy(H5T_C_S1);
    hsize_t count = KEPT;
    assert_true(H5Tset_size(text, H5T_VARIABLE) >= 0);
    assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
    put_dataset(file, name, text, H5P_DEFAULT, 1, &count, text, texts);
    h5_close(text);
}

/* Of age: no values that would have been counted. */
static void lose_deciles(hid_t file)
{
    for (int64_t q = 0; q < DECILES; q++)
        change_value(file, &(struct fault){.name = "/model/decile", .place = q, .value = (double)NAN});
}

static void spoil(hid_t file, int way)
{
    static const char *const twice[KEPT] = {"age", "age"};
    static const char *const unknown[KEPT] = {"age", "height"};
    static const char *const other_order[KEPT] = {"visits", "age"};
    static const char *const empty[KEPT] = {"age", ""};
    static const char *const transforms[KEPT] = {"none", "cube\nroot"};
    const char *const *const names[] = {twice, unknown, other_order, empty};
    if (way < 4)
        replace_texts(file, "/model/feature_names", names[way]);
    else if (way == 4)
        replace_texts(file, "/model/transform", transforms);
    else if (way == 5)
        put_number(file, "/", "format_version", 2);
    else if (way == 6)
        put_number(file, "/", "customers_used", -4);
    else if (way == 7)
        put_number(file, "/", "customers", 99);
    else if (way == 8)
        put_text(file, "/", "customers_used", "many");
    else if (way == 9)
        put_number(file, "/", "customers_used", 100.5);
    else if (way == 10)
        put_text(file, "/", "method", "guess");
    else if (way == 11)
        put_text(file, "/model", "missing", "ignore");
    else if (way == 12)
        put_text(file, "/model", "missing", "drop");
    else if (way == 13)
        put_number(file, "/model", "far", -1);
    else if (way == 14)
        put_number(file, "/segments", "next_number", 7);
    else if (way == 15)
        put_number(file, "/segments", "next_number", 0x1p31 + 1);
    else if (way == 16)
        lose_deciles(file);
    else
        put_text(file, "/segments", "next_number", NULL);
}

static void texts_and_attributes_are_checked(void **state)
{
    (void)state;
    static const char *const messages[] = {"the name age comes twice",
                                           "height of /model/feature_names is not in its place",
                                           "age of /model/feature_names is not in its place",
                                           "a name is empty",
                                           "/model/transform: cube root is not known",
                                           "results of format 2 cannot be read",
                                           "the attribute customers_used is no count",
                                           "more customers took part than there are",
                                           "the attribute customers_used of / is not one number",
                                           "the attribute customers_used of / is not one number",
                                           "segments.method guess is not known",
                                           "missing values are treated by ignore, which is not known",
                                           "/model/fill of age does not go with",
                                           "the attribute far of /model is -1",
                                           "next_number of /segments is not above",
                                           "next_number of /segments is 2147483649, above",
                                           "/model/decile and /model/decile_upto of age",
                                           "next_number of /segments is not above"};
    for (int way = 0; way < (int)(sizeof messages / sizeof *messages); way++) {
        write_model(KMEANS);
        if (world.rank == 0) {
            hid_t file = H5Fopen(path_to("model.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
            spoil(file, way);
            assert_true(h5_close(file));
        }
        expect_refusal(messages[way]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(contradictions_are_named),
    cmocka_unit_test(texts_and_attributes_are_checked),
};

TESTS_MAIN("faults of saved models", tests)
