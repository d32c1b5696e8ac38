/* What people read on the terminal: who is where now, and whether the customers still are those of the model.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/assign.h"
#include "app/terminal.h"
#include "core/memory.h"
#include "core/plural.h"

enum { MOST_FEATURES = 10 };

static double percent(int64_t part, int64_t all)
{
    return all > 0 ? 100 * (double)part / (double)all : 0.0;
}

/* ---- segments ---- */

static void print_segments(const struct assign *assign)
{
    const struct saved_model *model = &assign->model;
    const struct drift *drift = &assign->drift;
    char count[TERMINAL_COUNT_SIZE];
    char before[TERMINAL_COUNT_SIZE];
    printf("\n%s customers in the %" PRId64 " segment%s of %s, which was learned from %s\n\n",
           terminal_count(drift->customers, count), model->k, plural(model->k), model->path,
           terminal_count(model->customers, before));
    printf("%7s %14s %7s %13s\n", "segment", "customers", "share", "share before");
    for (int64_t h = 0; h < model->k; h++)
        printf("%7" PRId64 " %14s %6.1f%% %12.1f%%\n", model->number[h],
               terminal_count(drift->segment[h], count), percent(drift->segment[h], drift->customers),
               percent(model->size[h], model->customers));
    int64_t left_out = assign->source.rows - drift->customers;
    if (left_out > 0)
        printf("%7d %14s %7s left out: a value is missing that the model needs\n", -1,
               terminal_count(left_out, count), "");
}

/* ---- drift ---- */

static const char *phrase_of(double psi)
{
    return psi < DRIFT_WATCH     ? "have hardly changed"
           : psi < DRIFT_SHIFTED ? "have changed somewhat and should be watched"
                                 : "have shifted";
}

struct moved {
    double psi;
    int64_t feature;
};

static int by_falling_psi(const void *left, const void *right)
{
    const struct moved *a = left;
    const struct moved *b = right;
    if (a->psi != b->psi)
        return a->psi < b->psi ? 1 : -1;
    return (a->feature > b->feature) - (a->feature < b->feature);
}

static void print_moved(const struct saved_model *model, const struct moved *moved, int64_t count)
{
    printf("Features whose values are spread differently now (PSI):\n\n");
    for (int64_t i = 0; i < count && i < MOST_FEATURES; i++)
        printf("  %6.2f  %-7s  %s\n", moved[i].psi, drift_word(moved[i].psi), model->name[moved[i].feature]);
    if (count > MOST_FEATURES)
        printf("  and %" PRId64 " more\n", count - MOST_FEATURES);
    printf("\n");
}

static status_t print_features(const struct assign *assign)
{
    const struct saved_model *model = &assign->model;
    struct moved *moved = NULL;
    int64_t count = 0;
    status_t status = memory_new(&moved, model->features, sizeof *moved, "features that have moved");
    for (int64_t f = 0; !status && f < model->features; f++) {
        if (assign->drift.psi[f] >= DRIFT_WATCH)
            moved[count++] = (struct moved){assign->drift.psi[f], f};
    }
    if (status)
        return status;
    qsort(moved, (size_t)count, sizeof *moved, by_falling_psi);
    if (count > 0)
        print_moved(model, moved, count);
    else
        printf("No feature has moved: the values of each are spread much as they were (PSI below %.1f).\n",
               DRIFT_WATCH);
    free(moved);
    return STATUS_OK;
}

static status_t print_drift(const struct assign *assign)
{
    const struct drift *drift = &assign->drift;
    status_t status = STATUS_OK;
    printf("\nThe shares of the segments %s (PSI %.3f).\n", phrase_of(drift->segment_psi),
           drift->segment_psi);
    if (assign->model.decile)
        status = print_features(assign);
    else
        printf(
            "Whether features have moved is not known: the model is of lohko %s, which did not keep how\n"
            "customers were spread.\n",
            assign->model.version);
    if (!isnan(drift->far_share))
        printf(
            "%.2f %% of the customers lie farther from the middle of their segment than 99.9 %% of those "
            "did\n"
            "that the model was learned from.\n",
            100 * drift->far_share);
    printf(
        "PSI, the population stability index: from %.1f on to be watched, from %.2f on shifted; a "
        "convention,\n"
        "not a test.\n",
        DRIFT_WATCH, DRIFT_SHIFTED);
    return status;
}

status_t assign_print(const struct assign *assign)
{
    const char *directory = assign->options.output;
    status_t status = STATUS_OK;
    print_segments(assign);
    if (assign->drift.customers > 0)
        status = print_drift(assign);
    printf("\n%.1f s, %.2f GiB a rank at most\n", log_elapsed(&assign->log),
           (double)assign->peak_memory / 0x1p30);
    printf("%s/results.h5     every customer's segment; drift\n%s/summary.json   the figures for programs\n",
           directory, directory);
    fflush(stdout);
    return status;
}
