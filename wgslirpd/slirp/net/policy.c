/* SPDX-License-Identifier: ISC */

/*
 * Egress policy, evaluated once for each flow.
 *
 * Some destinations are blocked from the start: what a guest could use to
 * reach the gateway's own services, its link, or the metadata service of
 * a cloud, in every form in which IPv6 embeds an IPv4 address.  Only a
 * pass rule that names such a destination opens it, that is one whose
 * prefix lies inside a blocked one; "pass to any" does not.
 *
 * Then the rules of the configuration: the last one that matches decides,
 * a quick one at once.  Without a match the destination is open.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "policy.h"

/* A table is kept as ranges of addresses, in order and apart. */
struct addr_range {
	uint8_t		 af;
	uint8_t		 lo[16];
	uint8_t		 hi[16];
};

struct addr_table {
	struct addr_range	*v;
	size_t			 n;
	size_t			 cap;
};

#define P4(a, b, c, d, l)	\
	{ { 4, { 0, 0, 0 }, { a, b, c, d } }, l, { 0, 0, 0 } }
#define P6(l, ...)		\
	{ { 6, { 0, 0, 0 }, { __VA_ARGS__ } }, l, { 0, 0, 0 } }

static const struct ipprefix	 blocked[] = {
	P4(0, 0, 0, 0, 8),		/* this network */
	P4(127, 0, 0, 0, 8),		/* loopback */
	P4(169, 254, 0, 0, 16),		/* link-local, metadata */
	P4(100, 100, 100, 200, 32),	/* metadata */
	P4(192, 0, 0, 192, 32),		/* metadata */
	P4(168, 63, 129, 16, 32),	/* Azure's WireServer */
	P4(224, 0, 0, 0, 4),		/* multicast */
	P4(240, 0, 0, 0, 4),		/* reserved, broadcast */
	P6(127, 0),			/* unspecified and loopback */
	P6(10, 0xfe, 0x80),		/* link-local */
	P6(10, 0xfe, 0xc0),		/* site-local */
	P6(8, 0xff),			/* multicast */
	P6(48, 0x00, 0x64, 0xff, 0x9b, 0, 1),	/* local NAT64, RFC 8215 */
	P6(64, 0xfd, 0x00, 0x0e, 0xc2),	/* services of EC2 instances */
	P6(128, 0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02,
	    0x54)			/* Google's metadata */
};

static const struct ipprefix	 private[] = {
	P4(10, 0, 0, 0, 8),		/* RFC 1918 */
	P4(172, 16, 0, 0, 12),
	P4(192, 168, 0, 0, 16),
	P4(100, 64, 0, 0, 10),		/* RFC 6598 */
	P6(7, 0xfc)			/* RFC 4193 */
};

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* The IPv4 address in one of a translator's prefixes (RFC 6052 2.2). */
static int
translated4(const struct slirp *s, const struct ipaddr *ip,
    struct ipaddr *out)
{
	const struct ipprefix	*p;
	uint8_t			 v4[4];
	size_t			 i, k, at;

	for (i = 0; i <= s->conf.nnat64; i++) {
		p = i < s->conf.nnat64 ? &s->conf.nat64[i] :
		    &s->conf.translator;
		if (p->len == 0 || !ipprefix_match(p, ip))
			continue;
		for (k = 0, at = p->len / 8; k < 4; at++)
			if (at != 8)	/* which is always zero */
				v4[k++] = ip->a[at];
		ipaddr_from4(out, v4);
		return (1);
	}
	return (0);
}

