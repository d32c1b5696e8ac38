#include "core/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double TERMINAL_SECONDS = 0.1;
static const double LOG_FILE_SECONDS = 5.0;

static double now(void)
{
    struct timespec time;
    if (clock_gettime(CLOCK_MONOTONIC, &time) != 0)
        return 0.0;
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* mpirun passes a rank's stderr on through a pipe; whether a person watches is seen at the launcher, our
 * parent. */
static bool launcher_has_terminal(void)
{
    char path[64];
    char target[64] = "";
    snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)getppid());
    ssize_t length = readlink(path, target, sizeof target - 1);
    bool under_launcher = getenv("OMPI_COMM_WORLD_RANK") != NULL;
    return under_launcher && length > 0 && strncmp(target, "/dev/pts/", 9) == 0;
}

void log_open(struct log *log, int rank, enum log_level level)
{
    *log = (struct log){.level = level,
                        .speaks = rank == 0,
                        .terminal = isatty(STDERR_FILENO) == 1 || launcher_has_terminal()};
    log->begun = now();
}

double log_elapsed(const struct log *log)
{
    return now() - log->begun;
}

static void clear_line(struct log *log)
{
    if (log->drawn)
        fputs("\r\033[K", stderr);
    log->drawn = false;
}

static void say(struct log *log, const char *format, va_list arguments)
{
    clear_line(log);
    fputs("lohko: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void log_note(struct log *log, const char *format, ...)
{
    if (!log->speaks || log->level < LOG_NORMAL)
        return;
    va_list arguments;
    va_start(arguments, format);
    say(log, format, arguments);
    va_end(arguments);
}

void log_detail(struct log *log, const char *format, ...)
{
    if (!log->speaks || log->level < LOG_VERBOSE)
        return;
    va_list arguments;
    va_start(arguments, format);
    say(log, format, arguments);
    va_end(arguments);
}

void log_warning(struct log *log, const char *format, ...)
{
    if (!log->speaks)
        return;
    va_list arguments;
    va_start(arguments, format);
    say(log, format, arguments);
    va_end(arguments);
}

void log_phase_end(struct log *log)
{
    double time = now();
    if (log->phase_count > 0 && log->phase_begun > 0)
        log->phase[log->current].seconds += time - log->phase_begun;
    log->phase_begun = 0;
    clear_line(log);
}

void log_phase_begin(struct log *log, const char *name)
{
    log_phase_end(log);
    log->phase_begun = now();
    log->last_progress = log->phase_begun;
    log->current = 0;
    while (log->current < log->phase_count && strcmp(log->phase[log->current].name, name) != 0)
        log->current++;
    if (log->current == LOG_PHASES)
        log->current--;
    else if (log->current == log->phase_count)
        log->phase[log->phase_count++] = (struct log_phase){.name = name};
    if (log->terminal)
        log_show_progress(log, &(struct log_progress){0});
    else
        log_note(log, "%s (%.1f s)", name, log_elapsed(log));
}

/* "1.2 million" for people; plain below ten thousand. */
static void format_count(char *text, size_t size, double count)
{
    if (count >= 1e9)
        snprintf(text, size, "%.2f billion", count / 1e9);
    else if (count >= 1e6)
        snprintf(text, size, "%.1f million", count / 1e6);
    else if (count >= 1e4)
        snprintf(text, size, "%.0f thousand", count / 1e3);
    else
        snprintf(text, size, "%.0f", count);
}

static void append(char *line, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *line, size_t size, const char *format, ...)
{
    size_t used = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, size - used, format, arguments);
    va_end(arguments);
}

static void compose(const struct log *log, const struct log_progress *progress, char *line, size_t size)
{
    line[0] = '\0';
    append(line, size, "%s", log->phase_count > 0 ? log->phase[log->current].name : "starting");
    if (progress->step > 0)
        append(line, size, " · %s %" PRId64, progress->step_name, progress->step);
    if (progress->steps > 0)
        append(line, size, " of at most %" PRId64, progress->steps);
    if (progress->inertia > 0)
        append(line, size, " · inertia %.6g per customer", progress->inertia);
    if (progress->clusters > 0)
        append(line, size, " · %" PRId64 " clusters left", progress->clusters);
    double seconds = now() - log->phase_begun;
    if (progress->customers > 0 && seconds > 0) {
        char rate[32];
        format_count(rate, sizeof rate, (double)progress->customers / seconds);
        append(line, size, " · %s customers/s", rate);
    }
    if (progress->fraction > 0.01 && progress->fraction < 1)
        append(line, size, " · %.0f s left", seconds / progress->fraction - seconds);
}

void log_show_progress(struct log *log, const struct log_progress *progress)
{
    if (!log->speaks || log->level < LOG_NORMAL)
        return;
    double time = now();
    double wait = log->terminal ? TERMINAL_SECONDS : LOG_FILE_SECONDS;
    if (progress->step + progress->customers > 0 && time - log->last_progress < wait)
        return;
    log->last_progress = time;
    char line[256];
    compose(log, progress, line, sizeof line);
    if (log->terminal) {
        fprintf(stderr, "\r%s\033[K", line);
        fflush(stderr);
        log->drawn = true;
    } else {
        log_note(log, "%s", line);
    }
}

void log_phase_table(struct log *log, int64_t customers)
{
    if (!log->speaks || log->level < LOG_VERBOSE)
        return;
    double total = log_elapsed(log);
    fprintf(stderr, "\n%-28s %9s %7s %22s\n", "phase", "seconds", "share", "million customers/s");
    for (int i = 0; i < log->phase_count; i++) {
        const struct log_phase *phase = &log->phase[i];
        double rate = phase->seconds > 0 ? 1e-6 * (double)customers / phase->seconds : 0.0;
        fprintf(stderr, "%-28s %9.3f %6.1f%% %22.2f\n", phase->name, phase->seconds,
                total > 0 ? 100 * phase->seconds / total : 0.0, rate);
    }
    fprintf(stderr, "%-28s %9.3f\n\n", "all", total);
}
