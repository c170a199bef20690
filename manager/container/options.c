#include "options.h"

#include <stddef.h>

#define AT(field) offsetof(struct container_options, field)

const struct option_row container_option_rows[] = {
        {"add-host", 0, NULL, OPTION_LIST, AT(add_host), "HOST:IP", "add a line to /etc/hosts"},
        {"attach", 'a', NULL, OPTION_LIST, AT(attach), "STREAM", "attach to STDIN, STDOUT or STDERR"},
        {"blkio-weight", 0, NULL, OPTION_INT, AT(blkio_weight), "N", "block I/O weight, 10 to 1000"},
        {"cap-add", 0, NULL, OPTION_LIST, AT(cap_add), "CAP", "add a capability (ALL for every one)"},
        {"cap-drop", 0, NULL, OPTION_LIST, AT(cap_drop), "CAP", "drop a capability (ALL for every one)"},
        {"cgroup-parent", 0, NULL, OPTION_STRING, AT(cgroup_parent), "PATH", "cgroup the container's is made in"},
        {"cgroupns", 0, NULL, OPTION_STRING, AT(cgroupns), "MODE", "cgroup namespace: host or private"},
        {"cidfile", 0, NULL, OPTION_STRING, AT(cidfile), "FILE", "write the container's id to a file"},
        {"cpu-period", 0, NULL, OPTION_INT, AT(cpu_period), "US", "length of a CPU quota's period"},
        {"cpu-quota", 0, NULL, OPTION_INT, AT(cpu_quota), "US", "CPU time in each period"},
        {"cpu-shares", 'c', "cpushare", OPTION_INT, AT(cpu_shares), "N", "CPU weight against others (1024 is usual)"},
        {"cpus", 0, NULL, OPTION_DOUBLE, AT(cpus), "N", "number of CPUs it may fill, such as 1.5"},
        {"cpuset-cpus", 0, "cpuset", OPTION_STRING, AT(cpuset_cpus), "LIST", "CPUs it runs on: 0-3,5"},
        {"cpuset-mems", 0, NULL, OPTION_STRING, AT(cpuset_mems), "LIST", "memory nodes it uses: 0-1"},
        {"detach", 'd', NULL, OPTION_FLAG, AT(detach), NULL, "run in the background and print the id"},
        {"detach-keys", 0, NULL, OPTION_STRING, AT(detach_keys), "KEYS", "keys that detach (ctrl-p,ctrl-q)"},
        {"device", 0, NULL, OPTION_LIST, AT(device), "PATH", "give it a device: /dev/x[:/dev/y[:rwm]]"},
        {"dns", 0, NULL, OPTION_LIST, AT(dns), "IP", "name server for /etc/resolv.conf"},
        {"dns-option", 0, "dns-opt", OPTION_LIST, AT(dns_option), "OPTION", "option for /etc/resolv.conf"},
        {"dns-search", 0, NULL, OPTION_LIST, AT(dns_search), "DOMAIN", "search domain for /etc/resolv.conf"},
        {"domainname", 0, NULL, OPTION_STRING, AT(domainname), "NAME", "NIS domain name"},
        {"entrypoint", 0, NULL, OPTION_STRING, AT(entrypoint), "COMMAND", "replace the image's entrypoint"},
        {"env", 'e', NULL, OPTION_LIST, AT(env), "NAME=VALUE", "set an environment variable"},
        {"env-file", 0, NULL, OPTION_LIST, AT(env_file), "FILE", "read environment variables from a file"},
        {"expose", 0, NULL, OPTION_LIST, AT(expose), "PORT", "a port the container listens on"},
        {"group-add", 0, NULL, OPTION_LIST, AT(group_add), "GROUP", "join one more group"},
        {"hostname", 'h', NULL, OPTION_STRING, AT(hostname), "NAME", "the container's host name"},
        {"init", 0, NULL, OPTION_FLAG, AT(init), NULL, "run an init that reaps processes"},
        {"interactive", 'i', NULL, OPTION_FLAG, AT(interactive), NULL, "keep standard input open"},
        {"ip", 0, NULL, OPTION_STRING, AT(ip), "ADDRESS", "the container's IPv4 address"},
        {"ipc", 0, NULL, OPTION_STRING, AT(ipc), "MODE", "IPC namespace: host, private or container:NAME"},
        {"label", 'l', NULL, OPTION_LIST, AT(label), "NAME=VALUE", "set a label"},
        {"mac-address", 0, NULL, OPTION_STRING, AT(mac_address), "MAC", "the container's MAC address"},
        {"memory", 'm', NULL, OPTION_BYTES, AT(memory), "SIZE", "most memory it may use, such as 100m"},
        {"memory-reservation", 0, NULL, OPTION_BYTES, AT(memory_reservation), "SIZE", "soft memory limit"},
        {"memory-swap", 0, NULL, OPTION_BYTES, AT(memory_swap), "SIZE", "most memory and swap; -1: no limit"},
        {"memory-swappiness", 0, NULL, OPTION_INT, AT(memory_swappiness), "N", "swap tendency, 0 to 100"},
        {"mount", 0, NULL, OPTION_LIST, AT(mount), "SPEC", "mount: type=bind,source=/a,target=/b[,readonly]"},
        {"name", 0, NULL, OPTION_STRING, AT(name), "NAME", "the container's name"},
        {"network", 0, "net", OPTION_LIST, AT(network), "NETWORK", "bridge, none, host, container:NAME or a network"},
        {"network-alias", 0, "net-alias", OPTION_LIST, AT(network_alias), "NAME", "another name in its network"},
        {"no-sig-proxy", 0, NULL, OPTION_FLAG, AT(no_proxy), NULL, "do not pass signals on to the container"},
        {"oom-kill-disable", 0, NULL, OPTION_FLAG, AT(oom_kill_disable), NULL, "pause instead of kill out of memory"},
        {"oom-score-adj", 0, NULL, OPTION_INT, AT(oom_score_adj), "N", "tendency to be killed, -1000 to 1000"},
        {"pid", 0, NULL, OPTION_STRING, AT(pid), "MODE", "PID namespace: host or container:NAME"},
        {"pids-limit", 0, NULL, OPTION_INT, AT(pids_limit), "N", "most processes it may have; -1: no limit"},
        {"privileged", 0, NULL, OPTION_FLAG, AT(privileged), NULL, "all capabilities and devices, no filter"},
        {"publish", 'p', NULL, OPTION_LIST, AT(publish), "PORTS", "publish ports: [[IP:]HOST:]PORT[/tcp|udp]"},
        {"publish-all", 'P', NULL, OPTION_FLAG, AT(publish_all), NULL, "publish every exposed port"},
        {"pull", 0, NULL, OPTION_STRING, AT(pull), "WHEN", "never or missing: images come from load and import"},
        {"read-only", 0, NULL, OPTION_FLAG, AT(read_only), NULL, "make its root file system read-only"},
        {"restart", 0, NULL, OPTION_STRING, AT(restart), "POLICY", "no, always, unless-stopped or on-failure[:N]"},
        {"rm", 0, NULL, OPTION_FLAG, AT(remove), NULL, "remove the container when it exits"},
        {"security-opt", 0, NULL, OPTION_LIST, AT(security_opt), "OPT",
         "no-new-privileges, seccomp=unconfined or FILE"},
        {"shm-size", 0, NULL, OPTION_BYTES, AT(shm_size), "SIZE", "size of /dev/shm (64m)"},
        {"stop-signal", 0, NULL, OPTION_STRING, AT(stop_signal), "SIGNAL", "signal that stops it"},
        {"stop-timeout", 0, NULL, OPTION_INT, AT(stop_timeout), "SECONDS", "time until stop kills it (10)"},
        {"sysctl", 0, NULL, OPTION_LIST, AT(sysctl), "NAME=VALUE", "set a kernel parameter of its namespaces"},
        {"tmpfs", 0, NULL, OPTION_LIST, AT(tmpfs), "PATH", "mount a tmpfs: PATH[:OPTIONS]"},
        {"tty", 't', NULL, OPTION_FLAG, AT(tty), NULL, "give it a terminal"},
        {"ulimit", 0, NULL, OPTION_LIST, AT(ulimit), "NAME=SOFT", "resource limit: nofile=1024[:2048]"},
        {"user", 'u', NULL, OPTION_STRING, AT(user), "USER", "user it runs as: name|uid[:group|gid]"},
        {"userns", 0, NULL, OPTION_STRING, AT(userns), "MODE", "user namespace: host"},
        {"uts", 0, NULL, OPTION_STRING, AT(uts), "MODE", "UTS namespace: host"},
        {"volume", 'v', NULL, OPTION_LIST, AT(volume), "SPEC", "mount: HOST-PATH|VOLUME:PATH[:ro]"},
        {"workdir", 'w', NULL, OPTION_STRING, AT(workdir), "PATH", "directory it starts in"},
        {NULL, 0, NULL, OPTION_FLAG, 0, NULL, NULL},
};

