#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../manager/image/store.h"

static void names_get_one_form(void **state) {
        static const struct {
                const char *text;
                const char *normal;
        } rows[] = {
                {"nginx", "nginx:latest"},
                {"nginx:1.22", "nginx:1.22"},
                {"localhost/nginx", "nginx:latest"},
                {"docker.io/library/nginx:1", "nginx:1"},
                {"docker.io/team/app", "team/app:latest"},
                {"library/nginx", "nginx:latest"},
                {"localhost/index.docker.io/you/nginx", "you/nginx:latest"},
                {"example.org/app", "example.org/app:latest"},
                {"example.org:5000/a/b-c/d__e.f:X.y-z", "example.org:5000/a/b-c/d__e.f:X.y-z"},
                {"localhost:5000/app", "localhost:5000/app:latest"},
                {"Registry.Example/app", "Registry.Example/app:latest"},
                {"a---b", "a---b:latest"},
                {"app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                 "app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_free_ char *normal = NULL;

                assert_int_equal(reference_normalize(rows[i].text, &normal, NULL), 0);
                assert_string_equal(normal, rows[i].normal);
        }
}

static void what_is_no_reference_is_refused(void **state) {
        static const char *const texts[] = {
                "",           "Nginx",    "a b",     "a:",     ":a",       "a:b:c",      "a//b",       "/a",
                "a/",         "-a",       "a-",      "a..b",   "a._b",     "a___b",      "a:.x",       "a:-x",
                "a@sha256:",  "a@b",      "a@md5:1", "../etc", "a/../b",   "Team/app",   "a:b/c",      "a\nb",
                "a:\xc3\xa4", "\xc3\xa4", "a:b@",    "@",      "library/", "localhost/", "docker.io/",
        };
        char longest[400];

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                char *normal = NULL;
                struct error err = {0};

                if (reference_normalize(texts[i], &normal, &err) != -EINVAL)
                        fail_msg("accepted: \"%s\" as \"%s\"", texts[i], normal);
                assert_non_null(strstr(err.message, "not an image reference"));
        }
        memset(longest, 'a', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(reference_normalize(longest, &(char *){NULL}, NULL), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_get_one_form),
                cmocka_unit_test(what_is_no_reference_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
