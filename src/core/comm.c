#include "core/comm.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Elements or bytes in one MPI call: well under INT_MAX, and small enough for an implementation's buffers. */
static const int64_t PIECE = INT64_C(1) << 28;
enum { PAIR_TAG = 1 };

static status_t check(int code, const char *call)
{
    if (code == MPI_SUCCESS)
        return STATUS_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS)
        length = 0;
    return status_new(EXIT_INTERNAL, "%s failed: %.*s", call, length, text);
}

status_t comm_open(struct comm *comm, MPI_Comm world)
{
    comm->bytes_reduced = 0;
    comm->most_items = INT_MAX;
    comm->stop = NULL;
    comm->journal = NULL;
    comm->handle = MPI_COMM_NULL;
    status_t status = check(MPI_Comm_dup(world, &comm->handle), "MPI_Comm_dup");
    if (!status)
        status = check(MPI_Comm_set_errhandler(comm->handle, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    if (!status)
        status = check(MPI_Comm_rank(comm->handle, &comm->rank), "MPI_Comm_rank");
    if (!status)
        status = check(MPI_Comm_size(comm->handle, &comm->size), "MPI_Comm_size");
    return status;
}

void comm_close(struct comm *comm)
{
    if (comm->handle != MPI_COMM_NULL && MPI_Comm_free(&comm->handle) != MPI_SUCCESS)
        comm->handle = MPI_COMM_NULL;
}

bool comm_is_stopping(const struct comm *comm)
{
    return comm->stop && *comm->stop != 0;
}

status_t comm_stopped(void)
{
    return status_new(EXIT_STOPPED, "stopped by a signal; nothing was kept: run it again");
}

status_t comm_agree(struct comm *comm, status_t local)
{
    enum { FINE = 1 }; /* beyond the ranks that may fail and the wish to stop */
    int vote = local ? comm->rank : comm->size + (comm_is_stopping(comm) ? 0 : FINE);
    int first = 0;
    status_t status = check(MPI_Allreduce(&vote, &first, 1, MPI_INT, MPI_MIN, comm->handle), "MPI_Allreduce");
    if (status || first == comm->size + FINE)
        return status_first(local, status);
    if (first == comm->size)
        return comm_stopped();
    struct status shared = {0};
    if (comm->rank == first)
        shared = *local;
    status = check(MPI_Bcast(&shared, (int)sizeof shared, MPI_BYTE, first, comm->handle), "MPI_Bcast");
    status_free(local);
    return status ? status : status_new((enum status_code)shared.code, "%s", shared.message);
}

static status_t reduce(struct comm *comm, void *values, int64_t count, size_t size, MPI_Datatype type,
                       MPI_Op op)
{
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < count; done += PIECE) {
        int part = (int)(count - done < PIECE ? count - done : PIECE);
        status = check(
            MPI_Allreduce(MPI_IN_PLACE, (char *)values + (size_t)done * size, part, type, op, comm->handle),
            "MPI_Allreduce");
    }
    if (op == MPI_SUM)
        comm->bytes_reduced += count * (int64_t)size;
    return status;
}

status_t comm_sum_i64(struct comm *comm, int64_t *values, int64_t count)
{
    return reduce(comm, values, count, sizeof *values, MPI_INT64_T, MPI_SUM);
}

status_t comm_min_i64(struct comm *comm, int64_t *values, int64_t count)
{
    return reduce(comm, values, count, sizeof *values, MPI_INT64_T, MPI_MIN);
}

status_t comm_max_i64(struct comm *comm, int64_t *values, int64_t count)
{
    return reduce(comm, values, count, sizeof *values, MPI_INT64_T, MPI_MAX);
}

status_t comm_min_f64(struct comm *comm, double *values, int64_t count)
{
    return reduce(comm, values, count, sizeof *values, MPI_DOUBLE, MPI_MIN);
}

status_t comm_max_f64(struct comm *comm, double *values, int64_t count)
{
    return reduce(comm, values, count, sizeof *values, MPI_DOUBLE, MPI_MAX);
}

status_t comm_sum_exact(struct comm *comm, struct exactsum *sums, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        exactsum_normalise(&sums[i]);
    enum { WORDS = sizeof(struct exactsum) / sizeof(int64_t) };
    status_t status = reduce(comm, sums, count * WORDS, sizeof(int64_t), MPI_INT64_T, MPI_SUM);
    for (int64_t i = 0; !status && i < count; i++)
        exactsum_normalise(&sums[i]);
    return status;
}

status_t comm_broadcast(struct comm *comm, void *data, int64_t bytes)
{
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < bytes; done += PIECE) {
        int part = (int)(bytes - done < PIECE ? bytes - done : PIECE);
        status = check(MPI_Bcast((char *)data + done, part, MPI_BYTE, 0, comm->handle), "MPI_Bcast");
    }
    return status;
}

