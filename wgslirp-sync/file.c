/* SPDX-License-Identifier: ISC */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"

#define MAX_FILE	(256U << 20)
#define MAX_AIPS	1024		/* of a peer */
#define RATE_MIN	8000		/* bits a second, as the daemon has it */
#define FLOWS_MAX	(1 << 20)
#define TOLERANCE	16		/* of what is left of a quota */

/* What was written as the quota of a peer. */
struct limit {
	char		 key[KEY_B64LEN];
	uint64_t	 quota;
};

static struct limit	*limits;	/* of the last text, by key */
static size_t		 nlimits;
static struct limit	*new_limits;
static size_t		 nnew;

/* Bytes, or anything else that is counted; 0 if it is not that. */
static uint64_t
number(const char *s)
{
	const char	*errstr;
	long long	 v = strtonum(s, 1, INT64_MAX, &errstr);

	return (errstr == NULL ? (uint64_t)v : 0);
}

static int
bad_name(const char *s)
{
	size_t	 n;

	for (n = 0; s[n] != '\0'; n++)
		if ((unsigned char)s[n] < ' ' || s[n] == 0x7f ||
		    s[n] == '"' || s[n] == '\\')
			return (1);
	return (n == 0 || n >= CTL_NAME_LEN);
}

/* The same, within bounds; 0 if it is not. */
static uint64_t
bounded(const char *s, uint64_t lo, uint64_t hi)
{
	uint64_t	 v = number(s);

	return (v >= lo && v <= hi ? v : 0);
}

/* "2027-01-01T00:00:00Z", and nothing else. */
static int
bad_time(const char *s)
{
	static const char	 form[] = "dddd-dd-ddTdd:dd:ddZ";
	size_t			 i;

	if (strlen(s) != sizeof(form) - 1)
		return (1);
	for (i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? s[i] < '0' || s[i] > '9' :
		    s[i] != form[i])
			return (1);
	return (0);
}

static int
put_aips(FILE *f, const char *list)
{
	struct ipprefix	 p;
	char		 one[64], buf[ADDR_STRLEN];
	size_t		 len, n;

	for (n = 0; *list != '\0'; list += len) {
		list += strspn(list, " ");
		if ((len = strcspn(list, " ")) == 0)
			break;
		if (len >= sizeof(one) || n++ == MAX_AIPS)
			return (-1);
		memcpy(one, list, len);
		one[len] = '\0';
		if (ipprefix_parse(&p, one) == -1)
			return (-1);
		ipprefix_mask(&p);
		fprintf(f, " %s", ipprefix_str(&p, buf, sizeof(buf)));
	}
	return (n > 0 ? 0 : -1);
}

static int
cmp_key(const void *a, const void *b)
{
	return (strcmp(((const struct limit *)a)->key,
	    ((const struct limit *)b)->key));
}

/*
 * What this gateway may count in all: what it has counted by now, and what is
 * left of the whole.  It moves with what other gateways count; while that is
 * little beside what is left, the old figure does, and nobody has to read the
 * configuration again.
 */
static uint64_t
limit(const struct db_row *r, uint64_t left, uint64_t mine)
{
	struct limit	*n = &new_limits[nnew], *old = NULL;
	uint64_t	 diff;

	if (strlcpy(n->key, r->key, sizeof(n->key)) >= sizeof(n->key))
		return (0);
	n->quota = left + mine;
	if (nlimits > 0)
		old = bsearch(n, limits, nlimits, sizeof(*n), cmp_key);
	if (old != NULL) {
		diff = old->quota > n->quota ? old->quota - n->quota :
		    n->quota - old->quota;
		if (diff <= left / TOLERANCE)
			n->quota = old->quota;
	}
	nnew++;
	return (n->quota);
}

