/* Whether two lists hold the same ids in the same order. */
#include <string.h>

#include "data/ids.h"

/* Memory of a round, for both lists. */
static const int64_t ROUND_BYTES = INT64_C(64) << 20;

static bool is_text(const struct source_id *id)
{
    return id->kind == ID_FIXED_TEXT || id->kind == ID_VARIABLE_TEXT;
}

static status_t compare_round(const struct id_rows *a, struct id_slab *slab_a, const struct id_rows *b,
                              struct id_slab *slab_b, const struct id_form *form, int64_t round,
                              int64_t rounds, bool *same)
{
    struct id_entries one = {.word = NULL};
    struct id_entries other = {.word = NULL};
    status_t status = id_entries_read(&one, a, slab_a, form, ID_ROW, round, rounds);
    if (!status)
        status = id_entries_read(&other, b, slab_b, form, ID_ROW, round, rounds);
    if (!status && one.count != other.count)
        *same = false;
    else if (!status && one.count > 0)
        *same = memcmp(one.word, other.word, (size_t)(one.count * one.words) * sizeof *one.word) == 0;
    id_entries_free(&one);
    id_entries_free(&other);
    return status;
}

/* Row numbers are read from nowhere. */
static status_t open_slab(struct id_slab *slab, const struct source_id *id)
{
    return id->kind == ID_ROW_NUMBER ? STATUS_OK : id_slab_open(slab, id);
}

static void close_slab(struct id_slab *slab, const struct source_id *id)
{
    if (id->kind != ID_ROW_NUMBER)
        id_slab_close(slab);
}

static status_t compare_all(const struct id_rows *a, const struct id_rows *b, const struct id_form *form,
                            bool *same)
{
    struct id_slab slab_a;
    struct id_slab slab_b;
    status_t status = open_slab(&slab_a, a->id);
    status_t other = open_slab(&slab_b, b->id);
    status = status_first(status, other);
    int64_t rounds = a->partition.row_count * 48 / ROUND_BYTES + 1;
    for (int64_t round = 0; !status && *same && round < rounds; round++)
        status = compare_round(a, &slab_a, b, &slab_b, form, round, rounds, same);
    close_slab(&slab_a, a->id);
    close_slab(&slab_b, b->id);
    return status;
}

status_t ids_same(struct comm *comm, const struct id_rows *a, const struct id_rows *b, bool *same)
{
    struct id_form form = {.text = is_text(a->id), .mixed_signs = a->id->is_signed != b->id->is_signed};
    *same = a->partition.rows == b->partition.rows && is_text(a->id) == is_text(b->id);
    if (!*same)
        return STATUS_OK;
    status_t status = comm_agree(comm, compare_all(a, b, &form, same));
    int64_t all = *same;
    if (!status)
        status = comm_min_i64(comm, &all, 1);
    *same = all;
    return status;
}
