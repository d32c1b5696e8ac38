#include "data/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"

/* Enough for a disk or a file system to stream, little beside a rank's share. */
static const int64_t SLAB_BYTES = INT64_C(8) << 20;

enum { STRIP_ROWS = 64 };

/* The part of one dataset that a slab of rows covers. */
struct slab {
    const struct source_dataset *dataset;
    void *memory;
    size_t item;
};

struct walk {
    struct table *table;
    struct slab *slab; /* one per dataset of the source that is in use, else memory is NULL */
    int64_t slab_rows; /* a multiple of BLOCK_ROWS */
    double *value;
};

const char *table_name(const struct table *table, int64_t column)
{
    return table->source->column[table->column[column]].name;
}

static void mark_beyond_the_end(struct table *table)
{
    int64_t rows = table->partition.row_count;
    int64_t lanes = table->partition.block_count * BLOCK_ROWS;
    for (int64_t row = rows; row < lanes; row++)
        table->left_out[row / TILE_ROWS] |= (uint16_t)(1U << (row % TILE_ROWS));
}

status_t table_open(struct comm *comm, struct log *log, struct source *source, const int64_t *features,
                    int64_t feature_count, const int64_t *profile, int64_t profile_count, struct table *table)
{
    *table = (struct table){.comm = comm,
                            .log = log,
                            .source = source,
                            .partition = partition_of(source->rows, comm->rank, comm->size),
                            .columns = feature_count + profile_count,
                            .features = feature_count};
    status_t status =
        memory_new(&table->column, table->columns, sizeof *table->column, "the list of columns");
    if (!status)
        status = memory_new(&table->left_out, table->partition.block_count * BLOCK_TILES,
                            sizeof *table->left_out, "marks of customers left out");
    status = comm_agree(comm, status);
    if (status)
        return status;
    if (feature_count > 0)
        memcpy(table->column, features, (size_t)feature_count * sizeof *features);
    if (profile_count > 0)
        memcpy(table->column + feature_count, profile, (size_t)profile_count * sizeof *profile);
    mark_beyond_the_end(table);
    return STATUS_OK;
}

void table_close(struct table *table)
{
    free(table->column);
    free(table->left_out);
    table->column = NULL;
    table->left_out = NULL;
}

static void walk_close(struct walk *walk)
{
    for (int64_t i = 0; walk->slab && i < walk->table->source->dataset_count; i++)
        free(walk->slab[i].memory);
    free(walk->slab);
    free(walk->value);
}

static size_t item_size(enum reading reading)
{
    return reading == READ_DOUBLE ? sizeof(double) : reading == READ_FLOAT ? sizeof(float) : 1;
}

static status_t walk_open(struct walk *walk, struct table *table)
{
    const struct source *source = table->source;
    *walk = (struct walk){.table = table};
    status_t status = memory_new(&walk->slab, source->dataset_count, sizeof *walk->slab, "slabs");
    int64_t row_bytes = 1;
    for (int64_t c = 0; !status && c < table->columns; c++) {
        struct slab *slab = &walk->slab[source->column[table->column[c]].dataset];
        if (slab->dataset)
            continue;
        slab->dataset = &source->dataset[source->column[table->column[c]].dataset];
        slab->item = item_size(slab->dataset->reading);
        row_bytes += slab->dataset->width * (int64_t)slab->item;
    }
    walk->slab_rows = SLAB_BYTES / row_bytes / BLOCK_ROWS * BLOCK_ROWS;
    if (walk->slab_rows < BLOCK_ROWS)
        walk->slab_rows = BLOCK_ROWS;
    if (walk->slab_rows > table->partition.row_count)
        walk->slab_rows = table->partition.block_count * BLOCK_ROWS;
    for (int64_t i = 0; !status && i < source->dataset_count; i++) {
        struct slab *slab = &walk->slab[i];
        if (slab->dataset)
            status = memory_new(&slab->memory, walk->slab_rows * slab->dataset->width, slab->item,
                                "a slab of the file");
    }
    if (!status)
        status =
            memory_new(&walk->value, table->columns * BLOCK_ROWS, sizeof *walk->value, "a block of rows");
    return status;
}

