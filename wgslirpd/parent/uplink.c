/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lex.h"
#include "uplink.h"

int
peer_address(struct conf_peer *peer, char *s)
{
	const struct conf_prefix	*x;
	struct ipprefix			 p;
	int				 ok = ipprefix_parse(&p, s) == 0;

	free(s);
	if (!ok) {
		yyerror("address: not an address/length");
		return (-1);
	}
	/* what is behind it, its allowed ips say */
	p.len = (uint8_t)ipaddr_bits(&p.addr);
	TAILQ_FOREACH(x, &peer->addresses, entry)
		if (x->prefix.addr.af == p.addr.af) {
			yyerror("address: an uplink has one of each family");
			return (-1);
		}
	config_add_prefix(&peer->addresses, &p);
	return (0);
}

int
peer_dns(struct conf_peer *peer, char *s)
{
	struct ipaddr	 a;
	int		 host = strcmp(s, "host") == 0, ok;

	ok = host || ipaddr_parse(&a, s) == 0;
	free(s);
	if (!ok) {
		yyerror("dns: not an address, and not host");
		return (-1);
	}
	if (host ? peer->ndns > 0 : peer->dns_host) {
		yyerror("dns: resolvers, or host");
		return (-1);
	}
	if (host)
		peer->dns_host = 1;
	else if (peer->ndns == MAX_UPLINK_DNS) {
		yyerror("dns: no more than %d", MAX_UPLINK_DNS);
		return (-1);
	} else
		peer->dns[peer->ndns++] = a;
	return (0);
}
