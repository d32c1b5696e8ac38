/* Single linkage: the merges are the edges of a minimum spanning tree, found in Boruvka's rounds. In each,
 * every component takes its shortest edge to another one; points remember near ones from round to round, and
 * a point looks for another only where it could have its component's shortest edge. Edges are ordered by
 * length, then by the hash of their points, so the tree is one and the same on any number of ranks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/linkage_rounds.h"
#include "cluster/neighbours.h"
#include "core/memory.h"

/* Searches a point that a tree takes in all, about: for the time left. */
static const double SEARCHES = 3.6;

/* Components are named by one of their slots. */
struct single {
    struct neighbours all;
    struct linkage_rounds rounds;
    struct log *log;
    struct merge *merge; /* in squared heights until the end */
    int64_t points;
    int64_t merged;
    int64_t searched; /* queries of the rounds before this one */
    int32_t *best;    /* slots, by component: the one whose nearest is the shortest edge; -1: none; shared */
    int32_t *parent;  /* slots, by component: the component that it has become part of; shared */
};

/* ---- edges ---- */

/* What a point remembers of other components; nothing farther than its radius can be relied on, and at the
 * radius there may be others. */
static void recall(struct neighbours *all, int32_t slot)
{
    struct cluster *point = &all->cluster[slot];
    point->nearest = -1;
    for (int n = 0; n < NEIGHBOURS && point->known[n] >= 0; n++) {
        if (all->set[point->known[n]] == all->set[slot])
            continue;
        double square = neighbours_square(all, slot, point->known[n]);
        neighbours_lower(all, all->set[slot], square);
        if (square < point->radius) {
            point->nearest = point->known[n];
            point->square = square;
        }
        return;
    }
}

/* A point that cannot have its component's shortest edge is not looked for: it is its own nearest. */
static status_t recall_all(struct single *single)
{
    struct neighbours *all = &single->all;
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; s < end; s++) {
        all->within[s] = (double)INFINITY;
        single->best[s] = -1;
    }
    status_t status = node_fence(all->node);
    for (int64_t s = begin; !status && s < end; s++)
        recall(all, (int32_t)s);
    if (!status)
        status = node_fence(all->node);
    for (int64_t s = begin; !status && s < end; s++) {
        struct cluster *point = &all->cluster[s];
        if (point->nearest < 0 && point->radius > all->within[all->set[s]])
            point->nearest = (int32_t)s;
    }
    return status ? status : node_fence(all->node);
}

static bool is_shorter(const struct neighbours *all, int32_t a, int32_t b)
{
    const struct cluster *x = &all->cluster[a];
    const struct cluster *y = &all->cluster[b];
    if (x->square != y->square)
        return x->square < y->square;
    return linkage_tie(x->first, all->cluster[x->nearest].first) <
           linkage_tie(y->first, all->cluster[y->nearest].first);
}

static status_t choose_edges(struct single *single)
{
    struct neighbours *all = &single->all;
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; s < end; s++) {
        int32_t slot = (int32_t)s;
        int32_t nearest = all->cluster[s].nearest;
        if (nearest < 0 || all->set[nearest] == all->set[s])
            continue;
        int32_t *best = &single->best[all->set[s]];
        int32_t there = __atomic_load_n(best, __ATOMIC_RELAXED);
        while ((there < 0 || is_shorter(all, slot, there)) &&
               !__atomic_compare_exchange_n(best, &there, slot, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }
    return node_fence(all->node);
}

/* ---- components ---- */

static int32_t root_of(int32_t *parent, int32_t component)
{
    while (parent[component] != component) {
        parent[component] = parent[parent[component]];
        component = parent[component];
    }
    return component;
}

/* The first rank of the node joins, and tells the others the merges. */
static int64_t join_components(struct single *single)
{
    struct neighbours *all = &single->all;
    int64_t merged = single->merged;
    for (int64_t component = 0; component < all->slots; component++) {
        int32_t slot = single->best[component];
        if (slot < 0)
            continue;
        const struct cluster *point = &all->cluster[slot];
        int32_t a = root_of(single->parent, (int32_t)component);
        int32_t b = root_of(single->parent, all->set[point->nearest]);
        if (a == b)
            continue; /* both have chosen this edge */
        single->parent[a > b ? a : b] = a > b ? b : a;
        int32_t first = point->first;
        int32_t second = all->cluster[point->nearest].first;
        single->merge[merged++] =
            (struct merge){point->square, first < second ? first : second, first < second ? second : first};
    }
    return merged - single->merged;
}

static status_t join_round(struct single *single)
{
    struct neighbours *all = &single->all;
    int64_t begin = 0;
    int64_t end = 0;
    int64_t joined = all->node->comm.rank == 0 ? join_components(single) : 0;
    status_t status = comm_broadcast(&all->node->comm, &joined, sizeof joined);
    if (!status)
        status = comm_broadcast(&all->node->comm, single->merge + single->merged,
                                joined * (int64_t)sizeof *single->merge);
    if (!status)
        status = node_fence(all->node);
    single->merged += joined;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; !status && s < end; s++) {
        int32_t set = all->set[s];
        while (single->parent[set] != set)
            set = single->parent[set];
        all->set[s] = set;
    }
    if (!status && joined == 0)
        status = status_new(EXIT_INTERNAL, "a component has no edge to another one");
    return status ? status : node_fence(all->node);
}

/* ---- rounds ---- */

