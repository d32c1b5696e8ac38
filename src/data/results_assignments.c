#include "data/results_assignments.h"

#include "data/ids.h"
#include "data/results_rows.h"

struct making {
    const struct partition *partition;
    scores_maker make;
    void *context;
};

static status_t make_rows(void *context, int64_t first, int64_t count, void *const *memory, int64_t *rows)
{
    const struct making *making = context;
    struct assignments piece = {memory[0], memory[1], memory[2], memory[3]};
    *rows = results_rows_of(making->partition, first, count);
    return making->make(making->context, first, count, &piece);
}

status_t results_write_scores(struct results_file *results, struct comm *comm, const struct table *table,
                              scores_maker make, void *context)
{
    const struct rows_dataset datasets[] = {
        {"/assignments/segment", "segment number; -1: left out", H5T_STD_I32LE, H5T_NATIVE_INT32, 4, 0},
        {"/assignments/distance", "prepared units", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4, 0},
        {"/assignments/runner_up", "segment number; -1: none", H5T_STD_I32LE, H5T_NATIVE_INT32, 4, 0},
        {"/assignments/shadow", "0 at the centroid, 1 on the border", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4, 0},
    };
    struct making making = {&table->partition, make, context};
    struct rows_job job = {.partition = &table->partition,
                           .dataset = datasets,
                           .datasets = (int)(sizeof datasets / sizeof *datasets),
                           .rows = table->partition.row_count,
                           .make = make_rows,
                           .context = &making};
    status_t status = STATUS_OK;
    if (comm->rank == 0)
        status = ids_copy(table->source, results->file, "/assignments/customer_id");
    status = comm_agree(comm, status);
    return status ? status : results_write_rows(results->file, comm, &job);
}
