#include "data/synthetic.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/random.h"

/* What a latent factor stands for; the order of the loadings below. */
enum { ENGAGEMENT, VALUE, LOYALTY, DIGITAL, DEALS, SERVICE };

struct template
{
    const char *name;
    enum synthetic_kind kind;
    double location;
    double spread;
    double limit;
    double loading[SYNTHETIC_FACTORS]; /* direction only; scaled to COMMUNALITY */
};

/* Locations of money, counts and days are natural logarithms. */
static const struct template catalogue[] = {
    {"recency_days", SYNTHETIC_DAYS, 4.0, 1.1, 1825, {[ENGAGEMENT] = -0.9, [LOYALTY] = -0.3}},
    {"orders", SYNTHETIC_COUNT, 1.9, 0.8, 5000, {[ENGAGEMENT] = 0.9, [LOYALTY] = 0.3}},
    {"revenue", SYNTHETIC_MONEY, 5.8, 1.6, 0, {[ENGAGEMENT] = 0.6, [VALUE] = 0.7}},
    {"avg_basket", SYNTHETIC_MONEY, 4.0, 0.9, 0, {[VALUE] = 0.9, [DEALS] = -0.3}},
    {"tenure_days", SYNTHETIC_DAYS, 6.6, 0.8, 9125, {[LOYALTY] = 0.9, [ENGAGEMENT] = 0.2}},
    {"share_online", SYNTHETIC_SHARE, 0.2, 1.4, 0, {[DIGITAL] = 0.9}},
    {"returns", SYNTHETIC_COUNT, 0.6, 0.8, 2000, {[SERVICE] = 0.8, [ENGAGEMENT] = 0.4}},
    {"share_discount", SYNTHETIC_SHARE, -1.0, 1.1, 0, {[DEALS] = 0.9, [VALUE] = -0.3}},
    {"newsletter", SYNTHETIC_FLAG, -0.2, 1.0, 0, {[DIGITAL] = 0.5, [DEALS] = 0.5, [LOYALTY] = 0.4}},
    {"categories", SYNTHETIC_COUNT, 1.6, 0.5, 60, {[ENGAGEMENT] = 0.6, [VALUE] = 0.4, [SERVICE] = 0.3}},
    {"visits", SYNTHETIC_COUNT, 3.0, 0.9, 20000, {[DIGITAL] = 0.6, [ENGAGEMENT] = 0.6}},
    {"margin", SYNTHETIC_MONEY, 4.4, 1.4, 0, {[VALUE] = 0.7, [DEALS] = -0.6}},
    {"order_gap_days", SYNTHETIC_DAYS, 3.9, 0.8, 1825, {[ENGAGEMENT] = -0.7, [LOYALTY] = 0.5}},
    {"service_contacts", SYNTHETIC_COUNT, 0.5, 0.8, 500, {[SERVICE] = 0.9}},
    {"email_open_rate", SYNTHETIC_SHARE, -0.8, 1.0, 0, {[LOYALTY] = 0.6, [DEALS] = 0.5, [DIGITAL] = 0.3}},
    {"loyalty_card", SYNTHETIC_FLAG, 0.1, 1.0, 0, {[LOYALTY] = 0.8, [DEALS] = 0.3}},
    {"max_basket", SYNTHETIC_MONEY, 4.7, 1.0, 0, {[VALUE] = 0.8, [ENGAGEMENT] = 0.3}},
    {"app_sessions", SYNTHETIC_COUNT, 2.2, 1.0, 20000, {[DIGITAL] = 0.8, [ENGAGEMENT] = 0.4}},
    {"coupons_used", SYNTHETIC_COUNT, 1.0, 0.8, 1000, {[DEALS] = 0.9}},
    {"refunds", SYNTHETIC_MONEY, 2.8, 1.3, 0, {[SERVICE] = 0.8, [VALUE] = 0.4}},
    {"days_since_visit", SYNTHETIC_DAYS, 2.8, 1.1, 1825, {[ENGAGEMENT] = -0.7, [DIGITAL] = -0.5}},
    {"share_mobile", SYNTHETIC_SHARE, 0.1, 1.2, 0, {[DIGITAL] = 0.8, [LOYALTY] = -0.3}},
    {"share_weekend", SYNTHETIC_SHARE, -0.6, 0.7, 0, {[VALUE] = 0.4, [SERVICE] = -0.4, [DIGITAL] = -0.3}},
    {"complaints", SYNTHETIC_COUNT, 0.2, 0.7, 200, {[SERVICE] = 0.9, [LOYALTY] = -0.2}},
    {"delivery_spend", SYNTHETIC_MONEY, 3.0, 1.0, 0, {[DIGITAL] = 0.6, [ENGAGEMENT] = 0.5, [DEALS] = -0.3}},
    {"share_own_brand", SYNTHETIC_SHARE, -0.7, 0.9, 0, {[DEALS] = 0.6, [VALUE] = -0.6}},
    {"reviews_written", SYNTHETIC_COUNT, 0.3, 0.8, 1000, {[LOYALTY] = 0.5, [DIGITAL] = 0.5, [SERVICE] = 0.4}},
    {"app_installed", SYNTHETIC_FLAG, -0.3, 1.0, 0, {[DIGITAL] = 0.9}},
    {"items_per_order", SYNTHETIC_COUNT, 1.4, 0.5, 300, {[VALUE] = 0.6, [DEALS] = 0.5}},
    {"gift_spend", SYNTHETIC_MONEY, 2.6, 1.3, 0, {[VALUE] = 0.6, [LOYALTY] = 0.4}},
    {"response_days", SYNTHETIC_DAYS, 1.8, 0.7, 365, {[DIGITAL] = -0.5, [DEALS] = -0.5}},
    {"subscriber", SYNTHETIC_FLAG, -0.8, 1.0, 0, {[LOYALTY] = 0.5, [ENGAGEMENT] = 0.5, [DIGITAL] = 0.3}},
};

