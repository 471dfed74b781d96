/* SPDX-License-Identifier: ISC */

/* Which of the sockets on one port a datagram reaches, in the kernel. */

#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "parent/sockopt.h"
#include "parent/steer.h"
#include "unit.h"

#define NOWHERE		(-1)
#define DATA		STEER_SIDES	/* the first one */

#define WORKERS		4

static int			 sock[STEER_SIDES + 1], out;
static int			 side[MAX_WORKERS][STEER_SIDES];
static struct sockaddr_in	 to;

static int
open_all(uint32_t workers)
{
	struct ipaddr	 lo;
	socklen_t	 len = sizeof(to);

	memset(side, -1, sizeof(side));
	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sock[DATA] = socket(AF_INET, SOCK_DGRAM, 0);
	out = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(sock[DATA], (struct sockaddr *)&to, len) == -1 ||
	    getsockname(sock[DATA], (struct sockaddr *)&to, &len) == -1 ||
	    connect(out, (struct sockaddr *)&to, len) == -1 ||
	    ipaddr_parse(&lo, "127.0.0.1") == -1)
		return (-1);
	sockopt_wireguard(sock[DATA], AF_INET, 1);
	if (steer_open(sock[DATA], &lo, ntohs(to.sin_port), 1, workers,
	    side) == -1)
		return (-1);
	memcpy(sock, side[0], sizeof(side[0]));
	return (0);
}

static int
setup(void **state)
{
	(void)state;
	return (open_all(1));
}

static int
setup_workers(void **state)
{
	(void)state;
	return (open_all(WORKERS));
}

static int
teardown(void **state)
{
	int	 i;

	(void)state;
	close(sock[DATA]);
	for (i = 0; i < MAX_WORKERS * STEER_SIDES; i++)
		if (side[i / STEER_SIDES][i % STEER_SIDES] != -1)
			close(side[i / STEER_SIDES][i % STEER_SIDES]);
	close(out);
	return (0);
}

/* Where len bytes come that begin like this. */
static int
where(uint8_t type, uint32_t index, size_t len)
{
	uint8_t	 b[256] = { type }, got[256];
	int	 i, at = NOWHERE;

	index = htonl(index);
	memcpy(b + 4, &index, sizeof(index));
	assert_int_equal(send(out, b, len, 0), len);
	for (i = 0; i <= STEER_SIDES; i++)
		while (i != STEER_JUNK && recv(sock[i], got, sizeof(got),
		    MSG_DONTWAIT) != -1) {
			assert_int_equal(at, NOWHERE);
			at = i;
		}
	return (at);
}

/* Only what can be a message of the protocol is queued at all. */
static void
junk(void **state)
{
	static struct steer_msg	 none;

	(void)state;
	/* everything, until somebody says what there is */
	assert_int_equal(where(0, 0, 148), DATA);
	assert_int_equal(where(4, 0, 1), DATA);
	assert_int_equal(steer_aim(sock[DATA], &none, 1, 0), 0);
	assert_int_equal(where(1, 0, 148), STEER_HANDSHAKE);
	assert_int_equal(where(1, 0, 147), NOWHERE);
	assert_int_equal(where(2, 0, 92), STEER_HANDSHAKE);
	assert_int_equal(where(2, 0, 91), NOWHERE);
	assert_int_equal(where(3, 0, 64), STEER_HANDSHAKE);
	assert_int_equal(where(3, 0, 63), NOWHERE);
	assert_int_equal(where(4, 0, 32), STEER_UNKNOWN);
	assert_int_equal(where(4, 0, 31), NOWHERE);
	assert_int_equal(where(0, 0, 148), NOWHERE);
	assert_int_equal(where(5, 0, 148), NOWHERE);
	assert_int_equal(where(4, 0, 1), NOWHERE);
	assert_int_equal(where(0, 0, 0), NOWHERE);
	/* several that came together are longer than one */
	assert_int_equal(where(1, 0, 180), STEER_HANDSHAKE);
}

