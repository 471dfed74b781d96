/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "mono.h"

#define PATIENCE	10		/* seconds, about, for an answer */
#define RETRIES		50		/* while a reload is under way */

static const char	*path;
static char		 default_path[1024];
static char		 told[CTL_TEXT_LEN];	/* what was said last */

void
daemon_init(const char *p)
{
	if ((path = p) == NULL)
		path = ctl_default_path(default_path, sizeof(default_path));
	if (path == NULL)
		path = CTL_SYSTEM_PATH;
}

/* Say so, unless that is what was said last. */
static int
wrong(const char *what)
{
	if (strcmp(told, what) != 0) {
		strlcpy(told, what, sizeof(told));
		log_clean(told);
		log_warnx("%s: %s", path, told);
		strlcpy(told, what, sizeof(told));
	}
	return (-1);
}

static int
connect_to(struct imsgbuf *ibuf)
{
	struct sockaddr_un	 sun;
	struct timeval		 tv = { PATIENCE, 0 };
	int			 fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return (wrong("path too long"));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (wrong(strerror(errno)));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		wrong(strerror(errno));
		close(fd);
		return (-1);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (imsgbuf_init(ibuf, fd) == -1) {
		close(fd);
		return (wrong("out of memory"));
	}
	return (0);
}

static int
add_peer(struct daemon *d, const struct ctl_peer *p)
{
	struct daemon_peer	*n;
	size_t			 cap;

	if (d->npeers == d->cap) {
		cap = d->cap * 2 + 64;
		if ((n = recallocarray(d->peer, d->cap, cap,
		    sizeof(*n))) == NULL)
			return (-1);
		d->peer = n;
		d->cap = cap;
	}
	n = &d->peer[d->npeers++];
	key_to_base64(n->key, p->public_key);
	n->rx = p->rx_bytes;
	n->tx = p->tx_bytes;
	n->handshake = p->latest_handshake;
	return (0);
}

/* A record of an answer.  1 at its end, -1 if it makes no sense. */
static int
record(struct daemon *d, struct imsg *imsg)
{
	struct ctl_summary	 sum;
	struct ctl_setup	 setup;
	struct ctl_peer		 peer;
	char			 text[CTL_TEXT_LEN];

	switch (imsg_get_type(imsg)) {
	case CTL_SUMMARY:
		if (imsg_get_data(imsg, &sum, sizeof(sum)) == -1)
			break;
		d->started = sum.started;
		return (0);
	case CTL_SETUP:
		if (imsg_get_data(imsg, &setup, sizeof(setup)) == -1)
			break;
		setup.peers_dir[sizeof(setup.peers_dir) - 1] = '\0';
		strlcpy(d->peers_dir, setup.peers_dir, sizeof(d->peers_dir));
		return (0);
	case CTL_PEER:
		if (imsg_get_data(imsg, &peer, sizeof(peer)) == -1)
			break;
		return (add_peer(d, &peer));
	case CTL_AIP:
	case CTL_PEERFLOWS:
		return (0);
	case CTL_OK:
	case CTL_END:
		return (1);
	case CTL_FAIL:
		if (imsg_get_data(imsg, text, sizeof(text)) == -1)
			break;
		text[sizeof(text) - 1] = '\0';
		/* the daemon takes one reload at a time */
		if (strcmp(text, "a reload is under way") == 0)
			return (-2);
		wrong(text);
		return (-3);
	}
	return (wrong("the daemon is of another version"));
}

/* -1 after telling why, -2 if it is to be tried again, -3 if it is refused. */
static int
ask(struct imsgbuf *ibuf, uint32_t type, struct daemon *d)
{
	struct ctl_request	 req;
	struct imsg		 imsg;
	mono_t			 until = mono_now() + MONO_SEC(PATIENCE);
	int			 n, r;

	memset(&req, 0, sizeof(req));
	if (imsg_compose(ibuf, type, 0, 0, -1, &req, sizeof(req)) == -1 ||
	    imsgbuf_flush(ibuf) == -1)
		return (wrong(strerror(errno)));
	for (;;) {
		while ((n = imsgbuf_get(ibuf, &imsg)) > 0) {
			r = record(d, &imsg);
			imsg_free(&imsg);
			if (r != 0)
				return (r < 0 ? r : 0);
		}
		if (n == -1 || (n = imsgbuf_read(ibuf)) == -1)
			return (wrong(strerror(errno)));
		if (n == 0)
			return (wrong("the daemon closed the connection"));
		/* a read that was given up looks like one without news */
		if (mono_now() >= until)
			return (wrong("no answer"));
	}
}

static int
cmp_key(const void *a, const void *b)
{
	return (strcmp(((const struct daemon_peer *)a)->key,
	    ((const struct daemon_peer *)b)->key));
}

int
daemon_ask(struct daemon *d)
{
	struct imsgbuf	 ibuf;
	int		 r = 0;

	d->npeers = 0;
	if (connect_to(&ibuf) == -1)
		return (-1);
	if (ask(&ibuf, CTL_SHOW_SETUP, d) < 0 ||
	    ask(&ibuf, CTL_SHOW_SUMMARY, d) < 0 ||
	    ask(&ibuf, CTL_SHOW_PEERS, d) < 0)
		r = -1;
	close(ibuf.fd);
	imsgbuf_clear(&ibuf);
	if (r == 0) {
		told[0] = '\0';
		if (d->npeers > 0)
			qsort(d->peer, d->npeers, sizeof(*d->peer), cmp_key);
	}
	return (r);
}

const struct daemon_peer *
daemon_find(const struct daemon *d, const char *key)
{
	struct daemon_peer	 k;

	if (d->npeers == 0 || strlcpy(k.key, key, sizeof(k.key)) >=
	    sizeof(k.key))
		return (NULL);
	return (bsearch(&k, d->peer, d->npeers, sizeof(k), cmp_key));
}

int
daemon_reload(void)
{
	static const struct timespec	 soon = { 0, 100000000 };
	struct daemon			 none;
	struct imsgbuf			 ibuf;
	int				 i, r = -2;

	memset(&none, 0, sizeof(none));
	for (i = 0; i < RETRIES && r == -2; i++) {
		if (i > 0)
			nanosleep(&soon, NULL);
		if (connect_to(&ibuf) == -1)
			return (-1);
		r = ask(&ibuf, CTL_RELOAD, &none);
		close(ibuf.fd);
		imsgbuf_clear(&ibuf);
	}
	if (r == -2)
		return (wrong("a reload is under way"));
	return (r == -3 ? 1 : r);
}
