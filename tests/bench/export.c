/* Writes the prepared customers as they are learned from, row by row in
 * float32, so that every contestant works on the same values. Alone (one rank).
 * Prints the shape as JSON. */
#include <inttypes.h>
#include <stdio.h>

#include "job.h"

static status_t write_block(const struct block *block, int64_t features, FILE *file)
{
    for (int row = 0; row < block->rows; row++) {
        const float *tile = block->tiles + row / TILE_ROWS * features * TILE_ROWS;
        for (int64_t f = 0; f < features; f++) {
            if (fwrite(&tile[f * TILE_ROWS + row % TILE_ROWS], sizeof *tile, 1, file) != 1)
                return status_new(EXIT_IO_ERROR, "the prepared values could not be written");
        }
    }
    return STATUS_OK;
}

static status_t write_all(const struct customers *customers, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return status_new(EXIT_NO_OUTPUT, "%s cannot be created", path);
    status_t status = STATUS_OK;
    for (int64_t b = 0; !status && b < customers->partition.block_count; b++) {
        struct block block = customers_block(customers, b);
        status = write_block(&block, customers->features, file);
    }
    if (fclose(file) != 0 && !status)
        status = status_new(EXIT_IO_ERROR, "%s: writing failed", path);
    return status;
}

int main(int argc, char **argv)
{
    struct job job;
    status_t status = job_begin(&job, &argc, &argv, 2, "FILE.h5 OUTPUT.f32");
    if (!status && job.comm.size != 1)
        status = status_new(EXIT_BAD_USAGE, "one rank is expected, not %d", job.comm.size);
    if (!status)
        status = job_prepare(&job);
    if (!status && job.customers.used != job.source.rows)
        status = status_new(EXIT_BAD_DATA, "some customers take no part");
    if (!status)
        status = write_all(&job.customers, argv[2]);
    if (!status)
        printf("{\"customers\": %" PRId64 ", \"features\": %" PRId64 "}\n", job.source.rows,
               job.customers.features);
    return job_end(&job, status);
}
