/* SPDX-License-Identifier: ISC */

/*
 * How TCP connections begin.
 *
 * A guest's SYN is checked against policy and budgets, the host is
 * connected first, and only then does the guest get its SYN-ACK; what a
 * connect fails with is told as what it was.
 *
 * A client of the host, through a forward or the proxy, is the other way
 * round: its socket is connected already, and the gateway sends a SYN into
 * the tunnel, from its own address there, and again at 1, 3, 7 s and so on
 * (RFC 9293 3.10.1, 3.10.7.3).  Nothing is read from the client before the
 * guest has answered.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cc.h"
#include "ccset.h"
#include "egress.h"
#include "end.h"
#include "error.h"
#include "log.h"
#include "open.h"
#include "out.h"
#include "policy.h"
#include "rcv.h"
#include "segment.h"
#include "table.h"
#include "tcb.h"
#include "turns.h"

#define CONNECT_TIMEOUT	MONO_SEC(130)	/* longer than the kernel's */
#define MAX_CONNECTING	1024		/* of one peer */
#define MAX_DIALING	256		/* the same of host clients */
#define SYN_TIME	MONO_SEC(75)	/* a guest that sleeps may wake up */
#define SYN_PAUSE	MONO_SEC(16)
#define PORT_TRIES	64
#define PORT_FIRST	1024

static void
path_recall(struct slirp *s, struct tcpcb *t)
{
	const struct path	*p = t->path;

	if (p->srtt == 0 || s->now - p->at >= PATH_AGE)
		return;
	/* of the SYN-ACK; what is measured replaces it */
	t->rto = p->srtt + 4 * p->rttvar;
	if (t->rto < TCP_RTO_MIN + p->srtt)
		t->rto = TCP_RTO_MIN + p->srtt;
	if (t->rto > TCP_RTO_INIT)
		t->rto = TCP_RTO_INIT;
}

/* RFC 6528: a clock of 4 us and a keyed hash of the connection. */
static uint32_t
initial_seq(const struct slirp *s, const struct flow_key *k)
{
	return ((uint32_t)siphash24(&s->tcp->isnkey, k, sizeof(*k)) +
	    (uint32_t)(MONO_TO_US(s->now) / 4));
}

/* What the guest may have in a segment, by its SYN and our MTU. */
static uint16_t
effective_mss(const struct slirp *s, const struct tcp_in *in, int ts)
{
	uint32_t	 mss = in->has_mss ? in->mss : TCP_MSS_DEFAULT, max;

	max = out_mtu(s, in->p->peer) - (uint32_t)ip_hdr_len(&in->p->src) -
	    TCP_HDR;
	if (mss > max)
		mss = max;
	if (s->conf.tcp.mss != 0 && mss > s->conf.tcp.mss)
		mss = s->conf.tcp.mss;
	if (ts)
		mss = mss > TCP_TS_LEN ? mss - TCP_TS_LEN : 0;
	return ((uint16_t)(mss < TCP_MSS_MIN ? TCP_MSS_MIN : mss));
}

/* Set up what does not depend on the guest's SYN. */
static void
init_cb(struct slirp *s, struct tcpcb *t, const struct flow_key *k)
{
	t->iss = initial_seq(s, k);
	t->snd_una = t->iss;
	t->snd_nxt = t->iss + 1;
	t->rcv_wnd = s->conf.tcp.window;
	tcp_init_xfer(s, t);
	t->ts_offset = (uint32_t)(siphash24(&s->tcp->isnkey, k, sizeof(*k)) >> 32);
	t->last_rx = t->progress = s->now;
}

