/* SPDX-License-Identifier: ISC */

/*
 * Guests' packets in a file, as tcpdump(1) writes them: the first pcap format,
 * raw IP.  They are gathered and written a second later at the latest, so that
 * a burst costs few system calls; a file that is full, or cannot be written,
 * is closed.
 */

#include <sys/types.h>

#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "log.h"
#include "proc.h"

#define PCAP_MAGIC	0xa1b2c3d4	/* microseconds */
#define PCAP_MAJOR	2
#define PCAP_MINOR	4
#define PCAP_SNAPLEN	65535
#define LINKTYPE_RAW	101
#define BUFFER_LEN	65536

struct file_header {
	uint32_t	 magic;
	uint16_t	 major;
	uint16_t	 minor;
	uint32_t	 zone;
	uint32_t	 figures;
	uint32_t	 snaplen;
	uint32_t	 linktype;
};

struct packet_header {
	uint32_t	 seconds;
	uint32_t	 micros;
	uint32_t	 captured;
	uint32_t	 len;
};

static struct {
	int		 fd;
	struct event	*timer;
	char		 peer[CTL_NAME_LEN];
	uint64_t	 max;
	uint64_t	 size;		/* with what is in the buffer */
	uint64_t	 lost;
	size_t		 used;
	uint8_t		 buf[BUFFER_LEN];
} ca = { .fd = -1 };

static void
stop(void)
{
	close(ca.fd);
	ca.fd = -1;
	event_del(ca.timer);
}

static void
flush(void)
{
	size_t	 done = 0;
	ssize_t	 n;

	for (; done < ca.used; done += (size_t)n)
		if ((n = write(ca.fd, ca.buf + done, ca.used - done)) <= 0) {
			log_warn("pcap file: no more is written");
			stop();
			break;
		}
	ca.used = 0;
	if (ca.lost > 0) {
		log_warnx("pcap file: %llu packets are missing, they came too "
		    "fast", (unsigned long long)ca.lost);
		ca.lost = 0;
	}
}

static void
due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	flush();
}

static void
put(const void *p, size_t len)
{
	static const struct timeval	 soon = { 1, 0 };

	if (ca.used == 0)
		event_add(ca.timer, &soon);
	memcpy(ca.buf + ca.used, p, len);
	ca.used += len;
	ca.size += len;
}

void
capture_file(int fd)
{
	static const struct file_header	 h = { PCAP_MAGIC, PCAP_MAJOR,
				    PCAP_MINOR, 0, 0, PCAP_SNAPLEN,
				    LINKTYPE_RAW };

	ca.fd = fd;
	if ((ca.timer = evtimer_new(evbase, due, NULL)) == NULL)
		fatal(NULL);
	put(&h, sizeof(h));
	flush();
}

void
capture_set(const char *peer, uint64_t max)
{
	strlcpy(ca.peer, peer, sizeof(ca.peer));
	ca.max = max;
}

int
capture_wants(void)
{
	return (ca.fd != -1);
}

void
capture_packet(const struct ctl_packet *p)
{
	struct packet_header	 h;
	size_t			 len = p->len;

	if (ca.fd == -1)
		return;
	ca.lost += p->lost;
	if ((ca.peer[0] != '\0' && strncmp(ca.peer, p->peer,
	    sizeof(p->peer)) != 0) || len > sizeof(p->data))
		return;
	if (ca.max != 0 && ca.size + sizeof(h) + len > ca.max) {
		flush();
		if (ca.fd != -1) {
			log_info("pcap file: full");
			stop();
		}
		return;
	}
	if (ca.used + sizeof(h) + len > sizeof(ca.buf))
		flush();
	if (ca.fd == -1)
		return;
	h.seconds = (uint32_t)(p->when / 1000000000);
	h.micros = (uint32_t)(p->when % 1000000000 / 1000);
	h.captured = h.len = (uint32_t)len;
	put(&h, sizeof(h));
	put(p->data, len);
}