static status_t gather_at_once(struct comm *comm, const void *mine, int64_t bytes, void *all,
                               const int64_t *sizes)
{
    int *counts = NULL;
    status_t status =
        comm_agree(comm, memory_new(&counts, 2 * (int64_t)comm->size, sizeof *counts, "gathered sizes"));
    int *places = status ? NULL : counts + comm->size;
    for (int r = 0; !status && r < comm->size; r++) {
        counts[r] = (int)sizes[r];
        places[r] = r == 0 ? 0 : places[r - 1] + counts[r - 1];
    }
    if (!status)
        status =
            check(MPI_Allgatherv(mine, (int)bytes, MPI_BYTE, all, counts, places, MPI_BYTE, comm->handle),
                  "MPI_Allgatherv");
    free(counts);
    return status;
}

/* Each rank's part as a broadcast in pieces: for more than an int can count. */
static status_t gather_in_turn(struct comm *comm, const void *mine, int64_t bytes, void *all,
                               const int64_t *sizes)
{
    status_t status = STATUS_OK;
    int64_t offset = 0;
    for (int r = 0; !status && r < comm->size; r++) {
        if (r == comm->rank && bytes > 0)
            memcpy((char *)all + offset, mine, (size_t)bytes);
        for (int64_t done = 0; !status && done < sizes[r]; done += PIECE) {
            int part = (int)(sizes[r] - done < PIECE ? sizes[r] - done : PIECE);
            status =
                check(MPI_Bcast((char *)all + offset + done, part, MPI_BYTE, r, comm->handle), "MPI_Bcast");
        }
        offset += sizes[r];
    }
    return status;
}

status_t comm_gather_all(struct comm *comm, const void *mine, int64_t bytes, void **all, int64_t *all_bytes)
{
    *all = NULL;
    *all_bytes = 0;
    int64_t *sizes = NULL;
    status_t status = comm_agree(comm, memory_new(&sizes, comm->size, sizeof *sizes, "gathered sizes"));
    if (!status)
        status = check(MPI_Allgather(&bytes, 1, MPI_INT64_T, sizes, 1, MPI_INT64_T, comm->handle),
                       "MPI_Allgather");
    for (int r = 0; !status && r < comm->size; r++)
        *all_bytes += sizes[r];
    if (!status)
        status = comm_agree(comm, memory_new(all, *all_bytes, 1, "gathered data"));
    if (!status && *all_bytes <= PIECE)
        status = gather_at_once(comm, mine, bytes, *all, sizes);
    else if (!status)
        status = gather_in_turn(comm, mine, bytes, *all, sizes);
    free(sizes);
    if (status) {
        free(*all);
        *all = NULL;
        *all_bytes = 0;
    }
    return status;
}

/* One pair of an exchange: everything this rank sends to `to` and receives from `from`, in pieces. */
static status_t swap(struct comm *comm, const char *out, int64_t out_bytes, int to, char *in,
                     int64_t in_bytes, int from)
{
    status_t status = STATUS_OK;
    int64_t sent = 0;
    int64_t got = 0;
    while (!status && (sent < out_bytes || got < in_bytes)) {
        int send = (int)(out_bytes - sent < PIECE ? out_bytes - sent : PIECE);
        int receive = (int)(in_bytes - got < PIECE ? in_bytes - got : PIECE);
        status = check(MPI_Sendrecv(out + sent, send, MPI_BYTE, send > 0 ? to : MPI_PROC_NULL, PAIR_TAG,
                                    in + got, receive, MPI_BYTE, receive > 0 ? from : MPI_PROC_NULL, PAIR_TAG,
                                    comm->handle, MPI_STATUS_IGNORE),
                       "MPI_Sendrecv");
        sent += send;
        got += receive;
    }
    return status;
}

/* What MPI_Alltoallv wants of one direction: how many items for each rank, and where they begin. */
static void list_items(const int64_t *counts, int size, int *items, int *place)
{
    int at = 0;
    for (int r = 0; r < size; r++) {
        items[r] = (int)counts[r];
        place[r] = at;
        at += items[r];
    }
}

/* All pairs in one call, where int can count every rank's items. */
static status_t exchange_at_once(struct comm *comm, const void *items, const int64_t *counts, void *received,
                                 const int64_t *incoming, size_t size)
{
    int64_t ranks = comm->size;
    int *list = NULL;
    MPI_Datatype type = MPI_DATATYPE_NULL;
    status_t status = comm_agree(comm, memory_new(&list, 4 * ranks, sizeof *list, "exchange counts"));
    if (status) {
        free(list);
        return status;
    }
    int *out = list;
    int *out_place = list + ranks;
    int *in = list + 2 * ranks;
    int *in_place = list + 3 * ranks;
    list_items(counts, comm->size, out, out_place);
    list_items(incoming, comm->size, in, in_place);
    status = check(MPI_Type_contiguous((int)size, MPI_BYTE, &type), "MPI_Type_contiguous");
    if (!status)
        status = check(MPI_Type_commit(&type), "MPI_Type_commit");
    status = comm_agree(comm, status);
    if (!status)
        status = check(MPI_Alltoallv(items, out, out_place, type, received, in, in_place, type, comm->handle),
                       "MPI_Alltoallv");
    if (type != MPI_DATATYPE_NULL)
        status = status_first(status, check(MPI_Type_free(&type), "MPI_Type_free"));
    free(list);
    return status;
}

