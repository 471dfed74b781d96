/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "keypair.h"
#include "peerdir.h"

#define OLD_FILE	600		/* seconds: nobody writes it any more */
#define MAX_FILE	65536
#define RETRIES		50		/* while a reload is under way */
#define FILE_LEN	(CTL_NAME_LEN + 32)	/* a name and its end */

struct known {
	char		 name[CTL_NAME_LEN];
	struct ipprefix	*aip;
	size_t		 naips;
	size_t		 cap;
};

struct peerdir {
	struct peerdir_daemon	 d;
	struct ctl_setup	 setup;
	struct ctl_summary	 summary;
	struct known		*peer;
	size_t			 npeers;
	size_t			 cap;
	int			 fd;
	int			 given;		/* it was not opened here */
	int			 nomem;		/* not all could be kept */
	char			 err[CTL_TEXT_LEN];
};

static int __attribute__((__format__(printf, 2, 3)))
fail(struct peerdir *p, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(p->err, sizeof(p->err), fmt, ap);
	va_end(ap);
	return (-1);
}

/* A file of the folder and what the system says of it. */
static int
fail_file(struct peerdir *p, const char *name)
{
	return (fail(p, "%.128s/%s: %s", p->setup.peers_dir, name,
	    strerror(errno)));
}

const char *
peerdir_error(const struct peerdir *p)
{
	return (p->err);
}

const struct ctl_setup *
peerdir_setup(const struct peerdir *p)
{
	return (&p->setup);
}

struct peerdir *
peerdir_new(const struct peerdir_daemon *d, int fd)
{
	struct peerdir	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	p->d = *d;
	p->fd = fd;
	p->given = fd != -1;
	return (p);
}

static void
forget_peers(struct peerdir *p)
{
	size_t	 i;

	for (i = 0; i < p->npeers; i++)
		free(p->peer[i].aip);
	free(p->peer);
	p->peer = NULL;
	p->npeers = p->cap = 0;
}

void
peerdir_free(struct peerdir *p)
{
	if (p == NULL)
		return;
	forget_peers(p);
	if (p->fd != -1)
		close(p->fd);
	free(p);
}

/* ---- what the daemon knows */

/* Room for one more, of n that there are. */
static void *
grow(struct peerdir *p, void *v, size_t n, size_t *cap, size_t size)
{
	size_t	 more = *cap == 0 ? 4 : 2 * *cap;
	void	*w;

	if (n < *cap)
		return (v);
	if ((w = reallocarray(v, more, size)) == NULL) {
		p->nomem = 1;
		return (v);
	}
	*cap = more;
	return (w);
}

static int
prefix_ok(const struct ipprefix *p)
{
	return ((p->addr.af == 4 || p->addr.af == 6) &&
	    p->len <= ipaddr_bits(&p->addr));
}

void
peerdir_record(struct peerdir *p, uint32_t type, const void *data, size_t len)
{
	const struct ctl_peer	*c = data;
	const struct ctl_aip	*a = data;
	struct known		*k;

	if (type == CTL_SETUP && len == sizeof(p->setup)) {
		memcpy(&p->setup, data, sizeof(p->setup));
		p->setup.config[sizeof(p->setup.config) - 1] = '\0';
		p->setup.peers_dir[sizeof(p->setup.peers_dir) - 1] = '\0';
		p->setup.public_host[sizeof(p->setup.public_host) - 1] = '\0';
	} else if (type == CTL_SUMMARY && len == sizeof(p->summary))
		memcpy(&p->summary, data, sizeof(p->summary));
	else if (type == CTL_AIP && len == sizeof(*a) &&
	    !prefix_ok(&a->prefix))
		return;
	else if (type == CTL_PEER && len == sizeof(*c)) {
		p->peer = grow(p, p->peer, p->npeers, &p->cap,
		    sizeof(*p->peer));
		if (p->nomem)
			return;
		k = &p->peer[p->npeers++];
		memset(k, 0, sizeof(*k));
		memcpy(k->name, c->name, sizeof(k->name) - 1);
	} else if (type == CTL_AIP && len == sizeof(*a) && p->npeers > 0) {
		k = &p->peer[p->npeers - 1];
		k->aip = grow(p, k->aip, k->naips, &k->cap, sizeof(*k->aip));
		if (!p->nomem)
			k->aip[k->naips++] = a->prefix;
	}
}

static int
ask(struct peerdir *p, uint32_t type)
{
	const char	*e;

	if ((e = p->d.ask(p->d.arg, type, p)) != NULL)
		return (fail(p, "%s", e));
	return (p->nomem ? fail(p, "out of memory") : 0);
}

static int
ask_peers(struct peerdir *p)
{
	forget_peers(p);
	p->nomem = 0;
	return (ask(p, CTL_SHOW_PEERS));
}

/*
 * What the daemon says is written into files, and is where they go: by root,
 * perhaps, and believed by wg-quick(8).  It is checked like anything from
 * outside.
 */
