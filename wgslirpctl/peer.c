/* SPDX-License-Identifier: ISC */

/*
 * Peers that are made, changed and taken away while the daemon runs.  Each has
 * a file NAME.conf in the folder of an include with a pattern; one that is
 * disabled is called NAME.conf.off.  A change is written beside the file,
 * moved into its place, and taken back if the daemon does not like it.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "keys.h"
#include "peer.h"
#include "qr.h"

#define MAX_TRIES	(1U << 17)	/* addresses looked at */
#define MAX_FILE	65536
#define RETRIES		50		/* while a reload is under way */

struct known {
	char		 name[CTL_NAME_LEN];
	struct ipprefix	*aip;
	size_t		 naips;
};

static struct {
	struct ctl_setup	 setup;
	struct ctl_summary	 summary;
	struct known		*peer;
	size_t			 npeers;
} st;

/* ---- what the daemon knows */

static int
take_setup(uint32_t type, struct imsg *imsg, void *arg)
{
	(void)arg;
	if (type == CTL_SETUP) {
		conn_get(imsg, &st.setup, sizeof(st.setup));
		st.setup.config[sizeof(st.setup.config) - 1] = '\0';
		st.setup.peers_dir[sizeof(st.setup.peers_dir) - 1] = '\0';
		st.setup.public_host[sizeof(st.setup.public_host) - 1] = '\0';
		if (st.setup.naddrs > CTL_ADDRESSES)
			errx(1, "the daemon is of another version");
	} else if (type == CTL_SUMMARY)
		conn_get(imsg, &st.summary, sizeof(st.summary));
	return (0);
}

static int
take_peer(uint32_t type, struct imsg *imsg, void *arg)
{
	struct ctl_peer	 p;
	struct ctl_aip	 a;
	struct known	*k;

	(void)arg;
	if (type == CTL_PEER) {
		conn_get(imsg, &p, sizeof(p));
		st.peer = reallocarray(st.peer, st.npeers + 1,
		    sizeof(*st.peer));
		if (st.peer == NULL)
			err(1, NULL);
		k = &st.peer[st.npeers++];
		memset(k, 0, sizeof(*k));
		p.name[sizeof(p.name) - 1] = '\0';
		strlcpy(k->name, p.name, sizeof(k->name));
	} else if (type == CTL_AIP && st.npeers > 0) {
		conn_get(imsg, &a, sizeof(a));
		k = &st.peer[st.npeers - 1];
		k->aip = reallocarray(k->aip, k->naips + 1, sizeof(*k->aip));
		if (k->aip == NULL)
			err(1, NULL);
		k->aip[k->naips++] = a.prefix;
	}
	return (0);
}

/*
 * What the daemon says is written into files, and is where they go: by root,
 * perhaps, and believed by wg-quick(8).  It is checked like anything from
 * outside.
 */
static void
check_setup(void)
{
	const char	*host = st.setup.public_host, *dir = st.setup.peers_dir;
	struct ipaddr	 a;
	struct stat	 sb;
	size_t		 i;

	if (*host != '\0' && ipaddr_parse(&a, host) == -1 &&
	    !host_name_ok(host))
		errx(1, "the daemon says that its public endpoint is something "
		    "else than a host");
	for (i = 0; dir[i] != '\0'; i++)
		if ((unsigned char)dir[i] < ' ')
			errx(1, "the folder of the peers has an odd name");
	if (*dir != '\0' && *dir != '/')
		errx(1, "%s: not an absolute path", dir);
	/* whose folder it is, or becomes */
	if (*dir != '\0' && geteuid() == 0 && lstat(dir, &sb) == 0 &&
	    (!S_ISDIR(sb.st_mode) || sb.st_mode & (S_IWGRP | S_IWOTH)))
		errx(1, "%s: not a folder that only its owner can write", dir);
}

static void
learn(void)
{
	conn_must(CTL_SHOW_SETUP, 0, NULL, take_setup, NULL);
	conn_must(CTL_SHOW_SUMMARY, 0, NULL, take_setup, NULL);
	conn_must(CTL_SHOW_PEERS, 0, NULL, take_peer, NULL);
	check_setup();
	if (st.setup.config[0] == '\0')
		errx(1, "the daemon has its configuration from the "
		    "environment: peers are made there");
	if (st.setup.peers_dir[0] == '\0')
		errx(1, "no place for peers' files: add the line\n"
		    "\tinclude \"peers.d/*.conf\"\nto %s, and reload",
		    st.setup.config);
}

