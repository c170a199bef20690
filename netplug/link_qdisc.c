/* Queueing disciplines, classes and filters: rtnetlink's traffic control, whose attributes are put by hand. */
#include "link_qdisc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "link_message.h"

#define ROOM ((size_t) 4096)
/* Our queue on a link is "1:", its class of held packets "1:30", and that of all others "1:1". */
#define QUEUE_HANDLE 0x10000U
#define CLASS_FREE 1U
#define CLASS_HELD 0x30U
#define INGRESS_HANDLE 0xffff0000U
/* How long a packet waits at most before it is dropped: 25 ms, as the reference plugin has it. */
#define WAIT_DIVISOR 40
/* What is not held may have all the rate there is: 100 GB/s. */
#define RATE_FREE ((uint64_t) 100000000000)
/* A tick of the kernel's packet scheduler is 64 ns. */
#define TICK_NS 64
#define NS_PER_SECOND ((uint64_t) 1000000000)

static struct nl_msg *control_message(int type, int flags, int index, uint32_t handle, uint32_t parent) {
        const struct tcmsg head = {
                .tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_handle = handle, .tcm_parent = parent};

        return netlink_message(type, flags, &head, sizeof(head), ROOM);
}

static struct tc_ratespec rate_spec(uint64_t rate) {
        return (struct tc_ratespec){.rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t) rate,
                                    .linklayer = TC_LINKLAYER_ETHERNET};
}

static void put_u64(struct nl_msg *message, int type, uint64_t value) {
        link_put(message, type, &value, sizeof(value));
}

/* Bytes that may be waiting. */
static uint32_t queue_limit(const struct link_rate *rate) {
        uint64_t limit = rate->rate / WAIT_DIVISOR + rate->burst;

        return limit > UINT32_MAX ? UINT32_MAX : (uint32_t) limit;
}

static uint32_t burst_ticks(uint64_t rate, uint32_t burst) {
        uint64_t ticks = rate ? (uint64_t) burst * NS_PER_SECOND / rate / TICK_NS : 0;

        return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t) ticks;
}

static struct nl_msg *bucket_message(int index, const struct link_rate *rate) {
        struct nl_msg *message =
                control_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, QUEUE_HANDLE, TC_H_ROOT);
        const struct tc_tbf_qopt options = {.rate = rate_spec(rate->rate),
                                            .limit = queue_limit(rate),
                                            .buffer = burst_ticks(rate->rate, rate->burst)};
        struct nlattr *nest;

        link_put_text(message, TCA_KIND, "tbf");
        nest = link_nest(message, TCA_OPTIONS);
        link_put(message, TCA_TBF_PARMS, &options, sizeof(options));
        link_put_u32(message, TCA_TBF_BURST, rate->burst);
        if (rate->rate > UINT32_MAX)
                put_u64(message, TCA_TBF_RATE64, rate->rate);
        (void) nla_nest_end(message, nest);
        return message;
}

static struct nl_msg *classes_message(int index, const struct link_rate *rate) {
        struct nl_msg *message =
                control_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, QUEUE_HANDLE, TC_H_ROOT);
        const struct tc_htb_glob options = {
                .version = 3, .rate2quantum = 10, .defcls = rate->only ? CLASS_FREE : CLASS_HELD};
        struct nlattr *nest;

        link_put_text(message, TCA_KIND, "htb");
        nest = link_nest(message, TCA_OPTIONS);
        link_put(message, TCA_HTB_INIT, &options, sizeof(options));
        (void) nla_nest_end(message, nest);
        return message;
}

static struct nl_msg *class_message(int index, uint32_t class, uint64_t rate, uint32_t burst) {
        struct nl_msg *message =
                control_message(RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, index, QUEUE_HANDLE | class, QUEUE_HANDLE);
        const struct tc_htb_opt options = {.rate = rate_spec(rate),
                                           .ceil = rate_spec(rate),
                                           .buffer = burst_ticks(rate, burst),
                                           .cbuffer = burst_ticks(rate, burst),
                                           .quantum = 1500 * 10};
        struct nlattr *nest;

        link_put_text(message, TCA_KIND, "htb");
        nest = link_nest(message, TCA_OPTIONS);
        link_put(message, TCA_HTB_PARMS, &options, sizeof(options));
        if (rate > UINT32_MAX) {
                put_u64(message, TCA_HTB_RATE64, rate);
                put_u64(message, TCA_HTB_CEIL64, rate);
        }
        (void) nla_nest_end(message, nest);
        return message;
}

