#include "data/results_hierarchy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/results_dataset.h"
#include "data/results_rows.h"

enum { COLUMNS = 4, NAME_SIZE = 40 };

/* ---- a row for each customer: its leaf and its segment in every level ---- */

/* Where leaf i is customer i nothing is to be said of it. */
static bool has_leaf_of_customers(const struct results_hierarchy *hierarchy)
{
    return !hierarchy->every_customer || hierarchy->customers->used < hierarchy->customers->partition.rows;
}

/* Rows of a local block into each dataset, at row `at`. */
static void make_block(const struct results_hierarchy *hierarchy, int64_t block, int64_t at, int64_t rows,
                       void *const *memory)
{
    int32_t leaf[BLOCK_ROWS];
    int d = 0;
    row_numbers_get(hierarchy->leaf, block, leaf);
    if (has_leaf_of_customers(hierarchy))
        memcpy((int32_t *)memory[d++] + at, leaf, (size_t)rows * sizeof *leaf);
    for (int64_t l = 0; l < hierarchy->levels; l++) {
        int32_t *out = (int32_t *)memory[d++] + at;
        for (int64_t i = 0; i < rows; i++)
            out[i] = leaf[i] < 0 ? -1 : hierarchy->level[l].segment[leaf[i]];
    }
}

static status_t make_cuts(void *context, int64_t first, int64_t count, void *const *memory, int64_t *rows)
{
    const struct results_hierarchy *hierarchy = context;
    *rows = results_rows_of(&hierarchy->customers->partition, first, count);
    for (int64_t b = 0; b < count; b++) {
        int64_t left = *rows - b * BLOCK_ROWS;
        make_block(hierarchy, first + b, b * BLOCK_ROWS, left < BLOCK_ROWS ? left : BLOCK_ROWS, memory);
    }
    return STATUS_OK;
}

static void name_level(const struct results_level *level, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "/hierarchy/level_%" PRId64, level->segments);
}

static status_t write_cuts(struct results_file *results, struct comm *comm,
                           const struct results_hierarchy *hierarchy)
{
    struct results_hierarchy context = *hierarchy;
    struct rows_dataset *dataset = NULL;
    char(*name)[NAME_SIZE] = NULL;
    int datasets = 0;
    status_t status = memory_new(&dataset, hierarchy->levels + 1, sizeof *dataset, "datasets");
    if (!status)
        status = memory_new(&name, hierarchy->levels, sizeof *name, "datasets");
    status = comm_agree(comm, status);
    if (!status && has_leaf_of_customers(hierarchy))
        dataset[datasets++] = (struct rows_dataset){
            "/hierarchy/leaf", "leaf number; -1: left out", H5T_STD_I32LE, H5T_NATIVE_INT32, 4, 0};
    for (int64_t l = 0; !status && l < hierarchy->levels; l++) {
        name_level(&hierarchy->level[l], name[l]);
        dataset[datasets++] = (struct rows_dataset){
            name[l], "segment number in this cut; -1: left out", H5T_STD_I32LE, H5T_NATIVE_INT32, 4, 0};
    }
    struct rows_job job = {.partition = &hierarchy->customers->partition,
                           .dataset = dataset,
                           .datasets = datasets,
                           .rows = hierarchy->customers->partition.row_count,
                           .make = make_cuts,
                           .context = &context};
    if (!status && datasets > 0)
        status = results_write_rows(results->file, comm, &job);
    free(dataset);
    free(name);
    return status;
}

/* ---- a row for each customer that takes part: the leaves where they are the customers ---- */

struct making {
    int64_t features;
    int64_t made;
    float *value;
    int64_t *size;
};

static void make_leaves_of_block(void *context, const struct block *block)
{
    struct making *making = context;
    int64_t features = making->features;
    for (int i = 0; i < block->rows; i++) {
        if (table_is_left_out(block->left_out, i))
            continue;
        const float *tile = block->tiles + i / TILE_ROWS * features * TILE_ROWS;
        for (int64_t f = 0; f < features; f++)
            making->value[making->made * features + f] = tile[f * TILE_ROWS + i % TILE_ROWS];
        making->size[making->made++] = 1;
    }
}

static status_t make_leaves(void *context, int64_t first, int64_t count, void *const *memory, int64_t *rows)
{
    const struct customers *customers = ((const struct results_hierarchy *)context)->customers;
    struct making making = {.features = customers->features, .value = memory[0], .size = memory[1]};
    status_t status = customers_walk_part(customers, first, count, make_leaves_of_block, &making);
    *rows = making.made;
    return status;
}

static int64_t customers_taking_part(const struct customers *customers)
{
    int64_t count = 0;
    for (int64_t b = 0; b < customers->partition.block_count; b++) {
        for (int i = 0; i < BLOCK_ROWS; i++)
            count += !table_is_left_out(customers_marks(customers, b), i);
    }
    return count;
}

