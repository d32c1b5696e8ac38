#include "cluster/retree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/linkage_rounds.h"
#include "cluster/nearest_points.h"
#include "cluster/neighbours.h"
#include "cluster/places.h"
#include "core/memory.h"

/* ---- opening ---- */

/* Every customer a leaf: what is kept of the places, and an order of them by slots of the search. */
static status_t keep_places(struct retree *retree, struct places *places)
{
    struct node *node = &retree->node;
    struct points *points = &places->points;
    struct neighbours all = {.comm = NULL};
    int64_t d = points->features;
    int64_t begin = 0;
    int64_t end = 0;
    retree->places = points->count;
    status_t status = node_memory(node, &retree->place, places->leaves, sizeof *retree->place, "leaves");
    if (!status)
        status = node_memory(node, &retree->order, points->count, sizeof *retree->order, "leaves");
    if (!status)
        status = node_memory(node, &retree->value, points->count * d, sizeof *retree->value, "leaves");
    status = comm_agree(points->comm, status);
    if (!status)
        status = neighbours_open(&all, points, false, false);
    node_share(node, places->leaves, &begin, &end);
    for (int64_t i = begin; !status && i < end; i++)
        retree->place[i] = places->point[places->twin[i]];
    node_share(node, points->count, &begin, &end);
    for (int64_t p = begin; !status && p < end; p++) {
        retree->order[p] = all.cluster[p].first;
        for (int64_t f = 0; f < d; f++) /* the quotient is the customer's value, exactly */
            retree->value[p * d + f] = (float)(points->sum[p * d + f] / (double)points->size[p]);
    }
    if (!status)
        status = node_fence(node);
    neighbours_close(&all);
    return comm_agree(points->comm, status);
}

static status_t open_places(struct retree *retree)
{
    const struct customers *customers = retree->customers;
    struct node node;
    struct places places;
    status_t status = node_open(&node, customers->comm, 0);
    if (!status)
        status = places_open(&places, customers, &node, NULL);
    if (!status)
        status = keep_places(retree, &places);
    node_close(&node);
    return status;
}

status_t retree_open(struct retree *retree, const struct customers *customers,
                     const struct preparation *preparation, enum linkage linkage,
                     const struct hierarchy_result *tree)
{
    *retree = (struct retree){.customers = customers,
                              .preparation = preparation,
                              .linkage = linkage,
                              .tree = tree,
                              .places = tree->leaves};
    status_t status = node_open(&retree->node, customers->comm, 0);
    if (!status && tree->every_customer)
        status = open_places(retree);
    return status;
}

void retree_close(struct retree *retree)
{
    node_close(&retree->node);
    retree->place = NULL;
    retree->order = NULL;
    retree->value = NULL;
}

/* ---- what weighs something ---- */

/* One tree. */
struct growth {
    const struct retree *retree;
    struct comm *comm;
    struct log quiet; /* the caller shows how far it is, not the linkage */
    int64_t points;   /* places that weigh something, in the order of the lowest leaves that do */
    int32_t *place;   /* points: the place of each */
    int32_t *point;   /* places: the point there; of those that weigh nothing, in the end the nearest */
    struct idle idle; /* places that weigh nothing, near ones together */
};

static int64_t place_of(const struct retree *retree, int64_t leaf)
{
    return retree->place ? retree->place[leaf] : leaf;
}

static double position(const struct retree *retree, int64_t place, int64_t feature)
{
    int64_t at = place * retree->customers->features + feature;
    return retree->value ? (double)retree->value[at] : retree->tree->leaf_centroid[at];
}

static status_t weigh_leaves(const struct retree *retree, const struct weighting *weighting, int64_t *weight)
{
    const struct customers *customers = retree->customers;
    memset(weight, 0, (size_t)retree->tree->leaves * sizeof *weight);
    for (int64_t b = 0; b < customers->partition.block_count; b++) {
        int64_t first_row = customers->partition.first_row + b * BLOCK_ROWS;
        int32_t leaf[BLOCK_ROWS];
        row_numbers_get(&retree->tree->leaf, b, leaf);
        for (int row = 0; row < BLOCK_ROWS; row += TILE_ROWS) {
            float times[KERNEL_LANES];
            weighting_tile(weighting, customers->kernels, first_row + row, times);
            for (int lane = 0; lane < TILE_ROWS; lane++) {
                if (leaf[row + lane] >= 0)
                    weight[leaf[row + lane]] += (int64_t)times[lane];
            }
        }
    }
    return comm_sum_i64(customers->comm, weight, retree->tree->leaves);
}

