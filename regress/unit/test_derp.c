/* SPDX-License-Identifier: ISC */

/*
 * What the derp engine does without a network: frames, the beginning of a
 * connection, the queue toward a relay, and the ways to a key.
 */

#include <sys/types.h>

#include <sodium.h>

#include "addr.h"
#include "derp/frame.h"
#include "derp/hello.h"
#include "derp/outq.h"
#include "derp/routes.h"
#include "unit.h"

#define MS	MONO_MS(1)

static const uint8_t	 key_a[KEY_LEN] = { 1 }, key_b[KEY_LEN] = { 2 };

/* ---- names */

static void
test_node_keys(void **state)
{
	static const char	 hex[] = "0102030405060708090a0b0c0d0e0f10"
				    "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0";
	struct sockaddr_storage	 a, b;
	uint8_t			 key[KEY_LEN], again[KEY_LEN];
	char			 text[NODE_STRLEN], word[128];

	(void)state;
	snprintf(word, sizeof(word), "nodekey:%s", hex);
	assert_int_equal(key_from_node(key, NODE_PUBLIC, word), 0);
	assert_int_equal(key[0], 1);
	assert_int_equal(key[16], 0xff);
	key_to_node(text, NODE_PUBLIC, key);
	assert_string_equal(text, word);
	assert_int_equal(key_from_node(again, NODE_PRIVATE, word), -1);
	assert_int_equal(key_from_node(again, NODE_PUBLIC, hex), -1);
	strlcat(word, "0", sizeof(word));
	assert_int_equal(key_from_node(again, NODE_PUBLIC, word), -1);
	snprintf(word, sizeof(word), "nodekey:%.62sxx", hex);
	assert_int_equal(key_from_node(again, NODE_PUBLIC, word), -1);
	sa_make_relay(&a, key);
	sa_make_relay(&b, key);
	assert_true(sa_equal((struct sockaddr *)&a, (struct sockaddr *)&b));
	assert_string_equal(sa_str((struct sockaddr *)&a, word,
	    sizeof(word)), text);
	assert_int_equal(sa_port((struct sockaddr *)&a), 0);
	key[31] ^= 1;
	sa_make_relay(&b, key);
	assert_false(sa_equal((struct sockaddr *)&a, (struct sockaddr *)&b));
}

/* ---- frames */

static void
test_frame_split(void **state)
{
	uint8_t		 buf[256];
	struct frame	 f;
	size_t		 n, i, used, skip;

	(void)state;
	n = frame_head(buf, FRAME_RECV, KEY_LEN + 5);
	memset(buf + n, 7, KEY_LEN + 5);
	n += KEY_LEN + 5;
	for (i = 0; i < n; i++)
		assert_int_equal(frame_next(buf, i, &f, &used, &skip),
		    FRAME_MORE);
	assert_int_equal(frame_next(buf, n + 9, &f, &used, &skip), FRAME_OK);
	assert_int_equal(used, n);
	assert_int_equal(skip, 0);
	assert_int_equal(f.type, FRAME_RECV);
	assert_int_equal(f.len, KEY_LEN + 5);
	assert_ptr_equal(f.data, buf + FRAME_HDR);
}

static void
test_frame_lengths(void **state)
{
	static const struct {
		uint8_t			 type;
		size_t			 len;
		enum frame_state	 want;
	} cases[] = {
		{ FRAME_SERVER_KEY, 39, FRAME_BAD },
		{ FRAME_SERVER_KEY, 40, FRAME_OK },
		{ FRAME_SERVER_KEY, 1024, FRAME_OK },
		{ FRAME_SERVER_KEY, 1025, FRAME_BAD },
		{ FRAME_RECV, 31, FRAME_BAD },
		{ FRAME_RECV, 32, FRAME_OK },
		{ FRAME_RECV, 32 + 65536, FRAME_OK },
		{ FRAME_RECV, 32 + 65537, FRAME_BAD },
		{ FRAME_GONE, 31, FRAME_BAD },
		{ FRAME_GONE, 33, FRAME_OK },
		{ FRAME_PING, 7, FRAME_BAD },
		{ FRAME_PING, 8, FRAME_OK },
		{ FRAME_PONG, 9, FRAME_BAD },
		{ FRAME_RESTARTING, 7, FRAME_BAD },
		{ FRAME_HEALTH, 0, FRAME_OK },
		{ FRAME_HEALTH, 65537, FRAME_BAD },
		{ FRAME_KEEPALIVE, 0, FRAME_OK },
		{ FRAME_SERVER_INFO, UINT32_MAX, FRAME_BAD },
		{ 200, 1 << 20, FRAME_OK },
		{ 200, (1 << 20) + 1, FRAME_BAD }
	};
	static uint8_t	 buf[2 << 20];
	struct frame	 f;
	size_t		 i, used, skip;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_head(buf, cases[i].type, cases[i].len);
		assert_int_equal(frame_next(buf, sizeof(buf), &f, &used,
		    &skip), cases[i].want);
	}
}

