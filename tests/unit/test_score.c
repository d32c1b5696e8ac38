/* ranks: 1 2 3 7 */
/* A customer's place among the segments against a plain search. */
#include <math.h>

#include "cluster/score.h"
#include "support.h"

enum { ROWS = 2600, FEATURES = 4, MOST_K = 6 };

static double values(int64_t row, int64_t feature)
{
    return floor(5 * uniform(1, row, feature)); /* ties, and customers on centroids */
}

static bool some(int64_t row)
{
    return row % 6 == 5 || row / BLOCK_ROWS == 0;
}

static void check_customer(const struct sample *sample, int64_t row, const double *centroid, int64_t k,
                           const struct assignments *piece, int64_t at)
{
    int32_t first = -1;
    int32_t second = -1;
    double distance[MOST_K] = {0};
    for (int32_t h = 0; h < k; h++) {
        distance[h] = sample_distance(sample, row, centroid + h * FEATURES);
        if (first < 0 || distance[h] < distance[first]) {
            second = first;
            first = h;
        } else if (second < 0 || distance[h] < distance[second]) {
            second = h;
        }
    }
    double nearest = sqrt(distance[first]);
    assert_int_equal(piece->segment[at], first);
    assert_int_equal(piece->runner_up[at], second);
    assert_true(piece->distance[at] == (float)nearest);
    double shadow = second < 0 || nearest == 0 ? 0.0 : 2 * nearest / (nearest + sqrt(distance[second]));
    assert_true(fabs((double)piece->shadow[at] - shadow) <= 1e-7);
    assert_true(piece->shadow[at] >= 0 && piece->shadow[at] <= 1);
}

static void check_pieces(int64_t k, int64_t blocks_a_piece)
{
    struct sample sample;
    double centroid[MOST_K * FEATURES];
    int32_t *segment = NULL;
    int32_t *runner_up = NULL;
    float *distance = NULL;
    float *shadow = NULL;
    sample_open(&sample, &world, ROWS, FEATURES, values, some);
    for (int64_t i = 0; i < k * FEATURES; i++)
        centroid[i] = floor(5 * uniform(3, i / FEATURES % 4, i % FEATURES)); /* the fifth is a duplicate */
    struct score score = {&sample.customers, {.k = k, .features = FEATURES, .centroid = centroid}};
    assert_ok(memory_new(&segment, blocks_a_piece * BLOCK_ROWS, 4, "test scores"));
    assert_ok(memory_new(&runner_up, blocks_a_piece * BLOCK_ROWS, 4, "test scores"));
    assert_ok(memory_new(&distance, blocks_a_piece * BLOCK_ROWS, 4, "test scores"));
    assert_ok(memory_new(&shadow, blocks_a_piece * BLOCK_ROWS, 4, "test scores"));
    struct assignments piece = {segment, distance, runner_up, shadow};
    const struct partition *part = &sample.customers.partition;
    for (int64_t first = 0; first < part->block_count; first += blocks_a_piece) {
        int64_t left = part->block_count - first;
        int64_t blocks = left < blocks_a_piece ? left : blocks_a_piece;
        score_blocks(&score, first, blocks, &piece);
        for (int64_t i = 0; i < blocks * BLOCK_ROWS; i++) {
            int64_t row = part->first_row + first * BLOCK_ROWS + i;
            if (row < ROWS && !sample.is_out[row]) {
                check_customer(&sample, row, centroid, k, &piece, i);
            } else {
                assert_true(segment[i] == -1 && runner_up[i] == -1 && isnan(distance[i]) && isnan(shadow[i]));
            }
        }
    }
    free(segment);
    free(runner_up);
    free(distance);
    free(shadow);
    sample_close(&sample);
}

static void places_match_a_plain_search(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= MOST_K; k++)
        check_pieces(k, 1 + k % 3);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(places_match_a_plain_search)};

TESTS_MAIN("score", tests)
