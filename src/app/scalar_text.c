#include "app/scalar_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Only decimal forms reach strtod and strtoll: no hexadecimal, no nan, no inf, no space. */
static bool looks_decimal(const char *text)
{
    return strpbrk(text, "0123456789") && text[strspn(text, "0123456789+-.eE")] == '\0';
}

enum number number_of_text(const char *text, double *number)
{
    if (!looks_decimal(text))
        return NUMBER_MALFORMED;
    char *end = NULL;
    *number = strtod(text, &end);
    if (*end != '\0')
        return NUMBER_MALFORMED;
    return isfinite(*number) ? NUMBER_FINE : NUMBER_TOO_LARGE;
}

enum number integer_of_text(const char *text, int64_t *integer)
{
    if (!looks_decimal(text))
        return NUMBER_MALFORMED;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end == '\0') {
        *integer = value;
        return errno == ERANGE ? NUMBER_TOO_LARGE : NUMBER_FINE;
    }
    /* Wide enough for every int64_t where long double has 64 bits or more of fraction. */
    long double number = strtold(text, &end);
    if (*end != '\0' || (isfinite(number) && number != floorl(number)))
        return NUMBER_MALFORMED;
    if (!(fabsl(number) < 0x1p63L))
        return NUMBER_TOO_LARGE;
    *integer = (int64_t)number;
    return NUMBER_FINE;
}

/* A copy of `length` bytes without the spaces around them; empty where it does not fit. */
static void copy_trimmed(const char *text, size_t length, char copy[static NUMBER_TEXT_SIZE])
{
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length >= NUMBER_TEXT_SIZE)
        length = 0;
    memcpy(copy, text, length);
    copy[length] = '\0';
}

enum number range_of_text(const char *text, int64_t *low, int64_t *high)
{
    *low = 0;
    *high = 0;
    const char *dots = strstr(text, "..");
    char part[NUMBER_TEXT_SIZE];
    copy_trimmed(text, dots ? (size_t)(dots - text) : strlen(text), part);
    enum number first = integer_of_text(part, low);
    if (first != NUMBER_FINE || !dots) {
        *high = *low;
        return first;
    }
    copy_trimmed(dots + 2, strlen(dots + 2), part);
    return integer_of_text(part, high);
}

enum number bytes_of_text(const char *text, int64_t *bytes)
{
    static const char suffixes[] = "KkMmGgTt";
    size_t length = strlen(text);
    const char *suffix = length > 0 ? strchr(suffixes, text[length - 1]) : NULL;
    char part[NUMBER_TEXT_SIZE];
    copy_trimmed(text, suffix ? length - 1 : length, part);
    double number = 0;
    enum number kind = number_of_text(part, &number);
    if (kind != NUMBER_FINE)
        return kind;
    int power = suffix ? (int)(suffix - suffixes) / 2 + 1 : 0;
    number = floor(ldexp(number, 10 * power));
    if (!(fabs(number) < 0x1p63))
        return NUMBER_TOO_LARGE;
    *bytes = (int64_t)number;
    return NUMBER_FINE;
}

bool bool_of_text(const char *text, bool *truth)
{
    static const char *const word[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
        if (strcasecmp(text, word[i]) == 0) {
            *truth = i % 2 == 1;
            return true;
        }
    }
    return false;
}

void text_of_number(double number, char text[static NUMBER_TEXT_SIZE])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, NUMBER_TEXT_SIZE, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    char *exponent = strchr(text, 'e');
    if (exponent && !strchr(text, '.')) {
        memmove(exponent + 2, exponent, strlen(exponent) + 1);
        memcpy(exponent, ".0", 2);
    }
}