/* What is not read need not be there at once. */
static void
test_frame_skip(void **state)
{
	uint8_t		 buf[64];
	struct frame	 f;
	size_t		 used, skip;

	(void)state;
	frame_head(buf, 99, 1000);
	assert_int_equal(frame_next(buf, 25, &f, &used, &skip), FRAME_OK);
	assert_int_equal(used, 25);
	assert_int_equal(skip, 980);
	frame_head(buf, FRAME_PRESENT, 10);
	assert_int_equal(frame_next(buf, 25, &f, &used, &skip), FRAME_OK);
	assert_int_equal(used, 15);
	assert_int_equal(skip, 0);
}

/* ---- the beginning */

static int
head(const char *s, int *status)
{
	return (hello_head((const uint8_t *)s, strlen(s), status));
}

static void
test_http_head(void **state)
{
	static const char	 good[] = "HTTP/1.1 101 Switching\r\n"
				    "upgrade: WebSocket, DERP\r\n\r\n";
	static char		 longer[HEAD_MAX + 100] = "HTTP/1.1 200 ";
	int			 status = 0;

	(void)state;
	assert_int_equal(head(good, &status), (int)strlen(good));
	assert_int_equal(status, 101);
	assert_true(hello_has((const uint8_t *)good, strlen(good), "Upgrade",
	    "derp"));
	assert_false(hello_has((const uint8_t *)good, strlen(good), "Upgrade",
	    "h2c"));
	assert_false(hello_has((const uint8_t *)good, strlen(good), "Up",
	    "derp"));
	assert_int_equal(head("HTTP/1.1 101 S\r\nA: b\r\n", &status), 0);
	assert_int_equal(head("HTTP", &status), 0);
	assert_int_equal(head("HTTPS/1.1 101\r\n\r\n", &status), -1);
	assert_int_equal(head("HTTP/1.1 1x1 \r\n\r\n", &status), -1);
	assert_int_equal(head("HTTP/1.1\r\n\r\n", &status), -1);
	assert_int_equal(head("\r\n\r\n", &status), -1);
	memset(longer + 13, 'x', HEAD_MAX);
	assert_int_equal(head(longer, &status), -1);
}

static void
test_http_request(void **state)
{
	struct conf_relay	 r;
	char			 buf[HELLO_MAX];
	size_t			 n;

	(void)state;
	memset(&r, 0, sizeof(r));
	strlcpy(r.host, "relay.example", sizeof(r.host));
	strlcpy(r.path, "/derp", sizeof(r.path));
	r.tls = 1;
	r.port = 443;
	n = hello_upgrade(&r, buf);
	assert_int_equal(n, strlen(buf));
	assert_non_null(strstr(buf, "GET /derp HTTP/1.1\r\n"
	    "Host: relay.example\r\nUpgrade: DERP\r\n"));
	r.port = 8443;
	strlcpy(r.host, "2001:db8::1", sizeof(r.host));
	hello_upgrade(&r, buf);
	assert_non_null(strstr(buf, "\r\nHost: [2001:db8::1]:8443\r\n"));
	hello_connect(&r, buf);
	assert_non_null(strstr(buf, "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"));
	assert_null(strstr(buf, "Authorization"));
	strlcpy(r.proxy_auth, "dXNlcjpwYXNz", sizeof(r.proxy_auth));
	hello_connect(&r, buf);
	assert_non_null(strstr(buf,
	    "\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"));
}

static size_t
box(uint8_t *out, const char *json, const uint8_t *pk, const uint8_t *sk)
{
	randombytes_buf(out, crypto_box_NONCEBYTES);
	assert_int_equal(crypto_box_easy(out + crypto_box_NONCEBYTES,
	    (const uint8_t *)json, strlen(json), out, pk, sk), 0);
	return (crypto_box_NONCEBYTES + crypto_box_MACBYTES + strlen(json));
}

