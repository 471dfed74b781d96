/* SPDX-License-Identifier: ISC */

#ifndef WGSLIRPD_H
#define WGSLIRPD_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/tree.h>

#include <event2/event.h>

#include <imsg.h>
#include <stdint.h>

#include "addr.h"
#include "ctl.h"
#include "key.h"
#include "mono.h"
#include "sandbox.h"

#define WGSLIRPD_CONF		"/etc/wgslirpd/wgslirpd.conf"
#define WGSLIRPD_USER		"_wgslirpd"
#define WGSLIRPD_FALLBACK_USER	"nobody"
#define WGSLIRPD_PORT		51820

#define PROC_PARENT_FD		3	/* a child's pipe to the parent */
#define PEER_NAME_LEN		CTL_NAME_LEN
#define HOST_NAME_LEN		256
#define MAX_LISTEN		16
#define MAX_SERVICES		256
#define MAX_RULES		65536
#define MAX_TABLES		1024
#define MAX_UPSTREAMS		8
#define MAX_PEERS		65536
#define MAX_PEER_ID		(3 * MAX_PEERS)	/* one more than the last */
#define MAX_AIPS		(1U << 21)	/* of all peers */
#define TABLE_NAME_LEN		32
#define RULE_TEXT_LEN		CTL_TEXT_LEN
#define DOMAIN_LEN		64
#define USER_LEN		256	/* RFC 1929: 255 */
#define UAPI_NAME_LEN		16	/* of an interface, with the NUL */
#define UAPI_DIR		"/var/run/wireguard"

/* Inner packets have to fit a slot with headroom for our headers. */
#define MTU_MIN			576
#define MTU_MAX			1800
#define MTU_DEFAULT		1420

enum proc_id {
	PROC_PARENT,
	PROC_CRYPTO,
	PROC_SLIRP,
	PROC_CONTROL,
	PROC_MAX
};

/*
 * Messages between the processes.  This list and the types of ctl.h are
 * all that they can say to each other; each receiver checks type, exact
 * length and sender.
 */
enum imsg_type {
	IMSG_NONE,
	/* a child to the parent */
	IMSG_READY,		/* struct sandbox_level */
	IMSG_STAGED,		/* configuration understood */
	IMSG_LOG,		/* struct imsg_log */
	/* parent to every child */
	IMSG_VERBOSE,		/* int */
	IMSG_PIPE,		/* enum proc_id, fd */
	IMSG_CONF_BEGIN,	/* struct conf_global */
	IMSG_CONF_END,
	IMSG_CONF_COMMIT,
	IMSG_CONF_PEER,		/* struct conf_peer_msg; crypto, slirp */
	IMSG_START,
	/* parent to crypto */
	IMSG_CONF_KEY,		/* private key */
	IMSG_CONF_AIP,		/* struct conf_aip */
	IMSG_CONF_EXCLUDE,	/* struct ipprefix */
	IMSG_SOCKET,		/* fd; control too */
	/* parent to crypto and slirp */
	IMSG_QUEUE,		/* struct queue_msg, fd */
	IMSG_BELL,		/* struct bell_msg, fd */
	/* parent to slirp */
	IMSG_CONF_ADDRESS,	/* struct ipprefix: tunnel address */
	IMSG_CONF_HOSTADDR,	/* struct ipaddr: address of the host */
	IMSG_CONF_RULE,		/* struct rule_msg */
	IMSG_CONF_TABLE,	/* one more, of the prefixes that follow */
	IMSG_CONF_TABLE_PREFIX,	/* struct ipprefix */
	IMSG_CONF_SERVICE,	/* struct service, fd; control too */
	IMSG_CONF_ALLOW,	/* struct ipprefix: of the last service */
	IMSG_CONF_USER,		/* struct service_user: of the same */
	IMSG_CONF_UPSTREAM,	/* struct upstream */
	IMSG_CONF_NAME,		/* struct name_msg */
	IMSG_CONF_RESOLVE,	/* struct resolve_msg */
	IMSG_HOSTADDRS,		/* the host's addresses follow anew */
	IMSG_HOSTADDRS_END,	/* and take effect */
	IMSG_PEER_ADD,		/* struct conf_peer_msg, without keys */
	IMSG_PEER_DROP,		/* uint32_t id */
	/* parent to control */
	IMSG_PROCESS,		/* struct ctl_process */
	IMSG_UAPI_SOCKET,	/* fd */
	/* a change by wg(8): control to parent to crypto */
	IMSG_SET_BEGIN,		/* struct set_device */
	IMSG_SET_PEER,		/* struct set_peer */
	IMSG_SET_AIP,		/* struct set_aip: of the last peer */
	IMSG_SET_END,
	IMSG_SET_DONE,		/* struct set_done; the way back */
	/* control to crypto, for wg(8) */
	IMSG_UAPI_GET,		/* struct ctl_request */
	/* its answers; struct ctl_aip too */
	IMSG_UAPI_DEVICE,	/* struct uapi_device */
	IMSG_UAPI_PEER,		/* struct uapi_peer */
	/* slirp to crypto */
	IMSG_ENDPOINT,		/* struct endpoint_msg */
	IMSG_ROUTE,		/* struct route_msg; answered by the same */
	/* crypto to slirp */
	IMSG_LOST,		/* uint32_t id: no answer from its endpoint */
	IMSG_CUT		/* uint32_t id: its time or quota is over */
};

