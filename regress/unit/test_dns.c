/* SPDX-License-Identifier: ISC */

/* Messages of the name server behind the gateway's address. */

#include <arpa/nameser.h>

#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "slirp/blocklist.h"
#include "slirp/dnsmsg.h"
#include "slirp/dnsrr.h"
#include "slirp/nat64map.h"
#include "slirp/resolvconf.h"
#include "unit.h"

static uint8_t	 out[DNS_MSG_MAX];

static size_t
put_name(uint8_t *p, const char *name)
{
	assert_int_not_equal(ns_name_pton(name, p, 256), -1);
	return (strlen(name) + 2);
}

/* A question with or without an OPT record; its length. */
static size_t
ask(uint8_t *p, const char *name, uint16_t type, int size)
{
	size_t	 n = DNS_HDR;

	memset(p, 0, DNS_HDR);
	p[0] = 0x12;
	p[1] = 0x34;
	p[2] = 1;		/* RD */
	p[5] = 1;
	n += put_name(p + n, name);
	ns_put16(type, p + n);
	ns_put16(1, p + n + 2);
	n += 4;
	if (size > 0) {
		p[11] = 1;
		memset(p + n, 0, 11);
		ns_put16(ns_t_opt, p + n + 1);
		ns_put16((unsigned int)size, p + n + 3);
		ns_put16(0x8000, p + n + 7);
		n += 11;
	}
	return (n);
}

static size_t
put_rr(uint8_t *p, unsigned int type, uint32_t ttl, const void *data,
    size_t len)
{
	ns_put16(0xc00c, p);
	ns_put16(type, p + 2);
	ns_put16(1, p + 4);
	ns_put32(ttl, p + 6);
	ns_put16((unsigned int)len, p + 10);
	memcpy(p + 12, data, len);
	return (12 + len);
}

/* An upstream's answer to q: so many addresses, and an OPT record. */
static size_t
reply(uint8_t *p, const struct dns_question *q, uint16_t id, int rcode,
    int count, uint32_t ttl, int opt)
{
	uint8_t	 a[4] = { 192, 0, 2, 1 };
	size_t	 n = dnsmsg_upstream(q, id, p, 2000) - 11;
	int	 i;

	p[2] |= 0x80;
	p[3] = (uint8_t)(0x80 | rcode);
	p[7] = (uint8_t)count;
	p[11] = (uint8_t)opt;
	for (i = 0; i < count; i++, a[3]++)
		n += put_rr(p + n, ns_t_a, ttl + (uint32_t)i, a, 4);
	if (opt) {
		memset(p + n, 0, 11);
		ns_put16(ns_t_opt, p + n + 1);
		ns_put16(4096, p + n + 3);
		/* an option that is not for the guest: a cookie */
		ns_put16(12, p + n + 9);
		memcpy(p + n + 11, "\0\x0a\0\x08" "cookie!!", 12);
		n += 23;
	}
	return (n);
}

static void
questions(void **state)
{
	struct dns_question	 q, q2;
	uint8_t			 m[600];
	size_t			 n, i;
	int			 error;

	(void)state;
	n = ask(m, "WWW.Example.com", 1, 4000);
	assert_int_equal(dnsmsg_parse(m, n, &q, &error), 0);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.type, 1);
	assert_int_equal(q.rd, 1);
	assert_int_equal(q.edns, 1);
	assert_int_equal(q.dnssec, 1);
	assert_int_equal(q.size, DNS_UDP_OURS);	/* never more than this */
	assert_int_equal(dnsmsg_text(&q, (char *)out, 100), 0);
	assert_string_equal((char *)out, "www.example.com");
	n = ask(m, "www.EXAMPLE.com", 1, 100);
	assert_int_equal(dnsmsg_parse(m, n, &q2, &error), 0);
	assert_int_equal(q2.size, DNS_UDP_MIN);
	assert_true(dnsmsg_same(&q, &q2));
	n = ask(m, "www.example.com", 28, 0);
	assert_int_equal(dnsmsg_parse(m, n, &q2, &error), 0);
	assert_int_equal(q2.edns, 0);
	assert_false(dnsmsg_same(&q, &q2));
	/* cut off anywhere, it is refused, or no question */
	for (i = 0; i < n; i++)
		assert_int_not_equal(dnsmsg_parse(m, i, &q2, &error), 0);
	/* answers are never answered, other operations are not known */
	m[2] |= 0x80;
	assert_int_equal(dnsmsg_parse(m, n, &q2, &error), -1);
	m[2] = 0x28;
	assert_int_equal(dnsmsg_parse(m, n, &q2, &error), 1);
	assert_int_equal(error, DNS_NOTIMP);
	/* two questions, a compressed name */
	m[2] = 1;
	m[5] = 2;
	assert_int_equal(dnsmsg_parse(m, n, &q2, &error), 1);
	assert_int_equal(error, DNS_FORMERR);
	m[5] = 1;
	m[12] = 0xc0;
	assert_int_equal(dnsmsg_parse(m, n, &q2, &error), 1);
}

