/* SPDX-License-Identifier: ISC */

#ifndef MSG_H
#define MSG_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "ctl.h"
#include "sides.h"
#include "slot.h"

/* What the processes have room for, and agree upon. */
#define MAX_LISTEN		16
#define MAX_SERVICES		256
#define MAX_RULES		65536
#define MAX_TABLES		1024
#define MAX_UPSTREAMS		8
#define MAX_NAT64		8	/* prefixes */
#define MAX_PEERS		65536
#define MAX_PEER_ID		(3 * MAX_PEERS)	/* one more than the last */
#define MAX_AIPS		(1U << 21)	/* of all peers */
#define PEER_NAME_LEN		CTL_NAME_LEN
#define HOST_NAME_LEN		256
#define RULE_TEXT_LEN		CTL_TEXT_LEN
#define DOMAIN_LEN		64
#define USER_LEN		256	/* RFC 1929: 255 */

/*
 * Every message between the processes: its name, the length of what it
 * carries, who may send it to whom, and whether a descriptor comes with
 * it.  This list and that of the control protocol, in check.c, are all that
 * they can say to each other; a message that does not fit its line ends
 * the receiver before anybody looks into it.
 */
#define WAY(from, to)	(1ULL << (PROC_##from * PROC_MAX + PROC_##to))
#define TO_PARENT	(WAY(CRYPTO, PARENT) | WAY(SLIRP, PARENT) | \
			WAY(CONTROL, PARENT) | WAY(DERP, PARENT) | \
			WAY(WEB, PARENT) | WAY(FILES, PARENT))
#define TO_CHILDREN	(WAY(PARENT, CRYPTO) | WAY(PARENT, SLIRP) | \
			WAY(PARENT, CONTROL) | WAY(PARENT, DERP) | \
			WAY(PARENT, WEB) | WAY(PARENT, FILES))
#define TO_CRYPTO	WAY(PARENT, CRYPTO)
#define TO_SLIRP	WAY(PARENT, SLIRP)
#define TO_CONTROL	WAY(PARENT, CONTROL)
#define TO_DERP		WAY(PARENT, DERP)
#define TO_WEB		WAY(PARENT, WEB)
#define TO_ENGINES	(TO_CRYPTO | TO_SLIRP)
#define NO_FD		0
#define WITH_FD		1

