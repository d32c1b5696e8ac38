/* Fields of CSV files (RFC 4180). Local. */
#ifndef LOHKO_APP_CSV_H
#define LOHKO_APP_CSV_H

#include <stdint.h>
#include <stdio.h>

/* Quoted where it must be; no comma before it, unlike all that follow. */
void csv_text(FILE *file, const char *text);

/* `before`, `name` and `after` as one field. */
void csv_heading(FILE *file, const char *before, const char *name, const char *after);

/* Six digits. Missing and undefined figures are empty fields. */
void csv_number(FILE *file, double value);

/* Shares and multiples need no more than four places. */
void csv_ratio(FILE *file, double value);

void csv_count(FILE *file, int64_t count);

#endif
