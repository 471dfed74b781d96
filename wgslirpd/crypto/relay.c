/* SPDX-License-Identifier: ISC */

/*
 * Peers at DERP relays: their datagrams come and go by a link to the derp
 * engine, in trains as on a socket.  That engine is no more trusted than the
 * network is; what it says a key is, is an address like any other.
 */

#include <sys/types.h>

#include <string.h>

#include "linkio.h"
#include "log.h"
#include "relay.h"
#include "sockets.h"
#include "state.h"

#define ROUNDS	8	/* trains at once */

static int		 link_fd = -1;
static struct event	*link_ev;

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t		 buf[LINK_DATA_MAX];
	struct wg_endpoint	 from;
	struct link_hdr		 hdr;
	ssize_t			 n = 0;
	int			 i;

	(void)what;
	(void)arg;
	memset(&from, 0, sizeof(from));
	from.sock = WG_ANY_SOCK;
	from.remote.sa.sa_family = AF_RELAY;
	for (i = 0; i < ROUNDS && (n = link_recv(fd, &hdr, sizeof(hdr),
	    buf)) > 0; i++) {
		if (hdr.segment == 0)
			fatalx("a malformed train came by the link");
		memcpy(from.remote.relay.key, hdr.key, KEY_LEN);
		/* moves with what is authentic, as the address does */
		from.ifindex = hdr.via == LINK_ANY ? 0 : hdr.via + 1U;
		sockets_take(buf, (size_t)n, hdr.segment, &from, mono_now());
	}
	if (n == -1)
		event_del(link_ev);
	pktq_flush(&ce.in);
}

/* A train of datagrams of one size; -1 if there is no room for it. */
static int
send_train(const struct wg_endpoint *ep, uint8_t *buf, size_t len,
    size_t segment)
{
	struct link_hdr	 hdr;

	memset(&hdr, 0, sizeof(hdr));
	memcpy(hdr.key, ep->remote.relay.key, KEY_LEN);
	hdr.segment = (uint16_t)segment;
	hdr.via = ep->ifindex == 0 ? LINK_ANY : (uint16_t)(ep->ifindex - 1);
	return (link_send(link_fd, &hdr, sizeof(hdr), buf, len));
}

void
relay_link(int fd)
{
	if (link_fd != -1)
		bad_imsg("parent", IMSG_LINK);
	link_fd = fd;
	sockets_relay(send_train);
	link_ev = event_new(evbase, fd, EV_READ | EV_PERSIST, readable,
	    NULL);
	if (link_ev == NULL)
		fatalx("the link to derp");
}

void
relay_listen(void)
{
	if (link_ev != NULL && event_add(link_ev, NULL) == -1)
		fatalx("the link to derp");
}

void
relay_other_way(struct wg_peer *p)
{
	struct wg_endpoint	 was = p->ep;

	if (p->relayed.remote.sa.sa_family != AF_RELAY)
		return;
	if (was.remote.sa.sa_family != AF_RELAY)
		p->ep = p->relayed;
	else if (p->configured.remote.sa.sa_family != AF_UNSPEC)
		p->ep = p->configured;
}
