/* SPDX-License-Identifier: ISC */

/*
 * The WireGuard modules: primitives, handshake, replay window, allowed
 * IPs, cookies, timers, and two whole devices with a driven clock.
 */

#include <sys/types.h>
#include <arpa/inet.h>

#include <endian.h>
#include <stdio.h>

#include "key.h"
#include "unit.h"
#include "crypto/wg/device.h"
#include "crypto/wg/limit.h"
#include "crypto/wg/output.h"
#include "crypto/wg/overlay.h"

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

/* Two devices whose datagrams go from one to the other. */
struct side {
	struct wg_device	*dev;
	struct side		*other;
	struct wg_endpoint	 ep;		/* of this side */
	struct wg_peer		*peer;
	uint8_t			 tx[2048];
	uint8_t			 rx[2048];
	struct {
		uint8_t		 buf[2048];
		size_t		 len;
	}			 wire[512];
	int			 nwire;
	int			 delivered;
	size_t			 last_len;
	uint32_t		 last_sum;
	uint8_t			 last_tos;
	uint64_t		 wall;
	int			 cuts;
	int			 backs;
};

static uint8_t *
t_rx_buf(void *arg, size_t len)
{
	struct side	*s = arg;

	return (len <= sizeof(s->rx) ? s->rx : NULL);
}

static void
t_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t now)
{
	struct side	*s = arg;
	int		 i;

	(void)now;
	assert_ptr_equal(p, s->peer);
	s->last_tos = s->rx[1];
	s->last_sum = 0;
	for (i = 0; i < 20; i += 2)
		s->last_sum += (uint32_t)s->rx[i] << 8 | s->rx[i + 1];
	s->last_sum = (s->last_sum & 0xffff) + (s->last_sum >> 16);
	s->delivered++;
	s->last_len = len;
}

static uint8_t *
t_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	struct side	*s = arg;

	(void)tos;
	assert_true(ep->remote.sa.sa_family == AF_INET);
	return (len <= sizeof(s->tx) ? s->tx : NULL);
}

static void
t_tx_done(void *arg, size_t len)
{
	struct side	*s = arg;

	if (s->nwire == 512)
		return;
	memcpy(s->wire[s->nwire].buf, s->tx, len);
	s->wire[s->nwire++].len = len;
}

static void
t_wall(void *arg, struct timespec *ts)
{
	struct side	*s = arg;

	ts->tv_sec = (time_t)(++s->wall);
	ts->tv_nsec = 0;
}

static void
t_random(void *arg, void *p, size_t len)
{
	(void)arg;
	arc4random_buf(p, len);
}

static void
t_cut(void *arg, struct wg_peer *p)
{
	(void)p;
	((struct side *)arg)->cuts++;
}

static void
t_back(void *arg, struct wg_peer *p)
{
	(void)p;
	((struct side *)arg)->backs++;
}

static const struct wg_ops	 t_ops = { t_rx_buf, t_rx_done, t_tx_buf,
				    t_tx_done, t_wall, t_random, NULL, t_cut,
				    t_back, NULL, NULL };

static void
two_devices(struct side *a, struct side *b, mono_t now)
{
	uint8_t		 ka[32], kb[32], psk[32];
	struct ipprefix	 p;

	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	arc4random_buf(ka, 32);
	arc4random_buf(kb, 32);
	arc4random_buf(psk, 32);
	a->dev = wg_device_new(&t_ops, a, now);
	b->dev = wg_device_new(&t_ops, b, now);
	a->dev->mtu = b->dev->mtu = 1420;
	wg_device_set_key(a->dev, ka);
	wg_device_set_key(b->dev, kb);
	a->ep.remote.sin.sin_family = b->ep.remote.sin.sin_family = AF_INET;
	a->ep.remote.sin.sin_port = htons(1);
	b->ep.remote.sin.sin_port = htons(2);
	a->other = b;
	b->other = a;
	a->peer = wg_peer_add(a->dev, 0, b->dev->local.public, psk);
	b->peer = wg_peer_add(b->dev, 0, a->dev->local.public, psk);
	ipprefix_parse(&p, "10.0.0.2/32");
	aip_insert(&a->dev->aips, &p, a->peer, &a->peer->aips);
	ipprefix_parse(&p, "10.0.0.1/32");
	aip_insert(&b->dev->aips, &p, b->peer, &b->peer->aips);
	wg_peer_set_endpoint(a->peer, &b->ep.remote.sa);
}

