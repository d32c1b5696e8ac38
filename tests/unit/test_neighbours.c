/* ranks: 1 2 3 7 */
/* Clusters in slots: order, boxes, searches with and without sets, compaction, customers that are none. */
#include "trees.h"

static bool is_active(const struct neighbours *all, int64_t slot)
{
    return all->cluster[slot].joined == slot;
}

/* ---- twins ---- */

static long double squared_height(const struct neighbours *all, int64_t a, int64_t b)
{
    const double *x = all->sum + a * all->width;
    const double *y = all->sum + b * all->width;
    long double size_a = (long double)all->cluster[a].size;
    long double size_b = (long double)all->cluster[b].size;
    long double square = 0;
    for (int64_t f = 0; f < all->features; f++) {
        long double apart = (long double)x[f] / size_a - (long double)y[f] / size_b;
        square += apart * apart;
    }
    return square * 2 * size_a * size_b / (size_a + size_b);
}

/* What a search of slot must have found: squares as the module has them, everything else in the plain way. */
static void check_answer(struct neighbours *all, int64_t slot)
{
    const struct cluster *cluster = &all->cluster[slot];
    int64_t nearest = -1;
    double least = 0.0;
    int remembered = 0;
    for (int64_t s = 0; s < all->slots; s++) {
        double square = s == slot || !is_active(all, s) ? -1.0 : neighbours_square(all, slot, s);
        bool known = false;
        for (int n = 0; n < NEIGHBOURS; n++)
            known = known || cluster->known[n] == s;
        assert_true(square >= 0.0 || !known);
        remembered += known;
        if (square < 0.0)
            continue;
        assert_true(known ? square <= cluster->radius : square >= cluster->radius);
        if (nearest < 0 || neighbours_nearer(all, slot, square, s, least, nearest)) {
            nearest = s;
            least = square;
        }
    }
    assert_int_equal(cluster->nearest, nearest);
    assert_true(nearest < 0 || cluster->square == least);
    assert_true(nearest < 0 || (remembered > 0 && cluster->known[0] == nearest));
    for (int n = 1; n < remembered; n++)
        assert_true(neighbours_nearer(all, slot, neighbours_square(all, slot, cluster->known[n - 1]),
                                      cluster->known[n - 1], neighbours_square(all, slot, cluster->known[n]),
                                      cluster->known[n]));
    for (int n = remembered; n < NEIGHBOURS; n++)
        assert_int_equal(cluster->known[n], -1);
    /* all that are near enough are remembered, as far as there is room */
    assert_true(remembered == NEIGHBOURS || nearest < 0 || cluster->radius >= NEIGHBOURS_REACH * least);
}

/* ---- opening ---- */

static const struct cloud clouds[] = {
    {300, 2, blob_place, NULL, 0, 0},        {300, 8, random_place, some_size, 0, 0},
    {200, 2, lattice_place, NULL, 0, 0},     {200, 3, distant_place, rising_size, 0, 0},
    {150, 84, outlier_place, NULL, 0, 0},    {65, 1, line_place, NULL, 0, 0},
    {2, 3, random_place, rising_size, 0, 0}, {1, 3, random_place, NULL, 0, 0},
};
enum { CLOUDS = sizeof clouds / sizeof clouds[0] };

/* Every point has a slot, and its own values; the order is the same everywhere. */
static void every_point_has_a_slot(void **state)
{
    (void)state;
    for (int c = 0; c < CLOUDS * MANNERS; c++) {
        const struct cloud *cloud = &clouds[c / MANNERS];
        struct held held;
        struct held twin;
        bool seen[300] = {false};
        hold(&held, cloud, &manners[c % MANNERS], true, false);
        hold(&twin, cloud, &manners[0], true, false);
        assert_true(held.all.slots == cloud->count && held.all.active == cloud->count);
        for (int64_t s = 0; s < cloud->count; s++) {
            const struct cluster *cluster = &held.all.cluster[s];
            assert_true(cluster->first >= 0 && cluster->first < cloud->count && !seen[cluster->first]);
            seen[cluster->first] = true;
            assert_true(cluster->first == twin.all.cluster[s].first);
            assert_true(cluster->joined == s && cluster->nearest == -1 && cluster->partner == -1);
            assert_int_equal(cluster->size, cloud_size(cloud, cluster->first));
            for (int64_t f = 0; f < held.all.width; f++)
                assert_true(held.all.sum[s * held.all.width + f] ==
                            (f < cloud->features ? cloud_sum(cloud, cluster->first, f) : 0.0));
        }
        release(&held);
        release(&twin);
    }
}

