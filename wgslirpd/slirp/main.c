/* SPDX-License-Identifier: ISC */

/*
 * The slirp engine as a process: its loop, and what it is told.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "far.h"
#include "config.h"
#include "fds.h"
#include "health.h"
#include "hostsock.h"
#include "judge.h"
#include "log.h"
#include "lookup.h"
#include "nap.h"
#include "net/engine.h"
#include "net/table.h"
#include "portmap.h"
#include "protocols.h"
#include "route.h"
#include "service.h"
#include "shm.h"
#include "show.h"
#include "socksassoc.h"
#include "state.h"
#include "tell.h"
#include "trim.h"
#include "upstream.h"

#define IN_BATCH	256	/* packets of the guests a round */
#define RUN_BATCH	64	/* flows that get a turn a round */
#define SPARE_FDS	2048	/* descriptors that are not flows, at most */
#define MIN_FDS		128
#define MAX_FLOWS	(1U << 20)
#define MAX_ASSOCS	4096
#define PING_SYSCTL	"net.ipv4.ping_group_range"

static int		 bell[2];	/* mine, theirs */
static int		 queue_fd[2];
static uint32_t		 queue_slots[2];
static struct event	*bell_ev;
static struct event	*timer;		/* of the wheel */
static struct nap	 nap;

static void	 crypto_msg(struct imsgev *, struct imsg *);

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
	if (slirp_config_work())
		more = 1;
	wheel_run(&s->wheel, s->now);
	pktq_flush(&se.out);
	pktq_return_flush(&se.in);
	trim_note();
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
	if (nap_wanted(&nap, packets)) {
		if (!pktq_nap(&se.in))
			nap_take(&nap, bell[0]);
		pktq_awake(&se.in);
		return;
	}
	if ((next = wheel_next(&s->wheel)) != 0) {
		s->now = mono_now();
		next = next > s->now ? next - s->now : 0;
		tv.tv_sec = (time_t)MONO_TO_SEC(next);
		tv.tv_usec = (suseconds_t)(MONO_TO_US(next) % 1000000);
		event_add(timer, &tv);
	} else
		event_del(timer);
	event_base_loop(evbase, EVLOOP_ONCE);
	pktq_awake(&se.in);
}

/* Say once, and exactly, why guests cannot ping. */
static void
probe_icmp(void)
{
	int	 v4 = hostsock_probe_icmp(4), v6 = hostsock_probe_icmp(6);

	se.s.count.icmp_available = (uint64_t)(v4 || v6);
	if (!v4)
		log_warnx("guests cannot ping hosts: no ping sockets for "
		    "group %u; set %s = \"%u %u\" to allow them",
		    (unsigned int)getegid(), PING_SYSCTL,
		    (unsigned int)getegid(), (unsigned int)getegid());
}

static void
start(void)
{
	if (pktq_attach_consumer(&se.in, queue_fd[1], queue_slots[1],
	    bell[1]) == -1 || pktq_attach_producer(&se.out,
	    queue_fd[0], queue_slots[0], bell[1]) == -1)
		fatal("packet queue");
	close(queue_fd[0]);
	close(queue_fd[1]);
	se.s.in = &se.in;
	se.s.out = &se.out;
	bell_ev = event_new(evbase, bell[0], EV_READ | EV_PERSIST,
	    bell_rang, NULL);
	if (bell_ev == NULL || event_add(bell_ev, NULL) == -1)
		fatalx("doorbell");
	trim_init(&se.out);
	probe_icmp();
	far_start();
	se.started = 1;
}

/* Who has an address in the tunnel?  The crypto engine knows. */
static int
ask_route(const struct route_msg *m)
{
	return (imsgev_send(&se.crypto, IMSG_ROUTE, 0, -1, m, sizeof(*m)));
}

