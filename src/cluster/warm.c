#include "cluster/warm.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/lloyd.h"
#include "cluster/panel.h"
#include "cluster/seed.h"
#include "cluster/segments.h"
#include "core/memory.h"

static double squared_distance(const double *a, const double *b, int64_t features)
{
    double sum = 0.0;
    for (int64_t f = 0; f < features; f++)
        sum += (a[f] - b[f]) * (a[f] - b[f]);
    return sum;
}

/* The largest `k` of the earlier centroids, in their order. */
static status_t take_largest(const struct warm_start *start, int64_t features, int64_t k, double *centroid)
{
    int64_t *order = NULL;
    bool *taken = NULL;
    int64_t at = 0;
    status_t status = memory_new(&order, start->k, sizeof *order, "earlier segments");
    if (!status)
        status = memory_new(&taken, start->k, sizeof *taken, "earlier segments");
    if (!status)
        status = segments_order(start->k, features, start->centroid, start->size, order);
    for (int64_t h = 0; !status && h < k; h++)
        taken[order[h]] = true;
    for (int64_t h = 0; !status && h < start->k; h++) {
        if (taken[h])
            memcpy(centroid + at++ * features, start->centroid + h * features,
                   (size_t)features * sizeof *centroid);
    }
    free(order);
    free(taken);
    return status;
}

/* One more centroid after the other: the candidate whose customers are farthest from the nearest so far. */
static status_t add_farthest(const struct candidates *candidates, int64_t features, int64_t have, int64_t k,
                             double *centroid)
{
    double *distance = NULL;
    status_t status = memory_new(&distance, candidates->count, sizeof *distance, "candidates");
    for (int64_t h = 0; !status && h < k; h++) {
        int64_t best = 0;
        if (h >= have) {
            for (int64_t i = 1; i < candidates->count; i++) {
                double worth = distance[i] * (double)candidates->weight[i];
                best = worth > distance[best] * (double)candidates->weight[best] ? i : best;
            }
            memcpy(centroid + h * features, candidates->point + best * features,
                   (size_t)features * sizeof *centroid);
        }
        for (int64_t i = 0; i < candidates->count; i++) {
            double here =
                squared_distance(candidates->point + i * features, centroid + h * features, features);
            distance[i] = h == 0 || here < distance[i] ? here : distance[i];
        }
    }
    free(distance);
    return status;
}

static status_t choose_centroids(const struct customers *customers, const struct preparation *preparation,
                                 const struct warm_start *start, int64_t k, int64_t batch, uint64_t seed,
                                 double *centroid)
{
    int64_t d = customers->features;
    if (k < start->k)
        return comm_agree(customers->comm, take_largest(start, d, k, centroid));
    memcpy(centroid, start->centroid, (size_t)(start->k * d) * sizeof *centroid);
    if (k == start->k)
        return STATUS_OK;
    struct seeds seeds;
    status_t status = seeds_draw_from_all(customers, preparation, k, batch, seed, &seeds);
    if (!status)
        status = comm_agree(customers->comm, add_farthest(&seeds.candidates, d, start->k, k, centroid));
    seeds_free(&seeds);
    return status;
}

/* The earlier centroids as they are, if everybody still has customers. */
static void stand(const struct panel *panel, const struct warm_start *start, struct warm *warm)
{
    const struct model *model = &panel->model[0];
    int64_t features = panel->customers->features;
    bool empty = false;
    for (int64_t h = 0; h < model->k; h++)
        empty = empty || model->count[h] == 0;
    /* as a result is measured, so that equal customers give equal bits */
    struct segmentation standing = {.k = model->k,
                                    .features = features,
                                    .centroid = model->centroid,
                                    .sum = model->sum,
                                    .size = model->count};
    segments_measure(&standing, panel->squares);
    warm->same_customers = panel->passed == start->customers && standing.inertia == start->inertia;
    warm->standing_inertia = model->inertia;
    warm->stands = !empty;
    memcpy(warm->standing, model->centroid, (size_t)(model->k * features) * sizeof *warm->standing);
}

static status_t run(struct panel *panel, const struct warm_start *start, bool polish, double tolerance,
                    struct warm *warm)
{
    struct lloyd lloyd;
    struct model *model = &panel->model[0];
    model->learning = true;
    status_t status = lloyd_open(&lloyd, panel, polish, tolerance);
    if (!status && warm->standing) {
        status = panel_pass(panel);
        if (!status)
            stand(panel, start, warm);
    }
    if (!status)
        status = lloyd_run(&lloyd);
    if (!status) {
        memcpy(warm->centroid, model->centroid,
               (size_t)(model->k * panel->customers->features) * sizeof *warm->centroid);
        warm->inertia = model->inertia;
        warm->converged = lloyd_converged(&lloyd, 0);
    }
    lloyd_close(&lloyd);
    return status;
}

static status_t learn(const struct customers *customers, const struct preparation *preparation,
                      const struct warm_start *start, int64_t k, bool polish, double tolerance, int64_t batch,
                      uint64_t seed, struct warm *warm)
{
    struct panel panel = {0};
    status_t status = panel_open_alike(&panel, customers, preparation, 1, k);
    if (!status)
        status = choose_centroids(customers, preparation, start, k, batch, seed, panel.model[0].centroid);
    if (!status) {
        panel_add(&panel, NULL, 0);
        status = run(&panel, start, polish, tolerance, warm);
    }
    panel_close(&panel);
    return status;
}

/* Whether what was recalled can be. */
static bool fits(const struct warm *warm, int64_t size)
{
    return journal_are_places(warm->centroid, size) &&
           (!warm->standing || journal_are_places(warm->standing, size)) &&
           journal_are_flags(&warm->converged, 1) && journal_are_flags(&warm->stands, 1) &&
           journal_are_flags(&warm->same_customers, 1);
}

status_t warm_learn(const struct customers *customers, const struct preparation *preparation,
                    const struct warm_start *start, int64_t k, bool polish, double tolerance, int64_t batch,
                    uint64_t seed, struct warm *warm)
{
    struct journal *journal = customers->comm->journal;
    int64_t size = k * customers->features;
    int64_t mark = journal_mark(journal);
    bool known = false;
    *warm = (struct warm){.stands = false};
    status_t status = memory_new(&warm->centroid, size, sizeof *warm->centroid, "centroids");
    if (!status && k == start->k)
        status = memory_new(&warm->standing, size, sizeof *warm->standing, "centroids");
    status = comm_agree(customers->comm, status);
    int64_t bytes = size * (int64_t)sizeof *warm->centroid;
    const struct journal_field field[] = {{warm->centroid, bytes},
                                          {&warm->inertia, sizeof warm->inertia},
                                          {&warm->converged, sizeof warm->converged},
                                          {warm->standing, warm->standing ? bytes : 0},
                                          {&warm->stands, sizeof warm->stands},
                                          {&warm->standing_inertia, sizeof warm->standing_inertia},
                                          {&warm->same_customers, sizeof warm->same_customers}};
    enum { FIELDS = sizeof field / sizeof field[0] };
    if (!status)
        status = journal_recall(journal, "earlier segments", field, FIELDS, &known);
    if (status || known)
        return status || fits(warm, size) ? status : journal_misfit("earlier segments");
    status = learn(customers, preparation, start, k, polish, tolerance, batch, seed, warm);
    return status ? status : journal_keep(journal, mark, "earlier segments", field, FIELDS);
}

void warm_free(struct warm *warm)
{
    free(warm->centroid);
    free(warm->standing);
    *warm = (struct warm){.centroid = NULL};
}