#define IMSGS(M) \
	/* a child to the parent */ \
	M(IMSG_READY, sizeof(struct sandbox_level), TO_PARENT, NO_FD) \
	M(IMSG_STAGED, 0, TO_PARENT, NO_FD)	/* it has understood */ \
	M(IMSG_COMMITTED, 0, TO_PARENT, NO_FD)	/* and does so now */ \
	M(IMSG_PONG, 0, TO_PARENT, NO_FD)	/* it was asked, is there */ \
	M(IMSG_STEER, sizeof(struct steer_msg),	/* sessions that there are */ \
	    WAY(CRYPTO, PARENT), NO_FD) \
	M(IMSG_LOG, sizeof(struct imsg_log), TO_PARENT, NO_FD) \
	M(IMSG_PORT_ASK, sizeof(struct port_msg),	/* for a guest */ \
	    WAY(SLIRP, PARENT), NO_FD) \
	M(IMSG_PORT_GIVE, sizeof(uint32_t),	/* the peer has one less */ \
	    WAY(SLIRP, PARENT), NO_FD) \
	/* the parent to children: what they are and share */ \
	M(IMSG_PORT, sizeof(struct port_msg), TO_SLIRP, WITH_FD) \
	M(IMSG_PORT_NOT, sizeof(struct port_msg), TO_SLIRP, NO_FD) \
	M(IMSG_VERBOSE, sizeof(int), TO_CHILDREN, NO_FD) \
	M(IMSG_PING, 0, TO_CHILDREN, NO_FD) \
	M(IMSG_PIPE, sizeof(uint32_t), TO_CHILDREN, WITH_FD) \
	M(IMSG_QUEUE, sizeof(struct queue_msg), TO_ENGINES, WITH_FD) \
	M(IMSG_BELL, sizeof(struct bell_msg), TO_ENGINES, WITH_FD) \
	M(IMSG_SOCKET, sizeof(uint32_t),	/* whether to read */ \
	    TO_CRYPTO | TO_CONTROL, WITH_FD) \
	M(IMSG_SIDE, sizeof(uint32_t),	/* beside the last: steer.h */ \
	    TO_CRYPTO, WITH_FD) \
	M(IMSG_LINK, 0,			/* datagrams: link.h */ \
	    TO_CRYPTO | TO_DERP, WITH_FD) \
	M(IMSG_ACROSS, sizeof(uint32_t),	/* to that worker: link.h */ \
	    TO_ENGINES, WITH_FD) \
	M(IMSG_UAPI_SOCKET, 0, TO_CONTROL, WITH_FD) \
	M(IMSG_PROCESS, sizeof(struct ctl_process), TO_CONTROL, NO_FD) \
	M(IMSG_START, 0, TO_CHILDREN, NO_FD) \
	/* a configuration, which is staged and then committed */ \
	M(IMSG_CONF_BEGIN, sizeof(struct conf_global), TO_CHILDREN, NO_FD) \
	M(IMSG_CONF_KEY, KEY_LEN, TO_CRYPTO, NO_FD) \
	M(IMSG_CONF_WAY, sizeof(struct conf_way), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_WAY_USER, sizeof(struct service_user),  /* of the last */ \
	    TO_SLIRP, NO_FD) \
	M(IMSG_CONF_PEER, sizeof(struct conf_peer_msg), TO_ENGINES, NO_FD) \
	M(IMSG_CONF_AIP, sizeof(struct conf_aip), TO_CRYPTO, NO_FD) \
	M(IMSG_CONF_EXCLUDE, sizeof(struct ipprefix), TO_CRYPTO, NO_FD) \
	M(IMSG_CONF_ADDRESS, sizeof(struct ipprefix), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_NAT64, sizeof(struct ipprefix), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_RULE, sizeof(struct rule_msg), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_TABLE, 0, TO_SLIRP, NO_FD)	/* its prefixes follow */ \
	M(IMSG_CONF_TABLE_PREFIX, sizeof(struct ipprefix), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_SERVICE, sizeof(struct service), \
	    TO_SLIRP | TO_CONTROL | TO_DERP | TO_WEB, WITH_FD) \
	M(IMSG_CONF_ALLOW, sizeof(struct ipprefix), \
	    TO_SLIRP | TO_DERP | TO_WEB, NO_FD) \
	M(IMSG_CONF_WEB_USER, sizeof(struct web_user), TO_WEB, NO_FD) \
	M(IMSG_CONF_WEB_TRUST, sizeof(struct web_trust),  /* and prefixes */ \
	    TO_WEB, NO_FD) \
	M(IMSG_CONF_WEB_FROM, sizeof(struct ipprefix), TO_WEB, NO_FD) \
	M(IMSG_CONF_USER, sizeof(struct service_user), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_UPSTREAM, sizeof(struct upstream), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_ZONE, sizeof(struct zone_msg), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_BLOCK, sizeof(struct block_msg), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_BLOCK_FILE, sizeof(struct block_file), \
	    TO_SLIRP, WITH_FD) \
	M(IMSG_CONF_NAME, sizeof(struct name_msg), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_RESOLVE, sizeof(struct resolve_msg), TO_SLIRP, NO_FD) \
	M(IMSG_CONF_RELAY, sizeof(struct conf_relay), TO_DERP, NO_FD) \
	M(IMSG_CONF_RELAY_CA, 0,	/* of the last one: its file */ \
	    TO_DERP, WITH_FD) \
	M(IMSG_CONF_RELAY_PEER, KEY_LEN,	/* who may come by them */ \
	    TO_DERP, NO_FD) \
	M(IMSG_CONF_DOT, sizeof(struct upstream), TO_DERP, NO_FD) \
	M(IMSG_CONF_DOT_CA, 0, TO_DERP, WITH_FD)	/* of all of them */ \
	M(IMSG_PCAP, 0, TO_CONTROL, WITH_FD)	/* the file */ \
	M(IMSG_CONF_END, 0, TO_CHILDREN, NO_FD) \
	M(IMSG_CONF_COMMIT, 0, TO_CHILDREN, NO_FD) \
	/* addresses of the host, which replace those that were known */ \
	M(IMSG_HOSTADDRS, 0, TO_SLIRP, NO_FD) \
	M(IMSG_CONF_HOSTADDR, sizeof(struct ipprefix), TO_SLIRP, NO_FD) \
	M(IMSG_HOSTADDRS_END, 0, TO_SLIRP, NO_FD) \
	/* a change by wg(8): control to the parent, and on to crypto */ \
	M(IMSG_SET_BEGIN, sizeof(struct set_device), \
	    WAY(CONTROL, PARENT) | TO_CRYPTO, NO_FD) \
	M(IMSG_SET_PEER, sizeof(struct set_peer), \
	    WAY(CONTROL, PARENT) | TO_CRYPTO, NO_FD) \
	M(IMSG_SET_AIP, sizeof(struct set_aip),	/* of the last peer */ \
	    WAY(CONTROL, PARENT) | TO_CRYPTO, NO_FD) \
	M(IMSG_SET_END, 0, WAY(CONTROL, PARENT) | TO_CRYPTO, NO_FD) \
	M(IMSG_SET_DONE, sizeof(struct set_done),	/* the way back */ \
	    WAY(CRYPTO, PARENT) | TO_CONTROL, NO_FD) \
	/* and what slirp has to know of it: peers, without keys */ \
	M(IMSG_PEER_ADD, sizeof(struct conf_peer_msg), TO_SLIRP, NO_FD) \
	M(IMSG_PEER_DROP, sizeof(uint32_t), TO_SLIRP, NO_FD) \
	/* a question of wg(8), and its answer; struct ctl_aip too */ \
	M(IMSG_UAPI_GET, sizeof(struct ctl_request), \
	    WAY(CONTROL, CRYPTO), NO_FD) \
	M(IMSG_WATCH, sizeof(uint32_t),	/* whether anybody looks */ \
	    WAY(CONTROL, CRYPTO) | WAY(CONTROL, SLIRP) | \
	    WAY(CONTROL, DERP), NO_FD) \
	M(IMSG_TAP, sizeof(uint32_t),	/* whether packets are captured */ \
	    WAY(CONTROL, SLIRP), NO_FD) \
	M(IMSG_UAPI_DEVICE, sizeof(struct uapi_device), \
	    WAY(CRYPTO, CONTROL), NO_FD) \
	M(IMSG_UAPI_PEER, sizeof(struct uapi_peer), \
	    WAY(CRYPTO, CONTROL), NO_FD) \
	/* between the engines */ \
	M(IMSG_HERE, sizeof(struct here_msg),	/* a peer has a session */ \
	    WAY(CRYPTO, CRYPTO), NO_FD) \
	M(IMSG_AWAY, sizeof(struct here_msg),	/* or another gateway has */ \
	    WAY(CRYPTO, CRYPTO), NO_FD) \
	M(IMSG_ENDPOINT, sizeof(struct endpoint_msg), \
	    WAY(SLIRP, CRYPTO), NO_FD) \
	M(IMSG_ROUTE, sizeof(struct route_msg),	/* answered by the same */ \
	    WAY(SLIRP, CRYPTO) | WAY(CRYPTO, SLIRP), NO_FD) \
	M(IMSG_LOST, sizeof(uint32_t),	/* an endpoint, a relay is silent */ \
	    WAY(CRYPTO, SLIRP) | WAY(DERP, SLIRP), NO_FD) \
	M(IMSG_RELAY_ADDRS, sizeof(struct relay_addrs), \
	    WAY(SLIRP, DERP), NO_FD) \
	M(IMSG_DOT_ASK, sizeof(struct dot_ask), WAY(SLIRP, DERP), NO_FD) \
	M(IMSG_DOT_PART, sizeof(struct dot_part), \
	    WAY(DERP, SLIRP), NO_FD) \
	M(IMSG_BACK, sizeof(uint32_t),	/* a peer is heard after silence */ \
	    WAY(CRYPTO, SLIRP), NO_FD) \
	M(IMSG_CUT, sizeof(uint32_t),	/* its time or quota is over */ \
	    WAY(CRYPTO, SLIRP), NO_FD) \
	M(IMSG_UPLINK, sizeof(struct uplink_msg), \
	    WAY(CRYPTO, SLIRP), NO_FD)

