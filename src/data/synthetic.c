#include "data/synthetic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/partition.h"
#include "data/synthetic_file.h"

/* Rows are made and written in slabs: so many, or what fits into so many bytes, but at least one block. */
enum { SLAB_ROWS = 64 * BLOCK_ROWS, SLAB_BYTES = 32 << 20 };
/* Identifiers rise by 7 from FIRST_ID: whoever takes them for row numbers is found out. */
enum { FIRST_ID = 100000, ID_STEP = 7 };

/* One run's file and buffers. */
struct writer {
    const struct synthetic_settings *settings;
    struct synthetic_model model;
    const char *partial;
    int descriptor; /* of partial; -1: not open */
    struct synthetic_layout layout;
    size_t value_size;
    size_t id_size;
    int64_t slab_rows;
    double *row;      /* one customer */
    char *values;     /* slab_rows x features of value_size */
    char *id;         /* slab_rows of id_size */
    int32_t *segment; /* slab_rows */
    int64_t *size;    /* segments: customers of this rank, then of all */
};

static status_t open_buffers(struct writer *writer)
{
    const struct synthetic_settings *settings = writer->settings;
    writer->value_size = synthetic_value_size(settings);
    writer->id_size = synthetic_id_size(settings);
    size_t row_size = (size_t)settings->features * writer->value_size;
    int64_t rows = SLAB_BYTES / (int64_t)row_size;
    rows = rows < BLOCK_ROWS ? BLOCK_ROWS : rows > SLAB_ROWS ? SLAB_ROWS : rows;
    writer->slab_rows = rows < settings->customers ? rows : settings->customers;
    status_t status = synthetic_model_new(settings, &writer->model);
    if (!status)
        status = memory_new(&writer->row, settings->features, sizeof(double), "a customer");
    if (!status)
        status = memory_new(&writer->values, writer->slab_rows, row_size, "customers");
    if (!status)
        status = memory_new(&writer->id, writer->slab_rows, writer->id_size, "identifiers");
    if (!status)
        status = memory_new(&writer->segment, writer->slab_rows, sizeof(int32_t), "segments");
    if (!status)
        status = memory_new(&writer->size, settings->segments, sizeof(int64_t), "segment sizes");
    return status;
}

static void close_buffers(struct writer *writer)
{
    synthetic_model_free(&writer->model);
    free(writer->row);
    free(writer->values);
    free(writer->id);
    free(writer->segment);
    free(writer->size);
}

static void store_values(struct writer *writer, int64_t at)
{
    int64_t count = writer->settings->features;
    if (writer->settings->type == SYNTHETIC_FLOAT64) {
        memcpy((double *)(void *)writer->values + at * count, writer->row, (size_t)count * sizeof(double));
        return;
    }
    float *values = (float *)(void *)writer->values + at * count;
    for (int64_t j = 0; j < count; j++)
        values[j] = (float)writer->row[j];
}

