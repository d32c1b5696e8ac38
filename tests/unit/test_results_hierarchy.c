/* ranks: 1 2 3 7 */
/* /hierarchy of results.h5 as written from all ranks and read back by HDF5 alone. */
#include <math.h>

#include "data/h5text.h"
#include "data/results_hierarchy.h"
#include "files.h"
#include "numbers.h"

enum { MOST_ATTRIBUTES = 16 };

static double cell(int64_t row, int64_t column)
{
    return (double)(row % 97) + 0.25 * (double)column;
}

static bool some(int64_t row)
{
    return row % 5 == 2 || row / BLOCK_ROWS == 2;
}

static hid_t open_checked(hid_t file, const char *name, hid_t type, int64_t rows, int64_t columns)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(dataset >= 0);
    hid_t stored = H5Dget_type(dataset);
    hid_t space = H5Dget_space(dataset);
    hsize_t dimensions[2] = {0, 0};
    assert_int_equal(H5Sget_simple_extent_dims(space, dimensions, NULL), columns > 0 ? 2 : 1);
    assert_true(dimensions[0] == (hsize_t)rows && dimensions[1] == (hsize_t)columns);
    assert_true(H5Tequal(stored, type) > 0);
    assert_true(H5Aexists(dataset, "unit") > 0);
    h5_close(space);
    h5_close(stored);
    return dataset;
}

static void expect_values(hid_t file, const char *name, hid_t type, int64_t bytes, int64_t rows,
                          int64_t columns, const void *expected)
{
    char *got = NULL;
    int64_t size = rows * (columns > 0 ? columns : 1) * bytes;
    hid_t dataset = open_checked(file, name, type, rows, columns);
    assert_ok(memory_new(&got, size + 1, 1, "test values"));
    assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    if (size > 0)
        assert_memory_equal(got, expected, (size_t)size);
    free(got);
    h5_close(dataset);
}

static void expect_list(hid_t file, const char *name, const char *attribute_name, hid_t type, int64_t count,
                        const int64_t *expected)
{
    int64_t got[MOST_ATTRIBUTES];
    hsize_t dimension = 0;
    hid_t attribute = H5Aopen_by_name(file, name, attribute_name, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attribute >= 0);
    hid_t stored = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    assert_int_equal(H5Sget_simple_extent_dims(space, &dimension, NULL), 1);
    assert_int_equal(dimension, count);
    assert_true(H5Tequal(stored, type) > 0);
    assert_true(H5Aread(attribute, H5T_NATIVE_INT64, got) >= 0);
    for (int64_t i = 0; i < count; i++)
        assert_int_equal(got[i], expected[i]);
    h5_close(space);
    h5_close(stored);
    h5_close(attribute);
}

/* What every rank brings; the leaves are the customers that take part, or `micro` of them in turns. */
struct job {
    struct sample sample;
    struct input input;
    struct results_hierarchy content;
    struct row_numbers own; /* leaves of this rank's rows */
    int32_t *leaf;          /* of all rows */
    int32_t *level;         /* of all leaves: two segments */
    int32_t *finer;         /* four */
    double *linkage;
    double *centroid; /* of micro-clusters */
    int64_t *size;
};

static void number_leaves(struct job *job, int64_t micro)
{
    const struct partition *part = &job->sample.customers.partition;
    int32_t next = 0;
    assert_ok(memory_new(&job->leaf, part->rows, sizeof *job->leaf, "test leaves"));
    for (int64_t row = 0; row < part->rows; row++) {
        bool out = job->sample.is_out[row];
        job->leaf[row] = out ? -1 : (int32_t)(micro > 0 ? row % micro : next);
        next += !out;
    }
    job->content.leaves = micro > 0 ? micro : next;
    job->own =
        numbers_packed(job->leaf + part->first_row, part->row_count, part->block_count, job->content.leaves);
    job->content.leaf = &job->own;
}

