#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/timestamp.h"
#include "../container/inspect.h"
#include "../container/logfile.h"
#include "../network/connect.h"
#include "cli.h"
#include "columns.h"
#include "commands.h"

#define COMMAND_WIDTH 20
#define SECOND ((int64_t) 1000 * 1000 * 1000)

struct ps_options {
        bool all;
        bool quiet;
        bool no_trunc;
        bool latest;
        int64_t last;
        const char *format;
        struct str_list filter;
};

#define AT(field) offsetof(struct ps_options, field)

const struct option_row cli_ps_options[] = {
        {"all", 'a', NULL, OPTION_FLAG, AT(all), NULL, "those that do not run too"},
        {"filter", 'f', NULL, OPTION_LIST, AT(filter), "KEY=VALUE",
         "only those with this name, id, status, label, ancestor, network, exited or volume"},
        {"format", 0, NULL, OPTION_STRING, AT(format), "TEMPLATE",
         "print by a template ({{.ID}} {{.Names}} …), or json"},
        {"last", 'n', NULL, OPTION_INT, AT(last), "N", "the N that were made last, in any state"},
        {"latest", 'l', NULL, OPTION_FLAG, AT(latest), NULL, "the one that was made last"},
        {"no-trunc", 0, NULL, OPTION_FLAG, AT(no_trunc), NULL, "do not shorten"},
        {"quiet", 'q', NULL, OPTION_FLAG, AT(quiet), NULL, "ids alone"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct column columns[] = {
        {"CONTAINER ID", "ID", false},
        {"IMAGE", "Image", false},
        {"COMMAND", "Command", false},
        {"CREATED", "RunningFor", false},
        {"STATUS", "Status", false},
        {"PORTS", "Ports", false},
        {"NAMES", "Names", false},
        {"STATE", "State", true},
        {"CREATED AT", "CreatedAt", true},
        {"LABELS", "Labels", true},
        {"NETWORKS", "Networks", true},
        {"MOUNTS", "Mounts", true},
        {NULL, NULL, false},
};

/* "Up 2 minutes", "Exited (0) 3 seconds ago" */
static char *status_text(const struct container_state *state) {
        int64_t now = timestamp_now();
        /* "3 minutes ago" without its end. */
        _cleanup_free_ char *since = human_age((state->started_at ? state->started_at : now) / SECOND);
        _cleanup_free_ char *ended = human_age((state->finished_at ? state->finished_at : now) / SECOND);

        if (str_ends_with(since, " ago"))
                since[strlen(since) - strlen(" ago")] = '\0';
        switch (state->status) {
        case STATUS_CREATED:
                return xstrdup("Created");
        case STATUS_RUNNING:
                return str_format("Up %s", since);
        case STATUS_PAUSED:
                return str_format("Up %s (Paused)", since);
        case STATUS_RESTARTING:
                return str_format("Restarting (%d) %s", state->exit_code, ended);
        case STATUS_EXITED:
                return str_format("Exited (%d) %s", state->exit_code, ended);
        case STATUS_DEAD:
                return xstrdup("Dead");
        }
        return xstrdup("");
}

static char *command_text(const struct container *container, bool whole) {
        _cleanup_str_buf_ struct str_buf text = {0};

        for (size_t i = 0; container->args[i]; i++)
                str_buf_printf(&text, "%s%s", i > 0 ? " " : "", container->args[i]);
        for (size_t i = 0; i < text.size; i++)
                if ((unsigned char) text.data[i] < ' ')
                        text.data[i] = ' ';
        if (!whole && text.size > COMMAND_WIDTH)
                return str_format("\"%.*s…\"", COMMAND_WIDTH - 1, text.data);
        return str_format("\"%s\"", text.data ? text.data : "");
}

static char *labels_text(const struct container *container) {
        _cleanup_str_list_ struct str_list labels = {0};

        for (size_t i = 0; i < container->label_count; i++)
                str_list_printf(&labels, "%s=%s", container->labels[i].key, container->labels[i].value);
        return str_list_join(&labels, ",");
}

static char *mounts_text(const struct container *container) {
        _cleanup_str_list_ struct str_list mounts = {0};

        for (size_t i = 0; i < container->mount_count; i++)
                str_list_add(&mounts, container->mounts[i].name     ? container->mounts[i].name
                                      : container->mounts[i].source ? container->mounts[i].source
                                                                    : container->mounts[i].destination);
        return str_list_join(&mounts, ",");
}

static void add_row(const struct container *container, bool whole, struct str_list *cells) {
        _cleanup_free_ char *networks = str_list_join(&container->options.network, ",");
        char when[TIMESTAMP_MAX];

        str_list_printf(cells, "%.*s", whole ? CONTAINER_ID_SIZE : CONTAINER_ID_SHORT, container->id);
        str_list_add(cells, container->image);
        str_list_take(cells, command_text(container, whole));
        str_list_take(cells, human_age(container->created / SECOND));
        str_list_take(cells, status_text(&container->state));
        str_list_take(cells, container_ports_text(container));
        str_list_add(cells, container->name);
        str_list_add(cells, container_status_name(container->state.status));
        str_list_add(cells, timestamp_format(container->created, true, when));
        str_list_take(cells, labels_text(container));
        str_list_add(cells, networks[0] ? networks : connect_mode(container));
        str_list_take(cells, mounts_text(container));
}

static bool has_label(const struct container *container, const char *wanted) {
        size_t size = strcspn(wanted, "=");

        for (size_t i = 0; i < container->label_count; i++)
                if (strlen(container->labels[i].key) == size && strncmp(container->labels[i].key, wanted, size) == 0 &&
                    (!wanted[size] || str_equal(container->labels[i].value, wanted + size + 1)))
                        return true;
        return false;
}

static bool matches_name(const struct container *container, const char *value) {
        if (value[0] == '^') { /* docker's filters are expressions; whole names are what they are used for */
                size_t size = strlen(value);
                bool whole = size > 1 && value[size - 1] == '$';
                _cleanup_free_ char *name = xstrndup(value + 1, size - 1 - whole);
                const char *plain = name[0] == '/' ? name + 1 : name;

                return whole ? str_equal(container->name, plain) : str_starts_with(container->name, plain);
        }
        return strstr(container->name, value[0] == '/' ? value + 1 : value) != NULL;
}

static bool matches_id(const struct container *container, const char *value) {
        return str_starts_with(container->id, value);
}

static bool matches_status(const struct container *container, const char *value) {
        return str_equal(container_status_name(container->state.status), value);
}

static bool matches_ancestor(const struct container *container, const char *value) {
        _cleanup_free_ char *tagged = str_format("%s:latest", value);

        return str_equal(container->image, value) || str_equal(container->image, tagged) ||
               str_starts_with(container->image_id ? container->image_id : "", value);
}

static bool matches_network(const struct container *container, const char *value) {
        return str_equal(connect_mode(container), value) || str_list_contains(&container->options.network, value);
}

static bool matches_exited(const struct container *container, const char *value) {
        int64_t code;

        return container->state.status == STATUS_EXITED && str_to_i64(value, 0, 255, &code) == 0 &&
               container->state.exit_code == code;
}

static bool matches_volume(const struct container *container, const char *value) {
        for (size_t i = 0; i < container->mount_count; i++)
                if (str_equal(container->mounts[i].name, value) || str_equal(container->mounts[i].source, value) ||
                    str_equal(container->mounts[i].destination, value))
                        return true;
        return false;
}

static const struct filter {
        const char *name;
        bool (*matches)(const struct container *container, const char *value);
        bool any_state; /* shows stopped containers too, as docker does */
} filters[] = {
        {"name", matches_name, false},         {"id", matches_id, false},
        {"status", matches_status, true},      {"label", has_label, false},
        {"ancestor", matches_ancestor, false}, {"network", matches_network, false},
        {"exited", matches_exited, true},      {"volume", matches_volume, false},
};

static const struct filter *find_filter(const char *text, const char **value) {
        size_t size = strcspn(text, "=");

        for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
                if (strlen(filters[i].name) == size && strncmp(filters[i].name, text, size) == 0 && text[size]) {
                        *value = text + size + 1;
                        return &filters[i];
                }
        return NULL;
}

/* Values of one key are alternatives; all keys must match. */
static bool passes(const struct container *container, const struct ps_options *options) {
        for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
                bool given = false, matched = false;

                for (size_t j = 0; j < options->filter.count; j++) {
                        const char *value;

                        if (find_filter(options->filter.items[j], &value) != &filters[i])
                                continue;
                        given = true;
                        matched = matched || filters[i].matches(container, value);
                }
                if (given && !matched)
                        return false;
        }
        return true;
}

static bool is_up(const struct container *container) {
        return container->state.status == STATUS_RUNNING || container->state.status == STATUS_PAUSED ||
               container->state.status == STATUS_RESTARTING;
}

static int check_filters(struct ps_options *options, struct error *err) {
        for (size_t i = 0; i < options->filter.count; i++) {
                const char *value;
                const struct filter *filter = find_filter(options->filter.items[i], &value);

                if (!filter)
                        return error_set(err, EINVAL, "invalid filter '%s'", options->filter.items[i]);
                options->all = options->all || filter->any_state;
        }
        return 0;
}

int cli_ps(const struct command *command, void *context, int argc, char **argv) {
        struct cli *cli = context;
        struct ps_options options = {.last = -1};
        _cleanup_str_list_ struct str_list cells = {0};
        struct container **list = NULL;
        size_t count = 0, limit;
        struct error err = {0};
        int unread = 0, r = cli_parse(command, cli, NULL, &options, &argc, &argv);

        if (r >= 0)
                return r;
        r = check_filters(&options, &err);
        if (r == 0)
                unread = container_list(&cli->manager, &list, &count, &err);
        limit = options.latest ? 1 : options.last >= 0 ? (size_t) options.last : count;
        for (size_t i = 0; r == 0 && i < count && i < limit; i++) {
                if (!passes(list[i], &options) ||
                    (!options.all && !options.latest && options.last < 0 && !is_up(list[i])))
                        continue;
                if (options.quiet)
                        (void) printf("%.*s\n", options.no_trunc ? CONTAINER_ID_SIZE : CONTAINER_ID_SHORT, list[i]->id);
                else
                        add_row(list[i], options.no_trunc, &cells);
        }
        if (r == 0 && !options.quiet)
                r = columns_print(columns, &cells, options.format, &err);
        container_list_free(list, count);
        str_list_free(&options.filter);
        return r < 0 || unread < 0 ? cli_fail(&err) : 0;
}
