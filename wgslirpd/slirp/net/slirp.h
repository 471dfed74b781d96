/* SPDX-License-Identifier: ISC */

#ifndef SLIRP_H
#define SLIRP_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>
#include <sys/uio.h>

#include <stdint.h>

#include "addr.h"
#include "bucket.h"
#include "conf.h"
#include "counters.h"
#include "log.h"
#include "mono.h"
#include "pktq.h"
#include "siphash.h"
#include "wheel.h"
#include "zone.h"

/*
 * The slirp engine: what comes out of the tunnel goes to host sockets and
 * back.  All of its state hangs off struct slirp; it reaches the world
 * only through struct host_ops, two packet queues and the time that it is
 * told, so that tests and simulators drive the same code.
 */

#define IPPROTO_FRAGMENT6	44

#define SLOT_PAYLOAD	128	/* headroom for our headers in a slot */
#define SLOT_ROOM	(PKTQ_SLOT_SIZE - SLOT_PAYLOAD)
#define HDR_COPY	192	/* of a packet from the guest, private */
#define DGRAM_MAX	65535

#define TRAIN_SEGS	45	/* what one GSO send takes at MTU 1420 */
#define SLOTS_RESERVED	1024	/* for everything that is not bulk */

struct slirp;
struct flow;

/* A packet from a guest, checked and taken apart by ip_input(). */
struct ippkt {
	const uint8_t	*data;		/* all of it; may be shared memory */
	size_t		 len;
	uint8_t		 hdr[HDR_COPY];	/* private copy of its start */
	size_t		 hdrlen;
	struct slirp_peer	*peer;
	struct ipaddr	 src;
	struct ipaddr	 dst;
	mono_t		 time;		/* when it was received */
	size_t		 l4;		/* offset of the transport header */
	size_t		 l4len;
	uint8_t		 proto;
	uint8_t		 ttl;
	uint8_t		 tos;
	uint8_t		 df;
	uint8_t		 stable;	/* data stays until the batch ends */
};

/*
 * The accessor for everything that is decided upon: len bytes at off of
 * the private copy, or NULL if the packet or the copy is shorter.
 */
static inline const uint8_t *
pkt_get(const struct ippkt *p, size_t off, size_t len)
{
	if (off > p->hdrlen || len > p->hdrlen - off)
		return (NULL);
	return (p->hdr + off);
}

