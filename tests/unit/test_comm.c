/* ranks: 1 2 3 7 */
/* The layer over MPI: votes, reductions, and exchanges with empty and uneven parts. */
#include <float.h>
#include <math.h>

#include "support.h"

static void agreement_on_success(void **state)
{
    (void)state;
    assert_null(comm_agree(&world, STATUS_OK));
}

/* Whichever rank fails, all leave with its code and words. */
static void one_failure_reaches_all(void **state)
{
    (void)state;
    for (int failing = 0; failing < world.size; failing++) {
        status_t mine =
            world.rank == failing ? status_new(EXIT_NO_INPUT, "rank %d cannot", failing) : STATUS_OK;
        char text[64];
        snprintf(text, sizeof text, "rank %d cannot", failing);
        assert_failure(comm_agree(&world, mine), EXIT_NO_INPUT, text);
    }
}

static void of_many_failures_the_lowest_rank_speaks(void **state)
{
    (void)state;
    assert_failure(comm_agree(&world, status_new(EXIT_BAD_DATA, "words of rank %d", world.rank)),
                   EXIT_BAD_DATA, "words of rank 0");
    int first = world.size > 1 ? 1 : 0;
    status_t mine = world.rank >= first ? status_new(world.rank == first ? EXIT_IO_ERROR : EXIT_BAD_DATA,
                                                     "words of rank %d", world.rank)
                                        : STATUS_OK;
    assert_failure(comm_agree(&world, mine), EXIT_IO_ERROR, first ? "words of rank 1" : "words of rank 0");
}

static void long_messages_survive_a_vote(void **state)
{
    (void)state;
    char text[2 * STATUS_MESSAGE_SIZE];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    status_t status =
        comm_agree(&world, world.rank == world.size - 1 ? status_new(EXIT_INTERNAL, "%s", text) : STATUS_OK);
    assert_non_null(status);
    assert_int_equal(strlen(status->message), STATUS_MESSAGE_SIZE - 1);
    status_free(status);
}

static void integers_reduce(void **state)
{
    (void)state;
    int64_t sum[3] = {world.rank + 1, -(INT64_C(1) << 60) / world.size, world.rank == 0 ? INT64_MAX : 0};
    int64_t low[2] = {-world.rank, world.rank == world.size - 1 ? INT64_MIN : 5};
    int64_t high[2] = {-world.rank, world.rank};
    int64_t before = world.bytes_reduced;
    assert_ok(comm_sum_i64(&world, sum, 3));
    assert_int_equal(world.bytes_reduced - before, 24);
    assert_ok(comm_min_i64(&world, low, 2));
    assert_ok(comm_max_i64(&world, high, 2));
    assert_int_equal(sum[0], world.size * (world.size + 1) / 2);
    assert_true(sum[1] == -(INT64_C(1) << 60) / world.size * world.size);
    assert_true(sum[2] == INT64_MAX);
    assert_true(low[0] == 1 - world.size && low[1] == INT64_MIN);
    assert_true(high[0] == 0 && high[1] == world.size - 1);
    assert_ok(comm_sum_i64(&world, NULL, 0));
}

static void reals_reduce(void **state)
{
    (void)state;
    double low[3] = {world.rank == 0 ? (double)-INFINITY : 1.0, (double)INFINITY,
                     DBL_TRUE_MIN * (world.rank + 1)};
    double high[2] = {world.rank * 0.5, (double)-INFINITY};
    assert_ok(comm_min_f64(&world, low, 3));
    assert_ok(comm_max_f64(&world, high, 2));
    assert_true(low[0] == (double)-INFINITY && low[1] == (double)INFINITY && low[2] == DBL_TRUE_MIN);
    assert_true(high[0] == (world.size - 1) * 0.5 && high[1] == (double)-INFINITY);
}

/* Terms that plain additions would lose, shared out over the ranks. */
static void exact_sums_reduce(void **state)
{
    (void)state;
    struct exactsum sums[2] = {{{0}, 0}, {{0}, 0}};
    const double terms[] = {1e300, 1.0, 0x1p-1074, -1e300, 1e16, -1.0, -1e16};
    for (int i = 0; i < 7; i++) {
        if (i % world.size == world.rank)
            exactsum_add(&sums[0], terms[i]);
    }
    exactsum_add(&sums[1], -0.1);
    assert_ok(comm_sum_exact(&world, sums, 2));
    assert_true(exactsum_round(&sums[0]) == 0x1p-1074);
    long double tenths = -(long double)0.1 * world.size;
    assert_true(exactsum_round(&sums[1]) == (double)tenths);
}

static void broadcasts_are_of_rank_0(void **state)
{
    (void)state;
    enum { BYTES = 100003 };
    static unsigned char data[BYTES];
    for (int i = 0; i < BYTES; i++)
        data[i] = (unsigned char)(i * 7 + world.rank);
    assert_ok(comm_broadcast(&world, data, BYTES));
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(data[i], (unsigned char)(i * 7));
    assert_ok(comm_broadcast(&world, NULL, 0));
}

/* Bytes of rank r: none for every third, more for others. */
static int64_t part_of(int rank)
{
    return rank % 3 == 1 ? 0 : 1000 * rank + 3;
}

