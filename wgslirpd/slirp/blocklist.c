/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "blocklist.h"
#include "log.h"
#include "siphash.h"

#define PORTION		32768	/* bytes of a file at once */
#define ENTRIES		4096	/* put into the table at once */
#define MAX_ENTRIES	(8U << 20)
#define LINE_MAX_LEN	1024
#define NAME_LEN	253	/* of a name as text */

/* An open hash table of hashes; 0 is no entry. */
struct table {
	uint64_t		*v;
	size_t			 mask;
	size_t			 n;
};

/* Hashes in the order in which they came. */
struct chunk {
	STAILQ_ENTRY(chunk)	 entry;
	size_t			 n;
	uint64_t		 v[ENTRIES];
};

struct file {
	STAILQ_ENTRY(file)	 entry;
	int			 fd;
	int			 allow;
	off_t			 off;
	uint64_t		 size;		/* when it was opened */
	size_t			 odd;		/* lines that are none */
};

static struct siphash_key	 hashkey;
static struct table		 table, next;
static STAILQ_HEAD(, chunk)	 chunks = STAILQ_HEAD_INITIALIZER(chunks);
static STAILQ_HEAD(, file)	 files = STAILQ_HEAD_INITIALIZER(files);
static size_t			 nstaged;
static int			 too_many;
static int			 failed;	/* it is not whole */
static int			 allow;		/* of the file being read */

static uint64_t
hash(enum blocklist_kind kind, const char *name)
{
	uint64_t	 h;

	h = siphash24(&hashkey, name, strlen(name)) +
	    (uint64_t)kind * 0x9e3779b97f4a7c15ULL;
	return (h != 0 ? h : 1);
}

/* Can it be a name that is asked for?  It becomes lower case. */
static int
name_ok(char *s)
{
	size_t	 n, label = 0;

	for (n = 0; s[n] != '\0'; n++) {
		if (s[n] == '.') {
			if (label == 0)
				return (0);
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)s[n]) && s[n] != '-' &&
		    s[n] != '_')
			return (0);
		s[n] = (char)tolower((unsigned char)s[n]);
		if (++label > 63)
			return (0);
	}
	/* a dot at the end means the root, which all names have */
	if (n > 1 && label == 0)
		s[--n] = '\0';
	return (n > 0 && n <= NAME_LEN);
}

int
blocklist_line(char *line, blocklist_fn *fn)
{
	struct ipaddr	 a;
	char		*w, *end;
	int		 n = 0, hosts, exception;

	line[strcspn(line, "#\r\n")] = '\0';
	while (isspace((unsigned char)*line))
		line++;
	/* remarks and heads of the lists of browsers */
	if (*line == '!' || *line == '[' || *line == '\0')
		return (0);
	exception = strncmp(line, "@@||", 4) == 0;
	if (exception)
		line += 2;
	if (strncmp(line, "||", 2) == 0 && (end = strchr(line, '^')) !=
	    NULL) {
		/* what is for some pages only is not for a name */
		*end++ = '\0';
		if (end[strspn(end, " \t")] != '\0' &&
		    strcmp(end, "$important") != 0)
			return (-1);
		if (!name_ok(line += 2))
			return (-1);
		fn(line, exception ? BLOCKLIST_EXCEPTION :
		    BLOCKLIST_DOMAIN);
		return (1);
	}
	end = line + strcspn(line, " \t");
	hosts = *end != '\0';
	if (hosts) {
		*end++ = '\0';
		if (ipaddr_parse(&a, line) == -1) {
			/* a name, and blanks behind it */
			if (end[strspn(end, " \t")] != '\0')
				return (-1);
			hosts = 0;
		}
	}
	if (!hosts) {
		if (strncmp(line, "*.", 2) == 0)
			line += 2;
		if (!name_ok(line))
			return (-1);
		fn(line, BLOCKLIST_DOMAIN);
		return (1);
	}
	while ((w = strsep(&end, " \t")) != NULL) {
		if (*w == '\0' || !name_ok(w) || strchr(w, '.') == NULL)
			continue;	/* localhost, broadcasthost */
		fn(w, BLOCKLIST_NAME);
		n++;
	}
	return (n);
}

static void
stage_hash(uint64_t h)
{
	struct chunk	*c = STAILQ_LAST(&chunks, chunk, entry);

	if (nstaged == MAX_ENTRIES) {
		too_many = 1;
		return;
	}
	if (c == NULL || c->n == ENTRIES) {
		if ((c = malloc(sizeof(*c))) == NULL) {
			too_many = 1;
			return;
		}
		c->n = 0;
		STAILQ_INSERT_TAIL(&chunks, c, entry);
	}
	c->v[c->n++] = h;
	nstaged++;
}

void
blocklist_stage(enum blocklist_kind kind, const char *name)
{
	if (hashkey.k0 == 0)
		arc4random_buf(&hashkey, sizeof(hashkey));
	stage_hash(hash(kind, name));
}

