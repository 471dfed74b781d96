/* SPDX-License-Identifier: ISC */

#include "slirp.h"

#define HOUSEKEEPING	MONO_SEC(1)

void
flow_register(struct slirp *s, enum flow_proto type,
    const struct flow_ops *ops)
{
	s->flow_ops[type] = ops;
}

void
slirp_house(struct slirp *s)
{
	if (s->house.when == 0)
		wheel_add(&s->wheel, &s->house, s->now + HOUSEKEEPING);
}

int
own_address(const struct slirp *s, const struct ipaddr *a)
{
	size_t	 i;

	for (i = 0; i < s->conf.naddrs; i++)
		if (ipaddr_cmp(&s->conf.addrs[i].addr, a) == 0)
			return (1);
	return (0);
}

const struct ipaddr *
own_of(const struct slirp *s, uint8_t af)
{
	size_t	 i;

	for (i = 0; i < s->conf.naddrs; i++)
		if (s->conf.addrs[i].addr.af == af)
			return (&s->conf.addrs[i].addr);
	return (NULL);
}
