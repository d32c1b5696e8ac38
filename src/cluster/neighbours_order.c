/* The order of the slots, which keeps near clusters together, and the tree of boxes over it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/neighbours.h"
#include "core/memory.h"

enum {
    SPLIT_SAMPLE = 512, /* places that show which way a part is widest */
    PARTS_A_RANK = 4
};

/* ---- order: parts are halved along the axis in which they are widest, down to cells ---- */

struct part {
    int64_t begin;
    int64_t count;
};

/* The first half holds as many whole cells as a subtree of the boxes does. */
static int64_t half_of(int64_t count)
{
    int64_t half = NEAR_CELL;
    while (2 * half < count)
        half *= 2;
    return half;
}

static int64_t widest_axis(const struct neighbours *all, struct part part)
{
    int64_t d = all->features;
    int64_t step = part.count / SPLIT_SAMPLE + 1;
    int64_t widest = 0;
    double most = -1.0;
    for (int64_t f = 0; f < d; f++) {
        double sum = 0.0;
        double squares = 0.0;
        double seen = 0.0;
        for (int64_t i = part.begin; i < part.begin + part.count; i += step) {
            double at = (double)all->row[all->order[i] * (d + NEAR_CONSTANTS) + f];
            sum += at;
            squares += at * at;
            seen += 1.0;
        }
        double spread = squares - sum * sum / seen;
        if (spread > most) {
            most = spread;
            widest = f;
        }
    }
    return widest;
}

/* Puts the part's lowest half_of keys first (Hoare's selection). */
static void halve(struct neighbours *all, struct part part)
{
    int64_t axis = widest_axis(all, part);
    int32_t *order = all->order;
    int64_t left = part.begin;
    int64_t right = part.begin + part.count - 1;
    int64_t wanted = part.begin + half_of(part.count);
    for (int64_t i = left; i <= right; i++)
        all->key[order[i]] = all->row[order[i] * (all->features + NEAR_CONSTANTS) + axis];
    while (left < right) {
        float pivot = all->key[order[left + (right - left) / 2]];
        int64_t i = left;
        int64_t j = right;
        while (i <= j) {
            while (all->key[order[i]] < pivot)
                i++;
            while (all->key[order[j]] > pivot)
                j--;
            if (i <= j) {
                int32_t kept = order[i];
                order[i++] = order[j];
                order[j--] = kept;
            }
        }
        if (wanted <= j)
            right = j;
        else if (wanted >= i)
            left = i;
        else
            return;
    }
}

static void arrange(struct neighbours *all, struct part part)
{
    while (part.count > NEAR_CELL) {
        int64_t half = half_of(part.count);
        halve(all, part);
        arrange(all, (struct part){part.begin, half});
        part = (struct part){part.begin + half, part.count - half};
    }
}

/* Where parts are cut does not depend on what is in them, so ranks can halve them side by side. */
static status_t arrange_together(struct neighbours *all, int64_t count)
{
    const struct comm *node = &all->node->comm;
    struct part *part = NULL;
    int64_t parts = 1;
    status_t status =
        memory_new(&part, 2 * (int64_t)PARTS_A_RANK * node->size, sizeof *part, "parts of the customers");
    status = comm_agree(&all->node->comm, status);
    if (!status)
        part[0] = (struct part){0, count};
    while (!status && node->size > 1 && parts < (int64_t)PARTS_A_RANK * node->size &&
           parts < count / NEAR_CELL) {
        int64_t had = parts;
        for (int64_t p = 0; p < had; p++) {
            if (part[p].count <= NEAR_CELL)
                continue;
            int64_t half = half_of(part[p].count);
            if (p % node->size == node->rank)
                halve(all, part[p]);
            part[parts++] = (struct part){part[p].begin + half, part[p].count - half};
            part[p].count = half;
        }
        status = node_fence(all->node);
    }
    for (int64_t p = 0; !status && p < parts; p++) {
        if (p % node->size == node->rank)
            arrange(all, part[p]);
    }
    free(part);
    return status ? status : node_fence(all->node);
}

/* ---- compaction ---- */

/* The active slots into all->order. */
static status_t list_active(struct neighbours *all)
{
    int64_t begin = 0;
    int64_t end = 0;
    int64_t mine = 0;
    int64_t next = 0;
    int64_t count = 0;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; s < end; s++)
        mine += all->cluster[s].joined == s;
    status_t status = node_offset(all->node, mine, &next, &count);
    for (int64_t s = begin; !status && s < end; s++) {
        if (all->cluster[s].joined == s)
            all->order[next++] = (int32_t)s;
    }
    return status ? status : node_fence(all->node);
}

static int32_t cluster_of(const struct neighbours *all, int32_t slot)
{
    while (slot >= 0 && all->cluster[slot].joined != slot)
        slot = all->cluster[slot].joined;
    return slot;
}

/* What clusters say of others: by the slots that those are going to have. */
static status_t rename_slots(struct neighbours *all)
{
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, all->active, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        all->place[all->order[i]] = (int32_t)i;
    status_t status = node_fence(all->node);
    for (int64_t i = begin; !status && i < end; i++) {
        struct cluster *cluster = &all->cluster[all->order[i]];
        if (cluster->nearest >= 0)
            cluster->nearest = all->place[cluster->nearest];
        for (int n = 0; n < NEIGHBOURS; n++) {
            int32_t known = cluster_of(all, cluster->known[n]);
            cluster->known[n] = known < 0 ? -1 : all->place[known];
        }
    }
    return status ? status : node_fence(all->node);
}

