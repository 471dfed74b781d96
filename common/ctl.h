/* SPDX-License-Identifier: ISC */

#ifndef CTL_H
#define CTL_H

#include <stdint.h>

#include "addr.h"
#include "counters.h"
#include "key.h"

/*
 * The control protocol: imsgs over the control socket between wgslirpctl
 * and the control engine, and on between that and the other processes.
 * A request is answered by records and then CTL_END, by CTL_OK, or by
 * CTL_FAIL with a line of text.  The engines answer in portions: CTL_MORE
 * carries the cursor with which the control engine asks for the next one
 * when the client has read the last.
 */
#define CTL_NAME_LEN		64
#define CTL_TEXT_LEN		256
#define CTL_PORTION		64	/* records before CTL_MORE */
#define CTL_PROCESSES		32	/* at most; slot.h has as many */

enum ctl_type {
	CTL_NONE = 1000,
	/* requests */
	CTL_SHOW_SUMMARY,
	CTL_SHOW_PEERS,
	CTL_SHOW_PEERFLOWS,	/* control engine to slirp engine only */
	CTL_SHOW_FLOWS,
	CTL_SHOW_COUNTERS,
	CTL_SHOW_PROCESSES,
	CTL_LOG,
	CTL_RELOAD,
	CTL_KILL_FLOW,
	CTL_PAUSE,
	CTL_RESUME,
	CTL_REFRESH,
	CTL_SHOW_RULES,
	CTL_FLUSH,
	CTL_SHOW_SETUP,
	CTL_SHOW_INTERFACES,
	CTL_SHOW_NAMES,
	CTL_SHOW_FORWARDS,
	CTL_HEALTH,
	CTL_DRAIN,
	CTL_KILL_PEER,
	CTL_MONITOR,		/* to the control engine: events follow */
	CTL_PCAP,		/* the same: packets, of a peer or all */
	CTL_SHOW_DERP,
	CTL_SHOW_FILES,		/* of the web engine: which peers have one */
	CTL_EDIT,		/* the same: struct ctl_edit, not a request */
	CTL_NEXT,		/* of a sibling: more (0), or no more (1) */
	CTL_REQUEST_MAX,
	/* answers */
	CTL_SUMMARY,
	CTL_PEER,
	CTL_AIP,
	CTL_PEERFLOWS,
	CTL_FLOW,
	CTL_CRYPTO_COUNTERS,
	CTL_SLIRP_COUNTERS,
	CTL_DERP_COUNTERS,
	CTL_PROCESS,
	CTL_RULE,
	CTL_SETUP,
	CTL_ENTRY,
	CTL_EVENT,
	CTL_PACKET,
	CTL_CLIENT,		/* what a new peer's client needs, once */
	CTL_MORE,
	CTL_END,
	CTL_OK,
	CTL_FAIL
};

/* Every request has this payload; unused fields are zero. */
struct ctl_request {
	uint64_t	 arg;		/* CTL_LOG: 1 verbose; flow id */
	uint64_t	 cursor;
	char		 name[CTL_NAME_LEN];	/* peer; "" for all */
};

struct ctl_more {
	uint64_t	 cursor;
};

struct ctl_summary {
	uint8_t		 public_key[KEY_LEN];
	uint64_t	 started;	/* Unix seconds */
	uint64_t	 rx_bytes;
	uint64_t	 tx_bytes;
	uint32_t	 peers;
	uint32_t	 peers_active;	/* handshake in the last 3 minutes */
	uint16_t	 mtu;
	uint16_t	 port;
	uint8_t		 paused;
	uint8_t		 pad[3];
};

struct ctl_peer {
	uint32_t	 id;
	uint16_t	 keepalive;
	uint16_t	 endpoint_port;
	char		 name[CTL_NAME_LEN];
	uint8_t		 public_key[KEY_LEN];
	struct ipaddr	 endpoint;
	uint32_t	 endpoint_scope;
	uint8_t		 has_psk;
	uint8_t		 pad[3];
	uint64_t	 latest_handshake;	/* Unix seconds, 0: none */
	uint64_t	 rx_bytes;
	uint64_t	 tx_bytes;
	uint64_t	 quota;			/* bytes, 0: none */
	int64_t		 expires;		/* Unix seconds, 0: never */
	uint8_t		 cut;			/* one of them is over */
	uint8_t		 away;			/* at another gateway, */
	uint8_t		 gateway;		/* this one */
	uint8_t		 at_relay;		/* instead of an endpoint */
	uint8_t		 pad2[4];
	uint8_t		 relay_key[KEY_LEN];
};

