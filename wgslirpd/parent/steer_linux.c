/* SPDX-License-Identifier: ISC */

/*
 * By SO_REUSEPORT and classic BPF, which need no privilege.  The first socket
 * of the group is bound without the option, so that two daemons on one port
 * are an error as ever, and nobody joins whose user is another.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <linux/filter.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "sockopt.h"
#include "steer.h"

/* Bytes that wait at a socket; at the last one the least there can be. */
static const int	 buffer[STEER_SIDES] = {
	4 * 1024 * 1024,		/* many may come back at once */
	1024 * 1024,
	1024 * 1024,
	0
};
/* The same of the other workers; -1: as a WireGuard socket has it. */
static const int	 others[STEER_SIDES] = {
	1024 * 1024, 1024 * 1024, 1024 * 1024, -1
};

/* Messages of the protocol (paper, 5.4): the first byte, and their length. */
#define MSG_INITIATION	1
#define MSG_RESPONSE	2
#define MSG_COOKIE	3
#define MSG_DATA	4
#define INITIATION_LEN	148
#define RESPONSE_LEN	92
#define COOKIE_LEN	64
#define DATA_LEN	32
#define INDEX_OFF	4
#define RESPONSE_OFF	8		/* of the index in a response */

/* Place in the group: the first one is the socket that is there already. */
#define TO_SIDE(w, side) \
	(1 + (uint32_t)STEER_SIDES * (w) + (uint32_t)(side))
#define TO_DATA(w)	((w) == 0 ? 0 : TO_SIDE(w, STEER_OWN))
#define WORKER_BYTE	3

#define BLOCK		64	/* sessions that are looked at in turn */
#define MAX_INSNS	(32 + 2 * STEER_MAX + \
			3 * (STEER_MAX / BLOCK + STEER_KINDS * MAX_WORKERS) + \
			4 * (4 + 2 * MAX_WORKERS))
_Static_assert(MAX_INSNS <= BPF_MAXINSNS, "the kernel takes the program");

struct prog {
	struct sock_filter	 f[MAX_INSNS];
	unsigned short		 n;
};

static void
put(struct prog *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	struct sock_filter	*f = &p->f[p->n++];

	f->code = code;
	f->k = k;
	f->jt = jt;
	f->jf = jf;
}

#define LOAD_LEN(p)	put(p, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0)
#define LOAD_BYTE(p, k)	put(p, BPF_LD | BPF_B | BPF_ABS, k, 0, 0)
#define LOAD_WORD(p, k)	put(p, BPF_LD | BPF_W | BPF_ABS, k, 0, 0)
#define JEQ(p, k, t, f)	put(p, BPF_JMP | BPF_JEQ | BPF_K, k, t, f)
#define JGE(p, k, t, f)	put(p, BPF_JMP | BPF_JGE | BPF_K, k, t, f)
#define JGT(p, k, t, f)	put(p, BPF_JMP | BPF_JGT | BPF_K, k, t, f)
#define SKIP(p, k)	put(p, BPF_JMP | BPF_JA, k, 0, 0)
#define RET(p, k)	put(p, BPF_RET | BPF_K, k, 0, 0)

/*
 * To that side of the worker that has made the index, by the last of its bytes,
 * which is here.  Indices of other gateways, and what is none, have one, too.
 */
static void
by_worker(struct prog *p, uint32_t off, uint32_t workers, int data,
    enum steer_side side)
{
	uint32_t	 w;

	if (workers > 1) {
		LOAD_BYTE(p, off + WORKER_BYTE);
		put(p, BPF_ALU | BPF_RSH | BPF_K, WORKER_SHIFT, 0, 0);
		put(p, BPF_ALU | BPF_MOD | BPF_K, workers, 0, 0);
	}
	for (w = 1; w < workers; w++) {
		JEQ(p, w, 0, 1);
		RET(p, data ? TO_DATA(w) : TO_SIDE(w, side));
	}
	RET(p, data ? TO_DATA(0) : TO_SIDE(0, side));
}

/*
 * What is none of the protocol's messages, or too short for one; and handshakes
 * of clients, and the answers to what a worker has asked.
 */
static void
junk(struct prog *p, uint32_t workers)
{
	static const struct {
		uint8_t		 type;
		uint32_t	 len;
		uint32_t	 index;
	}			 msgs[] = {
		{ MSG_INITIATION, INITIATION_LEN, 0 },
		{ MSG_RESPONSE, RESPONSE_LEN, RESPONSE_OFF },
		{ MSG_COOKIE, COOKIE_LEN, INDEX_OFF }
	};
	uint32_t		 n;
	size_t			 i;

	/* what cannot be loaded would end the program, with 0 */
	LOAD_LEN(p);
	JGE(p, DATA_LEN, 1, 0);
	RET(p, TO_SIDE(0, STEER_JUNK));
	/* the kernel may have joined several: there is no longest one */
	for (i = 0; i < sizeof(msgs) / sizeof(msgs[0]); i++) {
		/* what by_worker() takes */
		n = msgs[i].index == 0 || workers == 1 ? 1 : 2 * workers + 2;
		LOAD_BYTE(p, 0);
		JEQ(p, msgs[i].type, 0, (uint8_t)(2 + n));
		LOAD_LEN(p);
		JGE(p, msgs[i].len, 0, (uint8_t)n);
		by_worker(p, msgs[i].index, n == 1 ? 1 : workers, 0,
		    STEER_HANDSHAKE);
	}
	LOAD_BYTE(p, 0);
	JEQ(p, MSG_DATA, 1, 0);
	RET(p, TO_SIDE(0, STEER_JUNK));
}

