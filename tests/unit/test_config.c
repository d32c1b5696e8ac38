/* ranks: 1 */
/* The configuration of fit: what is accepted, what is refused and how, the echo, hostile text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config.h"

#define NEEDED "input: {path: a.h5}\nsegments: {k: 8}\noutput: {directory: out}\n"

enum { MAX_ARGUMENTS = 6 };

static status_t parse(const char *text, const char *const *arguments, struct config *config)
{
    char *copy[MAX_ARGUMENTS] = {NULL};
    int count = 0;
    for (; arguments && arguments[count]; count++)
        copy[count] = strdup(arguments[count]);
    status_t status = config_parse("demo.yaml", text, (int64_t)strlen(text), count, copy, config);
    while (count > 0)
        free(copy[--count]);
    return status;
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Asserts that the text is accepted. The caller frees *config. */
static void accept(const char *text, const char *const *arguments, struct config *config)
{
    status_t status = parse(text, arguments, config);
    if (status)
        fail_msg("%s", status->message);
}

static void refuse(const char *text, const char *const *arguments, int code, const char *message)
{
    struct config config;
    status_t status = parse(text, arguments, &config);
    assert_non_null(status);
    assert_string_equal(status->message, message);
    assert_int_equal(status->code, code);
    status_free(status);
    config_free(&config);
}

static void refuse_file(const char *text, const char *message)
{
    refuse(text, NULL, EXIT_BAD_CONFIG, message);
}

static void refuse_argument(const char *argument, const char *message)
{
    refuse(NEEDED, ARGUMENTS(argument), EXIT_BAD_USAGE, message);
}

static void defaults_are_the_contract(void **state)
{
    (void)state;
    struct config config;
    accept(NEEDED, NULL, &config);
    assert_string_equal(config.input_path, "a.h5");
    assert_string_equal(config.output, "out");
    assert_true(!config.input_features && !config.input_id && config.duplicates == DUPLICATES_ERROR);
    assert_true(config.use_all && config.use.count == 0 && config.profile.count == 0);
    assert_true(config.missing == MISSING_MEDIAN && config.transform.count == 0 && config.clip.count == 0);
    assert_true(config.scale == SCALE_ZSCORE && config.weight.count == 0);
    assert_true(config.k_low == 8 && config.k_high == 8);
    assert_true(config.choose == CHOOSE_SILHOUETTE && config.method == METHOD_KMEANS);
    assert_true(config.batch == 65536 && config.restarts == 8 && config.polish && config.tolerance == 1e-4);
    assert_true(config.linkage == LINKAGE_WARD && config.leaves == LEAVES_AUTO && config.levels.count == 0);
    assert_true(config.seed == 1 && config.memory == MEMORY_AUTO && !config.resume);
    assert_true(!config.previous && config.preparation == PREPARATION_KEEP);
    assert_int_equal(config.replicates, 50);
    assert_true(config.checkpoint == 300);
    config_free(&config);
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    struct config config;
    accept(
        "# a comment\n---\ninput:\n  path: \"data/a b: #1.h5\"\n  features: /table/columns\n  id: 'auto'\n"
        "  duplicates: allow\nfeatures:\n  use: [orders, \"null\", 1e3]\n  profile:\n    - churned\n    - "
        "clv\n"
        "prepare:\n  missing: error\n  transform: {orders: log1p, 1e3: asinh}\n  clip: [0.001, 0.999]\n"
        "  scale: none\n  weight:\n    orders: 2.5\nsegments: {k: \"8\"}\nkmeans:\n  batch: 1e6\n  restarts: "
        "1024\n"
        "  polish: No\n  tolerance: 0\nrun:\n  seed: 9223372036854775807\n  memory: 1.5G\noutput.directory: "
        "\"x\"\n...\n",
        NULL, &config);
    assert_string_equal(config.input_path, "data/a b: #1.h5");
    assert_string_equal(config.input_features, "/table/columns");
    assert_string_equal(config.input_id, "auto");
    assert_int_equal(config.duplicates, DUPLICATES_ALLOW);
    assert_true(!config.use_all && config.use.count == 3 && config.profile.count == 2);
    assert_string_equal(config.use.name[1], "null");
    assert_string_equal(config.use.name[2], "1e3");
    assert_int_equal(config.missing, MISSING_ERROR);
    assert_true(config.transform.count == 2 && config.transform.value[0] == TRANSFORM_LOG1P &&
                config.transform.value[1] == TRANSFORM_ASINH);
    assert_true(config.clip.count == 2 && config.clip.value[1] == 0.999 && config.scale == SCALE_NONE);
    assert_true(config.weight.count == 1 && config.weight.value[0] == 2.5);
    assert_true(config.batch == 1000000 && config.restarts == 1024 && !config.polish &&
                config.tolerance == 0);
    assert_true(config.seed == INT64_MAX && config.memory == INT64_C(3) << 29);
    assert_string_equal(config.output, "x");
    config_free(&config);
    accept(
        "\xEF\xBB\xBFinput: {path: a}\r\nsegments:\r\n  k: 2\r\noutput: {directory: b}\r\nkmeans:\r\nrun: "
        "{seed: ~}\r\n",
        NULL, &config);
    assert_true(config.k_low == 2 && config.seed == 1);
    config_free(&config);
}