#define IMSG_ENUM(name, len, ways, fd)	name,
enum imsg_type {
	IMSG_NONE,
	IMSGS(IMSG_ENUM)
	IMSG_MAX
};

struct imsg_log {
	int32_t		 pri;
	char		 line[1536];
};

struct queue_msg {
	uint32_t	 guest_to_host;
	uint32_t	 nslots;
};

struct bell_msg {
	uint32_t	 mine;		/* wakes the receiver of this */
};

struct endpoint_msg {
	uint32_t	 id;
	struct ipaddr	 addr;
	uint16_t	 port;
	uint16_t	 pad;
};

/* Where a relay is, whose name slirp has resolved. */
#define MAX_RELAY_ADDRS	8
struct relay_addrs {
	uint32_t	 id;		/* RESOLVE_RELAY, and its number */
	uint32_t	 n;
	struct ipaddr	 addr[MAX_RELAY_ADDRS];
	char		 host[HOST_NAME_LEN];	/* that was resolved */
};

/* Where a peer has its session, for the other workers and gateways. */
struct here_msg {
	uint64_t	 when;		/* wg_peer's here, or elsewhere */
	uint32_t	 id;
	uint8_t		 away;
	uint8_t		 gateway;	/* where it is then */
	uint8_t		 pad[2];
};

/* Who has an address in the tunnel? */
#define ROUTE_NOBODY	UINT32_MAX
struct route_msg {
	uint32_t	 cookie;	/* the asker's */
	uint32_t	 id;		/* of the peer; ROUTE_NOBODY */
	uint32_t	 worker;	/* that it lives with */
	struct ipaddr	 addr;
};

#endif
