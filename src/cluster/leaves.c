#include "cluster/leaves.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/leaf_assign.h"
#include "cluster/leaf_draw.h"
#include "cluster/leaf_sample.h"
#include "cluster/leaf_search.h"
#include "cluster/minibatch.h"
#include "core/exactsum.h"
#include "core/memory.h"

enum {
    DRAWS = 5,  /* rounds in which centroids are drawn, about */
    PASSES = 6, /* of Lloyd over the sample, but for leaves that have become empty */
    MOST_PASSES = 400,
    STILL = 200 /* one in so many customers that change their leaf is few enough */
};

/* Where learning is, alike on every rank and kept with the centroids. */
struct progress {
    int64_t passes;
    int64_t settled;     /* of them, those with all centroids placed */
    int64_t changed;     /* customers of the sample who got another leaf in the last one */
    int64_t wanted;      /* centroids */
    int64_t placed;      /* centroids that there are */
    int64_t draws;       /* rounds that have been drawn */
    int64_t is_complete; /* of the sample */
};

struct learner {
    const struct customers *customers;
    const struct preparation *preparation;
    struct comm *comm;
    uint64_t seed;
    int64_t features;
    int64_t most; /* centroids that there is room for */
    bool fewer;
    struct progress at;
    struct leaf_sample sample;
    double *centroid; /* most x features */
    double *sum;      /* most x features, of the last pass, over all ranks */
    int64_t *size;    /* most */
    int64_t *wire;    /* most x (features + 1) */
};

/* ---- sums ---- */

/* Those of the first `count` leaves, over all ranks. */
static status_t reduce(struct learner *learner, int64_t count)
{
    return leaf_sum_up(learner->comm, learner->preparation, count, learner->sum, learner->size,
                       learner->wire);
}

static void clear_sums(struct learner *learner)
{
    memset(learner->sum, 0, (size_t)(learner->most * learner->features) * sizeof *learner->sum);
    memset(learner->size, 0, (size_t)learner->most * sizeof *learner->size);
}

/* ---- learning on the sample ---- */

/* Every customer of the sample to its nearest centroid; at.changed: how many have another one than before. */
static status_t pass(struct learner *learner)
{
    struct leaf_search search;
    struct leaf_rows *rows = &learner->sample.rows;
    int32_t *before = learner->sample.before;
    if (rows->count > 0)
        memcpy(before, rows->leaf, (size_t)rows->count * sizeof *rows->leaf);
    status_t status = leaf_search_open(&search, learner->comm, learner->customers->log, learner->centroid,
                                       learner->at.placed, learner->features);
    if (!status)
        status = comm_agree(learner->comm, leaf_search_rows(&search, rows));
    leaf_search_close(&search);
    clear_sums(learner);
    int64_t changed = 0;
    for (int64_t i = 0; !status && i < rows->count; i++) {
        leaf_add_row(rows->value + i * learner->features, learner->features, rows->leaf[i], learner->sum,
                     learner->size);
        changed += rows->leaf[i] != before[i];
    }
    if (!status)
        status = comm_sum_i64(learner->comm, &changed, 1);
    learner->at.changed = changed;
    return status ? status : reduce(learner, learner->at.placed);
}

/* Leaves that are empty, or not placed yet, get centroids drawn from the sample, at most `most`; *drawn: how
 * many. */
static status_t fill(struct learner *learner, int64_t most, int64_t *drawn)
{
    struct leaf_draw draw = {.comm = learner->comm,
                             .seed = learner->seed,
                             .round = (uint32_t)learner->at.draws++,
                             .features = learner->features,
                             .wanted = most};
    status_t status = leaf_draw_open(&draw, &learner->sample.rows, learner->sample.row);
    int64_t next = 0;
    for (int64_t h = 0; !status && h < learner->at.wanted && next < draw.taken.count; h++) {
        if (h < learner->at.placed && learner->size[h] > 0)
            continue;
        for (int64_t f = 0; f < learner->features; f++)
            learner->centroid[h * learner->features + f] =
                (double)draw.taken.value[next * learner->features + f];
        next++;
        learner->at.placed = h >= learner->at.placed ? h + 1 : learner->at.placed;
    }
    *drawn = next;
    leaf_draw_close(&draw);
    return status;
}

