/* SPDX-License-Identifier: ISC */

/* What the web engine is made of: forms, JSON, histories, and who it is. */

#include <sys/types.h>
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sodium.h>

#include "json.h"
#include "web/auth.h"
#include "web/history.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define WITH_SANITIZER
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define WITH_SANITIZER
#endif

/* ---- forms */

static void
fields(void **state)
{
	char	 buf[8];

	(void)state;
	assert_string_equal(httpd_field("a=1&b=2", "b", buf, 8), "2");
	assert_string_equal(httpd_field("a=1&b=", "b", buf, 8), "");
	assert_string_equal(httpd_field("ab=3&b=2", "b", buf, 8), "2");
	assert_string_equal(httpd_field("b=%41+c%2b", "b", buf, 8), "A c+");
	assert_null(httpd_field("a=1", "b", buf, 8));
	assert_null(httpd_field("", "b", buf, 8));
	assert_null(httpd_field("b", "b", buf, 8));
	/* which of them? */
	assert_null(httpd_field("b=1&b=2", "b", buf, 8));
	/* it does not fit, or is no text */
	assert_string_equal(httpd_field("b=1234567", "b", buf, 8), "1234567");
	assert_null(httpd_field("b=12345678", "b", buf, 8));
	assert_null(httpd_field("b=%00", "b", buf, 8));
	assert_null(httpd_field("b=%4", "b", buf, 8));
	assert_null(httpd_field("b=%zz", "b", buf, 8));
	assert_null(httpd_field("b=%", "b", buf, 8));
}

/* ---- JSON */

static void
strings(void **state)
{
	static const struct {
		const char	*in;
		const char	*out;
	}	 t[] = {
		{ "", "\"\"" },
		{ "a\"\\b", "\"a\\\"\\\\b\"" },
		{ "\n\x01\x7f", "\"\\u000a\\u0001\\u007f\"" },
		{ "</script>&", "\"\\u003c/script\\u003e\\u0026\"" },
		{ "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
		{ "\xe2\x82\xac", "\"\xe2\x82\xac\"" },
		{ "\xf0\x9f\x99\x82", "\"\xf0\x9f\x99\x82\"" },
		/* no UTF-8: cut off, overlong, a surrogate, too large */
		{ "\xc3", "\"\\u00c3\"" },
		{ "\xc0\xaf", "\"\\u00c0\\u00af\"" },
		{ "\xe0\x80\xaf", "\"\\u00e0\\u0080\\u00af\"" },
		{ "\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\"" },
		{ "\xf4\x90\x80\x80", "\"\\u00f4\\u0090\\u0080\\u0080\"" },
		{ "\xffx", "\"\\u00ffx\"" }
	};
	char	 buf[128];
	size_t	 i;
	FILE	*f;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(buf, 0, sizeof(buf));
		assert_non_null(f = fmemopen(buf, sizeof(buf), "w"));
		json_string(f, t[i].in);
		fclose(f);
		assert_string_equal(buf, t[i].out);
	}
}

/* ---- histories */

/* The numbers of a ring, the newest first; how many there are. */
static int
read_ring(const struct series *s, enum history_span span, double now,
    const char *which, double *v, int max)
{
	char	*text = NULL, *p, *end;
	size_t	 len = 0;
	int	 n = 0, i;
	FILE	*f;

	assert_non_null(f = open_memstream(&text, &len));
	series_json(s, span, now, f);
	fclose(f);
	assert_non_null(p = strstr(text, which));
	for (p = strchr(p, '[') + 1; *p != ']'; p = end + (*end == ',')) {
		memmove(v + 1, v, (size_t)(max - 1) * sizeof(*v));
		v[0] = strtod(p, &end);
		assert_true(end > p);
		n++;
	}
	free(text);
	for (i = n; i < max; i++)
		v[i] = 0;
	return (n);
}

