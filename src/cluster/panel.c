#include "cluster/panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { EXACTSUM_WORDS = sizeof(struct exactsum) / sizeof(int64_t), HEADER_WORDS = 2 + EXACTSUM_WORDS };

/* What this rank gathers in a pass. */
struct pass {
    struct panel *panel;
    struct exactsum squares;
    int64_t customers;
    float norm[BLOCK_ROWS];
};

static int64_t model_words(const struct panel *panel, const struct model *model)
{
    return model->k * (panel->customers->features + 1);
}

static status_t model_open(struct model *model, int64_t k, int64_t features)
{
    model->k = k;
    model->learning = true;
    status_t status = memory_new(&model->centroid, k * features, sizeof *model->centroid, "centroids");
    if (!status)
        status = memory_new(&model->sum, k * features, sizeof *model->sum, "segment sums");
    if (!status)
        status = memory_new(&model->count, k, sizeof *model->count, "segment counts");
    if (!status)
        status = memory_new(&model->narrow, k * features, sizeof *model->narrow, "centroids");
    if (!status)
        status = memory_new(&model->half_square, k, sizeof *model->half_square, "centroids");
    return status;
}

static void model_close(struct model *model)
{
    free(model->centroid);
    free(model->sum);
    free(model->count);
    free(model->narrow);
    free(model->half_square);
}

status_t panel_open(struct panel *panel, const struct customers *customers,
                    const struct preparation *preparation, int64_t count, int64_t k)
{
    *panel = (struct panel){.customers = customers, .preparation = preparation};
    status_t status = memory_new(&panel->model, count, sizeof *panel->model, "models");
    panel->wire_size = HEADER_WORDS;
    for (int64_t m = 0; !status && m < count; m++) {
        panel->count = m + 1;
        status = model_open(&panel->model[m], k, customers->features);
        panel->wire_size += model_words(panel, &panel->model[m]);
    }
    if (!status)
        status = memory_new(&panel->centroids, count, sizeof *panel->centroids, "models");
    if (!status)
        status = memory_new(&panel->wire, panel->wire_size, sizeof *panel->wire, "a reduction");
    return comm_agree(customers->comm, status);
}

void panel_close(struct panel *panel)
{
    for (int64_t m = 0; m < panel->count; m++)
        model_close(&panel->model[m]);
    free(panel->model);
    free(panel->centroids);
    free(panel->wire);
    *panel = (struct panel){0};
}

int64_t panel_wire_bytes(const struct panel *panel)
{
    return panel->wire_size * (int64_t)sizeof *panel->wire;
}

struct tile_centroids panel_centroids(const struct panel *panel, struct model *model)
{
    struct tile_centroids centroids = {.k = model->k,
                                       .features = panel->customers->features,
                                       .centroid = model->centroid,
                                       .narrow = model->narrow,
                                       .half_square = model->half_square};
    tile_narrow(&centroids);
    return centroids;
}

/* Nearest centroids of a tile; customers that take no part get -1. */
static int label_tile(const float *tile, const struct tile_centroids *centroids, const float *norm,
                      uint16_t left_out, int32_t *label)
{
    int undecided = tile_nearest(tile, centroids, norm, label);
    for (int lane = 0; left_out && lane < TILE_ROWS; lane++) {
        if (left_out >> lane & 1)
            label[lane] = -1;
    }
    return undecided;
}

static void pass_block(void *context, const struct block *block)
{
    struct pass *pass = context;
    struct panel *panel = pass->panel;
    int64_t features = panel->customers->features;
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        tile_norms(block->tiles + t * features * TILE_ROWS, features, pass->norm + t * TILE_ROWS);
        pass->customers += TILE_ROWS - __builtin_popcount(block->left_out[t]);
    }
    exactsum_add(&pass->squares, block->squares[0]);
    exactsum_add(&pass->squares, block->squares[1]);
    int tiles = (block->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int64_t m = 0; m < panel->count; m++) {
        struct model *model = &panel->model[m];
        if (!model->learning)
            continue;
        for (int64_t t = 0; t < tiles; t++) {
            const float *tile = block->tiles + t * features * TILE_ROWS;
            int32_t label[TILE_ROWS];
            panel->undecided +=
                label_tile(tile, &panel->centroids[m], pass->norm + t * TILE_ROWS, block->left_out[t], label);
            tile_add(tile, features, label, model->sum, model->count);
        }
        panel->decided += block->rows;
    }
}