/* No different customers are left in the sample: those of the whole file, or fewer leaves. */
static status_t run_short(struct learner *learner)
{
    if (!learner->sample.is_complete)
        return leaf_sample_add_different(&learner->sample, learner->at.wanted);
    int64_t kept = 0;
    for (int64_t h = 0; h < learner->at.placed; h++) {
        if (learner->size[h] == 0)
            continue;
        memmove(learner->centroid + kept++ * learner->features, learner->centroid + h * learner->features,
                (size_t)learner->features * sizeof *learner->centroid);
    }
    if (!learner->fewer)
        return status_new(EXIT_BAD_DATA,
                          "only %" PRId64
                          " different customers were found, fewer than hierarchy.leaves = %" PRId64,
                          kept, learner->at.wanted);
    learner->at.placed = kept;
    learner->at.wanted = kept;
    for (int64_t i = 0; i < learner->sample.rows.count; i++)
        learner->sample.rows.leaf[i] = -1; /* numbers have changed */
    return STATUS_OK;
}

static int64_t count_empty(const struct learner *learner)
{
    int64_t empty = learner->at.wanted - learner->at.placed;
    for (int64_t h = 0; h < learner->at.placed; h++)
        empty += learner->size[h] == 0;
    return empty;
}

static void move(struct learner *learner)
{
    for (int64_t h = 0; h < learner->at.placed; h++) {
        for (int64_t f = 0; learner->size[h] > 0 && f < learner->features; f++)
            learner->centroid[h * learner->features + f] =
                learner->sum[h * learner->features + f] / (double)learner->size[h];
    }
}

/* ---- kept ---- */

enum { FIELDS = 2 };

static void list_fields(struct learner *learner, struct journal_field fields[FIELDS])
{
    fields[0] = (struct journal_field){&learner->at, sizeof learner->at};
    fields[1] = (struct journal_field){learner->centroid, learner->most * learner->features *
                                                              (int64_t)sizeof *learner->centroid};
}

/* What comes from a file may be damaged. */
static status_t check_recalled(const struct learner *learner)
{
    const struct progress *at = &learner->at;
    bool fits = at->passes >= 1 && at->passes <= MOST_PASSES && at->settled >= 0 && at->changed >= 0 &&
                at->wanted >= 1 && at->wanted <= learner->most && at->placed >= 0 &&
                at->placed <= at->wanted && at->draws >= 0 && at->draws <= MOST_PASSES;
    fits = fits && journal_are_counts(&at->is_complete, 1, 1) &&
           journal_are_places(learner->centroid, at->placed * learner->features);
    return fits ? STATUS_OK : journal_misfit("micro-clusters");
}

static status_t recall(struct learner *learner, const char *step, bool *known)
{
    struct journal_field fields[FIELDS];
    list_fields(learner, fields);
    status_t status = journal_recall(learner->comm->journal, step, fields, FIELDS, known);
    return status || !*known ? status : check_recalled(learner);
}

static status_t keep(struct learner *learner, int64_t mark, const char *step)
{
    struct journal_field fields[FIELDS];
    learner->at.is_complete = learner->sample.is_complete;
    list_fields(learner, fields);
    return journal_keep(learner->comm->journal, mark, step, fields, FIELDS);
}

/* Goes on after the pass that is known: the sample, and the leaf of each of its customers, are found anew. */
static status_t recall_pass(struct learner *learner, bool *known)
{
    status_t status = recall(learner, "pass", known);
    if (status || !*known)
        return status;
    int64_t changed = learner->at.changed;
    if (learner->at.is_complete && !learner->sample.is_complete)
        status = leaf_sample_add_different(&learner->sample, learner->most);
    if (!status && learner->at.placed > 0)
        status = pass(learner);
    learner->at.changed = changed;
    return status;
}

