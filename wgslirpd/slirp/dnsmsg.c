/* SPDX-License-Identifier: ISC */

/*
 * DNS messages (RFC 1035, 2308, 6891).  The
 * OPT record is between two neighbours only, so the guest's never goes
 * upstream and the upstream's never to the guest.
 */

#include <sys/types.h>

#include <ctype.h>
#include <string.h>

#include "dnsmsg.h"
#include "dnsrr.h"

#define TTL_MAX		86400
#define TTL_NEGATIVE	3600	/* RFC 2308 5 */
#define OPT_LEN		11
#define DO_BIT		0x8000
#define OPCODE_QUERY	0
#define TYPE_SOA	6
#define TYPE_OPT	41
#define PADDING		128	/* questions are as long as a multiple */
#define OPTION_PADDING	12	/* RFC 7830 */
#define MAX_ALIASES	16	/* from a name to its address */

static void
put_u16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put_u32(uint8_t *p, uint32_t v)
{
	put_u16(p, v >> 16);
	put_u16(p + 2, v & 0xffff);
}

/* Length of the name at off, if it is whole and uncompressed; else 0. */
static size_t
plain_name(const uint8_t *msg, size_t len, size_t off)
{
	size_t	 n = 0;

	while (off + n < len && msg[off + n] != 0) {
		if (msg[off + n] > DNSRR_LABEL)
			return (0);
		n += 1U + msg[off + n];
		if (n >= DNS_NAME_MAX)
			return (0);
	}
	return (off + n < len ? n + 1 : 0);
}

/* Take over what the guest's OPT record says. */
static void
parse_opt(struct dnsrr_walk *w, struct dns_question *q)
{
	struct dnsrr	 rr;

	while (dnsrr_next(w, &rr)) {
		if (rr.section != DNSRR_ADDITIONAL || rr.type != TYPE_OPT)
			continue;
		q->edns = 1;
		q->dnssec = (rr.ttl & DO_BIT) != 0;
		q->size = rr.class;
		if (q->size < DNS_UDP_MIN)
			q->size = DNS_UDP_MIN;
		if (q->size > DNS_UDP_OURS)
			q->size = DNS_UDP_OURS;
		return;
	}
}

int
dnsmsg_parse(const uint8_t *msg, size_t len, struct dns_question *q,
    int *error)
{
	struct dnsrr_walk	 w;
	size_t			 n;

	memset(q, 0, sizeof(*q));
	*error = DNS_FORMERR;
	if (len < DNS_HDR || len > DNS_MSG_MAX || msg[2] & 0x80)
		return (-1);	/* never answer an answer */
	q->id = (uint16_t)(msg[0] << 8 | msg[1]);
	q->opcode = msg[2] >> 3 & 15;
	q->rd = msg[2] & 1;
	q->ad = msg[3] >> 5 & 1;
	q->cd = msg[3] >> 4 & 1;
	q->size = DNS_UDP_MIN;
	if (q->opcode != OPCODE_QUERY) {
		*error = DNS_NOTIMP;
		return (1);
	}
	if ((msg[4] << 8 | msg[5]) != 1 ||
	    (n = plain_name(msg, len, DNS_HDR)) == 0 ||
	    DNS_HDR + n + 4 > len || dnsrr_begin(&w, msg, len) == -1)
		return (1);
	q->namelen = (uint8_t)n;
	memcpy(q->name, msg + DNS_HDR, n);
	q->type = (uint16_t)(msg[DNS_HDR + n] << 8 | msg[DNS_HDR + n + 1]);
	q->class = (uint16_t)(msg[DNS_HDR + n + 2] << 8 |
	    msg[DNS_HDR + n + 3]);
	parse_opt(&w, q);
	return (0);
}

static int
same_name(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t	 i;

	/* a label's length is below any letter */
	for (i = 0; i < n; i++)
		if (tolower(a[i]) != tolower(b[i]))
			return (0);
	return (1);
}

int
dnsmsg_same(const struct dns_question *a, const struct dns_question *b)
{
	return (a->type == b->type && a->class == b->class &&
	    a->rd == b->rd && a->cd == b->cd && a->ad == b->ad &&
	    a->dnssec == b->dnssec && a->namelen == b->namelen &&
	    same_name(a->name, b->name, a->namelen));
}

static size_t
put_opt(uint8_t *p, int dnssec)
{
	memset(p, 0, OPT_LEN);
	put_u16(p + 1, TYPE_OPT);
	put_u16(p + 3, DNS_UDP_OURS);
	if (dnssec)
		put_u16(p + 7, DO_BIT);
	return (OPT_LEN);
}

