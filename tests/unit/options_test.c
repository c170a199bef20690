#include "unit.h"

#include <errno.h>
#include <string.h>

#include "../../lib/options.h"

struct run {
        bool detach;
        bool interactive;
        bool tty;
        bool remove;
        const char *name;
        const char *network;
        struct str_list publish;
        int64_t shares;
        int64_t memory;
        double cpus;
};

#define AT(member) offsetof(struct run, member)

static const struct option_row rows[] = {
        {.name = "detach", .letter = 'd', .type = OPTION_FLAG, .offset = AT(detach), .help = "x"},
        {.name = "interactive", .letter = 'i', .type = OPTION_FLAG, .offset = AT(interactive), .help = "x"},
        {.name = "tty", .letter = 't', .type = OPTION_FLAG, .offset = AT(tty), .help = "x"},
        {.name = "rm", .type = OPTION_FLAG, .offset = AT(remove), .help = "x"},
        {.name = "name", .type = OPTION_STRING, .offset = AT(name), .value = "NAME", .help = "x"},
        {.name = "network", .alias = "net", .type = OPTION_STRING, .offset = AT(network), .value = "NET", .help = "x"},
        {.name = "publish", .letter = 'p', .type = OPTION_LIST, .offset = AT(publish), .value = "PORT", .help = "x"},
        {.name = "cpu-shares",
         .alias = "cpushare",
         .type = OPTION_INT,
         .offset = AT(shares),
         .value = "N",
         .help = "x"},
        {.name = "memory", .letter = 'm', .type = OPTION_BYTES, .offset = AT(memory), .value = "B", .help = "x"},
        {.name = "cpus", .type = OPTION_DOUBLE, .offset = AT(cpus), .value = "N", .help = "x"},
        {0},
};

#define REST_SIZE 256

/* Parses a command line given as one string of words. Returns what options_parse() does; *rest is what follows. */
static int parse(const char *line, bool interspersed, struct run *run, char *rest, struct error *err) {
        static char words[256];
        char *argv[32] = {NULL};
        int argc = 0;
        int first;

        (void) snprintf(words, sizeof(words), "%s", line);
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
                argv[argc++] = word;
        *run = (struct run){0};
        first = options_parse(rows, run, argc, argv, interspersed, err);
        rest[0] = '\0';
        if (first >= 0) {
                _cleanup_str_list_ struct str_list list = {0};
                _cleanup_free_ char *joined = NULL;

                for (int i = first; i < argc; i++)
                        str_list_add(&list, argv[i]);
                joined = str_list_join(&list, " ");
                (void) snprintf(rest, REST_SIZE, "%s", joined);
        }
        return first;
}

static void reads_every_spelling(void **state) {
        struct run run;
        char rest[REST_SIZE];

        (void) state;
        assert_true(parse("run -dit --rm=false --name=web -p80:80 -p 81:81 -p=82:82 -m 1m --cpus 1.5 nginx -d x", false,
                          &run, rest, NULL) > 0);
        assert_true(run.detach && run.interactive && run.tty && !run.remove);
        assert_string_equal(run.name, "web");
        assert_int_equal(run.publish.count, 3);
        assert_string_equal(run.publish.items[0], "80:80");
        assert_string_equal(run.publish.items[2], "82:82");
        assert_true(run.memory == 1048576);
        assert_true(run.cpus > 1.49 && run.cpus < 1.51);
        assert_string_equal(rest, "nginx -d x");
        str_list_free(&run.publish);
}

static void takes_long_names_after_one_dash(void **state) {
        struct run run;
        char rest[REST_SIZE];

        (void) state;
        assert_true(parse("run -ti -net br0 -name x -cpushare 512 -m 100m image", false, &run, rest, NULL) > 0);
        assert_true(run.tty && run.interactive);
        assert_string_equal(run.network, "br0");
        assert_string_equal(run.name, "x");
        assert_int_equal(run.shares, 512);
        assert_string_equal(rest, "image");
}

static void moves_positional_arguments_behind_options(void **state) {
        struct run run;
        char rest[REST_SIZE];

        (void) state;
        assert_true(parse("rm web --name x db -d", true, &run, rest, NULL) > 0);
        assert_true(run.detach);
        assert_string_equal(run.name, "x");
        assert_string_equal(rest, "web db");
        assert_true(parse("rm -d -- -x y", true, &run, rest, NULL) > 0);
        assert_string_equal(rest, "-x y");
}

static void refuses_what_it_does_not_know(void **state) {
        static const struct {
                const char *line;
                const char *message;
        } cases[] = {
                {"run --foo", "unknown flag: --foo"},
                {"run -x", "unknown shorthand flag: 'x' in -x"},
                {"run --name", "flag needs an argument: --name"},
                {"run --cpu-shares=abc", "invalid argument \"abc\" for --cpu-shares: expected a whole number"},
                {"run -m 1q", "invalid argument \"1q\" for --memory: expected a size such as 512m"},
                {"run --rm=maybe", "invalid argument \"maybe\" for --rm: expected true or false"},
                {"run --cpus nan", "invalid argument \"nan\" for --cpus: expected a number"},
        };
        struct run run;
        char rest[REST_SIZE];

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct error err = {0};

                assert_int_equal(parse(cases[i].line, false, &run, rest, &err), -EINVAL);
                assert_string_equal(err.message, cases[i].message);
        }
        assert_int_equal(parse("run --help", false, &run, rest, NULL), -ECANCELED);
        assert_int_equal(parse("run -h", false, &run, rest, NULL), -ECANCELED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_every_spelling),
                cmocka_unit_test(takes_long_names_after_one_dash),
                cmocka_unit_test(moves_positional_arguments_behind_options),
                cmocka_unit_test(refuses_what_it_does_not_know),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
