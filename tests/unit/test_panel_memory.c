/* ranks: 1 */
/* More models than may remember their customers: the first ones do, and hand their memory on when they have
 * finished; what is learned is that of models that do not remember. */
#include "cluster/panel.h"
#include "support.h"

enum { ROWS = 65536, BLOCKS = ROWS / BLOCK_ROWS, MODELS = 230, K = 2 };

static double values(int64_t row, int64_t feature)
{
    return uniform(1, row, feature) + (double)(row % 3);
}

struct pair {
    struct sample sample;
    struct panel panel;
    struct panel forgetful;
};

static void start(struct pair *pair)
{
    sample_open(&pair->sample, &world, ROWS, 1, values, NULL);
    struct panel *both[2] = {&pair->panel, &pair->forgetful};
    for (int p = 0; p < 2; p++) {
        assert_ok(panel_open_alike(both[p], &pair->sample.customers, &pair->sample.preparation, MODELS, K));
        both[p]->nearest.way = NEAREST_TILES;
        both[p]->track_bytes = 16 << 20; /* some 200 of the models */
        for (int64_t m = 0; m < MODELS; m++) {
            both[p]->model[m].centroid[0] = 3 * uniform(2, m, 0);
            both[p]->model[m].centroid[1] = 3 * uniform(2, m, 1);
        }
    }
}

static void finish(struct pair *pair)
{
    panel_close(&pair->panel);
    panel_close(&pair->forgetful);
    sample_close(&pair->sample);
}

static void add(struct pair *pair, int64_t first, int64_t end)
{
    for (int64_t b = first; b < end; b++) {
        panel_add(&pair->panel, &b, 1);
        panel_add(&pair->forgetful, &b, 1);
    }
    pair->forgetful.forgetful = true;
}

static void pass(struct pair *pair)
{
    assert_ok(panel_pass(&pair->panel));
    assert_ok(panel_pass(&pair->forgetful));
    for (int64_t m = 0; m < MODELS; m++) {
        struct model *a = &pair->panel.model[m];
        struct model *b = &pair->forgetful.model[m];
        assert_memory_equal(a->sum, b->sum, K * sizeof *a->sum);
        assert_memory_equal(a->count, b->count, K * sizeof *a->count);
        assert_memory_equal(&a->inertia, &b->inertia, sizeof a->inertia);
        panel_move(&pair->panel, a);
        panel_move(&pair->forgetful, b);
    }
}

static void set_learning(struct pair *pair, int64_t first, int64_t end, bool learning)
{
    for (int64_t m = first; m < end; m++)
        pair->panel.model[m].learning = pair->forgetful.model[m].learning = learning;
}

static int64_t with_memory(const struct pair *pair)
{
    int64_t count = 0;
    for (int64_t m = 0; m < MODELS; m++)
        count += pair->panel.model[m].track.in_use;
    return count;
}

static void memory_is_handed_on(void **state)
{
    (void)state;
    struct pair pair;
    start(&pair);
    add(&pair, 0, BLOCKS);
    pass(&pair);
    int64_t remembering = with_memory(&pair);
    assert_true(remembering >= 50 && remembering < MODELS);
    assert_true(pair.panel.model[0].track.in_use);
    set_learning(&pair, 0, 10, false);
    pass(&pair);
    pass(&pair);
    assert_int_equal(with_memory(&pair), remembering);
    assert_true(!pair.panel.model[0].track.in_use && pair.panel.model[remembering].track.in_use);
    set_learning(&pair, 0, 10, true); /* without memory now */
    set_learning(&pair, 15, 30, false);
    pass(&pair);
    pass(&pair);
    set_learning(&pair, 0, MODELS, true);
    pass(&pair);
    pass(&pair);
    finish(&pair);
}

/* A model hands its memory on, and gets other memory when members are added: as in mini-batches. */
static void members_are_added_after_memory_was_handed_on(void **state)
{
    (void)state;
    struct pair pair;
    start(&pair);
    add(&pair, 0, BLOCKS - 1);
    pass(&pair);
    set_learning(&pair, 0, 10, false);
    pass(&pair);
    add(&pair, BLOCKS - 1, BLOCKS);
    set_learning(&pair, 0, MODELS, true);
    pass(&pair);
    pass(&pair);
    finish(&pair);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(memory_is_handed_on),
    cmocka_unit_test(members_are_added_after_memory_was_handed_on),
};

TESTS_MAIN("panel_memory", tests)
