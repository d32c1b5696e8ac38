/* Average and complete linkage by the matrix of all distances, in rounds of reciprocal nearest neighbours
 * (Murtagh 1983; arXiv 2105.11653): every row's nearest cluster is known; all pairs that are each other's
 * nearest merge; rows that lost their nearest look for it again.
 *
 * Which is nearest: clusters are compared by (distance, hash of the pair of their lowest points). The hash is
 * a bijection and distances have the same bits both ways, so this is a strict order on the pairs of clusters.
 * Hence every round has a pair to merge: of the least pair of all, each is the other's nearest. Nothing in
 * the order depends on ranks or slots.
 *
 * Reducibility in doubles: a distance to a merged cluster is held between those to its halves, whatever the
 * rounding. So no merge brings a cluster nearer to a third than both halves were: heights never fall from a
 * cluster to one that holds it; a nearest neighbour that is not itself merged stays the nearest, but for ties
 * that rounding makes, which are looked at; and what was no nearer than `second` stays so. A nearest
 * neighbour that becomes part of a cluster still nearer than `second` is followed without a search. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/distance_matrix.h"
#include "cluster/linkage_rounds.h"
#include "core/memory.h"

enum { FEW = 64 /* slots: a matrix that stays as it is */ };

/* What is known of a cluster. */
struct slot {
    int64_t size;    /* 0: no cluster is left here */
    double distance; /* to the nearest */
    double second;   /* no other than the nearest is nearer than this */
    int32_t point;   /* the lowest */
    int32_t nearest; /* slot; -1: none at a finite distance */
};

/* What a rank tells the others of a row of its own. */
struct found {
    double distance;
    double second;
    int32_t slot;
    int32_t nearest;
};

struct state {
    struct distance_matrix matrix;
    /* alike on all ranks: */
    int64_t active;             /* clusters */
    struct slot *slot;          /* slots */
    int32_t *pair_of;           /* slots: the pair that it is in, or -1 */
    int32_t *moved;             /* slots: where it goes to, or -1 */
    struct distance_pair *pair; /* of this round, by `first` */
    int64_t pairs;
    struct linkage_rounds rounds;
    int32_t *merges_of; /* each round so far */
    /* this rank's: */
    struct found *found; /* of this round: at most one for each row */
    int64_t found_count;
    struct linkage_work work;
};

double linkage_matrix_bytes(int64_t count, int ranks)
{
    double rows = ceil((double)count / ranks);
    double each = sizeof(struct slot) + sizeof(struct found) + 3 * sizeof(int32_t);
    double pairs = 0.5 * (double)count;
    return distance_matrix_bytes(count, ranks) + rows * sizeof(struct found) + (double)count * each +
           pairs * sizeof(struct distance_pair);
}

/* ---- the nearest of a row ---- */

static bool wins_tie(const struct state *state, int64_t slot, int64_t a, int64_t b)
{
    int32_t point = state->slot[slot].point;
    return linkage_tie(point, state->slot[a].point) < linkage_tie(point, state->slot[b].point);
}

static void note(struct state *state, int64_t slot, int64_t nearest, double distance, double second)
{
    state->found[state->found_count++] = (struct found){distance, second, (int32_t)slot, (int32_t)nearest};
}

static void search(struct state *state, int64_t slot)
{
    const double *row = distance_matrix_row(&state->matrix, slot);
    struct distance_least least = distance_matrix_least(&state->matrix, slot);
    bool is_finite = least.first < INFINITY;
    int64_t nearest = is_finite ? least.at : -1;
    for (int64_t j = 0; is_finite && least.second <= least.first && j < state->matrix.slots; j++) {
        if (row[j] <= least.first && wins_tie(state, slot, j, nearest))
            nearest = j;
    }
    state->work.searches++;
    state->work.pairs += state->active - 1;
    note(state, slot, nearest, least.first, least.second);
}

