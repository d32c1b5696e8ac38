#include "cluster/places.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/row_hash.h"
#include "core/memory.h"

enum { PIECE_ROWS = 65536 /* that a rank tells other nodes at a time */ };

double places_bytes(int64_t customers, int64_t features)
{
    return (double)customers *
           ((double)features * (sizeof(float) + sizeof(double)) + 4.0 * sizeof(int32_t) + sizeof(int64_t));
}

/* ---- leaves ---- */

/* Numbers this rank's customers that take part: *first, and those that follow. `leaf` may be NULL. */
static status_t number_leaves(const struct customers *customers, struct row_numbers *leaf, int64_t **counts,
                              int64_t *first)
{
    int64_t bytes = 0;
    int64_t count = 0;
    int64_t blocks = customers->partition.block_count;
    *first = 0;
    for (int64_t b = 0; b < blocks; b++) {
        for (int row = 0; row < BLOCK_ROWS; row++)
            count += !table_is_left_out(customers_marks(customers, b), row);
    }
    status_t status = comm_gather_all(customers->comm, &count, sizeof count, (void **)counts, &bytes);
    for (int r = 0; !status && r < customers->comm->rank; r++)
        *first += (*counts)[r];
    int64_t next = *first;
    for (int64_t b = 0; !status && leaf && b < blocks; b++) {
        int32_t number[BLOCK_ROWS];
        for (int row = 0; row < BLOCK_ROWS; row++)
            number[row] = table_is_left_out(customers_marks(customers, b), row) ? -1 : (int32_t)next++;
        row_numbers_put(leaf, b, number);
    }
    return status;
}

struct putting {
    int64_t features;
    int64_t next; /* leaf */
    float *value;
};

static void put_block(void *context, const struct block *block)
{
    struct putting *putting = context;
    int64_t d = putting->features;
    for (int row = 0; row < block->rows; row++) {
        const float *from = block->tiles + row / TILE_ROWS * d * TILE_ROWS + row % TILE_ROWS;
        if (table_is_left_out(block->left_out, row))
            continue;
        for (int64_t f = 0; f < d; f++)
            putting->value[putting->next * d + f] = from[f * TILE_ROWS] + 0.0F;
        putting->next++;
    }
}

/* This rank's rows into the node's memory. Zero has one sign. */
static status_t put_values(const struct customers *customers, int64_t first, float *value)
{
    struct putting putting = {.features = customers->features, .next = first, .value = value};
    return comm_agree(customers->comm, customers_walk(customers, NULL, 0, put_block, &putting));
}

static int64_t within(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Every rank's rows into every node's memory, in pieces; ranks of a node write those of different ranks. */
static status_t tell_nodes(const struct customers *customers, struct node *node, const int64_t *counts,
                           int64_t first, float *value)
{
    struct comm *comm = customers->comm;
    int64_t size = customers->features * (int64_t)sizeof *value;
    int64_t most = 0;
    for (int r = 0; r < comm->size; r++)
        most = counts[r] > most ? counts[r] : most;
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < most; done += PIECE_ROWS) {
        char *all = NULL;
        int64_t bytes = 0;
        int64_t mine = within(counts[comm->rank] - done, 0, PIECE_ROWS);
        const float *piece = mine > 0 ? value + (first + done) * customers->features : value;
        status = comm_gather_all(comm, piece, mine * size, (void **)&all, &bytes);
        int64_t begin = 0;
        int64_t at = 0;
        for (int r = 0; !status && r < comm->size; r++) {
            int64_t rows = within(counts[r] - done, 0, PIECE_ROWS);
            if (rows > 0 && r != comm->rank && r % node->comm.size == node->comm.rank)
                memcpy(value + (begin + done) * customers->features, all + at * size, (size_t)(rows * size));
            begin += counts[r];
            at += rows;
        }
        free(all);
    }
    return status;
}

/* ---- twins ---- */

/* An open table of leaves; the first at a place stays. */
struct twin_table {
    int32_t *leaf; /* -1: empty */
    uint64_t mask;
};

static int32_t find_twin(const struct twin_table *table, const float *value, int64_t features, int64_t leaf,
                         uint64_t hash)
{
    for (uint64_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        int32_t there = table->leaf[at];
        if (there < 0) {
            table->leaf[at] = (int32_t)leaf;
            return (int32_t)leaf;
        }
        if (memcmp(value + there * features, value + leaf * features, (size_t)features * sizeof *value) == 0)
            return there;
    }
}

/* A rank looks at the leaves that hash to it, in order: the first at a place is the lowest. */
static status_t find_twins(struct places *places, const struct node *node, const float *value)
{
    int64_t d = places->points.features;
    uint64_t ranks = (uint64_t)node->comm.size;
    uint64_t rank = (uint64_t)node->comm.rank;
    int64_t mine = 0;
    for (int64_t i = 0; i < places->leaves; i++)
        mine += row_hash(value + i * d, d) / 7 % ranks == rank;
    struct twin_table table = {.mask = 1};
    while ((int64_t)table.mask < 2 * mine)
        table.mask = 2 * table.mask + 1;
    status_t status = memory_new(&table.leaf, (int64_t)table.mask + 1, sizeof *table.leaf, "equal customers");
    if (!status)
        memset(table.leaf, -1, (table.mask + 1) * sizeof *table.leaf);
    for (int64_t i = 0; !status && i < places->leaves; i++) {
        uint64_t hash = row_hash(value + i * d, d);
        if (hash / 7 % ranks == rank)
            places->twin[i] = find_twin(&table, value, d, i, hash);
    }
    free(table.leaf);
    return status;
}

