/* ranks: 1 */
/* The option machinery on a table of its own: every type, the command line of a simple command, the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/options.h"

struct target {
    int64_t customers;
    double missing;
    bool quiet;
    int kind;
    char *output;
    char *id;
    int64_t low;
    int64_t high;
    int64_t memory;
    int64_t leaves;
    struct name_list names;
    bool all;
    struct number_list levels;
    struct number_list clip;
    struct name_map weight;
    struct name_map transform;
};

#define AT(field) .offset = offsetof(struct target, field)

static const struct option table[] = {
    {.key = "customers",
     .type = OPTION_INT,
     AT(customers),
     .required = true,
     .low = 1,
     .high = 0x1p40,
     .help = "how many"},
    {.key = "missing",
     .type = OPTION_FLOAT,
     AT(missing),
     .default_text = "0.0",
     .high = 1,
     .help = "share of NaN"},
    {.key = "quiet", .type = OPTION_BOOL, AT(quiet), .default_text = "false", .help = "say nothing"},
    {.key = "kind",
     .type = OPTION_CHOICE,
     AT(kind),
     .default_text = "float32",
     .choices = "float32|float64",
     .help = "type"},
    {.key = "output", .type = OPTION_PATH, AT(output), .help = "the file"},
    {.key = "id", .type = OPTION_TEXT_OR, AT(id), .default_text = "auto", .help = "ids"},
    {.key = "k",
     .type = OPTION_RANGE,
     AT(low),
     .second = offsetof(struct target, high),
     .default_text = "3",
     .low = 1,
     .high = 65536,
     .help = "segments"},
    {.key = "memory",
     .type = OPTION_BYTES,
     AT(memory),
     .default_text = "auto",
     .low = 1,
     .high = OPTION_NO_LIMIT,
     .help = "bytes"},
    {.key = "leaves",
     .type = OPTION_COUNT,
     AT(leaves),
     .default_text = "auto",
     .high = OPTION_NO_LIMIT,
     .help = "leaves"},
    {.key = "names",
     .type = OPTION_NAMES,
     AT(names),
     .second = offsetof(struct target, all),
     .default_text = "all",
     .low = 1,
     .help = "names"},
    {.key = "levels",
     .type = OPTION_INTEGERS,
     AT(levels),
     .default_text = "[]",
     .low = 1,
     .high = 100,
     .help = "cuts"},
    {.key = "clip",
     .type = OPTION_INTERVAL,
     AT(clip),
     .default_text = "none",
     .high = 1,
     .help = "quantiles"},
    {.key = "weight",
     .type = OPTION_NUMBER_MAP,
     AT(weight),
     .default_text = "{}",
     .high = OPTION_NO_LIMIT,
     .help = "weights"},
    {.key = "transform",
     .type = OPTION_CHOICE_MAP,
     AT(transform),
     .default_text = "{}",
     .choices = "none|log|sqrt",
     .help = "functions"},
};
enum { ROWS = sizeof table / sizeof *table };

/* Parses "--customers=1" and then `arguments` (ended by NULL). */
static status_t parse(struct target *target, const char *const *arguments)
{
    char *list[16] = {"--customers=1"};
    int count = 1;
    for (; arguments[count - 1]; count++)
        list[count] = strdup(arguments[count - 1]);
    *target = (struct target){0};
    status_t status = options_parse_command_line(table, ROWS, count, list, target);
    while (count > 1)
        free(list[--count]);
    return status;
}

#define PARSE(target, ...) parse(target, (const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(const char *message, status_t status)
{
    assert_non_null(status);
    assert_int_equal(status->code, EXIT_BAD_USAGE);
    assert_string_equal(status->message, message);
    status_free(status);
}

static void refuse_text(const char *argument, const char *message)
{
    struct target target;
    assert_refused(message, PARSE(&target, argument));
    options_free(table, ROWS, &target);
}

static void defaults_are_set(void **state)
{
    (void)state;
    struct target target;
    assert_null(parse(&target, (const char *const[]){NULL}));
    assert_int_equal(target.customers, 1);
    assert_true(target.missing == 0 && !target.quiet && target.kind == 0 && !target.output && !target.id);
    assert_true(target.low == 3 && target.high == 3);
    assert_int_equal(target.memory, COUNT_AUTO);
    assert_int_equal(target.leaves, COUNT_AUTO);
    assert_true(target.all && target.names.count == 0 && target.levels.count == 0 && target.clip.count == 0);
    assert_true(target.weight.count == 0 && target.transform.count == 0);
    options_free(table, ROWS, &target);
}

static void both_forms_and_the_last_one_counts(void **state)
{
    (void)state;
    struct target target;
    assert_null(
        PARSE(&target, "--customers", "5", "--output=a", "--output", "b=c d", "--quiet", "--kind=float64"));
    assert_int_equal(target.customers, 5);
    assert_string_equal(target.output, "b=c d");
    assert_true(target.quiet);
    assert_int_equal(target.kind, 1);
    options_free(table, ROWS, &target);
    assert_null(PARSE(&target, "--quiet", "no", "--quiet", "ON", "--missing", "1e-3"));
    assert_true(target.quiet && target.missing == 1e-3);
    options_free(table, ROWS, &target);
    assert_null(PARSE(&target, "--quiet", "--quiet=off", "--k=5", "--k", "null"));
    assert_true(!target.quiet && target.low == 3);
    options_free(table, ROWS, &target);
}