/* The sessions that there are, to the last of a full list, and no other. */
static void
sessions(void **state)
{
	static struct steer_msg	 m;
	uint32_t		 i, n, k;

	(void)state;
	for (k = 0; k < 3; k++) {
		n = k == 0 ? 1 : k == 1 ? 65 : STEER_MAX - 65;
		m.n[STEER_HEAVY] = n;
		m.n[STEER_LITTLE] = k == 2 ? 65 : 0;
		for (i = 0; i < n; i++)
			m.index[i] = 0x01000000 + i * 0x3fff0;
		for (i = 0; i < m.n[STEER_LITTLE]; i++)
			m.index[n + i] = 0x01000001 + i * 0x3fff0;
		assert_int_equal(steer_aim(sock[DATA], &m, 1, 0), 0);
		for (i = 0; i < n; i++) {
			assert_int_equal(where(4, m.index[i], 32), DATA);
			assert_int_equal(where(4, m.index[i] + 2, 32),
			    STEER_UNKNOWN);
		}
		for (i = 0; i < m.n[STEER_LITTLE]; i++)
			assert_int_equal(where(4, m.index[n + i], 200),
			    STEER_LIGHT);
		assert_int_equal(where(1, m.index[0], 148),
		    STEER_HANDSHAKE);
		assert_int_equal(where(4, m.index[0], 31), NOWHERE);
		assert_int_equal(where(4, 0, 32), STEER_UNKNOWN);
		assert_int_equal(where(4, UINT32_MAX, 32), STEER_UNKNOWN);
	}
}

/* Too many to be named: those with the gateway's number. */
static void
many(void **state)
{
	static struct steer_msg	 m;

	(void)state;
	m.many = 1;
	assert_int_equal(steer_aim(sock[DATA], &m, 1, 7), 0);
	assert_int_equal(where(4, 0x07123456, 32), DATA);
	assert_int_equal(where(4, 0x08123456, 32), STEER_UNKNOWN);
	assert_int_equal(where(1, 0x07123456, 148),
	    STEER_HANDSHAKE);
}

/* The worker, and the side, that a message with this index comes to. */
static void
reaches(uint8_t type, size_t off, uint32_t index, size_t len, int worker,
    int want)
{
	uint8_t	 b[256] = { type }, got[256];
	int	 w, i, n = 0;

	index = htonl(index);
	memcpy(b + off, &index, sizeof(index));
	assert_int_equal(send(out, b, len, 0), len);
	while (recv(sock[DATA], got, sizeof(got), MSG_DONTWAIT) != -1) {
		assert_int_equal(worker, 0);
		assert_int_equal(want, DATA);
		n++;
	}
	for (w = 0; w < WORKERS; w++)
		for (i = 0; i < STEER_SIDES; i++)
			while ((w != 0 || i != STEER_JUNK) && recv(side[w][i],
			    got, sizeof(got), MSG_DONTWAIT) != -1) {
				assert_int_equal(w, worker);
				assert_int_equal(i, want == DATA ?
				    STEER_OWN : want);
				n++;
			}
	assert_int_equal(n, want == STEER_JUNK ? 0 : 1);
}

/* Each worker gets what its indices name; initiations are the first's. */
static void
workers(void **state)
{
	static struct steer_msg	 m[WORKERS];
	uint32_t		 w, c;

	(void)state;
	for (w = 0; w < WORKERS; w++) {
		m[w].n[STEER_HEAVY] = m[w].n[STEER_LITTLE] = 1;
		m[w].index[0] = 0x07aaaa00 + (w << 5);
		m[w].index[1] = 0x07bbbb00 + (w << 5);
	}
	for (c = 0; c < 2; c++) {
		assert_int_equal(steer_aim(sock[DATA], m, WORKERS, 7), 0);
		for (w = 0; w < WORKERS; w++) {
			reaches(4, 4, m[w].index[0], 32, (int)w, DATA);
			reaches(4, 4, m[w].index[1], 32, (int)w, c == 0 ?
			    STEER_LIGHT : DATA);
			/* an answer, and a cookie */
			reaches(2, 8, 0x07cccc00 + (w << 5), 92, (int)w,
			    STEER_HANDSHAKE);
			reaches(3, 4, 0x07cccc00 + (w << 5), 64, (int)w,
			    STEER_HANDSHAKE);
			/* its number plus that of all */
			reaches(2, 8, 0x07cccc00 + ((w + WORKERS) << 5), 92,
			    (int)w, STEER_HANDSHAKE);
			reaches(1, 4, 0x07cccc00 + (w << 5), 148, 0,
			    STEER_HANDSHAKE);
			/* nobody's yet: who made it knows it first */
			reaches(4, 4, 0x07dddd00 + (w << 5), 32, (int)w,
			    c == 0 ? STEER_UNKNOWN : DATA);
		}
		reaches(4, 4, 0x08dddd00, 32, 0, STEER_UNKNOWN);
		reaches(5, 4, 0, 148, 0, STEER_JUNK);
		/* and then they are too many to be named */
		m[WORKERS - 1].many = 1;
	}
}

