/* What people read on the terminal of the numbers of segments that were tried, and of how far the segments
 * can be trusted. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/fit.h"
#include "app/terminal.h"

static void print_number(int width, int digits, double value)
{
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*f", width, digits, value);
}

/* 12345678 as 1.235e+07 where it would be too wide. */
static void print_large(int width, double value)
{
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*g", width, 5, value);
}

static void print_try(const struct fit *fit, int64_t i)
{
    const struct selection *selection = &fit->selection;
    const struct selection_row *row = &selection->row[i];
    double customers = (double)fit->survey.customers;
    /* of one cloud's other cuts nothing is said */
    bool is_said = !selection->one_cloud || i == selection->chosen;
    const char *verdict = is_said ? stability_verdict(row->stability, selection->one_cloud) : NULL;
    printf("%c%7" PRId64, i == selection->chosen ? '>' : ' ', row->k);
    print_number(10, 4, row->inertia / customers);
    print_number(10, 3, row->silhouette);
    print_large(11, row->calinski_harabasz);
    print_number(8, 3, row->davies_bouldin);
    print_number(8, 3, row->gap);
    if (!isnan(row->gap))
        printf(" +-%6.4f", row->gap_error);
    else
        printf(" %8s", "");
    print_number(10, 2, row->prediction_strength);
    print_number(10, 2, row->stability);
    printf("%s%s\n", verdict ? "  " : "", verdict ? verdict : "");
}

void fit_print_tries(const struct fit *fit)
{
    const struct selection *selection = &fit->selection;
    struct prose prose;
    printf("\nNumbers of segments that were tried (> the one taken)\n\n");
    printf("%8s %10s %10s %11s %8s %17s %10s %10s\n", "", "inertia", "", "Calinski-", "Davies-", "",
           "prediction", "replicates");
    printf("%8s %10s %10s %11s %8s %17s %10s %10s\n", "segments", "a customer", "silhouette", "Harabasz",
           "Bouldin", "gap", "strength", "agree");
    if (!isnan(selection->gap_one) && selection->row[0].k > 1) {
        printf("%8d %10.4f %10s %11s %8s %8.3f +-%6.4f\n", 1,
               fit->segments->total_squares / (double)fit->survey.customers, "-", "-", "-",
               selection->gap_one, selection->gap_one_error);
    }
    for (int64_t i = 0; i < fit->tries; i++)
        print_try(fit, i);
    selection_reason(selection, (enum criterion)fit->config.choose, prose.text, sizeof prose.text);
    putchar('\n');
    prose_print(&prose, 0);
}

static void print_replicates(const struct fit *fit)
{
    const struct fit_try *try = fit->chosen;
    struct prose prose = {.used = 0};
    prose_add(&prose,
              "Would they come out again? %" PRId64
              " bootstrap replicates of the customers agree with these segments by a mean adjusted Rand "
              "index of %.2f",
              try->stability.replicates, try->stability.mean_ari);
    if (!fit->selection.one_cloud)
        prose_add(&prose, " (%s)", fit_verdict_of_all(fit));
    prose_add(&prose,
              "; behind each segment is its mean Jaccard index. Prediction strength %.2f (good from 0.8)",
              try->stability.mean_strength);
    if (!isnan(try->indices.silhouette)) /* one segment has none */
        prose_add(&prose, ", silhouette %.2f (at best 1)", try->indices.silhouette);
    prose_add(&prose, ".");
    putchar('\n');
    prose_print(&prose, 0);
}

void fit_print_stability(const struct fit *fit)
{
    const struct stability *stability = &fit->chosen->stability;
    struct prose prose;
    if (stability->replicates > 0 && stability->k > 1)
        print_replicates(fit);
    selection_warnings(&fit->selection, prose.text, sizeof prose.text);
    if (prose.text[0]) {
        putchar('\n');
        prose_print(&prose, 0);
    }
}
