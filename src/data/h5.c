#include "data/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/h5heap.h"

status_t h5_start(void)
{
    if (H5dont_atexit() < 0 || H5open() < 0 || H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0 ||
        H5Lunregister(H5L_TYPE_EXTERNAL) < 0 || !h5_heap_start())
        return status_new(EXIT_INTERNAL, "the HDF5 library could not be started");
    return STATUS_OK;
}

/* The system's own words where the library quotes them, else the library's. */
static herr_t innermost(unsigned depth, const H5E_error2_t *error, void *data)
{
    static const char quote[] = "error message = '";
    char *text = data;
    if (depth > 0 || !error->desc)
        return 0;
    const char *system = strstr(error->desc, quote);
    const char *from = system ? system + sizeof quote - 1 : error->desc;
    snprintf(text, STATUS_MESSAGE_SIZE / 2, "%.*s", (int)strcspn(from, system ? "'\n" : "\n"), from);
    return 0;
}

status_t h5_failure(enum status_code code, const char *format, ...)
{
    char cause[STATUS_MESSAGE_SIZE / 2] = "";
    if (H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, cause) < 0)
        cause[0] = '\0';
    char text[STATUS_MESSAGE_SIZE / 2] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (cause[0] == '\0')
        return status_new(code, "%s", text);
    return status_new(code, "%s (HDF5: %s)", text, cause);
}

/* Closes a file that cannot be written to its end: what is left of it goes to memory, and away. The library
 * would try again when MPI ends, and crash (HDF5 1.10). */
static void forsake(hid_t file)
{
    int *descriptor = NULL;
    int memory = memfd_create("lohko", MFD_CLOEXEC);
    if (memory >= 0 && H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&descriptor) >= 0)
        (void)dup2(memory, *descriptor);
    if (memory >= 0)
        (void)close(memory);
    /* A flush that fails leaves the library in the middle of one, which the next brings to its end. */
    if (H5Fflush(file, H5F_SCOPE_LOCAL) < 0)
        (void)H5Eclear2(H5E_DEFAULT);
    (void)H5Fclose(file);
}

static bool close_file(hid_t file)
{
    if (H5Fflush(file, H5F_SCOPE_LOCAL) >= 0)
        return H5Fclose(file) >= 0;
    forsake(file);
    return false;
}

bool h5_close(hid_t handle)
{
    if (handle < 0)
        return true;
    switch (H5Iget_type(handle)) {
    case H5I_FILE:
        return close_file(handle);
    case H5I_GROUP:
        return H5Gclose(handle) >= 0;
    case H5I_DATASET:
        return H5Dclose(handle) >= 0;
    case H5I_DATATYPE:
        return H5Tclose(handle) >= 0;
    case H5I_DATASPACE:
        return H5Sclose(handle) >= 0;
    case H5I_ATTR:
        return H5Aclose(handle) >= 0;
    default:
        return H5Pclose(handle) >= 0;
    }
}

static status_t check_readable(const char *path)
{
    struct stat there;
    /* A pipe would wait for somebody who writes into it. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool known = descriptor >= 0 && fstat(descriptor, &there) == 0;
    status_t status = known ? STATUS_OK : status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
    if (known && !S_ISREG(there.st_mode))
        status = status_new(EXIT_NO_INPUT, "%s: not a regular file", path);
    if (descriptor >= 0 && close(descriptor) != 0)
        status = status_first(status, status_new(EXIT_NO_INPUT, "%s: %s", path, strerror(errno)));
    if (!status && H5Fis_hdf5(path) <= 0)
        status = status_new(EXIT_NO_INPUT, "%s: not an HDF5 file (scripts/to_hdf5 converts CSV and Parquet)",
                            path);
    return status;
}

/* The system's own calls, and no locks: not all file systems have them, and lohko's names for files that are
 * not yet whole keep others away. */
static hid_t file_access(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_fapl_sec2(access) >= 0 && H5Pset_file_locking(access, false, true) >= 0)
        return access;
    h5_close(access);
    return H5I_INVALID_HID;
}

/* Each rank reads by itself. Through MPI-IO, Open MPI 4.1 never returns from an open that fails on one rank
 * only, and reports a read that fails as a short one, whose missing values HDF5 takes for zeros. */