static void store_id(struct writer *writer, int64_t row, int64_t at)
{
    if (writer->settings->id == SYNTHETIC_ID_INTEGER)
        ((int64_t *)(void *)writer->id)[at] = FIRST_ID + ID_STEP * row;
    if (writer->settings->id != SYNTHETIC_ID_TEXT)
        return;
    char *text = writer->id + (size_t)at * writer->id_size;
    int64_t number = row + 1;
    text[0] = 'C';
    for (size_t i = writer->id_size - 1; i > 0; i--) {
        text[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* Items [first, first + count) of a dataset; without identifiers theirs have no size. */
static status_t write_items(const struct writer *writer, enum synthetic_dataset dataset, int64_t first,
                            int64_t count, size_t size, const void *items)
{
    int64_t at = writer->layout.offset[dataset] + first * (int64_t)size;
    return synthetic_file_write(writer->descriptor, writer->partial, at, items, (size_t)count * size);
}

static status_t write_slab(struct writer *writer, int64_t first, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        writer->segment[i] = synthetic_customer(&writer->model, first + i, writer->row);
        writer->size[writer->segment[i]]++;
        store_values(writer, i);
        store_id(writer, first + i, i);
    }
    const size_t row_size = (size_t)writer->settings->features * writer->value_size;
    status_t status = write_items(writer, SYNTHETIC_FEATURES_DATASET, first, count, row_size, writer->values);
    if (!status)
        status = write_items(writer, SYNTHETIC_IDS_DATASET, first, count, writer->id_size, writer->id);
    if (!status)
        status = write_items(writer, SYNTHETIC_TRUTH_DATASET, first, count, sizeof(int32_t), writer->segment);
    return status;
}

/* Slab by slab, the ranks in step, so that a full disk stops all of them at once. Rank 0 has most rows. */
static status_t write_rows(struct writer *writer, struct comm *comm, struct log *log)
{
    int64_t customers = writer->settings->customers;
    struct partition part = partition_of(customers, comm->rank, comm->size);
    int64_t most = partition_of(customers, 0, comm->size).row_count;
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < most; done += writer->slab_rows) {
        int64_t left = part.row_count > done ? part.row_count - done : 0;
        status = comm_agree(comm, write_slab(writer, part.first_row + done,
                                             left < writer->slab_rows ? left : writer->slab_rows));
        int64_t mine = done + writer->slab_rows < most ? done + writer->slab_rows : most;
        double fraction = (double)mine / (double)most;
        int64_t seen = (int64_t)(fraction * (double)customers);
        log_show_progress(log, &(struct log_progress){.fraction = fraction, .customers = seen});
    }
    if (!status)
        status = comm_sum_i64(comm, writer->size, writer->settings->segments);
    if (!status && comm->rank == 0)
        status = write_items(writer, SYNTHETIC_SIZES_DATASET, 0, writer->settings->segments, sizeof(int64_t),
                             writer->size);
    return comm_agree(comm, status);
}

/* Rank 0 makes the file, all write their rows. */
static status_t write_file(struct writer *writer, struct comm *comm, struct log *log, const char *path,
                           const char *generator, bool *created)
{
    status_t status = STATUS_OK;
    if (comm->rank == 0)
        status = synthetic_file_make(path, writer->partial, writer->settings, &writer->model, generator,
                                     &writer->layout, created);
    status = comm_agree(comm, status);
    if (status)
        return status;
    log_phase_begin(log, "generate");
    status = comm_broadcast(comm, &writer->layout, sizeof writer->layout);
    if (!status)
        status = comm_agree(comm, synthetic_file_open(writer->partial, &writer->descriptor));
    if (!status)
        status = write_rows(writer, comm, log);
    status_t closed = synthetic_file_close(writer->descriptor, writer->partial);
    status = comm_agree(comm, status_first(status, closed));
    log_phase_end(log);
    return status;
}

static status_t publish(const char *partial, const char *path)
{
    if (rename(partial, path) == 0)
        return STATUS_OK;
    return status_new(EXIT_IO_ERROR, "%s: cannot be renamed to %s: %s", partial, path, strerror(errno));
}

status_t synthetic_write(struct comm *comm, struct log *log, const struct synthetic_settings *settings,
                         const char *path, const char *generator)
{
    struct writer writer = {.settings = settings, .descriptor = -1};
    char *partial = NULL;
    bool created = false;
    status_t status = open_buffers(&writer);
    if (!status && asprintf(&partial, "%s.partial", path) < 0) {
        partial = NULL;
        status = status_new(EXIT_NO_MEMORY, "not enough memory for a file name");
    }
    writer.partial = partial;
    status = comm_agree(comm, status);
    if (!status)
        status = write_file(&writer, comm, log, path, generator, &created);
    comm->stop = NULL; /* from here on the job ends */
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? publish(partial, path) : STATUS_OK);
    if (status && created && unlink(partial) != 0)
        log_warning(log, "%s: cannot be removed: %s", partial, strerror(errno));
    close_buffers(&writer);
    free(partial);
    return status;
}
