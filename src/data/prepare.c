#include "data/prepare.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "data/moments.h"
#include "data/runs.h"
#include "data/select.h"

/* 53 bits of a double, less those for replicate weights (up to 16). */
enum { EXACT_BITS = 53, WEIGHT_BITS = 4 };
/* Below this a squared distance could be lost at the other end of float's range. */
static const double SMALLEST_SPREAD = 0x1p-50;
/* The grid must be this much finer than a feature's spread, and so must be float's resolution at its mean. */
static const double FINEST_SHARE = 0x1p-8;

/* What the order statistics of one feature are wanted for. */
enum { LOWER_CLIP, QUARTILE_1, MEDIAN, QUARTILE_3, UPPER_CLIP, QUANTILES };

struct quantiles {
    double raw_median;
    double transformed[QUANTILES];
    bool wanted[QUANTILES];
};

struct learning {
    struct table *table;
    const struct prepare_settings *settings;
    const struct survey *survey;
    struct quantiles *quantiles;  /* per feature of the table */
    struct moments *moments;      /* per feature of the table: transformed, clipped, present values */
    struct prepared_feature *all; /* per feature of the table */
    const char *advice;           /* where values cannot be summed */
};

static double level(const struct prepare_settings *settings, int which)
{
    switch (which) {
    case LOWER_CLIP:
        return settings->clip[0];
    case QUARTILE_1:
        return 0.25;
    case MEDIAN:
        return 0.5;
    case QUARTILE_3:
        return 0.75;
    default:
        return settings->clip[1];
    }
}

static void want_quantiles(struct learning *learning, int64_t c)
{
    const struct prepare_settings *settings = learning->settings;
    bool *wanted = learning->quantiles[c].wanted;
    int64_t present = learning->survey->raw[c].present;
    bool robust = settings->scale == SCALE_ROBUST;
    if (present == 0 || learning->survey->raw[c].low == learning->survey->raw[c].high)
        return;
    wanted[LOWER_CLIP] = settings->clip[0] > 0;
    wanted[UPPER_CLIP] = settings->clip[1] < 1;
    wanted[QUARTILE_1] = robust;
    wanted[QUARTILE_3] = robust;
    /* also where nobody lacks a value now: customers who are scored later may */
    wanted[MEDIAN] = robust || settings->missing == MISSING_MEDIAN;
}

static status_t list_requests(struct learning *learning, struct select_request **requests, int64_t *count)
{
    int64_t features = learning->table->features;
    status_t status = memory_new(requests, features * QUANTILES, sizeof **requests, "quantiles");
    *count = 0;
    for (int64_t c = 0; !status && c < features; c++) {
        want_quantiles(learning, c);
        for (int q = 0; q < QUANTILES; q++) {
            if (learning->quantiles[c].wanted[q])
                (*requests)[(*count)++] =
                    (struct select_request){.column = c, .level = level(learning->settings, q)};
        }
    }
    return status;
}

/* The transforms do not decrease, so order statistics may be transformed after they are selected. */
static void take_quantiles(struct learning *learning, const struct select_request *requests, int64_t count)
{
    for (int64_t c = 0; c < learning->table->features; c++) {
        struct quantiles *quantiles = &learning->quantiles[c];
        for (int q = 0; q < QUANTILES; q++) {
            if (!quantiles->wanted[q])
                continue;
            double at = level(learning->settings, q);
            int64_t present = learning->survey->raw[c].present;
            const struct select_request *found = requests;
            while (found < requests + count - 1 && (found->column != c || found->level != at))
                found++;
            int transform = learning->settings->transform[c];
            quantiles->transformed[q] =
                select_interpolate(at, present, survey_transform(transform, found->value),
                                   survey_transform(transform, found->next));
            if (q == MEDIAN)
                quantiles->raw_median = select_interpolate(at, present, found->value, found->next);
        }
    }
}

static status_t learn_quantiles(struct learning *learning)
{
    struct select_request *requests = NULL;
    int64_t count = 0;
    status_t status = comm_agree(learning->table->comm, list_requests(learning, &requests, &count));
    if (!status)
        status =
            select_run(learning->table, (struct groups){NULL, 1}, &learning->survey->pilot, requests, count);
    if (!status)
        take_quantiles(learning, requests, count);
    free(requests);
    return status;
}

static double clipped(const struct prepared_feature *feature, double transformed)
{
    return transformed < feature->low    ? feature->low
           : transformed > feature->high ? feature->high
                                         : transformed;
}

static void add_clipped(void *context, int64_t column, int32_t group, const double *value, int count)
{
    struct learning *learning = context;
    const struct prepared_feature *feature = &learning->all[column];
    double transformed[BLOCK_ROWS];
    (void)group;
    if (column >= learning->table->features)
        return;
    for (int i = 0; i < count; i++)
        transformed[i] = clipped(feature, survey_transform(feature->transform, value[i]));
    moments_add_all(&learning->moments[column], transformed, count);
}