static void
checks(void **state)
{
	struct dns_question	 q, other;
	uint8_t			 m[2000], good[2000];
	uint32_t		 ttl;
	size_t			 n, plain;
	ssize_t			 r;
	int			 error, tc;

	(void)state;
	n = ask(m, "www.example.com", 1, 1232);
	assert_int_equal(dnsmsg_parse(m, n, &q, &error), 0);
	n = reply(m, &q, 7, 0, 3, 100, 1);
	plain = n - 23;
	memcpy(good, m, n);
	r = dnsmsg_check(m, n, &q, 7, &ttl, &tc);
	assert_int_equal(r, plain);
	assert_int_equal(ttl, 100);
	assert_int_equal(tc, 0);
	assert_int_equal(m[11], 0);	/* the OPT record is gone */
	/* another id, another name, another type: somebody else's */
	memcpy(m, good, n);
	assert_int_equal(dnsmsg_check(m, n, &q, 8, &ttl, &tc), -1);
	other = q;
	other.name[1] = 'x';
	assert_int_equal(dnsmsg_check(m, n, &other, 7, &ttl, &tc), -1);
	other = q;
	other.type = 28;
	assert_int_equal(dnsmsg_check(m, n, &other, 7, &ttl, &tc), -1);
	/* a question is no answer */
	m[2] &= 0x7f;
	assert_int_equal(dnsmsg_check(m, n, &q, 7, &ttl, &tc), -1);
	/* cut short */
	memcpy(m, good, n);
	m[2] |= 2;
	assert_true(dnsmsg_check(m, n, &q, 7, &ttl, &tc) > 0);
	assert_int_equal(tc, 1);
	/* what failed is not kept; what is not there, as long as SOA says */
	n = reply(m, &q, 7, DNS_SERVFAIL, 0, 0, 1);
	assert_true(dnsmsg_check(m, n, &q, 7, &ttl, &tc) > 0);
	assert_int_equal(ttl, 0);
	n = reply(m, &q, 7, DNS_NXDOMAIN, 0, 0, 0);
	assert_true(dnsmsg_check(m, n, &q, 7, &ttl, &tc) > 0);
	assert_int_equal(ttl, 0);
	n = reply(m, &q, 7, DNS_NXDOMAIN, 0, 0, 0);
	m[9] = 1;
	n += put_rr(m + n, ns_t_soa, 900,
	    "\0\0" "\0\0\0\1" "\0\0\0\2" "\0\0\0\3" "\0\0\0\4" "\0\0\0\x3c",
	    22);
	assert_true(dnsmsg_check(m, n, &q, 7, &ttl, &tc) > 0);
	assert_int_equal(ttl, 60);
	/* behind an alias that lives shorter */
	n = reply(m, &q, 7, DNS_NXDOMAIN, 0, 0, 0);
	m[7] = m[9] = 1;
	n += put_rr(m + n, ns_t_cname, 5, "\1a\0", 3);
	n += put_rr(m + n, ns_t_soa, 900,
	    "\0\0" "\0\0\0\1" "\0\0\0\2" "\0\0\0\3" "\0\0\0\4" "\0\0\0\x3c",
	    22);
	assert_true(dnsmsg_check(m, n, &q, 7, &ttl, &tc) > 0);
	assert_int_equal(ttl, 5);
	/* an error that needs more bits is an error, too */
	n = reply(m, &q, 7, 0, 3, 100, 1);
	m[plain + 5] = 1;
	assert_true(dnsmsg_check(m, n, &q, 7, &ttl, &tc) > 0);
	assert_int_equal(m[3] & 15, DNS_SERVFAIL);
	assert_int_equal(ttl, 0);
	/* an OPT record of somebody */
	n = reply(m, &q, 7, 0, 0, 100, 0);
	m[11] = 1;
	n += put_rr(m + n, ns_t_opt, 0, "", 0);
	assert_int_equal(dnsmsg_check(m, n, &q, 7, &ttl, &tc), -1);
}

