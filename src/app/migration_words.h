/* What the parts of the report of a migration have in common: figures of a segment, and what became of it in
 * words. Local. */
#ifndef LOHKO_APP_MIGRATION_WORDS_H
#define LOHKO_APP_MIGRATION_WORDS_H

#include <stdint.h>

#include "app/terminal.h"
#include "assess/migration.h"

/* Of a segment before. */
struct migration_past {
    int64_t customers; /* stayed + moved + lapsed */
    int64_t stayed;    /* in the segment that it is matched with */
    int64_t moved;
    int64_t lapsed;
};

struct migration_past migration_past(const struct migration *migration, int64_t segment);

/* Of a segment after. */
struct migration_present {
    int64_t customers;
    int64_t fresh;
    int64_t source; /* the segment before that gives it most customers; -1: none */
    int64_t given;  /* so many */
};

struct migration_present migration_present(const struct migration *migration, int64_t segment);

/* "survives as 3", "split into 1 and 4 (by likeness)", "absorbed by 2", "disappears". */
void migration_add_fate(struct prose *prose, const struct migration *migration, int64_t segment);

/* "; what is left of it is 5" of one that is matched with another than it lives on in; else nothing. */
void migration_add_rest(struct prose *prose, const struct migration *migration, int64_t segment);

#endif
