/* ranks: 1 2 3 7 */
/* Trees that are stopped in any round: they go on from the journal, on any number of ranks and nodes, and
 * merge the same as if nothing had happened. */
#include "stopping.h"
#include "trees.h"

enum { LOST = 160 /* collectives of opening, and of a round or two */ };

struct linking {
    const struct cloud *cloud;
    enum linkage linkage;
    int most; /* ranks of a node */
    struct merge *expected;
    struct merge *found;
    struct linkage_work expected_work;
    struct linkage_work work;
};

static status_t link_once(void *context, int who)
{
    struct linking *linking = context;
    struct comm *comm = stopping_comm(who);
    struct node node;
    struct points points;
    linking->found = calloc((size_t)linking->cloud->count, sizeof *linking->found);
    assert_non_null(linking->found);
    assert_ok(node_open(&node, comm, linking->most));
    cloud_points(linking->cloud, comm, &node, &points);
    status_t status = linkage_run(&points, linking->linkage, linking->found, &linking->work);
    node_close(&node);
    return status;
}

static void check_merges(void *context)
{
    struct linking *linking = context;
    assert_true(same_merges(linking->found, linking->expected, linking->cloud->count - 1));
    assert_int_equal(linking->work.rounds, linking->expected_work.rounds);
    /* clusters know what they would have known */
    if (linking->linkage == LINKAGE_WARD)
        assert_int_equal(linking->work.searches, linking->expected_work.searches);
}

static void forget_merges(void *context)
{
    struct linking *linking = context;
    free(linking->found);
    linking->found = NULL;
}

static void check_stops(const struct cloud *cloud, enum linkage linkage, int most, int64_t lost)
{
    struct linking linking = {.cloud = cloud, .linkage = linkage, .most = most};
    assert_ok(link_once(&linking, 1));
    linking.expected = linking.found;
    linking.expected_work = linking.work;
    struct stopping job = {link_once, check_merges, forget_merges, &linking, .stops = 8, .lost = lost};
    stopping_everywhere(&job);
    free(linking.expected);
}

static void ward_goes_on(void **state)
{
    (void)state;
    static const struct cloud stars = {300, 5, star_place, star_size, 1e-9, 0};
    static const struct cloud lattice = {220, 2, lattice_place, NULL, 0, 0};
    static const struct cloud corners = {40, 40, corner_place, NULL, 1e-9, 0};
    static const struct cloud distant = {200, 3, distant_place, some_size, 1e-3, 0};
    check_stops(&stars, LINKAGE_WARD, 0, LOST);
    check_stops(&lattice, LINKAGE_WARD, 2, LOST);
    check_stops(&corners, LINKAGE_WARD, 0, LOST);
    check_stops(&distant, LINKAGE_WARD, 1, LOST);
}

static void single_goes_on(void **state)
{
    (void)state;
    static const struct cloud lattice = {230, 2, lattice_place, NULL, 0, 0};
    static const struct cloud blobs = {300, 4, blob_place, NULL, 0, 0};
    check_stops(&lattice, LINKAGE_SINGLE, 2, LOST);
    check_stops(&blobs, LINKAGE_SINGLE, 0, LOST);
}

static void average_and_complete_go_on(void **state)
{
    (void)state;
    static const struct cloud lattice = {170, 2, lattice_place, some_size, 0, 0};
    static const struct cloud blobs = {200, 4, blob_place, rising_size, 0, 0};
    static const struct cloud corners = {70, 70, corner_place, NULL, 0, 0};
    check_stops(&lattice, LINKAGE_AVERAGE, 0, LOST);
    check_stops(&blobs, LINKAGE_AVERAGE, 0, LOST);
    check_stops(&corners, LINKAGE_AVERAGE, 0, LOST);
    check_stops(&blobs, LINKAGE_COMPLETE, 0, LOST);
}

/* ---- what does not fit ---- */

/* The journal after the last round of a tree, but not its outcome, or after a part of the rounds. */
static void rounds_of(struct journal *journal, enum linkage linkage, const struct cloud *cloud)
{
    struct linking linking = {.cloud = cloud, .linkage = linkage};
    struct stopping job = {link_once, NULL, NULL, &linking, .stops = 0};
    struct journal own;
    journal_open(&own, world.rank, 0, NULL, NULL);
    assert_false(stopping_run(&job, 0, &own, -1));
    int64_t all = stopping_calls;
    forget_merges(&linking);
    journal_close(&own);
    journal_open(&own, world.rank, 0, NULL, NULL);
    assert_true(stopping_run(&job, 0, &own, all * 2 / 3));
    stopping_copy(&world, &own, journal);
    assert_int_equal(journal->count, 1);
    assert_string_equal(journal->entry[0].step, "rounds");
    forget_merges(&linking);
    journal_close(&own);
}

/* One 32-bit word of the entry has another value: it is refused, or the tree is another one; nothing worse.
 */
static void change_a_word(enum linkage linkage, const struct cloud *cloud, int64_t word, int32_t value)
{
    struct linking linking = {.cloud = cloud, .linkage = linkage};
    struct journal journal;
    rounds_of(&journal, linkage, cloud);
    if ((word + 1) * 4 <= journal.entry[0].bytes)
        memcpy(journal.entry[0].data + word * 4, &value, sizeof value);
    world.journal = &journal;
    status_t status = link_once(&linking, 0);
    world.journal = NULL;
    if (status)
        assert_true(status->code == EXIT_BAD_DATA || status->code == EXIT_NO_MEMORY);
    status_free(status);
    forget_merges(&linking);
    journal_close(&journal);
}

static void damaged_rounds(void **state)
{
    (void)state;
    static const struct cloud blobs = {60, 2, blob_place, NULL, 0, 0};
    static const enum linkage linkages[] = {LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_SINGLE};
    static const int64_t words[] = {0, 8, 10, 12, 13, 14, 15, 18, 19, 60, 101, 140, 150, 170, 171, 172, 173};
    for (size_t l = 0; l < sizeof linkages / sizeof *linkages; l++) {
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
            change_a_word(linkages[l], &blobs, words[w], -7);
            change_a_word(linkages[l], &blobs, words[w], 5);
            change_a_word(linkages[l], &blobs, words[w], INT32_MAX);
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ward_goes_on),
    cmocka_unit_test(single_goes_on),
    cmocka_unit_test(average_and_complete_go_on),
    cmocka_unit_test(damaged_rounds),
};

TESTS_MAIN("journal_linkage", tests)