/* A row that is in no pair: its columns, and what is its nearest now. */
static void refresh_row(struct state *state, int64_t slot)
{
    const double *row = distance_matrix_row(&state->matrix, slot);
    const struct slot *before = &state->slot[slot];
    distance_matrix_columns(&state->matrix, slot, state->pair, state->pairs);
    if (before->nearest < 0)
        return;
    int32_t lost = state->pair_of[before->nearest];
    if (lost >= 0) {
        int32_t now = state->pair[lost].kept;
        if (row[now] < before->second)
            note(state, slot, now, row[now], before->second);
        else
            search(state, slot);
        return;
    }
    int32_t nearest = before->nearest;
    for (int64_t p = 0; before->second <= before->distance && p < state->pairs; p++) {
        int32_t kept = state->pair[p].kept;
        if (row[kept] <= before->distance && wins_tie(state, slot, kept, nearest))
            nearest = kept;
    }
    if (nearest != before->nearest)
        note(state, slot, nearest, before->distance, before->second);
}

/* ---- rounds ---- */

static int by_first(const void *a, const void *b)
{
    int32_t x = ((const struct distance_pair *)a)->first;
    int32_t y = ((const struct distance_pair *)b)->first;
    return (x > y) - (x < y);
}

/* Which slot a pair goes to is drawn, so that no rank gets more than its share. */
static struct distance_pair pair_up(const struct state *state, int32_t a, int32_t b)
{
    const struct slot *slot = state->slot;
    int32_t low = slot[a].point < slot[b].point ? a : b;
    int32_t high = low == a ? b : a;
    int32_t kept = linkage_tie(slot[a].point, slot[b].point) & 1 ? low : high;
    int32_t gone = kept == a ? b : a;
    return (struct distance_pair){.height = slot[a].distance,
                                  .kept_size = (double)slot[kept].size,
                                  .gone_size = (double)slot[gone].size,
                                  .kept = kept,
                                  .gone = gone,
                                  .first = slot[low].point,
                                  .second = slot[high].point};
}

/* Takes in what all ranks found. A pair that was not there in the round before holds a row of these. */
static void find_pairs(struct state *state, const struct found *found, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        struct slot *slot = &state->slot[found[i].slot];
        slot->distance = found[i].distance;
        slot->second = found[i].second;
        slot->nearest = found[i].nearest;
    }
    state->pairs = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t a = found[i].slot;
        int32_t b = found[i].nearest;
        if (b < 0 || state->slot[b].nearest != a || state->pair_of[a] >= 0)
            continue;
        state->pair_of[a] = state->pair_of[b] = 0;
        state->pair[state->pairs++] = pair_up(state, a, b);
    }
    qsort(state->pair, (size_t)state->pairs, sizeof *state->pair, by_first);
}

static void merge_slots(struct state *state, struct merge *merge)
{
    for (int64_t p = 0; p < state->pairs; p++) {
        const struct distance_pair *pair = &state->pair[p];
        struct slot *kept = &state->slot[pair->kept];
        merge[p] = (struct merge){pair->height, pair->first, pair->second};
        state->pair_of[pair->kept] = state->pair_of[pair->gone] = (int32_t)p;
        kept->size += state->slot[pair->gone].size;
        kept->point = pair->first;
        state->slot[pair->gone].size = 0;
    }
    state->active -= state->pairs;
}

/* ---- a smaller matrix ---- */

/* Numbers the slots that hold clusters anew. */
static void move_slots(struct state *state)
{
    int32_t next = 0;
    for (int64_t s = 0; s < state->matrix.slots; s++)
        state->moved[s] = state->slot[s].size > 0 ? next++ : -1;
    for (int64_t s = 0; s < state->matrix.slots; s++) {
        int32_t to = state->moved[s];
        if (to < 0)
            continue;
        int32_t nearest = state->slot[s].nearest;
        state->slot[to] = state->slot[s];
        state->slot[to].nearest = nearest < 0 ? -1 : state->moved[nearest];
        state->pair_of[to] = -1;
    }
    for (int64_t p = 0; p < state->pairs; p++) {
        state->pair[p].kept = state->moved[state->pair[p].kept];
        state->pair[p].gone = state->moved[state->pair[p].gone];
    }
}

