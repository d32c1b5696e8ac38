#include "cluster/panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/panel_pass.h"
#include "core/memory.h"

enum { EXACTSUM_WORDS = sizeof(struct exactsum) / sizeof(int64_t), HEADER_WORDS = 2 + EXACTSUM_WORDS };

/* What models may remember of their members: this share of what the customers themselves take, but no less
 * than so many bytes. */
static const double TRACK_SHARE = 0.2;
static const double TRACK_FLOOR = 128 << 20;

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
    if (!status)
        status = memory_new(&model->passed_with, k * features, sizeof *model->passed_with, "centroids");
    if (!status)
        status = memory_new(&model->own_sum, k * features, sizeof *model->own_sum, "segment sums");
    if (!status)
        status = memory_new(&model->own_count, k, sizeof *model->own_count, "segment counts");
    return status;
}

static void model_close(struct model *model)
{
    free(model->centroid);
    free(model->sum);
    free(model->count);
    free(model->narrow);
    free(model->half_square);
    free(model->passed_with);
    free(model->own_sum);
    free(model->own_count);
    track_free(&model->track);
}

status_t panel_open(struct panel *panel, const struct customers *customers,
                    const struct preparation *preparation, int64_t count, const int64_t *k)
{
    *panel =
        (struct panel){.customers = customers,
                       .preparation = preparation,
                       .track_bytes = customers->track_bytes > 0
                                          ? customers->track_bytes
                                          : panel_track_bytes(&customers->partition, customers->features)};
    status_t status = memory_new(&panel->model, count, sizeof *panel->model, "models");
    panel->wire_size = HEADER_WORDS;
    for (int64_t m = 0; !status && m < count; m++) {
        panel->count = m + 1;
        status = model_open(&panel->model[m], k[m], customers->features);
        panel->wire_size += model_words(panel, &panel->model[m]);
    }
    if (!status)
        status = memory_new(&panel->centroids, count, sizeof *panel->centroids, "models");
    if (!status)
        status = memory_new(&panel->wire, panel->wire_size, sizeof *panel->wire, "a reduction");
    /* one more than there may be: a panel without members still has a list of them */
    if (!status)
        status = memory_new(&panel->member, customers->partition.block_count + 1, sizeof *panel->member,
                            "the blocks of a panel");
    if (!status)
        status = panel_open_fields(panel);
    if (!status)
        status = nearest_open(&panel->nearest, customers);
    return comm_agree(customers->comm, status);
}

status_t panel_open_alike(struct panel *panel, const struct customers *customers,
                          const struct preparation *preparation, int64_t count, int64_t k)
{
    int64_t *all = NULL;
    *panel = (struct panel){.customers = customers};
    status_t status = comm_agree(customers->comm, memory_new(&all, count, sizeof *all, "models"));
    for (int64_t m = 0; !status && m < count; m++)
        all[m] = k;
    if (!status)
        status = panel_open(panel, customers, preparation, count, all);
    free(all);
    return status;
}