/* Learn what the guest's SYN, or SYN-ACK, says about it. */
static void
learn_syn(struct slirp *s, struct tcpcb *t, const struct tcp_in *in)
{
	t->irs = in->seq;
	t->rcv_nxt = t->host_nxt = t->last_ack = in->seq + 1;
	t->rcv_adv = t->rcv_nxt;
	t->x->tune_seq = t->rcv_nxt + t->rcv_wnd;
	t->snd_wnd = t->max_wnd = in->wnd;
	t->snd_wl1 = in->seq;
	if (in->has_ws) {
		/* what a SYN of ours has said stays so */
		if (!t->ws_ok)
			t->rcv_scale = s->conf.tcp.wscale;
		t->ws_ok = 1;
		t->snd_scale = in->ws;
	} else
		t->ws_ok = t->rcv_scale = 0;
	t->sack_ok = in->has_sackok && s->conf.tcp.sack;
	t->ts_ok = in->has_ts;
	t->ecn_ok = s->conf.tcp.ecn && t->f.via == VIA_GUEST &&
	    (in->flags & (TH_ECE | TH_CWR)) == (TH_ECE | TH_CWR);
	if (in->has_ts)
		t->ts_recent = in->tsval;
	t->mss = effective_mss(s, in, t->ts_ok);
	cc_init(t, (enum cc_id)s->conf.tcp.cc, s->conf.tcp.iw, s->now);
	path_recall(s, t);
}

/* With a reset, unless guests are to hear nothing; in: the SYN, if at hand. */
static void
refuse(struct slirp *s, struct tcpcb *t, const struct tcp_in *in)
{
	if (s->conf.tcp.signal == SIGNAL_NONE)
		return;
	if (in != NULL)
		tcp_reply_rst(s, in);
	else {
		t->snd_nxt = 0;
		tcp_send_rst(s, t);
	}
}

/*
 * The host connect failed: tell the guest what it has to know.
 */
static void
connect_failed(struct slirp *s, struct tcpcb *t, const struct tcp_in *in,
    int error, const struct host_error *he)
{
	struct host_error	 local;

	if (t->dialing) {
		/* the guest believes that it is connected */
		s->count.tcp_refused++;
		t->host_dead = 1;
		if (t->state == TCPS_ORPHAN)
			tcp_free(s, t, 1);
		else
			tcp_abort(s, t);
		return;
	}
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		s->count.tcp_refused++;
		refuse(s, t, in);
		break;
	case ETIMEDOUT:
		s->count.tcp_timeouts++;
		break;
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case EACCES:
	case EPERM:
	case EPROTO:
	case ENOPROTOOPT:
		s->count.tcp_unreachable++;
		if (s->conf.tcp.signal == SIGNAL_NONE)
			break;
		if (s->conf.tcp.signal == SIGNAL_RST) {
			t->snd_nxt = 0;
			tcp_send_rst(s, t);
			break;
		}
		if (he == NULL || !he->icmp) {
			memset(&local, 0, sizeof(local));
			local.error = error == EPROTO ? EHOSTUNREACH : error;
			he = &local;
		}
		error_relay(s, &t->f, IPPROTO_TCP, t->irs, he);
		break;
	default:
		s->count.tcp_local_errors++;
		if (log_allow(&s->loglimit, s->now))
			log_warnx("tcp connect: %s", strerror(error));
		/* not left to wait for what this host has not */
		refuse(s, t, in);
		break;
	}
	tcp_free(s, t, 0);
}

/*
 * Where the guest's connection goes, by which rule.  -1 if it goes nowhere, and
 * the guest was told.
 */
static int
find_target(struct slirp *s, const struct tcp_in *in, const struct rule **by)
{
	const struct ippkt	*p = in->p;
	enum verdict		 v;

	*by = NULL;
	if (own_address(s, &p->dst)) {
		if (in->dport == DNS_PORT && s->names != NULL)
			return (TARGET_DNS);
		if (policy_check_local(s, p->peer, &p->src, IPPROTO_TCP,
		    in->dport))
			return (TARGET_LOOPBACK);
		/* nothing listens there */
		s->count.ip_drop_policy++;
		tcp_reply_rst(s, in);
		return (-1);
	}
	v = policy_check(s, p->peer, &p->src, &p->dst, IPPROTO_TCP,
	    in->dport, by);
	if (v == VERDICT_PASS)
		return (TARGET_HOST);
	if (v == VERDICT_RETURN) {
		s->count.ip_drop_policy++;
		tcp_reply_rst(s, in);
	} else
		error_blocked(s, p, v);
	return (-1);
}

/*
 * A flow of a peer toward it, or an uplink, with a control block and entered in
 * the table; NULL if refused.
 */
