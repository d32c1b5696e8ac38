#include "cluster/seed.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/minibatch.h"
#include "core/memory.h"
#include "core/plural.h"
#include "core/random.h"

enum { ROUNDS = 5, MOST_ROUNDS = 1000, OVERSAMPLING = 2 };

/* What a sampling round sends around: a row's number and its prepared values. */
struct sampling {
    const struct panel *panel;
    uint64_t seed;
    int64_t k;
    int64_t features;
    struct candidates candidates;
    int64_t fresh;    /* candidates before this one are in `distance` already */
    float *distance;  /* of each of this rank's members: squared, to the nearest candidate */
    double potential; /* sum of them over all customers */
    uint32_t round;
    char *drawn; /* records: int64 row, features floats */
    int64_t drawn_count;
    int64_t drawn_capacity;
    struct exactsum sum; /* of a pass */
    status_t failure;
    int64_t lowest_row; /* of the draw of the first candidate */
    uint64_t lowest_key;
};

/* Visits this rank's members, who are the same in every walk. */
static status_t walk(struct sampling *sampling, customers_visitor visit)
{
    const struct panel *panel = sampling->panel;
    return customers_walk(panel->customers, panel->member, panel->members, visit, sampling);
}

static size_t record_size(const struct sampling *sampling)
{
    return sizeof(int64_t) + (size_t)sampling->features * sizeof(float);
}

static void draw_row(struct sampling *sampling, const struct block *block, int row)
{
    if (sampling->drawn_count == sampling->drawn_capacity) {
        int64_t capacity = 2 * sampling->drawn_capacity + 64;
        char *grown = realloc(sampling->drawn, (size_t)capacity * record_size(sampling));
        if (!grown) {
            sampling->failure =
                status_first(sampling->failure, status_of_allocation(NULL, 1, "seed candidates"));
            return;
        }
        sampling->drawn = grown;
        sampling->drawn_capacity = capacity;
    }
    char *record = sampling->drawn + (size_t)sampling->drawn_count * record_size(sampling);
    int64_t number = block->first_row + row;
    memcpy(record, &number, sizeof number);
    const float *tile = block->tiles + row / TILE_ROWS * sampling->features * TILE_ROWS;
    for (int64_t f = 0; f < sampling->features; f++)
        memcpy(record + sizeof number + (size_t)f * sizeof(float), &tile[f * TILE_ROWS + row % TILE_ROWS],
               sizeof(float));
    sampling->drawn_count++;
}

static status_t add_candidate(struct sampling *sampling, const char *record)
{
    struct candidates *candidates = &sampling->candidates;
    if (candidates->count == candidates->capacity) {
        int64_t capacity = 2 * candidates->capacity + 64;
        double *point = realloc(candidates->point,
                                (size_t)capacity * (size_t)sampling->features * sizeof *candidates->point);
        if (!point)
            return status_of_allocation(NULL, 1, "seed candidates");
        candidates->point = point;
        candidates->capacity = capacity;
    }
    double *point = candidates->point + candidates->count * sampling->features;
    for (int64_t f = 0; f < sampling->features; f++) {
        float value = 0.0F;
        memcpy(&value, record + sizeof(int64_t) + (size_t)f * sizeof(float), sizeof value);
        point[f] = (double)value;
    }
    /* Equal customers may be drawn in one round; one of them is enough. */
    for (int64_t c = sampling->fresh; c < candidates->count; c++) {
        if (memcmp(candidates->point + c * sampling->features, point,
                   (size_t)sampling->features * sizeof *point) == 0)
            return STATUS_OK;
    }
    candidates->count++;
    return STATUS_OK;
}

static int by_row(const void *a, const void *b)
{
    int64_t row[2];
    memcpy(&row[0], a, sizeof row[0]);
    memcpy(&row[1], b, sizeof row[1]);
    return row[0] < row[1] ? -1 : row[0] > row[1];
}

/* All ranks' draws become candidates on every rank, in the order of their rows. */
static status_t join_draws(struct sampling *sampling)
{
    struct comm *comm = sampling->panel->customers->comm;
    char *all = NULL;
    void *gathered = NULL;
    int64_t bytes = 0;
    status_t failure = sampling->failure;
    sampling->failure = STATUS_OK;
    status_t status = comm_agree(comm, failure);
    if (!status)
        status = comm_gather_all(comm, sampling->drawn,
                                 sampling->drawn_count * (int64_t)record_size(sampling), &gathered, &bytes);
    all = gathered;
    if (bytes > 0)
        qsort(all, (size_t)bytes / record_size(sampling), record_size(sampling), by_row);
    sampling->fresh = sampling->candidates.count;
    for (int64_t at = 0; !status && at < bytes; at += (int64_t)record_size(sampling))
        status = add_candidate(sampling, all + at);
    free(all);
    sampling->drawn_count = 0;
    return comm_agree(comm, status);
}