static int
check_setup(struct peerdir *p)
{
	const char	*host = p->setup.public_host, *s = p->setup.peers_dir;
	struct ipaddr	 a;
	struct stat	 sb;
	size_t		 i;

	for (i = 0; i < p->setup.naddrs && i < CTL_ADDRESSES; i++)
		if (!prefix_ok(&p->setup.addr[i]))
			break;
	if (i < p->setup.naddrs)
		return (fail(p, "the daemon is of another version"));
	if (*host != '\0' && ipaddr_parse(&a, host) == -1 &&
	    !host_name_ok(host))
		return (fail(p, "the daemon says that its public endpoint is "
		    "something else than a host"));
	for (i = 0; s[i] != '\0'; i++)
		if ((unsigned char)s[i] < ' ')
			return (fail(p, "the folder of the peers has an odd "
			    "name"));
	if (*s != '\0' && *s != '/')
		return (fail(p, "%.200s: not an absolute path", s));
	/* whose folder it is, or becomes */
	if (!p->given && *s != '\0' && geteuid() == 0 && lstat(s, &sb) == 0 &&
	    (!S_ISDIR(sb.st_mode) || sb.st_mode & (S_IWGRP | S_IWOTH)))
		return (fail(p, "%.160s: not a folder that only its owner can "
		    "write", s));
	return (0);
}

/*
 * What root makes belongs to whom the folder belongs to: the daemon may run as
 * that user.
 */
static int
give_away(struct peerdir *p, int fd, int dir)
{
	struct stat	 sb;

	if (geteuid() != 0 || p->given)
		return (0);
	return (fstat(dir, &sb) == -1 || fchown(fd, sb.st_uid, sb.st_gid) ==
	    -1 ? -1 : 0);
}

/* Open the folder of the peers' files; with make, it may be a new one. */
static int
open_dir(struct peerdir *p, int make)
{
	const char	*s = p->setup.peers_dir;
	char		 up[CTL_PATH_LEN], *slash;
	int		 fd, made;

	if (p->fd != -1)
		return (0);
	made = make && mkdir(s, 0700) == 0;
	if ((p->fd = open(s, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    (made ? O_NOFOLLOW : 0))) == -1)
		return (fail(p, "%.160s: %s", s, strerror(errno)));
	if (!made)
		return (0);
	strlcpy(up, s, sizeof(up));
	if ((slash = strrchr(up, '/')) != NULL)
		slash[slash == up] = '\0';
	fd = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || give_away(p, p->fd, fd) == -1) {
		fail(p, "%.160s: %s", up, strerror(errno));
		if (fd != -1)
			close(fd);
		return (-1);
	}
	close(fd);
	return (0);
}

static int
learn(struct peerdir *p, int make)
{
	p->nomem = 0;
	if (ask(p, CTL_SHOW_SETUP) == -1 || ask(p, CTL_SHOW_SUMMARY) == -1 ||
	    ask_peers(p) == -1 || check_setup(p) == -1)
		return (-1);
	if (p->setup.config[0] == '\0')
		return (fail(p, "the daemon has its configuration from the "
		    "environment: peers are made there"));
	if (p->setup.peers_dir[0] == '\0')
		return (fail(p, "no place for peers' files: add the line\n"
		    "\tinclude \"peers.d/*.conf\"\nto %.120s, and reload",
		    p->setup.config));
	if (p->given && !p->setup.files)
		return (fail(p, "the folder of the peers' files is another one "
		    "now: it takes a restart to write there"));
	return (open_dir(p, make));
}

static int
known(const struct peerdir *p, const char *name)
{
	size_t	 i;

	for (i = 0; i < p->npeers; i++)
		if (strcmp(p->peer[i].name, name) == 0)
			return (1);
	return (0);
}

/* ---- files */

int
peerdir_name_ok(const char *name)
{
	const char	*s;

	for (s = name; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr("._-", *s) == NULL)
			break;
	return (*s == '\0' && *name != '.' && *name != '-' && *name != '\0' &&
	    strlen(name) < CTL_NAME_LEN);
}

static int
check_name(struct peerdir *p, const char *name)
{
	if (peerdir_name_ok(name))
		return (0);
	return (fail(p, "a peer's name is of letters, digits and \"._-\", up "
	    "to %d of them", CTL_NAME_LEN - 1));
}

static const char *
file_of(char buf[FILE_LEN], const char *name, const char *end)
{
	strlcpy(buf, name, FILE_LEN);
	strlcat(buf, end, FILE_LEN);
	return (buf);
}

static int
exists(const struct peerdir *p, const char *name, const char *end)
{
	struct stat	 sb;
	char		 buf[FILE_LEN];

	return (fstatat(p->fd, file_of(buf, name, end), &sb,
	    AT_SYMLINK_NOFOLLOW) == 0);
}

static const char *const	 ends[] = { ".conf", ".conf.off" };

