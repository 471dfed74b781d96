/* SPDX-License-Identifier: ISC */

#ifndef CONF_H
#define CONF_H

#include <sys/types.h>

#include <stdint.h>

#include "addr.h"
#include "dnsconf.h"
#include "egressconf.h"
#include "key.h"
#include "msg.h"
#include "relayconf.h"
#include "tcpconf.h"
#include "webconf.h"

/*
 * The configuration as the parent sends it to the engines.
 */
#define WGSLIRPD_PORT		51820
#define TTL_DEFAULT		64	/* of packets that are made here */

/* Inner packets have to fit a slot with headroom for our headers. */
#define MTU_MIN			576
#define MTU_MAX			1800
#define MTU_DEFAULT		1420

/* Whose datagrams a UDP mapping takes (RFC 4787 5). */
enum udp_filtering {
	FILTER_ADDRESS,		/* hosts that the guest has sent to */
	FILTER_PORT,		/* their ports, too */
	FILTER_NONE		/* everybody: endpoint-independent */
};

/* What wg(8) gets to see. */
enum uapi_mode {
	UAPI_OFF,
	UAPI_ON,
	UAPI_NO_SECRETS		/* no private and no preshared key */
};

#define MAX_UPLINK_DNS	4	/* resolvers behind an uplink */

/* What shows that the network behind the gateway works. */
#define HEALTH_HOST_LEN	256
struct conf_health {
	char		 name[HEALTH_HOST_LEN];	/* to be resolved, "": none */
	struct ipaddr	 at;			/* by this server, or the host's */
	char		 host[HEALTH_HOST_LEN];	/* that answers by HTTP */
	char		 path[HEALTH_HOST_LEN];
	uint16_t	 port;
};

/* The gateways that have the same key, with this one or without. */
#define MAX_GATEWAYS	64
struct conf_link {
	uint8_t		 gateway;
	uint8_t		 pad;
	uint16_t	 port;
	struct ipaddr	 addr;
};
struct conf_links {
	int32_t			 n;
	struct conf_link	 v[MAX_GATEWAYS];
};

/* Balancers, which send with an address of their own for all clients. */
#define MAX_BALANCERS	16
struct conf_balancers {
	int32_t		 n;
	struct ipprefix	 v[MAX_BALANCERS];
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
	uint8_t		 gateway;	/* first byte of receiver indices */
	uint8_t		 many;		/* there are other gateways */
	uint8_t		 report_json;
	uint8_t		 workers;	/* pairs of engines */
	uint8_t		 no_listen;	/* there is no gateway here */
	uint8_t		 dns_zero;	/* instead of no such name */
	uint8_t		 dns_log;	/* what guests ask */
	uint8_t		 dns64;		/* IPv6 for names with IPv4 alone */
	uint32_t	 report;	/* seconds between lines of figures */
	uint64_t	 pcap_max;	/* bytes of the pcap file, 0: any */
	uint16_t	 pcap_files;	/* that take turns; 0 is 1 */
	uint16_t	 pcap_snaplen;	/* bytes of a packet, 0: all */
	uint32_t	 pcap_pad;
	char		 pcap_peer[PEER_NAME_LEN];	/* "": all */
	char		 domain[DOMAIN_LEN];	/* of the peers' names */
	struct conf_egress	 egress;
	struct ipaddr		 public[2];	/* the host's, if it is said */
	uint16_t		 pcp_low;	/* ports for guests; 0: none */
	uint16_t		 pcp_high;
	uint16_t		 pcp_max;	/* of one peer */
	uint8_t			 keep_ports;	/* of UDP, if they are free */
	uint8_t			 pcp_pad;
	struct ipprefix		 nat64;		/* for IPv4; len 0: none */
	uint8_t			 nat64_find;	/* it is to be found */
	uint8_t			 nat64_pad[3];
	struct conf_health	 health;
	struct conf_links	 links;
	struct conf_balancers	 balancers;
};

struct conf_peer_msg {
	uint32_t	 id;
	uint16_t	 keepalive;
	uint16_t	 has_endpoint;
	uint32_t	 max_flows;	/* 0: no limit of its own */
	uint32_t	 max_new;	/* 0: every peer's limit */
	uint64_t	 rate_in;	/* bytes a second, 0: any */
	uint64_t	 rate_out;
	uint64_t	 quota;		/* bytes, 0: none */
	int64_t		 expires;	/* Unix seconds, 0: never */
	char		 name[PEER_NAME_LEN];
	uint8_t		 public_key[KEY_LEN];
	uint8_t		 psk[KEY_LEN];
	struct ipaddr	 ep_addr;	/* unset: it has a name */
	uint32_t	 ep_scope;	/* of a link-local one */
	uint16_t	 ep_port;
	uint8_t		 reserved[3];
	uint8_t		 keep;		/* wg(8) made it: leave it as it is */
	uint8_t		 worker;	/* it lives with */
	uint8_t		 at_relay;	/* it is there, too, or only there */
	uint8_t		 relay_key[KEY_LEN];
	uint8_t		 dns_any;	/* no list is for it */
	uint8_t		 dns_log;
	uint8_t		 uplink;	/* guests come out there */
	uint8_t		 has_key;	/* and it is for crypto alone */
	uint8_t		 private_key[KEY_LEN];
	uint8_t		 ndns;
	uint8_t		 pcp;		/* it may have ports of the host */
	uint8_t		 pad;
	struct ipaddr	 own[2];	/* ours there: IPv4, IPv6; or af 0 */
	struct ipaddr	 dns[MAX_UPLINK_DNS];	/* resolvers there */
	struct conf_egress	 egress;
};

struct conf_aip {
	uint32_t	 id;
	struct ipprefix	 prefix;
};

#define RESOLVE_RELAY	0x80000000	/* in an id: a relay, and no peer */
struct resolve_msg {
	uint32_t	 id;
	uint16_t	 port;
	uint16_t	 pad;
	char		 host[HOST_NAME_LEN];
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
	struct conf_egress	 egress;	/* of a pass */
};

struct rule_msg {
	struct rule	 rule;
	char		 text[RULE_TEXT_LEN];
};

/* Something that listens on the host, on behalf of the tunnel. */
#define PCAP_FILES	64	/* that take turns, at most */

enum service_kind {
	SERVICE_FORWARD,	/* into the tunnel */
	SERVICE_PROXY,		/* the same, by SOCKS or HTTP CONNECT */
	SERVICE_METRICS,	/* of the control engine */
	SERVICE_RELAY,		/* of the derp engine, for clients */
	SERVICE_WEB		/* of the web engine */
};

struct service {
	uint8_t		 kind;		/* enum service_kind */
	uint8_t		 proto;		/* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t	 port;
	uint16_t	 dport;
	uint16_t	 pad;
	struct ipaddr	 addr;
	struct ipaddr	 dst;		/* in the tunnel, or a client */
	uint8_t		 key[KEY_LEN];	/* who is meant, at a relay */
};

struct service_user {
	char		 name[USER_LEN];
	char		 password[USER_LEN];
};

/* A name of the tunnel, without its domain. */
struct name_msg {
	char		 name[PEER_NAME_LEN];
	struct ipaddr	 addr;
};

#endif