/* A ring of pairs: step s swaps with the ranks s ahead and s behind. */
static status_t exchange_in_turn(struct comm *comm, const void *items, const int64_t *counts, void *received,
                                 const int64_t *incoming, size_t size)
{
    status_t status = STATUS_OK;
    for (int step = 0; !status && step < comm->size; step++) {
        int to = (comm->rank + step) % comm->size;
        int from = (comm->rank - step + comm->size) % comm->size;
        int64_t out = 0;
        int64_t in = 0;
        for (int r = 0; r < to; r++)
            out += counts[r];
        for (int r = 0; r < from; r++)
            in += incoming[r];
        status = swap(comm, (const char *)items + (size_t)out * size, counts[to] * (int64_t)size, to,
                      (char *)received + (size_t)in * size, incoming[from] * (int64_t)size, from);
    }
    return status;
}

status_t comm_transpose(struct comm *comm, const int64_t *counts, int64_t *incoming)
{
    return check(MPI_Alltoall(counts, 1, MPI_INT64_T, incoming, 1, MPI_INT64_T, comm->handle),
                 "MPI_Alltoall");
}

status_t comm_exchange(struct comm *comm, const void *items, const int64_t *counts, size_t size,
                       void **received, int64_t *received_count)
{
    *received = NULL;
    *received_count = 0;
    int64_t *incoming = NULL;
    status_t status =
        comm_agree(comm, memory_new(&incoming, comm->size, sizeof *incoming, "exchange counts"));
    if (!status)
        status = comm_transpose(comm, counts, incoming);
    int64_t most = 0;
    for (int r = 0; !status && r < comm->size; r++) {
        *received_count += incoming[r];
        most += counts[r];
    }
    most = most > *received_count ? most : *received_count;
    if (!status)
        status = comm_agree(comm, memory_new(received, *received_count, size, "exchanged data"));
    if (!status)
        status = comm_max_i64(comm, &most, 1);
    if (!status && most <= comm->most_items)
        status = exchange_at_once(comm, items, counts, *received, incoming, size);
    else if (!status)
        status = exchange_in_turn(comm, items, counts, *received, incoming, size);
    free(incoming);
    if (status) {
        free(*received);
        *received = NULL;
        *received_count = 0;
    }
    return status;
}

status_t comm_send(struct comm *comm, int to, const void *data, int64_t bytes)
{
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < bytes; done += PIECE) {
        int part = (int)(bytes - done < PIECE ? bytes - done : PIECE);
        status = check(MPI_Send((const char *)data + done, part, MPI_BYTE, to, PAIR_TAG, comm->handle),
                       "MPI_Send");
    }
    return status;
}

status_t comm_receive(struct comm *comm, int from, void *data, int64_t bytes)
{
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < bytes; done += PIECE) {
        int part = (int)(bytes - done < PIECE ? bytes - done : PIECE);
        status = check(
            MPI_Recv((char *)data + done, part, MPI_BYTE, from, PAIR_TAG, comm->handle, MPI_STATUS_IGNORE),
            "MPI_Recv");
    }
    return status;
}

status_t comm_ranks_on_node(struct comm *comm, int *ranks)
{
    MPI_Comm node = MPI_COMM_NULL;
    *ranks = 1;
    status_t status =
        check(MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node),
              "MPI_Comm_split_type");
    if (!status)
        status = check(MPI_Comm_size(node, ranks), "MPI_Comm_size");
    if (node != MPI_COMM_NULL)
        status = status_first(status, check(MPI_Comm_free(&node), "MPI_Comm_free"));
    return status;
}

/* Whether one of the `count` names of `size` bytes each is `name`. */
static bool is_among(const char *names, int64_t count, size_t size, const char *name)
{
    for (int64_t i = 0; i < count; i++) {
        if (strcmp(names + (size_t)i * size, name) == 0)
            return true;
    }
    return false;
}

status_t comm_hosts(struct comm *comm, char **hosts)
{
    char name[MPI_MAX_PROCESSOR_NAME + 1] = "";
    int length = 0;
    void *all = NULL;
    int64_t bytes = 0;
    *hosts = NULL;
    status_t status =
        comm_agree(comm, check(MPI_Get_processor_name(name, &length), "MPI_Get_processor_name"));
    if (!status)
        status = comm_gather_all(comm, name, sizeof name, &all, &bytes);
    if (!status)
        status = comm_agree(comm, memory_new(hosts, bytes + 1, 1, "host names"));
    int64_t used = 0;
    for (int64_t r = 0; !status && r < comm->size; r++) {
        const char *host = (const char *)all + (size_t)r * sizeof name;
        if (!is_among(all, r, sizeof name, host))
            used += snprintf(*hosts + used, (size_t)(bytes + 1 - used), "%s%s", used > 0 ? "," : "", host);
    }
    free(all);
    return status;
}

void comm_library(char *text, size_t size)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    if (MPI_Get_library_version(version, &length) != MPI_SUCCESS)
        version[0] = '\0';
    version[strcspn(version, ",\n")] = '\0';
    snprintf(text, size, "%s", version);
}
