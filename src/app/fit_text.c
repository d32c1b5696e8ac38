/* segments.csv. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/csv.h"
#include "app/fit.h"
#include "core/memory.h"

static void put_header(const struct fit *fit, FILE *file)
{
    const struct table *table = &fit->table;
    fputs("segment,size,share,what_sets_it_apart", file);
    for (int64_t c = 0; c < table->features; c++)
        csv_heading(file, "", table_name(table, c), "");
    for (int64_t c = table->features; c < table->columns; c++) {
        csv_heading(file, "", table_name(table, c), "_mean");
        csv_heading(file, "", table_name(table, c), "_total");
        csv_heading(file, "", table_name(table, c), "_share_of_total");
    }
    for (int64_t c = 0; c < table->features; c++)
        csv_heading(file, "", table_name(table, c), "_median");
    for (int64_t c = 0; c < table->features; c++)
        csv_heading(file, "", table_name(table, c), "_times_average");
    for (int64_t c = 0; c < table->features; c++)
        csv_heading(file, "", table_name(table, c), "_deviations_from_average");
    fputs(",tree_path,stability,verdict,silhouette\n", file);
}

/* `path`: room for the longest one. */
static void put_segment(const struct fit *fit, int64_t h, char *path, FILE *file)
{
    const struct table *table = &fit->table;
    const struct profile *profile = &fit->profile;
    const double *mean = profile->mean + h * profile->columns;
    fprintf(file, "%" PRId64 ",%" PRId64 ",%.4f,", fit_number(fit->chosen, h), profile->size[h],
            (double)profile->size[h] / (double)profile->customers);
    csv_text(file, fit->description[h]);
    for (int64_t c = 0; c < table->features; c++)
        csv_number(file, mean[c]);
    for (int64_t c = table->features; c < table->columns; c++) {
        double total = profile->total[h * profile->columns + c];
        csv_number(file, mean[c]);
        csv_number(file, total);
        csv_ratio(file, profile->all_total[c] != 0 ? total / profile->all_total[c] : (double)NAN);
    }
    for (int64_t c = 0; c < table->features; c++)
        csv_number(file, profile->median[h * profile->columns + c]);
    for (int64_t c = 0; c < table->features; c++)
        csv_ratio(file, profile_lift(profile, h, c));
    for (int64_t c = 0; c < table->features; c++)
        csv_ratio(file, profile_effect(profile, h, c));
    segment_path(&fit->paths, h, path);
    const char *verdict = fit_verdict(fit, h);
    fprintf(file, ",%s", path);
    csv_ratio(file, fit->chosen->stability.mean_jaccard[h]);
    fputc(',', file);
    csv_text(file, verdict ? verdict : "");
    csv_ratio(file, fit->chosen->indices.segment_silhouette[h]);
    fputc('\n', file);
}

status_t fit_write_segments_csv(const struct fit *fit, const char *path)
{
    FILE *file = NULL;
    char *way = NULL;
    status_t status = memory_new(&way, fit->paths.longest + 1, 1, "ways in the tree");
    if (!status)
        status = output_text_begin(path, &file);
    if (!status) {
        put_header(fit, file);
        for (int64_t h = 0; h < fit->profile.k; h++)
            put_segment(fit, h, way, file);
        status = output_text_end(path, file);
    }
    free(way);
    return status;
}