/* ---- files */

/* What file names are made of, too. */
static void
check_name(const char *name)
{
	const char	*s;

	for (s = name; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr("._-", *s) == NULL)
			break;
	if (*s != '\0' || *name == '.' || *name == '-' || *name == '\0' ||
	    strlen(name) >= CTL_NAME_LEN)
		errx(1, "a peer's name is of letters, digits and \"._-\", up "
		    "to %d of them", CTL_NAME_LEN - 1);
}

static char *
path_of(const char *name, const char *end)
{
	char	*p;

	if (asprintf(&p, "%s/%s%s", st.setup.peers_dir, name, end) == -1)
		err(1, NULL);
	return (p);
}

static int
exists(const char *path)
{
	struct stat	 sb;

	return (lstat(path, &sb) == 0);
}

/* The peer's file, active or not. */
static char *
find_file(const char *name, int *off)
{
	char	*p = path_of(name, ".conf");

	*off = 0;
	if (exists(p))
		return (p);
	free(p);
	p = path_of(name, ".conf.off");
	*off = 1;
	if (exists(p))
		return (p);
	errx(1, "peer \"%s\" has no file in %s", name, st.setup.peers_dir);
}

static char *
read_file(const char *path)
{
	char	*text;
	ssize_t	 n, len = 0;
	int	 fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		err(1, "%s", path);
	if ((text = calloc(1, MAX_FILE + 1)) == NULL)
		err(1, NULL);
	while ((n = read(fd, text + len, (size_t)(MAX_FILE - len))) > 0)
		len += n;
	if (n == -1 || len == MAX_FILE)
		errx(1, "%s: cannot be read", path);
	close(fd);
	return (text);
}

/*
 * What root makes belongs to whom the folder belongs to: the daemon may run as
 * that user.
 */
static void
give_away(int fd, const char *dir)
{
	struct stat	 sb;

	if (geteuid() != 0)
		return;
	if (stat(dir, &sb) == -1 || fchown(fd, sb.st_uid, sb.st_gid) == -1)
		err(1, "%s", dir);
}

/* The folder of the peers' files, if it is not there. */
static void
make_dir(void)
{
	char	*up, *slash;
	int	 fd;

	if (mkdir(st.setup.peers_dir, 0700) == -1) {
		if (errno != EEXIST)
			err(1, "%s", st.setup.peers_dir);
		return;
	}
	if ((up = strdup(st.setup.peers_dir)) == NULL)
		err(1, NULL);
	if ((slash = strrchr(up, '/')) != NULL && slash != up)
		*slash = '\0';
	if ((fd = open(st.setup.peers_dir, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC)) == -1)
		err(1, "%s", st.setup.peers_dir);
	give_away(fd, up);
	close(fd);
	free(up);
}

/* Whole or not at all, for nobody else to read. */
static void
write_file(const char *path, const char *text)
{
	char	*tmp;
	size_t	 len = strlen(text);
	int	 fd;

	if (asprintf(&tmp, "%s.tmp", path) == -1)
		err(1, NULL);
	(void)unlink(tmp);
	if ((fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) ==
	    -1)
		err(1, "%s", tmp);
	give_away(fd, st.setup.peers_dir);
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) == -1 ||
	    close(fd) == -1 || rename(tmp, path) == -1) {
		warn("%s", path);
		(void)unlink(tmp);
		exit(1);
	}
	free(tmp);
}

static const char *
reload(void)
{
	const char	*e;
	int		 i;

	for (i = 0; i < RETRIES; i++) {
		e = conn_ask(CTL_RELOAD, 0, NULL, NULL, NULL);
		if (e == NULL || strcmp(e, "a reload is under way") != 0)
			return (e);
		usleep(100000);
	}
	return (e);
}

