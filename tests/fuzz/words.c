/* Prints what the option tables know, as a dictionary for libFuzzer. */
#include <stdio.h>
#include <string.h>

#include "app/config.h"
#include "fuzz.h"

static void print_word(const char *text, size_t length)
{
    if (length > 0)
        printf("\"%.*s\"\n", (int)length, text);
}

static void print_table(const struct option *table, int count)
{
    for (int i = 0; i < count; i++) {
        const char *dot = strchr(table[i].key, '.');
        printf("\"\\x1e--%s=\"\n", table[i].key);
        if (dot) {
            print_word(table[i].key, (size_t)(dot - table[i].key));
            print_word(dot + 1, strlen(dot + 1));
        }
        if (table[i].default_text)
            print_word(table[i].default_text, strlen(table[i].default_text));
        for (const char *at = table[i].choices; at && *at;) {
            size_t length = strcspn(at, "|");
            print_word(at, length);
            at += at[length] == '|' ? length + 1 : length;
        }
    }
}

int main(void)
{
    int count = 0;
    print_table(fit_options, fit_option_count);
    const struct option *table = table_assign(&count);
    print_table(table, count);
    table = table_compare(&count);
    print_table(table, count);
    table = table_generate(&count);
    print_table(table, count);
    return 0;
}
