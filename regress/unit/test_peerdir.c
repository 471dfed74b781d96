/* SPDX-License-Identifier: ISC */

/*
 * Peers with a file of their own, over a daemon that is played here: it reads
 * the folder when it is told to, is busy, refuses, or says odd things.
 */

#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <unistd.h>

#include "peerdir.h"
#include "unit.h"

#define PEERS	16
#define FILE_MAX	65536

static struct {
	char		 dir[64];
	char		 text[FILE_MAX];	/* of a file, read last */
	struct ctl_setup setup;
	const char	*pattern;	/* files that the daemon reads */
	const char	*refuses;	/* why it reads nothing, or NULL */
	int		 busy;		/* so often it is */
	int		 waited;
	int		 reloads;	/* that it has made */
	int		 warned;
	char		 name[PEERS][CTL_NAME_LEN];
	struct ipprefix	 aip[PEERS];
	int		 n;
} d;
static struct peerdir	*p;

/* ---- the daemon */

static const char *
path(const char *name)
{
	static char	 buf[sizeof(d.dir) + 256 + 1];

	snprintf(buf, sizeof(buf), "%s/%s", d.dir, name);
	return (buf);
}

static int
there(const char *name)
{
	return (access(path(name), F_OK) == 0);
}

/* A file's text; "" if there is none. */
static const char *
text_of(const char *name)
{
	FILE	*f = fopen(path(name), "r");
	size_t	 n = 0;

	if (f != NULL) {
		n = fread(d.text, 1, sizeof(d.text) - 1, f);
		fclose(f);
	}
	d.text[n] = '\0';
	return (d.text);
}

