/* SPDX-License-Identifier: ISC */

/*
 * Keys, and the files that wgslirpd.conf(5) names.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "lex.h"
#include "log.h"

/* Takes the string, which is wiped. */
int
set_key(char *s, uint8_t key[KEY_LEN])
{
	int	 r = key_from_text(key, s);

	freezero(s, strlen(s));
	return (r);
}

/* The same for a key that nobody else may see. */
int
set_secret(char *s, uint8_t key[KEY_LEN], const char *what)
{
	const char	*why = lex_exposed();

	if (set_key(s, key) == -1) {
		yyerror("%s: not a key", what);
		return (-1);
	}
	if (why != NULL) {
		explicit_bzero(key, KEY_LEN);
		yyerror("%s: %s", what, why);
		return (-1);
	}
	return (0);
}

int
read_key(const char *path, uint8_t key[KEY_LEN])
{
	const char	*reason;
	int		 fd;

	lex_note_path(path);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
		yyerror("key file %s: %s", path, strerror(errno));
		return (-1);
	}
	if (key_read_file(key, fd, 0, &reason) == -1) {
		yyerror("key file %s %s", path, reason);
		close(fd);
		return (-1);
	}
	close(fd);
	return (0);
}

/* A file with one thing a line, that others cannot write, or even read. */
static FILE *
open_list(const char *path, int secret)
{
	struct stat	 st;
	FILE		*f;
	int		 fd;

	lex_note_path(path);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1) {
		yyerror("%s: %s", path, strerror(errno));
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		yyerror("%s: not a regular file", path);
		goto fail;
	}
	if (st.st_mode & (secret ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH)) {
		yyerror("%s: is accessible to others", path);
		goto fail;
	}
	if ((f = fdopen(fd, "r")) == NULL)
		fatal("%s", path);
	return (f);
 fail:
	if (fd != -1)
		close(fd);
	return (NULL);
}

/* The next line of a list, without comment and space; NULL at its end. */
static char *
next_line(FILE *f, char *buf, size_t len, int *line, int comments)
{
	static char	 nothing[1];
	char		*s, *end;

	while (fgets(buf, (int)len, f) != NULL) {
		(*line)++;
		if (strchr(buf, '\n') == NULL && !feof(f))
			return (nothing);	/* it is too long */
		if (comments && (end = strchr(buf, '#')) != NULL)
			*end = '\0';
		for (s = buf; isspace((unsigned char)*s); s++)
			continue;
		for (end = s + strlen(s); end > s &&
		    isspace((unsigned char)end[-1]); end--)
			continue;
		*end = '\0';
		if (*s != '\0')
			return (s);
	}
	return (NULL);
}

int
read_table(struct conf_table *t, const char *path)
{
	struct ipprefix	 p;
	char		 buf[256], *s;
	FILE		*f;
	int		 line = 0;

	if ((f = open_list(path, 0)) == NULL)
		return (-1);
	while ((s = next_line(f, buf, sizeof(buf), &line, 1)) != NULL) {
		if (ipprefix_parse(&p, s) == -1) {
			yyerror("%s:%d: not an address/length", path, line);
			fclose(f);
			return (-1);
		}
		ipprefix_mask(&p);
		config_add_prefix(&t->loaded, &p);
	}
	fclose(f);
	return (0);
}

/* Lines of "user:password". */
int
read_users(struct conf_service *sv, const char *path)
{
	struct conf_user	*u;
	char			 buf[2 * USER_LEN + 4], *s, *colon;
	FILE			*f;
	int			 line = 0, r = 0;

	if ((f = open_list(path, 1)) == NULL)
		return (-1);
	setvbuf(f, NULL, _IONBF, 0);	/* no copy of it stays */
	while (r == 0 && (s = next_line(f, buf, sizeof(buf), &line, 0)) !=
	    NULL) {
		if (*s == '#')
			continue;
		colon = strchr(s, ':');
		if (colon == NULL || colon == s || colon - s >= USER_LEN ||
		    colon[1] == '\0' || strlen(colon + 1) >= USER_LEN) {
			yyerror("%s:%d: not user:password", path, line);
			r = -1;
			break;
		}
		*colon = '\0';
		if ((u = calloc(1, sizeof(*u))) == NULL)
			fatal(NULL);
		strlcpy(u->user.name, s, sizeof(u->user.name));
		strlcpy(u->user.password, colon + 1,
		    sizeof(u->user.password));
		TAILQ_INSERT_TAIL(&sv->users, u, entry);
	}
	explicit_bzero(buf, sizeof(buf));
	fclose(f);
	if (r == 0 && TAILQ_EMPTY(&sv->users)) {
		yyerror("%s: no users", path);
		r = -1;
	}
	return (r);
}

int
read_user(const char *path, struct service_user *user)
{
	struct conf_service	 sv;
	struct conf_user	*u;
	int			 n = 0, r;

	memset(&sv, 0, sizeof(sv));
	TAILQ_INIT(&sv.users);
	r = read_users(&sv, path);
	while ((u = TAILQ_FIRST(&sv.users)) != NULL) {
		TAILQ_REMOVE(&sv.users, u, entry);
		*user = u->user;
		freezero(u, sizeof(*u));
		n++;
	}
	if (r == 0 && n > 1) {
		yyerror("%s: more than one user", path);
		r = -1;
	}
	return (r);
}