static void
answers(void **state)
{
	struct dns_question	 q, asker;
	struct ipaddr		 a[40];
	uint8_t			 m[2000];
	uint32_t		 ttl;
	size_t			 n, len;
	ns_msg			 h;
	ns_rr			 rr;
	int			 error, tc, i;

	(void)state;
	n = ask(m, "www.example.com", 1, 1232);
	assert_int_equal(dnsmsg_parse(m, n, &q, &error), 0);
	n = reply(m, &q, 7, 0, 30, 100, 1);
	len = (size_t)dnsmsg_check(m, n, &q, 7, &ttl, &tc);
	/* who has no EDNS, and another case; 40 s later */
	n = ask(out, "WWW.EXAMPLE.com", 1, 0);
	assert_int_equal(dnsmsg_parse(out, n, &asker, &error), 0);
	asker.id = 0x9999;
	n = dnsmsg_answer(m, len, &asker, 40, 0, out, sizeof(out));
	assert_int_equal(n, len);
	assert_int_equal(ns_initparse(out, (int)n, &h), 0);
	assert_int_equal(ns_msg_id(h), 0x9999);
	assert_int_equal(ns_msg_count(h, ns_s_an), 30);
	assert_int_equal(ns_msg_count(h, ns_s_ar), 0);
	assert_memory_equal(out + 13, "WWW", 3);
	for (i = 0; i < 30; i++) {
		assert_int_equal(ns_parserr(&h, ns_s_an, i, &rr), 0);
		assert_int_equal(ns_rr_ttl(rr), 60 + i);
	}
	/* by UDP it does not fit 512 bytes: cut short, not cut off */
	n = dnsmsg_answer(m, len, &asker, 0, 1, out, sizeof(out));
	assert_true(n <= 512);
	assert_int_equal(out[2] & 2, 2);
	assert_int_equal(out[7], 0);
	/* with EDNS it does, and has our own OPT record */
	n = dnsmsg_answer(m, len, &q, 0, 1, out, sizeof(out));
	assert_int_equal(n, len + 11);
	assert_int_equal(ns_initparse(out, (int)n, &h), 0);
	assert_int_equal(ns_msg_count(h, ns_s_ar), 1);
	assert_int_equal(ns_parserr(&h, ns_s_ar, 0, &rr), 0);
	assert_int_equal(ns_rr_type(rr), ns_t_opt);
	assert_int_equal(ns_rr_rdlen(rr), 0);
	/* a lifetime does not go below zero */
	dnsmsg_answer(m, len, &q, 1000000, 0, out, sizeof(out));
	assert_int_equal(ns_initparse(out, (int)n, &h), 0);
	assert_int_equal(ns_parserr(&h, ns_s_an, 0, &rr), 0);
	assert_int_equal(ns_rr_ttl(rr), 0);
	/* our own: addresses of the asked family only */
	for (i = 0; i < 40; i++)
		ipaddr_parse(&a[i], i % 2 ? "10.77.0.2" : "fd77::2");
	for (i = 0; i < 2; i++) {
		q.type = i == 0 ? DNS_TYPE_A : DNS_TYPE_AAAA;
		n = dnsmsg_address(&q, a, 40, 60, 0, out, 4000);
		assert_int_equal(ns_initparse(out, (int)n, &h), 0);
		assert_int_equal(ns_msg_count(h, ns_s_an), 20);
		assert_int_equal(ns_msg_count(h, ns_s_ar), 1);
		assert_int_equal(ns_parserr(&h, ns_s_an, 0, &rr), 0);
		assert_int_equal(ns_rr_rdlen(rr), i == 0 ? 4 : 16);
	}
	/* by UDP as many as fit */
	n = dnsmsg_address(&asker, a, 40, 60, 1, out, 4000);
	assert_in_range(n, 300, 512);
	assert_int_equal(ns_initparse(out, (int)n, &h), 0);
	q.type = DNS_TYPE_AAAA;
	q.size = 512;
	n = dnsmsg_address(&q, a, 40, 60, 1, out, 4000);
	assert_in_range(n, 400, 512);
	assert_int_equal(ns_initparse(out, (int)n, &h), 0);
	assert_int_equal(ns_msg_count(h, ns_s_ar), 1);
	q.type = DNS_TYPE_PTR;
	n = dnsmsg_pointer(&q, "laptop.wg.", 60, out, sizeof(out));
	assert_int_equal(ns_initparse(out, (int)n, &h), 0);
	assert_int_equal(ns_parserr(&h, ns_s_an, 0, &rr), 0);
	assert_memory_equal(ns_rr_rdata(rr), "\6laptop\2wg\0", 11);
	/* too little room is no room */
	assert_int_equal(dnsmsg_error(&q, 0, out, 20), 0);
	assert_int_equal(dnsmsg_upstream(&q, 1, out, 20), 0);
}

/* Changed at random, nothing reads or writes outside of its bounds. */
static void
junk(void **state)
{
	struct dns_question	 q, q2;
	uint8_t			*m;
	uint8_t			 base[2000];
	uint32_t		 ttl;
	size_t			 n, len;
	ssize_t			 r;
	int			 i, k, error, tc, good = 0;

	(void)state;
	n = ask(base, "www.example.com", 1, 1232);
	assert_int_equal(dnsmsg_parse(base, n, &q, &error), 0);
	for (i = 0; i < 200000; i++) {
		n = i % 2 ? reply(base, &q, 7, 0, i % 7, 9, i % 3 == 0) :
		    ask(base, "www.example.com", 1, i % 3 * 1000);
		len = i % 5 == 0 ? arc4random_uniform((uint32_t)n + 1) : n;
		/* exactly as long as it says, for the tools that watch */
		m = malloc(len + (len == 0));
		memcpy(m, base, len);
		for (k = (int)arc4random_uniform(4); k > 0 && len > 0; k--)
			m[arc4random_uniform((uint32_t)len)] =
			    (uint8_t)arc4random();
		if (i % 2) {
			r = dnsmsg_check(m, len, &q, 7, &ttl, &tc);
			assert_true(r <= (ssize_t)len);
			if (r > 0 && !tc) {
				good++;
				n = dnsmsg_answer(m, (size_t)r, &q, 5, 0,
				    out, sizeof(out));
				assert_int_equal(n, (size_t)r + 11);
			}
		} else if (dnsmsg_parse(m, len, &q2, &error) == 0) {
			good++;
			dnsmsg_text(&q2, (char *)out, 100);
			assert_true(dnsmsg_upstream(&q2, 1, out, 512) > 0);
		}
		free(m);
	}
	assert_true(good > 10000);
}