/* The keys of a u32 filter, with the head that they follow. */
struct selector {
        struct tc_u32_sel head;
        struct tc_u32_key keys[4];
};

static struct nl_msg *filter_message(int index, uint32_t parent, uint32_t priority, uint16_t protocol) {
        const struct tcmsg head = {.tcm_family = AF_UNSPEC,
                                   .tcm_ifindex = index,
                                   .tcm_parent = parent,
                                   .tcm_info = TC_H_MAKE(priority << 16, htons(protocol))};
        struct nl_msg *message = netlink_message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head), ROOM);

        link_put_text(message, TCA_KIND, "u32");
        return message;
}

static void put_selector(struct nl_msg *message, const struct selector *selector) {
        link_put(message, TCA_U32_SEL, selector,
                 offsetof(struct selector, keys) + selector->head.nkeys * sizeof(selector->keys[0]));
}

/* Where in the IP header the address is. */
static int address_offset(const struct link_rate *rate, bool is_v4) {
        if (is_v4)
                return rate->by_source ? 12 : 16;
        return rate->by_source ? 8 : 24;
}

/* Packets of the network go to the class that is not the default. */
static struct nl_msg *network_message(int index, const struct link_rate *rate, const struct cni_address *network) {
        bool is_v4 = network->family == AF_INET;
        struct nl_msg *message = filter_message(index, QUEUE_HANDLE, is_v4 ? 1 : 2, is_v4 ? ETH_P_IP : ETH_P_IPV6);
        struct selector selector = {.head = {.flags = TC_U32_TERMINAL, .nkeys = is_v4 ? 1 : 4}};
        struct nlattr *nest;

        for (unsigned int i = 0; i < selector.head.nkeys; i++) {
                uint8_t mask[4] = {0}, value[4];

                for (unsigned int bit = 0; bit < 32 && i * 32 + bit < network->prefix; bit++)
                        mask[bit / 8] |= (uint8_t) (0x80 >> bit % 8);
                for (unsigned int byte = 0; byte < sizeof(value); byte++)
                        value[byte] = network->bytes[i * 4 + byte] & mask[byte];
                memcpy(&selector.keys[i].mask, mask, sizeof(mask));
                memcpy(&selector.keys[i].val, value, sizeof(value));
                selector.keys[i].off = address_offset(rate, is_v4) + (int) i * 4;
        }
        nest = link_nest(message, TCA_OPTIONS);
        link_put_u32(message, TCA_U32_CLASSID, QUEUE_HANDLE | (rate->only ? CLASS_HELD : CLASS_FREE));
        put_selector(message, &selector);
        (void) nla_nest_end(message, nest);
        return message;
}

static int send_control(struct netlink *netlink, struct netlink_batch *batch, const char *what, struct error *err) {
        struct netlink_failure failure = {0};
        int r = netlink_batch_send(netlink, batch, batch->count - 1, &failure);

        if (r >= 0)
                return 0;
        (void) error_errno(err, -r, "%s", what);
        return failure.text[0] ? error_hint(err, "%s", failure.text) : r;
}

int link_rate_set(struct netlink *netlink, int index, const struct link_rate *rate, struct error *err) {
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};

        if (rate->network_count == 0) {
                netlink_batch_add(&batch, bucket_message(index, rate));
                return send_control(netlink, &batch, "cannot hold the link to a rate (tc-tbf)", err);
        }
        netlink_batch_add(&batch, classes_message(index, rate));
        netlink_batch_add(&batch, class_message(index, CLASS_FREE, RATE_FREE, 0));
        netlink_batch_add(&batch, class_message(index, CLASS_HELD, rate->rate, rate->burst));
        for (size_t i = 0; i < rate->network_count; i++)
                netlink_batch_add(&batch, network_message(index, rate, &rate->networks[i]));
        return send_control(netlink, &batch, "cannot hold the link to a rate by networks (tc-htb, tc-u32)", err);
}

/* What is found on a link. */
struct found {
        int index;
        const struct link_rate *wanted;
        bool queue; /* our queue, of the right kind */
        uint64_t rate;
        uint32_t limit; /* of a token bucket; 0 for classes */
};

