#include "data/results_rows.h"

#include <stdlib.h>

#include "core/memory.h"
#include "data/h5.h"

/* A piece of a rank: small beside a share, large for a disk. */
static const int64_t PIECE_BYTES = 4 << 20;

struct collecting {
    const struct rows_job *job;
    struct comm *comm;
    int64_t piece_blocks;
    void **memory;    /* of a piece, for each dataset */
    int64_t *next;    /* rank 0: of every rank, its next row in the file */
    hid_t *dataset;   /* rank 0 */
    int64_t all_rows; /* rank 0 */
};

static int64_t row_bytes(const struct rows_dataset *dataset)
{
    return dataset->bytes * (dataset->width > 0 ? dataset->width : 1);
}

static status_t open_memory(struct collecting *collecting)
{
    const struct rows_job *job = collecting->job;
    int64_t block_bytes = 0;
    for (int d = 0; d < job->datasets; d++)
        block_bytes += BLOCK_ROWS * row_bytes(&job->dataset[d]);
    collecting->piece_blocks = block_bytes > 0 && block_bytes < PIECE_BYTES ? PIECE_BYTES / block_bytes : 1;
    status_t status = memory_new(&collecting->memory, job->datasets, sizeof *collecting->memory, "datasets");
    if (!status)
        status = memory_new(&collecting->dataset, job->datasets, sizeof *collecting->dataset, "datasets");
    for (int d = 0; !status && d < job->datasets; d++) {
        collecting->dataset[d] = H5I_INVALID_HID;
        status = memory_new(&collecting->memory[d], collecting->piece_blocks * BLOCK_ROWS,
                            (size_t)row_bytes(&job->dataset[d]), "a piece of the results");
    }
    return status;
}

static status_t create_datasets(struct collecting *collecting, hid_t file)
{
    status_t status = STATUS_OK;
    for (int d = 0; !status && d < collecting->job->datasets; d++) {
        const struct rows_dataset *wanted = &collecting->job->dataset[d];
        hsize_t dimensions[2] = {(hsize_t)collecting->all_rows, (hsize_t)wanted->width};
        status = h5_create_dataset(file, wanted->name, wanted->file_type, wanted->width > 0 ? 2 : 1,
                                   dimensions, &collecting->dataset[d]);
        if (!status)
            status = h5_write_text(collecting->dataset[d], "unit", wanted->unit);
    }
    return status;
}

/* Where every rank's rows begin: `next` holds how many they are, and then the sums of those before. */
static status_t place_rows(struct collecting *collecting)
{
    void *counts = NULL;
    int64_t bytes = 0;
    status_t status = comm_gather_all(collecting->comm, &collecting->job->rows,
                                      (int64_t)sizeof collecting->job->rows, &counts, &bytes);
    collecting->next = counts;
    for (int r = 0; !status && r < collecting->comm->size; r++) {
        int64_t rows = collecting->next[r];
        collecting->next[r] = collecting->all_rows;
        collecting->all_rows += rows;
    }
    return status;
}

static status_t write_piece(struct collecting *collecting, int rank, int64_t rows)
{
    const struct rows_job *job = collecting->job;
    status_t status = STATUS_OK;
    for (int d = 0; !status && d < job->datasets; d++)
        status = h5_write_rows(collecting->dataset[d], job->dataset[d].memory_type, collecting->next[rank],
                               rows, collecting->memory[d]);
    collecting->next[rank] += rows;
    return status;
}

static status_t send_piece(const struct collecting *collecting, int64_t rows)
{
    const struct rows_job *job = collecting->job;
    status_t status = comm_send(collecting->comm, 0, &rows, (int64_t)sizeof rows);
    for (int d = 0; !status && d < job->datasets && rows > 0; d++)
        status = comm_send(collecting->comm, 0, collecting->memory[d], rows * row_bytes(&job->dataset[d]));
    return status;
}

/* Rank 0 writes its own piece, then receives and writes those of the others. A failed write does not stop the
 * receiving, or the senders would wait. */
static status_t gather_piece(struct collecting *collecting, int64_t rows)
{
    const struct rows_job *job = collecting->job;
    if (collecting->comm->rank != 0)
        return send_piece(collecting, rows);
    status_t status = write_piece(collecting, 0, rows);
    for (int r = 1; r < collecting->comm->size; r++) {
        rows = 0;
        status = status_first(status, comm_receive(collecting->comm, r, &rows, (int64_t)sizeof rows));
        for (int d = 0; d < job->datasets && rows > 0; d++)
            status = status_first(status, comm_receive(collecting->comm, r, collecting->memory[d],
                                                       rows * row_bytes(&job->dataset[d])));
        if (!status)
            status = write_piece(collecting, r, rows);
    }
    return status;
}

static status_t collect_pieces(struct collecting *collecting)
{
    const struct rows_job *job = collecting->job;
    /* rank 0 has as many blocks as any */
    struct partition most = partition_of(job->partition->rows, 0, collecting->comm->size);
    status_t status = STATUS_OK;
    for (int64_t begin = 0; !status && begin < most.block_count; begin += collecting->piece_blocks) {
        int64_t left = job->partition->block_count - begin;
        int64_t blocks = left < collecting->piece_blocks ? left : collecting->piece_blocks;
        int64_t rows = 0;
        if (blocks > 0)
            status = job->make(job->context, begin, blocks, collecting->memory, &rows);
        status = comm_agree(collecting->comm, status);
        if (!status)
            status = comm_agree(collecting->comm, gather_piece(collecting, rows));
    }
    return status;
}

status_t results_write_rows(hid_t file, struct comm *comm, const struct rows_job *job)
{
    struct collecting collecting = {.job = job, .comm = comm};
    status_t status = comm_agree(comm, open_memory(&collecting));
    if (!status)
        status = place_rows(&collecting);
    if (!status)
        status = comm_agree(comm, comm->rank == 0 ? create_datasets(&collecting, file) : STATUS_OK);
    if (!status)
        status = collect_pieces(&collecting);
    bool closed = true;
    for (int d = 0; collecting.dataset && d < job->datasets; d++)
        closed = h5_close(collecting.dataset[d]) && closed;
    if (!closed)
        status = status_first(status, h5_write_failure(file, "a dataset of rows"));
    for (int d = 0; collecting.memory && d < job->datasets; d++)
        free(collecting.memory[d]);
    free(collecting.memory);
    free(collecting.dataset);
    free(collecting.next);
    return comm_agree(comm, status);
}

int64_t results_rows_of(const struct partition *partition, int64_t first, int64_t count)
{
    int64_t last = partition->first_block + first + count - 1;
    return (count - 1) * BLOCK_ROWS + partition_block_rows(partition, last);
}
