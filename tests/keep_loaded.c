/* Linked into sanitized tests: Open MPI unloads the parts of itself that it does not need, and memory that
 * such a part leaves behind could not be told by the library's name (lsan.supp), only by who had called it,
 * far up the stack. */
#include <dlfcn.h>

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