status_t h5_open_parallel(struct comm *comm, const char *path, hid_t *file)
{
    *file = H5I_INVALID_HID;
    status_t status = comm_agree(comm, comm->rank == 0 ? check_readable(path) : STATUS_OK);
    if (status)
        return status;
    hid_t access = file_access();
    if (access >= 0)
        *file = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (*file < 0 && comm->rank == 0)
        status = h5_failure(EXIT_NO_INPUT, "%s: cannot be opened as an HDF5 file", path);
    else if (*file < 0)
        status = h5_failure(EXIT_NO_INPUT, "%s: cannot be opened on rank %d", path, comm->rank);
    h5_close(access);
    return comm_agree(comm, status);
}

/* Beyond the end of a file the library reads zeros: HDF5 takes the file for as long as it was when opened. */
status_t h5_check_length(hid_t object)
{
    int *descriptor = NULL;
    hsize_t length = 0;
    struct stat there = {.st_size = 0};
    hid_t file = H5Iget_file_id(object);
    bool known = file >= 0 && H5Fget_filesize(file, &length) >= 0 &&
                 H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&descriptor) >= 0 &&
                 fstat(*descriptor, &there) == 0;
    status_t status = STATUS_OK;
    if (!known)
        status = h5_failure(EXIT_IO_ERROR, "the length of a file cannot be found");
    else if ((hsize_t)there.st_size < length)
        status = status_new(EXIT_IO_ERROR, "the file was cut short while it was read: %lld of %llu bytes",
                            (long long)there.st_size, (unsigned long long)length);
    h5_close(file);
    return status;
}

/* Values that the file keeps elsewhere: whoever wrote it would choose what is opened here, a device or a
 * pipe. */
static bool keeps_elsewhere(hid_t dataset)
{
    hid_t creation = H5Dget_create_plist(dataset);
    bool elsewhere =
        creation >= 0 && (H5Pget_layout(creation) == H5D_VIRTUAL ||
                          (H5Pget_layout(creation) == H5D_CONTIGUOUS && H5Pget_external_count(creation) > 0));
    h5_close(creation);
    return elsewhere;
}

status_t h5_open_dataset(hid_t file, const char *file_path, const char *path, hid_t access, hid_t *dataset)
{
    *dataset = H5Dopen2(file, path, access);
    if (*dataset < 0)
        return h5_failure(EXIT_NO_INPUT, "%s: %s cannot be opened as a dataset", file_path, path);
    if (!keeps_elsewhere(*dataset))
        return STATUS_OK;
    h5_close(*dataset);
    *dataset = H5I_INVALID_HID;
    return status_new(EXIT_BAD_DATA,
                      "%s: the values of %s are in other files, which are not opened: copy them into one",
                      file_path, path);
}

status_t h5_name_failure(const char *name, status_t status)
{
    if (!status)
        return STATUS_OK;
    status_t named = status_new((enum status_code)status->code, "%s: %s", name, status->message);
    status_free(status);
    return named;
}

status_t h5_create(const char *path, bool many_names, hid_t *file)
{
    hid_t access = file_access();
    *file = H5I_INVALID_HID;
    if (access >= 0 && (!many_names || H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST) >= 0))
        *file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    status_t status = *file < 0 ? h5_failure(EXIT_NO_OUTPUT, "%s: cannot be created", path) : STATUS_OK;
    h5_close(access); /* forgets what went wrong */
    return status;
}

/* The name of the file that holds `object`. Asking for it clears the library's record of what went wrong, so
 * that is kept first. */
static void name_file(hid_t object, char *name, size_t size)
{
    hid_t record = H5Eget_current_stack();
    if (H5Fget_name(object, name, size) < 0)
        snprintf(name, size, "a file");
    if (record >= 0 && H5Eset_current_stack(record) < 0)
        h5_close(record);
}

status_t h5_write_failure(hid_t object, const char *what)
{
    char name[STATUS_MESSAGE_SIZE / 4] = "";
    name_file(object, name, sizeof name);
    return h5_failure(EXIT_IO_ERROR, "%s: %s cannot be written", name, what);
}

status_t h5_row_failure(hid_t dataset, const char *what, int64_t first)
{
    char name[STATUS_MESSAGE_SIZE / 4] = "";
    name_file(dataset, name, sizeof name);
    return h5_failure(EXIT_IO_ERROR, "%s: %s failed at row %lld", name, what, (long long)first);
}