static void
histories(void **state)
{
	struct series	*s = series_new();
	double		 v[300], sum;
	int		 i;

	(void)state;
	assert_non_null(s);
	/* 1000 bytes from 95 to 115: half of them from 100 to 110 */
	series_add(s, 95, 115, 1000, 2000);
	assert_int_equal(read_ring(s, HISTORY_MINUTES, 125, "rx", v, 300),
	    90);
	assert_int_equal((int)v[0], 25);	/* 110 to 120 */
	assert_int_equal((int)v[1], 50);
	assert_int_equal((int)v[2], 25);
	assert_int_equal((int)v[3], 0);
	read_ring(s, HISTORY_MINUTES, 125, "tx", v, 300);
	assert_int_equal((int)v[1], 100);
	/* one that is being filled is not shown */
	read_ring(s, HISTORY_MINUTES, 115, "rx", v, 300);
	assert_int_equal((int)v[0], 50);
	/* longer ago than the ring has room for: zeros, also where it was */
	read_ring(s, HISTORY_MINUTES, 120 + 910, "rx", v, 300);
	for (i = 0; i < 90; i++)
		assert_int_equal((int)v[i], 0);
	/* all of it is in a day's, and in a week's */
	assert_int_equal(read_ring(s, HISTORY_HOURS, 900, "rx", v, 300), 288);
	for (sum = 0, i = 0; i < 288; i++)
		sum += v[i] * 300;
	assert_true(sum > 800 && sum < 1200);
	assert_int_equal(read_ring(s, HISTORY_DAYS, 7300, "tx", v, 300), 84);
	/* a very long time for one portion, and backwards in none */
	series_add(s, 115, 115 + 1e6, 1e9, 1e9);
	read_ring(s, HISTORY_MINUTES, 1e6 + 115, "rx", v, 300);
	for (i = 0; i < 90; i++)
		assert_int_equal((int)v[i], 1000);
	assert_false(series_empty(s, 1e6));
	assert_true(series_empty(s, 1e6 + 700000));
	series_free(s);
	/* of nobody, zeros */
	assert_int_equal(read_ring(NULL, HISTORY_MINUTES, 5, "rx", v, 300),
	    90);
	assert_int_equal(history_span_by_name("days"), HISTORY_DAYS);
	assert_int_equal(history_span_by_name("years"), -1);
}

/* As many as there may be, and no more; what is given back can be had again. */
static void
bounded(void **state)
{
	static struct series	*v[20000];
	int			 n = 0, i;

	(void)state;
	while (n < 20000 && (v[n] = series_new()) != NULL)
		n++;
	assert_int_equal(n, 16384);
	series_free(v[0]);
	assert_non_null(v[0] = series_new());
	for (i = 0; i < n; i++)
		series_free(v[i]);
}

/* ---- who it is */

static struct httpd_request	 r;

static void
user(const char *name, const char *password, enum web_role role)
{
	struct web_user	 u;

	memset(&u, 0, sizeof(u));
	strlcpy(u.name, name, sizeof(u.name));
	u.role = role;
	if (password != NULL)
		assert_int_equal(crypto_pwhash_str(u.hash, password,
		    strlen(password), crypto_pwhash_OPSLIMIT_MIN,
		    crypto_pwhash_MEMLIMIT_MIN), 0);
	auth_stage_user(&u);
}

static void
from(const char *addr)
{
	memset(&r, 0, sizeof(r));
	if (addr != NULL)
		assert_int_equal(ipaddr_parse(&r.from, addr), 0);
}

/* Log in, after the moment that each has to wait. */
static enum auth_result
login(const char *name, const char *password, struct auth_who *w,
    char cookie[128])
{
	struct timespec	 ts = { 0, 260000000 };
	char		 header[256], *end;
	enum auth_result res;

	nanosleep(&ts, NULL);
	res = auth_login(&r, name, password, w, header, sizeof(header));
	if (res == AUTH_OK) {
		strlcpy(cookie, strstr(header, "wgslirpd="), 128);
		if ((end = strchr(cookie, ';')) != NULL)
			*end = '\0';
	}
	return (res);
}

