/* Who went where, on the terminal, for people who will read it for a minute. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/migration_print.h"
#include "app/migration_report.h"
#include "app/migration_words.h"
#include "assess/describe.h"
#include "core/plural.h"

enum {
    MOST_ROWS = 24,     /* segments before in the table */
    MOST_EMERGING = 10, /* segments that are told */
    MOST_PLACES = 5,    /* disagreements of the two matchings */
    SAID_FEATURES = 2,  /* of a segment, that drifted */
    LEAST_LABEL = 7,    /* columns */
    MOST_LABEL = 20,
    MOST_MATRIX = 12, /* segments on a side */
    LEAST_CELL = 5,
    FEATURE_LETTERS = 36
};

static const double SAID_DRIFT = 0.25; /* deviations */

int migration_label_width(const struct migration_side *side)
{
    int width = LEAST_LABEL;
    for (int64_t h = 0; h < side->k; h++) {
        char label[MIGRATION_LABEL_SIZE];
        int letters = terminal_letters(migration_label(side, h, label));
        width = letters > width ? letters : width;
    }
    return width < MOST_LABEL ? width : MOST_LABEL;
}

void migration_add_feature(struct prose *prose, const char *name)
{
    int letters = 0;
    bool is_cut = terminal_letters(name) > FEATURE_LETTERS;
    int kept = is_cut ? FEATURE_LETTERS - 2 : FEATURE_LETTERS;
    for (const char *at = name; *at && letters < kept; at++) {
        prose_add(prose, "%c", *at == '_' ? ' ' : *at);
        letters += ((unsigned char)at[1] & 0xc0) != 0x80;
    }
    if (is_cut)
        prose_add(prose, "..");
}

/* ---- totals ---- */

static void print_title(const struct migration_report *report)
{
    struct prose prose = {.used = 0};
    if (report->migration->same_numbers)
        prose_add(&prose, "Since last year (%s)", report->before_path);
    else
        prose_add(&prose, "From %s to %s", report->before_path, report->after_path);
    putchar('\n');
    prose_print(&prose, 0);
}

static void print_totals(const struct migration_report *report)
{
    const struct migration *migration = report->migration;
    char count[5][TERMINAL_COUNT_SIZE];
    struct prose prose = {.used = 0};
    prose_add(&prose, "%s customers before, %s after: %s are in both, %s are new, %s lapsed.",
              terminal_count(migration->shared + migration->lapsed, count[0]),
              terminal_count(migration->shared + migration->fresh, count[1]),
              terminal_count(migration->shared, count[2]), terminal_count(migration->fresh, count[3]),
              terminal_count(migration->lapsed, count[4]));
    if (migration->shared > 0)
        prose_add(&prose,
                  " %.1f %% of those in both stayed in their segment (adjusted Rand index %.2f; 1: the same "
                  "segments, 0: no more alike than by chance).",
                  100 * (double)migration->kept / (double)migration->shared, migration->adjusted_rand);
    else
        prose_add(&prose, " Nobody is in both, so nothing can be said of who went where.");
    if (report->before_left_out > 0 || report->after_left_out > 0)
        prose_add(&prose, " Left out, because they had no segment: %s before, %s after.",
                  terminal_count(report->before_left_out, count[0]),
                  terminal_count(report->after_left_out, count[1]));
    putchar('\n');
    prose_print(&prose, 0);
}

/* ---- segments before ---- */

/* The features that drifted most, of those from SAID_DRIFT on. */
static int pick_features(const struct migration *migration, int64_t h, int64_t feature[SAID_FEATURES])
{
    const double *drift = migration->drift_deviations + h * migration->places.features;
    int count = 0;
    for (int64_t f = 0; f < migration->places.features; f++) {
        if (!(fabs(drift[f]) >= SAID_DRIFT))
            continue;
        int place = count < SAID_FEATURES ? count++ : SAID_FEATURES;
        for (; place > 0 && fabs(drift[f]) > fabs(drift[feature[place - 1]]); place--) {
            if (place < SAID_FEATURES)
                feature[place] = feature[place - 1];
        }
        if (place < SAID_FEATURES)
            feature[place] = f;
    }
    return count;
}

