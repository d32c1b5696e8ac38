/* Customer ids: integers or text, read in slabs. */
#ifndef LOHKO_DATA_IDS_H
#define LOHKO_DATA_IDS_H

#include <hdf5.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/status.h"
#include "data/id_entries.h"
#include "data/settings.h"
#include "data/table.h"

/* Looks for ids that occur more than once. Ids are hashed to ranks and exchanged in rounds, which take about
 * `bytes` of memory on a rank, or 64 MB where that is more, so that no rank holds more than a share. Under
 * DUPLICATES_ERROR a repeated id is EXIT_BAD_DATA naming ids and rows; under DUPLICATES_FIRST all but its
 * first row are marked in table->left_out and counted in *left_out; under DUPLICATES_ALLOW, and where row
 * numbers are the ids, nothing is done. Integers are compared exactly, text by 128-bit XXH3. Collective. */
status_t ids_check(struct table *table, enum duplicates duplicates, int64_t bytes, int64_t *left_out)
    __attribute__((warn_unused_result));

/* Bytes that ids_check takes on a rank at least. Local. */
double ids_check_bytes(const struct table *table);

/* EXIT_BAD_DATA naming ids that are repeated among the rows that take part, and `advice`. Collective. */
status_t ids_refuse_repeats(struct comm *comm, const char *path, const char *advice,
                            const struct id_rows *rows) __attribute__((warn_unused_result));

/* *same: both lists have the same ids in the same rows. Integers are compared as numbers whatever their type,
 * text as in ids_check, and row numbers are integers. Collective. */
status_t ids_same(struct comm *comm, const struct id_rows *a, const struct id_rows *b, bool *same)
    __attribute__((warn_unused_result));

/* Copies all ids into a new dataset of `output`, with the type that they have in the input; row numbers
 * (int64) where the input has no ids. In slabs. Local: rank 0. */
status_t ids_copy(const struct source *source, hid_t output, const char *name)
    __attribute__((warn_unused_result));

#endif
