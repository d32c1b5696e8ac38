/* The search, shared out over the ranks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/neighbours.h"
#include "core/memory.h"

enum { CHUNK_TILES = 4096 /* searched before nodes exchange what was found */ };

/* ---- queries ---- */

status_t neighbours_collect(struct neighbours *all)
{
    int64_t begin = 0;
    int64_t end = 0;
    int64_t mine = 0;
    int64_t next = 0;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; s < end; s++)
        mine += all->cluster[s].joined == s && all->cluster[s].nearest < 0;
    status_t status = node_offset(all->node, mine, &next, &all->queries);
    for (int64_t s = begin; !status && s < end; s++) {
        if (all->cluster[s].joined == s && all->cluster[s].nearest < 0)
            all->query[next++] = (int32_t)s;
    }
    return status ? status : node_fence(all->node);
}

/* What one query has found so far, the nearest first. */
struct found {
    int32_t slot;
    int count;
    double most; /* squared height that is looked for at most */
    double square[NEIGHBOURS];
    int32_t near[NEIGHBOURS];
};

struct search {
    struct neighbours *all;
    struct found found[KERNEL_LANES];
};

static double reach_of(const struct found *found)
{
    double reach = found->count == NEIGHBOURS ? found->square[NEIGHBOURS - 1] : (double)INFINITY;
    if (found->count > 0 && NEIGHBOURS_REACH * found->square[0] < reach)
        reach = NEIGHBOURS_REACH * found->square[0];
    return reach < found->most ? reach : found->most;
}

static void take_place(void *context, int lane, int64_t place)
{
    struct search *search = context;
    struct neighbours *all = search->all;
    struct found *found = &search->found[lane];
    int64_t slot = found->slot;
    if (place == slot || all->cluster[place].joined != place ||
        (all->set && all->set[place] == all->set[slot]))
        return;
    for (int n = 0; n < found->count; n++) {
        if (found->near[n] == place)
            return;
    }
    double square = neighbours_square(all, slot, place);
    bool full = found->count == NEIGHBOURS;
    if (!(square <= reach_of(found)) ||
        (full && !neighbours_nearer(all, slot, square, place, found->square[NEIGHBOURS - 1],
                                    found->near[NEIGHBOURS - 1])))
        return;
    int at = full ? NEIGHBOURS - 1 : found->count++;
    for (; at > 0 && neighbours_nearer(all, slot, square, place, found->square[at - 1], found->near[at - 1]);
         at--) {
        found->square[at] = found->square[at - 1];
        found->near[at] = found->near[at - 1];
    }
    found->square[at] = square;
    found->near[at] = (int32_t)place;
    near_limit(&all->tile, lane, reach_of(found));
}

static void begin_lane(struct search *search, int lane, int64_t slot, bool used)
{
    struct neighbours *all = search->all;
    int64_t d = all->features;
    const float *row = all->row + slot * (d + NEAR_CONSTANTS);
    for (int64_t f = 0; f < d; f++) {
        all->tile.coordinate[f * KERNEL_LANES + lane] = row[f];
        all->tile.factor[f * KERNEL_LANES + lane] = -2.0F * row[f];
    }
    all->tile.square[lane] = row[d + NEAR_SQUARE];
    all->tile.half_square[lane] = row[d + NEAR_HALF_SQUARE];
    all->tile.weight[lane] = row[d + NEAR_WEIGHT];
    all->tile.set[lane] = all->set ? all->set[slot] : 0;
    struct found *found = &search->found[lane];
    *found = (struct found){.slot = (int32_t)slot, .most = (double)INFINITY};
    if (all->set)
        __atomic_load(&all->within[all->set[slot]], &found->most, __ATOMIC_RELAXED);
    near_limit(&all->tile, lane, used ? found->most : -(double)INFINITY);
    for (int n = 0; used && n < NEIGHBOURS && all->cluster[slot].known[n] >= 0; n++)
        take_place(search, lane, all->cluster[slot].known[n]);
}

/* What is beyond the reach is not remembered: whether it was met depends on the order of the walk. */
static void end_lane(struct neighbours *all, struct found *found)
{
    struct cluster *cluster = &all->cluster[found->slot];
    double reach = reach_of(found);
    while (found->count > 0 && found->square[found->count - 1] > reach)
        found->count--;
    cluster->radius = reach;
    cluster->nearest = found->count > 0 ? found->near[0] : -1;
    if (found->count > 0)
        cluster->square = found->square[0];
    if (found->count > 0 && all->set)
        neighbours_lower(all, all->set[found->slot], found->square[0]);
    for (int n = 0; n < NEIGHBOURS; n++)
        cluster->known[n] = n < found->count ? found->near[n] : -1;
}