static void
sessions(void **state)
{
	struct auth_who	 a, b, w;
	char		 cookie[128], other[128], header[256], two[300];

	(void)state;
	user("alice", "one", WEB_ADMIN);
	user("bob", "two", WEB_VIEW);
	user("carol", NULL, WEB_ADMIN);
	auth_commit();
	from("192.0.2.1");
	assert_int_equal(login("alice", "two", &a, cookie), AUTH_WRONG);
	assert_int_equal(login("nobody", "", &a, cookie), AUTH_WRONG);
	/* compared with the hash of somebody who has this password */
	assert_int_equal(login("nobody", "one", &a, cookie), AUTH_WRONG);
	/* one without a password has none that is empty */
	assert_int_equal(login("carol", "", &a, cookie), AUTH_WRONG);
	assert_int_equal(login("alice", "one", &a, cookie), AUTH_OK);
	assert_int_equal(login("bob", "two", &b, other), AUTH_OK);
	assert_int_equal(a.role, WEB_ADMIN);
	assert_int_equal(b.role, WEB_VIEW);
	assert_string_not_equal(a.csrf, b.csrf);
	/* nobody; a cookie; another; junk; the same twice */
	assert_int_equal(auth_who(&r, &w), -1);
	r.header[AUTH_COOKIE] = cookie;
	assert_int_equal(auth_who(&r, &w), 0);
	assert_string_equal(w.name, "alice");
	r.header[AUTH_CSRF] = a.csrf;
	assert_true(auth_csrf_ok(&r, &w));
	r.header[AUTH_CSRF] = b.csrf;
	assert_false(auth_csrf_ok(&r, &w));
	r.header[AUTH_CSRF] = "";
	assert_false(auth_csrf_ok(&r, &w));
	snprintf(two, sizeof(two), "a=b; %s; c=d", cookie);
	r.header[AUTH_COOKIE] = two;
	assert_int_equal(auth_who(&r, &w), 0);
	snprintf(two, sizeof(two), "%s; %s", cookie, other);
	r.header[AUTH_COOKIE] = two;
	assert_int_equal(auth_who(&r, &w), -1);
	snprintf(two, sizeof(two), "%s0", cookie);
	r.header[AUTH_COOKIE] = two;
	assert_int_equal(auth_who(&r, &w), -1);
	r.header[AUTH_COOKIE] = "wgslirpd=";
	assert_int_equal(auth_who(&r, &w), -1);
	memset(two, 'z', 9 + 64);
	memcpy(two, "wgslirpd=", 9);
	two[9 + 64] = '\0';
	assert_int_equal(auth_who(&r, &w), -1);
	/* logged out */
	r.header[AUTH_COOKIE] = cookie;
	auth_logout(&a, header, sizeof(header));
	assert_non_null(strstr(header, "Max-Age=0"));
	assert_int_equal(auth_who(&r, &w), -1);
	assert_false(auth_still(&a));
	/* a role that changes is another, a user that goes is gone */
	assert_true(auth_still(&b));
	user("alice", "one", WEB_ADMIN);
	auth_commit();
	assert_false(auth_still(&b));
	r.header[AUTH_COOKIE] = other;
	assert_int_equal(auth_who(&r, &w), -1);
}

/* A password cannot be looked at without memory, and is not wrong for that. */
static void
no_memory(void **state)
{
#ifdef WITH_SANITIZER
	/* which has the whole address space for itself */
	(void)state;
	skip();
#else
	struct web_user	 u = { .name = "alice", .role = WEB_ADMIN };
	struct auth_who	 w;
	struct rlimit	 all, few;
	char		 cookie[128];
	int		 i, soon, got[6];

	(void)state;
	/* as the program makes it, of 64 MiB: no heap has so much left */
	assert_int_equal(crypto_pwhash_str(u.hash, "one", 3,
	    crypto_pwhash_OPSLIMIT_INTERACTIVE,
	    crypto_pwhash_MEMLIMIT_INTERACTIVE), 0);
	auth_stage_user(&u);
	auth_commit();
	from("192.0.2.77");
	assert_int_equal(getrlimit(RLIMIT_AS, &all), 0);
	few = all;
	few.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_AS, &few), 0);
	/* as often as one who guesses would be sent away */
	for (i = 0; i < 6; i++)
		got[i] = login("alice", "one", &w, cookie);
	soon = auth_login(&r, "alice", "one", &w, cookie, sizeof(cookie));
	assert_int_equal(setrlimit(RLIMIT_AS, &all), 0);
	assert_int_equal(soon, AUTH_WAIT);
	for (i = 0; i < 6; i++)
		assert_int_equal(got[i], AUTH_MEMORY);
	assert_int_equal(login("alice", "one", &w, cookie), AUTH_OK);
#endif
}