void panel_close(struct panel *panel)
{
    for (int64_t m = 0; m < panel->count; m++)
        model_close(&panel->model[m]);
    free(panel->model);
    free(panel->centroids);
    free(panel->wire);
    free(panel->member);
    free(panel->field);
    nearest_close(&panel->nearest);
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

static void add_member(struct panel *panel, int64_t block)
{
    const struct customers *customers = panel->customers;
    int64_t local = block - customers->partition.first_block;
    if (local < 0 || local >= customers->partition.block_count)
        return;
    const uint16_t *left_out = customers_marks(customers, local);
    panel->member[panel->members++] = block;
    exactsum_add(&panel->member_squares, customers->squares[2 * local]);
    exactsum_add(&panel->member_squares, customers->squares[2 * local + 1]);
    for (int t = 0; t < BLOCK_TILES; t++)
        panel->member_customers += TILE_ROWS - __builtin_popcount(left_out[t]);
}

double panel_track_bytes(const struct partition *partition, int64_t features)
{
    return fmax(TRACK_SHARE * customers_bytes(partition, features), TRACK_FLOOR);
}

void panel_forget(struct panel *panel)
{
    panel->remembered = 0;
    for (int64_t m = 0; m < panel->count; m++)
        track_free(&panel->model[m].track);
}

/* As many models remember their members as the memory for it allows: the first ones. `taken` counts up. */
static bool has_room(const struct panel *panel, const struct model *model, double *taken)
{
    *taken += (double)panel->members * (double)track_block_bytes(model->k);
    return model->k <= TRACK_WIDE_K && *taken <= panel->track_bytes;
}

/* Some give up their memory before others get more: at no time is it more than allowed. */
static status_t grow_tracks(struct panel *panel)
{
    double taken = 0.0;
    for (int64_t m = 0; m < panel->count; m++) {
        if (!has_room(panel, &panel->model[m], &taken))
            track_free(&panel->model[m].track);
    }
    status_t status = STATUS_OK;
    taken = 0.0;
    for (int64_t m = 0; !status && m < panel->count; m++) {
        struct model *model = &panel->model[m];
        if (!has_room(panel, model, &taken))
            continue;
        if (!model->track.in_use)
            model->passes = 0; /* it begins to remember, or begins anew: its sums too */
        status = track_grow(&model->track, model->k, panel->members);
        model->track.in_use = !status;
    }
    panel->remembered = panel->members;
    return status;
}

void panel_add(struct panel *panel, const int64_t *block, int64_t count)
{
    const struct partition *partition = &panel->customers->partition;
    for (int64_t i = 0; block && i < count; i++)
        add_member(panel, block[i]);
    for (int64_t i = 0; !block && i < partition->block_count; i++)
        add_member(panel, partition->first_block + i);
}

/* A model that has finished hands its memory on to one that has none. */
static void hand_track_on(struct panel *panel, struct model *model)
{
    for (int64_t m = 0; m < panel->count && !model->track.in_use; m++) {
        struct model *other = &panel->model[m];
        if (other->learning || !other->track.in_use || other->k != model->k)
            continue;
        model->track = other->track;
        other->track = (struct track){0};
        track_clear(&model->track);
        model->passes = 0;
    }
}

/* Sums as whole numbers of quanta: exact, and so the same whatever the ranks summed. */
static void pack(const struct panel *panel, int64_t failed)
{
    int64_t features = panel->customers->features;
    int64_t *word = panel->wire;
    struct exactsum squares = panel->member_squares;
    exactsum_normalise(&squares);
    *word++ = failed;
    *word++ = panel->member_customers;
    memcpy(word, &squares, sizeof squares);
    word += EXACTSUM_WORDS;
    for (int64_t m = 0; m < panel->count; m++) {
        const struct model *model = &panel->model[m];
        if (!model->learning)
            continue;
        for (int64_t h = 0; h < model->k; h++) {
            for (int64_t f = 0; f < features; f++)
                *word++ = llrint(model->own_sum[h * features + f] / panel->preparation->feature[f].quantum);
            *word++ = model->own_count[h];
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

/* Of a model whose customers are weighted: what is supposed of as many as they weigh. */
static double supposed_inertia(const struct model *model)
{
    int64_t weight = 0;
    for (int64_t h = 0; h < model->k; h++)
        weight += model->count[h];
    return model->spread * (double)weight;
}

static int64_t words_in_use(const struct panel *panel)
{
    int64_t words = HEADER_WORDS;
    for (int64_t m = 0; m < panel->count; m++)
        words += panel->model[m].learning ? model_words(panel, &panel->model[m]) : 0;
    return words;
}

static void begin_model(struct panel *panel, int64_t m)
{
    struct model *model = &panel->model[m];
    int64_t size = model->k * panel->customers->features;
    if (!model->track.in_use)
        hand_track_on(panel, model);
    if (model->passes > 0)
        model->drift +=
            track_drift(model->passed_with, model->centroid, model->k, panel->customers->features);
    if (!model->track.in_use || model->passes == 0) {
        memset(model->own_sum, 0, (size_t)size * sizeof *model->own_sum);
        memset(model->own_count, 0, (size_t)model->k * sizeof *model->own_count);
    }
    memcpy(model->passed_with, model->centroid, (size_t)size * sizeof *model->centroid);
    model->passes++;
    panel->centroids[m] = panel_centroids(panel, model);
}

static void end_pass(struct panel *panel)
{
    unpack(panel);
    for (int64_t m = 0; m < panel->count; m++) {
        struct model *model = &panel->model[m];
        if (model->learning)
            model->inertia =
                model->weighting.kind == WEIGHTING_ONE ? inertia_of(panel, model) : supposed_inertia(model);
    }
}

/* A rank's failure travels in the reduction itself, so that a step has one collective and not two. */
status_t panel_pass(struct panel *panel)
{
    struct comm *comm = panel->customers->comm;
    status_t walked =
        !panel->forgetful && panel->remembered < panel->members ? grow_tracks(panel) : STATUS_OK;
    for (int64_t m = 0; m < panel->count; m++) {
        if (panel->model[m].learning)
            begin_model(panel, m);
    }
    if (!walked)
        walked = panel_pass_members(panel);
    pack(panel, walked != STATUS_OK || comm_is_stopping(comm));
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
