/* SPDX-License-Identifier: ISC */

/*
 * A process that was taken over.  Linked into a build of the daemon, in place
 * of what the linker wraps: the process that is named in the file PROGRAM.plan
 * begins like any other, with its filter, its pipes and the shared memory, and
 * when PROGRAM.acts says so it does to its siblings what somebody would who is
 * in it, by a timer.  Everything below runs in a signal handler, beside the
 * real engine, and makes no call that its filter would end it for.
 *
 * The plan is one line: process, what it does, seed.  PROGRAM.acts is two
 * numbers: how often it did that, and whether it may, which the test writes.
 */

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "conf.h"
#include "imsg.h"
#include "pktq.h"
#include "proc.h"
#include "sandbox.h"
#include "set.h"

#define PERIOD	5000		/* microseconds */
#define PIPES	24
#define QUEUES	4
#define LINKS	8

/* What it does. */
enum what {
	VALID,			/* messages that may be sent, with any content */
	ONE,			/* one of these to one of them, again and again */
	WRONG,			/* others' messages */
	LENGTH,			/* messages of another length than theirs */
	PIECES,			/* half of messages, and bytes without order */
	HANDLES,		/* descriptors where none, or other ones, belong */
	FLOOD,			/* as many as the pipe takes */
	MEMORY,			/* writes into the shared memory */
	STUCK,			/* nothing more, for ever */
	WHATS
};

static const char *const	 names[WHATS] = { "valid", "one", "wrong",
				    "length", "pieces", "handles", "flood",
				    "memory", "stuck" };

struct sort {
	uint32_t	 type;
	size_t		 len;
	int		 fd;
};

#define RULE(type, len, ways, fd)	{ type, len, fd },
static const struct sort	 imsgs[] = { IMSGS(RULE) };

static struct {
	enum proc_id	 me;
	enum what	 what;
	struct imsgev	*pipe[PIPES];
	int		 npipes;
	struct pktq	*q[QUEUES];
	int		 nqueues;
	int		 link[LINKS];	/* sockets to other workers, to derp */
	int		 nlinks;
	unsigned int	 seed;
	int		 null;		/* a descriptor to send */
	volatile uint32_t *acts;	/* two, in the file PROGRAM.acts */
	struct sort	 one[PROC_MAX];	/* to each */
	uint64_t	 random;
} h;

extern char	 __data_start[], end[];

void	 __real_crypto_main(int) __attribute__((noreturn));
void	 __real_slirp_main(int) __attribute__((noreturn));
void	 __real_control_main(int) __attribute__((noreturn));
void	 __real_derp_main(int) __attribute__((noreturn));
void	 __real_web_main(int) __attribute__((noreturn));
void	 __real_files_main(int) __attribute__((noreturn));
void	 __wrap_crypto_main(int) __attribute__((noreturn));
void	 __wrap_slirp_main(int) __attribute__((noreturn));
void	 __wrap_control_main(int) __attribute__((noreturn));
void	 __wrap_derp_main(int) __attribute__((noreturn));
void	 __wrap_web_main(int) __attribute__((noreturn));
void	 __wrap_files_main(int) __attribute__((noreturn));
int	 __real_imsgbuf_init(struct imsgbuf *, int);
int	 __wrap_imsgbuf_init(struct imsgbuf *, int);
int	 __real_imsg_take_fd(struct imsg *);
int	 __wrap_imsg_take_fd(struct imsg *);
int	 __real_pktq_attach_producer(struct pktq *, int, uint32_t, int);
int	 __wrap_pktq_attach_producer(struct pktq *, int, uint32_t, int);
int	 __real_pktq_attach_consumer(struct pktq *, int, uint32_t, int);
int	 __wrap_pktq_attach_consumer(struct pktq *, int, uint32_t, int);

static uint64_t
rnd(void)
{
	uint64_t	 z = (h.random += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31));
}

/* Bytes of a content: zeros, small numbers, what is large, and anything. */
static void
content(uint8_t *p, size_t n)
{
	uint64_t	 how = rnd() % 4;
	size_t		 i;

	for (i = 0; i < n; i++)
		p[i] = how == 0 ? 0 : how == 1 ? (uint8_t)(i % 4 == 0 ?
		    rnd() % 8 : 0) : how == 2 && rnd() % 8 != 0 ? 0xff :
		    (uint8_t)rnd();
}

/* Send bytes as they are, with a descriptor or -1.  0 if they were taken. */
static int
put(int pipe, const void *buf, size_t len, int fd)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(int))];
	}		 control;
	struct msghdr	 m;
	struct cmsghdr	*c;
	struct iovec	 iov;

	memset(&m, 0, sizeof(m));
	iov.iov_base = (void *)(uintptr_t)buf;
	iov.iov_len = len;
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.buf;
		m.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return (sendmsg(pipe, &m, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)len ? 0 : -1);
}

