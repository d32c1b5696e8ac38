/* Why customers moved, and how they differ from those before, on the terminal. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/migration_print.h"
#include "core/memory.h"

enum { MOST_FEATURES = 8 };

enum { INDENT = 9 };

static void print_part(const struct migration *migration, int64_t customers, const char *words)
{
    struct prose prose = {.used = 0};
    if (customers == 0)
        return;
    printf("%6.1f%%  ", 100 * (double)customers / (double)migration->shared);
    prose_add(&prose, "%s", words);
    prose_print(&prose, INDENT);
}

/* Parts that add up to all customers in both. */
static void print_parts(const struct migration *migration)
{
    char count[TERMINAL_COUNT_SIZE];
    printf(" Of the %s in both\n", terminal_count(migration->shared, count));
    print_part(migration, migration->kept - migration->moved_back, "stayed");
    print_part(migration, migration->moved_back,
               "stayed although they changed: the model before would have moved them, the new one did not");
    print_part(migration, migration->moved_by_customer,
               "moved because they changed: the model before, too, puts them into another segment now");
    print_part(migration, migration->moved_by_model,
               "moved because the model changed: by the model before they would have stayed");
    print_part(migration, migration->moved_by_both, "moved for both reasons");
    print_part(migration, migration->moved_unscored,
               "moved; why is not known: they lack values that the model before would need");
}

void migration_print_causes(const struct migration_report *report)
{
    const struct migration *migration = report->migration;
    struct prose prose = {.used = 0};
    if (migration->shared == 0 || (!migration->has_steps && !report->missing))
        return;
    printf("\nWhat changed: the customers or the model?");
    if (migration->has_steps) {
        print_parts(migration);
        return;
    }
    putchar('\n');
    prose_add(&prose, "Not known: %s", report->missing);
    prose_print(&prose, 0);
}

/* ---- how customers differ ---- */

struct entry {
    double psi;
    int64_t feature;
};

static int by_falling_psi(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->psi != b->psi)
        return a->psi < b->psi ? 1 : -1;
    return (a->feature > b->feature) - (a->feature < b->feature);
}

static void print_features(const struct drift *drift, const struct entry *entry, int64_t count)
{
    for (int64_t i = 0; i < count && i < MOST_FEATURES; i++) {
        struct prose prose = {.used = 0};
        migration_add_feature(&prose, drift->model->name[entry[i].feature]);
        printf("%7.3f  %s (%s)\n", entry[i].psi, prose.text, drift_word(entry[i].psi));
    }
    if (count > MOST_FEATURES)
        printf("%7s  and %" PRId64 " more\n", "", count - MOST_FEATURES);
}

/* What is not known is NaN and is not told. */
static void print_drift(const struct drift *drift, const struct entry *entry, int64_t count, bool is_known)
{
    struct prose prose = {.used = 0};
    prose_add(
        &prose,
        "Are the customers like those before? By the population stability index (to be watched from %.1f, "
        "shifted from %.2f on; a convention):",
        DRIFT_WATCH, DRIFT_SHIFTED);
    putchar('\n');
    prose_print(&prose, 0);
    printf("%7.3f  shares of the segments, by the model before (%s)\n", drift->segment_psi,
           drift_word(drift->segment_psi));
    print_features(drift, entry, count);
    if (is_known && count == 0)
        printf("%7s  no feature has %.1f or more\n", "", DRIFT_WATCH);
    if (!isnan(drift->far_share))
        printf("%.2f %% are far out: farther from the middle of their segment than 99.9 %% were before.\n",
               100 * drift->far_share);
}

status_t migration_print_drift(const struct migration_report *report)
{
    const struct drift *drift = report->drift;
    struct entry *entry = NULL;
    bool is_known = false;
    int64_t moved = 0;
    if (!drift || drift->customers == 0)
        return STATUS_OK;
    status_t status = memory_new(&entry, drift->model->features, sizeof *entry, "drift");
    for (int64_t f = 0; !status && f < drift->model->features; f++) {
        is_known |= !isnan(drift->psi[f]);
        if (drift->psi[f] >= DRIFT_WATCH)
            entry[moved++] = (struct entry){drift->psi[f], f};
    }
    if (moved > 0)
        qsort(entry, (size_t)moved, sizeof *entry, by_falling_psi);
    if (!status)
        print_drift(drift, entry, moved, is_known);
    free(entry);
    return status;
}