/* Give a file another name and reload; both or neither. */
static void
move(const char *from, const char *to)
{
	const char	*e;

	if (exists(to))
		errx(1, "%s is there already", to);
	if (rename(from, to) == -1)
		err(1, "%s", from);
	if ((e = reload()) == NULL)
		return;
	if (rename(to, from) == -1)
		warn("%s", to);
	errx(1, "%s", e);
}

/* ---- addresses */

static void
add_one(struct ipaddr *a)
{
	int	 i;

	for (i = a->af == 4 ? 3 : 15; i >= 0; i--)
		if (++a->a[i] != 0)
			break;
}

static int
in_use(const struct ipaddr *a, const char *others)
{
	char	 text[ADDR_STRLEN];
	size_t	 i, k;

	for (i = 0; i < st.setup.naddrs; i++)
		if (ipaddr_cmp(&st.setup.addr[i].addr, a) == 0)
			return (1);
	for (i = 0; i < st.npeers; i++)
		for (k = 0; k < st.peer[i].naips; k++)
			/* a default route is not a place */
			if (st.peer[i].aip[k].len >= 8 &&
			    ipprefix_match(&st.peer[i].aip[k], a))
				return (1);
	/* as files have it: " address/length " */
	ipaddr_str(a, text + 1, sizeof(text) - 2);
	text[0] = ' ';
	strlcat(text, "/", sizeof(text));
	return (strstr(others, text) != NULL);
}

/* The next address that nobody has, of the gateway's network. */
static int
free_address(const struct ipprefix *net, const char *others,
    struct ipaddr *out)
{
	struct ipprefix	 all = *net, end = *net;
	struct ipaddr	 a;
	uint32_t	 i;

	ipprefix_mask(&all);
	a = all.addr;
	for (i = 0; i < MAX_TRIES; i++) {
		add_one(&a);
		if (!ipprefix_match(&all, &a))
			return (-1);
		/* the last one of a network is everybody's */
		end.addr = a;
		if (net->addr.af == 4 && net->len < 31) {
			add_one(&end.addr);
			if (!ipprefix_match(&all, &end.addr))
				return (-1);
		}
		if (!in_use(&a, others)) {
			*out = a;
			return (0);
		}
	}
	return (-1);
}

/* All that is in the files of peers who are disabled. */
static char *
disabled_files(void)
{
	struct dirent	*e;
	char		*all, *one, *path;
	size_t		 n, len = 1;
	DIR		*d;

	if ((all = calloc(1, 1)) == NULL)
		err(1, NULL);
	if ((d = opendir(st.setup.peers_dir)) == NULL) {
		if (errno == ENOENT)
			return (all);
		err(1, "%s", st.setup.peers_dir);
	}
	while ((e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (n < 10 || strcmp(e->d_name + n - 9, ".conf.off") != 0)
			continue;
		path = path_of(e->d_name, "");
		one = read_file(path);
		free(path);
		len += strlen(one);
		if ((all = realloc(all, len)) == NULL)
			err(1, NULL);
		strlcat(all, one, len);
		freezero(one, MAX_FILE + 1);
	}
	closedir(d);
	return (all);
}

/* The address by which this host would go out; where no one was told. */
static int
guess_host(char *buf, size_t len)
{
	static const char *const	 out[] = { "192.0.2.1",
					    "2001:db8::1" };
	struct sockaddr_storage		 ss;
	struct ipaddr			 a;
	socklen_t			 n;
	size_t				 i;
	int				 fd;

	for (i = 0; i < 2; i++) {
		ipaddr_parse(&a, out[i]);
		n = sa_make(&ss, &a, 9);
		if ((fd = socket(ss.ss_family, SOCK_DGRAM, 0)) == -1)
			continue;
		/* nothing is sent by that */
		if (connect(fd, (struct sockaddr *)&ss, n) == 0 &&
		    (n = sizeof(ss), getsockname(fd, (struct sockaddr *)&ss,
		    &n)) == 0 && ipaddr_from_sa(&a, (struct sockaddr *)&ss) ==
		    0) {
			ipaddr_str(&a, buf, len);
			close(fd);
			return (0);
		}
		close(fd);
	}
	return (-1);
}

static void
endpoint(char *buf, size_t len)
{
	char		 host[CTL_TEXT_LEN];
	struct ipaddr	 a;
	uint16_t	 port = st.setup.public_port != 0 ?
			    st.setup.public_port : st.setup.port;

	if (st.setup.public_host[0] != '\0')
		strlcpy(host, st.setup.public_host, sizeof(host));
	else if (guess_host(host, sizeof(host)) == -1)
		errx(1, "this host has no way out: say how clients reach it, "
		    "by \"public endpoint\" in %s", st.setup.config);
	else
		warnx("clients are told to come to %s; if they cannot, set "
		    "\"public endpoint\" in %s", host, st.setup.config);
	if (ipaddr_parse(&a, host) == 0)
		ipport_str(&a, port, buf, len);
	else
		snprintf(buf, len, "%s:%u", host, port);
}

/* ---- a text that grows */

struct text {
	char	*s;
	size_t	 len;
};

static void __attribute__((__format__(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	char	*line, *s;
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n == -1 || (s = recallocarray(t->s, t->len, t->len + (size_t)n +
	    1, 1)) == NULL)
		err(1, NULL);
	memcpy(s + (t->len > 0 ? t->len - 1 : 0), line, (size_t)n + 1);
	t->s = s;
	t->len += (size_t)n + (t->len > 0 ? 0 : 1);
	freezero(line, (size_t)n);
}

/* ---- peer new */

struct wish {
	const char	*name;
	const char	*out;		/* -o */
	const char	*expires;
	const char	*quota;
	const char	*rate_in;
	const char	*rate_out;
	struct ipprefix	 aip[CTL_ADDRESSES];
	int		 naips;
	int		 keep;
};

static const char *
value(int argc, char *argv[], int *i)
{
	if (++*i >= argc)
		errx(1, "%s: what?", argv[argc - 1]);
	return (argv[*i]);
}

/* What the daemon's grammar takes; it is the one to judge. */
static void
check_value(const char *s)
{
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) &&
		    strchr(".:-+/", *s) == NULL)
			errx(1, "not a value: %s", s);
}

