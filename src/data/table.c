#include "data/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/h5.h"

/* Enough for a disk or a file system to stream, little beside a rank's share. */
static const int64_t SLAB_BYTES = INT64_C(8) << 20;

/* What is rather read than passed over, between two parts of the file that are wanted. */
static const int64_t GAP_BYTES = INT64_C(512) << 10;

enum { STRIP_ROWS = 64 };

/* The part of one dataset that a slab of rows covers. */
struct slab {
    const struct source_dataset *dataset;
    void *memory;
    size_t item;
};

struct table_reader {
    struct table *table;
    struct slab *slab; /* one per dataset of the source that is in use, else memory is NULL */
    int64_t slab_rows; /* a multiple of BLOCK_ROWS */
    int64_t gap_blocks;
    double *value;
    uint16_t mark[BLOCK_TILES]; /* of the block at hand, in a table that keeps none */
};

const char *table_name(const struct table *table, int64_t column)
{
    return table->source->column[table->column[column]].name;
}

/* Marks the rows from `rows` to `lanes`. */
static void mark_rows(uint16_t *left_out, int64_t rows, int64_t lanes)
{
    for (int64_t row = rows; row < lanes; row++)
        left_out[row / TILE_ROWS] |= (uint16_t)(1U << (row % TILE_ROWS));
}

static status_t open_columns(struct table *table, const int64_t *features, const int64_t *profile)
{
    status_t status =
        memory_new(&table->column, table->columns, sizeof *table->column, "the list of columns");
    for (int64_t c = 0; !status && c < table->columns; c++)
        table->column[c] = c < table->features ? features[c] : profile[c - table->features];
    return status;
}

static struct table table_of(struct comm *comm, struct log *log, struct source *source, int64_t columns,
                             int64_t features)
{
    return (struct table){.comm = comm,
                          .log = log,
                          .source = source,
                          .partition = partition_of(source->rows, comm->rank, comm->size),
                          .columns = columns,
                          .features = features};
}

status_t table_open(struct comm *comm, struct log *log, struct source *source, const int64_t *features,
                    int64_t feature_count, const int64_t *profile, int64_t profile_count, struct table *table)
{
    *table = table_of(comm, log, source, feature_count + profile_count, feature_count);
    int64_t blocks = table->partition.block_count;
    status_t status = open_columns(table, features, profile);
    if (!status)
        status = memory_new(&table->left_out, blocks * BLOCK_TILES, sizeof *table->left_out,
                            "marks of customers left out");
    status = comm_agree(comm, status);
    if (!status)
        mark_rows(table->left_out, table->partition.row_count, blocks * BLOCK_ROWS);
    return status;
}

status_t table_open_unmarked(struct comm *comm, struct log *log, struct source *source,
                             const int64_t *features, int64_t feature_count, struct table *table)
{
    *table = table_of(comm, log, source, feature_count, feature_count);
    return comm_agree(comm, open_columns(table, features, NULL));
}

void table_close(struct table *table)
{
    free(table->column);
    free(table->left_out);
    table->column = NULL;
    table->left_out = NULL;
}

void table_reader_close(struct table_reader *reader)
{
    for (int64_t i = 0; reader && reader->slab && i < reader->table->source->dataset_count; i++)
        free(reader->slab[i].memory);
    if (reader) {
        free(reader->slab);
        free(reader->value);
    }
    free(reader);
}

static size_t item_size(enum reading reading)
{
    return reading == READ_DOUBLE ? sizeof(double) : reading == READ_FLOAT ? sizeof(float) : 1;
}

/* The datasets that the columns lie in; returns the bytes of a row in all of them. */
static int64_t list_slabs(struct table_reader *reader)
{
    const struct table *table = reader->table;
    const struct source *source = table->source;
    int64_t row_bytes = 1;
    for (int64_t c = 0; c < table->columns; c++) {
        struct slab *slab = &reader->slab[source->column[table->column[c]].dataset];
        if (slab->dataset)
            continue;
        slab->dataset = &source->dataset[source->column[table->column[c]].dataset];
        slab->item = item_size(slab->dataset->reading);
        row_bytes += slab->dataset->width * (int64_t)slab->item;
    }
    return row_bytes;
}

