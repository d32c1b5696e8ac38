#include "core/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { ALIGNMENT = 64 };

status_t memory_new(void *out, int64_t count, size_t size, const char *what)
{
    void **result = out;
    *result = NULL;
    size_t bytes = 0;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        return status_new(EXIT_NO_MEMORY, "not enough memory: %" PRId64 " x %zu bytes for %s", count, size,
                          what);
    if (bytes == 0)
        return STATUS_OK;
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, rounded);
    if (!memory)
        return status_of_allocation(NULL, bytes, what);
    memset(memory, 0, rounded);
    *result = memory;
    return STATUS_OK;
}

status_t memory_copy_text(char **out, const char *text)
{
    *out = strdup(text);
    return status_of_allocation(*out, strlen(text) + 1, "text");
}

/* The number that `text` begins with, or -1 ("max" in a control group). */
static int64_t parse_number(const char *text)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return end == text || errno != 0 || value < 0 ? -1 : (int64_t)value;
}

static int64_t read_number(const char *path, const char *label)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    char line[256];
    int64_t value = -1;
    while (value < 0 && fgets(line, sizeof line, file)) {
        if (strncmp(line, label, strlen(label)) == 0)
            value = parse_number(line + strlen(label));
    }
    if (fclose(file) != 0)
        return -1;
    return value;
}

/* What is left in this process's own control group (version 2, then version 1), or -1. */
static int64_t control_group_left(void)
{
    int64_t limit = read_number("/sys/fs/cgroup/memory.max", "");
    int64_t used = read_number("/sys/fs/cgroup/memory.current", "");
    if (limit < 0) {
        limit = read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", "");
        used = read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes", "");
    }
    if (limit < 0 || used < 0)
        return -1;
    return limit > used ? limit - used : 0;
}

int64_t memory_available(void)
{
    int64_t kilobytes = read_number("/proc/meminfo", "MemAvailable:");
    int64_t machine = kilobytes < 0 ? -1 : kilobytes * 1024;
    int64_t group = control_group_left();
    if (group < 0)
        return machine;
    return machine < 0 || group < machine ? group : machine;
}

int64_t memory_peak(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return -1;
    return (int64_t)usage.ru_maxrss * 1024;
}
