/* /assignments of results.h5: the ranks' rows, collected and written piece by piece. */
#include <stdlib.h>

#include "core/memory.h"
#include "data/h5.h"
#include "data/ids.h"
#include "data/results.h"

/* A piece of a rank: small beside a share, large for a disk. */
static const int64_t PIECE_BLOCKS = 256;
static const int64_t PIECE_ROWS = INT64_C(256) * BLOCK_ROWS;

enum { FIELDS = 4 };

struct field {
    const char *name;
    const char *unit;
    bool real; /* float, else int32 */
};

static const struct field fields[FIELDS] = {
    {"/assignments/segment", "segment number; -1: left out", false},
    {"/assignments/distance", "prepared units", true},
    {"/assignments/runner_up", "segment number; -1: none", false},
    {"/assignments/shadow", "0 at the centroid, 1 on the border", true},
};

struct collecting {
    struct comm *comm;
    const struct table *table;
    hid_t dataset[FIELDS];
    char *memory; /* FIELDS x PIECE_BLOCKS x BLOCK_ROWS x 4 bytes */
};

static void *field_memory(const struct collecting *collecting, int field)
{
    return collecting->memory + (size_t)(field * PIECE_ROWS) * sizeof(int32_t);
}

static struct assignments piece_of(const struct collecting *collecting)
{
    return (struct assignments){field_memory(collecting, 0), field_memory(collecting, 1),
                                field_memory(collecting, 2), field_memory(collecting, 3)};
}

static status_t create_fields(const struct results_file *results, struct collecting *collecting)
{
    hsize_t rows = (hsize_t)collecting->table->partition.rows;
    status_t status = STATUS_OK;
    for (int f = 0; !status && f < FIELDS; f++) {
        status =
            h5_create_dataset(results->file, fields[f].name, fields[f].real ? H5T_IEEE_F32LE : H5T_STD_I32LE,
                              1, &rows, &collecting->dataset[f]);
        if (!status)
            status = h5_write_text(collecting->dataset[f], "unit", fields[f].unit);
    }
    return status;
}

/* Rows of piece number `piece` of a rank with this partition: first (global) and how many. */
static int64_t piece_rows(const struct partition *part, int64_t piece, int64_t *first)
{
    int64_t begin = piece * PIECE_ROWS;
    int64_t left = part->row_count - begin;
    *first = part->first_row + begin;
    return left < 0 ? 0 : left < PIECE_ROWS ? left : PIECE_ROWS;
}

static status_t write_piece(const struct collecting *collecting, int64_t first, int64_t rows)
{
    status_t status = STATUS_OK;
    for (int f = 0; !status && f < FIELDS; f++)
        status = h5_write_rows(collecting->dataset[f], fields[f].real ? H5T_NATIVE_FLOAT : H5T_NATIVE_INT32,
                               first, rows, field_memory(collecting, f));
    return status;
}

/* Rank 0 writes its own piece, then receives and writes those of the others. A failed write does not stop the
 * receiving, or the senders would wait. */
static status_t gather_piece(const struct collecting *collecting, int64_t piece)
{
    struct comm *comm = collecting->comm;
    int64_t first = 0;
    int64_t rows = piece_rows(&collecting->table->partition, piece, &first);
    if (comm->rank != 0) {
        status_t status = STATUS_OK;
        for (int f = 0; !status && f < FIELDS && rows > 0; f++)
            status = comm_send(comm, 0, field_memory(collecting, f), rows * (int64_t)sizeof(int32_t));
        return status;
    }
    status_t status = write_piece(collecting, first, rows);
    for (int r = 1; r < comm->size; r++) {
        struct partition part = partition_of(collecting->table->partition.rows, r, comm->size);
        rows = piece_rows(&part, piece, &first);
        for (int f = 0; f < FIELDS && rows > 0; f++)
            status = status_first(
                status, comm_receive(comm, r, field_memory(collecting, f), rows * (int64_t)sizeof(int32_t)));
        if (!status)
            status = write_piece(collecting, first, rows);
    }
    return status;
}

static status_t collect_pieces(const struct collecting *collecting, assignments_maker make, void *context)
{
    const struct partition *part = &collecting->table->partition;
    struct assignments memory = piece_of(collecting);
    /* rank 0 has as many blocks as any */
    struct partition most = partition_of(part->rows, 0, collecting->comm->size);
    int64_t pieces = (most.block_count + PIECE_BLOCKS - 1) / PIECE_BLOCKS;
    status_t status = STATUS_OK;
    for (int64_t piece = 0; !status && piece < pieces; piece++) {
        int64_t begin = piece * PIECE_BLOCKS;
        int64_t left = part->block_count - begin;
        if (left > 0)
            make(context, begin, left < PIECE_BLOCKS ? left : PIECE_BLOCKS, &memory);
        status = comm_agree(collecting->comm, gather_piece(collecting, piece));
    }
    return status;
}

status_t results_write_assignments(struct results_file *results, struct comm *comm, const struct table *table,
                                   assignments_maker make, void *context)
{
    struct collecting collecting = {.comm = comm, .table = table};
    for (int f = 0; f < FIELDS; f++)
        collecting.dataset[f] = H5I_INVALID_HID;
    status_t status = memory_new(&collecting.memory, (int64_t)FIELDS * PIECE_ROWS, sizeof(int32_t),
                                 "a piece of the assignments");
    if (!status && comm->rank == 0)
        status = ids_copy(table->source, results->file, "/assignments/customer_id");
    if (!status && comm->rank == 0)
        status = create_fields(results, &collecting);
    status = comm_agree(comm, status);
    if (!status)
        status = collect_pieces(&collecting, make, context);
    bool closed = true;
    for (int f = 0; f < FIELDS; f++)
        closed = h5_close(collecting.dataset[f]) && closed;
    if (!closed)
        status = status_first(status, h5_failure(EXIT_IO_ERROR, "the assignments cannot be written"));
    free(collecting.memory);
    return comm_agree(comm, status);
}