static void find_first(void *context, const struct block *block)
{
    struct sampling *sampling = context;
    for (int row = 0; row < block->rows; row++) {
        if (table_is_left_out(block->left_out, row))
            continue;
        uint64_t key = random_bits(sampling->seed, RANDOM_FIRST_CENTER, block->first_row + row, 0) >> 1;
        int64_t number = block->first_row + row;
        bool is_lower =
            key < sampling->lowest_key || (key == sampling->lowest_key && number < sampling->lowest_row);
        if (sampling->lowest_row < 0 || is_lower) {
            sampling->lowest_key = key;
            sampling->lowest_row = number;
        }
    }
}

static void draw_first(void *context, const struct block *block)
{
    struct sampling *sampling = context;
    int64_t row = sampling->lowest_row - block->first_row;
    if (row >= 0 && row < block->rows)
        draw_row(sampling, block, (int)row);
}

/* The first candidate: the customer with the lowest random key, each as likely as any other. */
static status_t first_candidate(struct sampling *sampling)
{
    const struct customers *customers = sampling->panel->customers;
    sampling->lowest_row = -1;
    status_t status = walk(sampling, find_first);
    int64_t key = sampling->lowest_row < 0 ? INT64_MAX : (int64_t)sampling->lowest_key;
    int64_t lowest = key;
    status = comm_agree(customers->comm, status);
    if (!status)
        status = comm_min_i64(customers->comm, &lowest, 1);
    int64_t row = key == lowest && sampling->lowest_row >= 0 ? sampling->lowest_row : INT64_MAX;
    if (!status)
        status = comm_min_i64(customers->comm, &row, 1);
    sampling->lowest_row = row;
    if (!status)
        status = walk(sampling, draw_first);
    status = comm_agree(customers->comm, status);
    if (!status)
        status = join_draws(sampling);
    return status;
}

static void approach_block(void *context, const struct block *block)
{
    struct sampling *sampling = context;
    int64_t d = sampling->features;
    struct tile_centroids fresh = {.k = sampling->candidates.count - sampling->fresh,
                                   .features = d,
                                   .centroid = sampling->candidates.point + sampling->fresh * d};
    double sum = 0.0;
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        struct tile_two two;
        float *distance = sampling->distance + block->position * BLOCK_ROWS + t * TILE_ROWS;
        sampling->panel->customers->kernels->two(block->tiles + t * d * TILE_ROWS, &fresh, &two);
        for (int lane = 0; lane < TILE_ROWS; lane++) {
            float squared = (float)two.distance[lane];
            if (sampling->fresh == 0 || squared < distance[lane])
                distance[lane] = squared;
            if (block->left_out[t] >> lane & 1)
                distance[lane] = 0.0F;
            sum += (double)distance[lane];
        }
    }
    exactsum_add(&sampling->sum, sum);
}

/* Distances to the fresh candidates, and the new potential. */
static status_t approach(struct sampling *sampling)
{
    struct comm *comm = sampling->panel->customers->comm;
    sampling->sum = (struct exactsum){0};
    status_t status = comm_agree(comm, walk(sampling, approach_block));
    if (!status)
        status = comm_sum_exact(comm, &sampling->sum, 1);
    sampling->potential = exactsum_round(&sampling->sum);
    return status;
}

static void draw_block(void *context, const struct block *block)
{
    struct sampling *sampling = context;
    const float *distance = sampling->distance + block->position * BLOCK_ROWS;
    double factor = (double)(OVERSAMPLING * sampling->k) / sampling->potential;
    for (int row = 0; row < block->rows; row++) {
        if (distance[row] > 0 && random_uniform(sampling->seed, RANDOM_OVERSAMPLE, block->first_row + row,
                                                sampling->round) < factor * (double)distance[row])
            draw_row(sampling, block, row);
    }
}

static status_t draw_candidates(struct sampling *sampling)
{
    const struct customers *customers = sampling->panel->customers;
    status_t status = first_candidate(sampling);
    if (!status)
        status = approach(sampling);
    while (!status && sampling->potential > 0 &&
           (sampling->round < ROUNDS || sampling->candidates.count < sampling->k) &&
           sampling->round < MOST_ROUNDS) {
        status = comm_agree(customers->comm, walk(sampling, draw_block));
        if (!status)
            status = join_draws(sampling);
        if (!status && sampling->candidates.count > sampling->fresh)
            status = approach(sampling);
        sampling->round++;
    }
    return status;
}

