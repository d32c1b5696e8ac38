/* ranks: 1 2 3 7 */
/* Exact moments against sums in 113 bits, in any order, merged, repeated and shared out over ranks. */
#include <math.h>

#include "data/moments.h"
#include "support.h"

enum { TERMS = 4000, KINDS = 8 };

static double term(int kind, int64_t i)
{
    double u = uniform(31, i, kind);
    switch (kind) {
    case 0:
        return u - 0.5;
    case 1:
        return 1e9 + u; /* the variance is a difference of large numbers */
    case 2:
        return (u < 0.5 ? -1 : 1) * ldexp(1 + u, (int)(i % 60) - 30);
    case 3:
        return floor(u * 10) - 3;
    case 4:
        return 1e149 * u; /* near the largest that is allowed */
    case 5:
        return 1e-100 * u;
    case 6:
        return (double)(float)(u * 1000); /* squares are exact */
    default:
        return (i % 2 == 0 ? 1 : -1) * ldexp(1 + u, (int)(i % 900) - 450); /* lanes cannot hold these */
    }
}

struct wide_moments {
    __float128 mean;
    __float128 variance;
    __float128 sum;
};

/* Two passes in 113 bits. */
static struct wide_moments wide_of(int kind, int64_t first, int64_t count)
{
    struct wide_moments wide = {0, 0, 0};
    for (int64_t i = first; i < first + count; i++)
        wide.sum += (__float128)term(kind, i);
    wide.mean = wide.sum / count;
    for (int64_t i = first; i < first + count; i++) {
        __float128 difference = (__float128)term(kind, i) - wide.mean;
        wide.variance += difference * difference / count;
    }
    return wide;
}

static void check_moments(const struct moments *moments, int kind, int64_t first, int64_t count)
{
    struct wide_moments wide = wide_of(kind, first, count);
    double low = (double)INFINITY;
    double high = (double)-INFINITY;
    for (int64_t i = first; i < first + count; i++) {
        low = fmin(low, term(kind, i));
        high = fmax(high, term(kind, i));
    }
    assert_int_equal(moments->present, count);
    assert_true(moments->low == low && moments->high == high);
    assert_close(moments_mean(moments), (double)wide.mean, 1e-15);
    assert_close(moments_sum(moments), (double)wide.sum, 1e-15);
    assert_close(moments_variance(moments), (double)wide.variance, 1e-14);
}

static struct moments *new_moments(int64_t count)
{
    struct moments *moments = NULL;
    assert_ok(moments_new(&moments, count));
    return moments;
}

static void match_sums_in_113_bits(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct moments *moments = new_moments(1);
        for (int64_t i = 0; i < TERMS; i++)
            moments_add(moments, term(kind, i));
        check_moments(moments, kind, 0, TERMS);
        free(moments);
    }
}

static void assert_same(const struct moments *a, const struct moments *b)
{
    double values[2][5] = {{a->low, a->high, moments_mean(a), moments_sum(a), moments_variance(a)},
                           {b->low, b->high, moments_mean(b), moments_sum(b), moments_variance(b)}};
    assert_int_equal(a->present, b->present);
    assert_memory_equal(values[0], values[1], sizeof values[0]);
}

static void order_and_merging_do_not_matter(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct moments *moments = new_moments(4);
        for (int64_t i = 0; i < TERMS; i++) {
            moments_add(&moments[0], term(kind, i));
            moments_add(&moments[1], term(kind, TERMS - 1 - i));
            moments_add(&moments[i % 7 == 3 ? 2 : 3], term(kind, i));
        }
        moments_merge(&moments[2], &moments[3]);
        assert_same(&moments[0], &moments[1]);
        assert_same(&moments[0], &moments[2]);
        free(moments);
    }
}

static void many_values_are_as_one_by_one(void **state)
{
    (void)state;
    static double value[TERMS];
    const int64_t counts[] = {0, 1, 7, 8, 9, 31, 1023, 1024, 1025, TERMS};
    for (int kind = 0; kind < KINDS; kind++) {
        for (int n = 0; n < 10; n++) {
            struct moments *moments = new_moments(2);
            for (int64_t i = 0; i < counts[n]; i++) {
                value[i] = term(kind, i);
                moments_add(&moments[0], value[i]);
            }
            moments_add_all(&moments[1], value, counts[n]);
            for (int m = 0; m < 2; m++) {
                exactsum_normalise(&moments[m].sum);
                exactsum_normalise(&moments[m].squares);
            }
            assert_memory_equal(&moments[0], &moments[1], sizeof moments[0]);
            free(moments);
        }
    }
}

