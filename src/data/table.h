/* The customers as the input has them: chosen columns, this rank's rows, and the one walk over raw values.
 *
 * Everything that needs input units (preparation constants, profiles) walks the table; memory is a slab of
 * the file whatever n. What learning walks are the prepared customers (customers.h). */
#ifndef LOHKO_DATA_TABLE_H
#define LOHKO_DATA_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/log.h"
#include "core/partition.h"
#include "core/status.h"
#include "data/source.h"

enum { TILE_ROWS = 16, BLOCK_TILES = BLOCK_ROWS / TILE_ROWS };

struct table {
    struct comm *comm;
    struct log *log;
    struct source *source; /* not owned */
    struct partition partition;
    int64_t columns;    /* features, then columns that are only profiled */
    int64_t features;   /* how many of them are features */
    int64_t *column;    /* index into source->column of each */
    uint16_t *left_out; /* a bit per row of each of this rank's tiles: 1 where the customer takes no part;
                           rows beyond the last are marked too. NULL in a table that keeps no marks */
};

/* A block of rows in input units. */
struct raw_block {
    int64_t block;     /* global */
    int64_t local;     /* of this rank */
    int64_t first_row; /* global */
    int rows;
    const double *value; /* columns x BLOCK_ROWS; missing is NaN; rows beyond `rows` are undefined */
    uint16_t *left_out;  /* BLOCK_TILES of them; a visitor may mark rows (kept, if the table keeps marks) */
};

typedef status_t (*table_visitor)(void *context, const struct raw_block *block);

/* `features` and `profile` are indices into source->column. Collective. */
status_t table_open(struct comm *comm, struct log *log, struct source *source, const int64_t *features,
                    int64_t feature_count, const int64_t *profile, int64_t profile_count, struct table *table)
    __attribute__((warn_unused_result));
/* The same without a mark for each customer, for those who read every block once: memory does not depend on
 * n. Collective. */
status_t table_open_unmarked(struct comm *comm, struct log *log, struct source *source,
                             const int64_t *features, int64_t feature_count, struct table *table)
    __attribute__((warn_unused_result));
void table_close(struct table *table);

const char *table_name(const struct table *table, int64_t column);

static inline bool table_is_left_out(const uint16_t *left_out, int row)
{
    return left_out[row / TILE_ROWS] >> (row % TILE_ROWS) & 1;
}

/* Calls `visit` for every block of this rank, in order. Collective: the ranks agree on the outcome at the
 * end. The file is read in slabs of whole blocks, each dataset once and in order. */
status_t table_walk(struct table *table, table_visitor visit, void *context)
    __attribute__((warn_unused_result));

/* The walk in pieces: memory for a slab of the file, opened once. */
struct table_reader;

/* *reader is NULL, or for table_reader_close, whatever is returned. Local. */
status_t table_reader_open(struct table *table, struct table_reader **reader)
    __attribute__((warn_unused_result));
void table_reader_close(struct table_reader *reader);

/* Calls `visit` for this rank's local blocks [first, first + count), in order. Local: the outcome is this
 * rank's own and must be voted on. Pieces that follow each other read each dataset once and in order. */
status_t table_reader_walk(struct table_reader *reader, int64_t first, int64_t count, table_visitor visit,
                           void *context) __attribute__((warn_unused_result));

/* Calls `visit` for the `count` local blocks in `local`, rising, and reads little else: blocks that lie close
 * together in one reading. Otherwise the same, but no progress is shown. */
status_t table_reader_visit(struct table_reader *reader, const int64_t *local, int64_t count,
                            table_visitor visit, void *context) __attribute__((warn_unused_result));

/* Bytes that a reader of the table takes, with what the HDF5 library keeps for it. Local. */
double table_reader_bytes(const struct table *table);

/* Customers that take part, over all ranks; of a table that keeps marks. Collective. */
status_t table_count(struct table *table, int64_t *customers) __attribute__((warn_unused_result));

#endif
