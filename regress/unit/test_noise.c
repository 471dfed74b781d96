/* SPDX-License-Identifier: ISC */

/*
 * The parts that a WireGuard device is made of, each by itself: primitives,
 * handshake, replay window, allowed IPs, timers, cookies and rate limit.
 */

#include <sys/types.h>
#include <arpa/inet.h>

#include <endian.h>
#include <stdio.h>

#include "key.h"
#include "unit.h"
#include "crypto/wg/device.h"

static int
setup(void **state)
{
	(void)state;
	return (aead_init() == NULL ? 0 : -1);
}

static void
kdf_vectors(void **state)
{
	/* the three cases of wireguard-go's device/kdf_test.go */
	static const char *const	 v[][5] = {
	    { "746573742d6b6579", "746573742d696e707574",
	    "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
	    "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
	    "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24"
	    },
	    { "776972656775617264", "776972656775617264",
	    "491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8",
	    "1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f",
	    "31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160"
	    },
	    { "", "",
	    "8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0",
	    "58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e",
	    "0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e"
	    } };
	uint8_t				 key[32], in[32], o[3][32], want[32];
	size_t				 i, n;
	int				 k;

	(void)state;
	for (i = 0; i < 3; i++) {
		/* HMAC pads a key with zeros */
		memset(key, 0, sizeof(key));
		unhex(v[i][0], key);
		n = unhex(v[i][1], in);
		assert_int_equal(kdf(o[0], o[1], o[2], key, in, n), 0);
		for (k = 0; k < 3; k++) {
			unhex(v[i][2 + k], want);
			assert_memory_equal(o[k], want, 32);
		}
	}
}

static void
aead_both_ways(int direct)
{
	/* RFC 8439 2.8.2 has a nonce that starts with 7; ours is LE64 */
	static const char	 key_hex[] =
	    "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
	uint8_t			 key[32], box[64 + 16], out[64], in[64];
	struct aead_key		*s, *o;
	uint64_t		 c;
	size_t			 i;

	aead_direct(direct);
	unhex(key_hex, key);
	memset(in, 7, sizeof(in));
	assert_non_null(s = aead_key_seal(key));
	assert_non_null(o = aead_key_open(key));
	for (c = 0; c < 3; c++) {
		assert_int_equal(aead_seal(s, c, in, 50, 64, box), 0);
		assert_int_equal(aead_open(o, c, box, 80, out), 0);
		assert_memory_equal(out, in, 50);
		for (i = 50; i < 64; i++)
			assert_int_equal(out[i], 0);
		/* each bit of the tag, and the ciphertext, counts */
		for (i = 0; i < 80 * 8; i += 7) {
			box[i / 8] ^= 1 << (i % 8);
			assert_int_equal(aead_open(o, c, box, 80, out), -1);
			box[i / 8] ^= 1 << (i % 8);
		}
		assert_int_equal(aead_open(o, c + 1, box, 80, out), -1);
		/* a missing tag */
		assert_int_equal(aead_open(o, c, box, 64, out), -1);
		assert_int_equal(aead_open(o, c, box, 15, out), -1);
		assert_int_equal(aead_open(o, c, box, 80, out), 0);
	}
	/* what one way has sealed the other opens */
	aead_direct(!direct);
	aead_key_free(o);
	assert_non_null(o = aead_key_open(key));
	assert_int_equal(aead_open(o, 2, box, 80, out), 0);
	aead_key_free(s);
	aead_key_free(o);
}

static void
aead_vectors(void **state)
{
	(void)state;
	aead_both_ways(0);
	aead_both_ways(1);
	aead_direct(1);
}

