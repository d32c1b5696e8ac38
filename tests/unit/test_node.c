/* ranks: 1 2 3 7 */
/* Memory that the ranks of a node share: who is on a node, what they see, and what happens where it cannot be
 * had. */
#include "support.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "core/node.h"

static const int cuts[] = {0, 1, 2};
enum { CUTS = sizeof cuts / sizeof cuts[0] };

/* A number that only rank `rank` of all would write at place `i`. */
static int64_t word_of(int rank, int64_t i)
{
    return (rank + 1) * INT64_C(1000003) + i * 17;
}

/* The rank, of all, of rank `rank` on this rank's node. */
static int first_of_node(int most)
{
    return most > 0 ? world.rank / most * most : 0;
}

/* Lines of /proc/self/maps that show a shared file of ours. */
static int maps_of_ours(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    assert_non_null(file);
    char line[512];
    int count = 0;
    while (fgets(line, sizeof line, file))
        count += strstr(line, "memfd:lohko") != NULL;
    fclose(file);
    return count;
}

static int open_descriptors(void)
{
    DIR *open = opendir("/proc/self/fd");
    assert_non_null(open);
    int count = 0;
    while (readdir(open))
        count++;
    closedir(open);
    return count;
}

static void nodes_are_cut(void **state)
{
    (void)state;
    for (int c = 0; c < CUTS; c++) {
        int most = cuts[c];
        struct node node;
        assert_ok(node_open(&node, &world, most));
        int expected = world.size - first_of_node(most);
        if (most > 0 && expected > most)
            expected = most;
        assert_int_equal(node.comm.size, expected);
        assert_int_equal(node.comm.rank, world.rank - first_of_node(most));
        node_close(&node);
    }
}

/* Every rank writes its stripe of each block, and then that of its neighbour. */
static void what_one_writes_all_see(void **state)
{
    (void)state;
    enum { STRIPE = 3001, ROUNDS = 3 };
    for (int c = 0; c < CUTS; c++) {
        struct node node;
        assert_ok(node_open(&node, &world, cuts[c]));
        int size = node.comm.size;
        int first = first_of_node(cuts[c]);
        int64_t *block[2];
        for (int b = 0; b < 2; b++) {
            assert_ok(node_memory(&node, &block[b], (int64_t)size * STRIPE, sizeof **block, "a test"));
            assert_true((uintptr_t)block[b] % 64 == 0);
            for (int64_t i = 0; i < (int64_t)size * STRIPE; i++)
                assert_int_equal(block[b][i], 0);
        }
        assert_ok(node_fence(&node));
        for (int round = 0; round < ROUNDS; round++) {
            int mine = (node.comm.rank + round) % size;
            for (int64_t i = 0; i < STRIPE; i++) {
                block[0][mine * STRIPE + i] = word_of(world.rank, i);
                block[1][mine * STRIPE + i] = -word_of(world.rank, i);
            }
            assert_ok(node_fence(&node));
            for (int r = 0; r < size; r++) {
                int64_t at = (int64_t)((r + round) % size) * STRIPE;
                for (int64_t i = 0; i < STRIPE; i++) {
                    assert_int_equal(block[0][at + i], word_of(first + r, i));
                    assert_int_equal(block[1][at + i], -word_of(first + r, i));
                }
            }
            assert_ok(node_fence(&node));
        }
        node_close(&node);
    }
}

