/* What the machine can do at most, for a roofline: bytes read from memory a
 * second, and fused multiply-adds in float a second, by one process and by
 * several at once. Prints JSON.
 *
 * Each process streams a buffer of its own that no cache holds, or keeps enough
 * independent accumulators in registers to fill the pipelines of the widest
 * vectors. The clock is measured by a chain of dependent additions, one a
 * cycle, so that the multiply-adds can be checked against lanes x pipes x
 * clock. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <immintrin.h>

enum { MOST_PROCESSES = 1024, ROUNDS = 7, CHAIN = 16, WIDE_CHAINS = 16, CHAINS = 12, BUFFER_MIB = 512 };

struct shared {
    pthread_barrier_t barrier;
    double seconds[MOST_PROCESSES]; /* of this round */
    double rate;                    /* of the best round */
};

/* One unit of work; returns how many bytes, multiply-adds or additions it was.
 */
typedef double (*work_t)(const float *buffer, size_t floats);

static volatile float sink; /* so that nothing is optimised away */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- reading ---- */

__attribute__((target("avx512f"))) static double read_wide(const float *buffer, size_t floats)
{
    __m512 sum[8];
    for (int i = 0; i < 8; i++)
        sum[i] = _mm512_setzero_ps();
    for (size_t at = 0; at < floats; at += 8 * 16) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            sum[i] = _mm512_add_ps(sum[i], _mm512_load_ps(buffer + at + 16 * i));
    }
    for (int i = 0; i < 8; i++)
        sink = sink + _mm512_reduce_add_ps(sum[i]);
    return (double)(floats * sizeof *buffer);
}

__attribute__((target("avx2,fma"))) static double read_256(const float *buffer, size_t floats)
{
    __m256 sum[8];
    for (int i = 0; i < 8; i++)
        sum[i] = _mm256_setzero_ps();
    for (size_t at = 0; at < floats; at += 8 * 8) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            sum[i] = _mm256_add_ps(sum[i], _mm256_load_ps(buffer + at + 8 * i));
    }
    for (int i = 0; i < 8; i++)
        sink = sink + sum[i][0] + sum[i][7];
    return (double)(floats * sizeof *buffer);
}

/* ---- multiply-adds ---- */

enum { FMA_STEPS = 20 * 1000 * 1000 };

__attribute__((target("avx512f"))) static double fma_wide(const float *buffer, size_t floats)
{
    (void)floats;
    __m512 factor = _mm512_set1_ps(0.999f + buffer[0]);
    __m512 term = _mm512_set1_ps(0.001f);
    __m512 sum[WIDE_CHAINS];
    for (int i = 0; i < WIDE_CHAINS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    for (int64_t step = 0; step < FMA_STEPS; step++) {
#pragma GCC unroll 16
        for (int i = 0; i < WIDE_CHAINS; i++)
            sum[i] = _mm512_fmadd_ps(sum[i], factor, term);
    }
    for (int i = 0; i < WIDE_CHAINS; i++)
        sink = sink + _mm512_reduce_add_ps(sum[i]);
    return (double)FMA_STEPS * WIDE_CHAINS * 16;
}

__attribute__((target("avx2,fma"))) static double fma_256(const float *buffer, size_t floats)
{
    (void)floats;
    __m256 factor = _mm256_set1_ps(0.999f + buffer[0]);
    __m256 term = _mm256_set1_ps(0.001f);
    __m256 sum[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_set1_ps((float)i);
    for (int64_t step = 0; step < FMA_STEPS; step++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm256_fmadd_ps(sum[i], factor, term);
    }
    for (int i = 0; i < CHAINS; i++)
        sink = sink + sum[i][0] + sum[i][7];
    return (double)FMA_STEPS * CHAINS * 8;
}

/* ---- the clock ---- */

static double add_chain(const float *buffer, size_t floats)
{
    (void)floats;
    uint64_t value = 0;
    uint64_t step = (uint64_t)(buffer[0] + 3.0f);
    for (int64_t i = 0; i < FMA_STEPS; i++) {
#pragma GCC unroll 16
        for (int j = 0; j < CHAIN; j++)
            __asm__ volatile("add %1, %0" : "+r"(value) : "r"(step));
    }
    sink = sink + (float)value;
    return (double)FMA_STEPS * CHAIN;
}

/* ---- several processes at once ---- */

/* Process 0 keeps the best round, each as slow as its slowest process. */
static void work_in_rounds(struct shared *shared, int process, int processes, work_t work, float *buffer,
                           size_t floats)
{
    memset(buffer, 0, floats * sizeof *buffer); /* this process's own pages */
    double units = work(buffer, floats);        /* clock up */
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&shared->barrier);
        double begun = now();
        work(buffer, floats);
        shared->seconds[process] = now() - begun;
        pthread_barrier_wait(&shared->barrier);
        double slowest = 0.0;
        for (int p = 0; process == 0 && p < processes; p++)
            slowest = shared->seconds[p] > slowest ? shared->seconds[p] : slowest;
        if (process == 0 && processes * units / slowest > shared->rate)
            shared->rate = processes * units / slowest;
    }
}

