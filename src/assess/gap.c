#include "assess/gap.h"

#include <math.h>
#include <stdlib.h>

#include "assess/box.h"
#include "assess/reference.h"
#include "cluster/hierarchy.h"
#include "cluster/replicate.h"
#include "core/memory.h"

struct measuring {
    const struct gap_settings *settings;
    struct gap *gaps;
    int64_t count;
    struct box box;
    struct reference set;
    double *logarithm; /* references x count: of a set's inertia a customer */
};

/* ---- inertia of the segments of a reference set ---- */

/* Of the cut of a tree: cluster[leaf[i]] is the segment of this rank's i-th customer. NULL: all are in one.
 */
static void label_block(const struct reference *set, int64_t block, const struct row_numbers *leaf,
                        const int32_t *cluster, struct row_numbers *label)
{
    int64_t left = set->customers.partition.row_count - block * BLOCK_ROWS;
    int32_t of_block[BLOCK_ROWS];
    if (leaf)
        row_numbers_get(leaf, block, of_block);
    for (int i = 0; i < BLOCK_ROWS; i++)
        of_block[i] = i >= left ? -1 : leaf ? cluster[of_block[i]] : 0;
    row_numbers_put(label, block, of_block);
}

static status_t measure_cut(const struct reference *set, const struct row_numbers *leaf,
                            const int32_t *cluster, int64_t k, double *inertia)
{
    const struct partition *part = &set->customers.partition;
    struct segmentation segments = {.k = k};
    int32_t *number = NULL;
    status_t status = row_numbers_open(&segments.label, part->block_count, k);
    if (!status)
        status = memory_new(&number, k, sizeof *number, "segment numbers");
    status = comm_agree(set->customers.comm, status);
    if (!status) {
        for (int64_t b = 0; b < part->block_count; b++)
            label_block(set, b, leaf, cluster, &segments.label);
        status = segments_from_labels(&set->customers, &set->preparation, NULL, &segments, number);
    }
    *inertia = segments.inertia;
    free(number);
    segments_free(&segments);
    return status;
}

/* One model, the best of several starts. */
static status_t learn_segments(const struct measuring *measuring, int64_t k, double *inertia)
{
    const struct reference *set = &measuring->set;
    const struct weighting one = {.kind = WEIGHTING_ONE};
    struct replicates model = {.k = k, .taken = INT64_MAX, .weighting = &one, .count = 1, .inertia = inertia};
    status_t status = memory_new(&model.centroid, k * set->customers.features, sizeof *model.centroid,
                                 "segments of a reference set");
    status = comm_agree(set->customers.comm, status);
    if (!status)
        status = replicates_learn(&set->customers, &set->preparation, &measuring->settings->kmeans, &model);
    free(model.centroid);
    return status;
}

/* One segment needs no learning. */
static status_t measure_kmeans(const struct measuring *measuring, double *inertia)
{
    status_t status = STATUS_OK;
    for (int64_t g = 0; !status && g < measuring->count; g++) {
        int64_t k = measuring->gaps[g].k;
        status = k == 1 ? measure_cut(&measuring->set, NULL, NULL, 1, &inertia[g])
                        : learn_segments(measuring, k, &inertia[g]);
    }
    return status;
}

/* All cuts from one tree. */
static status_t measure_tree(const struct measuring *measuring, double *inertia)
{
    const struct reference *set = &measuring->set;
    struct comm *comm = set->customers.comm;
    struct hierarchy_settings settings = {.linkage = measuring->settings->linkage, .every_customer = true};
    struct hierarchy_result result = {.leaves = 0};
    int32_t *cluster = NULL;
    status_t status = hierarchy_run(&set->customers, &set->preparation, &settings, &result);
    if (!status)
        status = comm_agree(comm, memory_new(&cluster, result.leaves, sizeof *cluster, "a cut"));
    for (int64_t g = 0; !status && g < measuring->count; g++) {
        int64_t k = measuring->gaps[g].k;
        status = hierarchy_cut(comm, &result, k, cluster);
        if (!status)
            status = measure_cut(set, &result.leaf, cluster, k, &inertia[g]);
    }
    free(cluster);
    hierarchy_free(&result);
    return status;
}

/* ---- sets ---- */

/* -INFINITY where the inertia is 0. */
static double log_per_customer(double inertia, int64_t customers)
{
    return log(inertia / (double)customers);
}

static struct journal_field logarithms(const struct measuring *measuring)
{
    int64_t count = measuring->settings->references * measuring->count;
    return (struct journal_field){measuring->logarithm, count * (int64_t)sizeof *measuring->logarithm};
}

