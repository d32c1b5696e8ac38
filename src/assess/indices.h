/* How well segments are apart, over all customers, in prepared units: silhouette, Calinski-Harabasz,
 * Davies-Bouldin. Each is that of the labels alone: centroids are the means of the members. */
#ifndef LOHKO_ASSESS_INDICES_H
#define LOHKO_ASSESS_INDICES_H

#include <stdint.h>

#include "cluster/labelling.h"
#include "core/status.h"
#include "data/customers.h"

struct indices {
    /* Given: */
    const struct labelling *labelling;
    int64_t k;
    const double *sum;   /* k x features: of the members' prepared values, exact */
    const int64_t *size; /* k: over all ranks */
    /* Found: */
    double inertia; /* to the means */
    /* Mean over the customers of (b - a) / max(a, b), a the mean squared distance to the others of the own
     * segment, b to those of the nearest other one (Rousseeuw, Journal of Computational and Applied
     * Mathematics 20, 1987; scikit-learn's silhouette_score(metric="sqeuclidean")). The mean squared distance
     * of x to the members of a segment is |x - mean|^2 + the members' mean squared distance to their mean, so
     * that it costs n k. A customer alone in its segment has 0. NaN where there are fewer than two segments
     * with customers, like the next two. */
    double silhouette;
    double *segment_silhouette; /* k: mean over the members; NaN without any; owned */
    double calinski_harabasz;   /* Communications in Statistics 3, 1974; 1 where the inertia is 0 */
    double davies_bouldin; /* IEEE Transactions on Pattern Analysis and Machine Intelligence 1, 1979; by mean
                              distances (not squared) to the mean; of means that coincide nothing is said */
};

/* Fills in `count` of them, at least one, by two walks over the customers. The same bytes on any number of
 * ranks. indices_free after a failure, too. Collective. */
status_t indices_measure(const struct customers *customers, struct indices *indices, int64_t count)
    __attribute__((warn_unused_result));
void indices_free(struct indices *indices);

/* The silhouette by plain Euclidean distances, over a sample of `size` customers (all, where they are no
 * more) drawn by hashed row number: a customer's mean distances are to the others of the sample. value: one
 * for each of `indices` (of which labelling and k are looked at), NaN where the sample has fewer than two
 * segments; *sampled: how many were in the sample. Costs size^2 features. The same bytes on any number of
 * ranks. Collective. */
status_t indices_sample_silhouette(const struct customers *customers, const struct indices *indices,
                                   int64_t count, int64_t size, uint64_t seed, double *value,
                                   int64_t *sampled) __attribute__((warn_unused_result));

#endif
