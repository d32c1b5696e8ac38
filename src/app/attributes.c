#include "app/attributes.h"

#include <stdio.h>

void attributes_add_text(struct attribute_list *list, const char *name, const char *text)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .text = text};
}

void attributes_add_whole(struct attribute_list *list, const char *name, int64_t value)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .whole = true, .integer = value};
}

void attributes_add_real(struct attribute_list *list, const char *name, double value)
{
    list->item[list->count++] = (struct results_attribute){.name = name, .real = value};
}

void attributes_format_time(time_t time, char text[TIME_SIZE])
{
    struct tm parts;
    if (!gmtime_r(&time, &parts) || strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, TIME_SIZE, "unknown");
}
