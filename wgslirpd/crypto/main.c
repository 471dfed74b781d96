/* SPDX-License-Identifier: ISC */

/*
 * The crypto engine: owns the UDP sockets and every key, sees ciphertext
 * on one side and the packet queue on the other.
 *
 * One round of its loop takes a batch of UDP buffers, opens what is in
 * them straight into packet slots, takes a batch of packets from the
 * slirp engine and seals them into trains: datagrams of one size to one
 * endpoint, which go out with one system call.  Shared indices move and
 * doorbells ring once a round.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "nap.h"
#include "pktq.h"
#include "proc.h"
#include "set.h"
#include "shm.h"
#include "udpio.h"
#include "wg/device.h"
#include "wg/limit.h"
#include "wg/output.h"
#include "wg/overlay.h"

#define RX_ROUNDS	4	/* receive calls a round */
#define OUT_BATCH	64	/* packets of the slirp engine a round */
#define URGENT_LEN	256	/* bytes, at most, of what is not TCP */
#define HS_BATCH	16	/* handshake messages a round */
#define TRAIN_MAX	65507	/* bytes */
#define TRAIN_SEGMENTS	64
#define EXPIRY_LOOK	1	/* seconds */
#define ACTIVE_TIME	180	/* seconds since the last handshake */

struct staged_aip {
	STAILQ_ENTRY(staged_aip)	 entry;
	struct conf_aip			 aip;
};

struct staged_peer {
	STAILQ_ENTRY(staged_peer)	 entry;
	struct conf_peer_msg		 m;
};

struct staged_exclude {
	STAILQ_ENTRY(staged_exclude)	 entry;
	struct ipprefix			 prefix;
};

struct staged_endpoint {
	STAILQ_ENTRY(staged_endpoint)	 entry;
	struct endpoint_msg		 m;
};

/* A step of a change by wg(8): a peer, or an allowed IP of the last. */
struct staged_set {
	STAILQ_ENTRY(staged_set)	 entry;
	int				 is_aip;
	union {
		struct set_peer		 peer;
		struct set_aip		 aip;
	} m;
};

/* Where a client's last portion of peers ended, and when that was. */
struct show_mark {
	struct aip_node	*node;
	uint64_t	 cursor;
	uint64_t	 changes;
	uint32_t	 id;
};
#define SHOW_MARKS	16

struct udp_socket {
	int		 fd;
	int		 family;
	int		 dual;		/* IPv6 that also takes IPv4 */
	struct sockaddr_storage	 bound;
	struct event	*rev;
	struct event	*wev;
};

/* Datagrams that are ready to be sent in one call. */
struct train {
	struct wg_endpoint	 ep;
	size_t			 len;
	size_t			 segment;
	int			 count;
	int			 closed;	/* the last one was short */
	int			 tos;
	uint8_t			 buf[TRAIN_MAX + 1];
};

static struct {
	struct imsgev		 parent;
	struct imsgev		 control;
	struct imsgev		 slirp;
	struct wg_device	*dev;
	struct pktq		 in;		/* guest -> host */
	struct pktq		 out;		/* host -> guest */
	uint32_t		 slot;		/* being filled */
	int			 bell[2];	/* mine, theirs */
	int			 queue_fd[2];
	uint32_t		 queue_slots[2];
	struct event		*bell_ev;
	struct event		*tick;
	struct event		*clock;
	struct udp_socket	 sock[MAX_LISTEN];
	int			 nsock;
	int			 blocked;	/* socket + 1 that is full */
	int			 started;
	uint64_t		 start_time;
	uint16_t		 port;
	struct train		 train;
	struct pktq_desc	 batch[OUT_BATCH];
	int			 nbatch;
	int			 ibatch;
	/* configuration being staged */
	int			 staging;
	struct conf_global	 global;
	uint8_t			 key[KEY_LEN];
	STAILQ_HEAD(, staged_peer)	 peers;
	STAILQ_HEAD(, staged_aip)	 aips;
	STAILQ_HEAD(, staged_exclude)	 excludes;
	STAILQ_HEAD(, staged_endpoint)	 early;	/* names, before commit */
	uint32_t		 nearly;
	/* change by wg(8) being staged */
	int			 setting;
	struct set_device	 set;
	STAILQ_HEAD(, staged_set)	 sets;
	struct show_mark	 show[SHOW_MARKS];
	unsigned int		 show_next;
	struct nap		 nap;
	int			 rx_full;	/* more may wait outside */
	int			 staged_fd[MAX_LISTEN];
	int			 nstaged_fd;
} ce;

static void	 parent_msg(struct imsgev *, struct imsg *);
static void	 slirp_msg(struct imsgev *, struct imsg *);
static void	 resolved(const struct endpoint_msg *);
static void	 control_msg(struct imsgev *, struct imsg *);

static int
can_reach(const struct udp_socket *s, int family)
{
	return (s->family == family || (s->dual && family == AF_INET));
}