/* Carry what is on the wire until nothing is; returns how many. */
static int
carry(struct side *a, struct side *b, mono_t now)
{
	struct side	*s;
	int		 i, k, n = 0;

	for (i = 0; i < 20; i++) {
		s = i & 1 ? b : a;
		for (k = 0; k < s->nwire; k++, n++)
			wg_input(s->other->dev, s->wire[k].buf,
			    s->wire[k].len, &s->ep, 0, now);
		s->nwire = 0;
		wg_run_handshakes(s->other->dev, 100, now);
	}
	return (n);
}

static void
make_packet(uint8_t pkt[100], const char *src, const char *dst)
{
	memset(pkt, 0, 100);
	pkt[0] = 0x45;
	pkt[3] = 100;
	inet_pton(AF_INET, src, pkt + 12);
	inet_pton(AF_INET, dst, pkt + 16);
}

static void
device_sessions(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	struct wg_keypair	*kp;
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	/* staged until the handshake is done; the oldest go */
	for (i = 0; i < 130; i++)
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
	assert_int_equal(a.dev->count.wg_tx_initiations, 1);
	assert_int_equal(a.dev->count.wg_drop_staged, 2);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 128);
	assert_int_equal(b.last_len, 100);
	assert_int_equal(a.dev->nstaged, 0);
	/* the responder confirmed the session and answers on it */
	assert_non_null(b.peer->current);
	assert_null(b.peer->next);
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	wg_output(b.dev, b.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(a.delivered, 1);
	/* a foreign inner source is dropped, the packet still counts */
	make_packet(pkt, "10.9.9.9", "10.0.0.1");
	wg_output(b.dev, b.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(a.delivered, 1);
	assert_int_equal(a.dev->count.wg_drop_source, 1);
	/* the initiator renews after 120 s, the old session stays */
	kp = a.peer->current;
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	now += MONO_SEC(121);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_ptr_not_equal(a.peer->current, kp);
	assert_ptr_equal(a.peer->previous, kp);
	assert_int_equal(b.delivered, 129);
	/* after 180 s of age a session is not used any more */
	now += MONO_SEC(200);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	assert_int_equal(a.peer->nstaged, 1);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 130);
	/* everything is zeroed 540 s after the last session */
	now += MONO_SEC(541);
	wheel_run(&a.dev->wheel, now);
	wheel_run(&b.dev->wheel, now);
	assert_null(a.peer->current);
	assert_null(a.peer->previous);
	assert_null(b.peer->current);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* Who was silent, or is elsewhere, is told of; not more than once a second. */
static void
device_back(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	for (i = 0; i < 40; i++) {
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
		now += MONO_MS(100);
	}
	/* the new session, and nothing since */
	assert_int_equal(b.backs, 1);
	now += MONO_SEC(6);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.backs, 2);
	/* from another address, and another at once */
	now += MONO_SEC(2);
	for (i = 0; i < 5; i++) {
		b.peer->ep.remote.sin.sin_port ^= htons(1);
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
	}
	assert_int_equal(b.backs, 3);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* A cookie of one gateway is good at another one with the same key. */
static void
cookie_shared(void **state)
{
	static struct cookie_checker	 a, b, other;
	struct cookie_maker		 maker;
	struct wg_initiation		 m;
	struct wg_cookie		 reply;
	struct sockaddr_in		 sin;
	uint8_t				 key[KEY_LEN], pub[KEY_LEN];
	mono_t				 now = MONO_SEC(1000);
	uint64_t			 wall = 1800000000;

	(void)state;
	arc4random_buf(key, sizeof(key));
	arc4random_buf(pub, sizeof(pub));
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(7);
	assert_int_equal(cookie_checker_init(&a, pub), 0);
	assert_int_equal(cookie_checker_init(&b, pub), 0);
	assert_int_equal(cookie_checker_init(&other, pub), 0);
	assert_int_equal(cookie_checker_share(&a, key), 0);
	assert_int_equal(cookie_checker_share(&b, key), 0);
	key[3] ^= 4;
	assert_int_equal(cookie_checker_share(&other, key), 0);
	assert_int_equal(cookie_maker_init(&maker, pub), 0);
	arc4random_buf(&m, sizeof(m));
	assert_int_equal(cookie_sign(&maker, &m, sizeof(m), now), 0);
	assert_int_equal(cookie_checker_time(&a, wall), 0);
	assert_int_equal(cookie_reply(&a, &m, sizeof(m), 1,
	    (struct sockaddr *)&sin, now, &reply), 0);
	assert_int_equal(cookie_consume(&maker, &reply, now), 0);
	assert_int_equal(cookie_sign(&maker, &m, sizeof(m), now), 0);
	/* at the same time, and into the next two minutes */
	assert_int_equal(cookie_checker_time(&b, wall), 0);
	assert_int_equal(cookie_check(&b, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC2);
	assert_int_equal(cookie_checker_time(&b, wall + 120), 0);
	assert_int_equal(cookie_check(&b, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC2);
	assert_int_equal(cookie_checker_time(&b, wall + 240), 0);
	assert_int_equal(cookie_check(&b, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC1);
	/* not from another place, nor with another key */
	assert_int_equal(cookie_checker_time(&b, wall), 0);
	sin.sin_port = htons(8);
	assert_int_equal(cookie_check(&b, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC1);
	sin.sin_port = htons(7);
	assert_int_equal(cookie_checker_time(&other, wall), 0);
	assert_int_equal(cookie_check(&other, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC1);
}

/* An index tells who has the key which peer it is of, and nobody else. */
static void
index_names(void **state)
{
	struct index_names	 n, other;
	uint8_t			 key[32], pub[32];
	uint32_t		 seen[64], name, x;
	uint64_t		 wall = 1800000000;
	int			 i, k, same = 0;

	(void)state;
	memset(&n, 0, sizeof(n));
	memset(&other, 0, sizeof(other));
	arc4random_buf(key, sizeof(key));
	arc4random_buf(pub, sizeof(pub));
	n.gateway = 7;
	assert_int_equal(index_names_init(&n, key), 0);
	assert_int_equal(n.gateway, 7);
	key[0] ^= 1;
	assert_int_equal(index_names_init(&other, key), 0);
	name = index_peer(&n, pub);
	for (i = 0; i < 64; i++) {
		seen[i] = index_make(&n, name, (uint32_t)i, wall);
		assert_int_equal(seen[i] & 0xff, 7);
		assert_int_equal(index_read(&n, seen[i], 0, wall), name);
		for (k = 0; k < i; k++)
			assert_int_not_equal(seen[i], seen[k]);
		same += index_read(&other, seen[i], 0, wall) == name;
	}
	assert_true(same <= 1);
	/* an epoch later it is another, and the old one still tells */
	x = index_make(&n, name, 0, wall + INDEX_EPOCH);
	assert_int_not_equal(x, seen[0]);
	assert_int_equal(index_read(&n, x, 0, wall + INDEX_EPOCH), name);
	assert_int_equal(index_read(&n, seen[5], 1, wall + INDEX_EPOCH), name);
	/* after that it does not, and what is random seldom does */
	for (i = 0, same = 0; i < INDEX_EPOCHS; i++)
		same += index_read(&n, seen[5], i, wall + 2 * INDEX_EPOCH) ==
		    name;
	for (i = 0; i < 10000; i++)
		same += index_read(&n, arc4random(), 0, wall) == name;
	assert_true(same <= 2);
}

/* A gateway that was started again offers the session that it has lost. */
static void
device_offers(void **state)
{
	static struct side	 a, b;
	struct wg_endpoint	 nowhere;
	uint8_t			 pkt[100], old[200], key[KEY_LEN];
	size_t			 len;
	mono_t			 now = MONO_SEC(10);
	struct ipprefix		 p;
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	/* what an attacker has kept of it */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	len = a.wire[0].len;
	memcpy(old, a.wire[0].buf, len);
	carry(&a, &b, now);
	/* b starts again, and has only its configuration */
	memcpy(key, b.dev->local.private, KEY_LEN);
	wg_device_free(b.dev);
	b.dev = wg_device_new(&t_ops, &b, now);
	b.dev->mtu = 1420;
	wg_device_set_key(b.dev, key);
	b.peer = wg_peer_add(b.dev, 0, a.dev->local.public,
	    a.peer->noise.psk);
	ipprefix_parse(&p, "10.0.0.1/32");
	aip_insert(&b.dev->aips, &p, b.peer, &b.peer->aips);
	now += MONO_SEC(1);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.dev->count.wg_tx_offers, 1);
	assert_non_null(b.peer->current);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 3);
	/* a replay beside a session that lives: nothing */
	memset(&nowhere, 0, sizeof(nowhere));
	nowhere.remote.sin.sin_family = AF_INET;
	nowhere.remote.sin.sin_port = htons(666);
	memcpy(pkt, old, 100);
	wg_input(b.dev, pkt, 100, &nowhere, 0, now);
	assert_int_equal(b.dev->count.wg_tx_offers, 1);
	/* in silence: one every 5 s, and the endpoint stays where it was */
	for (i = 0; i < 100; i++) {
		now += MONO_MS(500);
		wheel_run(&b.dev->wheel, now);
		memcpy(pkt, old, 100);
		wg_input(b.dev, pkt, 100, &nowhere, 0, now);
		b.nwire = 0;
	}
	assert_in_range(b.dev->count.wg_tx_offers, 4, 9);
	assert_int_equal(ntohs(b.peer->ep.remote.sin.sin_port), 1);
	/* what was never answered is forgotten */
	now += MONO_SEC(20);
	wheel_run(&b.dev->wheel, now);
	assert_int_equal(b.peer->noise.state, NOISE_ZEROED);
	/* nobody has a session of before any more: no offer to a stranger */
	now += REJECT_AFTER_TIME;
	i = (int)b.dev->count.wg_tx_offers;
	memcpy(pkt, old, 100);
	wg_input(b.dev, pkt, 100, &nowhere, 0, now);
	assert_int_equal(b.dev->count.wg_tx_offers, i);
	/* one of several gateways cannot know that */
	b.dev->many = 1;
	memcpy(pkt, old, 100);
	wg_input(b.dev, pkt, 100, &nowhere, 0, now);
	assert_int_equal(b.dev->count.wg_tx_offers, i + 1);
	/* junk names nobody */
	for (i = 0; i < 1000; i++) {
		arc4random_buf(pkt, sizeof(pkt));
		memcpy(pkt, "\4\0\0\0", 4);
		wg_input(b.dev, pkt, sizeof(pkt), &nowhere, 0, now);
	}
	assert_true(b.dev->count.wg_tx_offers <= 11);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* A quota and an end: no session, no handshake, until there is more. */
static void
device_cut(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	int			 i, before;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_peer_limit(b.dev, b.peer, 2000, 0);
	wg_cut_peers(b.dev);
	assert_int_equal(b.cuts, 0);
	for (i = 0; i < 30; i++) {
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
		if (b.dev->over)
			wg_cut_peers(b.dev);
	}
	/* handshake and 13 packets of 144 bytes */
	assert_int_equal(b.cuts, 1);
	assert_true(b.peer->cut);
	assert_int_equal(b.dev->count.wg_peers_cut, 1);
	assert_in_range(b.peer->rx_bytes + b.peer->tx_bytes, 2000, 2200);
	assert_null(b.peer->current);
	before = b.delivered;
	assert_in_range(before, 8, 13);
	/* neither its handshakes nor packets to it */
	now += MONO_SEC(200);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, before);
	assert_int_equal(b.dev->count.wg_drop_cut, 1);
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	assert_int_equal(wg_output(b.dev, b.peer, pkt, 100, 0, now), 0);
	assert_int_equal(b.dev->count.wg_drop_cut, 2);
	assert_int_equal(b.peer->nstaged, 0);
	/* more of it, and it is back, until the clock says otherwise */
	wg_peer_limit(b.dev, b.peer, 1000000, (int64_t)b.wall + 100);
	wg_cut_peers(b.dev);
	assert_false(b.peer->cut);
	now += MONO_SEC(10);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, before + 2);
	b.wall += 100;
	wg_cut_peers(b.dev);
	assert_true(b.peer->cut);
	assert_int_equal(b.cuts, 2);
	/* it is told once */
	wg_cut_peers(b.dev);
	assert_int_equal(b.cuts, 2);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

static void
device_hostile(void **state)
{
	static struct side	 a, b;
	struct wg_endpoint	 evil;
	uint8_t			 pkt[100], copy[2048];
	mono_t			 now = MONO_SEC(10);
	size_t			 len, i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	memcpy(&evil, &a.ep, sizeof(evil));
	evil.remote.sin.sin_port = htons(666);
	/* a replay neither arrives nor moves the endpoint */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	len = a.wire[0].len;
	memcpy(copy, a.wire[0].buf, len);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 2);
	wg_input(b.dev, copy, len, &evil, 0, now);
	assert_int_equal(b.delivered, 2);
	assert_int_equal(b.dev->count.wg_drop_replay, 1);
	assert_int_equal(b.peer->ep.remote.sin.sin_port, htons(1));
	/* nor does a packet with a wrong bit anywhere */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	for (i = 0; i < a.wire[0].len; i++) {
		memcpy(copy, a.wire[0].buf, len);
		copy[i] ^= 0x10;
		wg_input(b.dev, copy, len, &evil, 0, now);
	}
	assert_int_equal(b.delivered, 2);
	assert_int_equal(b.peer->ep.remote.sin.sin_port, htons(1));
	/* the good one moves it */
	wg_input(b.dev, a.wire[0].buf, len, &evil, 0, now);
	a.nwire = 0;
	assert_int_equal(b.delivered, 3);
	assert_int_equal(b.peer->ep.remote.sin.sin_port, htons(666));
	/* any length of anything */
	for (i = 0; i < 200000; i++) {
		len = arc4random_uniform(200);
		arc4random_buf(copy, len);
		if (len >= 4 && i & 1) {
			memset(copy, 0, 4);
			copy[0] = (uint8_t)(1 + i / 2 % 4);
		}
		wg_input(b.dev, copy, len, &evil, 0, now);
	}
	assert_int_equal(wg_run_handshakes(b.dev, 100, now), 0);
	assert_int_equal(b.delivered, 3);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* From one peer to another inside the device, with a third to see. */
static void
device_overlay(void **state)
{
	static struct side	 a, b;
	struct wg_peer		*c;
	struct ipprefix		 p;
	uint8_t			 pkt[100], key[32];
	mono_t			 now = MONO_SEC(10);
	size_t			 i;

	(void)state;
	two_devices(&a, &b, now);
	arc4random_buf(key, sizeof(key));
	assert_non_null(c = wg_peer_add(b.dev, 1, key, NULL));
	ipprefix_parse(&p, "10.0.0.3/32");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "0.0.0.0/0");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "10.0.0.0/24");
	aip_insert(&a.dev->aips, &p, a.peer, &a.peer->aips);
	make_packet(pkt, "10.0.0.1", "10.0.0.3");
	pkt[8] = 64;
	/* off: it goes to the host */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	/* on: it waits for the other peer's session, one hop older */
	b.dev->overlay = 1;
	memset(b.rx, 0xee, sizeof(b.rx));
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	assert_int_equal(c->nstaged, 1);
	/* and nobody else has seen it */
	for (i = 0; i < sizeof(b.rx); i++)
		assert_int_equal(b.rx[i], 0xee);
	assert_int_equal(TAILQ_FIRST(&c->staged)->data[8], 63);
	/* a default route is no peer-to-peer route, an exclusion neither */
	make_packet(pkt, "10.0.0.1", "10.0.0.77");
	pkt[8] = 64;
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 2);
	ipprefix_parse(&p, "10.0.0.2/31");
	assert_int_equal(wg_exclude(b.dev, &p), 0);
	make_packet(pkt, "10.0.0.1", "10.0.0.3");
	pkt[8] = 64;
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 3);
	wg_exclude_clear(b.dev);
	/* one that would die on the way is the slirp engine's to tell */
	pkt[8] = 1;
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 4);
	assert_int_equal(c->nstaged, 1);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* What the slirp engine says is not said in another peer's name. */
