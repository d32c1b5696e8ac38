#include "assess/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/exactsum.h"
#include "core/memory.h"
#include "core/random.h"

/* Bits of a double that sums may take: one in reserve, and four because data/prepare.h leaves them, too. */
enum { SUM_BITS = 53 - 1 - 4 };

/* One quantum for all axes: what is small against the widest one does not matter to a distance. */
static void prepare_axes(struct reference *reference)
{
    int64_t d = reference->customers.features;
    double widest = 0.0;
    int exponent = 0;
    for (int64_t f = 0; f < d; f++)
        widest = fmax(widest, reference->width[f]);
    (void)frexp((double)reference->customers.used * widest / 2 * 1.001, &exponent); /* of sum |x|, at most */
    for (int64_t f = 0; f < d; f++) {
        double width = reference->width[f];
        struct prepared_feature *feature = &reference->preparation.feature[f];
        feature->quantum = ldexp(1.0, exponent - SUM_BITS);
        feature->variance = width * width / 12;
        reference->customers.mean_variance += feature->variance / (double)d;
    }
}

static void mark_rows(struct reference *reference)
{
    const struct partition *part = &reference->customers.partition;
    for (int64_t row = part->row_count; row < part->block_count * BLOCK_ROWS; row++)
        reference->left_out[row / TILE_ROWS] |= (uint16_t)(1U << row % TILE_ROWS);
}

status_t reference_open(struct reference *reference, const struct customers *like, const struct box *box,
                        int64_t rows)
{
    int64_t d = box->features;
    *reference =
        (struct reference){.customers = {.comm = like->comm,
                                         .log = &reference->log,
                                         .kernels = like->kernels,
                                         .partition = partition_of(rows, like->comm->rank, like->comm->size),
                                         .features = d,
                                         .used = rows},
                           .preparation = {.count = d}};
    struct customers *customers = &reference->customers;
    struct preparation *preparation = &reference->preparation;
    int64_t blocks = customers->partition.block_count;
    status_t status =
        memory_new(&customers->tiles, blocks * BLOCK_ROWS * d, sizeof *customers->tiles, "a reference set");
    if (!status)
        status = memory_new(&customers->squares, 2 * blocks, sizeof *customers->squares, "a reference set");
    if (!status)
        status = memory_new(&reference->left_out, blocks * BLOCK_TILES, sizeof *reference->left_out,
                            "a reference set");
    if (!status)
        status = memory_new(&preparation->feature, d, sizeof *preparation->feature, "a reference set");
    if (!status)
        status = memory_new(&reference->width, d, sizeof *reference->width, "a reference set");
    status = comm_agree(like->comm, status);
    if (status)
        return status;
    customers->left_out = reference->left_out;
    for (int64_t f = 0; f < d; f++)
        reference->width[f] = box->high[f] - box->low[f];
    prepare_axes(reference);
    mark_rows(reference);
    return STATUS_OK;
}

void reference_close(struct reference *reference)
{
    customers_free(&reference->customers);
    prepare_free(&reference->preparation);
    free(reference->left_out);
    free(reference->width);
    reference->left_out = NULL;
    reference->width = NULL;
}

/* Local block `local`. */
static void draw_block(struct reference *reference, int64_t local, uint64_t seed, int64_t number)
{
    int64_t d = reference->customers.features;
    const struct partition *part = &reference->customers.partition;
    int64_t block = part->first_block + local;
    int64_t rows = partition_block_rows(part, block);
    float *tiles = reference->customers.tiles + local * BLOCK_ROWS * d;
    double *squares = reference->customers.squares + 2 * local;
    struct exactsum sum = {.pending = 0};
    for (int64_t f = 0; f < d; f++) {
        double width = reference->width[f];
        double quantum = reference->preparation.feature[f].quantum;
        double square[BLOCK_ROWS] = {0};
        for (int64_t i = 0; i < rows; i++) {
            double share =
                random_uniform(seed, RANDOM_REFERENCE, block * BLOCK_ROWS + i, (uint32_t)(number * d + f));
            float at = (float)(rint((share - 0.5) * width / quantum) * quantum + 0.0); /* no negative zero */
            tiles[(i / TILE_ROWS * d + f) * TILE_ROWS + i % TILE_ROWS] = at;
            square[i] = (double)at * (double)at;
        }
        exactsum_add_all(&sum, square, rows);
    }
    exactsum_value(&sum, &squares[0], &squares[1]);
}

void reference_draw(struct reference *reference, uint64_t seed, int64_t number)
{
    for (int64_t local = 0; local < reference->customers.partition.block_count; local++)
        draw_block(reference, local, seed, number);
}

double reference_bytes(int64_t rows, int64_t features, int ranks)
{
    struct partition most = partition_of(rows, 0, ranks);
    double marks = (double)most.block_count * BLOCK_TILES * sizeof(uint16_t);
    return customers_bytes(&most, features) + marks +
           (double)features * (double)(sizeof(struct prepared_feature) + sizeof(double));
}
