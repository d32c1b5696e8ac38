#include "cluster/swap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/minibatch.h"
#include "core/memory.h"
#include "core/random.h"

/* A variant must be better by this share to be taken. On a part of the customers a smaller gain may not be
 * one on all. */
static const double IMPROVEMENT = 1e-4;
static const double IMPROVEMENT_ON_PART = 1e-3;
/* Centroids that a variant moves at once, when moving one has not helped for a while. */
enum { MOST_MOVES = 2 };

/* What it costs to take a segment's centroid away. */
struct removal {
    double cost;
    int64_t segment;
};

struct search {
    const struct customers *customers;
    int64_t k;
    int64_t features;
    uint64_t seed;
    double bound;       /* on the squared centroid shift */
    struct panel panel; /* the incumbent, then the variants */
    bool on_part;       /* the panel's members are not everybody */
    int64_t round;
    int64_t patience; /* rounds without a better variant that are left */
    int64_t swaps;
    int64_t *block; /* that are learned on, of all ranks */
    int64_t blocks;
    int64_t *place;          /* of this rank's members among them */
    double *potential;       /* of each block: squared distances to the incumbent; this rank's, then all's */
    struct exactsum *cost;   /* k: what removing a centroid costs */
    struct removal *removal; /* k: the least missed first */
    struct tile_centroids incumbent;
    int64_t wanted_block; /* of the draw under way */
    double wanted_mark;
    float *drawn; /* features: its customer */
    bool found;
};

static int by_cost(const void *a, const void *b)
{
    const struct removal *x = a;
    const struct removal *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return x->segment < y->segment ? -1 : x->segment > y->segment;
}

static void measure_block(void *context, const struct block *block)
{
    struct search *search = context;
    double potential = 0.0;
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        struct tile_two two;
        search->customers->kernels->two(block->tiles + t * search->features * TILE_ROWS, &search->incumbent,
                                        &two);
        for (int lane = 0; lane < TILE_ROWS; lane++) {
            if (block->left_out[t] >> lane & 1)
                continue;
            potential += two.distance[lane];
            if (two.second[lane] >= 0)
                exactsum_add(&search->cost[two.nearest[lane]],
                             two.second_distance[lane] - two.distance[lane]);
        }
    }
    search->potential[search->place[block->position]] = potential;
}

/* Potentials of all blocks and removal costs of all segments, alike on all ranks. */
static status_t measure(struct search *search)
{
    const struct customers *customers = search->customers;
    memset(search->potential, 0, (size_t)search->blocks * sizeof *search->potential);
    memset(search->cost, 0, (size_t)search->k * sizeof *search->cost);
    search->incumbent = panel_centroids(&search->panel, &search->panel.model[0]);
    status_t status =
        comm_agree(customers->comm, customers_walk(customers, search->panel.member, search->panel.members,
                                                   measure_block, search));
    /* every block has one owner and the others hold zero: the maximum is its value */
    if (!status)
        status = comm_max_f64(customers->comm, search->potential, search->blocks);
    if (!status)
        status = comm_sum_exact(customers->comm, search->cost, search->k);
    for (int64_t h = 0; !status && h < search->k; h++)
        search->removal[h] = (struct removal){exactsum_round(&search->cost[h]), h};
    if (!status)
        qsort(search->removal, (size_t)search->k, sizeof *search->removal, by_cost);
    return status;
}

/* The customer of the wanted block at which its potential passes the mark. */
static void draw_block(void *context, const struct block *block)
{
    struct search *search = context;
    double mark = search->wanted_mark;
    for (int64_t t = 0; t < BLOCK_TILES && !search->found; t++) {
        const float *tile = block->tiles + t * search->features * TILE_ROWS;
        struct tile_two two;
        search->customers->kernels->two(tile, &search->incumbent, &two);
        for (int lane = 0; lane < TILE_ROWS && !search->found; lane++) {
            if (block->left_out[t] >> lane & 1 || two.distance[lane] <= 0)
                continue;
            mark -= two.distance[lane];
            for (int64_t f = 0; f < search->features; f++)
                search->drawn[f] = tile[f * TILE_ROWS + lane];
            search->found = mark < 0;
        }
    }
}