static void
read_wish(int argc, char *argv[], struct wish *w)
{
	const char	*a;
	int		 i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < argc; i++) {
		a = argv[i];
		if (strcmp(a, "-o") == 0)
			w->out = value(argc, argv, &i);
		else if (w->name == NULL)
			w->name = a;
		else if (strcmp(a, "expires") == 0)
			check_value(w->expires = value(argc, argv, &i));
		else if (strcmp(a, "quota") == 0)
			check_value(w->quota = value(argc, argv, &i));
		else if (strcmp(a, "keep") == 0)
			w->keep = 1;
		else if (strcmp(a, "rate") == 0) {
			a = value(argc, argv, &i);
			if (strcmp(a, "in") == 0)
				check_value(w->rate_in = value(argc, argv,
				    &i));
			else if (strcmp(a, "out") == 0)
				check_value(w->rate_out = value(argc, argv,
				    &i));
			else
				check_value(w->rate_in = w->rate_out = a);
		} else if (strcmp(a, "allowed") == 0) {
			if (strcmp(value(argc, argv, &i), "ips") != 0)
				errx(1, "allowed ips PREFIX ...");
			while (i + 1 < argc && w->naips < CTL_ADDRESSES &&
			    ipprefix_parse(&w->aip[w->naips], argv[i + 1]) ==
			    0) {
				ipprefix_mask(&w->aip[w->naips]);
				w->naips++;
				i++;
			}
			if (w->naips == 0)
				errx(1, "allowed ips: no prefix");
		} else
			errx(1, "%s: not one of expires, quota, rate, "
			    "allowed ips, keep, -o", a);
	}
	if (w->name == NULL)
		errx(1, "peer new: what is its name?");
	check_name(w->name);
}

/* A prefix that is another peer's would be taken away from it. */
static void
check_free(const struct ipprefix *p)
{
	const struct ipprefix	*q;
	char			 buf[ADDR_STRLEN];
	size_t			 i, k;

	for (i = 0; i < st.npeers; i++)
		for (k = 0; k < st.peer[i].naips; k++) {
			q = &st.peer[i].aip[k];
			if (q->len == p->len && ipaddr_cmp(&q->addr,
			    &p->addr) == 0)
				errx(1, "%s is peer \"%s\"'s",
				    ipprefix_str(p, buf, sizeof(buf)),
				    st.peer[i].name);
		}
}