static void
device_source(void **state)
{
	static struct side	 a, b;
	struct wg_peer		*c;
	struct ipprefix		 p;
	uint8_t			 pkt[100], head[40], key[32];
	mono_t			 now = MONO_SEC(10);

	(void)state;
	two_devices(&a, &b, now);
	arc4random_buf(key, sizeof(key));
	assert_non_null(c = wg_peer_add(b.dev, 1, key, NULL));
	ipprefix_parse(&p, "10.0.0.3/32");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "172.16.0.0/12");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "fd00::3/128");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "0.0.0.0/0");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	make_packet(pkt, "8.8.8.8", "10.0.0.1");
	assert_true(wg_source_ok(b.dev, b.peer, pkt));
	/* a network behind another peer is only its own where peers meet */
	make_packet(pkt, "172.16.1.1", "10.0.0.1");
	assert_true(wg_source_ok(b.dev, b.peer, pkt));
	b.dev->overlay = 1;
	assert_false(wg_source_ok(b.dev, b.peer, pkt));
	assert_true(wg_source_ok(b.dev, c, pkt));
	ipprefix_parse(&p, "172.16.1.0/24");
	assert_int_equal(wg_exclude(b.dev, &p), 0);
	assert_true(wg_source_ok(b.dev, b.peer, pkt));
	make_packet(pkt, "8.8.8.8", "10.0.0.1");
	assert_true(wg_source_ok(b.dev, b.peer, pkt));
	make_packet(pkt, "10.0.0.3", "10.0.0.1");
	assert_false(wg_source_ok(b.dev, b.peer, pkt));
	b.dev->overlay = 0;
	assert_false(wg_source_ok(b.dev, b.peer, pkt));
	assert_true(wg_source_ok(b.dev, c, pkt));
	memset(head, 0, sizeof(head));
	head[0] = 0x60;
	head[8] = 0xfd;
	head[23] = 3;
	assert_false(wg_source_ok(b.dev, b.peer, head));
	head[23] = 4;
	assert_true(wg_source_ok(b.dev, b.peer, head));
	/* what was looked at is sent, not what is there by then */
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	memcpy(head, pkt, sizeof(head));
	memset(pkt, 0xee, 20);
	wg_output_shared(a.dev, a.peer, pkt, 100, head, 40, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	assert_memory_equal(b.rx, head, 40);
	memset(b.rx, 0, sizeof(b.rx));
	wg_output_shared(a.dev, a.peer, pkt, 100, head, 40, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 2);
	assert_memory_equal(b.rx, head, 40);
	assert_memory_equal(b.rx + 40, pkt + 40, 60);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* Reserved bytes are on everything, covered by nothing, and optional. */
static void
device_reserved(void **state)
{
	static const uint8_t	 bytes[3] = { 7, 8, 9 }, none[3];
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	int			 i, k, n = 0;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_peer_set_reserved(a.dev, a.peer, bytes);
	wg_peer_set_reserved(b.dev, b.peer, bytes);
	wg_peer_set_endpoint(b.peer, &a.ep.remote.sa);
	for (i = 0; i < 3; i++)
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
	for (i = 0; i < 6; i++) {
		struct side	*s = i & 1 ? &b : &a;

		for (k = 0; k < s->nwire; k++, n++) {
			assert_memory_equal(s->wire[k].buf + 1, bytes, 3);
			wg_input(s->other->dev, s->wire[k].buf,
			    s->wire[k].len, &s->ep, 0, now);
		}
		s->nwire = 0;
		wg_run_handshakes(s->other->dev, 100, now);
	}
	assert_true(n >= 5);
	assert_int_equal(b.delivered, 3);
	/* nobody expects them: dropped */
	wg_peer_set_reserved(b.dev, b.peer, none);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 3);
	assert_int_equal(b.dev->count.wg_drop_malformed, 1);
	assert_int_equal(b.dev->nreserved, 0);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* A client with reserved bytes that comes from anywhere, and goes on. */
static void
device_reserved_roaming(void **state)
{
	static const uint8_t	 bytes[3] = { 7, 8, 9 }, others[3] = { 1, 1, 1 };
	static struct side	 a, b;
	struct wg_endpoint	 elsewhere;
	struct wg_peer		*c;
	uint8_t			 pkt[100], key[32];
	mono_t			 now = MONO_SEC(10);
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	arc4random_buf(key, sizeof(key));
	assert_non_null(c = wg_peer_add(b.dev, 1, key, NULL));
	wg_peer_set_reserved(b.dev, c, others);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_peer_set_reserved(a.dev, a.peer, bytes);
	/* another peer's bytes open nothing */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	memcpy(a.wire[0].buf + 1, others, 3);
	wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &a.ep, 0, now);
	wg_run_handshakes(b.dev, 100, now);
	assert_int_equal(b.dev->count.wg_drop_handshake, 1);
	assert_int_equal(b.dev->count.wg_tx_responses, 0);
	a.nwire = 0;
	/* its own do, from wherever it comes */
	wg_peer_set_reserved(b.dev, b.peer, bytes);
	memset(&b.peer->ep, 0, sizeof(b.peer->ep));
	now += MONO_SEC(6);
	wg_send_initiation(a.dev, a.peer, 0, now);
	for (i = 0; i < 4; i++) {
		carry(&a, &b, now);
		carry(&b, &a, now);
	}
	assert_int_equal(b.delivered, 1);
	/* and what is said to it where it went has them, too */
	elsewhere = a.ep;
	elsewhere.remote.sin.sin_port = htons(4711);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &elsewhere, 0, now);
	a.nwire = 0;
	assert_int_equal(b.delivered, 2);
	assert_int_equal(b.peer->ep.remote.sin.sin_port, htons(4711));
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	b.nwire = 0;
	wg_output(b.dev, b.peer, pkt, 100, 0, now);
	assert_true(b.nwire > 0);
	for (i = 0; i < b.nwire; i++)
		assert_memory_equal(b.wire[i].buf + 1, bytes, 3);
	/* data with those of another peer is not its own */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	memcpy(a.wire[0].buf + 1, others, 3);
	wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &elsewhere, 0, now);
	assert_int_equal(b.delivered, 2);
	assert_int_equal(b.dev->count.wg_drop_malformed, 1);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* Congestion marks of the path reach the inner packet. */