enum { CATALOGUE_SIZE = sizeof catalogue / sizeof catalogue[0] };

/* The part of a feature's variance inside a segment that the factors explain. */
static const double COMMUNALITY = 0.8;
/* Standard deviation of the centres on a factor, in those of the noise around them, at separation 1. */
static const double CENTER_SPREAD = 2.2;
/* Random change of the catalogue's loadings: no seed and no repeated feature is quite like another. */
static const double LOADING_CHANGE = 0.12;
static const double REPEATED_LOADING_CHANGE = 0.35;
/* Most unequal sizes: the largest segment's expected size over the smallest's. */
enum { LARGEST_OVER_SMALLEST = 10 };

/* Digits of a text identifier, more where the customers need more. */
enum { ID_DIGITS = 9 };

/* Draws of RANDOM_GENERATE_MODEL: row = segment (shuffles) or feature (loadings), index = which. */
enum { DRAW_SHUFFLE_FACTOR = 0, DRAW_SHUFFLE_FIRST = SYNTHETIC_FACTORS, DRAW_LOADING = 16 };

/* A random order of 0 .. count - 1 (Fisher and Yates). */
static void shuffle(uint64_t seed, uint32_t index, int64_t count, int32_t *order)
{
    for (int64_t i = 0; i < count; i++)
        order[i] = (int32_t)i;
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t other = (int64_t)(random_uniform(seed, RANDOM_GENERATE_MODEL, i, index) * (double)(i + 1));
        int32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

/* On every factor the centres take evenly spaced levels (mean 0, variance 1) in an order of its own, so that
 * two segments differ on every factor, however few they are. `order` is room for one shuffle. */
static void place_centers(struct synthetic_model *model, int32_t *order)
{
    const struct synthetic_settings *settings = model->settings;
    double count = (double)settings->segments;
    double step = settings->segments > 1 ? sqrt(12.0 / (count * count - 1.0)) : 0.0;
    for (uint32_t f = 0; f < SYNTHETIC_FACTORS; f++) {
        shuffle((uint64_t)settings->seed, DRAW_SHUFFLE_FACTOR + f, settings->segments, order);
        for (int64_t s = 0; s < settings->segments; s++) {
            double level = step * ((double)order[s] - (count - 1.0) / 2.0);
            model->center[s * SYNTHETIC_FACTORS + f] = settings->separation * CENTER_SPREAD * level;
        }
    }
}

/* Shares fall geometrically with the segment's number. */
static void share_out(struct synthetic_model *model)
{
    int64_t segments = model->settings->segments;
    double ratio = (double)(segments + 2 < LARGEST_OVER_SMALLEST ? segments + 2 : LARGEST_OVER_SMALLEST);
    double total = 0.0;
    for (int64_t s = 0; s < segments; s++) {
        total += segments > 1 ? pow(ratio, -(double)s / (double)(segments - 1)) : 1.0;
        model->share_end[s] = total;
    }
    for (int64_t s = 0; s < segments; s++)
        model->share_end[s] /= total;
}

static double norm_of(const double *vector)
{
    double sum = 0.0;
    for (int f = 0; f < SYNTHETIC_FACTORS; f++)
        sum += vector[f] * vector[f];
    return sqrt(sum);
}

static void make_feature(const struct synthetic_settings *settings, int64_t j,
                         struct synthetic_feature *feature)
{
    const struct template *from = &catalogue[j % CATALOGUE_SIZE];
    int64_t repeat = j / CATALOGUE_SIZE + 1;
    if (repeat == 1)
        snprintf(feature->name, sizeof feature->name, "%s", from->name);
    else
        snprintf(feature->name, sizeof feature->name, "%s_%lld", from->name, (long long)repeat);
    feature->kind = from->kind;
    feature->location = from->location;
    feature->spread = from->spread;
    feature->limit = from->limit;
    double change = repeat == 1 ? LOADING_CHANGE : REPEATED_LOADING_CHANGE;
    for (uint32_t f = 0; f < SYNTHETIC_FACTORS; f += 2) {
        double normal[2];
        random_normal_pair((uint64_t)settings->seed, RANDOM_GENERATE_MODEL, j, DRAW_LOADING + f / 2, normal);
        feature->loading[f] = from->loading[f] + change * normal[0];
        feature->loading[f + 1] = from->loading[f + 1] + change * normal[1];
    }
    double between = settings->segments > 1 ? settings->separation * CENTER_SPREAD : 0.0;
    double variance = COMMUNALITY * (1.0 + between * between) + (1.0 - COMMUNALITY);
    double norm = norm_of(feature->loading);
    for (int f = 0; f < SYNTHETIC_FACTORS; f++)
        feature->loading[f] *= sqrt(COMMUNALITY / variance) / norm;
    feature->noise = sqrt((1.0 - COMMUNALITY) / variance);
}

status_t synthetic_model_new(const struct synthetic_settings *settings, struct synthetic_model *model)
{
    *model = (struct synthetic_model){.settings = settings};
    int64_t segments = settings->segments;
    status_t status = memory_new(&model->center, segments, SYNTHETIC_FACTORS * sizeof(double), "centres");
    if (!status)
        status = memory_new(&model->share_end, segments, sizeof(double), "shares");
    if (!status)
        status = memory_new(&model->first_order, segments, sizeof(int32_t), "segment order");
    if (!status)
        status =
            memory_new(&model->feature, settings->features, sizeof(struct synthetic_feature), "features");
    if (status)
        return status;
    place_centers(model, model->first_order);
    share_out(model);
    shuffle((uint64_t)settings->seed, DRAW_SHUFFLE_FIRST, segments, model->first_order);
    for (int64_t j = 0; j < settings->features; j++)
        make_feature(settings, j, &model->feature[j]);
    return STATUS_OK;
}

void synthetic_model_free(struct synthetic_model *model)
{
    free(model->center);
    free(model->share_end);
    free(model->first_order);
    free(model->feature);
    *model = (struct synthetic_model){0};
}

/* The first segment whose cumulated share lies above a uniform draw. */
static int32_t draw_segment(const struct synthetic_model *model, int64_t row)
{
    int64_t segments = model->settings->segments;
    if (row < segments)
        return model->first_order[row];
    double draw = random_uniform((uint64_t)model->settings->seed, RANDOM_GENERATE_SEGMENT, row, 0);
    int64_t low = 0;
    int64_t high = segments - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (draw < model->share_end[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return (int32_t)low;
}

static double whole(double value, double limit)
{
    return value < limit ? (double)(int64_t)value : limit;
}

/* The value for a position `z` (mean 0, variance 1 over the mixture). */
static double value_of(const struct synthetic_feature *feature, double z)
{
    double x = feature->location + feature->spread * z;
    switch (feature->kind) {
    case SYNTHETIC_MONEY:
        return (double)(int64_t)(100.0 * exp(x) + 0.5) / 100.0;
    case SYNTHETIC_COUNT:
    case SYNTHETIC_DAYS:
        return whole(exp(x), feature->limit);
    case SYNTHETIC_SHARE:
        return 1.0 / (1.0 + exp(-x));
    case SYNTHETIC_FLAG:
        break;
    }
    return x > 0.0;
}

static void lose_values(const struct synthetic_settings *settings, int64_t row, double *values)
{
    uint64_t threshold = (uint64_t)(settings->missing * 0x1p32);
    for (int64_t j = 0; threshold > 0 && j < settings->features; j += 4) {
        struct random_words draw =
            random_draw((uint64_t)settings->seed, RANDOM_GENERATE_MISSING, row, (uint32_t)(j / 4));
        for (int64_t i = 0; i < 4 && j + i < settings->features; i++)
            if (draw.word[i] < threshold)
                values[j + i] = NAN;
    }
}

int32_t synthetic_customer(const struct synthetic_model *model, int64_t row, double *values)
{
    const struct synthetic_settings *settings = model->settings;
    uint64_t seed = (uint64_t)settings->seed;
    int32_t segment = draw_segment(model, row);
    double position[SYNTHETIC_FACTORS];
    for (uint32_t f = 0; f < SYNTHETIC_FACTORS; f += 2)
        random_normal_pair(seed, RANDOM_GENERATE_VALUE, row, f / 2, position + f);
    for (int f = 0; f < SYNTHETIC_FACTORS; f++)
        position[f] += model->center[(int64_t)segment * SYNTHETIC_FACTORS + f];
    double noise[2] = {0};
    for (int64_t j = 0; j < settings->features; j++) {
        const struct synthetic_feature *feature = &model->feature[j];
        if (j % 2 == 0)
            random_normal_pair(seed, RANDOM_GENERATE_VALUE, row, SYNTHETIC_FACTORS / 2 + (uint32_t)(j / 2),
                               noise);
        double z = feature->noise * noise[j % 2];
        for (int f = 0; f < SYNTHETIC_FACTORS; f++)
            z += feature->loading[f] * position[f];
        values[j] = value_of(feature, z);
    }
    lose_values(settings, row, values);
    return segment;
}

size_t synthetic_value_size(const struct synthetic_settings *settings)
{
    return settings->type == SYNTHETIC_FLOAT64 ? sizeof(double) : sizeof(float);
}

size_t synthetic_id_size(const struct synthetic_settings *settings)
{
    if (settings->id == SYNTHETIC_ID_NONE)
        return 0;
    if (settings->id == SYNTHETIC_ID_INTEGER)
        return sizeof(int64_t);
    int digits = snprintf(NULL, 0, "%" PRId64, settings->customers);
    return 1 + (size_t)(digits > ID_DIGITS ? digits : ID_DIGITS);
}

status_t synthetic_bytes(const struct synthetic_settings *settings, int64_t *bytes)
{
    int64_t row = 0;
    int64_t sizes = settings->segments * (int64_t)sizeof(int64_t);
    int64_t rest = (int64_t)(synthetic_id_size(settings) + sizeof(int32_t));
    if (__builtin_mul_overflow(settings->features, (int64_t)synthetic_value_size(settings), &row) ||
        __builtin_add_overflow(row, rest, &row) || __builtin_mul_overflow(row, settings->customers, bytes) ||
        __builtin_add_overflow(*bytes, sizes, bytes))
        return status_new(EXIT_BAD_USAGE, "%" PRId64 " customers x %" PRId64 " features are too many",
                          settings->customers, settings->features);
    return STATUS_OK;
}