static void gathers_of_uneven_and_empty_parts(void **state)
{
    (void)state;
    unsigned char mine[10000];
    void *all = NULL;
    int64_t bytes = -1;
    memset(mine, world.rank + 1, sizeof mine);
    assert_ok(comm_gather_all(&world, part_of(world.rank) ? mine : NULL, part_of(world.rank), &all, &bytes));
    int64_t at = 0;
    for (int r = 0; r < world.size; r++) {
        for (int64_t i = 0; i < part_of(r); i++)
            assert_int_equal(((unsigned char *)all)[at++], r + 1);
    }
    assert_int_equal(bytes, at);
    free(all);
    assert_ok(comm_gather_all(&world, NULL, 0, &all, &bytes));
    assert_int_equal(bytes, 0);
    free(all);
}

struct item {
    int from;
    int to;
    int64_t number;
};

static int64_t items_between(int from, int to, int kind)
{
    if (kind == 0)
        return 0;
    if (kind == 1)
        return to == 0 ? 500 + from : 0; /* all to one */
    return from == 1 ? 0 : (from * 13 + to * 5) % 7 * 100;
}

static void check_received(const struct item *item, int64_t count, int kind)
{
    int64_t at = 0;
    for (int r = 0; r < world.size; r++) {
        for (int64_t i = 0; i < items_between(r, world.rank, kind); i++, at++) {
            assert_true(at < count);
            assert_int_equal(item[at].from, r);
            assert_int_equal(item[at].to, world.rank);
            assert_int_equal(item[at].number, i);
        }
    }
    assert_int_equal(at, count);
}

static void exchange_all_kinds(void)
{
    for (int kind = 0; kind < 3; kind++) {
        static struct item items[7 * 1000];
        int64_t counts[64] = {0};
        int64_t made = 0;
        void *received = NULL;
        int64_t count = -1;
        for (int r = 0; r < world.size; r++) {
            counts[r] = items_between(world.rank, r, kind);
            for (int64_t i = 0; i < counts[r]; i++)
                items[made++] = (struct item){world.rank, r, i};
        }
        assert_ok(
            comm_exchange(&world, made > 0 ? items : NULL, counts, sizeof(struct item), &received, &count));
        check_received(received, count, kind);
        free(received);
    }
}

static void exchanges_of_uneven_and_empty_parts(void **state)
{
    (void)state;
    int64_t most = world.most_items;
    exchange_all_kinds();
    world.most_items = 300; /* some ranks have more, so all take the way of counts beyond int */
    exchange_all_kinds();
    world.most_items = most;
}

static void pairs_send_and_receive(void **state)
{
    (void)state;
    static int64_t data[100000];
    if (world.rank > 0) {
        for (int64_t i = 0; i < 100000; i++)
            data[i] = i * world.rank;
        assert_ok(comm_send(&world, 0, data, sizeof data));
        assert_ok(comm_send(&world, 0, data, 0));
        assert_ok(comm_send(&world, 0, data, 8));
    }
    for (int r = 1; world.rank == 0 && r < world.size; r++) {
        assert_ok(comm_receive(&world, r, data, sizeof data));
        for (int64_t i = 0; i < 100000; i++)
            assert_int_equal(data[i], i * r);
        assert_ok(comm_receive(&world, r, data, 0));
        assert_ok(comm_receive(&world, r, data, 8));
    }
}

static void the_machine_is_described(void **state)
{
    (void)state;
    char *hosts = NULL;
    char library[256] = "";
    int ranks = 0;
    assert_ok(comm_hosts(&world, &hosts));
    assert_true(strlen(hosts) > 0);
    assert_null(strchr(hosts, ',')); /* all on one machine here: its name stands once */
    assert_ok(comm_ranks_on_node(&world, &ranks));
    assert_int_equal(ranks, world.size);
    comm_library(library, sizeof library);
    assert_true(strlen(library) > 0);
    comm_library(library, 4);
    assert_int_equal(strlen(library), 3);
    free(hosts);
}

static void a_communicator_of_one(void **state)
{
    (void)state;
    int64_t value = 3;
    assert_int_equal(alone.size, 1);
    assert_int_equal(alone.rank, 0);
    assert_ok(comm_sum_i64(&alone, &value, 1));
    assert_int_equal(value, 3);
    assert_failure(comm_agree(&alone, status_new(EXIT_BAD_DATA, "mine")), EXIT_BAD_DATA, "mine");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(agreement_on_success),
    cmocka_unit_test(one_failure_reaches_all),
    cmocka_unit_test(of_many_failures_the_lowest_rank_speaks),
    cmocka_unit_test(long_messages_survive_a_vote),
    cmocka_unit_test(integers_reduce),
    cmocka_unit_test(reals_reduce),
    cmocka_unit_test(exact_sums_reduce),
    cmocka_unit_test(broadcasts_are_of_rank_0),
    cmocka_unit_test(gathers_of_uneven_and_empty_parts),
    cmocka_unit_test(exchanges_of_uneven_and_empty_parts),
    cmocka_unit_test(pairs_send_and_receive),
    cmocka_unit_test(the_machine_is_described),
    cmocka_unit_test(a_communicator_of_one),
};

TESTS_MAIN("comm", tests)