/* Points and idle places; the last point before an idle place in their order is near it. */
static void number_points(struct growth *growth, const int64_t *weight)
{
    const struct retree *retree = growth->retree;
    int32_t last = 0;
    for (int64_t p = 0; p < retree->places; p++)
        growth->point[p] = -1;
    for (int64_t i = 0; i < retree->tree->leaves; i++) {
        int64_t place = place_of(retree, i);
        if (weight[i] == 0 || growth->point[place] >= 0)
            continue;
        growth->place[growth->points] = (int32_t)place;
        growth->point[place] = (int32_t)growth->points++;
    }
    for (int64_t p = 0; p < retree->places; p++) {
        int32_t place = retree->order ? retree->order[p] : (int32_t)p;
        if (growth->point[place] >= 0) {
            last = growth->point[place];
            continue;
        }
        growth->idle.hint[growth->idle.count] = last;
        growth->idle.place[growth->idle.count++] = place;
    }
}

static status_t begin_growth(struct growth *growth, const int64_t *weight)
{
    int64_t places = growth->retree->places;
    status_t status = memory_new(&growth->place, places, sizeof *growth->place, "the points of a tree");
    if (!status)
        status = memory_new(&growth->point, places, sizeof *growth->point, "the points of a tree");
    if (!status)
        status = memory_new(&growth->idle.place, places, sizeof *growth->idle.place, "the points of a tree");
    if (!status)
        status = memory_new(&growth->idle.hint, places, sizeof *growth->idle.hint, "the points of a tree");
    status = comm_agree(growth->comm, status);
    if (!status)
        number_points(growth, weight);
    return status;
}

static void end_growth(struct growth *growth)
{
    free(growth->place);
    free(growth->point);
    free(growth->idle.place);
    free(growth->idle.hint);
}

/* Sizes from the weights of leaves, and sums: rounded to the grid on which they stay exact. */
static status_t weigh_points(const struct growth *growth, const int64_t *weight, struct points *points)
{
    const struct retree *retree = growth->retree;
    int64_t d = points->features;
    int64_t begin = 0;
    int64_t end = 0;
    node_share(points->node, retree->tree->leaves, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        if (weight[i] > 0)
            __atomic_fetch_add(&points->size[growth->point[place_of(retree, i)]], weight[i],
                               __ATOMIC_RELAXED);
    }
    status_t status = node_fence(points->node);
    node_share(points->node, points->count, &begin, &end);
    for (int64_t i = begin; !status && i < end; i++) {
        for (int64_t f = 0; f < d; f++) {
            double quantum = retree->preparation->feature[f].quantum;
            double sum = position(retree, growth->place[i], f) * (double)points->size[i];
            points->sum[i * d + f] = rint(sum / quantum) * quantum;
        }
    }
    return status;
}

static void place_points(const struct growth *growth, struct points *points)
{
    int64_t d = points->features;
    int64_t begin = 0;
    int64_t end = 0;
    node_share(points->node, points->count, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        points->size[i] = 1;
        for (int64_t f = 0; f < d; f++)
            points->sum[i * d + f] = position(growth->retree, growth->place[i], f);
    }
}

/* The points in the node's memory, with what they weigh; `weight` NULL: each one, exactly at its place. */
static status_t open_points(struct growth *growth, const int64_t *weight, struct node *node,
                            struct points *points)
{
    int64_t d = growth->retree->customers->features;
    *points = (struct points){
        .comm = growth->comm, .log = &growth->quiet, .node = node, .count = growth->points, .features = d};
    status_t status = node_memory(node, &points->sum, points->count * d, sizeof *points->sum, "a tree");
    if (!status)
        status = node_memory(node, &points->size, points->count, sizeof *points->size, "a tree");
    status = comm_agree(growth->comm, status);
    if (!status && weight)
        status = weigh_points(growth, weight, points);
    else if (!status)
        place_points(growth, points);
    if (!status)
        status = node_fence(node);
    return comm_agree(growth->comm, status);
}

/* ---- what weighs nothing ---- */

/* Every idle place gets the nearest point. */
static status_t locate_idle(struct growth *growth)
{
    struct node node;
    struct points points;
    int32_t *nearest = NULL;
    status_t status = node_open(&node, growth->comm, 0);
    if (!status)
        status = open_points(growth, NULL, &node, &points);
    if (!status)
        status = nearest_points(&points, &growth->idle, &nearest);
    for (int64_t i = 0; !status && i < growth->idle.count; i++)
        growth->point[growth->idle.place[i]] = nearest[i];
    free(nearest);
    node_close(&node);
    return status;
}

