/* SPDX-License-Identifier: ISC */

/*
 * Reassembly of guests' fragments (RFC 791, 8200 4.5, 5722).
 *
 * Each datagram has one buffer that grows to where its fragments end, and
 * a sorted array of the ranges that it has.  A fragment that overlaps
 * another one drops the whole datagram; one that came before is ignored.
 * Everything is bounded: ranges of a datagram, datagrams and bytes of a
 * peer, bytes of all.  Where a peer has no more room, its oldest datagram
 * goes; one that does not complete in time goes, and the guest is told.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "cksum.h"
#include "error.h"
#include "frag.h"
#include "out.h"

#define IP4_MF		0x2000
#define MAX_RANGES	64
#define PEER_DGRAMS	64
#define PEER_BYTES	(1024 * 1024)
#define ALL_BYTES	(32 * 1024 * 1024)
#define TIMEOUT4	MONO_SEC(30)
#define TIMEOUT6	MONO_SEC(60)
#define HEADROOM	40		/* for a header of either family */
#define GRAIN		4096

struct range {
	uint32_t	 start;
	uint32_t	 end;
};

struct dgram {
	TAILQ_ENTRY(dgram)	 entry;
	TAILQ_ENTRY(dgram)	 peer_entry;
	struct slirp_peer	*peer;
	struct ipaddr		 src;
	struct ipaddr		 dst;
	mono_t			 expires;
	uint8_t			*buf;
	size_t			 size;
	size_t			 total;		/* 0: not known yet */
	uint32_t		 id;
	int			 nranges;
	uint8_t			 proto;
	uint8_t			 first;		/* it has offset 0 */
	uint8_t			 tos;
	uint8_t			 ttl;
	struct range		 range[MAX_RANGES];
};
TAILQ_HEAD(dgrams, dgram);

struct frag_table {
	struct dgrams	 all;		/* oldest first */
	uint64_t	 bytes;
};

int
frag_init(struct slirp *s)
{
	if ((s->frags = calloc(1, sizeof(*s->frags))) == NULL)
		return (-1);
	TAILQ_INIT(&s->frags->all);
	return (0);
}

static void
dgram_unlink(struct slirp *s, struct dgram *d)
{
	TAILQ_REMOVE(&s->frags->all, d, entry);
	TAILQ_REMOVE(&d->peer->frags, d, peer_entry);
	s->frags->bytes -= d->size;
	d->peer->fragbytes -= d->size;
	d->peer->nfrags--;
}

static void
dgram_free(struct slirp *s, struct dgram *d)
{
	dgram_unlink(s, d);
	free(d->buf);
	free(d);
}

void
frag_free(struct slirp *s)
{
	struct dgram	*d;

	if (s->frags == NULL)
		return;
	while ((d = TAILQ_FIRST(&s->frags->all)) != NULL)
		dgram_free(s, d);
	free(s->frags);
	s->frags = NULL;
}

/*
 * Its fragments did not come in time: say so, quoting the first one, if that
 * is there (RFC 792, RFC 4443 3.3).
 */
static void
tell_expired(struct slirp *s, const struct dgram *d)
{
	size_t		 hlen = ip_hdr_len(&d->src);
	uint8_t		*start = d->buf + HEADROOM - hlen;
	struct ippkt	 p;

	if (!d->first)
		return;
	memset(&p, 0, sizeof(p));
	p.len = hlen + d->range[0].end;
	out_header(s, NULL, start, &d->src, &d->dst, d->proto,
	    d->range[0].end, d->tos, IP4_MF);
	if (d->src.af == 4)
		out_quote_id(start, (uint16_t)d->id);
	p.data = start;
	p.hdrlen = p.len < sizeof(p.hdr) ? p.len : sizeof(p.hdr);
	memcpy(p.hdr, start, p.hdrlen);
	p.peer = d->peer;
	p.src = d->src;
	p.dst = d->dst;
	p.l4 = hlen;
	p.l4len = d->range[0].end;
	p.proto = d->proto;
	error_unreach(s, &p, d->src.af == 4 ? ICMP4_TIMXCEED :
	    ICMP6_TIMXCEED, 1, 0);
}

/* Drop what is too old.  Returns whether anything is left. */
int
frag_expire(struct slirp *s)
{
	struct dgram	*d, *next;

	TAILQ_FOREACH_SAFE(d, &s->frags->all, entry, next) {
		if (d->expires <= s->now) {
			s->count.frag_drop++;
			tell_expired(s, d);
			dgram_free(s, d);
		}
	}
	return (!TAILQ_EMPTY(&s->frags->all));
}

void
frag_drop_peer(struct slirp *s, struct slirp_peer *peer)
{
	struct dgram	*d;

	while ((d = TAILQ_FIRST(&peer->frags)) != NULL)
		dgram_free(s, d);
}

/* The peer's oldest datagram but this one makes room.  -1: there is none. */
static int
make_room(struct slirp *s, struct slirp_peer *peer, const struct dgram *but)
{
	struct dgram	*d = TAILQ_FIRST(&peer->frags);

	if (d != NULL && d == but)
		d = TAILQ_NEXT(d, peer_entry);
	if (d == NULL)
		return (-1);
	s->count.frag_drop++;
	dgram_free(s, d);
	return (0);
}

