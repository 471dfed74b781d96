/* SPDX-License-Identifier: ISC */

/* Batches of the WireGuard sockets. */

#include <sys/socket.h>
#include <netinet/in.h>

#include <unistd.h>

#include "crypto/udpio.h"
#include "unit.h"

/*
 * A batch with something in it that is not worth a look was full all the
 * same: more may wait behind it.
 */
static void
full(void **state)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	struct udpio_rx		 rx[UDPIO_BATCH];
	socklen_t		 len = sizeof(sin);
	int			 in, out, i, more, empty;

	(void)state;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in = socket(AF_INET, SOCK_DGRAM, 0);
	out = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(in, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(getsockname(in, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(connect(out, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(udpio_init(), 0);
	for (empty = 0; empty <= UDPIO_BATCH; empty++) {
		for (i = 0; i < UDPIO_BATCH + 1; i++)
			assert_int_equal(send(out, "1234", i < empty ? 0 : 4,
			    0), i < empty ? 0 : 4);
		assert_int_equal(udpio_recv(in, 0, rx, &more),
		    UDPIO_BATCH - empty);
		assert_int_equal(more, 1);
		for (i = 0; i < UDPIO_BATCH - empty; i++)
			assert_int_equal(rx[i].len, 4);
		assert_int_equal(udpio_recv(in, 0, rx, &more), 1);
		assert_int_equal(more, 0);
	}
	assert_int_equal(udpio_recv(in, 0, rx, &more), -1);
	assert_int_equal(more, 0);
	close(in);
	close(out);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(full)
	};

	return (RUN(tests));
}