static void
test_boxes(void **state)
{
	uint8_t			 spk[KEY_LEN], ssk[KEY_LEN];
	uint8_t			 cpk[KEY_LEN], csk[KEY_LEN];
	uint8_t			 info[INFO_MAX], text[INFO_MAX], msg[512];
	struct server_info	 s;
	size_t			 n;

	(void)state;
	crypto_box_keypair(spk, ssk);
	crypto_box_keypair(cpk, csk);
	/* the server opens what the client makes */
	n = hello_client(csk, spk, info);
	assert_true(n > KEY_LEN + 40);
	assert_memory_equal(info, cpk, KEY_LEN);
	assert_int_equal(crypto_box_open_easy(text, info + KEY_LEN + 24,
	    n - KEY_LEN - 24, info + KEY_LEN, cpk, ssk), 0);
	assert_memory_equal(text, "{\"version\":2,", 13);
	/* and the client what the server makes */
	n = box(msg, "{\"version\":2,\"TokenBucketBytesPerSecond\": 1000,"
	    "\"TokenBucketBytesBurst\":50}", cpk, ssk);
	assert_int_equal(hello_server(csk, spk, msg, n, &s), 0);
	assert_int_equal(s.rate, 1000);
	assert_int_equal(s.burst, 50);
	msg[n - 1] ^= 1;
	assert_int_equal(hello_server(csk, spk, msg, n, &s), -1);
	for (n = 0; n < 40; n++)
		assert_int_equal(hello_server(csk, spk, msg, n, &s), -1);
	n = box(msg, "", cpk, ssk);
	assert_int_equal(hello_server(csk, spk, msg, n, &s), 0);
	assert_int_equal(s.rate, 0);
	n = box(msg, "{\"TokenBucketBytesPerSecond\":-5,"
	    "\"TokenBucketBytesBurst\":99999999999999999999999}", cpk, ssk);
	assert_int_equal(hello_server(csk, spk, msg, n, &s), 0);
	assert_int_equal(s.rate, 0);
	assert_int_equal(s.burst, 0);
	/* a key that is none */
	memset(spk, 0, sizeof(spk));
	assert_int_equal(hello_client(csk, spk, info), 0);
}

/* ---- the queue */

static struct outq	 q;

static int
new_queue(void **state)
{
	static const uint8_t	 secret[16];

	(void)state;
	return (outq_init(&q, secret));
}

static int
end_queue(void **state)
{
	(void)state;
	outq_free(&q);
	return (0);
}

static unsigned int
put(const uint8_t *key, uint8_t what, size_t len, mono_t now)
{
	static uint8_t	 data[OUTQ_SLOT + 1];

	data[0] = what;
	return (outq_put(&q, key, data, len, now));
}

/* The first byte of the next one, -1: there is none. */
static int
next(mono_t now, unsigned int *dropped)
{
	const struct outq_dgram	*d = outq_next(&q, now, dropped);
	int			 v;

	if (d == NULL)
		return (-1);
	v = d->data[0];
	outq_done(&q);
	return (v);
}

static void
test_queue_order(void **state)
{
	unsigned int	 dropped;
	int		 i;

	(void)state;
	for (i = 0; i < 100; i++)
		assert_int_equal(put(key_a, (uint8_t)i, i % 3 ? 1400 : 60, MS),
		    0);
	for (i = 0; i < 100; i++)
		assert_int_equal(next(MS, &dropped), i);
	assert_int_equal(next(MS, &dropped), -1);
	assert_int_equal(q.bytes, 0);
	/* too large for anybody */
	assert_int_equal(put(key_a, 1, OUTQ_SLOT + 1, MS), 1);
	assert_int_equal(put(key_a, 1, 0, MS), 1);
}

/* Who has little does not wait behind who has much. */
static void
test_queue_turns(void **state)
{
	unsigned int	 dropped;
	int		 i, v, n = 0;

	(void)state;
	for (i = 0; i < 100; i++)
		put(key_a, 1, 1400, MS);
	put(key_b, 2, 1400, MS);
	while ((v = next(MS, &dropped)) != 2) {
		assert_int_equal(v, 1);
		n++;
	}
	assert_true(n <= 3);
	/* and byte for byte, whatever size they send */
	outq_clear(&q);
	for (i = 0; i < 150; i++) {
		put(key_a, 1, 1400, MS);
		put(key_b, 2, 140, MS);
	}
	for (i = n = 0; i < 110; i++)
		n += next(MS, &dropped) == 1;
	assert_in_range(n, 8, 14);
}

static void
test_queue_bounds(void **state)
{
	unsigned int	 dropped, all = 0;
	int		 i, v, small = 0, large = 0, b = 0;

	(void)state;
	put(key_b, 3, 1400, MS);
	for (i = 0; i < 2000; i++)
		all += put(key_a, i % 20 ? 1 : 2, i % 20 ? 1400 : 60, MS);
	assert_true(q.bytes <= OUTQ_BYTES);
	assert_true(all > 1500);
	while ((v = next(MS, &dropped)) != -1) {
		small += v == 2;
		large += v == 1;
		b += v == 3;
	}
	/* what is small stays, and so does somebody else's */
	assert_int_equal(small, 100);
	assert_true(large > 100);
	assert_int_equal(b, 1);
	/* by number, too */
	for (i = all = 0; i < 2 * OUTQ_SLOTS; i++)
		all += put(key_a, 1, 20, MS);
	assert_int_equal(all, OUTQ_SLOTS);
	assert_int_equal(outq_clear(&q), OUTQ_SLOTS);
	assert_int_equal(next(MS, &dropped), -1);
}