/* The IPv4 address inside an IPv6 one.  Returns 0 if there is none. */
static int
embedded4(const struct slirp *s, const struct ipaddr *ip, struct ipaddr *out)
{
	static const uint8_t	 zero[12];
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t	 translated[12] = { [8] = 0xff, [9] = 0xff };
	static const uint8_t	 nat64[12] = { 0, 0x64, 0xff, 0x9b };
	uint8_t			 v4[4];
	int			 i;

	if (ip->af != 6)
		return (0);
	if (memcmp(ip->a, zero, 12) == 0 ||	/* compatible */
	    memcmp(ip->a, mapped, 12) == 0 ||
	    memcmp(ip->a, translated, 12) == 0 ||	/* RFC 2765 */
	    memcmp(ip->a, nat64, 12) == 0)	/* RFC 6052 */
		ipaddr_from4(out, ip->a + 12);
	else if (ip->a[0] == 0x20 && ip->a[1] == 0x02)	/* 6to4 */
		ipaddr_from4(out, ip->a + 2);
	else if (memcmp(ip->a, "\x20\x01\0\0", 4) == 0) {	/* Teredo */
		for (i = 0; i < 4; i++)
			v4[i] = ip->a[12 + i] ^ 0xff;
		ipaddr_from4(out, v4);
	} else if (memcmp(ip->a + 8, "\0\0\x5e\xfe", 4) == 0 ||
	    memcmp(ip->a + 8, "\x02\0\x5e\xfe", 4) == 0)	/* ISATAP */
		ipaddr_from4(out, ip->a + 12);
	else
		return (translated4(s, ip, out));
	return (1);
}

static int
in_list(const struct ipprefix *list, size_t n, const struct ipaddr *ip)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (ipprefix_match(&list[i], ip))
			return (1);
	return (0);
}

