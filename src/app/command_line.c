#include "app/command_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

status_t command_line_help(const struct command_line *line)
{
    printf("%s\noptions and their defaults\n", line->usage);
    options_print_help(line->option, line->options, stdout);
    printf("  -q             %s\n", line->quiet);
    if (line->verbose)
        printf("  -v             %s\n", line->verbose);
    if (fflush(stdout) != 0 || ferror(stdout))
        return status_new(EXIT_IO_ERROR, "the help cannot be written: %s", strerror(errno));
    return STATUS_OK;
}

status_t command_line_parse(const struct command_line *line, int count, char *const *arguments, void *target,
                            enum log_level *level)
{
    char **rest = NULL;
    int rest_count = 0;
    status_t status = memory_new(&rest, count, sizeof *rest, "the command line");
    for (int i = 0; !status && i < count; i++) {
        if (strcmp(arguments[i], "-q") == 0)
            *level = LOG_QUIET;
        else if (line->verbose && strcmp(arguments[i], "-v") == 0)
            *level = LOG_VERBOSE;
        else
            rest[rest_count++] = arguments[i];
    }
    if (!status)
        status = options_parse_command_line(line->option, line->options, rest_count, rest, target);
    free(rest);
    return status;
}
