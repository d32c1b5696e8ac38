/* Synthetic customers, all of them on every rank. Header only. */
#ifndef LOHKO_TESTS_SYNTHETIC_CUSTOMERS_H
#define LOHKO_TESTS_SYNTHETIC_CUSTOMERS_H

#include "data/synthetic.h"
#include "support.h"

SUPPORT const struct synthetic_settings plain = {
    .customers = 2500, .features = 32, .segments = 8, .seed = 1, .separation = 1.0};

/* customers x features, and the segments; freed by the caller. */
SUPPORT double *make_all(const struct synthetic_settings *settings, int32_t *segment)
{
    struct synthetic_model model;
    assert_ok(synthetic_model_new(settings, &model));
    double *values = NULL;
    assert_ok(memory_new(&values, settings->customers * settings->features, sizeof *values, "test values"));
    for (int64_t i = 0; i < settings->customers; i++)
        segment[i] = synthetic_customer(&model, i, values + i * settings->features);
    synthetic_model_free(&model);
    return values;
}

#endif
