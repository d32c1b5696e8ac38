/* Some rows of the table, spread evenly over it: from them the places of order statistics can be guessed, and
 * no result depends on which they are, unless they are drawn evenly. Each rank has those of its own rows. */
#ifndef LOHKO_DATA_PILOT_H
#define LOHKO_DATA_PILOT_H

#include <stdint.h>

#include "core/status.h"
#include "data/table.h"

/* Of this rank, about. */
enum { PILOT_VALUES = 1 << 20 };

struct pilot {
    int64_t stride; /* one row in so many is taken */
    int64_t columns;
    int64_t count;
    int64_t *row;  /* of this rank */
    double *value; /* count x columns; NaN for missing */
};

/* Memory for the rows that pilot_take will take, at most 8 MB and a row. Local. */
status_t pilot_open(struct pilot *pilot, const struct table *table) __attribute__((warn_unused_result));
/* Memory for at most `most` rows over all ranks, the same ones on any number of ranks, of the table's
 * features. Local. */
status_t pilot_open_evenly(struct pilot *pilot, const struct table *table, int64_t most)
    __attribute__((warn_unused_result));
void pilot_close(struct pilot *pilot);

/* Takes the rows of a block that are due. Blocks come in order. Local. */
void pilot_take(struct pilot *pilot, const struct raw_block *block);

#endif