/* Sums as whole numbers of quanta: exact, and so the same whatever the ranks summed. */
static void pack(const struct panel *panel, const struct pass *pass, int64_t failed)
{
    int64_t features = panel->customers->features;
    int64_t *word = panel->wire;
    struct exactsum squares = pass->squares;
    exactsum_normalise(&squares);
    *word++ = failed;
    *word++ = pass->customers;
    memcpy(word, &squares, sizeof squares);
    word += EXACTSUM_WORDS;
    for (int64_t m = 0; m < panel->count; m++) {
        const struct model *model = &panel->model[m];
        if (!model->learning)
            continue;
        for (int64_t h = 0; h < model->k; h++) {
            for (int64_t f = 0; f < features; f++)
                *word++ = llrint(model->sum[h * features + f] / panel->preparation->feature[f].quantum);
            *word++ = model->count[h];
        }
    }
}

static void unpack(struct panel *panel)
{
    int64_t features = panel->customers->features;
    const int64_t *word = panel->wire + 1;
    panel->passed = *word++;
    struct exactsum squares;
    memcpy(&squares, word, sizeof squares);
    exactsum_value(&squares, &panel->squares[0], &panel->squares[1]);
    word += EXACTSUM_WORDS;
    for (int64_t m = 0; m < panel->count; m++) {
        struct model *model = &panel->model[m];
        if (!model->learning)
            continue;
        for (int64_t h = 0; h < model->k; h++) {
            for (int64_t f = 0; f < features; f++)
                model->sum[h * features + f] = (double)*word++ * panel->preparation->feature[f].quantum;
            model->count[h] = *word++;
        }
    }
}

static double inertia_of(const struct panel *panel, const struct model *model)
{
    int64_t features = panel->customers->features;
    __float128 inertia = (__float128)panel->squares[0] + (__float128)panel->squares[1];
    for (int64_t h = 0; h < model->k; h++) {
        for (int64_t f = 0; f < features; f++) {
            __float128 c = (__float128)model->centroid[h * features + f];
            inertia += c * ((__float128)model->count[h] * c - 2 * (__float128)model->sum[h * features + f]);
        }
    }
    return inertia > 0 ? (double)inertia : 0.0;
}

static int64_t words_in_use(const struct panel *panel)
{
    int64_t words = HEADER_WORDS;
    for (int64_t m = 0; m < panel->count; m++)
        words += panel->model[m].learning ? model_words(panel, &panel->model[m]) : 0;
    return words;
}

static void begin_pass(struct panel *panel)
{
    for (int64_t m = 0; m < panel->count; m++) {
        struct model *model = &panel->model[m];
        if (!model->learning)
            continue;
        memset(model->sum, 0, (size_t)(model->k * panel->customers->features) * sizeof *model->sum);
        memset(model->count, 0, (size_t)model->k * sizeof *model->count);
        panel->centroids[m] = panel_centroids(panel, model);
    }
}

static void end_pass(struct panel *panel)
{
    unpack(panel);
    for (int64_t m = 0; m < panel->count; m++) {
        if (panel->model[m].learning)
            panel->model[m].inertia = inertia_of(panel, &panel->model[m]);
    }
}

/* A rank's failure travels in the reduction itself, so that a step has one collective and not two. */
status_t panel_pass(struct panel *panel, const int64_t *chosen, int64_t count)
{
    struct comm *comm = panel->customers->comm;
    struct pass pass = {.panel = panel};
    begin_pass(panel);
    status_t walked = customers_walk(panel->customers, chosen, count, pass_block, &pass);
    pack(panel, &pass, walked != STATUS_OK);
    status_t status = status_first(walked, comm_sum_i64(comm, panel->wire, words_in_use(panel)));
    if (panel->wire[0] > 0)
        status = comm_agree(comm, status);
    if (!status)
        end_pass(panel);
    return status;
}

double panel_move(const struct panel *panel, struct model *model)
{
    int64_t features = panel->customers->features;
    double moved = 0.0;
    for (int64_t h = 0; h < model->k; h++) {
        if (model->count[h] == 0)
            continue;
        for (int64_t f = 0; f < features; f++) {
            double *centroid = &model->centroid[h * features + f];
            double mean = model->sum[h * features + f] / (double)model->count[h];
            moved += (mean - *centroid) * (mean - *centroid);
            *centroid = mean;
        }
    }
    return moved;
}

struct labelling {
    const struct tile_centroids *centroids;
    int32_t *label;
};

static void label_block(void *context, const struct block *block)
{
    struct labelling *labelling = context;
    int64_t features = labelling->centroids->features;
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        const float *tile = block->tiles + t * features * TILE_ROWS;
        float norm[TILE_ROWS];
        tile_norms(tile, features, norm);
        label_tile(tile, labelling->centroids, norm, block->left_out[t],
                   labelling->label + block->local * BLOCK_ROWS + t * TILE_ROWS);
    }
}

status_t panel_label(const struct panel *panel, int64_t model, int32_t *label)
{
    struct tile_centroids centroids = panel_centroids(panel, &panel->model[model]);
    struct labelling labelling = {&centroids, label};
    return customers_walk(panel->customers, NULL, 0, label_block, &labelling);
}
