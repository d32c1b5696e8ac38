/* One rank's part of a pass (panel.h): blocks, tiles, labels, sums. Local. */
#ifndef LOHKO_CLUSTER_PANEL_PASS_H
#define LOHKO_CLUSTER_PANEL_PASS_H

#include "cluster/panel.h"

/* All learning models over this rank's members. */
status_t panel_pass_members(struct panel *panel) __attribute__((warn_unused_result));

#endif