struct imsg_log {
	int32_t		 pri;
	char		 line[512];
};

struct queue_msg {
	uint32_t	 guest_to_host;
	uint32_t	 nslots;
};

struct bell_msg {
	uint32_t	 mine;		/* wakes the receiver of this */
};

/* How a failed connect is told to the guest. */
enum error_signal {
	SIGNAL_ICMP,		/* as what it was */
	SIGNAL_RST,		/* as a reset, whatever it was */
	SIGNAL_NONE
};

enum gate_log {
	GATE_OFF,
	GATE_INFO,
	GATE_DEBUG
};

/* Everything about TCP toward guests that can be set. */
struct conf_tcp {
	uint32_t	 ack_delay;	/* milliseconds */
	uint32_t	 pace_gap;	/* microseconds between segments */
	uint32_t	 fast_dial;	/* milliseconds, 0: connect first */
	uint32_t	 idle_gate;	/* milliseconds without progress */
	uint32_t	 idle_inflight;	/* bytes, 0: one segment */
	uint32_t	 idle_fail;	/* seconds */
	uint32_t	 rcvbuf;	/* of host sockets, 0: the system's */
	uint32_t	 sndbuf;
	uint32_t	 window;	/* offered at first, bytes */
	uint16_t	 mss;		/* clamp, 0: none */
	uint8_t		 cc;		/* enum cc_id */
	uint8_t		 sack;
	uint8_t		 signal;	/* enum error_signal */
	uint8_t		 gate_log;	/* enum gate_log */
	uint8_t		 wscale;
	uint8_t		 iw;		/* segments */
};

/* Whose datagrams a UDP mapping takes (RFC 4787 5). */
enum udp_filtering {
	FILTER_ADDRESS,		/* hosts that the guest has sent to */
	FILTER_PORT,		/* their ports, too */
	FILTER_NONE		/* everybody: endpoint-independent */
};

struct conf_global {
	uint16_t	 mtu;
	uint16_t	 port;
	uint16_t	 overlay;
	uint8_t		 copy_tos;
	uint8_t		 ttl;
	struct conf_tcp	 tcp;
	uint32_t	 udp_timeout;	/* seconds */
	uint32_t	 dns_timeout;	/* of mappings that only do DNS */
	uint32_t	 max_flows;	/* 0: what the descriptors allow */
	uint32_t	 max_new;	/* flows a second and peer, 0: any */
	uint32_t	 uapi;		/* enum uapi_mode */
	uint8_t		 filtering;	/* enum udp_filtering */
	uint8_t		 dns;		/* answer on the gateway's address */
	uint8_t		 offload;	/* have the kernel cut and join */
	char		 domain[DOMAIN_LEN];	/* of the peers' names */
};

/* What wg(8) gets to see. */
enum uapi_mode {
	UAPI_OFF,
	UAPI_ON,
	UAPI_NO_SECRETS		/* no private and no preshared key */
};

struct conf_peer_msg {
	uint32_t	 id;
	uint16_t	 keepalive;
	uint16_t	 has_endpoint;
	uint32_t	 max_flows;	/* 0: no limit of its own */
	uint32_t	 max_new;	/* 0: what is so for all */
	uint64_t	 rate_in;	/* bytes a second, 0: any */
	uint64_t	 rate_out;
	uint64_t	 quota;		/* bytes, 0: none */
	int64_t		 expires;	/* Unix seconds, 0: never */
	char		 name[PEER_NAME_LEN];
	uint8_t		 public_key[KEY_LEN];
	uint8_t		 psk[KEY_LEN];
	struct ipaddr	 ep_addr;
	uint16_t	 ep_port;
	uint8_t		 reserved[3];
	uint8_t		 keep;		/* wg(8) made it: leave it as it is */
};