static void
device_ecn(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	uint32_t		 sum;
	int			 ecn, i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	for (ecn = 0; ecn < 4; ecn++) {
		pkt[1] = (uint8_t)(0xb8 | ecn);
		pkt[10] = pkt[11] = 0;
		for (i = 0, sum = 0; i < 20; i += 2)
			sum += (uint32_t)pkt[i] << 8 | pkt[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		pkt[10] = (uint8_t)(~sum >> 8);
		pkt[11] = (uint8_t)~sum;
		b.delivered = 0;
		wg_output(a.dev, a.peer, pkt, 100, ecn, now);
		wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &a.ep, 3, now);
		a.nwire = 0;
		assert_int_equal(b.delivered, ecn != 0);
		if (ecn != 0) {
			assert_int_equal(b.last_tos, 0xbb);
			assert_int_equal(b.last_sum, 0xffff);
		}
	}
	assert_int_equal(b.dev->count.wg_drop_ecn, 1);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* Handshakes that fail make everybody prove where he is, for a while. */
static void
device_failures(void **state)
{
	static struct side	 a, b;
	struct wg_initiation	 m;
	struct cookie_maker	 mk;
	mono_t			 now = MONO_SEC(10);
	uint64_t		 tx;
	int			 i, n;

	(void)state;
	two_devices(&a, &b, now);
	cookie_maker_init(&mk, b.dev->local.public);
	for (n = 0; n < 5000 && b.dev->count.wg_tx_cookies == 0; n++) {
		arc4random_buf(&m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		cookie_sign(&mk, &m, sizeof(m), now);
		wg_input(b.dev, (uint8_t *)&m, sizeof(m), &a.ep, 0, now);
		/* it is never behind */
		assert_int_equal(wg_run_handshakes(b.dev, 1, now), 0);
		b.nwire = 0;
	}
	assert_int_equal(b.dev->count.wg_tx_cookies, 1);
	assert_int_equal(b.dev->count.wg_drop_handshake, n - 1);
	/* and at once if many more wait */
	now += MONO_SEC(20);
	for (i = 0; i < WG_UNDER_LOAD; i++) {
		arc4random_buf(&m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		cookie_sign(&mk, &m, sizeof(m), now);
		wg_input(b.dev, (uint8_t *)&m, sizeof(m), &a.ep, 0, now);
	}
	while (wg_run_handshakes(b.dev, 8, now) > 0)
		b.nwire = 0;
	assert_in_range(b.dev->count.wg_drop_handshake - (uint64_t)(n - 1), 1,
	    32);
	tx = b.dev->count.wg_tx_cookies;
	/* the same, but slowly, is no reason */
	now += MONO_SEC(20);
	for (i = 0; i < n; i++) {
		now += MONO_MS(2);
		arc4random_buf(&m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		cookie_sign(&mk, &m, sizeof(m), now);
		wg_input(b.dev, (uint8_t *)&m, sizeof(m), &a.ep, 0, now);
		wg_run_handshakes(b.dev, 1, now);
	}
	assert_int_equal(b.dev->count.wg_tx_cookies, tx);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* A flood of valid-mac1 initiations brings cookies, not work. */
static void
device_under_load(void **state)
{
	static struct side	 a, b;
	struct wg_initiation	 m;
	struct cookie_maker	 mk;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	uint64_t		 dropped;
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	cookie_maker_init(&mk, b.dev->local.public);
	for (i = 0; i < WG_HANDSHAKE_QUEUE + 100; i++) {
		arc4random_buf(&m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		cookie_sign(&mk, &m, sizeof(m), now);
		wg_input(b.dev, (uint8_t *)&m, sizeof(m), &a.ep, 0, now);
	}
	assert_int_equal(b.dev->count.wg_drop_queue, 100);
	while (wg_run_handshakes(b.dev, 100, now) > 0)
		b.nwire = 0;
	assert_int_equal(b.dev->count.wg_tx_cookies, WG_HANDSHAKE_QUEUE);
	b.nwire = 0;
	dropped = b.dev->count.wg_drop_handshake;
	assert_int_equal(dropped, 0);
	/* the honest peer takes its cookie and gets through */
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(a.dev->count.wg_rx_cookies, 1);
	assert_int_equal(b.delivered, 0);
	for (i = 0; i < 60 && b.delivered == 0; i++) {
		now += MONO_MS(100);
		b.dev->loaded_until = now + 1;	/* it goes on */
		wheel_run(&a.dev->wheel, now);
		carry(&a, &b, now);
	}
	assert_int_equal(b.delivered, 1);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
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
		cmocka_unit_test(device_sessions),
		cmocka_unit_test(device_back),
		cmocka_unit_test(cookie_shared),
		cmocka_unit_test(index_names),
		cmocka_unit_test(device_offers),
		cmocka_unit_test(device_cut),
		cmocka_unit_test(device_hostile),
		cmocka_unit_test(device_overlay),
		cmocka_unit_test(device_source),
		cmocka_unit_test(device_reserved),
		cmocka_unit_test(device_reserved_roaming),
		cmocka_unit_test(device_ecn),
		cmocka_unit_test(device_under_load),
		cmocka_unit_test(device_failures)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
