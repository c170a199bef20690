/*
 * tuning_record.h: what the plugin tuning can set, and the records of what was
 * before: DATADIR/CONTAINERID_IFNAME.json, as the reference plugin writes them,
 * and beside that the attachment, its namespace and its former sysctls.
 */
#pragma once

#include "link.h"
#include "plugin.h"

enum tuning_choice { TUNING_AS_IT_IS = -1, TUNING_OFF, TUNING_ON };

struct tuning_setting {
        const char *name; /* as in the configuration */
        const char *path; /* below /proc/sys/net */
        const char *value;
};

struct tuning_values {
        const char *data_dir;
        struct tuning_setting *settings;
        size_t setting_count;
        char mac[LINK_MAC_SIZE]; /* "": as it is */
        int64_t mtu;             /* 0: as it is */
        int64_t queue;           /* -1: as it is */
        enum tuning_choice promiscuous;
        enum tuning_choice all_multicast;
};

/* Nothing is to be set. */
#define TUNING_NOTHING(directory)                                                                                      \
        (struct tuning_values) {                                                                                       \
                .data_dir = (directory), .queue = -1, .promiscuous = TUNING_AS_IT_IS, .all_multicast = TUNING_AS_IT_IS \
        }

struct tuning_flag {
        const char *key;
        size_t offset;
        unsigned int flag;
};

/** The flags of a link that can be set. */
extern const struct tuning_flag tuning_flags[2];
enum tuning_choice *tuning_choice_of(struct tuning_values *values, const struct tuning_flag *flag);

/** Reads what the link is to be, from the configuration, the runtime's arguments or a record. */
int tuning_parse_link(const struct json *from, struct tuning_values *out, struct error *err);

/**
 * Notes what was before. What is noted already of the same attachment in the same namespace stays noted as it is.
 * @container: a socket in the container's namespace
 */
int tuning_record_write(struct plugin_call *call, const struct netlink *container, const struct tuning_values *former,
                        struct error *err);

/** Reads the attachment's record in former->data_dir. Returns 1, 0 when there is none or it is garbage. */
int tuning_record_read(struct plugin_call *call, struct tuning_values *former);

/** Removes the attachment's record. 0 when there is none. */
int tuning_record_remove(struct plugin_call *call, const char *data_dir, struct error *err);

/** Removes the records of the network's attachments that are not valid. */
int tuning_record_collect(struct plugin_call *call, const char *data_dir, struct error *err);
