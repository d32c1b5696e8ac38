/* The report of who went where between two segmentations: for `compare`, and for a fit that knows the year
 * before. Local: rank 0. */
#ifndef LOHKO_APP_MIGRATION_REPORT_H
#define LOHKO_APP_MIGRATION_REPORT_H

#include <hdf5.h>
#include <stdint.h>

#include "assess/drift.h"
#include "assess/migration.h"
#include "core/status.h"

struct json_t;

struct migration_report {
    const struct migration *migration;
    const struct drift *drift; /* of the customers after, by the model before; NULL: it could not be asked */
    const char *before_path;
    const char *after_path;
    int64_t before_left_out; /* customers without a segment */
    int64_t after_left_out;
    const char
        *missing; /* why there is no split into customer and model change, a sentence; NULL: there is */
};

/* /migration of results.h5. */
status_t migration_report_results(const struct migration_report *report, hid_t file)
    __attribute__((warn_unused_result));

/* migration.csv. */
status_t migration_report_csv(const struct migration_report *report, const char *path)
    __attribute__((warn_unused_result));

/* The object "migration" of summary.json; NULL where memory is short. */
struct json_t *migration_report_summary(const struct migration_report *report);

/* The tables on stdout. */
status_t migration_report_print(const struct migration_report *report) __attribute__((warn_unused_result));

#endif
