/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <netinet/in.h>

#include <string.h>

#include "bytes.h"
#include "cksum.h"
#include "parse.h"

static int
parse_options(struct tcp_in *in, const uint8_t *o, size_t n)
{
	size_t	 i, len;
	int	 k;

	for (i = 0; i < n; i += len) {
		if (o[i] == 0)
			break;
		if (o[i] == 1) {
			len = 1;
			continue;
		}
		if (n - i < 2 || (len = o[i + 1]) < 2 || len > n - i)
			return (-1);
		switch (o[i]) {
		case 2:
			if (len == 4) {
				in->has_mss = 1;
				in->mss = be16(o + i + 2);
			}
			break;
		case 3:
			if (len == 3) {
				in->has_ws = 1;
				in->ws = o[i + 2] > 14 ? 14 : o[i + 2];
			}
			break;
		case 4:
			if (len == 2)
				in->has_sackok = 1;
			break;
		case 5:
			for (k = 0; k < TCP_SACK_BLOCKS &&
			    len >= (size_t)(10 + 8 * k); k++) {
				in->sack[k].start = be32(o + i + 2 + 8 * k);
				in->sack[k].end = be32(o + i + 6 + 8 * k);
				in->nsack = k + 1;
			}
			break;
		case 8:
			if (len == 10) {
				in->has_ts = 1;
				in->tsval = be32(o + i + 2);
				in->tsecr = be32(o + i + 6);
			}
			break;
		}
	}
	return (0);
}

int
tcp_parse(struct slirp *s, struct ippkt *p, struct tcp_in *in)
{
	const uint8_t	*h;
	size_t		 hlen;

	memset(in, 0, sizeof(*in));
	in->p = p;
	if ((h = pkt_get(p, p->l4, TCP_HDR)) == NULL ||
	    (hlen = (size_t)(h[12] >> 4) * 4) < TCP_HDR ||
	    hlen > p->l4len || (h = pkt_get(p, p->l4, hlen)) == NULL) {
		s->count.ip_drop_malformed++;
		return (-1);
	}
	if (cksum_fold(cksum_add(p->data + p->l4, p->l4len,
	    cksum_pseudo(&p->src, &p->dst, IPPROTO_TCP, p->l4len))) != 0) {
		s->count.ip_drop_checksum++;
		return (-1);
	}
	in->sport = be16(h);
	in->dport = be16(h + 2);
	in->seq = be32(h + 4);
	in->ack = be32(h + 8);
	in->flags = h[13];
	in->wnd = be16(h + 14);
	in->data = p->data + p->l4 + hlen;
	in->len = (uint32_t)(p->l4len - hlen);
	if (in->sport == 0 || in->dport == 0 ||
	    parse_options(in, h + TCP_HDR, hlen - TCP_HDR) == -1) {
		s->count.ip_drop_malformed++;
		return (-1);
	}
	return (0);
}
