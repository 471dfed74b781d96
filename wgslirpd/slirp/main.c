/* SPDX-License-Identifier: ISC */

/*
 * The slirp engine as a process: its loop, its configuration, its answers
 * to the control engine.  What it does with packets is in slirp_flow.c
 * and the files around it.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "nap.h"
#include "proc.h"
#include "shm.h"
#include "net/slirp.h"
#include "lookup.h"
#include "forward.h"
#include "hostsock.h"
#include "names.h"

#define IN_BATCH	256	/* packets of the guests a round */
#define RUN_BATCH	64	/* flows that get a turn a round */
#define SPARE_FDS	2048	/* descriptors that are not flows, at most */
#define MIN_FDS		128
#define MAX_FLOWS	(1U << 20)
#define PING_SYSCTL	"net.ipv4.ping_group_range"

struct staged_peer {
	STAILQ_ENTRY(staged_peer)	 entry;
	struct conf_peer_msg		 m;
};

struct staged_name {
	STAILQ_ENTRY(staged_name)	 entry;
	struct resolve_msg		 m;
};

static struct {
	struct imsgev		 parent;
	struct imsgev		 control;
	struct imsgev		 crypto;
	struct slirp		 s;
	struct pktq		 in;
	struct pktq		 out;
	int			 bell[2];
	int			 queue_fd[2];
	uint32_t		 queue_slots[2];
	struct event		*bell_ev;
	struct event		*tick;
	int			 started;
	struct ipaddr		*hostaddrs;	/* being collected */
	size_t			 nhostaddrs;
	struct nap		 nap;
	/* configuration being staged */
	int			 staging;
	struct conf_global	 global;
	struct slirp_conf	 conf;
	STAILQ_HEAD(, staged_peer)	 peers;
	STAILQ_HEAD(, staged_name)	 names;
} se;

static void	 crypto_msg(struct imsgev *, struct imsg *);
static void	 control_msg(struct imsgev *, struct imsg *);

