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

#include <string.h>

#include "slirp.h"

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
	P4(224, 0, 0, 0, 4),		/* multicast */
	P4(240, 0, 0, 0, 4),		/* reserved, broadcast */
	P6(127, 0),			/* unspecified and loopback */
	P6(10, 0xfe, 0x80),		/* link-local */
	P6(10, 0xfe, 0xc0),		/* site-local */
	P6(8, 0xff),			/* multicast */
	P6(48, 0x00, 0x64, 0xff, 0x9b, 0, 1),	/* local NAT64, RFC 8215 */
	P6(128, 0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02,
	    0x54)			/* metadata */
};

static const struct ipprefix	 private[] = {
	P4(10, 0, 0, 0, 8),		/* RFC 1918 */
	P4(172, 16, 0, 0, 12),
	P4(192, 168, 0, 0, 16),
	P4(100, 64, 0, 0, 10),		/* RFC 6598 */
	P6(7, 0xfc)			/* RFC 4193 */
};

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* The IPv4 address inside an IPv6 one.  Returns 0 if there is none. */
static int
embedded4(const struct ipaddr *ip, struct ipaddr *out)
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
		return (0);
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

static int
is_hostaddr(const struct slirp *s, const struct ipaddr *ip)
{
	size_t	 i;

	for (i = 0; i < s->nhostaddrs; i++)
		if (ipaddr_cmp(&s->hostaddrs[i], ip) == 0)
			return (1);
	return (0);
}

/* Is it in the tunnel, where nobody has it, and not the gateway? */
int
policy_nowhere(const struct slirp *s, const struct ipaddr *dst)
{
	size_t	 i;

	for (i = 0; i < s->conf.naddrs; i++)
		if (ipprefix_match(&s->conf.addrs[i], dst))
			return (!ip_is_local(s, dst));
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
	return (in_list(blocked, N(blocked), dst) || is_hostaddr(s, dst));
}

/* Is the destination blocked unless a rule opens it? */
int
policy_builtin(const struct slirp *s, const struct ipaddr *dst)
{
	struct ipaddr	 v4;

	return (is_ours(s, dst) ||
	    (embedded4(dst, &v4) && is_ours(s, &v4)));
}

static int
rule_matches(const struct rule *r, const struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint16_t port)
{
	struct ipaddr	 v4;

	if (r->peer != RULE_ANY_PEER && r->peer != peer->id)
		return (0);
	if (r->proto != 0 && r->proto != proto)
		return (0);
	if (r->from.addr.af != 0 && !ipprefix_match(&r->from, src))
		return (0);
	if (r->port_lo != 0 && ((proto != IPPROTO_TCP &&
	    proto != IPPROTO_UDP) || port < r->port_lo || port > r->port_hi))
		return (0);
	if (r->private)
		return (in_list(private, N(private), dst) ||
		    (embedded4(dst, &v4) &&
		    in_list(private, N(private), &v4)));
	if (r->to.addr.af == 0 || ipprefix_match(&r->to, dst))
		return (1);
	/* a block means the address, however it is written */
	return (!r->pass && embedded4(dst, &v4) &&
	    ipprefix_match(&r->to, &v4));
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

/*
 * May the peer send from src to dst?  proto is the IP protocol, with
 * IPPROTO_ICMP for ICMPv6 too; port in host order, 0 without ports.
 */
int
policy_pass(const struct slirp *s, const struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint16_t port)
{
	const struct rule	*r;
	size_t			 i;
	int			 builtin = policy_builtin(s, dst);
	int			 pass = !builtin;

	for (i = 0; i < s->conf.nrules; i++) {
		r = &s->conf.rules[i];
		if (!rule_matches(r, peer, src, dst, proto, port))
			continue;
		if (builtin && r->pass && !rule_opens(s, r))
			continue;
		pass = r->pass;
		if (r->quick)
			break;
	}
	return (pass);
}
