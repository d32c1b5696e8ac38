/* How far two labelings of the same customers agree, from their contingency table: count[i * columns + j]
 * customers are in segment i of the one and j of the other. Local.
 *
 * Counts are whole numbers summed over ranks, so all of this is the same on any number of ranks. */
#ifndef LOHKO_ASSESS_AGREEMENT_H
#define LOHKO_ASSESS_AGREEMENT_H

#include <stdint.h>

#include "core/status.h"

struct contingency {
    int64_t rows;    /* at least 1 */
    int64_t columns; /* at least 1 */
    int64_t *count;  /* rows x columns; not owned */
};

/* Adjusted Rand index (Hubert and Arabie, Journal of Classification 2, 1985): 1 for the same segments, 0 on
 * average by chance. 1 where both put all customers into one segment or each into its own, as scikit-learn
 * has it, and where there are no customers. Counts of up to 2^40 customers are exact enough. */
double agreement_adjusted_rand(const struct contingency *table);

/* Of each row h, max_j |S_h and T_j| / |S_h or T_j| (Hennig, Computational Statistics & Data Analysis 52,
 * 2007); 0 for a row without customers. jaccard: rows. */
status_t agreement_jaccard(const struct contingency *table, double *jaccard)
    __attribute__((warn_unused_result));

/* The one-to-one matching of rows and columns with the most customers on it (Kuhn, Naval Research Logistics
 * Quarterly 2, 1955; by shortest augmenting paths, as in Jonker and Volgenant, Computing 38, 1987). match:
 * rows; the column of each, -1 for rows that have none where columns are fewer. Always the same one of
 * several that are equally good. */
status_t agreement_match(const struct contingency *table, int32_t *match) __attribute__((warn_unused_result));

/* Prediction strength (Tibshirani and Walther, Journal of Computational and Graphical Statistics 14, 2005):
 * the least over the rows (segments of the customers' own clustering) of the share of pairs of customers that
 * are in one column (the other half's centroids) too. Rows of fewer than two customers have no pairs and are
 * passed over; 1 where all are. */
double agreement_prediction_strength(const struct contingency *table);

/* Where the segments of a finer segmentation (columns) came from: of each column l, 1 - H / log(rows) with H
 * the entropy of its customers over the rows (SLSa of Dolnicar and Leisch, Marketing Letters 28, 2017): 1
 * where they come from one segment, 0 from all equally. 1 where there is one row; NaN for a column without
 * customers. stability: columns. */
void agreement_level_stability(const struct contingency *table, double *stability);

#endif
