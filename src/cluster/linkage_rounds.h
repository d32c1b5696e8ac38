/* The rounds of a linkage in the journal: what an interrupted one goes on from. */
#ifndef LOHKO_CLUSTER_LINKAGE_ROUNDS_H
#define LOHKO_CLUSTER_LINKAGE_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/linkage.h"
#include "core/status.h"

struct linkage_rounds {
    struct comm *comm;
    int64_t points;
    int64_t mark;  /* in the journal, before the first round */
    int64_t kept;  /* rounds when they were last kept */
    char *entry;   /* what was recalled; NULL: nothing */
    int64_t known; /* merges of it */
    char *extra;   /* in the entry, and its bytes */
    int64_t extra_bytes;
};

/* Asks the journal for the rounds so far. Where they are known (rounds->known > 0) their merges are written
 * to `merge` as they were kept, and what they cost is in `work`: that of all ranks on the first, of the
 * others only how many rounds. The points that merges name are within range. Collective. */
status_t linkage_rounds_open(struct linkage_rounds *rounds, const struct points *points, struct merge *merge,
                             struct linkage_work *work) __attribute__((warn_unused_result));
void linkage_rounds_close(struct linkage_rounds *rounds);

/* Whether it is time to keep, after so many rounds: after each of the first, and then after each sixteenth
 * part more, so that many rounds with few merges do not cost more than they find. Local, alike on all ranks.
 */
bool linkage_rounds_are_due(const struct linkage_rounds *rounds, int64_t done);

/* Keeps all merges so far, and what else the next round needs to know, in the place of what was kept before.
 * work: this rank's. `extra` is looked at on the first rank only. Collective. */
status_t linkage_rounds_keep(struct linkage_rounds *rounds, const struct linkage_work *work,
                             struct merge *merge, int64_t merged, void *extra, int64_t extra_bytes)
    __attribute__((warn_unused_result));

/* EXIT_BAD_DATA unless each merge goes by the lowest points of clusters that there are. Local. */
status_t linkage_check_names(const struct merge *merge, int64_t merged, int64_t points)
    __attribute__((warn_unused_result));

/* Bytes that the first rank keeps, at most. Local. */
double linkage_rounds_bytes(int64_t points);

#endif