static inline uint16_t
be16(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

static inline uint32_t
be32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

static inline void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

TAILQ_HEAD(flow_queue, flow);

/* A guest, that is a WireGuard peer, as this engine knows it. */
/* Flows that want a turn: every peer's in a row, the peers in a row. */
enum turn {
	TURN_NONE,
	TURN_READY,
	TURN_WAITING,		/* for slots */
	TURN_MAX
};

struct turns {
	TAILQ_ENTRY(slirp_peer)	 entry;	/* if the row is not empty */
	struct flow_queue	 flows;
};
TAILQ_HEAD(peer_queue, slirp_peer);

struct slirp_peer {
	uint32_t	 id;
	char		 name[PEER_NAME_LEN];
	uint8_t		 mark;
	uint32_t	 max_flows;	/* 0: no limit of its own */
	uint32_t	 max_new;	/* a second, 0: what is so for all */
	uint64_t	 rate_in;	/* bytes a second, 0: any */
	uint64_t	 rate_out;
	struct bucket	 in;
	struct bucket	 in_dgrams;	/* a quarter that TCP does not get */
	mono_t		 in_wait;	/* when TCP last had to wait for it */
	struct bucket	 out;
	struct bucket	 new;
	struct bucket	 errors;	/* ICMP */
	struct flow_queue	 flows;	/* who was idle longest, about first */
	struct turns		 turns[TURN_MAX];
	uint32_t	 round;		/* in which it sent last, */
	uint32_t	 nround;	/* so many express packets */
	uint32_t	 ndns;		/* questions under way */
	uint32_t	 ndnsconns;
	uint32_t	 nflows;
	uint32_t	 nconnecting;
	uint32_t	 nvia;		/* flows that the host began */
	uint32_t	 ndialing;	/* of them, not connected yet */
	uint32_t	 nslots;	/* held in send queues */
	uint64_t	 rcvbuf;	/* bytes in receive buffers */
	uint32_t	 nfrags;
	uint64_t	 fragbytes;
	/* the path to it, as its connections found it (RFC 9040) */
	mono_t		 path_at;
	mono_t		 path_srtt;
	mono_t		 path_rttvar;
	uint16_t	 pmtu;		/* smaller than configured, 0: no */
	mono_t		 pmtu_at;
	mono_t		 sack_ms;	/* work of this millisecond */
	uint32_t	 sack_work;
};
#define PATH_AGE	MONO_SEC(600)	/* after which it is forgotten */

/* What the policy says about a flow. */
enum verdict {
	VERDICT_PASS,
	VERDICT_BLOCK,		/* and tell so by ICMP */
	VERDICT_RETURN,		/* by a reset, if it is TCP */
	VERDICT_DROP		/* not at all */
};

enum flow_proto {
	FLOW_TCP,
	FLOW_UDP,
	FLOW_ICMP,
	FLOW_FORWARD		/* UDP, of a client of the host */
};
#define DNS_PORT	53

/*
 * What a peer's rate lets save up, in bytes: 50 ms of it, which is about
 * how late this process may be when others want the processor, too.
 */
static inline uint64_t
rate_burst(uint64_t rate)
{
	return (rate / 20 > 4096 ? rate / 20 : 4096);
}

/*
 * Take bytes from a peer's bucket.  The debt ends at four bursts, so that
 * what cannot wait, as acknowledgements, does not silence the rest.
 */
static inline void
rate_charge(struct bucket *b, mono_t now, uint64_t rate, uint64_t n)
{
	mono_t	 most = now + 4 * rate_burst(rate) * 1000000000ULL / rate;

	bucket_charge(b, now, rate, n);
	if (b->paid > most)
		b->paid = most;
}

static inline int
rate_open(const struct bucket *b, mono_t now, uint64_t rate)
{
	return (rate == 0 || bucket_open(b, now, rate, rate_burst(rate)));
}

/* What a guest's flow is connected to. */
enum flow_target {
	TARGET_HOST,		/* its destination */
	TARGET_LOOPBACK,	/* the host itself, by a rule */
	TARGET_DNS		/* the forwarder of this process */
};

/* Who began a flow. */
enum flow_via {
	VIA_GUEST,
	VIA_FORWARD,		/* a client of the host */
	VIA_SOCKS,
	VIA_HTTP
};

/* What every flow has; each protocol embeds it first. */
struct flow {
	LIST_ENTRY(flow)	 hash;
	TAILQ_ENTRY(flow)	 ready_entry;
	TAILQ_ENTRY(flow)	 peer_entry;
	struct wheel_timer	 timer;
	struct slirp_peer	*peer;
	mono_t			 created;
	mono_t			 active;	/* last packet either way */
	uint64_t		 rx_bytes;
	uint64_t		 tx_bytes;
	struct ipaddr		 src;		/* guest */
	struct ipaddr		 dst;
	uint16_t		 sport;
	uint16_t		 dport;
	uint32_t		 idx;
	uint32_t		 gen;
	uint32_t		 bucket;
	uint32_t		 bulk_mark;	/* of its last in bulk */
	uint32_t		 round;		/* in which it sent last, */
	uint8_t			 nround;	/* so many express packets */
	uint8_t			 type;		/* enum flow_proto */
	uint8_t			 turn;		/* enum turn */
	uint8_t			 readable;	/* host socket may have data */
	uint8_t			 df;		/* the host layer's */
	uint8_t			 short_ttl;	/* also */
	uint8_t			 dscp;		/* for packets to the guest */
	uint8_t			 target;	/* enum flow_target */
	uint8_t			 via;		/* enum flow_via */
	int			 fd;
};
#define EXPRESS_ROUND	MONO_US(200)	/* at least */
#define EXPRESS_FLOW	4		/* such packets of a flow a round */
#define EXPRESS_PEER	16		/* and of a peer */

/* Bulk in the packet queue: eight trains, then others have to wait. */
#define BULK_MOST	360

/*
 * UDP between a client of the host and a service in the tunnel: src is the
 * service, dst the gateway's address and port there.
 */
struct forward_flow {
	struct flow		 f;
	RB_ENTRY(forward_flow)	 entry;		/* the listener's */
	struct fwd_listener	*listener;
	struct ipaddr		 client;
	uint16_t		 cport;
};

/*
 * Whom a guest has sent to through one mapping; the oldest make room.  What
 * the policy of a generation said about each is kept.
 */
#define MAX_REMOTES	128
struct remote {
	struct ipaddr	 addr;
	uint16_t	 port;
	uint32_t	 passed;	/* by the policy of this generation */
	mono_t		 last;
};
struct remotes {
	struct remote	*v;
	uint16_t	 n;
	uint16_t	 cap;
	uint16_t	 hot;		/* used last */
};

LIST_HEAD(flow_bucket, flow);

struct flow_key {
	uint32_t	 peer;
	uint8_t		 type;
	uint8_t		 af;
	uint16_t	 sport;
	uint16_t	 dport;
	uint16_t	 pad;
	uint8_t		 src[16];
	uint8_t		 dst[16];
};

/* An error that the host's kernel reports about something sent. */
struct host_error {
	int		 error;		/* errno */
	int		 icmp;		/* it came as ICMP */
	uint8_t		 af;
	uint8_t		 type;
	uint8_t		 code;
	uint32_t	 info;		/* MTU */
	struct ipaddr	 offender;	/* af 0: not known */
	struct ipaddr	 dst;		/* of what was sent; af 0: flow's */
	uint16_t	 dport;
	uint8_t		 data[64];	/* start of what was sent */
	size_t		 datalen;
};

/*
 * Host sockets.  A flow has at most one, which the open functions make,
 * non-blocking and watched edge-triggered; they return -1 with errno.
 * Whatever happens on it is told by slirp_host_event().  adopt() takes one
 * that is connected; answered() tells a client of the host, before
 * anything else, that its connection into the tunnel is there, or an
 * errno.
 */
struct forward_flow;

/*
 * How datagrams go, or came: with segment not 0, several of that many bytes
 * each, of which the last may be shorter.
 */
struct dgram_opts {
	int		 ttl;
	int		 tos;
	int		 df;
	size_t		 segment;
};

struct host_ops {
	int	 (*tcp_open)(void *, struct flow *, int);
	int	 (*adopt)(void *, struct flow *, int);
	void	 (*answered)(void *, struct flow *, int);
	int	 (*udp_open)(void *, struct flow *);
	int	 (*icmp_open)(void *, struct flow *);
	void	 (*close)(void *, struct flow *, int);
	ssize_t	 (*readv)(void *, struct flow *, const struct iovec *, int);
	ssize_t	 (*writev)(void *, struct flow *, const struct iovec *, int);
	int	 (*shutdown)(void *, struct flow *);
	int	 (*connected)(void *, struct flow *);
	int	 (*error)(void *, struct flow *);
	int	 (*errqueue)(void *, struct flow *, struct host_error *);
	ssize_t	 (*sendto)(void *, struct flow *, const struct ipaddr *,
		    uint16_t, const struct iovec *, int, const struct
		    dgram_opts *);
	ssize_t	 (*recvfrom)(void *, struct flow *, const struct iovec *,
		    int, struct ipaddr *, uint16_t *, struct dgram_opts *);
	/* of clients of the host: a datagram for one, and its flow's end */
	void	 (*reply)(void *, struct forward_flow *, const uint8_t *,
		    size_t);
	void	 (*forget)(void *, struct forward_flow *);
};

#define HOST_READ	0x01
#define HOST_WRITE	0x02
#define HOST_ERROR	0x04	/* there may be one in its queue */

/*
 * A guest's question to the gateway: peer, its address and port, the
 * address that it asked, the message.  The answer, if any, comes later, by
 * udp_answer().
 */
typedef void	slirp_dns_fn(struct slirp *, struct slirp_peer *,
		    const struct ipaddr *, uint16_t, const struct ipaddr *,
		    const uint8_t *, size_t);

/* Datagrams of one batch that can go to the host with one call. */
#define UDP_TRAIN	64
struct udp_train {
	struct flow		*f;		/* NULL: empty */
	struct slirp_peer	*peer;
	struct ipaddr		 dst;
	uint16_t		 dport;
	uint8_t			 closed;	/* the last one was short */
	uint8_t			 n;
	struct dgram_opts	 o;
	size_t			 total;
	struct iovec		 iov[UDP_TRAIN];
	/* the packets that they were in */
	const uint8_t		*pkt[UDP_TRAIN];
	uint16_t		 pktlen[UDP_TRAIN];
};

struct frag_table;
struct tcp_tw_table;
struct rxitem;

struct addr_table;

/* What show rules tells. */
struct rule_info {
	uint64_t	 matches;
	char		 text[RULE_TEXT_LEN];
};

/* The part of the configuration that can be replaced as a whole. */
struct slirp_conf {
	struct ipprefix	*addrs;		/* tunnel addresses */
	size_t		 naddrs;
	struct rule	*rules;
	struct rule_info	*rule_info;	/* as many; NULL in tests */
	size_t		 nrules;
	struct addr_table	*tables;
	size_t		 ntables;
	uint16_t	 mtu;
	struct conf_tcp	 tcp;
	mono_t		 udp_timeout;
	mono_t		 dns_timeout;
	enum udp_filtering	 filtering;
	uint32_t	 max_flows;
	uint32_t	 max_new;	/* a second and peer, 0: any */
	uint8_t		 copy_tos;	/* DSCP of guests, on answers */
	uint8_t		 ttl;		/* of what is made here */
};

struct slirp {
	const struct host_ops	*host;
	void			*harg;
	struct pktq		*in;
	struct pktq		*out;
	mono_t			 now;
	struct wheel		 wheel;
	struct wheel_timer	 house;		/* once a second, if needed */
	struct slirp_conf	 conf;
	struct ipaddr		*hostaddrs;
	size_t			 nhostaddrs;
	struct slirp_peer	**peers;	/* by id */
	uint32_t		 npeers;

	struct flow_bucket	*buckets;
	struct flow		*hot;		/* found last */
	uint32_t		 nbuckets;
	struct flow		**flows;	/* by index */
	uint32_t		*free;
	uint32_t		 nfree;
	uint32_t		 capflows;
	uint32_t		 nflows;
	uint32_t		 maxflows;	/* by descriptors */
	uint32_t		 nfds;		/* that are not flows */
	uint32_t		 maxfds;
	struct slirp_peer	*largest;	/* at that time; or NULL */
	mono_t			 largest_at;
	uint32_t		 gen;
	struct peer_queue	 turns[TURN_MAX];
	uint32_t		 round;		/* see EXPRESS_ROUND */
	mono_t			 round_at;
	uint32_t		 came_back;	/* slots seen so far */
	uint32_t		 nwaiting;
	uint32_t		 wakes;		/* still due to waiting flows */
	struct siphash_key	 hashkey;
	struct siphash_key	 isnkey;

	struct rxitem		*rxitems;
	uint32_t		 nrxitems;
	TAILQ_HEAD(, tcpcb)	 dirty;		/* got data this batch */
	struct tcp_tw_table	*tw;
	mono_t			 doze;		/* pause before TCP is quiet */
	struct zone		 xfers;
	struct frag_table	*frags;
	uint64_t		 rcvbuf;	/* bytes, all flows */
	uint32_t		 ip_id;
	uint32_t		 frag_id;
	uint8_t			*dgram;		/* DGRAM_MAX + headers */
	struct udp_train	 train;
	slirp_dns_fn		*dns;		/* NULL: no forwarder */
	int			 icmp4;		/* ping sockets work */
	int			 icmp6;
	struct log_limit	 loglimit;
	struct log_limit	 rulelimit;
	uint32_t		 policy;	/* generation, never 0 */
	struct slirp_counters	 count;
};

/*
 * Descriptors that are not flows' have a budget of their own, so that
 * those that the parent passes always find room.
 */
static inline int
slirp_fd_take(struct slirp *s)
{
	if (s->nfds >= s->maxfds)
		return (-1);
	s->nfds++;
	return (0);
}

static inline void
slirp_fd_give(struct slirp *s)
{
	s->nfds--;
}

/* slirp_flow.c */
int		 slirp_init(struct slirp *, const struct host_ops *, void *,
		    mono_t, uint32_t);
void		 slirp_free(struct slirp *);
struct slirp_peer	*slirp_peer_get(struct slirp *, uint32_t);
struct slirp_peer	*slirp_peer_set(struct slirp *, uint32_t,
		    const char *);
void		 slirp_peer_clear(struct slirp *, struct slirp_peer *);
void		 slirp_peer_drop(struct slirp *, struct slirp_peer *);
int		 slirp_input(struct slirp *, int);
int		 slirp_run(struct slirp *, int);
void		 slirp_host_event(struct slirp *, struct flow *, int);
void		 flow_key(struct flow_key *, const struct slirp_peer *,
		    enum flow_proto, const struct ipaddr *, uint16_t,
		    const struct ipaddr *, uint16_t);
struct flow	*flow_find(struct slirp *, const struct flow_key *);
int		 flow_add(struct slirp *, struct flow *,
		    const struct flow_key *);
void		 flow_remove(struct slirp *, struct flow *);
int		 flow_over_rate(struct slirp *, struct slirp_peer *, size_t);
void		 flow_ready(struct slirp *, struct flow *);
struct remote	*remotes_find(struct remotes *, const struct ipaddr *,
		    uint16_t);
struct remote	*remotes_note(struct remotes *, const struct ipaddr *,
		    uint16_t, mono_t);
int		 remotes_have(const struct remotes *,
		    const struct ipaddr *);
void		 remotes_free(struct remotes *);
void		 flow_wait_slots(struct slirp *, struct flow *);
void		 flow_schedule(struct slirp *, struct flow *, mono_t);
struct flow	*flow_by_id(struct slirp *, uint64_t);
uint64_t	 flow_id(const struct flow *);
void		 slirp_housekeeping(struct slirp *);
int		 slirp_idle(struct slirp *);
void		 flow_kill(struct slirp *, struct flow *);
const char	*flow_state(const struct flow *);

/* slirp_ip.c */
void		 ip_input(struct slirp *, struct slirp_peer *,
		    const uint8_t *, size_t, mono_t);
void		 ip_transport(struct slirp *, struct ippkt *);
void		 ip_resume(struct slirp *, struct ippkt *);
uint32_t	 ip_slot(struct slirp *, int);
size_t		 ip_hdr_len(const struct ipaddr *);
uint16_t	 ip_mtu(const struct slirp *, const struct slirp_peer *);
void		 ip_learn_mtu(struct slirp *, struct slirp_peer *, uint8_t,
		    uint32_t);
void		 ip_header(struct slirp *, uint8_t *, const struct ipaddr *,
		    const struct ipaddr *, uint8_t, size_t, uint8_t, int);
void		 ip_bulk(struct slirp *, struct flow *);
void		 ip_publish(struct slirp *, uint32_t, size_t, size_t,
		    struct slirp_peer *, struct flow *);
void		 ip_send(struct slirp *, struct slirp_peer *, struct flow *,
		    const struct ipaddr *, const struct ipaddr *, uint8_t,
		    uint8_t *, size_t, uint8_t);
int		 ip_is_local(const struct slirp *, const struct ipaddr *);
const struct ipaddr	*ip_local(const struct slirp *, uint8_t);

/* slirp_frag.c */
int		 frag_init(struct slirp *);
void		 frag_free(struct slirp *);
void		 frag_input(struct slirp *, struct ippkt *, uint32_t, size_t,
		    int, size_t, size_t);
int		 frag_expire(struct slirp *);
void		 frag_drop_peer(struct slirp *, const struct slirp_peer *);

/* slirp_cksum.c */
uint32_t	 cksum_add(const void *, size_t, uint32_t);
uint16_t	 cksum_fold(uint32_t);
uint32_t	 cksum_pseudo(const struct ipaddr *, const struct ipaddr *,
		    uint8_t, size_t);

/* slirp_policy.c */
enum verdict	 policy_check(struct slirp *, const struct slirp_peer *,
		    const struct ipaddr *, const struct ipaddr *, uint8_t,
		    uint16_t);
int		 policy_check_local(struct slirp *,
		    const struct slirp_peer *, const struct ipaddr *, uint8_t,
		    uint16_t);
int		 policy_would_pass(const struct slirp *,
		    const struct slirp_peer *, const struct ipaddr *,
		    const struct ipaddr *, uint8_t, uint16_t, int);
const struct ipaddr	*policy_loopback(uint8_t);
int		 policy_is_loopback(const struct ipaddr *);
int		 policy_table_new(struct slirp_conf *);
int		 policy_table_add(struct slirp_conf *,
		    const struct ipprefix *);
void		 policy_tables_sort(struct slirp_conf *);
void		 policy_conf_free(struct slirp_conf *);
int		 policy_nowhere(const struct slirp *, const struct ipaddr *);
int		 policy_builtin(const struct slirp *, const struct ipaddr *);

/* slirp_icmp.c */
void		 icmp_input(struct slirp *, struct ippkt *);
void		 icmp_event(struct slirp *, struct flow *, int);
void		 icmp_timer(struct slirp *, struct flow *);
void		 icmp_close(struct slirp *, struct flow *);
void		 icmp_unreach(struct slirp *, const struct ippkt *, uint8_t,
		    uint8_t, uint32_t);
void		 icmp_blocked(struct slirp *, const struct ippkt *,
		    enum verdict);
void		 icmp_relay(struct slirp *, struct flow *, uint8_t,
		    uint32_t, const struct host_error *);
void		 icmp_drain(struct slirp *, struct flow *);
int		 icmp_map_errno(int, uint8_t, uint8_t *, uint8_t *);

/* slirp_udp.c */
void		 udp_input(struct slirp *, struct ippkt *);
void		 udp_flush(struct slirp *);
void		 udp_event(struct slirp *, struct flow *, int);
int		 icmp_ready(struct slirp *, struct flow *);
int		 udp_ready(struct slirp *, struct flow *);
void		 udp_timer(struct slirp *, struct flow *);
void		 udp_close(struct slirp *, struct flow *);
struct forward_flow	*udp_forward_open(struct slirp *,
		    struct slirp_peer *, const struct ipaddr *, uint16_t,
		    enum flow_via);
void		 udp_forward_send(struct slirp *, struct forward_flow *,
		    uint8_t *, size_t);
void		 udp_answer(struct slirp *, struct slirp_peer *, struct flow *,
		    const struct ipaddr *, uint16_t, const struct ipaddr *,
		    uint16_t, uint8_t *, size_t);

/* slirp_tcp.c and its siblings: see slirp_tcp.h */
int		 tcp_init(struct slirp *);
void		 tcp_fini(struct slirp *);
void		 tcp_input(struct slirp *, struct ippkt *);
void		 tcp_event(struct slirp *, struct flow *, int);
int		 tcp_ready(struct slirp *, struct flow *);
void		 tcp_timer(struct slirp *, struct flow *);
void		 tcp_flush_dirty(struct slirp *);
void		 tcp_kill(struct slirp *, struct flow *);
int		 tcp_dial(struct slirp *, struct slirp_peer *,
		    const struct ipaddr *, uint16_t, enum flow_via, int);
int		 tcp_tw_expire(struct slirp *);
void		 tcp_tw_drop_peer(struct slirp *, const struct slirp_peer *);
const char	*tcp_state_name(const struct flow *);
int		 tcp_half_open(const struct flow *);
void		 tcp_icmp(struct slirp *, struct flow *, uint32_t, uint32_t,
		    uint8_t, uint8_t);

#endif
