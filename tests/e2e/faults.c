/* Preloaded into lohko by tests: one call of the C library, on one rank, on files of one name, fails or is
 * the moment at which the process stops or is killed. What a disk, a quota, a server and an operator do, but
 * at a place that the test chooses and not the clock.
 *
 *   LOHKO_FAULT="RANK CALL NAME COUNT WHAT"
 *
 * RANK: a number, or * for all. CALL: open, create, read, write, reserve, flush, rename, remove. NAME: what
 * the path ends with. COUNT: the first such call is 0; with a + before it that one and all after. WHAT: an
 * errno, or -SIGNAL, which the process sends itself before the call, or 0: nothing happens, and at the end
 * the rank says on stderr how many such calls there were.
 *
 * "create" is fopen for writing. The C library writes streams by calls of its own, which a preloaded
 * library does not see: where writes are to fail, fopen returns a stream that writes by a function given
 * here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct fault {
    bool armed;
    char call[16];
    char name[64];
    bool onwards;
    long count;
    int what;
    long calls; /* so far */
};

static struct fault fault;

static __attribute__((constructor)) void arm(void)
{
    char rank[16] = "";
    char count[16] = "";
    const char *text = getenv("LOHKO_FAULT");
    const char *mine = getenv("OMPI_COMM_WORLD_RANK");
    if (!text ||
        sscanf(text, "%15s %15s %63s %15s %d", rank, fault.call, fault.name, count, &fault.what) != 5)
        return;
    fault.onwards = count[0] == '+';
    fault.count = strtol(count, NULL, 10);
    fault.armed = strcmp(rank, "*") == 0 || strcmp(rank, mine ? mine : "0") == 0;
}

static __attribute__((destructor)) void tell(void)
{
    if (fault.armed && fault.what == 0 && fault.calls > 0)
        fprintf(stderr, "faults: %ld calls\n", fault.calls);
}

static bool ends_with(const char *path, const char *name)
{
    size_t length = strlen(path);
    return length >= strlen(name) && strcmp(path + length - strlen(name), name) == 0;
}

/* Whether this call is to fail; errno says how. */
static bool fails(const char *call, const char *path)
{
    if (!fault.armed || strcmp(call, fault.call) != 0 || !ends_with(path, fault.name))
        return false;
    long call_number = fault.calls++;
    if (fault.what == 0)
        return false;
    if (fault.onwards ? call_number < fault.count : call_number != fault.count)
        return false;
    if (fault.what < 0)
        return raise(-fault.what) != 0;
    errno = fault.what;
    return true;
}

static bool fails_at(const char *call, int descriptor)
{
    char link[64];
    char path[PATH_MAX] = "";
    if (!fault.armed || strcmp(call, fault.call) != 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    return readlink(link, path, sizeof path - 1) > 0 && fails(call, path);
}

/* The library's own function of that name. ISO C has no conversion from void * to a function. */
#define NEXT(function)                                                                                       \
    *(__typeof__(&(function)) *)&(void *)                                                                    \
    {                                                                                                        \
        dlsym(RTLD_NEXT, #function)                                                                          \
    }

#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        va_list arguments;                                                                                   \
        va_start(arguments, flags);                                                                          \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                       \
        va_end(arguments);                                                                                   \
        return fails("open", path) ? -1 : (NEXT(name))(path, flags, mode);                                   \
    }
OPEN(open)
OPEN(open64)

struct file_written {
    int descriptor;
    char path[PATH_MAX];
};

static ssize_t write_stream(void *cookie, const char *data, size_t size)
{
    const struct file_written *file = cookie;
    ssize_t written = fails("write", file->path) ? -1 : write(file->descriptor, data, size);
    return written < 0 ? 0 : written;
}

static int close_stream(void *cookie)
{
    struct file_written *file = cookie;
    int failed = close(file->descriptor);
    free(file);
    return failed;
}

static FILE *open_stream(const char *path)
{
    cookie_io_functions_t functions = {.write = write_stream, .close = close_stream};
    struct file_written *file = malloc(sizeof *file);
    if (!file)
        return NULL;
    snprintf(file->path, sizeof file->path, "%s", path);
    file->descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    FILE *stream = file->descriptor < 0 ? NULL : fopencookie(file, "w", functions);
    if (!stream)
        free(file);
    return stream;
}

#define FOPEN(opener)                                                                                        \
    FILE *opener(const char *path, const char *mode)                                                         \
    {                                                                                                        \
        if (mode[0] == 'w' && fails("create", path))                                                         \
            return NULL;                                                                                     \
        bool written = mode[0] == 'w' && fault.armed && strcmp(fault.call, "write") == 0;                    \
        return written && ends_with(path, fault.name) ? open_stream(path) : (NEXT(opener))(path, mode);      \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define ON_DESCRIPTOR(call, type, name, parameters, ...)                                                     \
    type name parameters                                                                                     \
    {                                                                                                        \
        return fails_at(call, descriptor) ? -1 : (NEXT(name))(__VA_ARGS__);                                  \
    }
ON_DESCRIPTOR("read", ssize_t, read, (int descriptor, void *data, size_t size), descriptor, data, size)
ON_DESCRIPTOR("read", ssize_t, pread, (int descriptor, void *data, size_t size, off_t at), descriptor, data,
              size, at)
ON_DESCRIPTOR("read", ssize_t, pread64, (int descriptor, void *data, size_t size, off_t at), descriptor, data,
              size, at)
ON_DESCRIPTOR("read", ssize_t, preadv, (int descriptor, const struct iovec *part, int parts, off_t at),
              descriptor, part, parts, at)
ON_DESCRIPTOR("write", ssize_t, pwrite, (int descriptor, const void *data, size_t size, off_t at), descriptor,
              data, size, at)
ON_DESCRIPTOR("write", ssize_t, pwrite64, (int descriptor, const void *data, size_t size, off_t at),
              descriptor, data, size, at)
ON_DESCRIPTOR("write", ssize_t, pwritev, (int descriptor, const struct iovec *part, int parts, off_t at),
              descriptor, part, parts, at)
ON_DESCRIPTOR("reserve", int, fallocate, (int descriptor, int mode, off_t at, off_t size), descriptor, mode,
              at, size)
ON_DESCRIPTOR("flush", int, fsync, (int descriptor), descriptor)

int rename(const char *from, const char *to)
{
    return fails("rename", to) ? -1 : (NEXT(rename))(from, to);
}

int unlink(const char *path)
{
    return fails("remove", path) ? -1 : (NEXT(unlink))(path);
}