/* A change by wg(8), in the order in which it was written. */
#define SET_PRIVATE_KEY		0x01	/* zeros: none */
#define SET_LISTEN_PORT		0x02
#define SET_REPLACE_PEERS	0x04
struct set_device {
	uint32_t	 flags;
	uint16_t	 listen_port;	/* 0: the system chooses */
	uint16_t	 pad;
	uint8_t		 private_key[KEY_LEN];
};

#define SET_REMOVE		0x01
#define SET_UPDATE_ONLY		0x02
#define SET_PSK			0x04
#define SET_ENDPOINT		0x08
#define SET_KEEPALIVE		0x10
#define SET_REPLACE_AIPS	0x20
struct set_peer {
	uint32_t	 flags;
	uint32_t	 id;		/* the parent fills it in */
	char		 name[PEER_NAME_LEN];	/* and this */
	uint8_t		 public_key[KEY_LEN];
	uint8_t		 psk[KEY_LEN];
	struct ipaddr	 ep_addr;
	uint32_t	 ep_scope;
	char		 ep_ifname[16];	/* of the scope; "": ep_scope */
	uint16_t	 ep_port;
	uint16_t	 keepalive;	/* seconds */
	uint8_t		 reserved[3];	/* of a peer of the file; parent */
	uint8_t		 pad;
	uint64_t	 quota;		/* the same */
	int64_t		 expires;
};

struct set_done {
	int32_t		 error;		/* errno */
	uint32_t	 naips;		/* of all peers now */
};

struct set_aip {
	struct ipprefix	 prefix;
	uint32_t	 remove;
};

struct uapi_device {
	uint8_t		 has_key;
	uint8_t		 pad;
	uint16_t	 listen_port;
	uint8_t		 private_key[KEY_LEN];
};

struct uapi_peer {
	uint64_t	 latest_handshake;	/* Unix seconds, 0: none */
	uint64_t	 rx_bytes;
	uint64_t	 tx_bytes;
	uint32_t	 latest_nsec;
	uint32_t	 ep_scope;
	struct ipaddr	 endpoint;		/* af 0: unknown */
	uint16_t	 endpoint_port;
	uint16_t	 keepalive;
	uint8_t		 public_key[KEY_LEN];
	uint8_t		 psk[KEY_LEN];
};

struct conf_aip {
	uint32_t	 id;
	struct ipprefix	 prefix;
};

struct resolve_msg {
	uint32_t	 id;
	uint16_t	 port;
	uint16_t	 pad;
	char		 host[HOST_NAME_LEN];
};

struct endpoint_msg {
	uint32_t	 id;
	struct ipaddr	 addr;
	uint16_t	 port;
	uint16_t	 pad;
};

/* Who has an address in the tunnel? */
#define ROUTE_NOBODY	UINT32_MAX
struct route_msg {
	uint32_t	 cookie;	/* the asker's */
	uint32_t	 id;		/* of the peer; ROUTE_NOBODY */
	struct ipaddr	 addr;
};

/* Egress policy; evaluated in the slirp engine. */
#define RULE_ANY_PEER	UINT32_MAX
#define RULE_NO_TABLE	UINT16_MAX

/* How a guest learns that it was blocked. */
enum rule_answer {
	ANSWER_PROHIBITED,	/* ICMP, administratively prohibited */
	ANSWER_RETURN,		/* a reset for TCP, else the same */
	ANSWER_DROP		/* not at all */
};

struct rule {
	uint32_t	 peer;		/* id, or RULE_ANY_PEER */
	uint8_t		 pass;
	uint8_t		 answer;	/* enum rule_answer, of a block */
	uint8_t		 quick;
	uint8_t		 log;
	uint8_t		 proto;		/* 0: any */
	uint8_t		 private;	/* to private: instead of "to" */
	uint16_t	 from_table;	/* index, or RULE_NO_TABLE */
	uint16_t	 to_table;
	struct ipprefix	 from;		/* af 0: any */
	struct ipprefix	 to;		/* af 0: any */
	uint16_t	 port_lo;	/* 0 to 65535: any */
	uint16_t	 port_hi;
};

struct rule_msg {
	struct rule	 rule;
	char		 text[RULE_TEXT_LEN];
};

/* Something that listens on the host, on behalf of the tunnel. */
enum service_kind {
	SERVICE_FORWARD,	/* into the tunnel */
	SERVICE_PROXY,		/* the same, by SOCKS or HTTP CONNECT */
	SERVICE_METRICS		/* of the control engine */
};