static uint64_t read_rate(uint32_t rate, const struct nlattr *rate64) {
        return rate64 && nla_len(rate64) >= (int) sizeof(uint64_t) ? nla_get_u64(rate64) : rate;
}

static bool is_kind(const struct nlattr *attribute, const char *kind) {
        return attribute && nla_strcmp(attribute, kind) == 0;
}

static int read_queue(struct nlmsghdr *header, void *context) {
        struct nlattr *attributes[TCA_MAX + 1], *options[TCA_TBF_MAX + 1];
        const struct tcmsg *head = nlmsg_data(header);
        struct found *found = context;
        const char *kind = found->wanted->network_count ? "htb" : "tbf";
        struct tc_tbf_qopt bucket;

        /* The kernel lists the queues of all links. */
        if (header->nlmsg_type != RTM_NEWQDISC || head->tcm_ifindex != found->index || head->tcm_parent != TC_H_ROOT ||
            head->tcm_handle != QUEUE_HANDLE || nlmsg_parse(header, sizeof(*head), attributes, TCA_MAX, NULL) < 0 ||
            !is_kind(attributes[TCA_KIND], kind))
                return 0;
        found->queue = true;
        if (found->wanted->network_count || !attributes[TCA_OPTIONS] ||
            nla_parse_nested(options, TCA_TBF_MAX, attributes[TCA_OPTIONS], NULL) < 0 || !options[TCA_TBF_PARMS] ||
            nla_len(options[TCA_TBF_PARMS]) < (int) sizeof(bucket))
                return 0;
        memcpy(&bucket, nla_data(options[TCA_TBF_PARMS]), sizeof(bucket));
        found->rate = read_rate(bucket.rate.rate, options[TCA_TBF_RATE64]);
        found->limit = bucket.limit;
        return 0;
}

static int read_class(struct nlmsghdr *header, void *context) {
        struct nlattr *attributes[TCA_MAX + 1], *options[TCA_HTB_MAX + 1];
        const struct tcmsg *head = nlmsg_data(header);
        struct found *found = context;
        struct tc_htb_opt class;

        if (header->nlmsg_type != RTM_NEWTCLASS || head->tcm_handle != (QUEUE_HANDLE | CLASS_HELD) ||
            nlmsg_parse(header, sizeof(*head), attributes, TCA_MAX, NULL) < 0 || !attributes[TCA_OPTIONS] ||
            nla_parse_nested(options, TCA_HTB_MAX, attributes[TCA_OPTIONS], NULL) < 0 || !options[TCA_HTB_PARMS] ||
            nla_len(options[TCA_HTB_PARMS]) < (int) sizeof(class))
                return 0;
        memcpy(&class, nla_data(options[TCA_HTB_PARMS]), sizeof(class));
        found->rate = read_rate(class.rate.rate, options[TCA_HTB_RATE64]);
        return 0;
}

int link_rate_check(struct netlink *netlink, int index, const struct link_rate *rate, struct error *err) {
        struct found found = {.index = index, .wanted = rate};
        int r;

        r = netlink_query(netlink, control_message(RTM_GETQDISC, NLM_F_DUMP, index, 0, 0), read_queue, &found);
        if (r >= 0 && rate->network_count)
                r = netlink_query(netlink, control_message(RTM_GETTCLASS, NLM_F_DUMP, index, 0, 0), read_class, &found);
        if (r < 0 && r != -EINTR)
                return error_errno(err, -r, "cannot read the link's rate");
        if (!found.queue)
                return error_set(err, ENOENT, "is not held to a rate");
        if (found.rate != rate->rate)
                return error_set(err, ENOENT, "is held to %llu bytes a second, but was to %llu",
                                 (unsigned long long) found.rate, (unsigned long long) rate->rate);
        if (rate->network_count == 0 && found.limit != queue_limit(rate))
                return error_set(err, ENOENT, "has another burst than it was given");
        return 0;
}

int link_rate_clear(struct netlink *netlink, int index, struct error *err) {
        static const struct {
                uint32_t handle;
                uint32_t parent;
        } queues[] = {{QUEUE_HANDLE, TC_H_ROOT}, {INGRESS_HANDLE, TC_H_INGRESS}};

        for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
                int r = netlink_request(netlink,
                                        control_message(RTM_DELQDISC, 0, index, queues[i].handle, queues[i].parent));

                /* EINVAL: another queue than ours. */
                if (r < 0 && r != -ENOENT && r != -ENODEV && r != -EINVAL)
                        return error_errno(err, -r, "cannot take the rate off the link");
        }
        return 0;
}

