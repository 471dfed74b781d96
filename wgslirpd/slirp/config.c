/* SPDX-License-Identifier: ISC */

/*
 * The configuration: staged while it comes in, put in force at once.  Flows of
 * peers that stay go on.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "blocklist.h"
#include "config.h"
#include "health.h"
#include "hostsock.h"
#include "judge.h"
#include "log.h"
#include "lookup.h"
#include "names.h"
#include "nat64.h"
#include "net/egress.h"
#include "net/engine.h"
#include "net/policy.h"
#include "net/table.h"
#include "net/uplink.h"
#include "portmap.h"
#include "service.h"
#include "state.h"
#include "tunnelnames.h"
#include "upstream.h"

struct staged_peer {
	STAILQ_ENTRY(staged_peer)	 entry;
	struct conf_peer_msg		 m;
};

struct staged_name {
	STAILQ_ENTRY(staged_name)	 entry;
	struct resolve_msg		 m;
};

static struct conf_global		 global;
static struct slirp_conf		 conf;
static STAILQ_HEAD(, staged_peer)	 peers = STAILQ_HEAD_INITIALIZER(peers);
static STAILQ_HEAD(, staged_name)	 names = STAILQ_HEAD_INITIALIZER(names);
#define SPARE_HOSTADDRS	64
#define MAX_HOSTADDRS	(1 << 20)	/* prefixes */

static struct addr_table		*hostaddrs;	/* being collected */
static struct addr_table		*spare;		/* of before */
static size_t				 nhostaddrs;
static int				 too_many;	/* of them, for us */

/* Pass an endpoint that was resolved to the crypto engine. */
static void
resolved(const struct endpoint_msg *m)
{
	imsgev_send(&se.crypto, IMSG_ENDPOINT, 0, -1, m, sizeof(*m));
}

static void
relay_resolved(const struct relay_addrs *m)
{
	(void)imsgev_send(&se.derp, IMSG_RELAY_ADDRS, 0, -1, m, sizeof(*m));
}

static int
good_own(const struct ipaddr *a, uint8_t af)
{
	return (a->af == 0 || a->af == af);
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
	p->egress = m->egress;
	p->dns_any = m->dns_any;
	p->dns_log = m->dns_log;
	if (!egress_ok(&se.s.conf, &p->egress) || m->ndns > MAX_UPLINK_DNS ||
	    !good_own(&m->own[0], 4) || !good_own(&m->own[1], 6))
		fatalx("peer out of range");
	if (memcmp(p->own, m->own, sizeof(p->own)) != 0) {
		portmap_forget(p->id);
		/* what it had there is nobody's */
		uplink_drop(&se.s, p);
		if (is_uplink(p) != ((m->own[0].af | m->own[1].af) != 0))
			slirp_peer_clear(&se.s, p);
		memcpy(p->own, m->own, sizeof(p->own));
		p->down = 0;
	}
	memcpy(p->dns, m->dns, sizeof(p->dns));
	p->ndns_there = m->ndns;
	p->pcp = m->pcp;
}

/* A configuration begins to come in. */
void
slirp_config_begin(struct imsg *imsg)
{
	imsg_is(imsg, &global, sizeof(global));
	if (global.tcp.cc >= CC_MAX || global.tcp.wscale > 14)
		fatalx("configuration out of range");
	if (global.workers == 0 || global.workers > MAX_WORKERS)
		fatalx("workers out of range");
	se.workers = global.workers;
	se.staging = 1;
}

/* The staged configuration takes effect. */
void
slirp_config_commit(void)
{
	struct slirp		*s = &se.s;
	struct staged_peer	*sp;
	struct staged_name	*sn;
	struct slirp_peer	*p;
	uint32_t		 i;

	s->now = mono_now();
	free(s->conf.addrs);
	policy_conf_free(&s->conf);
	egress_conf_free(&s->conf);
	policy_tables_sort(&conf);
	s->conf = conf;
	judge_next(s);
	memset(&conf, 0, sizeof(conf));
	s->conf.mtu = global.mtu;
	s->conf.tcp = global.tcp;
	s->conf.copy_tos = global.copy_tos;
	s->conf.ttl = global.ttl;
	s->conf.egress = global.egress;
	if (s->conf.nways == 0 || !egress_ok(&s->conf, &s->conf.egress))
		fatalx("egress out of range");
	egress_gather(&s->conf);
	health_commit(&global.health);
	nat64_commit(s, &global);
	hostsock_offload(global.offload);
	hostsock_options(&s->conf.tcp);
	s->conf.udp_timeout = MONO_SEC(global.udp_timeout);
	s->conf.dns_timeout = MONO_SEC(global.dns_timeout);
	s->conf.filtering = (enum udp_filtering)global.filtering;
	s->conf.max_flows = global.max_flows;
	s->conf.max_new = global.max_new;
	hostsock_keep_ports(global.keep_ports, global.pcp_low,
	    global.pcp_high);
	table_limit(s);
	for (i = 0; i < s->npeers; i++)
		if (s->peers[i] != NULL)
			s->peers[i]->mark = 0;
	while ((sp = STAILQ_FIRST(&peers)) != NULL) {
		STAILQ_REMOVE_HEAD(&peers, entry);
		if ((p = peer_set(s, sp->m.id, sp->m.name)) == NULL)
			fatal("peer");
		p->mark = 1;
		set_limits(p, &sp->m);
		free(sp);
	}
	for (i = 0; i < s->npeers; i++)
		if (s->peers[i] != NULL && !s->peers[i]->mark) {
			portmap_forget(i);
			slirp_peer_drop(s, s->peers[i]);
		}
	portmap_commit(&global);
	lookup_clear();
	while ((sn = STAILQ_FIRST(&names)) != NULL) {
		STAILQ_REMOVE_HEAD(&names, entry);
		lookup_add(&sn->m);
		free(sn);
	}
	lookup_start(resolved, relay_resolved);
	global.domain[sizeof(global.domain) - 1] = '\0';
	blocklist_commit();
	names_commit(s, &global);
	service_commit();
	se.staging = 0;
}

