/* Command lines of the simple commands, whose options are a table; -q, and -v where there is one, stand
 * beside it, since they take no value. Local. */
#ifndef LOHKO_APP_COMMAND_LINE_H
#define LOHKO_APP_COMMAND_LINE_H

#include "app/options.h"
#include "core/log.h"
#include "core/status.h"

struct command_line {
    const char *usage; /* what the help says before the options */
    const struct option *option;
    int options;
    const char *quiet;   /* what -q does */
    const char *verbose; /* what -v does; NULL: there is no -v */
};

/* On stdout. EXIT_IO_ERROR. */
status_t command_line_help(const struct command_line *line) __attribute__((warn_unused_result));

/* As options_parse_command_line; *level is set by -q and -v and stays as it is without them. */
status_t command_line_parse(const struct command_line *line, int count, char *const *arguments, void *target,
                            enum log_level *level) __attribute__((warn_unused_result));

#endif
