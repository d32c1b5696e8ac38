/* What the fuzzed parsers share. Input is bytes; a byte SEPARATOR, which YAML does not allow, ends an
 * argument. */
#ifndef LOHKO_TESTS_FUZZ_H
#define LOHKO_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "app/options.h"
#include "core/status.h"

enum { SEPARATOR = 0x1E, MOST_ARGUMENTS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts `text` at its separators, in place; returns how many arguments there are. */
int cut_arguments(char *text, char *arguments[static MOST_ARGUMENTS]);

/* Ends the program where a failure has no documented code of a parser, or is not one line. Frees it. */
void check_status(status_t status);

/* With the options (`arguments`) applied to the text: the effective configuration must read back to itself.
 * Ends the program where it does not. */
void check_config(const char *text, size_t size, int count, char *const *arguments);

/* Reads a command's arguments as the command does, and frees what came of it (parse_*.c). */
status_t parse_fit(int count, char *const *arguments);
status_t parse_assign(int count, char *const *arguments);
status_t parse_compare(int count, char *const *arguments);
status_t parse_generate(int count, char *const *arguments);

/* The tables that their options are in. */
const struct option *table_assign(int *count);
const struct option *table_compare(int *count);
const struct option *table_generate(int *count);

#endif
