/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <event2/buffer.h>

#include <errno.h>

#include "memstream.h"
#include "net/peer.h"
#include "proc.h"

#define MAX_STREAMS	256
#define PEER_STREAMS	16	/* more than one may have open at once */
#define ROOM		65536	/* bytes that wait, each way */

static struct stream {
	struct bufferevent	*bev;		/* NULL: it is free */
	struct bufferevent	*other;		/* NULL: it is gone */
	struct slirp		*engine;
	struct slirp_peer	*peer;
	hostfd_event_fn	*tell;
	uint64_t		 flow;
	int			 eof;
} streams[MAX_STREAMS];
static int			 nstreams;

static void
readable(struct bufferevent *bev, void *arg)
{
	struct stream	*x = arg;

	/* it would be said again and again until somebody reads */
	if (evbuffer_get_length(bufferevent_get_input(bev)) >= ROOM)
		bufferevent_disable(bev, EV_READ);
	x->tell(x->engine, x->flow, HOST_READ);
}

static void
writable(struct bufferevent *bev, void *arg)
{
	struct stream	*x = arg;

	(void)bev;
	x->tell(x->engine, x->flow, HOST_WRITE);
}

static void
ended(struct bufferevent *bev, short what, void *arg)
{
	struct stream	*x = arg;

	(void)bev;
	(void)what;
	x->eof = 1;
	x->other = NULL;
	x->tell(x->engine, x->flow, HOST_READ);
}

int
memstream_open(struct slirp *s, hostfd_event_fn *tell, struct flow *f,
    struct bufferevent **other)
{
	struct bufferevent	*pair[2];
	struct stream		*x;
	int			 i;

	for (i = 0; i < MAX_STREAMS && streams[i].bev != NULL; i++)
		continue;
	/* a peer gets no more than is left for the others */
	if (i == MAX_STREAMS || (f->peer->nstreams >= PEER_STREAMS &&
	    f->via != VIA_ASK) ||
	    f->peer->nstreams >= (uint32_t)(MAX_STREAMS - nstreams)) {
		errno = ECONNREFUSED;	/* too many of them */
		return (-1);
	}
	if (bufferevent_pair_new(evbase, 0, pair) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	x = &streams[i];
	x->bev = pair[0];
	x->other = pair[1];
	x->engine = s;
	x->tell = tell;
	x->flow = flow_id(f);
	x->peer = f->peer;
	x->peer->nstreams++;
	nstreams++;
	x->eof = 0;
	bufferevent_setcb(x->bev, readable, writable, ended, x);
	bufferevent_setwatermark(x->bev, EV_READ, 0, ROOM);
	bufferevent_enable(x->bev, EV_READ | EV_WRITE);
	/* as a connected socket says at once */
	bufferevent_trigger(x->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
	*other = pair[1];
	return (i);
}

static struct bufferevent	*kept;

int
memstream_keep(struct slirp *s, hostfd_event_fn *tell, struct flow *f)
{
	return (memstream_open(s, tell, f, &kept));
}

struct bufferevent *
memstream_kept(void)
{
	struct bufferevent	*bev = kept;

	kept = NULL;
	return (bev);
}

ssize_t
memstream_readv(int fd, const struct iovec *iov, int n)
{
	struct stream	*x = &streams[fd];
	ssize_t		 total = 0;
	size_t		 got;
	int		 i;

	for (i = 0; i < n; i++) {
		got = bufferevent_read(x->bev, iov[i].iov_base,
		    iov[i].iov_len);
		total += (ssize_t)got;
		if (got < iov[i].iov_len)
			break;
	}
	if (total > 0)
		bufferevent_enable(x->bev, EV_READ);
	if (total > 0 || x->eof)
		return (total);
	errno = EAGAIN;
	return (-1);
}

ssize_t
memstream_writev(int fd, const struct iovec *iov, int n)
{
	struct stream	*x = &streams[fd];
	struct evbuffer	*out = bufferevent_get_output(x->bev);
	ssize_t		 total = 0;
	size_t		 room, k;
	int		 i;

	if (x->eof) {
		errno = EPIPE;
		return (-1);
	}
	for (i = 0; i < n; i++) {
		k = evbuffer_get_length(out);
		room = k < ROOM ? ROOM - k : 0;
		k = iov[i].iov_len < room ? iov[i].iov_len : room;
		if (k == 0 || bufferevent_write(x->bev, iov[i].iov_base,
		    k) == -1)
			break;
		total += (ssize_t)k;
	}
	if (total > 0)
		return (total);
	errno = EAGAIN;
	return (-1);
}

int
memstream_shutdown(int fd)
{
	(void)bufferevent_flush(streams[fd].bev, EV_WRITE, BEV_FINISHED);
	return (0);
}

void
memstream_free_other(struct bufferevent *bev)
{
	int	 i;

	(void)bufferevent_flush(bev, EV_WRITE, BEV_FINISHED);
	/* the flow hears of it later, and may close before */
	for (i = 0; i < MAX_STREAMS; i++)
		if (streams[i].other == bev)
			streams[i].other = NULL;
	bufferevent_free(bev);
}

void
memstream_close(int fd)
{
	struct stream	*x = &streams[fd];

	/* as a socket says that is closed, whatever is on its way */
	if (x->other != NULL)
		bufferevent_trigger_event(x->other, BEV_EVENT_ERROR,
		    BEV_TRIG_DEFER_CALLBACKS);
	bufferevent_free(x->bev);
	x->bev = x->other = NULL;
	x->peer->nstreams--;
	nstreams--;
}