/* ---- rounds ---- */

static status_t next_pass(struct learner *learner, int64_t mark)
{
    status_t status = STATUS_OK;
    if (learner->at.passes++ == MOST_PASSES)
        return status_new(EXIT_INTERNAL, "micro-clusters did not settle in %d passes", MOST_PASSES);
    if (learner->at.placed > 0)
        status = pass(learner);
    log_show_progress(learner->customers->log,
                      &(struct log_progress){.step_name = "pass",
                                             .step = learner->at.passes,
                                             .fraction = (double)learner->at.passes / (DRAWS + PASSES)});
    return status ? status : keep(learner, mark, "pass");
}

/* New places for centroids: the means, or where there is none yet, customers. */
static status_t improve(struct learner *learner)
{
    int64_t share = (learner->most + DRAWS - 1) / DRAWS;
    int64_t empty = count_empty(learner);
    int64_t drawn = 0;
    bool placing = learner->at.placed < learner->at.wanted;
    status_t status = STATUS_OK;
    if (!placing)
        move(learner);
    learner->at.settled += !placing;
    if (empty > 0)
        status = fill(learner, placing && share < empty ? share : empty, &drawn);
    if (!status && empty > 0 && drawn == 0)
        status = run_short(learner);
    return status;
}

static bool is_settled(const struct learner *learner)
{
    return count_empty(learner) == 0 &&
           (learner->at.settled >= PASSES || learner->at.changed <= learner->sample.customers_all / STILL);
}

/* Rounds of draws until all centroids are placed, then Lloyd's passes. It ends with a pass in which no leaf
 * was empty and whose centroids have not moved since: so none is when all customers are looked at. */
static status_t learn(struct learner *learner)
{
    bool known = false;
    int64_t mark = journal_mark(learner->comm->journal);
    status_t status = leaf_sample_open(&learner->sample, learner->customers,
                                       MINIBATCH_CUSTOMERS * learner->most, learner->seed);
    if (!status)
        status = recall_pass(learner, &known);
    if (!status && !known)
        status = next_pass(learner, mark);
    while (!status && !is_settled(learner)) {
        status = improve(learner);
        if (!status)
            status = next_pass(learner, mark);
    }
    return status;
}

/* ---- all customers ---- */

/* The sum of squared distances to the means: of the squared norms, less what the means explain. */
static status_t measure(struct learner *learner, double *measured)
{
    struct exactsum squares = {0};
    double high = 0.0;
    double low = 0.0;
    for (int64_t b = 0; b < learner->customers->partition.block_count; b++) {
        exactsum_add(&squares, learner->customers->squares[2 * b]);
        exactsum_add(&squares, learner->customers->squares[2 * b + 1]);
    }
    status_t status = comm_sum_exact(learner->comm, &squares, 1);
    exactsum_value(&squares, &high, &low);
    __float128 inertia = (__float128)high + (__float128)low;
    for (int64_t h = 0; h < learner->at.wanted; h++) {
        for (int64_t f = 0; f < learner->features; f++) {
            __float128 sum = (__float128)learner->sum[h * learner->features + f];
            inertia -= sum * sum / (__float128)learner->size[h];
        }
    }
    *measured = inertia > 0 ? (double)inertia : 0.0;
    return status;
}