static void
test_queue_age(void **state)
{
	unsigned int	 dropped, all = 0;
	int		 i;

	(void)state;
	put(key_a, 9, 60, MS);
	for (i = 0; i < 10; i++)
		put(key_a, (uint8_t)i, 1400, MS);
	/* small ones go however old, and the last one does */
	assert_int_equal(next(500 * MS, &dropped), 9);
	assert_int_equal(next(500 * MS, &dropped), 9);
	assert_int_equal(dropped, 9);
	assert_int_equal(next(500 * MS, &dropped), -1);
	/* a standing queue that is not that old is thinned out */
	for (i = 0; i < 3000; i++) {
		put(key_a, 1, 1400, (mono_t)(i + 1000) * MS);
		if (i >= 40) {
			next((mono_t)(i + 1000) * MS, &dropped);
			all += dropped;
		}
	}
	assert_in_range(all, 10, 200);
	assert_true(q.bytes < 40 * 1400);
	/* and a short one is not */
	outq_clear(&q);
	for (i = 0; i < 3000; i++) {
		put(key_a, 1, 1400, (mono_t)(i + 9000) * MS);
		if (i >= 5) {
			next((mono_t)(i + 9000) * MS, &dropped);
			assert_int_equal(dropped, 0);
		}
	}
}

/* How often a queue stood before says nothing an hour later. */
static void
test_queue_again(void **state)
{
	unsigned int	 dropped, first = 0, all;
	mono_t		 at = MONO_SEC(10);
	int		 round, i;

	(void)state;
	for (round = 0; round < 4; round++) {
		for (i = all = 0; i < 1000; i++) {
			put(key_a, 1, 1400, at + (mono_t)i * MS);
			if (i >= 40) {
				next(at + (mono_t)i * MS, &dropped);
				all += dropped;
			}
		}
		while (next(at + 1000 * MS, &dropped) != -1)
			continue;
		if (round == 0)
			first = all;
		assert_int_equal(all, first);
		at += MONO_SEC(3600);
	}
	assert_true(first > 0);
}

/* ---- the ways */

static void
test_routes(void **state)
{
	uint8_t		 key[KEY_LEN];
	struct route	*r;
	mono_t		 now = MONO_SEC(100);
	uint32_t	 i;

	(void)state;
	routes_init();
	routes_clear();
	assert_null(route_find(key_a, now, 0));
	r = route_find(key_a, now, 1);
	assert_non_null(r);
	assert_int_equal(r->relay, ROUTE_NONE);
	route_heard(r, 3, now);
	assert_int_equal(r->relay, 3);
	route_gone(key_a, 3, now);
	assert_int_equal(r->relay, ROUTE_NONE);
	assert_true(route_absent(r, 3, now));
	assert_false(route_absent(r, 2, now));
	assert_true(route_absent(r, 3, now + ROUTE_ABSENT));
	assert_false(route_absent(r, 3, now + ROUTE_ABSENT + 1));
	route_gone(key_a, 5, now);
	route_heard(r, 3, now);
	assert_false(route_absent(r, 3, now));
	assert_true(route_absent(r, 5, now));
	/* keys without end cost nothing more; who is heard often stays */
	for (i = 0; i < 200000; i++) {
		memcpy(key, &i, sizeof(i));
		memset(key + 4, 5, KEY_LEN - 4);
		now++;
		route_heard(route_find(key, now, 1), 1, now);
		if (i % 200 == 0)
			route_heard(route_find(key_a, now, 1), 3, now);
	}
	assert_non_null(route_find(key_a, now, 0));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_node_keys),
		cmocka_unit_test(test_frame_split),
		cmocka_unit_test(test_frame_lengths),
		cmocka_unit_test(test_frame_skip),
		cmocka_unit_test(test_http_head),
		cmocka_unit_test(test_http_request),
		cmocka_unit_test(test_boxes),
		cmocka_unit_test_setup_teardown(test_queue_order, new_queue,
		    end_queue),
		cmocka_unit_test_setup_teardown(test_queue_turns, new_queue,
		    end_queue),
		cmocka_unit_test_setup_teardown(test_queue_bounds, new_queue,
		    end_queue),
		cmocka_unit_test_setup_teardown(test_queue_age, new_queue,
		    end_queue),
		cmocka_unit_test_setup_teardown(test_queue_again, new_queue,
		    end_queue),
		cmocka_unit_test(test_routes)
	};

	if (sodium_init() == -1)
		return (1);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
