/* ranks: 1 */
/* The output directory: nothing at the final place before all is complete, nothing temporary left, errors
 * said. */
#include <sys/stat.h>
#include <unistd.h>

#include "data/output.h"
#include "support.h"

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void write_text(const char *partial, const char *text)
{
    FILE *file = NULL;
    assert_ok(output_text_begin(partial, &file));
    fputs(text, file);
    assert_ok(output_text_end(partial, file));
}

static void assert_file_holds(const char *path, const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
}

static void appears_whole_on_commit(void **state)
{
    (void)state;
    struct output output;
    const char *first = NULL;
    const char *second = NULL;
    char temporary[2][512];
    assert_ok(output_open(&output, path_to("deep/down/here")));
    assert_ok(output_add(&output, "a.csv", &first));
    assert_ok(output_add(&output, "b.csv", &second));
    write_text(first, "one");
    write_text(second, "two");
    snprintf(temporary[0], sizeof temporary[0], "%s", first);
    snprintf(temporary[1], sizeof temporary[1], "%s", second);
    assert_false(exists(path_to("deep/down/here/a.csv")));
    assert_false(exists(path_to("deep/down/here/b.csv")));
    assert_ok(output_commit(&output));
    assert_file_holds(path_to("deep/down/here/a.csv"), "one");
    assert_file_holds(path_to("deep/down/here/b.csv"), "two");
    assert_false(exists(temporary[0]) || exists(temporary[1]));
    output_close(&output);
    assert_file_holds(path_to("deep/down/here/a.csv"), "one");
}

static void what_is_not_committed_is_removed(void **state)
{
    (void)state;
    struct output output;
    const char *partial = NULL;
    const char *never = NULL;
    char temporary[512];
    assert_ok(output_open(&output, path_to("left")));
    assert_ok(output_add(&output, "a.csv", &partial));
    assert_ok(output_add(&output, "never.csv", &never)); /* announced, but never written */
    write_text(partial, "half");
    snprintf(temporary, sizeof temporary, "%s", partial);
    assert_true(exists(temporary));
    output_close(&output);
    assert_false(exists(temporary));
    assert_int_equal(rmdir(path_to("left")), 0); /* and nothing else is in it */
}

static void a_failure_leaves_the_earlier_files(void **state)
{
    (void)state;
    struct output output;
    const char *partial = NULL;
    const char *never = NULL;
    assert_ok(output_open(&output, path_to("again")));
    assert_ok(output_add(&output, "a.csv", &partial));
    write_text(partial, "earlier");
    assert_ok(output_commit(&output));
    output_close(&output);
    assert_ok(output_open(&output, path_to("again")));
    assert_ok(output_add(&output, "a.csv", &partial));
    assert_ok(output_add(&output, "b.csv", &never));
    write_text(partial, "later");
    assert_file_holds(path_to("again/a.csv"), "earlier");
    status_t status = output_commit(&output); /* b.csv was never written: nothing may be renamed */
    assert_failure(status, EXIT_IO_ERROR, "again/b.csv");
    output_close(&output);
    assert_file_holds(path_to("again/a.csv"), "earlier");
    assert_int_equal(unlink(path_to("again/a.csv")), 0);
    assert_int_equal(rmdir(path_to("again")), 0);
}

static void a_later_run_replaces_an_earlier_one(void **state)
{
    (void)state;
    for (int run = 0; run < 2; run++) {
        struct output output;
        const char *partial = NULL;
        assert_ok(output_open(&output, path_to("twice/")));
        assert_ok(output_add(&output, "a.csv", &partial));
        write_text(partial, run ? "second" : "first, longer");
        assert_ok(output_commit(&output));
        output_close(&output);
    }
    assert_file_holds(path_to("twice/a.csv"), "second");
}

static void places_that_cannot_be_written_are_refused(void **state)
{
    (void)state;
    struct output output;
    FILE *file = fopen(path_to("file"), "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_failure(output_open(&output, path_to("file")), EXIT_NO_OUTPUT, "/file");
    output_close(&output);
    assert_failure(output_open(&output, path_to("file/below")), EXIT_NO_OUTPUT, "/file");
    output_close(&output);
    assert_failure(output_open(&output, "/proc/no-such-place"), EXIT_NO_OUTPUT, "/proc/no-such-place");
    output_close(&output);
    assert_failure(output_open(&output, "/proc"), EXIT_NO_OUTPUT, "/proc");
    output_close(&output);
    assert_failure(output_open(&output, ""), EXIT_NO_OUTPUT, "");
    output_close(&output);
}

static void no_more_files_than_there_is_room_for(void **state)
{
    (void)state;
    struct output output;
    const char *partial = NULL;
    assert_ok(output_open(&output, path_to("many")));
    for (int i = 0; i < OUTPUT_FILES; i++)
        assert_ok(output_add(&output, "x", &partial));
    assert_failure(output_add(&output, "x", &partial), EXIT_INTERNAL, "too many");
    output_close(&output);
}

/* A device that is always full: short texts fail when flushed, long ones while writing. */
static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    if (!exists("/dev/full")) {
        print_message("/dev/full is absent: not tested\n");
        skip();
    }
    for (int length = 1; length < 1000000; length *= 100) {
        FILE *file = NULL;
        assert_ok(output_text_begin("/dev/full", &file));
        for (int i = 0; i < length; i++)
            fputc('x', file);
        assert_failure(output_text_end("/dev/full", file), EXIT_IO_ERROR, "No space left");
    }
}

static void texts_need_a_place(void **state)
{
    (void)state;
    FILE *file = NULL;
    assert_failure(output_text_begin(path_to("absent/a.csv"), &file), EXIT_NO_OUTPUT, "absent/a.csv");
}

static void space_is_reserved(void **state)
{
    (void)state;
    struct stat info;
    FILE *file = fopen(path_to("reserved"), "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_ok(output_reserve(path_to("reserved"), 100000));
    assert_int_equal(stat(path_to("reserved"), &info), 0);
    assert_int_equal(info.st_size, 0);
    assert_failure(output_reserve(path_to("absent"), 1), EXIT_NO_OUTPUT, "absent");
    status_t status = output_reserve(path_to("reserved"), INT64_C(1) << 60); /* more than any disk has */
    if (status)
        assert_failure(status, EXIT_IO_ERROR, "1152921504606846976 bytes are needed");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(appears_whole_on_commit),
    cmocka_unit_test(what_is_not_committed_is_removed),
    cmocka_unit_test(a_failure_leaves_the_earlier_files),
    cmocka_unit_test(a_later_run_replaces_an_earlier_one),
    cmocka_unit_test(places_that_cannot_be_written_are_refused),
    cmocka_unit_test(no_more_files_than_there_is_room_for),
    cmocka_unit_test(a_full_disk_is_an_error),
    cmocka_unit_test(texts_need_a_place),
    cmocka_unit_test(space_is_reserved),
};

TESTS_MAIN("output", tests)
