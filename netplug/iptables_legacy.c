#include "iptables_legacy.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/log.h"
#include "../lib/path.h"
#include "../lib/process.h"
#include "../lib/str.h"
#include "nft.h"

#define RUN_DIRECTORY "/run/netplug"
#define TIMEOUT_NS (30 * 1000000000LL)
#define NAMES_MAX ((size_t) 4096)
#define COMMENT "netplug "

/* The two address families, each with its kernel's list of tables and its programs. */
static const struct {
        const char *tables;
        const char *programs[2];
} families[] = {
        {"/proc/thread-self/net/ip_tables_names", {"iptables-legacy", "iptables"}},
        {"/proc/thread-self/net/ip6_tables_names", {"ip6tables-legacy", "ip6tables"}},
};

static bool has_filter_table(size_t family) {
        _cleanup_str_list_ struct str_list names = {0};
        _cleanup_free_ char *text = NULL;

        if (file_read(AT_FDCWD, families[family].tables, NAMES_MAX, &text, NULL, NULL) < 0)
                return false;
        str_list_split(&names, text, '\n');
        return str_list_contains(&names, "filter");
}

static bool is_needed(void) {
        return has_filter_table(0) || has_filter_table(1);
}

/* Where iptables is a name for the new one, it would change another table than that of the kernel's old one. */
static bool is_new(const char *program) {
        const char *const argv[] = {program, "--version", NULL};
        const struct process_options options = {.argv = argv, .capture_output = true, .timeout_ns = TIMEOUT_NS};
        _cleanup_process_result_ struct process_result result = {0};

        return process_run(&options, &result, NULL) >= 0 && result.output && strstr(result.output, "nf_tables");
}

/* Runs iptables with the words; `output` may be NULL. */
static int run(size_t family, const struct str_list *words, char **output, struct error *err) {
        int r = -ENOENT;

        for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(families[family].programs); i++) {
                _cleanup_process_result_ struct process_result result = {0};
                _cleanup_str_list_ struct str_list argv = {0};
                struct process_options options = {
                        .capture_output = true, .capture_errors = true, .timeout_ns = TIMEOUT_NS};

                if (i > 0 && is_new(families[family].programs[i]))
                        continue;
                str_list_add(&argv, families[family].programs[i]);
                str_list_add(&argv, "-w");
                for (size_t j = 0; j < words->count; j++)
                        str_list_add(&argv, words->items[j]);
                options.argv = (const char *const *) argv.items;
                r = process_run(&options, &result, err);
                if (r >= 0 && process_exit_code(result.status) != 0)
                        return error_set(err, EIO, "%s: %s", families[family].programs[i],
                                         str_empty(result.errors) ? "failed" : result.errors);
                if (r >= 0 && output)
                        *output = take_ptr(result.output);
        }
        if (r == -ENOENT)
                return error_hint(err, "this host filters with the old iptables: install its program iptables-legacy");
        return r;
}

/* The words of a line of `iptables -S`; a comment in quotes is one word. */
static void split_rule(const char *line, struct str_list *out) {
        while (*line) {
                size_t size = *line == '"' ? strcspn(line + 1, "\"") + 2 : strcspn(line, " ");
                bool quoted = *line == '"';

                if (quoted && line[size - 1] != '"')
                        size = strlen(line);
                str_list_take(out, quoted ? xstrndup(line + 1, size - 2) : xstrndup(line, size));
                line += size;
                line += strspn(line, " ");
        }
}

/* What FORWARD holds. */
struct forward_chain {
        struct str_list lines; /* "-A FORWARD ..." */
        bool drops;
        bool has_admin; /* its table has the admin chain */
        bool jumps;     /* to the admin chain, by a rule of the host's owner */
        size_t after;   /* so many rules are the host's owner's */
};

