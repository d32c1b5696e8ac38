/* Numbers and truth values from text, taken whole or not at all, and numbers back to text. Local. */
#ifndef LOHKO_APP_SCALAR_TEXT_H
#define LOHKO_APP_SCALAR_TEXT_H

#include <stdbool.h>
#include <stdint.h>

enum number { NUMBER_FINE, NUMBER_MALFORMED, NUMBER_TOO_LARGE };

enum { NUMBER_TEXT_SIZE = 40 };

/* A finite decimal number. */
enum number number_of_text(const char *text, double *number);

/* A whole number, also as 1e6 or 2.5e3. */
enum number integer_of_text(const char *text, int64_t *integer);

/* The same between two numbers, "2..12", or one, which is then both. Spaces around each are passed over. */
enum number range_of_text(const char *text, int64_t *low, int64_t *high);

/* A number of bytes, whole or with K, M, G or T (powers of 1024): 1.5G. */
enum number bytes_of_text(const char *text, int64_t *bytes);

/* true, yes, on; false, no, off; in either case. False where it is none of these. */
bool bool_of_text(const char *text, bool *truth);

/* A short text that reads back to the same number, here and by readers of YAML 1.1 (1.0e-05, not 1e-05). */
void text_of_number(double number, char text[static NUMBER_TEXT_SIZE]);

#endif
