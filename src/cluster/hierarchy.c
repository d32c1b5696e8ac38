#include "cluster/hierarchy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/leaves.h"
#include "cluster/linkage_rounds.h"
#include "cluster/places.h"
#include "core/memory.h"

/* ---- every customer a leaf ---- */

static status_t build_tree(const struct places *places, const struct merge *merge,
                           struct hierarchy_result *result)
{
    struct merge *all = NULL;
    status_t status = memory_new(&all, places->leaves - 1, sizeof *all, "merges");
    if (!status)
        status = places_merges(places, merge, all);
    if (!status)
        status = dendrogram_build(&result->tree, places->leaves, all);
    free(all);
    return status;
}

static status_t link_customers(const struct customers *customers, const struct hierarchy_settings *settings,
                               struct node *node, struct hierarchy_result *result)
{
    struct places places;
    struct merge *merge = NULL;
    result->leaves = customers->used;
    log_phase_begin(customers->log, "gathering leaves");
    status_t status = places_open(&places, customers, node, &result->leaf);
    result->distinct = places.points.count;
    if (!status)
        status = comm_agree(customers->comm, memory_new(&merge, result->distinct, sizeof *merge, "merges"));
    if (!status) {
        log_phase_begin(customers->log, "tree");
        status = linkage_run(&places.points, settings->linkage, merge, &result->work);
    }
    if (!status)
        status = comm_agree(customers->comm,
                            customers->comm->rank == 0 ? build_tree(&places, merge, result) : STATUS_OK);
    free(merge);
    return status;
}

/* ---- micro-clusters ---- */

static status_t link_leaves(const struct customers *customers, struct node *node,
                            struct hierarchy_result *result, const double *sum)
{
    int64_t d = customers->features;
    struct points points = {
        .comm = customers->comm, .log = customers->log, .node = node, .count = result->leaves, .features = d};
    struct merge *merge = NULL;
    status_t status = node_memory(node, &points.sum, points.count * d, sizeof *points.sum, "micro-clusters");
    if (!status)
        status = node_memory(node, &points.size, points.count, sizeof *points.size, "micro-clusters");
    status = comm_agree(customers->comm, status);
    if (!status && node->comm.rank == 0) {
        memcpy(points.sum, sum, (size_t)(points.count * d) * sizeof *sum);
        memcpy(points.size, result->leaf_size, (size_t)points.count * sizeof *points.size);
    }
    if (!status)
        status = node_fence(node);
    if (!status)
        status = comm_agree(customers->comm, memory_new(&merge, points.count, sizeof *merge, "merges"));
    if (!status)
        status = linkage_run(&points, LINKAGE_WARD, merge, &result->work);
    if (!status)
        status = comm_agree(customers->comm, customers->comm->rank == 0
                                                 ? dendrogram_build(&result->tree, result->leaves, merge)
                                                 : STATUS_OK);
    free(merge);
    return status;
}

static status_t link_micro_clusters(const struct customers *customers, const struct preparation *preparation,
                                    const struct hierarchy_settings *settings, struct node *node,
                                    struct hierarchy_result *result)
{
    struct leaves leaves;
    status_t status = leaves_learn(customers, preparation, settings->leaves, settings->fewer, settings->seed,
                                   &result->leaf, &leaves);
    if (!status) {
        result->leaves = leaves.count;
        result->distinct = leaves.count;
        result->inertia = leaves.inertia;
        result->leaf_centroid = leaves.centroid;
        result->leaf_place = leaves.place;
        result->leaf_size = leaves.size;
        log_phase_begin(customers->log, "tree");
        status = link_leaves(customers, node, result, leaves.sum);
    }
    free(leaves.sum);
    return status;
}

status_t hierarchy_run(const struct customers *customers, const struct preparation *preparation,
                       const struct hierarchy_settings *settings, struct hierarchy_result *result)
{
    struct node node;
    *result = (struct hierarchy_result){.every_customer = settings->every_customer,
                                        .features = customers->features};
    status_t status = STATUS_OK;
    if (!settings->every_customer && !settings->fewer && settings->leaves > customers->used)
        return status_new(EXIT_BAD_DATA, "%" PRId64 " customers are fewer than hierarchy.leaves = %" PRId64,
                          customers->used, settings->leaves);
    status = row_numbers_open(&result->leaf, customers->partition.block_count,
                              settings->every_customer ? customers->used : settings->leaves);
    status = comm_agree(customers->comm, status);
    status = status_first(status, node_open(&node, customers->comm, 0));
    if (!status && settings->every_customer)
        status = link_customers(customers, settings, &node, result);
    else if (!status)
        status = link_micro_clusters(customers, preparation, settings, &node, result);
    node_close(&node);
    return status;
}

void hierarchy_free(struct hierarchy_result *result)
{
    row_numbers_free(&result->leaf);
    free(result->leaf_centroid);
    free(result->leaf_place);
    free(result->leaf_size);
    dendrogram_free(&result->tree);
    *result = (struct hierarchy_result){0};
}

double hierarchy_bytes(const struct hierarchy_settings *settings, int64_t customers, int64_t rows,
                       int64_t features, int ranks, int ranks_here)
{
    int64_t leaves = settings->every_customer ? customers : settings->leaves;
    double labels = (double)rows * row_numbers_width(leaves);
    if (!settings->every_customer)
        return labels + leaves_bytes(settings->leaves, rows, features, ranks) +
               linkage_rounds_bytes(settings->leaves) +
               linkage_points_bytes(settings->leaves, features) / ranks_here;
    /* the merges of each rank, and the first one's matrix, lists of equal customers, merges once more and
     * journal */
    double merges =
        (double)customers * (2 * sizeof(struct merge) + 4 * sizeof(double) + 4 * sizeof(int32_t)) +
        linkage_rounds_bytes(customers);
    double shared = places_bytes(customers, features) / ranks_here;
    if (settings->linkage == LINKAGE_AVERAGE || settings->linkage == LINKAGE_COMPLETE)
        return labels + merges + shared + linkage_matrix_bytes(customers, ranks);
    return labels + merges + shared + linkage_points_bytes(customers, features) / ranks_here;
}

status_t hierarchy_cut(struct comm *comm, const struct hierarchy_result *result, int64_t clusters,
                       int32_t *cluster)
{
    status_t status =
        comm_agree(comm, comm->rank == 0 ? dendrogram_cut(&result->tree, clusters, cluster) : STATUS_OK);
    if (!status)
        status = comm_broadcast(comm, cluster, result->leaves * (int64_t)sizeof *cluster);
    return status;
}
