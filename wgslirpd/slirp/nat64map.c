/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <string.h>

#include "nat64map.h"

/* Where the bytes of the IPv4 address are: byte 8 is left out. */
static size_t
place(const struct ipprefix *p, int i)
{
	size_t	 at = p->len / 8 + (size_t)i;

	return (p->len <= 64 && at >= 8 ? at + 1 : at);
}

void
nat64map_to(const struct ipprefix *p, struct ipaddr *out,
    const struct ipaddr *v4)
{
	int	 i;

	*out = p->addr;
	for (i = 0; i < 4; i++)
		out->a[place(p, i)] = v4->a[i];
}

int
nat64map_from(const struct ipprefix *p, struct ipaddr *out,
    const struct ipaddr *v6)
{
	uint8_t	 v4[4];
	int	 i;

	if (v6->af != 6 || p->len == 0 || !ipprefix_match(p, v6))
		return (-1);
	for (i = 0; i < 4; i++)
		v4[i] = v6->a[place(p, i)];
	ipaddr_from4(out, v4);
	return (0);
}

/* Types and codes of ICMPv6 as ICMP has them (RFC 7915 5.2). */
void
nat64map_error(const struct ipprefix *p, struct host_error *e)
{
	static const uint8_t	 unreach[] = { 1, 10, 1, 1, 3, 13, 13 };
	static const uint8_t	 dummy[4] = { 192, 0, 0, 8 };	/* RFC 7600 */
	struct ipaddr		 a;

	if (e->dst.af == 6) {
		if (nat64map_from(p, &a, &e->dst) == 0)
			e->dst = a;
		else
			memset(&e->dst, 0, sizeof(e->dst));
	}
	if (!e->icmp || e->af != 6)
		return;
	e->af = 4;
	if (e->offender.af == 6 && nat64map_from(p, &a, &e->offender) == 0)
		e->offender = a;
	else
		ipaddr_from4(&e->offender, dummy);
	switch (e->type) {
	case 1:		/* destination unreachable */
		e->type = 3;
		e->code = e->code < sizeof(unreach) ? unreach[e->code] : 1;
		break;
	case 2:		/* packet too big */
		e->type = 3;
		e->code = 4;
		e->info = e->info > 1300 ? e->info - 20 : 1260;
		break;
	case 3:		/* time exceeded */
		e->type = 11;
		break;
	default:
		e->icmp = 0;
	}
}

/* A prefix that puts 192.0.0.170 or .171 there has found itself. */
int
nat64map_find(const struct ipaddr *a, struct ipprefix *found)
{
	static const uint8_t	 lens[] = { 96, 64, 56, 48, 40, 32 };
	uint8_t			 v4[4];
	size_t			 k;
	int			 i;

	memset(found, 0, sizeof(*found));
	for (k = 0; k < sizeof(lens); k++) {
		found->addr = *a;
		found->len = lens[k];
		for (i = 0; i < 4; i++)
			v4[i] = a->a[place(found, i)];
		if (v4[0] == 192 && v4[1] == 0 && v4[2] == 0 &&
		    (v4[3] == 170 || v4[3] == 171) &&
		    (lens[k] > 64 || a->a[8] == 0)) {
			ipprefix_mask(found);
			return (0);
		}
	}
	return (-1);
}