static status_t open_slabs(struct table_reader *reader)
{
    const struct table *table = reader->table;
    int64_t datasets = table->source->dataset_count;
    status_t status = memory_new(&reader->slab, datasets, sizeof *reader->slab, "slabs");
    if (status)
        return status;
    int64_t row_bytes = list_slabs(reader);
    reader->gap_blocks = GAP_BYTES / (row_bytes * BLOCK_ROWS);
    reader->slab_rows = SLAB_BYTES / row_bytes / BLOCK_ROWS * BLOCK_ROWS;
    if (reader->slab_rows < BLOCK_ROWS)
        reader->slab_rows = BLOCK_ROWS;
    if (reader->slab_rows > table->partition.row_count)
        reader->slab_rows = table->partition.block_count * BLOCK_ROWS;
    for (int64_t i = 0; !status && i < datasets; i++) {
        struct slab *slab = &reader->slab[i];
        if (slab->dataset)
            status = memory_new(&slab->memory, reader->slab_rows * slab->dataset->width, slab->item,
                                "a slab of the file");
    }
    return status;
}

status_t table_reader_open(struct table *table, struct table_reader **reader)
{
    status_t status = memory_new(reader, 1, sizeof **reader, "a reader of the input");
    if (status)
        return status;
    (*reader)->table = table;
    status = open_slabs(*reader);
    if (!status)
        status = memory_new(&(*reader)->value, table->columns * BLOCK_ROWS, sizeof *(*reader)->value,
                            "a block of rows");
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
    else
        status = h5_name_failure(table->source->path, h5_check_length(dataset->id));
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
static void take_block(const struct table_reader *reader, int64_t offset, int64_t rows, int count)
{
    const struct table *table = reader->table;
    for (int strip = 0; strip < count; strip += STRIP_ROWS) {
        int strip_rows = count - strip < STRIP_ROWS ? count - strip : STRIP_ROWS;
        for (int64_t c = 0; c < table->columns; c++) {
            const struct source_column *column = &table->source->column[table->column[c]];
            take_column(&reader->slab[column->dataset], column->index, offset + strip, rows, strip_rows,
                        reader->value + c * BLOCK_ROWS + strip);
        }
    }
}

static uint16_t *marks_of(struct table_reader *reader, int64_t local, int rows)
{
    if (reader->table->left_out)
        return reader->table->left_out + local * BLOCK_TILES;
    memset(reader->mark, 0, sizeof reader->mark);
    mark_rows(reader->mark, rows, BLOCK_ROWS);
    return reader->mark;
}

/* Local blocks [first, first + count), at most as many as a slab has rows for. Returns the rows. */
static status_t read_window(struct table_reader *reader, int64_t first, int64_t count, int64_t *rows)
{
    const struct table *table = reader->table;
    const struct partition *part = &table->partition;
    int64_t begin = first * BLOCK_ROWS;
    int64_t end =
        (first + count) * BLOCK_ROWS < part->row_count ? begin + count * BLOCK_ROWS : part->row_count;
    status_t status = STATUS_OK;
    for (int64_t i = 0; !status && i < table->source->dataset_count; i++) {
        if (reader->slab[i].dataset)
            status = read_slab(table, &reader->slab[i], part->first_row + begin, end - begin);
    }
    *rows = end - begin;
    return status;
}

/* A local block of the window of `rows` rows that begins with local block `first`. */
static status_t visit_block(struct table_reader *reader, int64_t first, int64_t rows, int64_t local,
                            table_visitor visit, void *context)
{
    const struct partition *part = &reader->table->partition;
    int64_t offset = (local - first) * BLOCK_ROWS;
    int count = (int)(rows - offset < BLOCK_ROWS ? rows - offset : BLOCK_ROWS);
    struct raw_block block = {.block = part->first_block + local,
                              .local = local,
                              .first_row = part->first_row + local * BLOCK_ROWS,
                              .rows = count,
                              .value = reader->value,
                              .left_out = marks_of(reader, local, count)};
    take_block(reader, offset, rows, count);
    return visit(context, &block);
}

status_t table_reader_walk(struct table_reader *reader, int64_t first, int64_t count, table_visitor visit,
                           void *context)
{
    struct table *table = reader->table;
    const struct partition *part = &table->partition;
    int64_t at_a_time = reader->slab_rows / BLOCK_ROWS;
    int64_t end = first + count < part->block_count ? first + count : part->block_count;
    status_t status = STATUS_OK;
    for (int64_t done = first; !status && done < end; done += at_a_time) {
        int64_t blocks = end - done < at_a_time ? end - done : at_a_time;
        int64_t rows = 0;
        status = read_window(reader, done, blocks, &rows);
        for (int64_t b = done; !status && b < done + blocks; b++)
            status = visit_block(reader, done, rows, b, visit, context);
        rows += done * BLOCK_ROWS;
        log_show_progress(table->log,
                          &(struct log_progress){.customers = rows * table->comm->size,
                                                 .fraction = (double)rows / (double)part->row_count});
    }
    return status;
}

/* How many of the next blocks are read together. */
static int64_t read_together(const struct table_reader *reader, const int64_t *local, int64_t count)
{
    int64_t together = 1;
    while (together < count && local[together] - local[together - 1] <= reader->gap_blocks + 1 &&
           (local[together] - local[0] + 1) * BLOCK_ROWS <= reader->slab_rows)
        together++;
    return together;
}

status_t table_reader_visit(struct table_reader *reader, const int64_t *local, int64_t count,
                            table_visitor visit, void *context)
{
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < count;) {
        int64_t first = local[done];
        int64_t together = read_together(reader, local + done, count - done);
        int64_t rows = 0;
        status = read_window(reader, first, local[done + together - 1] - first + 1, &rows);
        for (int64_t i = done; !status && i < done + together; i++)
            status = visit_block(reader, first, rows, local[i], visit, context);
        done += together;
    }
    return status;
}

