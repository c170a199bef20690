#include "show_view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/path.h"
#include "attach.h"
#include "dns_names.h"
#include "lease.h"
#include "link.h"

#define NETNS_DIRECTORY "/run/netns"

/* --- finding or making the parts --------------------------------------------------------------------------------- */

/* Networks are in the order of their names, all else is in the order in which it is found. */
static struct show_network *network_of(struct show_view *view, const char *name) {
        struct show_network **place = &view->networks, *network;

        if (view->only && !str_equal(view->only, name))
                return NULL;
        while (*place && strcmp((*place)->name, name) < 0)
                place = &(*place)->next;
        if (*place && str_equal((*place)->name, name))
                return *place;
        network = arena_alloc(view->arena, 1, sizeof(*network));
        *network = (struct show_network){.name = arena_strdup(view->arena, name), .next = *place};
        *place = network;
        return network;
}

static struct show_attachment *attachment_of(struct show_view *view, struct show_network *network,
                                             const char *container_id, const char *ifname) {
        struct show_attachment **place = &network->attachments, *attachment;

        for (; *place; place = &(*place)->next)
                if (str_equal((*place)->container_id, container_id) && str_equal((*place)->ifname, ifname))
                        return *place;
        attachment = arena_alloc(view->arena, 1, sizeof(*attachment));
        *attachment = (struct show_attachment){.container_id = arena_strdup(view->arena, container_id),
                                               .ifname = arena_strdup(view->arena, ifname)};
        *place = attachment;
        return attachment;
}

static struct show_link *link_of(struct show_view *view, struct show_network *network, const char *name) {
        struct show_link **place = &network->links, *link;

        for (; *place; place = &(*place)->next)
                if (str_equal((*place)->name, name))
                        return *place;
        link = arena_alloc(view->arena, 1, sizeof(*link));
        *link = (struct show_link){.name = arena_strdup(view->arena, name), .kind = ""};
        *place = link;
        return link;
}

/* --- where it is read -------------------------------------------------------------------------------------------- */

static void add_port(struct show_view *view, struct show_attachment *attachment, const struct nft_fact *fact) {
        struct show_port **place = &attachment->ports, *port = arena_alloc(view->arena, 1, sizeof(*port));

        while (*place)
                place = &(*place)->next;
        *port = (struct show_port){.port = fact->port, .address = fact->address};
        *place = port;
}

static int add_fact(const struct nft_fact *fact, void *context) {
        struct show_view *view = context;
        struct show_network *network = network_of(view, fact->network);
        struct show_attachment *attachment;
        char text[CNI_ADDRESS_SIZE];

        if (!network)
                return 0;
        attachment = attachment_of(view, network, fact->container_id, fact->ifname);
        str_list_add_once(&attachment->addresses, cni_address_text(&fact->address, text));
        switch (fact->kind) {
        case NFT_MASQUERADED:
                attachment->masquerade = true;
                break;
        case NFT_FORWARDED:
                attachment->forward = true;
                if (fact->link[0])
                        (void) link_of(view, network, fact->link);
                break;
        case NFT_PUBLISHED:
                add_port(view, attachment, fact);
                break;
        }
        return 0;
}

struct lease_reading {
        struct show_view *view;
        struct show_network *network;
};

static int add_lease(const char *address, const struct lease_owner *owner, void *context) {
        const struct lease_reading *reading = context;
        struct show_lease **place = &reading->network->leases, *lease;
        struct arena *arena = reading->view->arena;

        while (*place)
                place = &(*place)->next;
        lease = arena_alloc(arena, 1, sizeof(*lease));
        *lease = (struct show_lease){.address = arena_strdup(arena, address)};
        if (owner) {
                lease->container_id = arena_strdup(arena, owner->container_id);
                lease->ifname = arena_strdup(arena, owner->ifname);
                str_list_add_once(
                        &attachment_of(reading->view, reading->network, owner->container_id, owner->ifname)->addresses,
                        address);
        }
        *place = lease;
        return 0;
}

