/* SPDX-License-Identifier: ISC */

/*
 * Two connections, each of which is the other's host.
 *
 * What one has received stays in its receive queue until the other has room to
 * send it, and is copied straight into packet slots: there is no buffer
 * between them, and whoever sends too fast finds the window closed.  Memory
 * and turns of both are the guest's, so that none waits for another at the
 * same uplink.
 *
 * Neither calls into the other: it gets a turn, or is flushed when the batch is
 * over, so that nothing ends while somebody up the stack still uses it.
 */

#include <sys/types.h>

#include <errno.h>
#include <string.h>

#include "dial.h"
#include "end.h"
#include "engine.h"
#include "rcv.h"
#include "rcvq.h"
#include "splice.h"
#include "table.h"
#include "tcb.h"
#include "turns.h"

#define FIN_TIME	MONO_SEC(60)	/* as long as a host has it */
#define ENDED	-1	/* in other_end: it has sent all, in order */

/* There is news for a half that it gets by reading. */
static void
readable(struct slirp *s, struct tcpcb *t)
{
	t->f.readable = 1;
	if (t->state > TCPS_SYN_RCVD && !t->dialing)
		turns_ready(s, &t->f);
}

/* Connect to the flow's destination, in the tunnel to its uplink. */
int
splice_open(void *arg, struct flow *f, int ttl)
{
	struct slirp	*s = arg;
	struct tcpcb	*t = (struct tcpcb *)f, *o;

	(void)ttl;
	if ((o = tcp_dial_uplink(s, f)) == NULL) {
		errno = ENOBUFS;
		return (-1);
	}
	t->other = o;
	o->other = t;
	return (0);
}

/* One half ends; the other hears of it when it reads, or writes. */
void
splice_close(void *arg, struct flow *f, int reset)
{
	struct slirp	*s = arg;
	struct tcpcb	*t = (struct tcpcb *)f, *o = t->other;

	if (o == NULL)
		return;
	t->other = NULL;
	o->other = NULL;
	if (o->other_end == 0)
		o->other_end = reset ? ECONNRESET : ENDED;
	/* nobody waits for it any more, or it has nothing to wait for */
	if (o->state == TCPS_SYN_SENT)
		o->x->t_rexmt = s->now;
	else if (o->state == TCPS_CONNECTING || o->dialing) {
		o->other_end = ECONNRESET;
		o->t_keep = s->now;
	}
	if (tcp_half_open(&o->f))
		flow_schedule(s, &o->f, s->now);
	if (o->host_eof) {
		/* it has nothing to read: only its far end is awaited */
		o->host_dead = 1;
		if (o->state == TCPS_FIN_WAIT_2) {
			o->t_keep = s->now + FIN_TIME;
			flow_schedule(s, &o->f, o->t_keep);
		}
		return;
	}
	/* a write fails, and that is how it hears that nobody reads */
	if (o->host_full && o->x != NULL) {
		o->host_full = 0;
		tcp_flush_later(s, o);
	}
	readable(s, o);
}

ssize_t
splice_readv(void *arg, struct flow *f, const struct iovec *iov, int n)
{
	struct slirp	*s = arg;
	struct tcpcb	*t = (struct tcpcb *)f;
	ssize_t		 r;

	if (t->other_end > 0) {
		errno = t->other_end;
		return (-1);
	}
	if (t->other != NULL && (r = tcp_take(s, t->other, iov, n)) > 0)
		return (r);
	if (t->other_end == ENDED)
		return (0);
	errno = EAGAIN;
	return (-1);
}

/* It stays where it is until the other half comes for it. */
ssize_t
splice_writev(void *arg, struct flow *f, const struct iovec *iov, int n)
{
	struct slirp	*s = arg;
	struct tcpcb	*t = (struct tcpcb *)f;

	(void)iov;
	(void)n;
	if (t->other == NULL) {
		errno = EPIPE;
		return (-1);
	}
	readable(s, t->other);
	errno = EAGAIN;
	return (-1);
}

int
splice_shutdown(void *arg, struct flow *f)
{
	struct slirp	*s = arg;
	struct tcpcb	*t = (struct tcpcb *)f;

	if (t->other == NULL) {
		errno = ENOTCONN;
		return (-1);
	}
	t->other->other_end = ENDED;
	readable(s, t->other);
	return (0);
}

int
splice_connected(void *arg, struct flow *f)
{
	const struct tcpcb	*t = (const struct tcpcb *)f;

	(void)arg;
	return (t->other != NULL && t->other->state >= TCPS_ESTABLISHED);
}

int
splice_error(void *arg, struct flow *f)
{
	const struct tcpcb	*t = (const struct tcpcb *)f;

	(void)arg;
	return (t->other_end > 0 ? t->other_end : 0);
}

/* The far end has taken (0) or refused (an errno) the connection. */
void
splice_answered(void *arg, struct flow *f, int error)
{
	struct slirp	*s = arg;
	struct tcpcb	*o = ((struct tcpcb *)f)->other;

	if (o == NULL)
		return;
	if (error != 0)
		o->other_end = error;
	slirp_host_event(s, flow_id(&o->f), error != 0 ? HOST_ERROR :
	    HOST_WRITE);
}
