#include "cluster/scorer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "core/memory.h"
#include "data/survey.h"

struct scorer {
    const struct saved_model *model;
    const char *path; /* of the customers, for messages */
    const struct kernels *kernels;
    struct tile_centroids centroids; /* of the segments */
    float *tiles;                    /* of a block */
    struct nearest nearest;          /* without leaves */
    bool searching;                  /* with leaves: the next two are open */
    struct leaf_search search;
    struct leaf_rows rows; /* room for a block */
};

/* ---- opening ---- */

static status_t open_nearest(struct scorer *scorer)
{
    const struct saved_model *model = scorer->model;
    struct tile_centroids *centroids = &scorer->centroids;
    const struct customers customers = {.kernels = scorer->kernels, .features = model->features};
    status_t status =
        memory_new(&centroids->narrow, model->k * model->features, sizeof *centroids->narrow, "centroids");
    if (!status)
        status = memory_new(&centroids->half_square, model->k, sizeof *centroids->half_square, "centroids");
    if (!status)
        status = nearest_open(&scorer->nearest, &customers);
    if (!status)
        tile_narrow(centroids);
    return status;
}

static status_t open_rows(struct leaf_rows *rows, int64_t features)
{
    status_t status = memory_new(&rows->value, BLOCK_ROWS * features, sizeof *rows->value, "customers");
    if (!status)
        status = memory_new(&rows->leaf, BLOCK_ROWS, sizeof *rows->leaf, "customers");
    if (!status)
        status = memory_new(&rows->square, BLOCK_ROWS, sizeof *rows->square, "customers");
    if (!status)
        status = memory_new(&rows->order, BLOCK_ROWS, sizeof *rows->order, "customers");
    return status;
}

static status_t open_own(struct scorer *scorer)
{
    const struct saved_model *model = scorer->model;
    status_t status = customers_kernels(&scorer->kernels);
    if (!status)
        status = memory_new(&scorer->tiles, BLOCK_ROWS * model->features, sizeof *scorer->tiles,
                            "a block of rows");
    if (!status)
        status = model->leaves > 0 ? open_rows(&scorer->rows, model->features) : open_nearest(scorer);
    return status;
}

status_t scorer_open(struct comm *comm, struct log *log, const struct saved_model *model, const char *path,
                     struct scorer **opened)
{
    *opened = NULL;
    status_t status = saved_model_check_scoring(model);
    if (!status)
        status = memory_new(opened, 1, sizeof **opened, "a model");
    if (!status) {
        struct tile_centroids centroids = {
            .k = model->k, .features = model->features, .centroid = model->centroid};
        **opened = (struct scorer){.model = model, .path = path, .centroids = centroids};
        status = open_own(*opened);
    }
    status = comm_agree(comm, status);
    if (status || model->leaves == 0)
        return status;
    (*opened)->searching = true;
    return leaf_search_open(&(*opened)->search, comm, log, model->leaf_centroid, model->leaves,
                            model->features);
}

void scorer_close(struct scorer *scorer)
{
    if (!scorer)
        return;
    if (scorer->searching)
        leaf_search_close(&scorer->search);
    nearest_close(&scorer->nearest);
    free(scorer->centroids.narrow);
    free(scorer->centroids.half_square);
    free(scorer->tiles);
    free(scorer->rows.value);
    free(scorer->rows.leaf);
    free(scorer->rows.square);
    free(scorer->rows.order);
    free(scorer);
}

/* ---- values that cannot be used ---- */

static status_t describe_unusable(const struct scorer *scorer, int64_t f, int64_t row, double value)
{
    const struct saved_model *model = scorer->model;
    const char *path = scorer->path;
    const char *name = model->name[f];
    if (isnan(value))
        return status_new(EXIT_BAD_DATA,
                          "%s: %s is missing in row %" PRId64 " (prepare.missing of the model is error)",
                          path, name, row);
    if (isinf(value))
        return status_new(EXIT_BAD_DATA, "%s: %s is infinite in row %" PRId64, path, name, row);
    if (fabs(value) > MOMENTS_LARGEST)
        return status_new(EXIT_BAD_DATA,
                          "%s: %s is %g in row %" PRId64 "; the largest that can be used is %g", path, name,
                          value, row, MOMENTS_LARGEST);
    return status_new(EXIT_BAD_DATA,
                      "%s: %s is %g in row %" PRId64
                      ", outside the domain of %s (prepare.transform of the model)",
                      path, name, value, row, survey_transform_name(model->preparation.feature[f].transform));
}