struct service {
	uint8_t		 kind;		/* enum service_kind */
	uint8_t		 proto;		/* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t	 port;
	uint16_t	 dport;
	uint16_t	 pad;
	struct ipaddr	 addr;
	struct ipaddr	 dst;		/* of a forward: in the tunnel */
};

struct service_user {
	char		 name[USER_LEN];
	char		 password[USER_LEN];
};

struct upstream {
	struct ipaddr	 addr;
	uint16_t	 port;
	uint16_t	 pad;
};

/* A name of the tunnel, without its domain. */
struct name_msg {
	char		 name[PEER_NAME_LEN];
	struct ipaddr	 addr;
};

/* Configuration, as the parent has it. */
struct conf_listen {
	TAILQ_ENTRY(conf_listen)	 entry;
	struct ipaddr			 addr;	/* af 0: all */
	uint16_t			 port;
};
TAILQ_HEAD(conf_listens, conf_listen);

struct conf_prefix {
	TAILQ_ENTRY(conf_prefix)	 entry;
	struct ipprefix			 prefix;
};
TAILQ_HEAD(conf_prefixes, conf_prefix);

struct conf_table {
	TAILQ_ENTRY(conf_table)		 entry;
	char				 name[TABLE_NAME_LEN];
	struct conf_prefixes		 prefixes;
	struct conf_prefixes		 loaded;	/* from the file */
	char				*path;
};
TAILQ_HEAD(conf_tables, conf_table);

struct conf_rule {
	TAILQ_ENTRY(conf_rule)		 entry;
	struct rule			 rule;
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
	char				*file;		/* where it is */
	int				 line;
};
TAILQ_HEAD(conf_services, conf_service);

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
	char				 name[PEER_NAME_LEN];
	char				*file;	/* where it is defined */
	int				 line;
	int				 has_public;
	uint8_t				 public[KEY_LEN];
	uint8_t				 psk[KEY_LEN];
	enum secret_from		 psk_from;
	char				*psk_file;
	struct conf_prefixes		 aips;
	char				*ep_host;
	uint16_t			 ep_port;
	uint16_t			 keepalive;
	uint8_t				 reserved[3];
	uint32_t			 max_flows;
	uint32_t			 max_new;
	uint64_t			 rate_in;
	uint64_t			 rate_out;
	uint64_t			 quota;
	int64_t				 expires;
};
TAILQ_HEAD(conf_peers, conf_peer);
RB_HEAD(conf_keys, conf_peer);

struct config {
	struct conf_listens		 listens;
	struct conf_prefixes		 addresses;
	struct conf_peers		 peers;
	struct conf_peers		 removed;	/* by wg(8) */
	struct conf_keys		 bykey;	/* once it was checked */
	struct conf_rules		 rules;
	struct conf_tables		 tables;
	struct conf_services		 services;
	struct conf_upstreams		 upstreams;
	int				 offload;
	int				 dns;
	char				 domain[DOMAIN_LEN];
	uint8_t				 key[KEY_LEN];
	enum secret_from		 key_from;
	char				*key_file;
	uint16_t			 mtu;
	struct conf_tcp			 tcp;
	int				 copy_tos;
	uint8_t				 ttl;
	uint32_t			 udp_timeout;
	uint32_t			 dns_timeout;
	enum udp_filtering		 filtering;
	uint32_t			 max_flows;
	uint32_t			 max_new;
	uint32_t			 npeers;
	int				 overlay;
	struct conf_prefixes		 excludes;
	enum uapi_mode			 uapi;
	char				 uapi_name[UAPI_NAME_LEN];
	int				 verbose;
	int				 check_only;
};

/* A pipe with its event. */
struct imsgev;
typedef void	imsgev_fn(struct imsgev *, struct imsg *);

struct imsgev {
	struct imsgbuf		 ibuf;
	struct event		*ev;
	imsgev_fn		*fn;	/* NULL message: it closed */
	enum proc_id		 peer;
	void			*arg;
	short			 events;
};

/*
 * How a busy engine waits.  Waking up for every few packets costs more
 * than handling them, so while traffic flows it naps for a moment instead
 * of sleeping until something happens; what came meanwhile is a batch.
 * The doorbell wakes it for what is urgent.  Without traffic it sleeps for
 * real, and a single packet never waits.
 */