static void add_drift(struct prose *prose, const struct migration *migration, int64_t h)
{
    const struct migration_places *places = &migration->places;
    int64_t feature[SAID_FEATURES];
    int count = migration->drift ? pick_features(migration, h, feature) : 0;
    if (migration->before.k > MOST_MATRIX && count > 1)
        count = 1; /* a long table has one line a segment */
    for (int i = 0; i < count; i++) {
        int64_t at = h * places->features + feature[i];
        char was[32];
        char is[32];
        describe_number(places->before_mean[at], was, sizeof was);
        describe_number(places->before_mean[at] + migration->drift[at], is, sizeof is);
        prose_add(prose, i == 0 ? ": " : ", ");
        migration_add_feature(prose, places->name[feature[i]]);
        prose_add(prose, " %s to %s (%+.2f sd)", was, is, migration->drift_deviations[at]);
    }
}

static void add_end(struct prose *prose, const struct migration *migration, int64_t h)
{
    const int64_t *count = migration->count + h * (migration->after.k + 1);
    int64_t shared = 0;
    int64_t best = 0;
    for (int64_t j = 0; j < migration->after.k; j++) {
        shared += count[j];
        best = count[j] > count[best] ? j : best;
    }
    char label[MIGRATION_LABEL_SIZE];
    if (shared == 0)
        prose_add(prose, ": none of its customers is left");
    else
        prose_add(prose, ": its customers scatter, %.0f %% at most to one (%s)",
                  100 * (double)count[best] / (double)shared,
                  migration_label(&migration->after, best, label));
}

static void print_percent(int width, double share)
{
    if (isnan(share))
        printf(" %*s", width, "-");
    else
        printf(" %*.1f%%", width - 1, 100 * share);
}

static void print_row(const struct migration *migration, int64_t h, int label_width)
{
    struct migration_past past = migration_past(migration, h);
    struct prose prose = {.used = 0};
    char label[MIGRATION_LABEL_SIZE];
    char count[TERMINAL_COUNT_SIZE];
    double customers = (double)past.customers;
    terminal_cell(migration_label(&migration->before, h, label), label_width, TERMINAL_RIGHT);
    printf(" %11s", terminal_count(past.customers, count));
    print_percent(6, (double)past.stayed / customers);
    print_percent(6, (double)past.moved / customers);
    print_percent(6, (double)past.lapsed / customers);
    printf(" %7.2f  ", migration->jaccard[h]);
    migration_add_fate(&prose, migration, h);
    if (migration->fate[h] == TRANSITION_SURVIVES && migration->heir[h] == migration->match[h])
        add_drift(&prose, migration, h);
    if (migration->fate[h] == TRANSITION_DISAPPEARS)
        add_end(&prose, migration, h);
    migration_add_rest(&prose, migration, h);
    prose_print(&prose, label_width + 43);
}

static void print_segments(const struct migration *migration)
{
    int width = migration_label_width(&migration->before);
    if (migration->before.k == 0)
        return;
    printf("\n%*s %11s %6s %6s %6s %7s  what became of it\n", width, "segment", "customers", "stays", "moves",
           "lapses", "Jaccard");
    for (int64_t h = 0; h < migration->before.k && h < MOST_ROWS; h++)
        print_row(migration, h, width);
    if (migration->before.k > MOST_ROWS)
        printf("%*s and %" PRId64 " more, in migration.csv\n", width, "..", migration->before.k - MOST_ROWS);
}

/* ---- segments after ---- */

static void print_emerging_one(const struct migration *migration, int64_t j)
{
    struct migration_present present = migration_present(migration, j);
    struct prose prose = {.used = 0};
    char label[MIGRATION_LABEL_SIZE];
    char count[TERMINAL_COUNT_SIZE];
    double percent = present.customers > 0 ? 100 / (double)present.customers : 0;
    prose_add(&prose, "%s emerges: %s customer%s", migration_label(&migration->after, j, label),
              terminal_count(present.customers, count), plural(present.customers));
    if (present.fresh > 0)
        prose_add(&prose, ", %.0f %% of them new", percent * (double)present.fresh);
    if (present.source >= 0)
        prose_add(&prose, ", %.0f %% from %s", percent * (double)present.given,
                  migration_label(&migration->before, present.source, label));
    prose_print(&prose, 0);
}

static void print_emerging(const struct migration *migration)
{
    int64_t found = 0;
    for (int64_t j = 0; j < migration->after.k; j++) {
        if (migration->origin[j] != TRANSITION_EMERGES)
            continue;
        if (found++ == 0)
            putchar('\n');
        if (found <= MOST_EMERGING)
            print_emerging_one(migration, j);
    }
    if (found > MOST_EMERGING)
        printf("and %" PRId64 " more emerge\n", found - MOST_EMERGING);
}