/* A relay does not answer where it is: its name may mean another place. */
static void
derp_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct dot_part	 part;
	uint32_t	 id;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	switch (imsg_get_type(imsg)) {
	case IMSG_LOST:
		imsg_is(imsg, &id, sizeof(id));
		if (id & RESOLVE_RELAY)
			lookup_lost(id, mono_now());
		break;
	case IMSG_DOT_PART:
		imsg_is(imsg, &part, sizeof(part));
		upstream_part(&part);
		break;
	default:
		bad_imsg("derp", imsg_get_type(imsg));
	}
}

static int
ask_by_tls(const struct dot_ask *m)
{
	return (se.derp.ev == NULL ? -1 : imsgev_send(&se.derp, IMSG_DOT_ASK,
	    0, -1, m, sizeof(*m)));
}

/* crypto asks for nothing, and has to be heard */
static const struct sibling	 siblings[] = {
	{ PROC_CONTROL, 0, &se.control, slirp_show_request, PROC_BACKLOG },
	{ PROC_CRYPTO, 0, &se.crypto, crypto_msg, 0 },
	{ PROC_DERP, 0, &se.derp, derp_msg, 0 }
};

static void
take_queue(struct imsg *imsg)
{
	struct queue_msg	 m;
	int			 dir;

	imsg_is(imsg, &m, sizeof(m));
	dir = m.guest_to_host != 0;
	if (se.started || queue_fd[dir] != -1)
		bad_imsg("parent", IMSG_QUEUE);
	queue_fd[dir] = imsg_take_fd(imsg);
	queue_slots[dir] = m.nslots;
}

static void
port_ask(const struct port_msg *m)
{
	imsgev_must(&se.parent, IMSG_PORT_ASK, 0, -1, m, sizeof(*m));
}

static void
port_give(uint32_t peer)
{
	imsgev_must(&se.parent, IMSG_PORT_GIVE, 0, -1, &peer, sizeof(peer));
}

static const struct port_parent	 port_parent = { port_ask, port_give };

