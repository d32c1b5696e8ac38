#include "app/config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/yaml_file.h"
#include "core/comm.h"
#include "core/memory.h"

enum { FILE_SIZE_LIMIT = 1 << 20 };

/* Where the value of one option comes from. */
struct origin {
    int line; /* of its key in the file; 0: not there */
    bool given;
    bool command_line; /* which overruled the file */
};

struct reading {
    const char *path; /* of the file, for messages */
    struct config *config;
    struct origin *origin; /* one a row of fit_options */
};

static bool is_section(const char *key)
{
    size_t length = strlen(key);
    for (int i = 0; i < fit_option_count; i++) {
        if (strncmp(fit_options[i].key, key, length) == 0 && fit_options[i].key[length] == '.')
            return true;
    }
    return false;
}

static status_t unknown_key(const struct reading *reading, const struct setting *setting)
{
    const char *key = setting->key;
    const struct option *nearest = options_nearest(fit_options, fit_option_count, key);
    if (nearest)
        return status_new(EXIT_BAD_CONFIG, "%s:%d: unknown key %.*s; did you mean %s?", reading->path,
                          setting->line, text_shown(key), key, nearest->key);
    return status_new(EXIT_BAD_CONFIG, "%s:%d: unknown key %.*s (lohko fit --help lists the keys)",
                      reading->path, setting->line, text_shown(key), key);
}

static status_t refuse_repeated(const struct reading *reading, const struct settings *settings, int64_t i)
{
    for (int64_t j = 0; j < i; j++) {
        if (strcmp(settings->item[i].key, settings->item[j].key) == 0)
            return status_new(EXIT_BAD_CONFIG, "%s:%d: %s is given twice (first on line %d)", reading->path,
                              settings->item[i].line, settings->item[i].key, settings->item[j].line);
    }
    return STATUS_OK;
}

static status_t apply_setting(struct reading *reading, const struct setting *setting)
{
    const struct option *option = options_find(fit_options, fit_option_count, setting->key);
    if (!option) {
        if (!is_section(setting->key))
            return unknown_key(reading, setting);
        if (setting->value.kind == VALUE_NULL)
            return STATUS_OK;
        return status_new(EXIT_BAD_CONFIG,
                          "%s:%d: %s is a section (expected: a mapping of its keys to values)", reading->path,
                          setting->line, setting->key);
    }
    struct origin *origin = &reading->origin[option - fit_options];
    origin->line = setting->line;
    origin->given = setting->value.kind != VALUE_NULL;
    return origin->given ? option_set(option, &setting->value, reading->path, reading->config) : STATUS_OK;
}

/* Whether the setting is a section and the next one is in it. */
static bool opens_section(const struct settings *settings, int64_t i)
{
    size_t length = strlen(settings->item[i].key);
    const char *next = i + 1 < settings->count ? settings->item[i + 1].key : "";
    return strncmp(settings->item[i].key, next, length) == 0 && next[length] == '.';
}

static status_t apply_file(struct reading *reading, const char *text, int64_t size)
{
    struct settings settings = {0};
    status_t status = yaml_read_settings(reading->path, text, size, &settings);
    for (int64_t i = 0; i < settings.count && !status; i++) {
        /* Of a section that is not known, its first key tells more. */
        if (!opens_section(&settings, i))
            status = apply_setting(reading, &settings.item[i]);
        if (!status)
            status = refuse_repeated(reading, &settings, i);
    }
    settings_free(&settings);
    return status;
}

static status_t apply_arguments(struct reading *reading, int count, char *const *arguments)
{
    status_t status = STATUS_OK;
    for (int next = 0; next < count && !status;) {
        const struct option *option = NULL;
        struct option_value value = {0};
        status = options_next(fit_options, fit_option_count, count, arguments, &next, &option, &value);
        if (!status) {
            struct origin *origin = &reading->origin[option - fit_options];
            origin->given = value.kind != VALUE_NULL;
            origin->command_line = true;
            status = origin->given ? option_set(option, &value, NULL, reading->config)
                                   : option_set_default(option, reading->config);
        }
        value_free(&value);
    }
    return status;
}

static status_t require_all(const struct reading *reading)
{
    for (int i = 0; i < fit_option_count; i++) {
        if (fit_options[i].required && !reading->origin[i].given)
            return status_new(EXIT_BAD_CONFIG, "%s: %s is required (%s)", reading->path, fit_options[i].key,
                              fit_options[i].help);
    }
    return STATUS_OK;
}

/* A failure at the option's place: `subject` (may be empty) and then `problem`. */
static status_t refuse_at(const struct reading *reading, const struct option *option, const char *subject,
                          const char *problem)
{
    const struct origin *origin = &reading->origin[option - fit_options];
    if (origin->command_line)
        return status_new(EXIT_BAD_USAGE, "--%s: %s %s", option->key, subject, problem);
    return status_new(EXIT_BAD_CONFIG, "%s:%d: %s: %s %s", reading->path, origin->line, option->key, subject,
                      problem);
}

/* Refuses a name of the option that is (or, where `wanted`, is not) in the list. */
static status_t check_names(const struct reading *reading, const char *key, char *const *name, int64_t count,
                            const struct name_list *list, bool wanted, const char *problem)
{
    char **sorted = NULL;
    status_t status = names_sort(list->name, list->count, &sorted);
    for (int64_t i = 0; i < count && !status; i++) {
        if (names_contain(sorted, list->count, name[i]) == wanted)
            continue;
        char subject[80];
        snprintf(subject, sizeof subject, "\"%.*s\"", text_shown(name[i]), name[i]);
        status = refuse_at(reading, options_find(fit_options, fit_option_count, key), subject, problem);
    }
    free(sorted);
    return status;
}

