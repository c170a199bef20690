/* --format templates, on a document that has some of everything. */
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../manager/cli/template.h"
#include "fuzz.h"

static const char document[] = "{\"Id\":\"abc\",\"Names\":[\"web\",\"www\"],\"State\":{\"Running\":true,\"Pid\":7,"
                               "\"Code\":-1},\"Labels\":{\"a.b\":\"c\",\"d\":\"\"},\"None\":null,\"Size\":1.5}";

/* Ranges within ranges make long texts of short templates, and that is what was asked for. */
#define TEMPLATE_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_arena_ struct arena *arena = arena_new();
        _cleanup_str_buf_ struct str_buf out = {0};
        const struct json *root = fuzz_parse_own(arena, document);
        struct template *template = NULL;
        struct error err = {0};

        if (size > TEMPLATE_MAX)
                return 0;
        if (fuzz_accepted(template_parse(fuzz_text(arena, data, size), arena, &template, &err), &err))
                (void) fuzz_accepted(template_run(template, root, &out, &err), &err);
        return 0;
}