/* ---- from the start to the end ---- */

static status_t take_in(struct state *state)
{
    void *found = NULL;
    int64_t bytes = 0;
    int64_t mine = state->found_count * (int64_t)sizeof *state->found;
    status_t status = comm_gather_all(state->matrix.comm, state->found, mine, &found, &bytes);
    if (!status)
        find_pairs(state, found, bytes / (int64_t)sizeof *state->found);
    free(found);
    state->found_count = 0;
    if (!status && state->pairs == 0)
        status = status_new(EXIT_BAD_DATA,
                            "the distances between customers are too large for a double: "
                            "scale the features");
    return status;
}

/* Merges the pairs of a round. Where it `is_known` what follows, nobody looks for what is nearest. */
static status_t merge_pairs(struct state *state, struct merge *merge, bool is_known)
{
    struct distance_matrix *matrix = &state->matrix;
    status_t status = STATUS_OK;
    if (2 * state->active <= matrix->slots && matrix->slots > FEW) {
        move_slots(state);
        status = distance_matrix_compact(matrix, state->moved, state->active);
    }
    if (status)
        return status;
    merge_slots(state, merge);
    status = distance_matrix_merge(matrix, state->pair, state->pairs);
    for (int64_t i = matrix->first; !status && i < matrix->first + matrix->rows; i++) {
        if (state->slot[i].size > 0 && state->pair_of[i] < 0 && is_known)
            distance_matrix_columns(matrix, i, state->pair, state->pairs);
        else if (state->slot[i].size > 0 && state->pair_of[i] < 0)
            refresh_row(state, i);
        else if (state->slot[i].size > 0 && !is_known)
            search(state, i);
        if (comm_is_stopping(matrix->comm))
            status = comm_stopped();
    }
    for (int64_t p = 0; p < state->pairs; p++)
        state->pair_of[state->pair[p].kept] = state->pair_of[state->pair[p].gone] = -1;
    return comm_agree(matrix->comm, status);
}

/* ---- rounds that are known ---- */

/* The pairs of a round from its merges, which name lowest points. `moved` serves to find their slots. */
static status_t take_merges(struct state *state, const struct merge *merge, int64_t merges)
{
    for (int64_t i = 0; i < state->rounds.points; i++)
        state->moved[i] = -1;
    for (int64_t s = 0; s < state->matrix.slots; s++) {
        if (state->slot[s].size > 0)
            state->moved[state->slot[s].point] = (int32_t)s;
    }
    state->pairs = 0;
    for (int64_t i = 0; i < merges; i++) {
        int32_t a = state->moved[merge[i].first];
        int32_t b = state->moved[merge[i].second];
        if (state->pair_of[a] >= 0 || state->pair_of[b] >= 0)
            return journal_misfit("merges of a tree");
        state->slot[a].distance = state->slot[b].distance = merge[i].height;
        state->pair_of[a] = state->pair_of[b] = 0;
        state->pair[state->pairs++] = pair_up(state, a, b);
    }
    qsort(state->pair, (size_t)state->pairs, sizeof *state->pair, by_first);
    return STATUS_OK;
}

/* Distances come from those of the round before, so the rounds are gone through again, but for the searches:
 * a nearest neighbour depends on the distances alone. */
static status_t repeat_rounds(struct state *state, struct merge *merge)
{
    int64_t points = state->rounds.points;
    int64_t rounds = state->work.rounds;
    int64_t known = state->rounds.known;
    if (rounds < 0 || rounds > known ||
        state->rounds.extra_bytes != rounds * (int64_t)sizeof *state->merges_of)
        return journal_misfit("merges of a tree");
    memcpy(state->merges_of, state->rounds.extra, (size_t)state->rounds.extra_bytes);
    status_t status = comm_agree(state->matrix.comm, linkage_check_names(merge, known, points));
    for (int64_t r = 0, done = 0; !status && done < known; done += state->merges_of[r++]) {
        if (r == rounds || state->merges_of[r] < 1 || state->merges_of[r] > known - done)
            return journal_misfit("merges of a tree");
        status = take_merges(state, merge + done, state->merges_of[r]);
        if (!status)
            status = merge_pairs(state, merge + done, true);
    }
    return status;
}

