/* From input units to prepared units: fill what is missing, transform, clip, scale, weigh, and round to a
 * grid on which sums over all customers are exact.
 *
 * The grid (quantum) of a feature is the smallest power of two such that the sum of |x| over all customers,
 * 16 times over (room for replicate weights), stays below 2^53 quanta. By Cauchy and Schwarz sum |x| <=
 * sqrt(n sum x^2), which the exact moments give without another walk. Every partial sum of such values in
 * double is then exact, in any order and on any number of ranks. */
#ifndef LOHKO_DATA_PREPARE_H
#define LOHKO_DATA_PREPARE_H

#include <stdint.h>

#include "core/status.h"
#include "data/settings.h"
#include "data/survey.h"
#include "data/table.h"

struct prepare_settings {
    enum missing missing;
    enum scale scale;
    double clip[2]; /* quantiles; {0, 1} for none */
    int *transform; /* per feature of the table: enum transform */
    double *weight; /* per feature of the table, > 0 */
};

/* Beyond this prepared value a squared distance could leave float's range. */
#define PREPARE_LARGEST 0x1p50

/* One prepared feature. prepared = round_to(quantum, (min(max(transform(x), low), high) - shift) * factor),
 * kept as float: a large value is rounded to float's own coarser grid, whose steps are multiples of the
 * quantum. */
struct prepared_feature {
    int64_t column;  /* of the table */
    int64_t missing; /* customers that take part and have no value */
    int transform;   /* enum transform */
    double fill;     /* in input units, for missing values; NaN where none may occur */
    double low;      /* clip, in transformed units; -inf and +inf for none */
    double high;
    double shift;  /* in transformed units */
    double factor; /* weight / scale */
    double weight;
    double quantum;  /* power of two, in prepared units */
    double variance; /* of the prepared values before rounding to the grid */
};

struct preparation {
    int64_t count; /* features kept, in the table's order; constant ones are not */
    struct prepared_feature *feature;
};

/* Learns the constants. Notes go to the table's log. Collective. EXIT_BAD_DATA where no feature is left or
 * where values cannot be summed exactly in the chosen scale. */
status_t prepare_learn(struct table *table, const struct prepare_settings *settings,
                       const struct survey *survey, struct preparation *preparation)
    __attribute__((warn_unused_result));

/* The constants of an earlier preparation of the same features in the table's order, for the customers of
 * now: only the grid is theirs, since it depends on their number. A feature that is now the same for all is
 * kept. `survey` is with the transforms of `earlier`, and left nobody without a value of a feature that has
 * no fill. Collective. EXIT_BAD_DATA where a feature has no values, or where values cannot be summed exactly.
 */
status_t prepare_keep(struct table *table, const struct survey *survey, const struct preparation *earlier,
                      struct preparation *preparation) __attribute__((warn_unused_result));
void prepare_free(struct preparation *preparation);

/* `rows` values of `feature` (NaN for missing) into `out`. Local; the one function that prepares, for
 * learning and for scoring. */
void prepare_values(const struct prepared_feature *feature, const double *value, int rows, float *out);

#endif