static void messages_name_file_line_key_and_what_was_expected(void **state)
{
    (void)state;
    refuse_file(
        NEEDED "kmeans:\n  restarts: 3\n  batch: many\n",
        "demo.yaml:6: kmeans.batch: \"many\" is not a whole number (expected: a whole number of at least 1)");
    refuse_file("input: {path: a}\nsegments:\n\n  kk: 3\n",
                "demo.yaml:4: unknown key segments.kk; did you mean segments.k?");
    refuse_file("kmean:\n  batch: 3\n", "demo.yaml:2: unknown key kmean.batch; did you mean kmeans.batch?");
    refuse_file("k: 3\n", "demo.yaml:1: unknown key k; did you mean segments.k?");
    refuse_file("kmeans: {seed: 3}\n", "demo.yaml:1: unknown key kmeans.seed; did you mean run.seed?");
    refuse_file("\nnothing:\n", "demo.yaml:2: unknown key nothing (lohko fit --help lists the keys)");
    refuse_file("segments: 8\n",
                "demo.yaml:1: segments is a section (expected: a mapping of its keys to values)");
    refuse_file(NEEDED "prepare:\n  weight:\n    a: 1\n    b: heavy\n",
                "demo.yaml:7: prepare.weight: \"heavy\" is not a number "
                "(expected: a mapping such as {revenue: 2.0}, of numbers above 0)");
    refuse_file(NEEDED "prepare: {clip: [0.9, 0.1]}\n",
                "demo.yaml:4: prepare.clip: [0.9, 0.1] does not rise "
                "(expected: none, or two rising numbers from 0 to 1, such as [0.001, 0.999])");
    refuse_file(NEEDED "prepare: {scale: z}\n",
                "demo.yaml:4: prepare.scale: \"z\" is not one of the choices "
                "(expected: zscore | robust | minmax | none)");
    refuse_file(NEEDED "run: {seed: -1}\n",
                "demo.yaml:4: run.seed: \"-1\" is out of range (expected: a whole number of at least 0)");
    refuse_file(NEEDED "kmeans: {restarts: \"a\\u2028b\\n\"}\n",
                "demo.yaml:4: kmeans.restarts: \"a???b?\" is not a whole "
                "number (expected: a whole number from 1 to 1024)");
}

static void what_is_required_may_come_from_either_side(void **state)
{
    (void)state;
    struct config config;
    refuse_file("", "demo.yaml: input.path is required (the HDF5 file with the customers)");
    refuse_file(
        "input: {path: a}\nsegments: {k: null}\noutput: {directory: b}\n",
        "demo.yaml: segments.k is required (the number of segments, or a range such as 2..12, of which "
        "segments.choose takes one)");
    accept("# empty\n", ARGUMENTS("--input.path", "a b", "--segments.k=3", "--output.directory=o"), &config);
    assert_string_equal(config.input_path, "a b");
    assert_int_equal(config.k_low, 3);
    config_free(&config);
    refuse(NEEDED, ARGUMENTS("--input.path=null"), EXIT_BAD_CONFIG,
           "demo.yaml: input.path is required (the HDF5 file with the customers)");
}

