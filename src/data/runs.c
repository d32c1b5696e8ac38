#include "data/runs.h"

#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "core/memory.h"

struct walk {
    struct table *table;
    struct runs runs;
    run_visitor visit;
    void *context;
};

status_t runs_open(struct runs *runs, struct groups groups)
{
    runs->groups = groups;
    return memory_new(&runs->end, groups.count, sizeof *runs->end, "groups of customers");
}

void runs_close(struct runs *runs)
{
    free(runs->end);
    runs->end = NULL;
}

void groups_of_block(const struct groups *groups, int64_t local, const uint16_t *left_out, int32_t *group)
{
    if (groups->group) {
        row_numbers_get(groups->group, local, group);
        return;
    }
    for (int i = 0; i < BLOCK_ROWS; i++)
        group[i] = table_is_left_out(left_out, i) ? -1 : 0;
}

/* Sorts the rows of a block by group, by counting. */
static void sort_rows(struct runs *runs, const struct raw_block *block)
{
    int32_t group[BLOCK_ROWS];
    groups_of_block(&runs->groups, block->local, block->left_out, group);
    memset(runs->end, 0, (size_t)runs->groups.count * sizeof *runs->end);
    for (int i = 0; i < block->rows; i++) {
        if (group[i] >= 0)
            runs->end[group[i]]++;
    }
    int begin = 0;
    for (int32_t g = 0; g < runs->groups.count; g++) {
        int rows = runs->end[g];
        runs->end[g] = begin; /* for now; it rises to the end as rows are placed */
        begin += rows;
    }
    for (int i = 0; i < block->rows; i++) {
        if (group[i] >= 0)
            runs->row[runs->end[group[i]]++] = (uint16_t)i;
    }
}

/* The values of some rows that are not missing, packed; returns how many. */
static int pack(const double *value, const uint16_t *row, int rows, double *packed)
{
    int count = 0;
    for (int i = 0; i < rows; i++) {
        double x = value[row[i]];
        packed[count] = x;
        count += x == x; /* not a NaN */
    }
    return count;
}

LANES_VERSIONS static bool any_missing(const double *value, int rows)
{
    int64_t missing = 0;
    for (int i = 0; i < rows; i++)
        missing += value[i] != value[i];
    return missing > 0;
}

void runs_of_block(struct runs *runs, const struct raw_block *block, int64_t columns, run_visitor visit,
                   void *context)
{
    sort_rows(runs, block);
    for (int64_t c = 0; c < columns; c++) {
        const double *value = block->value + c * BLOCK_ROWS;
        int begin = 0;
        if (runs->groups.count == 1 && runs->end[0] == block->rows && !any_missing(value, block->rows)) {
            visit(context, c, 0, value, block->rows); /* as they are */
            continue;
        }
        for (int32_t g = 0; g < runs->groups.count; begin = runs->end[g++]) {
            int count = pack(value, runs->row + begin, runs->end[g] - begin, runs->value);
            if (count > 0)
                visit(context, c, g, runs->value, count);
        }
    }
}

static status_t visit_block(void *context, const struct raw_block *block)
{
    struct walk *walk = context;
    runs_of_block(&walk->runs, block, walk->table->columns, walk->visit, walk->context);
    return STATUS_OK;
}

status_t runs_walk(struct table *table, struct groups groups, run_visitor visit, void *context)
{
    struct walk *walk = NULL;
    status_t status = memory_new(&walk, 1, sizeof *walk, "a walk");
    if (!status) {
        walk->table = table;
        walk->visit = visit;
        walk->context = context;
        status = runs_open(&walk->runs, groups);
    }
    status = comm_agree(table->comm, status);
    if (!status)
        status = table_walk(table, visit_block, walk);
    if (walk)
        runs_close(&walk->runs);
    free(walk);
    return status;
}
