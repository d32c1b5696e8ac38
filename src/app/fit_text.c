/* What people read: segments.csv and the table on the terminal. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/fit.h"

enum { TINY_PER = 200 }; /* customers, for one in a segment that is said to be tiny */

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
    fputc('\n', file);
}

static void put_segment(const struct fit *fit, int64_t h, FILE *file)
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
    fputc('\n', file);
}

status_t fit_write_segments_csv(const struct fit *fit, const char *path)
{
    FILE *file = NULL;
    status_t status = output_text_begin(path, &file);
    if (status)
        return status;
    put_header(fit, file);
    for (int64_t h = 0; h < fit->profile.k; h++)
        put_segment(fit, h, file);
    return output_text_end(path, file);
}

/* 1234567 as "1 234 567". */
static void group_digits(int64_t value, char *text, size_t size)
{
    char plain[32];
    int length = snprintf(plain, sizeof plain, "%" PRId64, value);
    size_t at = 0;
    for (int i = 0; i < length && at + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ' ';
        text[at++] = plain[i];
    }
    text[at] = '\0';
}

static int64_t restarts_near_the_best(const struct kmeans_result *kmeans)
{
    int64_t near = 0;
    for (int64_t r = 0; r < kmeans->restarts; r++)
        near += kmeans->restart_inertia[r] <= 1.01 * kmeans->restart_inertia[kmeans->best_restart];
    return near;
}

/* A handful of extreme customers in a segment of their own is seldom what anybody wants. */
static void warn_of_tiny_segments(const struct fit *fit)
{
    int64_t tiny = 0;
    for (int64_t h = 0; h < fit->profile.k; h++)
        tiny += fit->profile.size[h] * TINY_PER < fit->survey.customers;
    if (tiny > 0)
        printf("\n%" PRId64
               " segment%s less than 1 in %d customers: extreme values set them apart.\n"
               "To compare the others, try prepare.transform (log1p) or prepare.clip.\n",
               tiny, tiny == 1 ? " holds" : "s hold", TINY_PER);
}

void fit_print_segments(const struct fit *fit)
{
    char count[40];
    group_digits(fit->survey.customers, count, sizeof count);
    printf("\n%s customers in %" PRId64 " segments, by %" PRId64
           " features; the segments explain %.0f %% of the "
           "variance\n\n",
           count, fit->kmeans.k, fit->preparation.count, 100 * kmeans_explained(&fit->kmeans));
    printf("%7s %14s %7s  %s\n", "segment", "customers", "share",
           "what sets it apart (mean against all customers')");
    for (int64_t h = 0; h < fit->profile.k; h++) {
        group_digits(fit->profile.size[h], count, sizeof count);
        printf("%7" PRId64 " %14s %6.1f%%  %s\n", h, count,
               100 * (double)fit->profile.size[h] / (double)fit->survey.customers, fit->description[h]);
    }
    int64_t left_out = fit->source.rows - fit->survey.customers;
    if (left_out > 0) {
        group_digits(left_out, count, sizeof count);
        printf("%7d %14s %7s  left out\n", -1, count, "");
    }
    warn_of_tiny_segments(fit);
    printf("\n%" PRId64 " of %" PRId64
           " restarts came within 1 %% of the best; %.1f s, %.2f GiB a rank at most\n",
           restarts_near_the_best(&fit->kmeans), fit->kmeans.restarts, log_elapsed(&fit->log),
           (double)fit->peak_memory / 0x1p30);
    printf(
        "%s/segments.csv   the table for people\n%s/results.h5     every customer's segment; the model\n"
        "%s/summary.json   the figures for programs\n",
        fit->config.output, fit->config.output, fit->config.output);
    fflush(stdout);
}