static struct dgram *
dgram_get(struct slirp *s, const struct ippkt *p, uint32_t id)
{
	struct dgram	*d;

	TAILQ_FOREACH(d, &p->peer->frags, peer_entry)
		if (d->id == id &&
		    (p->src.af == 6 || d->proto == p->proto) &&
		    ipaddr_cmp(&d->src, &p->src) == 0 &&
		    ipaddr_cmp(&d->dst, &p->dst) == 0)
			return (d);
	if (p->peer->nfrags >= PEER_DGRAMS)
		(void)make_room(s, p->peer, NULL);
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->peer = p->peer;
	d->src = p->src;
	d->dst = p->dst;
	d->id = id;
	d->proto = p->proto;
	d->expires = s->now + (p->src.af == 4 ? TIMEOUT4 : TIMEOUT6);
	p->peer->nfrags++;
	TAILQ_INSERT_TAIL(&s->frags->all, d, entry);
	TAILQ_INSERT_TAIL(&p->peer->frags, d, peer_entry);
	slirp_house(s);
	return (d);
}

/* Make room up to end.  -1 if a budget does not allow it. */
static int
dgram_room(struct slirp *s, struct dgram *d, size_t end)
{
	size_t	 size = (HEADROOM + end + GRAIN - 1) / GRAIN * GRAIN;
	uint8_t	*buf;

	if (size <= d->size)
		return (0);
	/* a peer gets no more than is left for the others */
	while (d->peer->fragbytes + size - d->size > PEER_BYTES ||
	    d->peer->fragbytes + s->frags->bytes + size - d->size > ALL_BYTES)
		if (make_room(s, d->peer, d) == -1)
			return (-1);
	if ((buf = realloc(d->buf, size)) == NULL)
		return (-1);
	d->buf = buf;
	d->peer->fragbytes += size - d->size;
	s->frags->bytes += size - d->size;
	d->size = size;
	return (0);
}

/*
 * Enter a range.  Returns 1 if it is new, 0 if it is there already, -1 if
 * it overlaps or is one too many.
 */
static int
range_add(struct dgram *d, uint32_t start, uint32_t end)
{
	int	 i;

	for (i = 0; i < d->nranges; i++) {
		if (d->range[i].start == start && d->range[i].end == end)
			return (0);
		if (start < d->range[i].end && d->range[i].start < end)
			return (-1);
		if (d->range[i].start >= end)
			break;
	}
	if (d->nranges == MAX_RANGES)
		return (-1);
	memmove(&d->range[i + 1], &d->range[i],
	    (size_t)(d->nranges - i) * sizeof(d->range[0]));
	d->range[i].start = start;
	d->range[i].end = end;
	d->nranges++;
	return (1);
}

static int
complete(const struct dgram *d)
{
	uint32_t	 at = 0;
	int		 i;

	if (d->total == 0 || !d->first)
		return (0);
	for (i = 0; i < d->nranges; i++) {
		if (d->range[i].start != at)
			return (0);
		at = d->range[i].end;
	}
	return (at == d->total);
}

/* All of it is there: as if it had come in one piece. */
static void
assemble(struct slirp *s, struct dgram *d, struct ippkt *p)
{
	size_t		 hlen = ip_hdr_len(&d->src);
	uint8_t		*start = d->buf + HEADROOM - hlen;

	memset(p, 0, sizeof(*p));
	out_header(s, NULL, start, &d->src, &d->dst, d->proto, d->total,
	    d->tos, 0);
	p->data = start;
	p->len = hlen + d->total;
	p->hdrlen = p->len < sizeof(p->hdr) ? p->len : sizeof(p->hdr);
	memcpy(p->hdr, start, p->hdrlen);
	p->peer = d->peer;
	p->src = d->src;
	p->dst = d->dst;
	p->time = s->now;
	p->l4 = hlen;
	p->l4len = d->total;
	p->proto = d->proto;
	p->ttl = d->ttl;
	p->tos = d->tos;
	p->frag = d;
	s->count.frag_reassembled++;
}

/*
 * A fragment: len bytes at pos of the packet belong at off of datagram
 * id; more: it is not the last one.  Returns 1 if that completes it: then
 * whole is all of it, until frag_done().
 */
int
frag_input(struct slirp *s, const struct ippkt *p, uint32_t id, size_t off,
    int more, size_t pos, size_t len, struct ippkt *whole)
{
	struct dgram	*d;
	size_t		 end = off + len;
	int		 r;

	s->count.frag_rx++;
	if (len == 0 || (more && len % 8 != 0) ||
	    end + ip_hdr_len(&p->src) > DGRAM_MAX ||
	    (d = dgram_get(s, p, id)) == NULL) {
		s->count.frag_drop++;
		return (0);
	}
	if ((d->total != 0 && (end > d->total ||
	    (!more && end != d->total))) ||
	    (r = range_add(d, (uint32_t)off, (uint32_t)end)) == -1)
		goto drop;
	if (r == 0)
		return (0);
	if (!more) {
		if (d->range[d->nranges - 1].end > end)
			goto drop;
		d->total = end;
	}
	if (dgram_room(s, d, end) == -1)
		goto drop;
	memcpy(d->buf + HEADROOM + off, p->data + pos, len);
	if (off == 0) {
		d->first = 1;
		d->proto = p->proto;
		d->tos = p->tos;
		d->ttl = p->ttl;
	}
	if (complete(d)) {
		/* what is delivered must not find it again */
		dgram_unlink(s, d);
		assemble(s, d, whole);
		return (1);
	}
	return (0);
 drop:
	s->count.frag_drop++;
	dgram_free(s, d);
	return (0);
}

/* What was put together has been dealt with. */
void
frag_done(struct ippkt *whole)
{
	struct dgram	*d = whole->frag;

	free(d->buf);
	free(d);
}