/* Not every filesystem tells while it lists. */
static bool is_directory(DIR *holder, const struct dirent *entry) {
        struct stat info;

        if (entry->d_type != DT_UNKNOWN)
                return entry->d_type == DT_DIR;
        return fstatat(dirfd(holder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

/* Calls for each directory below `path` whose name can be a network's. */
static void for_each_directory(struct show_view *view, const char *path,
                               void (*handler)(struct show_view *view, struct show_network *network)) {
        _cleanup_dir_ DIR *directory = opendir(path);
        const struct dirent *entry;

        if (!directory && errno != ENOENT)
                str_list_printf(&view->notes, "%s: %s", path, strerror(errno));
        while (directory && (entry = readdir(directory))) {
                struct show_network *network = path_is_id(entry->d_name) && is_directory(directory, entry)
                                                       ? network_of(view, entry->d_name)
                                                       : NULL;

                if (network)
                        handler(view, network);
        }
}

static void read_leases(struct show_view *view, struct show_network *network) {
        struct lease_reading reading = {.view = view, .network = network};
        struct error err = {0};

        if (lease_list(view->data_dir, network->name, add_lease, &reading, &err) < 0)
                str_list_add(&view->notes, err.message);
}

static int add_names(const struct cni_attachment *owner, const struct dns_entry *entry, void *context) {
        const struct lease_reading *reading = context;
        struct show_attachment *attachment =
                attachment_of(reading->view, reading->network, owner->container_id, owner->ifname);

        for (size_t i = 0; i < entry->names.count; i++)
                str_list_add_once(&attachment->names, entry->names.items[i]);
        for (size_t i = 0; i < entry->addresses.count; i++)
                str_list_add_once(&attachment->addresses, entry->addresses.items[i]);
        return 0;
}

static void read_names(struct show_view *view, struct show_network *network) {
        struct lease_reading reading = {.view = view, .network = network};
        struct error err = {0};

        if (dns_names_list(network->name, add_names, &reading, &err) < 0)
                str_list_add(&view->notes, err.message);
}

/* --- links ------------------------------------------------------------------------------------------------------- */

struct link_table {
        struct link_info *items;
        size_t count;
        size_t room;
};

static int note_link(const struct link_info *info, void *context) {
        struct link_table *table = context;

        if (table->count == table->room) {
                table->room = table->room ? 2 * table->room : 16;
                table->items = xrealloc(table->items, table->room, sizeof(*table->items));
        }
        table->items[table->count++] = *info;
        return 0;
}

static const struct link_info *find_link(const struct link_table *table, const char *name, int index) {
        for (size_t i = 0; i < table->count; i++)
                if (name ? str_equal(table->items[i].name, name) : table->items[i].index == index)
                        return &table->items[i];
        return NULL;
}

/* The namespaces in /run/netns that links here lead to. */
struct netns_table {
        bool is_read;
        struct netns_row {
                int number; /* by which links here know it */
                const char *name;
        } * items;
        size_t count;
        size_t room;
};

static void read_namespaces(struct show_view *view, struct netlink *netlink, struct netns_table *table) {
        _cleanup_dir_ DIR *directory = opendir(NETNS_DIRECTORY);
        const struct dirent *entry;

        table->is_read = true;
        while (directory && (entry = readdir(directory))) {
                _cleanup_fd_ int fd =
                        openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
                int number = entry->d_name[0] != '.' && fd >= 0 ? link_netns_number(netlink, fd) : -1;

                if (number < 0)
                        continue;
                if (table->count == table->room) {
                        table->room = table->room ? 2 * table->room : 16;
                        table->items = xrealloc(table->items, table->room, sizeof(*table->items));
                }
                table->items[table->count++] = (struct netns_row){
                        .number = number, .name = arena_printf(view->arena, NETNS_DIRECTORY "/%s", entry->d_name)};
        }
}

/* All are read when the first is asked for: not each time, as there may be as many as attachments. */
static const char *netns_name(struct show_view *view, struct netlink *netlink, struct netns_table *table, int number) {
        if (number >= 0 && !table->is_read)
                read_namespaces(view, netlink, table);
        for (size_t i = 0; i < table->count; i++)
                if (table->items[i].number == number)
                        return table->items[i].name;
        return NULL;
}

static int add_address(const struct cni_address *address, void *context) {
        char text[CNI_ADDRESS_SIZE];

        str_list_add(&((struct show_link *) context)->addresses, cni_address_cidr(address, text));
        return 0;
}

static void complete_network(struct show_view *view, struct netlink *netlink, const struct link_table *links,
                             struct netns_table *namespaces, struct show_network *network) {
        for (struct show_attachment *item = network->attachments; item; item = item->next) {
                const struct link_info *end, *bridge;
                char name[IFNAMSIZ];

                attach_link_name(ATTACH_PAIR, network->name, item->container_id, item->ifname, name);
                end = find_link(links, name, 0);
                if (!end)
                        continue;
                item->host_link = arena_strdup(view->arena, end->name);
                item->netns = netns_name(view, netlink, namespaces, end->netns);
                bridge = end->master ? find_link(links, NULL, end->master) : NULL;
                if (bridge)
                        (void) link_of(view, network, bridge->name);
        }
        for (struct show_link *link = network->links; link; link = link->next) {
                const struct link_info *info = find_link(links, link->name, 0);

                if (!info) {
                        link->kind = "gone";
                        continue;
                }
                link->kind = arena_strdup(view->arena, info->kind);
                link->up = info->flags & IFF_UP;
                (void) link_addresses(netlink, info->index, add_address, link, NULL);
        }
}

int show_view_read(struct show_view *view, struct error *err) {
        _cleanup_netlink_ struct netlink netlink = NETLINK_CLOSED;
        struct netns_table namespaces = {0};
        struct link_table links = {0};
        struct error rules = {0};
        int r;

        if (nft_list(add_fact, view, &rules) < 0)
                str_list_printf(&view->notes, "rules are not shown: %s", rules.message);
        for_each_directory(view, view->data_dir, read_leases);
        for_each_directory(view, DNS_DIRECTORY, read_names);
        r = link_open(-1, &netlink, err);
        if (r >= 0)
                r = link_list(&netlink, note_link, &links, err);
        for (struct show_network *network = view->networks; r >= 0 && network; network = network->next)
                complete_network(view, &netlink, &links, &namespaces, network);
        free(namespaces.items);
        free(links.items);
        return r;
}

void show_view_free(struct show_view *view) {
        for (struct show_network *network = view->networks; network; network = network->next) {
                for (struct show_attachment *item = network->attachments; item; item = item->next) {
                        str_list_free(&item->addresses);
                        str_list_free(&item->names);
                }
                for (struct show_link *link = network->links; link; link = link->next)
                        str_list_free(&link->addresses);
        }
        str_list_free(&view->notes);
}
