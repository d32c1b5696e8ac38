/* What people read on the terminal: the segments, and how cuts of the tree lie in each other. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/fit.h"
#include "app/terminal.h"
#include "core/memory.h"
#include "core/plural.h"

enum {
    VERDICT_WIDTH = 32,
    TINY_PER = 200,   /* customers, for one in a segment that is said to be tiny */
    WIDEST_PATH = 12, /* letters of a way in the tree that are shown */
    MOST_LINES = 80   /* of segments of cuts */
};

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

/* ---- the segments ---- */

static void print_heading(const struct fit *fit, int path_width)
{
    char count[TERMINAL_COUNT_SIZE];
    terminal_count(fit->survey.customers, count);
    printf("\n%s customers in %" PRId64 " segment%s, by %" PRId64
           " features; the segments explain %.0f %% of the "
           "variance\n\n",
           count, fit->segments->k, plural(fit->segments->k), fit->preparation.count,
           100 * segments_explained(fit->segments));
    printf("%7s %14s %7s  %-*s  ", "segment", "customers", "share", path_width, "path");
    if (fit->config.replicates > 0)
        printf("%-*s  ", VERDICT_WIDTH, "comes out again");
    printf("what sets it apart (mean against all customers')\n");
}

/* `path`: room for the longest one; a long one is cut short. */
static void print_segment(const struct fit *fit, int64_t h, char *path, int path_width)
{
    char count[TERMINAL_COUNT_SIZE];
    terminal_count(fit->profile.size[h], count);
    segment_path(&fit->paths, h, path);
    if (strlen(path) > WIDEST_PATH)
        memcpy(path + WIDEST_PATH - 2, "..", 3);
    printf("%7" PRId64 " %14s %6.1f%%  %-*s  ", fit_number(fit->chosen, h), count,
           100 * (double)fit->profile.size[h] / (double)fit->survey.customers, path_width, path);
    if (fit->config.replicates > 0)
        printf("%.2f %-*s  ", fit->chosen->stability.mean_jaccard[h], VERDICT_WIDTH - 5, fit_verdict(fit, h));
    printf("%s\n", fit->description[h]);
}

static status_t print_segments(const struct fit *fit)
{
    char *path = NULL;
    status_t status = memory_new(&path, fit->paths.longest + 1, 1, "ways in the tree");
    if (status)
        return status;
    int64_t longest = fit->paths.longest < WIDEST_PATH ? fit->paths.longest : WIDEST_PATH;
    int path_width = longest > 4 ? (int)longest : 4;
    print_heading(fit, path_width);
    for (int64_t h = 0; h < fit->profile.k; h++)
        print_segment(fit, h, path, path_width);
    free(path);
    int64_t left_out = fit->source.rows - fit->survey.customers;
    if (left_out > 0) {
        char count[TERMINAL_COUNT_SIZE];
        terminal_count(left_out, count);
        printf("%7d %14s %7s  left out\n", -1, count, "");
    }
    if (fit->segments->k > 1)
        printf(
            "\nSegments whose paths begin alike are relatives: A is the larger side of a fork, B the "
            "other.\n");
    warn_of_tiny_segments(fit);
    return STATUS_OK;
}

/* ---- cuts of the tree ---- */

/* The cuts that a reader can take in: the coarsest ones. */
static int64_t cuts_to_show(const struct fit *fit)
{
    int64_t lines = 0;
    int64_t shown = 0;
    while (shown < fit->cuts && lines + fit->cut[shown].segments <= MOST_LINES)
        lines += fit->cut[shown++].segments;
    return shown;
}

static void print_cut_segment(const struct fit *fit, int64_t c, int64_t h, int64_t cuts)
{
    const struct fit_cut *cut = &fit->cut[c];
    char count[TERMINAL_COUNT_SIZE];
    terminal_count(cut->size[h], count);
    int64_t number = cut == fit->chosen->cut ? fit_number(fit->chosen, h) : h;
    printf("%*" PRId64 "%*s %14s %6.1f%%\n", (int)(10 * (c + 1)), number, (int)(10 * (cuts - c - 1)), "",
           count, 100 * (double)cut->size[h] / (double)fit->survey.customers);
}