static bool clips(const struct learning *learning)
{
    for (int64_t c = 0; c < learning->table->features; c++) {
        if (isfinite(learning->all[c].low) || isfinite(learning->all[c].high))
            return true;
    }
    return false;
}

/* Moments of what will be scaled: clipped values need another walk, others are known from the survey. */
static status_t learn_moments(struct learning *learning)
{
    int64_t features = learning->table->features;
    status_t status = comm_agree(learning->table->comm, moments_new(&learning->moments, features));
    if (!status && !clips(learning)) {
        for (int64_t c = 0; c < features; c++)
            learning->moments[c] = learning->survey->transformed[c];
    } else if (!status) {
        status = runs_walk(learning->table, (struct groups){NULL, 1}, add_clipped, learning);
        if (!status)
            status = moments_share(learning->table->comm, learning->moments, features);
    }
    for (int64_t c = 0; !status && c < features; c++) {
        struct prepared_feature *feature = &learning->all[c];
        if (feature->missing > 0 && learning->moments[c].present > 0)
            moments_add_times(&learning->moments[c],
                              clipped(feature, survey_transform(feature->transform, feature->fill)),
                              feature->missing);
    }
    return status;
}

static void fill_and_clip(struct learning *learning, int64_t c)
{
    const struct moments *raw = &learning->survey->raw[c];
    const struct quantiles *quantiles = &learning->quantiles[c];
    struct prepared_feature *feature = &learning->all[c];
    *feature = (struct prepared_feature){.column = c,
                                         .missing = learning->survey->customers - raw->present,
                                         .transform = learning->settings->transform[c],
                                         .fill = (double)NAN,
                                         .low = (double)-INFINITY,
                                         .high = (double)INFINITY,
                                         .weight = learning->settings->weight[c]};
    if (learning->settings->missing == MISSING_MEAN)
        feature->fill = moments_mean(raw);
    else if (learning->settings->missing == MISSING_MEDIAN)
        feature->fill = quantiles->wanted[MEDIAN] ? quantiles->raw_median : raw->low;
    if (quantiles->wanted[LOWER_CLIP])
        feature->low = quantiles->transformed[LOWER_CLIP];
    if (quantiles->wanted[UPPER_CLIP])
        feature->high = quantiles->transformed[UPPER_CLIP];
}

static void scale_feature(struct learning *learning, int64_t c)
{
    const struct moments *moments = &learning->moments[c];
    const struct quantiles *quantiles = &learning->quantiles[c];
    struct prepared_feature *feature = &learning->all[c];
    double deviation = sqrt(moments_variance(moments));
    double scale = 1.0;
    switch (learning->settings->scale) {
    case SCALE_ZSCORE:
        feature->shift = moments_mean(moments);
        scale = deviation;
        break;
    case SCALE_ROBUST:
        feature->shift = clipped(feature, quantiles->transformed[MEDIAN]);
        scale = clipped(feature, quantiles->transformed[QUARTILE_3]) -
                clipped(feature, quantiles->transformed[QUARTILE_1]);
        if (scale <= 0) {
            scale = deviation;
            log_note(learning->table->log,
                     "%s: half of its values are equal; scaled by its standard deviation",
                     table_name(learning->table, c));
        }
        break;
    case SCALE_MINMAX:
        feature->shift = moments->low;
        scale = moments->high - moments->low;
        break;
    case SCALE_NONE:
        feature->shift = 0.0;
        break;
    }
    feature->factor = feature->weight / scale;
}

/* The grid on which sums over all customers are exact, or why there is none. `spread`: what the feature is
 * known to vary by, if these customers vary by less: the grid must be finer. Where all are the same, any is
 * fine enough. */
static status_t choose_quantum(struct learning *learning, int64_t c, double spread)
{
    const struct moments *moments = &learning->moments[c];
    struct prepared_feature *feature = &learning->all[c];
    const char *name = table_name(learning->table, c);
    double customers = (double)learning->survey->customers;
    double deviation = sqrt(moments_variance(moments)) * feature->factor;
    double offset = (moments_mean(moments) - feature->shift) * feature->factor;
    double farthest =
        fmax(fabs(moments->low - feature->shift), fabs(moments->high - feature->shift)) * feature->factor;
    double bound = customers * sqrt(deviation * deviation + offset * offset);
    int exponent = 0;
    (void)frexp(bound * 1.001, &exponent); /* bound < 2^exponent, with room for the rounding itself */
    feature->quantum = ldexp(1.0, exponent + WEIGHT_BITS + 1 - EXACT_BITS);
    feature->variance = deviation * deviation;
    if (!(farthest < PREPARE_LARGEST))
        return status_new(EXIT_BAD_DATA,
                          "%s: %s reaches %g in prepared units, too far to measure distances; %s",
                          learning->table->source->path, name, farthest, learning->advice);
    if (moments->low == moments->high)
        return STATUS_OK;
    spread = fmax(spread, deviation);
    if (!(spread >= SMALLEST_SPREAD && feature->quantum <= spread * FINEST_SHARE &&
          fabs(offset) * 0x1p-24 <= spread * FINEST_SHARE))
        return status_new(EXIT_BAD_DATA,
                          "%s: %s varies by %g around %g in prepared units, too little to be summed "
                          "exactly; %s",
                          learning->table->source->path, name, deviation, offset, learning->advice);
    return STATUS_OK;
}