static void
stage_name(const char *name, enum blocklist_what what)
{
	int	 pass = allow || what == BLOCKLIST_EXCEPTION;

	stage_hash(hash(what == BLOCKLIST_NAME ? (pass ? ALLOW_NAME :
	    BLOCK_NAME) : pass ? ALLOW_DOMAIN : BLOCK_DOMAIN, name));
}

void
blocklist_file(int fd, int is_allow, uint64_t size)
{
	struct file	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		fatal(NULL);
	if (hashkey.k0 == 0)
		arc4random_buf(&hashkey, sizeof(hashkey));
	f->fd = fd;
	f->allow = is_allow;
	f->size = size;
	STAILQ_INSERT_TAIL(&files, f, entry);
}

/* A portion of a file; 0 at its end.  What is no line is no name. */
static int
read_portion(struct file *f)
{
	static char	 buf[PORTION + 1];
	char		*line, *end, *stop;
	ssize_t		 n;
	int		 last;

	n = pread(f->fd, buf, PORTION, f->off);
	if (n <= 0) {
		if (n == -1 || (uint64_t)f->off < f->size) {
			log_warnx("dns %s: a file could not be read: %s",
			    f->allow ? "allow" : "block", n == -1 ?
			    strerror(errno) : "it became shorter");
			failed = 1;
		}
		return (0);
	}
	last = n < PORTION;
	buf[n] = '\0';
	stop = memrchr(buf, '\n', (size_t)n);
	if (stop == NULL || last)
		stop = buf + n;
	else
		stop++;
	allow = f->allow;
	for (line = buf; line < stop; line = end + 1) {
		if ((end = memchr(line, '\n', (size_t)(stop - line))) == NULL)
			end = stop;
		*end = '\0';
		if (end - line > LINE_MAX_LEN || blocklist_line(line,
		    stage_name) == -1)
			f->odd++;
	}
	f->off += stop - buf;
	return (1);
}

static void
insert(struct table *t, uint64_t h)
{
	size_t	 i;

	for (i = h & t->mask; t->v[i] != 0; i = (i + 1) & t->mask)
		if (t->v[i] == h)
			return;
	t->v[i] = h;
	t->n++;
}

static void
drop_chunks(void)
{
	struct chunk	*c;

	while ((c = STAILQ_FIRST(&chunks)) != NULL) {
		STAILQ_REMOVE_HEAD(&chunks, entry);
		free(c);
	}
}

int
blocklist_load(void)
{
	struct chunk	*c;
	struct file	*f;
	size_t		 size, i;

	if ((f = STAILQ_FIRST(&files)) != NULL) {
		if (read_portion(f))
			return (1);
		if (f->odd > 0)
			log_warnx("dns %s: a file has %zu lines without a "
			    "name", f->allow ? "allow" : "block", f->odd);
		STAILQ_REMOVE_HEAD(&files, entry);
		close(f->fd);
		free(f);
		return (1);
	}
	if (too_many)
		log_warnx("dns block: too many names; %zu are taken",
		    nstaged);
	too_many = 0;
	if (nstaged == 0)
		return (0);
	if (next.v == NULL) {
		for (size = 64; size < nstaged + nstaged / 2; size *= 2)
			continue;
		if ((next.v = calloc(size, sizeof(*next.v))) == NULL) {
			log_warn("dns block");
			failed = 1;
			drop_chunks();
			return (0);
		}
		next.mask = size - 1;
	}
	if ((c = STAILQ_FIRST(&chunks)) == NULL)
		return (0);
	for (i = 0; i < c->n; i++)
		insert(&next, c->v[i]);
	STAILQ_REMOVE_HEAD(&chunks, entry);
	free(c);
	return (1);
}

void
blocklist_commit(void)
{
	/* half a list is no better than the one before */
	if (failed && table.n > next.n) {
		log_warnx("dns block: the lists stay as they were");
		free(next.v);
	} else {
		free(table.v);
		table = next;
	}
	memset(&next, 0, sizeof(next));
	nstaged = 0;
	failed = 0;
	if (table.n > 0)
		log_debug("dns block: %zu entries", table.n);
}

static int
find(enum blocklist_kind kind, const char *name)
{
	uint64_t	 h = hash(kind, name);
	size_t		 i;

	for (i = h & table.mask; table.v[i] != 0; i = (i + 1) & table.mask)
		if (table.v[i] == h)
			return (1);
	return (0);
}

int
blocklist_has(const char *name)
{
	const char	*p;
	int		 block;

	if (table.n == 0)
		return (0);
	if (find(ALLOW_NAME, name))
		return (0);
	block = find(BLOCK_NAME, name);
	for (p = name; p != NULL; p = strchr(p, '.') != NULL ?
	    strchr(p, '.') + 1 : NULL) {
		if (find(ALLOW_DOMAIN, p))
			return (0);
		block |= find(BLOCK_DOMAIN, p);
	}
	return (block);
}

size_t
blocklist_size(void)
{
	return (table.n);
}
