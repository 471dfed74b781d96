/* SPDX-License-Identifier: ISC */

/*
 * Peers at DERP relays: their datagrams come and go by a link to the derp
 * engine, in trains as on a socket.  That engine is no more trusted than the
 * network is; what it says a key is, is an address like any other.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>

#include "link.h"
#include "log.h"
#include "relay.h"
#include "sockets.h"
#include "state.h"

#define ROUNDS	8	/* trains at once */

static int		 link_fd = -1;
static struct event	*link_ev;

static void
set_iov(struct msghdr *m, struct iovec iov[2], struct link_hdr *hdr,
    void *buf, size_t len)
{
	memset(m, 0, sizeof(*m));
	iov[0].iov_base = hdr;
	iov[0].iov_len = sizeof(*hdr);
	iov[1].iov_base = buf;
	iov[1].iov_len = len;
	m->msg_iov = iov;
	m->msg_iovlen = 2;
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t		 buf[LINK_DATA_MAX];
	struct wg_endpoint	 from;
	struct link_hdr		 hdr;
	struct iovec		 iov[2];
	struct msghdr		 m;
	ssize_t			 n;
	int			 i;

	(void)what;
	(void)arg;
	memset(&from, 0, sizeof(from));
	from.sock = WG_ANY_SOCK;
	from.remote.sa.sa_family = AF_RELAY;
	for (i = 0; i < ROUNDS; i++) {
		set_iov(&m, iov, &hdr, buf, sizeof(buf));
		n = recvmsg(fd, &m, MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			event_del(link_ev);
			break;
		}
		if ((size_t)n <= sizeof(hdr) || m.msg_flags & MSG_TRUNC ||
		    hdr.segment == 0)
			fatalx("derp sent a malformed train");
		memcpy(from.remote.relay.key, hdr.key, KEY_LEN);
		/* moves with what is authentic, as the address does */
		from.ifindex = hdr.via == LINK_ANY ? 0 : hdr.via + 1U;
		sockets_take(buf, (size_t)n - sizeof(hdr), hdr.segment,
		    &from, mono_now());
	}
	pktq_flush(&ce.in);
}

/* A train of datagrams of one size; -1 if there is no room for it. */
static int
send_train(const struct wg_endpoint *ep, uint8_t *buf, size_t len,
    size_t segment)
{
	struct link_hdr	 hdr;
	struct iovec	 iov[2];
	struct msghdr	 m;

	memset(&hdr, 0, sizeof(hdr));
	memcpy(hdr.key, ep->remote.relay.key, KEY_LEN);
	hdr.segment = (uint16_t)segment;
	hdr.via = ep->ifindex == 0 ? LINK_ANY : (uint16_t)(ep->ifindex - 1);
	set_iov(&m, iov, &hdr, buf, len);
	if (link_fd == -1 || sendmsg(link_fd, &m, MSG_NOSIGNAL |
	    MSG_DONTWAIT) == -1)
		return (-1);
	return (0);
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
	if (link_ev == NULL || event_add(link_ev, NULL) == -1)
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