/* One peer, or what is wrong with it. */
static const char *
put_peer(FILE *f, const struct db_row *r, const struct daemon *d)
{
	const struct daemon_peer	*p;
	uint8_t				 key[KEY_LEN];
	const char			*errstr;
	uint64_t			 quota = 0, used, mine = 0;

	if (bad_name(r->name))
		return ("its name");
	if (key_from_base64(key, r->key) == -1)
		return ("public_key");
	if (*r->quota != '\0') {
		if ((quota = number(r->quota)) == 0)
			return ("quota");
		used = (uint64_t)strtonum(r->used, 0, INT64_MAX, &errstr);
		if (errstr != NULL)
			return ("its usage");
		if (used >= quota) {
			fprintf(f, "# \"%s\" has used its quota\n", r->name);
			return (NULL);
		}
		if ((p = daemon_find(d, r->key)) != NULL)
			mine = p->rx + p->tx;
		quota = limit(r, quota - used, mine);
	}
	fprintf(f, "peer \"%s\" {\n\tpublic key \"%s\"\n", r->name, r->key);
	if (*r->psk != '\0') {
		if (key_from_base64(key, r->psk) == -1)
			return ("preshared_key");
		explicit_bzero(key, sizeof(key));
		fprintf(f, "\tpreshared key \"%s\"\n", r->psk);
	}
	fprintf(f, "\tallowed ips {");
	if (put_aips(f, r->aips) == -1)
		return ("allowed_ips");
	fprintf(f, " }\n");
	if (quota != 0)
		fprintf(f, "\tquota %" PRIu64 "\n", quota);
	if (*r->rate_in != '\0') {
		if (bounded(r->rate_in, RATE_MIN, INT64_MAX) == 0)
			return ("rate_in");
		fprintf(f, "\trate in %" PRIu64 "\n", number(r->rate_in));
	}
	if (*r->rate_out != '\0') {
		if (bounded(r->rate_out, RATE_MIN, INT64_MAX) == 0)
			return ("rate_out");
		fprintf(f, "\trate out %" PRIu64 "\n", number(r->rate_out));
	}
	if (*r->max_flows != '\0') {
		if (bounded(r->max_flows, 1, FLOWS_MAX) == 0)
			return ("max_flows");
		fprintf(f, "\tmax flows %" PRIu64 "\n",
		    number(r->max_flows));
	}
	if (*r->expires != '\0') {
		if (bad_time(r->expires))
			return ("expires");
		fprintf(f, "\texpires \"%s\"\n", r->expires);
	}
	fprintf(f, "}\n");
	return (NULL);
}

char *
file_text(const struct db_rows *rows, const struct daemon *d, size_t *len)
{
	static size_t	 told;
	struct db_row	 r;
	const char	*bad;
	char		*text, *one, name[CTL_NAME_LEN];
	size_t		 i, n, nbad = 0;
	FILE		*f, *g;

	nnew = 0;
	new_limits = calloc(db_rows_count(rows) + 1, sizeof(*new_limits));
	if (new_limits == NULL ||
	    (f = open_memstream(&text, len)) == NULL)
		fatal(NULL);
	fprintf(f, "# made by wgslirp-sync(8) from its database: changes are "
	    "lost\n");
	for (i = 0; i < db_rows_count(rows); i++) {
		db_row(rows, i, &r);
		if ((g = open_memstream(&one, &n)) == NULL)
			fatal(NULL);
		bad = put_peer(g, &r, d);
		if (fclose(g) == EOF)
			fatal(NULL);
		if (bad == NULL)
			fwrite(one, 1, n, f);
		else if (nbad++ >= told) {
			strlcpy(name, r.name, sizeof(name));
			log_clean(name);
			log_warnx("peer \"%s\" is left out: %s makes no sense",
			    name, bad);
		}
		freezero(one, n);
	}
	told = nbad;
	if (nnew > 0)
		qsort(new_limits, nnew, sizeof(*new_limits), cmp_key);
	free(limits);
	limits = new_limits;
	nlimits = nnew;
	if (fclose(f) == EOF)
		fatal(NULL);
	return (text);
}

char *
file_read(const char *path, size_t *len)
{
	struct stat	 st;
	ssize_t		 n;
	char		*text;
	int		 fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return (NULL);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size > (off_t)MAX_FILE) {
		close(fd);
		return (NULL);
	}
	if ((text = malloc((size_t)st.st_size + 1)) == NULL)
		fatal(NULL);
	for (*len = 0; *len < (size_t)st.st_size; *len += (size_t)n)
		if ((n = read(fd, text + *len, (size_t)st.st_size -
		    *len)) <= 0)
			break;
	close(fd);
	text[*len] = '\0';
	return (text);
}

int
file_write(const char *path, const char *text, size_t len)
{
	char	 tmp[CTL_PATH_LEN], *old;
	size_t	 n = 0, done;
	ssize_t	 w;
	int	 fd, same, r;

	old = file_read(path, &n);
	same = old != NULL && n == len && memcmp(old, text, len) == 0;
	if (old != NULL)
		freezero(old, n + 1);
	if (same)
		return (0);
	/* no include takes it: its name does not end in .conf */
	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.XXXXXXXXXX", path) >=
	    sizeof(tmp)) {
		log_warnx("%s: path too long", path);
		return (-1);
	}
	if ((fd = mkstemp(tmp)) == -1) {
		log_warn("%s", tmp);
		return (-1);
	}
	for (done = 0; done < len; done += (size_t)w)
		if ((w = write(fd, text + done, len - done)) <= 0)
			break;
	r = done < len || fsync(fd) == -1 ? -1 : 0;
	if (close(fd) == -1 || r == -1 || rename(tmp, path) == -1) {
		log_warn("%s", path);
		unlink(tmp);
		return (-1);
	}
	return (1);
}
