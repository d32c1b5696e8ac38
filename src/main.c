/* MPI's beginning and end, the table of commands, the exit code. Nothing else. */
#include <mpi.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/version.h"
#include "core/comm.h"
#include "core/status.h"
#include "data/h5.h"

struct command {
    const char *name;
    const char *arguments;
    const char *summary;
    status_t (*run)(struct comm *comm, int argument_count, char *const *arguments);
};

static const struct command commands[] = {
    {"fit", "CONFIG.yaml [--section.key=value ...]", "learn segments, write results", command_fit},
    {"compare", "--before A/results.h5 --after B/results.h5 --output DIR", "two segmentations, one report",
     command_compare},
    {"assign", "--model RESULTS.h5 --input NEW.h5 --output DIR", "score new customers or prospects",
     command_assign},
    {"generate", "--customers N --features D --segments K --output FILE.h5",
     "synthetic customers, truth included", command_generate},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    printf("lohko %s: customer segmentation at cluster scale\n\n", version_text());
    for (int i = 0; i < COMMANDS; i++)
        printf("  lohko %-9s %s\n  %16s%s\n", commands[i].name, commands[i].arguments, "",
               commands[i].summary);
    printf(
        "  lohko --help | --version | COMMAND --help\n\n"
        "All run alone, or in parallel under mpirun -n P or srun; the results are the same.\n");
}

static status_t dispatch(struct comm *comm, int count, char *const *arguments)
{
    const char *name = count > 1 ? arguments[1] : "--help";
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(comm, count - 2, arguments + 2);
    }
    bool version = strcmp(name, "--version") == 0;
    if (!version && strcmp(name, "--help") != 0 && strcmp(name, "-h") != 0)
        return status_new(EXIT_BAD_USAGE, "unknown command %s (try lohko --help)", name);
    if (comm->rank == 0 && version)
        printf("lohko %s (%s)\n", version_text(), version_commit());
    else if (comm->rank == 0)
        print_help();
    return count > 1 ? STATUS_OK : status_new(EXIT_BAD_USAGE, "a command is expected");
}

/* The signal by which this rank has been asked to stop; ranks vote on it (comm.h). */
static volatile sig_atomic_t stop;

static void ask_to_stop(int signal)
{
    stop = signal;
}

/* What job schedulers and people send; a second Ctrl-C does not wait for the step to end. A file beyond the
 * size limit is a failed write like others, not the end of the process. */
static bool handle_signals(void)
{
    struct sigaction asked = {.sa_handler = ask_to_stop, .sa_flags = SA_RESTART};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    bool done = sigaction(SIGTERM, &asked, NULL) == 0 && sigaction(SIGUSR1, &asked, NULL) == 0 &&
                sigaction(SIGXFSZ, &ignored, NULL) == 0;
    asked.sa_flags |= (int)SA_RESETHAND;
    return sigaction(SIGINT, &asked, NULL) == 0 && done;
}

int main(int argc, char **argv)
{
    if (MPI_Init(&argc, &argv) != MPI_SUCCESS) {
        fputs("lohko: MPI could not be started\n", stderr);
        return EXIT_INTERNAL;
    }
    if (!handle_signals())
        fputs("lohko: signals cannot be handled\n", stderr);
    struct comm comm = {.handle = MPI_COMM_NULL};
    status_t status = comm_open(&comm, MPI_COMM_WORLD);
    if (status) {
        fprintf(stderr, "lohko: %s\n", status->message);
        MPI_Abort(MPI_COMM_WORLD, EXIT_INTERNAL); /* ranks without a communicator cannot vote */
    }
    comm.stop = &stop;
    status = comm_agree(&comm, h5_start());
    if (!status)
        status = dispatch(&comm, argc, argv);
    int code = status ? status->code : EXIT_DONE;
    if (status && comm.rank == 0)
        fprintf(stderr, "lohko: %s\n", status->message);
    status_free(status);
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = EXIT_IO_ERROR;
    comm_close(&comm);
    if (MPI_Finalize() != MPI_SUCCESS && code == EXIT_DONE)
        code = EXIT_INTERNAL;
    return code;
}
