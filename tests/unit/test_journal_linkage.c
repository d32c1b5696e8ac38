/* ranks: 1 2 3 7 */
/* Trees that are stopped in any round: they go on from the journal, on any number of ranks and nodes, and
 * merge the same as if nothing had happened. */
#include "checkpoints.h"
#include "trees.h"

/* Stops that are tried; 0: everywhere. */
enum { SOME = 5 };
enum { LOST = 160 /* collectives of opening, and of a round or two */ };

struct linking {
    const struct cloud *cloud;
    enum linkage linkage;
    int most; /* ranks of a node; all nodes alike, so that all ranks count the same collectives */
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

static void check_stops(const struct cloud *cloud, enum linkage linkage, int most, int64_t stops)
{
    struct linking linking = {.cloud = cloud, .linkage = linkage, .most = most};
    assert_ok(link_once(&linking, 1));
    linking.expected = linking.found;
    linking.expected_work = linking.work;
    struct stopping job = {link_once, check_merges, forget_merges, &linking, .stops = stops, .lost = LOST};
    static const char *const steps[] = {"tree", NULL};
    stopping_everywhere(&job);
    checkpoints_everywhere(&job, 3, steps);
    free(linking.expected);
}

static void ward_goes_on(void **state)
{
    (void)state;
    static const struct cloud stars = {300, 5, star_place, star_size, 1e-9, 0};
    static const struct cloud lattice = {220, 2, lattice_place, NULL, 0, 0};
    static const struct cloud corners = {40, 40, corner_place, NULL, 1e-9, 0};
    static const struct cloud distant = {200, 3, distant_place, some_size, 1e-3, 0};
    static const struct cloud few = {20, 2, random_place, NULL, 0, 0};
    check_stops(&few, LINKAGE_WARD, 1, 0);
    check_stops(&stars, LINKAGE_WARD, 0, SOME);
    check_stops(&lattice, LINKAGE_WARD, 1, SOME);
    check_stops(&corners, LINKAGE_WARD, 0, SOME);
    check_stops(&distant, LINKAGE_WARD, 1, SOME);
}

static void single_goes_on(void **state)
{
    (void)state;
    static const struct cloud lattice = {230, 2, lattice_place, NULL, 0, 0};
    static const struct cloud blobs = {300, 4, blob_place, NULL, 0, 0};
    static const struct cloud few = {20, 2, random_place, NULL, 0, 0};
    check_stops(&few, LINKAGE_SINGLE, 1, 0);
    check_stops(&lattice, LINKAGE_SINGLE, 1, SOME);
    check_stops(&blobs, LINKAGE_SINGLE, 0, SOME);
}

static void average_and_complete_go_on(void **state)
{
    (void)state;
    static const struct cloud lattice = {170, 2, lattice_place, some_size, 0, 0};
    static const struct cloud blobs = {200, 4, blob_place, rising_size, 0, 0};
    static const struct cloud corners = {70, 70, corner_place, NULL, 0, 0};
    static const struct cloud few = {20, 2, random_place, NULL, 0, 0};
    check_stops(&few, LINKAGE_AVERAGE, 0, 0);
    check_stops(&lattice, LINKAGE_AVERAGE, 0, SOME);
    check_stops(&blobs, LINKAGE_AVERAGE, 0, SOME);
    check_stops(&corners, LINKAGE_AVERAGE, 0, SOME);
    check_stops(&blobs, LINKAGE_COMPLETE, 0, SOME);
}

/* ---- what does not fit ---- */

/* A journal with some of the rounds, on this rank alone. */
static void keep_rounds(struct linking *linking, struct journal *journal)
{
    struct stopping job = {link_once, NULL, NULL, linking, .stops = 0};
    struct journal whole;
    journal_open(&whole, 0, 0, NULL, NULL);
    assert_false(stopping_run(&job, 1, &whole, -1));
    int64_t all = stopping_calls;
    forget_merges(linking);
    journal_close(&whole);
    journal_open(journal, 0, 0, NULL, NULL);
    assert_true(stopping_run(&job, 1, journal, all * 2 / 3));
    forget_merges(linking);
    assert_int_equal(journal->count, 1);
    assert_string_equal(journal->entry[0].step, "rounds");
}

/* Another value in one 32-bit word: it is refused, or the tree is another one; nothing worse. */
static bool is_refused(struct linking *linking, const struct journal *journal, int64_t word, int32_t value)
{
    struct journal copy;
    stopping_copy(&alone, journal, &copy);
    memcpy(copy.entry[0].data + word * 4, &value, sizeof value);
    alone.journal = &copy;
    status_t status = link_once(linking, 1);
    alone.journal = NULL;
    bool refused = status != NULL;
    assert_true(!refused || status->code == EXIT_BAD_DATA);
    status_free(status);
    forget_merges(linking);
    journal_close(&copy);
    return refused;
}

static void damaged_rounds(void **state)
{
    (void)state;
    static const struct cloud blobs = {60, 2, blob_place, NULL, 0, 0};
    static const enum linkage linkages[] = {LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_SINGLE};
    for (size_t l = 0; l < sizeof linkages / sizeof *linkages; l++) {
        struct linking linking = {.cloud = &blobs, .linkage = linkages[l]};
        struct journal journal;
        keep_rounds(&linking, &journal);
        int64_t words = journal.entry[0].bytes / 4;
        int64_t refused = 0;
        for (int64_t word = 0; word < words; word++) {
            refused += is_refused(&linking, &journal, word, -7);
            is_refused(&linking, &journal, word, 5);
            refused += is_refused(&linking, &journal, word, INT32_MAX);
        }
        assert_true(refused > words / 2);
        journal_close(&journal);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ward_goes_on),
    cmocka_unit_test(single_goes_on),
    cmocka_unit_test(average_and_complete_go_on),
    cmocka_unit_test(damaged_rounds),
};

TESTS_MAIN("journal_linkage", tests)