/* More than /dev/shm holds in many containers, to the last byte. */
static void a_large_block(void **state)
{
    (void)state;
    enum { STEP = 4096 };
    const int64_t bytes = INT64_C(200) << 20;
    struct node node;
    unsigned char *block = NULL;
    assert_ok(node_open(&node, &world, 0));
    assert_ok(node_memory(&node, &block, bytes / 8, 8, "a test"));
    for (int64_t i = node.comm.rank; i < bytes / STEP; i += node.comm.size)
        block[i * STEP] = (unsigned char)(1 + i % 251);
    if (node.comm.rank == node.comm.size - 1)
        block[bytes - 1] = 77;
    assert_ok(node_fence(&node));
    for (int64_t i = 0; i < bytes / STEP; i++)
        assert_int_equal(block[i * STEP], 1 + i % 251);
    assert_int_equal(block[bytes - 1], 77);
    node_close(&node);
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    int descriptors = open_descriptors();
    struct node node;
    void *block = NULL;
    assert_ok(node_open(&node, &world, 0));
    for (int i = 0; i < NODE_BLOCKS; i++) {
        assert_ok(node_memory(&node, &block, 0, 8, "a test"));
        assert_null(block);
        assert_ok(node_memory(&node, &block, i + 1, 8, "a test"));
        assert_non_null(block);
    }
    assert_int_equal(maps_of_ours(), world.size > 1 ? NODE_BLOCKS : 0);
    assert_failure(node_memory(&node, &block, 1, 8, "one more"), EXIT_INTERNAL, "one more");
    node_close(&node);
    node_close(&node);
    assert_int_equal(maps_of_ours(), 0);
    assert_int_equal(open_descriptors(), descriptors);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    static const int64_t counts[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 60, INT64_C(1) << 50};
    struct node node;
    assert_ok(node_open(&node, &world, 0));
    for (int i = 0; i < 5; i++) {
        void *block = &node;
        assert_failure(node_memory(&node, &block, counts[i], 8, "the moon"), EXIT_NO_MEMORY, "for the moon");
        assert_null(block);
    }
    int64_t *block = NULL;
    assert_ok(node_memory(&node, &block, 10, 8, "a test"));
    assert_int_equal(block[9], 0);
    node_close(&node);
}

/* Puts a limit on this process, if it is `rank` of all; gives back what was before. */
static struct rlimit limit(int rank, int resource, rlim_t most)
{
    struct rlimit before;
    assert_int_equal(getrlimit(resource, &before), 0);
    struct rlimit now = {.rlim_cur = most, .rlim_max = before.rlim_max};
    if (world.rank == rank)
        assert_int_equal(setrlimit(resource, &now), 0);
    return before;
}

/* One rank, the first or the last, cannot open a file more. */
static void a_failure_on_one_rank_reaches_all(void **state)
{
    (void)state;
    for (int failing = 0; failing < world.size && world.size > 1; failing += world.size - 1) {
        struct node node;
        int64_t *block = NULL;
        assert_ok(node_open(&node, &world, 0));
        int descriptors = open_descriptors();
        struct rlimit before = limit(failing, RLIMIT_NOFILE, 0);
        status_t status = node_memory(&node, &block, 1000, 8, "the moon");
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_failure(status, EXIT_NO_MEMORY, "8000 bytes for the moon, shared on a node");
        assert_null(block);
        assert_int_equal(maps_of_ours(), 0);
        assert_int_equal(open_descriptors(), descriptors);
        assert_ok(node_memory(&node, &block, 1000, 8, "a test"));
        assert_int_equal(block[999], 0);
        node_close(&node);
    }
}

/* The kernel stops half-way: here at a limit on the size of a file. */
static void memory_that_ends_half_way(void **state)
{
    (void)state;
    struct node node;
    int64_t *block = NULL;
    assert_ok(node_open(&node, &world, 0));
    void (*action)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit before = limit(0, RLIMIT_FSIZE, 100 << 20);
    status_t status = node_memory(&node, &block, 150 << 20, 1, "the moon");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, action);
    if (world.size == 1)
        assert_ok(status); /* its own memory needs no file */
    else
        assert_failure(status, EXIT_NO_MEMORY, "for the moon");
    assert_int_equal(maps_of_ours(), 0);
    node_close(&node);
}

static void ranks_that_cannot_share_are_nodes_of_one(void **state)
{
    (void)state;
    struct rlimit before = limit(world.size - 1, RLIMIT_NOFILE, 0);
    struct node node;
    status_t status = node_open(&node, &world, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_ok(status);
    assert_int_equal(node.comm.size, 1);
    int64_t *block = NULL;
    assert_ok(node_memory(&node, &block, 1000, 8, "a test"));
    assert_int_equal(block[999], 0);
    block[999] = world.rank;
    assert_ok(node_fence(&node));
    assert_ok(comm_agree(&world, STATUS_OK));
    assert_int_equal(block[999], world.rank);
    node_close(&node);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nodes_are_cut),
    cmocka_unit_test(what_one_writes_all_see),
    cmocka_unit_test(a_large_block),
    cmocka_unit_test(nothing_is_left_behind),
    cmocka_unit_test(too_much_is_refused),
    cmocka_unit_test(a_failure_on_one_rank_reaches_all),
    cmocka_unit_test(memory_that_ends_half_way),
    cmocka_unit_test(ranks_that_cannot_share_are_nodes_of_one),
};

TESTS_MAIN("node", tests)
