#include "format.h"

#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "template.h"

int format_print(const char *text, const char *format, struct error *err) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *array;
        struct template *template;
        int r;

        if (!format || str_equal(format, "json")) {
                (void) printf("%s\n", text);
                return 0;
        }
        r = json_parse(arena, text, strlen(text), NULL, &array, err);
        if (r < 0)
                return r;
        r = template_parse(format, arena, &template, err);
        if (r < 0)
                return r;
        json_for_each (item, array) {
                _cleanup_str_buf_ struct str_buf out = {0};

                r = template_run(template, item, &out, err);
                if (r < 0)
                        return r;
                (void) fwrite(out.data ? out.data : "", 1, out.size, stdout);
                (void) fputc('\n', stdout);
        }
        return 0;
}