static status_t read_slab(const struct table *table, struct slab *slab, int64_t first, int64_t rows)
{
    const struct source_dataset *dataset = slab->dataset;
    hsize_t start[2] = {(hsize_t)first, 0};
    hsize_t count[2] = {(hsize_t)rows, (hsize_t)dataset->width};
    if (dataset->transposed) {
        start[0] = 0;
        start[1] = (hsize_t)first;
        count[0] = (hsize_t)dataset->width;
        count[1] = (hsize_t)rows;
    }
    hid_t file_space = H5Dget_space(dataset->id);
    hid_t memory_space = H5Screate_simple(dataset->flat ? 1 : 2, count, NULL);
    status_t status = STATUS_OK;
    if (file_space < 0 || memory_space < 0 ||
        H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        H5Dread(dataset->id, dataset->memory_type, memory_space, file_space, H5P_DEFAULT, slab->memory) < 0)
        status = h5_failure(EXIT_IO_ERROR, "%s: reading %s failed in rows %" PRId64 " to %" PRId64,
                            table->source->path, dataset->path, first, first + rows - 1);
    h5_close(file_space);
    h5_close(memory_space);
    return status;
}

/* Numbers of a column, `stride` apart, to doubles. */
#define TAKE(type)                                                                                           \
    do {                                                                                                     \
        const type *number = (const type *)slab->memory + from;                                              \
        for (int i = 0; i < count; i++)                                                                      \
            value[i] = (double)number[i * stride];                                                           \
    } while (0)

/* One column of some rows: `offset` rows into a slab of `rows` rows, to `value`. */
static void take_column(const struct slab *slab, int64_t index, int64_t offset, int64_t rows, int count,
                        double *value)
{
    const struct source_dataset *dataset = slab->dataset;
    int64_t stride = dataset->transposed ? 1 : dataset->width;
    int64_t from = dataset->transposed ? index * rows + offset : offset * dataset->width + index;
    if (dataset->reading == READ_FLOAT)
        TAKE(float);
    else if (dataset->reading == READ_DOUBLE)
        TAKE(double);
    else
        TAKE(uint8_t);
    if (dataset->has_missing_code) {
        for (int i = 0; i < count; i++)
            value[i] = value[i] == dataset->missing_code ? (double)NAN : value[i];
    }
}

/* A few rows at a time, so that the columns after the first find them in the nearest cache. */
static void take_block(const struct walk *walk, int64_t offset, int64_t rows, int count)
{
    const struct table *table = walk->table;
    for (int strip = 0; strip < count; strip += STRIP_ROWS) {
        int strip_rows = count - strip < STRIP_ROWS ? count - strip : STRIP_ROWS;
        for (int64_t c = 0; c < table->columns; c++) {
            const struct source_column *column = &table->source->column[table->column[c]];
            take_column(&walk->slab[column->dataset], column->index, offset + strip, rows, strip_rows,
                        walk->value + c * BLOCK_ROWS + strip);
        }
    }
}

static status_t visit_slab(struct walk *walk, int64_t first, int64_t rows, table_visitor visit, void *context)
{
    struct table *table = walk->table;
    status_t status = STATUS_OK;
    for (int64_t offset = 0; !status && offset < rows; offset += BLOCK_ROWS) {
        int64_t row = first + offset;
        int64_t local = row / BLOCK_ROWS - table->partition.first_block;
        struct raw_block block = {.block = row / BLOCK_ROWS,
                                  .local = local,
                                  .first_row = row,
                                  .rows = (int)(rows - offset < BLOCK_ROWS ? rows - offset : BLOCK_ROWS),
                                  .value = walk->value,
                                  .left_out = table->left_out + local * BLOCK_TILES};
        take_block(walk, offset, rows, block.rows);
        status = visit(context, &block);
    }
    return status;
}

status_t table_walk(struct table *table, table_visitor visit, void *context)
{
    struct walk walk;
    status_t status = walk_open(&walk, table);
    const struct partition *part = &table->partition;
    for (int64_t done = 0; !status && done < part->row_count; done += walk.slab_rows) {
        int64_t rows = part->row_count - done < walk.slab_rows ? part->row_count - done : walk.slab_rows;
        for (int64_t i = 0; !status && i < table->source->dataset_count; i++) {
            if (walk.slab[i].dataset)
                status = read_slab(table, &walk.slab[i], part->first_row + done, rows);
        }
        if (!status)
            status = visit_slab(&walk, part->first_row + done, rows, visit, context);
        log_show_progress(
            table->log, &(struct log_progress){.customers = (done + rows) * table->comm->size,
                                               .fraction = (double)(done + rows) / (double)part->row_count});
    }
    walk_close(&walk);
    return comm_agree(table->comm, status);
}

status_t table_count(struct table *table, int64_t *customers)
{
    *customers = 0;
    for (int64_t tile = 0; tile < table->partition.block_count * BLOCK_TILES; tile++)
        *customers += TILE_ROWS - __builtin_popcount(table->left_out[tile]);
    return comm_sum_i64(table->comm, customers, 1);
}