static size_t
put_question(uint8_t *p, const struct dns_question *q)
{
	memcpy(p, q->name, q->namelen);
	put_u16(p + q->namelen, q->type);
	put_u16(p + q->namelen + 2, q->class);
	return (q->namelen + 4U);
}

size_t
dnsmsg_upstream(const struct dns_question *q, uint16_t id, uint8_t *p,
    size_t room)
{
	size_t	 n = DNS_HDR;

	if (room < DNS_HDR + q->namelen + 4U + OPT_LEN)
		return (0);
	memset(p, 0, DNS_HDR);
	put_u16(p, id);
	p[2] = q->rd;
	p[3] = (uint8_t)(q->ad << 5 | q->cd << 4);
	put_u16(p + 4, 1);
	put_u16(p + 10, 1);
	n += put_question(p + n, q);
	n += put_opt(p + n, q->dnssec);
	return (n);
}

size_t
dnsmsg_padded(const struct dns_question *q, uint16_t id, uint8_t *p,
    size_t room)
{
	size_t	 n = dnsmsg_upstream(q, id, p, room), pad;

	if (n == 0)
		return (0);
	pad = (PADDING - (n + 4) % PADDING) % PADDING;
	if (n + 4 + pad > room)
		return (n);
	/* the OPT record is the last thing, and has no options */
	put_u16(p + n - 2, (unsigned int)(4 + pad));
	put_u16(p + n, OPTION_PADDING);
	put_u16(p + n + 2, (unsigned int)pad);
	memset(p + n + 4, 0, pad);
	return (n + 4 + pad);
}

/* How long a negative answer may be kept (RFC 2308 5). */
static uint32_t
negative_ttl(const struct dnsrr_walk *records)
{
	struct dnsrr_walk	 w = *records;
	struct dnsrr		 rr;
	uint32_t		 ttl;

	while (dnsrr_next(&w, &rr)) {
		if (rr.section != DNSRR_AUTHORITY || rr.type != TYPE_SOA ||
		    rr.len < 22)
			continue;
		ttl = dns_u32(w.msg + rr.data + rr.len - 4);
		if (rr.ttl < ttl)
			ttl = rr.ttl;
		return (ttl < TTL_NEGATIVE ? ttl : TTL_NEGATIVE);
	}
	return (0);
}

/*
 * The least time to live of what is before the OPT record, whose offset
 * is stored; records begin at end.  -1 if the message is malformed.
 */
static int
scan_records(const struct dnsrr_walk *records, size_t end, uint32_t *ttl,
    size_t *opt, unsigned int *nopt, int *extended)
{
	struct dnsrr_walk	 w = *records;
	struct dnsrr		 rr;

	*ttl = TTL_MAX;
	*opt = 0;
	*nopt = 0;
	*extended = 0;
	while (dnsrr_next(&w, &rr)) {
		if (rr.type == TYPE_OPT) {
			/* a code that does not fit the header */
			if (rr.ttl >> 24 != 0)
				*extended = 1;
			/* its name is the root: one byte */
			*opt = rr.data - OPT_LEN;
			if (rr.section != DNSRR_ADDITIONAL || *opt != end)
				return (-1);
			*nopt = rr.left;
			return (0);
		}
		end = rr.data + rr.len;
		if (rr.ttl < *ttl)
			*ttl = rr.ttl;
	}
	return (0);
}

ssize_t
dnsmsg_check(uint8_t *msg, size_t len, const struct dns_question *q,
    uint16_t id, uint32_t *ttl, int *tc)
{
	struct dnsrr_walk	 w;
	size_t			 opt;
	unsigned int		 nopt;
	int			 rcode, extended;

	if (len < DNS_HDR + q->namelen + 4U || len > DNS_MSG_MAX ||
	    (msg[0] << 8 | msg[1]) != id || !(msg[2] & 0x80) ||
	    (msg[2] >> 3 & 15) != OPCODE_QUERY ||
	    (msg[4] << 8 | msg[5]) != 1 ||
	    plain_name(msg, len, DNS_HDR) != q->namelen ||
	    !same_name(msg + DNS_HDR, q->name, q->namelen) ||
	    (msg[DNS_HDR + q->namelen] << 8 |
	    msg[DNS_HDR + q->namelen + 1]) != q->type ||
	    (msg[DNS_HDR + q->namelen + 2] << 8 |
	    msg[DNS_HDR + q->namelen + 3]) != q->class)
		return (-1);
	*tc = msg[2] >> 1 & 1;
	*ttl = 0;
	if (*tc)
		return ((ssize_t)len);
	if (dnsrr_begin(&w, msg, len) == -1 ||
	    scan_records(&w, DNS_HDR + q->namelen + 4U, ttl, &opt, &nopt,
	    &extended) == -1)
		return (-1);
	if (extended)
		msg[3] = (uint8_t)((msg[3] & 0xf0) | DNS_SERVFAIL);
	rcode = msg[3] & 15;
	if (rcode == DNS_NXDOMAIN || (rcode == DNS_NOERROR &&
	    dnsrr_count(msg, DNSRR_ANSWER) == 0)) {
		/* an alias on the way may live shorter */
		if (negative_ttl(&w) < *ttl)
			*ttl = negative_ttl(&w);
	} else if (rcode != DNS_NOERROR)
		*ttl = 0;
	if (opt != 0) {
		/* with whatever follows it, which nobody has to have */
		put_u16(msg + 10, dnsrr_count(msg, DNSRR_ADDITIONAL) - nopt);
		len = opt;
	}
	return ((ssize_t)len);
}