void container_options_free(struct container_options *options) {
        for (const struct option_row *row = container_option_rows; row->name; row++)
                if (row->type == OPTION_LIST)
                        str_list_free((struct str_list *) ((char *) options + row->offset));
}

void container_options_write(struct json_writer *writer, const char *key, const struct container_options *options) {
        static const struct container_options defaults = CONTAINER_OPTIONS_DEFAULT;

        json_begin_object(writer, key);
        for (const struct option_row *row = container_option_rows; row->name; row++) {
                const void *value = (const char *) options + row->offset;

                switch (row->type) {
                case OPTION_FLAG:
                        if (*(const bool *) value)
                                json_put_bool(writer, row->name, true);
                        break;
                case OPTION_STRING:
                        json_put_string(writer, row->name, *(const char *const *) value);
                        break;
                case OPTION_LIST:
                        if (((const struct str_list *) value)->count > 0)
                                json_put_strings(writer, row->name,
                                                 (const char *const *) ((const struct str_list *) value)->items);
                        break;
                case OPTION_INT:
                case OPTION_BYTES:
                        if (*(const int64_t *) value != *(const int64_t *) ((const char *) &defaults + row->offset))
                                json_put_int(writer, row->name, *(const int64_t *) value);
                        break;
                case OPTION_DOUBLE:
                        if (*(const double *) value > 0)
                                json_put_double(writer, row->name, *(const double *) value);
                        break;
                }
        }
        json_end_object(writer);
}

static int read_list(const struct json *object, const char *name, struct str_list *list, struct error *err) {
        const struct json *array = NULL;
        int r = json_get_array(object, name, &array, err);

        if (r < 0 || !array)
                return r;
        json_for_each (item, array) {
                r = json_expect(item, JSON_STRING, err);
                if (r < 0)
                        return r;
                str_list_add(list, item->text);
        }
        return 0;
}

int container_options_read(const struct json *object, struct container_options *options, struct error *err) {
        for (const struct option_row *row = container_option_rows; row->name; row++) {
                void *value = (char *) options + row->offset;
                int r = 0;

                switch (row->type) {
                case OPTION_FLAG:
                        r = json_get_bool(object, row->name, value, err);
                        break;
                case OPTION_STRING:
                        r = json_get_string(object, row->name, value, err);
                        break;
                case OPTION_LIST:
                        r = read_list(object, row->name, value, err);
                        break;
                case OPTION_INT:
                case OPTION_BYTES:
                        r = json_get_i64(object, row->name, INT64_MIN, INT64_MAX, value, err);
                        break;
                case OPTION_DOUBLE:
                        r = json_get_double(object, row->name, value, err);
                        break;
                }
                if (r < 0)
                        return r;
        }
        return 0;
}
