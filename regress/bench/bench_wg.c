/* SPDX-License-Identifier: ISC */

/*
 * What the WireGuard device costs without I/O: handshakes answered, junk
 * refused, packets sealed and opened, for each second of CPU.
 */

#include <sys/types.h>
#include <arpa/inet.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/wg/device.h"
#include "crypto/wg/limit.h"
#include "crypto/wg/output.h"
#include "crypto/wg/overlay.h"

#define NPEERS		3000
#define NJUNK		200000
#define NMULT		3000
#define TRAIN		45
#define NDATA		4000	/* trains */

static mono_t	 now = MONO_SEC(1000);
static size_t	 sent;
static uint8_t	 tx[2048];
static uint8_t	 last[2048];
static uint8_t	 train[TRAIN][2048];	/* the last that were sent */
static size_t	 train_len;
static int	 ntrain, received;

static uint8_t *
op_rx_buf(void *arg, size_t len)
{
	static uint8_t	 b[2048];

	(void)arg;
	return (len <= sizeof(b) ? b : NULL);
}

static void
op_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t t)
{
	(void)arg;
	(void)p;
	(void)len;
	(void)t;
	received++;
}

static uint8_t *
op_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	(void)arg;
	(void)ep;
	(void)tos;
	return (len <= sizeof(tx) ? tx : NULL);
}

static void
op_tx_done(void *arg, size_t len)
{
	(void)arg;
	memcpy(last, tx, len);
	if (ntrain < TRAIN) {
		memcpy(train[ntrain++], tx, len);
		train_len = len;
	}
	sent++;
}

static void
op_wall(void *arg, struct timespec *ts)
{
	(void)arg;
	ts->tv_sec = (time_t)(1700000000 + now / MONO_SEC(1));
	ts->tv_nsec = (long)(now % MONO_SEC(1));
}

static void
op_random(void *arg, void *p, size_t len)
{
	(void)arg;
	rand_bytes(p, len);
}

static const struct wg_ops	 ops = { op_rx_buf, op_rx_done, op_tx_buf,
	op_tx_done, op_wall, op_random, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL };

static double
cpu(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

static void
die(const char *what)
{
	fprintf(stderr, "bench_wg: %s\n", what);
	exit(1);
}

static struct wg_device *
device(uint8_t key[KEY_LEN])
{
	struct wg_device	*d;

	rand_bytes(key, KEY_LEN);
	d = wg_device_new(&ops, NULL, now);
	if (d == NULL || wg_device_set_key(d, key) == -1)
		die("no device");
	d->mtu = 1420;
	return (d);
}

static void
report(const char *what, double n, double t)
{
	printf("%-44s %10.0f a CPU second (%.2f us)\n", what, n / t,
	    t / n * 1e6);
}

/* Seconds of one X25519, the yardstick of a handshake. */
static double
multiplication(void)
{
	struct dh_key	*k;
	uint8_t		 a[32], out[32];
	double		 t;
	int		 i;

	rand_bytes(a, sizeof(a));
	if ((k = dh_new(a)) == NULL)
		die("no key");
	dh_public(k, a);
	t = cpu();
	for (i = 0; i < NMULT; i++)
		if (dh_derive(k, a, out) == -1)
			die("no secret");
	t = cpu() - t;
	dh_free(k);
	return (t / NMULT);
}

/* Initiations of many peers, answered. */
static void
handshakes(struct wg_device *d, struct wg_endpoint *from)
{
	static uint8_t		 msgs[NPEERS][WG_INITIATION_LEN];
	struct wg_device	*c;
	struct wg_peer		*p;
	uint8_t			 key[KEY_LEN], pkt[20] = { 0x45 };
	double			 t;
	int			 i;

	for (i = 0; i < NPEERS; i++) {
		c = device(key);
		p = wg_peer_add(c, 0, d->local.public, NULL);
		if (p == NULL || wg_peer_add(d, (uint32_t)i,
		    c->local.public, NULL) == NULL)
			die("no peer");
		wg_peer_set_endpoint(p, &from->remote.sa);
		wg_output(c, p, pkt, sizeof(pkt), 0, now);
		memcpy(msgs[i], last, WG_INITIATION_LEN);
		wg_device_free(c);
	}
	sent = 0;
	t = cpu();
	for (i = 0; i < NPEERS; i++) {
		wg_input(d, msgs[i], sizeof(msgs[i]), from, 0, now);
		wg_run_handshakes(d, 1, now);
	}
	t = cpu() - t;
	if (sent != NPEERS)
		die("not every handshake was answered");
	report("handshakes answered", NPEERS, t);
	printf("%-44s %10.2f of the four multiplications in it\n",
	    "one takes", t / NPEERS / (4 * multiplication()));
}

static void
junk(struct wg_device *d, struct wg_endpoint *from, const char *what,
    uint8_t type, size_t len, const uint64_t *counter)
{
	uint64_t	 before = *counter;
	uint8_t		 b[1500];
	double		 t;
	int		 i;

	rand_bytes(b, sizeof(b));
	memset(b, 0, 4);
	b[0] = type;
	t = cpu();
	for (i = 0; i < NJUNK; i++)
		wg_input(d, b, len, from, 0, now);
	t = cpu() - t;
	if (*counter - before != NJUNK)
		die(what);
	report(what, NJUNK, t);
}

/*
 * Packets of a guest, sealed by one device and opened by another, which looks
 * up the session and checks the counter and the source.
 */
static void
data(struct wg_device *d, struct wg_endpoint *from, size_t len)
{
	struct wg_device	*c;
	struct wg_peer		*p, *q;
	struct ipprefix		 any = { .addr = { .af = 4 } };
	uint8_t			 key[KEY_LEN], pkt[1420] = { 0x45 };
	char			 what[64];
	double			 t, seal = 0, open = 0;
	int			 i, k;

	c = device(key);
	p = wg_peer_add(c, 0, d->local.public, NULL);
	q = wg_peer_add(d, NPEERS + (uint32_t)len, c->local.public, NULL);
	if (p == NULL || q == NULL ||
	    aip_insert(&d->aips, &any, q, &q->aips) == -1)
		die("no peer");
	wg_peer_set_endpoint(p, &from->remote.sa);
	pkt[2] = (uint8_t)(len >> 8);
	pkt[3] = (uint8_t)len;
	/* initiation, response, and the packet that waited for it */
	wg_output(c, p, pkt, len, 0, now);
	wg_input(d, last, WG_INITIATION_LEN, from, 0, now);
	wg_run_handshakes(d, 1, now);
	wg_input(c, last, WG_RESPONSE_LEN, from, 0, now);
	wg_run_handshakes(c, 1, now);
	ntrain = 0;
	received = 0;
	for (i = 0; i < NDATA; i++) {
		t = cpu();
		for (k = 0; k < TRAIN; k++)
			wg_output(c, p, pkt, len, 0, now);
		seal += cpu() - t;
		t = cpu();
		for (k = 0; k < ntrain; k++)
			wg_input(d, train[k], train_len, from, 0, now);
		open += cpu() - t;
		ntrain = 0;
	}
	if (received < NDATA * TRAIN)
		die("not every packet came");
	snprintf(what, sizeof(what), "packets of %zu bytes sealed", len);
	report(what, NDATA * TRAIN, seal);
	snprintf(what, sizeof(what), "packets of %zu bytes opened", len);
	report(what, NDATA * TRAIN, open);
	wg_device_free(c);
}

/* A flood of initiations with a good mac1 from somewhere. */
static void
flood(struct wg_device *d, struct wg_endpoint *from)
{
	struct cookie_maker	 maker;
	struct wg_initiation	 m;
	uint64_t		 before = d->count.wg_tx_cookies;
	double			 t;
	int			 i, n = NJUNK / 10;

	rand_bytes(&m, sizeof(m));
	m.type = htole32(WG_MSG_INITIATION);
	if (cookie_maker_init(&maker, d->local.public) == -1 ||
	    cookie_sign(&maker, &m, sizeof(m), now) == -1)
		die("cookie");
	for (i = 0; i < WG_HANDSHAKE_QUEUE / 2; i++)
		wg_input(d, (uint8_t *)&m, sizeof(m), from, 0, now);
	t = cpu();
	for (i = 0; i < n; i++) {
		wg_input(d, (uint8_t *)&m, sizeof(m), from, 0, now);
		wg_run_handshakes(d, 1, now);
	}
	t = cpu() - t;
	if (d->count.wg_tx_cookies - before != (uint64_t)n)
		die("not every one got a cookie");
	report("initiations answered with a cookie", n, t);
}

int
main(void)
{
	struct wg_endpoint	 from;
	struct wg_device	*d;
	uint8_t			 key[KEY_LEN];

	if (aead_init() != NULL)
		die("libcrypto");
	memset(&from, 0, sizeof(from));
	from.remote.sin.sin_family = AF_INET;
	from.remote.sin.sin_addr.s_addr = htonl(0x0a000001);
	from.remote.sin.sin_port = htons(1000);
	d = device(key);
	data(d, &from, 1420);
	data(d, &from, 52);
	handshakes(d, &from);
	junk(d, &from, "initiations with a bad mac1 refused",
	    WG_MSG_INITIATION, WG_INITIATION_LEN, &d->count.wg_drop_mac1);
	junk(d, &from, "data for an unknown session refused", WG_MSG_DATA,
	    1452, &d->count.wg_drop_index);
	junk(d, &from, "messages of a wrong length refused",
	    WG_MSG_INITIATION, 149, &d->count.wg_drop_malformed);
	flood(d, &from);
	wg_device_free(d);
	return (0);
}