int link_redirect(struct netlink *netlink, int index, int to, struct error *err) {
        struct nl_msg *ingress =
                control_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, INGRESS_HANDLE, TC_H_INGRESS);
        struct nl_msg *filter = filter_message(index, INGRESS_HANDLE, 1, ETH_P_ALL);
        const struct tc_mirred redirect = {
                .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t) to};
        /* One key without bits matches every packet. */
        const struct selector every = {.head = {.flags = TC_U32_TERMINAL, .nkeys = 1}};
        _cleanup_netlink_batch_ struct netlink_batch batch = {0};
        struct nlattr *options, *actions, *action, *nest;

        link_put_text(ingress, TCA_KIND, "ingress");
        netlink_batch_add(&batch, ingress);
        options = link_nest(filter, TCA_OPTIONS);
        link_put_u32(filter, TCA_U32_CLASSID, QUEUE_HANDLE | CLASS_FREE);
        put_selector(filter, &every);
        actions = link_nest(filter, TCA_U32_ACT);
        action = link_nest(filter, 1);
        link_put_text(filter, TCA_ACT_KIND, "mirred");
        nest = link_nest(filter, TCA_ACT_OPTIONS);
        link_put(filter, TCA_MIRRED_PARMS, &redirect, sizeof(redirect));
        (void) nla_nest_end(filter, nest);
        (void) nla_nest_end(filter, action);
        (void) nla_nest_end(filter, actions);
        (void) nla_nest_end(filter, options);
        netlink_batch_add(&batch, filter);
        return send_control(netlink, &batch, "cannot send what the link receives through another (tc-u32, tc-mirred)",
                            err);
}

struct redirect_search {
        int index;
        uint32_t to;
        bool found;
};

/* Only the filter that has the action counts: the kernel lists the tables of filters, too. */
static int read_redirect(struct nlmsghdr *header, void *context) {
        struct nlattr *attributes[TCA_MAX + 1], *options[TCA_U32_MAX + 1], *action[TCA_ACT_MAX + 1];
        const struct tcmsg *head = nlmsg_data(header);
        struct redirect_search *search = context;
        const struct nlattr *found;
        struct nlattr *item;
        struct tc_mirred redirect;
        int left;

        if (header->nlmsg_type != RTM_NEWTFILTER || head->tcm_ifindex != search->index ||
            TC_H_MIN(head->tcm_info) != htons(ETH_P_ALL) ||
            nlmsg_parse(header, sizeof(*head), attributes, TCA_MAX, NULL) < 0 ||
            !is_kind(attributes[TCA_KIND], "u32") || !attributes[TCA_OPTIONS] ||
            nla_parse_nested(options, TCA_U32_MAX, attributes[TCA_OPTIONS], NULL) < 0 || !options[TCA_U32_ACT])
                return 0;
        nla_for_each_nested(item, options[TCA_U32_ACT], left) {
                if (nla_parse_nested(action, TCA_ACT_MAX, item, NULL) < 0 || !is_kind(action[TCA_ACT_KIND], "mirred") ||
                    !action[TCA_ACT_OPTIONS])
                        continue;
                found = nla_find(nla_data(action[TCA_ACT_OPTIONS]), nla_len(action[TCA_ACT_OPTIONS]), TCA_MIRRED_PARMS);
                if (!found || nla_len(found) < (int) sizeof(redirect))
                        continue;
                memcpy(&redirect, nla_data(found), sizeof(redirect));
                search->found |= redirect.eaction == TCA_EGRESS_REDIR && redirect.ifindex == search->to;
        }
        return 0;
}

int link_redirect_check(struct netlink *netlink, int index, int to, struct error *err) {
        struct redirect_search search = {.index = index, .to = (uint32_t) to};
        int r = netlink_query(netlink, control_message(RTM_GETTFILTER, NLM_F_DUMP, index, 0, INGRESS_HANDLE),
                              read_redirect, &search);

        if (r < 0 && r != -EINTR)
                return error_errno(err, -r, "cannot read where the link sends what it receives");
        return search.found ? 0 : error_set(err, ENOENT, "does not send what it receives through the queue");
}
