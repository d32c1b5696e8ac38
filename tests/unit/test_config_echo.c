/* ranks: 1 */
/* The echo of a configuration reads back to the same; damaged text is refused in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/config.h"

static uint64_t lcg = 1;

static uint32_t random_below(uint32_t limit)
{
    lcg = lcg * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((lcg >> 33) % limit);
}

static void assert_same_text(const char *a, const char *b)
{
    if (a && b)
        assert_string_equal(a, b);
    else
        assert_ptr_equal(a, b);
}

static void assert_same_names(char *const *a, int64_t a_count, char *const *b, int64_t b_count)
{
    assert_int_equal(a_count, b_count);
    for (int64_t i = 0; i < a_count; i++)
        assert_string_equal(a[i], b[i]);
}

static void assert_same_map(const struct name_map *a, const struct name_map *b)
{
    assert_same_names(a->name, a->count, b->name, b->count);
    for (int64_t i = 0; i < a->count; i++)
        assert_true(a->value[i] == b->value[i]);
}

static void assert_same(const struct config *a, const struct config *b)
{
    assert_same_text(a->input_path, b->input_path);
    assert_same_text(a->input_features, b->input_features);
    assert_same_text(a->input_id, b->input_id);
    assert_same_text(a->previous, b->previous);
    assert_same_text(a->output, b->output);
    assert_same_names(a->use.name, a->use.count, b->use.name, b->use.count);
    assert_same_names(a->profile.name, a->profile.count, b->profile.name, b->profile.count);
    assert_same_map(&a->transform, &b->transform);
    assert_same_map(&a->weight, &b->weight);
    assert_int_equal(a->clip.count, b->clip.count);
    assert_true(a->clip.count == 0 ||
                (a->clip.value[0] == b->clip.value[0] && a->clip.value[1] == b->clip.value[1]));
    assert_int_equal(a->levels.count, b->levels.count);
    assert_true(a->duplicates == b->duplicates && a->use_all == b->use_all && a->missing == b->missing);
    assert_true(a->scale == b->scale && a->k_low == b->k_low && a->k_high == b->k_high &&
                a->choose == b->choose);
    assert_true(a->method == b->method && a->batch == b->batch && a->restarts == b->restarts);
    assert_true(a->polish == b->polish && a->tolerance == b->tolerance && a->linkage == b->linkage);
    assert_true(a->leaves == b->leaves && a->replicates == b->replicates && a->seed == b->seed);
    assert_true(a->memory == b->memory && a->checkpoint == b->checkpoint && a->resume == b->resume);
    assert_int_equal(a->preparation, b->preparation);
}

/* The echo, which the caller frees, after reading it back. */
static char *assert_echo_reads_back(const struct config *config)
{
    char *echo = NULL;
    struct config back;
    assert_null(config_echo(config, &echo));
    status_t status = config_parse("echo", echo, (int64_t)strlen(echo), 0, NULL, &back);
    if (status)
        fail_msg("%s\n%s", status->message, echo);
    assert_same(config, &back);
    config_free(&back);
    return echo;
}

static const char full[] =
    "input:\n  path: 'data/a \"b\": #1.h5'\n  features: /table/columns\n  id: \"auto\"\n  duplicates: first\n"
    "features:\n  use: [\"null\", \"true\", \"1e3\", \" x \", \"a,b\", \"it's\", \"q\\\"q\", \"k: v\", "
    "\"-\", "
    "\"\\u00e9\\U0001F600\", \"\\t\\n\\x01\\x85\\u2028\\uFEFF\", \"all\", \"[a]\", \"# c\", \"<<\", \"=\", "
    "\"~\", \"y\"]\n"
    "  profile: [clv]\nprepare:\n  missing: drop\n  transform: {\"null\": log, \" x \": sqrt}\n"
    "  clip: [0.001, 0.999]\n  scale: robust\n  weight: {\"1e3\": 1e-7, \"all\": 0.1}\nsegments:\n  k: 12\n"
    "kmeans: {batch: 1, restarts: 3, polish: off, tolerance: 1e-300}\nhierarchy: {leaves: auto}\n"
    "run: {seed: 9223372036854775807, memory: 512M, checkpoint: 300}\noutput: {directory: \" none \"}\n";

static void parse_full(struct config *config)
{
    status_t status = config_parse("full", full, sizeof full - 1, 0, NULL, config);
    if (status)
        fail_msg("%s", status->message);
}

static void awkward_names_come_back(void **state)
{
    (void)state;
    struct config config;
    parse_full(&config);
    assert_int_equal(config.use.count, 18);
    assert_string_equal(config.use.name[10], "\t\n\x01\xC2\x85\xE2\x80\xA8\xEF\xBB\xBF");
    char *echo = assert_echo_reads_back(&config);
    /* Every option, in the table's order, as a key below its section. */
    const char *at = echo;
    for (int i = 0; i < fit_option_count; i++) {
        char line[80];
        snprintf(line, sizeof line, "\n  %s:", strchr(fit_options[i].key, '.') + 1);
        at = strstr(at, line);
        assert_non_null(at);
        at++;
    }
    free(echo);
    config_free(&config);
}