/* One message.  length: what it says and has; fd -1: none comes with it. */
static int
message(int pipe, uint32_t type, size_t length, int fd)
{
	static uint8_t	 buf[IMSG_HEADER_SIZE + 65536];
	struct imsg_hdr	 hdr;

	memset(&hdr, 0, sizeof(hdr));
	hdr.type = type;
	hdr.len = (uint32_t)(IMSG_HEADER_SIZE + length);
	if (fd != -1)
		hdr.len |= 0x80000000U;
	hdr.peerid = rnd() % 2 ? 0 : (uint32_t)rnd();
	memcpy(buf, &hdr, sizeof(hdr));
	content(buf + IMSG_HEADER_SIZE, length);
	return (put(pipe, buf, IMSG_HEADER_SIZE + length, fd));
}

/* Any message that this one may send there; NULL if it was not met. */
static const struct sort *
allowed(enum proc_id to)
{
	static struct sort	 ctl;
	const struct sort	*r;
	size_t			 len;
	int			 i;

	for (i = 0; i < 400; i++) {
		r = &imsgs[rnd() % (sizeof(imsgs) / sizeof(imsgs[0]))];
		if (msg_wrong(h.me, to, r->type, r->len, r->fd) == NULL)
			return (r);
		/* the control protocol's lengths are found by trying */
		ctl.type = (uint32_t)(rnd() % 400);
		for (len = 0; len < 3000; len += 4)
			if (msg_wrong(h.me, to, ctl.type, len, 0) == NULL) {
				ctl.len = len;
				return (&ctl);
			}
	}
	return (NULL);
}

static void
scribble(void)
{
	struct pktq	*q;
	uint32_t	 v;
	size_t		 at;
	int		 i;

	if (h.nqueues == 0)
		return;
	for (i = 0; i < 2000; i++) {
		q = h.q[rnd() % (uint64_t)h.nqueues];
		v = rnd() % 2 ? (uint32_t)rnd() : (uint32_t)(rnd() % 64);
		/* most of it at the start, where the counters are */
		at = rnd() % 2 ? rnd() % 1024 : rnd() % (q->ctl_size - 4);
		memcpy((uint8_t *)(void *)q->sh + at, &v, sizeof(v));
		at = rnd() % (q->pool_size - 4);
		memcpy(q->pool + at, &v, sizeof(v));
	}
}

static void
act(int pipe, enum proc_id to)
{
	static uint8_t		 raw[4096];
	const struct sort	*r = allowed(to);

	(*h.acts)++;
	switch (h.what) {
	case VALID:
		if (r != NULL)
			message(pipe, r->type, r->len, r->fd ? h.null : -1);
		break;
	case ONE:
		if (h.one[to].type == 0 && r != NULL)
			h.one[to] = *r;
		if (h.one[to].type != 0)
			message(pipe, h.one[to].type, h.one[to].len,
			    h.one[to].fd ? h.null : -1);
		break;
	case WRONG:
		message(pipe, (uint32_t)(rnd() % 400), rnd() % 300, -1);
		break;
	case LENGTH:
		if (r != NULL)
			message(pipe, r->type, r->len + 1 + rnd() % 200, -1);
		break;
	case PIECES:
		content(raw, sizeof(raw));
		put(pipe, raw, 1 + rnd() % sizeof(raw), -1);
		break;
	case HANDLES:
		if (r != NULL)
			message(pipe, r->type, r->len, h.null);
		break;
	case FLOOD:
		if (r != NULL)
			while (message(pipe, r->type, r->len, r->fd ? h.null :
			    -1) == 0)
				continue;
		break;
	case MEMORY:
		scribble();
		break;
	case STUCK:
		for (;;)
			continue;
	case WHATS:
		break;
	}
}

/* The same by a socket that keeps messages apart, and is no pipe. */
static void
act_link(int fd)
{
	static uint8_t	 raw[70000];
	uint32_t	 kind = (uint32_t)(rnd() % 5);
	size_t		 n = rnd() % 4 != 0 ? rnd() % 600 : rnd() %
			    sizeof(raw);

	if (h.what == MEMORY || h.what == STUCK)
		return;
	(*h.acts)++;
	do {
		content(raw, n);
		/* most often it begins like one of theirs */
		if (n >= sizeof(kind) && h.what != WRONG && rnd() % 4 != 0)
			memcpy(raw, &kind, sizeof(kind));
	} while (n > 0 && put(fd, raw, n, h.what == HANDLES || rnd() % 8 ==
	    0 ? h.null : -1) == 0 && h.what == FLOOD);
}

