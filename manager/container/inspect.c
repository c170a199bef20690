#include "inspect.h"

#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../lib/timestamp.h"
#include "../network/connect.h"
#include "logfile.h"
#include "restart.h"

/* A string member that docker writes even when it is empty. */
static void put_text(struct json_writer *writer, const char *key, const char *value) {
        json_put_string(writer, key, value ? value : "");
}

static void put_list(struct json_writer *writer, const char *key, const char *const *list) {
        if (list)
                json_put_strings(writer, key, list);
        else
                json_put_null(writer, key);
}

static void put_str_list(struct json_writer *writer, const char *key, const struct str_list *list) {
        put_list(writer, key, list->count > 0 ? (const char *const *) list->items : NULL);
}

static void put_time(struct json_writer *writer, const char *key, int64_t time) {
        char text[TIMESTAMP_MAX];

        json_put_string(writer, key, time ? timestamp_format(time, true, text) : "0001-01-01T00:00:00Z");
}

static void put_state(struct json_writer *writer, const struct container_state *state) {
        bool paused = state->status == STATUS_PAUSED;

        json_begin_object(writer, "State");
        json_put_string(writer, "Status", container_status_name(state->status));
        json_put_bool(writer, "Running",
                      state->status == STATUS_RUNNING || paused || state->status == STATUS_RESTARTING);
        json_put_bool(writer, "Paused", paused);
        json_put_bool(writer, "Restarting", state->status == STATUS_RESTARTING);
        json_put_bool(writer, "OOMKilled", state->oom_killed);
        json_put_bool(writer, "Dead", state->status == STATUS_DEAD);
        json_put_int(writer, "Pid", state->pid);
        json_put_int(writer, "ExitCode", state->exit_code);
        put_text(writer, "Error", state->error);
        put_time(writer, "StartedAt", state->started_at);
        put_time(writer, "FinishedAt", state->finished_at);
        json_end_object(writer);
}

static void put_config(struct json_writer *writer, const struct container *container) {
        const struct container_options *options = &container->options;

        json_begin_object(writer, "Config");
        put_text(writer, "Hostname", container->hostname);
        put_text(writer, "Domainname", options->domainname);
        put_text(writer, "User", container->user);
        json_put_bool(writer, "AttachStdin", options->interactive && !options->detach);
        json_put_bool(writer, "AttachStdout", !options->detach);
        json_put_bool(writer, "AttachStderr", !options->detach);
        if (container->exposed_ports) {
                json_begin_object(writer, "ExposedPorts");
                for (size_t i = 0; container->exposed_ports[i]; i++) {
                        json_begin_object(writer, container->exposed_ports[i]);
                        json_end_object(writer);
                }
                json_end_object(writer);
        }
        json_put_bool(writer, "Tty", options->tty);
        json_put_bool(writer, "OpenStdin", options->interactive);
        json_put_bool(writer, "StdinOnce", options->interactive && !options->detach);
        put_list(writer, "Env", container->env);
        put_list(writer, "Cmd", container->cmd);
        put_text(writer, "Image", container->image);
        put_text(writer, "WorkingDir", container->working_dir);
        put_list(writer, "Entrypoint", container->entrypoint);
        json_begin_object(writer, "Labels");
        for (size_t i = 0; i < container->label_count; i++)
                json_put_string(writer, container->labels[i].key, container->labels[i].value);
        json_end_object(writer);
        json_put_string(writer, "StopSignal", container->stop_signal);
        if (options->stop_timeout >= 0)
                json_put_int(writer, "StopTimeout", options->stop_timeout);
        json_end_object(writer);
}

/* {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], …}; ports of a list come once for each container port. */
static void put_port_map(struct json_writer *writer, const char *key, const struct port_list *ports) {
        json_begin_object(writer, key);
        for (size_t i = 0; i < ports->count; i++) {
                const struct port_mapping *mapping = &ports->items[i];
                _cleanup_free_ char *name = str_format("%u/%s", mapping->container_port, mapping->protocol);
                bool seen = false;

                for (size_t j = 0; j < i; j++)
                        seen = seen || (ports->items[j].container_port == mapping->container_port &&
                                        str_equal(ports->items[j].protocol, mapping->protocol));
                if (seen)
                        continue;
                json_begin_array(writer, name);
                for (size_t j = i; j < ports->count; j++) {
                        const struct port_mapping *other = &ports->items[j];
                        char number[8];

                        if (other->container_port != mapping->container_port ||
                            !str_equal(other->protocol, mapping->protocol))
                                continue;
                        (void) snprintf(number, sizeof(number), "%u", other->host_port);
                        json_begin_object(writer, NULL);
                        json_put_string(writer, "HostIp", other->host_ip[0] ? other->host_ip : "0.0.0.0");
                        json_put_string(writer, "HostPort", number);
                        json_end_object(writer);
                }
                json_end_array(writer);
        }
        json_end_object(writer);
}