/* Those segments of cut c that lie in segment `parent` of the cut before it (-1: all), each with what lies in
 * it. */
static void print_inside(const struct fit *fit, int64_t c, int64_t parent, int64_t cuts)
{
    for (int64_t h = 0; h < fit->cut[c].segments; h++) {
        if (parent >= 0 && fit_parent(&fit->cut[c], h, &fit->cut[c - 1]) != parent)
            continue;
        print_cut_segment(fit, c, h, cuts);
        if (c + 1 < cuts)
            print_inside(fit, c + 1, h, cuts);
    }
}

static void print_cuts(const struct fit *fit)
{
    int64_t cuts = cuts_to_show(fit);
    if (fit->config.levels.count == 0)
        return;
    printf("\nCuts of the tree of customers, the finer ones under the segment that they are part of.\n\n");
    for (int64_t c = 0; c < cuts; c++) {
        char title[40];
        bool is_main = fit->config.method == METHOD_HIERARCHY && fit->cut[c].segments == fit->segments->k;
        snprintf(title, sizeof title, is_main ? "segment" : "of %" PRId64, fit->cut[c].segments);
        printf("%10s", title);
    }
    printf(" %14s %7s\n", "customers", "share");
    if (cuts > 0)
        print_inside(fit, 0, -1, cuts);
    for (int64_t c = cuts; c < fit->cuts; c++) {
        if (fit->cut[c].is_level)
            printf("%10s that of %" PRId64 " is in results.h5: /hierarchy/level_%" PRId64 "\n", "",
                   fit->cut[c].segments, fit->cut[c].segments);
    }
}

static void print_tree(const struct fit *fit)
{
    char leaves[TERMINAL_COUNT_SIZE];
    terminal_count(fit->hierarchy.leaves, leaves);
    if (fit->config.leaves == 0)
        return;
    if (fit->hierarchy.every_customer)
        printf("tree of customers: exact, each of the %s customers is a leaf; %s linkage\n", leaves,
               fit_linkage_name(&fit->config));
    else
        printf("tree of customers: on %s micro-clusters of customers as leaves; %s linkage\n", leaves,
               fit_linkage_name(&fit->config));
}

/* ---- all ---- */

static void print_restarts(const struct fit *fit)
{
    const struct kmeans_result *kmeans = &fit->chosen->kmeans;
    double same = fit->selection.found_again * (double)kmeans->restarts;
    printf("%" PRId64 " of %" PRId64 " restarts came within 1 %% of the best", restarts_near_the_best(kmeans),
           kmeans->restarts);
    if (!isnan(same))
        printf(", %.0f found nearly the same segments", same);
    if (fit->previous)
        printf(" (one of them began with last year's)");
    printf("; ");
}

static void print_end(const struct fit *fit)
{
    const char *directory = fit->config.output;
    printf("\n");
    print_tree(fit);
    if (fit->config.method == METHOD_KMEANS)
        print_restarts(fit);
    printf("%.1f s, %.2f GiB a rank at most\n", log_elapsed(&fit->log), (double)fit->peak_memory / 0x1p30);
    if (fit->previous)
        printf("%s/migration.csv  who went where since last year\n", directory);
    printf(
        "%s/segments.csv   the table for people\n%s/results.h5     every customer's segment; the model; "
        "the tree\n%s/summary.json   the figures for programs\n",
        directory, directory, directory);
    fflush(stdout);
}

status_t fit_print(const struct fit *fit)
{
    if (fit->tries > 1)
        fit_print_tries(fit);
    status_t status = print_segments(fit);
    if (status)
        return status;
    fit_print_stability(fit);
    print_cuts(fit);
    if (fit->previous) {
        struct migration_report report = fit_migration_report(fit);
        status = migration_report_print(&report);
    }
    if (status)
        return status;
    print_end(fit);
    return STATUS_OK;
}
