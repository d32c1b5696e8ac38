#include "cluster/row_set.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/row_hash.h"
#include "core/memory.h"

status_t row_set_open(struct row_set *set, int64_t most, int64_t features)
{
    *set = (struct row_set){.features = features, .mask = 1};
    while (set->mask < 2 * (uint64_t)most)
        set->mask = 2 * set->mask + 1;
    status_t status = memory_new(&set->table, (int64_t)set->mask + 1, sizeof *set->table, "customers");
    if (!status)
        status = memory_new(&set->value, most * features, sizeof *set->value, "customers");
    if (!status)
        status = memory_new(&set->row, most, sizeof *set->row, "customers");
    return status;
}

void row_set_close(struct row_set *set)
{
    free(set->table);
    free(set->value);
    free(set->row);
    *set = (struct row_set){0};
}

static bool are_alike(const float *a, const float *b, int64_t features)
{
    for (int64_t f = 0; f < features; f++) {
        if (a[f] != b[f])
            return false;
    }
    return true;
}

bool row_set_add(struct row_set *set, const float *value, int64_t row)
{
    uint64_t at = row_hash(value, set->features) & set->mask;
    for (; set->table[at] != 0; at = (at + 1) & set->mask) {
        if (are_alike(value, set->value + (set->table[at] - 1) * set->features, set->features))
            return false;
    }
    memcpy(set->value + set->count * set->features, value, (size_t)set->features * sizeof *value);
    set->row[set->count++] = row;
    set->table[at] = set->count;
    return true;
}