static void put_host_config(struct json_writer *writer, const struct container *container) {
        const struct container_options *options = &container->options;
        struct restart_policy policy = {0};
        struct port_list ports = {0};

        (void) restart_policy_parse(options->restart, &policy, NULL);
        for (size_t i = 0; i < options->publish.count; i++)
                (void) port_list_add(&ports, options->publish.items[i], NULL);
        json_begin_object(writer, "HostConfig");
        put_str_list(writer, "Binds", &options->volume);
        put_text(writer, "ContainerIDFile", options->cidfile);
        put_text(writer, "NetworkMode", connect_mode(container));
        put_port_map(writer, "PortBindings", &ports);
        port_list_free(&ports);
        json_begin_object(writer, "RestartPolicy");
        json_put_string(writer, "Name", restart_policy_name(policy.kind));
        json_put_int(writer, "MaximumRetryCount", policy.max);
        json_end_object(writer);
        json_put_bool(writer, "AutoRemove", options->remove);
        put_str_list(writer, "CapAdd", &options->cap_add);
        put_str_list(writer, "CapDrop", &options->cap_drop);
        put_str_list(writer, "Dns", &options->dns);
        put_str_list(writer, "DnsOptions", &options->dns_option);
        put_str_list(writer, "DnsSearch", &options->dns_search);
        put_str_list(writer, "ExtraHosts", &options->add_host);
        put_str_list(writer, "GroupAdd", &options->group_add);
        put_text(writer, "IpcMode", options->ipc ? options->ipc : "private");
        put_text(writer, "PidMode", options->pid);
        put_text(writer, "UTSMode", options->uts);
        json_put_int(writer, "OomScoreAdj", options->oom_score_adj);
        json_put_bool(writer, "Privileged", options->privileged);
        json_put_bool(writer, "PublishAllPorts", options->publish_all);
        json_put_bool(writer, "ReadonlyRootfs", options->read_only);
        put_str_list(writer, "SecurityOpt", &options->security_opt);
        json_put_int(writer, "ShmSize", options->shm_size > 0 ? options->shm_size : (int64_t) 64 * 1024 * 1024);
        put_str_list(writer, "Sysctls", &options->sysctl);
        json_put_int(writer, "CpuShares", options->cpu_shares);
        json_put_int(writer, "Memory", options->memory);
        json_put_int(writer, "NanoCpus", (int64_t) (options->cpus * 1e9));
        put_text(writer, "CgroupParent", options->cgroup_parent);
        json_put_int(writer, "BlkioWeight", options->blkio_weight);
        json_put_int(writer, "CpuPeriod", options->cpu_period);
        json_put_int(writer, "CpuQuota", options->cpu_quota);
        put_text(writer, "CpusetCpus", options->cpuset_cpus);
        put_text(writer, "CpusetMems", options->cpuset_mems);
        put_str_list(writer, "Devices", &options->device);
        json_put_int(writer, "MemoryReservation", options->memory_reservation);
        json_put_int(writer, "MemorySwap", options->memory_swap);
        json_put_bool(writer, "OomKillDisable", options->oom_kill_disable);
        json_put_int(writer, "PidsLimit", options->pids_limit);
        put_str_list(writer, "Ulimits", &options->ulimit);
        json_end_object(writer);
}

static void put_mounts(struct json_writer *writer, const struct container *container) {
        json_begin_array(writer, "Mounts");
        for (size_t i = 0; i < container->mount_count; i++) {
                const struct container_mount *mount = &container->mounts[i];

                json_begin_object(writer, NULL);
                json_put_string(writer, "Type", mount->type);
                json_put_string(writer, "Name", mount->name);
                put_text(writer, "Source", mount->source);
                json_put_string(writer, "Destination", mount->destination);
                if (str_equal(mount->type, "volume"))
                        json_put_string(writer, "Driver", "local");
                json_put_string(writer, "Mode", mount->options);
                json_put_bool(writer, "RW", !mount->read_only);
                json_end_object(writer);
        }
        json_end_array(writer);
}

/* The address without its prefix length, and the length. */
static void put_address(struct json_writer *writer, const struct json *attachment) {
        const char *address = attachment ? attachment_address(attachment) : NULL;
        size_t size = address ? strcspn(address, "/") : 0;
        _cleanup_free_ char *ip = xstrndup(address ? address : "", size);
        int64_t prefix = 0;

        if (address && address[size])
                (void) str_to_i64(address + size + 1, 0, 128, &prefix);
        put_text(writer, "Gateway", attachment ? attachment_gateway(attachment) : NULL);
        json_put_string(writer, "IPAddress", ip);
        json_put_int(writer, "IPPrefixLen", prefix);
        put_text(writer, "MacAddress", attachment ? attachment_mac(attachment) : NULL);
}

