#include "assess/valley.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const double BORDER = 0.1;
static const double MIDDLE[2] = {0.4, 0.6};

struct valley {
    const struct customers *customers;
    struct tile_centroids means; /* of segments with customers */
    double *apart;               /* k x k: squared distances of these */
    int64_t count[2];            /* on borders, around means */
};

static void look_at_block(void *context, const struct block *block)
{
    struct valley *valley = context;
    int64_t k = valley->means.k;
    for (int64_t t = 0; t < BLOCK_TILES; t++) {
        struct tile_two two;
        valley->customers->kernels->two(block->tiles + t * valley->means.features * TILE_ROWS, &valley->means,
                                        &two);
        for (int lane = 0; lane < TILE_ROWS; lane++) {
            if (block->left_out[t] >> lane & 1)
                continue;
            double apart = valley->apart[two.nearest[lane] * k + two.second[lane]];
            double place = (two.second_distance[lane] - two.distance[lane]) / (2 * apart);
            valley->count[0] += place < BORDER;
            valley->count[1] += place >= MIDDLE[0] && place < MIDDLE[1];
        }
    }
}

static double squared_distance(const double *a, const double *b, int64_t features)
{
    double sum = 0.0;
    for (int64_t f = 0; f < features; f++)
        sum += (a[f] - b[f]) * (a[f] - b[f]);
    return sum;
}

/* By a walk, or from the journal. */
static status_t find_counts(struct valley *valley)
{
    struct comm *comm = valley->customers->comm;
    const struct journal_field field = {valley->count, sizeof valley->count};
    int64_t mark = journal_mark(comm->journal);
    bool known = false;
    status_t status = journal_recall(comm->journal, "borders", &field, 1, &known);
    if (status || known)
        return status;
    if (valley->means.k > 1)
        status = comm_agree(comm, customers_walk(valley->customers, NULL, 0, look_at_block, valley));
    if (!status)
        status = comm_sum_i64(comm, valley->count, 2);
    return status ? status : journal_keep(comm->journal, mark, "borders", &field, 1);
}

status_t valley_measure(const struct customers *customers, int64_t k, const double *means,
                        const int64_t *size, double *ratio)
{
    int64_t d = customers->features;
    struct valley valley = {.customers = customers, .means = {.k = 0, .features = d}};
    double *kept = NULL;
    *ratio = (double)NAN;
    status_t status = memory_new(&kept, k * d, sizeof *kept, "means");
    if (!status)
        status = memory_new(&valley.apart, k * k, sizeof *valley.apart, "distances of means");
    for (int64_t h = 0; !status && h < k; h++) {
        if (size[h] > 0)
            memcpy(kept + valley.means.k++ * d, means + h * d, (size_t)d * sizeof *kept);
    }
    valley.means.centroid = kept;
    for (int64_t i = 0; !status && i < valley.means.k * valley.means.k; i++)
        valley.apart[i] = squared_distance(kept + i / valley.means.k * d, kept + i % valley.means.k * d, d);
    status = comm_agree(customers->comm, status);
    if (!status)
        status = find_counts(&valley);
    if (!status && valley.count[0] + valley.count[1] > 0)
        *ratio = 2 * (double)valley.count[0] / (double)valley.count[1];
    free(kept);
    free(valley.apart);
    return status;
}