static void
turn(int sig)
{
	int	 i;

	(void)sig;
	if (h.acts[1] == 0)
		return;
	for (i = 0; i < h.npipes; i++)
		if (h.pipe[i]->ev != NULL && (h.what != ONE ||
		    i == (int)(h.seed % (unsigned int)h.npipes)))
			act(h.pipe[i]->ibuf.fd, h.pipe[i]->peer);
	for (i = 0; i < h.nlinks; i++)
		act_link(h.link[i]);
	if (h.npipes == 0)
		act(-1, PROC_PARENT);
}

/* Does the plan name this process?  Then it has the rest of it. */
static void
plan(enum proc_id me)
{
	struct itimerval	 it;
	char			 path[1024], who[32], what[32], title[32];
	unsigned int		 seed;
	ssize_t			 n;
	FILE			*f;
	int			 i, fd;

	n = readlink("/proc/self/exe", path, sizeof(path) - 6);
	if (n <= 0)
		return;
	memcpy(path + n, ".plan", 6);
	if ((f = fopen(path, "r")) == NULL)
		return;
	n = fscanf(f, "%31s %31s %u", who, what, &seed);
	fclose(f);
	strlcpy(title, proc_title(proc_slot(me, proc_worker())),
	    sizeof(title));
	/* "crypto 2" is crypto-2 there */
	if (strchr(title, ' ') != NULL)
		*strchr(title, ' ') = '-';
	if (n != 3 || strcmp(who, title) != 0)
		return;
	for (i = 0; i < WHATS; i++)
		if (strcmp(what, names[i]) == 0)
			h.what = (enum what)i;
	/* that it was at work is seen from outside */
	n = readlink("/proc/self/exe", path, sizeof(path) - 6);
	memcpy(path + n, ".acts", 6);
	if ((fd = open(path, O_RDWR)) == -1 || (h.acts = mmap(NULL,
	    2 * sizeof(*h.acts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) ==
	    MAP_FAILED)
		return;
	close(fd);
	h.me = me;
	h.random = h.seed = seed;
	h.null = open("/dev/null", O_RDWR);
	signal(SIGALRM, turn);
	memset(&it, 0, sizeof(it));
	it.it_value.tv_usec = PERIOD;
	it.it_interval.tv_usec = PERIOD;
	setitimer(ITIMER_REAL, &it, NULL);
}

/* Those of pipes are in the program's own data, and clients' are not. */
int
__wrap_imsgbuf_init(struct imsgbuf *ibuf, int fd)
{
	if (h.npipes < PIPES && (char *)ibuf >= __data_start &&
	    (char *)ibuf < end)
		h.pipe[h.npipes++] = (struct imsgev *)(void *)((uint8_t *)ibuf -
		    offsetof(struct imsgev, ibuf));
	return (__real_imsgbuf_init(ibuf, fd));
}

int
__wrap_imsg_take_fd(struct imsg *imsg)
{
	int	 fd = __real_imsg_take_fd(imsg);

	if ((imsg_get_type(imsg) == IMSG_ACROSS || imsg_get_type(imsg) ==
	    IMSG_LINK) && h.nlinks < LINKS)
		h.link[h.nlinks++] = fd;
	return (fd);
}

static void
remember(struct pktq *q)
{
	if (h.nqueues < QUEUES)
		h.q[h.nqueues++] = q;
}

int
__wrap_pktq_attach_producer(struct pktq *q, int fd, uint32_t n, int bell)
{
	remember(q);
	return (__real_pktq_attach_producer(q, fd, n, bell));
}

int
__wrap_pktq_attach_consumer(struct pktq *q, int fd, uint32_t n, int bell)
{
	remember(q);
	return (__real_pktq_attach_consumer(q, fd, n, bell));
}

void
__wrap_crypto_main(int foreground)
{
	plan(PROC_CRYPTO);
	__real_crypto_main(foreground);
}

void
__wrap_slirp_main(int foreground)
{
	plan(PROC_SLIRP);
	__real_slirp_main(foreground);
}

void
__wrap_control_main(int foreground)
{
	plan(PROC_CONTROL);
	__real_control_main(foreground);
}

void
__wrap_derp_main(int foreground)
{
	plan(PROC_DERP);
	__real_derp_main(foreground);
}

void
__wrap_web_main(int foreground)
{
	plan(PROC_WEB);
	__real_web_main(foreground);
}

void
__wrap_files_main(int foreground)
{
	plan(PROC_FILES);
	__real_files_main(foreground);
}
