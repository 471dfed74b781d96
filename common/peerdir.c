/* SPDX-License-Identifier: ISC */

/* A peer with a file of its own: made, changed, renamed, deleted, listed. */

#include <sys/types.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peerdir.h"
#include "peerdir_addr.h"
#include "peerdir_ask.h"
#include "peerdir_file.h"
#include "peerdir_text.h"

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

void
peerdir_free(struct peerdir *p)
{
	if (p == NULL)
		return;
	pd_forget_peers(p);
	if (p->fd != -1)
		close(p->fd);
	free(p);
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

void
peerdir_record(struct peerdir *p, uint32_t type, const void *data, size_t len)
{
	pd_record(p, type, data, len);
}

int
peerdir_name_ok(const char *name)
{
	return (pd_name_ok(name));
}

/* What the daemon's grammar takes; it is the one to judge. */
static int
check_value(struct peerdir *p, const char *v)
{
	const char	*s;

	for (s = v; s != NULL && *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr(".:-+/", *s) ==
		    NULL)
			return (pd_fail(p, "not a value: %.64s", v));
	return (v != NULL && *v == '\0' ? pd_fail(p, "an empty value") : 0);
}

static int
check_wish(struct peerdir *p, const struct peer_wish *w)
{
	struct ipaddr	 a;

	if (pd_check_name(p, w->name) == -1 ||
	    check_value(p, w->expires) == -1 ||
	    check_value(p, w->quota) == -1 ||
	    check_value(p, w->rate_in) == -1 ||
	    check_value(p, w->rate_out) == -1)
		return (-1);
	if (w->host != NULL && ipaddr_parse(&a, w->host) == -1 &&
	    !host_name_ok(w->host))
		return (pd_fail(p, "not a host: %.64s", w->host));
	return (0);
}

/* Put the new files there and have the daemon read them. */
static int
install(struct peerdir *p, const struct peer_wish *w, const char *server,
    const char *client)
{
	char	 why[CTL_TEXT_LEN];
	int	 r;

	/* the key is somewhere before anybody counts on it */
	if (w->keep && pd_write_file(p, w->name, ".client", client) == -1)
		return (-1);
	r = pd_write_file(p, w->name, ".conf", server);
	if (r == 0 && (r = pd_reload(p)) == 0 && (r = pd_ask_peers(p)) == 0 &&
	    !pd_known(p, w->name))
		r = pd_fail(p, "the daemon did not find it: is its "
		    "configuration elsewhere?");
	if (r == 0)
		return (0);
	strlcpy(why, p->err, sizeof(why));
	pd_remove_file(p, w->name, ".conf");
	pd_remove_file(p, w->name, ".client");
	(void)pd_reload(p);
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

	if (check_wish(p, &w) == -1 || pd_learn(p, 1) == -1)
		return (-1);
	pd_sweep(p);
	if (pd_known(p, w.name))
		return (pd_fail(p, "there is a peer \"%s\" already", w.name));
	if (pd_exists(p, w.name, ".conf") || pd_exists(p, w.name, ".conf.off"))
		return (pd_fail(p, "there is a peer \"%s\" already, perhaps "
		    "disabled", w.name));
	if (pd_choose_addresses(p, &w) == -1)
		return (-1);
	r = pd_make_texts(p, &w, &server, &client);
	if (r == 0 && before != NULL && before(arg, client.s) == -1)
		r = pd_fail(p, "its configuration cannot be written");
	if (r == 0)
		r = install(p, &w, server.s, client.s);
	pd_text_free(&server);
	if (r == -1) {
		pd_text_free(&client);
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

	if (pd_check_name(p, name) == -1 || pd_learn(p, 0) == -1)
		return (-1);
	if (!pd_exists(p, name, ".client"))
		return (pd_fail(p, "the key of \"%s\" is not here: it was "
		    "shown once, or make another peer with \"keep\"", name));
	if ((*out = pd_read_file(p, pd_file_of(file, name, ".client"))) == NULL)
		return (-1);
	*outlen = MAX_FILE + 1;
	return (0);
}

int
peerdir_state(struct peerdir *p, const char *name, int on)
{
	int	 off;

	if (pd_check_name(p, name) == -1 || pd_learn(p, 0) == -1 ||
	    (off = pd_find_file(p, name)) == -1)
		return (-1);
	if (off != on)
		return (pd_fail(p, "peer \"%s\" is %s already", name, on ?
		    "enabled" : "disabled"));
	if (pd_exists(p, name, pd_ends[!off]))
		return (pd_fail(p, "%s%s is there already", name,
		    pd_ends[!off]));
	if (pd_rename_file(p, name, pd_ends[off], name, pd_ends[!off]) == -1)
		return (-1);
	if (pd_reload(p) == 0)
		return (0);
	pd_rename_back(p, name, pd_ends[!off], name, pd_ends[off]);
	pd_reload_back(p);
	return (-1);
}

int
peerdir_delete(struct peerdir *p, const char *name)
{
	int	 off;

	if (pd_check_name(p, name) == -1 || pd_learn(p, 0) == -1 ||
	    (off = pd_find_file(p, name)) == -1 ||
	    pd_rename_file(p, name, pd_ends[off], name, ".gone") == -1)
		return (-1);
	if (!off && pd_reload(p) == -1) {
		pd_rename_back(p, name, ".gone", name, pd_ends[off]);
		pd_reload_back(p);
		return (-1);
	}
	pd_remove_file(p, name, ".gone");
	pd_remove_file(p, name, ".client");
	return (0);
}

/* What was there before; what went wrong stays what is told. */
static void
write_back(struct peerdir *p, const char *name, int off, const char *text)
{
	char	 why[CTL_TEXT_LEN];

	strlcpy(why, p->err, sizeof(why));
	if (pd_write_file(p, name, pd_ends[off], text) == -1)
		p->d.warn(p->d.arg, p->err);
	strlcpy(p->err, why, sizeof(p->err));
}

/* Another text for a peer, or the one before if the daemon does not like it. */
static int
replace(struct peerdir *p, const char *name, int off, const char *old,
    const char *text)
{
	if (pd_write_file(p, name, pd_ends[off], text) == -1)
		return (-1);
	if (off || pd_reload(p) == 0)
		return (0);
	write_back(p, name, off, old);
	pd_reload_back(p);
	return (-1);
}

/*
 * The file gets its next name, and then its next text: at no time is the peer
 * in two files, or in none.
 */
static int
rename_to(struct peerdir *p, const char *old, const char *new, int off,
    const char *old_text, const char *text)
{
	if (pd_rename_file(p, old, pd_ends[off], new, pd_ends[off]) == -1)
		return (-1);
	if (replace(p, new, off, old_text, text) == 0) {
		if (off || pd_ask_peers(p) == -1 || pd_known(p, new))
			return (0);
		/* a pattern that the next name does not match */
		pd_fail(p, "the daemon did not find \"%s\": is it not to be "
		    "called so?", new);
		write_back(p, new, off, old_text);
	}
	pd_rename_back(p, new, pd_ends[off], old, pd_ends[off]);
	if (!off)
		pd_reload_back(p);
	return (-1);
}

int
peerdir_rename(struct peerdir *p, const char *old, const char *new)
{
	struct text	 t = { NULL, 0 };
	char		 file[FILE_LEN], *text;
	int		 off, r;

	if (pd_check_name(p, old) == -1 || pd_check_name(p, new) == -1 ||
	    pd_learn(p, 0) == -1 || (off = pd_find_file(p, old)) == -1)
		return (-1);
	if (pd_known(p, new) || pd_exists(p, new, ".conf") ||
	    pd_exists(p, new, ".conf.off"))
		return (pd_fail(p, "there is a peer \"%s\" already", new));
	pd_file_of(file, old, pd_ends[off]);
	if ((text = pd_read_file(p, file)) == NULL)
		return (-1);
	r = pd_other_name(p, file, text, old, new, &t);
	if (r == 0)
		r = rename_to(p, old, new, off, text, t.s);
	if (r == 0 && pd_exists(p, old, ".client"))
		pd_rename_back(p, old, ".client", new, ".client");
	freezero(text, MAX_FILE + 1);
	pd_text_free(&t);
	return (r);
}

int
peerdir_set(struct peerdir *p, const struct peer_wish *w)
{
	struct text	 t = { NULL, 0 };
	char		 file[FILE_LEN], *text;
	int		 off, r;

	if (check_wish(p, w) == -1 || pd_learn(p, 0) == -1 ||
	    (off = pd_find_file(p, w->name)) == -1)
		return (-1);
	pd_file_of(file, w->name, pd_ends[off]);
	if ((text = pd_read_file(p, file)) == NULL)
		return (-1);
	r = pd_other_values(p, w, text, &t);
	if (r == 0)
		r = replace(p, w->name, off, text, t.s);
	freezero(text, MAX_FILE + 1);
	pd_text_free(&t);
	return (r);
}

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
	e.kept = l->kept && pd_exists(p, name, ".client");
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
	if (pd_ask(p, CTL_SHOW_SETUP) == -1 || pd_ask_peers(p) == -1 ||
	    pd_check_setup(p) == -1)
		return (-1);
	if (p->setup.peers_dir[0] != '\0')
		(void)pd_open(p, 0);
	for (i = 0; i < p->npeers; i++) {
		memset(&e, 0, sizeof(e));
		e.name = p->peer[i].name;
		e.aip = p->peer[i].aip;
		e.naips = p->peer[i].naips;
		e.enabled = 1;
		if (p->fd != -1 && peerdir_name_ok(e.name)) {
			e.managed = pd_exists(p, e.name, ".conf");
			e.kept = pd_exists(p, e.name, ".client");
		}
		fn(arg, &e);
	}
	return (p->fd == -1 ? 0 : pd_each_file(p, ".conf.off", list_file, &l));
}

int
peerdir_files(struct peerdir *p, peerdir_fn *fn, void *arg)
{
	struct listing	 l = { fn, arg, 1, 0 };

	if (p->fd == -1 || pd_each_file(p, ".conf", list_file, &l) == -1)
		return (-1);
	l.enabled = 0;
	return (pd_each_file(p, ".conf.off", list_file, &l));
}