static int by_height(const void *a, const void *b)
{
    const struct merge *x = a;
    const struct merge *y = b;
    if (x->height != y->height)
        return x->height < y->height ? -1 : 1;
    uint64_t tie_x = linkage_tie(x->first, x->second);
    uint64_t tie_y = linkage_tie(y->first, y->second);
    return tie_x < tie_y ? -1 : tie_x > tie_y;
}

/* In rising order merges are of clusters; what stands for a cluster is its lowest point. */
static status_t name_clusters(struct single *single)
{
    int32_t *parent = NULL;
    status_t status = memory_new(&parent, single->points, sizeof *parent, "merges");
    for (int32_t i = 0; !status && i < single->points; i++)
        parent[i] = i;
    if (!status)
        qsort(single->merge, (size_t)single->merged, sizeof *single->merge, by_height);
    for (int64_t i = 0; !status && i < single->merged; i++) {
        struct merge *merge = &single->merge[i];
        int32_t a = root_of(parent, merge->first);
        int32_t b = root_of(parent, merge->second);
        parent[a > b ? a : b] = a > b ? b : a;
        *merge = (struct merge){sqrt(merge->height), a < b ? a : b, a < b ? b : a};
    }
    free(parent);
    return status;
}

static void show_progress(void *context, int64_t done, int64_t queries)
{
    const struct single *single = context;
    const struct neighbours *all = &single->all;
    double searched = (double)(single->searched + done);
    (void)queries;
    log_show_progress(single->log,
                      &(struct log_progress){.step_name = "round",
                                             .step = all->work.rounds,
                                             .clusters = single->points - single->merged,
                                             .fraction = searched / (SEARCHES * (double)single->points)});
}

static status_t run_round(struct single *single)
{
    struct neighbours *all = &single->all;
    all->work.rounds++;
    status_t status = recall_all(single);
    if (!status)
        status = neighbours_boxes(all);
    if (!status)
        status = neighbours_collect(all);
    status = comm_agree(all->comm, status);
    if (!status)
        status = neighbours_search(all, show_progress, single);
    single->searched += all->queries;
    if (!status)
        status = choose_edges(single);
    if (!status)
        status = join_round(single);
    status = comm_agree(all->comm, status);
    if (!status && linkage_rounds_are_due(&single->rounds, all->work.rounds))
        status = linkage_rounds_keep(&single->rounds, &all->work, single->merge, single->merged, NULL, 0);
    return status;
}

/* The components that known edges make; the first rank of the node. What points remember is found anew: the
 * edges of a round depend on the components alone. */
static status_t join_known(struct single *single)
{
    struct neighbours *all = &single->all;
    for (int64_t s = 0; s < all->slots; s++)
        all->place[all->cluster[s].first] = (int32_t)s;
    for (int64_t i = 0; i < single->rounds.known; i++) {
        int32_t a = root_of(single->parent, all->place[single->merge[i].first]);
        int32_t b = root_of(single->parent, all->place[single->merge[i].second]);
        if (a == b)
            return journal_misfit("merges of a tree");
        single->parent[a > b ? a : b] = a > b ? b : a;
    }
    return STATUS_OK;
}

static status_t recall_rounds(struct single *single)
{
    struct neighbours *all = &single->all;
    int64_t begin = 0;
    int64_t end = 0;
    single->merged = single->rounds.known;
    single->searched = (int64_t)(SEARCHES * (double)single->merged);
    status_t status = comm_agree(all->comm, all->node->comm.rank == 0 ? join_known(single) : STATUS_OK);
    if (!status)
        status = node_fence(all->node);
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; !status && s < end; s++) {
        int32_t set = all->set[s];
        while (single->parent[set] != set)
            set = single->parent[set];
        all->set[s] = set;
    }
    return status ? status : node_fence(all->node);
}

static status_t begin(struct single *single, struct points *points)
{
    struct neighbours *all = &single->all;
    status_t status = neighbours_open(all, points, false, true);
    if (!status)
        status = node_memory(points->node, &single->best, points->count, sizeof *single->best, "components");
    if (!status)
        status =
            node_memory(points->node, &single->parent, points->count, sizeof *single->parent, "components");
    status = comm_agree(points->comm, status);
    int64_t from = 0;
    int64_t to = 0;
    if (!status)
        node_share(all->node, all->slots, &from, &to);
    for (int64_t s = from; s < to; s++) {
        all->set[s] = (int32_t)s;
        single->parent[s] = (int32_t)s;
    }
    if (!status)
        status = node_fence(points->node);
    if (!status)
        status = linkage_rounds_open(&single->rounds, points, single->merge, &all->work);
    if (!status && single->rounds.known > 0)
        status = recall_rounds(single);
    linkage_rounds_close(&single->rounds);
    return status;
}

status_t linkage_single(struct points *points, struct merge *merge, struct linkage_work *work)
{
    struct single single = {.log = points->log, .merge = merge, .points = points->count};
    status_t status = STATUS_OK;
    if (points->count > 1)
        status = begin(&single, points);
    while (!status && single.merged < points->count - 1)
        status = run_round(&single);
    if (!status)
        status = comm_agree(points->comm, name_clusters(&single));
    *work = single.all.work;
    int64_t sums[] = {work->searches, work->pairs, work->exact};
    if (!status && points->count > 1) {
        status = comm_sum_i64(points->comm, sums, 3);
        *work = (struct linkage_work){work->rounds, sums[0], sums[1], sums[2]};
    }
    neighbours_close(&single.all);
    return status;
}
