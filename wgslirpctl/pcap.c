/* SPDX-License-Identifier: ISC */

/*
 * Packets as pcapng (draft-ietf-opsawg-pcapng): raw IP, times in nanoseconds,
 * with the peer's name in a comment and the direction.
 */

#include <sys/types.h>

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "pcap.h"

#define LINKTYPE_RAW	101
#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE	1
#define BLOCK_PACKET	6
#define OPT_COMMENT	1
#define OPT_FLAGS	2
#define OPT_DROPCOUNT	4
#define OPT_TSRESOL	9
#define NANOSECONDS	9

static void
put(const void *p, size_t len)
{
	if (fwrite(p, 1, len, stdout) != len)
		err(1, "standard output");
}

static void
put32(uint32_t v)
{
	put(&v, sizeof(v));
}

static size_t
padded(size_t len)
{
	return ((len + 3) & ~(size_t)3);
}

static void
put_padded(const void *p, size_t len)
{
	static const uint8_t	 zero[4];

	put(p, len);
	put(zero, padded(len) - len);
}

static void
put_option(uint16_t code, const void *p, size_t len)
{
	uint16_t	 head[2] = { code, (uint16_t)len };

	put(head, sizeof(head));
	put_padded(p, len);
}

/* In this host's byte order, which the magic number tells. */
static void
put_start(void)
{
	static const uint8_t	 resolution = NANOSECONDS;
	uint16_t		 version[2] = { 1, 0 }, link[2] = {
				    LINKTYPE_RAW, 0 };
	uint64_t		 any = UINT64_MAX;

	put32(BLOCK_SECTION);
	put32(28);
	put32(0x1a2b3c4d);
	put(version, sizeof(version));
	put(&any, sizeof(any));
	put32(28);
	put32(BLOCK_INTERFACE);
	put32(32);
	put(link, sizeof(link));
	put32(CTL_SNAPLEN);
	put_option(OPT_TSRESOL, &resolution, 1);
	put_option(0, "", 0);
	put32(32);
}

static void
put_packet(const struct ctl_packet *p)
{
	char		 peer[CTL_NAME_LEN + 8];
	uint32_t	 len, flags = p->out ? 2 : 1;
	uint64_t	 lost = p->lost;
	size_t		 n;

	n = (size_t)snprintf(peer, sizeof(peer), "peer %s", p->peer);
	len = (uint32_t)(32 + padded(p->len) + 4 + padded(n) + 8 +
	    (lost > 0 ? 12 : 0) + 4);
	put32(BLOCK_PACKET);
	put32(len);
	put32(0);
	put32((uint32_t)(p->when >> 32));
	put32((uint32_t)p->when);
	put32(p->len);
	put32(p->len);
	put_padded(p->data, p->len);
	put_option(OPT_COMMENT, peer, n);
	put_option(OPT_FLAGS, &flags, sizeof(flags));
	if (lost > 0)
		put_option(OPT_DROPCOUNT, &lost, sizeof(lost));
	put_option(0, "", 0);
	put32(len);
}

static int
take(uint32_t type, struct imsg *imsg, void *arg)
{
	static struct ctl_packet	 p;

	(void)arg;
	if (type != CTL_PACKET)
		return (0);
	conn_get(imsg, &p, sizeof(p));
	p.peer[sizeof(p.peer) - 1] = '\0';
	if (p.len > sizeof(p.data))
		errx(1, "the daemon is of another version");
	put_packet(&p);
	/* whoever looks wants it now */
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	return (0);
}

void
pcap_stream(const char *peer)
{
	if (isatty(STDOUT_FILENO))
		errx(1, "packets are no text: send them to a file, or to "
		    "tcpdump -r -");
	put_start();
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	conn_must(CTL_PCAP, 0, peer, take, NULL);
}
