/* SPDX-License-Identifier: ISC */

/*
 * What the control engine asks and orders.  Answers come in portions, so that
 * no client makes this process keep them.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <string.h>
#include <time.h>

#include "health.h"
#include "judge.h"
#include "log.h"
#include "lookup.h"
#include "net/egress.h"
#include "net/engine.h"
#include "net/policy.h"
#include "net/table.h"
#include "portmap.h"
#include "service.h"
#include "show.h"
#include "state.h"
#include "tell.h"
#include "tunnelnames.h"

#define MAX_LOOKED	4096	/* flows, for a portion of those of a peer */

static void
send_flow(struct imsgev *iev, uint32_t id, const struct flow *f)
{
	struct ctl_flow	 m;
	const char	*way = egress_called(&se.s, f);

	memset(&m, 0, sizeof(m));
	if (way != NULL)
		strlcpy(m.way, way, sizeof(m.way));
	/* workers share the numbers out */
	m.id = flow_id(f) * se.workers + proc_worker();
	m.peer = f->peer->id;
	m.proto = se.s.flow_ops[f->type]->ipproto[f->src.af == 6];
	strlcpy(m.peer_name, f->peer->name, sizeof(m.peer_name));
	strlcpy(m.state, flow_state(&se.s, f), sizeof(m.state));
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

/* One portion of the flows; the cursor is the table's. */
static void
show_flows(struct imsgev *iev, uint32_t id, const struct ctl_request *req)
{
	struct ctl_more	 more;
	struct flow	*f;
	uint64_t	 at = req->cursor;
	int		 left = CTL_PORTION, looked = 0;

	for (more.cursor = at; (f = table_next(&se.s, &at)) != NULL;
	    more.cursor = at) {
		if (left == 0 || looked++ == MAX_LOOKED) {
			imsgev_send(iev, CTL_MORE, id, -1, &more,
			    sizeof(more));
			return;
		}
		/* the guest's half stands for both */
		if (f->via == VIA_INSIDE || (req->name[0] != '\0' &&
		    strcmp(f->peer->name, req->name) != 0))
			continue;
		send_flow(iev, id, f);
		left--;
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
	uint64_t		 i, rtt;
	int			 left = CTL_PORTION;

	for (i = req->cursor; i < se.s.npeers; i++) {
		if (se.s.peers[i] == NULL || (se.s.peers[i]->nflows == 0 &&
		    se.s.peers[i]->path.srtt == 0 &&
		    se.s.peers[i]->dns_asked == 0))
			continue;
		if (left-- == 0) {
			more.cursor = i;
			imsgev_send(iev, CTL_MORE, id, -1, &more,
			    sizeof(more));
			return;
		}
		m.id = (uint32_t)i;
		m.flows = se.s.peers[i]->nflows;
		rtt = se.s.peers[i]->path.srtt / MONO_US(1);
		m.pad = 0;
		m.dns_asked = se.s.peers[i]->dns_asked;
		m.dns_blocked = se.s.peers[i]->dns_blocked;
		m.rtt_us = rtt > 0 && rtt < UINT32_MAX ? (uint32_t)rtt : 0;
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

/* One portion of the names that guests are answered. */
static void
show_names(struct imsgev *iev, uint32_t id, const struct ctl_request *req)
{
	struct ctl_entry	 m;
	struct ctl_more		 more = { req->cursor };
	struct ipaddr		 addr;
	int			 left = CTL_PORTION;

	memset(&m, 0, sizeof(m));
	strlcpy(m.kind, "name", sizeof(m.kind));
	for (; tunnelnames_at(more.cursor, m.name, sizeof(m.name), &addr) ==
	    0; more.cursor++) {
		if (left-- == 0) {
			imsgev_send(iev, CTL_MORE, id, -1, &more,
			    sizeof(more));
			return;
		}
		memset(m.value, 0, sizeof(m.value));
		ipaddr_str(&addr, m.value, sizeof(m.value));
		imsgev_send(iev, CTL_ENTRY, id, -1, &m, sizeof(m));
	}
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

/* The n-th of what leads into the tunnel; -1: there is none. */
static int
forward_at(uint64_t n, struct ctl_entry *m)
{
	memset(m, 0, sizeof(*m));
	strlcpy(m->kind, "forward", sizeof(m->kind));
	if (service_forward_at(&n, m->name, sizeof(m->name), m->value,
	    sizeof(m->value)) == 0)
		return (0);
	strlcpy(m->kind, "guest", sizeof(m->kind));
	return (portmap_at(n, m->name, sizeof(m->name), m->value,
	    sizeof(m->value)));
}

/* One portion of the ports that lead into the tunnel. */
static void
show_forwards(struct imsgev *iev, uint32_t id, const struct ctl_request *req)
{
	struct ctl_entry	 m;
	struct ctl_more		 more = { req->cursor };
	int			 left = CTL_PORTION;

	for (; forward_at(more.cursor, &m) == 0; more.cursor++) {
		if (left-- == 0) {
			imsgev_send(iev, CTL_MORE, id, -1, &more,
			    sizeof(more));
			return;
		}
		imsgev_send(iev, CTL_ENTRY, id, -1, &m, sizeof(m));
	}
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

static void
refuse(struct imsgev *iev, uint32_t id, const char *why)
{
	char	 text[CTL_TEXT_LEN] = "";

	strlcpy(text, why, sizeof(text));
	imsgev_send(iev, CTL_FAIL, id, -1, text, sizeof(text));
}

/* End all flows and take no new ones: guests go elsewhere. */
static void
drain(void)
{
	uint32_t	 i;

	se.s.draining = 1;
	for (i = 0; i < se.s.npeers; i++)
		if (se.s.peers[i] != NULL)
			slirp_peer_clear(&se.s, se.s.peers[i]);
}

static void
kill_peer(struct imsgev *iev, uint32_t id, char *name)
{
	uint32_t	 i;

	name[CTL_NAME_LEN - 1] = '\0';
	for (i = 0; i < se.s.npeers; i++)
		if (se.s.peers[i] != NULL &&
		    strcmp(se.s.peers[i]->name, name) == 0)
			break;
	if (i == se.s.npeers) {
		refuse(iev, id, "no such peer");
		return;
	}
	slirp_peer_clear(&se.s, se.s.peers[i]);
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

static void
kill_flow(struct imsgev *iev, uint32_t id, uint64_t arg)
{
	struct flow	*f;

	if (arg % se.workers != proc_worker() ||
	    (f = flow_by_id(&se.s, arg / se.workers)) == NULL) {
		refuse(iev, id, "no such flow");
		return;
	}
	flow_kill(&se.s, f);
	imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
}

static const char *
proto_name(uint8_t proto)
{
	return (proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" :
	    "icmp");
}

static void
watch_flow(struct slirp *s, const struct flow *f, int begins)
{
	char		 src[ADDR_STRLEN], dst[ADDR_STRLEN];
	const char	*proto;

	proto = proto_name(s->flow_ops[f->type]->ipproto[0]);
	ipport_str(&f->src, f->sport, src, sizeof(src));
	ipport_str(&f->dst, f->dport, dst, sizeof(dst));
	if (begins)
		tell("flow-open", f->peer->name, "%s %s > %s", proto, src,
		    f->dst.af != 0 ? dst : "any");
	else
		tell("flow-close", f->peer->name, "%s %s > %s, %llu bytes from "
		    "and %llu to it", proto, src, f->dst.af != 0 ? dst :
		    "any", (unsigned long long)f->rx_bytes,
		    (unsigned long long)f->tx_bytes);
}

static void
watch_blocked(struct slirp *s, const struct slirp_peer *p, uint8_t proto,
    const struct ipaddr *dst, uint16_t port)
{
	char	 buf[ADDR_STRLEN];

	(void)s;
	tell("blocked", p->name, "%s %s", proto_name(proto), ipport_str(dst,
	    port, buf, sizeof(buf)));
}

static const struct watch_ops	 watch = { watch_flow, watch_blocked };

static struct imsgev	*tap_to;
static uint32_t		 tap_lost;

/* What whoever captures cannot take is counted, and dropped. */
static void
tap(const struct slirp_peer *p, const uint8_t *data, size_t len, int out)
{
	static struct ctl_packet	 m;
	struct timespec			 ts;

	if (imsgbuf_queuelen(&tap_to->ibuf) >= PROC_BACKLOG / 2) {
		tap_lost++;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	m.when = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	m.lost = tap_lost;
	m.len = (uint16_t)(len < sizeof(m.data) ? len : sizeof(m.data));
	m.out = (uint8_t)out;
	memset(m.peer, 0, sizeof(m.peer));
	strlcpy(m.peer, p->name, sizeof(m.peer));
	memcpy(m.data, data, m.len);
	memset(m.data + m.len, 0, sizeof(m.data) - m.len);
	tap_lost = 0;
	imsgev_send(tap_to, CTL_PACKET, 0, -1, &m, sizeof(m));
}

static void
set_tap(struct imsgev *iev, int on)
{
	tap_to = on ? iev : NULL;
	tap_lost = 0;
	se.s.tap = on ? tap : NULL;
}

static void
set_watch(struct imsgev *iev, int on)
{
	se.s.watch = on ? &watch : NULL;
	tell_to(on ? iev : NULL);
}

void
slirp_show_request(struct imsgev *iev, struct imsg *imsg)
{
	struct ctl_request	 req;
	const char		*why;
	uint32_t		 id, on;

	if (imsg == NULL) {
		set_watch(NULL, 0);
		set_tap(NULL, 0);
		imsgev_clear(iev);
		return;
	}
	se.s.now = mono_now();
	id = imsg_get_id(imsg);
	if (imsg_get_type(imsg) == IMSG_WATCH) {
		imsg_is(imsg, &on, sizeof(on));
		set_watch(iev, on != 0);
		return;
	}
	if (imsg_get_type(imsg) == IMSG_TAP) {
		imsg_is(imsg, &on, sizeof(on));
		set_tap(iev, on != 0);
		return;
	}
	imsg_is(imsg, &req, sizeof(req));
	switch (imsg_get_type(imsg)) {
	case CTL_SHOW_FLOWS:
		show_flows(iev, id, &req);
		break;
	case CTL_SHOW_PEERFLOWS:
		show_peerflows(iev, id, &req);
		break;
	case CTL_SHOW_COUNTERS:
		se.s.count.queue_slots = se.out.nslots;
		se.s.count.queue_slots_free = se.out.nfree;
		se.s.count.slirp_cpu_us = mono_cpu_us();
		imsgev_send(iev, CTL_SLIRP_COUNTERS, id, -1, &se.s.count,
		    sizeof(se.s.count));
		imsgev_send(iev, CTL_END, id, -1, NULL, 0);
		break;
	case CTL_REFRESH:
		lookup_refresh();
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	case CTL_KILL_FLOW:
		kill_flow(iev, id, req.arg);
		break;
	case CTL_DRAIN:
		drain();
		imsgev_send(iev, CTL_END, id, -1, NULL, 0);
		break;
	case CTL_RESUME:
		se.s.draining = 0;
		imsgev_send(iev, CTL_END, id, -1, NULL, 0);
		break;
	case CTL_HEALTH:
		if (se.s.draining)
			refuse(iev, id, "draining");
		else if ((why = health_wrong()) != NULL)
			refuse(iev, id, why);
		else
			imsgev_send(iev, CTL_END, id, -1, NULL, 0);
		break;
	case CTL_KILL_PEER:
		kill_peer(iev, id, req.name);
		break;
	case CTL_SHOW_RULES:
		show_rules(iev, id, &req);
		break;
	case CTL_SHOW_FORWARDS:
		show_forwards(iev, id, &req);
		break;
	case CTL_SHOW_NAMES:
		show_names(iev, id, &req);
		break;
	case CTL_FLUSH:
		judge_all(&se.s);
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	default:
		bad_imsg("control", imsg_get_type(imsg));
	}
}
