/* Runs each file named, or each in a directory named, once through a fuzzed function: what is kept must pass.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

static int run_file(const char *path, long size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc((size_t)size + 1);
    int done = file && data && fread(data, 1, (size_t)size, file) == (size_t)size;
    if (done) {
        data = realloc(data, size > 0 ? (size_t)size : 1);
        LLVMFuzzerTestOneInput(data, (size_t)size);
    }
    free(data);
    return file && fclose(file) == 0 && done;
}

/* How many files were run, or -1. */
static int run_path(const char *path)
{
    struct stat there;
    if (stat(path, &there) != 0)
        return -1;
    if (!S_ISDIR(there.st_mode))
        return run_file(path, (long)there.st_size) ? 1 : -1;
    int count = 0;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && count >= 0 && (entry = readdir(directory));) {
        char inner[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= PATH_MAX)
            return -1;
        int ran = run_path(inner);
        count = ran < 0 ? -1 : count + ran;
    }
    return directory && closedir(directory) == 0 ? count : -1;
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        int ran = run_path(argv[i]);
        if (ran <= 0) {
            fprintf(stderr, "replay: %s: cannot be read, or has no files\n", argv[i]);
            return 1;
        }
        files += ran;
    }
    printf("%d inputs\n", files);
    return files > 0 ? 0 : 1;
}
