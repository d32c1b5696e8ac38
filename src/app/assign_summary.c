/* summary.json of `lohko assign`. */
#include <math.h>

#include <jansson.h>

#include "app/assign.h"
#include "app/summary_file.h"
#include "app/version.h"

static json_t *share(int64_t part, int64_t all)
{
    return all > 0 ? json_real((double)part / (double)all) : json_null();
}

static json_t *segments(const struct assign *assign)
{
    const struct saved_model *model = &assign->model;
    const struct drift *drift = &assign->drift;
    json_t *array = json_array();
    for (int64_t h = 0; h < model->k; h++) {
        json_t *entry =
            json_pack("{s:I, s:I, s:o, s:o}", "segment", (json_int_t)model->number[h], "size",
                      (json_int_t)drift->segment[h], "share", share(drift->segment[h], drift->customers),
                      "share_before", share(model->size[h], model->customers));
        if (json_array_append_new(array, entry) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *features(const struct assign *assign)
{
    json_t *array = json_array();
    for (int64_t f = 0; f < assign->model.features; f++) {
        double psi = assign->drift.psi[f];
        json_t *entry = json_pack("{s:s, s:o, s:s?}", "name", assign->model.name[f], "psi",
                                  summary_number(psi), "word", drift_word(psi));
        if (json_array_append_new(array, entry) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *drift_figures(const struct assign *assign)
{
    double psi = assign->drift.segment_psi;
    return json_pack("{s:o, s:s?, s:o, s:f, s:f, s:f}", "segment_psi", summary_number(psi), "segment_word",
                     drift_word(psi), "features", features(assign), "epsilon", DRIFT_EPSILON, "watch",
                     DRIFT_WATCH, "shifted", DRIFT_SHIFTED);
}

static json_t *summary(const struct assign *assign)
{
    const struct saved_model *model = &assign->model;
    const struct drift *drift = &assign->drift;
    json_t *made = json_pack("{s:s, s:s?, s:s?, s:I, s:I}", "path", assign->options.model, "lohko",
                             model->version, "checksum", model->input_checksum, "k", (json_int_t)model->k,
                             "customers", (json_int_t)model->customers);
    json_t *input =
        json_pack("{s:s, s:I, s:I}", "path", assign->options.input, "customers",
                  (json_int_t)assign->source.rows, "customers_used", (json_int_t)drift->customers);
    json_t *far = json_pack("{s:o, s:o, s:o}", "bound", summary_number(model->far), "customers",
                            isnan(drift->far_share) ? json_null() : json_integer(drift->far), "share",
                            summary_number(drift->far_share));
    json_t *job = json_pack("{s:I, s:s, s:f, s:I}", "ranks", (json_int_t)assign->comm->size, "hosts",
                            assign->hosts, "seconds", log_elapsed(&assign->log), "peak_bytes_per_rank",
                            (json_int_t)assign->peak_memory);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "lohko", version_text(), "commit",
                     version_commit(), "model", made, "input", input, "segments", segments(assign), "drift",
                     drift_figures(assign), "far", far, "job", job);
}

status_t assign_write_summary(const struct assign *assign, const char *path)
{
    return summary_write(path, summary(assign));
}
