/* ranks: 1 2 3 7 */
/* Passes that look again only at what could have changed, against passes that look at everyone: label for
 * label, sum for sum, bit for bit, whatever centroids, members and models do between passes. */
#include <math.h>

#include "cluster/panel.h"
#include "support.h"

enum { ROWS = 3300, MODELS = 4 };

static double clouds(int64_t row, int64_t feature)
{
    int64_t cloud = (int64_t)(6 * uniform(1, row, 1000) * uniform(1, row, 1001));
    return 3 * uniform(4, cloud, feature) + uniform(2, row, feature) + uniform(3, row, feature);
}

/* Ties everywhere. */
static double grid(int64_t row, int64_t feature)
{
    return floor(3 * uniform(2, row, feature));
}

/* Far from zero for what they differ by: float decides little. */
static double offset(int64_t row, int64_t feature)
{
    return 20000 + uniform(1, row, feature) + (double)(row % 2);
}

static double clear(int64_t row, int64_t feature)
{
    return 50 * uniform(4, row / 400, feature) + uniform(2, row, feature);
}

/* A block, and lanes here and there: whole tiles, and single customers. */
static bool some(int64_t row)
{
    return row % 5 == 2 || (row >= 1024 && row < 2048) || row / 16 % 7 == 3;
}

/* ---- panels that must agree ---- */

/* The first has bounds; the second remembers, but looks at everyone; the third, on every rank by itself, does
 * not even remember. */
enum { BOUNDED, WATCHING, FORGETFUL, PANELS };

struct trio {
    struct sample world;
    struct sample alone;
    struct panel panel[PANELS];
    bool is_member[ROWS / BLOCK_ROWS + 1];
};

static void start(struct trio *trio, int64_t features, int64_t k, sample_value value, sample_mark out,
                  enum nearest_way way)
{
    *trio = (struct trio){0};
    sample_open(&trio->world, &world, ROWS, features, value, out);
    sample_open(&trio->alone, &alone, ROWS, features, value, out);
    for (int p = 0; p < PANELS; p++) {
        struct sample *sample = p == FORGETFUL ? &trio->alone : &trio->world;
        struct panel *panel = &trio->panel[p];
        assert_ok(panel_open_alike(panel, &sample->customers, &sample->preparation, MODELS, k));
        panel->nearest.way = p == BOUNDED ? way : NEAREST_TILES;
        panel->everyone = p != BOUNDED;
        for (int64_t m = 0; m < MODELS; m++) {
            panel->model[m].weighting =
                (struct weighting){m < 2 ? WEIGHTING_ONE : WEIGHTING_REPLICATE, 5, 3 * m - 4};
            for (int64_t i = 0; i < k * features; i++)
                panel->model[m].centroid[i] = value((m * 911 + i / features * 401) % ROWS, i % features) +
                                              (m == 1 ? uniform(8, i, 0) : 0.0);
        }
    }
}

static void finish(struct trio *trio)
{
    for (int p = 0; p < PANELS; p++)
        panel_close(&trio->panel[p]);
    sample_close(&trio->world);
    sample_close(&trio->alone);
}

static void add(struct trio *trio, int64_t block)
{
    trio->is_member[block] = true;
    for (int p = 0; p < PANELS; p++)
        panel_add(&trio->panel[p], &block, 1);
    trio->panel[FORGETFUL].forgetful = true;
}

static int32_t remembered(const struct track *track, int64_t at)
{
    return track->wide ? ((uint16_t *)track->label)[at] - 1 : ((uint8_t *)track->label)[at] - 1;
}

/* What a model of the first panel remembers of this rank's customers is true under its centroids. */
static void check_labels(const struct trio *trio, const struct model *model)
{
    const struct panel *panel = &trio->panel[BOUNDED];
    assert_true(panel->members == 0 || model->track.in_use);
    for (int64_t i = 0; i < panel->members; i++) {
        int64_t first = panel->member[i] * BLOCK_ROWS;
        for (int64_t row = first; row < first + BLOCK_ROWS && row < ROWS; row++)
            assert_int_equal(remembered(&model->track, i * BLOCK_ROWS + row - first),
                             sample_nearest(&trio->world, row, model->centroid, model->k));
    }
}

static void check_same(const struct panel *a, const struct panel *b)
{
    assert_int_equal(a->passed, b->passed);
    assert_memory_equal(a->squares, b->squares, sizeof a->squares);
    for (int64_t m = 0; m < MODELS; m++) {
        const struct model *x = &a->model[m];
        const struct model *y = &b->model[m];
        size_t size = (size_t)(x->k * a->customers->features) * sizeof(double);
        assert_memory_equal(x->centroid, y->centroid, size);
        assert_memory_equal(x->sum, y->sum, size);
        assert_memory_equal(x->count, y->count, (size_t)x->k * sizeof *x->count);
        assert_memory_equal(&x->inertia, &y->inertia, sizeof x->inertia);
    }
}

static void pass(struct trio *trio)
{
    for (int p = 0; p < PANELS; p++)
        assert_ok(panel_pass(&trio->panel[p]));
    check_same(&trio->panel[BOUNDED], &trio->panel[WATCHING]);
    check_same(&trio->panel[BOUNDED], &trio->panel[FORGETFUL]);
    for (int64_t m = 0; m < MODELS; m++) {
        if (trio->panel[BOUNDED].model[m].learning)
            check_labels(trio, &trio->panel[BOUNDED].model[m]);
    }
}