/* A customer drawn with probability in proportion to its squared distance, as the centroid `to`. */
static status_t draw_centroid(struct search *search, uint32_t draw, double *to)
{
    struct comm *comm = search->customers->comm;
    double total = 0.0;
    for (int64_t b = 0; b < search->blocks; b++)
        total += search->potential[b];
    double mark = random_uniform(search->seed, RANDOM_SWAP, 0, draw) * total;
    search->wanted_block = -1;
    for (int64_t b = 0; b < search->blocks && (search->wanted_block < 0 || mark >= 0); b++) {
        if (search->potential[b] <= 0)
            continue;
        search->wanted_block = search->block[b];
        search->wanted_mark = mark;
        mark -= search->potential[b];
    }
    search->found = false;
    int64_t local = search->wanted_block - search->customers->partition.first_block;
    bool mine = local >= 0 && local < search->customers->partition.block_count;
    status_t status = STATUS_OK;
    if (mine)
        status = customers_walk(search->customers, &search->wanted_block, 1, draw_block, search);
    void *shared = NULL;
    int64_t bytes = 0;
    status = comm_agree(comm, status);
    if (!status)
        status = comm_gather_all(comm, search->drawn, mine ? search->features * (int64_t)sizeof(float) : 0,
                                 &shared, &bytes);
    for (int64_t f = 0; !status && f < bytes / (int64_t)sizeof(float); f++)
        to[f] = (double)((const float *)shared)[f];
    free(shared);
    return status;
}

/* Variant v: the incumbent with `moves` of its least missed centroids moved to customers far from all of
 * them. */
static status_t make_variants(struct search *search, int64_t round, int64_t moves)
{
    int64_t size = search->k * search->features;
    int64_t removable = search->k < SWAP_VARIANTS ? search->k : SWAP_VARIANTS;
    status_t status = measure(search);
    for (int64_t v = 0; !status && v < SWAP_VARIANTS; v++) {
        struct model *variant = &search->panel.model[1 + v];
        memcpy(variant->centroid, search->panel.model[0].centroid, (size_t)size * sizeof *variant->centroid);
        for (int64_t i = 0; !status && i < moves; i++) {
            int64_t apart = removable > 1 ? i * (1 + round % (removable - 1)) : 0;
            int64_t out = search->removal[(v + apart) % removable].segment;
            uint32_t draw = (uint32_t)((round * SWAP_VARIANTS + v) * MOST_MOVES + i);
            status = draw_centroid(search, draw, variant->centroid + out * search->features);
        }
    }
    return status;
}

/* What a variant's passes have shown so far. */
struct variant {
    bool still;     /* its last move was within the bound: one more pass measures it */
    double inertia; /* of the pass before */
};

/* Whether a variant is unlikely to get below the incumbent: not within SWAP_HORIZON more falls like its last
 * one. */
static bool is_hopeless(const struct search *search, const struct model *model, const struct variant *variant)
{
    double fall = variant->inertia - model->inertia;
    double excess = model->inertia - search->panel.model[0].inertia;
    return variant->inertia > 0 && excess > SWAP_HORIZON * fall;
}

/* One model after a pass; returns whether it goes on. */
static bool goes_on(struct search *search, struct model *model, struct variant *variant, bool is_incumbent,
                    bool last)
{
    if (variant->still || (!is_incumbent && is_hopeless(search, model, variant)))
        return false;
    variant->inertia = model->inertia;
    variant->still = panel_move(&search->panel, model) <= search->bound || last;
    return true;
}

