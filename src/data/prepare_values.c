/* Values in input units made prepared ones, for learning and for scoring. */
#include <math.h>

#include "data/prepare.h"

/* Versions for wider registers: the operations and their order are the same in each, and so are the bits. */
__attribute__((target_clones("avx512f", "avx2", "default"))) static void
scale_values(const struct prepared_feature *feature, const double *transformed, int rows, float *out)
{
    double low = feature->low;
    double high = feature->high;
    double shift = feature->shift;
    double factor = feature->factor;
    double quantum = feature->quantum;
    double per_quantum = 1.0 / quantum; /* exact: a power of two */
    for (int i = 0; i < rows; i++) {
        double x = transformed[i];
        x = x < low ? low : x;
        x = x > high ? high : x;
        out[i] = (float)(rint((x - shift) * factor * per_quantum) * quantum + 0.0); /* no negative zero */
    }
}

void prepare_values(const struct prepared_feature *feature, const double *value, int rows, float *out)
{
    double filled[BLOCK_ROWS];
    for (int done = 0; done < rows; done += BLOCK_ROWS) {
        int part = rows - done < BLOCK_ROWS ? rows - done : BLOCK_ROWS;
        for (int i = 0; i < part; i++)
            filled[i] = isnan(value[done + i]) ? feature->fill : value[done + i];
        if (feature->transform != TRANSFORM_NONE) {
            for (int i = 0; i < part; i++)
                filled[i] = survey_transform(feature->transform, filled[i]);
        }
        scale_values(feature, filled, part, out + done);
    }
}