static status_t write_customers_as_leaves(struct results_file *results, struct comm *comm,
                                          const struct results_hierarchy *hierarchy)
{
    const struct rows_dataset datasets[] = {
        {"/hierarchy/leaf_centroid", "prepared units", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4,
         hierarchy->customers->features},
        {"/hierarchy/leaf_size", "customers", H5T_STD_I64LE, H5T_NATIVE_INT64, 8, 0},
    };
    struct results_hierarchy context = *hierarchy;
    struct rows_job job = {.partition = &hierarchy->customers->partition,
                           .dataset = datasets,
                           .datasets = (int)(sizeof datasets / sizeof *datasets),
                           .rows = customers_taking_part(hierarchy->customers),
                           .make = make_leaves,
                           .context = &context};
    return results_write_rows(results->file, comm, &job);
}

/* ---- what rank 0 has ---- */

static status_t write_feature_names(hid_t file, const struct results_hierarchy *hierarchy)
{
    const struct preparation *preparation = hierarchy->preparation;
    const char **names = NULL;
    hid_t dataset = H5Dopen2(file, "/hierarchy/leaf_centroid", H5P_DEFAULT);
    status_t status = memory_new(&names, preparation->count, sizeof *names, "names");
    for (int64_t f = 0; !status && f < preparation->count; f++)
        names[f] = table_name(hierarchy->table, preparation->feature[f].column);
    if (!status)
        status = h5_write_texts(dataset, "feature_names", names, preparation->count);
    if (!h5_close(dataset))
        status = status_first(status, h5_write_failure(file, "/hierarchy"));
    free(names);
    return status;
}

static status_t write_list(hid_t object, const char *name, hid_t file_type, hid_t memory_type, int64_t count,
                           const void *values)
{
    hsize_t dimension = (hsize_t)count;
    hid_t space = H5Screate_simple(1, &dimension, NULL);
    hid_t attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    status_t status = STATUS_OK;
    if (attribute < 0 || H5Awrite(attribute, memory_type, values) < 0)
        status = h5_write_failure(object, name);
    h5_close(attribute);
    h5_close(space);
    return status;
}

static status_t describe_level(hid_t file, const struct results_level *level)
{
    char name[NAME_SIZE];
    name_level(level, name);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    status_t status =
        write_list(dataset, "size", H5T_STD_I64LE, H5T_NATIVE_INT64, level->segments, level->size);
    if (!status && level->parent)
        status =
            write_list(dataset, "parent", H5T_STD_I32LE, H5T_NATIVE_INT32, level->segments, level->parent);
    if (!h5_close(dataset))
        status = status_first(status, h5_write_failure(file, name));
    return status;
}

static status_t describe_group(hid_t file, const struct results_hierarchy *hierarchy)
{
    hid_t group = H5Gopen2(file, "/hierarchy", H5P_DEFAULT);
    status_t status = results_write_attributes(group, hierarchy->attribute, hierarchy->attributes);
    if (!h5_close(group))
        status = status_first(status, h5_write_failure(file, "/hierarchy"));
    return status;
}

static status_t write_own(hid_t file, const struct results_hierarchy *hierarchy)
{
    int64_t leaves = hierarchy->leaves;
    status_t status = results_write_real(file, "/hierarchy/linkage",
                                         "two nodes, height in prepared units, leaves underneath", leaves - 1,
                                         COLUMNS, hierarchy->linkage, NULL);
    if (!status && !hierarchy->every_customer)
        status = results_write_real(file, "/hierarchy/leaf_centroid", "prepared units", leaves,
                                    hierarchy->preparation->count, hierarchy->leaf_centroid, NULL);
    if (!status && !hierarchy->every_customer)
        status = results_write_whole(file, "/hierarchy/leaf_size", "customers", leaves, hierarchy->leaf_size);
    if (!status)
        status = write_feature_names(file, hierarchy);
    for (int64_t l = 0; !status && l < hierarchy->levels; l++)
        status = describe_level(file, &hierarchy->level[l]);
    return status ? status : describe_group(file, hierarchy);
}

status_t results_write_hierarchy(struct results_file *results, struct comm *comm,
                                 const struct results_hierarchy *hierarchy)
{
    status_t status = write_cuts(results, comm, hierarchy);
    if (!status && hierarchy->every_customer)
        status = write_customers_as_leaves(results, comm, hierarchy);
    if (!status && comm->rank == 0)
        status = write_own(results->file, hierarchy);
    return comm_agree(comm, status);
}

int64_t results_hierarchy_bytes(const struct results_hierarchy *hierarchy)
{
    int64_t rows = hierarchy->customers->partition.rows;
    int64_t value = (int64_t)(hierarchy->every_customer ? sizeof(float) : sizeof(double));
    int64_t leaf =
        COLUMNS * (int64_t)sizeof(double) + (int64_t)sizeof(int64_t) + value * hierarchy->customers->features;
    int64_t segments = 0;
    for (int64_t l = 0; l < hierarchy->levels; l++)
        segments += hierarchy->level[l].segments;
    return hierarchy->leaves * leaf + rows * (hierarchy->levels + 1) * (int64_t)sizeof(int32_t) +
           12 * segments;
}
