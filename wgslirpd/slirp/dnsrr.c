/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <ctype.h>
#include <string.h>

#include "addr.h"
#include "dnsrr.h"

#define HDR		12	/* of a message */
#define FIXED		10	/* of a record, behind its name */
#define POINTER		0xc0	/* a label that is elsewhere */

unsigned int
dnsrr_count(const uint8_t *msg, enum dnsrr_section s)
{
	return (dns_u16(msg + 6 + 2 * (int)s));
}

size_t
dnsrr_skip_name(const uint8_t *msg, size_t len, size_t off)
{
	size_t	 at = off;

	for (; at < len && at - off < DNSRR_NAME; at += 1U + msg[at]) {
		if (msg[at] == 0)
			return (at + 1 - off);
		if ((msg[at] & POINTER) == POINTER)
			return (at + 2 <= len ? at + 2 - off : 0);
		if (msg[at] > DNSRR_LABEL)
			return (0);
	}
	return (0);
}

/* Where the record's data is; 0 if it is not within the message. */
static size_t
data_of(const uint8_t *msg, size_t len, size_t at)
{
	size_t	 n = dnsrr_skip_name(msg, len, at);

	if (n == 0 || len - at < n + FIXED ||
	    len - at - n - FIXED < dns_u16(msg + at + n + 8))
		return (0);
	return (at + n + FIXED);
}

int
dnsrr_begin(struct dnsrr_walk *w, const uint8_t *msg, size_t len)
{
	size_t		 at = HDR, n, data;
	unsigned int	 i, total;
	int		 s;

	if (len < HDR)
		return (-1);
	for (i = dns_u16(msg + 4); i > 0; i--) {
		n = dnsrr_skip_name(msg, len, at);
		if (n == 0 || len - at < n + 4)
			return (-1);
		at += n + 4;
	}
	w->msg = msg;
	w->len = len;
	w->at = at;
	w->section = DNSRR_ANSWER;
	w->left = dnsrr_count(msg, DNSRR_ANSWER);
	for (s = 0, total = 0; s < DNSRR_SECTIONS; s++)
		total += dnsrr_count(msg, (enum dnsrr_section)s);
	for (i = 0; i < total; i++) {
		if ((data = data_of(msg, len, at)) == 0)
			return (-1);
		at = data + dns_u16(msg + data - 2);
	}
	return (at == len ? 0 : -1);
}

int
dnsrr_next(struct dnsrr_walk *w, struct dnsrr *r)
{
	const uint8_t	*p;

	while (w->left == 0) {
		if (w->section == DNSRR_ADDITIONAL)
			return (0);
		w->section++;
		w->left = dnsrr_count(w->msg, w->section);
	}
	if ((r->data = data_of(w->msg, w->len, w->at)) == 0)
		return (0);
	p = w->msg + r->data - FIXED;
	r->section = w->section;
	r->left = w->left--;
	r->name = w->at;
	r->type = dns_u16(p);
	r->class = dns_u16(p + 2);
	r->ttl = dns_u32(p + 4);
	r->len = dns_u16(p + 8);
	w->at = r->data + r->len;
	return (1);
}

int
dnsrr_name(const uint8_t *msg, size_t len, size_t off,
    uint8_t out[DNSRR_NAME])
{
	size_t	 n = 0, end = off, to, i;

	/* a pointer leads to before where it was come from */
	while (off < len) {
		if ((msg[off] & POINTER) == POINTER) {
			if (off + 2 > len)
				return (-1);
			to = dns_u16(msg + off) & 0x3fff;
			if (to >= end)
				return (-1);
			off = end = to;
			continue;
		}
		if (msg[off] > DNSRR_LABEL || off + 1U + msg[off] > len ||
		    n + 1U + msg[off] > DNSRR_NAME)
			return (-1);
		out[n] = msg[off];
		for (i = 1; i <= msg[off]; i++)
			out[n + i] = (uint8_t)tolower(msg[off + i]);
		if (msg[off] == 0)
			return ((int)n + 1);
		n += 1U + msg[off];
		off += 1U + msg[off];
	}
	return (-1);
}

int
dnsrr_text(const uint8_t *name, char *buf, size_t room)
{
	const uint8_t	*p;
	size_t		 o = 0;
	int		 i;

	for (p = name; *p != 0; p += 1 + *p) {
		if (p != name && o < room)
			buf[o++] = '.';
		for (i = 1; i <= *p; i++) {
			if (room - o < 5)
				return (-1);
			if (isalnum(p[i]) || p[i] == '-' || p[i] == '_') {
				buf[o++] = (char)p[i];
				continue;
			}
			buf[o++] = '\\';
			buf[o++] = (char)('0' + p[i] / 100);
			buf[o++] = (char)('0' + p[i] / 10 % 10);
			buf[o++] = (char)('0' + p[i] % 10);
		}
	}
	if (o >= room)
		return (-1);
	buf[o] = '\0';
	return (0);
}

int
dnsrr_put_name(const char *text, uint8_t out[DNSRR_NAME])
{
	size_t	 i, k, n = strlen(text);

	if (n > 0 && text[n - 1] == '.')
		n--;
	if (n == 0 || n + 2 > DNSRR_NAME)
		return (-1);
	for (i = 0; i <= n; i = k + 1) {
		for (k = i; k < n && text[k] != '.'; k++)
			out[k + 1] = (uint8_t)text[k];
		if (k == i || k - i > DNSRR_LABEL)
			return (-1);
		out[i] = (uint8_t)(k - i);
	}
	out[n + 1] = 0;
	return ((int)n + 2);
}

int
dnsrr_put_host(const char *host, uint8_t out[DNSRR_NAME])
{
	return (host_name_ok(host) ? dnsrr_put_name(host, out) : -1);
}
