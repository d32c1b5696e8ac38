#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/fit.h"
#include "app/version.h"
#include "assess/describe.h"
#include "cluster/seed.h"
#include "cluster/swap.h"
#include "core/memory.h"
#include "data/select.h"

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

static void show_notes(struct log *log, char *notes)
{
    char *rest = notes;
    for (char *line = strtok_r(notes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_note(log, "%s", line);
}

/* Rank 0 reads; the others get the effective configuration, which says the same. */
static status_t share_config(struct fit *fit, const struct invocation *invocation)
{
    struct comm *comm = fit->comm;
    char *notes = NULL;
    status_t status = STATUS_OK;
    if (comm->rank == 0) {
        status = config_read(invocation->config_path, invocation->override_count, invocation->overrides,
                             &fit->config, &notes);
        if (!status)
            status = config_echo(&fit->config, &fit->echo);
        if (!status && notes)
            show_notes(&fit->log, notes);
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
        status = config_parse(invocation->config_path, fit->echo, size - 1, 0, NULL, &fit->config, &notes);
    free(notes); /* there are none from an echo */
    return comm_agree(comm, status);
}

/* ---- columns ---- */

static status_t find_column(const struct source *source, const char *option, const char *name,
                            int64_t *column)
{
    *column = source_find(source, name);
    if (*column >= 0)
        return STATUS_OK;
    if (source_passed_over(source, name))
        return status_new(EXIT_BAD_DATA, "%s: %s holds no numbers (%s)", source->path, name, option);
    return status_new(EXIT_BAD_DATA, "%s: there is no column %s (%s)", source->path, name, option);
}

static bool is_listed(const struct name_list *list, const char *name)
{
    for (int64_t i = 0; i < list->count; i++) {
        if (strcmp(list->name[i], name) == 0)
            return true;
    }
    return false;
}

/* Columns that are both clustered on and only described, or the id, would be a contradiction. */
static status_t choose_columns(const struct fit *fit, int64_t *features, int64_t *feature_count,
                               int64_t *profile)
{
    const struct config *config = &fit->config;
    const struct source *source = &fit->source;
    status_t status = STATUS_OK;
    *feature_count = 0;
    for (int64_t i = 0; !status && i < config->profile.count; i++)
        status = find_column(source, "features.profile", config->profile.name[i], &profile[i]);
    for (int64_t i = 0; !status && !config->use_all && i < config->use.count; i++) {
        status = find_column(source, "features.use", config->use.name[i], &features[(*feature_count)++]);
        if (!status && is_listed(&config->profile, config->use.name[i]))
            status = status_new(EXIT_BAD_CONFIG, "%s is in both features.use and features.profile",
                                config->use.name[i]);
    }
    for (int64_t c = 0; !status && config->use_all && c < source->column_count; c++) {
        if (!is_listed(&config->profile, source->column[c].name))
            features[(*feature_count)++] = c;
    }
    if (!status && *feature_count == 0)
        status = status_new(EXIT_BAD_DATA, "%s: no feature is left to cluster on", source->path);
    return status;
}

static void tell_passed_over(struct fit *fit)
{
    const struct texts *names = &fit->source.passed_over;
    for (int64_t i = 0; fit->config.use_all && i < names->count; i++)
        log_note(&fit->log, "%s holds no numbers and is passed over", names->text[i]);
}

static status_t open_table(struct fit *fit)
{
    const struct config *config = &fit->config;
    log_phase_begin(&fit->log, "opening the input");
    status_t status =
        source_open(fit->comm, config->input_path, config->input_features, config->input_id, &fit->source);
    if (status)
        return status;
    int64_t *features = NULL;
    int64_t *profile = NULL;
    int64_t feature_count = 0;
    int64_t most = fit->source.column_count + config->use.count;
    status = memory_new(&features, most, sizeof *features, "columns");
    if (!status)
        status = memory_new(&profile, config->profile.count, sizeof *profile, "columns");
    if (!status)
        status = choose_columns(fit, features, &feature_count, profile);
    status = comm_agree(fit->comm, status);
    if (!status)
        status = table_open(fit->comm, &fit->log, &fit->source, features, feature_count, profile,
                            config->profile.count, &fit->table);
    free(features);
    free(profile);
    if (!status) {
        tell_passed_over(fit);
        log_note(&fit->log, "%s: %" PRId64 " customers, %" PRId64 " features (%s), %d rank%s",
                 config->input_path, fit->source.rows, fit->table.features, fit->source.form, fit->comm->size,
                 fit->comm->size == 1 ? "" : "s");
    }
    return status;
}

/* ---- memory ---- */

/* What the largest share needs beside the program itself: prepared customers; what models remember of them,
 * or their labels; the models of restarts, swaps and seeding; sums and counters of every segment and column;
 * slabs and blocks of the file. */
static double bytes_needed(const struct fit *fit)
{
    struct partition most = partition_of(fit->source.rows, 0, fit->comm->size);
    double k = (double)fit->config.k_low;
    double columns = (double)fit->table.columns;
    double rows = (double)most.block_count * BLOCK_ROWS;
    double labels = fmax(panel_track_bytes(&most, fit->table.features), rows * (double)sizeof(int32_t));
    double models = ((double)fit->config.restarts + SWAP_VARIANTS + 1 + SEED_CANDIDATES) * k * columns * 32.0;
    double cells = k * columns * (2.0 * sizeof(struct moments) + SELECT_BYTES);
    double walking = columns * BLOCK_ROWS * 2.0 * sizeof(double);
    return customers_bytes(&most, fit->table.features) + labels + models + cells + walking + 96e6;
}

/* Said before the work starts, and refused where it cannot work. */
static status_t check_memory(struct fit *fit)
{
    int ranks_here = 1;
    double needed = bytes_needed(fit);
    status_t status = comm_ranks_on_node(fit->comm, &ranks_here);
    int64_t machine = memory_available();
    double budget = fit->config.memory != MEMORY_AUTO ? (double)fit->config.memory
                    : machine < 0                     ? (double)INFINITY
                                                      : (double)machine / ranks_here;
    if (!status && needed > budget)
        status = status_new(
            EXIT_NO_MEMORY,
            "not enough memory: each rank needs %.0f bytes (%.2f GiB) but may use %.0f (%.2f GiB, %s); "
            "use more ranks on more nodes",
            needed, needed / 0x1p30, budget, budget / 0x1p30,
            fit->config.memory != MEMORY_AUTO ? "run.memory" : "the node's memory shared by its ranks");
    status = comm_agree(fit->comm, status);
    if (!status)
        log_note(&fit->log, "memory: about %.2f GiB a rank", needed / 0x1p30);
    return status;
}

/* ---- stages ---- */

static status_t map_settings(const struct fit *fit, struct prepare_settings *settings)
{
    const struct config *config = &fit->config;
    int64_t features = fit->table.features;
    *settings = (struct prepare_settings){
        .missing = (enum missing)config->missing, .scale = (enum scale)config->scale, .clip = {0.0, 1.0}};
    if (config->clip.count == 2) {
        settings->clip[0] = config->clip.value[0];
        settings->clip[1] = config->clip.value[1];
    }
    status_t status = memory_new(&settings->transform, features, sizeof *settings->transform, "settings");
    if (!status)
        status = memory_new(&settings->weight, features, sizeof *settings->weight, "settings");
    for (int64_t c = 0; !status && c < features; c++)
        settings->weight[c] = 1.0;
    const struct name_map *maps[] = {&config->transform, &config->weight};
    const char *const options[] = {"prepare.transform", "prepare.weight"};
    for (int m = 0; m < 2; m++) {
        for (int64_t i = 0; !status && i < maps[m]->count; i++) {
            int64_t c = 0;
            while (c < features && strcmp(table_name(&fit->table, c), maps[m]->name[i]) != 0)
                c++;
            if (c == features)
                status = status_new(EXIT_BAD_CONFIG, "%s: %s is not among the features", options[m],
                                    maps[m]->name[i]);
            else if (m == 0)
                settings->transform[c] = (int)maps[m]->value[i];
            else
                settings->weight[c] = maps[m]->value[i];
        }
    }
    return status;
}

static status_t prepare_customers(struct fit *fit)
{
    struct prepare_settings settings;
    status_t status = comm_agree(fit->comm, map_settings(fit, &settings));
    if (!status) {
        log_phase_begin(&fit->log, "looking for repeated ids");
        status = ids_check(&fit->table, (enum duplicates)fit->config.duplicates, &fit->repeated);
    }
    if (!status && fit->repeated > 0 && fit->config.duplicates == DUPLICATES_FIRST)
        log_note(&fit->log, "%" PRId64 " rows repeat a customer id and are left out", fit->repeated);
    if (!status) {
        log_phase_begin(&fit->log, "survey");
        status = survey_run(&fit->table, settings.missing, settings.transform, &fit->survey);
    }
    if (!status && fit->survey.dropped > 0)
        log_note(&fit->log, "%" PRId64 " customers have a missing feature and are left out",
                 fit->survey.dropped);
    if (!status) {
        log_phase_begin(&fit->log, "preparation constants");
        status = prepare_learn(&fit->table, &settings, &fit->survey, &fit->preparation);
    }
    if (!status) {
        log_phase_begin(&fit->log, "loading");
        status = customers_load(&fit->table, &fit->preparation, fit->survey.customers, &fit->customers);
    }
    free(settings.transform);
    free(settings.weight);
    return status;
}

/* How the learning went, for -v: what was computed with, and what was not computed at all. */
static void tell_work(struct fit *fit)
{
    const struct kmeans_result *kmeans = &fit->kmeans;
    const struct kernels *kernels = fit->customers.kernels;
    double models = (double)kmeans->restarts * (double)fit->customers.partition.row_count;
    double visited = kmeans->visited > 0 ? (double)kmeans->visited : 1.0;
    double assigned = kmeans->assigned > 0 ? (double)kmeans->assigned : 1.0;
    log_detail(
        &fit->log,
        "nearest centroid: by %s; %s registers (%d floats) take %.2f ns a customer, OpenBLAS (%s) %.2f",
        kmeans->by_gemm ? "OpenBLAS" : "vector registers", kernels->name, kernels->lanes,
        1e9 * kmeans->seconds[0], gemm_prepare(), 1e9 * kmeans->seconds[1]);
    log_detail(
        &fit->log,
        "learning: %" PRId64 " passes over mini-batches, %" PRId64
        " over all customers; %.1f %% of assignments could not have changed and were not made, the rest is "
        "the work of %.1f full passes a restart; %.2g of it in double; %" PRId64 " bytes a reduction",
        kmeans->batches, kmeans->passes, 100.0 * (1.0 - (double)kmeans->assigned / visited),
        models > 0 ? (double)kmeans->assigned / models : 0.0, (double)kmeans->undecided / assigned,
        kmeans->step_bytes);
}

static status_t learn(struct fit *fit)
{
    struct kmeans_settings settings = {.k = fit->config.k_low,
                                       .batch = fit->config.batch,
                                       .restarts = fit->config.restarts,
                                       .polish = fit->config.polish,
                                       .tolerance = fit->config.tolerance,
                                       .seed = (uint64_t)fit->config.seed};
    if (settings.k > fit->survey.customers)
        return status_new(EXIT_BAD_DATA, "%s: %" PRId64 " customers are fewer than segments.k = %" PRId64,
                          fit->config.input_path, fit->survey.customers, settings.k);
    status_t status = kmeans_run(&fit->customers, &fit->preparation, &settings, &fit->kmeans);
    if (!status && !fit->kmeans.converged && settings.polish)
        log_warning(&fit->log, "the best restart had not converged after %" PRId64 " passes",
                    fit->kmeans.passes);
    if (!status)
        tell_work(fit);
    return status;
}

static status_t describe(struct fit *fit)
{
    log_phase_begin(&fit->log, "profile");
    status_t status = profile_run(&fit->table, &fit->survey, fit->kmeans.label, fit->kmeans.k, &fit->profile);
    if (status)
        return status;
    status = memory_new(&fit->description, fit->kmeans.k, sizeof *fit->description, "descriptions");
    for (int64_t h = 0; !status && h < fit->kmeans.k; h++)
        status = describe_segment(&fit->profile, &fit->table, h, &fit->description[h]);
    return comm_agree(fit->comm, status);
}

static status_t run(struct fit *fit)
{
    status_t status = comm_hosts(fit->comm, &fit->hosts);
    if (!status)
        status = comm_agree(fit->comm,
                            fit->comm->rank == 0 ? output_open(&fit->output, fit->config.output) : STATUS_OK);
    if (!status)
        status = open_table(fit);
    if (!status)
        status = check_memory(fit);
    if (!status)
        status = prepare_customers(fit);
    if (!status)
        status = learn(fit);
    if (!status)
        status = describe(fit);
    if (!status)
        status = fit_write(fit);
    return status;
}

static void close_all(struct fit *fit)
{
    if (fit->comm->rank == 0)
        output_close(&fit->output);
    for (int64_t h = 0; fit->description && h < fit->kmeans.k; h++)
        free(fit->description[h]);
    free(fit->description);
    profile_free(&fit->profile);
    kmeans_free(&fit->kmeans);
    customers_free(&fit->customers);
    prepare_free(&fit->preparation);
    survey_free(&fit->survey);
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
        if (!status)
            status = run(fit);
        log_phase_end(&fit->log);
        close_all(fit);
    }
    free(fit);
    free(invocation.overrides);
    return status;
}