/* What is a host name, and what only looks like one. */
static void
host_names(void **state)
{
	static const char	*good[] = { "a", "localhost", "a.b", "a.b.",
				    "x-1.example.com", "_dns.example",
				    "1.example", "10.0.0.1x", "xn--bcher-kva.ch",
				    "0x1g" };
	static const char	*bad[] = { "", ".", "a..b", ".a", "-a", "a-",
				    "a.-b", "a b", "a%b", "fe80::1%lo", "a/b",
				    "b\xc3\xbc" "cher.ch", "1", "10.0.0.1",
				    "10.1", "a.0x7f", "0x7f000001", "a:b",
				    "[::1]", "a\n", "a*" };
	struct dns_question	 q;
	char			 name[300];
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(host_name_ok(good[i]));
		assert_int_equal(dnsmsg_question(good[i], 1, &q), 0);
		assert_int_equal(dnsmsg_text(&q, name, sizeof(name)), 0);
		assert_int_equal(strncasecmp(name, good[i], strlen(name)), 0);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(host_name_ok(bad[i]));
		assert_int_equal(dnsmsg_question(bad[i], 1, &q), -1);
	}
	/* labels of 63, names of 253 */
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	assert_true(host_name_ok(name));
	name[63] = 'a';
	name[64] = '\0';
	assert_false(host_name_ok(name));
	for (i = 49; i < 253; i += 50)
		name[i] = '.';
	memset(name + 64, 'a', 4);
	name[253] = '\0';
	assert_true(host_name_ok(name));
	assert_int_equal(dnsmsg_question(name, 1, &q), 0);
	assert_int_equal(q.namelen, 255);
	name[253] = 'a';
	name[254] = '\0';
	assert_false(host_name_ok(name));
}

static size_t
put_alias(uint8_t *p, const char *from, const char *to)
{
	uint8_t	 rd[256];
	size_t	 n = put_name(p, from), k = put_name(rd, to);

	ns_put16(5, p + n);
	ns_put16(1, p + n + 2);
	ns_put32(60, p + n + 4);
	ns_put16((unsigned int)k, p + n + 8);
	memcpy(p + n + 10, rd, k);
	return (n + 10 + k);
}

static size_t
put_a(uint8_t *p, const char *name, const char *addr)
{
	struct ipaddr	 a;
	size_t		 n = put_name(p, name);

	assert_int_equal(ipaddr_parse(&a, addr), 0);
	ns_put16(1, p + n);
	ns_put16(1, p + n + 2);
	ns_put32(60, p + n + 4);
	ns_put16(4, p + n + 8);
	memcpy(p + n + 10, a.a, 4);
	return (n + 14);
}

/* Addresses along aliases, in any order, and of nobody else. */
static void
aliases(void **state)
{
	struct dns_question	 q;
	struct ipaddr		 a[4];
	uint8_t			 m[2000];
	char			 buf[64];
	size_t			 n, i;

	(void)state;
	assert_int_equal(dnsmsg_question("www.test", DNS_TYPE_A, &q), 0);
	n = dnsmsg_upstream(&q, 1, m, sizeof(m)) - 11;
	m[2] = 0x81;
	m[3] = 0x80;
	m[11] = 0;
	m[7] = 6;
	n += put_a(m + n, "c.test", "10.0.0.3");
	n += put_a(m + n, "evil.test", "10.6.6.6");
	n += put_alias(m + n, "b.test", "C.test");
	n += put_alias(m + n, "WWW.test", "b.test");
	n += put_a(m + n, "c.test", "10.0.0.4");
	n += put_a(m + n, "a.test", "10.6.6.7");
	assert_int_equal(dnsmsg_addresses(m, n, &q, a, 4), 2);
	assert_string_equal(ipaddr_str(&a[0], buf, sizeof(buf)), "10.0.0.3");
	assert_string_equal(ipaddr_str(&a[1], buf, sizeof(buf)), "10.0.0.4");
	assert_int_equal(dnsmsg_addresses(m, n, &q, a, 1), 1);
	for (i = 0; i < n; i++)
		assert_int_equal(dnsmsg_addresses(m, i, &q, a, 4), -1);
	m[3] |= DNS_NXDOMAIN;
	assert_int_equal(dnsmsg_addresses(m, n, &q, a, 4), -1);
	/* a circle ends */
	m[3] = 0x80;
	n = dnsmsg_upstream(&q, 1, m, sizeof(m)) - 11;
	m[7] = 2;
	n += put_alias(m + n, "www.test", "b.test");
	n += put_alias(m + n, "b.test", "www.test");
	m[2] = 0x81;
	m[3] = 0x80;
	m[11] = 0;
	assert_int_equal(dnsmsg_addresses(m, n, &q, a, 4), 0);
}