/* One character of any length, awkward ones more often. */
static int add_character(char *text)
{
    static const char awkward[] = " '\"\\:,#-?[]{}&*!|>%@`~=\n\r\t\x01\x7F";
    uint32_t code = random_below(2) ? (uint32_t)awkward[random_below(sizeof awkward - 1)] : 0;
    if (code == 0)
        code = random_below(3) ? 0x80 + random_below(0xD800 - 0x80) : 0x10000 + random_below(0x100000);
    if (code < 0x80) {
        text[0] = (char)code;
        return 1;
    }
    int length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--, code >>= 6)
        text[i] = (char)(0x80 | (code & 0x3F));
    text[0] = (char)((0xF00 >> length & 0xFF) | code);
    return length;
}

static char *random_name(void)
{
    uint32_t characters = 1 + random_below(random_below(20) ? 12 : 500);
    char *name = calloc(4 * characters + 1, 1);
    assert_non_null(name);
    for (uint32_t i = 0, length = 0; i < characters; i++)
        length += (uint32_t)add_character(name + length);
    return name;
}

static void random_names_come_back(void **state)
{
    (void)state;
    enum { NAMES = 4 };
    static const char text[] = "{input: {path: a}, segments: {k: 3}, output: {directory: b}}";
    for (int round = 0; round < 400; round++) {
        struct config config;
        assert_null(config_parse("text", text, sizeof text - 1, 0, NULL, &config));
        free(config.output);
        config.output = random_name();
        config.input_id = random_name();
        config.weight =
            (struct name_map){calloc(NAMES, sizeof(char *)), calloc(NAMES, sizeof(double)), NAMES};
        assert_true(config.weight.name && config.weight.value);
        for (int i = 0; i < NAMES; i++) {
            char *name = random_name();
            name[0] = name[0] > 0 ? (char)('0' + i) : name[0]; /* most likely all different */
            config.weight.name[i] = name;
            config.weight.value[i] = 1.0 / (1 + random_below(1000000));
        }
        free(assert_echo_reads_back(&config));
        config_free(&config);
    }
}

/* A status of a documented code and of one line, or none; whatever came of it can be freed. */
static void assert_survives(const char *text, int64_t size)
{
    struct config config;
    status_t status = config_parse("damaged", text, size, 0, NULL, &config);
    if (status) {
        assert_true(status->code == EXIT_BAD_CONFIG);
        assert_true(strlen(status->message) > strlen("damaged:"));
        assert_null(strpbrk(status->message, "\n\r"));
        status_free(status);
    } else {
        free(assert_echo_reads_back(&config));
    }
    config_free(&config);
}

/* A copy of its own for each length, so that the sanitizers see a read past the end. */
static void every_prefix_survives(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof full; size++) {
        char *text = malloc(size ? size : 1);
        assert_non_null(text);
        memcpy(text, full, size);
        assert_survives(text, (int64_t)size);
        free(text);
    }
}

static void damaged_bytes_survive(void **state)
{
    (void)state;
    static const char awkward[] = "{}[]:,-?#&*!|>'\"%@`\n\t \\~\x80\xFF";
    char text[sizeof full];
    for (int round = 0; round < 1500; round++) {
        memcpy(text, full, sizeof full);
        for (uint32_t i = 0; i <= random_below(4); i++) {
            uint32_t at = random_below(sizeof full - 1);
            if (random_below(2))
                text[at] = awkward[random_below(sizeof awkward - 1)];
            else
                text[at] = (char)(text[at] ^ (1 << random_below(8)));
        }
        assert_survives(text, sizeof full - 1);
    }
}

/* The file beside the sources that the README tells to run. */
static void the_demo_is_accepted(void **state)
{
    (void)state;
    char path[1024];
    struct config config;
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof path, "%.*s/../../inputs/demo.yaml", slash ? (int)(slash - __FILE__) : 0, __FILE__);
    status_t status = config_read(path, 0, NULL, &config);
    if (status)
        fail_msg("%s", status->message);
    assert_string_equal(config.input_path, "inputs/demo.h5");
    assert_string_equal(config.output, "runs/demo");
    assert_int_equal(config.k_low, 8);
    free(assert_echo_reads_back(&config));
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(awkward_names_come_back), cmocka_unit_test(random_names_come_back),
        cmocka_unit_test(every_prefix_survives),   cmocka_unit_test(damaged_bytes_survive),
        cmocka_unit_test(the_demo_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
