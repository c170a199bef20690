#include "record_json.h"

#include <errno.h>
#include <stddef.h>

#include "../../lib/cleanup.h"

enum field_type { FIELD_STRING, FIELD_STRINGS = 1, FIELD_REQUIRED = 2 };

/* The plain members of a container's record. */
static const struct field {
        const char *name;
        unsigned int type; /* of enum field_type */
        size_t offset;
} fields[] = {
        {"name", FIELD_STRING | FIELD_REQUIRED, offsetof(struct container, name)},
        {"image", FIELD_STRING | FIELD_REQUIRED, offsetof(struct container, image)},
        {"imageId", FIELD_STRING | FIELD_REQUIRED, offsetof(struct container, image_id)},
        {"entrypoint", FIELD_STRINGS, offsetof(struct container, entrypoint)},
        {"cmd", FIELD_STRINGS, offsetof(struct container, cmd)},
        {"args", FIELD_STRINGS | FIELD_REQUIRED, offsetof(struct container, args)},
        {"env", FIELD_STRINGS | FIELD_REQUIRED, offsetof(struct container, env)},
        {"workingDir", FIELD_STRING, offsetof(struct container, working_dir)},
        {"user", FIELD_STRING, offsetof(struct container, user)},
        {"hostname", FIELD_STRING, offsetof(struct container, hostname)},
        {"stopSignal", FIELD_STRING, offsetof(struct container, stop_signal)},
        {"exposedPorts", FIELD_STRINGS, offsetof(struct container, exposed_ports)},
        {"layers", FIELD_STRINGS | FIELD_REQUIRED, offsetof(struct container, layers)},
};

static void write_mounts(struct json_writer *writer, const struct container *container) {
        json_begin_array(writer, "mounts");
        for (size_t i = 0; i < container->mount_count; i++) {
                const struct container_mount *mount = &container->mounts[i];

                json_begin_object(writer, NULL);
                json_put_string(writer, "type", mount->type);
                json_put_string(writer, "name", mount->name);
                json_put_string(writer, "source", mount->source);
                json_put_string(writer, "destination", mount->destination);
                json_put_string(writer, "options", mount->options);
                json_put_bool(writer, "readOnly", mount->read_only);
                json_put_bool(writer, "anonymous", mount->anonymous);
                json_end_object(writer);
        }
        json_end_array(writer);
}

void container_record_write(struct json_writer *writer, const struct container *container) {
        json_begin_object(writer, NULL);
        json_put_string(writer, "id", container->id);
        json_put_int(writer, "created", container->created);
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                const void *value = (const char *) container + fields[i].offset;

                if (!(fields[i].type & FIELD_STRINGS))
                        json_put_string(writer, fields[i].name, *(const char *const *) value);
                else
                        json_put_strings(writer, fields[i].name, *(const char *const *const *) value);
        }
        json_begin_object(writer, "labels");
        for (size_t i = 0; i < container->label_count; i++)
                json_put_string(writer, container->labels[i].key, container->labels[i].value);
        json_end_object(writer);
        write_mounts(writer, container);
        container_options_write(writer, "options", &container->options);
        json_end_object(writer);
}

static int read_labels(struct container *container, const struct json *root, struct error *err) {
        const struct json *object = NULL;
        struct string_pair *labels;
        int r = json_get_object(root, "labels", &object, err);

        if (r < 0 || !object)
                return r;
        labels = arena_alloc(container->arena, object->count + 1, sizeof(*labels));
        json_for_each (member, object) {
                r = json_expect(member, JSON_STRING, err);
                if (r < 0)
                        return r;
                labels[container->label_count++] = (struct string_pair){member->key, member->text};
        }
        container->labels = labels;
        return 0;
}