/* The addresses of the host follow anew. */
static int
good_prefix(const struct ipprefix *p)
{
	return ((p->addr.af == 4 || p->addr.af == 6) &&
	    p->len <= ipaddr_bits(&p->addr));
}

/*
 * They change while guests are served, who may have taken all the memory: there
 * is a spare set, with room for twice as many.
 */
void
slirp_config_begin_hostaddrs(void)
{
	if (hostaddrs == NULL) {
		hostaddrs = spare;
		spare = NULL;
	}
	if (hostaddrs == NULL && (hostaddrs = policy_set_new()) == NULL)
		fatal(NULL);
	policy_set_clear(hostaddrs);
	nhostaddrs = 0;
	too_many = 0;
}

void
slirp_config_add_hostaddr(struct imsg *imsg)
{
	struct ipprefix	 p;

	imsg_is(imsg, &p, sizeof(p));
	if (hostaddrs == NULL || !good_prefix(&p))
		bad_imsg("parent", IMSG_CONF_HOSTADDR);
	if (++nhostaddrs > MAX_HOSTADDRS ||
	    policy_set_add(hostaddrs, &p) == -1)
		too_many = 1;
}

/* What was collected is what the host has; flows that led there end. */
void
slirp_config_swap_hostaddrs(void)
{
	int	 same;

	if (hostaddrs == NULL)
		bad_imsg("parent", IMSG_HOSTADDRS_END);
	if (too_many) {
		/* some of them would be open to guests */
		if (se.s.hostaddrs == NULL)
			fatalx("the host has %zu local prefixes, for which "
			    "there is no room", nhostaddrs);
		log_warnx("the host has %zu local prefixes, for which there "
		    "is no room: those of before stay", nhostaddrs);
		spare = hostaddrs;
		hostaddrs = NULL;
		return;
	}
	policy_set_sort(hostaddrs);
	same = policy_set_same(hostaddrs, se.s.hostaddrs);
	spare = se.s.hostaddrs;
	se.s.hostaddrs = hostaddrs;
	hostaddrs = NULL;
	/* for the next time; what cannot be had now may be had then */
	if (spare == NULL)
		spare = policy_set_new();
	if (spare != NULL)
		(void)policy_set_reserve(spare, 2 * nhostaddrs +
		    SPARE_HOSTADDRS);
	if (!same)
		judge_closed(&se.s);
}

