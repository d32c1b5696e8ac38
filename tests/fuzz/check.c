#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "fuzz.h"

int cut_arguments(char *text, char *arguments[static MOST_ARGUMENTS])
{
    int count = 0;
    for (char *rest = text; rest && count < MOST_ARGUMENTS; count++) {
        char *end = strchr(rest, SEPARATOR);
        arguments[count] = rest;
        if (end)
            *end = '\0';
        rest = end ? end + 1 : NULL;
    }
    return count;
}

static void stop(const char *why, const char *what)
{
    fprintf(stderr, "fuzz: %s: %s\n", why, what);
    abort();
}

void check_status(status_t status)
{
    if (!status)
        return;
    if (status->code != EXIT_BAD_CONFIG && status->code != EXIT_BAD_USAGE)
        stop("an exit code that no parser has", status->message);
    if (status->message[0] == '\0' || strpbrk(status->message, "\n\r\x1b"))
        stop("not one line", status->message);
    status_free(status);
}

static char *echo(const struct config *config)
{
    char *yaml = NULL;
    status_t status = config_echo(config, &yaml);
    if (status)
        stop("an accepted configuration cannot be written", status->message);
    return yaml;
}

void check_config(const char *text, size_t size, int count, char *const *arguments)
{
    struct config config = {0};
    struct config again = {0};
    status_t status = config_parse("fuzz.yaml", text, (int64_t)size, count, arguments, &config);
    if (!status) {
        char *first = echo(&config);
        status = config_parse("echo.yaml", first, (int64_t)strlen(first), 0, NULL, &again);
        if (status)
            stop("an accepted configuration is refused when it comes back", status->message);
        char *second = echo(&again);
        if (strcmp(first, second) != 0)
            stop("a configuration comes back as another one", second);
        free(first);
        free(second);
    }
    check_status(status);
    config_free(&config);
    config_free(&again);
}
