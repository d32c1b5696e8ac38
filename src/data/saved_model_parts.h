/* The parts of reading a saved model. Local. */
#ifndef LOHKO_DATA_SAVED_MODEL_PARTS_H
#define LOHKO_DATA_SAVED_MODEL_PARTS_H

#include "core/status.h"
#include "data/results_read.h"
#include "data/saved_model.h"

struct model_reading {
    struct results_input input;
    struct saved_model *model;
};

/* Names of features and columns, and how features are prepared; after the counts of customers. */
status_t saved_model_read_features(struct model_reading *reading) __attribute__((warn_unused_result));

/* The segments and how the customers were spread; after the features. */
status_t saved_model_read_segments(struct model_reading *reading) __attribute__((warn_unused_result));

#endif
