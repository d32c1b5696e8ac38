/* Synthetic customers: a mixture of segments of unequal sizes over features that a marketer knows, with the
 * truth.
 *
 * A customer has a position on a few latent factors (how engaged, how much money an order is worth, ...): the
 * segment's centre plus standard normal noise. A feature is a weighted sum of the factors plus noise of its
 * own, scaled to variance 1 over the mixture and then given its marginal: money is lognormal, counts and days
 * are whole lognormals, shares logistic-normal, flags a threshold. So features that share factors move
 * together, and the separation of the segments does not change the range of a feature.
 *
 * Every draw is keyed by seed and customer (random.h): the values do not depend on who computes them. Column
 * j does not depend on the number of columns. */
#ifndef LOHKO_DATA_SYNTHETIC_H
#define LOHKO_DATA_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

#include "core/comm.h"
#include "core/log.h"
#include "core/status.h"

enum synthetic_type { SYNTHETIC_FLOAT32, SYNTHETIC_FLOAT64 };
enum synthetic_id { SYNTHETIC_ID_INTEGER, SYNTHETIC_ID_TEXT, SYNTHETIC_ID_NONE };

enum { SYNTHETIC_FACTORS = 6, SYNTHETIC_NAME_SIZE = 32 };
enum { SYNTHETIC_MAX_FEATURES = 4096, SYNTHETIC_MAX_SEGMENTS = 65536 };
#define SYNTHETIC_MAX_CUSTOMERS (INT64_C(1) << 40)

struct synthetic_settings {
    int64_t customers; /* segments .. SYNTHETIC_MAX_CUSTOMERS */
    int64_t features;  /* 1 .. SYNTHETIC_MAX_FEATURES */
    int64_t segments;  /* 1 .. SYNTHETIC_MAX_SEGMENTS */
    int64_t seed;
    double missing;    /* share of the values that are NaN, 0 .. 1 */
    double separation; /* 0: the segments are all alike; 1: they overlap as real ones do; 3: they hardly do */
    int type;          /* enum synthetic_type */
    int id;            /* enum synthetic_id */
};

enum synthetic_kind {
    SYNTHETIC_MONEY,
    SYNTHETIC_COUNT,
    SYNTHETIC_DAYS,
    SYNTHETIC_SHARE,
    SYNTHETIC_FLAG,
};

struct synthetic_feature {
    char name[SYNTHETIC_NAME_SIZE];
    enum synthetic_kind kind;
    double location; /* of the logarithm, the logit, or the flag's margin */
    double spread;
    double limit; /* largest value; whole numbers only */
    double loading[SYNTHETIC_FACTORS];
    double noise; /* the weight of the feature's own noise */
};

struct synthetic_model {
    const struct synthetic_settings *settings; /* borrowed */
    double *center;                            /* segments x SYNTHETIC_FACTORS */
    double *share_end;                         /* segments: the cumulated shares; the last is 1 */
    int32_t *first_order; /* segments: the segment of each of the first customers, so that none is empty */
    struct synthetic_feature *feature;
};

/* Alike on every rank for the same settings. Local. On failure the model is safe to free. */
status_t synthetic_model_new(const struct synthetic_settings *settings, struct synthetic_model *model)
    __attribute__((warn_unused_result));
void synthetic_model_free(struct synthetic_model *model);

/* The features of customer `row` (NaN: missing); returns the segment. Local. */
int32_t synthetic_customer(const struct synthetic_model *model, int64_t row, double *values);

/* Bytes of one value and of one identifier ("C000000001": one width for all; zero without identifiers).
 * Local. */
size_t synthetic_value_size(const struct synthetic_settings *settings);
size_t synthetic_id_size(const struct synthetic_settings *settings);

/* Bytes of all datasets together; EXIT_BAD_USAGE where they cannot be counted. Local. */
status_t synthetic_bytes(const struct synthetic_settings *settings, int64_t *bytes)
    __attribute__((warn_unused_result));

/* Writes the file at `path`: /features with the attribute feature_names, /customer_id, /truth/segment,
 * /truth/size. Under the name PATH.partial until it is whole; a failure leaves nothing behind and an existing
 * file as it was. `generator` is who wrote it. Collective. EXIT_NO_OUTPUT, EXIT_IO_ERROR (also where the disk
 * is too small). */
status_t synthetic_write(struct comm *comm, struct log *log, const struct synthetic_settings *settings,
                         const char *path, const char *generator) __attribute__((warn_unused_result));

#endif
