#include "lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/log.h"
#include "../lib/path.h"
#include "attach.h"

#define OWNERS ".owners"
#define LOCK "lock"
#define BOOT_ID_SIZE 37
#define LEASE_MAX 512

int lease_open(const char *data_dir, const char *network, bool make, struct lease_store *out, struct error *err) {
        *out = (struct lease_store) LEASE_STORE_CLOSED;
        out->path = path_join(data_dir, network);
        out->dir_fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (out->dir_fd < 0 && errno == ENOENT && make) {
                int r = path_make_trusted_dirs(out->path, 0755, err);

                if (r < 0)
                        return r;
                out->dir_fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (out->dir_fd < 0)
                return errno == ENOENT && !make ? 0 : error_errno(err, errno, "lease directory %s", out->path);
        out->lock_fd = file_lock(out->dir_fd, LOCK, FILE_LOCK_EXCLUSIVE, err);
        return out->lock_fd < 0 ? error_wrap(err, "lease directory %s", out->path) : 0;
}

void lease_close(struct lease_store *store) {
        fd_close_at(&store->lock_fd);
        fd_close_at(&store->dir_fd);
        free(store->path);
        store->path = NULL;
}

/* The content becomes visible under its name in one step; EEXIST when the name is taken. */
static int write_new(int dir_fd, const char *name, const char *text) {
        _cleanup_fd_ int fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
        char path[PATH_FD_MAX], temporary[64];
        int r = 0;

        if (fd >= 0) {
                r = fd_write_all(fd, text, strlen(text));
                if (r >= 0 && linkat(AT_FDCWD, path_of_fd(fd, path), dir_fd, name, AT_SYMLINK_FOLLOW) < 0)
                        r = -errno;
                return r;
        }
        /* File systems without O_TMPFILE. */
        (void) snprintf(temporary, sizeof(temporary), ".new.%d", (int) getpid());
        fd = openat(dir_fd, temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, text, strlen(text));
        if (r >= 0 && linkat(dir_fd, temporary, dir_fd, name, 0) < 0)
                r = -errno;
        (void) unlinkat(dir_fd, temporary, 0);
        return r;
}

int lease_take(struct lease_store *store, const struct cni_address *address, const struct lease_owner *owner,
               struct error *err) {
        char name[CNI_ADDRESS_SIZE], text[LEASE_MAX];
        int r;

        (void) cni_address_text(address, name);
        (void) snprintf(text, sizeof(text), "%s\r\n%s", owner->container_id, owner->ifname);
        /* Looking first costs less than a file that cannot be linked. */
        if (faccessat(store->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        r = write_new(store->dir_fd, name, text);
        if (r == -EEXIST)
                return 0;
        return r < 0 ? error_errno(err, -r, "cannot write lease %s/%s", store->path, name) : 1;
}

static int remove_lease(struct lease_store *store, const char *name, struct error *err) {
        if (unlinkat(store->dir_fd, name, 0) < 0 && errno != ENOENT)
                return error_errno(err, errno, "cannot remove lease %s/%s", store->path, name);
        return 0;
}

int lease_give_back(struct lease_store *store, const struct cni_address *address, struct error *err) {
        char name[CNI_ADDRESS_SIZE];

        return remove_lease(store, cni_address_text(address, name), err);
}

/* A lease without a link is the container's, whichever link is asked for. */
static bool belongs_to(const struct lease_owner *owner, const char *container_id, const char *ifname) {
        return str_equal(owner->container_id, container_id) &&
               (str_empty(owner->ifname) || str_equal(owner->ifname, ifname));
}

/* Reads who a lease belongs to. 1, 0: no such file, -EBADMSG: not a lease. */
static int read_lease(struct lease_store *store, const char *name, struct lease_owner *owner, char text[LEASE_MAX]) {
        _cleanup_fd_ int fd = openat(store->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        char *line, *end;
        ssize_t size;

        if (fd < 0)
                return errno == ENOENT ? 0 : -EBADMSG;
        size = read(fd, text, LEASE_MAX - 1);
        if (size <= 0 || size == LEASE_MAX - 1 || memchr(text, '\0', (size_t) size))
                return -EBADMSG;
        text[size] = '\0';
        line = strchr(text, '\n');
        /* As reference plugins before 0.8 wrote it. */
        if (!line && path_is_id(text)) {
                *owner = (struct lease_owner){.container_id = text, .ifname = ""};
                return 1;
        }
        if (!line)
                return -EBADMSG;
        end = line > text && line[-1] == '\r' ? line - 1 : line;
        *end = '\0';
        line++;
        end = line + strcspn(line, "\r\n");
        /* Whatever follows the two lines was not written by a plugin. */
        if (end[strspn(end, "\r\n")] != '\0')
                return -EBADMSG;
        *end = '\0';
        if (!path_is_id(text) || !attach_link_name_is_valid(line))
                return -EBADMSG;
        *owner = (struct lease_owner){.container_id = text, .ifname = line};
        return 1;
}

int lease_holder(struct lease_store *store, const char *address, char holder[512], struct error *err) {
        struct lease_owner owner;
        char text[LEASE_MAX];
        int r;

        if (store->dir_fd < 0)
                return 0;
        r = read_lease(store, address, &owner, text);
        if (r == -EBADMSG) {
                (void) error_set(err, EBADMSG, "lease %s/%s is garbage", store->path, address);
                return error_hint(err, "remove the file if no container uses the address");
        }
        if (r > 0)
                (void) snprintf(holder, 512, "%.480s%s%.16s", owner.container_id, str_empty(owner.ifname) ? "" : " ",
                                owner.ifname);
        return r;
}

/* The name of an owner's note; false when it would be too long for a file. */
static bool owner_name(const struct lease_owner *owner, char name[NAME_MAX + 1]) {
        return snprintf(name, NAME_MAX + 1, "%s:%s", owner->container_id, owner->ifname) <= NAME_MAX;
}

int lease_note_owner(struct lease_store *store, const struct lease_owner *owner, const struct str_list *addresses,
                     struct error *err) {
        _cleanup_free_ char *text = str_list_join(addresses, " ");
        _cleanup_fd_ int owners = -1;
        char name[NAME_MAX + 1];

        if (!owner_name(owner, name))
                return 0;
        owners = openat(store->dir_fd, OWNERS, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (owners < 0 && errno == ENOENT && mkdirat(store->dir_fd, OWNERS, 0755) == 0)
                owners = openat(store->dir_fd, OWNERS, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (owners < 0)
                return error_errno(err, errno, "%s/%s", store->path, OWNERS);
        if (symlinkat(text, owners, name) == 0)
                return 0;
        /* The note of an attachment that was never detached. */
        if (errno == EEXIST && unlinkat(owners, name, 0) == 0 && symlinkat(text, owners, name) == 0)
                return 0;
        return error_errno(err, errno, "%s/%s/%s", store->path, OWNERS, name);
}

static void forget_owner(struct lease_store *store, const struct lease_owner *owner) {
        char name[NAME_MAX + 1], path[NAME_MAX + 16];

        if (!owner_name(owner, name))
                return;
        (void) snprintf(path, sizeof(path), "%s/%s", OWNERS, name);
        (void) unlinkat(store->dir_fd, path, 0);
}

/* Called for each file that is named as an address. */
typedef int (*lease_handler)(struct lease_store *store, const char *name, int r, const struct lease_owner *owner,
                             void *context, struct error *err);

/* Opens a directory below the store's; NULL with errno set. */
static DIR *open_directory(const struct lease_store *store, const char *name) {
        int fd = openat(store->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);

        if (fd >= 0 && !dir)
                (void) close(fd);
        return dir;
}

static int for_each_lease(struct lease_store *store, lease_handler handler, void *context, struct error *err) {
        _cleanup_dir_ DIR *dir = open_directory(store, ".");
        const struct dirent *entry;
        int r = 0;

        if (!dir)
                return error_errno(err, errno, "lease directory %s", store->path);
        while (r >= 0 && (entry = readdir(dir))) {
                struct cni_address address;
                struct lease_owner owner = {0};
                char text[LEASE_MAX];

                if (cni_address_parse(entry->d_name, &address) < 0)
                        continue;
                r = read_lease(store, entry->d_name, &owner, text);
                if (r == -EBADMSG)
                        log_warning("lease %s/%s is garbage: the address is not given out", store->path, entry->d_name);
                r = handler(store, entry->d_name, r, &owner, context, err);
        }
        return r;
}

struct search {
        const struct lease_owner *owner;
        struct str_list *found;
};

static int find_owner(struct lease_store *store, const char *name, int r, const struct lease_owner *owner,
                      void *context, struct error *err) {
        const struct search *search = context;

        (void) store;
        (void) err;
        if (r > 0 && belongs_to(owner, search->owner->container_id, search->owner->ifname))
                str_list_add(search->found, name);
        return 0;
}

/* Reads the note: false when there is none, or it is stale: it names a lease that the owner does not hold. */
static bool find_noted(struct lease_store *store, const struct lease_owner *owner, struct str_list *out) {
        char name[NAME_MAX + 1], path[NAME_MAX + 16], text[PATH_MAX];
        bool whole = true;
        ssize_t size;

        if (!owner_name(owner, name))
                return false;
        (void) snprintf(path, sizeof(path), "%s/%s", OWNERS, name);
        size = readlinkat(store->dir_fd, path, text, sizeof(text) - 1);
        if (size < 0)
                return false;
        text[size] = '\0';
        for (char *rest = text, *item; (item = strsep(&rest, " "));) {
                struct lease_owner holder;
                struct cni_address address;
                char content[LEASE_MAX];

                /* The note is a hint: the lease itself decides. */
                if (cni_address_parse(item, &address) == 0 && read_lease(store, item, &holder, content) > 0 &&
                    belongs_to(&holder, owner->container_id, owner->ifname))
                        str_list_add(out, item);
                else
                        whole = false;
        }
        return whole;
}

int lease_of_owner(struct lease_store *store, const struct lease_owner *owner, bool search, struct str_list *out,
                   struct error *err) {
        struct search context = {.owner = owner, .found = out};

        if (store->dir_fd < 0 || find_noted(store, owner, out) || !search)
                return 0;
        /* A DEL and an ADD that were killed may have left the note of one and the leases of the other. */
        str_list_free(out);
        return for_each_lease(store, find_owner, &context, err);
}

int lease_release(struct lease_store *store, const struct lease_owner *owner, struct error *err) {
        _cleanup_str_list_ struct str_list addresses = {0};
        int r;

        if (store->dir_fd < 0)
                return 0;
        r = lease_of_owner(store, owner, true, &addresses, err);
        for (size_t i = 0; r >= 0 && i < addresses.count; i++)
                r = remove_lease(store, addresses.items[i], err);
        if (r >= 0)
                forget_owner(store, owner);
        return r;
}

struct collection {
        const struct cni_attachment *valid;
        size_t count;
};

static bool is_valid(const struct collection *collection, const struct lease_owner *owner) {
        for (size_t i = 0; i < collection->count; i++)
                if (belongs_to(owner, collection->valid[i].container_id, collection->valid[i].ifname))
                        return true;
        return false;
}

static int collect_lease(struct lease_store *store, const char *name, int r, const struct lease_owner *owner,
                         void *context, struct error *err) {
        return r <= 0 || is_valid(context, owner) ? 0 : remove_lease(store, name, err);
}

/* Notes whose leases are gone, too: no other call would come upon them. */
static void collect_notes(struct lease_store *store, const struct collection *collection) {
        _cleanup_dir_ DIR *dir = open_directory(store, OWNERS);
        const struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                char name[NAME_MAX + 1], *colon;

                (void) snprintf(name, sizeof(name), "%s", entry->d_name);
                colon = strrchr(name, ':');
                if (!colon)
                        continue;
                *colon = '\0';
                if (!is_valid(collection, &(struct lease_owner){.container_id = name, .ifname = colon + 1}))
                        (void) unlinkat(dirfd(dir), entry->d_name, 0);
        }
}

int lease_collect(struct lease_store *store, const struct cni_attachment *valid, size_t count, struct error *err) {
        struct collection context = {.valid = valid, .count = count};
        int r;

        if (store->dir_fd < 0)
                return 0;
        r = for_each_lease(store, collect_lease, &context, err);
        if (r >= 0)
                collect_notes(store, &context);
        return r;
}

static int drop_older(struct lease_store *store, const char *name, int r, const struct lease_owner *owner,
                      void *context, struct error *err) {
        const time_t *boot = context;
        struct stat st;

        if (r <= 0 || fstatat(store->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtime >= *boot)
                return 0;
        r = remove_lease(store, name, err);
        if (r >= 0)
                forget_owner(store, owner);
        return r;
}

/* Empty where it cannot be told. */
static void read_boot_id(char id[BOOT_ID_SIZE]) {
        _cleanup_fd_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        ssize_t size = fd < 0 ? -1 : read(fd, id, BOOT_ID_SIZE - 1);

        id[size > 0 ? size : 0] = '\0';
}

int lease_forget_former_boot(struct lease_store *store, struct error *err) {
        char id[BOOT_ID_SIZE], noted[BOOT_ID_SIZE];
        ssize_t size = pread(store->lock_fd, noted, BOOT_ID_SIZE - 1, 0);
        struct timespec now, up;
        time_t boot;
        int r;

        noted[size > 0 ? size : 0] = '\0';
        read_boot_id(id);
        if (!id[0] || str_equal(id, noted))
                return 0;
        (void) clock_gettime(CLOCK_REALTIME, &now);
        (void) clock_gettime(CLOCK_BOOTTIME, &up);
        boot = now.tv_sec - up.tv_sec;
        r = noted[0] ? for_each_lease(store, drop_older, &boot, err) : 0;
        if (r < 0)
                return r;
        if (ftruncate(store->lock_fd, 0) < 0 || pwrite(store->lock_fd, id, strlen(id), 0) < 0)
                return error_errno(err, errno, "%s/%s", store->path, LOCK);
        return 0;
}

static void last_name(size_t set, char name[32]) {
        (void) snprintf(name, 32, "last_reserved_ip.%zu", set);
}

void lease_last(struct lease_store *store, size_t set, struct cni_address *out) {
        char name[32], text[CNI_ADDRESS_SIZE];
        _cleanup_fd_ int fd = -1;
        ssize_t size;

        *out = (struct cni_address){0};
        last_name(set, name);
        fd = openat(store->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (size <= 0)
                return;
        text[size] = '\0';
        /* Garbage here only means to begin at the start. */
        (void) cni_address_parse(text, out);
}

void lease_set_last(struct lease_store *store, size_t set, const struct cni_address *address) {
        char name[32], text[CNI_ADDRESS_SIZE];
        _cleanup_fd_ int fd = -1;

        last_name(set, name);
        (void) cni_address_text(address, text);
        fd = openat(store->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd >= 0)
                (void) fd_write_all(fd, text, strlen(text));
}

struct visit {
        lease_visitor visitor;
        void *context;
};

static int visit_lease(struct lease_store *store, const char *name, int r, const struct lease_owner *owner,
                       void *context, struct error *err) {
        const struct visit *visit = context;

        (void) store;
        (void) err;
        return visit->visitor(name, r > 0 ? owner : NULL, visit->context);
}

int lease_list(const char *data_dir, const char *network, lease_visitor visitor, void *context, struct error *err) {
        _cleanup_lease_store_ struct lease_store store = LEASE_STORE_CLOSED;
        struct visit visit = {.visitor = visitor, .context = context};

        store.path = path_join(data_dir, network);
        store.dir_fd = open(store.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store.dir_fd < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, "lease directory %s", store.path);
        return for_each_lease(&store, visit_lease, &visit, err);
}