/* Lloyd's step, and whatever else happens to a model between two passes of a fit. */
static void disturb(struct panel *panel, int64_t m, int64_t step)
{
    struct model *model = &panel->model[m];
    int64_t features = panel->customers->features;
    int64_t h = (step * 7 + m) % model->k;
    double *centroid = model->centroid + h * features;
    if (model->learning && step % 9 != 8) /* now and then nothing moves */
        panel_move(panel, model);
    if ((step + m) % 6 == 2) /* a swap: one jumps far */
        memcpy(centroid, model->centroid + (h + 1) % model->k * features, (size_t)features * sizeof(double));
    if ((step + m) % 6 == 3) { /* another numbering */
        for (int64_t f = 0; f < features; f++) {
            double kept = centroid[f];
            centroid[f] = model->centroid[f];
            model->centroid[f] = kept;
        }
    }
    if ((step + m) % 6 == 4) /* all of them a little */
        for (int64_t i = 0; i < model->k * features; i++)
            model->centroid[i] += 0.02 * (uniform(6, step, i) - 0.5);
    if ((step + m) % 6 == 5) /* one leaves, far away, and has no customers */
        centroid[0] += 1e6;
    model->learning = (step / 3 + m) % 4 != 0; /* each sits out three passes of twelve */
}

static void check_story(int64_t features, int64_t k, sample_value value, sample_mark out,
                        enum nearest_way way)
{
    static const int64_t order[] = {2, 0, 3, 1};
    struct trio trio;
    start(&trio, features, k, value, out, way);
    for (int64_t step = 0; step < 24; step++) {
        if (step % 5 == 0 && step < 20)
            add(&trio, order[step / 5]);
        pass(&trio);
        for (int p = 0; p < PANELS; p++) {
            for (int64_t m = 0; m < MODELS; m++)
                disturb(&trio.panel[p], m, step);
        }
    }
    assert_int_equal(trio.panel[BOUNDED].visited, trio.panel[WATCHING].visited);
    assert_int_equal(trio.panel[WATCHING].assigned, trio.panel[WATCHING].visited);
    assert_true(way == NEAREST_UNDECIDED || trio.panel[BOUNDED].nearest.way == way);
    finish(&trio);
}

static void bounds_change_nothing(void **state)
{
    (void)state;
    check_story(4, 6, clouds, some, NEAREST_TILES);
    check_story(4, 6, clouds, some, NEAREST_GEMM);
    check_story(2, 9, grid, some, NEAREST_TILES);
    check_story(2, 9, grid, NULL, NEAREST_GEMM);
    check_story(3, 3, offset, some, NEAREST_UNDECIDED);
    check_story(1, 1, clouds, some, NEAREST_TILES);
}

/* Labels of two bytes, and more centroids than go into one matrix product. */
static void bounds_change_nothing_with_many_segments(void **state)
{
    (void)state;
    check_story(2, 255, clouds, some, NEAREST_GEMM);
    check_story(2, 256, clouds, some, NEAREST_TILES);
    check_story(2, 300, clouds, some, NEAREST_GEMM);
}

/* Lloyd's passes to their end: the bounds must have saved most of the work. */
static void bounds_save_work(void **state)
{
    (void)state;
    for (int way = NEAREST_TILES; way <= NEAREST_GEMM; way++) {
        struct trio trio;
        start(&trio, 3, 8, clear, NULL, (enum nearest_way)way);
        for (int64_t b = 0; b < 4; b++)
            add(&trio, b);
        for (int step = 0; step < 12; step++) {
            pass(&trio);
            for (int p = 0; p < PANELS; p++) {
                for (int64_t m = 0; m < MODELS; m++)
                    panel_move(&trio.panel[p], &trio.panel[p].model[m]);
            }
        }
        int64_t work[2] = {trio.panel[BOUNDED].assigned, trio.panel[BOUNDED].visited};
        assert_ok(comm_sum_i64(&world, work, 2));
        assert_int_equal(work[1], 12 * MODELS * ((ROWS + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS));
        assert_true(work[0] < work[1] / 2);
        finish(&trio);
    }
}

/* ---- no slack ---- */

static double position(int64_t row, int64_t feature)
{
    (void)feature;
    return (double)row / 1050 - 1;
}

/* Customers in a row between two centroids far away, which both walk by the same small steps: the border
 * crosses one customer after the other, and their bounds run out just then. */
static void a_border_that_creeps_is_followed(void **state)
{
    (void)state;
    enum { LINE = 2100, STEPS = 900 };
    for (int way = NEAREST_TILES; way <= NEAREST_GEMM; way++) {
        struct sample sample;
        struct panel panel;
        sample_open(&sample, &alone, LINE, 1, position, NULL);
        assert_ok(panel_open_alike(&panel, &sample.customers, &sample.preparation, 1, 2));
        panel_add(&panel, NULL, 0);
        panel.nearest.way = (enum nearest_way)way;
        struct model *model = &panel.model[0];
        for (int step = 0; step < STEPS; step++) {
            double border = 0.9 - (double)step / 750;
            model->centroid[0] = border - 60;
            model->centroid[1] = border + 60;
            assert_ok(panel_pass(&panel));
            int64_t below = 0;
            for (int64_t row = 0; row < LINE; row++)
                below += sample_nearest(&sample, row, model->centroid, 2) == 0;
            assert_int_equal(model->count[0], below);
            assert_int_equal(model->count[1], LINE - below);
        }
        assert_true(panel.assigned < panel.visited / 4);
        panel_close(&panel);
        sample_close(&sample);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(bounds_change_nothing),
    cmocka_unit_test(bounds_change_nothing_with_many_segments),
    cmocka_unit_test(bounds_save_work),
    cmocka_unit_test(a_border_that_creeps_is_followed),
};

TESTS_MAIN("panel_bounds", tests)
