#include "cluster/linkage.h"

#include <math.h>

#include "cluster/linkage_rounds.h"

static status_t link_points(struct points *points, enum linkage linkage, struct merge *merge,
                            struct linkage_work *work)
{
    switch (linkage) {
    case LINKAGE_SINGLE:
        return linkage_single(points, merge, work);
    case LINKAGE_AVERAGE:
    case LINKAGE_COMPLETE:
        return linkage_matrix(points, linkage, merge, work);
    case LINKAGE_WARD:
    default:
        return linkage_ward(points, merge, work);
    }
}

/* What was recalled. */
static status_t check(const struct merge *merge, int64_t points)
{
    bool fits = true;
    for (int64_t i = 0; i < points - 1; i++)
        fits = fits && merge[i].height >= 0.0 && isfinite(merge[i].height);
    return fits ? linkage_check_names(merge, points - 1, points) : journal_misfit("tree");
}

status_t linkage_run(struct points *points, enum linkage linkage, struct merge *merge,
                     struct linkage_work *work)
{
    static const char step[] = "tree";
    struct journal *journal = points->comm->journal;
    int64_t mark = journal_mark(journal);
    bool known = false;
    struct journal_field fields[] = {{work, sizeof *work},
                                     {merge, (points->count - 1) * (int64_t)sizeof *merge}};
    status_t status = journal_recall(journal, step, fields, 2, &known);
    if (!status && known)
        return comm_agree(points->comm, check(merge, points->count));
    if (!status)
        status = link_points(points, linkage, merge, work);
    return status ? status : journal_keep(journal, mark, step, fields, 2);
}