static void the_command_line_is_refused_in_one_line(void **state)
{
    (void)state;
    struct target target;
    refuse_text("--custmers=3", "unknown option --custmers; did you mean --customers?");
    refuse_text("--zzzzz", "unknown option --zzzzz (--help lists them)");
    refuse_text("x\ny", "x?y: not an option (expected: --name=value)");
    refuse_text("--", "--: not an option (expected: --name=value)");
    refuse_text("-q", "-q: not an option (expected: --name=value)");
    refuse_text("--customers",
                "--customers needs a value (expected: a whole number from 1 to 1099511627776)");
    assert_refused("--output needs a value (expected: a path)", PARSE(&target, "--output", "--quiet"));
    options_free(table, ROWS, &target);
    refuse_text("--output=", "--output: \"\" is empty (expected: a path)");
    refuse_text("--output=\xff", "--output: the value is not UTF-8 text");
    refuse_text("--output=\xed\xa0\x80", "--output: the value is not UTF-8 text");
    refuse_text("--quiet=maybe", "--quiet: \"maybe\" is neither true nor false (expected: true or false)");
    refuse_text("--kind=float", "--kind: \"float\" is not one of the choices (expected: float32 | float64)");
    refuse_text("--kind=float32|float64",
                "--kind: \"float32|float64\" is not one of the choices (expected: float32 | float64)");
    target = (struct target){0};
    char *none[] = {"--quiet"};
    assert_refused("--customers is required (how many)",
                   options_parse_command_line(table, ROWS, 1, none, &target));
    options_free(table, ROWS, &target);
}