static void keys_given_twice_are_refused(void **state)
{
    (void)state;
    refuse_file("segments:\n  k: 3\n  k: 4\n", "demo.yaml:3: segments.k is given twice (first on line 2)");
    refuse_file("segments: {k: 3}\ninput: {path: a}\nsegments: {choose: gap}\n",
                "demo.yaml:3: segments is given twice (first on line 1)");
    refuse_file(NEEDED "segments.k: 3\n", "demo.yaml:4: segments.k is given twice (first on line 2)");
    refuse_file(NEEDED "run: {seed: null, seed: 3}\n",
                "demo.yaml:4: run.seed is given twice (first on line 4)");
}

static void the_command_line_overrules(void **state)
{
    (void)state;
    struct config config;
    accept(NEEDED "features: {use: [a, b, c]}\nkmeans: {polish: false, batch: 10}\n",
           ARGUMENTS("--features.use=[x, y]", "--prepare.transform={x: log}", "--kmeans.polish",
                     "--kmeans.batch=null", "--input.path=/d/[a]: #b.h5"),
           &config);
    assert_true(config.use.count == 2 && config.transform.count == 1 && config.polish &&
                config.batch == 65536);
    assert_string_equal(config.input_path, "/d/[a]: #b.h5");
    config_free(&config);
    refuse_argument(
        "--kmeans.batch=many",
        "--kmeans.batch: \"many\" is not a whole number (expected: a whole number of at least 1)");
    refuse_argument("--kmeans.bach=1", "unknown option --kmeans.bach; did you mean --kmeans.batch?");
    refuse_argument("--kmeans.batch",
                    "--kmeans.batch needs a value (expected: a whole number of at least 1)");
    refuse_argument("more.yaml", "more.yaml: not an option (expected: --name=value)");
    refuse_argument("--features.use=[a",
                    "--features.use: not valid YAML: did not find expected ',' or ']' while "
                    "parsing a flow sequence");
}

static void options_agree_with_each_other(void **state)
{
    (void)state;
    refuse_file(NEEDED "features:\n  use: [a, b]\n  profile: [b]\n",
                "demo.yaml:6: features.profile: \"b\" is in features.use too");
    refuse_file(NEEDED "features: {use: [a]}\nprepare: {weight: {c: 2}}\n",
                "demo.yaml:5: prepare.weight: \"c\" is not in features.use");
    refuse(NEEDED "features: {profile: [c]}\n", ARGUMENTS("--prepare.transform={c: log}"), EXIT_BAD_USAGE,
           "--prepare.transform: \"c\" is in features.profile: it is only described, never prepared");
}

static void the_tree_of_customers(void **state)
{
    (void)state;
    struct config config;
    accept(NEEDED "hierarchy: {linkage: single, leaves: all, levels: [12, 3]}\nsegments.method: hierarchy\n",
           NULL, &config);
    assert_true(config.method == METHOD_HIERARCHY && config.linkage == LINKAGE_SINGLE);
    assert_true(config.leaves == LEAVES_ALL && config.levels.count == 2 && config.levels.value[0] == 12);
    config_free(&config);
    accept(NEEDED "hierarchy: {linkage: average, leaves: 0}\n", NULL, &config);
    assert_int_equal(config.leaves, 0);
    config_free(&config);
    accept(NEEDED, ARGUMENTS("--hierarchy.leaves=100", "--hierarchy.levels=3,60000"), &config);
    config_free(&config);
    refuse_file(NEEDED "hierarchy:\n  leaves: 0\n  levels: [3]\n",
                "demo.yaml:6: hierarchy.levels: cuts need a tree, but hierarchy.leaves is 0");
    refuse(NEEDED "segments.method: hierarchy\n", ARGUMENTS("--hierarchy.leaves=0"), EXIT_BAD_CONFIG,
           "demo.yaml:4: segments.method: hierarchy needs a tree, but hierarchy.leaves is 0");
    refuse_file(NEEDED "hierarchy: {linkage: complete, leaves: 100}\n",
                "demo.yaml:4: hierarchy.leaves: a number of micro-clusters goes with hierarchy.linkage: ward "
                "only (expected here: all)");
    refuse_file(NEEDED "hierarchy: {levels: [3, 12, 3]}\n",
                "demo.yaml:4: hierarchy.levels: 3 is given twice");
    refuse_argument(
        "--hierarchy.levels=[0]",
        "--hierarchy.levels: \"0\" is out of range (expected: a list of whole numbers from 1 to 65536, "
        "such as [3, 12])");
}

