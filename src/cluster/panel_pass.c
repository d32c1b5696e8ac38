#include "cluster/panel_pass.h"

#include <string.h>

/* What models share while a block is in cache. */
struct pass {
    struct panel *panel;
    const struct block *block;
    uint8_t list[BLOCK_TILES]; /* tiles to look at */
    int count;
    struct weights weights;
};

static const float *tile_at(const struct pass *pass, int tile)
{
    return pass->block->tiles + tile * pass->panel->customers->features * TILE_ROWS;
}

static void add_tile(struct pass *pass, int i, struct model *model)
{
    const struct panel *panel = pass->panel;
    const struct kernels *kernels = panel->customers->kernels;
    const int32_t *label = panel->nearest.found[i].nearest;
    int tile = pass->list[i];
    int32_t before[TILE_ROWS];
    unsigned changed = (uint16_t)~pass->block->left_out[tile];
    if (model->track.in_use)
        changed = track_exchange(&model->track, pass->block->position, tile, label, before);
    else
        memset(before, -1, sizeof before);
    if (changed == 0)
        return;
    bool weighted = model->weighting.kind != WEIGHTING_ONE;
    const float *weight =
        weighted ? weights_tile(&pass->weights, &model->weighting, pass->block, tile) : NULL;
    kernels->move(tile_at(pass, tile), panel->customers->features, changed, before, label, weight,
                  model->own_sum, model->own_count);
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
    int tiles = nearest_tiles_of(pass->block);
    if (model->track.in_use && !panel->everyone)
        pass->count = track_due(&model->track, pass->block->position, tiles, model->drift, pass->list);
    else
        pass->count = list_all(tiles, pass->list);
    panel->visited += (int64_t)tiles * TILE_ROWS;
    panel->assigned += (int64_t)pass->count * TILE_ROWS;
    nearest_tiles(&panel->nearest, pass->block, pass->list, pass->count, centroids);
    for (int i = 0; i < pass->count; i++) {
        add_tile(pass, i, model);
        if (model->track.in_use)
            track_expire(&model->track, pass->block->position, pass->list[i], model->drift,
                         panel->nearest.found[i].margin);
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
}

status_t panel_pass_members(struct panel *panel)
{
    struct pass pass;
    pass.panel = panel;
    weights_open(&pass.weights, panel->customers->kernels);
    return customers_walk(panel->customers, panel->member, panel->members, pass_block, &pass);
}