/* Send the train.  If the socket is full it stays, and nothing is taken. */
static void
train_send(void)
{
	struct train		*t = &ce.train;
	struct udp_socket	*s;
	uint32_t		 i = t->ep.sock;
	int			 family = t->ep.remote.sa.sa_family;

	if (t->count == 0 || ce.blocked)
		return;
	if (i >= (uint32_t)ce.nsock || !can_reach(&ce.sock[i], family))
		for (i = 0; i < (uint32_t)ce.nsock; i++)
			if (can_reach(&ce.sock[i], family))
				break;
	if (i < (uint32_t)ce.nsock) {
		s = &ce.sock[i];
		if (udpio_send(s->fd, &t->ep, t->buf, t->len, t->segment,
		    t->tos, s->family == AF_INET6 && family == AF_INET) ==
		    -1) {
			if (errno == EAGAIN) {
				ce.blocked = (int)i + 1;
				event_add(s->wev, NULL);
				return;
			}
			ce.dev->count.wg_drop_send += (uint64_t)t->count;
		} else {
			ce.dev->count.wg_tx_datagrams += (uint64_t)t->count;
			ce.dev->count.wg_tx_bytes += t->len;
		}
		ce.dev->count.wg_tx_batches++;
	} else
		ce.dev->count.wg_drop_send += (uint64_t)t->count;
	t->count = 0;
	t->len = 0;
	t->closed = 0;
}

static uint8_t *
op_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	struct train	*t = &ce.train;

	(void)arg;
	if (len > TRAIN_MAX)
		return (NULL);
	if (t->count > 0 && (t->closed || len > t->segment ||
	    t->count == TRAIN_SEGMENTS || t->len + len > TRAIN_MAX ||
	    t->tos != tos || memcmp(&t->ep, ep, sizeof(*ep)) != 0)) {
		train_send();
		if (t->count > 0)
			return (NULL);
	}
	if (t->count == 0) {
		t->ep = *ep;
		t->tos = tos;
		t->segment = len;
	}
	return (t->buf + t->len);
}

static void
op_tx_done(void *arg, size_t len)
{
	struct train	*t = &ce.train;

	(void)arg;
	t->len += len;
	t->count++;
	if (len < t->segment)
		t->closed = 1;
}

static uint8_t *
op_rx_buf(void *arg, size_t len)
{
	(void)arg;
	if (len > PKTQ_SLOT_SIZE)
		return (NULL);
	if (ce.slot == PKTQ_NOSLOT) {
		if ((ce.slot = pktq_alloc(&ce.in)) == PKTQ_NOSLOT) {
			if (pktq_reclaim(&ce.in) == -1)
				fatalx("slirp broke the packet queue");
			ce.slot = pktq_alloc(&ce.in);
		}
		if (ce.slot == PKTQ_NOSLOT)
			return (NULL);
	}
	return (pktq_slot(&ce.in, ce.slot));
}

/* Acknowledgements are small, too, and in no hurry. */
static int
is_tcp(const uint8_t *p, size_t len)
{
	return (len >= 20 && p[p[0] >> 4 == 4 ? 9 : 6] == IPPROTO_TCP);
}

static void
op_rx_done(void *arg, struct wg_peer *p, size_t len, int ecn, mono_t now)
{
	struct pktq_desc	 d;

	(void)arg;
	memset(&d, 0, sizeof(d));
	d.time = now;
	d.slot = ce.slot;
	d.peer = p->id;
	d.len = (uint16_t)len;
	d.flags = (uint32_t)ecn & PKTQ_ECN_MASK;
	if (pktq_publish(&ce.in, &d, PKTQ_BULK) == 0) {
		if (len <= URGENT_LEN && !is_tcp(pktq_slot(&ce.in, ce.slot),
		    len))
			pktq_urgent(&ce.in);
		pktq_release(&ce.in, ce.slot);
	}
	ce.slot = PKTQ_NOSLOT;
}

static void
op_wall(void *arg, struct timespec *ts)
{
	(void)arg;
	clock_gettime(CLOCK_REALTIME, ts);
}

static void
op_random(void *arg, void *p, size_t len)
{
	(void)arg;
	rand_bytes(p, len);
}

/* Its name may mean another address by now; slirp resolves names. */
static void
op_lost(void *arg, struct wg_peer *p)
{
	(void)arg;
	if (p->by_name)
		imsgev_send(&ce.slirp, IMSG_LOST, 0, -1, &p->id,
		    sizeof(p->id));
}

/* The peer is shut out; so are its flows. */
static void
op_cut(void *arg, struct wg_peer *p)
{
	(void)arg;
	if (p->over)
		log_info("peer \"%s\": its quota of %llu bytes is used up",
		    p->name, (unsigned long long)p->quota);
	else
		log_info("peer \"%s\" has expired", p->name);
	imsgev_send(&ce.slirp, IMSG_CUT, 0, -1, &p->id, sizeof(p->id));
}

static const struct wg_ops	 crypto_ops = {
	.rx_buf = op_rx_buf,
	.rx_done = op_rx_done,
	.tx_buf = op_tx_buf,
	.tx_done = op_tx_done,
	.wall = op_wall,
	.random = op_random,
	.lost = op_lost,
	.cut = op_cut
};

/* Take what the network has, up to a few batches. */
static void
udp_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udpio_rx	 rx[UDPIO_BATCH];
	uint32_t	 sock = (uint32_t)((struct udp_socket *)arg -
			    ce.sock);
	size_t		 off, n;
	mono_t		 now;
	int		 i, k, r;

	(void)what;
	/* there may be much to open first */
	train_send();
	for (k = 0; k < RX_ROUNDS; k++) {
		if ((r = udpio_recv(fd, rx)) == -1) {
			/* an ICMP error about something that we sent */
			if (errno != EAGAIN && errno != EINTR)
				continue;
			break;
		}
		now = mono_now();
		ce.dev->count.wg_rx_batches++;
		for (i = 0; i < r; i++) {
			rx[i].from.sock = sock;
			for (off = 0; off < rx[i].len; off += n) {
				n = rx[i].len - off;
				if (n > rx[i].segment)
					n = rx[i].segment;
				wg_input(ce.dev, rx[i].buf + off, n,
				    &rx[i].from, rx[i].ecn, now);
			}
		}
		if (r < UDPIO_BATCH)
			break;
		ce.rx_full = 1;
	}
	/* there may be much to seal first */
	pktq_flush(&ce.in);
}