static void ranges_and_replicates(void **state)
{
    (void)state;
    struct config config;
    accept(NEEDED "segments.choose: prediction_strength\nstability: {replicates: 0}\n",
           ARGUMENTS("--segments.k=2..12"), &config);
    assert_true(config.k_low == 2 && config.k_high == 12);
    assert_true(config.choose == CHOOSE_PREDICTION_STRENGTH && config.replicates == 0);
    config_free(&config);
    accept(NEEDED "stability: {replicates: 0}\nsegments.choose: stability\n", NULL, &config);
    assert_true(config.k_low == config.k_high && config.choose == CHOOSE_STABILITY);
    config_free(&config);
    accept(NEEDED "stability:\n  replicates: 0\n",
           ARGUMENTS("--stability.replicates=7", "--segments.k=1..2", "--segments.choose=stability"),
           &config);
    assert_true(config.replicates == 7 && config.k_low == 1 && config.k_high == 2);
    config_free(&config);
    refuse(
        NEEDED "stability:\n  replicates: 0\nsegments.choose: stability\n", ARGUMENTS("--segments.k=2..3"),
        EXIT_BAD_CONFIG,
        "demo.yaml:6: segments.choose: stability needs bootstrap replicates, but stability.replicates is 0");
    refuse_file(NEEDED "stability: {replicates: -1}\n",
                "demo.yaml:4: stability.replicates: \"-1\" is out of range "
                "(expected: a whole number from 0 to 100000)");
    refuse_argument("--segments.k=5..2",
                    "--segments.k: \"5..2\" has the larger number first "
                    "(expected: a whole number from 1 to 65536, or two as in 2..12)");
    refuse_argument("--segments.choose=elbow",
                    "--segments.choose: \"elbow\" is not one of the choices "
                    "(expected: silhouette | stability | gap | prediction_strength)");
}

static void the_year_before(void **state)
{
    (void)state;
    struct config config;
    accept(NEEDED "previous: {results: last/results.h5, preparation: refit}\n", NULL, &config);
    assert_string_equal(config.previous, "last/results.h5");
    assert_int_equal(config.preparation, PREPARATION_REFIT);
    config_free(&config);
    accept(NEEDED "previous: {results: last/results.h5}\n", ARGUMENTS("--previous.results=none"), &config);
    assert_null(config.previous);
    assert_int_equal(config.preparation, PREPARATION_KEEP);
    config_free(&config);
    refuse_argument("--previous.preparation=new",
                    "--previous.preparation: \"new\" is not one of the choices (expected: keep | refit)");
}

static void checkpoints(void **state)
{
    (void)state;
    struct config config;
    accept(NEEDED, NULL, &config);
    assert_true(config.checkpoint == 300 && !config.resume);
    config_free(&config);
    accept(NEEDED "run: {checkpoint: 0.5}\n", ARGUMENTS("--run.resume"), &config);
    assert_true(config.checkpoint == 0.5 && config.resume);
    config_free(&config);
    refuse_argument("--run.checkpoint=-1",
                    "--run.checkpoint: \"-1\" is out of range (expected: a number of at least 0)");
}