/* ---- distances and ties ---- */

static void squares_are_the_same_both_ways(void **state)
{
    (void)state;
    for (int c = 0; c < CLOUDS; c++) {
        struct held held;
        hold(&held, &clouds[c], &manners[0], true, false);
        for (int64_t a = 0; a < clouds[c].count; a += 3) {
            for (int64_t b = 0; b < a; b++) {
                double square = neighbours_square(&held.all, a, b);
                double extent = clouds[c].value == distant_place ? 1e-5 : 0.0;
                assert_true(square == neighbours_square(&held.all, b, a));
                assert_true(fabsl(square - squared_height(&held.all, a, b)) <= 1e-13L * square + extent);
            }
        }
        release(&held);
    }
}

static int by_word(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void ties_of_different_pairs_differ(void **state)
{
    (void)state;
    enum { POINTS = 200, PAIRS = POINTS * (POINTS - 1) / 2 };
    static uint64_t tie[PAIRS];
    int64_t pairs = 0;
    for (int32_t a = 0; a < POINTS; a++) {
        for (int32_t b = 0; b < a; b++) {
            int32_t far = INT32_MAX - b;
            tie[pairs++] = linkage_tie(a, b);
            assert_true(linkage_tie(a, b) == linkage_tie(b, a));
            assert_true(linkage_tie(a, far) == linkage_tie(far, a));
        }
    }
    qsort(tie, PAIRS, sizeof *tie, by_word);
    for (int64_t i = 1; i < PAIRS; i++)
        assert_true(tie[i] != tie[i - 1]);
}

/* ---- searches ---- */

static bool same_answers(const struct neighbours *a, const struct neighbours *b)
{
    bool same = true;
    for (int64_t s = 0; s < a->slots; s++) {
        const struct cluster *x = &a->cluster[s];
        const struct cluster *y = &b->cluster[s];
        same = same && x->nearest == y->nearest && x->square == y->square && x->radius == y->radius &&
               memcmp(x->known, y->known, sizeof x->known) == 0;
    }
    return same;
}

static void searches_find_the_nearest(void **state)
{
    (void)state;
    for (int c = 0; c < CLOUDS; c++) {
        struct held twin;
        hold(&twin, &clouds[c], &manners[0], true, false);
        search_all(&twin);
        for (int64_t s = 0; s < twin.all.slots; s++)
            check_answer(&twin.all, s);
        for (int m = 1; m < MANNERS; m++) {
            struct held held;
            hold(&held, &clouds[c], &manners[m], true, false);
            search_all(&held);
            assert_true(same_answers(&held.all, &twin.all));
            release(&held);
        }
        release(&twin);
    }
}

/* Some clusters become part of the one in the slot before, some are asked for; before and after compaction.
 */
static void join_some(struct held *held)
{
    struct neighbours *all = &held->all;
    int64_t begin = 0;
    int64_t end = 0;
    node_share(all->node, all->slots, &begin, &end);
    for (int64_t s = begin; s < end; s++) {
        struct cluster *cluster = &all->cluster[s];
        if (s % 3 == 1) {
            cluster->joined = (int32_t)s - 1;
            neighbours_put(all, s, false);
        } else if (s % 3 == 0 || cluster->nearest % 3 == 1) {
            cluster->nearest = -1; /* it is new, or has lost it */
        }
    }
    assert_ok(node_fence(all->node));
    for (int64_t s = 0; s < all->slots; s++)
        all->active -= s % 3 == 1;
}

static void check_queries(const struct neighbours *all)
{
    int64_t queries = 0;
    for (int64_t s = 0; s < all->slots; s++) {
        if (!is_active(all, s) || all->cluster[s].nearest >= 0)
            continue;
        assert_true(queries < all->queries && all->query[queries] == s);
        queries++;
    }
    assert_int_equal(queries, all->queries);
}

static void only_what_is_lost_is_looked_for(void **state)
{
    (void)state;
    for (int c = 0; c < CLOUDS * MANNERS; c++) {
        struct held held;
        hold(&held, &clouds[c / MANNERS], &manners[c % MANNERS], true, false);
        search_all(&held);
        join_some(&held);
        struct neighbours *all = &held.all;
        int64_t before = all->work.searches;
        assert_ok(neighbours_collect(all));
        check_queries(all);
        assert_ok(neighbours_search(all, see_progress, NULL));
        int64_t searches = all->work.searches - before;
        assert_ok(comm_sum_i64(all->comm, &searches, 1));
        assert_int_equal(searches, all->queries);
        for (int64_t q = 0; q < all->queries; q++)
            check_answer(all, all->query[q]);
        release(&held);
    }
}

/* ---- compaction ---- */

static void compaction_keeps_what_is_true(void **state)
{
    (void)state;
    for (int c = 0; c < CLOUDS * MANNERS; c++) {
        const struct cloud *cloud = &clouds[c / MANNERS];
        struct held held;
        struct cluster before[300]; /* by first */
        struct neighbours *all = &held.all;
        int32_t first_at[300];
        hold(&held, cloud, &manners[c % MANNERS], true, false);
        search_all(&held);
        join_some(&held);
        for (int64_t s = 0; s < all->slots; s++) {
            first_at[s] = all->cluster[is_active(all, s) ? s : s - 1].first;
            before[all->cluster[s].first] = all->cluster[s];
        }
        assert_ok(node_fence(all->node)); /* all have looked */
        int64_t active = all->active;
        assert_ok(neighbours_compact(all));
        assert_ok(neighbours_boxes(all));
        assert_true(all->slots == active && all->active == active);
        for (int64_t s = 0; s < active; s++) {
            const struct cluster *now = &all->cluster[s];
            const struct cluster *then = &before[now->first];
            assert_true(now->joined == s && now->square == then->square && now->radius == then->radius);
            assert_true((now->nearest < 0) == (then->nearest < 0));
            assert_true(now->nearest < 0 || all->cluster[now->nearest].first == first_at[then->nearest]);
            for (int n = 0; n < NEIGHBOURS; n++) {
                assert_true((now->known[n] < 0) == (then->known[n] < 0));
                assert_true(now->known[n] < 0 ||
                            all->cluster[now->known[n]].first == first_at[then->known[n]]);
            }
            for (int64_t f = 0; f < cloud->features; f++)
                assert_true(all->sum[s * all->width + f] == cloud_sum(cloud, now->first, f));
        }
        search_all(&held);
        for (int64_t q = 0; q < all->queries; q++)
            check_answer(all, all->query[q]);
        release(&held);
    }
}

/* ---- more queries than nodes search before they tell each other ---- */

static double row_place(int64_t point, int64_t feature)
{
    (void)feature;
    return (double)point + 0.25 * (double)(point % 2); /* 2 i has 2 i - 1 at 0.75 and 2 i + 1 at 1.25 */
}

static void nodes_exchange_in_chunks(void **state)
{
    (void)state;
    struct held held;
    struct cloud cloud = {70000, 1, row_place, NULL, 0, 0};
    hold(&held, &cloud, &manners[2], false, false);
    search_all(&held);
    const struct neighbours *all = &held.all;
    assert_int_equal(all->queries, cloud.count);
    for (int64_t s = 0; s < cloud.count; s++) {
        int64_t point = all->cluster[s].first;
        int64_t other = point == 0 ? 1 : point % 2 ? point + 1 : point - 1;
        if (other == cloud.count)
            other = point - 1;
        assert_int_equal(all->cluster[all->cluster[s].nearest].first, other);
        assert_true(all->cluster[s].square ==
                    (fabs(row_place(point, 0) - row_place(other, 0)) == 0.75 ? 0.5625 : 1.5625));
    }
    release(&held);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_point_has_a_slot),          cmocka_unit_test(squares_are_the_same_both_ways),
    cmocka_unit_test(ties_of_different_pairs_differ),  cmocka_unit_test(searches_find_the_nearest),
    cmocka_unit_test(only_what_is_lost_is_looked_for), cmocka_unit_test(compaction_keeps_what_is_true),
    cmocka_unit_test(nodes_exchange_in_chunks),
};

TESTS_MAIN("neighbours", tests)
