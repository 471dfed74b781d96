/* SPDX-License-Identifier: ISC */

/*
 * What the crypto engine tells the parent of its sessions, and when: the
 * kernel puts their data where it is read without delay only once it knows
 * them.
 */

#include <sys/types.h>

#include <endian.h>
#include <string.h>

#include "crypto/links.h"
#include "crypto/sockets.h"
#include "crypto/state.h"
#include "crypto/steer.h"
#include "unit.h"

#define PEERS	3

struct crypto_state	 ce;

static struct wg_device		 dev;
static struct wg_peer		 peer[PEERS];
static struct wg_keypair	 session[PEERS];
static struct steer_msg		 told;
static int			 ntold;
static mono_t			 now;

/* ---- what is around it */

uint32_t
imsgbuf_queuelen(struct imsgbuf *b)
{
	(void)b;
	return (0);
}

void
imsgev_must(struct imsgev *iev, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	(void)iev;
	(void)id;
	(void)fd;
	assert_int_equal(type, IMSG_STEER);
	assert_int_equal(len, sizeof(told));
	memcpy(&told, data, sizeof(told));
	ntold++;
}

const struct wg_device *
links_device(void)
{
	return (NULL);
}

void
sockets_crowd(int on)
{
	(void)on;
}

uint64_t
sockets_drops(void)
{
	return (0);
}

uint32_t
sockets_opened(void)
{
	return (1);
}

/* ---- */

static int
setup(void **state)
{
	int	 i;

	(void)state;
	if (ce.dev == NULL) {
		TAILQ_INIT(&dev.peers);
		for (i = 0; i < PEERS; i++) {
			peer[i].id = (uint32_t)i;
			session[i].index.index = 100 + (uint32_t)i;
			TAILQ_INSERT_TAIL(&dev.peers, &peer[i], entry);
		}
		ce.dev = &dev;
	}
	/*
	 * Rounds that began long before the clock's time, as when somebody
	 * else has the processor meanwhile.  What the test before has left to
	 * wait for is over.
	 */
	now += MONO_SEC(100);
	dev.npeers = PEERS;
	for (i = 0; i < PEERS; i++)
		peer[i].current = peer[i].next = NULL;
	dev.count.wg_rx_datagrams++;
	steer_run(now);
	now += MONO_SEC(10);
	ntold = 0;
	return (0);
}

/* A session is made, and a round of work ends that began at now. */
static void
session_made(int i)
{
	peer[i].next = &session[i];
	dev.count.wg_tx_responses++;
	steer_run(now);
}

/* The index as the kernel reads it. */
static uint32_t
word(uint32_t index)
{
	return (be32toh(htole32(index)));
}

static int
knows(uint32_t index)
{
	uint32_t	 i;

	for (i = 0; i < told.n[STEER_HEAVY] + told.n[STEER_LITTLE]; i++)
		if (told.index[i] == word(index))
			return (1);
	return (0);
}

/* In the round in which it was made; the next one a few milliseconds later. */
static void
at_once(void **state)
{
	(void)state;
	session_made(0);
	assert_int_equal(ntold, 1);
	assert_true(knows(100));
	now += MONO_MS(1);
	session_made(1);
	assert_int_equal(ntold, 1);
	now += MONO_MS(5);
	steer_run(now);
	assert_int_equal(ntold, 2);
	assert_true(knows(100) && knows(101));
}

/* Who sends much is known for it a tenth of a second later. */
static void
heavy(void **state)
{
	(void)state;
	session_made(0);
	now += MONO_MS(100);
	dev.count.wg_rx_datagrams++;
	session_made(1);
	assert_int_equal(told.n[STEER_LITTLE], 2);
	now += MONO_MS(100);
	dev.count.wg_rx_datagrams++;
	peer[1].rx_bytes += 1 << 20;
	steer_run(now);
	assert_false(steer_light(&peer[1]));
	assert_true(steer_light(&peer[0]));
	assert_int_equal(told.n[STEER_HEAVY], 1);
	assert_int_equal(told.index[0], word(101));
}

/* Very many peers are not walked through all the time. */
static void
very_many(void **state)
{
	int	 i, looks = 0;

	(void)state;
	dev.npeers = 1000000;
	/* whoever is looked at while it sends so much is no light one */
	for (i = 0; i < 100; i++) {
		now += MONO_MS(100);
		dev.count.wg_rx_datagrams++;
		peer[2].rx_bytes += 1 << 20;
		ntold = 0;
		session[2].index.index++;
		peer[2].next = &session[2];
		steer_run(now);
		looks += ntold;
	}
	assert_in_range(looks, 1, 2);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(at_once, setup),
		cmocka_unit_test_setup(heavy, setup),
		cmocka_unit_test_setup(very_many, setup)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