static struct tcpcb *
new_flow(struct slirp *s, struct slirp_peer *peer, struct slirp_peer *toward,
    const struct ipaddr *src, uint16_t sport, const struct ipaddr *dst,
    uint16_t dport, const struct flow_key *k, enum flow_via via)
{
	uint32_t	*nopen = tcp_nopen(peer, via);
	struct tcpcb	*t;
	struct flow	*f;

	if ((nopen != NULL && *nopen >= (via == VIA_GUEST ? MAX_CONNECTING :
	    MAX_DIALING)) ||
	    (t = calloc(1, sizeof(*t))) == NULL) {
		s->count.ip_drop_budget++;
		return (NULL);
	}
	if ((t->x = zone_alloc(&s->tcp->xfers)) == NULL) {
		free(t);
		return (NULL);
	}
	f = &t->f;
	f->type = FLOW_TCP;
	f->peer = peer;
	f->toward = toward;
	t->path = &toward->path;
	/* behind an uplink there are as many as there are hosts */
	if (is_uplink(toward) &&
	    (t->path = calloc(1, sizeof(*t->path))) == NULL) {
		zone_free(&s->tcp->xfers, t->x);
		free(t);
		return (NULL);
	}
	f->src = *src;
	f->dst = *dst;
	f->sport = sport;
	f->dport = dport;
	f->via = (uint8_t)via;
	if (flow_add(s, f, k) == -1) {
		tcp_path_free(t);
		zone_free(&s->tcp->xfers, t->x);
		free(t);
		return (NULL);
	}
	init_cb(s, t, k);
	s->count.tcp_opened++;
	s->count.tcp_active++;
	s->count.tcp_connecting++;
	if (nopen != NULL)
		(*nopen)++;
	return (t);
}

/* A SYN for no flow: check policy and budgets, connect. */
void
tcp_open(struct slirp *s, const struct tcp_in *in, const struct flow_key *k)
{
	const struct ippkt	*p = in->p;
	const struct rule	*by;
	struct tcpcb		*t;
	struct way		*w;
	int			 r, target;

	if ((target = find_target(s, in, &by)) == -1)
		return;
	if ((t = new_flow(s, p->peer, p->peer, &p->src, in->sport, &p->dst,
	    in->dport, k, VIA_GUEST)) == NULL)
		return;
	t->state = TCPS_CONNECTING;
	t->f.target = (uint8_t)target;
	learn_syn(s, t, in);
	if (target == TARGET_HOST) {
		w = egress_way(s, egress_of(s, p->peer, by));
		if (egress_take(s, &t->f, w) == -1) {
			s->count.egress_none++;
			connect_failed(s, t, in, errno, NULL);
			return;
		}
		t->f.way_id = w->id;
	}
	if (s->conf.copy_tos)
		t->f.dscp = p->tos & 0xfc;
	/* what makes room for its other half does not take this one */
	t->f.opening = 1;
	r = host_of(s, &t->f)->tcp_open(host_arg(s, &t->f), &t->f, p->ttl);
	t->f.opening = 0;
	if (r == -1) {
		connect_failed(s, t, in, errno, NULL);
		return;
	}
	t->t_keep = s->now + CONNECT_TIMEOUT;
	if (s->conf.tcp.fast_dial != 0)
		t->x->t_delack = s->now + MONO_MS(s->conf.tcp.fast_dial);
	tcp_arm(s, t);
}

/* A free port of the gateway toward this service of a guest; 0 if none. */
static uint16_t
free_port(struct slirp *s, const struct slirp_peer *peer,
    const struct ipaddr *to, uint16_t port, const struct ipaddr *from,
    struct flow_key *k)
{
	uint16_t	 p;
	int		 i;

	for (i = 0; i < PORT_TRIES; i++) {
		p = (uint16_t)(PORT_FIRST +
		    arc4random_uniform(65536 - PORT_FIRST));
		flow_key(k, peer, FLOW_TCP, to, port, from, p);
		if (flow_find(s, k) == NULL)
			return (p);
	}
	return (0);
}

/* What does not wait for the far end's SYN. */
static void
init_dial(struct slirp *s, struct tcpcb *t)
{
	t->state = TCPS_SYN_SENT;
	t->sack_ok = s->conf.tcp.sack;
	t->ts_ok = t->ws_ok = 1;
	t->rcv_scale = s->conf.tcp.wscale;
	t->mss = TCP_MSS_DEFAULT;
	cc_init(t, (enum cc_id)s->conf.tcp.cc, s->conf.tcp.iw, s->now);
	path_recall(s, t);
}