static void job_open(struct job *job, int64_t rows, int64_t features, int64_t micro, sample_mark out)
{
    *job = (struct job){.leaf = NULL};
    sample_open(&job->sample, &world, rows, features, cell, out);
    write_matrix(path_to("input.h5"), 10, features, cell);
    input_open(&job->input, &world, path_to("input.h5"), -1);
    for (int64_t f = 0; f < features; f++)
        job->sample.preparation.feature[f].column = f;
    number_leaves(job, micro);
    int64_t leaves = job->content.leaves;
    assert_ok(memory_new(&job->level, leaves, sizeof *job->level, "test levels"));
    assert_ok(memory_new(&job->finer, leaves, sizeof *job->finer, "test levels"));
    assert_ok(memory_new(&job->linkage, 4 * leaves, sizeof *job->linkage, "a test tree"));
    assert_ok(memory_new(&job->centroid, leaves * features, sizeof *job->centroid, "test leaves"));
    assert_ok(memory_new(&job->size, leaves, sizeof *job->size, "test leaves"));
    for (int64_t i = 0; i < 4 * (leaves - 1); i++)
        job->linkage[i] = 0.5 * (double)i;
    for (int64_t i = 0; i < leaves; i++) {
        job->finer[i] = (int32_t)(i * 7 % 4);
        job->level[i] = job->finer[i] / 2;
        job->size[i] = micro > 0 ? 100 + i : 1;
        for (int64_t f = 0; f < features; f++)
            job->centroid[i * features + f] = (double)i / 3 + (double)f;
    }
    job->content.customers = &job->sample.customers;
    job->content.table = &job->input.table;
    job->content.preparation = &job->sample.preparation;
    job->content.every_customer = micro == 0;
    if (world.rank == 0) {
        job->content.linkage = job->linkage;
        job->content.leaf_centroid = micro > 0 ? job->centroid : NULL;
        job->content.leaf_size = micro > 0 ? job->size : NULL;
    }
}

static void job_close(struct job *job)
{
    row_numbers_free(&job->own);
    free(job->leaf);
    free(job->level);
    free(job->finer);
    free(job->linkage);
    free(job->centroid);
    free(job->size);
    input_close(&job->input);
    sample_close(&job->sample);
}

/* Writes it, and opens the file again on rank 0. */
static hid_t write_job(struct job *job)
{
    struct results_file results = {H5I_INVALID_HID};
    if (world.rank == 0)
        assert_ok(results_create(&results, path_to("results.h5")));
    assert_ok(results_write_hierarchy(&results, &world, &job->content));
    assert_ok(results_close(&results));
    hid_t file =
        world.rank == 0 ? H5Fopen(path_to("results.h5"), H5F_ACC_RDONLY, H5P_DEFAULT) : H5I_INVALID_HID;
    assert_true(world.rank != 0 || file >= 0);
    return file;
}

/* The prepared customers that take part, as leaves. */
static void expect_customers(hid_t file, const struct job *job)
{
    int64_t features = job->sample.customers.features;
    int64_t leaves = job->content.leaves;
    float *expected = NULL;
    assert_ok(memory_new(&expected, leaves * features, sizeof *expected, "test leaves"));
    for (int64_t row = 0; row < job->sample.customers.partition.rows; row++) {
        for (int64_t f = 0; f < features && job->leaf[row] >= 0; f++)
            expected[job->leaf[row] * features + f] = job->sample.all[row * features + f];
    }
    expect_values(file, "/hierarchy/leaf_centroid", H5T_IEEE_F32LE, 4, leaves, features, expected);
    expect_values(file, "/hierarchy/leaf_size", H5T_STD_I64LE, 8, leaves, 0, job->size);
    free(expected);
}

static void check_customers_as_leaves(int64_t rows, int64_t features, sample_mark out)
{
    struct job job;
    job_open(&job, rows, features, 0, out);
    hid_t file = write_job(&job);
    if (world.rank == 0) {
        expect_customers(file, &job);
        expect_values(file, "/hierarchy/linkage", H5T_IEEE_F64LE, 8, job.content.leaves - 1, 4, job.linkage);
        if (out)
            expect_values(file, "/hierarchy/leaf", H5T_STD_I32LE, 4, rows, 0, job.leaf);
        else
            assert_int_equal(H5Lexists(file, "/hierarchy/leaf", H5P_DEFAULT), 0);
        assert_true(h5_close(file));
    }
    job_close(&job);
}

static void customers_are_leaves(void **state)
{
    (void)state;
    check_customers_as_leaves(1, 1, NULL);
    check_customers_as_leaves(2, 3, NULL);
    check_customers_as_leaves(5000, 2, NULL);
    check_customers_as_leaves(5000, 2, some);
}

/* Several pieces of a rank, each with fewer leaves than customers. */
static void leaves_in_several_pieces(void **state)
{
    (void)state;
    check_customers_as_leaves(20 * BLOCK_ROWS - 10, 200, some);
}