/* Whether what was recalled can be. */
static bool fits(const struct panel *panel, int64_t first, const struct variant *variant, int64_t learning,
                 int64_t pass)
{
    bool all = pass >= 0 && pass < INT64_MAX;
    for (int64_t m = 0; all && m < panel->count; m++) {
        all = journal_are_flags(&variant[m].still, 1) && (m >= first || !panel->model[m].learning);
        learning -= panel->model[m].learning;
    }
    return all && learning == 0;
}

/* Lloyd's passes of the models [first, count) until each has settled, and is measured, or is given up: then
 * its inertia is that of its last pass, above the incumbent's. */
static status_t settle(struct search *search, int64_t first)
{
    struct panel *panel = &search->panel;
    struct variant variant[SWAP_VARIANTS + 1] = {{false, 0.0}};
    int64_t learning = panel->count - first;
    int64_t pass = 0;
    int64_t mark = journal_mark(search->customers->comm->journal);
    const struct journal_field field[] = {
        {variant, sizeof variant}, {&learning, sizeof learning}, {&pass, sizeof pass}};
    enum { FIELDS = sizeof field / sizeof field[0] };
    bool known = false;
    for (int64_t m = 0; m < panel->count; m++)
        panel->model[m].learning = m >= first;
    status_t status = panel_recall(panel, "variants", field, FIELDS, &known);
    if (!status && known && !fits(panel, first, variant, learning, pass))
        status = journal_misfit("variants");
    while (!status && learning > 0) {
        status = panel_pass(panel);
        for (int64_t m = first; !status && m < panel->count; m++) {
            struct model *model = &panel->model[m];
            if (!model->learning)
                continue;
            model->learning = goes_on(search, model, &variant[m], m == 0, pass >= SWAP_PASSES);
            learning -= !model->learning;
        }
        pass++;
        if (!status)
            status = panel_keep(panel, mark, "variants", field, FIELDS);
    }
    return status;
}

/* Takes the best variant if it is better; *taken says so. */
static void take_best(struct search *search, bool *taken)
{
    struct model *incumbent = &search->panel.model[0];
    int64_t best = 0;
    for (int64_t m = 1; m < search->panel.count; m++) {
        if (search->panel.model[m].inertia < search->panel.model[best].inertia)
            best = m;
    }
    double least = search->on_part ? IMPROVEMENT_ON_PART : IMPROVEMENT;
    *taken = search->panel.model[best].inertia < incumbent->inertia * (1.0 - least);
    if (*taken) {
        memcpy(incumbent->centroid, search->panel.model[best].centroid,
               (size_t)(search->k * search->features) * sizeof *incumbent->centroid);
        incumbent->inertia = search->panel.model[best].inertia;
    }
}

/* The blocks that variants learn on, and which of them are this rank's. */
static status_t choose_blocks(struct search *search, int64_t batch)
{
    const struct partition *partition = &search->customers->partition;
    struct minibatch_plan plan = {0};
    status_t status = minibatch_plan_open(&plan, partition->blocks, SWAP_BATCHES * batch, search->seed);
    if (!status)
        search->blocks = minibatch_next(&plan);
    if (!status)
        status = memory_new(&search->block, search->blocks, sizeof *search->block, "swaps");
    if (!status)
        status = memory_new(&search->place, search->blocks, sizeof *search->place, "swaps");
    if (!status)
        status = memory_new(&search->potential, search->blocks, sizeof *search->potential, "swaps");
    int64_t own = 0;
    for (int64_t b = 0; !status && b < search->blocks; b++) {
        search->block[b] = plan.chosen[b];
        int64_t local = plan.chosen[b] - partition->first_block;
        if (local >= 0 && local < partition->block_count)
            search->place[own++] = b;
    }
    search->on_part = search->blocks < partition->blocks;
    minibatch_plan_close(&plan);
    return status;
}