/* Is the address in a set that was sorted? */
static int
set_has(const struct addr_table *t, const struct ipaddr *ip)
{
	size_t	 lo = 0, hi, mid;
	int	 r;

	for (hi = t->n; lo < hi;) {
		mid = (lo + hi) / 2;
		r = t->v[mid].af != ip->af ? t->v[mid].af - ip->af :
		    memcmp(t->v[mid].lo, ip->a, 16);
		if (r <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo > 0 && t->v[lo - 1].af == ip->af &&
	    memcmp(ip->a, t->v[lo - 1].hi, 16) <= 0);
}

/* Is it in the tunnel, where nobody has it, and not the gateway? */
int
policy_nowhere(const struct slirp *s, const struct ipaddr *dst)
{
	size_t	 i;

	for (i = 0; i < s->conf.naddrs; i++)
		if (ipprefix_match(&s->conf.addrs[i], dst))
			return (!own_address(s, dst));
	return (0);
}

static int
is_ours(const struct slirp *s, const struct ipaddr *dst)
{
	size_t	 i;

	/* the tunnel's own prefixes are not out there */
	for (i = 0; i < s->conf.naddrs; i++)
		if (ipprefix_match(&s->conf.addrs[i], dst))
			return (1);
	return (in_list(blocked, N(blocked), dst) ||
	    (s->hostaddrs != NULL && set_has(s->hostaddrs, dst)));
}

/* Is the destination blocked unless a rule opens it? */
int
policy_builtin(const struct slirp *s, const struct ipaddr *dst)
{
	struct ipaddr	 v4;

	return (is_ours(s, dst) ||
	    (embedded4(s, dst, &v4) && is_ours(s, &v4)));
}

static int
range_cmp(const void *a, const void *b)
{
	const struct addr_range	*ra = a, *rb = b;

	if (ra->af != rb->af)
		return (ra->af < rb->af ? -1 : 1);
	return (memcmp(ra->lo, rb->lo, sizeof(ra->lo)));
}

/* One more table, empty, at the end.  -1 if there is no memory. */
int
policy_table_new(struct slirp_conf *c)
{
	struct addr_table	*t;

	t = recallocarray(c->tables, c->ntables, c->ntables + 1, sizeof(*t));
	if (t == NULL)
		return (-1);
	c->tables = t;
	c->ntables++;
	return (0);
}

/* A set of addresses, empty; NULL if there is no memory. */
struct addr_table *
policy_set_new(void)
{
	return (calloc(1, sizeof(struct addr_table)));
}

/* Have room for so many; -1 if there is no memory. */
int
policy_set_reserve(struct addr_table *t, size_t n)
{
	struct addr_range	*v;

	if (n <= t->cap)
		return (0);
	if ((v = recallocarray(t->v, t->cap, n, sizeof(*v))) == NULL)
		return (-1);
	t->v = v;
	t->cap = n;
	return (0);
}

/* Enter a prefix into a set; -1 if there is no memory. */
int
policy_set_add(struct addr_table *t, const struct ipprefix *p)
{
	struct addr_range	*v;
	int			 i;

	if (t->n == t->cap && policy_set_reserve(t, t->cap * 2 + 8) == -1)
		return (-1);
	v = &t->v[t->n++];
	v->af = p->addr.af;
	memcpy(v->lo, p->addr.a, sizeof(v->lo));
	memcpy(v->hi, p->addr.a, sizeof(v->hi));
	for (i = p->len; i < ipaddr_bits(&p->addr); i++)
		v->hi[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return (0);
}

/* A set is complete: put it in order, for lookups. */
void
policy_set_sort(struct addr_table *t)
{
	size_t	 i, n;

	if (t->n == 0)
		return;
	qsort(t->v, t->n, sizeof(*t->v), range_cmp);
	for (i = n = 1; i < t->n; i++) {
		/* prefixes are within each other, or apart */
		if (t->v[i].af == t->v[n - 1].af &&
		    memcmp(t->v[i].lo, t->v[n - 1].hi, 16) <= 0) {
			if (memcmp(t->v[i].hi, t->v[n - 1].hi, 16) > 0)
				memcpy(t->v[n - 1].hi, t->v[i].hi, 16);
		} else
			t->v[n++] = t->v[i];
	}
	t->n = n;
}

/* Have two sets in order the same addresses?  NULL has none. */
int
policy_set_same(const struct addr_table *a, const struct addr_table *b)
{
	size_t	 na = a != NULL ? a->n : 0, nb = b != NULL ? b->n : 0;

	return (na == nb && (na == 0 ||
	    memcmp(a->v, b->v, na * sizeof(*a->v)) == 0));
}

/* It is empty then, and has the room that it had. */
void
policy_set_clear(struct addr_table *t)
{
	t->n = 0;
}

void
policy_set_free(struct addr_table *t)
{
	if (t != NULL)
		free(t->v);
	free(t);
}

/* Enter a prefix into the last table; -1 if there is none, or no memory. */
int
policy_table_add(struct slirp_conf *c, const struct ipprefix *p)
{
	return (c->ntables == 0 ? -1 :
	    policy_set_add(&c->tables[c->ntables - 1], p));
}

void
policy_tables_sort(struct slirp_conf *c)
{
	size_t	 k;

	for (k = 0; k < c->ntables; k++)
		policy_set_sort(&c->tables[k]);
}

void
policy_conf_free(struct slirp_conf *c)
{
	size_t	 i;

	for (i = 0; i < c->ntables; i++)
		free(c->tables[i].v);
	free(c->tables);
	free(c->rules);
	free(c->rule_info);
	c->tables = NULL;
	c->rules = NULL;
	c->rule_info = NULL;
	c->ntables = c->nrules = 0;
}

/* Is the address in a table?  An index without one matches nothing. */
static int
in_table(const struct slirp *s, uint16_t idx, const struct ipaddr *ip)
{
	return (idx < s->conf.ntables && set_has(&s->conf.tables[idx], ip));
}

/* Does the rule's "to" mean the address? */
static int
rule_means(const struct slirp *s, const struct rule *r,
    const struct ipaddr *dst)
{
	if (r->private)
		return (in_list(private, N(private), dst));
	if (r->to_table != RULE_NO_TABLE)
		return (in_table(s, r->to_table, dst));
	return (r->to.addr.af == 0 || ipprefix_match(&r->to, dst));
}

static int
rule_matches(const struct slirp *s, const struct rule *r,
    const struct slirp_peer *peer, const struct ipaddr *src,
    const struct ipaddr *dst, uint8_t proto, uint16_t port)
{
	struct ipaddr	 v4;

	if (r->peer != RULE_ANY_PEER && r->peer != peer->id)
		return (0);
	if (r->proto != 0 && r->proto != proto)
		return (0);
	if (r->from_table != RULE_NO_TABLE ?
	    !in_table(s, r->from_table, src) : r->from.addr.af != 0 &&
	    !ipprefix_match(&r->from, src))
		return (0);
	if (r->port_lo != 0 && ((proto != IPPROTO_TCP &&
	    proto != IPPROTO_UDP) || port < r->port_lo || port > r->port_hi))
		return (0);
	if (rule_means(s, r, dst))
		return (1);
	/* a block means the address, however it is written */
	return (!r->pass && embedded4(s, dst, &v4) && rule_means(s, r, &v4));
}

/* Does the rule name a destination that is blocked from the start? */
static int
rule_opens(const struct slirp *s, const struct rule *r)
{
	size_t	 i;

	if (!r->pass || r->to.addr.af == 0)
		return (0);
	for (i = 0; i < N(blocked); i++)
		if (r->to.len >= blocked[i].len &&
		    ipprefix_match(&blocked[i], &r->to.addr))
			return (1);
	for (i = 0; i < s->conf.naddrs; i++)
		if (r->to.len >= s->conf.addrs[i].len &&
		    ipprefix_match(&s->conf.addrs[i], &r->to.addr))
			return (1);
	return (r->to.len == ipaddr_bits(&r->to.addr) &&
	    policy_builtin(s, &r->to.addr));
}

/* A rule with "log" decided. */
static void
log_decision(struct slirp *s, size_t n, const struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint16_t port)
{
	char	 from[ADDR_STRLEN], to[ADDR_STRLEN];

	if (!log_allow(&s->rulelimit, s->now))
		return;
	log_info("rule %zu: %s peer \"%s\" %s %s to %s", n,
	    s->conf.rules[n].pass ? "pass" : "block", peer->name,
	    proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" :
	    "icmp", ipaddr_str(src, from, sizeof(from)), port != 0 ?
	    ipport_str(dst, port, to, sizeof(to)) : ipaddr_str(dst, to,
	    sizeof(to)));
}

/* Go through the rules; the index of the one that decides, or -1. */
static ssize_t
decide(const struct slirp *s, const struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint16_t port, int builtin)
{
	const struct rule	*r;
	ssize_t			 found = -1;
	size_t			 i;

	for (i = 0; i < s->conf.nrules; i++) {
		r = &s->conf.rules[i];
		if (!rule_matches(s, r, peer, src, dst, proto, port))
			continue;
		if (builtin && r->pass && !rule_opens(s, r))
			continue;
		found = (ssize_t)i;
		if (r->quick)
			break;
	}
	return (found);
}

static enum verdict
verdict(const struct rule *r)
{
	if (r->pass)
		return (VERDICT_PASS);
	return (r->answer == ANSWER_RETURN ? VERDICT_RETURN :
	    r->answer == ANSWER_DROP ? VERDICT_DROP : VERDICT_BLOCK);
}

/*
 * What becomes of a flow, or of a packet without one, of the peer from
 * src to dst.  proto is the IP protocol, with IPPROTO_ICMP for ICMPv6
 * too; port in host order, 0 without ports.  The rule that decides counts
 * it, and is returned by by, which may be NULL; NULL if there is none.
 */
enum verdict
policy_check(struct slirp *s, const struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint16_t port, const struct rule **by)
{
	int	 builtin = policy_builtin(s, dst);
	ssize_t	 n;

	if (by != NULL)
		*by = NULL;
	n = decide(s, peer, src, dst, proto, port, builtin);
	if (s->watch != NULL && (n == -1 ? builtin :
	    verdict(&s->conf.rules[n]) != VERDICT_PASS))
		s->watch->blocked(s, peer, proto, dst, port);
	if (n == -1)
		return (builtin ? VERDICT_BLOCK : VERDICT_PASS);
	if (s->conf.rule_info != NULL)
		s->conf.rule_info[n].matches++;
	if (s->conf.rules[n].log)
		log_decision(s, (size_t)n, peer, src, dst, proto, port);
	if (by != NULL)
		*by = &s->conf.rules[n];
	return (verdict(&s->conf.rules[n]));
}

/* The host's loopback address of a family. */
const struct ipaddr *
policy_loopback(uint8_t af)
{
	static const struct ipaddr	 lo4 = { .af = 4, .a = { 127, 0, 0, 1 } };
	static const struct ipaddr	 lo6 = { .af = 6, .a = { [15] = 1 } };

	return (af == 4 ? &lo4 : &lo6);
}

int
policy_is_loopback(const struct ipaddr *a)
{
	return (a->af == 4 ? a->a[0] == 127 :
	    ipaddr_cmp(a, policy_loopback(6)) == 0);
}

/* Is the rule one for a service on the loopback address, by its port? */
static int
names_service(const struct rule *r)
{
	return (r->pass && r->port_lo != 0 && r->to.addr.af != 0 &&
	    r->to.len == ipaddr_bits(&r->to.addr));
}

/*
 * What policy_check(), or policy_check_local() if local, would say, without
 * a trace: for what passed once.  by is as there, and not NULL.
 */
int
policy_would_pass_by(const struct slirp *s, const struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint16_t port, const struct rule **by)
{
	int	 builtin = policy_builtin(s, dst);
	ssize_t	 n;

	n = decide(s, peer, src, dst, proto, port, builtin);
	*by = n != -1 ? &s->conf.rules[n] : NULL;
	return (n == -1 ? !builtin : s->conf.rules[n].pass);
}

int
policy_would_pass(const struct slirp *s, const struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint16_t port, int local)
{
	const struct rule	*by;
	ssize_t			 n;

	if (local) {
		n = decide(s, peer, src, policy_loopback(src->af), proto,
		    port, 1);
		return (n != -1 && names_service(&s->conf.rules[n]));
	}
	return (policy_would_pass_by(s, peer, src, dst, proto, port, &by));
}

/*
 * May the peer send a datagram to another guest's mapping at an address of
 * the host?  If no rule is against it: that the host itself is closed says
 * nothing about a guest.
 */
int
policy_hairpin(const struct slirp *s, const struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint16_t port)
{
	ssize_t	 n;

	if (s->hostaddrs == NULL || !set_has(s->hostaddrs, dst) ||
	    in_list(blocked, N(blocked), dst))
		return (0);
	n = decide(s, peer, src, dst, IPPROTO_UDP, port, 0);
	return (n == -1 || s->conf.rules[n].pass);
}

/*
 * May the peer reach a service on the host's loopback address through the
 * gateway's own address in the tunnel?  Only if the rule that decides
 * names exactly that address, and ports.
 */
int
policy_check_local(struct slirp *s, const struct slirp_peer *peer,
    const struct ipaddr *src, uint8_t proto, uint16_t port)
{
	const struct ipaddr	*lo = policy_loopback(src->af);
	const struct rule	*r;
	ssize_t			 n;

	n = decide(s, peer, src, lo, proto, port, 1);
	if (n == -1)
		return (0);
	r = &s->conf.rules[n];
	if (!names_service(r))
		return (0);
	if (s->conf.rule_info != NULL)
		s->conf.rule_info[n].matches++;
	if (r->log)
		log_decision(s, (size_t)n, peer, src, lo, proto, port);
	return (1);
}
