/* SPDX-License-Identifier: ISC */

/*
 * What comes to the WireGuard port: from strangers, and from a peer who has his
 * keys and does with them what he likes.  Two devices with keys of their own
 * stand on a wire that the input has in its hands: datagrams are made up, kept,
 * changed, signed again and sent twice, and time passes.
 */

#include <sys/types.h>

#include <endian.h>

#include "crypto/wg/device.h"
#include "crypto/wg/limit.h"
#include "crypto/wg/output.h"
#include "crypto/wg/overlay.h"
#include "fuzz.h"

#define WIRE	64
#define WORKERS	3	/* that a side is the second of */

struct side {
	struct wg_device	*dev;
	struct side		*other;
	struct wg_peer		*peer;
	struct wg_endpoint	 ep;
	uint8_t			 tx[2048];
	uint8_t			 rx[2048];
	struct {
		uint8_t		 buf[2048];
		size_t		 len;
	}			 wire[WIRE];
	int			 nwire;
	uint64_t		 wall;
	uint8_t			 address[4];	/* the peer's */
};

static uint64_t	 random_state;

static uint8_t *
rx_buf(void *arg, size_t len)
{
	struct side	*s = arg;

	return (len <= sizeof(s->rx) ? s->rx : NULL);
}

static void
rx_done(void *arg, struct wg_peer *p, size_t len, mono_t at)
{
	struct side	*s = arg;

	(void)at;
	MUST(p == s->peer);
	/* what is handed on is a whole packet of the peer's own address */
	MUST(len >= 20 && len <= sizeof(s->rx));
	MUST(s->rx[0] >> 4 == 4 && memcmp(s->rx + 12, s->address, 4) == 0);
}

static uint8_t *
tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	struct side	*s = arg;

	(void)tos;
	MUST(ep->remote.sa.sa_family == AF_INET);
	return (len <= sizeof(s->tx) ? s->tx : NULL);
}

static void
tx_done(void *arg, size_t len)
{
	struct side	*s = arg;
	int		 i = s->nwire % WIRE;

	memcpy(s->wire[i].buf, s->tx, len);
	s->wire[i].len = len;
	s->nwire++;
}

static void
wall(void *arg, struct timespec *ts)
{
	struct side	*s = arg;

	ts->tv_sec = (time_t)(++s->wall);
	ts->tv_nsec = 0;
}

static void
random_bytes(void *arg, void *p, size_t len)
{
	uint8_t	*b = p;

	(void)arg;
	while (len-- > 0)
		*b++ = (uint8_t)fuzz_random(&random_state);
}

/* Datagrams and packets for a peer of another worker: to nobody else. */
static void
hand(void *arg, uint32_t worker, const uint8_t *msg, size_t len,
    const struct wg_endpoint *from, int ecn)
{
	struct side	*s = arg;

	(void)msg;
	(void)from;
	MUST(worker != s->dev->worker && worker < WORKERS && !s->dev->handed);
	MUST(len >= 32 && len <= sizeof(s->rx) && ecn >= 0 && ecn <= 3);
}

static void
send_across(void *arg, uint32_t worker, const uint8_t *pkt, size_t len)
{
	struct side	*s = arg;

	MUST(worker != s->dev->worker && worker < WORKERS);
	MUST(len >= 20 && pkt[0] >> 4 == 4);
}

static const struct wg_ops	 ops = {
	.rx_buf = rx_buf,
	.rx_done = rx_done,
	.tx_buf = tx_buf,
	.tx_done = tx_done,
	.wall = wall,
	.random = random_bytes,
	.hand = hand,
	.send = send_across
};

static void
begin(struct side *s, struct side *other, uint8_t key, mono_t at)
{
	uint8_t	 private[KEY_LEN];

	memset(s, 0, sizeof(*s));
	memset(private, key, sizeof(private));
	private[0] &= 248;
	private[31] = (private[31] & 127) | 64;
	s->other = other;
	s->dev = wg_device_new(&ops, s, at);
	MUST(s->dev != NULL);
	s->dev->mtu = 1420;
	wg_set_worker(s->dev, 1, WORKERS);
	wg_device_set_key(s->dev, private);
	s->ep.remote.sin.sin_family = AF_INET;
	s->ep.remote.sin.sin_port = htons(key);
}

static void
know(struct side *s, const char *aip)
{
	static const uint8_t	 psk[KEY_LEN] = { 1 };
	struct ipprefix		 p;

	s->peer = wg_peer_add(s->dev, 0, s->other->dev->local.public, psk);
	MUST(s->peer != NULL && ipprefix_parse(&p, aip) == 0);
	memcpy(s->address, p.addr.a, 4);
	aip_insert(&s->dev->aips, &p, s->peer, &s->peer->aips);
	wg_peer_live(s->dev, s->peer, 1, MONO_SEC(10));
	wg_peer_set_endpoint(s->peer, &s->other->ep.remote.sa);
}

/* Somebody at 10.0.0.3 who lives with the third worker. */
static void
know_another(struct side *s)
{
	static const uint8_t	 public[KEY_LEN] = { 9 };
	struct ipprefix		 p;
	struct wg_peer		*q = wg_peer_add(s->dev, 1, public, NULL);

	MUST(q != NULL && ipprefix_parse(&p, "10.0.0.3/32") == 0);
	wg_peer_live(s->dev, q, 2, MONO_SEC(10));
	aip_insert(&s->dev->aips, &p, q, &q->aips);
}