static void search_tile(struct search *search, int64_t tile)
{
    struct neighbours *all = search->all;
    int64_t first = tile * KERNEL_LANES;
    int64_t left = all->queries - first;
    all->tile.lanes = left < KERNEL_LANES ? (int)left : KERNEL_LANES;
    for (int lane = 0; lane < KERNEL_LANES; lane++) {
        bool used = lane < all->tile.lanes;
        begin_lane(search, lane, all->query[first + (used ? lane : 0)], used);
    }
    all->kernels->near(&all->tree, &all->tile, take_place, search);
    for (int lane = 0; lane < all->tile.lanes; lane++)
        end_lane(all, &search->found[lane]);
    all->work.searches += all->tile.lanes;
}

/* ---- shares of the work ---- */

/* What nodes tell each other. */
struct answer {
    int32_t query; /* its place in all->query */
    int32_t nearest;
    int32_t known[NEIGHBOURS];
    double square;
    double radius;
};

static struct answer answer_of(const struct neighbours *all, int64_t query)
{
    const struct cluster *cluster = &all->cluster[all->query[query]];
    struct answer answer = {.query = (int32_t)query,
                            .nearest = cluster->nearest,
                            .square = cluster->square,
                            .radius = cluster->radius};
    memcpy(answer.known, cluster->known, sizeof answer.known);
    return answer;
}

static void take_answer(struct neighbours *all, const struct answer *answer)
{
    struct cluster *cluster = &all->cluster[all->query[answer->query]];
    cluster->nearest = answer->nearest;
    cluster->square = answer->square;
    cluster->radius = answer->radius;
    memcpy(cluster->known, answer->known, sizeof answer->known);
}

/* This node's part [begin, end) of the queries of a chunk of tiles; every rank tells all others what the
 * first ranks of each node tell, which on one node is nothing. */
static status_t exchange(struct neighbours *all, int64_t begin, int64_t end)
{
    const struct comm *node = &all->node->comm;
    struct answer *mine = NULL;
    struct answer *theirs = NULL;
    int64_t bytes = 0;
    int64_t count = node->rank == 0 ? end - begin : 0;
    status_t status = comm_agree(all->comm, memory_new(&mine, count, sizeof *mine, "answers"));
    for (int64_t i = 0; !status && i < count; i++)
        mine[i] = answer_of(all, begin + i);
    if (!status)
        status = comm_gather_all(all->comm, mine, count * (int64_t)sizeof *mine, (void **)&theirs, &bytes);
    for (int64_t i = 0; !status && i < bytes / (int64_t)sizeof *theirs; i++) {
        bool known = theirs[i].query >= begin && theirs[i].query < end;
        if (!known && i % node->size == node->rank)
            take_answer(all, &theirs[i]);
    }
    free(mine);
    free(theirs);
    return status ? status : node_fence(all->node);
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Tiles from *all->next on, as long as there are any below `end`: whoever has time takes the next. Whoever is
 * asked to stop leaves nothing to take; the vote after it says why. */
static void search_tiles(struct search *search, int64_t end, neighbours_progress progress, void *context)
{
    struct neighbours *all = search->all;
    for (;;) {
        int64_t tile = __atomic_fetch_add(all->next, 1, __ATOMIC_RELAXED);
        if (tile >= end)
            return;
        if (comm_is_stopping(all->comm))
            __atomic_store_n(all->next, end, __ATOMIC_RELAXED);
        search_tile(search, tile);
        progress(context, lesser(tile * KERNEL_LANES, all->queries), all->queries);
    }
}

static status_t search_chunk(struct search *search, int64_t first, int64_t tiles,
                             neighbours_progress progress, void *context)
{
    struct neighbours *all = search->all;
    const struct comm *node = &all->node->comm;
    int64_t begin = first + tiles * all->ranks_before / all->comm->size;
    int64_t end = first + tiles * (all->ranks_before + node->size) / all->comm->size;
    if (node->rank == 0)
        __atomic_store_n(all->next, begin, __ATOMIC_RELAXED);
    status_t status = node_fence(all->node);
    if (!status) {
        search_tiles(search, end, progress, context);
        status = node_fence(all->node);
    }
    status = comm_agree(all->comm, status);
    if (!status && !all->alone)
        status = exchange(all, lesser(begin * KERNEL_LANES, all->queries),
                          lesser(end * KERNEL_LANES, all->queries));
    return status;
}

status_t neighbours_search(struct neighbours *all, neighbours_progress progress, void *context)
{
    struct search search = {.all = all};
    int64_t tiles = (all->queries + KERNEL_LANES - 1) / KERNEL_LANES;
    int64_t chunk = all->alone ? tiles : CHUNK_TILES;
    int64_t pairs = all->tile.pairs;
    status_t status = STATUS_OK;
    for (int64_t first = 0; !status && first < tiles; first += chunk)
        status = search_chunk(&search, first, lesser(chunk, tiles - first), progress, context);
    all->work.pairs += (all->tile.pairs - pairs) * KERNEL_LANES;
    return status;
}