/* The records have been here for a while. */
static void
age_records(uint8_t *msg, size_t len, uint32_t age)
{
	struct dnsrr_walk	 w;
	struct dnsrr		 rr;

	if (age == 0 || dnsrr_begin(&w, msg, len) == -1)
		return;
	while (dnsrr_next(&w, &rr))
		put_u32(msg + rr.data - 6, rr.ttl > age ? rr.ttl - age : 0);
}

/* Append an OPT record if who asked has one. */
static size_t
finish(uint8_t *p, size_t n, size_t room, const struct dns_question *q)
{
	if (!q->edns || n + OPT_LEN > room)
		return (n);
	put_u16(p + 10, (unsigned int)(p[10] << 8 | p[11]) + 1);
	return (n + put_opt(p + n, q->dnssec));
}

size_t
dnsmsg_error(const struct dns_question *q, int rcode, uint8_t *p,
    size_t room)
{
	size_t	 n = DNS_HDR;

	if (room < DNS_HDR + q->namelen + 4U)
		return (0);
	memset(p, 0, DNS_HDR);
	put_u16(p, q->id);
	p[2] = (uint8_t)(0x80 | q->opcode << 3 | q->rd);
	p[3] = (uint8_t)(0x80 | q->cd << 4 | rcode);
	if (q->namelen > 0) {
		put_u16(p + 4, 1);
		n += put_question(p + n, q);
	}
	return (finish(p, n, room, q));
}

size_t
dnsmsg_answer(const uint8_t *msg, size_t len, const struct dns_question *q,
    uint32_t age, int udp, uint8_t *p, size_t room)
{
	size_t	 max = len + (q->edns ? OPT_LEN : 0), n;

	if (max > room || (udp && max > q->size)) {
		/* cut short: ask again by TCP */
		n = dnsmsg_error(q, msg[3] & 15, p, room);
		if (n > 0)
			p[2] |= 2;
		return (n);
	}
	memcpy(p, msg, len);
	put_u16(p, q->id);
	p[2] = (uint8_t)((p[2] & ~0x07) | q->rd);	/* no AA, no TC */
	p[3] = (uint8_t)((p[3] & 0x2f) | 0x80 | q->cd << 4);
	put_question(p + DNS_HDR, q);
	age_records(p, len, age);
	return (finish(p, len, room, q));
}

size_t
dnsmsg_address(const struct dns_question *q, const struct ipaddr *a,
    size_t na, uint32_t ttl, int udp, uint8_t *p, size_t room)
{
	size_t	 n, i, alen, count = 0;
	uint8_t	 af = q->type == DNS_TYPE_A ? 4 : 6;

	/* some addresses are as good as all of them */
	if (udp && room > q->size)
		room = q->size - (q->edns ? OPT_LEN : 0U);

	if ((n = DNS_HDR + q->namelen + 4U) > room)
		return (0);
	(void)dnsmsg_error(q, DNS_NOERROR, p, room);
	p[2] |= 4;		/* this is the authority */
	put_u16(p + 10, 0);
	alen = af == 4 ? 4 : 16;
	for (i = 0; i < na; i++) {
		if (a[i].af != af || (q->type != DNS_TYPE_A &&
		    q->type != DNS_TYPE_AAAA) || n + 12 + alen > room)
			continue;
		put_u16(p + n, 0xc000 | DNS_HDR);
		put_u16(p + n + 2, q->type);
		put_u16(p + n + 4, DNS_CLASS_IN);
		put_u32(p + n + 6, ttl);
		put_u16(p + n + 10, (unsigned int)alen);
		memcpy(p + n + 12, a[i].a, alen);
		n += 12 + alen;
		count++;
	}
	put_u16(p + 6, (unsigned int)count);
	return (finish(p, n, room + OPT_LEN, q));
}

