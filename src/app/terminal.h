/* Text for people on a terminal of 100 columns. Names may be any UTF-8: a letter counts as one column. Local.
 */
#ifndef LOHKO_APP_TERMINAL_H
#define LOHKO_APP_TERMINAL_H

#include <stddef.h>
#include <stdint.h>

enum { TERMINAL_WIDTH = 100, TERMINAL_COUNT_SIZE = 32, PROSE_SIZE = 2048 };

/* 1234567 as "1 234 567". */
const char *terminal_count(int64_t value, char text[TERMINAL_COUNT_SIZE]);

/* Letters of a text. */
int terminal_letters(const char *text);

enum terminal_side { TERMINAL_LEFT, TERMINAL_RIGHT };

/* Cut to `width` letters (at least 2), the last two of a cut text being "..", and filled up with spaces to
 * stand at that side. */
void terminal_cell(const char *text, int width, enum terminal_side side);

/* Sentences that are made bit by bit; what is longer is cut. */
struct prose {
    char text[PROSE_SIZE];
    size_t used;
};

void prose_add(struct prose *prose, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Wrapped into lines that begin at column `indent`, where the cursor is; numbers and units stay whole. A line
 * ends where the text has a line end, and after the text. */
void prose_print(const struct prose *prose, int indent);

#endif
