/* SPDX-License-Identifier: ISC */

#ifndef CONFIG_H
#define CONFIG_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <stdint.h>

#include "addr.h"
#include "conf.h"
#include "confweb.h"
#include "key.h"

#define WGSLIRPD_CONF		"/etc/wgslirpd/wgslirpd.conf"
#define TABLE_NAME_LEN		32
#define UAPI_NAME_LEN		16	/* of an interface, with the NUL */
#define UAPI_DIR		"/var/run/wireguard"

/* Configuration, as the parent has it. */
struct conf_listen {
	TAILQ_ENTRY(conf_listen)	 entry;
	struct ipaddr			 addr;	/* af 0: all */
	uint16_t			 port;
};
TAILQ_HEAD(conf_listens, conf_listen);

struct conf_table {
	TAILQ_ENTRY(conf_table)		 entry;
	char				 name[TABLE_NAME_LEN];
	struct conf_prefixes		 prefixes;
	struct conf_prefixes		 loaded;	/* from the file */
	char				*path;
};
TAILQ_HEAD(conf_tables, conf_table);

/*
 * Where guests come out: by one way, or by those that have these names, in
 * order.
 */
struct conf_out {
	TAILQ_ENTRY(conf_out)		 entry;
	char				 name[PEER_NAME_LEN];	/* or "" */
	char				 ref[MAX_ORDER][PEER_NAME_LEN];
	int				 nrefs;		/* 0: this way: */
	struct conf_way			 way;
	char				 ifname[16];	/* "": any */
	char				 uplink[PEER_NAME_LEN];
	char				*user_file;	/* of a proxy, or NULL */
	struct service_user		 user;
	struct conf_egress		 e;		/* once it was checked */
	char				*file;		/* where it is */
	int				 line;
};
TAILQ_HEAD(conf_outs, conf_out);

struct conf_rule {
	TAILQ_ENTRY(conf_rule)		 entry;
	struct rule			 rule;
	char				 egress[PEER_NAME_LEN];	/* "": none */
	char				 peer[PEER_NAME_LEN];
	char				 from_table[TABLE_NAME_LEN];
	char				 to_table[TABLE_NAME_LEN];
	char				*file;	/* where it is */
	int				 line;
};
TAILQ_HEAD(conf_rules, conf_rule);

struct conf_user {
	TAILQ_ENTRY(conf_user)		 entry;
	struct service_user		 user;
};

struct conf_service {
	TAILQ_ENTRY(conf_service)	 entry;
	struct service			 s;
	struct conf_prefixes		 allow;		/* none: all */
	TAILQ_HEAD(, conf_user)		 users;
	char				*users_file;
	char				*path;		/* a UNIX socket's, or NULL */
	char				*file;		/* where it is */
	int				 line;
};
TAILQ_HEAD(conf_services, conf_service);

struct conf_derp {
	TAILQ_ENTRY(conf_derp)		 entry;
	struct conf_relay		 r;		/* as it is sent */
	char				*key_file;	/* NULL: as the first */
	char				*ca_file;	/* NULL: the system's */
	int				 ca_fd;
	int				 has_key;
};
TAILQ_HEAD(conf_derps, conf_derp);

/* Names that guests are not told, or are in spite of that. */
struct conf_block {
	TAILQ_ENTRY(conf_block)		 entry;
	int				 allow;
	int				 fd;		/* of a file, or -1 */
	uint64_t			 size;		/* of that */
	char				*what;		/* its path, or a name */
};
TAILQ_HEAD(conf_blocks, conf_block);

struct conf_zone {
	TAILQ_ENTRY(conf_zone)		 entry;
	char				 name[HOST_NAME_LEN];
};
TAILQ_HEAD(conf_zones, conf_zone);

struct conf_upstream {
	TAILQ_ENTRY(conf_upstream)	 entry;
	struct upstream			 u;
};
TAILQ_HEAD(conf_upstreams, conf_upstream);

/* How a secret was given; it is printed as that. */
enum secret_from {
	SECRET_NONE,
	SECRET_INLINE,
	SECRET_FILE,
	SECRET_REDACTED		/* output of -nv: good for -n only */
};