static void
write_file(char *path, const char *text)
{
	int	 fd;

	assert_int_not_equal(fd = mkstemp(path), -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* The host's resolvers, and what a short name may mean. */
static void
resolv_conf(void **state)
{
	char			 path[] = "/tmp/test_dns.XXXXXX", name[256];
	struct resolvconf	 r;
	struct ipaddr		 a;

	(void)state;
	write_file(path, "# nameserver 10.0.0.9\n; x\nnameserver 10.0.0.1\n"
	    "  nameserver\t2001:db8::1 # two\nnameserver bad\nnameserver\n"
	    "nameserver fe80::1%lo\ndomain old.test\n"
	    "search one.test two.test bad..name\noptions edns0 ndots:2\n");
	resolvconf_read(&r, path);
	unlink(path);
	assert_int_equal(r.nservers, 3);
	assert_int_equal(ipaddr_parse(&a, "2001:db8::1"), 0);
	assert_int_equal(ipaddr_cmp(&r.servers[1].addr, &a), 0);
	assert_int_equal(r.servers[1].port, 53);
	assert_int_equal(r.servers[2].scope, 1);
	assert_int_equal(r.nsearch, 2);
	assert_int_equal(resolvconf_name(&r, "h.x", 0, name, 256), 0);
	assert_string_equal(name, "h.x.one.test");
	assert_int_equal(resolvconf_name(&r, "h.x", 1, name, 256), 0);
	assert_string_equal(name, "h.x.two.test");
	assert_int_equal(resolvconf_name(&r, "h.x", 2, name, 256), 0);
	assert_string_equal(name, "h.x");
	assert_int_equal(resolvconf_name(&r, "h.x", 3, name, 256), -1);
	assert_int_equal(resolvconf_name(&r, "h.x.y", 0, name, 256), 0);
	assert_string_equal(name, "h.x.y");
	assert_int_equal(resolvconf_name(&r, "h.x.y", 2, name, 256), 0);
	assert_string_equal(name, "h.x.y.two.test");
	/* a dot at the end means what it says */
	assert_int_equal(resolvconf_name(&r, "h.", 0, name, 256), 0);
	assert_string_equal(name, "h.");
	assert_int_equal(resolvconf_name(&r, "h.", 1, name, 256), -1);
	/* without a file the resolver is this host's */
	resolvconf_read(&r, path);
	assert_int_equal(r.nservers, 1);
	assert_int_equal(r.servers[0].addr.a[0], 127);
	assert_int_equal(r.ndots, 1);
	assert_int_equal(resolvconf_name(&r, "h", 0, name, 256), 0);
	assert_string_equal(name, "h");
}

static void
hosts(void **state)
{
	char		 path[] = "/tmp/test_dns.XXXXXX";
	struct ipaddr	 a[8];

	(void)state;
	write_file(path, "127.0.0.1 localhost\n10.0.0.1\tOne uno # one\n"
	    "10.0.0.2 one one\nfe80::1%lo one\nbad one\n"
	    "2001:db8::1 one.test\n\n   \n10.0.0.3 on%e\n");
	hosts_read(path);
	unlink(path);
	assert_int_equal(hosts_find("one", a, 8), 2);
	assert_int_equal(a[0].a[3], 1);
	assert_int_equal(a[1].a[3], 2);
	assert_int_equal(hosts_find("ONE", a, 1), 1);
	assert_int_equal(hosts_find("uno.", a, 8), 1);
	assert_int_equal(hosts_find("one.test", a, 8), 1);
	assert_int_equal(a[0].af, 6);
	assert_int_equal(hosts_find("on%e", a, 8), 0);
	assert_int_equal(hosts_find("", a, 8), 0);
	assert_int_equal(hosts_find("two", a, 8), 0);
}

/* ---- lists of names */

static char	 seen[512];

static void
see(const char *name, enum blocklist_what what)
{
	strlcat(seen, what == BLOCKLIST_DOMAIN ? "+" : what ==
	    BLOCKLIST_NAME ? "=" : "-", sizeof(seen));
	strlcat(seen, name, sizeof(seen));
}

static void
test_block_lines(void **state)
{
	static const struct {
		const char	*line;
		int		 n;
		const char	*want;
	} cases[] = {
		{ "", 0, "" },
		{ "# remark", 0, "" },
		{ "  ! of a browser", 0, "" },
		{ "[Adblock Plus]", 0, "" },
		{ "Ads.Example", 1, "+ads.example" },
		{ "ads.example.\r\n", 1, "+ads.example" },
		{ "ads.example   # why", 1, "+ads.example" },
		{ "*.ads.example", 1, "+ads.example" },
		{ "||ads.example^", 1, "+ads.example" },
		{ "||ads.example^$third-party", -1, "" },
		{ "||ads.example^*/x", -1, "" },
		{ "||ads.example^$important", 1, "+ads.example" },
		{ "||ads example^", -1, "" },
		{ "0.0.0.0 a.example", 1, "=a.example" },
		{ "127.0.0.1\ta.example  B.example", 2,
		    "=a.example=b.example" },
		{ "::1 localhost ip6.example", 1, "=ip6.example" },
		{ "0.0.0.0 bad..name a.example", 1, "=a.example" },
		{ "two words", -1, "" },
		{ "a..b", -1, "" },
		{ ".a", -1, "" },
		{ ".", -1, "" },
		{ "caf\xc3\xa9.example", -1, "" },
		{ "a_b-c.example", 1, "+a_b-c.example" },
		{ "@@||ok.example^", 1, "-ok.example" }
	};
	char	 line[600];
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strlcpy(line, cases[i].line, sizeof(line));
		seen[0] = '\0';
		assert_int_equal(blocklist_line(line, see), cases[i].n);
		assert_string_equal(seen, cases[i].want);
	}
	/* labels and names have a length */
	memset(line, 'a', sizeof(line));
	line[63] = '.';
	line[64] = 'b';
	line[65] = '\0';
	assert_int_equal(blocklist_line(line, see), 1);
	memset(line, 'a', 64);
	strlcpy(line + 64, ".b", sizeof(line) - 64);
	assert_int_equal(blocklist_line(line, see), -1);
	for (i = 0; i < 500; i++)
		line[i] = i % 2 ? '.' : 'a';
	line[500] = '\0';
	assert_int_equal(blocklist_line(line, see), -1);
}

static void
test_block_lookup(void **state)
{
	char	 path[] = "/tmp/wgslirpd-block.XXXXXX", line[64];
	int	 fd, i;

	(void)state;
	assert_false(blocklist_has("a.example"));
	blocklist_stage(BLOCK_DOMAIN, "ads.example");
	blocklist_stage(ALLOW_DOMAIN, "good.ads.example");
	fd = mkstemp(path);
	assert_int_not_equal(fd, -1);
	unlink(path);
	for (i = 0; i < 50000; i++) {
		snprintf(line, sizeof(line), "0.0.0.0 h%d.hosts.example\n", i);
		assert_int_equal(write(fd, line, strlen(line)),
		    (ssize_t)strlen(line));
	}
	/* the last line has no end */
	assert_int_equal(write(fd, "last.example", 12), 12);
	blocklist_file(dup(fd), 0, (uint64_t)lseek(fd, 0, SEEK_CUR));
	while (blocklist_load())
		/* what is not committed decides nothing */
		assert_false(blocklist_has("ads.example"));
	blocklist_commit();
	assert_int_equal(blocklist_size(), 50003);
	assert_true(blocklist_has("ads.example"));
	assert_true(blocklist_has("a.b.ads.example"));
	assert_false(blocklist_has("bads.example"));
	assert_false(blocklist_has("example"));
	assert_false(blocklist_has("good.ads.example"));
	assert_false(blocklist_has("x.good.ads.example"));
	assert_true(blocklist_has("last.example"));
	assert_true(blocklist_has("x.last.example"));
	for (i = 0; i < 50000; i += 7) {
		snprintf(line, sizeof(line), "h%d.hosts.example", i);
		assert_true(blocklist_has(line));
		snprintf(line, sizeof(line), "x.h%d.hosts.example", i);
		assert_false(blocklist_has(line));
	}
	assert_false(blocklist_has("h50000.hosts.example"));
	assert_false(blocklist_has(""));
	/* a list that became shorter changes nothing */
	blocklist_file(fd, 0, 5000000);
	assert_int_equal(ftruncate(fd, 100), 0);
	while (blocklist_load())
		continue;
	blocklist_commit();
	assert_int_equal(blocklist_size(), 50003);
	assert_true(blocklist_has("h7.hosts.example"));
	while (blocklist_load())
		continue;
	blocklist_commit();
	assert_int_equal(blocklist_size(), 0);
	assert_false(blocklist_has("ads.example"));
}

/* ---- IPv4 in the prefix of a translator */

/* RFC 6052 2.4 */
static void
test_nat64_addresses(void **state)
{
	static const struct {
		const char	*prefix;
		const char	*want;
	} cases[] = {
		{ "2001:db8::/32", "2001:db8:c000:221::" },
		{ "2001:db8:100::/40", "2001:db8:1c0:2:21::" },
		{ "2001:db8:122::/48", "2001:db8:122:c000:2:2100::" },
		{ "2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::" },
		{ "2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::" },
		{ "2001:db8:122:344::/96", "2001:db8:122:344::c000:221" },
		{ "64:ff9b::/96", "64:ff9b::c000:221" }
	};
	struct ipprefix	 p, found;
	struct ipaddr	 v4, v6, back, want, known;
	size_t		 i;

	(void)state;
	ipaddr_parse(&v4, "192.0.2.33");
	ipaddr_parse(&known, "192.0.0.171");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ipprefix_parse(&p, cases[i].prefix), 0);
		assert_int_equal(ipaddr_parse(&want, cases[i].want), 0);
		nat64map_to(&p, &v6, &v4);
		assert_int_equal(ipaddr_cmp(&v6, &want), 0);
		assert_int_equal(nat64map_from(&p, &back, &v6), 0);
		assert_int_equal(ipaddr_cmp(&back, &v4), 0);
		/* RFC 7050: found by where it puts a host that is known */
		nat64map_to(&p, &v6, &known);
		assert_int_equal(nat64map_find(&v6, &found), 0);
		assert_int_equal(found.len, p.len);
		assert_int_equal(ipaddr_cmp(&found.addr, &p.addr), 0);
		v6.a[0] ^= 1;
		assert_int_equal(nat64map_from(&p, &back, &v6), -1);
	}
	ipaddr_parse(&v6, "2001:db8::1");
	assert_int_equal(nat64map_find(&v6, &found), -1);
}