status_t table_walk(struct table *table, table_visitor visit, void *context)
{
    struct table_reader *reader = NULL;
    status_t status = table_reader_open(table, &reader);
    if (!status)
        status = table_reader_walk(reader, 0, table->partition.block_count, visit, context);
    table_reader_close(reader);
    return comm_agree(table->comm, status);
}

/* Of chunks, as it was told to keep them (source.c), but not more than there are. */
static double library_bytes(const struct source_dataset *dataset)
{
    size_t slots = 0;
    size_t bytes = 0;
    double weight = 0.0;
    hid_t access = H5Dget_access_plist(dataset->id);
    hid_t creation = H5Dget_create_plist(dataset->id);
    bool chunked = access >= 0 && creation >= 0 && H5Pget_layout(creation) == H5D_CHUNKED &&
                   H5Pget_chunk_cache(access, &slots, &bytes, &weight) >= 0;
    h5_close(creation);
    h5_close(access);
    double all = (double)dataset->rows * (double)dataset->width * sizeof(double);
    return !chunked ? 0.0 : (double)bytes < all ? (double)bytes : all;
}

double table_reader_bytes(const struct table *table)
{
    const struct source *source = table->source;
    double row_bytes = 0.0;
    double bytes = (double)(table->columns * BLOCK_ROWS * (int64_t)sizeof(double));
    for (int64_t i = 0; i < source->dataset_count; i++) {
        bool is_used = false;
        for (int64_t c = 0; c < table->columns; c++)
            is_used = is_used || source->column[table->column[c]].dataset == i;
        bytes += is_used ? library_bytes(&source->dataset[i]) : 0.0;
        row_bytes +=
            is_used ? (double)source->dataset[i].width * (double)item_size(source->dataset[i].reading) : 0.0;
    }
    return bytes + fmax((double)SLAB_BYTES, row_bytes * BLOCK_ROWS);
}

status_t table_count(struct table *table, int64_t *customers)
{
    *customers = 0;
    for (int64_t tile = 0; tile < table->partition.block_count * BLOCK_TILES; tile++)
        *customers += TILE_ROWS - __builtin_popcount(table->left_out[tile]);
    return comm_sum_i64(table->comm, customers, 1);
}
