#include "unit.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../manager/cli/template.h"

static const char document[] = "{\"Name\":\"/web\",\"State\":{\"Running\":true,\"Pid\":12,\"Error\":\"\"},"
                               "\"Config\":{\"Cmd\":[\"echo\",\"x\"],\"Labels\":{\"a.b\":\"c\"},\"None\":null},"
                               "\"Ports\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}}";

/* What the template makes of the document, or "error: …". */
static char *make(struct arena *arena, const char *text) {
        _cleanup_str_buf_ struct str_buf out = {0};
        struct template *template;
        struct error err = {0};
        const struct json *data;

        assert_int_equal(json_parse(arena, document, strlen(document), NULL, &data, &err), 0);
        if (template_parse(text, arena, &template, &err) < 0 || template_run(template, data, &out, &err) < 0)
                return arena_printf(arena, "error: %s", err.message);
        return arena_strdup(arena, out.data ? out.data : "");
}

static void makes_text_of_documents(void **state) {
        static const struct {
                const char *template;
                const char *text;
        } cases[] = {
                {"plain", "plain"},
                {"{{.Name}} {{.State.Pid}}", "/web 12"},
                {"a\\tb\\n", "a\tb\n"},
                {"{{json .Config.Cmd}}", "[\"echo\",\"x\"]"},
                {"{{.Config.Cmd}} {{.Config.Labels}}", "[echo x] map[a.b:c]"},
                {"{{index .Config.Labels \"a.b\"}}", "c"},
                {"{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"},
                {"{{range .Config.Cmd}}<{{.}}>{{end}}", "<echo><x>"},
                {"{{range $k, $v := .Ports}}{{$k}}={{(index $v 0).HostPort}}{{end}}", "80/tcp=8080"},
                {"{{if .State.Running}}up{{else}}down{{end}}", "up"},
                {"{{if .State.Error}}bad{{else if eq .State.Pid 12}}twelve{{else}}other{{end}}", "twelve"},
                {"{{with .Config}}{{len .Cmd}}{{end}}", "2"},
                {"{{$x := .State}}{{$x.Pid}} {{$.Name}}", "12 /web"},
                {"{{.Name | upper | json}}", "\"/WEB\""},
                {"{{join .Config.Cmd \",\"}}", "echo,x"},
                {"a {{- .State.Pid -}} b", "a12b"},
                {"{{not .State.Running}} {{and true .Name}} {{or .State.Error \"none\"}}", "false /web none"},
                {"{{.Config.None}}", "<no value>"},
                {"{{/* nothing */}}x", "x"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_arena_ struct arena *arena = arena_new();

                assert_string_equal(make(arena, cases[i].template), cases[i].text);
        }
}

static void refuses_what_is_wrong(void **state) {
        static const char *const cases[] = {
                "{{.Nope}}",        "{{.Name",        "{{range .Config.Cmd}}", "{{end}}",    "{{index .Config.Cmd 9}}",
                "{{.Name.Deeper}}", "{{$undefined}}", "{{nosuch .Name}}",      "{{(.Name}}", "{{json}}",
                "{{\"open}}",       "{{if}}x{{end}}",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_arena_ struct arena *arena = arena_new();

                assert_int_equal(strncmp(make(arena, cases[i]), "error: template: ", 17), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(makes_text_of_documents),
                cmocka_unit_test(refuses_what_is_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
