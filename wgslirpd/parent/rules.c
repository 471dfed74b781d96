/* SPDX-License-Identifier: ISC */

/*
 * A rule as text: as it stands in the configuration, for those who look at
 * it in force.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "rules.h"

/* Append a string in quotes. */
static void
add_quoted(char *buf, size_t len, const char *s)
{
	size_t	 n;

	strlcat(buf, "\"", len);
	for (n = strlen(buf); *s != '\0' && n + 3 < len; s++) {
		if (*s == '"' || *s == '\\')
			buf[n++] = '\\';
		buf[n++] = *s;
		buf[n] = '\0';
	}
	strlcat(buf, "\"", len);
}

/* The rule as a statement of wgslirpd.conf(5); it parses back to itself. */
const char *
rule_text(const struct conf_rule *r, char *buf, size_t len)
{
	const struct rule	*u = &r->rule;
	char			 ip[ADDR_STRLEN];
	size_t			 n;

	snprintf(buf, len, "%s%s%s", u->pass ? "pass" :
	    u->answer == ANSWER_RETURN ? "block return" :
	    u->answer == ANSWER_DROP ? "block drop" : "block",
	    u->log ? " log" : "", u->quick ? " quick" : "");
	n = strlen(buf);
	if (r->peer[0] != '\0') {
		strlcat(buf, " from peer ", len);
		add_quoted(buf, len, r->peer);
	} else if (r->from_table[0] != '\0')
		snprintf(buf + n, len - n, " from <%s>", r->from_table);
	else if (u->from.addr.af != 0)
		snprintf(buf + n, len - n, " from %s", ipprefix_str(&u->from,
		    ip, sizeof(ip)));
	n = strlen(buf);
	if (u->proto != 0)
		snprintf(buf + n, len - n, " proto %s",
		    u->proto == IPPROTO_TCP ? "tcp" :
		    u->proto == IPPROTO_UDP ? "udp" : "icmp");
	n = strlen(buf);
	if (u->private)
		strlcat(buf, " to private", len);
	else if (r->to_table[0] != '\0')
		snprintf(buf + n, len - n, " to <%s>", r->to_table);
	else if (u->to.addr.af != 0)
		snprintf(buf + n, len - n, " to %s", ipprefix_str(&u->to, ip,
		    sizeof(ip)));
	else
		strlcat(buf, " to any", len);
	n = strlen(buf);
	if (u->port_lo != 0 && u->port_lo == u->port_hi)
		snprintf(buf + n, len - n, " port %u", u->port_lo);
	else if (u->port_lo != 0)
		snprintf(buf + n, len - n, " port %u:%u", u->port_lo,
		    u->port_hi);
	if (r->egress[0] != '\0') {
		strlcat(buf, " egress ", len);
		add_quoted(buf, len, r->egress);
	}
	return (buf);
}