static void
guessing(void **state)
{
	struct auth_who	 w;
	char		 cookie[128];
	int		 i;

	(void)state;
	user("alice", "one", WEB_ADMIN);
	auth_commit();
	from("2001:db8::1");
	for (i = 0; i < 5; i++)
		assert_int_equal(login("alice", "x", &w, cookie),
		    AUTH_WRONG);
	assert_int_equal(login("alice", "one", &w, cookie), AUTH_WAIT);
	/* the same network is the same one; another is not, nor IPv4 */
	from("2001:db8::ffff");
	assert_int_equal(login("alice", "one", &w, cookie), AUTH_WAIT);
	from("2001:db8:0:1::1");
	assert_int_equal(login("alice", "one", &w, cookie), AUTH_OK);
	from("192.0.2.9");
	assert_int_equal(login("alice", "one", &w, cookie), AUTH_OK);
	/* what a client says of itself does not make it another */
	from("2001:db8::1");
	r.header[AUTH_FORWARDED_FOR] = "192.0.2.77";
	assert_int_equal(login("alice", "one", &w, cookie), AUTH_WAIT);
}

static void
proxies(void **state)
{
	struct web_trust	 t = { "Remote-User", WEB_VIEW };
	struct ipprefix		 p;
	struct auth_who		 w;

	(void)state;
	user("alice", NULL, WEB_ADMIN);
	auth_stage_trust(&t);
	assert_int_equal(ipprefix_parse(&p, "10.0.0.0/8"), 0);
	auth_stage_from(&p);
	auth_commit();
	assert_string_equal(auth_wanted[AUTH_USER], "Remote-User");
	from("10.1.2.3");
	assert_int_equal(auth_who(&r, &w), -1);
	r.header[AUTH_USER] = "alice";
	assert_int_equal(auth_who(&r, &w), 0);
	assert_int_equal(w.role, WEB_ADMIN);
	assert_true(w.by_proxy && auth_still(&w));
	r.header[AUTH_USER] = "dave";
	assert_int_equal(auth_who(&r, &w), 0);
	assert_int_equal(w.role, WEB_VIEW);
	r.header[AUTH_USER] = "";
	assert_int_equal(auth_who(&r, &w), -1);
	/* not from there */
	from("192.0.2.1");
	r.header[AUTH_USER] = "alice";
	assert_int_equal(auth_who(&r, &w), -1);
	from(NULL);
	r.local = 1;
	r.header[AUTH_USER] = "alice";
	assert_int_equal(auth_who(&r, &w), 0);
	/* without a role nobody else is let in; without trust nobody */
	t.role = -1;
	user("alice", NULL, WEB_ADMIN);
	auth_stage_trust(&t);
	auth_commit();
	r.header[AUTH_USER] = "dave";
	assert_int_equal(auth_who(&r, &w), -1);
	r.header[AUTH_USER] = "alice";
	assert_int_equal(auth_who(&r, &w), 0);
	user("alice", NULL, WEB_ADMIN);
	auth_commit();
	assert_int_equal(auth_who(&r, &w), -1);
}

static void
origins(void **state)
{
	(void)state;
	from("192.0.2.1");
	assert_true(auth_same_origin(&r));
	r.header[AUTH_ORIGIN] = "http://a:8080";
	assert_false(auth_same_origin(&r));
	r.header[AUTH_HOST] = "a:8080";
	assert_true(auth_same_origin(&r));
	r.header[AUTH_ORIGIN] = "https://A:8080";
	assert_true(auth_same_origin(&r));
	r.header[AUTH_ORIGIN] = "http://a:8081";
	assert_false(auth_same_origin(&r));
	r.header[AUTH_ORIGIN] = "null";
	assert_false(auth_same_origin(&r));
	r.header[AUTH_ORIGIN] = NULL;
	r.header[AUTH_SITE] = "cross-site";
	assert_false(auth_same_origin(&r));
	r.header[AUTH_SITE] = "same-site";
	assert_false(auth_same_origin(&r));
	r.header[AUTH_SITE] = "same-origin";
	assert_true(auth_same_origin(&r));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(strings),
		cmocka_unit_test(histories),
		cmocka_unit_test(bounded),
		cmocka_unit_test(sessions),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(guessing),
		cmocka_unit_test(proxies),
		cmocka_unit_test(origins)
	};

	auth_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
