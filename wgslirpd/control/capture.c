/* SPDX-License-Identifier: ISC */

/*
 * Guests' packets in a file, as tcpdump(1) writes them: the first pcap format,
 * raw IP.  They are gathered and written a second later at the latest, so that
 * a burst costs few system calls; files that take turns are emptied when it is
 * theirs again, a single one that is full, or cannot be written, is closed.
 */

#include <sys/types.h>

#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "conf.h"
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
	int		 file[PCAP_FILES];
	int		 files;
	int		 now;		/* whose turn it is */
	int		 fd;		/* that one, -1: no more */
	struct event	*timer;
	char		 peer[CTL_NAME_LEN];
	uint64_t	 max;
	uint64_t	 size;		/* with what is in the buffer */
	uint64_t	 lost;
	size_t		 snaplen;
	size_t		 used;
	uint8_t		 buf[BUFFER_LEN];
} ca = { .fd = -1 };

static const struct file_header	 header = { PCAP_MAGIC, PCAP_MAJOR,
				    PCAP_MINOR, 0, 0, PCAP_SNAPLEN,
				    LINKTYPE_RAW };

static void
stop(void)
{
	int	 i;

	for (i = 0; i < ca.files; i++)
		close(ca.file[i]);
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

int
capture_file(int fd)
{
	if (ca.files == PCAP_FILES || fd == -1)
		return (-1);
	ca.file[ca.files++] = fd;
	if (ca.files > 1)
		return (0);
	if ((ca.timer = evtimer_new(evbase, due, NULL)) == NULL)
		fatal(NULL);
	return (0);
}

void
capture_start(void)
{
	int	 i;

	if (ca.files == 0)
		return;
	ca.fd = ca.file[0];
	for (i = 0; i < ca.files; i++)
		if (ftruncate(ca.file[i], 0) == -1)
			log_warn("pcap file");
	put(&header, sizeof(header));
	flush();
}

/* The file is full: on to the next.  -1 if there is none. */
static int
turn(void)
{
	flush();
	if (ca.fd == -1)
		return (-1);
	if (ca.files < 2) {
		log_info("pcap file: full");
		stop();
		return (-1);
	}
	ca.now = (ca.now + 1) % ca.files;
	if (ftruncate(ca.file[ca.now], 0) == -1) {
		log_warn("pcap file: no more is written");
		stop();
		return (-1);
	}
	ca.fd = ca.file[ca.now];
	ca.size = 0;
	put(&header, sizeof(header));
	return (0);
}

void
capture_set(const char *peer, uint64_t max, uint16_t snaplen)
{
	strlcpy(ca.peer, peer, sizeof(ca.peer));
	ca.max = max;
	ca.snaplen = snaplen;
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
	if (ca.snaplen != 0 && len > ca.snaplen)
		len = ca.snaplen;
	if (ca.max != 0 && ca.size + sizeof(h) + len > ca.max &&
	    (turn() == -1 || ca.size + sizeof(h) + len > ca.max))
		return;
	if (ca.used + sizeof(h) + len > sizeof(ca.buf))
		flush();
	if (ca.fd == -1)
		return;
	h.seconds = (uint32_t)(p->when / 1000000000);
	h.micros = (uint32_t)(p->when % 1000000000 / 1000);
	h.captured = (uint32_t)len;
	h.len = p->len;
	put(&h, sizeof(h));
	put(p->data, len);
}
