/* Datasets of results.h5 with a row for each customer: every rank makes its rows piece by piece and rank 0
 * writes them, so that nobody holds n of anything. */
#ifndef LOHKO_DATA_RESULTS_ROWS_H
#define LOHKO_DATA_RESULTS_ROWS_H

#include <hdf5.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/partition.h"
#include "core/status.h"

struct rows_dataset {
    const char *name;
    const char *unit;
    hid_t file_type;
    hid_t memory_type;
    int64_t bytes; /* of a value in memory */
    int64_t width; /* values a row; 0: one, and the dataset has one dimension */
};

/* Fills memory[d] for each dataset with the rows of this rank's local blocks [first, first + count), at most
 * BLOCK_ROWS a block; *rows: how many they are. Local, with calls in rising order; a failure is this rank's
 * own and is voted on before anybody hands rows over. */
typedef status_t (*rows_maker)(void *context, int64_t first, int64_t count, void *const *memory,
                               int64_t *rows);

struct rows_job {
    const struct partition *partition;
    const struct rows_dataset *dataset; /* all with the same rows */
    int datasets;
    int64_t rows; /* that this rank makes in all; they follow those of the ranks before it */
    rows_maker make;
    void *context;
};

/* `file` is rank 0's. Collective. */
status_t results_write_rows(hid_t file, struct comm *comm, const struct rows_job *job)
    __attribute__((warn_unused_result));

/* Rows of the `count` > 0 local blocks from `first` on. Local. */
int64_t results_rows_of(const struct partition *partition, int64_t first, int64_t count);

#endif