static void
udp_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	ce.blocked = 0;
}

static void
bell_rang(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	bell_drain(fd);
}

/*
 * Seal a batch of the slirp engine's packets.  When the network takes no
 * more, the rest of the batch waits: that is the backpressure.  Returns
 * whether there may be more.
 */
static int
take_packets(mono_t now)
{
	const struct pktq_desc	*d;
	const uint8_t		*pkt;
	struct wg_peer		*p;
	uint8_t			 hdr[40];
	size_t			 hlen;

	if (ce.ibatch == ce.nbatch) {
		ce.ibatch = 0;
		ce.nbatch = pktq_fetch(&ce.out, ce.batch, OUT_BATCH);
		if (ce.nbatch == -1)
			fatalx("slirp broke the packet queue");
	}
	for (; ce.ibatch < ce.nbatch; ce.ibatch++) {
		d = &ce.batch[ce.ibatch];
		pkt = pktq_slot(&ce.out, d->slot) + d->off;
		/* slirp may change it meanwhile: decide from a copy */
		hlen = d->len < sizeof(hdr) ? d->len : sizeof(hdr);
		memcpy(hdr, pkt, hlen);
		p = wg_route(ce.dev, hdr, hlen);
		/* the address may have moved to another peer meanwhile */
		if (p == NULL || p->id != d->peer)
			ce.dev->count.wg_drop_nopeer++;
		else if (wg_output(ce.dev, p, pkt, d->len,
		    hdr[0] >> 4 == 4 ? hdr[1] & 3 : hdr[1] >> 4 & 3,
		    now) == -1)
			return (0);
		if (pktq_return(&ce.out, d->slot) == -1)
			fatalx("packet queue: slot not held");
	}
	return (ce.nbatch == OUT_BATCH);
}

/* One round of work; returns whether there is more to do at once. */
static int
work(void)
{
	mono_t	 now = mono_now();
	size_t	 had = ce.train.len;
	int	 more = 0, open;

	if (!ce.blocked && take_packets(now))
		more = 1;
	/* what comes next may belong to the same train, if it grows */
	open = more && ce.train.len != had;
	if (!open)
		train_send();
	if (wg_run_handshakes(ce.dev, HS_BATCH, now) > 0)
		more = 1;
	wheel_run(&ce.dev->wheel, now);
	if (ce.dev->over)
		wg_cut_peers(ce.dev);
	if (!open)
		train_send();
	pktq_return_flush(&ce.out);
	pktq_flush(&ce.in);
	return (more);
}

