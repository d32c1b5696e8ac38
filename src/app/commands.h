/* The commands: each reads its arguments (without the command's own name), does its job and returns how it
 * ended. Collective; every rank passes the same arguments. */
#ifndef LOHKO_APP_COMMANDS_H
#define LOHKO_APP_COMMANDS_H

#include "core/comm.h"
#include "core/status.h"

status_t command_compare(struct comm *comm, int argument_count, char *const *arguments)
    __attribute__((warn_unused_result));
status_t command_fit(struct comm *comm, int argument_count, char *const *arguments)
    __attribute__((warn_unused_result));
status_t command_assign(struct comm *comm, int argument_count, char *const *arguments)
    __attribute__((warn_unused_result));
status_t command_generate(struct comm *comm, int argument_count, char *const *arguments)
    __attribute__((warn_unused_result));

#endif
