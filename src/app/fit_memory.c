/* What a fit needs of memory, phase by phase. */
#include <math.h>

#include "app/fit.h"
#include "assess/tables.h"
#include "cluster/minibatch.h"
#include "cluster/panel.h"
#include "cluster/retree.h"
#include "cluster/seed.h"
#include "cluster/swap.h"
#include "data/customers_window.h"
#include "data/ids.h"
#include "data/select.h"

/* The program itself with its libraries and their buffers. */
static const double PROGRAM_BYTES = 48e6;

/* Values near quantiles on one rank, and room for them to grow. */
static const double SELECT_MOST_BYTES = 76e6;

/* Pieces of the results on the first rank, and the library's buffers for them. */
static const double WRITING_BYTES = 24e6;

struct shape {
    const struct fit *fit;
    const struct config *config;
    struct partition most; /* the largest share */
    double rows;           /* of it */
    double features;
    double columns;
    double k;
    double tries;
    int64_t customers;
    int ranks_here;
};

/* What `models` models of the most segments may remember of their customers. */
static double track_bytes(const struct shape *shape, double models)
{
    double all = models * (double)track_block_bytes(shape->config->k_high) * (double)shape->most.block_count;
    return fmin(all, panel_track_bytes(&shape->most, shape->fit->table.features));
}

static bool is_judged(const struct config *config)
{
    return config->replicates > 0 || config->k_high > config->k_low;
}

/* Of the tree; none without one. */
static double leaf_count(const struct shape *shape)
{
    if (shape->config->leaves == 0)
        return 0.0;
    struct hierarchy_settings settings = fit_hierarchy_settings(shape->config, shape->customers);
    return (double)(settings.every_customer ? shape->customers : settings.leaves);
}

/* ---- at all times ---- */

/* A mark and a sum of squares; the order in which mini-batches take the blocks of all ranks, and which are
 * this rank's. */
static double block_bytes(const struct shape *shape)
{
    double own = BLOCK_TILES * sizeof(uint16_t) + 2 * sizeof(double) + 2 * sizeof(int64_t);
    return (double)shape->most.block_count * own + (double)shape->most.blocks * 4 * sizeof(int64_t);
}

/* Samples of the survey, and the constants and sums of columns. */
static double survey_bytes(const struct shape *shape)
{
    double ranks = (double)shape->fit->comm->size;
    double pilot = fmin((double)PILOT_VALUES, shape->rows * shape->columns);
    double evenly = fmin((double)DECILES_SAMPLE / ranks, shape->rows) * shape->features;
    return (pilot + evenly) * (1 + 1 / shape->columns) * sizeof(double) +
           shape->columns * 4.0 * sizeof(struct moments);
}

/* Values between the guesses of quantiles of so many groups (select_guess.c: four deviations of the sample's
 * ranks to each side), at worst all on one rank; twice as many, and no more than a selection keeps. */
static double select_bytes(const struct shape *shape, double groups)
{
    double rows = (double)shape->most.rows;
    double sample = fmin(PILOT_VALUES / shape->columns * shape->fit->comm->size, rows);
    double share = fmin(1.0, 2 * 4.0 / sqrt(fmax(sample / groups, 1.0)));
    return fmin(SELECT_MOST_BYTES, 1.5 * share * rows * shape->columns * (sizeof(double) + sizeof(int32_t)));
}

/* The first rank's journal holds models once, centroids and sums, or leaves and their merges; and what each
 * number of segments was judged by. */
static double journal_bytes(const struct shape *shape)
{
    const struct config *config = shape->config;
    if (config->checkpoint == 0)
        return 0.0;
    double leaves = leaf_count(shape);
    double tree = leaves * ((shape->features + 1) * sizeof(double) + sizeof(struct merge));
    if (config->method != METHOD_KMEANS)
        return tree + shape->tries * leaves * sizeof(float);
    double judged = is_judged(config) ? (double)config->replicates + 2 * FIT_SPLITS : 0.0;
    double models = shape->tries * (2 * (double)config->restarts + judged) + 2 * judged;
    return tree + models * shape->k * (shape->features + 1) * sizeof(double);
}

static double always_bytes(const struct shape *shape)
{
    const struct fit *fit = shape->fit;
    double walking = table_reader_bytes(&fit->table) + shape->columns * BLOCK_ROWS * sizeof(double);
    return PROGRAM_BYTES + block_bytes(shape) + survey_bytes(shape) + walking + journal_bytes(shape) +
           fit_previous_bytes(fit, (int64_t)shape->rows);
}

/* ---- phases ---- */

/* Ids, last year's customers, quantiles for the preparation: one after the other. */
static double looking_bytes(const struct shape *shape)
{
    const struct fit *fit = shape->fit;
    double ids = fit->config.duplicates == DUPLICATES_ALLOW ? 0.0 : ids_check_bytes(&fit->table);
    return fmax(fmax(ids, select_bytes(shape, 1)), fit_previous_join_bytes(fit));
}

static double learning_bytes(const struct shape *shape, double *tracks)
{
    const struct config *config = shape->config;
    if (config->method != METHOD_KMEANS)
        return 0.0;
    double restarts = shape->tries * (double)config->restarts;
    double models = fmax(restarts, SWAP_VARIANTS + 1);
    double batch =
        fmax((double)config->batch, fmax(MINIBATCH_CUSTOMERS * shape->k, MINIBATCH_BLOCKS * BLOCK_ROWS));
    double seeding = fmin(batch / shape->fit->comm->size + BLOCK_ROWS, shape->rows) * sizeof(float);
    *tracks = track_bytes(shape, models);
    return (models + SEED_CANDIDATES) * shape->k * (shape->features + 1) * 48.0 + seeding;
}