static void check_levels(hid_t file, const struct job *job)
{
    static const int64_t sizes[] = {900, 800};
    static const int64_t finer_sizes[] = {500, 450, 400, 350};
    static const int64_t parents[] = {0, 0, 1, 1};
    int64_t rows = job->sample.customers.partition.rows;
    int32_t *level = NULL;
    int32_t *finer = NULL;
    assert_ok(memory_new(&level, rows, sizeof *level, "test levels"));
    assert_ok(memory_new(&finer, rows, sizeof *finer, "test levels"));
    for (int64_t row = 0; row < rows; row++) {
        level[row] = job->leaf[row] < 0 ? -1 : job->level[job->leaf[row]];
        finer[row] = job->leaf[row] < 0 ? -1 : job->finer[job->leaf[row]];
    }
    expect_values(file, "/hierarchy/level_2", H5T_STD_I32LE, 4, rows, 0, level);
    expect_values(file, "/hierarchy/level_4", H5T_STD_I32LE, 4, rows, 0, finer);
    expect_list(file, "/hierarchy/level_2", "size", H5T_STD_I64LE, 2, sizes);
    expect_list(file, "/hierarchy/level_4", "size", H5T_STD_I64LE, 4, finer_sizes);
    expect_list(file, "/hierarchy/level_4", "parent", H5T_STD_I32LE, 4, parents);
    assert_int_equal(H5Aexists_by_name(file, "/hierarchy/level_2", "parent", H5P_DEFAULT), 0);
    free(level);
    free(finer);
}

static void check_route(hid_t file)
{
    struct texts texts = {0};
    bool found = false;
    hid_t group = H5Gopen2(file, "/hierarchy", H5P_DEFAULT);
    assert_ok(h5_read_text_attribute(group, "route", &texts, &found));
    assert_true(found);
    assert_string_equal(texts.text[0], "micro-clusters");
    texts_free(&texts);
    h5_close(group);
}

static void check_micro_clusters(int64_t rows, sample_mark out)
{
    enum { LEAVES = 50, FEATURES = 3 };
    static const int64_t sizes[] = {900, 800};
    static const int64_t finer_sizes[] = {500, 450, 400, 350};
    int32_t parents[] = {0, 0, 1, 1};
    const struct results_attribute route = {.name = "route", .text = "micro-clusters"};
    struct job job;
    job_open(&job, rows, FEATURES, LEAVES, out);
    const struct results_level levels[] = {{2, job.level, sizes, NULL}, {4, job.finer, finer_sizes, parents}};
    job.content.level = levels;
    job.content.levels = 2;
    job.content.attribute = &route;
    job.content.attributes = 1;
    hid_t file = write_job(&job);
    if (world.rank == 0) {
        check_levels(file, &job);
        check_route(file);
        expect_values(file, "/hierarchy/leaf", H5T_STD_I32LE, 4, rows, 0, job.leaf);
        expect_values(file, "/hierarchy/leaf_size", H5T_STD_I64LE, 8, LEAVES, 0, job.size);
        expect_values(file, "/hierarchy/leaf_centroid", H5T_IEEE_F64LE, 8, LEAVES, FEATURES, job.centroid);
        expect_values(file, "/hierarchy/linkage", H5T_IEEE_F64LE, 8, LEAVES - 1, 4, job.linkage);
        assert_true(H5Aexists_by_name(file, "/hierarchy/leaf_centroid", "feature_names", H5P_DEFAULT) > 0);
        assert_true(h5_close(file));
    }
    job_close(&job);
}

static void micro_clusters_and_levels(void **state)
{
    (void)state;
    check_micro_clusters(5000, NULL);
    check_micro_clusters(5000, some);
    check_micro_clusters(360 * BLOCK_ROWS - 5, some); /* more than one piece, where one rank has them all */
}

/* Attributes of more than 64 KB, which the oldest form of HDF5's objects has no room for. */
static void a_level_of_many_segments(void **state)
{
    (void)state;
    enum { SEGMENTS = 20000 };
    struct job job;
    int64_t *size = NULL;
    int32_t *parent = NULL;
    job_open(&job, 3000, 2, 5, NULL);
    assert_ok(memory_new(&size, SEGMENTS, sizeof *size, "test sizes"));
    assert_ok(memory_new(&parent, SEGMENTS, sizeof *parent, "test parents"));
    size[SEGMENTS - 1] = 77;
    const struct results_level level = {SEGMENTS, job.level, size, parent};
    job.content.level = &level;
    job.content.levels = 1;
    hid_t file = write_job(&job);
    if (world.rank == 0) {
        int64_t *got = NULL;
        assert_ok(memory_new(&got, SEGMENTS, sizeof *got, "test sizes"));
        hid_t attribute = H5Aopen_by_name(file, "/hierarchy/level_20000", "size", H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Aread(attribute, H5T_NATIVE_INT64, got) >= 0);
        assert_memory_equal(got, size, SEGMENTS * sizeof *got);
        h5_close(attribute);
        free(got);
        assert_true(h5_close(file));
    }
    free(size);
    free(parent);
    job_close(&job);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(customers_are_leaves),
    cmocka_unit_test(leaves_in_several_pieces),
    cmocka_unit_test(micro_clusters_and_levels),
    cmocka_unit_test(a_level_of_many_segments),
};

TESTS_MAIN("results_hierarchy", tests)