static void
bell_rang(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	bell_drain(fd);
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* One round of work; returns whether there is more to do at once. */
static int
work(void)
{
	struct slirp	*s = &se.s;
	int		 more = 0;

	s->now = mono_now();
	if (slirp_input(s, IN_BATCH) == IN_BATCH)
		more = 1;
	if (slirp_run(s, RUN_BATCH))
		more = 1;
	wheel_run(&s->wheel, s->now);
	pktq_flush(&se.out);
	pktq_return_flush(&se.in);
	return (more);
}

/* Sleep until something happens, or only look if there is more to do. */
static void
wait_events(int more, uint64_t packets)
{
	struct slirp	*s = &se.s;
	struct timeval	 tv;
	mono_t		 next;

	if (!more && (!slirp_idle(s) || pktq_sleep(&se.in)))
		more = 1;
	if (more) {
		event_base_loop(evbase, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		s->now = mono_now();
		return;
	}
	if (nap_wanted(&se.nap, packets)) {
		if (!pktq_nap(&se.in))
			nap_take(&se.nap, se.bell[0]);
		pktq_awake(&se.in);
		return;
	}
	if ((next = wheel_next(&s->wheel)) != 0) {
		s->now = mono_now();
		next = next > s->now ? next - s->now : 0;
		tv.tv_sec = (time_t)MONO_TO_SEC(next);
		tv.tv_usec = (suseconds_t)(MONO_TO_US(next) % 1000000);
		event_add(se.tick, &tv);
	} else
		event_del(se.tick);
	event_base_loop(evbase, EVLOOP_ONCE);
	pktq_awake(&se.in);
}

/* Say once, and exactly, why guests cannot ping. */
static void
probe_icmp(void)
{
	se.s.icmp4 = slirp_host_probe_icmp(4);
	se.s.icmp6 = slirp_host_probe_icmp(6);
	se.s.count.icmp_available = (uint64_t)(se.s.icmp4 || se.s.icmp6);
	if (!se.s.icmp4)
		log_warnx("guests cannot ping hosts: no ping sockets for "
		    "group %u; set %s = \"%u %u\" to allow them",
		    (unsigned int)getegid(), PING_SYSCTL,
		    (unsigned int)getegid(), (unsigned int)getegid());
}

static void
start(void)
{
	if (pktq_attach_consumer(&se.in, se.queue_fd[1], se.queue_slots[1],
	    se.bell[1]) == -1 || pktq_attach_producer(&se.out,
	    se.queue_fd[0], se.queue_slots[0], se.bell[1]) == -1)
		fatal("packet queue");
	close(se.queue_fd[0]);
	close(se.queue_fd[1]);
	se.s.in = &se.in;
	se.s.out = &se.out;
	se.bell_ev = event_new(evbase, se.bell[0], EV_READ | EV_PERSIST,
	    bell_rang, NULL);
	if (se.bell_ev == NULL || event_add(se.bell_ev, NULL) == -1)
		fatalx("doorbell");
	probe_icmp();
	se.started = 1;
}

/* Pass an endpoint that was resolved to the crypto engine. */
static void
resolved(const struct endpoint_msg *m)
{
	imsgev_send(&se.crypto, IMSG_ENDPOINT, 0, -1, m, sizeof(*m));
}

/* Who has an address in the tunnel?  The crypto engine knows. */
static int
ask_route(const struct route_msg *m)
{
	return (imsgev_send(&se.crypto, IMSG_ROUTE, 0, -1, m, sizeof(*m)));
}

/* What was decided before is decided anew. */
static void
next_policy(struct slirp *s)
{
	if (++s->policy == 0)
		s->policy = 1;
}

static void
set_limits(struct slirp_peer *p, const struct conf_peer_msg *m)
{
	p->max_flows = m->max_flows;
	p->max_new = m->max_new;
	if (p->rate_in != m->rate_in || p->rate_out != m->rate_out) {
		memset(&p->in, 0, sizeof(p->in));
		memset(&p->in_dgrams, 0, sizeof(p->in_dgrams));
		memset(&p->out, 0, sizeof(p->out));
	}
	p->rate_in = m->rate_in;
	p->rate_out = m->rate_out;
}

/* The staged configuration takes effect. */
static void
commit(void)
{
	struct slirp		*s = &se.s;
	struct staged_peer	*sp;
	struct staged_name	*sn;
	struct slirp_peer	*p;
	uint32_t		 i;

	s->now = mono_now();
	free(s->conf.addrs);
	policy_conf_free(&s->conf);
	policy_tables_sort(&se.conf);
	s->conf = se.conf;
	next_policy(s);
	memset(&se.conf, 0, sizeof(se.conf));
	s->conf.mtu = se.global.mtu;
	s->conf.tcp = se.global.tcp;
	s->conf.copy_tos = se.global.copy_tos;
	s->conf.ttl = se.global.ttl;
	slirp_host_offload(se.global.offload);
	slirp_host_buffers(s->conf.tcp.rcvbuf, s->conf.tcp.sndbuf);
	s->conf.udp_timeout = MONO_SEC(se.global.udp_timeout);
	s->conf.dns_timeout = MONO_SEC(se.global.dns_timeout);
	s->conf.filtering = (enum udp_filtering)se.global.filtering;
	s->conf.max_flows = se.global.max_flows;
	s->conf.max_new = se.global.max_new;
	s->count.flows_max = s->maxflows;
	if (s->conf.max_flows != 0 && s->conf.max_flows < s->maxflows)
		s->count.flows_max = s->conf.max_flows;
	for (i = 0; i < s->npeers; i++)
		if (s->peers[i] != NULL)
			s->peers[i]->mark = 0;
	while ((sp = STAILQ_FIRST(&se.peers)) != NULL) {
		STAILQ_REMOVE_HEAD(&se.peers, entry);
		if ((p = slirp_peer_set(s, sp->m.id, sp->m.name)) == NULL)
			fatal("peer");
		p->mark = 1;
		set_limits(p, &sp->m);
		free(sp);
	}
	for (i = 0; i < s->npeers; i++)
		if (s->peers[i] != NULL && !s->peers[i]->mark)
			slirp_peer_drop(s, s->peers[i]);
	dns_clear();
	while ((sn = STAILQ_FIRST(&se.names)) != NULL) {
		STAILQ_REMOVE_HEAD(&se.names, entry);
		dns_add(&sn->m);
		free(sn);
	}
	dns_start(resolved);
	se.global.domain[sizeof(se.global.domain) - 1] = '\0';
	resolver_commit(s, se.global.dns, se.global.domain);
	fwd_commit();
	se.staging = 0;
}

/* The new list replaces the old one when it is complete. */
static void
add_hostaddr(struct imsg *imsg)
{
	struct ipaddr	*v;

	v = recallocarray(se.hostaddrs, se.nhostaddrs, se.nhostaddrs + 1,
	    sizeof(*v));
	if (v == NULL)
		fatal(NULL);
	se.hostaddrs = v;
	imsg_is(imsg, &se.hostaddrs[se.nhostaddrs++], sizeof(*v));
}

static void
swap_hostaddrs(void)
{
	if (se.nhostaddrs != se.s.nhostaddrs || (se.nhostaddrs > 0 &&
	    memcmp(se.hostaddrs, se.s.hostaddrs, se.nhostaddrs *
	    sizeof(*se.hostaddrs)) != 0))
		next_policy(&se.s);
	free(se.s.hostaddrs);
	se.s.hostaddrs = se.hostaddrs;
	se.s.nhostaddrs = se.nhostaddrs;
	se.hostaddrs = NULL;
	se.nhostaddrs = 0;
}

static void
take_pipe(struct imsg *imsg)
{
	uint32_t	 who;
	int		 fd, r = -1;

	imsg_is(imsg, &who, sizeof(who));
	fd = imsg_take_fd(imsg);
	if (who == PROC_CONTROL && se.control.ev == NULL)
		r = imsgev_init(&se.control, fd, PROC_CONTROL, control_msg,
		    NULL);
	else if (who == PROC_CRYPTO && se.crypto.ev == NULL)
		r = imsgev_init(&se.crypto, fd, PROC_CRYPTO, crypto_msg,
		    NULL);
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
	if (se.started || se.queue_fd[dir] != -1)
		bad_imsg("parent", IMSG_QUEUE);
	se.queue_fd[dir] = imsg_take_fd(imsg);
	se.queue_slots[dir] = m.nslots;
}

static void
stage_rule(struct imsg *imsg)
{
	struct slirp_conf	*c = &se.conf;
	struct rule_info	*info;
	struct rule_msg		 m;
	struct rule		*rules;

	imsg_is(imsg, &m, sizeof(m));
	rules = recallocarray(c->rules, c->nrules, c->nrules + 1,
	    sizeof(*rules));
	if (rules == NULL)
		fatal(NULL);
	c->rules = rules;
	info = recallocarray(c->rule_info, c->nrules, c->nrules + 1,
	    sizeof(*info));
	if (info == NULL)
		fatal(NULL);
	c->rule_info = info;
	rules[c->nrules] = m.rule;
	strlcpy(info[c->nrules++].text, m.text, sizeof(info->text));
}

static int
good_prefix(const struct ipprefix *p)
{
	return ((p->addr.af == 4 || p->addr.af == 6) &&
	    p->len <= ipaddr_bits(&p->addr));
}

static void
stage_msg(struct imsg *imsg)
{
	struct staged_peer	*sp;
	struct staged_name	*sn;
	struct slirp_conf	*c = &se.conf;
	struct ipprefix		*addrs, prefix;
	struct service_user	 user;
	struct service		 service;
	struct upstream		 up;
	struct name_msg		 name;

	switch (imsg_get_type(imsg)) {
	case IMSG_CONF_PEER:
		if ((sp = calloc(1, sizeof(*sp))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sp->m, sizeof(sp->m));
		sp->m.name[sizeof(sp->m.name) - 1] = '\0';
		if (sp->m.id >= MAX_PEER_ID)
			fatalx("peer id out of range");
		STAILQ_INSERT_TAIL(&se.peers, sp, entry);
		break;
	case IMSG_CONF_RESOLVE:
		if ((sn = calloc(1, sizeof(*sn))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sn->m, sizeof(sn->m));
		STAILQ_INSERT_TAIL(&se.names, sn, entry);
		break;
	case IMSG_CONF_ADDRESS:
		addrs = recallocarray(c->addrs, c->naddrs, c->naddrs + 1,
		    sizeof(*addrs));
		if (addrs == NULL)
			fatal(NULL);
		c->addrs = addrs;
		imsg_is(imsg, &c->addrs[c->naddrs++], sizeof(*addrs));
		break;
	case IMSG_CONF_RULE:
		stage_rule(imsg);
		break;
	case IMSG_CONF_TABLE:
		if (policy_table_new(c) == -1)
			fatal(NULL);
		break;
	case IMSG_CONF_TABLE_PREFIX:
		imsg_is(imsg, &prefix, sizeof(prefix));
		if (!good_prefix(&prefix) ||
		    policy_table_add(c, &prefix) == -1)
			bad_imsg("parent", IMSG_CONF_TABLE_PREFIX);
		break;
	case IMSG_CONF_SERVICE:
		imsg_is(imsg, &service, sizeof(service));
		fwd_stage(&service, imsg_take_fd(imsg));
		break;
	case IMSG_CONF_ALLOW:
		imsg_is(imsg, &prefix, sizeof(prefix));
		if (fwd_stage_allow(&prefix) == -1)
			bad_imsg("parent", IMSG_CONF_ALLOW);
		break;
	case IMSG_CONF_USER:
		imsg_is(imsg, &user, sizeof(user));
		if (fwd_stage_user(&user) == -1)
			bad_imsg("parent", IMSG_CONF_USER);
		explicit_bzero(&user, sizeof(user));
		break;
	case IMSG_CONF_UPSTREAM:
		imsg_is(imsg, &up, sizeof(up));
		if (resolver_stage_upstream(&up) == -1)
			bad_imsg("parent", IMSG_CONF_UPSTREAM);
		break;
	case IMSG_CONF_NAME:
		imsg_is(imsg, &name, sizeof(name));
		name.name[sizeof(name.name) - 1] = '\0';
		if (resolver_stage_name(&name) == -1)
			fatal(NULL);
		break;
	case IMSG_CONF_END:
		imsgev_must(&se.parent, IMSG_STAGED, 0, -1, NULL, 0);
		break;
	}
}

/* A peer that wg(8) made. */
static void
add_peer(struct imsg *imsg)
{
	struct conf_peer_msg	 m;
	struct slirp_peer	*p;

	imsg_is(imsg, &m, sizeof(m));
	m.name[sizeof(m.name) - 1] = '\0';
	if (m.id >= MAX_PEER_ID)
		fatalx("peer id out of range");
	if ((p = slirp_peer_set(&se.s, m.id, m.name)) == NULL)
		fatal("peer");
	set_limits(p, &m);
}

/* A peer that it took away. */
static void
drop_peer(struct imsg *imsg)
{
	struct slirp_peer	*p;
	uint32_t		 id;

	imsg_is(imsg, &id, sizeof(id));
	se.s.now = mono_now();
	if ((p = slirp_peer_get(&se.s, id)) != NULL)
		slirp_peer_drop(&se.s, p);
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
	case IMSG_BELL: {
		struct bell_msg	 m;

		imsg_is(imsg, &m, sizeof(m));
		se.bell[m.mine ? 0 : 1] = imsg_take_fd(imsg);
		break;
	}
	case IMSG_HOSTADDRS:
		free(se.hostaddrs);
		se.hostaddrs = NULL;
		se.nhostaddrs = 0;
		break;
	case IMSG_CONF_HOSTADDR:
		add_hostaddr(imsg);
		break;
	case IMSG_HOSTADDRS_END:
		swap_hostaddrs();
		break;
	case IMSG_PEER_ADD:
		add_peer(imsg);
		break;
	case IMSG_PEER_DROP:
		drop_peer(imsg);
		break;
	case IMSG_CONF_BEGIN:
		if (se.staging)
			bad_imsg("parent", type);
		imsg_is(imsg, &se.global, sizeof(se.global));
		if (se.global.tcp.cc >= CC_MAX || se.global.tcp.wscale > 14)
			fatalx("configuration out of range");
		se.staging = 1;
		break;
	case IMSG_CONF_PEER:
	case IMSG_CONF_RESOLVE:
	case IMSG_CONF_ADDRESS:
	case IMSG_CONF_RULE:
	case IMSG_CONF_TABLE:
	case IMSG_CONF_TABLE_PREFIX:
	case IMSG_CONF_SERVICE:
	case IMSG_CONF_ALLOW:
	case IMSG_CONF_USER:
	case IMSG_CONF_UPSTREAM:
	case IMSG_CONF_NAME:
	case IMSG_CONF_END:
		if (!se.staging)
			bad_imsg("parent", type);
		stage_msg(imsg);
		break;
	case IMSG_CONF_COMMIT:
		if (!se.staging)
			bad_imsg("parent", type);
		commit();
		break;
	case IMSG_START:
		if (se.started)
			bad_imsg("parent", type);
		start();
		break;
	default:
		child_common(iev, imsg);
	}
}

static void
crypto_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct slirp_peer	*p;
	struct route_msg	 route;
	uint32_t		 id;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	se.s.now = mono_now();
	switch (imsg_get_type(imsg)) {
	case IMSG_LOST:
		imsg_is(imsg, &id, sizeof(id));
		dns_lost(id, se.s.now);
		break;
	case IMSG_ROUTE:
		imsg_is(imsg, &route, sizeof(route));
		fwd_routed(&route);
		break;
	case IMSG_CUT:
		imsg_is(imsg, &id, sizeof(id));
		if ((p = slirp_peer_get(&se.s, id)) != NULL)
			slirp_peer_clear(&se.s, p);
		break;
	default:
		bad_imsg("crypto", imsg_get_type(imsg));
	}
}

static void
send_flow(struct imsgev *iev, uint32_t id, const struct flow *f)
{
	struct ctl_flow	 m;

	memset(&m, 0, sizeof(m));
	m.id = flow_id(f);
	m.peer = f->peer->id;
	m.proto = f->type == FLOW_TCP ? IPPROTO_TCP : f->type != FLOW_ICMP ?
	    IPPROTO_UDP : f->src.af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	strlcpy(m.peer_name, f->peer->name, sizeof(m.peer_name));
	strlcpy(m.state, flow_state(f), sizeof(m.state));
	/* who began it is the source */
	m.src = f->via == VIA_GUEST ? f->src : f->dst;
	m.dst = f->via == VIA_GUEST ? f->dst : f->src;
	m.sport = f->via == VIA_GUEST ? f->sport : f->dport;
	m.dport = f->via == VIA_GUEST ? f->dport : f->sport;
	m.rx_bytes = f->rx_bytes;
	m.tx_bytes = f->tx_bytes;
	m.age = MONO_TO_SEC(mono_now() - f->created);
	imsgev_send(iev, CTL_FLOW, id, -1, &m, sizeof(m));
}

/* One portion of the flows; the cursor is an index. */
static void
show_flows(struct imsgev *iev, uint32_t id, const struct ctl_request *req)
{
	struct ctl_more	 more;
	uint64_t	 i;
	int		 left = CTL_PORTION;

	for (i = req->cursor; i < se.s.capflows; i++) {
		if (se.s.flows[i] == NULL)
			continue;
		if (left-- == 0) {
			more.cursor = i;
			imsgev_send(iev, CTL_MORE, id, -1, &more,
			    sizeof(more));
			return;
		}
		send_flow(iev, id, se.s.flows[i]);
	}
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

/* One portion of how many flows each peer has. */
static void
show_peerflows(struct imsgev *iev, uint32_t id,
    const struct ctl_request *req)
{
	struct ctl_peerflows	 m;
	struct ctl_more		 more;
	uint64_t		 i;
	int			 left = CTL_PORTION;

	for (i = req->cursor; i < se.s.npeers; i++) {
		if (se.s.peers[i] == NULL || se.s.peers[i]->nflows == 0)
			continue;
		if (left-- == 0) {
			more.cursor = i;
			imsgev_send(iev, CTL_MORE, id, -1, &more,
			    sizeof(more));
			return;
		}
		m.id = (uint32_t)i;
		m.flows = se.s.peers[i]->nflows;
		imsgev_send(iev, CTL_PEERFLOWS, id, -1, &m, sizeof(m));
	}
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

/* One portion of the rules, with how often each has decided. */
static void
show_rules(struct imsgev *iev, uint32_t id, const struct ctl_request *req)
{
	struct ctl_rule	 m;
	struct ctl_more	 more;
	uint64_t	 i;
	int		 left = CTL_PORTION;

	for (i = req->cursor; i < se.s.conf.nrules; i++) {
		if (left-- == 0) {
			more.cursor = i;
			imsgev_send(iev, CTL_MORE, id, -1, &more,
			    sizeof(more));
			return;
		}
		memset(&m, 0, sizeof(m));
		m.number = i;
		m.matches = se.s.conf.rule_info[i].matches;
		strlcpy(m.text, se.s.conf.rule_info[i].text,
		    sizeof(m.text));
		imsgev_send(iev, CTL_RULE, id, -1, &m, sizeof(m));
	}
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

/* Does the policy of today let a flow of yesterday go on? */
static int
still_passes(const struct slirp *s, const struct flow *f)
{
	static const uint8_t	 protos[] = { IPPROTO_TCP, IPPROTO_UDP,
				    IPPROTO_ICMP };
	int			 local = ip_is_local(s, &f->dst);

	if (f->via != VIA_GUEST || f->target == TARGET_DNS)
		return (1);
	/* what leads to loopback has to do so still */
	if (f->target == TARGET_LOOPBACK && !local)
		return (0);
	return (policy_would_pass(s, f->peer, &f->src, &f->dst,
	    protos[f->type], f->type == FLOW_ICMP ? 0 : f->dport, local));
}

/* End the flows that the rules would not let begin any more. */
static void
flush(void)
{
	struct slirp	*s = &se.s;
	uint32_t	 i, n = 0;

	/* of a mapping, all whom it talks to, when they do */
	next_policy(s);
	for (i = 0; i < s->capflows; i++)
		if (s->flows[i] != NULL && !still_passes(s, s->flows[i])) {
			flow_kill(s, s->flows[i]);
			n++;
		}
	log_info("flush: %u flows ended", n);
}

static void
kill_flow(struct imsgev *iev, uint32_t id, uint64_t arg)
{
	char		 text[CTL_TEXT_LEN] = "no such flow";
	struct flow	*f;

	if ((f = flow_by_id(&se.s, arg)) == NULL) {
		imsgev_send(iev, CTL_FAIL, id, -1, text, sizeof(text));
		return;
	}
	flow_kill(&se.s, f);
	imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
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
	se.s.now = mono_now();
	id = imsg_get_id(imsg);
	imsg_is(imsg, &req, sizeof(req));
	switch (imsg_get_type(imsg)) {
	case CTL_SHOW_FLOWS:
		show_flows(iev, id, &req);
		break;
	case CTL_SHOW_PEERFLOWS:
		show_peerflows(iev, id, &req);
		break;
	case CTL_SHOW_COUNTERS:
		imsgev_send(iev, CTL_SLIRP_COUNTERS, id, -1, &se.s.count,
		    sizeof(se.s.count));
		imsgev_send(iev, CTL_END, id, -1, NULL, 0);
		break;
	case CTL_REFRESH:
		dns_refresh();
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	case CTL_KILL_FLOW:
		kill_flow(iev, id, req.arg);
		break;
	case CTL_SHOW_RULES:
		show_rules(iev, id, &req);
		break;
	case CTL_FLUSH:
		flush();
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	default:
		bad_imsg("control", imsg_get_type(imsg));
	}
}

/* How many flows the descriptor limit allows. */
static uint32_t
flow_limit(uint32_t *extra)
{
	struct rlimit	 rl;
	rlim_t		 spare;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	se.s.count.nofile_soft = rl.rlim_cur;
	if (rl.rlim_cur < MIN_FDS)
		fatalx("the descriptor limit of %llu is too low",
		    (unsigned long long)rl.rlim_cur);
	/* a third of it is for sockets that the parent passes, and such */
	spare = rl.rlim_cur / 3 < SPARE_FDS ? rl.rlim_cur / 3 : SPARE_FDS;
	*extra = (uint32_t)(spare * 2 / 3);
	if (rl.rlim_cur - spare > MAX_FLOWS)
		return (MAX_FLOWS);
	return ((uint32_t)(rl.rlim_cur - spare));
}

void
slirp_main(int foreground)
{
	uint64_t	 nofile, seen, before = 0;
	uint32_t	 maxflows, maxfds;
	int		 more = 0;

	STAILQ_INIT(&se.peers);
	STAILQ_INIT(&se.names);
	se.queue_fd[0] = se.queue_fd[1] = -1;
	child_init(PROC_SLIRP, foreground, &se.parent, parent_msg);
	if (dns_init() == -1)
		fatalx("resolver");
	child_drop(foreground);
	maxflows = flow_limit(&maxfds);
	nofile = se.s.count.nofile_soft;
	if (slirp_init(&se.s, &slirp_host_ops, NULL, mono_now(),
	    maxflows) == -1)
		fatal(NULL);
	se.s.count.nofile_soft = nofile;
	se.s.maxfds = maxfds;
	if (slirp_host_init(&se.s) == -1)
		fatal("epoll");
	fwd_init(&se.s, ask_route);
	if ((se.tick = evtimer_new(evbase, tick, NULL)) == NULL)
		fatal(NULL);
	child_ready(&se.parent, SANDBOX_SLIRP);
	while (!se.started)
		event_base_loop(evbase, EVLOOP_ONCE);
	for (;;) {
		more = work();
		seen = se.s.count.ip_rx_packets + se.s.count.ip_tx_packets;
		wait_events(more, seen - before);
		before = seen;
	}
}
