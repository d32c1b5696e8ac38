#include "cluster/linkage_ward_state.h"

/* ---- listing ---- */

/* The lowest point of the cluster in a slot, or of the one that it has become part of. */
static int32_t point_of(const struct neighbours *all, int32_t slot)
{
    while (slot >= 0 && all->cluster[slot].joined != slot)
        slot = all->cluster[slot].joined;
    return slot < 0 ? -1 : all->cluster[slot].first;
}

status_t ward_state_list(struct neighbours *all, struct ward_known **known)
{
    int64_t begin = 0;
    int64_t end = 0;
    int64_t mine = 0;
    int64_t next = 0;
    int64_t count = 0;
    *known = (struct ward_known *)(void *)all->spare;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; s < end; s++)
        mine += all->cluster[s].joined == s;
    status_t status = node_offset(all->node, mine, &next, &count);
    for (int64_t s = begin; !status && s < end; s++) {
        const struct cluster *cluster = &all->cluster[s];
        if (cluster->joined != s)
            continue;
        struct ward_known *to = &(*known)[next++];
        *to = (struct ward_known){
            .radius = cluster->radius, .first = cluster->first, .nearest = point_of(all, cluster->nearest)};
        for (int n = 0; n < NEIGHBOURS; n++)
            to->known[n] = point_of(all, cluster->known[n]);
    }
    return status ? status : node_fence(all->node);
}

/* ---- recalling ---- */

/* The clusters' sums and sizes; the first rank of the node. */
static void join_all(struct neighbours *all, const struct merge *merge, int64_t merged)
{
    for (int64_t s = 0; s < all->slots; s++)
        all->place[all->cluster[s].first] = (int32_t)s;
    for (int64_t i = 0; i < merged; i++) {
        int32_t slot = all->place[merge[i].first];
        int32_t other = all->place[merge[i].second];
        struct cluster *kept = &all->cluster[slot];
        for (int64_t f = 0; f < all->features; f++)
            all->sum[slot * all->width + f] += all->sum[other * all->width + f];
        kept->size += all->cluster[other].size;
        kept->made = merge[i].height;
        all->cluster[other].joined = slot;
    }
}

/* all->place: the slot of the cluster with that lowest point; -1: there is none. */
static status_t find_slots(struct neighbours *all, int64_t points)
{
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, points, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        all->place[i] = -1;
    status_t status = node_fence(all->node);
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; !status && s < end; s++)
        all->place[all->cluster[s].first] = (int32_t)s;
    return status ? status : node_fence(all->node);
}

static bool is_lowest_point(const struct neighbours *all, int64_t points, int32_t point)
{
    return point >= 0 && point < points && all->place[point] >= 0;
}

static status_t take_known(struct neighbours *all, int64_t points, const struct ward_known *known)
{
    if (!is_lowest_point(all, points, known->first) || !(known->radius >= 0.0))
        return journal_misfit("merges of a tree");
    int32_t slot = all->place[known->first];
    struct cluster *cluster = &all->cluster[slot];
    cluster->radius = known->radius;
    for (int n = -1; n < NEIGHBOURS; n++) {
        int32_t point = n < 0 ? known->nearest : known->known[n];
        if (point != -1 && (point == known->first || !is_lowest_point(all, points, point)))
            return journal_misfit("merges of a tree");
        *(n < 0 ? &cluster->nearest : &cluster->known[n]) = point < 0 ? -1 : all->place[point];
    }
    if (cluster->nearest >= 0)
        cluster->square = neighbours_square(all, slot, cluster->nearest);
    return STATUS_OK;
}

static status_t take_all_known(struct neighbours *all, int64_t points, const struct linkage_rounds *rounds)
{
    const struct ward_known *known = (const struct ward_known *)(const void *)rounds->extra;
    int64_t begin = 0;
    int64_t end = 0;
    status_t status = STATUS_OK;
    if (rounds->extra_bytes != all->active * (int64_t)sizeof *known)
        return journal_misfit("merges of a tree");
    node_share(all->node, all->active, &begin, &end);
    for (int64_t i = begin; !status && i < end; i++)
        status = take_known(all, points, &known[i]);
    return status;
}

status_t ward_state_recall(struct neighbours *all, int64_t points, const struct merge *merge,
                           const struct linkage_rounds *rounds)
{
    int64_t begin = 0;
    int64_t end = 0;
    status_t status = comm_agree(all->comm, linkage_check_names(merge, rounds->known, points));
    if (!status && all->node->comm.rank == 0)
        join_all(all, merge, rounds->known);
    if (!status)
        status = node_fence(all->node);
    all->active -= rounds->known;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; !status && s < end; s++)
        neighbours_put(all, s, all->cluster[s].joined == s);
    if (!status)
        status = node_fence(all->node);
    if (!status)
        status = neighbours_compact(all);
    if (!status)
        status = find_slots(all, points);
    status = comm_agree(all->comm, status);
    if (!status)
        status = comm_agree(all->comm, take_all_known(all, points, rounds));
    return status ? status : node_fence(all->node);
}
