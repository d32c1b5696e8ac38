#include "core/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20, MANY_PAGES = 8 };

status_t memory_new(void *out, int64_t count, size_t size, const char *what)
{
    void **result = out;
    *result = NULL;
    size_t bytes = 0;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes) || bytes > SIZE_MAX - HUGE_PAGE)
        return status_new(EXIT_NO_MEMORY, "not enough memory: %" PRId64 " x %zu bytes for %s", count, size,
                          what);
    if (bytes == 0)
        return STATUS_OK;
    /* Walks over much memory are faster in huge pages; a kernel that has none ignores the advice. */
    bool is_large = bytes >= (size_t)MANY_PAGES * HUGE_PAGE;
    size_t alignment = is_large ? HUGE_PAGE : ALIGNMENT;
    size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void *memory = aligned_alloc(alignment, rounded);
    if (!memory)
        return status_of_allocation(NULL, bytes, what);
    if (is_large)
        madvise(memory, rounded, MADV_HUGEPAGE);
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

/* The two layouts of control groups that a kernel may have. */
struct group_files {
    const char *line; /* of /proc/self/cgroup: what stands before the group's path */
    const char *root;
    const char *limit;
    const char *used;
    const char *reclaimable; /* a line of memory.stat: page cache that counts as used but can go */
};

static const struct group_files layouts[] = {
    {"0::", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file"},
};

static int64_t read_group_number(const struct group_files *files, const char *group, const char *file,
                                 const char *label)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s/%s", files->root, group, file);
    return length < 0 || length >= (int)sizeof path ? -1 : read_number(path, label);
}

/* What a group and all above it leave to be taken, or -1 where none sets a limit. `group` is cut on the way
 * up. */
static int64_t left_in_group(const struct group_files *files, char *group)
{
    int64_t left = -1;
    for (;;) {
        int64_t limit = read_group_number(files, group, files->limit, "");
        int64_t used = read_group_number(files, group, files->used, "");
        int64_t cache = read_group_number(files, group, "memory.stat", files->reclaimable);
        if (limit >= 0 && used >= 0) {
            used -= cache > 0 && cache < used ? cache : 0;
            int64_t here = limit > used ? limit - used : 0;
            left = left < 0 || here < left ? here : left;
        }
        char *slash = strrchr(group, '/');
        if (!slash)
            return left;
        *slash = '\0';
    }
}

/* What is left in this process's own control group, or -1. */
static int64_t control_group_left(void)
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    if (!file)
        return -1;
    char line[PATH_MAX];
    int64_t left = -1;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
            char *found = strstr(line, layouts[i].line);
            if (!found || (i == 0 && found != line))
                continue;
            char *group = found + strlen(layouts[i].line);
            int64_t here = left_in_group(&layouts[i], strcmp(group, "/") == 0 ? group + 1 : group);
            left = left < 0 || (here >= 0 && here < left) ? here : left;
        }
    }
    return fclose(file) == 0 ? left : -1;
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

/* What getrusage tells includes what the process was before it became this program. */
int64_t memory_peak(void)
{
    int64_t kilobytes = read_number("/proc/self/status", "VmHWM:");
    struct rusage usage;
    if (kilobytes >= 0)
        return kilobytes * 1024;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return -1;
    return (int64_t)usage.ru_maxrss * 1024;
}