static status_t search_open(struct search *search, const struct preparation *preparation, int64_t batch)
{
    const struct customers *customers = search->customers;
    status_t status = choose_blocks(search, batch);
    if (!status)
        status = memory_new(&search->cost, search->k, sizeof *search->cost, "swaps");
    if (!status)
        status = memory_new(&search->removal, search->k, sizeof *search->removal, "swaps");
    if (!status)
        status = memory_new(&search->drawn, search->features, sizeof *search->drawn, "swaps");
    status = comm_agree(customers->comm, status);
    if (!status)
        status = panel_open_alike(&search->panel, customers, preparation, 1 + SWAP_VARIANTS, search->k);
    if (!status)
        panel_add(&search->panel, search->block, search->blocks);
    return status;
}

static void search_close(struct search *search)
{
    panel_close(&search->panel);
    free(search->block);
    free(search->place);
    free(search->potential);
    free(search->cost);
    free(search->removal);
    free(search->drawn);
}

/* Rounds without a better variant before it ends. */
static int64_t most_patience(const struct search *search)
{
    return search->on_part ? SWAP_PATIENCE : 2 * SWAP_PATIENCE;
}

static status_t run_round(struct search *search)
{
    int64_t most = most_patience(search);
    bool taken = false;
    status_t status = make_variants(search, search->round, search->patience > most / 2 ? 1 : MOST_MOVES);
    if (!status)
        status = settle(search, 1);
    if (!status)
        take_best(search, &taken);
    search->patience = taken ? most : search->patience - 1;
    search->swaps += taken;
    search->round++;
    return status;
}

/* Whether what was recalled can be. */
static bool fits_rounds(const struct search *search)
{
    return journal_are_places(search->panel.model[0].centroid, search->k * search->features) &&
           journal_are_counts(&search->round, 1, SWAP_ROUNDS) &&
           journal_are_counts(&search->patience, 1, most_patience(search)) &&
           journal_are_counts(&search->swaps, 1, search->round);
}

/* Rounds from the incumbent at `centroid` on. */
static status_t run(struct search *search, const double *centroid)
{
    struct journal *journal = search->customers->comm->journal;
    struct model *incumbent = &search->panel.model[0];
    int64_t size = search->k * search->features * (int64_t)sizeof *centroid;
    int64_t mark = journal_mark(journal);
    const struct journal_field field[] = {{incumbent->centroid, size},
                                          {&incumbent->inertia, sizeof incumbent->inertia},
                                          {&search->round, sizeof search->round},
                                          {&search->patience, sizeof search->patience},
                                          {&search->swaps, sizeof search->swaps}};
    enum { FIELDS = sizeof field / sizeof field[0] };
    bool known = false;
    status_t status = journal_recall(journal, "swaps", field, FIELDS, &known);
    if (!status && known && !fits_rounds(search))
        status = journal_misfit("swaps");
    if (!status && !known) {
        memcpy(incumbent->centroid, centroid, (size_t)size);
        search->patience = most_patience(search);
        search->panel.count = 1;
        status = settle(search, 0);
        search->panel.count = 1 + SWAP_VARIANTS;
        if (!status)
            status = journal_keep(journal, mark, "swaps", field, FIELDS);
    }
    while (!status && search->patience > 0 && search->round < SWAP_ROUNDS) {
        status = run_round(search);
        if (!status)
            status = journal_keep(journal, mark, "swaps", field, FIELDS);
    }
    return status;
}

status_t swap_improve(const struct customers *customers, const struct preparation *preparation, int64_t k,
                      int64_t batch, double tolerance, uint64_t seed, double *centroid, int64_t *swaps)
{
    struct search search = {.customers = customers,
                            .k = k,
                            .features = customers->features,
                            .seed = seed,
                            .bound = tolerance * customers->mean_variance};
    size_t size = (size_t)(k * customers->features) * sizeof *centroid;
    status_t status = search_open(&search, preparation, batch);
    if (!status)
        status = run(&search, centroid);
    if (!status && search.swaps > 0)
        memcpy(centroid, search.panel.model[0].centroid, size);
    *swaps = search.swaps;
    search_close(&search);
    return status;
}