static status_t allocate(struct state *state, int64_t count)
{
    int64_t most_rows = (count + state->matrix.comm->size - 1) / state->matrix.comm->size;
    status_t status = memory_new(&state->slot, count, sizeof *state->slot, "clusters");
    if (!status)
        status = memory_new(&state->pair_of, count, sizeof *state->pair_of, "clusters");
    if (!status)
        status = memory_new(&state->moved, count, sizeof *state->moved, "clusters");
    if (!status)
        status = memory_new(&state->pair, count / 2, sizeof *state->pair, "pairs of clusters");
    if (!status)
        status = memory_new(&state->found, most_rows, sizeof *state->found, "nearest neighbours");
    if (!status)
        status = memory_new(&state->merges_of, count, sizeof *state->merges_of, "rounds of merges");
    return status;
}

static status_t open_state(struct state *state, const struct points *points, bool complete)
{
    struct distance_matrix *matrix = &state->matrix;
    status_t status = distance_matrix_open(matrix, points, complete);
    if (status)
        return status;
    status = allocate(state, points->count);
    for (int64_t i = 0; !status && i < points->count; i++) {
        state->slot[i] = (struct slot){.size = points->size[i], .point = (int32_t)i, .nearest = -1};
        state->pair_of[i] = -1;
    }
    return comm_agree(matrix->comm, status);
}

static status_t search_all(struct state *state)
{
    struct distance_matrix *matrix = &state->matrix;
    status_t status = STATUS_OK;
    for (int64_t i = matrix->first; !status && i < matrix->first + matrix->rows; i++) {
        if (state->slot[i].size > 0)
            search(state, i);
        if (comm_is_stopping(matrix->comm))
            status = comm_stopped();
    }
    return comm_agree(matrix->comm, status);
}

/* The first distances, or those after the rounds that are known. */
static status_t begin(struct state *state, const struct points *points, bool complete, struct merge *merge)
{
    status_t status = linkage_rounds_open(&state->rounds, points, merge, &state->work);
    if (!status)
        status = open_state(state, points, complete);
    if (!status && state->rounds.known > 0)
        status = repeat_rounds(state, merge);
    linkage_rounds_close(&state->rounds);
    return status ? status : search_all(state);
}

static void close_state(struct state *state)
{
    distance_matrix_close(&state->matrix);
    free(state->slot);
    free(state->pair_of);
    free(state->moved);
    free(state->pair);
    free(state->found);
    free(state->merges_of);
}

status_t linkage_matrix(struct points *points, enum linkage linkage, struct merge *merge,
                        struct linkage_work *work)
{
    *work = (struct linkage_work){0};
    if (points->count < 2)
        return STATUS_OK;
    struct state state = {.active = points->count};
    int64_t *rounds = &state.work.rounds;
    status_t status = begin(&state, points, linkage == LINKAGE_COMPLETE, merge);
    while (!status && state.active > 1) {
        status = take_in(&state);
        if (!status)
            status = merge_pairs(&state, merge + (points->count - state.active), false);
        state.merges_of[(*rounds)++] = (int32_t)state.pairs;
        if (!status && linkage_rounds_are_due(&state.rounds, *rounds))
            status = linkage_rounds_keep(&state.rounds, &state.work, merge, points->count - state.active,
                                         state.merges_of, *rounds * (int64_t)sizeof *state.merges_of);
        double left = (double)state.active / (double)points->count;
        log_show_progress(points->log, &(struct log_progress){.step_name = "round",
                                                              .step = *rounds,
                                                              .clusters = state.active,
                                                              .fraction = 1 - left * left});
    }
    int64_t sums[] = {state.work.searches, state.work.pairs};
    if (!status)
        status = comm_sum_i64(points->comm, sums, 2);
    *work = (struct linkage_work){*rounds, sums[0], sums[1], sums[1]};
    close_state(&state);
    return status;
}
