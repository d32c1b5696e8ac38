/* Ward's linkage by rounds of reciprocal nearest neighbours: every cluster finds its nearest, and all pairs
 * that are each other's merge at once, which gives the tree that merging one pair at a time gives (Murtagh
 * 1983; Sumengen et al. 2021, arXiv 2105.11653). Clusters are exact sums and sizes, so no error builds up. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/linkage_rounds.h"
#include "cluster/linkage_ward_state.h"
#include "cluster/neighbours.h"
#include "core/memory.h"

/* Slots are put in order anew when fewer than this share of them are in use. */
static const double SHRUNK = 0.75;
/* Searches a point that a tree takes in all, about: for the time left. */
static const double SEARCHES = 2.6;

struct ward {
    struct neighbours all;
    struct linkage_rounds rounds;
    struct log *log;
    struct merge *merge; /* in squared heights until the end */
    int64_t points;
    int64_t merged;
    bool stuck; /* the last round merged nothing */
};

double linkage_points_bytes(int64_t count, int64_t features)
{
    return neighbours_bytes(count, features);
}

/* ---- what clusters remember, after a round ---- */

struct candidates {
    int count;
    double square[2 * NEIGHBOURS];
    int32_t slot[2 * NEIGHBOURS];
};

static int32_t active_slot(const struct neighbours *all, int32_t slot)
{
    while (all->cluster[slot].joined != slot)
        slot = all->cluster[slot].joined;
    return slot;
}

static void add_candidate(struct neighbours *all, int32_t slot, int32_t known, struct candidates *near)
{
    int32_t other = active_slot(all, known);
    for (int i = 0; i < near->count; i++) {
        if (near->slot[i] == other)
            return;
    }
    if (other == slot)
        return;
    double square = neighbours_square(all, slot, other);
    int at = near->count++;
    for (; at > 0 && neighbours_nearer(all, slot, square, other, near->square[at - 1], near->slot[at - 1]);
         at--) {
        near->square[at] = near->square[at - 1];
        near->slot[at] = near->slot[at - 1];
    }
    near->square[at] = square;
    near->slot[at] = other;
}

static bool is_valid(const struct neighbours *all, const struct cluster *cluster)
{
    int32_t nearest = cluster->nearest;
    return cluster->partner < 0 && nearest >= 0 && all->cluster[nearest].joined == nearest &&
           all->cluster[nearest].partner < 0;
}

/* A cluster that has lost its nearest, or is new, looks among those that it, or its halves, remember: the
 * best of them is the nearest of all if it is within the radius. */
static void refresh(struct neighbours *all, int32_t slot)
{
    struct cluster *cluster = &all->cluster[slot];
    struct candidates near = {.count = 0};
    double radius = cluster->radius;
    for (int n = 0; n < NEIGHBOURS && cluster->known[n] >= 0; n++)
        add_candidate(all, slot, cluster->known[n], &near);
    if (cluster->partner >= 0) {
        const struct cluster *partner = &all->cluster[cluster->partner];
        radius = partner->radius < radius ? partner->radius : radius;
        for (int n = 0; n < NEIGHBOURS && partner->known[n] >= 0; n++)
            add_candidate(all, slot, partner->known[n], &near);
    }
    if (near.count > NEIGHBOURS) {
        radius = near.square[NEIGHBOURS] < radius ? near.square[NEIGHBOURS] : radius;
        near.count = NEIGHBOURS;
    }
    bool found = near.count > 0 && near.square[0] <= radius;
    cluster->radius = radius;
    cluster->nearest = found ? near.slot[0] : -1;
    cluster->square = found ? near.square[0] : 0.0;
    for (int n = 0; n < NEIGHBOURS; n++)
        cluster->known[n] = n < near.count ? near.slot[n] : -1;
}

/* Ties and rounding can make clusters that remember disagree; searching anew never does (see merge_round). */
static void forget(struct cluster *cluster)
{
    cluster->nearest = -1;
    for (int n = 0; n < NEIGHBOURS; n++)
        cluster->known[n] = -1;
}

static status_t refresh_all(struct ward *ward)
{
    struct neighbours *all = &ward->all;
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; s < end; s++) {
        struct cluster *cluster = &all->cluster[s];
        if (cluster->joined != s)
            continue;
        if (ward->stuck)
            forget(cluster);
        else if (!is_valid(all, cluster))
            refresh(all, (int32_t)s);
    }
    status_t status = node_fence(all->node);
    for (int64_t s = begin; s < end; s++)
        all->cluster[s].partner = -1;
    return status ? status : node_fence(all->node);
}

/* ---- merges ---- */

struct pair {
    int32_t kept;
    int32_t taken;
};

static status_t find_pairs(struct neighbours *all, struct pair **pairs, struct merge **merges, int64_t *count)
{
    int64_t begin = 0;
    int64_t end = 0;
    *count = 0;
    node_share(all->node, all->slots, &begin, &end);
    status_t status = memory_new(pairs, end - begin, sizeof **pairs, "merges");
    if (!status)
        status = memory_new(merges, end - begin, sizeof **merges, "merges");
    for (int64_t s = begin; !status && s < end; s++) {
        const struct cluster *kept = &all->cluster[s];
        int32_t other = kept->nearest;
        if (kept->joined != s || other <= s || all->cluster[other].nearest != s)
            continue;
        const struct cluster *taken = &all->cluster[other];
        /* rounding must not make a tree that grows downwards */
        double square = fmax(kept->square, fmax(kept->made, taken->made));
        bool first = kept->first < taken->first;
        (*pairs)[*count] = (struct pair){(int32_t)s, other};
        (*merges)[(*count)++] =
            (struct merge){square, first ? kept->first : taken->first, first ? taken->first : kept->first};
    }
    return comm_agree(&all->node->comm, status);
}

