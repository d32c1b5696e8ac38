#include "core/node.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

/* Memory is taken in pieces: a signal makes the kernel give up the piece at hand, not all. */
static const off_t PIECE = (off_t)64 << 20;

/* What the first rank of a node tells the others of a file that lies in memory. */
struct shared_file {
    int64_t process;
    int64_t descriptor; /* in that process */
    uint64_t device;    /* with the inode: whether it is this file */
    uint64_t inode;
    int64_t bytes;
};

static status_t cannot_share(const struct shared_file *file, int error, const char *what)
{
    return status_new(EXIT_NO_MEMORY, "not enough memory: %" PRId64 " bytes for %s, shared on a node: %s",
                      file->bytes, what, strerror(error));
}

/* Takes all the memory now: a page that is missing later would be a signal that ends the process. */
static int take_memory(int descriptor, off_t bytes)
{
    int error = 0;
    for (off_t done = 0; !error && done < bytes; done += PIECE) {
        do
            error = posix_fallocate(descriptor, done, bytes - done < PIECE ? bytes - done : PIECE);
        while (error == EINTR);
    }
    return error;
}

/* A file of `file->bytes` zeroes in memory; fills in the rest of `file`. */
static status_t create_file(struct shared_file *file, const char *what)
{
    int64_t left = memory_available(); /* asked for more, the kernel would rather end a process than say no */
    if (left >= 0 && file->bytes > left)
        return status_new(EXIT_NO_MEMORY,
                          "not enough memory: %" PRId64 " bytes for %s, shared on a node that has %" PRId64
                          " left",
                          file->bytes, what, left);
    int descriptor = memfd_create("lohko", MFD_CLOEXEC);
    if (descriptor < 0)
        return cannot_share(file, errno, what);
    file->process = getpid();
    file->descriptor = descriptor;
    struct stat info;
    int error = take_memory(descriptor, (off_t)file->bytes);
    if (!error && fstat(descriptor, &info) != 0)
        error = errno;
    if (error)
        return cannot_share(file, error, what);
    file->device = info.st_dev;
    file->inode = info.st_ino;
    return STATUS_OK;
}

/* The first rank's file as a descriptor of this process, or -1 with errno. It is looked at before it is
 * opened: in another container the number may be that of another process. */
static int open_file(const struct shared_file *file)
{
    char path[64];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/fd/%" PRId64, file->process, file->descriptor);
    if (stat(path, &info) != 0)
        return -1;
    if (info.st_dev == file->device && info.st_ino == file->inode && info.st_size == (off_t)file->bytes)
        return open(path, O_RDWR | O_CLOEXEC);
    errno = ESTALE;
    return -1;
}