static void
choose_addresses(struct wish *w)
{
	struct ipaddr	 a;
	char		*others;
	int		 i, have[2] = { 0, 0 };

	for (i = 0; i < w->naips; i++)
		check_free(&w->aip[i]);
	if (w->naips > 0)
		return;
	others = disabled_files();
	for (i = 0; i < st.setup.naddrs; i++) {
		if (have[st.setup.addr[i].addr.af == 6]++ ||
		    free_address(&st.setup.addr[i], others, &a) == -1)
			continue;
		w->aip[w->naips].addr = a;
		w->aip[w->naips++].len = a.af == 4 ? 32 : 128;
	}
	if (w->naips == 0)
		errx(1, "no free address: name one by \"allowed ips\"");
	freezero(others, strlen(others));
}

static void
put_prefixes(struct text *t, const struct wish *w, const char *sep)
{
	char	 buf[ADDR_STRLEN];
	int	 i;

	for (i = 0; i < w->naips; i++)
		add(t, "%s%s", i > 0 ? sep : "", ipprefix_str(&w->aip[i], buf,
		    sizeof(buf)));
}

static void
server_text(struct text *t, const struct wish *w, const char *public,
    const char *psk)
{
	add(t, "# made by wgslirpctl peer new\npeer \"%s\" {\n"
	    "\tpublic key \"%s\"\n\tpreshared key \"%s\"\n"
	    "\tallowed ips { ", w->name, public, psk);
	put_prefixes(t, w, " ");
	add(t, " }\n");
	if (w->expires != NULL)
		add(t, "\texpires \"%s\"\n", w->expires);
	if (w->quota != NULL)
		add(t, "\tquota %s\n", w->quota);
	if (w->rate_in != NULL)
		add(t, "\trate in %s\n", w->rate_in);
	if (w->rate_out != NULL)
		add(t, "\trate out %s\n", w->rate_out);
	add(t, "}\n");
}

static void
client_text(struct text *t, const struct wish *w, const char *private,
    const char *psk)
{
	char	 end[CTL_TEXT_LEN + 16], key[KEY_B64LEN], buf[ADDR_STRLEN];
	int	 i, have[2] = { 0, 0 }, n = 0;

	endpoint(end, sizeof(end));
	key_to_base64(key, st.summary.public_key);
	add(t, "[Interface]\nPrivateKey = %s\nAddress = ", private);
	put_prefixes(t, w, ", ");
	for (i = 0; st.setup.dns && i < st.setup.naddrs; i++)
		if (!have[st.setup.addr[i].addr.af == 6]++)
			add(t, "%s%s", n++ == 0 ? "\nDNS = " : ", ",
			    ipaddr_str(&st.setup.addr[i].addr, buf,
			    sizeof(buf)));
	add(t, "\nMTU = %u\n\n[Peer]\nPublicKey = %s\nPresharedKey = %s\n"
	    "AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = %s\n"
	    "PersistentKeepalive = 25\n", st.setup.mtu, key, psk, end);
}

static enum qr_form
form_of(const char *path)
{
	const char	*dot = strrchr(path, '.');

	if (dot != NULL && strcasecmp(dot, ".png") == 0)
		return (QR_PNG);
	if (dot != NULL && strcasecmp(dot, ".svg") == 0)
		return (QR_SVG);
	return (QR_TEXT);
}

/* The client's configuration, or a picture of it, into a file. */
static void
write_out(const char *path, const char *text)
{
	FILE	*f;
	int	 fd;

	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) ==
	    -1 || (f = fdopen(fd, "w")) == NULL)
		err(1, "%s", path);
	if ((form_of(path) == QR_TEXT ? (fputs(text, f) == EOF ? -1 : 0) :
	    qr_write(f, text, form_of(path))) == -1 || fclose(f) == EOF) {
		warn("%s", path);
		(void)unlink(path);
		exit(1);
	}
}

