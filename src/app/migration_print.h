/* Parts of the report of a migration on the terminal. Local: rank 0. */
#ifndef LOHKO_APP_MIGRATION_PRINT_H
#define LOHKO_APP_MIGRATION_PRINT_H

#include "app/migration_report.h"
#include "app/terminal.h"

/* Columns that its segments' labels take. */
int migration_label_width(const struct migration_side *side);

/* A feature's name as people read it, without underscores, cut where it is long. */
void migration_add_feature(struct prose *prose, const char *name);

/* Whether customers or the model changed. */
void migration_print_causes(const struct migration_report *report);

/* How customers differ from those before. */
status_t migration_print_drift(const struct migration_report *report) __attribute__((warn_unused_result));

#endif
