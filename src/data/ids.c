#include "data/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "core/memory.h"
#include "data/h5.h"

enum { SLAB_ROWS = 1 << 16, NAMED = 5, ID_TEXT_SIZE = 64 };
/* Of ids in memory at a time, where long texts make a slab of SLAB_ROWS more than that. */
static const int64_t SLAB_BYTES = INT64_C(8) << 20;
/* Memory of one round of the exchange on a rank, both sides together, where the customers themselves take
 * less. */
static const int64_t ROUND_BYTES = INT64_C(64) << 20;

struct key {
    uint64_t high;
    uint64_t low;
    int64_t row;
};

/* The first row of an id and a later one. */
struct repeat {
    int64_t first;
    int64_t again;
};

struct exchange {
    struct table *table;
    struct key *outgoing;
    int64_t *counts; /* per rank */
    int64_t rounds;
    struct repeat *repeats; /* found on this rank */
    int64_t repeat_count;
    int64_t repeat_capacity;
};

/* A slab of ids in memory: int64 for integers (unsigned ones by their bits), else text as the file has it. */
struct id_slab {
    const struct source_id *id;
    hid_t type; /* in memory; owned */
    size_t item;
    int64_t rows; /* at a time */
    char *memory;
    hid_t space; /* of what memory holds, for reclaiming variable-length text; owned */
};

static void slab_release(struct id_slab *slab)
{
    if (slab->id->kind == ID_VARIABLE_TEXT && slab->space >= 0)
        (void)H5Dvlen_reclaim(slab->type, slab->space, H5P_DEFAULT, slab->memory);
    h5_close(slab->space);
    slab->space = H5I_INVALID_HID;
}

static void slab_close(struct id_slab *slab)
{
    slab_release(slab);
    h5_close(slab->type);
    free(slab->memory);
}