/* What another worker brings: packets, and datagrams. */
static void
across(struct side *s, struct input *in, uint8_t *kept, size_t nkept,
    mono_t at)
{
	uint8_t	 b[2048], how = in8(in);
	size_t	 n;

	if (how & 1) {
		memcpy(b, kept, nkept);
		s->dev->handed = 1;
		wg_input(s->dev, b, nkept, &s->other->ep, how >> 1 & 3, at);
		s->dev->handed = 0;
		wg_run_handshakes(s->dev, 100, at);
		return;
	}
	memset(b, 0, sizeof(b));
	b[0] = 0x45;
	b[3] = 60;
	memcpy(b + 12, how & 2 ? "\12\0\0\3" : "\12\0\0\1", 4);
	memcpy(b + 16, how & 4 ? "\12\0\0\2" : "\12\0\0\3", 4);
	n = in_bytes(in, b, how & 8 ? in8(in) : 0);
	if (n < 60)
		n = 60;
	s->dev->overlay = how >> 4 & 1;
	(void)wg_overlay_across(s->dev, b, n, how >> 5 & 3, at);
}

/* To the other side, as if it came from the endpoint. */
static void
deliver(struct side *s, uint8_t *buf, size_t len, const struct wg_endpoint *ep,
    mono_t at)
{
	wg_input(s->other->dev, buf, len, ep, len & 3, at);
	wg_run_handshakes(s->other->dev, 100, at);
}

static void
carry(struct side *s, mono_t at)
{
	static uint8_t	 b[2048];
	int		 i, n = s->nwire < WIRE ? s->nwire : WIRE;

	s->nwire = 0;
	for (i = 0; i < n; i++) {
		memcpy(b, s->wire[i].buf, s->wire[i].len);
		deliver(s, b, s->wire[i].len, &s->ep, at);
	}
}

static struct side	 side[2];
static uint8_t		 kept[2048];
static size_t		 nkept;
static mono_t		 now;

/* One thing that is done, by one of the sides. */
static void
step(struct input *in)
{
	static uint8_t		 b[2048];
	struct wg_endpoint	 ep;
	uint8_t			 op = in8(in);
	struct side		*s = &side[op & 1];
	size_t			 n;
	int			 i;

	switch (op >> 1 & 15) {
	case 0:		/* made up */
		n = in_bytes(in, b, in8(in) * 4U);
		ep = s->ep;
		ep.remote.sin.sin_port = htons(in8(in));
		deliver(s, b, n, &ep, now);
		break;
	case 1:		/* a packet of the peer's address, or not */
		memset(b, 0, 100);
		b[0] = 0x45;
		b[3] = 100;
		memcpy(b + 12, s == &side[0] ? "\12\0\0\1" :
		    "\12\0\0\2", 4);
		n = in_bytes(in, b + 20, in8(in));
		wg_output(s->dev, s->peer, b, 100, op >> 5, now);
		break;
	case 2:		/* whatever, sealed by its keys */
		n = in_bytes(in, b, in8(in) * 2U);
		if (n > 0)
			wg_output(s->dev, s->peer, b, n, 0, now);
		break;
	case 4:
		across(s, in, kept, nkept, now);
		break;
	case 3:
		carry(s, now);
		carry(s->other, now);
		break;
	case 5:		/* keep one */
		i = in8(in) % WIRE;
		if (i < s->nwire)
			memcpy(kept, s->wire[i].buf,
			    nkept = s->wire[i].len);
		break;
	case 6:		/* what was kept, again, from elsewhere */
		memcpy(b, kept, nkept);
		ep = s->ep;
		ep.remote.sin.sin_port = htons(in8(in));
		deliver(s, b, nkept, &ep, now);
		break;
	case 7:		/* changed */
		n = in8(in);
		if (n < nkept)
			kept[n] ^= in8(in);
		break;
	case 8:		/* shorter or longer */
		n = in16(in) % sizeof(kept);
		if (n > nkept)
			memset(kept + nkept, 0, n - nkept);
		nkept = n;
		break;
	case 9:		/* signed again: mac1 is no secret */
		if (nkept >= 32 + 4)
			cookie_sign(&s->peer->cookie, kept, nkept,
			    now);
		break;
	case 10:
		now += MONO_MS(10) * in8(in);
		break;
	case 11:
		now += MONO_SEC(1) * in8(in);
		break;
	case 12:
		wg_send_initiation(s->dev, s->peer, 0, now);
		break;
	case 13:
		if (in8(in) & 1)
			wg_pause(s->dev);
		else
			wg_resume(s->dev, now);
		break;
	case 14:
		wg_peer_limit(s->dev, s->peer, in16(in) * 100U, 0);
		break;
	case 15:	/* many at once: it asks for cookies */
		for (n = in8(in); n > 0; n--) {
			memcpy(b, kept, nkept);
			wg_input(s->other->dev, b, nkept, &s->ep, 0,
			    now);
		}
		wg_run_handshakes(s->other->dev, 5, now);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int	 ready;
	struct input	 in = { data, len };
	int		 steps = 0;

	random_state = 1;
	if (!ready)
		MUST(aead_init() == NULL);
	ready = 1;
	nkept = 0;
	now = MONO_SEC(10);
	begin(&side[0], &side[1], 1, now);
	begin(&side[1], &side[0], 2, now);
	know(&side[0], "10.0.0.2/32");
	know(&side[1], "10.0.0.1/32");
	know_another(&side[0]);
	know_another(&side[1]);
	while (in.n > 0 && steps++ < 200) {
		step(&in);
		wheel_run(&side[0].dev->wheel, now);
		wheel_run(&side[1].dev->wheel, now);
		MUST(side[0].dev->nstaged <= 1024);
	}
	wg_device_free(side[0].dev);
	wg_device_free(side[1].dev);
	return (0);
}