struct ctl_aip {
	uint32_t	 id;
	struct ipprefix	 prefix;
};

struct ctl_peerflows {
	uint32_t	 id;
	uint32_t	 flows;
	uint32_t	 rtt_us;	/* round trip to it, 0: not known */
	uint32_t	 pad;
	uint64_t	 dns_asked;
	uint64_t	 dns_blocked;
};

struct ctl_flow {
	uint64_t	 id;
	uint32_t	 peer;
	uint8_t		 proto;		/* IP protocol number */
	uint8_t		 pad[3];
	char		 peer_name[CTL_NAME_LEN];
	char		 way[CTL_NAME_LEN];	/* out of here, if it has a name */
	char		 state[16];
	struct ipaddr	 src;
	struct ipaddr	 dst;
	uint16_t	 sport;
	uint16_t	 dport;
	uint32_t	 pad2;
	uint64_t	 rx_bytes;
	uint64_t	 tx_bytes;
	uint64_t	 age;		/* seconds */
};

struct ctl_rule {
	uint64_t	 number;	/* of the order in the configuration */
	uint64_t	 matches;	/* what it has decided */
	char		 text[CTL_TEXT_LEN];
};

/* A line of what is listened on, or of the tunnel's names. */
struct ctl_entry {
	char		 kind[16];
	char		 name[CTL_TEXT_LEN];
	char		 value[CTL_TEXT_LEN];
};

/* Something that has happened. */
struct ctl_event {
	uint64_t	 when;		/* Unix time in milliseconds */
	uint32_t	 lost;		/* before it, that could not be told */
	char		 kind[20];
	char		 peer[CTL_NAME_LEN];	/* "": none */
	char		 text[CTL_TEXT_LEN];
};

/* A packet between a guest and this engine, in the clear. */
#define CTL_SNAPLEN	2048
struct ctl_packet {
	uint64_t	 when;		/* Unix time in nanoseconds */
	uint32_t	 lost;		/* before it, that could not be told */
	uint16_t	 len;
	uint8_t		 out;		/* to the guest */
	uint8_t		 pad;
	char		 peer[CTL_NAME_LEN];
	uint8_t		 data[CTL_SNAPLEN];
};

/* What a peer's own configuration is made of. */
#define CTL_PATH_LEN	1024
#define CTL_ADDRESSES	8
struct ctl_setup {
	char		 config[CTL_PATH_LEN];	/* "": the environment */
	char		 peers_dir[CTL_PATH_LEN];	/* "": none */
	char		 cwd[CTL_PATH_LEN];	/* where names begin */
	char		 public_host[CTL_TEXT_LEN];	/* "": not told */
	uint16_t	 public_port;	/* 0: the one that is listened on */
	uint16_t	 port;
	uint16_t	 mtu;
	uint8_t		 dns;		/* answered at the gateway's address */
	uint8_t		 naddrs;
	uint8_t		 files;		/* the daemon may write there itself */
	struct ipprefix	 addr[CTL_ADDRESSES];	/* of the tunnel */
};

/* A change of a peer that has a file of its own; unused texts are empty. */
#define CTL_HOST_LEN	256
#define CTL_VALUE_LEN	32
enum ctl_edit_what {
	EDIT_NEW,
	EDIT_SET,
	EDIT_ENABLE,
	EDIT_DISABLE,
	EDIT_RENAME,
	EDIT_DELETE
};
struct ctl_edit {
	uint32_t	 what;		/* enum ctl_edit_what */
	char		 name[CTL_NAME_LEN];
	char		 to[CTL_NAME_LEN];	/* its next name */
	char		 expires[CTL_VALUE_LEN];
	char		 quota[CTL_VALUE_LEN];
	char		 rate_in[CTL_VALUE_LEN];
	char		 rate_out[CTL_VALUE_LEN];
	char		 host[CTL_HOST_LEN];	/* where clients come to */
};

#define CTL_CLIENT_LEN	2048
struct ctl_client {
	char		 text[CTL_CLIENT_LEN];
};

struct ctl_process {
	char		 title[16];
	int32_t		 pid;
	uint8_t		 seccomp;
	uint8_t		 landlock;
	uint8_t		 pad[2];
};

#define CTL_SYSTEM_PATH	"/var/run/wgslirpd.sock"
const char	*ctl_default_path(char *, size_t);

#endif
