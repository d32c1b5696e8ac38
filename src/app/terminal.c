#include "app/terminal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *terminal_count(int64_t value, char text[TERMINAL_COUNT_SIZE])
{
    char plain[TERMINAL_COUNT_SIZE];
    int length = snprintf(plain, sizeof plain, "%" PRId64, value);
    size_t at = 0;
    for (int i = 0; i < length && at + 2 < TERMINAL_COUNT_SIZE; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ' ';
        text[at++] = plain[i];
    }
    text[at] = '\0';
    return text;
}

/* ---- letters ---- */

static bool begins_letter(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

static int letters_of(const char *text, size_t bytes)
{
    int letters = 0;
    for (size_t i = 0; i < bytes; i++)
        letters += begins_letter(text[i]);
    return letters;
}

int terminal_letters(const char *text)
{
    return letters_of(text, strlen(text));
}

/* Bytes of the first `letters` letters. */
static int bytes_of(const char *text, int letters)
{
    int bytes = 0;
    while (text[bytes] && (letters > 0 || !begins_letter(text[bytes])))
        letters -= begins_letter(text[bytes++]);
    return bytes;
}

void terminal_cell(const char *text, int width, enum terminal_side side)
{
    int letters = terminal_letters(text);
    bool is_cut = letters > width;
    int kept = is_cut ? bytes_of(text, width - 2) : (int)strlen(text);
    int room = is_cut ? 0 : width - letters;
    bool is_left = side == TERMINAL_LEFT;
    printf("%*s%.*s%s%*s", is_left ? 0 : room, "", kept, text, is_cut ? ".." : "", is_left ? room : 0, "");
}

/* ---- sentences ---- */

void prose_add(struct prose *prose, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof prose->text - prose->used;
    int length = vsnprintf(prose->text + prose->used, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        prose->used += (size_t)length < room ? (size_t)length : room - 1;
}

/* Not within "1 234", nor before "%" or "sd". */
static bool may_break(const char *start, const char *space)
{
    bool after_digit = space > start && isdigit((unsigned char)space[-1]);
    bool is_more = isdigit((unsigned char)space[1]) || space[1] == '%' || strncmp(space + 1, "sd", 2) == 0;
    return !(after_digit && is_more);
}

static size_t word_bytes(const char *start, const char *word)
{
    const char *end = word + strcspn(word, " \n");
    while (*end == ' ' && !may_break(start, end))
        end += 1 + strcspn(end + 1, " \n");
    return (size_t)(end - word);
}

void prose_print(const struct prose *prose, int indent)
{
    int at = 0; /* letters of the line so far */
    const char *word = prose->text;
    while (*word) {
        size_t bytes = word_bytes(prose->text, word);
        int letters = letters_of(word, bytes);
        if (at > 0 && indent + at + 1 + letters > TERMINAL_WIDTH) {
            printf("\n%*s", indent, "");
            at = 0;
        }
        printf("%s%.*s", at > 0 ? " " : "", (int)bytes, word);
        at += letters + (at > 0);
        word += bytes;
        if (*word == '\n') {
            printf("\n%*s", indent, "");
            at = 0;
        }
        word += *word != '\0';
    }
    putchar('\n');
}
