#include "core/random.h"

#include <math.h>

#include <Random123/philox.h>

struct random_words random_draw(uint64_t seed, enum random_purpose purpose, int64_t row, uint32_t index)
{
    philox4x32_ctr_t counter = {{(uint32_t)row, (uint32_t)((uint64_t)row >> 32), index, (uint32_t)purpose}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t result = philox4x32(counter, key);
    return (struct random_words){{result.v[0], result.v[1], result.v[2], result.v[3]}};
}

static uint64_t join(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

uint64_t random_bits(uint64_t seed, enum random_purpose purpose, int64_t row, uint32_t index)
{
    struct random_words words = random_draw(seed, purpose, row, index);
    return join(words.word[0], words.word[1]);
}

double random_uniform(uint64_t seed, enum random_purpose purpose, int64_t row, uint32_t index)
{
    return unit(random_bits(seed, purpose, row, index));
}

void random_normal_pair(uint64_t seed, enum random_purpose purpose, int64_t row, uint32_t index,
                        double normal[2])
{
    struct random_words words = random_draw(seed, purpose, row, index);
    double radius = sqrt(-2.0 * log(1.0 - unit(join(words.word[0], words.word[1]))));
    double angle = 2.0 * M_PI * unit(join(words.word[2], words.word[3]));
    normal[0] = radius * cos(angle);
    normal[1] = radius * sin(angle);
}
