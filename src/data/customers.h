/* The customers prepared for learning: this rank's rows in the layout of the kernels, block by block. As many
 * of its first blocks as may be are kept in memory; the others are read from the file again and prepared
 * anew, to the same bytes, whenever they are visited.
 *
 * A block is BLOCK_TILES tiles of TILE_ROWS customers; in a tile the features follow each other, each with
 * one float for every customer (the lanes of a vector register are customers). Customers that take no part,
 * and lanes beyond the last row, are zero and marked. Whoever learns walks the blocks and does not know where
 * they come from. */
#ifndef LOHKO_DATA_CUSTOMERS_H
#define LOHKO_DATA_CUSTOMERS_H

#include <stdint.h>

#include "core/comm.h"
#include "core/log.h"
#include "core/partition.h"
#include "core/status.h"
#include "data/prepare.h"
#include "data/table.h"
#include "kernel/tile.h"

struct customers {
    struct comm *comm;
    struct log *log;
    const struct kernels *kernels; /* that this machine computes with */
    struct partition partition;
    int64_t features;
    int64_t used;                    /* customers that take part, over all ranks */
    const uint16_t *left_out;        /* of the table; not owned */
    float *tiles;                    /* of the first `kept` blocks: each BLOCK_TILES x features x TILE_ROWS */
    int64_t kept;                    /* at most block_count */
    struct customers_window *window; /* through which the others are read; NULL: all blocks are in `tiles` */
    double *squares;      /* block_count x 2: sum of squared norms of a block as an unevaluated pair */
    double mean_variance; /* mean over features of the prepared variance */
    double track_bytes;   /* that learning may take on this rank to remember them; 0: as it likes */
};

struct block {
    int64_t block;     /* global */
    int64_t local;     /* of this rank */
    int64_t position;  /* among the chosen blocks of this rank, in their order; of all: local */
    int64_t first_row; /* global */
    int rows;
    const float *tiles;       /* BLOCK_TILES x features x TILE_ROWS, aligned to 64 bytes */
    const float *ahead;       /* those of the block that the walk visits next; NULL: none */
    const uint16_t *left_out; /* BLOCK_TILES */
    const double *squares;    /* 2 */
};

typedef void (*customers_visitor)(void *context, const struct block *block);

/* Bytes that customers_load will take on this rank where all blocks are kept. */
double customers_bytes(const struct partition *partition, int64_t features);

/* Bytes of a block that is kept. */
double customers_block_bytes(int64_t features);

/* The kernels that this machine computes with, or that LOHKO_VECTORS names: EXIT_BAD_USAGE where the machine
 * lacks those, or where LOHKO_NEAREST is no word that is known. Local. */
status_t customers_kernels(const struct kernels **kernels) __attribute__((warn_unused_result));

/* Prepares a block into its tiles, BLOCK_ROWS x preparation->count floats. Local. */
void customers_prepare(const struct preparation *preparation, const struct raw_block *block, float *tiles);

/* Reads and prepares this rank's rows, and keeps its first `keep` blocks, or all if there are no more. `used`
 * customers take part. The table and the preparation must stay until customers_free. Collective.
 * EXIT_BAD_USAGE as customers_kernels. */
status_t customers_load(struct table *table, const struct preparation *preparation, int64_t used,
                        int64_t keep, struct customers *customers) __attribute__((warn_unused_result));
void customers_free(struct customers *customers);

/* The marks of local block `local`: BLOCK_TILES. Local. */
const uint16_t *customers_marks(const struct customers *customers, int64_t local);

/* Visits this rank's blocks: all in order, or those among the `count` different global numbers in `chosen`,
 * in an order of the walk's own. Tiles are there during the visit only, and a visitor begins no other walk.
 * Local; a failure, to read the file or because it has changed, is this rank's own and must be voted on:
 * EXIT_IO_ERROR. */
status_t customers_walk(const struct customers *customers, const int64_t *chosen, int64_t count,
                        customers_visitor visit, void *context) __attribute__((warn_unused_result));

/* Visits local blocks [first, first + count), in order. Otherwise the same. */
status_t customers_walk_part(const struct customers *customers, int64_t first, int64_t count,
                             customers_visitor visit, void *context) __attribute__((warn_unused_result));

#endif
