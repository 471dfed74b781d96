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

static int			 sock[STEER_SIDES + 1], out;
static struct sockaddr_in	 to;

static int
setup(void **state)
{
	struct ipaddr	 lo;
	socklen_t	 len = sizeof(to);

	(void)state;
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
	return (steer_open(sock[DATA], &lo, ntohs(to.sin_port), 1, sock));
}

static int
teardown(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i <= STEER_SIDES; i++)
		close(sock[i]);
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
	assert_int_equal(steer_aim(sock[DATA], &none, 0), 0);
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
		assert_int_equal(steer_aim(sock[DATA], &m, 0), 0);
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
	assert_int_equal(steer_aim(sock[DATA], &m, 7), 0);
	assert_int_equal(where(4, 0x07123456, 32), DATA);
	assert_int_equal(where(4, 0x08123456, 32), STEER_UNKNOWN);
	assert_int_equal(where(1, 0x07123456, 148),
	    STEER_HANDSHAKE);
}

/* Where the kernel will not steer there is one socket, and it has it all. */
static void
refused(void **state)
{
	socklen_t	 len = sizeof(to);
	struct ipaddr	 lo;
	char		 b[4];
	int		 s[STEER_SIDES], i;

	(void)state;
	/* a file is no socket: the first step fails */
	errno = 0;
	assert_int_equal(ipaddr_parse(&lo, "127.0.0.1"), 0);
	i = open("/dev/null", O_RDONLY);
	assert_int_equal(steer_open(i, &lo, 1, 1, s), -1);
	close(i);
	for (i = 0; i < STEER_SIDES; i++)
		assert_int_equal(s[i], -1);
	/* bound to a device, it is in no group with others */
	i = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_port = 0;
	if (setsockopt(i, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0) {
		assert_int_equal(bind(i, (struct sockaddr *)&to, len), 0);
		assert_int_equal(getsockname(i, (struct sockaddr *)&to,
		    &len), 0);
		assert_int_equal(steer_open(i, &lo, ntohs(to.sin_port), 1,
		    s), -1);
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
	assert_int_equal(steer_open(i, &lo, ntohs(to.sin_port), 1, s), -1);
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
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(taken, setup, teardown)
	};

	return (RUN(tests));
}