struct conf_peer {
	TAILQ_ENTRY(conf_peer)		 entry;
	RB_ENTRY(conf_peer)		 key_entry;
	uint32_t			 id;
	uint8_t				 uapi;	/* wg(8) made it */
	uint8_t				 gone;	/* a change takes it away */
	uint8_t				 fresh;	/* or has brought it */
	uint8_t				 worker;	/* it lives with */
	uint8_t				 pinned;	/* that is the first */
	char				 name[PEER_NAME_LEN];
	char				*file;	/* where it is defined */
	int				 line;
	int				 has_public;
	uint8_t				 public[KEY_LEN];
	uint8_t				 psk[KEY_LEN];
	enum secret_from		 psk_from;
	char				*psk_file;
	struct conf_prefixes		 aips;
	struct conf_out			*egress;	/* NULL: everybody's */
	struct conf_prefixes		 addresses;	/* of an uplink: ours */
	struct ipaddr			 dns[MAX_UPLINK_DNS];
	uint8_t				 ndns;
	uint8_t				 dns_host;	/* the host's are asked */
	uint32_t			 way;		/* that it is, or 0 */
	uint8_t				 own_key[KEY_LEN];	/* of this side */
	enum secret_from		 own_from;
	char				*own_file;
	char				*ep_host;
	uint16_t			 ep_port;
	uint8_t				 has_relay;
	uint8_t				 relay_key[KEY_LEN];
	uint16_t			 keepalive;
	uint8_t				 dns_any;
	uint8_t				 dns_log;
	uint8_t				 pcp;
	uint8_t				 reserved[3];
	uint32_t			 max_flows;
	uint32_t			 max_new;
	uint64_t			 rate_in;
	uint64_t			 rate_out;
	uint64_t			 quota;
	int64_t				 expires;
};
TAILQ_HEAD(conf_peers, conf_peer);
#define NOT_PLACED	UINT8_MAX	/* no worker yet */
RB_HEAD(conf_keys, conf_peer);

#define PCAP_MAX_DEFAULT	1000000000	/* bytes */

struct config {
	struct conf_listens		 listens;
	struct conf_prefixes		 addresses;
	struct conf_peers		 peers;
	struct conf_peers		 removed;	/* by wg(8) */
	struct conf_keys		 bykey;	/* once it was checked */
	struct conf_rules		 rules;
	struct conf_tables		 tables;
	struct conf_services		 services;
	struct conf_web			 web;
	struct conf_upstreams		 upstreams;
	struct conf_derps		 derps;
	struct conf_derp		*dot;		/* whom TLS of names trusts */
	int				 ndot;		/* servers with TLS */
	struct conf_blocks		 blocks;
	struct conf_zones		 zones;
	struct conf_global		 g;		/* as it is sent */
	uint8_t				 key[KEY_LEN];
	enum secret_from		 key_from;
	char				*key_file;
	char				*public_host;	/* for peers' files */
	uint16_t			 public_port;
	char				*peers_dir;	/* NULL: none */
	char				*pcap_file;	/* the same */
	uint8_t				 watch;		/* its own files */
	struct conf_out			*egress;	/* NULL: the host */
	struct conf_outs		 outs;		/* that have names */
	uint32_t			 npeers;
	uint8_t				 pinned_all;	/* place.h */
	struct conf_prefixes		 excludes;
	struct conf_prefixes		 nat64s;
	int				 nnat64;
	char				 uapi_name[UAPI_NAME_LEN];
	int				 verbose;
	int				 check_only;
};

/* Is it a peer where guests come out, and this side is a client? */
static inline int
config_is_uplink(const struct conf_peer *p)
{
	return (!TAILQ_EMPTY(&p->addresses));
}

struct config	*config_new(void);
void		 conf_out_free(struct conf_out *);
void		 config_wipe(struct config *);
void		 config_free_prefixes(struct conf_prefixes *);
void		 config_free(struct config *);
void		 config_peer_remove(struct config *, struct conf_peer *);
struct conf_peer	*config_peer_new(struct config *, const char *);
void		 config_add_prefix(struct conf_prefixes *,
		    const struct ipprefix *);
void		 config_add_listen(struct config *, const struct ipaddr *,
		    uint16_t);
struct conf_peer	*config_peer_by_key(struct config *,
		    const uint8_t [KEY_LEN]);
int		 config_peer_index(struct config *, struct conf_peer *);
struct conf_peer	*config_find_removed(struct config *,
		    const uint8_t [KEY_LEN]);
struct conf_peer	*config_peer_restore(struct config *,
		    const uint8_t [KEY_LEN]);
uint32_t	 config_count_aips(const struct config *);
struct conf_table	*config_table_new(struct config *, const char *);
struct conf_service	*config_service_new(struct config *, enum service_kind,
		    uint8_t);

#endif