static void
parent_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct port_msg	 port;
	uint32_t	 type;

	if (imsg == NULL)
		exit(0);	/* the parent is gone */
	switch (type = imsg_get_type(imsg)) {
	case IMSG_PIPE:
		child_pipe(imsg, siblings, sizeof(siblings) /
		    sizeof(siblings[0]));
		break;
	case IMSG_QUEUE:
		take_queue(imsg);
		break;
	case IMSG_BELL: {
		struct bell_msg	 m;

		imsg_is(imsg, &m, sizeof(m));
		bell[m.mine ? 0 : 1] = imsg_take_fd(imsg);
		break;
	}
	case IMSG_ACROSS:
		if (se.started)
			bad_imsg("parent", type);
		far_link(imsg);
		break;
	case IMSG_HOSTADDRS:
		slirp_config_begin_hostaddrs();
		break;
	case IMSG_CONF_HOSTADDR:
		slirp_config_add_hostaddr(imsg);
		break;
	case IMSG_HOSTADDRS_END:
		slirp_config_swap_hostaddrs();
		break;
	case IMSG_PEER_ADD:
		slirp_config_add_peer(imsg);
		break;
	case IMSG_PEER_DROP:
		slirp_config_drop_peer(imsg);
		break;
	case IMSG_CONF_BEGIN:
		if (se.staging)
			bad_imsg("parent", type);
		slirp_config_begin(imsg);
		break;
	case IMSG_CONF_WAY:
	case IMSG_CONF_WAY_USER:
	case IMSG_CONF_PEER:
	case IMSG_CONF_RESOLVE:
	case IMSG_CONF_ADDRESS:
	case IMSG_CONF_NAT64:
	case IMSG_CONF_RULE:
	case IMSG_CONF_TABLE:
	case IMSG_CONF_TABLE_PREFIX:
	case IMSG_CONF_SERVICE:
	case IMSG_CONF_ALLOW:
	case IMSG_CONF_USER:
	case IMSG_CONF_UPSTREAM:
	case IMSG_CONF_NAME:
	case IMSG_CONF_ZONE:
	case IMSG_CONF_BLOCK:
	case IMSG_CONF_BLOCK_FILE:
	case IMSG_CONF_END:
		if (!se.staging)
			bad_imsg("parent", type);
		slirp_config_stage(imsg);
		break;
	case IMSG_PORT:
	case IMSG_PORT_NOT:
		imsg_is(imsg, &port, sizeof(port));
		portmap_opened(&port, type == IMSG_PORT ? imsg_take_fd(imsg) :
		    -1);
		break;
	case IMSG_CONF_COMMIT:
		if (!se.staging)
			bad_imsg("parent", type);
		slirp_config_commit();
		imsgev_must(&se.parent, IMSG_COMMITTED, 0, -1, NULL, 0);
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
	struct uplink_msg	 up;
	uint32_t		 id;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	se.s.now = mono_now();
	switch (imsg_get_type(imsg)) {
	case IMSG_LOST:
		imsg_is(imsg, &id, sizeof(id));
		lookup_lost(id, se.s.now);
		break;
	case IMSG_ROUTE:
		imsg_is(imsg, &route, sizeof(route));
		route_answer(&route);
		break;
	case IMSG_BACK:
		imsg_is(imsg, &id, sizeof(id));
		if ((p = peer_get(&se.s, id)) != NULL)
			slirp_peer_back(&se.s, p);
		break;
	case IMSG_UPLINK:
		imsg_is(imsg, &up, sizeof(up));
		if ((p = peer_get(&se.s, up.id)) != NULL &&
		    p->down != (up.up == 0)) {
			p->down = up.up == 0;
			/* mappings may leave by another way by now */
			judge_next(&se.s);
			log_info("peer \"%s\": %s", p->name, up.up ?
			    "guests can come out there" : "it does not "
			    "answer, and guests do not come out there");
			tell("uplink", p->name, "%s", up.up ? "up" : "down");
		}
		break;
	case IMSG_CUT:
		imsg_is(imsg, &id, sizeof(id));
		if ((p = peer_get(&se.s, id)) != NULL) {
			portmap_forget(id);
			slirp_peer_clear(&se.s, p);
		}
		break;
	default:
		bad_imsg("crypto", imsg_get_type(imsg));
	}
}

/*
 * How many flows the descriptor limit allows, and how many of these may have a
 * connection to a proxy beside their socket.
 */
static uint32_t
flow_limit(uint32_t *extra, uint32_t *assocs)
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
	*assocs = (uint32_t)(rl.rlim_cur / 16 < MAX_ASSOCS ? rl.rlim_cur / 16 :
	    MAX_ASSOCS);
	spare += *assocs;
	if (rl.rlim_cur - spare > MAX_FLOWS)
		return (MAX_FLOWS);
	return ((uint32_t)(rl.rlim_cur - spare));
}

void
slirp_main(int foreground)
{
	uint64_t	 nofile, seen, before = 0;
	uint32_t	 maxflows, maxfds, maxassocs;
	int		 more = 0;

	queue_fd[0] = queue_fd[1] = -1;
	child_init(PROC_SLIRP, foreground, &se.parent, parent_msg);
	lookup_init(&se.s);
	health_init(&se.s);
	child_drop(foreground);
	maxflows = flow_limit(&maxfds, &maxassocs);
	nofile = se.s.count.nofile_soft;
	if (slirp_init(&se.s, &hostsock_ops, NULL, mono_now(), maxflows,
	    NULL) == -1 || protocols_register(&se.s, NULL) == -1)
		fatal(NULL);
	se.s.count.nofile_soft = nofile;
	fds_init(maxfds);
	assoc_init(maxassocs);
	if (hostsock_init(&se.s, slirp_host_event) == -1)
		fatal("epoll");
	service_init(&se.s, ask_route);
	portmap_init(&se.s, &port_parent);
	upstream_by_tls(ask_by_tls);
	if ((timer = evtimer_new(evbase, tick, NULL)) == NULL)
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