static void
put(const char *name, const char *text)
{
	FILE	*f = fopen(path(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The peer of each file, and the first address that it has. */
static void
read_files(void)
{
	struct dirent	*e;
	const char	*s, *a;
	char		 addr[64];
	DIR		*dir = opendir(d.dir);

	assert_non_null(dir);
	d.n = 0;
	while ((e = readdir(dir)) != NULL) {
		if (fnmatch(d.pattern, e->d_name, 0) != 0 ||
		    (s = strstr(text_of(e->d_name), "peer \"")) == NULL)
			continue;
		assert_true(d.n < PEERS);
		snprintf(d.name[d.n], CTL_NAME_LEN, "%.*s",
		    (int)strcspn(s + 6, "\""), s + 6);
		if ((a = strstr(s, "allowed ips { ")) == NULL)
			continue;
		a += strlen("allowed ips { ");
		snprintf(addr, sizeof(addr), "%.*s", (int)strcspn(a, " "), a);
		assert_int_equal(ipprefix_parse(&d.aip[d.n], addr), 0);
		d.n++;
	}
	closedir(dir);
}

static const char *
asked(void *arg, uint32_t type, struct peerdir *pd)
{
	static const struct ctl_summary	 sum = { .peers = 1 };
	struct ctl_peer			 c = { .id = 0 };
	struct ctl_aip			 a = { .id = 0 };
	int				 i;

	(void)arg;
	switch (type) {
	case CTL_SHOW_SETUP:
		peerdir_record(pd, CTL_SETUP, &d.setup, sizeof(d.setup));
		break;
	case CTL_SHOW_SUMMARY:
		peerdir_record(pd, CTL_SUMMARY, &sum, sizeof(sum));
		break;
	case CTL_SHOW_PEERS:
		for (i = 0; i < d.n; i++) {
			memcpy(c.name, d.name[i], sizeof(c.name));
			peerdir_record(pd, CTL_PEER, &c, sizeof(c));
			a.prefix = d.aip[i];
			peerdir_record(pd, CTL_AIP, &a, sizeof(a));
		}
		break;
	case CTL_RELOAD:
		if (d.busy > 0) {
			d.busy--;
			return ("a reload is under way");
		}
		if (d.refuses != NULL)
			return (d.refuses);
		d.reloads++;
		read_files();
		break;
	default:
		fail_msg("asked for %u", type);
	}
	return (NULL);
}

static void
waits(void *arg)
{
	(void)arg;
	d.waited++;
}

static void
warns(void *arg, const char *s)
{
	(void)arg;
	(void)s;
	d.warned++;
}

static struct ipprefix
prefix(const char *s)
{
	struct ipprefix	 r;

	assert_int_equal(ipprefix_parse(&r, s), 0);
	return (r);
}

static int
begin(void **state)
{
	static const struct peerdir_daemon	 daemon = { asked, waits,
						    warns, NULL };

	(void)state;
	memset(&d, 0, sizeof(d));
	d.pattern = "*.conf";
	strlcpy(d.dir, "/tmp/wgslirpd-peerdir.XXXXXX", sizeof(d.dir));
	if (mkdtemp(d.dir) == NULL)
		return (-1);
	strlcpy(d.setup.config, "/etc/x.conf", sizeof(d.setup.config));
	strlcpy(d.setup.peers_dir, d.dir, sizeof(d.setup.peers_dir));
	strlcpy(d.setup.public_host, "vpn.example.com",
	    sizeof(d.setup.public_host));
	d.setup.port = 51820;
	d.setup.mtu = 1420;
	d.setup.naddrs = 1;
	if (ipprefix_parse(&d.setup.addr[0], "10.77.0.1/29") == -1)
		return (-1);
	return ((p = peerdir_new(&daemon, -1)) == NULL ? -1 : 0);
}

static int
end(void **state)
{
	struct dirent	*e;
	DIR		*dir = opendir(d.dir);

	(void)state;
	peerdir_free(p);
	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlink(path(e->d_name));
	if (dir != NULL)
		closedir(dir);
	return (rmdir(d.dir));
}

static int
new_peer(const char *name)
{
	struct peer_wish	 w = { .name = name };
	char			*client = NULL;
	size_t			 len;
	int			 r;

	r = peerdir_add(p, &w, NULL, NULL, &client, &len);
	if (r == 0)
		freezero(client, len);
	return (r);
}

static int
never(void *arg, const char *client)
{
	assert_non_null(strstr(client, "PrivateKey = "));
	*(int *)arg += 1;
	return (-1);
}

/* ---- */

static void
made(void **state)
{
	struct peer_wish	 w = { .name = "phone", .expires = "2030-01-01",
				    .quota = "1G", .rate_in = "none",
				    .keep = 1 };
	struct stat		 sb;
	char			*client, *kept;
	size_t			 len, n;
	int			 calls = 0;

	(void)state;
	/* who is not satisfied with the text ends it before it begins */
	assert_int_equal(peerdir_add(p, &w, never, &calls, &client, &len), -1);
	assert_int_equal(calls, 1);
	assert_false(there("phone.conf"));
	assert_false(there("phone.client"));
	d.busy = 3;
	assert_int_equal(peerdir_add(p, &w, NULL, NULL, &client, &len), 0);
	assert_int_equal(d.waited, 3);
	assert_int_equal(strlen(client) + 1, len);
	assert_non_null(strstr(client, "Address = 10.77.0.2/32\n"));
	assert_non_null(strstr(client, "Endpoint = vpn.example.com:51820\n"));
	assert_null(strstr(client, "DNS"));
	/* the private key is where it was asked for, and nowhere else */
	assert_int_equal(peerdir_kept(p, "phone", &kept, &n), 0);
	assert_string_equal(kept, client);
	freezero(kept, n);
	assert_int_equal(stat(path("phone.client"), &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_int_equal(stat(path("phone.conf"), &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	text_of("phone.conf");
	assert_non_null(strstr(d.text, "\texpires \"2030-01-01\"\n"));
	assert_non_null(strstr(d.text, "\tquota 1G\n"));
	assert_null(strstr(d.text, "rate"));
	assert_null(strstr(d.text, "rivate"));
	freezero(client, len);
	assert_int_equal(new_peer("phone"), -1);
	assert_int_equal(new_peer("tablet"), 0);
	assert_int_equal(peerdir_kept(p, "tablet", &kept, &n), -1);
	assert_non_null(strstr(peerdir_error(p), "shown once"));
}

/* What the daemon refuses is as it was, and the reason is its own. */
static void
taken_back(void **state)
{
	struct peer_wish	 w = { .name = "phone", .quota = "2G" };
	char			 before[FILE_MAX];

	(void)state;
	assert_int_equal(new_peer("phone"), 0);
	strlcpy(before, text_of("phone.conf"), sizeof(before));
	d.refuses = "line 7: syntax error";
	assert_int_equal(new_peer("tablet"), -1);
	assert_string_equal(peerdir_error(p), d.refuses);
	assert_false(there("tablet.conf"));
	assert_int_equal(peerdir_state(p, "phone", 0), -1);
	assert_string_equal(peerdir_error(p), d.refuses);
	assert_true(there("phone.conf"));
	assert_false(there("phone.conf.off"));
	assert_int_equal(peerdir_delete(p, "phone"), -1);
	assert_string_equal(peerdir_error(p), d.refuses);
	assert_true(there("phone.conf"));
	assert_false(there("phone.gone"));
	assert_int_equal(peerdir_rename(p, "phone", "fone"), -1);
	assert_string_equal(peerdir_error(p), d.refuses);
	assert_false(there("fone.conf"));
	assert_string_equal(text_of("phone.conf"), before);
	assert_int_equal(peerdir_set(p, &w), -1);
	assert_string_equal(peerdir_error(p), d.refuses);
	assert_string_equal(text_of("phone.conf"), before);
	/* busy for ever is a refusal, and is not waited for for ever */
	d.refuses = NULL;
	d.busy = 1000;
	assert_int_equal(peerdir_state(p, "phone", 0), -1);
	assert_true(there("phone.conf"));
	assert_true(d.waited < 200);
	d.busy = 0;
	/* a name that the daemon's pattern does not match */
	d.pattern = "p*.conf";
	assert_int_equal(peerdir_rename(p, "phone", "fone"), -1);
	assert_non_null(strstr(peerdir_error(p), "did not find"));
	assert_string_equal(text_of("phone.conf"), before);
	assert_int_equal(new_peer("tablet"), -1);
	assert_false(there("tablet.conf"));
	assert_int_equal(d.n, 1);
	assert_int_equal(peerdir_rename(p, "phone", "pad"), 0);
	assert_string_equal(d.name[0], "pad");
	assert_false(there("phone.conf"));
}

/* Of 10.77.0.0/29: not the gateway, nor the last, nor what somebody has. */
static void
addresses(void **state)
{
	struct peer_wish	 w = { .name = "x", .naips = 1 };
	char			*client;
	size_t			 len;

	(void)state;
	assert_int_equal(new_peer("a"), 0);
	assert_non_null(strstr(text_of("a.conf"), "{ 10.77.0.2/32 }"));
	assert_int_equal(new_peer("b"), 0);
	assert_non_null(strstr(text_of("b.conf"), "{ 10.77.0.3/32 }"));
	/* one who is disabled comes back some day */
	assert_int_equal(peerdir_state(p, "a", 0), 0);
	assert_int_equal(new_peer("c"), 0);
	assert_non_null(strstr(text_of("c.conf"), "{ 10.77.0.4/32 }"));
	/* a network in the middle, by hand */
	put("net.conf", "peer \"net\" {\n\tallowed ips { 10.77.0.5/32 }\n}\n");
	read_files();
	assert_int_equal(new_peer("e"), 0);
	assert_non_null(strstr(text_of("e.conf"), "{ 10.77.0.6/32 }"));
	assert_int_equal(new_peer("f"), -1);
	assert_non_null(strstr(peerdir_error(p), "no free address"));
	/* what is another's cannot be asked for */
	w.aip[0] = prefix("10.77.0.5/32");
	assert_int_equal(peerdir_add(p, &w, NULL, NULL, &client, &len), -1);
	assert_non_null(strstr(peerdir_error(p), "peer \"net\"'s"));
	assert_int_equal(peerdir_delete(p, "b"), 0);
	assert_int_equal(new_peer("f"), 0);
	assert_non_null(strstr(text_of("f.conf"), "{ 10.77.0.3/32 }"));
	/* a file of one who is disabled that nobody can read says nothing */
	assert_int_equal(peerdir_delete(p, "f"), 0);
	assert_int_equal(symlink("/dev/zero", path("odd.conf.off")), 0);
	assert_int_equal(new_peer("f"), 0);
	assert_int_equal(d.warned, 1);
}

static void
values(void **state)
{
	struct peer_wish	 w = { .name = "phone", .rate_in = "5M" };
	const char		*bad[] = { "", "1 }", "1\n", "\"", "a;b", "$x" };
	size_t			 i;

	(void)state;
	assert_int_equal(new_peer("phone"), 0);
	assert_int_equal(peerdir_set(p, &w), 0);
	assert_non_null(strstr(text_of("phone.conf"), "\trate in 5M\n}"));
	/* another value in its place, and what a hand has written stays */
	put("phone.conf", "peer \"phone\" {\n\t# mine\n  rate\t in  5M\n"
	    "\tallowed ips { 10.77.0.2/32 }\n}\n");
	w.rate_in = "6M";
	w.expires = "never";
	assert_int_equal(peerdir_set(p, &w), 0);
	assert_string_equal(text_of("phone.conf"), "peer \"phone\" {\n\t# mine\n"
	    "\tallowed ips { 10.77.0.2/32 }\n\trate in 6M\n}\n");
	w.rate_in = "none";
	assert_int_equal(peerdir_set(p, &w), 0);
	assert_null(strstr(text_of("phone.conf"), "rate"));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		w.rate_in = bad[i];
		assert_int_equal(peerdir_set(p, &w), -1);
	}
	/* two peers in a file, or none that is understood */
	w.rate_in = "5M";
	put("phone.conf", "peer \"phone\" {\n}\npeer \"other\" {\n}\n");
	assert_int_equal(peerdir_set(p, &w), -1);
	assert_non_null(strstr(peerdir_error(p), "by hand"));
	put("phone.conf", "peer \"phone\" { }\n");
	assert_int_equal(peerdir_set(p, &w), -1);
	assert_string_equal(text_of("phone.conf"), "peer \"phone\" { }\n");
	/* its own name has to be in it, to be another */
	put("phone.conf", "peer \"fone\" {\n}\n");
	assert_int_equal(peerdir_rename(p, "phone", "pad"), -1);
	assert_true(there("phone.conf"));
}

/* What names a file is a name, and what the daemon says is looked at. */
static void
odd(void **state)
{
	const char	*bad[] = { "", ".", "..", "../x", "a/b", "-f", ".x",
			    "a b", "a\n", "a\"", "\xc3\xa4" };
	char		 name[CTL_NAME_LEN + 1];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(peerdir_name_ok(bad[i]));
		assert_int_equal(new_peer(bad[i]), -1);
		assert_int_equal(peerdir_delete(p, bad[i]), -1);
	}
	memset(name, 'a', sizeof(name));
	name[CTL_NAME_LEN] = '\0';
	assert_false(peerdir_name_ok(name));
	name[CTL_NAME_LEN - 1] = '\0';
	assert_int_equal(new_peer(name), 0);
	assert_int_equal(d.reloads, 1);
	strlcpy(d.setup.public_host, "a\nPostUp = x", sizeof(
	    d.setup.public_host));
	assert_int_equal(new_peer("a"), -1);
	d.setup.public_host[0] = '\0';
	d.setup.naddrs = CTL_ADDRESSES + 1;
	assert_int_equal(new_peer("a"), -1);
	d.setup.naddrs = 1;
	d.setup.addr[0].len = 33;
	assert_int_equal(new_peer("a"), -1);
	d.setup.addr[0].len = 29;
	strlcpy(d.setup.peers_dir, "tmp/x", sizeof(d.setup.peers_dir));
	assert_int_equal(new_peer("a"), -1);
	strlcpy(d.setup.peers_dir, "/tmp/\x1b[2J", sizeof(d.setup.peers_dir));
	assert_int_equal(new_peer("a"), -1);
	strlcpy(d.setup.peers_dir, d.dir, sizeof(d.setup.peers_dir));
	d.setup.config[0] = '\0';
	assert_int_equal(new_peer("a"), -1);
	assert_non_null(strstr(peerdir_error(p), "environment"));
	assert_int_equal(d.reloads, 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(made, begin, end),
		cmocka_unit_test_setup_teardown(taken_back, begin, end),
		cmocka_unit_test_setup_teardown(addresses, begin, end),
		cmocka_unit_test_setup_teardown(values, begin, end),
		cmocka_unit_test_setup_teardown(odd, begin, end)
	};

	return (RUN(tests));
}