static void
test_nat64_errors(void **state)
{
	static const struct {
		uint8_t	 type, code, want_type, want_code;
	} cases[] = {
		{ 1, 0, 3, 1 }, { 1, 1, 3, 10 }, { 1, 3, 3, 1 },
		{ 1, 4, 3, 3 }, { 1, 200, 3, 1 }, { 3, 0, 11, 0 }
	};
	struct host_error	 e;
	struct ipprefix		 p;
	size_t			 i;

	(void)state;
	ipprefix_parse(&p, "64:ff9b::/96");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&e, 0, sizeof(e));
		e.icmp = 1;
		e.af = 6;
		e.type = cases[i].type;
		e.code = cases[i].code;
		ipaddr_parse(&e.dst, "64:ff9b::c000:221");
		ipaddr_parse(&e.offender, "2001:db8::1");
		nat64map_error(&p, &e);
		assert_int_equal(e.af, 4);
		assert_int_equal(e.type, cases[i].want_type);
		assert_int_equal(e.code, cases[i].want_code);
		assert_int_equal(e.dst.af, 4);
		assert_int_equal(e.dst.a[3], 33);
		/* a router that has no IPv4 address */
		assert_int_equal(e.offender.af, 4);
		assert_int_equal(e.offender.a[3], 8);
	}
	memset(&e, 0, sizeof(e));
	e.icmp = 1;
	e.af = 6;
	e.type = 2;
	e.info = 1480;
	nat64map_error(&p, &e);
	assert_int_equal(e.type, 3);
	assert_int_equal(e.code, 4);
	assert_int_equal(e.info, 1460);
}