/* The first value in row order that stops the job, if any. */
static status_t check_values(const struct scorer *scorer, const struct raw_block *block)
{
    const struct saved_model *model = scorer->model;
    bool refuses = model->missing == MISSING_ERROR;
    int first = block->rows;
    int64_t where = 0;
    for (int64_t f = 0; f < model->features; f++) {
        const struct prepared_feature *feature = &model->preparation.feature[f];
        const double *value = block->value + feature->column * BLOCK_ROWS;
        double least = survey_least(feature->transform);
        struct survey_tally tally = survey_tally(value, first, least);
        if (tally.outside == 0 && !(refuses && tally.missing > 0))
            continue;
        for (int i = 0; i < first; i++) {
            bool usable = isnan(value[i]) ? !refuses : value[i] >= least && value[i] <= MOMENTS_LARGEST;
            if (!usable && !table_is_left_out(block->left_out, i)) {
                first = i;
                where = f;
            }
        }
    }
    if (first == block->rows)
        return STATUS_OK;
    int64_t column = model->preparation.feature[where].column;
    return describe_unusable(scorer, where, block->first_row + first,
                             block->value[column * BLOCK_ROWS + first]);
}

/* Customers without a value that the model cannot fill. */
static void leave_out(const struct saved_model *model, const struct raw_block *block)
{
    for (int64_t f = 0; f < model->features; f++) {
        const struct prepared_feature *feature = &model->preparation.feature[f];
        const double *value = block->value + feature->column * BLOCK_ROWS;
        if (model->missing != MISSING_DROP && !isnan(feature->fill))
            continue;
        for (int i = 0; i < block->rows; i++)
            block->left_out[i / TILE_ROWS] |= (uint16_t)((unsigned)isnan(value[i]) << (i % TILE_ROWS));
    }
}

LANES_VERSIONS static bool any_too_far(const float *tiles, int64_t count)
{
    int32_t far = 0;
    for (int64_t i = 0; i < count; i++)
        far |= !(fabsf(tiles[i]) < (float)PREPARE_LARGEST);
    return far != 0;
}

/* A fit refuses features that reach as far among its own customers; new ones may lie anywhere. */
static status_t check_distances(const struct scorer *scorer, const struct raw_block *block)
{
    const struct saved_model *model = scorer->model;
    if (!any_too_far(scorer->tiles, BLOCK_ROWS * model->features))
        return STATUS_OK;
    for (int64_t i = 0; i < block->rows; i++) {
        const float *tile = scorer->tiles + i / TILE_ROWS * model->features * TILE_ROWS + i % TILE_ROWS;
        for (int64_t f = 0; f < model->features; f++) {
            double prepared = (double)tile[f * TILE_ROWS];
            if (!(fabs(prepared) < PREPARE_LARGEST))
                return status_new(EXIT_BAD_DATA,
                                  "%s: %s is %g in row %" PRId64
                                  ", which is %g in the prepared units of %s, too far to measure distances",
                                  scorer->path, model->name[f],
                                  block->value[model->preparation.feature[f].column * BLOCK_ROWS + i],
                                  block->first_row + i, prepared, model->path);
        }
    }
    return STATUS_OK;
}

/* ---- scoring ---- */

static status_t prepare(struct scorer *scorer, const struct raw_block *block)
{
    status_t status = check_values(scorer, block);
    if (status)
        return status;
    leave_out(scorer->model, block);
    customers_prepare(&scorer->model->preparation, block, scorer->tiles);
    return check_distances(scorer, block);
}

static status_t label_by_leaves(struct scorer *scorer, const struct block *block, int32_t *label)
{
    const struct saved_model *model = scorer->model;
    struct leaf_rows *rows = &scorer->rows;
    int64_t d = model->features;
    leaf_search_hint(&scorer->search, scorer->kernels, block, label);
    rows->count = 0;
    for (int row = 0; row < BLOCK_ROWS; row++) {
        const float *from = block->tiles + row / TILE_ROWS * d * TILE_ROWS + row % TILE_ROWS;
        if (table_is_left_out(block->left_out, row)) {
            label[row] = -1;
            continue;
        }
        for (int64_t f = 0; f < d; f++)
            rows->value[rows->count * d + f] = from[f * TILE_ROWS];
        rows->leaf[rows->count++] = label[row];
    }
    status_t status = leaf_search_refine(&scorer->search, scorer->kernels, rows);
    if (!status)
        status = leaf_search_rows(&scorer->search, rows);
    int64_t next = 0;
    for (int row = 0; !status && row < BLOCK_ROWS; row++) {
        if (label[row] >= 0)
            label[row] = model->leaf_segment[rows->leaf[next++]];
    }
    return status;
}

status_t scorer_label(struct scorer *scorer, const struct raw_block *block, int32_t *label)
{
    status_t status = prepare(scorer, block);
    if (status)
        return status;
    const struct block prepared = {.block = block->block,
                                   .local = block->local,
                                   .first_row = block->first_row,
                                   .rows = block->rows,
                                   .tiles = scorer->tiles,
                                   .left_out = block->left_out};
    if (scorer->model->leaves > 0)
        return label_by_leaves(scorer, &prepared, label);
    nearest_block(&scorer->nearest, &prepared, &scorer->centroids, label);
    return STATUS_OK;
}

status_t scorer_block(struct scorer *scorer, const struct raw_block *block, const struct assignments *piece)
{
    int32_t label[BLOCK_ROWS];
    status_t status = scorer_label(scorer, block, label);
    if (!status)
        score_tiles(scorer->kernels, &scorer->centroids, scorer->tiles, label, piece);
    return status;
}