/* Growing the tree, with which segment of every cut each leaf is in; *kept: what stays of it. */
static double growing_bytes(const struct shape *shape, double *kept)
{
    const struct config *config = shape->config;
    *kept = 0.0;
    if (config->leaves == 0)
        return 0.0;
    struct hierarchy_settings settings = fit_hierarchy_settings(config, shape->customers);
    double leaves = leaf_count(shape);
    double tries = config->method == METHOD_HIERARCHY ? shape->tries : 0;
    double cuts = leaves * ((double)config->levels.count + tries + 1) * (double)sizeof(int32_t);
    double bytes =
        cuts + hierarchy_bytes(&settings, shape->customers, (int64_t)shape->rows, shape->fit->table.features,
                               shape->fit->comm->size, shape->ranks_here);
    double stays = cuts + shape->rows * row_numbers_width((int64_t)leaves) +
                   leaves * (4.0 * (shape->features + 1) + 8.0) * sizeof(double);
    *kept = fmin(stays, bytes);
    return bytes;
}

/* Replicates by k-means: as many models side by side as learning has, their centroids, and tables. */
static double replicate_bytes(const struct shape *shape, double *tracks)
{
    const struct config *config = shape->config;
    double count = (double)config->replicates + 2 * FIT_SPLITS + (double)config->restarts;
    double models = ((double)config->replicates + 2 * FIT_SPLITS) * (double)config->restarts;
    double centroids = count * shape->tries * shape->k * shape->features * 20.0;
    double own = models * shape->k * (shape->features + 1) * 48.0;
    double table = 2 * tables_bytes(config->k_high, config->k_high);
    double tables = fmin(JUDGE_TABLE_BYTES, count * shape->tries * table);
    *tracks = track_bytes(shape, models);
    return fmin(own, KMEANS_MODEL_BYTES) + centroids + fmax(tables, table);
}

static double judging_bytes(const struct shape *shape, double *tracks)
{
    const struct config *config = shape->config;
    const struct fit *fit = shape->fit;
    double sample = (double)FIT_SAMPLE * (shape->features + 4.0 * shape->tries) * sizeof(double);
    double bytes = sample + (shape->tries > 1 ? shape->tries * shape->k * shape->k * sizeof(int64_t) : 0.0);
    if (!is_judged(config))
        return bytes;
    if (config->method == METHOD_KMEANS) {
        bytes += replicate_bytes(shape, tracks);
    } else {
        struct hierarchy_settings settings = fit_hierarchy_settings(config, shape->customers);
        double leaves = leaf_count(shape);
        /* of two trees: cuts and weights; in how many replicates each leaf stays, for each cut */
        bytes += retree_bytes(&settings, shape->customers, fit->table.features, (int64_t)shape->tries,
                              fit->comm->size, shape->ranks_here) +
                 leaves * (shape->tries * (2 * sizeof(int32_t) + sizeof(float)) + 3 * sizeof(int64_t));
    }
    return bytes + gap_bytes(shape->customers, fit->table.features, fit->comm->size);
}

/* The chosen segments: labels, profile, results. */
static double writing_bytes(const struct shape *shape)
{
    double cells = shape->k * shape->columns * (2.0 * sizeof(struct moments) + SELECT_BYTES);
    double labels = shape->rows * row_numbers_width(shape->config->k_high);
    double replicates = (double)shape->config->replicates * shape->k * shape->features * sizeof(float);
    return labels + fmax(cells + select_bytes(shape, shape->k), WRITING_BYTES + replicates);
}

struct fit_needs fit_list_needs(const struct fit *fit, int64_t customers, int ranks_here)
{
    struct shape shape = {.fit = fit,
                          .config = &fit->config,
                          .most = partition_of(fit->source.rows, 0, fit->comm->size),
                          .features = (double)fit->table.features,
                          .columns = (double)fit->table.columns,
                          .k = (double)fit->config.k_high,
                          .tries = (double)(fit->config.k_high - fit->config.k_low + 1),
                          .customers = customers,
                          .ranks_here = ranks_here};
    shape.rows = (double)shape.most.block_count * BLOCK_ROWS;
    struct fit_needs needs = {
        .tiles = customers_block_bytes(fit->table.features) * (double)shape.most.block_count,
        .window = customers_window_bytes(&fit->table, &shape.most, fit->table.features)};
    double tree = 0.0;
    needs.least[FIT_LOOKING] = looking_bytes(&shape);
    needs.least[FIT_LEARNING] = learning_bytes(&shape, &needs.tracks[FIT_LEARNING]);
    needs.least[FIT_GROWING] = growing_bytes(&shape, &tree);
    needs.least[FIT_JUDGING] = tree + judging_bytes(&shape, &needs.tracks[FIT_JUDGING]);
    needs.least[FIT_WRITING] = tree + writing_bytes(&shape);
    for (int p = 0; p < FIT_PHASES; p++)
        needs.least[p] = ceil(needs.least[p] + always_bytes(&shape));
    return needs;
}
