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

/* Place in the group: the first one is the socket that is there already. */
#define TO_DATA		0
#define TO_SIDE(side)	(1 + (side))

#define BLOCK		64	/* sessions that are looked at in turn */
#define MAX_INSNS	(32 + 2 * STEER_MAX + 3 * (STEER_MAX / BLOCK + 2))
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

/* What is none of the protocol's messages, or too short for one. */
static void
junk(struct prog *p)
{
	static const struct {
		uint8_t		 type;
		uint32_t	 len;
	}			 msgs[] = {
		{ MSG_INITIATION, INITIATION_LEN },
		{ MSG_RESPONSE, RESPONSE_LEN },
		{ MSG_COOKIE, COOKIE_LEN }
	};
	size_t			 i;

	/* what cannot be loaded would end the program, with 0 */
	LOAD_LEN(p);
	JGE(p, DATA_LEN, 1, 0);
	RET(p, TO_SIDE(STEER_JUNK));
	/* the kernel may have joined several: there is no longest one */
	for (i = 0; i < sizeof(msgs) / sizeof(msgs[0]); i++) {
		LOAD_BYTE(p, 0);
		JEQ(p, msgs[i].type, 0, 3);
		LOAD_LEN(p);
		JGE(p, msgs[i].len, 0, 1);
		RET(p, TO_SIDE(STEER_HANDSHAKE));
	}
	LOAD_BYTE(p, 0);
	JEQ(p, MSG_DATA, 1, 0);
	RET(p, TO_SIDE(STEER_JUNK));
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
beside(int fd, const struct ipaddr *addr, uint16_t port, int offload,
    enum steer_side side)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sa_make(&ss, addr, port), len6;
	int			 s, save, on = 1, size = buffer[side];
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
	    sizeof(v6only)) == -1) || setsockopt(s, SOL_SOCKET, SO_RCVBUF,
	    &size, sizeof(size)) == -1 || setsockopt(s, SOL_SOCKET,
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

	fp.len = p->n;
	fp.filter = p->f;
	return (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &fp,
	    sizeof(fp)));
}

int
steer_open(int fd, const struct ipaddr *addr, uint16_t port, int offload,
    int side[STEER_SIDES])
{
	struct prog	 all;
	int		 i, save, on = 1, off = 0;

	for (i = 0; i < STEER_SIDES; i++)
		side[i] = -1;
	all.n = 0;
	RET(&all, TO_DATA);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == -1)
		return (-1);
	for (i = 0; i < STEER_SIDES; i++) {
		/* without a program nothing may go where nobody reads */
		if ((i == STEER_JUNK && attach(fd, &all) == -1) ||
		    (side[i] = beside(fd, addr, port, offload,
		    (enum steer_side)i)) == -1) {
			save = errno;
			while (i-- > 0) {
				close(side[i]);
				side[i] = -1;
			}
			(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &off,
			    sizeof(off));
			errno = save;
			return (-1);
		}
	}
	return (0);
}

/* Those that there are, or, if they are too many, those that may be. */
static int
aim(int fd, const struct steer_msg *m, int many, uint8_t gateway)
{
	struct prog	 p;

	p.n = 0;
	junk(&p);
	if (many) {
		LOAD_BYTE(&p, INDEX_OFF);
		JEQ(&p, gateway, 0, 1);
		RET(&p, TO_DATA);
	} else {
		LOAD_WORD(&p, INDEX_OFF);
		sessions(&p, m->index, m->n[STEER_HEAVY], TO_DATA);
		sessions(&p, m->index + m->n[STEER_HEAVY],
		    m->n[STEER_LITTLE], TO_SIDE(STEER_LIGHT));
	}
	RET(&p, TO_SIDE(STEER_UNKNOWN));
	return (attach(fd, &p));
}

int
steer_aim(int fd, const struct steer_msg *m, uint8_t gateway)
{
	if (!m->many && aim(fd, m, 0, gateway) == 0)
		return (0);
	/* kernels have a limit of their own for programs */
	return (aim(fd, m, 1, gateway));
}