/* A full list of each kind, however it is shared out. */
static void
workers_full(void **state)
{
	static struct steer_msg	 m[WORKERS];
	uint32_t		 w, i, n = STEER_MAX / WORKERS;

	(void)state;
	for (w = 0; w < WORKERS; w++) {
		m[w].n[STEER_HEAVY] = n / 2;
		m[w].n[STEER_LITTLE] = n / 2;
		for (i = 0; i < n; i++)
			m[w].index[i] = 0x07000000 + (i % (n / 2)) * 0x300 +
			    (w << 5) + (i >= n / 2);
	}
	assert_int_equal(steer_aim(sock[DATA], m, WORKERS, 7), 0);
	for (w = 0; w < WORKERS; w++)
		for (i = 0; i < n; i++)
			reaches(4, 4, m[w].index[i], 32, (int)w, i < n / 2 ?
			    DATA : STEER_LIGHT);
	/* one more than the kernel is told */
	m[0].n[STEER_HEAVY]++;
	assert_int_equal(steer_aim(sock[DATA], m, WORKERS, 7), 0);
	reaches(4, 4, m[1].index[n / 2], 32, 1, DATA);
}

/* Where the kernel will not steer there is one socket, and it has it all. */
static void
refused(void **state)
{
	socklen_t	 len = sizeof(to);
	struct ipaddr	 lo;
	char		 b[4];
	int		 s[1][STEER_SIDES], i;

	(void)state;
	/* a file is no socket: the first step fails */
	errno = 0;
	assert_int_equal(ipaddr_parse(&lo, "127.0.0.1"), 0);
	i = open("/dev/null", O_RDONLY);
	assert_int_equal(steer_open(i, &lo, 1, 1, 1, s), -1);
	close(i);
	for (i = 0; i < STEER_SIDES; i++)
		assert_int_equal(s[0][i], -1);
	/* bound to a device, it is in no group with others */
	i = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_port = 0;
	if (setsockopt(i, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0) {
		assert_int_equal(bind(i, (struct sockaddr *)&to, len), 0);
		assert_int_equal(getsockname(i, (struct sockaddr *)&to,
		    &len), 0);
		assert_int_equal(steer_open(i, &lo, ntohs(to.sin_port), 1,
		    1, s), -1);
	}
	close(i);
	/* nobody steers what is another user's, and it stays as it was */
	if (geteuid() != 0)
		return;
	i = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_port = 0;
	assert_int_equal(bind(i, (struct sockaddr *)&to, len), 0);
	assert_int_equal(getsockname(i, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(steer_open(i, &lo, ntohs(to.sin_port), 1, 1,
	    s), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(connect(out, (struct sockaddr *)&to, len), 0);
	assert_int_equal(send(out, "x", 1, 0), 1);
	assert_int_equal(recv(i, b, sizeof(b), MSG_DONTWAIT), 1);
	close(i);
}

/* The port is still one daemon's. */
static void
taken(void **state)
{
	int	 s = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(bind(s, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EADDRINUSE);
	close(s);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(junk, setup, teardown),
		cmocka_unit_test_setup_teardown(sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(many, setup, teardown),
		cmocka_unit_test_setup_teardown(workers, setup_workers,
		    teardown),
		cmocka_unit_test_setup_teardown(workers_full, setup_workers,
		    teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(taken, setup, teardown)
	};

	return (RUN(tests));
}