static void read_ports(const struct json *connection, struct port_list *out) {
        const struct json *array = json_get(connection, "ports");

        if (!array)
                return;
        json_for_each (item, array) {
                uint64_t host = 0, inside = 0;
                const char *protocol = "tcp", *ip = NULL;
                struct port_mapping *mapping;

                (void) json_get_u64(item, "hostPort", 65535, &host, NULL);
                (void) json_get_u64(item, "containerPort", 65535, &inside, NULL);
                (void) json_get_string(item, "protocol", &protocol, NULL);
                (void) json_get_string(item, "hostIP", &ip, NULL);
                out->items = xrealloc(out->items, out->count + 1, sizeof(*out->items));
                mapping = &out->items[out->count++];
                *mapping = (struct port_mapping){
                        .host_port = (uint16_t) host, .container_port = (uint16_t) inside, .protocol = protocol};
                (void) snprintf(mapping->host_ip, sizeof(mapping->host_ip), "%s", ip ? ip : "");
        }
}

static void put_network(struct json_writer *writer, const struct json *attachment) {
        const char *name = "", *id = "";

        (void) json_get_string(attachment, "network", &name, NULL);
        (void) json_get_string(attachment, "id", &id, NULL);
        json_begin_object(writer, name);
        json_put_string(writer, "NetworkID", id);
        put_address(writer, attachment);
        json_end_object(writer);
}

static void put_networks(struct json_writer *writer, const struct container *container) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *connection = connect_read(container, arena), *attachments;
        struct port_list ports = {0};

        read_ports(connection, &ports);
        json_begin_object(writer, "NetworkSettings");
        put_text(writer, "SandboxKey", connection_netns(connection));
        put_port_map(writer, "Ports", &ports);
        port_list_free(&ports);
        put_address(writer, connection_attachment(connection, 0));
        json_begin_object(writer, "Networks");
        attachments = json_get(connection, "attachments");
        if (attachments && attachments->count > 0) {
                json_for_each (attachment, attachments) {
                        put_network(writer, attachment);
                }
        } else {
                json_begin_object(writer, connect_mode(container));
                put_address(writer, NULL);
                json_end_object(writer);
        }
        json_end_object(writer);
        json_end_object(writer);
}

static void put_file(struct json_writer *writer, const char *key, const struct container *container, const char *name) {
        _cleanup_free_ char *path = str_format("%s/%s", container->directory, name);

        json_put_string(writer, key, path);
}

void container_inspect_write(struct json_writer *writer, const char *key, const struct manager *manager,
                             const struct container *container) {
        _cleanup_free_ char *name = str_format("/%s", container->name);
        _cleanup_free_ char *image = str_format("sha256:%s", container->image_id ? container->image_id : "");

        json_begin_object(writer, key);
        json_put_string(writer, "Id", container->id);
        put_time(writer, "Created", container->created);
        json_put_string(writer, "Path", container->args[0]);
        json_put_strings(writer, "Args", container->args + 1);
        put_state(writer, &container->state);
        json_put_string(writer, "Image", image);
        put_file(writer, "ResolvConfPath", container, "resolv.conf");
        put_file(writer, "HostnamePath", container, "hostname");
        put_file(writer, "HostsPath", container, "hosts");
        put_file(writer, "LogPath", container, "container.log");
        json_put_string(writer, "Name", name);
        json_put_int(writer, "RestartCount", container->state.restart_count);
        json_put_string(writer, "Driver", "overlay");
        json_put_string(writer, "Platform", "linux");
        json_put_string(writer, "Runtime", manager->runtime);
        put_host_config(writer, container);
        json_begin_object(writer, "GraphDriver");
        json_put_string(writer, "Name", "overlay");
        json_begin_object(writer, "Data");
        put_file(writer, "UpperDir", container, "upper");
        put_file(writer, "WorkDir", container, "work");
        put_file(writer, "MergedDir", container, "merged");
        json_end_object(writer);
        json_end_object(writer);
        put_mounts(writer, container);
        put_config(writer, container);
        put_networks(writer, container);
        json_end_object(writer);
}

char *container_ports_text(const struct container *container) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct json *connection = connect_read(container, arena);
        _cleanup_str_list_ struct str_list texts = {0};
        struct port_list ports = {0};

        read_ports(connection, &ports);
        for (size_t i = 0; connection && container->exposed_ports && container->exposed_ports[i]; i++) {
                bool published = false;

                for (size_t j = 0; j < ports.count; j++) {
                        const struct port_mapping *mapping = &ports.items[j];
                        _cleanup_free_ char *inside = str_format("%u/%s", mapping->container_port, mapping->protocol);

                        if (!str_equal(inside, container->exposed_ports[i]))
                                continue;
                        published = true;
                        str_list_printf(&texts, "%s:%u->%s", mapping->host_ip[0] ? mapping->host_ip : "0.0.0.0",
                                        mapping->host_port, inside);
                }
                if (!published)
                        str_list_add(&texts, container->exposed_ports[i]);
        }
        port_list_free(&ports);
        return str_list_join(&texts, ", ");
}
