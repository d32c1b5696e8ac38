#include "app/csv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* With every quotation mark twice. */
static void put_quoted(FILE *file, const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at == '"')
            fputc('"', file);
        fputc(*at, file);
    }
}

void csv_text(FILE *file, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    put_quoted(file, text);
    fputc('"', file);
}

void csv_heading(FILE *file, const char *before, const char *name, const char *after)
{
    const char *quote = strpbrk(name, ",\"\r\n") ? "\"" : "";
    fprintf(file, ",%s%s", quote, before);
    put_quoted(file, name);
    fprintf(file, "%s%s", after, quote);
}

void csv_number(FILE *file, double value)
{
    fputc(',', file);
    if (isfinite(value))
        fprintf(file, "%.6g", value);
}

void csv_ratio(FILE *file, double value)
{
    fputc(',', file);
    if (isfinite(value))
        fprintf(file, "%.4f", value);
}

void csv_count(FILE *file, int64_t count)
{
    fprintf(file, ",%" PRId64, count);
}