static void
stage_rule(struct imsg *imsg)
{
	struct slirp_conf	*c = &conf;
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

/* A way by which guests leave, and who asks the proxy there. */
static void
stage_way(struct imsg *imsg)
{
	struct service_user	 user;
	struct conf_way		 way;

	if (imsg_get_type(imsg) == IMSG_CONF_WAY) {
		imsg_is(imsg, &way, sizeof(way));
		if (egress_add(&conf, &way) == -1)
			bad_imsg("parent", IMSG_CONF_WAY);
		return;
	}
	imsg_is(imsg, &user, sizeof(user));
	if (egress_login(&conf, &user) == -1)
		bad_imsg("parent", IMSG_CONF_WAY_USER);
	explicit_bzero(&user, sizeof(user));
}

static int	 loading;	/* lists of names, of a configuration */

/*
 * Lists of names take their time, in which everything else goes on: a portion
 * of them.  Returns whether there is more.
 */
int
slirp_config_work(void)
{
	if (!loading)
		return (0);
	if (!blocklist_load()) {
		loading = 0;
		imsgev_must(&se.parent, IMSG_STAGED, 0, -1, NULL, 0);
	}
	return (loading);
}

/* What listens on the host, and for whom. */
static void
stage_service(struct imsg *imsg)
{
	struct service_user	 user;
	struct service		 service;
	struct ipprefix		 prefix;

	switch (imsg_get_type(imsg)) {
	case IMSG_CONF_SERVICE:
		imsg_is(imsg, &service, sizeof(service));
		service_stage(&service, imsg_take_fd(imsg));
		break;
	case IMSG_CONF_ALLOW:
		imsg_is(imsg, &prefix, sizeof(prefix));
		if (service_stage_allow(&prefix) == -1)
			bad_imsg("parent", IMSG_CONF_ALLOW);
		break;
	case IMSG_CONF_USER:
		imsg_is(imsg, &user, sizeof(user));
		if (service_stage_user(&user) == -1)
			bad_imsg("parent", IMSG_CONF_USER);
		explicit_bzero(&user, sizeof(user));
		break;
	}
}

/* Whom to ask for names, and what becomes of some. */
static void
stage_dns(struct imsg *imsg)
{
	struct upstream		 up;
	struct name_msg		 name;
	struct zone_msg		 zone;
	struct block_msg	 block;
	struct block_file	 file;

	switch (imsg_get_type(imsg)) {
	case IMSG_CONF_ZONE:
		imsg_is(imsg, &zone, sizeof(zone));
		zone.name[sizeof(zone.name) - 1] = '\0';
		if (upstream_stage_zone(zone.name) == -1)
			bad_imsg("parent", IMSG_CONF_ZONE);
		break;
	case IMSG_CONF_BLOCK:
		imsg_is(imsg, &block, sizeof(block));
		block.name[sizeof(block.name) - 1] = '\0';
		blocklist_stage(block.allow ? ALLOW_DOMAIN : BLOCK_DOMAIN,
		    block.name);
		break;
	case IMSG_CONF_BLOCK_FILE:
		imsg_is(imsg, &file, sizeof(file));
		blocklist_file(imsg_take_fd(imsg), file.allow != 0,
		    file.size);
		break;
	case IMSG_CONF_UPSTREAM:
		imsg_is(imsg, &up, sizeof(up));
		if (upstream_stage(&up) == -1)
			bad_imsg("parent", IMSG_CONF_UPSTREAM);
		break;
	case IMSG_CONF_NAME:
		imsg_is(imsg, &name, sizeof(name));
		name.name[sizeof(name.name) - 1] = '\0';
		if (names_stage(&name) == -1)
			fatal(NULL);
		break;
	}
}

void
slirp_config_stage(struct imsg *imsg)
{
	struct staged_peer	*sp;
	struct staged_name	*sn;
	struct slirp_conf	*c = &conf;
	struct ipprefix		*addrs, prefix;

	switch (imsg_get_type(imsg)) {
	case IMSG_CONF_PEER:
		if ((sp = calloc(1, sizeof(*sp))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sp->m, sizeof(sp->m));
		sp->m.name[sizeof(sp->m.name) - 1] = '\0';
		if (sp->m.id >= MAX_PEER_ID)
			fatalx("peer id out of range");
		STAILQ_INSERT_TAIL(&peers, sp, entry);
		break;
	case IMSG_CONF_RESOLVE:
		if ((sn = calloc(1, sizeof(*sn))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sn->m, sizeof(sn->m));
		STAILQ_INSERT_TAIL(&names, sn, entry);
		break;
	case IMSG_CONF_ADDRESS:
		addrs = recallocarray(c->addrs, c->naddrs, c->naddrs + 1,
		    sizeof(*addrs));
		if (addrs == NULL)
			fatal(NULL);
		c->addrs = addrs;
		imsg_is(imsg, &c->addrs[c->naddrs++], sizeof(*addrs));
		break;
	case IMSG_CONF_NAT64:
		imsg_is(imsg, &prefix, sizeof(prefix));
		if (c->nnat64 == MAX_NAT64 || !good_prefix(&prefix) ||
		    prefix.addr.af != 6)
			bad_imsg("parent", IMSG_CONF_NAT64);
		c->nat64[c->nnat64++] = prefix;
		break;
	case IMSG_CONF_WAY:
	case IMSG_CONF_WAY_USER:
		stage_way(imsg);
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
	case IMSG_CONF_ALLOW:
	case IMSG_CONF_USER:
		stage_service(imsg);
		break;
	case IMSG_CONF_ZONE:
	case IMSG_CONF_BLOCK:
	case IMSG_CONF_BLOCK_FILE:
	case IMSG_CONF_UPSTREAM:
	case IMSG_CONF_NAME:
		stage_dns(imsg);
		break;
	case IMSG_CONF_END:
		loading = 1;
		/* before the start there is nobody to wait */
		while (!se.started && slirp_config_work())
			continue;
		break;
	}
}

/* A peer that wg(8) made. */
void
slirp_config_add_peer(struct imsg *imsg)
{
	struct conf_peer_msg	 m;
	struct slirp_peer	*p;

	imsg_is(imsg, &m, sizeof(m));
	m.name[sizeof(m.name) - 1] = '\0';
	if (m.id >= MAX_PEER_ID)
		fatalx("peer id out of range");
	if ((p = peer_set(&se.s, m.id, m.name)) == NULL)
		fatal("peer");
	set_limits(p, &m);
}

/* A peer that it took away. */
void
slirp_config_drop_peer(struct imsg *imsg)
{
	struct slirp_peer	*p;
	uint32_t		 id;

	imsg_is(imsg, &id, sizeof(id));
	se.s.now = mono_now();
	if ((p = peer_get(&se.s, id)) != NULL) {
		portmap_forget(id);
		slirp_peer_drop(&se.s, p);
	}
}
