/* A small model in results.h5, as fit writes one, for the tests of reading it. */
#ifndef LOHKO_TESTS_MODEL_FILE_H
#define LOHKO_TESTS_MODEL_FILE_H

#include <math.h>

#include "data/results.h"
#include "data/saved_model.h"
#include "files.h"

enum { K = 3, COLUMNS = 4, FEATURES = 3, KEPT = 2, LEAVES = 5, CUSTOMERS = 100, ROWS = 120 };

static const char *const column_names[COLUMNS] = {"age", "revenue", "visits", "notes"};
static const int64_t sizes[K] = {60, 30, 10};
static const int64_t numbers[K] = {1, 4, 7};
static const int32_t leaf_segment[LEAVES] = {0, 2, 1, 0, 1};
static double centroid[K * KEPT];
static double column_figure[3][K * COLUMNS]; /* mean, deviation, median */
static double linkage[(K - 1) * 4];
static double all_deviation[COLUMNS];
static double decile[FEATURES * DECILES];
static int64_t decile_upto[FEATURES * DECILES];
static double leaf_centroid[LEAVES * KEPT];
static struct prepared_feature prepared[KEPT] = {
    {.column = 0,
     .missing = 3,
     .transform = TRANSFORM_NONE,
     .fill = 4.5,
     .low = -INFINITY,
     .high = INFINITY,
     .shift = 1.5,
     .factor = 0.25,
     .weight = 1,
     .quantum = 0x1p-30},
    {.column = 2,
     .missing = 0,
     .transform = TRANSFORM_SQRT,
     .fill = 9,
     .low = 0.5,
     .high = 77,
     .shift = -2,
     .factor = 3,
     .weight = 2,
     .quantum = 0x1p-20},
};

SUPPORT double model_cell(int64_t row, int64_t column)
{
    return (double)(row * 7 + column);
}

SUPPORT void set_figures(void)
{
    for (int i = 0; i < K * KEPT; i++)
        centroid[i] = 0.5 * i - 1;
    for (int i = 0; i < K * COLUMNS; i++) {
        column_figure[0][i] = 100 + i;
        column_figure[1][i] = 200 + i;
        column_figure[2][i] = i == 2 ? (double)NAN : 300 + i;
    }
    for (int i = 0; i < COLUMNS; i++)
        all_deviation[i] = 10 + i;
    for (int i = 0; i < FEATURES * DECILES; i++) {
        decile[i] = 1000 * (i / DECILES) + i % DECILES / 2; /* ties */
        decile_upto[i] = 10 + 10 * (i % DECILES / 2);
    }
    for (int i = 0; i < LEAVES * KEPT; i++)
        leaf_centroid[i] = 3.25 * i;
}

/* ---- files ---- */

/* A file without the figures that lohko 0.4 did not write; one as fit writes it; one whose segments are a
 * cut. */
enum kind { OLD, KMEANS, CUT };

SUPPORT struct results_content content_of(const struct table *table, const struct preparation *preparation,
                                          enum kind kind)
{
    struct results_content content = {.table = table,
                                      .preparation = preparation,
                                      .k = K,
                                      .centroid_prepared = centroid,
                                      .size = sizes,
                                      .mean = column_figure[0],
                                      .deviation = column_figure[1],
                                      .median = column_figure[2],
                                      .restarts = 1,
                                      .restart_inertia = linkage,
                                      .segment_linkage = linkage,
                                      .far = (double)NAN};
    if (kind == OLD)
        return content;
    content.number = numbers;
    content.next_number = 9;
    content.missing = "mean";
    content.all_deviation = all_deviation;
    content.decile = decile;
    content.decile_upto = decile_upto;
    content.far = 2.5;
    if (kind == CUT)
        content.leaves = (struct results_leaves){LEAVES, leaf_centroid, leaf_segment};
    return content;
}

SUPPORT void write_content(const struct table *table, enum kind kind)
{
    const struct results_attribute attributes[] = {
        {.name = "format_version", .whole = true, .integer = 1},
        {.name = "lohko_version", .text = "7.8.9"},
        {.name = "customers", .whole = true, .integer = ROWS},
        {.name = "customers_used", .whole = true, .integer = CUSTOMERS},
        {.name = "method", .text = kind == CUT ? "hierarchy" : "kmeans"},
        {.name = "input_path", .text = "a\nfile.h5"},
        {.name = "input_checksum", .text = "0123456789abcdef"},
        {.name = "config", .text = "a: 1\nb: 2\n"},
    };
    struct preparation preparation = {KEPT, prepared};
    struct results_content content = content_of(table, &preparation, kind);
    struct results_file results = {H5I_INVALID_HID};
    assert_ok(results_create(&results, path_to("model.h5")));
    assert_ok(results_write_content(&results, &content, attributes, sizeof attributes / sizeof *attributes));
    assert_ok(results_close(&results));
}

/* model.h5; collective. */
SUPPORT void write_model(enum kind kind)
{
    struct input input;
    write_matrix(path_to("input.h5"), 8, COLUMNS, model_cell);
    if (world.rank == 0) {
        hid_t file = H5Fopen(path_to("input.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
        put_names(file, "/features", "feature_names", column_names, COLUMNS);
        assert_true(h5_close(file));
    }
    all_wait();
    set_figures();
    input_open(&input, &world, path_to("input.h5"), FEATURES);
    if (world.rank == 0)
        write_content(&input.table, kind);
    input_close(&input);
    all_wait();
}

#endif
