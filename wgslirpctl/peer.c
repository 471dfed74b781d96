/* SPDX-License-Identifier: ISC */

/* Commands about peers that have a file of their own; see peerdir.h. */

#include <sys/types.h>
#include <sys/stat.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "json.h"
#include "peer.h"
#include "peerdir.h"
#include "qr.h"

/* ---- asking the daemon */

/* Records whose length is known are the folder's to take; others are not. */
static int
take(uint32_t type, struct imsg *imsg, void *arg)
{
	union {
		struct ctl_setup	 setup;
		struct ctl_summary	 summary;
		struct ctl_peer		 peer;
		struct ctl_aip		 aip;
	}	 m;
	size_t	 len;

	switch (type) {
	case CTL_SETUP:
		len = sizeof(m.setup);
		break;
	case CTL_SUMMARY:
		len = sizeof(m.summary);
		break;
	case CTL_PEER:
		len = sizeof(m.peer);
		break;
	case CTL_AIP:
		len = sizeof(m.aip);
		break;
	default:
		return (0);
	}
	conn_get(imsg, &m, len);
	peerdir_record(arg, type, &m, len);
	return (0);
}

static const char *
ask_daemon(void *arg, uint32_t type, struct peerdir *p)
{
	(void)arg;
	return (conn_ask(type, 0, NULL, take, p));
}

static void
wait_a_moment(void *arg)
{
	(void)arg;
	usleep(100000);
}

static void
warn_of(void *arg, const char *text)
{
	(void)arg;
	warnx("%s", text);
}

static struct peerdir *
folder(void)
{
	static const struct peerdir_daemon	 d = { ask_daemon,
						    wait_a_moment, warn_of,
						    NULL };
	struct peerdir				*p;

	if ((p = peerdir_new(&d, -1)) == NULL)
		err(1, NULL);
	return (p);
}

/* What went wrong, if something did, ends it. */
static void
must(struct peerdir *p, int r)
{
	if (r == -1)
		errx(1, "%s", peerdir_error(p));
	peerdir_free(p);
}

/* ---- peer new, peer set */

static const char *
value(int argc, char *argv[], int *i)
{
	if (++*i >= argc)
		errx(1, "%s: what?", argv[argc - 1]);
	return (argv[*i]);
}

static void
read_rate(int argc, char *argv[], int *i, struct peer_wish *w)
{
	const char	*a = value(argc, argv, i);

	if (strcmp(a, "in") == 0)
		w->rate_in = value(argc, argv, i);
	else if (strcmp(a, "out") == 0)
		w->rate_out = value(argc, argv, i);
	else
		w->rate_in = w->rate_out = a;
}

static void
read_allowed(int argc, char *argv[], int *i, struct peer_wish *w)
{
	if (strcmp(value(argc, argv, i), "ips") != 0)
		errx(1, "allowed ips PREFIX ...");
	while (*i + 1 < argc && w->naips < CTL_ADDRESSES &&
	    ipprefix_parse(&w->aip[w->naips], argv[*i + 1]) == 0) {
		ipprefix_mask(&w->aip[w->naips]);
		w->naips++;
		++*i;
	}
	if (w->naips == 0)
		errx(1, "allowed ips: no prefix");
}

/* The words after the command; out is NULL where there is nothing to show. */
static void
read_wish(int argc, char *argv[], struct peer_wish *w, const char **out)
{
	const char	*a;
	int		 i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < argc; i++) {
		a = argv[i];
		if (out != NULL && strcmp(a, "-o") == 0)
			*out = value(argc, argv, &i);
		else if (w->name == NULL)
			w->name = a;
		else if (strcmp(a, "expires") == 0)
			w->expires = value(argc, argv, &i);
		else if (strcmp(a, "quota") == 0)
			w->quota = value(argc, argv, &i);
		else if (out != NULL && strcmp(a, "keep") == 0)
			w->keep = 1;
		else if (strcmp(a, "rate") == 0)
			read_rate(argc, argv, &i, w);
		else if (out != NULL && strcmp(a, "allowed") == 0)
			read_allowed(argc, argv, &i, w);
		else if (out != NULL)
			errx(1, "%s: not one of expires, quota, rate, "
			    "allowed ips, keep, -o", a);
		else
			errx(1, "%s: not one of expires, quota, rate", a);
	}
	if (w->name == NULL)
		errx(1, "peer new: what is its name?");
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
static int
write_out(void *arg, const char *text)
{
	const char	*path = arg;
	FILE		*f;
	int		 fd;

	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) ==
	    -1 || (f = fdopen(fd, "w")) == NULL)
		err(1, "%s", path);
	if ((form_of(path) == QR_TEXT ? (fputs(text, f) == EOF ? -1 : 0) :
	    qr_write(f, text, form_of(path))) == -1 || fclose(f) == EOF) {
		warn("%s", path);
		(void)unlink(path);
		exit(1);
	}
	return (0);
}