/* An answer with aliases and names that lead to each other. */
static size_t
tangled(uint8_t *m)
{
	static const uint8_t	 alias[] = "\3cdn\7example\3net";
	static const uint8_t	 soa[] = "\2ns\300\014\4host\300\014"
				    "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"
				    "\0\0\0\5";
	struct dns_question	 q;
	uint8_t			 a[16] = { 0x20, 1, 0xd, 0xb8 };
	size_t			 n;

	assert_int_equal(dnsmsg_question("www.example.com", 28, &q), 0);
	n = dnsmsg_upstream(&q, 7, m, 2000) - 11;
	m[2] |= 0x80;
	m[7] = 2;
	m[9] = 1;
	m[11] = 2;
	n += put_rr(m + n, ns_t_cname, 300, alias, sizeof(alias));
	n += put_rr(m + n, ns_t_aaaa, 300, a, sizeof(a));
	n += put_rr(m + n, ns_t_soa, 60, soa, sizeof(soa) - 1);
	n += put_rr(m + n, ns_t_a, 60, a, 4);
	memset(m + n, 0, 11);
	ns_put16(ns_t_opt, m + n + 1);
	ns_put16(1232, m + n + 3);
	return (n + 11);
}

/* What is read of records and names is what libc reads. */
static void
same_records(const uint8_t *m, size_t n)
{
	struct dnsrr_walk	 w;
	struct dnsrr		 r;
	uint8_t			 name[DNSRR_NAME], theirs[DNSRR_NAME];
	ns_msg			 msg;
	ns_rr			 rr;
	int			 s, i, k, t;

	if (dnsrr_begin(&w, m, n) == -1)
		return;
	assert_int_equal(ns_initparse(m, (int)n, &msg), 0);
	for (s = 1; s <= 3; s++)
		for (i = 0; i < ns_msg_count(msg, (ns_sect)s); i++) {
			assert_int_equal(dnsrr_next(&w, &r), 1);
			assert_int_equal((int)r.section, s - 1);
			k = dnsrr_name(m, n, r.name, name);
			if (ns_parserr(&msg, (ns_sect)s, i, &rr) == -1) {
				assert_int_equal(k, -1);
				continue;
			}
			assert_int_equal(r.type, ns_rr_type(rr));
			assert_int_equal(r.class, ns_rr_class(rr));
			assert_int_equal(r.ttl, ns_rr_ttl(rr));
			assert_int_equal(r.len, ns_rr_rdlen(rr));
			assert_ptr_equal(m + r.data, ns_rr_rdata(rr));
			if (k == -1)
				continue;
			t = ns_name_unpack(m, m + n, m + r.name, theirs,
			    sizeof(theirs));
			assert_int_not_equal(t, -1);
			for (t = 0; t < k; t++)
				assert_int_equal(name[t], tolower(theirs[t]));
		}
	assert_int_equal(dnsrr_next(&w, &r), 0);
}