/* Maps the same file->bytes > 0 of zeroes into every rank of the node. */
static status_t share(struct comm *comm, struct shared_file *file, void **out, const char *what)
{
    int descriptor = -1;
    void *memory = MAP_FAILED;
    file->descriptor = -1;
    status_t status = comm_agree(comm, comm->rank == 0 ? create_file(file, what) : STATUS_OK);
    if (!status)
        status = comm_broadcast(comm, file, sizeof *file);
    if (comm->rank == 0)
        descriptor = (int)file->descriptor;
    if (!status) {
        if (comm->rank != 0)
            descriptor = open_file(file);
        if (descriptor >= 0)
            memory = mmap(NULL, (size_t)file->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        /* The first rank's descriptor has to last until all have opened it: the vote is waited for. */
        status = comm_agree(comm, memory == MAP_FAILED ? cannot_share(file, errno, what) : STATUS_OK);
    }
    if (descriptor >= 0)
        close(descriptor);
    if (status && memory != MAP_FAILED)
        munmap(memory, (size_t)file->bytes);
    *out = status ? NULL : memory;
    return status;
}

static status_t split_failed(const char *call)
{
    return status_new(EXIT_INTERNAL, "%s failed while the ranks of a node were being found", call);
}

/* Replaces node->comm by the communicator of the ranks of `from` that name the same colour. */
static status_t take_part(struct node *node, MPI_Comm from, int colour)
{
    MPI_Comm part = MPI_COMM_NULL;
    if (MPI_Comm_split(from, colour, 0, &part) != MPI_SUCCESS)
        return split_failed("MPI_Comm_split");
    comm_close(&node->comm);
    status_t status = comm_open(&node->comm, part);
    if (MPI_Comm_free(&part) != MPI_SUCCESS)
        status = status_first(status, split_failed("MPI_Comm_free"));
    return status;
}

status_t node_open(struct node *node, struct comm *comm, int most)
{
    *node = (struct node){.comm = {.handle = MPI_COMM_NULL}};
    MPI_Comm machine = MPI_COMM_NULL;
    int rank = 0;
    status_t status = STATUS_OK;
    if (MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &machine) !=
            MPI_SUCCESS ||
        MPI_Comm_rank(machine, &rank) != MPI_SUCCESS)
        status = split_failed("MPI_Comm_split_type");
    if (!status)
        status = take_part(node, machine, most > 0 ? rank / most : 0);
    if (machine != MPI_COMM_NULL && MPI_Comm_free(&machine) != MPI_SUCCESS)
        status = status_first(status, split_failed("MPI_Comm_free"));
    status = comm_agree(comm, status);
    if (status || node->comm.size == 1)
        return status;
    /* Whether it works is found by trying. */
    struct shared_file file = {.bytes = sizeof(int64_t)};
    void *memory = NULL;
    status_t trial = share(&node->comm, &file, &memory, "a trial");
    if (!trial)
        munmap(memory, (size_t)file.bytes);
    else
        status = take_part(node, node->comm.handle, node->comm.rank);
    status_free(trial);
    return status;
}

void node_close(struct node *node)
{
    for (int i = 0; i < node->count; i++) {
        if (node->mapped[i] > 0)
            munmap(node->block[i], node->mapped[i]);
        else
            free(node->block[i]);
    }
    node->count = 0;
    comm_close(&node->comm);
}

status_t node_memory(struct node *node, void *out, int64_t count, size_t size, const char *what)
{
    void **result = out;
    *result = NULL;
    struct shared_file file = {0};
    if (node->count == NODE_BLOCKS)
        return status_new(EXIT_INTERNAL, "no place left to note the shared memory for %s", what);
    if (count < 0 || __builtin_mul_overflow((uint64_t)count, size, &file.bytes))
        return status_new(EXIT_NO_MEMORY, "not enough memory: %" PRId64 " x %zu bytes for %s", count, size,
                          what);
    if (file.bytes == 0)
        return STATUS_OK;
    status_t status = node->comm.size == 1 ? memory_new(result, count, size, what)
                                           : share(&node->comm, &file, result, what);
    if (status)
        return status;
    node->block[node->count] = *result;
    node->mapped[node->count++] = node->comm.size == 1 ? 0 : (size_t)file.bytes;
    return STATUS_OK;
}

status_t node_fence(struct node *node)
{
    atomic_thread_fence(memory_order_seq_cst);
    status_t status = comm_agree(&node->comm, STATUS_OK); /* nobody leaves before all have come */
    atomic_thread_fence(memory_order_seq_cst);
    return status;
}

void node_share(const struct node *node, int64_t count, int64_t *begin, int64_t *end)
{
    int64_t rank = node->comm.rank;
    int64_t size = node->comm.size;
    *begin = count / size * rank + count % size * rank / size;
    *end = count / size * (rank + 1) + count % size * (rank + 1) / size;
}

status_t node_offset(struct node *node, int64_t mine, int64_t *before, int64_t *all)
{
    int64_t *counts = NULL;
    int64_t bytes = 0;
    *before = 0;
    *all = 0;
    status_t status = comm_gather_all(&node->comm, &mine, sizeof mine, (void **)&counts, &bytes);
    for (int r = 0; !status && r < node->comm.size; r++) {
        *before += r < node->comm.rank ? counts[r] : 0;
        *all += counts[r];
    }
    free(counts);
    return status;
}
