/* Ids read in slabs of bounded size. Local. */
#ifndef LOHKO_DATA_ID_SLAB_H
#define LOHKO_DATA_ID_SLAB_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "data/source.h"

/* A slab of ids in memory: int64 for integers (unsigned ones by their bits), else text as the file has it. */
struct id_slab {
    const struct source_id *id;
    hid_t type; /* in memory; owned */
    size_t item;
    bool space_padded;
    int64_t rows; /* at a time */
    char *memory;
    hid_t space; /* of what memory holds, for reclaiming variable-length text; owned */
};

status_t id_slab_open(struct id_slab *slab, const struct source_id *id) __attribute__((warn_unused_result));
void id_slab_close(struct id_slab *slab);

/* Reads `count` ids, at most slab->rows, from row `first` on. */
status_t id_slab_read(struct id_slab *slab, int64_t first, int64_t count) __attribute__((warn_unused_result));

/* Entry i: of integers the bits; of text the characters and their number, without padding. */
uint64_t id_slab_integer(const struct id_slab *slab, int64_t i);
const char *id_slab_text(const struct id_slab *slab, int64_t i, size_t *length);

#endif