static float *new_buffer(size_t floats)
{
    void *buffer =
        mmap(NULL, floats * sizeof(float), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED)
        return NULL;
    (void)madvise(buffer, floats * sizeof(float), MADV_HUGEPAGE); /* a help where it works */
    return buffer;
}

/* Units a second of all processes together; not above 0 where it failed. */
static double rate(struct shared *shared, int processes, work_t work, size_t floats)
{
    pthread_barrierattr_t attributes;
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->barrier, &attributes, (unsigned)processes);
    shared->rate = 0.0;
    float *buffer = new_buffer(floats); /* copied by every process when it writes to it */
    bool failed = !buffer;
    for (int process = 1; !failed && process < processes; process++) {
        pid_t child = fork();
        failed = child < 0;
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody waits at the barrier for ever */
            work_in_rounds(shared, process, processes, work, buffer, floats);
            _exit(EXIT_SUCCESS);
        }
    }
    if (failed)
        return 0.0;
    work_in_rounds(shared, 0, processes, work, buffer, floats);
    munmap(buffer, floats * sizeof *buffer);
    for (int process = 1; process < processes; process++) {
        int state = 0;
        failed = failed || wait(&state) < 0 || state != 0;
    }
    pthread_barrier_destroy(&shared->barrier);
    return failed ? 0.0 : shared->rate;
}

/* The best of the vector widths that the processor has; `lanes` says which. */
static double best_fma(struct shared *shared, int processes, int *lanes)
{
    size_t few = 1024;
    double narrow = rate(shared, processes, fma_256, few);
    double wide = __builtin_cpu_supports("avx512f") ? rate(shared, processes, fma_wide, few) : 0.0;
    *lanes = wide > narrow ? 16 : 8;
    return wide > narrow ? wide : narrow;
}

int main(int argc, char **argv)
{
    int most = argc == 2 ? (int)strtol(argv[1], NULL, 10) : 0;
    if (most < 1 || most > MOST_PROCESSES || !__builtin_cpu_supports("avx2") ||
        !__builtin_cpu_supports("fma")) {
        fputs("usage: bench_machine PROCESSES (on a processor with AVX2 and FMA)\n", stderr);
        return 64;
    }
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 71;
    size_t floats = (size_t)BUFFER_MIB << 18;
    work_t reading = __builtin_cpu_supports("avx512f") ? read_wide : read_256;
    printf("[");
    for (int processes = 1; processes <= most; processes += most > 1 ? most - 1 : 1) {
        int lanes = 0;
        double bytes = rate(shared, processes, reading, floats);
        double fmas = best_fma(shared, processes, &lanes);
        double hertz = rate(shared, processes, add_chain, 1024) / processes;
        if (bytes <= 0 || fmas <= 0 || hertz <= 0) {
            fputs("bench_machine: not enough memory or processes\n", stderr);
            return 71;
        }
        printf(
            "%s{\"processes\": %d, \"read_bytes_per_second\": %.6g, "
            "\"fma_per_second\": %.6g, \"lanes\": %d, "
            "\"hertz\": %.6g, \"fma_per_cycle\": %.3f}",
            processes > 1 ? ", " : "", processes, bytes, fmas, lanes, hertz,
            fmas / processes / hertz / lanes);
    }
    printf("]\n");
    return 0;
}
