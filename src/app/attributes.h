/* What every results file says of the job that wrote it, as attributes. Local. */
#ifndef LOHKO_APP_ATTRIBUTES_H
#define LOHKO_APP_ATTRIBUTES_H

#include <stdint.h>
#include <time.h>

#include "data/results.h"

enum { MOST_ATTRIBUTES = 32, TIME_SIZE = 32 };

/* Texts are the caller's, and must stay as long as the list. */
struct attribute_list {
    struct results_attribute item[MOST_ATTRIBUTES];
    int64_t count;
};

void attributes_add_text(struct attribute_list *list, const char *name, const char *text);
void attributes_add_whole(struct attribute_list *list, const char *name, int64_t value);
void attributes_add_real(struct attribute_list *list, const char *name, double value);

/* 2026-01-31T09:00:00Z */
void attributes_format_time(time_t time, char text[TIME_SIZE]);

#endif
