/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "across.h"
#include "link.h"
#include "links.h"
#include "linkio.h"
#include "log.h"
#include "sockets.h"
#include "state.h"
#include "wg/overlay.h"

#define ROUNDS	8	/* messages at once */

struct hdr {
	uint32_t		 kind;		/* enum across_kind */
	int32_t			 ecn;
	struct wg_endpoint	 from;		/* of a datagram */
};

/* Packets on their way to a worker, of one round. */
struct out {
	size_t	 len;
	size_t	 n;
	uint8_t	 data[ACROSS_DATA_MAX];
};

static struct {
	int		 fd;
	struct event	*ev;
	struct out	*out;		/* NULL: there is no such worker */
} workers[MAX_WORKERS];

static void
flush(uint32_t w)
{
	struct out	*o = workers[w].out;
	struct hdr	 hdr;

	if (o == NULL || o->len == 0)
		return;
	memset(&hdr, 0, sizeof(hdr));
	hdr.kind = ACROSS_PACKETS;
	if (link_send(workers[w].fd, &hdr, sizeof(hdr), o->data, o->len) == -1)
		ce.dev->count.wg_drop_across += o->n;
	o->len = o->n = 0;
}

void
across_flush(void)
{
	uint32_t	 w;

	for (w = 0; w < ce.dev->workers; w++)
		flush(w);
}

void
across_send(void *arg, uint32_t w, const uint8_t *pkt, size_t len)
{
	struct across_packet	 head;
	struct out		*o;

	(void)arg;
	if (w >= MAX_WORKERS || (o = workers[w].out) == NULL ||
	    len + sizeof(head) > sizeof(o->data)) {
		ce.dev->count.wg_drop_across++;
		return;
	}
	if (o->len + sizeof(head) + len > sizeof(o->data))
		flush(w);
	memset(&head, 0, sizeof(head));
	head.len = (uint16_t)len;
	memcpy(o->data + o->len, &head, sizeof(head));
	memcpy(o->data + o->len + sizeof(head), pkt, len);
	o->len += sizeof(head) + len;
	o->n++;
}

void
across_hand(void *arg, uint32_t w, const uint8_t *msg, size_t len,
    const struct wg_endpoint *from, int ecn)
{
	struct hdr	 hdr;

	(void)arg;
	memset(&hdr, 0, sizeof(hdr));
	hdr.kind = ACROSS_DATAGRAM;
	hdr.ecn = ecn;
	hdr.from = *from;
	if (w >= MAX_WORKERS || workers[w].out == NULL ||
	    link_send(workers[w].fd, &hdr, sizeof(hdr), msg, len) == -1)
		ce.dev->count.wg_drop_across++;
}

/* What was handed here, as if the network had brought it. */
static void
datagram(const struct hdr *hdr, uint8_t *msg, size_t len)
{
	struct wg_endpoint	 from = hdr->from;
	int			 family = from.remote.sa.sa_family;

	if ((family != AF_INET && family != AF_INET6) || hdr->ecn < 0 ||
	    hdr->ecn > 3)
		fatalx("a malformed datagram came across");
	/* nobody is answered by a socket that there is not */
	if (from.sock >= sockets_count())
		from.sock = WG_ANY_SOCK;
	ce.dev->handed = 1;
	wg_input(ce.dev, msg, len, &from, hdr->ecn, mono_now());
	ce.dev->handed = 0;
}

static void
packets(uint8_t *data, size_t len, uint32_t worker)
{
	struct across_packet	 head;
	mono_t			 now = mono_now();
	size_t			 off;

	for (off = 0; off < len; off += head.len) {
		if (len - off < sizeof(head))
			fatalx("malformed packets came across");
		memcpy(&head, data + off, sizeof(head));
		off += sizeof(head);
		if (head.len > len - off)
			fatalx("malformed packets came across");
		if (wg_overlay_across(ce.dev, data + off, head.len, worker,
		    now) == -1)
			ce.dev->count.wg_drop_across++;
	}
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t	 buf[ACROSS_DATA_MAX];
	uint32_t	 worker = (uint32_t)(uintptr_t)arg;
	struct hdr	 hdr;
	ssize_t		 n = 0;
	int		 i;

	(void)what;
	for (i = 0; i < ROUNDS && (n = link_recv(fd, &hdr, sizeof(hdr), buf)) >
	    0; i++) {
		if (hdr.kind == ACROSS_DATAGRAM)
			datagram(&hdr, buf, (size_t)n);
		else if (hdr.kind == ACROSS_PACKETS)
			packets(buf, (size_t)n, worker);
		else
			fatalx("something malformed came across");
	}
	if (n == -1)
		event_del(workers[worker].ev);
	train_send();
	pktq_flush(&ce.in);
}

void
across_link(struct imsg *imsg)
{
	uint32_t	 w;
	int		 fd;

	imsg_is(imsg, &w, sizeof(w));
	fd = imsg_take_fd(imsg);
	if (w >= MAX_WORKERS || w == proc_worker() || workers[w].out != NULL)
		bad_imsg("parent", IMSG_ACROSS);
	workers[w].fd = fd;
	workers[w].out = calloc(1, sizeof(*workers[w].out));
	workers[w].ev = event_new(evbase, fd, EV_READ | EV_PERSIST, readable,
	    (void *)(uintptr_t)w);
	if (workers[w].out == NULL || workers[w].ev == NULL)
		fatalx("the link to another worker");
}

void
across_start(void)
{
	uint32_t	 w;

	for (w = 0; w < MAX_WORKERS; w++)
		if (workers[w].ev != NULL &&
		    event_add(workers[w].ev, NULL) == -1)
			fatalx("the link to another worker");
}

void
across_input(struct imsgev *iev, struct imsg *imsg)
{
	struct here_msg	 m;
	struct wg_peer	*p;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	imsg_is(imsg, &m, sizeof(m));
	if (m.when > WG_LAST_TIME)
		bad_imsg("crypto", imsg_get_type(imsg));
	/* the configuration may be another one there */
	if ((p = wg_peer_by_id(ce.dev, m.id)) == NULL)
		return;
	switch (imsg_get_type(imsg)) {
	case IMSG_HERE:
		if (ce.dev->worker != 0)
			bad_imsg("crypto", IMSG_HERE);
		if (p->worker == slot_worker(iev->slot))
			links_told(p, m.when);
		break;
	case IMSG_AWAY:
		if (slot_worker(iev->slot) != 0)
			bad_imsg("crypto", IMSG_AWAY);
		/* without others there is nowhere to be */
		if (m.away == 0 || ce.global.links.n > 0)
			links_away(p, m.away != 0, m.gateway, m.when);
		break;
	default:
		bad_imsg("crypto", imsg_get_type(imsg));
	}
}
