#include "cluster/linkage.h"

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
        return comm_agree(points->comm, linkage_check_names(merge, points->count - 1, points->count));
    if (!status)
        status = link_points(points, linkage, merge, work);
    return status ? status : journal_keep(journal, mark, step, fields, 2);
}
