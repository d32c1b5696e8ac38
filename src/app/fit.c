#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/fit.h"
#include "app/overwrite.h"
#include "app/version.h"
#include "assess/describe.h"
#include "core/memory.h"

/* ---- command line and config ---- */

struct invocation {
    const char *config_path;
    enum log_level level;
    int override_count;
    char **overrides;
};

static void print_help(void)
{
    puts(
        "usage: lohko fit CONFIG.yaml [-q | -v] [--section.key=value ...]\n\n"
        "Learns segments from the customers of an HDF5 file and writes results.h5, summary.json and\n"
        "segments.csv into output.directory. Run it alone or under mpirun or srun; the result is the "
        "same.\n\n"
        "SIGTERM, SIGUSR1 and Ctrl-C make it keep what it has found and end with exit code 75; the same\n"
        "command with --run.resume goes on from there. To mpirun send SIGUSR1, which it passes on.\n\n"
        "  -q        only warnings, errors and the table of segments\n"
        "  -v        also how the time was spent\n"
        "  --help    this text\n\n"
        "Every option is a key of the config file and may be given on the command line under the same "
        "name.\n");
    options_print_help(fit_options, fit_option_count, stdout);
}

static status_t read_arguments(int count, char *const *arguments, struct invocation *invocation)
{
    *invocation = (struct invocation){.level = LOG_NORMAL};
    status_t status = memory_new(&invocation->overrides, count, sizeof *invocation->overrides, "arguments");
    for (int i = 0; !status && i < count; i++) {
        const char *argument = arguments[i];
        bool after_key = i > 0 && strncmp(arguments[i - 1], "--", 2) == 0 && !strchr(arguments[i - 1], '=');
        if (strcmp(argument, "-q") == 0)
            invocation->level = LOG_QUIET;
        else if (strcmp(argument, "-v") == 0)
            invocation->level = LOG_VERBOSE;
        else if (strncmp(argument, "--", 2) == 0 || (after_key && invocation->config_path))
            invocation->overrides[invocation->override_count++] = arguments[i];
        else if (argument[0] == '-' && argument[1] != '\0')
            status = status_new(EXIT_BAD_USAGE, "fit: unknown option %s (try lohko fit --help)", argument);
        else if (invocation->config_path)
            status = status_new(EXIT_BAD_USAGE, "fit: one config file is expected, but %s follows %s",
                                argument, invocation->config_path);
        else
            invocation->config_path = argument;
    }
    if (!status && !invocation->config_path)
        status = status_new(EXIT_BAD_USAGE, "fit: a config file is expected: lohko fit CONFIG.yaml");
    return status;
}

/* Rank 0 reads; the others get the effective configuration, which says the same. */
static status_t share_config(struct fit *fit, const struct invocation *invocation)
{
    struct comm *comm = fit->comm;
    status_t status = STATUS_OK;
    if (comm->rank == 0) {
        status = config_read(invocation->config_path, invocation->override_count, invocation->overrides,
                             &fit->config);
        if (!status)
            status = config_echo(&fit->config, &fit->echo);
    }
    status = comm_agree(comm, status);
    int64_t size = fit->echo ? (int64_t)strlen(fit->echo) + 1 : 0;
    if (!status)
        status = comm_broadcast(comm, &size, sizeof size);
    status_t local = STATUS_OK;
    if (!status && comm->rank != 0)
        local = memory_new(&fit->echo, size, 1, "the configuration");
    if (!status)
        status = comm_agree(comm, local);
    if (!status)
        status = comm_broadcast(comm, fit->echo, size);
    if (!status && comm->rank != 0)
        status = config_parse(invocation->config_path, fit->echo, size - 1, 0, NULL, &fit->config);
    return comm_agree(comm, status);
}

/* ---- stages ---- */

static status_t describe(struct fit *fit)
{
    const struct segmentation *segments = fit->segments;
    log_phase_begin(&fit->log, "profile");
    status_t status = profile_run(&fit->table, &fit->survey, &segments->label, segments->k, &fit->profile);
    if (status)
        return status;
    status = memory_new(&fit->description, segments->k, sizeof *fit->description, "descriptions");
    for (int64_t h = 0; !status && h < segments->k; h++)
        status = describe_segment(&fit->profile, &fit->table, h, &fit->description[h]);
    return comm_agree(fit->comm, status);
}

/* How many take part, which a tree's memory depends on, is then known only when the file has been read. */
static bool may_leave_out(const struct fit *fit)
{
    int missing = fit_keeps_preparation(fit) ? (int)fit->previous->model.missing : fit->config.missing;
    return missing == MISSING_DROP || fit->config.duplicates == DUPLICATES_FIRST;
}