static void
dial(struct slirp *s, struct tcpcb *t)
{
	tcp_send_syn(s, t);
	t->x->t_rexmt = s->now + t->rto;
	tcp_arm(s, t);
}

/*
 * Connect a client of the host, on the connected socket fd, to a service
 * in the tunnel.  via says who made it, for host->answered().  The socket
 * is the flow's then; on failure (-1) it stays the caller's.
 */
int
tcp_dial(struct slirp *s, struct slirp_peer *peer, const struct ipaddr *to,
    uint16_t port, enum flow_via via, int fd)
{
	const struct ipaddr	*from = is_uplink(peer) ?
				    &peer->own[to->af == 6] :
				    own_of(s, to->af);
	struct flow_key		 k;
	struct tcpcb		*t;
	uint16_t		 p;

	if (from == NULL || from->af == 0 ||
	    (p = free_port(s, peer, to, port, from, &k)) == 0 ||
	    (t = new_flow(s, peer, peer, to, port, from, p, &k, via)) == NULL)
		return (-1);
	init_dial(s, t);
	if (via == VIA_ASK)
		t->f.target = TARGET_DNS;
	if (s->host->adopt(s->harg, &t->f, fd) == -1) {
		tcp_free(s, t, 0);
		return (-1);
	}
	s->count.tcp_forwarded++;
	dial(s, t);
	return (0);
}

int
tcp_dial_from(struct slirp *s, struct slirp_peer *peer,
    const struct ipaddr *to, uint16_t port, const struct ipaddr *from,
    uint16_t fport, int fd)
{
	struct flow_key	 k;
	struct tcpcb	*t;

	/* who is on this host is not out there */
	if (from->af != to->af || policy_builtin(s, from))
		return (tcp_dial(s, peer, to, port, VIA_PORT, fd));
	flow_key(&k, peer, FLOW_TCP, to, port, from, fport);
	if (flow_find(s, &k) != NULL ||
	    (t = new_flow(s, peer, peer, to, port, from, fport, &k,
	    VIA_PORT)) == NULL)
		return (-1);
	init_dial(s, t);
	if (s->host->adopt(s->harg, &t->f, fd) == -1) {
		tcp_free(s, t, 0);
		return (-1);
	}
	s->count.tcp_forwarded++;
	dial(s, t);
	return (0);
}

struct tcpcb *
tcp_dial_uplink(struct slirp *s, struct flow *f)
{
	const struct ipaddr	*from = &f->uplink->own[f->dst.af == 6];
	struct flow_key		 k;
	struct tcpcb		*t;
	uint16_t		 p;

	if ((p = free_port(s, f->uplink, &f->dst, f->dport, from, &k)) == 0 ||
	    (t = new_flow(s, f->peer, f->uplink, &f->dst, f->dport, from, p,
	    &k, VIA_INSIDE)) == NULL)
		return (NULL);
	t->f.inside = 1;
	init_dial(s, t);
	dial(s, t);
	return (t);
}

/* The far end has taken the connection, or error says why not. */
static void
tell_answered(struct slirp *s, struct tcpcb *t, int error)
{
	if (t->f.via == VIA_INSIDE)
		s->inside->answered(s, &t->f, error);
	else if (t->f.via != VIA_ASK)
		s->clients->answered(&t->f, error);
}

/* The guest does not answer, or refuses. */
void
tcp_dial_failed(struct slirp *s, struct tcpcb *t, int error)
{
	if (error == ETIMEDOUT)
		s->count.tcp_timeouts++;
	else if (error == ECONNREFUSED)
		s->count.tcp_refused++;
	else
		s->count.tcp_unreachable++;
	tell_answered(s, t, error);
	/* who has been told gets an orderly end */
	tcp_free(s, t, t->f.via == VIA_FORWARD || t->f.via == VIA_PORT);
}

/* Returns 0 if the flow is gone. */
int
tcp_syn_timeout(struct slirp *s, struct tcpcb *t)
{
	mono_t	 pause;

	if (t->f.inside && t->other == NULL) {
		/* the guest has gone meanwhile */
		tcp_free(s, t, 0);
		return (0);
	}
	if (s->now - t->f.created > SYN_TIME) {
		tcp_dial_failed(s, t, ETIMEDOUT);
		return (0);
	}
	s->count.tcp_retransmits++;
	tcp_send_syn(s, t);
	if (t->backoff < MAX_BACKOFF)
		t->backoff++;
	pause = t->rto << t->backoff;
	t->x->t_rexmt = s->now + (pause < SYN_PAUSE ? pause : SYN_PAUSE);
	return (1);
}

