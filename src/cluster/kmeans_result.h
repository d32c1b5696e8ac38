/* Room for what k-means finds, and its fields for the journal. */
#ifndef LOHKO_CLUSTER_KMEANS_RESULT_H
#define LOHKO_CLUSTER_KMEANS_RESULT_H

#include <stdint.h>

#include "cluster/kmeans.h"
#include "cluster/panel.h"
#include "core/journal.h"
#include "core/status.h"
#include "data/customers.h"

enum { KMEANS_FIELDS = 17 };

/* For k segments; result->restarts is given. Local; kmeans_free after a failure, too. */
status_t kmeans_result_open(struct kmeans_result *result, const struct customers *customers, int64_t k)
    __attribute__((warn_unused_result));

/* The segments of model `best`, as its last pass measured them. Local. */
void kmeans_result_take(struct kmeans_result *result, const struct panel *panel, int64_t best);

/* All that is alike on every rank. Local. */
void kmeans_result_fields(struct kmeans_result *result, struct journal_field field[KMEANS_FIELDS]);

/* After a recall: EXIT_BAD_DATA where they cannot be right. Local, alike on all ranks. */
status_t kmeans_result_check(const struct kmeans_result *result) __attribute__((warn_unused_result));

#endif
