/* SPDX-License-Identifier: ISC */

/*
 * The link to the crypto engine: trains of datagrams of one size from one key,
 * and the same the other way.
 */

#include <sys/types.h>

#include <string.h>

#include "crypto.h"
#include "linkio.h"
#include "log.h"
#include "relays.h"
#include "state.h"

#define ROUNDS	16	/* trains at once */

static int		 link_fd = -1;
static struct event	*link_ev;

/* What has come from a relay and is not sent yet. */
static struct {
	struct link_hdr	 hdr;
	size_t		 len;
	int		 closed;	/* the last one was short */
	uint64_t	 n;
	uint8_t		 data[LINK_DATA_MAX];
} train;

/* The train goes; what the other side has no room for is dropped. */
void
crypto_flush(void)
{
	if (train.len == 0)
		return;
	if (link_send(link_fd, &train.hdr, sizeof(train.hdr), train.data,
	    train.len) == -1)
		de.count.relay_drop_crypto += train.n;
	train.len = 0;
	train.n = 0;
	train.closed = 0;
}

/* One datagram from a key. */
void
crypto_put(const uint8_t key[KEY_LEN], unsigned int via, const uint8_t *data,
    size_t len)
{
	if (train.len > 0 && (train.closed || len > train.hdr.segment ||
	    train.len + len > LINK_DATA_MAX || train.hdr.via != via ||
	    memcmp(train.hdr.key, key, KEY_LEN) != 0))
		crypto_flush();
	if (train.len == 0) {
		memcpy(train.hdr.key, key, KEY_LEN);
		train.hdr.segment = (uint16_t)len;
		train.hdr.via = (uint16_t)via;
	}
	memcpy(train.data + train.len, data, len);
	train.len += len;
	train.n++;
	if (len < train.hdr.segment)
		train.closed = 1;
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t	 buf[LINK_DATA_MAX];
	struct link_hdr	 hdr;
	ssize_t		 n = 0;
	int		 i;

	(void)what;
	(void)arg;
	/* a train is as much as goes at once; a queue has room for four */
	for (i = 0; i < ROUNDS && (n = link_recv(fd, &hdr, sizeof(hdr),
	    buf)) > 0; i++) {
		if (hdr.segment == 0)
			fatalx("a malformed train came by the link");
		relays_send(hdr.key, hdr.via, buf, (size_t)n, hdr.segment);
		relays_flush();
	}
	/* the crypto engine is gone; so is this one soon */
	if (n == -1)
		event_del(link_ev);
}

void
crypto_link(int fd)
{
	if (link_fd != -1)
		bad_imsg("parent", IMSG_LINK);
	link_fd = fd;
	link_ev = event_new(evbase, fd, EV_READ | EV_PERSIST, readable,
	    NULL);
	if (link_ev == NULL || event_add(link_ev, NULL) == -1)
		fatalx("the link to crypto");
}
