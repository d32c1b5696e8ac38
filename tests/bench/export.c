/* Writes the prepared customers as they are learned from, row by row in
 * float32, so that every contestant works on the same values. Alone (one rank).
 * Prints the shape as JSON. */
#include <inttypes.h>
#include <stdio.h>

#include "job.h"

struct writing {
    FILE *file;
    int64_t features;
    bool failed;
};

static void write_block(void *context, const struct block *block)
{
    struct writing *writing = context;
    int64_t features = writing->features;
    for (int row = 0; row < block->rows; row++) {
        const float *tile = block->tiles + row / TILE_ROWS * features * TILE_ROWS;
        for (int64_t f = 0; f < features && !writing->failed; f++)
            writing->failed =
                fwrite(&tile[f * TILE_ROWS + row % TILE_ROWS], sizeof *tile, 1, writing->file) != 1;
    }
}

static status_t write_all(const struct customers *customers, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return status_new(EXIT_NO_OUTPUT, "%s cannot be created", path);
    struct writing writing = {.file = file, .features = customers->features};
    status_t status = customers_walk(customers, NULL, 0, write_block, &writing);
    if (!status && writing.failed)
        status = status_new(EXIT_IO_ERROR, "the prepared values could not be written");
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
