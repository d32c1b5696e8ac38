/* segments.csv. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/fit.h"
#include "core/memory.h"

/* A field of a CSV file (RFC 4180): quoted where it must be. */
static void put_field(FILE *file, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (const char *at = text; *at; at++) {
        if (*at == '"')
            fputc('"', file);
        fputc(*at, file);
    }
    fputc('"', file);
}

static void put_heading(FILE *file, const char *name, const char *suffix)
{
    char heading[512];
    snprintf(heading, sizeof heading, "%s%s", name, suffix);
    fputc(',', file);
    put_field(file, heading);
}

/* Missing and undefined figures are empty fields. */
static void put_number(FILE *file, double value)
{
    fputc(',', file);
    if (isfinite(value))
        fprintf(file, "%.6g", value);
}

/* Shares and multiples need no more than four places. */
static void put_ratio(FILE *file, double value)
{
    fputc(',', file);
    if (isfinite(value))
        fprintf(file, "%.4f", value);
}

static void put_header(const struct fit *fit, FILE *file)
{
    const struct table *table = &fit->table;
    fputs("segment,size,share,what_sets_it_apart", file);
    for (int64_t c = 0; c < table->features; c++)
        put_heading(file, table_name(table, c), "");
    for (int64_t c = table->features; c < table->columns; c++) {
        put_heading(file, table_name(table, c), "_mean");
        put_heading(file, table_name(table, c), "_total");
        put_heading(file, table_name(table, c), "_share_of_total");
    }
    for (int64_t c = 0; c < table->features; c++)
        put_heading(file, table_name(table, c), "_median");
    for (int64_t c = 0; c < table->features; c++)
        put_heading(file, table_name(table, c), "_times_average");
    for (int64_t c = 0; c < table->features; c++)
        put_heading(file, table_name(table, c), "_deviations_from_average");
    fputs(",tree_path,stability,verdict,silhouette\n", file);
}

/* `path`: room for the longest one. */
static void put_segment(const struct fit *fit, int64_t h, char *path, FILE *file)
{
    const struct table *table = &fit->table;
    const struct profile *profile = &fit->profile;
    const double *mean = profile->mean + h * profile->columns;
    fprintf(file, "%" PRId64 ",%" PRId64 ",%.4f,", h, profile->size[h],
            (double)profile->size[h] / (double)profile->customers);
    put_field(file, fit->description[h]);
    for (int64_t c = 0; c < table->features; c++)
        put_number(file, mean[c]);
    for (int64_t c = table->features; c < table->columns; c++) {
        double total = profile->total[h * profile->columns + c];
        put_number(file, mean[c]);
        put_number(file, total);
        put_ratio(file, profile->all_total[c] != 0 ? total / profile->all_total[c] : (double)NAN);
    }
    for (int64_t c = 0; c < table->features; c++)
        put_number(file, profile->median[h * profile->columns + c]);
    for (int64_t c = 0; c < table->features; c++)
        put_ratio(file, profile_lift(profile, h, c));
    for (int64_t c = 0; c < table->features; c++)
        put_ratio(file, profile_effect(profile, h, c));
    segment_path(&fit->paths, h, path);
    const char *verdict = fit_verdict(fit, h);
    fprintf(file, ",%s", path);
    put_ratio(file, fit->chosen->stability.mean_jaccard[h]);
    fputc(',', file);
    put_field(file, verdict ? verdict : "");
    put_ratio(file, fit->chosen->indices.segment_silhouette[h]);
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