static status_t take_all(struct learner *learner, struct row_numbers *leaf, struct leaves *leaves)
{
    struct leaf_search search;
    int64_t count = learner->at.wanted;
    struct leaf_assigned assigned = {.leaf = leaf, .sum = learner->sum, .size = learner->size};
    log_phase_begin(learner->customers->log, "assigning micro-clusters");
    status_t status = leaf_search_open(&search, learner->comm, learner->customers->log, learner->centroid,
                                       count, learner->features);
    clear_sums(learner);
    if (!status)
        status = comm_agree(learner->comm, leaf_assign(learner->customers, &search, &assigned));
    leaf_search_close(&search);
    if (!status)
        status = reduce(learner, count);
    for (int64_t h = 0; !status && h < count; h++)
        status = learner->size[h] > 0 ? STATUS_OK : journal_misfit("micro-clusters"); /* learn() left none */
    double inertia = 0.0;
    double *place = NULL;
    if (!status)
        status = measure(learner, &inertia);
    /* they decide which leaf a customer goes with, now and when it is scored later; the means do not */
    if (!status)
        status = comm_agree(learner->comm,
                            memory_new(&place, count * learner->features, sizeof *place, "micro-clusters"));
    if (status)
        return status;
    memcpy(place, learner->centroid, (size_t)(count * learner->features) * sizeof *place);
    move(learner);
    *leaves = (struct leaves){.count = count,
                              .sum = learner->sum,
                              .centroid = learner->centroid,
                              .place = place,
                              .size = learner->size,
                              .inertia = inertia};
    learner->sum = NULL;
    learner->centroid = NULL;
    learner->size = NULL;
    return status;
}

/* ---- in all ---- */

static status_t open_learner(struct learner *learner)
{
    int64_t d = learner->features;
    int64_t count = learner->most;
    status_t status = memory_new(&learner->centroid, count * d, sizeof *learner->centroid, "micro-clusters");
    if (!status)
        status = memory_new(&learner->sum, count * d, sizeof *learner->sum, "micro-clusters");
    if (!status)
        status = memory_new(&learner->size, count, sizeof *learner->size, "micro-clusters");
    if (!status)
        status = memory_new(&learner->wire, count * (d + 1), sizeof *learner->wire, "micro-clusters");
    return comm_agree(learner->comm, status);
}

static void close_learner(struct learner *learner)
{
    leaf_sample_close(&learner->sample);
    free(learner->centroid);
    free(learner->sum);
    free(learner->size);
    free(learner->wire);
}

status_t leaves_learn(const struct customers *customers, const struct preparation *preparation, int64_t count,
                      bool fewer, uint64_t seed, struct row_numbers *leaf, struct leaves *leaves)
{
    struct learner learner = {.customers = customers,
                              .preparation = preparation,
                              .comm = customers->comm,
                              .seed = seed,
                              .features = customers->features,
                              .most = count,
                              .fewer = fewer,
                              .at = {.wanted = count}};
    bool known = false;
    int64_t mark = journal_mark(customers->comm->journal);
    *leaves = (struct leaves){.count = 0};
    log_phase_begin(customers->log, "micro-clusters");
    status_t status = open_learner(&learner);
    if (!status)
        status = recall(&learner, "micro-clusters", &known);
    if (!status && !known)
        status = learn(&learner);
    if (!status && !known)
        status = keep(&learner, mark, "micro-clusters");
    if (!status)
        status = take_all(&learner, leaf, leaves);
    close_learner(&learner);
    return status;
}

double leaves_bytes(int64_t count, int64_t rows, int64_t features, int ranks)
{
    double row = (double)features * sizeof(float) + 4.0 * sizeof(double);
    double blocks = (double)MINIBATCH_CUSTOMERS * (double)count + (double)MINIBATCH_BLOCKS * BLOCK_ROWS;
    double sampled = 2.0 * blocks / ranks + (double)count;
    double sample = (sampled < 2.0 * (double)rows ? sampled : 2.0 * (double)rows) * row;
    double different = 4.0 * (double)count * row * ranks; /* offers, and different customers, of all ranks */
    /* centroids, places, sums and what travels; and the centroids as the first rank keeps them */
    double own = (double)count * 5.0 * (double)(features + 1) * sizeof(double);
    return sample + different + leaf_assign_bytes(features) + own + linkage_points_bytes(count, features);
}