/* What the words mean, once, under the table. */
static void print_meaning(const struct migration *migration)
{
    int split = (int)(100 * MIGRATION_SPLIT_OVERLAP);
    int overlap = (int)(100 * MIGRATION_OVERLAP);
    int64_t feature[SAID_FEATURES];
    bool is_asked = false;
    bool is_drift_told = false;
    for (int64_t h = 0; h < migration->before.k; h++) {
        is_asked |= migration->by_likeness[h];
        is_drift_told |= migration->fate[h] == TRANSITION_SURVIVES && migration->drift &&
                         pick_features(migration, h, feature) > 0;
    }
    printf(
        "\n  stays       is in the segment that its own is matched with: one to one, so that most stay\n"
        "  Jaccard     customers in common with the most alike segment now: 1 all of both, 0 none\n"
        "  split       two or more each took %d %% of its customers in both, and got %d %% of theirs from "
        "it\n"
        "  survives    if not: at least %d %% are in its match, or in one without a match, %d %% from it\n"
        "  absorbed    if not: at least %d %% are in another\n"
        "  disappears  if not: they scatter, or nobody is left\n",
        split, split, overlap, overlap, overlap);
    if (is_asked)
        printf(
            "  likeness    its customers moved too much to tell. So those are asked, by the same bounds, "
            "whom\n"
            "              the model before would put into it now: they are like those whom it had\n");
    if (is_drift_told)
        printf(
            "  sd          standard deviations of all customers before; means that moved by %.2f are told\n",
            SAID_DRIFT);
}

/* ---- the table of shares ---- */

/* 0 as nothing, so that the eye finds the rest. */
static void print_cell(int width, double share)
{
    char text[16] = "-";
    if (share > 0 && share < 0.005)
        strcpy(text, "<1");
    else if (share > 0)
        snprintf(text, sizeof text, "%.0f", 100 * share);
    printf(" %*s", width, text);
}

static void print_shares(const struct migration *migration)
{
    const struct migration_side *after = &migration->after;
    int label_width = migration_label_width(&migration->before);
    if (migration->before.k > MOST_MATRIX || after->k > MOST_MATRIX || after->k == 0)
        return;
    int room = (TERMINAL_WIDTH - label_width - 8) / (int)after->k - 1;
    int width = after->name ? migration_label_width(after) : LEAST_CELL;
    width = width < room ? width : room;
    printf("\nPercent of each segment's customers (rows) that are in each segment now (columns)\n\n%*s",
           label_width, "");
    for (int64_t j = 0; j < after->k; j++) {
        char label[MIGRATION_LABEL_SIZE];
        putchar(' ');
        terminal_cell(migration_label(after, j, label), width, TERMINAL_RIGHT);
    }
    printf(" %7s\n", "lapsed");
    int64_t rows = migration->before.k + (migration->fresh > 0);
    for (int64_t i = 0; i < rows; i++) {
        char label[MIGRATION_LABEL_SIZE] = "new";
        if (i < migration->before.k)
            migration_label(&migration->before, i, label);
        terminal_cell(label, label_width, TERMINAL_RIGHT);
        for (int64_t j = 0; j < after->k; j++)
            print_cell(width, migration->share[i * (after->k + 1) + j]);
        if (i < migration->before.k)
            print_cell(7, migration->share[i * (after->k + 1) + after->k]);
        putchar('\n');
    }
}

/* ---- places ---- */

static void print_places(const struct migration *migration)
{
    struct prose prose = {.used = 0};
    int64_t found = 0;
    for (int64_t h = 0; migration->match_place && h < migration->before.k; h++) {
        char label[MIGRATION_LABEL_SIZE];
        int32_t here = migration->match[h];
        int32_t there = migration->match_place[h];
        if (here == there || found++ >= MOST_PLACES)
            continue;
        prose_add(&prose, "%s %s", found == 1 ? "Matched by where they lie, not by customers:" : ",",
                  migration_label(&migration->before, h, label));
        prose_add(&prose, " with %s", there < 0 ? "none" : migration_label(&migration->after, there, label));
        prose_add(&prose, " (not %s)", here < 0 ? "none" : migration_label(&migration->after, here, label));
    }
    if (found == 0)
        return;
    if (found > MOST_PLACES)
        prose_add(&prose, " and %" PRId64 " more", found - MOST_PLACES);
    prose_add(&prose, ".");
    putchar('\n');
    prose_print(&prose, 0);
}

status_t migration_report_print(const struct migration_report *report)
{
    const struct migration *migration = report->migration;
    print_title(report);
    print_totals(report);
    print_segments(migration);
    print_emerging(migration);
    print_places(migration);
    print_meaning(migration);
    migration_print_causes(report);
    print_shares(migration);
    return migration_print_drift(report);
}