status_t h5_create_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dimensions,
                           hid_t *dataset)
{
    *dataset = H5I_INVALID_HID;
    hid_t space = H5Screate_simple(rank, dimensions, NULL);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    /* Every value is written, so none is filled in first; the library needs a fill value for variable-length
     * text. */
    H5D_fill_time_t fill = H5Tis_variable_str(type) > 0 ? H5D_FILL_TIME_IFSET : H5D_FILL_TIME_NEVER;
    bool plain = fill == H5D_FILL_TIME_NEVER;
    if (space >= 0 && links >= 0 && creation >= 0 && H5Pset_create_intermediate_group(links, 1) >= 0 &&
        H5Pset_fill_time(creation, fill) >= 0 &&
        (!plain || H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY) >= 0))
        *dataset = H5Dcreate2(file, name, type, space, links, creation, H5P_DEFAULT);
    status_t status = STATUS_OK;
    if (*dataset < 0)
        status = h5_write_failure(file, name);
    h5_close(space);
    h5_close(links);
    h5_close(creation);
    return status;
}

enum { MAX_RANK = 2 };

/* Selects rows [first, first + count) in the file and a packed array in memory. */
static bool select_rows(hid_t dataset, int64_t first, int64_t count, hid_t *file_space, hid_t *memory_space)
{
    hsize_t dimensions[MAX_RANK] = {0};
    hsize_t start[MAX_RANK] = {(hsize_t)first, 0};
    hsize_t size[MAX_RANK] = {(hsize_t)count, 0};
    *memory_space = H5I_INVALID_HID;
    *file_space = H5Dget_space(dataset);
    int rank = *file_space < 0 ? -1 : H5Sget_simple_extent_ndims(*file_space);
    if (rank < 1 || rank > MAX_RANK || H5Sget_simple_extent_dims(*file_space, dimensions, NULL) < 0)
        return false;
    size[1] = dimensions[1];
    *memory_space = H5Screate_simple(rank, size, NULL);
    return *memory_space >= 0 &&
           H5Sselect_hyperslab(*file_space, H5S_SELECT_SET, start, NULL, size, NULL) >= 0;
}

status_t h5_write_rows(hid_t dataset, hid_t type, int64_t first, int64_t count, const void *memory)
{
    if (count == 0)
        return STATUS_OK;
    hid_t file_space = H5I_INVALID_HID;
    hid_t memory_space = H5I_INVALID_HID;
    status_t status = STATUS_OK;
    if (!select_rows(dataset, first, count, &file_space, &memory_space) ||
        H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, memory) < 0)
        status = h5_row_failure(dataset, "writing", first);
    h5_close(file_space);
    h5_close(memory_space);
    return status;
}

status_t h5_read_rows(hid_t dataset, hid_t type, int64_t first, int64_t count, void *memory)
{
    if (count == 0)
        return STATUS_OK;
    hid_t file_space = H5I_INVALID_HID;
    hid_t memory_space = H5I_INVALID_HID;
    status_t status = STATUS_OK;
    if (!select_rows(dataset, first, count, &file_space, &memory_space) ||
        H5Dread(dataset, type, memory_space, file_space, H5P_DEFAULT, memory) < 0)
        status = h5_row_failure(dataset, "reading", first);
    else
        status = h5_check_length(dataset);
    h5_close(file_space);
    h5_close(memory_space);
    return status;
}

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && H5Tset_size(type, size) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
        return type;
    h5_close(type);
    return H5I_INVALID_HID;
}

static status_t write_attribute(hid_t object, const char *name, hid_t type, hid_t space, const void *value)
{
    status_t status = STATUS_OK;
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, type, value) < 0)
        status = h5_write_failure(object, name);
    h5_close(attribute);
    return status;
}

status_t h5_write_number(hid_t object, const char *name, hid_t type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    status_t status = write_attribute(object, name, type, space, value);
    h5_close(space);
    return status;
}

status_t h5_write_text(hid_t object, const char *name, const char *text)
{
    hid_t type = text_type(H5T_VARIABLE);
    status_t status = h5_write_number(object, name, type, &text);
    h5_close(type);
    return status;
}

status_t h5_write_texts(hid_t object, const char *name, const char *const *texts, int64_t count)
{
    hsize_t size = (hsize_t)count;
    hid_t type = text_type(H5T_VARIABLE);
    hid_t space = H5Screate_simple(1, &size, NULL);
    status_t status = write_attribute(object, name, type, space, texts);
    h5_close(type);
    h5_close(space);
    return status;
}
