/* ranks: 1 2 3 */
/* The file of a checkpoint: what comes back is what was written, on every rank; one that is not whole is
 * found out; one that cannot be written leaves the one before. */
#include <sys/resource.h>
#include <unistd.h>

#include "data/checkpoint.h"
#include "support.h"

static char program[] = "lohko 1.2.3 (abc)";
static char config[] = "run:\n  seed: 1\n";
static char input[] = "";
static char previous[] = "none";
static const struct checkpoint owner = {{program, config, input, previous}};

enum { LONG = 100000 };

/* Three entries: one long, one empty, one short. */
static void fill(struct journal *journal)
{
    char *longer = malloc(LONG);
    struct journal_field one = {longer, LONG};
    struct journal_field two[] = {{program, 5}, {config, 4}};
    assert_non_null(longer);
    for (int i = 0; i < LONG; i++)
        longer[i] = (char)(i * 7);
    journal_open(journal, 0, 0, NULL, NULL);
    assert_ok(journal_keep(journal, journal_mark(journal), "long", &one, 1));
    assert_ok(journal_keep(journal, journal_mark(journal), "empty", NULL, 0));
    assert_ok(journal_keep(journal, journal_mark(journal), "short", two, 2));
    free(longer);
}

/* Rank 0 writes; all know when it has. */
static void write_on_first(const char *where)
{
    struct journal journal;
    status_t status = STATUS_OK;
    fill(&journal);
    if (world.rank == 0)
        status = checkpoint_write(where, &owner, &journal);
    assert_ok(comm_agree(&world, status));
    journal_close(&journal);
}

static void assert_entry(const struct journal_entry *entry, const struct journal_entry *expected)
{
    assert_string_equal(entry->step, expected->step);
    assert_int_equal(entry->bytes, expected->bytes);
    assert_memory_equal(entry->data, expected->data, (size_t)entry->bytes);
}

static void assert_as_written(const char *where)
{
    struct journal written;
    struct journal read;
    struct checkpoint checkpoint;
    fill(&written);
    journal_open(&read, world.rank, 0, NULL, NULL);
    assert_ok(checkpoint_read(&world, where, &checkpoint, &read));
    for (int i = 0; i < CHECKPOINT_FACTS; i++)
        assert_string_equal(checkpoint.fact[i], owner.fact[i]);
    assert_int_equal(read.count, written.count);
    for (int64_t i = 0; i < read.count; i++)
        assert_entry(&read.entry[i], &written.entry[i]);
    checkpoint_free(&checkpoint);
    journal_close(&read);
    journal_close(&written);
}

static void comes_back_on_every_rank(void **state)
{
    (void)state;
    write_on_first(path_to("deep/there"));
    assert_true(checkpoint_exists(path_to("deep/there"), CHECKPOINT_NAME));
    assert_as_written(path_to("deep/there"));
    assert_false(checkpoint_exists(path_to("elsewhere"), CHECKPOINT_NAME));
}

static void one_that_is_missing_is_said(void **state)
{
    (void)state;
    struct journal journal;
    struct checkpoint checkpoint;
    journal_open(&journal, world.rank, 0, NULL, NULL);
    assert_failure(checkpoint_read(&world, path_to("elsewhere"), &checkpoint, &journal), EXIT_NO_INPUT,
                   "elsewhere/checkpoint.lohko: No such file");
    checkpoint_free(&checkpoint);
    journal_close(&journal);
}

/* ---- damage ---- */

static void write_bytes(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static size_t read_bytes(const char *path, char *bytes, size_t most)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, most, file);
    assert_int_equal(fclose(file), 0);
    return size;
}

static void assert_damaged(const char *bytes, size_t size)
{
    struct journal journal;
    struct checkpoint checkpoint;
    if (world.rank == 0)
        write_bytes(path_to("damaged/" CHECKPOINT_NAME), bytes, size);
    journal_open(&journal, world.rank, 0, NULL, NULL);
    assert_failure(checkpoint_read(&world, path_to("damaged"), &checkpoint, &journal), EXIT_NO_INPUT,
                   "checkpoint.lohko: damaged (");
    checkpoint_free(&checkpoint);
    journal_close(&journal);
}

static void every_kind_of_damage_is_found(void **state)
{
    (void)state;
    enum { MOST = 2 * LONG };
    char *bytes = malloc(MOST);
    assert_non_null(bytes);
    write_on_first(path_to("damaged"));
    size_t size = read_bytes(path_to("damaged/" CHECKPOINT_NAME), bytes, MOST);
    assert_in_range(size, LONG, MOST - 1);
    assert_ok(comm_agree(&world, STATUS_OK)); /* all have read it */
    for (size_t at = 0; at < size; at += at < 400 || at + 200 > size ? 13 : 9973) {
        bytes[at] ^= 0x20;
        assert_damaged(bytes, size);
        bytes[at] ^= 0x20;
    }
    for (size_t cut = 0; cut < size; cut += cut < 400 || cut + 200 > size ? 17 : 9973)
        assert_damaged(bytes, cut);
    assert_damaged(bytes, size - 1);
    bytes[size] = 0;
    assert_damaged(bytes, size + 1);
    free(bytes);
}

/* ---- failures to write ---- */

static void one_that_cannot_be_written_leaves_the_one_before(void **state)
{
    (void)state;
    write_on_first(path_to("full"));
    if (world.rank == 0) {
        struct journal journal;
        struct rlimit before;
        fill(&journal);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        struct rlimit small = {LONG / 2, before.rlim_max};
        assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        status_t status = checkpoint_write(path_to("full"), &owner, &journal);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_failure(status, EXIT_IO_ERROR, "checkpoint.lohko.partial: writing failed");
        journal_close(&journal);
    }
    assert_int_not_equal(access(path_to("full/" CHECKPOINT_NAME ".partial"), F_OK), 0);
    assert_as_written(path_to("full"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(comes_back_on_every_rank),
    cmocka_unit_test(one_that_is_missing_is_said),
    cmocka_unit_test(every_kind_of_damage_is_found),
    cmocka_unit_test(one_that_cannot_be_written_leaves_the_one_before),
};

TESTS_MAIN("checkpoint", tests)