static int read_forward(size_t family, const char *admin_chain, struct forward_chain *out, struct error *err) {
        _cleanup_str_list_ struct str_list words = {0}, lines = {0};
        _cleanup_free_ char *text = NULL, *admin_jump = str_format("-A FORWARD -j %s", admin_chain);
        _cleanup_free_ char *admin = str_format("-N %s", admin_chain), *told = NULL;
        struct error own = {0};
        int r;

        str_list_add(&words, "-S");
        r = run(family, &words, &text, &own);
        /* The table may be there because somebody looked for it, and hold nothing. */
        if (r == -ENOENT) {
                told = error_text(&own);
                log_warning("%s: what the old iptables drops is not looked at", told);
                return 0;
        }
        if (r < 0 && err)
                *err = own;
        if (r < 0)
                return r;
        str_list_split(&lines, text ? text : "", '\n');
        for (size_t i = 0; i < lines.count; i++) {
                const char *line = lines.items[i];

                if (str_equal(line, "-P FORWARD DROP"))
                        out->drops = true;
                if (str_equal(line, admin))
                        out->has_admin = true;
                if (!str_starts_with(line, "-A FORWARD "))
                        continue;
                str_list_add(&out->lines, line);
                if (str_equal(line, "-A FORWARD -j DROP") || str_starts_with(line, "-A FORWARD -j REJECT"))
                        out->drops = true;
                if (str_equal(line, admin_jump))
                        out->jumps = true;
                if (str_equal(line, "-A FORWARD -j DOCKER-USER") || str_equal(line, admin_jump))
                        out->after = out->lines.count;
        }
        return 0;
}

static void forward_chain_free(struct forward_chain *chain) {
        str_list_free(&chain->lines);
}

#define _cleanup_forward_chain_ _cleanup_(forward_chain_free)

/* The name of the pass that a rule of ours is for, which the caller frees, or NULL. */
static char *pass_of_rule(const char *line) {
        _cleanup_str_list_ struct str_list words = {0};

        split_rule(line, &words);
        for (size_t i = 0; i + 1 < words.count; i++)
                if (str_equal(words.items[i], "--comment") && str_starts_with(words.items[i + 1], COMMENT))
                        return xstrdup(words.items[i + 1] + strlen(COMMENT));
        return NULL;
}

/* The number of rules for the pass; `target`: what they jump to. */
static size_t count_rules(const struct forward_chain *chain, const struct nft_pass *pass, const char *target) {
        size_t count = 0;

        for (size_t i = 0; i < chain->lines.count; i++) {
                _cleanup_free_ char *of = pass_of_rule(chain->lines.items[i]);
                const char *jump = strstr(chain->lines.items[i], " -j ");

                if (str_equal(of, pass->name) && jump && str_equal(jump + 4, target))
                        count++;
        }
        return count;
}

static bool accepts(const struct forward_chain *chain, const struct nft_pass *pass) {
        return count_rules(chain, pass, "ACCEPT") >= 2;
}

/* A pass by address is for the chains of its family. */
static bool concerns(size_t family, const struct nft_pass *pass) {
        return pass->link || (pass->address->family == AF_INET6) == (family == 1);
}

/* Inserts `-I FORWARD POSITION MATCH... -j TARGET`, marked as ours. */
static int insert_rule(size_t family, const struct nft_pass *pass, size_t position, const struct str_list *match,
                       const char *target, struct error *err) {
        _cleanup_str_list_ struct str_list words = {0};

        str_list_add(&words, "-I");
        str_list_add(&words, "FORWARD");
        str_list_printf(&words, "%zu", position);
        for (size_t i = 0; i < match->count; i++)
                str_list_add(&words, match->items[i]);
        str_list_add(&words, "-m");
        str_list_add(&words, "comment");
        str_list_add(&words, "--comment");
        str_list_printf(&words, COMMENT "%s", pass->name);
        str_list_add(&words, "-j");
        str_list_add(&words, target);
        return run(family, &words, NULL, err);
}

