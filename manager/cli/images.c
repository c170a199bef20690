/*
 * mymgr images: the images of the store, one line a name.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/timestamp.h"
#include "../image/store.h"
#include "cli.h"
#include "columns.h"
#include "commands.h"

struct options {
        bool all;
        bool quiet;
        bool no_trunc;
        bool digests;
        struct str_list filters;
        const char *format;
};

const struct option_row cli_images_options[] = {
        {"all", 'a', NULL, OPTION_FLAG, offsetof(struct options, all), NULL, "Show all images"},
        {"digests", 0, NULL, OPTION_FLAG, offsetof(struct options, digests), NULL, "Show the manifests' digests"},
        {"filter", 'f', NULL, OPTION_LIST, offsetof(struct options, filters), "FILTER",
         "Only these: dangling=true, reference=NAME, label=KEY[=VALUE]"},
        {"format", 0, NULL, OPTION_STRING, offsetof(struct options, format), "TEMPLATE",
         "Print by a template ({{.Repository}}, {{.Tag}}, {{.ID}}, …), or json"},
        {"no-trunc", 0, NULL, OPTION_FLAG, offsetof(struct options, no_trunc), NULL, "Do not shorten ids"},
        {"quiet", 'q', NULL, OPTION_FLAG, offsetof(struct options, quiet), NULL, "Only show ids"},
        {0},
};

static const struct column columns[] = {
        {"REPOSITORY", "Repository", false}, {"TAG", "Tag", false},
        {"DIGEST", "Digest", true},          {"IMAGE ID", "ID", false},
        {"CREATED", "CreatedSince", false},  {"SIZE", "Size", false},
        {"CREATED AT", "CreatedAt", true},   {NULL, NULL, false},
};

static bool label_matches(const struct image *image, const char *wanted) {
        const char *equals = strchr(wanted, '=');
        size_t length = equals ? (size_t) (equals - wanted) : strlen(wanted);

        for (size_t i = 0; i < image->config.config.label_count; i++) {
                const struct string_pair *label = &image->config.config.labels[i];

                if (strlen(label->key) == length && strncmp(label->key, wanted, length) == 0)
                        return !equals || str_equal(label->value, equals + 1);
        }
        return false;
}

/* "nginx" matches every tag of nginx, "nginx:1.22" that one. */
static bool reference_matches(const char *reference, const char *wanted) {
        _cleanup_free_ char *normal = NULL;
        size_t length = strlen(wanted);

        if (!reference)
                return false;
        if (strncmp(reference, wanted, length) == 0 && reference[length] == ':')
                return true;
        return reference_normalize(wanted, &normal, NULL) == 0 && str_equal(reference, normal);
}

static bool filter_dangling(const struct image *image, const char *reference, const char *wanted) {
        (void) image;
        return str_equal(wanted, reference ? "false" : "true");
}

static bool filter_label(const struct image *image, const char *reference, const char *wanted) {
        (void) reference;
        return label_matches(image, wanted);
}

static bool filter_reference(const struct image *image, const char *reference, const char *wanted) {
        (void) image;
        return reference_matches(reference, wanted);
}

static const struct {
        const char *prefix;
        bool (*matches)(const struct image *image, const char *reference, const char *wanted);
} filters[] = {
        {"dangling=", filter_dangling},
        {"label=", filter_label},
        {"reference=", filter_reference},
};

static bool wanted(const struct image *image, const char *reference, const struct options *options, const char *name) {
        if (name && !reference_matches(reference, name))
                return false;
        for (size_t i = 0; i < options->filters.count; i++)
                for (size_t j = 0; j < ARRAY_SIZE(filters); j++) {
                        const char *filter = options->filters.items[i];

                        if (str_starts_with(filter, filters[j].prefix) &&
                            !filters[j].matches(image, reference, filter + strlen(filters[j].prefix)))
                                return false;
                }
        return true;
}

static int check_filters(const struct str_list *given, struct error *err) {
        for (size_t i = 0; i < given->count; i++) {
                bool known = false;

                for (size_t j = 0; j < ARRAY_SIZE(filters); j++)
                        known = known || str_starts_with(given->items[i], filters[j].prefix);
                if (!known)
                        return error_set(err, EINVAL, "unknown filter: %s", given->items[i]);
        }
        return 0;
}

static void add_row(struct str_list *cells, const struct image *image, const char *reference,
                    const struct options *options) {
        const char *colon = reference ? strrchr(reference, ':') : NULL;
        char created[TIMESTAMP_MAX];

        if (colon)
                str_list_printf(cells, "%.*s", (int) (colon - reference), reference);
        else
                str_list_add(cells, reference ? reference : "<none>");
        str_list_add(cells, colon ? colon + 1 : "<none>");
        str_list_printf(cells, "sha256:%s", image->manifest_digest);
        if (options->no_trunc)
                str_list_printf(cells, "sha256:%s", image->id);
        else
                str_list_printf(cells, "%.12s", image->id);
        str_list_take(cells, human_age(image->created));
        str_list_take(cells, human_size(image->size));
        str_list_add(cells, timestamp_format(image->created * TIMESTAMP_SECOND, false, created));
}

static void add_image(struct str_list *cells, const struct image *image, const struct options *options,
                      const char *name) {
        bool listed = false;

        for (const char *const *reference = image->references; *reference; reference++) {
                if (!wanted(image, *reference, options, name) || (options->quiet && listed))
                        continue;
                add_row(cells, image, *reference, options);
                listed = true;
        }
        if (!image->references[0] && wanted(image, NULL, options, name))
                add_row(cells, image, NULL, options);
}

int cli_images(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct options options = {0};
        _cleanup_str_list_ struct str_list cells = {0};
        struct error err = {0};
        struct store *store;
        struct image **images = NULL;
        size_t count = 0;
        int r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = check_filters(&options.filters, &err);
        if (r == 0)
                r = cli_store(cli, &store, &err);
        if (r == 0)
                r = image_list(store, &images, &count, &err);
        for (size_t i = 0; r == 0 && i < count; i++)
                add_image(&cells, images[i], &options, argc > 0 ? argv[0] : NULL);
        if (r == 0) {
                struct column shown[ARRAY_SIZE(columns)];

                memcpy(shown, columns, sizeof(columns));
                shown[2].hidden = !options.digests;
                r = columns_print(shown, &cells, options.quiet ? "{{.ID}}" : options.format, &err);
        }
        image_list_free(images, count);
        str_list_free(&options.filters);
        return r < 0 ? cli_fail(&err) : 0;
}
