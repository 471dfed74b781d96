/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "key.h"

/* Numeric address of either family.  Returns 0, or -1 if it is none. */
int
ipaddr_parse(struct ipaddr *ip, const char *s)
{
	memset(ip, 0, sizeof(*ip));
	if (inet_pton(AF_INET, s, ip->a) == 1) {
		ip->af = 4;
		return (0);
	}
	if (inet_pton(AF_INET6, s, ip->a) == 1) {
		ip->af = 6;
		return (0);
	}
	return (-1);
}

/*
 * Is it a host name as DNS can have it (RFC 1123 2.1, with the underscore that
 * people use)?  Labels of letters, digits, hyphens and underscores, of 63
 * bytes at most; 253 together, and a dot at the end if one likes.  A last
 * label that is a number would be somebody's way to write an address.
 */
int
host_name_ok(const char *s)
{
	static const char	 chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t			 n, total = strlen(s);

	if (total > 0 && s[total - 1] == '.')
		total--;
	if (total == 0 || total > 253)
		return (0);
	for (;;) {
		n = strspn(s, chars);
		if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
			return (0);
		if (n == total)
			break;
		if (s[n] != '.')
			return (0);
		s += n + 1;
		total -= n + 1;
	}
	if (strspn(s, "0123456789") == n)
		return (0);
	return (s[0] != '0' || (s[1] != 'x' && s[1] != 'X') ||
	    strspn(s + 2, "0123456789abcdefABCDEF") != n - 2);
}

int
ipaddr_cmp(const struct ipaddr *a, const struct ipaddr *b)
{
	if (a->af != b->af)
		return (a->af < b->af ? -1 : 1);
	return (memcmp(a->a, b->a, sizeof(a->a)));
}

const char *
ipaddr_str(const struct ipaddr *ip, char *buf, size_t len)
{
	if (ip->af == 0 || inet_ntop(ip->af == 4 ? AF_INET : AF_INET6, ip->a,
	    buf, len) == NULL)
		strlcpy(buf, "-", len);
	return (buf);
}

void
ipaddr_from4(struct ipaddr *ip, const void *p)
{
	memset(ip, 0, sizeof(*ip));
	ip->af = 4;
	memcpy(ip->a, p, 4);
}

void
ipaddr_from6(struct ipaddr *ip, const void *p)
{
	memset(ip, 0, sizeof(*ip));
	ip->af = 6;
	memcpy(ip->a, p, 16);
}

/* Returns -1 if the socket address is of neither IP family. */
int
ipaddr_from_sa(struct ipaddr *ip, const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET) {
		ipaddr_from4(ip,
		    &((const struct sockaddr_in *)sa)->sin_addr);
		return (0);
	}
	if (sa->sa_family == AF_INET6) {
		ipaddr_from6(ip,
		    &((const struct sockaddr_in6 *)sa)->sin6_addr);
		return (0);
	}
	memset(ip, 0, sizeof(*ip));
	return (-1);
}

/*
 * "address/length", or a bare address for a host prefix.  Host bits are
 * kept; ipprefix_mask() clears them.  Returns 0, or -1 if malformed.
 */
int
ipprefix_parse(struct ipprefix *p, const char *s)
{
	char		 buf[INET6_ADDRSTRLEN + 8];
	const char	*errstr;
	char		*slash;

	memset(p, 0, sizeof(*p));
	if (strlcpy(buf, s, sizeof(buf)) >= sizeof(buf))
		return (-1);
	if ((slash = strchr(buf, '/')) != NULL)
		*slash++ = '\0';
	if (ipaddr_parse(&p->addr, buf) == -1)
		return (-1);
	p->len = ipaddr_bits(&p->addr);
	if (slash != NULL) {
		if (*slash < '0' || *slash > '9')
			return (-1);
		p->len = strtonum(slash, 0, p->len, &errstr);
		if (errstr != NULL)
			return (-1);
	}
	return (0);
}

void
ipprefix_mask(struct ipprefix *p)
{
	int	 i, bits = p->len;

	for (i = 0; i < 16; i++) {
		if (bits >= 8)
			bits -= 8;
		else {
			p->addr.a[i] &= bits == 0 ? 0 : 0xff << (8 - bits);
			bits = 0;
		}
	}
}

int
ipprefix_match(const struct ipprefix *p, const struct ipaddr *ip)
{
	int	 n = p->len / 8, r = p->len % 8;

	if (p->addr.af != ip->af || memcmp(p->addr.a, ip->a, n) != 0)
		return (0);
	return (r == 0 ||
	    ((p->addr.a[n] ^ ip->a[n]) & (0xff << (8 - r)) & 0xff) == 0);
}