/* If the word is one of these, which ascend: that socket. */
static void
sessions(struct prog *p, const uint32_t *index, uint32_t n, uint32_t to)
{
	uint32_t	 i, k, end;

	for (i = 0; i < n; i = end) {
		end = n - i > BLOCK ? i + BLOCK : n;
		/* jumps on a condition are short */
		JGT(p, index[end - 1], 0, 1);
		SKIP(p, 2 * (end - i));
		for (k = i; k < end; k++) {
			JEQ(p, index[k], 0, 1);
			RET(p, to);
		}
	}
}

static int
beside(int fd, const struct ipaddr *addr, uint16_t port, int offload, int size)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sa_make(&ss, addr, port), len6;
	int			 s, save, on = 1;
	int			 v6only = 1;

	/* one of both families goes with others of both */
	len6 = sizeof(v6only);
	if (addr->af == 6)
		(void)getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
		    &len6);
	s = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (s == -1)
		return (-1);
	sockopt_wireguard(s, ss.ss_family, offload);
	if ((addr->af == 6 && setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
	    sizeof(v6only)) == -1) || (size != -1 && setsockopt(s, SOL_SOCKET,
	    SO_RCVBUF, &size, sizeof(size)) == -1) || setsockopt(s, SOL_SOCKET,
	    SO_REUSEPORT, &on, sizeof(on)) == -1 || bind(s,
	    (struct sockaddr *)&ss, len) == -1) {
		save = errno;
		close(s);
		errno = save;
		return (-1);
	}
	return (s);
}

static int
attach(int fd, struct prog *p)
{
	struct sock_fprog	 fp;

	memset(&fp, 0, sizeof(fp));
	fp.len = p->n;
	fp.filter = p->f;
	return (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &fp,
	    sizeof(fp)));
}

/* Close what was opened of so many sides. */
static void
close_sides(int (*side)[STEER_SIDES], uint32_t n)
{
	int	 save = errno, *fd;

	while (n-- > 0) {
		fd = &side[n / STEER_SIDES][n % STEER_SIDES];
		if (*fd != -1)
			close(*fd);
		*fd = -1;
	}
	errno = save;
}

int
steer_open(int fd, const struct ipaddr *addr, uint16_t port, int offload,
    uint32_t workers, int side[][STEER_SIDES])
{
	struct prog	 all;
	uint32_t	 n;
	int		 on = 1, off = 0;

	for (n = 0; n < workers * STEER_SIDES; n++)
		side[n / STEER_SIDES][n % STEER_SIDES] = -1;
	all.n = 0;
	RET(&all, TO_DATA(0));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == -1)
		return (-1);
	for (n = 0; n < workers * STEER_SIDES; n++) {
		/* without a program nothing may go where nobody reads */
		if ((n == STEER_JUNK && attach(fd, &all) == -1) ||
		    (side[n / STEER_SIDES][n % STEER_SIDES] = beside(fd, addr,
		    port, offload, n < STEER_SIDES ? buffer[n] :
		    others[n % STEER_SIDES])) == -1) {
			close_sides(side, n);
			(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &off,
			    sizeof(off));
			return (-1);
		}
	}
	return (0);
}

/* Those that there are, or, if they are too many, those that may be. */
static int
aim(int fd, const struct steer_msg *m, uint32_t workers, int many,
    uint8_t gateway)
{
	struct prog	 p;
	uint32_t	 w;

	p.n = 0;
	junk(&p, workers);
	if (many) {
		LOAD_BYTE(&p, INDEX_OFF);
		JEQ(&p, gateway, 0, workers == 1 ? 1 :
		    (uint8_t)(2 * workers + 2));
		by_worker(&p, INDEX_OFF, workers, 1, STEER_UNKNOWN);
		RET(&p, TO_SIDE(0, STEER_UNKNOWN));
		return (attach(fd, &p));
	}
	LOAD_WORD(&p, INDEX_OFF);
	for (w = 0; w < workers; w++) {
		sessions(&p, m[w].index, m[w].n[STEER_HEAVY], TO_DATA(w));
		sessions(&p, m[w].index + m[w].n[STEER_HEAVY],
		    m[w].n[STEER_LITTLE], TO_SIDE(w, STEER_LIGHT));
	}
	by_worker(&p, INDEX_OFF, workers, 0, STEER_UNKNOWN);
	return (attach(fd, &p));
}

int
steer_aim(int fd, const struct steer_msg *m, uint32_t workers, uint8_t gateway)
{
	uint32_t	 w, n = 0;
	int		 many = 0;

	for (w = 0; w < workers; w++) {
		many |= m[w].many != 0;
		n += m[w].n[STEER_HEAVY] + m[w].n[STEER_LITTLE];
	}
	if (!many && n <= STEER_MAX && aim(fd, m, workers, 0, gateway) == 0)
		return (0);
	/* kernels have a limit of their own for programs */
	return (aim(fd, m, workers, 1, gateway));
}