static int insert_accept(size_t family, const struct nft_pass *pass, bool from, size_t position, struct error *err) {
        _cleanup_str_list_ struct str_list match = {0};
        char text[CNI_ADDRESS_SIZE];

        if (pass->link)
                str_list_add(&match, from ? "-i" : "-o");
        else
                str_list_add(&match, from ? "-s" : "-d");
        str_list_add(&match, pass->link ? pass->link : cni_address_text(pass->address, text));
        if (!from) {
                str_list_add(&match, "-m");
                str_list_add(&match, "conntrack");
                str_list_add(&match, "--ctstate");
                str_list_add(&match, "RELATED,ESTABLISHED,DNAT");
        }
        return insert_rule(family, pass, position, &match, "ACCEPT", err);
}

/* What one family's chain lacks. */
static int accept_in(size_t family, const struct nft_pass *pass, const char *admin_chain, struct error *err) {
        _cleanup_forward_chain_ struct forward_chain chain = {0};
        const struct str_list everything = {0};
        int r = read_forward(family, admin_chain, &chain, err);

        if (r >= 0 && chain.drops && !accepts(&chain, pass)) {
                r = insert_accept(family, pass, false, chain.after + 1, err);
                if (r >= 0)
                        r = insert_accept(family, pass, true, chain.after + 1, err);
        }
        /* After the accepts, so that it gets before them. */
        if (r >= 0 && chain.has_admin && !chain.jumps && count_rules(&chain, pass, admin_chain) == 0)
                r = insert_rule(family, pass, chain.after + 1, &everything, admin_chain, err);
        return r;
}

/* Between the transaction of nf_tables and what is done here, another call may do both. */
static int lock(struct error *err) {
        int r = path_make_trusted_dirs(RUN_DIRECTORY, 0755, err);

        return r < 0 ? r : file_lock(AT_FDCWD, RUN_DIRECTORY "/iptables.lock", FILE_LOCK_EXCLUSIVE, err);
}

int iptables_legacy_accept(const struct nft_pass *pass, const char *admin_chain, struct error *err) {
        _cleanup_fd_ int lock_fd = -1;
        int r = 0;

        if (!is_needed())
                return 0;
        lock_fd = lock(err);
        if (lock_fd < 0)
                return lock_fd;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++)
                if (has_filter_table(i) && concerns(i, pass))
                        r = accept_in(i, pass, admin_chain, err);
        return r;
}

/* Deletes one rule, given as `iptables -S` shows it. */
static int delete_rule(size_t family, const char *line, struct error *err) {
        _cleanup_str_list_ struct str_list words = {0};

        split_rule(line, &words);
        words.items[0][1] = 'D';
        return run(family, &words, NULL, err);
}

int iptables_legacy_sweep(struct error *err) {
        _cleanup_str_list_ struct str_list names = {0};
        _cleanup_fd_ int lock_fd = -1;
        int r;

        if (!is_needed())
                return 0;
        lock_fd = lock(err);
        r = lock_fd < 0 ? lock_fd : nft_forward_pass_names(&names, err);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++) {
                _cleanup_forward_chain_ struct forward_chain chain = {0};

                if (!has_filter_table(i))
                        continue;
                r = read_forward(i, "", &chain, err);
                for (size_t j = 0; r >= 0 && j < chain.lines.count; j++) {
                        _cleanup_free_ char *name = pass_of_rule(chain.lines.items[j]);

                        if (name && !str_list_contains(&names, name))
                                r = delete_rule(i, chain.lines.items[j], err);
                }
        }
        return r;
}

int iptables_legacy_lacks(const struct nft_pass *pass, struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                _cleanup_forward_chain_ struct forward_chain chain = {0};
                int r = has_filter_table(i) && concerns(i, pass) ? read_forward(i, "", &chain, err) : 0;

                if (r < 0)
                        return r;
                if (chain.drops && !accepts(&chain, pass))
                        return 1;
        }
        return 0;
}