static status_t slab_open(struct id_slab *slab, const struct source_id *id)
{
    *slab = (struct id_slab){.id = id, .space = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    if (id->kind == ID_INTEGER)
        slab->type = H5Tcopy(id->is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64);
    else
        slab->type = H5Tcopy(id->type);
    slab->item = slab->type < 0 ? 0 : id->kind == ID_VARIABLE_TEXT ? sizeof(char *) : H5Tget_size(slab->type);
    if (slab->item == 0)
        return h5_failure(EXIT_INTERNAL, "%s: its type cannot be read", id->path);
    slab->rows = SLAB_BYTES / (int64_t)slab->item;
    slab->rows = slab->rows < 1 ? 1 : slab->rows > SLAB_ROWS ? SLAB_ROWS : slab->rows;
    return memory_new(&slab->memory, slab->rows, slab->item, "customer ids");
}

static status_t slab_read(struct id_slab *slab, int64_t first, int64_t count)
{
    const struct source_id *id = slab->id;
    slab_release(slab);
    hsize_t start[2] = {(hsize_t)first, id->column < 0 ? 0 : (hsize_t)id->column};
    hsize_t size[2] = {(hsize_t)count, 1};
    hid_t file_space = H5Dget_space(id->dataset);
    slab->space = H5Screate_simple(1, size, NULL);
    status_t status = STATUS_OK;
    if (file_space < 0 || slab->space < 0 ||
        H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
        H5Dread(id->dataset, slab->type, slab->space, file_space, H5P_DEFAULT, slab->memory) < 0) {
        status = h5_failure(EXIT_IO_ERROR, "%s: reading failed at row %" PRId64, id->path, first);
        h5_close(slab->space);
        slab->space = H5I_INVALID_HID; /* nothing to reclaim */
    }
    h5_close(file_space);
    return status;
}

/* The text of entry i and its length, without padding. */
static const char *slab_text(const struct id_slab *slab, int64_t i, size_t *length)
{
    const char *text = slab->memory + (size_t)i * slab->item;
    if (slab->id->kind == ID_VARIABLE_TEXT) {
        memcpy(&text, slab->memory + (size_t)i * slab->item, sizeof text);
        *length = text ? strlen(text) : 0;
        return text ? text : "";
    }
    *length = strnlen(text, slab->item);
    while (H5Tget_strpad(slab->type) == H5T_STR_SPACEPAD && *length > 0 && text[*length - 1] == ' ')
        (*length)--;
    return text;
}

static struct key key_of(const struct id_slab *slab, int64_t i, int64_t row)
{
    if (slab->id->kind == ID_INTEGER) {
        uint64_t value = 0;
        memcpy(&value, slab->memory + (size_t)i * slab->item, sizeof value);
        return (struct key){.high = XXH64(&value, sizeof value, 0), .low = value, .row = row};
    }
    size_t length = 0;
    const char *text = slab_text(slab, i, &length);
    XXH128_hash_t hash = XXH3_128bits(text, length);
    return (struct key){.high = hash.high64, .low = hash.low64, .row = row};
}

static int by_id_and_row(const void *a, const void *b)
{
    const struct key *x = a;
    const struct key *y = b;
    if (x->high != y->high)
        return x->high < y->high ? -1 : 1;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_again(const void *a, const void *b)
{
    const struct repeat *x = a;
    const struct repeat *y = b;
    return x->again < y->again ? -1 : x->again > y->again;
}

static int owner_of(const struct exchange *exchange, const struct key *key)
{
    return (int)((key->high >> 32) % (uint64_t)exchange->table->comm->size);
}

static int64_t round_of(const struct exchange *exchange, const struct key *key)
{
    return (int64_t)((key->high & UINT32_MAX) % (uint64_t)exchange->rounds);
}

/* Reads this rank's ids and files those of a round by the rank they go to: counts first, then places. */
static status_t file_keys(struct exchange *exchange, struct id_slab *slab, int64_t round, int64_t *place)
{
    const struct partition *part = &exchange->table->partition;
    status_t status = STATUS_OK;
    for (int64_t done = 0; !status && done < part->row_count; done += slab->rows) {
        int64_t count = part->row_count - done < slab->rows ? part->row_count - done : slab->rows;
        status = slab_read(slab, part->first_row + done, count);
        for (int64_t i = 0; !status && i < count; i++) {
            struct key key = key_of(slab, i, part->first_row + done + i);
            if (round_of(exchange, &key) != round)
                continue;
            int owner = owner_of(exchange, &key);
            if (place)
                exchange->outgoing[place[owner]++] = key;
            else
                exchange->counts[owner]++;
        }
    }
    return status;
}

static status_t note_repeats(struct exchange *exchange, struct key *keys, int64_t count)
{
    if (count > 1)
        qsort(keys, (size_t)count, sizeof *keys, by_id_and_row);
    int64_t first = 0;
    for (int64_t i = 1; i < count; i++) {
        if (keys[i].high != keys[first].high || keys[i].low != keys[first].low) {
            first = i;
            continue;
        }
        if (exchange->repeat_count == exchange->repeat_capacity) {
            int64_t capacity = 2 * exchange->repeat_capacity + 64;
            struct repeat *grown = realloc(exchange->repeats, (size_t)capacity * sizeof *grown);
            if (!grown)
                return status_of_allocation(NULL, 1, "repeated ids");
            exchange->repeats = grown;
            exchange->repeat_capacity = capacity;
        }
        exchange->repeats[exchange->repeat_count++] = (struct repeat){keys[first].row, keys[i].row};
    }
    return STATUS_OK;
}

static status_t run_round(struct exchange *exchange, struct id_slab *slab, int64_t round)
{
    struct comm *comm = exchange->table->comm;
    int64_t *place = NULL;
    void *incoming = NULL;
    int64_t received = 0;
    int64_t total = 0;
    memset(exchange->counts, 0, (size_t)comm->size * sizeof *exchange->counts);
    status_t status = memory_new(&place, comm->size, sizeof *place, "the exchange of ids");
    if (!status)
        status = file_keys(exchange, slab, round, NULL);
    for (int r = 0; !status && r < comm->size; r++) {
        place[r] = total;
        total += exchange->counts[r];
    }
    if (!status)
        status = memory_new(&exchange->outgoing, total, sizeof *exchange->outgoing, "the exchange of ids");
    if (!status)
        status = file_keys(exchange, slab, round, place);
    status = comm_agree(comm, status);
    if (!status)
        status = comm_exchange(comm, exchange->outgoing, exchange->counts, sizeof(struct key), &incoming,
                               &received);
    free(exchange->outgoing);
    exchange->outgoing = NULL;
    if (!status)
        status = comm_agree(comm, note_repeats(exchange, incoming, received));
    free(incoming);
    free(place);
    return status;
}

static status_t describe_id(const struct source *source, int64_t row, char *text, size_t size)
{
    struct id_slab slab;
    status_t status = slab_open(&slab, &source->id);
    if (!status)
        status = slab_read(&slab, row, 1);
    if (!status && source->id.kind == ID_INTEGER) {
        int64_t value = 0;
        memcpy(&value, slab.memory, sizeof value);
        if (source->id.is_signed)
            snprintf(text, size, "%" PRId64, value);
        else
            snprintf(text, size, "%" PRIu64, (uint64_t)value);
    } else if (!status) {
        size_t length = 0;
        const char *id = slab_text(&slab, 0, &length);
        snprintf(text, size, "%.*s", (int)(length < size ? length : size - 1), id);
    }
    slab_close(&slab);
    return status;
}

static status_t describe_repeats(const struct source *source, const struct repeat *repeats, int64_t named,
                                 int64_t total)
{
    char list[NAMED * (ID_TEXT_SIZE + 64)] = "";
    for (int64_t i = 0; i < named; i++) {
        char id[ID_TEXT_SIZE] = "";
        status_t status = describe_id(source, repeats[i].again, id, sizeof id);
        if (status)
            return status;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s (rows %" PRId64 " and %" PRId64 ")",
                 i > 0 ? ", " : "", id, repeats[i].first, repeats[i].again);
    }
    return status_new(EXIT_BAD_DATA,
                      "%s: %" PRId64
                      " customer id%s repeated: %s%s; input.duplicates: first keeps the first row",
                      source->path, total, total == 1 ? " is" : "s are", list, total > named ? " ..." : "");
}

/* The few lowest repeats over all ranks, named by rank 0. */
static status_t refuse_repeats(struct exchange *exchange, int64_t total)
{
    struct comm *comm = exchange->table->comm;
    void *all = NULL;
    int64_t bytes = 0;
    int64_t mine = exchange->repeat_count < NAMED ? exchange->repeat_count : NAMED;
    if (exchange->repeat_count > 1)
        qsort(exchange->repeats, (size_t)exchange->repeat_count, sizeof *exchange->repeats, by_again);
    status_t status =
        comm_gather_all(comm, exchange->repeats, mine * (int64_t)sizeof(struct repeat), &all, &bytes);
    int64_t count = bytes / (int64_t)sizeof(struct repeat);
    if (!status && comm->rank == 0) {
        qsort(all, (size_t)count, sizeof(struct repeat), by_again);
        status = describe_repeats(exchange->table->source, all, count < NAMED ? count : NAMED, total);
    }
    free(all);
    return comm_agree(comm, status);
}

static int rank_of_row(const struct table *table, int64_t row)
{
    int low = 0;
    int high = table->comm->size - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        struct partition part = partition_of(table->partition.rows, middle, table->comm->size);
        if (row < part.first_row + part.row_count)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Tells the owners of the repeated rows, who mark them. */
static status_t leave_out_repeats(struct exchange *exchange)
{
    struct table *table = exchange->table;
    void *incoming = NULL;
    int64_t received = 0;
    memset(exchange->counts, 0, (size_t)table->comm->size * sizeof *exchange->counts);
    if (exchange->repeat_count > 1)
        qsort(exchange->repeats, (size_t)exchange->repeat_count, sizeof *exchange->repeats, by_again);
    for (int64_t i = 0; i < exchange->repeat_count; i++)
        exchange->counts[rank_of_row(table, exchange->repeats[i].again)]++;
    status_t status = comm_exchange(table->comm, exchange->repeats, exchange->counts, sizeof(struct repeat),
                                    &incoming, &received);
    for (int64_t i = 0; !status && i < received; i++) {
        int64_t row = ((const struct repeat *)incoming)[i].again - table->partition.first_row;
        table->left_out[row / TILE_ROWS] |= (uint16_t)(1U << (row % TILE_ROWS));
    }
    free(incoming);
    return status;
}

/* The prepared customers are not in memory yet: a round may take what they will. */
static int64_t rounds_needed(const struct table *table)
{
    int64_t share = table->partition.rows / table->comm->size + BLOCK_ROWS;
    int64_t later = share * table->features * (int64_t)sizeof(float);
    int64_t allowed = later > ROUND_BYTES ? later : ROUND_BYTES;
    return share * 2 * (int64_t)sizeof(struct key) / allowed + 1;
}

status_t ids_check(struct table *table, enum duplicates duplicates, int64_t *left_out)
{
    const struct source_id *id = &table->source->id;
    *left_out = 0;
    if (duplicates == DUPLICATES_ALLOW || id->kind == ID_ROW_NUMBER)
        return STATUS_OK;
    struct exchange exchange = {.table = table, .rounds = rounds_needed(table)};
    struct id_slab slab;
    status_t status = slab_open(&slab, id);
    if (!status)
        status =
            memory_new(&exchange.counts, table->comm->size, sizeof *exchange.counts, "the exchange of ids");
    status = comm_agree(table->comm, status);
    for (int64_t round = 0; !status && round < exchange.rounds; round++)
        status = run_round(&exchange, &slab, round);
    int64_t total = exchange.repeat_count;
    if (!status)
        status = comm_sum_i64(table->comm, &total, 1);
    if (!status && total > 0 && duplicates == DUPLICATES_ERROR)
        status = refuse_repeats(&exchange, total);
    else if (!status && total > 0)
        status = leave_out_repeats(&exchange);
    *left_out = total;
    slab_close(&slab);
    free(exchange.counts);
    free(exchange.repeats);
    return status;
}

static status_t copy_row_numbers(hid_t dataset, int64_t rows)
{
    int64_t *number = NULL;
    status_t status = memory_new(&number, SLAB_ROWS, sizeof *number, "row numbers");
    for (int64_t done = 0; !status && done < rows; done += SLAB_ROWS) {
        int64_t count = rows - done < SLAB_ROWS ? rows - done : SLAB_ROWS;
        for (int64_t i = 0; i < count; i++)
            number[i] = done + i;
        status = h5_write_rows(dataset, H5T_NATIVE_INT64, done, count, number);
    }
    free(number);
    return status;
}

static status_t copy_ids(const struct source *source, hid_t dataset)
{
    struct id_slab slab;
    status_t status = slab_open(&slab, &source->id);
    for (int64_t done = 0; !status && done < source->rows; done += slab.rows) {
        int64_t count = source->rows - done < slab.rows ? source->rows - done : slab.rows;
        status = slab_read(&slab, done, count);
        if (!status)
            status = h5_write_rows(dataset, slab.type, done, count, slab.memory);
    }
    slab_close(&slab);
    return status;
}

status_t ids_copy(const struct source *source, hid_t output, const char *name)
{
    bool numbers = source->id.kind == ID_ROW_NUMBER;
    hid_t type = numbers ? H5Tcopy(H5T_STD_I64LE) : H5Tcopy(source->id.type);
    hid_t dataset = H5I_INVALID_HID;
    hsize_t rows = (hsize_t)source->rows;
    status_t status = STATUS_OK;
    if (type < 0)
        status = h5_failure(EXIT_INTERNAL, "the type of the ids cannot be copied");
    if (!status)
        status = h5_create_dataset(output, name, type, 1, &rows, &dataset);
    if (!status)
        status = numbers ? copy_row_numbers(dataset, source->rows) : copy_ids(source, dataset);
    h5_close(type);
    if (!h5_close(dataset))
        status = status_first(status, h5_failure(EXIT_IO_ERROR, "%s cannot be written", name));
    return status;
}