static status_t keep_feature(struct learning *learning, int64_t c, struct preparation *preparation)
{
    const struct moments *moments = &learning->moments[c];
    if (moments->present == 0 || !(moments_variance(moments) > 0))
        return STATUS_OK;
    scale_feature(learning, c);
    status_t status = choose_quantum(learning, c, 0.0);
    if (!status)
        preparation->feature[preparation->count++] = learning->all[c];
    return status;
}

/* Filled values are no one's own: whoever reads the segments should know how many there are. */
static void tell_filled(const struct learning *learning, const struct prepared_feature *feature)
{
    if (feature->missing > 0)
        log_note(learning->table->log,
                 "%s: %" PRId64 " of %" PRId64 " customers have no value; filled with the %s, %g",
                 table_name(learning->table, feature->column), feature->missing, learning->survey->customers,
                 learning->settings->missing == MISSING_MEAN ? "mean" : "median", feature->fill);
}

static status_t keep_features(struct learning *learning, struct preparation *preparation)
{
    struct table *table = learning->table;
    status_t status = STATUS_OK;
    for (int64_t c = 0; !status && c < table->features; c++)
        status = keep_feature(learning, c, preparation);
    if (!status && preparation->count == 0)
        status = status_new(EXIT_BAD_DATA, "%s: no feature varies between customers", table->source->path);
    int64_t kept = 0;
    for (int64_t c = 0; !status && c < table->features; c++) {
        if (kept < preparation->count && preparation->feature[kept].column == c)
            tell_filled(learning, &preparation->feature[kept++]);
        else if (learning->moments[c].present == 0)
            log_warning(table->log, "%s has no values and is left out", table_name(table, c));
        else if (learning->survey->raw[c].low < learning->survey->raw[c].high)
            log_warning(table->log,
                        "%s does not vary enough once it is transformed and clipped, and is left out",
                        table_name(table, c));
        else
            log_warning(table->log, "%s is the same for all customers (%g) and is left out",
                        table_name(table, c), learning->survey->raw[c].low);
    }
    return status;
}

static status_t open_learning(struct learning *learning, struct preparation *preparation)
{
    int64_t features = learning->table->features;
    *preparation = (struct preparation){0};
    status_t status =
        memory_new(&preparation->feature, features, sizeof *preparation->feature, "preparation");
    if (!status)
        status = memory_new(&learning->all, features, sizeof *learning->all, "preparation");
    if (!status)
        status = memory_new(&learning->quantiles, features, sizeof *learning->quantiles, "preparation");
    return comm_agree(learning->table->comm, status);
}

static void close_learning(struct learning *learning)
{
    free(learning->all);
    free(learning->quantiles);
    free(learning->moments);
}

status_t prepare_learn(struct table *table, const struct prepare_settings *settings,
                       const struct survey *survey, struct preparation *preparation)
{
    struct learning learning = {
        .table = table, .settings = settings, .survey = survey, .advice = "choose another prepare.scale"};
    status_t status = open_learning(&learning, preparation);
    if (!status)
        status = learn_quantiles(&learning);
    for (int64_t c = 0; !status && c < table->features; c++)
        fill_and_clip(&learning, c);
    if (!status)
        status = learn_moments(&learning);
    if (!status)
        status = keep_features(&learning, preparation);
    close_learning(&learning);
    return status;
}

/* What an earlier preparation made a feature vary by, at least: its own grid was so much finer; and what was
 * scaled varies by about its weight. */
static double earlier_spread(const struct prepared_feature *earlier)
{
    double least = earlier->quantum / FINEST_SHARE;
    return earlier->factor != earlier->weight ? fmax(least, earlier->weight) : least;
}

status_t prepare_keep(struct table *table, const struct survey *survey, const struct preparation *earlier,
                      struct preparation *preparation)
{
    struct learning learning = {
        .table = table, .survey = survey, .advice = "previous.preparation: refit prepares anew"};
    status_t status = open_learning(&learning, preparation);
    for (int64_t c = 0; !status && c < table->features; c++) {
        learning.all[c] = earlier->feature[c];
        learning.all[c].column = c;
        learning.all[c].missing = survey->customers - survey->raw[c].present;
    }
    if (!status)
        status = learn_moments(&learning);
    for (int64_t c = 0; !status && c < table->features; c++) {
        if (learning.moments[c].present == 0)
            status =
                status_new(EXIT_BAD_DATA, "%s: %s has no values", table->source->path, table_name(table, c));
        if (!status)
            status = choose_quantum(&learning, c, earlier_spread(&earlier->feature[c]));
        if (!status)
            preparation->feature[preparation->count++] = learning.all[c];
    }
    close_learning(&learning);
    return status;
}

void prepare_free(struct preparation *preparation)
{
    free(preparation->feature);
    *preparation = (struct preparation){0};
}