/* Sleep until something happens, or only look if there is more to do. */
static void
wait_events(int more, uint64_t packets)
{
	struct timeval	 tv;
	mono_t		 now, next;

	/* no nap over a full receive buffer: it is small for single ones */
	if (ce.rx_full || (!more && !ce.blocked && pktq_sleep(&ce.out)))
		more = 1;
	ce.rx_full = 0;
	if (more) {
		event_base_loop(evbase, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		return;
	}
	if (!ce.blocked && nap_wanted(&ce.nap, packets)) {
		if (!pktq_nap(&ce.out))
			nap_take(&ce.nap, ce.bell[0]);
		pktq_awake(&ce.out);
		return;
	}
	if ((next = wheel_next(&ce.dev->wheel)) != 0) {
		now = mono_now();
		next = next > now ? next - now : 0;
		tv.tv_sec = (time_t)MONO_TO_SEC(next);
		tv.tv_usec = (suseconds_t)(MONO_TO_US(next) % 1000000);
		event_add(ce.tick, &tv);
	} else
		event_del(ce.tick);
	event_base_loop(evbase, EVLOOP_ONCE);
	pktq_awake(&ce.out);
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Look whether somebody's time is over; the clock may be set any time. */
static void
look_at_clock(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	wg_cut_peers(ce.dev);
}

/* Only if there is somebody whose time ends. */
static void
watch_clock(void)
{
	struct timeval	 tv = { EXPIRY_LOOK, 0 };
	struct wg_peer	*p;

	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		if (p->expires != 0)
			break;
	if (p != NULL)
		event_add(ce.clock, &tv);
	else
		event_del(ce.clock);
}

static void
start(void)
{
	struct timespec	 ts;
	int		 i;

	if (pktq_attach_producer(&ce.in, ce.queue_fd[1], ce.queue_slots[1],
	    ce.bell[1]) == -1 || pktq_attach_consumer(&ce.out,
	    ce.queue_fd[0], ce.queue_slots[0], ce.bell[1]) == -1)
		fatal("packet queue");
	close(ce.queue_fd[0]);
	close(ce.queue_fd[1]);
	ce.bell_ev = event_new(evbase, ce.bell[0], EV_READ | EV_PERSIST,
	    bell_rang, NULL);
	if (ce.bell_ev == NULL || event_add(ce.bell_ev, NULL) == -1)
		fatalx("doorbell");
	clock_gettime(CLOCK_REALTIME, &ts);
	ce.start_time = (uint64_t)ts.tv_sec;
	for (i = 0; i < ce.nsock; i++)
		event_add(ce.sock[i].rev, NULL);
	ce.started = 1;
}

/* Peers are answered from where they were before, if it is still there. */
static void
keep_sockets(const struct udp_socket *old, int nold)
{
	uint32_t	 map[MAX_LISTEN];
	struct wg_peer	*p;
	int		 i, k;

	for (i = 0; i < nold; i++) {
		map[i] = WG_ANY_SOCK;
		for (k = 0; k < ce.nsock; k++)
			if (sa_equal((const struct sockaddr *)&old[i].bound,
			    (struct sockaddr *)&ce.sock[k].bound))
				map[i] = (uint32_t)k;
	}
	ce.train.ep.sock = WG_ANY_SOCK;
	wg_forget_pending(ce.dev);
	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		p->ep.sock = p->ep.sock < (uint32_t)nold ?
		    map[p->ep.sock] : WG_ANY_SOCK;
}

static void
open_sockets(void)
{
	struct udp_socket	 old[MAX_LISTEN], *s;
	socklen_t		 len;
	int			 i, nold = ce.nsock, v6only;

	train_send();
	memcpy(old, ce.sock, sizeof(old));
	for (i = 0; i < ce.nsock; i++) {
		event_free(ce.sock[i].rev);
		event_free(ce.sock[i].wev);
		close(ce.sock[i].fd);
	}
	ce.blocked = 0;
	ce.nsock = ce.nstaged_fd;
	for (i = 0; i < ce.nsock; i++) {
		s = &ce.sock[i];
		s->fd = ce.staged_fd[i];
		len = sizeof(s->bound);
		memset(&s->bound, 0, sizeof(s->bound));
		if (getsockname(s->fd, (struct sockaddr *)&s->bound,
		    &len) == -1)
			fatal("getsockname");
		s->family = s->bound.ss_family;
		len = sizeof(v6only);
		s->dual = s->family == AF_INET6 && getsockopt(s->fd,
		    IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len) == 0 && !v6only;
		if (i == 0)
			ce.port = sa_port((struct sockaddr *)&s->bound);
		s->rev = event_new(evbase, s->fd, EV_READ | EV_PERSIST,
		    udp_readable, s);
		s->wev = event_new(evbase, s->fd, EV_WRITE, udp_writable, s);
		if (s->rev == NULL || s->wev == NULL)
			fatalx("event_new failed");
		if (ce.started)
			event_add(s->rev, NULL);
	}
	ce.nstaged_fd = 0;
	keep_sockets(old, nold);
}

/* A peer with this side's own key is no peer. */
static void
drop_own_key(void)
{
	struct wg_peer	*p;

	if (ce.dev->has_key && (p = wg_peer_by_key(ce.dev,
	    ce.dev->local.public)) != NULL)
		wg_peer_remove(ce.dev, p);
}

/* Bring one peer to what the configuration says. */
static void
commit_peer(const struct conf_peer_msg *m, mono_t now)
{
	struct sockaddr_storage	 ss;
	struct wg_endpoint	 old;
	struct wg_peer		*p;

	if (memcmp(m->public_key, ce.dev->local.public, KEY_LEN) == 0) {
		log_warnx("peer \"%s\" has this gateway's own key: ignored",
		    m->name);
		return;
	}
	if ((p = wg_peer_by_key(ce.dev, m->public_key)) == NULL) {
		p = wg_peer_add(ce.dev, m->id, m->public_key, m->psk);
		if (p == NULL)
			fatal("peer");
	} else
		memcpy(p->noise.psk, m->psk, KEY_LEN);
	p->mark = 1;
	aip_remove_owner(&ce.dev->aips, &p->aips);
	wg_peer_set_reserved(ce.dev, p, m->reserved);
	p->by_name = m->has_endpoint && m->ep_addr.af == 0;
	strlcpy(p->name, m->name, sizeof(p->name));
	if (!p->noise.ss_valid)
		log_warnx("peer \"%s\" has an unusable public key",
		    p->name);
	if (m->has_endpoint && m->ep_addr.af != 0) {
		old = p->configured;
		sa_make(&ss, &m->ep_addr, m->ep_port);
		if (!sa_equal(&old.remote.sa, (struct sockaddr *)&ss)) {
			wg_peer_set_endpoint(p, (struct sockaddr *)&ss);
			p->configured = p->ep;
		}
	}
	wg_peer_limit(ce.dev, p, m->quota, m->expires);
	wg_peer_keepalive(ce.dev, p, m->keepalive, now);
}

/* The staged configuration takes effect; who did not change keeps all. */
static void
commit(void)
{
	struct staged_peer	*sp;
	struct staged_aip	*sa;
	struct staged_exclude	*sx;
	struct staged_endpoint	*se;
	struct wg_peer		*p, *next;
	mono_t			 now = mono_now();

	ce.dev->mtu = ce.global.mtu;
	udpio_offload(ce.global.offload);
	if (wg_device_set_key(ce.dev, ce.key) == -1)
		fatalx("the private key is not usable");
	explicit_bzero(ce.key, sizeof(ce.key));
	drop_own_key();
	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		p->mark = 0;
	while ((sp = STAILQ_FIRST(&ce.peers)) != NULL) {
		STAILQ_REMOVE_HEAD(&ce.peers, entry);
		if (!sp->m.keep)
			commit_peer(&sp->m, now);
		else if ((p = wg_peer_by_id(ce.dev, sp->m.id)) != NULL)
			p->mark = 1;
		freezero(sp, sizeof(*sp));
	}
	TAILQ_FOREACH_SAFE(p, &ce.dev->peers, entry, next)
		if (!p->mark)
			wg_peer_remove(ce.dev, p);
	while ((sa = STAILQ_FIRST(&ce.aips)) != NULL) {
		STAILQ_REMOVE_HEAD(&ce.aips, entry);
		p = wg_peer_by_id(ce.dev, sa->aip.id);
		if (p != NULL && aip_insert(&ce.dev->aips, &sa->aip.prefix, p,
		    &p->aips) == -1)
			fatal("allowed ips");
		free(sa);
	}
	ce.dev->overlay = ce.global.overlay != 0;
	wg_exclude_clear(ce.dev);
	while ((sx = STAILQ_FIRST(&ce.excludes)) != NULL) {
		STAILQ_REMOVE_HEAD(&ce.excludes, entry);
		if (wg_exclude(ce.dev, &sx->prefix) == -1)
			fatal("overlay");
		free(sx);
	}
	open_sockets();
	watch_clock();
	ce.staging = 0;
	while ((se = STAILQ_FIRST(&ce.early)) != NULL) {
		STAILQ_REMOVE_HEAD(&ce.early, entry);
		resolved(&se->m);
		free(se);
	}
	ce.nearly = 0;
}

/* The private key is another one now, or none. */
static void
change_key(const uint8_t key[KEY_LEN])
{
	if (key_is_zero(key))
		wg_device_clear_key(ce.dev);
	else if (wg_device_set_key(ce.dev, key) == -1)
		fatalx("the private key is not usable");
	drop_own_key();
}

/* Returns the peer that the change is about, or NULL. */
static struct wg_peer *
change_peer(const struct set_peer *m, mono_t now)
{
	struct sockaddr_storage	 ss;
	struct wg_peer		*p;

	p = wg_peer_by_key(ce.dev, m->public_key);
	if (m->flags & SET_REMOVE) {
		if (p != NULL)
			wg_peer_remove(ce.dev, p);
		return (NULL);
	}
	if (p == NULL) {
		if (m->flags & SET_UPDATE_ONLY || (ce.dev->has_key &&
		    memcmp(m->public_key, ce.dev->local.public,
		    KEY_LEN) == 0))
			return (NULL);
		p = wg_peer_add(ce.dev, m->id, m->public_key, NULL);
		if (p == NULL)
			fatal("peer");
		strlcpy(p->name, m->name, sizeof(p->name));
		wg_peer_set_reserved(ce.dev, p, m->reserved);
		wg_peer_limit(ce.dev, p, m->quota, m->expires);
	}
	if (m->flags & SET_PSK)
		memcpy(p->noise.psk, m->psk, KEY_LEN);
	if (m->flags & SET_REPLACE_AIPS)
		aip_remove_owner(&ce.dev->aips, &p->aips);
	if (m->flags & SET_ENDPOINT) {
		sa_make(&ss, &m->ep_addr, m->ep_port);
		if (m->ep_addr.af == 6)
			((struct sockaddr_in6 *)&ss)->sin6_scope_id =
			    m->ep_scope;
		wg_peer_set_endpoint(p, (struct sockaddr *)&ss);
		p->configured = p->ep;
		p->by_name = 0;		/* no longer */
	}
	if (m->flags & SET_KEEPALIVE)
		wg_peer_keepalive(ce.dev, p, m->keepalive, now);
	if (!TAILQ_EMPTY(&p->staged))
		wg_peer_poke(ce.dev, p, now);
	return (p);
}

/* A change by wg(8) is complete, and nothing of it can fail any more. */
static void
change(void)
{
	struct staged_set	*x;
	struct wg_peer		*p = NULL, *next;
	mono_t			 now = mono_now();
	struct set_done		 done = { 0, 0 };

	if (ce.set.flags & SET_PRIVATE_KEY)
		change_key(ce.set.private_key);
	explicit_bzero(&ce.set.private_key, sizeof(ce.set.private_key));
	if (ce.set.flags & SET_REPLACE_PEERS)
		TAILQ_FOREACH_SAFE(p, &ce.dev->peers, entry, next)
			wg_peer_remove(ce.dev, p);
	while ((x = STAILQ_FIRST(&ce.sets)) != NULL) {
		STAILQ_REMOVE_HEAD(&ce.sets, entry);
		if (!x->is_aip)
			p = change_peer(&x->m.peer, now);
		else if (p != NULL && x->m.aip.remove)
			(void)aip_remove(&ce.dev->aips, &x->m.aip.prefix, p);
		else if (p != NULL && aip_insert(&ce.dev->aips,
		    &x->m.aip.prefix, p, &p->aips) == -1)
			fatal("allowed ips");
		freezero(x, sizeof(*x));
	}
	if (ce.nstaged_fd > 0)
		open_sockets();
	watch_clock();
	ce.setting = 0;
	done.naips = (uint32_t)ce.dev->aips.count;
	imsgev_must(&ce.parent, IMSG_SET_DONE, 0, -1, &done, sizeof(done));
}

/* Steps of a change, which are kept until its end. */
static void
change_msg(struct imsg *imsg)
{
	struct staged_set	*x;
	uint32_t		 type = imsg_get_type(imsg);

	if (ce.staging || ce.setting == (type == IMSG_SET_BEGIN))
		bad_imsg("parent", type);
	if (type == IMSG_SET_BEGIN) {
		imsg_is(imsg, &ce.set, sizeof(ce.set));
		ce.setting = 1;
		return;
	}
	if (type == IMSG_SET_END) {
		change();
		return;
	}
	if ((x = calloc(1, sizeof(*x))) == NULL)
		fatal(NULL);
	STAILQ_INSERT_TAIL(&ce.sets, x, entry);
	if (type == IMSG_SET_PEER) {
		imsg_is(imsg, &x->m.peer, sizeof(x->m.peer));
		x->m.peer.name[sizeof(x->m.peer.name) - 1] = '\0';
		if (x->m.peer.id >= MAX_PEER_ID)
			fatalx("peer id out of range");
	} else {
		x->is_aip = 1;
		imsg_is(imsg, &x->m.aip, sizeof(x->m.aip));
	}
}

static void
take_pipe(struct imsg *imsg)
{
	uint32_t	 who;
	int		 fd, r = -1;

	imsg_is(imsg, &who, sizeof(who));
	fd = imsg_take_fd(imsg);
	if (who == PROC_CONTROL && ce.control.ev == NULL)
		r = imsgev_init(&ce.control, fd, PROC_CONTROL, control_msg,
		    NULL);
	else if (who == PROC_SLIRP && ce.slirp.ev == NULL)
		r = imsgev_init(&ce.slirp, fd, PROC_SLIRP, slirp_msg, NULL);
	if (r == -1)
		fatalx("bad pipe");
}

static void
take_queue(struct imsg *imsg)
{
	struct queue_msg	 m;
	int			 dir;

	imsg_is(imsg, &m, sizeof(m));
	dir = m.guest_to_host != 0;
	if (ce.started || ce.queue_fd[dir] != -1)
		bad_imsg("parent", IMSG_QUEUE);
	ce.queue_fd[dir] = imsg_take_fd(imsg);
	ce.queue_slots[dir] = m.nslots;
}

static void
take_bell(struct imsg *imsg)
{
	struct bell_msg	 m;

	imsg_is(imsg, &m, sizeof(m));
	ce.bell[m.mine ? 0 : 1] = imsg_take_fd(imsg);
}

/* Configuration messages, which are kept until the commit. */
static void
stage_msg(struct imsg *imsg)
{
	struct staged_exclude	*sx;
	struct staged_peer	*sp;
	struct staged_aip	*sa;

	switch (imsg_get_type(imsg)) {
	case IMSG_CONF_KEY:
		imsg_is(imsg, ce.key, sizeof(ce.key));
		break;
	case IMSG_CONF_PEER:
		if ((sp = calloc(1, sizeof(*sp))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sp->m, sizeof(sp->m));
		sp->m.name[sizeof(sp->m.name) - 1] = '\0';
		if (sp->m.id >= MAX_PEER_ID)
			fatalx("peer id out of range");
		STAILQ_INSERT_TAIL(&ce.peers, sp, entry);
		break;
	case IMSG_CONF_AIP:
		if ((sa = calloc(1, sizeof(*sa))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sa->aip, sizeof(sa->aip));
		STAILQ_INSERT_TAIL(&ce.aips, sa, entry);
		break;
	case IMSG_CONF_EXCLUDE:
		if ((sx = calloc(1, sizeof(*sx))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sx->prefix, sizeof(sx->prefix));
		STAILQ_INSERT_TAIL(&ce.excludes, sx, entry);
		break;
	case IMSG_SOCKET:
		if (ce.nstaged_fd == MAX_LISTEN)
			fatalx("too many sockets");
		ce.staged_fd[ce.nstaged_fd++] = imsg_take_fd(imsg);
		break;
	case IMSG_CONF_END:
		imsgev_must(&ce.parent, IMSG_STAGED, 0, -1, NULL, 0);
		break;
	}
}

static void
parent_msg(struct imsgev *iev, struct imsg *imsg)
{
	uint32_t	 type;

	if (imsg == NULL)
		exit(0);	/* the parent is gone */
	switch (type = imsg_get_type(imsg)) {
	case IMSG_PIPE:
		take_pipe(imsg);
		break;
	case IMSG_QUEUE:
		take_queue(imsg);
		break;
	case IMSG_BELL:
		take_bell(imsg);
		break;
	case IMSG_CONF_BEGIN:
		if (ce.staging || ce.setting)
			bad_imsg("parent", type);
		imsg_is(imsg, &ce.global, sizeof(ce.global));
		ce.staging = 1;
		break;
	case IMSG_CONF_KEY:
	case IMSG_CONF_PEER:
	case IMSG_CONF_AIP:
	case IMSG_CONF_EXCLUDE:
	case IMSG_CONF_END:
		if (!ce.staging)
			bad_imsg("parent", type);
		stage_msg(imsg);
		break;
	case IMSG_SOCKET:
		if (!ce.staging && !ce.setting)
			bad_imsg("parent", type);
		stage_msg(imsg);
		break;
	case IMSG_SET_BEGIN:
	case IMSG_SET_PEER:
	case IMSG_SET_AIP:
	case IMSG_SET_END:
		change_msg(imsg);
		break;
	case IMSG_CONF_COMMIT:
		if (!ce.staging)
			bad_imsg("parent", type);
		commit();
		break;
	case IMSG_START:
		if (ce.started)
			bad_imsg("parent", type);
		start();
		break;
	default:
		child_common(iev, imsg);
	}
}

/* Which peer has the address? */
static void
answer_route(struct imsg *imsg)
{
	struct route_msg	 m;
	struct wg_peer		*p = NULL;

	imsg_is(imsg, &m, sizeof(m));
	if (m.addr.af == 4)
		p = aip_lookup4(&ce.dev->aips, m.addr.a);
	else if (m.addr.af == 6)
		p = aip_lookup6(&ce.dev->aips, m.addr.a);
	m.id = p != NULL && !p->cut ? p->id : ROUTE_NOBODY;
	imsgev_send(&ce.slirp, IMSG_ROUTE, 0, -1, &m, sizeof(m));
}

/* An endpoint that was given by name is known, or has changed. */
static void
slirp_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct staged_endpoint	*se;
	struct endpoint_msg	 m;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	if (imsg_get_type(imsg) == IMSG_ROUTE) {
		answer_route(imsg);
		return;
	}
	if (imsg_get_type(imsg) != IMSG_ENDPOINT)
		bad_imsg("slirp", imsg_get_type(imsg));
	imsg_is(imsg, &m, sizeof(m));
	/* slirp may have committed before this process has */
	if (ce.staging) {
		if (ce.nearly == 2 * MAX_PEERS ||
		    (se = calloc(1, sizeof(*se))) == NULL)
			return;
		se->m = m;
		STAILQ_INSERT_TAIL(&ce.early, se, entry);
		ce.nearly++;
		return;
	}
	resolved(&m);
}

/* Only peers that were given by name are slirp's to place. */
static void
resolved(const struct endpoint_msg *m)
{
	struct sockaddr_storage	 ss;
	struct wg_peer		*p;

	if ((m->addr.af != 4 && m->addr.af != 6) || m->port == 0 ||
	    (p = wg_peer_by_id(ce.dev, m->id)) == NULL || !p->by_name)
		return;
	sa_make(&ss, &m->addr, m->port);
	/* who answers stays where it is; who does not may be there again */
	if (sa_equal(&p->configured.remote.sa, (struct sockaddr *)&ss) &&
	    (p->timers.unanswered == 0 ||
	    sa_equal(&p->ep.remote.sa, (struct sockaddr *)&ss)))
		return;
	wg_peer_set_endpoint(p, (struct sockaddr *)&ss);
	p->configured = p->ep;
	wg_peer_poke(ce.dev, p, mono_now());
}

static void
send_peer(struct imsgev *iev, uint32_t id, const struct wg_peer *p)
{
	struct ctl_peer	 m;

	memset(&m, 0, sizeof(m));
	m.id = p->id;
	m.keepalive = p->timers.keepalive_interval;
	strlcpy(m.name, p->name, sizeof(m.name));
	memcpy(m.public_key, p->noise.public, KEY_LEN);
	if (ipaddr_from_sa(&m.endpoint, &p->ep.remote.sa) == 0) {
		m.endpoint_port = sa_port(&p->ep.remote.sa);
		if (m.endpoint.af == 6)
			m.endpoint_scope = p->ep.remote.sin6.sin6_scope_id;
	}
	m.has_psk = !key_is_zero(p->noise.psk);
	m.latest_handshake = (uint64_t)p->last_handshake.tv_sec;
	m.rx_bytes = p->rx_bytes;
	m.tx_bytes = p->tx_bytes;
	m.quota = p->quota;
	m.expires = p->expires;
	m.cut = p->cut;
	imsgev_send(iev, CTL_PEER, id, -1, &m, sizeof(m));
}

/* The same for wg(8), which gets secrets unless it may not. */
static void
send_uapi_peer(struct imsgev *iev, uint32_t id, const struct wg_peer *p)
{
	struct uapi_peer	 m;

	memset(&m, 0, sizeof(m));
	memcpy(m.public_key, p->noise.public, KEY_LEN);
	if (ce.global.uapi == UAPI_ON)
		memcpy(m.psk, p->noise.psk, KEY_LEN);
	if (ipaddr_from_sa(&m.endpoint, &p->ep.remote.sa) == 0) {
		m.endpoint_port = sa_port(&p->ep.remote.sa);
		if (m.endpoint.af == 6)
			m.ep_scope = p->ep.remote.sin6.sin6_scope_id;
	}
	m.keepalive = p->timers.keepalive_interval;
	m.latest_handshake = (uint64_t)p->last_handshake.tv_sec;
	m.latest_nsec = (uint32_t)p->last_handshake.tv_nsec;
	m.rx_bytes = p->rx_bytes;
	m.tx_bytes = p->tx_bytes;
	imsgev_send(iev, IMSG_UAPI_PEER, id, -1, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
}

static void
send_uapi_device(struct imsgev *iev, uint32_t id)
{
	struct uapi_device	 m;

	memset(&m, 0, sizeof(m));
	m.listen_port = ce.port;
	if (ce.dev->has_key && ce.global.uapi == UAPI_ON) {
		m.has_key = 1;
		memcpy(m.private_key, ce.dev->local.private, KEY_LEN);
	}
	imsgev_send(iev, IMSG_UAPI_DEVICE, id, -1, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
}

static void
show_mark(uint32_t id, uint64_t cursor, struct aip_node *n)
{
	struct show_mark	*m;
	int			 i;

	for (i = 0; i < SHOW_MARKS && ce.show[i].id != id; i++)
		continue;
	m = &ce.show[i < SHOW_MARKS ? i : (int)(ce.show_next++ %
	    SHOW_MARKS)];
	m->id = id;
	m->cursor = cursor;
	m->node = n;
	m->changes = ce.dev->aips.changes;
}

/* Where in a peer's allowed IPs the last portion ended. */
static struct aip_node *
show_resume(const struct wg_peer *p, uint32_t id,
    const struct ctl_request *req)
{
	const struct show_mark	*m;
	struct aip_node		*n;
	uint32_t		 k, done = (uint32_t)req->cursor;
	int			 i;

	for (i = 0; i < SHOW_MARKS; i++) {
		m = &ce.show[i];
		if (m->id == id && m->cursor == req->cursor &&
		    m->changes == ce.dev->aips.changes)
			return (m->node);
	}
	n = TAILQ_FIRST(&p->aips);
	for (k = 1; k < done && n != NULL; k++)
		n = aip_node_next(n);
	return (n);
}

/*
 * One portion of the peers and their allowed IPs.  The cursor holds the
 * peer's id above, and below how much of it was sent.
 */
static void
show_peers(struct imsgev *iev, uint32_t id, struct ctl_request *req,
    void (*send)(struct imsgev *, uint32_t, const struct wg_peer *))
{
	struct ctl_more		 more;
	struct ctl_aip		 a;
	struct aip_node		*n;
	struct wg_peer		*p;
	uint32_t		 pid = (uint32_t)(req->cursor >> 32);
	uint32_t		 done = (uint32_t)req->cursor;
	int			 left = CTL_PORTION;

	req->name[sizeof(req->name) - 1] = '\0';
	for (; pid < ce.dev->nbyid; pid++, done = 0) {
		if ((p = ce.dev->byid[pid]) == NULL ||
		    (req->name[0] != '\0' && strcmp(req->name, p->name) != 0))
			continue;
		if (done == 0) {
			if (left-- == 0)
				goto more;
			send(iev, id, p);
			done = 1;
			n = TAILQ_FIRST(&p->aips);
		} else
			n = show_resume(p, id, req);
		for (; n != NULL; n = aip_node_next(n), done++) {
			if (left-- == 0) {
				show_mark(id, (uint64_t)pid << 32 | done, n);
				goto more;
			}
			memset(&a, 0, sizeof(a));
			a.id = p->id;
			aip_node_prefix(n, &a.prefix);
			imsgev_send(iev, CTL_AIP, id, -1, &a, sizeof(a));
		}
	}
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
	return;
 more:
	more.cursor = (uint64_t)pid << 32 | done;
	imsgev_send(iev, CTL_MORE, id, -1, &more, sizeof(more));
}

static void
show_summary(struct imsgev *iev, uint32_t id)
{
	struct ctl_summary	 m;
	struct timespec		 ts;
	struct wg_peer		*p;

	clock_gettime(CLOCK_REALTIME, &ts);
	memset(&m, 0, sizeof(m));
	memcpy(m.public_key, ce.dev->local.public, KEY_LEN);
	m.started = ce.start_time;
	m.peers = ce.dev->npeers;
	m.mtu = ce.dev->mtu;
	m.port = ce.port;
	m.paused = ce.dev->paused;
	TAILQ_FOREACH(p, &ce.dev->peers, entry) {
		m.rx_bytes += p->rx_bytes;
		m.tx_bytes += p->tx_bytes;
		if (ts.tv_sec - p->last_handshake.tv_sec < ACTIVE_TIME)
			m.peers_active++;
	}
	imsgev_send(iev, CTL_SUMMARY, id, -1, &m, sizeof(m));
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

static void
control_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct ctl_request	 req;
	uint32_t		 id;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	id = imsg_get_id(imsg);
	imsg_is(imsg, &req, sizeof(req));
	switch (imsg_get_type(imsg)) {
	case CTL_SHOW_SUMMARY:
		show_summary(iev, id);
		break;
	case CTL_SHOW_PEERS:
		show_peers(iev, id, &req, send_peer);
		break;
	case IMSG_UAPI_GET:
		if (ce.global.uapi == UAPI_OFF)
			bad_imsg("control", IMSG_UAPI_GET);
		if (req.cursor == 0)
			send_uapi_device(iev, id);
		show_peers(iev, id, &req, send_uapi_peer);
		break;
	case CTL_SHOW_COUNTERS:
		imsgev_send(iev, CTL_CRYPTO_COUNTERS, id, -1,
		    &ce.dev->count, sizeof(ce.dev->count));
		imsgev_send(iev, CTL_END, id, -1, NULL, 0);
		break;
	case CTL_PAUSE:
		log_info("paused");
		wg_pause(ce.dev);
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	case CTL_RESUME:
		log_info("resumed");
		wg_resume(ce.dev, mono_now());
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	default:
		bad_imsg("control", imsg_get_type(imsg));
	}
}

void
crypto_main(int foreground)
{
	const char	*reason;
	uint64_t	 seen, before = 0;
	int		 more = 0;

	STAILQ_INIT(&ce.peers);
	STAILQ_INIT(&ce.aips);
	STAILQ_INIT(&ce.excludes);
	STAILQ_INIT(&ce.early);
	STAILQ_INIT(&ce.sets);
	ce.queue_fd[0] = ce.queue_fd[1] = -1;
	ce.slot = PKTQ_NOSLOT;
	child_init(PROC_CRYPTO, foreground, &ce.parent, parent_msg);
	sandbox_lock_memory();
	child_drop(foreground);
	if ((reason = aead_init()) != NULL)
		fatalx("%s", reason);
	if (udpio_init() == -1)
		fatal(NULL);
	ce.dev = wg_device_new(&crypto_ops, NULL, mono_now());
	ce.tick = evtimer_new(evbase, tick, NULL);
	ce.clock = event_new(evbase, -1, EV_PERSIST, look_at_clock, NULL);
	if (ce.dev == NULL || ce.tick == NULL || ce.clock == NULL)
		fatal(NULL);
	child_ready(&ce.parent, SANDBOX_CRYPTO);
	while (!ce.started)
		event_base_loop(evbase, EVLOOP_ONCE);
	for (;;) {
		more = work();
		seen = ce.dev->count.wg_rx_datagrams +
		    ce.dev->count.wg_tx_packets;
		wait_events(more, seen - before);
		before = seen;
	}
}