/* ---- the tree and its cuts ---- */

/* cut: cuts x points. */
static status_t cut_tree(const struct growth *growth, struct merge *merge, int64_t cuts,
                         const int64_t *clusters, int32_t *cut)
{
    struct dendrogram tree;
    status_t status = dendrogram_build(&tree, growth->points, merge);
    for (int64_t c = 0; !status && c < cuts; c++) {
        int64_t most = clusters[c] < growth->points ? clusters[c] : growth->points;
        status = dendrogram_cut(&tree, most, cut + c * growth->points);
    }
    dendrogram_free(&tree);
    return status;
}

static status_t link_and_cut(struct growth *growth, const int64_t *weight, int64_t cuts,
                             const int64_t *clusters, int32_t *cut)
{
    struct node node;
    struct points points;
    struct merge *merge = NULL;
    struct linkage_work work;
    struct comm *comm = growth->comm;
    status_t status = node_open(&node, comm, 0);
    if (!status)
        status = open_points(growth, weight, &node, &points);
    if (!status)
        status = comm_agree(comm, memory_new(&merge, growth->points, sizeof *merge, "merges"));
    if (!status)
        status = linkage_run(&points, growth->retree->linkage, merge, &work);
    node_close(&node);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? cut_tree(growth, merge, cuts, clusters, cut) : STATUS_OK);
    if (!status)
        status = comm_broadcast(comm, cut, cuts * growth->points * (int64_t)sizeof *cut);
    free(merge);
    return status;
}

/* With a point at least. */
static status_t grow(struct growth *growth, const int64_t *weight, int64_t cuts, const int64_t *clusters,
                     int32_t *segment)
{
    const struct retree *retree = growth->retree;
    int64_t leaves = retree->tree->leaves;
    int32_t *cut = NULL;
    status_t status =
        comm_agree(growth->comm, memory_new(&cut, cuts * growth->points, sizeof *cut, "cuts of a tree"));
    if (!status && growth->idle.count > 0)
        status = locate_idle(growth);
    if (!status && growth->points > 1)
        status = link_and_cut(growth, weight, cuts, clusters, cut);
    for (int64_t c = 0; !status && c < cuts; c++) {
        for (int64_t i = 0; i < leaves; i++)
            segment[c * leaves + i] = cut[c * growth->points + growth->point[place_of(retree, i)]];
    }
    free(cut);
    return status;
}

status_t retree_grow(struct retree *retree, const struct weighting *weighting, int64_t cuts,
                     const int64_t *clusters, int32_t *segment, int64_t *weight)
{
    struct growth growth = {.retree = retree,
                            .comm = retree->customers->comm,
                            .idle = {.value = retree->value, .mean = retree->tree->leaf_centroid}};
    memset(segment, 0, (size_t)(cuts * retree->tree->leaves) * sizeof *segment);
    status_t status = weigh_leaves(retree, weighting, weight);
    if (!status)
        status = begin_growth(&growth, weight);
    if (!status && growth.points > 0)
        status = grow(&growth, weight, cuts, clusters, segment);
    end_growth(&growth);
    return status;
}

/* ---- memory ---- */

double retree_bytes(const struct hierarchy_settings *settings, int64_t customers, int64_t features,
                    int64_t cuts, int ranks, int ranks_here)
{
    int64_t leaves = settings->every_customer ? customers : settings->leaves;
    double n = (double)leaves;
    double d = (double)features;
    double kept = settings->every_customer ? n * (2 * sizeof(int32_t) + d * sizeof(float)) / ranks_here : 0.0;
    double search = linkage_points_bytes(leaves, features) / ranks_here;
    double opening = 0.0;
    if (settings->every_customer)
        opening = places_bytes(customers, features) / ranks_here + search;
    bool matrix = settings->linkage == LINKAGE_AVERAGE || settings->linkage == LINKAGE_COMPLETE;
    double linking = matrix ? linkage_matrix_bytes(leaves, ranks) : search;
    /* what each rank has of points and idle places, and the first one's merges, dendrogram, cuts and journal
     */
    double own = n * (6 * sizeof(int32_t) + 2 * sizeof(struct merge) + 7 * sizeof(double) + sizeof(int32_t) +
                      (double)cuts * (sizeof(int32_t) + sizeof(float))) +
                 linkage_rounds_bytes(leaves);
    double points = n * (d + 1) * sizeof(double) / ranks_here;
    double growing = own + points + (linking > search ? linking : search);
    return kept + (opening > growing ? opening : growing);
}
