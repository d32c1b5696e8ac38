/* migration.csv. */
#include <inttypes.h>
#include <stdio.h>

#include "app/csv.h"
#include "app/migration_report.h"
#include "app/migration_words.h"
#include "data/output.h"

/* Uncut, unlike migration_label, so that two columns never have one heading. */
static const char *full_label(const struct migration_side *side, int64_t segment,
                              char buffer[MIGRATION_LABEL_SIZE])
{
    return side->name ? side->name[segment] : migration_label(side, segment, buffer);
}

static void put_header(const struct migration *migration, FILE *file)
{
    fputs("segment,what_became_of_it,matched_with,customers_before,stayed,moved,lapsed,retention,jaccard",
          file);
    for (int64_t j = 0; j < migration->after.k; j++) {
        char label[MIGRATION_LABEL_SIZE];
        csv_heading(file, "to_", full_label(&migration->after, j, label), "");
    }
    fputc('\n', file);
}

static void put_counts(const struct migration *migration, int64_t row, FILE *file)
{
    const int64_t *count = migration->count + row * (migration->after.k + 1);
    for (int64_t j = 0; j < migration->after.k; j++)
        csv_count(file, count[j]);
    fputc('\n', file);
}

static void put_segment(const struct migration *migration, int64_t h, FILE *file)
{
    struct migration_past past = migration_past(migration, h);
    struct prose fate = {.used = 0};
    char label[MIGRATION_LABEL_SIZE];
    int32_t match = migration->match[h];
    migration_add_fate(&fate, migration, h);
    migration_add_rest(&fate, migration, h);
    csv_text(file, full_label(&migration->before, h, label));
    fputc(',', file);
    csv_text(file, fate.text);
    fputc(',', file);
    csv_text(file, match < 0 ? "" : full_label(&migration->after, match, label));
    csv_count(file, past.customers);
    csv_count(file, past.stayed);
    csv_count(file, past.moved);
    csv_count(file, past.lapsed);
    csv_ratio(file, migration->retention[h]);
    csv_ratio(file, migration->jaccard[h]);
    put_counts(migration, h, file);
}

status_t migration_report_csv(const struct migration_report *report, const char *path)
{
    const struct migration *migration = report->migration;
    FILE *file = NULL;
    status_t status = output_text_begin(path, &file);
    if (status)
        return status;
    put_header(migration, file);
    for (int64_t h = 0; h < migration->before.k; h++)
        put_segment(migration, h, file);
    fputs("new,,,0,,,,,", file);
    put_counts(migration, migration->before.k, file);
    return output_text_end(path, file);
}