static void many_times_is_one_after_the_other(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct moments *moments = new_moments(2);
        for (int64_t i = 0; i < 60; i++) {
            int64_t times = i % 4 == 0 ? 0 : i * 3;
            moments_add_times(&moments[0], term(kind, i), times);
            for (int64_t t = 0; t < times; t++)
                moments_add(&moments[1], term(kind, i));
        }
        assert_same(&moments[0], &moments[1]);
        free(moments);
    }
}

static void huge_counts(void **state)
{
    (void)state;
    struct moments *moments = new_moments(1);
    moments_add_times(moments, 0.1, INT64_C(3000000001));
    moments_add_times(moments, 0.3, INT64_C(1000000001));
    __float128 n = (__float128)4000000002;
    __float128 mean = ((__float128)0.1 * 3000000001 + (__float128)0.3 * 1000000001) / n;
    __float128 variance = (((__float128)0.1 - mean) * ((__float128)0.1 - mean) * 3000000001 +
                           ((__float128)0.3 - mean) * ((__float128)0.3 - mean) * 1000000001) /
                          n;
    assert_close(moments_mean(moments), (double)mean, 1e-15);
    assert_close(moments_variance(moments), (double)variance, 1e-14);
    free(moments);
}

static void empty_and_equal(void **state)
{
    (void)state;
    struct moments *moments = new_moments(3);
    assert_true(isnan(moments_mean(&moments[0])));
    assert_true(moments_sum(&moments[0]) == 0);
    assert_true(moments[0].low == (double)INFINITY && moments[0].high == (double)-INFINITY);
    for (int i = 0; i < 1000; i++)
        moments_add(&moments[1], 0.1);
    assert_true(moments_variance(&moments[1]) == 0);
    assert_true(moments_mean(&moments[1]) == 0.1);
    moments_merge(&moments[1], &moments[0]);
    assert_int_equal(moments[1].present, 1000);
    assert_true(moments[1].low == 0.1 && moments[1].high == 0.1);
    moments_add(&moments[2], -0.0);
    assert_true(moments_mean(&moments[2]) == 0 && moments_variance(&moments[2]) == 0);
    free(moments);
}

/* Every rank brings its own terms, some none; all hold the same as one rank with all of them. */
static void shared_sums_do_not_depend_on_ranks(void **state)
{
    (void)state;
    struct moments *mine = new_moments(KINDS + 1);
    struct moments *all = new_moments(KINDS + 1);
    struct partition part = partition_of(TERMS, world.rank, world.size);
    for (int kind = 0; kind < KINDS; kind++) {
        for (int64_t i = 0; i < TERMS; i++) {
            moments_add(&all[kind], term(kind, i));
            if (i >= part.first_row && i < part.first_row + part.row_count)
                moments_add(&mine[kind], term(kind, i));
        }
    }
    assert_ok(moments_share(&world, mine, KINDS + 1)); /* the last has no values on any rank */
    for (int kind = 0; kind < KINDS; kind++) {
        assert_same(&mine[kind], &all[kind]);
        check_moments(&mine[kind], kind, 0, TERMS);
    }
    assert_int_equal(mine[KINDS].present, 0);
    assert_true(mine[KINDS].low == (double)INFINITY && mine[KINDS].high == (double)-INFINITY);
    free(mine);
    free(all);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(match_sums_in_113_bits),
    cmocka_unit_test(order_and_merging_do_not_matter),
    cmocka_unit_test(many_values_are_as_one_by_one),
    cmocka_unit_test(many_times_is_one_after_the_other),
    cmocka_unit_test(huge_counts),
    cmocka_unit_test(empty_and_equal),
    cmocka_unit_test(shared_sums_do_not_depend_on_ranks),
};

TESTS_MAIN("moments", tests)
