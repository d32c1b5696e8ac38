/* ranks: 1 2 3 */
/* Exact sums against integer arithmetic and against every order of the same terms. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/comm.h"
#include "core/exactsum.h"
#include "core/random.h"

static struct comm comm;

static double sum_of(const double *terms, int count)
{
    struct exactsum sum = {0};
    for (int i = 0; i < count; i++)
        exactsum_add(&sum, terms[i]);
    return exactsum_round(&sum);
}

static void cancellation_leaves_what_is_left(void **state)
{
    (void)state;
    const double terms[] = {1e308, 1.0, 1e-300, -1e308, -1.0, 0x1p-1074, -1e-300};
    assert_true(sum_of(terms, 7) == 0x1p-1074);
    const double large[] = {DBL_MAX, DBL_MAX, -DBL_MAX};
    assert_true(sum_of(large, 3) == DBL_MAX);
    const double negative[] = {-1.0, -0x1p-60, 0.5};
    assert_true(sum_of(negative, 3) == -0.5);
}

static void rounds_to_nearest_even(void **state)
{
    (void)state;
    const double tie_down[] = {1.0, 0x1p-53};
    assert_true(sum_of(tie_down, 2) == 1.0);
    const double tie_up[] = {1.0 + 0x1p-52, 0x1p-53};
    assert_true(sum_of(tie_up, 2) == 1.0 + 0x1p-51);
    const double above_tie[] = {1.0, 0x1p-53, 0x1p-1000};
    assert_true(sum_of(above_tie, 3) == 1.0 + 0x1p-52);
}

static void empty_sum_is_zero(void **state)
{
    (void)state;
    assert_true(sum_of(NULL, 0) == 0.0);
}

static double random_term(int64_t i)
{
    double mantissa = random_uniform(7, RANDOM_BATCH, i, 0) - 0.5;
    int exponent = (int)(random_uniform(7, RANDOM_BATCH, i, 1) * 200) - 100;
    return ldexp(mantissa, exponent);
}

static void order_and_ranks_do_not_matter(void **state)
{
    (void)state;
    enum { TERMS = 20000 };
    struct exactsum forward = {0};
    struct exactsum shared = {0};
    for (int64_t i = 0; i < TERMS; i++) {
        exactsum_add(&forward, random_term(i));
        int64_t j = TERMS - 1 - i;
        if (j % comm.size == comm.rank)
            exactsum_add(&shared, random_term(j));
    }
    assert_null(comm_sum_exact(&comm, &shared, 1));
    double high = 0;
    double low = 0;
    double shared_high = 0;
    double shared_low = 0;
    exactsum_value(&forward, &high, &low);
    exactsum_value(&shared, &shared_high, &shared_low);
    assert_true(high == shared_high && low == shared_low);
    assert_true(fabs(low) <= fabs(high) * 0x1p-53);
    assert_memory_equal(forward.digit, shared.digit, sizeof forward.digit);
}

static void small_integers_match_integer_arithmetic(void **state)
{
    (void)state;
    struct exactsum sum = {0};
    int64_t expected = 0;
    for (int64_t i = 0; i < 5000; i++) {
        int64_t term = (int64_t)(random_bits(3, RANDOM_BATCH, i, 0) >> 30) - (INT64_C(1) << 33);
        expected += term;
        struct exactsum one = {0};
        exactsum_add(&one, (double)term);
        exactsum_merge(&sum, &one);
    }
    assert_true(exactsum_round(&sum) == (double)expected);
}

/* ---- many at once ---- */

enum {
    NARROW,
    WHOLE,
    WIDE_RANGE,
    HUGE_TERMS,
    TINY,
    ZEROS_OF_BOTH_SIGNS,
    CANCELLING,
    ONE_FAR,
    KINDS,
    MOST = 1100
};

static double term_of(int kind, int64_t i)
{
    double u = random_uniform(9, RANDOM_BATCH, i, kind) - 0.5;
    switch (kind) {
    case NARROW:
        return u;
    case WHOLE:
        return floor(u * 1000);
    case WIDE_RANGE:
        return random_term(i);
    case HUGE_TERMS:
        return u < 0 ? -DBL_MAX : DBL_MAX; /* partial sums leave the range of double */
    case TINY:
        return floor(u * 100) * DBL_TRUE_MIN;
    case ZEROS_OF_BOTH_SIGNS:
        return u < 0 ? -0.0 : 0.0;
    case CANCELLING:
        return (i % 16 < 8 ? 1 : -1) * (1e200 + (double)(i % 8)) + (i == 50 ? 1e-200 : 0);
    default:
        return i == 1000 ? 1e300 : u; /* what the lanes lose is lost late */
    }
}

static void many_at_once_are_as_one_by_one(void **state)
{
    (void)state;
    static double term[MOST];
    const int64_t counts[] = {0, 1, 7, 8, 9, 15, 16, 17, 24, 100, 1000, 1001, 1024, MOST};
    for (int kind = 0; kind < KINDS; kind++) {
        for (int n = 0; n < 14; n++) {
            struct exactsum all = {0};
            struct exactsum one = {0};
            for (int64_t i = 0; i < counts[n]; i++) {
                term[i] = term_of(kind, i);
                exactsum_add(&one, term[i]);
            }
            exactsum_add_all(&all, term, counts[n]);
            exactsum_normalise(&all);
            exactsum_normalise(&one);
            assert_memory_equal(all.digit, one.digit, sizeof all.digit);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancellation_leaves_what_is_left),
        cmocka_unit_test(rounds_to_nearest_even),
        cmocka_unit_test(empty_sum_is_zero),
        cmocka_unit_test(order_and_ranks_do_not_matter),
        cmocka_unit_test(small_integers_match_integer_arithmetic),
        cmocka_unit_test(many_at_once_are_as_one_by_one),
    };
    if (MPI_Init(&argc, &argv) != MPI_SUCCESS || comm_open(&comm, MPI_COMM_WORLD))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_close(&comm);
    return MPI_Finalize() == MPI_SUCCESS ? failed : 1;
}