static status_t measure_sets(struct measuring *measuring, struct log *log)
{
    const struct gap_settings *settings = measuring->settings;
    struct journal *journal = measuring->set.customers.comm->journal;
    int64_t r = 0;
    const struct journal_field field[] = {logarithms(measuring), {&r, sizeof r}};
    int64_t mark = journal_mark(journal);
    bool known = false;
    status_t status = journal_recall(journal, "reference set", field, 2, &known);
    if (!status && r < 0)
        status = journal_misfit("reference set");
    while (!status && r < settings->references) {
        double *of_set = measuring->logarithm + r * measuring->count;
        reference_draw(&measuring->set, settings->seed, r);
        status = settings->tree ? measure_tree(measuring, of_set) : measure_kmeans(measuring, of_set);
        for (int64_t g = 0; g < measuring->count; g++)
            of_set[g] = log_per_customer(of_set[g], measuring->set.customers.used);
        r++;
        if (!status)
            status = journal_keep(journal, mark, "reference set", field, 2);
        log_show_progress(log, &(struct log_progress){.step_name = "reference set",
                                                      .step = r,
                                                      .steps = settings->references,
                                                      .fraction = (double)r / (double)settings->references});
    }
    return status;
}

/* Mean and deviation of the logarithms over the sets. */
static void take_gap(const struct measuring *measuring, int64_t g, int64_t customers)
{
    struct gap *gap = &measuring->gaps[g];
    const double *logarithm = measuring->logarithm + g;
    double sets = (double)measuring->settings->references;
    double mean = 0.0;
    double squares = 0.0;
    for (int64_t r = 0; r < measuring->settings->references; r++)
        mean += logarithm[r * measuring->count] / sets;
    for (int64_t r = 0; r < measuring->settings->references; r++) {
        double apart = logarithm[r * measuring->count] - mean;
        squares += apart * apart;
    }
    bool comparable = isfinite(mean);
    gap->gap = comparable ? mean - log_per_customer(gap->inertia, customers) : (double)NAN;
    gap->error = comparable ? sqrt(squares / sets) * sqrt(1 + 1 / sets) : (double)NAN;
}

/* Of all sets; or what the journal has of them. */
static status_t find_logarithms(struct measuring *measuring, const struct customers *customers,
                                int64_t reference_customers)
{
    struct journal *journal = customers->comm->journal;
    const struct journal_field field = logarithms(measuring);
    int64_t mark = journal_mark(journal);
    bool known = false;
    status_t status = journal_recall(journal, "gaps", &field, 1, &known);
    if (status || known)
        return status;
    status = box_find(customers, measuring->settings->trim, &measuring->box);
    if (!status)
        status = reference_open(&measuring->set, customers, &measuring->box, reference_customers);
    if (!status)
        status = measure_sets(measuring, customers->log);
    return status ? status : journal_keep(journal, mark, "gaps", &field, 1);
}

/* With more, segments of so few customers each say little of more customers. */
static int64_t most_segments(int64_t reference_customers)
{
    return reference_customers > 1 ? reference_customers / 2 : 1;
}

status_t gap_measure(const struct customers *customers, const struct gap_settings *settings, struct gap *gaps,
                     int64_t count, int64_t *reference_customers)
{
    struct measuring measuring = {.settings = settings, .gaps = gaps, .count = count};
    int64_t most = settings->tree ? GAP_TREE_CUSTOMERS : GAP_CUSTOMERS;
    *reference_customers = customers->used < most ? customers->used : most;
    while (measuring.count > 0 && gaps[measuring.count - 1].k > most_segments(*reference_customers)) {
        struct gap *unknown = &gaps[--measuring.count];
        unknown->gap = (double)NAN;
        unknown->error = (double)NAN;
    }
    status_t status =
        comm_agree(customers->comm, memory_new(&measuring.logarithm, settings->references * measuring.count,
                                               sizeof *measuring.logarithm, "gaps"));
    if (!status)
        status = find_logarithms(&measuring, customers, *reference_customers);
    for (int64_t g = 0; !status && g < measuring.count; g++)
        take_gap(&measuring, g, customers->used);
    reference_close(&measuring.set);
    box_free(&measuring.box);
    free(measuring.logarithm);
    return status;
}

double gap_bytes(int64_t customers, int64_t features, int ranks)
{
    int64_t rows = customers < GAP_CUSTOMERS ? customers : GAP_CUSTOMERS;
    double labels = (double)partition_of(rows, 0, ranks).block_count * BLOCK_ROWS * sizeof(int32_t);
    return box_bytes(features) + reference_bytes(rows, features, ranks) + 2 * labels;
}
