/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "show.h"
#include "state.h"
#include "web.h"

#define MAX_MEMORY	262144	/* KiB that a hash may cost, */
#define MAX_PASSES	10	/* and how often they are gone over */

static int
role_of(const char *s)
{
	if (s == NULL || strcmp(s, "admin") == 0)
		return (WEB_ADMIN);
	return (strcmp(s, "view") == 0 ? WEB_VIEW : -1);
}

const char *
web_listen(struct config *c, const char *path, struct conf_service **out)
{
	struct conf_service	*s;

	if (*path != '/')
		return ("not an address, and not a path that begins with /");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return ("the path is too long");
	TAILQ_FOREACH(s, &c->services, entry)
		if (s->path != NULL)
			return ("one UNIX socket is enough");
	if ((s = config_service_new(c, SERVICE_WEB, IPPROTO_TCP)) == NULL)
		return ("too many services");
	if ((s->path = strdup(path)) == NULL)
		fatal(NULL);
	*out = s;
	return (NULL);
}

/*
 * What libsodium makes, and does not cost all of the memory: its parameters are
 * in it, as "$argon2id$v=19$m=65536,t=2,p=1$salt$hash".
 */
static int
hash_ok(const char *s)
{
	unsigned int	 m, t, p;
	int		 n = 0;

	if (strlen(s) >= WEB_HASH_LEN || sscanf(s,
	    "$argon2id$v=19$m=%6u,t=%3u,p=%3u$%n", &m, &t, &p, &n) != 3 ||
	    n == 0 || m > MAX_MEMORY || t > MAX_PASSES || t == 0 || p != 1)
		return (0);
	for (; s[n] != '\0'; n++)
		if (!isalnum((unsigned char)s[n]) &&
		    strchr("+/$", s[n]) == NULL)
			return (0);
	return (1);
}

const char *
web_user(struct config *c, const char *name, const char *hash,
    const char *role)
{
	struct conf_web_user	*u;
	const char		*s;
	int			 n = 0, r;

	for (s = name; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return ("a user's name has no spaces");
	if (*name == '\0' || strlen(name) >= WEB_USER_LEN)
		return ("a user's name is too long, or empty");
	if ((r = role_of(role)) == -1)
		return ("a role is admin or view");
	if (hash != NULL && !hash_ok(hash))
		return ("not the hash of a password, as \"wgslirpctl web "
		    "password\" makes it");
	TAILQ_FOREACH(u, &c->web.users, entry) {
		if (strcmp(u->u.name, name) == 0)
			return ("the same user twice");
		n++;
	}
	if (n == MAX_WEB_USERS)
		return ("too many users");
	if ((u = calloc(1, sizeof(*u))) == NULL)
		fatal(NULL);
	strlcpy(u->u.name, name, sizeof(u->u.name));
	if (hash != NULL)
		strlcpy(u->u.hash, hash, sizeof(u->u.hash));
	u->u.role = (uint32_t)r;
	TAILQ_INSERT_TAIL(&c->web.users, u, entry);
	return (NULL);
}

void
web_hash_gone(struct config *c)
{
	TAILQ_LAST(&c->web.users, conf_web_users)->redacted = 1;
}

const char *
web_trust(struct config *c, const char *header, const char *role)
{
	const char	*s;
	int		 r = role != NULL ? role_of(role) : -1;

	if (c->web.trust.header[0] != '\0')
		return ("one header is enough");
	/* a token of RFC 9110 5.6.2, of those that are in use */
	for (s = header; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '-')
			break;
	if (*s != '\0' || *header == '\0' || strlen(header) >= WEB_HEADER_LEN)
		return ("not the name of a header");
	if (role != NULL && r == -1)
		return ("a role is admin or view");
	strlcpy(c->web.trust.header, header, sizeof(c->web.trust.header));
	c->web.trust.role = r;
	return (NULL);
}

int
web_needed(const struct config *c)
{
	const struct conf_service	*s;

	TAILQ_FOREACH(s, &c->services, entry)
		if (s->s.kind == SERVICE_WEB)
			return (1);
	return (0);
}

const char *
web_path(const struct config *c)
{
	const struct conf_service	*s;

	TAILQ_FOREACH(s, &c->services, entry)
		if (s->path != NULL)
			return (s->path);
	return ("");
}

const char *
web_check(const struct config *c)
{
	const struct conf_web_user	*u;
	int				 may = 0;

	TAILQ_FOREACH(u, &c->web.users, entry) {
		if (u->redacted && !c->check_only)
			return ("the password of a web user is redacted");
		if (u->u.hash[0] != '\0' || u->redacted)
			may = 1;
		else if (c->web.trust.header[0] == '\0')
			return ("a web user without a password needs "
			    "\"web trust header\"");
	}
	if (c->web.trust.header[0] != '\0') {
		if (TAILQ_EMPTY(&c->web.from) && *web_path(c) == '\0')
			return ("web trust header needs addresses to come "
			    "from");
		may = 1;
	}
	if (!may && web_needed(c))
		return ("nobody may use the page, add a \"web user\" with what "
		    "\"wgslirpctl web password\" prints");
	return (NULL);
}

void
web_send(const struct config *c, struct imsgev *web)
{
	const struct conf_web_user	*u;
	const struct conf_prefix	*p;

	if (web->ev == NULL)
		return;
	TAILQ_FOREACH(u, &c->web.users, entry)
		imsgev_must(web, IMSG_CONF_WEB_USER, 0, -1, &u->u,
		    sizeof(u->u));
	if (c->web.trust.header[0] == '\0')
		return;
	imsgev_must(web, IMSG_CONF_WEB_TRUST, 0, -1, &c->web.trust,
	    sizeof(c->web.trust));
	TAILQ_FOREACH(p, &c->web.from, entry)
		imsgev_must(web, IMSG_CONF_WEB_FROM, 0, -1, &p->prefix,
		    sizeof(p->prefix));
}

/*
 * Open the folder, or a new one, which belongs to whom the one above belongs
 * to.  -1 with errno.
 */
static int
open_folder(const char *path)
{
	char		 up[CTL_PATH_LEN], *slash;
	struct stat	 st;
	int		 fd, made;

	made = mkdir(path, 0700) == 0;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    (made ? O_NOFOLLOW : 0));
	if (fd == -1 || !made || geteuid() != 0)
		return (fd);
	strlcpy(up, path, sizeof(up));
	if ((slash = strrchr(up, '/')) != NULL)
		slash[slash == up] = '\0';
	if (stat(up, &st) == -1 || fchown(fd, st.st_uid, st.st_gid) == -1) {
		close(fd);
		return (-1);
	}
	return (fd);
}

void
web_folder(const struct config *c)
{
	char		 path[CTL_PATH_LEN];
	struct stat	 st;
	int		 fd;

	if (c->peers_dir == NULL)
		return;
	show_absolute(path, c->peers_dir);
	if (path[0] != '/' || (fd = open_folder(path)) == -1) {
		log_warn("%s: the page cannot change peers", path);
		return;
	}
	/* root would give its rights to whoever can write there */
	if (fstat(fd, &st) == -1 || st.st_mode & (S_IWGRP | S_IWOTH)) {
		log_warnx("%s: not a folder that only its owner can write: "
		    "the page cannot change peers", path);
		close(fd);
		return;
	}
	/* it may be another user's, or on something that is read-only */
	if (faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) == -1) {
		log_warn("%s: the page cannot change peers", path);
		close(fd);
		return;
	}
	env.files_fd = fd;
	strlcpy(env.files_dir, path, sizeof(env.files_dir));
}
