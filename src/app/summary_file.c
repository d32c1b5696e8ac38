#include "app/summary_file.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "data/output.h"

json_t *summary_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *summary_numbers(const double *value, int64_t count)
{
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++) {
        if (json_array_append_new(array, summary_number(value[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

status_t summary_write(const char *path, json_t *root)
{
    if (!root)
        return status_new(EXIT_INTERNAL, "%s: the figures cannot be written as JSON", path);
    FILE *file = NULL;
    status_t status = output_text_begin(path, &file);
    if (!status) {
        bool written = json_dumpf(root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) == 0 &&
                       fputc('\n', file) == '\n';
        status = output_text_end(path, file);
        if (!status && !written)
            status = status_new(EXIT_IO_ERROR, "%s: writing failed", path);
    }
    json_decref(root);
    return status;
}