static int read_mounts(struct container *container, const struct json *root, struct error *err) {
        const struct json *array = NULL;
        struct container_mount *mounts;
        int r = json_get_array(root, "mounts", &array, err);

        if (r < 0 || !array)
                return r;
        mounts = arena_alloc(container->arena, array->count + 1, sizeof(*mounts));
        json_for_each (item, array) {
                struct container_mount *mount = &mounts[container->mount_count++];

                mount->options = "";
                if ((r = json_get_string(item, "type", &mount->type, err)) < 0 ||
                    (r = json_get_string(item, "name", &mount->name, err)) < 0 ||
                    (r = json_get_string(item, "source", &mount->source, err)) < 0 ||
                    (r = json_get_string(item, "destination", &mount->destination, err)) < 0 ||
                    (r = json_get_string(item, "options", &mount->options, err)) < 0 ||
                    (r = json_get_bool(item, "readOnly", &mount->read_only, err)) < 0 ||
                    (r = json_get_bool(item, "anonymous", &mount->anonymous, err)) < 0)
                        return r;
                if (!mount->type || !mount->destination)
                        return error_set(err, EINVAL, "mounts[%u]: type and destination: required, but missing",
                                         item->index);
        }
        container->mounts = mounts;
        return 0;
}

int container_record_read(struct container *container, const struct json *root, struct error *err) {
        const struct json *options = NULL;
        int r = json_get_i64(root, "created", 0, INT64_MAX, &container->created, err);

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
                void *value = (char *) container + fields[i].offset;

                if (!(fields[i].type & FIELD_STRINGS))
                        r = json_get_string(root, fields[i].name, value, err);
                else
                        r = json_get_strings(container->arena, root, fields[i].name, value, NULL, err);
                if (r == 0 && fields[i].type & FIELD_REQUIRED && !*(void **) value)
                        r = error_set(err, EINVAL, "%s: required, but missing", fields[i].name);
        }
        if (r == 0)
                r = read_labels(container, root, err);
        if (r == 0)
                r = read_mounts(container, root, err);
        if (r == 0)
                r = json_get_object(root, "options", &options, err);
        if (r == 0 && options)
                r = container_options_read(options, &container->options, err);
        return r;
}

void container_state_write(struct json_writer *writer, const struct container_state *state) {
        json_begin_object(writer, NULL);
        json_put_int(writer, "status", state->status);
        json_put_int(writer, "pid", state->pid);
        json_put_uint(writer, "pidStart", state->pid_start);
        json_put_int(writer, "monitor", state->monitor);
        json_put_uint(writer, "monitorStart", state->monitor_start);
        json_put_int(writer, "exitCode", state->exit_code);
        json_put_bool(writer, "oomKilled", state->oom_killed);
        json_put_int(writer, "startedAt", state->started_at);
        json_put_int(writer, "finishedAt", state->finished_at);
        json_put_int(writer, "restartCount", state->restart_count);
        json_put_string(writer, "error", state->error);
        json_end_object(writer);
}

int container_state_read(struct container_state *state, const struct json *root, struct error *err) {
        int status = STATUS_CREATED, r;

        if ((r = json_get_int(root, "status", &status, err)) < 0 ||
            (r = json_get_int(root, "pid", &state->pid, err)) < 0 ||
            (r = json_get_u64(root, "pidStart", UINT64_MAX, &state->pid_start, err)) < 0 ||
            (r = json_get_int(root, "monitor", &state->monitor, err)) < 0 ||
            (r = json_get_u64(root, "monitorStart", UINT64_MAX, &state->monitor_start, err)) < 0 ||
            (r = json_get_int(root, "exitCode", &state->exit_code, err)) < 0 ||
            (r = json_get_bool(root, "oomKilled", &state->oom_killed, err)) < 0 ||
            (r = json_get_i64(root, "startedAt", 0, INT64_MAX, &state->started_at, err)) < 0 ||
            (r = json_get_i64(root, "finishedAt", 0, INT64_MAX, &state->finished_at, err)) < 0 ||
            (r = json_get_i64(root, "restartCount", 0, INT64_MAX, &state->restart_count, err)) < 0 ||
            (r = json_get_string(root, "error", &state->error, err)) < 0)
                return r;
        if (state->pid < 0 || state->monitor < 0)
                return error_set(err, EINVAL, "%s: no such process: %d", state->pid < 0 ? "pid" : "monitor",
                                 state->pid < 0 ? state->pid : state->monitor);
        if (status < STATUS_CREATED || status > STATUS_DEAD)
                return error_set(err, EINVAL, "status: no such status: %d", status);
        state->status = (enum container_status) status;
        return 0;
}
