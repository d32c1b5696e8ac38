/* What people read on the terminal of the numbers of segments that were tried, and of how far the segments
 * can be trusted. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/fit.h"

enum { TEXT_SIZE = 2048, LINE_WIDTH = 100 };

/* Words wrapped into lines. */
static void print_wrapped(const char *text)
{
    size_t at = 0;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (at > 0 && at + 1 + word > LINE_WIDTH) {
            putchar('\n');
            at = 0;
        }
        at += (size_t)printf("%s%.*s", at > 0 ? " " : "", (int)word, text);
        text += word;
        if (*text == '\n') {
            putchar('\n');
            at = 0;
        }
        text += *text ? 1 : 0;
    }
    putchar('\n');
}

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
    char text[TEXT_SIZE];
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
    selection_reason(selection, (enum criterion)fit->config.choose, text, sizeof text);
    putchar('\n');
    print_wrapped(text);
}

void fit_print_stability(const struct fit *fit)
{
    const struct fit_try *try = fit->chosen;
    const struct stability *stability = &try->stability;
    char text[TEXT_SIZE];
    if (stability->replicates > 0 && stability->k > 1) {
        bool cloud = fit->selection.one_cloud;
        char silhouette[32] = ""; /* one segment has none */
        if (!isnan(try->indices.silhouette))
            snprintf(silhouette, sizeof silhouette, ", silhouette %.2f (at best 1)", try->indices.silhouette);
        snprintf(text, sizeof text,
                 "Would they come out again? %" PRId64
                 " bootstrap replicates of the customers agree with these segments by a mean adjusted Rand "
                 "index of %.2f%s%s%s; behind each segment is its mean Jaccard index. Prediction strength "
                 "%.2f (good from 0.8)%s.",
                 stability->replicates, stability->mean_ari, cloud ? "" : " (",
                 cloud ? "" : fit_verdict_of_all(fit), cloud ? "" : ")", stability->mean_strength,
                 silhouette);
        putchar('\n');
        print_wrapped(text);
    }
    selection_warnings(&fit->selection, text, sizeof text);
    if (text[0]) {
        putchar('\n');
        print_wrapped(text);
    }
}
