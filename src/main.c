/* MPI's beginning and end, the table of commands, the exit code. Nothing else. */
#include <fcntl.h>
#include <mpi.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
 * size limit is a failed write like others, not the end of the process; nor is it the end of a long job that
 * nobody reads its messages any more. */
static bool handle_signals(void)
{
    struct sigaction asked = {.sa_handler = ask_to_stop, .sa_flags = SA_RESTART};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    bool done = sigaction(SIGTERM, &asked, NULL) == 0 && sigaction(SIGUSR1, &asked, NULL) == 0 &&
                sigaction(SIGXFSZ, &ignored, NULL) == 0 && sigaction(SIGPIPE, &ignored, NULL) == 0;
    asked.sa_flags |= (int)SA_RESETHAND;
    return sigaction(SIGINT, &asked, NULL) == 0 && done;
}

/* A file that is opened must not get the number of a stream that is closed, and be written messages into.
 * What is written to a stdout that was closed stays an error. */
static void open_closed_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) < 0 &&
            open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return; /* without /dev/null there is no telling anyone, either */
    }
}

/* The table for people, which no file holds: it is lost where stdout is full or closed. */
static int end_output(int rank, int code)
{
    bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (!lost || code != EXIT_DONE)
        return code;
    if (rank == 0)
        fputs("lohko: what was to be printed could not be written to stdout; files are complete\n", stderr);
    return EXIT_IO_ERROR;
}

/* Any rank may have had the signal. */
static int end_code(struct comm *comm, int code)
{
    if (code != EXIT_STOPPED)
        return code;
    int64_t number = stop;
    comm->stop = NULL;
    status_t status = comm_max_i64(comm, &number, 1);
    code = status ? status->code : EXIT_STOPPED + (int)number;
    status_free(status);
    return code;
}

int main(int argc, char **argv)
{
    open_closed_streams();
    /* First, since starting MPI takes a while in which a signal would end the process. */
    if (!handle_signals())
        fputs("lohko: signals cannot be handled\n", stderr);
    if (MPI_Init(&argc, &argv) != MPI_SUCCESS) {
        fputs("lohko: MPI could not be started\n", stderr);
        return EXIT_INTERNAL;
    }
    struct comm comm = {.handle = MPI_COMM_NULL};
    status_t status = comm_open(&comm, MPI_COMM_WORLD);
    if (status) {
        fprintf(stderr, "lohko: %s\n", status->message);
        MPI_Abort(MPI_COMM_WORLD, EXIT_INTERNAL); /* ranks without a communicator cannot vote */
    }
    status = comm_agree(&comm, h5_start());
    comm.stop = &stop;
    if (!status)
        status = dispatch(&comm, argc, argv);
    int code = end_code(&comm, status ? status->code : EXIT_DONE);
    if (status && comm.rank == 0)
        fprintf(stderr, "lohko: %s\n", status->message);
    status_free(status);
    code = end_output(comm.rank, code);
    comm_close(&comm);
    if (MPI_Finalize() != MPI_SUCCESS && code == EXIT_DONE)
        code = EXIT_INTERNAL;
    return code;
}