/* What is read must not be what is written: a second run of the same job would compare this year with itself,
 * and the customers may lie in a file of that name. Rank 0. */
static status_t refuse_overwriting_input(const struct fit *fit)
{
    const struct config *config = &fit->config;
    bool input = overwritten_name(config->output, config->input_path) != NULL;
    if (input || (config->previous && overwritten_name(config->output, config->previous)))
        return status_new(
            EXIT_BAD_CONFIG,
            "output.directory: %s holds %s, which would be overwritten (expected: another directory)",
            config->output, input ? "input.path" : "previous.results");
    return STATUS_OK;
}

/* The output directory, the input, and whether it all fits. */
static status_t open_all(struct fit *fit)
{
    status_t status = comm_agree(fit->comm, fit->comm->rank == 0 ? refuse_overwriting_input(fit) : STATUS_OK);
    if (!status)
        status = comm_hosts(fit->comm, &fit->hosts);
    if (!status)
        status = comm_agree(fit->comm, fit->comm->rank == 0 ? output_claim(&fit->output, fit->config.output)
                                                            : STATUS_OK);
    if (!status)
        status = fit_checkpoint_open(fit);
    if (!status)
        status = fit_open_table(fit);
    if (!status)
        status = fit_check_memory(fit, may_leave_out(fit) ? 0 : fit->source.rows);
    if (!status)
        status = fit_survey(fit);
    if (!status)
        status = fit_check_counts(fit);
    if (!status && may_leave_out(fit))
        status = fit_check_memory(fit, fit->survey.customers);
    if (!status)
        status = fit_checkpoint_begin(fit);
    return status;
}

static status_t run(struct fit *fit)
{
    status_t status = open_all(fit);
    if (!status)
        status = fit_score_previous(fit);
    if (!status)
        status = fit_load(fit);
    if (!status)
        status = fit_carry_previous(fit);
    if (!status)
        status = fit_open_tries(fit);
    if (!status && fit->config.method == METHOD_KMEANS)
        status = fit_learn(fit);
    if (!status && fit->config.leaves != 0)
        status = fit_grow_tree(fit);
    if (!status)
        status = fit_hand_down(fit);
    if (!status)
        status = fit_judge(fit);
    if (!status)
        status = fit_grow_segment_tree(fit);
    if (!status)
        status = describe(fit);
    if (!status)
        status = fit_measure_migration(fit);
    if (!status)
        status = fit_write(fit);
    return status;
}

static void close_all(struct fit *fit)
{
    if (fit->comm->rank == 0)
        output_close(&fit->output);
    for (int64_t h = 0; fit->description && h < fit->segments->k; h++)
        free(fit->description[h]);
    free(fit->description);
    fit_checkpoint_free(fit);
    profile_free(&fit->profile);
    fit_free_trees(fit);
    fit_free_tries(fit);
    fit_free_previous(fit);
    customers_free(&fit->customers);
    prepare_free(&fit->preparation);
    survey_free(&fit->survey);
    free(fit->settings.transform);
    free(fit->settings.weight);
    table_close(&fit->table);
    source_close(&fit->source);
    config_free(&fit->config);
    free(fit->echo);
    free(fit->hosts);
}

status_t command_fit(struct comm *comm, int argument_count, char *const *arguments)
{
    for (int i = 0; i < argument_count; i++) {
        if (strcmp(arguments[i], "--help-markdown") == 0 || options_want_help(argument_count, arguments)) {
            if (comm->rank == 0 && strcmp(arguments[i], "--help-markdown") == 0)
                config_print_markdown(stdout);
            else if (comm->rank == 0)
                print_help();
            return STATUS_OK;
        }
    }
    /* A signal that came while MPI started is heard when it is known where a checkpoint may be. */
    const volatile sig_atomic_t *stop = comm->stop;
    comm->stop = NULL;
    struct invocation invocation;
    struct fit *fit = NULL;
    status_t status = read_arguments(argument_count, arguments, &invocation);
    if (!status)
        status = memory_new(&fit, 1, sizeof *fit, "the job");
    status = comm_agree(comm, status);
    if (!status) {
        fit->comm = comm;
        fit->source.file = H5I_INVALID_HID;
        fit->started = time(NULL);
        log_open(&fit->log, comm->rank, invocation.level);
        status = share_config(fit, &invocation);
        comm->stop = stop;
        if (!status)
            status = run(fit);
        log_phase_end(&fit->log);
        status = fit_checkpoint_end(fit, status);
        close_all(fit);
    }
    free(fit);
    free(invocation.overrides);
    return status;
}