#define NAP_LEAST	MONO_US(40)
#define NAP_PACKET	MONO_US(4)	/* more for each of the last round */
#define NAP_MOST	MONO_US(160)
#define NAP_TRAFFIC	4	/* packets a round that mean traffic */
#define NAP_ROUNDS	8	/* empty ones before it sleeps again */

struct nap {
	int		 rounds;	/* left */
	mono_t		 time;
};

/* proc.c */
int		 nap_wanted(struct nap *, uint64_t);
void		 nap_take(const struct nap *, int);
extern struct event_base	*evbase;
const char	*proc_title(enum proc_id);
int		 imsgev_init(struct imsgev *, int, enum proc_id, imsgev_fn *,
		    void *);
void		 imsgev_clear(struct imsgev *);
void		 imsgev_arm(struct imsgev *);
int		 imsgev_send(struct imsgev *, uint32_t, uint32_t, int,
		    const void *, size_t);
void		 imsgev_must(struct imsgev *, uint32_t, uint32_t, int,
		    const void *, size_t);
int		 imsg_is(struct imsg *, void *, size_t);
int		 imsg_take_fd(struct imsg *);
void		 child_init(enum proc_id, int, struct imsgev *, imsgev_fn *);
const char	*missing_user(int);
void		 child_drop(int);
void		 child_ready(struct imsgev *, enum sandbox_role);
int		 accept_or_pause(int, struct event *, struct event *);
void		 child_common(struct imsgev *, struct imsg *);
void		 bad_imsg(const char *, uint32_t) __attribute__((noreturn));

/* control_uapi.c: in the control engine */
void		 uapi_start(int, struct imsgev *, struct imsgev *,
		    uint32_t *);
int		 uapi_answer(struct imsg *);
void		 uapi_set_done(int);

/* main functions of the children */
void		 crypto_main(int) __attribute__((noreturn));
void		 slirp_main(int) __attribute__((noreturn));
void		 control_main(int) __attribute__((noreturn));

/* config.c */
struct config	*config_new(void);
void		 config_free(struct config *);
void		 config_wipe(struct config *);
struct conf_peer	*config_peer_new(struct config *, const char *);
void		 config_add_prefix(struct conf_prefixes *,
		    const struct ipprefix *);
void		 config_free_prefixes(struct conf_prefixes *);
void		 config_add_listen(struct config *, const struct ipaddr *,
		    uint16_t);
const char	*config_check(struct config *, char *, size_t);
struct conf_peer	*config_peer_by_key(struct config *,
		    const uint8_t [KEY_LEN]);
int		 config_peer_index(struct config *, struct conf_peer *);
void		 config_peer_remove(struct config *, struct conf_peer *);
struct conf_peer	*config_peer_restore(struct config *,
		    const uint8_t [KEY_LEN]);
uint32_t	 config_count_aips(const struct config *);
int		 config_twice_listen(const struct config *);
int		 config_merge(struct config *, struct config *);
int		 uapi_name_valid(const char *);
void		 config_send(const struct config *, struct imsgev *,
		    struct imsgev *, struct imsgev *);
void		 config_send_hostaddrs(struct imsgev *);

/* config_set.c */
struct conf_set;
struct conf_set	*set_new(const struct set_device *);
void		 set_free(struct conf_set *);
struct set_device	*set_device(struct conf_set *);
int		 set_add(struct conf_set *, const struct set_peer *);
int		 set_add_aip(struct conf_set *, const struct set_aip *);
int		 set_check(struct conf_set *, struct config *, uint32_t);
void		 set_commit(struct conf_set *, struct config *,
		    struct imsgev *, struct imsgev *);
void		 send_peer_name(struct imsgev *, uint32_t,
		    const struct conf_peer *);

/* config_env.c */
struct config	*config_env(int, char *, size_t);

/* config_rules.c */
struct conf_table	*config_table_new(struct config *, const char *);
struct conf_service	*config_service_new(struct config *,
		    enum service_kind, uint8_t);
void		 config_rules_free(struct config *);
const char	*config_rules_check(struct config *, char *, size_t);
void		 config_rules_send(const struct config *, struct imsgev *);
void		 config_service_send(const struct conf_service *,
		    const struct ipaddr *, int, struct imsgev *);
void		 config_dns_send(const struct config *, struct imsgev *);
const char	*rule_text(const struct conf_rule *, char *, size_t);

/* parse.y */
struct config	*parse_config(const char *, int);
int		 parse_text(struct config *, const char *, const char *);
int		 cmdline_symset(const char *);
const char	*parse_error(void);
void		 parse_paths(void (*)(const char *, void *), void *);

/* printconf.c */
void		 print_config(const struct config *);

#endif
