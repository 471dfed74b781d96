/* SPDX-License-Identifier: ISC */

/*
 * Between the protocol and the slirp engine: what was opened goes into packet
 * slots, what slirp has published is sealed.  slirp is not trusted: its
 * descriptors were checked by pktq, its headers are decided upon from a copy.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <string.h>
#include <time.h>

#include "across.h"
#include "around.h"
#include "cpu.h"
#include "links.h"
#include "log.h"
#include "queue.h"
#include "relay.h"
#include "sockets.h"
#include "state.h"
#include "steer.h"
#include "tell.h"
#include "wg/output.h"
#include "wg/overlay.h"

#define OUT_BATCH	64	/* packets of the slirp engine a round */
#define URGENT_LEN	256	/* bytes, at most, of what is not TCP */

static uint32_t		 slot = PKTQ_NOSLOT;	/* being filled */
static struct pktq_desc	 batch[OUT_BATCH];
static int		 nbatch;
static int		 ibatch;

static uint8_t *
op_rx_buf(void *arg, size_t len)
{
	(void)arg;
	if (len > PKTQ_SLOT_SIZE)
		return (NULL);
	if (slot == PKTQ_NOSLOT) {
		if ((slot = pktq_alloc(&ce.in)) == PKTQ_NOSLOT) {
			if (pktq_reclaim(&ce.in) == -1)
				fatalx("slirp broke the packet queue");
			slot = pktq_alloc(&ce.in);
		}
		if (slot == PKTQ_NOSLOT)
			return (NULL);
	}
	return (pktq_slot(&ce.in, slot));
}

/*
 * Is it TCP?  Its acknowledgements are as small as what is urgent, but they
 * are in no hurry.
 */
static int
is_tcp(const uint8_t *p, size_t len)
{
	return (len >= 20 && p[p[0] >> 4 == 4 ? 9 : 6] == IPPROTO_TCP);
}

/*
 * Who sends little passes those who send much, if there are any.  Nobody's
 * packets change their order: what such a peer has in bulk is waited for.
 */
static enum pktq_class
class_of(const struct wg_peer *p)
{
	static uint32_t	 mark;		/* behind the last one in bulk */
	static uint32_t	 turns;

	if (!steer_light(p))
		return (PKTQ_BULK);
	if (turns != steer_turns()) {
		turns = steer_turns();
		mark = pktq_bulk_mark(&ce.in);
	}
	if (steer_crowded() && !pktq_bulk_done(&ce.in, mark) &&
	    pktq_reclaim(&ce.in) == -1)
		fatalx("slirp broke the packet queue");
	if (!steer_crowded() || !pktq_express_room(&ce.in) ||
	    !pktq_bulk_done(&ce.in, mark)) {
		mark = pktq_bulk_mark(&ce.in) + 1;
		return (PKTQ_BULK);
	}
	return (PKTQ_EXPRESS);
}

static void
op_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t now)
{
	struct pktq_desc	 d;

	(void)arg;
	memset(&d, 0, sizeof(d));
	d.time = now;
	d.slot = slot;
	d.peer = p->id;
	d.len = (uint16_t)len;
	if (pktq_publish(&ce.in, &d, class_of(p)) == 0) {
		if (len <= URGENT_LEN && !is_tcp(pktq_slot(&ce.in, slot),
		    len))
			pktq_urgent(&ce.in);
		pktq_release(&ce.in, slot);
	}
	slot = PKTQ_NOSLOT;
}

/* Whether guests can come out there: slirp chooses the way of new flows. */
static void
tell_uplink(const struct wg_peer *p, int up)
{
	struct uplink_msg	 m;

	memset(&m, 0, sizeof(m));
	m.id = p->id;
	m.up = up != 0;
	imsgev_send(&ce.slirp, IMSG_UPLINK, 0, -1, &m, sizeof(m));
}

/* Its name may mean another address by now; slirp resolves names. */
static void
op_lost(void *arg, struct wg_peer *p)
{
	(void)arg;
	relay_other_way(p);
	if (p->uplink)
		tell_uplink(p, 0);
	if (p->by_name && imsgbuf_queuelen(&ce.slirp.ibuf) < PROC_BACKLOG)
		imsgev_send(&ce.slirp, IMSG_LOST, 0, -1, &p->id,
		    sizeof(p->id));
}

/* What waits for it is tried at once; slirp forgets it if it has to. */
static void
op_back(void *arg, struct wg_peer *p)
{
	(void)arg;
	if (imsgbuf_queuelen(&ce.slirp.ibuf) < PROC_BACKLOG)
		imsgev_send(&ce.slirp, IMSG_BACK, 0, -1, &p->id,
		    sizeof(p->id));
}