static void ranges_and_bounds(void **state)
{
    (void)state;
    struct target target;
    assert_null(PARSE(&target, "--k=2..12"));
    assert_true(target.low == 2 && target.high == 12);
    assert_null(PARSE(&target, "--k= 7 .. 7 "));
    assert_true(target.low == 7 && target.high == 7);
    const char *expected = "(expected: a whole number from 1 to 65536, or two as in 2..12)";
    static const struct {
        const char *text, *problem;
    } bad[] = {{"0", "is out of range"},
               {"65537", "is out of range"},
               {"0..3", "is out of range"},
               {"3..65537", "is out of range"},
               {"5..2", "has the larger number first"},
               {"2..", "is neither a whole number nor a range"},
               {"..2", "is neither a whole number nor a range"},
               {"2..3..4", "is neither a whole number nor a range"},
               {"2-3", "is neither a whole number nor a range"},
               {"99999999999999999999", "is out of range"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char argument[80];
        char message[200];
        snprintf(argument, sizeof argument, "--k=%s", bad[i].text);
        snprintf(message, sizeof message, "--k: \"%s\" %s %s", bad[i].text, bad[i].problem, expected);
        refuse_text(argument, message);
    }
    refuse_text("--customers=0",
                "--customers: \"0\" is out of range (expected: a whole number from 1 to 1099511627776)");
    refuse_text("--missing=1.01", "--missing: \"1.01\" is out of range (expected: a number from 0 to 1)");
    refuse_text("--missing=-0.1", "--missing: \"-0.1\" is out of range (expected: a number from 0 to 1)");
    refuse_text("--missing=nan", "--missing: \"nan\" is not a number (expected: a number from 0 to 1)");
}

static void bytes_and_counts(void **state)
{
    (void)state;
    struct target target;
    assert_null(PARSE(&target, "--memory=1.5G", "--leaves=all"));
    assert_int_equal(target.memory, 1610612736);
    assert_int_equal(target.leaves, COUNT_ALL);
    assert_null(PARSE(&target, "--memory=3k", "--leaves=0"));
    assert_int_equal(target.memory, 3072);
    assert_int_equal(target.leaves, 0);
    assert_null(PARSE(&target, "--memory=123", "--leaves=1e3"));
    assert_int_equal(target.memory, 123);
    assert_int_equal(target.leaves, 1000);
    static const char *const bad[] = {"--memory=K",  "--memory=1KB", "--memory=-1K",  "--memory=0",
                                      "--memory=",   "--memory=1P",  "--memory=9e9T", "--memory=0x10",
                                      "--leaves=-1", "--leaves=-2",  "--leaves=some", "--memory=0.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        status_t status = PARSE(&target, bad[i]);
        assert_non_null(status);
        assert_int_equal(status->code, EXIT_BAD_USAGE);
        assert_non_null(strstr(status->message, "(expected: a"));
        status_free(status);
        options_free(table, ROWS, &target);
    }
}

static void lists_and_maps(void **state)
{
    (void)state;
    struct target target;
    assert_null(PARSE(&target, "--names=a, b ,c", "--levels=[3, 12]", "--clip=0.1,0.9",
                      "--weight={a: 2, 'b c': 1e-3}", "--transform={a: log, b: none}"));
    assert_true(!target.all && target.names.count == 3);
    assert_string_equal(target.names.name[1], "b");
    assert_true(target.levels.count == 2 && target.levels.value[1] == 12);
    assert_true(target.clip.count == 2 && target.clip.value[0] == 0.1 && target.clip.value[1] == 0.9);
    assert_true(target.weight.count == 2 && target.weight.value[1] == 1e-3);
    assert_string_equal(target.weight.name[1], "b c");
    assert_true(target.transform.value[0] == 1 && target.transform.value[1] == 0);
    options_free(table, ROWS, &target);
    assert_null(PARSE(&target, "--names=['all', \"x,y\"]", "--clip=none"));
    assert_true(!target.all && target.names.count == 2);
    assert_string_equal(target.names.name[1], "x,y");
    options_free(table, ROWS, &target);
    assert_null(PARSE(&target, "--names=a,b", "--names=all", "--weight={a: 1}", "--weight={}"));
    assert_true(target.all && target.names.count == 0 && target.weight.count == 0);
    options_free(table, ROWS, &target);
}

static void bad_lists_and_maps(void **state)
{
    (void)state;
    const char *names = "(expected: all, or a list of names, such as [orders, revenue])";
    const char *clip = "(expected: none, or two rising numbers from 0 to 1, such as [0.001, 0.999])";
    const char *weight = "(expected: a mapping such as {revenue: 2.0}, of numbers above 0)";
    const char *yaml = "";
    const struct {
        const char *argument, *problem, *expected;
    } bad[] = {
        {"--names=a,,b", "--names: \"\" is not a name ", names},
        {"--names=[a, a]", "--names: \"a\" is given twice ", names},
        {"--names=[]", "--names: [] has too few entries ", names},
        {"--names=[~]", "--names: null is not a name ", names},
        {"--names={a: 1}", "--names: {a: 1} is not a list ", names},
        {"--names=[a",
         "--names: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence", yaml},
        {"--clip=[0.1]", "--clip: [0.1] is not two numbers ", clip},
        {"--clip=[0.5, 0.5]", "--clip: [0.5, 0.5] does not rise ", clip},
        {"--clip=[-0.1, 0.5]", "--clip: \"-0.1\" is out of range ", clip},
        {"--clip=all", "--clip: \"all\" is not two numbers ", clip},
        {"--weight={a: 0}", "--weight: \"0\" is out of range ", weight},
        {"--weight={a: }", "--weight: null is not a number ", weight},
        {"--weight=a", "--weight: \"a\" is not a mapping ", weight},
        {"--weight={a: 1, 'a': 2}", "--weight: \"a\" is given twice ", weight},
        {"--weight={'': 1}", "--weight: \"\" is not a name ", weight},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char message[300];
        snprintf(message, sizeof message, "%s%s", bad[i].problem, bad[i].expected);
        refuse_text(bad[i].argument, message);
    }
}

/* What is refused must leave the field as it was. */
static void a_refused_value_changes_nothing(void **state)
{
    (void)state;
    struct target target;
    status_t status =
        PARSE(&target, "--weight={a: 2}", "--names=a,b", "--clip=0.1,0.2", "--weight={b: 1, c: 0}");
    assert_non_null(status);
    status_free(status);
    assert_int_equal(target.weight.count, 1);
    assert_string_equal(target.weight.name[0], "a");
    options_free(table, ROWS, &target);
}

static char *printed(void (*print)(const struct option *, int, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    print(table, ROWS, file);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void help_names_every_option(void **state)
{
    (void)state;
    char *help = printed(options_print_help);
    char *markdown = printed(options_print_markdown);
    for (int i = 0; i < ROWS; i++) {
        char key[40];
        snprintf(key, sizeof key, "  --%s ", table[i].key);
        assert_non_null(strstr(help, key));
        snprintf(key, sizeof key, "| `--%s` | ", table[i].key);
        assert_non_null(strstr(markdown, key));
    }
    assert_non_null(strstr(help, "takes float32 | float64\n"));
    assert_non_null(strstr(markdown, "| `float32` | type | float32 \\| float64 |\n"));
    assert_non_null(strstr(markdown, "| required | how many | a whole number from 1 to 1099511627776 |\n"));
    free(help);
    free(markdown);
    char *arguments[] = {"--quiet", "-h"};
    assert_true(options_want_help(2, arguments));
    assert_false(options_want_help(1, arguments));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_set),
        cmocka_unit_test(both_forms_and_the_last_one_counts),
        cmocka_unit_test(the_command_line_is_refused_in_one_line),
        cmocka_unit_test(ranges_and_bounds),
        cmocka_unit_test(bytes_and_counts),
        cmocka_unit_test(lists_and_maps),
        cmocka_unit_test(bad_lists_and_maps),
        cmocka_unit_test(a_refused_value_changes_nothing),
        cmocka_unit_test(help_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