static void
records(void **state)
{
	static uint8_t	 m[2000], copy[2000];
	uint8_t		 name[DNSRR_NAME];
	char		 text[DNSRR_TEXT];
	uint32_t	 x = 12345;
	size_t		 n = tangled(m), i, k;
	int		 round;

	(void)state;
	same_records(m, n);
	assert_int_equal(dnsmsg_alias(m, n, 0, text, sizeof(text)), 0);
	assert_string_equal(text, "cdn.example.net");
	assert_int_equal(dnsmsg_alias(m, n, 1, text, sizeof(text)), -1);
	/* one that ends too early, or too late, is not whole */
	for (i = 0; i < n; i++) {
		struct dnsrr_walk	 w;

		assert_int_equal(dnsrr_begin(&w, m, i), -1);
	}
	for (round = 0; round < 200000; round++) {
		memcpy(copy, m, n);
		for (k = 0; k < 1 + (size_t)round % 3; k++) {
			x = x * 1664525 + 1013904223;
			copy[(x >> 8) % n] = (uint8_t)(round & 1 ? x >> 24 :
			    copy[(x >> 8) % n] + (x >> 31 ? 1U : 255U));
		}
		same_records(copy, n);
	}
	/* a pointer to itself, to what follows, and beyond the end */
	memcpy(copy, "\300\000\300\004\300\377\001a\300\006", 10);
	assert_int_equal(dnsrr_name(copy, 10, 0, name), -1);
	assert_int_equal(dnsrr_name(copy, 10, 2, name), -1);
	assert_int_equal(dnsrr_name(copy, 10, 4, name), -1);
	assert_int_equal(dnsrr_name(copy, 10, 6, name), -1);
	/* 255 bytes are a name, more are none */
	memset(copy, 'x', sizeof(copy));
	for (i = 0; i < 3 * 64; i += 64)
		copy[i] = 63;
	copy[192] = 61;
	copy[254] = 0;
	assert_int_equal(dnsrr_name(copy, 300, 0, name), 255);
	assert_int_equal(dnsrr_skip_name(copy, 300, 0), 255);
	copy[192] = 62;
	copy[255] = 0;
	assert_int_equal(dnsrr_name(copy, 300, 0, name), -1);
	assert_int_equal(dnsrr_skip_name(copy, 300, 0), 0);
	/* names as peers have them, and none */
	assert_int_equal(dnsrr_put_name("my-phone--old-.wg.", name), 19);
	assert_memory_equal(name, "\016my-phone--old-\2wg", 19);
	assert_int_equal(dnsrr_put_host("my-phone--old-.wg.", name), -1);
	assert_int_equal(dnsrr_put_host("phone.wg", name), 10);
	assert_int_equal(dnsrr_put_name("", name), -1);
	assert_int_equal(dnsrr_put_name(".", name), -1);
	assert_int_equal(dnsrr_put_name("a..b", name), -1);
	memset(text, 'a', 64);
	text[64] = '\0';
	assert_int_equal(dnsrr_put_name(text, name), -1);
	assert_int_equal(dnsrr_put_name(text + 1, name), 65);
	/* what is no letter is told by its number */
	memcpy(copy, "\4a.\0\\\2b_", 9);
	assert_int_equal(dnsrr_name(copy, 9, 0, name), 9);
	assert_int_equal(dnsrr_text(name, text, sizeof(text)), 0);
	assert_string_equal(text, "a\\046\\000\\092.b_");
	assert_int_equal(dnsrr_text(name, text, 16), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_nat64_addresses),
		cmocka_unit_test(test_nat64_errors),
		cmocka_unit_test(test_block_lines),
		cmocka_unit_test(test_block_lookup),
		cmocka_unit_test(questions),
		cmocka_unit_test(checks),
		cmocka_unit_test(answers),
		cmocka_unit_test(host_names),
		cmocka_unit_test(aliases),
		cmocka_unit_test(records),
		cmocka_unit_test(resolv_conf),
		cmocka_unit_test(hosts),
		cmocka_unit_test(junk)
	};

	return (RUN(tests));
}