/* draft-irtf-cfrg-xchacha-03, 2.2.1 and A.3.1 */
static void
xchacha_vectors(void **state)
{
	static const char	 text[] = "Ladies and Gentlemen of the class "
	    "of '99: If I could offer you only one tip for the future, "
	    "sunscreen would be it.";
	uint8_t			 key[32], in[24], out[32], want[32], ad[12];
	uint8_t			 box[256], plain[256], tag[16];
	size_t			 i, n = sizeof(text) - 1;

	(void)state;
	for (i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	unhex("000000090000004a0000000031415927", in);
	unhex("82413b4227b27bfed30e42508a877d73"
	    "a0f9e4d58a74a853c12ec41326d3ecdc", want);
	assert_int_equal(hchacha20(out, key, in), 0);
	assert_memory_equal(out, want, 32);

	for (i = 0; i < 32; i++)
		key[i] = (uint8_t)(0x80 + i);
	for (i = 0; i < 24; i++)
		in[i] = (uint8_t)(0x40 + i);
	unhex("50515253c0c1c2c3c4c5c6c7", ad);
	assert_int_equal(xaead_seal(key, in, ad, 12, (const uint8_t *)text,
	    n, box), 0);
	unhex("c0875924c1c7987947deafd8780acf49", tag);
	assert_memory_equal(box + n, tag, 16);
	assert_int_equal(xaead_open(key, in, ad, 12, box, n + 16, plain), 0);
	assert_memory_equal(plain, text, n);
	box[3] ^= 1;
	assert_int_equal(xaead_open(key, in, ad, 12, box, n + 16, plain),
	    -1);
}

/* RFC 7748 5.2, and points of low order */
static void
dh_vectors(void **state)
{
	static const char *const	 low[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
	};
	uint8_t				 a[32], b[32], out[32], want[32];
	struct dh_key			*ka;
	size_t				 i;

	(void)state;
	unhex("a546e36bf0527c9d3b16154b82465edd"
	    "62144c0ac1fc5a18506a2244ba449ac4", a);
	unhex("e6db6867583030db3594c1a424b15f7c"
	    "726624ec26b3353b10a903a6d0ab1c4c", b);
	unhex("c3da55379de9c6908e94ea4df28d084f"
	    "32eccf03491c71f754b4075577a28552", want);
	assert_non_null(ka = dh_new(a));
	assert_int_equal(dh_derive(ka, b, out), 0);
	assert_memory_equal(out, want, 32);
	dh_free(ka);
	memset(a, 0x42, sizeof(a));
	assert_non_null(ka = dh_new(a));
	for (i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		unhex(low[i], b);
		assert_int_equal(dh_derive(ka, b, out), -1);
	}
	dh_free(ka);
}

/* RFC 7748 5.2: the function applied to its own output */
static void
dh_iterated(void **state)
{
	uint8_t		 k[32] = { 9 }, u[32] = { 9 }, out[32], want[32];
	struct dh_key	*dh;
	int		 i;

	(void)state;
	for (i = 1; i <= 1000; i++) {
		assert_non_null(dh = dh_new(k));
		assert_int_equal(dh_derive(dh, u, out), 0);
		dh_free(dh);
		memcpy(u, k, 32);
		memcpy(k, out, 32);
		if (i == 1) {
			unhex("422c8e7a6227d7bca1350b3e2bb7279f"
			    "7897b87bb6854b783c60e80311ae3079", want);
			assert_memory_equal(k, want, 32);
		}
	}
	unhex("684cf59ba83309552800ef566f2f4d3c"
	    "1c3887c49360e3875f2eb94d99532c51", want);
	assert_memory_equal(k, want, 32);
}

/* RFC 7693, appendix B */
static void
blake2s_vector(void **state)
{
	uint8_t	 out[32], want[32];

	(void)state;
	unhex("508c5e8c327c14e2e1a72ba34eeb452f"
	    "37458b209ed63a294d999b4c86675982", want);
	assert_int_equal(hash_blake2s(out, "a", 1, "bc", 2), 0);
	assert_memory_equal(out, want, 32);
}

struct transcript {
	const char	*epriv_i;
	const char	*epriv_r;
	const char	*psk;
	const char	*init;
	const char	*resp;
	const char	*data;
};

/*
 * The keys are those published with Wireshark's sample captures; the
 * messages were computed from them, with fixed timestamp and indices, by
 * an implementation that shares no code with this one.
 */
static const struct transcript	 transcripts[] = {
    { "sLGLJSOQfyz7JNJ5ZDzFf3Uz1rkiCMMjbWerNYcPFFU=",
    "QC4/FZKhFf0b/eXEcCecmZNt6V6PXmRa4EWG1PIYTU4=", NULL,
    "01000000443322115fcec7c8e5c8e2e3f7989eef60c228d82329d602b6b1e2bb9d06"
    "8f89cf9d4d4532780f6d27264f7b98701fdc27a4ec00aeb6becdbef2332f1b4084ca"
    "db93823935c012ae255e7b25eff13940c321fa6bd66a2a87b25b9065375768838195"
    "33f0a9bf23ac77fab9e3e4accfdec04c76e12c7d4072ceb58bed622e168400000000"
    "000000000000000000000000",
    "02000000ddccbbaa44332211b18d5550bd4042a37a46823ac08db1ec66839bc0ca2d"
    "64bc15cd80232b66232f96d1be3e6dc63a09d75e2aef37b8963f6059017ac4d1942c"
    "e83e51308bbc3dc600000000000000000000000000000000",
    "04000000ddccbbaa000000000000000013622a16335a1279fc41ec3553125eec" },
    { "iCv2VTi/BC/q0egU931KXrrQ4TSwXaezMgrhh7uCbXs=",
    "8G1N3LnEqYC7+NW/b6mqceVUIGBMAZSm+IpwG1U0j0w=",
    "//////////////////////////////////////////8=",
    "0100000044332211f30ceb67148dd27c78d52d0196b6b78b71542986f563ac898879"
    "353f022f174770c5b3d433cfb49fd3311688284ce67ec72111e655129fc5f6bed2e0"
    "a44b8d28c222c6e1479a0833c7a1f6417b733c1ef049fab5e6596d9942bc33e20ed1"
    "b59136daaa8c964ad6397761518228aafee66888d6f007ca5d0741f2b1d200000000"
    "000000000000000000000000",
    "02000000ddccbbaa44332211394ce1067faccdff74d71ddde6450ccedb94839008a7"
    "a2c0cdb0b4abe080565b0fa797a4441efdf09709b94a351cbd0e291880b95024fe72"
    "82bf99fae3f2bc5f00000000000000000000000000000000",
    "04000000ddccbbaa0000000000000000531245ba32005c44dd0d93d9f3238dc5" }
};

static void
noise_transcripts(void **state)
{
	struct noise_local	 li, lr;
	struct noise_remote	 ri, rr;
	struct noise_opened	 o;
	struct noise_keys	 ki, kr;
	struct wg_initiation	 init;
	struct wg_response	 resp;
	struct cookie_maker	 ci, cr;
	struct cookie_checker	 chk;
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	struct aead_key		*s;
	uint8_t			 sk_i[32], sk_r[32], e[32], psk[32], tai[12];
	uint8_t			 want[256], data[64];
	size_t			 i, n;

	(void)state;
	key_from_base64(sk_i, "AKeZaHwBxjiKLFnkY2unvEdOTtg4AL+M9dQXfopFVFk=");
	key_from_base64(sk_r, "cFIxTUyBs1Qil414hBwEgvasEax8CKJ5IS5ZougplWs=");
	for (i = 0; i < 2; i++) {
		const struct transcript	*t = &transcripts[i];

		memset(psk, 0, sizeof(psk));
		if (t->psk != NULL)
			assert_int_equal(key_from_base64(psk, t->psk), 0);
		assert_int_equal(noise_local_init(&li, sk_i), 0);
		assert_int_equal(noise_local_init(&lr, sk_r), 0);
		key_from_base64(e,
		    "Igge9KzRytKNwrgkzDE/8hrLu6Ly0OqVdvOPWhA5KR4=");
		assert_memory_equal(li.public, e, 32);
		noise_remote_init(&li, &ri, lr.public, psk);
		noise_remote_init(&lr, &rr, li.public, psk);
		cookie_maker_init(&ci, lr.public);
		cookie_maker_init(&cr, li.public);
		cookie_checker_init(&chk, lr.public);

		noise_tai64n(tai, 1500000000, 0x12345678);
		key_from_base64(e, t->epriv_i);
		assert_int_equal(noise_create_initiation(&li, &ri, tai, e,
		    0x11223344, &init), 0);
		cookie_sign(&ci, &init, sizeof(init), 1);
		n = unhex(t->init, want);
		assert_int_equal(n, sizeof(init));
		assert_memory_equal(&init, want, n);
		assert_int_equal(cookie_check(&chk, &init, sizeof(init),
		    (struct sockaddr *)&sin, 0, 1), COOKIE_MAC1);

		assert_int_equal(noise_open_initiation(&lr, &init, &o), 0);
		assert_memory_equal(o.public, li.public, 32);
		assert_int_equal(noise_consume_initiation(&rr, &init, &o),
		    0);
		key_from_base64(e, t->epriv_r);
		assert_int_equal(noise_create_response(&rr, e, 0xaabbccdd,
		    &resp), 0);
		cookie_sign(&cr, &resp, sizeof(resp), 1);
		n = unhex(t->resp, want);
		assert_int_equal(n, sizeof(resp));
		assert_memory_equal(&resp, want, n);
		/* a spoilt response changes nothing; the good one works */
		resp.empty_box[3] ^= 1;
		assert_int_equal(noise_consume_response(&li, &ri, &resp),
		    -1);
		resp.empty_box[3] ^= 1;
		assert_int_equal(noise_consume_response(&li, &ri, &resp), 0);
		assert_int_equal(noise_derive(&ri, &ki), 0);
		assert_int_equal(noise_derive(&rr, &kr), 0);
		assert_memory_equal(ki.send, kr.recv, 32);
		assert_memory_equal(ki.recv, kr.send, 32);
		assert_int_equal(ki.remote_index, 0xaabbccdd);
		assert_int_equal(kr.remote_index, 0x11223344);
		n = unhex(t->data, want);
		assert_non_null(s = aead_key_seal(ki.send));
		assert_int_equal(aead_seal(s, 0, NULL, 0, 0, data), 0);
		assert_memory_equal(data, want + 16, 16);
		aead_key_free(s);
		/* the same initiation again is a replay */
		assert_int_equal(noise_open_initiation(&lr, &init, &o), 0);
		assert_int_equal(noise_consume_initiation(&rr, &init, &o),
		    -1);
		noise_handshake_clear(&ri);
		noise_handshake_clear(&rr);
		noise_local_clear(&li);
		noise_local_clear(&lr);
	}
}

/* The case list of the Linux kernel's counter selftest. */
static void
replay_window(void **state)
{
	const uint64_t	 w = REPLAY_WINDOW, l = w + 1;
	struct replay	 r;
	uint64_t	 i;

#define T(n, ok)	assert_int_equal(replay_check(&r, (n)), (ok) ? 0 : -1)
	(void)state;
	replay_init(&r);
	T(0, 1); T(1, 1); T(1, 0); T(9, 1); T(8, 1); T(7, 1); T(7, 0);
	T(l, 1); T(l - 1, 1); T(l - 1, 0); T(l - 2, 1); T(2, 1); T(2, 0);
	T(l + 16, 1); T(3, 0); T(l + 16, 0);
	T(l * 4, 1); T(l * 4 - (l - 1), 1); T(10, 0);
	T(l * 4 - l, 0); T(l * 4 - (l + 1), 0); T(l * 4 - (l - 2), 1);
	T(l * 4 + 1 - l, 0); T(0, 0);
	T(REJECT_AFTER_MESSAGES, 0); T(REJECT_AFTER_MESSAGES - 1, 1);
	T(REJECT_AFTER_MESSAGES, 0); T(REJECT_AFTER_MESSAGES - 1, 0);
	T(REJECT_AFTER_MESSAGES - 2, 1); T(REJECT_AFTER_MESSAGES + 1, 0);
	T(REJECT_AFTER_MESSAGES + 2, 0); T(REJECT_AFTER_MESSAGES - 2, 0);
	T(REJECT_AFTER_MESSAGES - 3, 1); T(0, 0);

	replay_init(&r);
	for (i = 1; i <= w; i++)
		T(i, 1);
	T(0, 1);
	T(0, 0);
	replay_init(&r);
	for (i = 2; i <= w + 1; i++)
		T(i, 1);
	T(1, 1);
	T(0, 0);
	replay_init(&r);
	for (i = w + 1; i-- > 0;)
		T(i, 1);
	replay_init(&r);
	for (i = w + 2; i-- > 1;)
		T(i, 1);
	T(0, 0);
	replay_init(&r);
	for (i = w + 1; i-- > 1;)
		T(i, 1);
	T(w + 1, 1);
	T(0, 0);
	replay_init(&r);
	for (i = w + 1; i-- > 1;)
		T(i, 1);
	T(0, 1);
	T(w + 1, 1);
#undef T
}

/* Random prefixes, against a list that is searched from end to end. */
static void
aip_oracle(void **state)
{
	enum { N = 800, OWNERS = 7 };
	static struct {
		struct ipprefix	 p;
		int		 owner;		/* -1: none */
	}			 list[N];
	static struct aip_list	 lists[OWNERS];
	static int		 owners[OWNERS];
	struct aip_trie		 t;
	struct ipprefix		 p;
	struct ipaddr		 a;
	void			*got;
	int			 i, k, round, best, bits, n = 0, total;
	struct aip_node		*node;

	(void)state;
	aip_init(&t);
	for (i = 0; i < OWNERS; i++)
		TAILQ_INIT(&lists[i]);
	for (round = 0; round < 6000; round++) {
		memset(&p, 0, sizeof(p));
		p.addr.af = arc4random_uniform(2) ? 4 : 6;
		bits = ipaddr_bits(&p.addr);
		/* few values, so that prefixes nest and collide */
		for (i = 0; i < bits / 8; i++)
			p.addr.a[i] = arc4random_uniform(4) == 0 ?
			    (uint8_t)(arc4random_uniform(4) << 6) : 0;
		p.len = (uint8_t)arc4random_uniform((uint32_t)bits + 1);
		a = p.addr;
		ipprefix_mask(&p);
		k = (int)arc4random_uniform(OWNERS);
		for (i = 0; i < n; i++)
			if (list[i].owner >= 0 && list[i].p.len == p.len &&
			    ipaddr_cmp(&list[i].p.addr, &p.addr) == 0)
				break;
		switch (arc4random_uniform(8)) {
		case 0:
			assert_int_equal(aip_remove(&t, &p, &owners[k]),
			    i < n && list[i].owner == k ? 0 : -1);
			if (i < n && list[i].owner == k)
				list[i].owner = -1;
			break;
		case 1:
			if (round % 50 != 0)
				break;
			aip_remove_owner(&t, &lists[k]);
			for (i = 0; i < n; i++)
				if (list[i].owner == k)
					list[i].owner = -1;
			break;
		default:
			if (i == n) {
				for (i = 0; i < n; i++)
					if (list[i].owner == -1)
						break;
				if (i == N)
					break;
				if (i == n)
					n++;
			}
			list[i].p = p;
			list[i].owner = k;
			/* host bits do not matter */
			p.addr = a;
			assert_int_equal(aip_insert(&t, &p, &owners[k],
			    &lists[k]), 0);
		}
		a.a[arc4random_uniform((uint32_t)bits / 8)] ^=
		    (uint8_t)(arc4random_uniform(4) << 6);
		for (i = 0, best = -1; i < n; i++)
			if (list[i].owner >= 0 &&
			    ipprefix_match(&list[i].p, &a) && (best == -1 ||
			    list[i].p.len > list[best].p.len))
				best = i;
		got = a.af == 4 ? aip_lookup4(&t, a.a) :
		    aip_lookup6(&t, a.a);
		assert_ptr_equal(got, best == -1 ? NULL :
		    &owners[list[best].owner]);
	}
	for (i = 0, total = 0; i < OWNERS; i++)
		for (node = TAILQ_FIRST(&lists[i]); node != NULL;
		    node = aip_node_next(node))
			total++;
	for (i = 0, k = 0; i < n; i++)
		k += list[i].owner >= 0;
	assert_int_equal(total, k);
	assert_int_equal(t.count, k);
	for (i = 0; i < OWNERS; i++)
		aip_remove_owner(&t, &lists[i]);
	assert_null(t.root4);
	assert_null(t.root6);
}

static void
timer_rules(void **state)
{
	struct wg_timers	 t;
	mono_t			 now = MONO_SEC(1000);
	int			 i, actions;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(timers_next(&t), 0);
	/* data without an answer: a handshake after 15 s */
	timers_data_sent(&t, now, MONO_MS(100));
	timers_data_sent(&t, now + MONO_SEC(3), 0);	/* does not re-arm */
	assert_int_equal(timers_next(&t), now + MONO_MS(15100));
	assert_int_equal(timers_expire(&t, now + MONO_MS(15099)), 0);
	assert_int_equal(timers_expire(&t, now + MONO_MS(15100)),
	    WG_DO_INITIATE);
	timers_data_sent(&t, now, 0);
	timers_any_received(&t);
	assert_int_equal(timers_next(&t), 0);
	/* data received: a keepalive after 10 s, and another one */
	timers_data_received(&t, now);
	timers_data_received(&t, now + 1);
	assert_int_equal(timers_expire(&t, now + MONO_SEC(10)),
	    WG_DO_KEEPALIVE);
	assert_int_equal(timers_expire(&t, now + MONO_SEC(20)),
	    WG_DO_KEEPALIVE);
	assert_int_equal(timers_next(&t), 0);
	timers_data_received(&t, now);
	timers_any_sent(&t);
	assert_int_equal(timers_next(&t), 0);
	/* retries for 90 s, then give up and zero in 540 s */
	for (i = 0; i < 100; i++) {
		timers_handshake_initiated(&t, now, 0);
		now += REKEY_TIMEOUT;
		actions = timers_expire(&t, now);
		if (actions != WG_DO_RETRY)
			break;
	}
	assert_int_equal(actions, WG_DO_GIVE_UP);
	assert_int_equal(i, 19);
	assert_int_equal(timers_next(&t), now + MONO_SEC(540));
	assert_int_equal(timers_expire(&t, now + MONO_SEC(540)), WG_DO_ZERO);
	/* 5 s between handshake messages */
	timers_handshake_sent(&t, now);
	assert_false(timers_may_initiate(&t, now + MONO_MS(4999)));
	assert_true(timers_may_initiate(&t, now + MONO_SEC(5)));
	/* persistent keepalive: at once, and after each traversal */
	timers_set_keepalive(&t, 25, now);
	assert_int_equal(timers_expire(&t, now), WG_DO_KEEPALIVE);
	timers_any_traversal(&t, now + MONO_SEC(7));
	assert_int_equal(timers_next(&t), now + MONO_SEC(32));
	timers_set_keepalive(&t, 0, now);
	assert_int_equal(timers_next(&t), 0);
}

static void
cookie_rules(void **state)
{
	struct cookie_checker	 chk;
	struct cookie_maker	 mk;
	struct wg_cookie	 reply;
	struct sockaddr_in	 a = { .sin_family = AF_INET,
				    .sin_port = 1 }, b = a;
	struct sockaddr		*sa = (struct sockaddr *)&a;
	uint8_t			 pub[32] = { 9 }, msg[WG_INITIATION_LEN];
	mono_t			 now = MONO_SEC(100);
	struct ratelimit	*rl;
	int			 i, n;

	(void)state;
	b.sin_port = 2;
	cookie_checker_init(&chk, pub);
	cookie_maker_init(&mk, pub);
	memset(msg, 3, sizeof(msg));
	cookie_sign(&mk, msg, sizeof(msg), now);
	assert_int_equal(cookie_check(&chk, msg, sizeof(msg), sa, 1, now),
	    COOKIE_MAC1);
	assert_int_equal(cookie_reply(&chk, msg, sizeof(msg), 7, sa, now,
	    &reply), 0);
	assert_int_equal(le32toh(reply.receiver), 7);
	assert_int_equal(cookie_consume(&mk, &reply, now), 0);
	/* only once for each message that was sent */
	assert_int_equal(cookie_consume(&mk, &reply, now), -1);
	cookie_sign(&mk, msg, sizeof(msg), now);
	assert_int_equal(cookie_check(&chk, msg, sizeof(msg), sa, 1, now),
	    COOKIE_MAC2);
	/* bound to the port, and to time */
	assert_int_equal(cookie_check(&chk, msg, sizeof(msg),
	    (struct sockaddr *)&b, 1, now), COOKIE_MAC1);
	now += MONO_SEC(121);
	assert_int_equal(cookie_check(&chk, msg, sizeof(msg), sa, 1, now),
	    COOKIE_MAC1);
	cookie_sign(&mk, msg, sizeof(msg), now);
	for (i = 0, n = 0; i < MAC_LEN; i++)
		n |= msg[WG_INITIATION_LEN - 1 - i];
	assert_int_equal(n, 0);		/* too old to be used */
	msg[5] ^= 1;
	assert_int_equal(cookie_check(&chk, msg, sizeof(msg), sa, 0, now),
	    COOKIE_MAC_INVALID);

	/* Linux' rate limiter selftest: five pass, the sixth does not */
	assert_non_null(rl = malloc(sizeof(*rl)));
	ratelimit_init(rl);
	for (i = 0; i < 5; i++)
		assert_true(ratelimit_allow(rl, sa, 0, now));
	assert_false(ratelimit_allow(rl, sa, 0, now));
	assert_true(ratelimit_allow(rl, sa, 0, now += MONO_MS(50)));
	assert_false(ratelimit_allow(rl, sa, 0, now));
	now += MONO_MS(100);
	assert_true(ratelimit_allow(rl, sa, 0, now));
	assert_true(ratelimit_allow(rl, sa, 0, now));
	assert_false(ratelimit_allow(rl, sa, 0, now));
	inet_pton(AF_INET, "28.1.2.3", &b.sin_addr);
	/* behind a balancer each port is somebody */
	a.sin_port = htons(1);
	for (i = 0; i < 5; i++)
		assert_true(ratelimit_allow(rl, sa, 1, now));
	assert_false(ratelimit_allow(rl, sa, 1, now));
	a.sin_port = htons(2);
	assert_true(ratelimit_allow(rl, sa, 1, now));
	assert_false(ratelimit_allow(rl, sa, 0, now));
	assert_true(ratelimit_allow(rl, (struct sockaddr *)&b, 0, now));
	/* the table does not grow: it refuses */
	for (i = 0, n = 0; i < 200000; i++) {
		b.sin_addr.s_addr = htonl((uint32_t)i);
		n += ratelimit_allow(rl, (struct sockaddr *)&b, 0, now);
	}
	assert_true(n <= RATELIMIT_BUCKETS * RATELIMIT_WAYS);
	free(rl);
}

/* A relay's client is a source by its key, as others are by address. */
static void
relay_rules(void **state)
{
	struct cookie_checker	 chk;
	struct cookie_maker	 mk;
	struct wg_cookie	 reply;
	struct sockaddr_storage	 a, b;
	struct sockaddr		*sa = (struct sockaddr *)&a;
	struct sockaddr		*sb = (struct sockaddr *)&b;
	uint8_t			 ka[32] = { 1 }, kb[32] = { 1 };
	uint8_t			 pub[32] = { 9 }, msg[WG_INITIATION_LEN];
	mono_t			 now = MONO_SEC(100);
	struct ratelimit	*rl;
	int			 i;

	(void)state;
	kb[7] = 1;
	sa_make_relay(&a, ka);
	sa_make_relay(&b, kb);
	assert_false(sa_equal(sa, sb));
	cookie_checker_init(&chk, pub);
	cookie_maker_init(&mk, pub);
	memset(msg, 3, sizeof(msg));
	cookie_sign(&mk, msg, sizeof(msg), now);
	assert_int_equal(cookie_reply(&chk, msg, sizeof(msg), 7, sa, now,
	    &reply), 0);
	assert_int_equal(cookie_consume(&mk, &reply, now), 0);
	cookie_sign(&mk, msg, sizeof(msg), now);
	assert_int_equal(cookie_check(&chk, msg, sizeof(msg), sa, 1, now),
	    COOKIE_MAC2);
	assert_int_equal(cookie_check(&chk, msg, sizeof(msg), sb, 1, now),
	    COOKIE_MAC1);

	/* its handshakes are its own, and it has none more by a balancer */
	assert_non_null(rl = malloc(sizeof(*rl)));
	ratelimit_init(rl);
	for (i = 0; i < 5; i++)
		assert_true(ratelimit_allow(rl, sa, 0, now));
	assert_false(ratelimit_allow(rl, sa, 0, now));
	assert_false(ratelimit_allow(rl, sa, 1, now));
	assert_true(ratelimit_allow(rl, sb, 0, now));
	free(rl);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(kdf_vectors),
		cmocka_unit_test(aead_vectors),
		cmocka_unit_test(xchacha_vectors),
		cmocka_unit_test(dh_vectors),
		cmocka_unit_test(dh_iterated),
		cmocka_unit_test(blake2s_vector),
		cmocka_unit_test(noise_transcripts),
		cmocka_unit_test(replay_window),
		cmocka_unit_test(aip_oracle),
		cmocka_unit_test(timer_rules),
		cmocka_unit_test(cookie_rules),
		cmocka_unit_test(relay_rules)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
