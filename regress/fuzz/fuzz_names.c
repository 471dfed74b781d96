/* SPDX-License-Identifier: ISC */

/*
 * Messages of DNS: guests' questions, and answers of resolvers, to a question
 * that was asked.
 */

#include <sys/types.h>

#include "fuzz.h"
#include "slirp/dnsmsg.h"
#include "slirp/dnsrr.h"

static uint8_t	 m[DNS_MSG_MAX], out[DNS_MSG_MAX];

static void
walk(const uint8_t *p, size_t n)
{
	struct dnsrr_walk	 w;
	struct dnsrr		 r;
	uint8_t			 name[DNSRR_NAME];
	char			 text[DNSRR_TEXT];
	int			 k, i = 0;

	if (dnsrr_begin(&w, p, n) == -1)
		return;
	while (dnsrr_next(&w, &r) == 1) {
		MUST(r.data + r.len <= n);
		MUST(i++ < 3 * 65536);
		if ((k = dnsrr_name(p, n, r.name, name)) == -1)
			continue;
		MUST(k > 0 && k <= DNS_NAME_MAX);
		(void)dnsrr_text(name, text, sizeof(text));
		MUST(memchr(text, '\0', sizeof(text)) != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input		 in = { data, len };
	struct dns_question	 q;
	struct ipaddr		 a[8];
	char			 text[DNSRR_TEXT];
	uint32_t		 ttl;
	ssize_t			 k;
	size_t			 n;
	uint16_t		 id;
	uint8_t			 how = in8(&in);
	int			 flag;

	if (how & 1) {
		/* a guest's */
		if (dnsmsg_parse(in.p, in.n, &q, &flag) != 0)
			return (0);
		MUST(q.namelen <= DNS_NAME_MAX);
		(void)dnsmsg_text(&q, text, sizeof(text));
		n = dnsmsg_upstream(&q, 7, out, sizeof(out));
		MUST(n <= sizeof(out));
		/* what we ask is understood by us */
		if (n > 0)
			MUST(dnsmsg_parse(out, n, &q, &flag) == 0);
		n = dnsmsg_error(&q, DNS_SERVFAIL, out, sizeof(out));
		MUST(n <= sizeof(out));
		return (0);
	}
	/* a resolver's, to this */
	if (dnsmsg_question(how & 2 ? "www.example.com" : "a.b", how & 4 ?
	    DNS_TYPE_AAAA : DNS_TYPE_A, &q) == -1)
		abort();
	q.size = how & 8 ? 1232 : 512;
	q.edns = how >> 4 & 1;
	n = in_bytes(&in, m, sizeof(m));
	id = n >= 2 ? (uint16_t)(m[0] << 8 | m[1]) : 0;
	walk(m, n);
	k = dnsmsg_check(m, n, &q, id, &ttl, &flag);
	if (k < 0)
		return (0);
	MUST((size_t)k <= n);
	walk(m, (size_t)k);
	(void)dnsmsg_addresses(m, (size_t)k, &q, a, 8);
	for (flag = 0; flag < 8; flag++)
		if (dnsmsg_alias(m, (size_t)k, flag, text, sizeof(text)) == -1)
			break;
	n = dnsmsg_answer(m, (size_t)k, &q, 5, how >> 5 & 1, out, sizeof(out));
	MUST(n <= sizeof(out));
	walk(out, n);
	return (0);
}