/* Is the peer's file that of one who is disabled?  -1: there is none. */
static int
find_file(struct peerdir *p, const char *name)
{
	int	 off;

	for (off = 0; off < 2; off++)
		if (exists(p, name, ends[off]))
			return (off);
	return (fail(p, "peer \"%s\" has no file in %.128s", name,
	    p->setup.peers_dir));
}

/* A file's text, which is to be freed with freezero(MAX_FILE + 1). */
static char *
read_file(struct peerdir *p, const char *name)
{
	char	*text;
	ssize_t	 n = 0, len = 0;
	int	 fd;

	fd = openat(p->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK);
	if (fd == -1 || (text = calloc(1, MAX_FILE + 1)) == NULL) {
		fail_file(p, name);
		if (fd != -1)
			close(fd);
		return (NULL);
	}
	while (len < MAX_FILE && (n = read(fd, text + len,
	    (size_t)(MAX_FILE - len))) > 0)
		len += n;
	close(fd);
	if (n == -1 || len == MAX_FILE) {
		fail(p, "%.128s/%s: cannot be read", p->setup.peers_dir,
		    name);
		freezero(text, MAX_FILE + 1);
		return (NULL);
	}
	return (text);
}

static void
remove_file(struct peerdir *p, const char *name, const char *end)
{
	char	 buf[FILE_LEN];

	(void)unlinkat(p->fd, file_of(buf, name, end), 0);
}

static int
rename_file(struct peerdir *p, const char *name, const char *end,
    const char *to, const char *to_end)
{
	char	 a[FILE_LEN], b[FILE_LEN];

	if (renameat(p->fd, file_of(a, name, end), p->fd, file_of(b, to,
	    to_end)) == -1)
		return (fail_file(p, a));
	/* not every system can; it has its name all the same */
	(void)fsync(p->fd);
	return (0);
}

/* The same on the way back, where there is nobody to tell but who watches. */
static void
rename_back(struct peerdir *p, const char *name, const char *end,
    const char *to, const char *to_end)
{
	char	 why[CTL_TEXT_LEN];

	strlcpy(why, p->err, sizeof(why));
	if (rename_file(p, name, end, to, to_end) == -1)
		p->d.warn(p->d.arg, p->err);
	strlcpy(p->err, why, sizeof(p->err));
}

/* Whole or not at all, for nobody else to read. */
static int
write_file(struct peerdir *p, const char *name, const char *end,
    const char *text)
{
	char	 file[FILE_LEN], tmp[FILE_LEN];
	size_t	 len = strlen(text);
	int	 fd, ok;

	file_of(file, name, end);
	/* somebody else may be writing the same */
	snprintf(tmp, sizeof(tmp), "%.*s.%d.tmp", CTL_NAME_LEN + 12, file,
	    (int)getpid());
	(void)unlinkat(p->fd, tmp, 0);
	if ((fd = openat(p->fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600)) == -1)
		return (fail_file(p, tmp));
	ok = give_away(p, fd, p->fd) == 0 &&
	    write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	if (close(fd) == -1 || !ok ||
	    renameat(p->fd, tmp, p->fd, file) == -1) {
		fail_file(p, file);
		(void)unlinkat(p->fd, tmp, 0);
		return (-1);
	}
	(void)fsync(p->fd);
	return (0);
}

static int
reload(struct peerdir *p)
{
	int	 i, r = -1;

	for (i = 0; i < RETRIES; i++) {
		r = ask(p, CTL_RELOAD);
		if (r == 0 || strcmp(p->err, "a reload is under way") != 0)
			break;
		p->d.wait(p->d.arg);
	}
	return (r);
}

/*
 * The same when something was taken back that the daemon may have read by now:
 * what went wrong stays what is told.
 */
