/* How the user wants the customers to be read and prepared: the values of the options `input.duplicates` and
 * `prepare.*`. */
#ifndef LOHKO_DATA_SETTINGS_H
#define LOHKO_DATA_SETTINGS_H

enum duplicates { DUPLICATES_ERROR, DUPLICATES_FIRST, DUPLICATES_ALLOW };
enum missing { MISSING_MEDIAN, MISSING_MEAN, MISSING_DROP, MISSING_ERROR };
enum scale { SCALE_ZSCORE, SCALE_ROBUST, SCALE_MINMAX, SCALE_NONE };
enum transform { TRANSFORM_NONE, TRANSFORM_LOG, TRANSFORM_LOG1P, TRANSFORM_SQRT, TRANSFORM_ASINH };

#endif