static void join(struct neighbours *all, struct pair pair, double square)
{
    struct cluster *kept = &all->cluster[pair.kept];
    struct cluster *taken = &all->cluster[pair.taken];
    double *sum = all->sum + pair.kept * all->width;
    const double *added = all->sum + pair.taken * all->width;
    for (int64_t f = 0; f < all->features; f++)
        sum[f] += added[f];
    kept->size += taken->size;
    kept->first = taken->first < kept->first ? taken->first : kept->first;
    kept->made = square;
    kept->partner = pair.taken;
    kept->nearest = -1;
    taken->joined = pair.kept;
    neighbours_put(all, pair.kept, true);
    neighbours_put(all, pair.taken, false);
}

static int by_first(const void *a, const void *b)
{
    const struct merge *x = a;
    const struct merge *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* All reciprocal pairs. There is one after a round in which all have searched: with distances that are the
 * same bits both ways and ties decided by a hash of the pair, the least pair of all is each other's nearest.
 */
static status_t merge_round(struct ward *ward)
{
    struct neighbours *all = &ward->all;
    struct pair *pairs = NULL;
    struct merge *mine = NULL;
    struct merge *everyones = NULL;
    int64_t count = 0;
    int64_t bytes = 0;
    status_t status = find_pairs(all, &pairs, &mine, &count);
    if (!status)
        status = comm_gather_all(&all->node->comm, mine, count * (int64_t)sizeof *mine, (void **)&everyones,
                                 &bytes);
    if (!status)
        status = node_fence(all->node);
    int64_t total = bytes / (int64_t)sizeof *everyones;
    if (!status && total == 0 && ward->stuck)
        status =
            status_new(EXIT_INTERNAL, "no two of %" PRId64 " clusters are each other's nearest", all->active);
    for (int64_t i = 0; !status && i < count; i++)
        join(all, pairs[i], mine[i].height);
    if (!status && total > 0) {
        qsort(everyones, (size_t)total, sizeof *everyones, by_first);
        memcpy(ward->merge + ward->merged, everyones, (size_t)bytes);
        ward->merged += total;
        all->active -= total;
    }
    ward->stuck = total == 0;
    free(pairs);
    free(mine);
    free(everyones);
    return status ? status : node_fence(all->node);
}

static void show_progress(void *context, int64_t done, int64_t queries)
{
    const struct ward *ward = context;
    const struct neighbours *all = &ward->all;
    double searched = (double)(ward->all.work.rounds > 1 ? ward->points - all->active : 0) * (SEARCHES - 1.0);
    if (ward->all.work.rounds > 1)
        searched += (double)ward->points;
    else
        searched += (double)done;
    (void)queries;
    log_show_progress(ward->log,
                      &(struct log_progress){.step_name = "round",
                                             .step = all->work.rounds,
                                             .clusters = all->active,
                                             .fraction = searched / (SEARCHES * (double)ward->points)});
}

/* What clusters know at the begin of a round. Where the last one merged nothing they know nothing. */
static status_t keep_rounds(struct ward *ward)
{
    struct neighbours *all = &ward->all;
    struct linkage_work work = all->work;
    struct ward_known *known = NULL;
    work.rounds--; /* this one has only begun */
    if (ward->stuck || ward->merged == 0 || !linkage_rounds_are_due(&ward->rounds, work.rounds))
        return STATUS_OK;
    status_t status = ward_state_list(all, &known);
    if (!status)
        status = linkage_rounds_keep(&ward->rounds, &work, ward->merge, ward->merged, known,
                                     all->active * (int64_t)sizeof *known);
    return status;
}

static status_t run_round(struct ward *ward)
{
    struct neighbours *all = &ward->all;
    all->work.rounds++;
    status_t status = refresh_all(ward);
    if (!status && (double)all->active < SHRUNK * (double)all->slots)
        status = neighbours_compact(all);
    if (!status)
        status = keep_rounds(ward);
    if (!status)
        status = neighbours_boxes(all);
    if (!status)
        status = neighbours_collect(all);
    status = comm_agree(all->comm, status);
    if (!status)
        status = neighbours_search(all, show_progress, ward);
    if (!status)
        status = merge_round(ward);
    return comm_agree(all->comm, status);
}

static status_t begin(struct ward *ward, struct points *points)
{
    status_t status = neighbours_open(&ward->all, points, true, false);
    if (!status)
        status = linkage_rounds_open(&ward->rounds, points, ward->merge, &ward->all.work);
    ward->merged = ward->rounds.known;
    if (!status && ward->merged > 0)
        status = ward_state_recall(&ward->all, ward->points, ward->merge, &ward->rounds);
    linkage_rounds_close(&ward->rounds);
    return status;
}

status_t linkage_ward(struct points *points, struct merge *merge, struct linkage_work *work)
{
    struct ward ward = {.log = points->log, .merge = merge, .points = points->count};
    status_t status = STATUS_OK;
    if (points->count > 1)
        status = begin(&ward, points);
    while (!status && ward.all.active > 1)
        status = run_round(&ward);
    for (int64_t i = 0; !status && i < ward.merged; i++)
        merge[i].height = sqrt(merge[i].height);
    *work = ward.all.work;
    int64_t sums[] = {work->searches, work->pairs, work->exact};
    if (!status && points->count > 1) {
        status = comm_sum_i64(points->comm, sums, 3);
        *work = (struct linkage_work){work->rounds, sums[0], sums[1], sums[2]};
    }
    neighbours_close(&ward.all);
    return status;
}
