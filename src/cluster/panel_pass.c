#include "cluster/panel_pass.h"

#include <string.h>
#include <time.h>

#include "core/random.h"

enum { TRIALS = 3 };

/* What models share while a block is in cache. */
struct pass {
    struct panel *panel;
    int64_t position; /* of the block among the members */
    const struct block *block;
    uint8_t list[BLOCK_TILES]; /* tiles to look at */
    int count;
    struct tile_found found[BLOCK_TILES]; /* of the list */
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static const float *tile_at(const struct pass *pass, int tile)
{
    return pass->block->tiles + tile * pass->panel->customers->features * TILE_ROWS;
}

static int tiles_of(const struct block *block)
{
    return (block->rows + TILE_ROWS - 1) / TILE_ROWS;
}

/* Where most of a block is looked at, so is most of the next one, presumably. */
static bool is_most(const struct pass *pass)
{
    return 4 * pass->count >= 3 * tiles_of(pass->block);
}

static void filter(struct pass *pass, const struct tile_centroids *centroids, enum panel_way way)
{
    const struct panel *panel = pass->panel;
    const struct kernels *kernels = panel->customers->kernels;
    if (way == PANEL_GEMM)
        gemm_filter(kernels, &panel->gemm, pass->block->tiles, pass->list, pass->count, centroids,
                    pass->found);
    else
        kernels->filter(pass->block->tiles, pass->list, pass->count, centroids,
                        is_most(pass) ? pass->block->ahead : NULL, pass->found);
}

static double best_seconds(struct pass *pass, const struct tile_centroids *centroids, enum panel_way way)
{
    double best = 0.0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double begun = seconds_now();
        filter(pass, centroids, way);
        double taken = seconds_now() - begun;
        best = trial == 0 || taken < best ? taken : best;
    }
    return best / (double)(pass->count * TILE_ROWS);
}

static void decide_way(struct pass *pass, const struct tile_centroids *centroids)
{
    struct panel *panel = pass->panel;
    panel->seconds[0] = best_seconds(pass, centroids, PANEL_TILES);
    panel->seconds[1] = best_seconds(pass, centroids, PANEL_GEMM);
    bool gemm = panel->seconds[1] < panel->seconds[0];
    if (gemm_wish() != GEMM_MEASURED)
        gemm = gemm_wish() == GEMM_ALWAYS;
    panel->way = gemm ? PANEL_GEMM : PANEL_TILES;
}

/* The i-th tile of the list: what float could not tell is told in double; who takes no part gets -1. */
static void settle_labels(struct pass *pass, int i, const struct tile_centroids *centroids)
{
    struct tile_found *found = &pass->found[i];
    int tile = pass->list[i];
    uint16_t left_out = pass->block->left_out[tile];
    unsigned ask = found->undecided & (unsigned)~left_out;
    if (ask != 0) {
        struct tile_two two;
        pass->panel->customers->kernels->two(tile_at(pass, tile), centroids, &two);
        for (; ask != 0; ask &= ask - 1) {
            int lane = __builtin_ctz(ask);
            found->nearest[lane] = two.nearest[lane];
            pass->panel->undecided++;
        }
    }
    for (int lane = 0; left_out && lane < TILE_ROWS; lane++) {
        if (left_out >> lane & 1)
            found->nearest[lane] = -1;
    }
}

static void add_tile(struct pass *pass, int i, struct model *model)
{
    const struct panel *panel = pass->panel;
    const struct kernels *kernels = panel->customers->kernels;
    int tile = pass->list[i];
    int32_t before[TILE_ROWS];
    unsigned changed = (uint16_t)~pass->block->left_out[tile];
    if (model->track.in_use)
        changed = track_exchange(&model->track, pass->position, tile, pass->found[i].nearest, before);
    else
        memset(before, -1, sizeof before);
    if (changed == 0)
        return;
    float weight[TILE_ROWS];
    if (model->replicate >= 0)
        kernels->weights(panel->seed, RANDOM_REPLICATE, model->replicate,
                         pass->block->first_row + (int64_t)tile * TILE_ROWS, weight);
    kernels->move(tile_at(pass, tile), panel->customers->features, changed, before, pass->found[i].nearest,
                  model->replicate >= 0 ? weight : NULL, model->own_sum, model->own_count);
}

static int list_all(int tiles, uint8_t *list)
{
    for (int t = 0; t < tiles; t++)
        list[t] = (uint8_t)t;
    return tiles;
}

static void pass_model(struct pass *pass, struct model *model, const struct tile_centroids *centroids)
{
    struct panel *panel = pass->panel;
    int tiles = tiles_of(pass->block);
    if (model->track.in_use && !panel->everyone)
        pass->count = track_due(&model->track, pass->position, tiles, model->drift, pass->list);
    else
        pass->count = list_all(tiles, pass->list);
    panel->visited += (int64_t)tiles * TILE_ROWS;
    panel->assigned += (int64_t)pass->count * TILE_ROWS;
    if (pass->count == 0)
        return;
    if (panel->way == PANEL_UNDECIDED)
        decide_way(pass, centroids);
    filter(pass, centroids, panel->way);
    for (int i = 0; i < pass->count; i++) {
        settle_labels(pass, i, centroids);
        add_tile(pass, i, model);
        if (model->track.in_use)
            track_expire(&model->track, pass->position, pass->list[i], model->drift, pass->found[i].margin);
    }
}

static void pass_block(void *context, const struct block *block)
{
    struct pass *pass = context;
    struct panel *panel = pass->panel;
    pass->block = block;
    for (int64_t m = 0; m < panel->count; m++) {
        if (panel->model[m].learning)
            pass_model(pass, &panel->model[m], &panel->centroids[m]);
    }
    pass->position++;
}

status_t panel_pass_members(struct panel *panel)
{
    struct pass pass = {.panel = panel};
    return customers_walk(panel->customers, panel->member, panel->members, pass_block, &pass);
}