/* Weights: one pass with the candidates as the centroids of a panel of one model. */
static status_t weigh_candidates(struct sampling *sampling)
{
    struct candidates *candidates = &sampling->candidates;
    struct panel one;
    status_t status = panel_open_alike(&one, sampling->panel->customers, sampling->panel->preparation, 1,
                                       candidates->count);
    if (!status) {
        panel_add(&one, sampling->panel->member, sampling->panel->members);
        memcpy(one.model[0].centroid, candidates->point,
               (size_t)(candidates->count * sampling->features) * sizeof(double));
        status = panel_pass(&one);
    }
    if (!status)
        status = comm_agree(one.customers->comm, memory_new(&candidates->weight, candidates->count,
                                                            sizeof *candidates->weight, "seed weights"));
    if (!status)
        memcpy(candidates->weight, one.model[0].count,
               (size_t)candidates->count * sizeof *candidates->weight);
    panel_close(&one);
    return status;
}

static status_t draw(struct sampling *sampling, struct seeds *seeds)
{
    const struct panel *panel = sampling->panel;
    status_t status =
        comm_agree(panel->customers->comm, memory_new(&sampling->distance, panel->members * BLOCK_ROWS,
                                                      sizeof *sampling->distance, "seeding distances"));
    if (!status)
        status = draw_candidates(sampling);
    free(sampling->distance);
    if (!status && sampling->candidates.count >= sampling->k)
        status = weigh_candidates(sampling);
    free(sampling->drawn);
    seeds->candidates = sampling->candidates;
    return status;
}

status_t seeds_draw(const struct panel *panel, int64_t k, uint64_t seed, struct seeds *seeds)
{
    struct sampling sampling = {.panel = panel, .seed = seed, .k = k, .features = panel->customers->features};
    *seeds = (struct seeds){.k = k, .features = sampling.features, .seed = seed};
    return draw(&sampling, seeds);
}

void seeds_free(struct seeds *seeds)
{
    free(seeds->candidates.point);
    free(seeds->candidates.weight);
    seeds->candidates = (struct candidates){0};
}

/* `sample`: a panel without models, which gets as many members as it takes to find k different customers. */
static status_t draw_from(struct panel *sample, struct minibatch_plan *plan, int64_t k, uint64_t seed,
                          struct seeds *seeds)
{
    int64_t added = minibatch_next(plan);
    status_t status = STATUS_OK;
    while (!status && added > 0 && seeds->candidates.count < k) {
        seeds_free(seeds);
        panel_add(sample, plan->chosen, added);
        status = seeds_draw(sample, k, seed, seeds);
        if (!status && seeds->candidates.count < k)
            added = minibatch_next(plan);
    }
    int64_t distinct = seeds->candidates.count;
    if (!status && distinct < k)
        status = status_new(EXIT_BAD_DATA,
                            "only %" PRId64
                            " distinct customer%s after preparation, fewer than segments.k = %" PRId64,
                            distinct, plural(distinct), k);
    return status;
}

status_t seeds_draw_from_all(const struct customers *customers, const struct preparation *preparation,
                             int64_t k, int64_t batch, uint64_t seed, struct seeds *seeds)
{
    int64_t enough = (int64_t)MINIBATCH_BLOCKS * BLOCK_ROWS;
    struct panel sample = {0};
    struct minibatch_plan plan = {0};
    *seeds = (struct seeds){.k = k};
    status_t status = comm_agree(customers->comm, minibatch_plan_open(&plan, customers->partition.blocks,
                                                                      batch > enough ? batch : enough, seed));
    if (!status)
        status = panel_open(&sample, customers, preparation, 0, NULL);
    if (!status)
        status = draw_from(&sample, &plan, k, seed, seeds);
    panel_close(&sample);
    minibatch_plan_close(&plan);
    return status;
}

/* Models are shared out over the ranks; everybody gets everybody's. */
status_t seeds_choose(const struct seeds *seeds, struct panel *panel, int64_t first, int64_t count,
                      int64_t number)
{
    struct comm *comm = panel->customers->comm;
    struct recluster recluster;
    status_t status =
        comm_agree(comm, recluster_open(&recluster, &seeds->candidates, seeds->features, seeds->seed));
    int64_t size = seeds->k * seeds->features;
    for (int64_t m = 0; !status && m < count; m++) {
        double *centroid = panel->model[first + m].centroid;
        int64_t owner = m % comm->size;
        void *shared = NULL;
        int64_t bytes = 0;
        if (owner == comm->rank)
            recluster_choose(&recluster, number + m, seeds->k, centroid);
        status = comm_gather_all(comm, centroid, owner == comm->rank ? size * (int64_t)sizeof(double) : 0,
                                 &shared, &bytes);
        if (!status)
            memcpy(centroid, shared, (size_t)bytes);
        free(shared);
    }
    recluster_close(&recluster);
    return status;
}
