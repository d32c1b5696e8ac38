/* summary.json: what those who write it share. Local: rank 0. */
#ifndef LOHKO_APP_SUMMARY_FILE_H
#define LOHKO_APP_SUMMARY_FILE_H

#include <jansson.h>

#include "core/status.h"

/* JSON has no NaN: undefined figures are null. */
json_t *summary_number(double value);

/* `count` of them as a list. */
json_t *summary_numbers(const double *value, int64_t count);

/* Writes and gives back `root`, which is NULL where it could not be made. */
status_t summary_write(const char *path, json_t *root) __attribute__((warn_unused_result));

#endif