static void other_text_is_refused(void **state)
{
    (void)state;
    refuse_file("segments: {k: 3\n\n",
                "demo.yaml:3: not valid YAML: did not find expected ',' or '}' while parsing a flow "
                "mapping that begins on line 1");
    refuse_file("segments:\n\tk: 3\n",
                "demo.yaml:2: not valid YAML: a tab indents this line (expected: spaces)");
    refuse_file(NEEDED "---\na: 1\n", "demo.yaml:4: a second YAML document begins here; expected only one");
    refuse_file("- a\n", "demo.yaml:1: expected sections of keys, such as \"input: {path: file.h5}\"");
    refuse_file("just text\n", "demo.yaml:1: expected sections of keys, such as \"input: {path: file.h5}\"");
    refuse_file("\na: *b\n", "demo.yaml:2: aliases (*b) are not supported; a name with a * needs quotes");
    refuse_file("input: {path: !!str a}\n",
                "demo.yaml:1: tags (!name) are not supported; a name with a ! needs quotes");
    refuse_file("input:\n  path: a\xff\n", "demo.yaml:2: not YAML text: invalid leading UTF-8 octet");
    refuse_file("input: {path: \"a\\0b\"}\n", "demo.yaml:1: a NUL character within a text");
    refuse_file("? [a]\n: b\n", "demo.yaml:1: a key must be a name, not a list or a mapping");
    struct config config;
    status_t status = config_parse("demo.yaml", "a: \0b", 5, 0, NULL, &config);
    assert_string_equal(status->message, "demo.yaml: not a YAML text (it contains NUL bytes)");
    status_free(status);
    config_free(&config);
}

static void deep_nesting_and_size_are_bounded(void **state)
{
    (void)state;
    enum { SIZE = (1 << 20) + 2 };
    static const char *const unit[] = {"[", "{a: ", "- ", "? ", "a: [", "\"", "[{", "a: {a: {", "!", "&a "};
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++) {
        size_t length = strlen(unit[i]);
        for (size_t at = 0; at < SIZE; at++)
            text[at] = unit[i][at % length];
        for (int over = 0; over < 2; over++) {
            struct config config;
            status_t status = config_parse("demo.yaml", text, (1 << 20) + over, 0, NULL, &config);
            assert_non_null(status);
            assert_int_equal(status->code, EXIT_BAD_CONFIG);
            assert_int_equal(
                strcmp(status->message, "demo.yaml: larger than 1 MiB, which no configuration is") == 0,
                over);
            status_free(status);
            config_free(&config);
        }
    }
    free(text);
}

static void files_are_read(void **state)
{
    (void)state;
    struct config config;
    status_t status = config_read("missing/demo.yaml", 0, NULL, &config);
    assert_int_equal(status->code, EXIT_NO_INPUT);
    assert_string_equal(status->message, "missing/demo.yaml: No such file or directory");
    status_free(status);
    config_free(&config);
    status = config_read("/", 0, NULL, &config);
    assert_int_equal(status->code, EXIT_NO_INPUT);
    assert_string_equal(status->message, "/: Is a directory");
    status_free(status);
    config_free(&config);
    char path[] = "test_config.XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, NEEDED, strlen(NEEDED)), strlen(NEEDED));
    assert_int_equal(close(descriptor), 0);
    status = config_read(path, 0, NULL, &config);
    assert_int_equal(unlink(path), 0);
    assert_null(status);
    assert_string_equal(config.output, "out");
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_contract),
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(messages_name_file_line_key_and_what_was_expected),
        cmocka_unit_test(what_is_required_may_come_from_either_side),
        cmocka_unit_test(keys_given_twice_are_refused),
        cmocka_unit_test(the_command_line_overrules),
        cmocka_unit_test(options_agree_with_each_other),
        cmocka_unit_test(the_tree_of_customers),
        cmocka_unit_test(ranges_and_replicates),
        cmocka_unit_test(the_year_before),
        cmocka_unit_test(checkpoints),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(deep_nesting_and_size_are_bounded),
        cmocka_unit_test(files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