/* ---- points ---- */

static status_t number_points(struct places *places, struct node *node)
{
    int64_t begin = 0;
    int64_t end = 0;
    int64_t mine = 0;
    int64_t next = 0;
    node_share(node, places->leaves, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        mine += places->twin[i] == i;
    status_t status = node_offset(node, mine, &next, &places->points.count);
    for (int64_t i = begin; !status && i < end; i++) {
        if (places->twin[i] == i)
            places->point[i] = (int32_t)next++;
    }
    return status ? status : node_fence(node);
}

static status_t fill_points(struct places *places, struct node *node, const float *value)
{
    struct points *points = &places->points;
    int64_t d = points->features;
    int64_t begin = 0;
    int64_t end = 0;
    node_share(node, places->leaves, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        __atomic_fetch_add(&points->size[places->point[places->twin[i]]], 1, __ATOMIC_RELAXED);
    status_t status = node_fence(node);
    for (int64_t i = begin; !status && i < end; i++) {
        int64_t point = places->point[i];
        for (int64_t f = 0; places->twin[i] == i && f < d; f++)
            points->sum[point * d + f] = (double)points->size[point] * (double)value[i * d + f];
    }
    return status ? status : node_fence(node);
}

static status_t make_points(struct places *places, struct node *node, const float *value)
{
    struct comm *comm = places->points.comm;
    status_t status = comm_agree(comm, find_twins(places, node, value));
    if (!status)
        status = node_fence(node);
    if (!status)
        status = number_points(places, node);
    if (!status)
        status = node_memory(node, &places->points.sum, places->points.count * places->points.features,
                             sizeof *places->points.sum, "the customers of a tree");
    if (!status)
        status = node_memory(node, &places->points.size, places->points.count, sizeof *places->points.size,
                             "the customers of a tree");
    if (!status)
        status = fill_points(places, node, value);
    return comm_agree(comm, status);
}

status_t places_open(struct places *places, const struct customers *customers, struct node *node,
                     struct row_numbers *leaf)
{
    int64_t first = 0;
    int64_t *counts = NULL;
    float *value = NULL;
    *places = (struct places){
        .leaves = customers->used,
        .points = {
            .comm = customers->comm, .log = customers->log, .node = node, .features = customers->features}};
    status_t status = STATUS_OK;
    if (customers->used > INT32_MAX)
        status = status_new(EXIT_BAD_DATA, "a tree of all customers takes no more than 2147483647 of them");
    if (!status)
        status = node_memory(node, &places->twin, places->leaves, sizeof *places->twin, "equal customers");
    if (!status)
        status = node_memory(node, &places->point, places->leaves, sizeof *places->point, "equal customers");
    if (!status)
        status = node_memory(node, &value, places->leaves * customers->features, sizeof *value,
                             "the customers of a tree");
    status = comm_agree(customers->comm, status);
    if (!status)
        status = number_leaves(customers, leaf, &counts, &first);
    if (!status)
        status = put_values(customers, first, value);
    if (!status)
        status = node_fence(node);
    if (!status && node->comm.size < customers->comm->size)
        status = tell_nodes(customers, node, counts, first, value);
    if (!status)
        status = node_fence(node);
    if (!status)
        status = make_points(places, node, value);
    free(counts);
    return status;
}

/* ---- merges ---- */

/* Pairs, pairs of pairs ... of the `count` leaves. Returns how many merges that makes. */
static int64_t merge_twins(int32_t *leaf, int64_t count, struct merge *all)
{
    int64_t made = 0;
    for (; count > 1; count = (count + 1) / 2) {
        for (int64_t i = 0; i < count; i += 2) {
            if (i + 1 < count)
                all[made++] = (struct merge){0.0, leaf[i], leaf[i + 1]};
            leaf[i / 2] = leaf[i];
        }
    }
    return made;
}

status_t places_merges(const struct places *places, const struct merge *merge, struct merge *all)
{
    int32_t *next = NULL; /* of the same place, as a list */
    int32_t *last = NULL;
    int32_t *group = NULL;
    int32_t *lowest = NULL; /* leaf of each point */
    int64_t leaves = places->leaves;
    status_t status = memory_new(&next, leaves, sizeof *next, "equal customers");
    if (!status)
        status = memory_new(&last, leaves, sizeof *last, "equal customers");
    if (!status)
        status = memory_new(&group, leaves, sizeof *group, "equal customers");
    if (!status)
        status = memory_new(&lowest, places->points.count, sizeof *lowest, "equal customers");
    for (int64_t i = 0; !status && i < leaves; i++) {
        int32_t twin = places->twin[i];
        next[i] = -1;
        if (twin == i)
            lowest[places->point[i]] = (int32_t)i;
        else
            next[last[twin]] = (int32_t)i;
        last[twin] = (int32_t)i;
    }
    int64_t made = 0;
    for (int64_t p = 0; !status && p < places->points.count; p++) {
        int64_t count = 0;
        for (int32_t i = lowest[p]; i >= 0; i = next[i])
            group[count++] = i;
        made += merge_twins(group, count, all + made);
    }
    for (int64_t i = 0; !status && i + 1 < places->points.count; i++)
        all[made++] = (struct merge){merge[i].height, lowest[merge[i].first], lowest[merge[i].second]};
    free(next);
    free(last);
    free(group);
    free(lowest);
    return status;
}