size_t
dnsmsg_pointer(const struct dns_question *q, const char *name, uint32_t ttl,
    uint8_t *p, size_t room)
{
	uint8_t	 wire[DNSRR_NAME];
	size_t	 n = DNS_HDR + q->namelen + 4U, k;
	int	 len = dnsrr_put_name(name, wire);

	k = len != -1 ? (size_t)len : 0;
	if (k == 0 || n + 12 + k > room)
		return (dnsmsg_error(q, DNS_SERVFAIL, p, room));
	(void)dnsmsg_error(q, DNS_NOERROR, p, room);
	p[2] |= 4;
	put_u16(p + 6, 1);
	put_u16(p + 10, 0);
	put_u16(p + n, 0xc000 | DNS_HDR);
	put_u16(p + n + 2, DNS_TYPE_PTR);
	put_u16(p + n + 4, DNS_CLASS_IN);
	put_u32(p + n + 6, ttl);
	put_u16(p + n + 10, (unsigned int)k);
	memcpy(p + n + 12, wire, k);
	return (finish(p, n + 12 + k, room, q));
}

int
dnsmsg_text(const struct dns_question *q, char *buf, size_t len)
{
	size_t	 i, k, o = 0;

	for (i = 0; i < q->namelen && q->name[i] != 0; i += 1U + q->name[i]) {
		for (k = 1; k <= q->name[i]; k++) {
			if (o + 2 >= len || q->name[i + k] == '\0' ||
			    q->name[i + k] == '.')
				return (-1);
			buf[o++] = (char)tolower(q->name[i + k]);
		}
		buf[o++] = '.';
	}
	if (o > 0)
		o--;
	buf[o] = '\0';
	return (0);
}

int
dnsmsg_question(const char *host, uint16_t type, struct dns_question *q)
{
	int	 n;

	memset(q, 0, sizeof(*q));
	if ((n = dnsrr_put_host(host, q->name)) == -1)
		return (-1);
	q->type = type;
	q->class = DNS_CLASS_IN;
	q->rd = 1;
	q->namelen = (uint8_t)n;
	return (0);
}

/* Take over a record's address if it is of the question's type. */
static int
record_address(const uint8_t *msg, const struct dnsrr *rr,
    const struct dns_question *q, struct ipaddr *a)
{
	if (rr->type != q->type || rr->class != q->class)
		return (0);
	if (q->type == DNS_TYPE_A && rr->len == 4)
		ipaddr_from4(a, msg + rr->data);
	else if (q->type == DNS_TYPE_AAAA && rr->len == 16)
		ipaddr_from6(a, msg + rr->data);
	else
		return (0);
	return (1);
}

int
dnsmsg_addresses(const uint8_t *msg, size_t len,
    const struct dns_question *q, struct ipaddr *a, size_t max)
{
	struct dnsrr_walk	 records, w;
	struct dnsrr		 rr;
	uint8_t			 owner[DNSRR_NAME], name[DNSRR_NAME];
	uint8_t			 next[DNSRR_NAME];
	size_t			 n = 0;
	int			 hops, moved = 1, k, olen, nlen = 0;

	if (len < DNS_HDR || (msg[3] & 15) != DNS_NOERROR ||
	    dnsrr_begin(&records, msg, len) == -1 ||
	    (olen = dnsrr_name(q->name, q->namelen, 0, owner)) == -1)
		return (-1);
	/* records may come in any order: from alias to alias, to the end */
	for (hops = 0; moved && hops < MAX_ALIASES; hops++) {
		moved = 0;
		w = records;
		while (dnsrr_next(&w, &rr) && rr.section == DNSRR_ANSWER) {
			if ((k = dnsrr_name(msg, len, rr.name, name)) == -1)
				return (-1);
			if (k != olen || memcmp(name, owner, (size_t)k) != 0)
				continue;
			if (rr.type == DNS_TYPE_CNAME && !moved &&
			    (nlen = dnsrr_name(msg, len, rr.data, next)) != -1)
				moved = 1;
			else if (n < max && record_address(msg, &rr, q, &a[n]))
				n++;
		}
		if (moved) {
			memcpy(owner, next, (size_t)nlen);
			olen = nlen;
		}
	}
	return ((int)n);
}

int
dnsmsg_alias(const uint8_t *msg, size_t len, int n, char *buf, size_t room)
{
	struct dnsrr_walk	 w;
	struct dnsrr		 rr;
	uint8_t			 next[DNSRR_NAME];

	if (len < DNS_HDR || dnsrr_begin(&w, msg, len) == -1)
		return (-1);
	while (dnsrr_next(&w, &rr) && rr.section == DNSRR_ANSWER) {
		if (rr.type != DNS_TYPE_CNAME || n-- > 0)
			continue;
		if (dnsrr_name(msg, len, rr.data, next) == -1)
			return (-1);
		return (dnsrr_text(next, buf, room));
	}
	return (-1);
}