static status_t check_prepared(const struct reading *reading, const char *key, const struct name_map *map)
{
    const struct config *config = reading->config;
    status_t status = check_names(reading, key, map->name, map->count, &config->profile, false,
                                  "is in features.profile: it is only described, never prepared");
    if (!status && !config->use_all)
        status =
            check_names(reading, key, map->name, map->count, &config->use, true, "is not in features.use");
    return status;
}

static status_t refuse_key(const struct reading *reading, const char *key, const char *subject,
                           const char *problem)
{
    return refuse_at(reading, options_find(fit_options, fit_option_count, key), subject, problem);
}

static status_t check_levels(const struct reading *reading)
{
    const struct number_list *levels = &reading->config->levels;
    for (int64_t i = 1; i < levels->count; i++) {
        for (int64_t j = 0; j < i; j++) {
            char subject[32];
            snprintf(subject, sizeof subject, "%.0f", levels->value[i]);
            if (levels->value[i] == levels->value[j])
                return refuse_key(reading, "hierarchy.levels", subject, "is given twice");
        }
    }
    return STATUS_OK;
}

static status_t check_tree(const struct reading *reading)
{
    const struct config *config = reading->config;
    if (config->leaves == 0 && config->levels.count > 0)
        return refuse_key(reading, "hierarchy.levels", "cuts", "need a tree, but hierarchy.leaves is 0");
    if (config->leaves == 0 && config->method == METHOD_HIERARCHY)
        return refuse_key(reading, "segments.method", "hierarchy", "needs a tree, but hierarchy.leaves is 0");
    if (config->leaves > 0 && config->linkage != LINKAGE_WARD)
        return refuse_key(reading, "hierarchy.leaves", "a number",
                          "of micro-clusters goes with hierarchy.linkage: ward only (expected here: all)");
    return check_levels(reading);
}

/* What one option says of another. */
static status_t check_together(const struct reading *reading)
{
    const struct config *config = reading->config;
    status_t status = check_names(reading, "features.profile", config->profile.name, config->profile.count,
                                  &config->use, false, "is in features.use too");
    if (!status)
        status = check_prepared(reading, "prepare.transform", &config->transform);
    if (!status)
        status = check_prepared(reading, "prepare.weight", &config->weight);
    if (!status && config->k_high > config->k_low && config->choose == CHOOSE_STABILITY &&
        config->replicates == 0)
        status = refuse_key(reading, "segments.choose", "stability",
                            "needs bootstrap replicates, but stability.replicates is 0");
    return status ? status : check_tree(reading);
}

static status_t read_all(struct reading *reading, const char *text, int64_t size, int argument_count,
                         char *const *arguments)
{
    if (size > FILE_SIZE_LIMIT)
        return status_new(EXIT_BAD_CONFIG, "%s: larger than 1 MiB, which no configuration is", reading->path);
    status_t status =
        memory_new(&reading->origin, fit_option_count, sizeof *reading->origin, "the options given");
    if (!status)
        status = options_set_defaults(fit_options, fit_option_count, reading->config);
    if (!status)
        status = apply_file(reading, text, size);
    if (!status)
        status = apply_arguments(reading, argument_count, arguments);
    if (!status)
        status = require_all(reading);
    if (!status)
        status = check_together(reading);
    free(reading->origin);
    return status;
}

status_t config_parse(const char *path, const char *text, int64_t size, int argument_count,
                      char *const *arguments, struct config *config)
{
    memset(config, 0, sizeof *config);
    struct reading reading = {.path = path, .config = config};
    return read_all(&reading, text, size, argument_count, arguments);
}

/* As much as there is, up to one byte more than a file may have. It may be a pipe, and whoever writes into it
 * late: a signal ends the wait, which by a plain read it would not. */
static status_t read_text(const char *path, int descriptor, char *text, int64_t *size)
{
    for (*size = 0; *size <= FILE_SIZE_LIMIT;) {
        struct pollfd there = {.fd = descriptor, .events = POLLIN};
        if (poll(&there, 1, -1) < 0)
            return errno == EINTR ? comm_stopped()
                                  : status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
        ssize_t count = read(descriptor, text + *size, (size_t)(FILE_SIZE_LIMIT + 1 - *size));
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (count < 0)
            return status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
        if (count == 0)
            break;
        *size += count;
    }
    return STATUS_OK;
}

status_t config_read(const char *path, int argument_count, char *const *arguments, struct config *config)
{
    memset(config, 0, sizeof *config);
    char *text = NULL;
    int64_t size = 0;
    status_t status = memory_new(&text, FILE_SIZE_LIMIT + 1, 1, "the configuration file");
    if (status)
        return status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        status = status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
    else
        status = read_text(path, descriptor, text, &size);
    if (!status)
        status = config_parse(path, text, size, argument_count, arguments, config);
    if (descriptor >= 0 && close(descriptor) != 0)
        status = status_first(status, status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno)));
    free(text);
    return status;
}

status_t config_echo(const struct config *config, char **yaml)
{
    *yaml = NULL;
    struct settings settings = {0};
    status_t status = STATUS_OK;
    for (int i = 0; i < fit_option_count && !status; i++) {
        struct setting *setting = NULL;
        status = settings_add(&settings, NULL, fit_options[i].key, 0, &setting);
        if (!status)
            status = option_get(&fit_options[i], config, &setting->value);
    }
    if (!status)
        status = yaml_write_settings(&settings, yaml);
    settings_free(&settings);
    return status;
}

void config_free(struct config *config)
{
    options_free(fit_options, fit_option_count, config);
}