/* Show it, once. */
static void
present(const char *name, const char *text, const char *out, int json)
{
	if (json) {
		printf("{\"name\":\"%s\",\"config\":", name);
		json_string(stdout, text);
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

void
peer_new(int argc, char *argv[], int json)
{
	struct peerdir		*p = folder();
	struct peer_wish	 w;
	struct stat		 sb;
	const char		*out = NULL;
	char			*text;
	size_t			 len;
	int			 r;

	read_wish(argc, argv, &w, &out);
	if (out != NULL && lstat(out, &sb) == 0)
		errx(1, "%s is there already", out);
	r = peerdir_add(p, &w, out != NULL ? write_out : NULL,
	    (void *)(uintptr_t)out, &text, &len);
	if (r == -1 && out != NULL)
		(void)unlink(out);
	must(p, r);
	present(w.name, text, out, json);
	freezero(text, len);
}

void
peer_change(int argc, char *argv[])
{
	struct peerdir		*p = folder();
	struct peer_wish	 w;

	read_wish(argc, argv, &w, NULL);
	must(p, peerdir_set(p, &w));
}

void
peer_qr(const char *name, const char *out, int json)
{
	struct peerdir	*p = folder();
	char		*text;
	size_t		 len;

	must(p, peerdir_kept(p, name, &text, &len));
	if (out != NULL)
		(void)write_out((void *)(uintptr_t)out, text);
	present(name, text, out, json);
	freezero(text, len);
}

/* ---- the others */

void
peer_state(const char *name, int on)
{
	struct peerdir	*p = folder();

	must(p, peerdir_state(p, name, on));
}

void
peer_delete(const char *name)
{
	struct peerdir	*p = folder();

	must(p, peerdir_delete(p, name));
}

void
peer_rename(const char *old, const char *new)
{
	struct peerdir	*p = folder();

	must(p, peerdir_rename(p, old, new));
}

struct list {
	int	 n;
	int	 json;
};

/* One line, or one object. */
static void
list_one(void *arg, const struct peer_listed *e)
{
	struct list	*l = arg;
	char		 buf[ADDR_STRLEN];
	const char	*state = e->enabled ? "enabled" : "disabled";
	size_t		 i;

	if (l->json) {
		printf("%s{\"name\":", l->n++ > 0 ? "," : "");
		json_string(stdout, e->name);
		printf(",\"state\":\"%s\",\"managed\":%s,\"kept\":%s,"
		    "\"allowed_ips\":[", state, e->managed ? "true" :
		    "false", e->kept ? "true" : "false");
		for (i = 0; i < e->naips; i++)
			printf("%s\"%s\"", i > 0 ? "," : "",
			    ipprefix_str(&e->aip[i], buf, sizeof(buf)));
		printf("]}");
		return;
	}
	printf("%-20s %-9s %-8s", e->name, state, e->kept ? "kept" :
	    e->managed ? "own file" : "-");
	for (i = 0; i < e->naips; i++)
		printf(" %s", ipprefix_str(&e->aip[i], buf, sizeof(buf)));
	printf("\n");
}

void
peer_list(int json)
{
	struct peerdir	*p = folder();
	struct list	 l = { 0, json };

	if (json)
		printf("{\"peers\":[");
	else
		printf("%-20s %-9s %-8s %s\n", "peer", "state", "key",
		    "allowed ips");
	must(p, peerdir_each(p, list_one, &l));
	if (json)
		printf("]}\n");
}