/* The guest's ACK of the SYN-ACK. */
void
tcp_established(struct slirp *s, struct tcpcb *t, const struct tcp_in *in)
{
	t->state = TCPS_ESTABLISHED;
	t->snd_una = in->ack;
	t->snd_wnd = t->max_wnd = in->wnd;
	t->snd_wl1 = in->seq;
	t->snd_wl2 = in->ack;
	t->x->t_rexmt = 0;
	if (t->backoff == 0 && !t->syn_again && in->p->time > t->progress)
		cc_rtt(t, in->p->time - t->progress, s->now);
	t->backoff = 0;
	t->progress = s->now;
	if (!t->dialing)
		t->t_keep = s->now + TCP_KEEP_IDLE;
	s->count.tcp_established++;
	/* the host may have spoken first, and then said so */
	turns_ready(s, &t->f);
}

/* A segment for a connection that this side has asked for. */
void
tcp_syn_sent(struct slirp *s, struct tcpcb *t, struct tcp_in *in)
{
	uint32_t	*nopen;

	if (in->flags & TH_ACK && in->ack != t->snd_nxt) {
		tcp_reply_rst(s, in);
		return;
	}
	if (in->flags & TH_RST) {
		if (in->flags & TH_ACK) {
			s->count.tcp_resets_rx++;
			tcp_dial_failed(s, t, ECONNREFUSED);
		}
		return;
	}
	/* both at once is not how services begin */
	if ((in->flags & (TH_SYN | TH_ACK)) != (TH_SYN | TH_ACK))
		return;
	if ((nopen = tcp_nopen(t->f.peer, (enum flow_via)t->f.via)) != NULL)
		(*nopen)--;
	s->count.tcp_connecting--;
	learn_syn(s, t, in);
	/* the SYN has told a window, which was not scaled */
	t->rcv_adv = t->rcv_nxt + (t->rcv_wnd < UINT16_MAX ? t->rcv_wnd :
	    UINT16_MAX);
	tcp_established(s, t, in);
	tell_answered(s, t, 0);
	tcp_send_ack(s, t);
	tcp_arm(s, t);
}

/* The guest gets its SYN-ACK. */
void
tcp_answer_syn(struct slirp *s, struct tcpcb *t)
{
	t->state = TCPS_SYN_RCVD;
	t->x->t_rexmt = s->now + t->rto;
	t->progress = s->now;
	tcp_send_synack(s, t);
}

/* The host side is connected: now the guest may know. */
static void
host_connected(struct slirp *s, struct tcpcb *t)
{
	t->f.peer->nconnecting--;
	s->count.tcp_connecting--;
	if (t->dialing) {
		t->dialing = 0;
		t->host_full = 0;
		t->t_keep = s->now + (t->state == TCPS_ORPHAN ?
		    TCP_ORPHAN_MAX : TCP_KEEP_IDLE);
		tcp_flush(s, t);
		return;
	}
	t->t_keep = 0;
	tcp_answer_syn(s, t);
	tcp_arm(s, t);
}

void
tcp_connect_event(struct slirp *s, struct tcpcb *t, int what)
{
	struct host_error	 he, e;
	int			 error;

	/* an error ends the attempt: who is connected has none */
	if (what & (HOST_READ | HOST_WRITE) &&
	    host_of(s, &t->f)->connected(host_arg(s, &t->f), &t->f)) {
		/* told once: there is something to read already */
		if (what & HOST_READ)
			t->f.readable = 1;
		host_connected(s, t);
		return;
	}
	/* the kernel forgets the error once its queue has been read */
	memset(&he, 0, sizeof(he));
	error = host_of(s, &t->f)->error(host_arg(s, &t->f), &t->f);
	while (host_of(s, &t->f)->errqueue(host_arg(s, &t->f), &t->f, &e) == 0)
		he = e;
	if (error == 0)
		error = he.error;
	if (error != 0)
		connect_failed(s, t, NULL, error, &he);
}