static status_t permute(struct neighbours *all, void *array, size_t size)
{
    int64_t begin = 0;
    int64_t end = 0;
    if (!array)
        return STATUS_OK;
    node_share(all->node, all->active, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        memcpy(all->spare + (size_t)i * size, (char *)array + (size_t)all->order[i] * size, size);
    status_t status = node_fence(all->node);
    if (!status)
        memcpy((char *)array + (size_t)begin * size, all->spare + (size_t)begin * size,
               (size_t)(end - begin) * size);
    return status ? status : node_fence(all->node);
}

status_t neighbours_compact(struct neighbours *all)
{
    status_t status = list_active(all);
    if (!status)
        status = arrange_together(all, all->active);
    if (!status)
        status = rename_slots(all);
    if (!status)
        status = permute(all, all->cluster, sizeof *all->cluster);
    if (!status)
        status = permute(all, all->sum, (size_t)all->width * sizeof *all->sum);
    if (!status)
        status = permute(all, all->row, (size_t)(all->features + NEAR_CONSTANTS) * sizeof *all->row);
    if (!status)
        status = permute(all, all->set, sizeof *all->set);
    all->slots = all->active;
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; !status && s < end; s++)
        all->cluster[s].joined = (int32_t)s;
    return status ? status : node_fence(all->node);
}

/* ---- boxes ---- */

enum { SEVERAL_SETS = -1, NO_SET = -2 };

struct box {
    float *low;
    float *high;
    float *weight;
    int32_t *set;
};

static struct box box_at(const struct neighbours *all, int64_t index)
{
    int64_t d = all->features;
    float *low = all->box + index * (2 * d + NEAR_CONSTANTS);
    return (struct box){low, low + d, low + 2 * d + NEAR_WEIGHT, all->set ? all->box_set + index : NULL};
}

static void begin_box(const struct neighbours *all, struct box box)
{
    for (int64_t f = 0; f < all->features; f++) {
        box.low[f] = (float)INFINITY;
        box.high[f] = -(float)INFINITY;
    }
    *box.weight = 0.0F;
    if (box.set)
        *box.set = NO_SET;
}

static void widen(const struct neighbours *all, struct box box, const float *low, const float *high,
                  float weight, int32_t set)
{
    for (int64_t f = 0; f < all->features; f++) {
        box.low[f] = low[f] < box.low[f] ? low[f] : box.low[f];
        box.high[f] = high[f] > box.high[f] ? high[f] : box.high[f];
    }
    *box.weight = weight > *box.weight ? weight : *box.weight;
    if (box.set && set != NO_SET)
        *box.set = *box.set == NO_SET || *box.set == set ? set : SEVERAL_SETS;
}

/* Cells by all ranks of the node, the few boxes above them by its first. */
static void box_cells(struct neighbours *all, int64_t begin, int64_t end)
{
    int64_t stride = all->features + NEAR_CONSTANTS;
    for (int64_t cell = begin; cell < end; cell++) {
        struct box box = box_at(all, cell);
        begin_box(all, box);
        for (int64_t s = cell * NEAR_CELL; s < (cell + 1) * NEAR_CELL && s < all->slots; s++) {
            const float *row = all->row + s * stride;
            if (all->cluster[s].joined == s)
                widen(all, box, row, row, row[all->features + NEAR_WEIGHT], all->set ? all->set[s] : NO_SET);
        }
    }
}

static void box_levels(struct neighbours *all)
{
    int64_t below = 0;
    for (int level = 1; level < all->tree.levels; level++) {
        int64_t here = below + all->tree.nodes[level - 1];
        for (int64_t i = 0; i < all->tree.nodes[level]; i++) {
            struct box box = box_at(all, here + i);
            begin_box(all, box);
            for (int64_t c = 2 * i; c < 2 * i + 2 && c < all->tree.nodes[level - 1]; c++) {
                struct box child = box_at(all, below + c);
                widen(all, box, child.low, child.high, *child.weight, child.set ? *child.set : NO_SET);
            }
        }
        below = here;
    }
}

status_t neighbours_boxes(struct neighbours *all)
{
    struct near_tree *tree = &all->tree;
    int64_t offset = 0;
    int64_t nodes = (all->slots + NEAR_CELL - 1) / NEAR_CELL;
    tree->count = all->slots;
    tree->row = all->row;
    tree->levels = 0;
    for (bool top = false; !top; nodes = (nodes + 1) / 2) {
        int level = tree->levels++;
        tree->nodes[level] = nodes;
        tree->box[level] = all->box + offset * (2 * all->features + NEAR_CONSTANTS);
        tree->set[level] = all->set ? all->box_set + offset : NULL;
        offset += nodes;
        top = nodes <= 1;
    }
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, tree->nodes[0], &begin, &end);
    box_cells(all, begin, end);
    status_t status = node_fence(all->node);
    if (!status && all->node->comm.rank == 0)
        box_levels(all);
    return status ? status : node_fence(all->node);
}
