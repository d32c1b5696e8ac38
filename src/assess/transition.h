/* What became of segments: the transitions of MONIC (Spiliopoulou, Ntoutsi, Theodoridis and Schult, KDD
 * 2006), adapted in three ways. A split is looked for before a survival, so that a segment of which a large
 * part went elsewhere is said to have split even where most of it stayed together. Of several segments that
 * live on in one, the one that is matched with it survives, so that it is called what it was. And where
 * customers move much between segments that are themselves still there, the customers of now who are like a
 * segment's are asked instead of those it had: those whom the model before puts into it. Local. */
#ifndef LOHKO_ASSESS_TRANSITION_H
#define LOHKO_ASSESS_TRANSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "assess/agreement.h"
#include "assess/migration.h"
#include "core/status.h"

/* What is known; rows are segments before, columns segments after. */
struct transition_facts {
    const struct contingency *shared; /* customers of both times, by where they were */
    const struct contingency
        *likeness;        /* customers after, by where the model before puts them; NULL: not known */
    const int64_t *size;  /* rows: customers before; with `likeness` */
    const int32_t *match; /* rows: the segment after that each is matched with, one to one; -1 none */
};

/* What is found, in arrays of the caller. */
struct transitions {
    enum transition *fate;   /* rows: survives, split, absorbed or disappears */
    int32_t *heir;           /* rows: the segment after in which it survives or is absorbed; else -1 */
    bool *by_likeness;       /* rows: the customers who are like its own were asked */
    bool *split_into;        /* rows x columns, zeroed by the caller: the parts of one that split */
    enum transition *origin; /* columns: continues or emerges */
};

/* The shared customers of a segment before are asked where they are now. It
 * - splits into its parts, if it has two or more: segments after that each take at least
 *   MIGRATION_SPLIT_OVERLAP of them (together at least half) and get at least that share of their own shared
 *   customers from it, since nothing splits where customers move to a large neighbour;
 * - else lives on in the one that takes most, if that is at least MIGRATION_OVERLAP; its match in a tie;
 * - else scatters, as does one without shared customers.
 * The customers who are like its own, whom the model before puts into it, answer by the same bounds. Their
 * answer counts instead if the first was not that it lives on in its match; if
 * - they say that it does, or it scatters and they say where it lives on or what it splits into; and if
 * - it has shared customers, and those who are like them are at least MIGRATION_SPLIT_OVERLAP of as many as
 *   the share that it had of all customers before would be now.
 *
 * One that lives on survives if it is matched with the segment where it does, or if neither is matched with
 * any and it gives most, and at least MIGRATION_OVERLAP, of that one's customers (the first of those who give
 * as many); otherwise it is absorbed. One that scatters disappears. A segment after continues if one before
 * is matched with it, lives on in it or has it as a part; else it emerges. So what is absorbed, split or
 * disappears may have a match where it does not live on: what is left of it. Rows and columns may be 0. */
status_t transition_find(const struct transition_facts *facts, struct transitions *found)
    __attribute__((warn_unused_result));

#endif