/* For who watches, and the log if it is verbose. */
static void
op_note(void *arg, enum wg_note what, struct wg_peer *p,
    const struct wg_endpoint *ep)
{
	static const char *const	 kind[] = { "handshake", "endpoint",
					    "unknown-key", "offer" };
	static struct log_limit		 limit;
	char				 buf[ADDR_STRLEN];
	const char			*name = p != NULL ? p->name : "";

	(void)arg;
	if (what == WG_NOTE_HANDSHAKE && p->uplink)
		tell_uplink(p, 1);
	else if (what == WG_NOTE_HANDSHAKE)
		links_here(p, mono_now());
	if (!log_getverbose() && !tell_wanted())
		return;
	sa_str(&ep->remote.sa, buf, sizeof(buf));
	tell(kind[what], name, "%s", buf);
	/* anybody can make these */
	if (what >= WG_NOTE_UNKNOWN && !log_allow(&limit, mono_now()))
		return;
	log_debug("%s%s%s%s %s", kind[what], p != NULL ? " peer \"" : "", name,
	    p != NULL ? "\"" : "", buf);
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
	tell("shut-out", p->name, "%s", p->over ? "quota" : "expired");
	if (p->uplink)
		tell_uplink(p, 0);
	imsgev_send(&ce.slirp, IMSG_CUT, 0, -1, &p->id, sizeof(p->id));
}

const struct wg_ops	 queue_ops = {
	.rx_buf = op_rx_buf,
	.rx_done = op_rx_done,
	.tx_buf = around_tx_buf,
	.tx_done = around_tx_done,
	.wall = around_wall,
	.random = around_random,
	.lost = op_lost,
	.cut = op_cut,
	.back = op_back,
	.note = op_note,
	.far = links_far,
	.hand = across_hand,
	.send = across_send
};

/* To an uplink goes what is from our address there, and nothing else. */
static int
ours(const struct wg_peer *p, const uint8_t *hdr)
{
	if (hdr[0] >> 4 == 4)
		return (p->ours[0].af == 4 &&
		    memcmp(p->ours[0].a, hdr + 12, 4) == 0);
	return (p->ours[1].af == 6 && memcmp(p->ours[1].a, hdr + 8, 16) == 0);
}

/* May slirp say this to the peer?  Of a train the first is looked up. */
static int
source_ok(struct wg_peer *p, const uint8_t *hdr)
{
	static uint8_t		 last[17];	/* version and source */
	static struct wg_peer	*to;
	static uint64_t		 changes[2];	/* of what was looked up */
	static int		 over;
	size_t			 off = hdr[0] >> 4 == 4 ? 12 : 8;
	size_t			 len = hdr[0] >> 4 == 4 ? 4 : 16;

	if (p == to && last[0] == hdr[0] >> 4 && over == ce.dev->overlay &&
	    changes[0] == ce.dev->aips.changes &&
	    changes[1] == ce.dev->excludes.changes &&
	    memcmp(last + 1, hdr + off, len) == 0)
		return (1);
	if (!wg_source_ok(ce.dev, p, hdr))
		return (0);
	to = p;
	over = ce.dev->overlay;
	last[0] = hdr[0] >> 4;
	memcpy(last + 1, hdr + off, len);
	changes[0] = ce.dev->aips.changes;
	changes[1] = ce.dev->excludes.changes;
	return (1);
}

/*
 * Seal a batch of the slirp engine's packets.  When the network takes no
 * more, the rest of the batch waits: that is the backpressure.  Returns
 * whether there may be more.
 */
int
queue_take(mono_t now)
{
	const struct pktq_desc	*d;
	const uint8_t		*pkt;
	struct wg_peer		*p;
	uint8_t			 hdr[40];
	size_t			 hlen;

	if (ibatch == nbatch) {
		ibatch = 0;
		nbatch = pktq_fetch(&ce.out, batch, OUT_BATCH);
		if (nbatch == -1)
			fatalx("slirp broke the packet queue");
	}
	for (; ibatch < nbatch; ibatch++) {
		d = &batch[ibatch];
		if (ibatch + 1 < nbatch)
			cpu_want(pktq_slot(&ce.out, d[1].slot) + d[1].off,
			    d[1].len);
		pkt = pktq_slot(&ce.out, d->slot) + d->off;
		/* slirp may change it meanwhile: decide from a copy */
		hlen = d->len < sizeof(hdr) ? d->len : sizeof(hdr);
		memcpy(hdr, pkt, hlen);
		p = wg_route(ce.dev, d->peer, hdr, hlen);
		/* the address may have moved to another peer meanwhile */
		if (p == NULL || p->id != d->peer || !wg_is_here(ce.dev, p))
			ce.dev->count.wg_drop_nopeer++;
		else if (p->uplink ? !ours(p, hdr) : !source_ok(p, hdr))
			ce.dev->count.wg_drop_forged++;
		else if (wg_output_shared(ce.dev, p, pkt, d->len, hdr, hlen,
		    hdr[0] >> 4 == 4 ? hdr[1] & 3 : hdr[1] >> 4 & 3,
		    now) == -1)
			return (0);
		if (pktq_return(&ce.out, d->slot) == -1)
			fatalx("packet queue: slot not held");
	}
	return (nbatch == OUT_BATCH);
}
