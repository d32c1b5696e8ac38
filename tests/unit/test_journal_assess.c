/* ranks: 1 2 3 */
/* Reference sets, indices and borders, stopped here and there: they go on from the journal, on any number of
 * ranks, and find the same bytes as if nothing had happened. */
#include <math.h>

#include "assess/gap.h"
#include "assess/indices.h"
#include "assess/valley.h"
#include "stopping.h"

enum { ROWS = 2100, FEATURES = 3, K = 3, GAPS = 3 };

static const struct kmeans_settings plain = {
    .batch = BLOCK_ROWS, .restarts = 2, .polish = true, .tolerance = 1e-4, .seed = 1};

static double mist(int64_t row, int64_t feature)
{
    return uniform(7, row, feature) + 0.3 * uniform(8, row, feature);
}

static bool some(int64_t row)
{
    return row % 7 == 3;
}

struct found {
    struct gap gap[2][GAPS]; /* over the whole box, and over its middle */
    double index[2][4];      /* of two segmentations */
    double segment[2][2 * K];
    double silhouette[2];
    double border;
};

struct assessing {
    struct sample sample[2]; /* on all ranks, on one */
    struct segmentation segments[2];
    struct found expected;
    struct found found;
};

static status_t measure_indices(struct assessing *assessing, const struct customers *customers)
{
    struct labelling labelling[2];
    struct indices indices[2];
    struct found *found = &assessing->found;
    int64_t sampled = 0;
    for (int s = 0; s < 2; s++) {
        const struct segmentation *segments = &assessing->segments[s];
        labelling[s] = (struct labelling){.k = segments->k, .centroid = segments->centroid};
        assert_ok(labelling_open(&labelling[s], FEATURES));
        indices[s] =
            (struct indices){&labelling[s], segments->k, segments->sum, segments->size, .inertia = 0};
    }
    status_t status = indices_measure(customers, indices, 2);
    if (!status)
        status = indices_sample_silhouette(customers, indices, 2, 300, 5, found->silhouette, &sampled);
    for (int s = 0; s < 2; s++) {
        const double index[] = {indices[s].inertia, indices[s].silhouette, indices[s].calinski_harabasz,
                                indices[s].davies_bouldin};
        memcpy(found->index[s], index, sizeof index);
        if (!status)
            memcpy(found->segment[s], indices[s].segment_silhouette, (size_t)indices[s].k * sizeof(double));
        indices_free(&indices[s]);
        labelling_close(&labelling[s]);
    }
    return status;
}

static status_t assess(void *context, int who)
{
    struct assessing *assessing = context;
    struct found *found = &assessing->found;
    const struct customers *customers = &assessing->sample[who].customers;
    struct gap_settings settings = {.kmeans = plain, .references = 3, .seed = 5};
    int64_t rows = 0;
    status_t status = measure_indices(assessing, customers);
    for (int middle = 0; !status && middle < 2; middle++) {
        for (int64_t g = 0; g < GAPS; g++)
            found->gap[middle][g] = (struct gap){.k = g + 1, .inertia = 1000.0 / (double)(g + 1)};
        settings.trim = middle ? 0.02 : 0;
        status = gap_measure(customers, &settings, found->gap[middle], GAPS, &rows);
    }
    const struct segmentation *segments = &assessing->segments[0];
    if (!status)
        status = valley_measure(customers, segments->k, segments->centroid, segments->size, &found->border);
    return status;
}

static void check(void *context)
{
    struct assessing *assessing = context;
    assert_memory_equal(&assessing->found, &assessing->expected, sizeof assessing->found);
}

static void forget(void *context)
{
    struct assessing *assessing = context;
    memset(&assessing->found, 0, sizeof assessing->found);
}

static void assessments_go_on(void **state)
{
    (void)state;
    struct assessing assessing = {.expected = {.border = 0}};
    struct stopping job = {assess, check, forget, &assessing, world.size == 1 ? 40 : 10, 150};
    struct kmeans_result result[2];
    const int64_t k[] = {K, 2 * K};
    for (int who = 0; who < 2; who++)
        sample_open(&assessing.sample[who], stopping_comm(who), ROWS, FEATURES, mist, some);
    const struct sample *sample = &assessing.sample[0];
    assert_ok(kmeans_run(&sample->customers, &sample->preparation, &plain, k, 2, result));
    for (int s = 0; s < 2; s++)
        assessing.segments[s] = result[s].segments;
    forget(&assessing);
    assert_ok(assess(&assessing, 0));
    assessing.expected = assessing.found;
    assert_true(isfinite(assessing.found.border) && isfinite(assessing.found.gap[1][GAPS - 1].gap));
    forget(&assessing);
    stopping_everywhere(&job);
    for (int s = 0; s < 2; s++)
        kmeans_free(&result[s]);
    sample_close(&assessing.sample[0]);
    sample_close(&assessing.sample[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(assessments_go_on),
};

TESTS_MAIN("journal of assessments", tests)
