#include "cluster/linkage.h"

status_t linkage_run(struct points *points, enum linkage linkage, struct merge *merge,
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