const char *
ipprefix_str(const struct ipprefix *p, char *buf, size_t len)
{
	char	 tmp[INET6_ADDRSTRLEN];

	snprintf(buf, len, "%s/%d", ipaddr_str(&p->addr, tmp, sizeof(tmp)),
	    p->len);
	return (buf);
}

/* "ip:port" or "[ip6]:port"; port in host order. */
const char *
ipport_str(const struct ipaddr *ip, uint16_t port, char *buf, size_t len)
{
	char	 tmp[INET6_ADDRSTRLEN];

	snprintf(buf, len, ip->af == 6 ? "[%s]:%u" : "%s:%u",
	    ipaddr_str(ip, tmp, sizeof(tmp)), port);
	return (buf);
}

/* Returns the length of the socket address; port in host order. */
socklen_t
sa_make(struct sockaddr_storage *ss, const struct ipaddr *ip, uint16_t port)
{
	struct sockaddr_in	*sin = (struct sockaddr_in *)ss;
	struct sockaddr_in6	*sin6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (ip->af == 4) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, ip->a, 4);
		return (sizeof(*sin));
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	memcpy(&sin6->sin6_addr, ip->a, 16);
	return (sizeof(*sin6));
}

socklen_t
sa_make_relay(struct sockaddr_storage *ss, const uint8_t key[32])
{
	struct sockaddr_relay	*r = (struct sockaddr_relay *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = AF_RELAY;
	memcpy(r->key, key, sizeof(r->key));
	return (sizeof(*r));
}

/* The key of an address of that family. */
const uint8_t *
sa_relay(const struct sockaddr *sa)
{
	return (((const struct sockaddr_relay *)sa)->key);
}

/* The interface of a link-local address; IPv4 has none. */
void
sa_set_scope(struct sockaddr_storage *ss, uint32_t scope)
{
	if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_scope_id = scope;
}

uint16_t
sa_port(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return (ntohs(((const struct sockaddr_in *)sa)->sin_port));
	if (sa->sa_family == AF_INET6)
		return (ntohs(((const struct sockaddr_in6 *)sa)->sin6_port));
	return (0);
}

int
sa_equal(const struct sockaddr *a, const struct sockaddr *b)
{
	const struct sockaddr_in	*a4, *b4;
	const struct sockaddr_in6	*a6, *b6;

	if (a->sa_family != b->sa_family)
		return (0);
	if (a->sa_family == AF_INET) {
		a4 = (const struct sockaddr_in *)a;
		b4 = (const struct sockaddr_in *)b;
		return (a4->sin_port == b4->sin_port &&
		    a4->sin_addr.s_addr == b4->sin_addr.s_addr);
	}
	if (a->sa_family == AF_INET6) {
		a6 = (const struct sockaddr_in6 *)a;
		b6 = (const struct sockaddr_in6 *)b;
		return (a6->sin6_port == b6->sin6_port &&
		    a6->sin6_scope_id == b6->sin6_scope_id &&
		    memcmp(&a6->sin6_addr, &b6->sin6_addr, 16) == 0);
	}
	if (a->sa_family == AF_RELAY)
		return (memcmp(sa_relay(a), sa_relay(b), 32) == 0);
	return (1);
}

/*
 * "ip:port" or "[ip6]:port", with %scope where there is one; who is at a relay
 * is "nodekey:" and the key.
 */
const char *
sa_str(const struct sockaddr *sa, char *buf, size_t len)
{
	const struct sockaddr_in6	*sin6;
	struct ipaddr			 ip;
	char				 tmp[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_RELAY && len >= NODE_STRLEN) {
		key_to_node(buf, NODE_PUBLIC, sa_relay(sa));
		return (buf);
	}
	if (ipaddr_from_sa(&ip, sa) == -1) {
		strlcpy(buf, "", len);
		return (buf);
	}
	sin6 = (const struct sockaddr_in6 *)sa;
	if (ip.af == 6 && sin6->sin6_scope_id != 0)
		snprintf(buf, len, "[%s%%%u]:%u",
		    ipaddr_str(&ip, tmp, sizeof(tmp)), sin6->sin6_scope_id,
		    sa_port(sa));
	else
		ipport_str(&ip, sa_port(sa), buf, len);
	return (buf);
}

/* A decimal port, 1 to 65535.  Returns 0, or -1 if it is none. */
int
port_parse(const char *s, uint16_t *port)
{
	const char	*errstr;

	if (*s < '0' || *s > '9')
		return (-1);
	*port = strtonum(s, 1, UINT16_MAX, &errstr);
	return (errstr == NULL ? 0 : -1);
}