static void
reload_back(struct peerdir *p)
{
	char	 why[CTL_TEXT_LEN];

	strlcpy(why, p->err, sizeof(why));
	(void)reload(p);
	strlcpy(p->err, why, sizeof(p->err));
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

/* Addresses that somebody has, from lo to hi. */
struct range {
	struct ipaddr	 lo;
	struct ipaddr	 hi;	/* once sorted: the highest up to here */
};
struct used {
	struct range	*v;
	size_t		 n;
	size_t		 cap;
};

static void
use(struct peerdir *p, struct used *u, const struct ipprefix *prefix)
{
	struct ipprefix	 net = *prefix;
	struct range	*r;
	int		 i;

	u->v = grow(p, u->v, u->n, &u->cap, sizeof(*u->v));
	if (p->nomem)
		return;
	ipprefix_mask(&net);
	r = &u->v[u->n++];
	r->lo = r->hi = net.addr;
	for (i = net.len; i < ipaddr_bits(&net.addr); i++)
		r->hi.a[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

static int
cmp_range(const void *a, const void *b)
{
	return (ipaddr_cmp(&((const struct range *)a)->lo,
	    &((const struct range *)b)->lo));
}

/* In order of their beginnings, each with the highest end so far. */
static void
sort_used(struct used *u)
{
	size_t	 i;

	if (u->n == 0)
		return;
	qsort(u->v, u->n, sizeof(*u->v), cmp_range);
	for (i = 1; i < u->n; i++)
		if (u->v[i].lo.af == u->v[i - 1].lo.af &&
		    ipaddr_cmp(&u->v[i].hi, &u->v[i - 1].hi) < 0)
			u->v[i].hi = u->v[i - 1].hi;
}

/* Up to which address somebody has this one; NULL: nobody. */
static const struct ipaddr *
in_use(const struct used *u, const struct ipaddr *a)
{
	size_t	 lo = 0, hi = u->n, mid;

	/* the last that begins at the address or before it */
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (ipaddr_cmp(&u->v[mid].lo, a) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || u->v[lo - 1].lo.af != a->af ||
	    ipaddr_cmp(&u->v[lo - 1].hi, a) < 0)
		return (NULL);
	return (&u->v[lo - 1].hi);
}

/* The next address that nobody has, of the gateway's network. */
static int
free_address(const struct ipprefix *net, const struct used *u,
    struct ipaddr *out)
{
	struct ipprefix		 all = *net, end = *net;
	const struct ipaddr	*hi;
	struct ipaddr		 a;
	size_t			 i;

	ipprefix_mask(&all);
	a = all.addr;
	/* each turn is past one range that is in use */
	for (i = 0; i <= u->n; i++) {
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
		if ((hi = in_use(u, &a)) == NULL) {
			*out = a;
			return (0);
		}
		a = *hi;
	}
	return (-1);
}

/* Call fn with each name in the folder that has this end. */
static int
each_file(struct peerdir *p, const char *end, int (*fn)(struct peerdir *,
    const char *, void *), void *arg)
{
	struct dirent	*e;
	char		 name[FILE_LEN];
	size_t		 n, m = strlen(end);
	DIR		*d;
	int		 fd, r = 0;

	if ((fd = openat(p->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) ==
	    -1 || (d = fdopendir(fd)) == NULL) {
		fail_file(p, "");
		if (fd != -1)
			close(fd);
		return (-1);
	}
	while (r == 0 && (e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (n <= m || n - m >= sizeof(name) ||
		    strcmp(e->d_name + n - m, end) != 0)
			continue;
		memcpy(name, e->d_name, n - m);
		name[n - m] = '\0';
		r = fn(p, name, arg);
	}
	closedir(d);
	return (r);
}

/* A text that grows; s is NULL when there was no memory for it. */
struct text {
	char	*s;
	size_t	 len;
};

static void
text_free(struct text *t)
{
	freezero(t->s, t->len);
	t->s = NULL;
	t->len = 0;
}

static int
text_add(struct text *t, const char *s)
{
	size_t	 n = strlen(s), old = t->len > 0 ? t->len : 1;
	char	*new;

	new = recallocarray(t->s, t->len, old + n, 1);
	if (new == NULL)
		return (-1);
	memcpy(new + old - 1, s, n + 1);
	t->s = new;
	t->len = old + n;
	return (0);
}

static void __attribute__((__format__(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	char	*line;
	va_list	 ap;
	int	 n;

	if (t->len == SIZE_MAX)
		return;		/* a part of it is missing already */
	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n == -1 || text_add(t, line) == -1) {
		text_free(t);
		t->len = SIZE_MAX;
	}
	if (n != -1)
		freezero(line, (size_t)n);
}

/* Is all of it there? */
static int
text_ok(struct peerdir *p, struct text *t)
{
	if (t->len != SIZE_MAX && t->s != NULL)
		return (0);
	t->len = 0;
	return (fail(p, "out of memory"));
}

/* Whatever is a prefix in the file of one who is disabled is in use. */
static int
use_disabled(struct peerdir *p, const char *name, void *arg)
{
	struct ipprefix	 prefix;
	char		 file[FILE_LEN], *text, *next, *word;

	if (!peerdir_name_ok(name))
		return (0);		/* nor can it be enabled */
	if ((text = read_file(p, file_of(file, name, ".conf.off"))) == NULL) {
		p->d.warn(p->d.arg, p->err);
		return (0);
	}
	for (next = text; (word = strsep(&next, " \t\n,{}\"")) != NULL; )
		if (ipprefix_parse(&prefix, word) == 0 && prefix.len >= 8)
			use(p, arg, &prefix);
	freezero(text, MAX_FILE + 1);
	return (p->nomem ? fail(p, "out of memory") : 0);
}

/* What somebody was writing who has not come to the end of it. */
static int
sweep(struct peerdir *p, const char *name, void *arg)
{
	struct stat	 sb;
	char		 file[2 * FILE_LEN];

	(void)arg;
	snprintf(file, sizeof(file), "%s.tmp", name);
	if (fstatat(p->fd, file, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(sb.st_mode) && time(NULL) - sb.st_mtime > OLD_FILE)
		(void)unlinkat(p->fd, file, 0);
	return (0);
}

/* ---- a new peer */

/* What the daemon's grammar takes; it is the one to judge. */
static int
check_value(struct peerdir *p, const char *v)
{
	const char	*s;

	for (s = v; s != NULL && *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr(".:-+/", *s) ==
		    NULL)
			return (fail(p, "not a value: %.64s", v));
	return (v != NULL && *v == '\0' ? fail(p, "an empty value") : 0);
}

static int
check_wish(struct peerdir *p, const struct peer_wish *w)
{
	struct ipaddr	 a;

	if (check_name(p, w->name) == -1 || check_value(p, w->expires) == -1 ||
	    check_value(p, w->quota) == -1 ||
	    check_value(p, w->rate_in) == -1 ||
	    check_value(p, w->rate_out) == -1)
		return (-1);
	if (w->host != NULL && ipaddr_parse(&a, w->host) == -1 &&
	    !host_name_ok(w->host))
		return (fail(p, "not a host: %.64s", w->host));
	return (0);
}

/* A prefix that is another peer's would be taken away from it. */
static int
check_free(struct peerdir *p, const struct ipprefix *want)
{
	const struct ipprefix	*q;
	char			 buf[ADDR_STRLEN];
	size_t			 i, k;

	for (i = 0; i < p->npeers; i++)
		for (k = 0; k < p->peer[i].naips; k++) {
			q = &p->peer[i].aip[k];
			if (q->len == want->len && ipaddr_cmp(&q->addr,
			    &want->addr) == 0)
				return (fail(p, "%s is peer \"%s\"'s",
				    ipprefix_str(want, buf, sizeof(buf)),
				    p->peer[i].name));
		}
	return (0);
}

/* All addresses that somebody has. */
static int
all_used(struct peerdir *p, struct used *u)
{
	struct ipprefix	 own;
	size_t		 i, k;

	for (i = 0; i < p->setup.naddrs; i++) {
		own = p->setup.addr[i];
		own.len = (uint8_t)ipaddr_bits(&own.addr);
		use(p, u, &own);
	}
	for (i = 0; i < p->npeers; i++)
		for (k = 0; k < p->peer[i].naips; k++)
			/* a default route is not a place */
			if (p->peer[i].aip[k].len >= 8)
				use(p, u, &p->peer[i].aip[k]);
	if (each_file(p, ".conf.off", use_disabled, u) == -1)
		return (-1);
	if (p->nomem)
		return (fail(p, "out of memory"));
	sort_used(u);
	return (0);
}

static int
choose_addresses(struct peerdir *p, struct peer_wish *w)
{
	struct ipaddr	 a;
	struct used	 u = { NULL, 0, 0 };
	int		 i, r, have[2] = { 0, 0 };

	for (i = 0; i < w->naips; i++)
		if (check_free(p, &w->aip[i]) == -1)
			return (-1);
	if (w->naips > 0)
		return (0);
	r = all_used(p, &u);
	for (i = 0; r == 0 && i < p->setup.naddrs; i++) {
		if (have[p->setup.addr[i].addr.af == 6]++ ||
		    free_address(&p->setup.addr[i], &u, &a) == -1)
			continue;
		w->aip[w->naips].addr = a;
		w->aip[w->naips++].len = a.af == 4 ? 32 : 128;
	}
	if (r == 0 && w->naips == 0)
		r = fail(p, "no free address: name one by \"allowed ips\"");
	free(u.v);
	return (r);
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

/* Where clients come to, as their files have it. */
static int
endpoint(struct peerdir *p, const struct peer_wish *w, char *buf, size_t len)
{
	char		 host[CTL_TEXT_LEN], text[CTL_TEXT_LEN];
	struct ipaddr	 a;
	uint16_t	 port = p->setup.public_port != 0 ?
			    p->setup.public_port : p->setup.port;

	if (p->setup.public_host[0] != '\0')
		strlcpy(host, p->setup.public_host, sizeof(host));
	else if (w->host != NULL)
		strlcpy(host, w->host, sizeof(host));
	else if (p->given || guess_host(host, sizeof(host)) == -1)
		return (fail(p, "say how clients reach this host, by \"public "
		    "endpoint\" in %.120s", p->setup.config));
	else {
		snprintf(text, sizeof(text), "clients are told to come to "
		    "%.100s; if they cannot, set \"public endpoint\" in "
		    "%.60s", host, p->setup.config);
		p->d.warn(p->d.arg, text);
	}
	if (ipaddr_parse(&a, host) == 0)
		ipport_str(&a, port, buf, len);
	else
		snprintf(buf, len, "%s:%u", host, port);
	return (0);
}

static void
put_prefixes(struct text *t, const struct peer_wish *w, const char *sep)
{
	char	 buf[ADDR_STRLEN];
	int	 i;

	for (i = 0; i < w->naips; i++)
		add(t, "%s%s", i > 0 ? sep : "", ipprefix_str(&w->aip[i], buf,
		    sizeof(buf)));
}

/* What a peer's file says of it, besides who it is. */
static const struct {
	const char	*word;		/* as the line begins */
	const char	*none;		/* takes it away */
	size_t		 off;		/* in the wish */
	int		 quoted;
}			 lines[] = {
	{ "expires", "never", offsetof(struct peer_wish, expires), 1 },
	{ "quota", "none", offsetof(struct peer_wish, quota), 0 },
	{ "rate in", "none", offsetof(struct peer_wish, rate_in), 0 },
	{ "rate out", "none", offsetof(struct peer_wish, rate_out), 0 }
};
#define NLINES	(sizeof(lines) / sizeof(lines[0]))

static const char *
wished(const struct peer_wish *w, size_t i)
{
	return (*(const char *const *)(const void *)((const char *)w +
	    lines[i].off));
}

static void
put_line(struct text *t, const struct peer_wish *w, size_t i)
{
	const char	*v = wished(w, i), *q = lines[i].quoted ? "\"" : "";

	if (v != NULL && strcmp(v, lines[i].none) != 0)
		add(t, "\t%s %s%s%s\n", lines[i].word, q, v, q);
}

static void
server_text(struct text *t, const struct peer_wish *w, const char *public,
    const char *psk)
{
	size_t	 i;

	add(t, "# made by wgslirpctl peer new\npeer \"%s\" {\n"
	    "\tpublic key \"%s\"\n\tpreshared key \"%s\"\n"
	    "\tallowed ips { ", w->name, public, psk);
	put_prefixes(t, w, " ");
	add(t, " }\n");
	for (i = 0; i < NLINES; i++)
		put_line(t, w, i);
	add(t, "}\n");
}

static void
client_text(struct peerdir *p, struct text *t, const struct peer_wish *w,
    const char *end, const char *private, const char *psk)
{
	char	 key[KEY_B64LEN], buf[ADDR_STRLEN];
	int	 i, have[2] = { 0, 0 }, n = 0;

	key_to_base64(key, p->summary.public_key);
	add(t, "[Interface]\nPrivateKey = %s\nAddress = ", private);
	put_prefixes(t, w, ", ");
	for (i = 0; p->setup.dns && i < p->setup.naddrs; i++)
		if (!have[p->setup.addr[i].addr.af == 6]++)
			add(t, "%s%s", n++ == 0 ? "\nDNS = " : ", ",
			    ipaddr_str(&p->setup.addr[i].addr, buf,
			    sizeof(buf)));
	add(t, "\nMTU = %u\n\n[Peer]\nPublicKey = %s\nPresharedKey = %s\n"
	    "AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = %s\n"
	    "PersistentKeepalive = 25\n", p->setup.mtu, key, psk, end);
}

/* Both texts, with new keys. */
static int
make_texts(struct peerdir *p, const struct peer_wish *w, struct text *server,
    struct text *client)
{
	uint8_t	 private[KEY_LEN], public[KEY_LEN], psk[KEY_LEN];
	char	 b64[3][KEY_B64LEN], end[CTL_TEXT_LEN + 16];
	int	 r;

	if (endpoint(p, w, end, sizeof(end)) == -1)
		return (-1);
	key_make(private, 0);
	key_make(psk, 1);
	if (key_derive(public, private) == -1)
		return (fail(p, "X25519 is not available"));
	key_to_base64(b64[0], private);
	key_to_base64(b64[1], public);
	key_to_base64(b64[2], psk);
	server_text(server, w, b64[1], b64[2]);
	client_text(p, client, w, end, b64[0], b64[2]);
	r = text_ok(p, server) == -1 || text_ok(p, client) == -1 ? -1 : 0;
	explicit_bzero(private, sizeof(private));
	explicit_bzero(psk, sizeof(psk));
	explicit_bzero(b64, sizeof(b64));
	return (r);
}

/* Put the new files there and have the daemon read them. */
static int
install(struct peerdir *p, const struct peer_wish *w, const char *server,
    const char *client)
{
	char	 why[CTL_TEXT_LEN];
	int	 r;

	/* the key is somewhere before anybody counts on it */
	if (w->keep && write_file(p, w->name, ".client", client) == -1)
		return (-1);
	r = write_file(p, w->name, ".conf", server);
	if (r == 0 && (r = reload(p)) == 0 && (r = ask_peers(p)) == 0 &&
	    !known(p, w->name))
		r = fail(p, "the daemon did not find it: is its configuration "
		    "elsewhere?");
	if (r == 0)
		return (0);
	strlcpy(why, p->err, sizeof(why));
	remove_file(p, w->name, ".conf");
	remove_file(p, w->name, ".client");
	(void)reload(p);
	strlcpy(p->err, why, sizeof(p->err));
	return (-1);
}

int
peerdir_add(struct peerdir *p, const struct peer_wish *wish,
    peerdir_before_fn *before, void *arg, char **out, size_t *outlen)
{
	struct peer_wish	 w = *wish;
	struct text		 server = { NULL, 0 }, client = { NULL, 0 };
	int			 r;

	if (check_wish(p, &w) == -1 || learn(p, 1) == -1)
		return (-1);
	(void)each_file(p, ".tmp", sweep, NULL);
	if (known(p, w.name))
		return (fail(p, "there is a peer \"%s\" already", w.name));
	if (exists(p, w.name, ".conf") || exists(p, w.name, ".conf.off"))
		return (fail(p, "there is a peer \"%s\" already, perhaps "
		    "disabled", w.name));
	if (choose_addresses(p, &w) == -1)
		return (-1);
	r = make_texts(p, &w, &server, &client);
	if (r == 0 && before != NULL && before(arg, client.s) == -1)
		r = fail(p, "its configuration cannot be written");
	if (r == 0)
		r = install(p, &w, server.s, client.s);
	text_free(&server);
	if (r == -1) {
		text_free(&client);
		return (-1);
	}
	*out = client.s;
	*outlen = client.len;
	return (0);
}

int
peerdir_kept(struct peerdir *p, const char *name, char **out, size_t *outlen)
{
	char	 file[FILE_LEN];

	if (check_name(p, name) == -1 || learn(p, 0) == -1)
		return (-1);
	if (!exists(p, name, ".client"))
		return (fail(p, "the key of \"%s\" is not here: it was shown "
		    "once, or make another peer with \"keep\"", name));
	if ((*out = read_file(p, file_of(file, name, ".client"))) == NULL)
		return (-1);
	*outlen = MAX_FILE + 1;
	return (0);
}

/* ---- the others */

int
peerdir_state(struct peerdir *p, const char *name, int on)
{
	int	 off;

	if (check_name(p, name) == -1 || learn(p, 0) == -1 ||
	    (off = find_file(p, name)) == -1)
		return (-1);
	if (off != on)
		return (fail(p, "peer \"%s\" is %s already", name, on ?
		    "enabled" : "disabled"));
	if (exists(p, name, ends[!off]))
		return (fail(p, "%s%s is there already", name, ends[!off]));
	if (rename_file(p, name, ends[off], name, ends[!off]) == -1)
		return (-1);
	if (reload(p) == 0)
		return (0);
	rename_back(p, name, ends[!off], name, ends[off]);
	reload_back(p);
	return (-1);
}

int
peerdir_delete(struct peerdir *p, const char *name)
{
	int	 off;

	if (check_name(p, name) == -1 || learn(p, 0) == -1 ||
	    (off = find_file(p, name)) == -1 ||
	    rename_file(p, name, ends[off], name, ".gone") == -1)
		return (-1);
	if (!off && reload(p) == -1) {
		rename_back(p, name, ".gone", name, ends[off]);
		reload_back(p);
		return (-1);
	}
	remove_file(p, name, ".gone");
	remove_file(p, name, ".client");
	return (0);
}

/* What was there before; what went wrong stays what is told. */
static void
write_back(struct peerdir *p, const char *name, int off, const char *text)
{
	char	 why[CTL_TEXT_LEN];

	strlcpy(why, p->err, sizeof(why));
	if (write_file(p, name, ends[off], text) == -1)
		p->d.warn(p->d.arg, p->err);
	strlcpy(p->err, why, sizeof(p->err));
}

/* Another text for a peer, or the one before if the daemon does not like it. */
static int
replace(struct peerdir *p, const char *name, int off, const char *old,
    const char *text)
{
	if (write_file(p, name, ends[off], text) == -1)
		return (-1);
	if (off || reload(p) == 0)
		return (0);
	write_back(p, name, off, old);
	reload_back(p);
	return (-1);
}

/* Where a line begins with this, or NULL. */
static const char *
find_line(const char *text, const char *head)
{
	size_t	 n = strlen(head);

	for (; *text != '\0'; text += *text == '\n') {
		if (strncmp(text + strspn(text, " \t"), head, n) == 0)
			return (text + strspn(text, " \t"));
		text += strcspn(text, "\n");
	}
	return (NULL);
}

/*
 * The file gets its next name, and then its next text: at no time is the peer
 * in two files, or in none.
 */
static int
rename_to(struct peerdir *p, const char *old, const char *new, int off,
    const char *old_text, const char *text)
{
	if (rename_file(p, old, ends[off], new, ends[off]) == -1)
		return (-1);
	if (replace(p, new, off, old_text, text) == 0) {
		if (off || ask_peers(p) == -1 || known(p, new))
			return (0);
		/* a pattern that the next name does not match */
		fail(p, "the daemon did not find \"%s\": is it not to be "
		    "called so?", new);
		write_back(p, new, off, old_text);
	}
	rename_back(p, new, ends[off], old, ends[off]);
	if (!off)
		reload_back(p);
	return (-1);
}

int
peerdir_rename(struct peerdir *p, const char *old, const char *new)
{
	struct text	 t = { NULL, 0 };
	const char	*at;
	char		 head[CTL_NAME_LEN + 16], file[FILE_LEN], *text;
	int		 off, r;

	if (check_name(p, old) == -1 || check_name(p, new) == -1 ||
	    learn(p, 0) == -1 || (off = find_file(p, old)) == -1)
		return (-1);
	if (known(p, new) || exists(p, new, ".conf") ||
	    exists(p, new, ".conf.off"))
		return (fail(p, "there is a peer \"%s\" already", new));
	if ((text = read_file(p, file_of(file, old, ends[off]))) == NULL)
		return (-1);
	snprintf(head, sizeof(head), "peer \"%s\"", old);
	if ((at = find_line(text, head)) == NULL)
		r = fail(p, "%s: it does not say %s", file, head);
	else {
		add(&t, "%.*speer \"%s\"%s", (int)(at - text), text, new,
		    at + strlen(head));
		r = text_ok(p, &t) == -1 ? -1 : rename_to(p, old, new, off,
		    text, t.s);
	}
	if (r == 0 && exists(p, old, ".client"))
		rename_back(p, old, ".client", new, ".client");
	freezero(text, MAX_FILE + 1);
	text_free(&t);
	return (r);
}

/* Does a line begin with these words, whatever stands between them? */
static int
begins(const char *line, const char *words)
{
	line += strspn(line, " \t");
	for (; *words != '\0'; words++) {
		if (*words == ' ') {
			if (*line != ' ' && *line != '\t')
				return (0);
			line += strspn(line, " \t");
		} else if (*words != *line++)
			return (0);
	}
	return (*line == ' ' || *line == '\t');
}

/*
 * The same file with other values: a line that is wished is left out, and
 * stands anew before the brace that ends the peer.  Only a file with one peer
 * and a brace in a line of its own is understood.
 */
static int
other_values(struct peerdir *p, const struct peer_wish *w, const char *text,
    struct text *t)
{
	const char	*s, *end;
	size_t		 i;
	int		 peers = 0, done = 0;

	for (s = text; *s != '\0'; s = end) {
		end = s + strcspn(s, "\n");
		end += *end == '\n';
		peers += begins(s, "peer");
		for (i = 0; i < NLINES; i++)
			if (wished(w, i) != NULL && begins(s, lines[i].word))
				break;
		if (i < NLINES)
			continue;
		if (*s == '}' && !done++)
			for (i = 0; i < NLINES; i++)
				put_line(t, w, i);
		add(t, "%.*s", (int)(end - s), s);
	}
	if (peers != 1 || done != 1)
		return (fail(p, "the file of \"%s\" is not as \"peer new\" "
		    "makes it: change it by hand", w->name));
	return (text_ok(p, t));
}

int
peerdir_set(struct peerdir *p, const struct peer_wish *w)
{
	struct text	 t = { NULL, 0 };
	char		 file[FILE_LEN], *text;
	int		 off, r;

	if (check_wish(p, w) == -1 || learn(p, 0) == -1 ||
	    (off = find_file(p, w->name)) == -1 ||
	    (text = read_file(p, file_of(file, w->name, ends[off]))) == NULL)
		return (-1);
	r = other_values(p, w, text, &t);
	if (r == 0)
		r = replace(p, w->name, off, text, t.s);
	freezero(text, MAX_FILE + 1);
	text_free(&t);
	return (r);
}

/* ---- lists */

struct listing {
	peerdir_fn	*fn;
	void		*arg;
	int		 enabled;
	int		 kept;		/* it is to be said */
};

static int
list_file(struct peerdir *p, const char *name, void *arg)
{
	struct listing		*l = arg;
	struct peer_listed	 e;

	if (!peerdir_name_ok(name))
		return (0);
	memset(&e, 0, sizeof(e));
	e.name = name;
	e.enabled = l->enabled;
	e.managed = 1;
	e.kept = l->kept && exists(p, name, ".client");
	l->fn(l->arg, &e);
	return (0);
}

int
peerdir_each(struct peerdir *p, peerdir_fn *fn, void *arg)
{
	struct listing		 l = { fn, arg, 0, 1 };
	struct peer_listed	 e;
	size_t			 i;

	p->nomem = 0;
	if (ask(p, CTL_SHOW_SETUP) == -1 || ask_peers(p) == -1 ||
	    check_setup(p) == -1)
		return (-1);
	if (p->setup.peers_dir[0] != '\0')
		(void)open_dir(p, 0);
	for (i = 0; i < p->npeers; i++) {
		memset(&e, 0, sizeof(e));
		e.name = p->peer[i].name;
		e.aip = p->peer[i].aip;
		e.naips = p->peer[i].naips;
		e.enabled = 1;
		if (p->fd != -1 && peerdir_name_ok(e.name)) {
			e.managed = exists(p, e.name, ".conf");
			e.kept = exists(p, e.name, ".client");
		}
		fn(arg, &e);
	}
	return (p->fd == -1 ? 0 : each_file(p, ".conf.off", list_file, &l));
}

int
peerdir_files(struct peerdir *p, peerdir_fn *fn, void *arg)
{
	struct listing	 l = { fn, arg, 1, 0 };

	if (p->fd == -1 || each_file(p, ".conf", list_file, &l) == -1)
		return (-1);
	l.enabled = 0;
	return (each_file(p, ".conf.off", list_file, &l));
}