static void
json_text(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			printf("\\n");
		else if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

/* Show it, once. */
static void
present(const char *name, const char *text, const char *out, int json)
{
	if (json) {
		printf("{\"name\":\"%s\",\"config\":", name);
		json_text(text);
		printf("}\n");
	} else if (out == NULL) {
		printf("%s", text);
		if (isatty(STDOUT_FILENO)) {
			printf("\n");
			if (qr_write(stdout, text, QR_TEXT) == -1)
				warn("QR code");
		}
	}
}

/* NULL, or that the daemon does not read that folder after all. */
static const char *
is_there(const char *name)
{
	size_t	 i;

	st.npeers = 0;
	conn_must(CTL_SHOW_PEERS, 0, NULL, take_peer, NULL);
	for (i = 0; i < st.npeers; i++)
		if (strcmp(st.peer[i].name, name) == 0)
			return (NULL);
	return ("the daemon did not find it: is its configuration elsewhere?");
}

void
peer_new(int argc, char *argv[], int json)
{
	struct wish	 w;
	struct text	 server = { NULL, 0 }, client = { NULL, 0 };
	uint8_t		 private[KEY_LEN], public[KEY_LEN], psk[KEY_LEN];
	char		 b64[3][KEY_B64LEN], *path, *off, *kept;
	const char	*e;
	size_t		 i;

	read_wish(argc, argv, &w);
	learn();
	path = path_of(w.name, ".conf");
	off = path_of(w.name, ".conf.off");
	kept = path_of(w.name, ".client");
	for (i = 0; i < st.npeers; i++)
		if (strcmp(st.peer[i].name, w.name) == 0)
			errx(1, "there is a peer \"%s\" already", w.name);
	if (exists(path) || exists(off))
		errx(1, "there is a peer \"%s\" already, perhaps disabled",
		    w.name);
	if (w.out != NULL && exists(w.out))
		errx(1, "%s is there already", w.out);
	choose_addresses(&w);
	key_make(private, 0);
	key_make(psk, 1);
	key_derive(public, private);
	key_to_base64(b64[0], private);
	key_to_base64(b64[1], public);
	key_to_base64(b64[2], psk);
	server_text(&server, &w, b64[1], b64[2]);
	client_text(&client, &w, b64[0], b64[2]);
	make_dir();
	/* the key is somewhere before anybody counts on it */
	if (w.out != NULL)
		write_out(w.out, client.s);
	if (w.keep)
		write_file(kept, client.s);
	write_file(path, server.s);
	if ((e = reload()) == NULL)
		e = is_there(w.name);
	if (e != NULL) {
		(void)unlink(path);
		(void)unlink(kept);
		if (w.out != NULL)
			(void)unlink(w.out);
		(void)reload();
		errx(1, "%s", e);
	}
	present(w.name, client.s, w.out, json);
	freezero(client.s, client.len);
	freezero(server.s, server.len);
	explicit_bzero(private, sizeof(private));
	explicit_bzero(psk, sizeof(psk));
	explicit_bzero(b64, sizeof(b64));
}

void
peer_qr(const char *name, const char *out, int json)
{
	char	*kept, *text;

	check_name(name);
	learn();
	kept = path_of(name, ".client");
	if (!exists(kept))
		errx(1, "the key of \"%s\" is not here: it was shown once, or "
		    "make another peer with \"keep\"", name);
	text = read_file(kept);
	if (out != NULL)
		write_out(out, text);
	present(name, text, out, json);
	freezero(text, MAX_FILE + 1);
}

/* ---- the others */

void
peer_state(const char *name, int on)
{
	char	*from, *to;
	int	 off;

	check_name(name);
	learn();
	from = find_file(name, &off);
	if (off != on)
		errx(1, "peer \"%s\" is %s already", name, on ? "enabled" :
		    "disabled");
	to = path_of(name, on ? ".conf" : ".conf.off");
	move(from, to);
}

void
peer_delete(const char *name)
{
	char		*path, *gone, *kept;
	const char	*e;
	int		 off;

	check_name(name);
	learn();
	path = find_file(name, &off);
	kept = path_of(name, ".client");
	gone = path_of(name, ".gone");
	if (rename(path, gone) == -1)
		err(1, "%s", path);
	if (!off && (e = reload()) != NULL) {
		if (rename(gone, path) == -1)
			warn("%s", gone);
		errx(1, "%s", e);
	}
	if (unlink(gone) == -1)
		err(1, "%s", gone);
	(void)unlink(kept);
}

void
peer_rename(const char *old, const char *new)
{
	char		*path, *to, *text, *head, *kept, *kept_to, *back;
	struct text	 t = { NULL, 0 };
	const char	*e;
	size_t		 i;
	int		 off, off2;

	check_name(old);
	check_name(new);
	learn();
	path = find_file(old, &off);
	for (i = 0; i < st.npeers; i++)
		if (strcmp(st.peer[i].name, new) == 0)
			errx(1, "there is a peer \"%s\" already", new);
	for (off2 = 0; off2 < 2; off2++) {
		to = path_of(new, off2 ? ".conf.off" : ".conf");
		if (exists(to))
			errx(1, "there is a peer \"%s\" already", new);
		free(to);
	}
	text = read_file(path);
	if (asprintf(&head, "peer \"%s\"", old) == -1)
		err(1, NULL);
	if ((back = strstr(text, head)) == NULL)
		errx(1, "%s: it does not say %s", path, head);
	add(&t, "%.*speer \"%s\"%s", (int)(back - text), text, new,
	    back + strlen(head));
	to = path_of(new, off ? ".conf.off" : ".conf");
	back = path_of(old, ".gone");
	write_file(to, t.s);
	if (rename(path, back) == -1)
		err(1, "%s", path);
	if (!off && (e = reload()) != NULL) {
		(void)unlink(to);
		if (rename(back, path) == -1)
			warn("%s", back);
		errx(1, "%s", e);
	}
	(void)unlink(back);
	kept = path_of(old, ".client");
	kept_to = path_of(new, ".client");
	if (exists(kept) && rename(kept, kept_to) == -1)
		warn("%s", kept);
	freezero(text, MAX_FILE + 1);
	freezero(t.s, t.len);
}

/* One line, or one object, of peer list. */
static void
list_one(const char *name, const char *state, const struct known *k, int n,
    int json)
{
	char	*file = path_of(name, ".conf"), *off, *kept, buf[ADDR_STRLEN];
	size_t	 i;

	off = path_of(name, ".conf.off");
	kept = path_of(name, ".client");
	if (json) {
		printf("%s{\"name\":", n > 0 ? "," : "");
		json_text(name);
		printf(",\"state\":\"%s\",\"managed\":%s,\"kept\":%s,"
		    "\"allowed_ips\":[", state, exists(file) || exists(off) ?
		    "true" : "false", exists(kept) ? "true" : "false");
		for (i = 0; k != NULL && i < k->naips; i++)
			printf("%s\"%s\"", i > 0 ? "," : "",
			    ipprefix_str(&k->aip[i], buf, sizeof(buf)));
		printf("]}");
	} else {
		printf("%-20s %-9s %-8s", name, state, exists(kept) ?
		    "kept" : exists(file) || exists(off) ? "own file" : "-");
		for (i = 0; k != NULL && i < k->naips; i++)
			printf(" %s", ipprefix_str(&k->aip[i], buf,
			    sizeof(buf)));
		printf("\n");
	}
	free(file);
	free(off);
	free(kept);
}

void
peer_list(int json)
{
	struct dirent	*e;
	size_t		 i, len;
	DIR		*d;
	int		 n = 0;

	conn_must(CTL_SHOW_SETUP, 0, NULL, take_setup, NULL);
	conn_must(CTL_SHOW_PEERS, 0, NULL, take_peer, NULL);
	if (json)
		printf("{\"peers\":[");
	else
		printf("%-20s %-9s %-8s %s\n", "peer", "state", "key",
		    "allowed ips");
	for (i = 0; i < st.npeers; i++)
		list_one(st.peer[i].name, "enabled", &st.peer[i], n++, json);
	if (st.setup.peers_dir[0] != '\0' &&
	    (d = opendir(st.setup.peers_dir)) != NULL) {
		while ((e = readdir(d)) != NULL) {
			len = strlen(e->d_name);
			if (len < 10 || strcmp(e->d_name + len - 9,
			    ".conf.off") != 0)
				continue;
			e->d_name[len - 9] = '\0';
			list_one(e->d_name, "disabled", NULL, n++, json);
		}
		closedir(d);
	}
	if (json)
		printf("]}\n");
}
