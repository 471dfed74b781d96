/* SPDX-License-Identifier: ISC */

/*
 * The words of wgslirpd.conf(5): files and their includes, macros, and
 * the messages about errors, which never show a word, because it could be
 * a key.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guess.h"
#include "lex.h"
#include "log.h"

#define MAX_INCLUDES	16
#define MAX_ERRORS	50
#define MAX_TOKEN	8096
#define MAX_GUESS	20		/* letters of a word like a keyword */
#define PIPE_WAIT	5000		/* ms, for the first bytes of a pipe */

/* The files of an include with a pattern. */
struct names {
	char			**name;
	size_t			 n;
	size_t			 at;		/* the next one */
};

struct file {
	TAILQ_ENTRY(file)	 entry;
	FILE			*stream;
	char			*name;
	char			*iobuf;		/* wiped: may hold keys */
	int			 exposed;	/* others can read it */
	char			*pushed;	/* macro being expanded */
	const struct sym	*macro;		/* it is this one */
	size_t			 ppos;
	int			 lineno;
	int			 ungetc;	/* one character, or EOF */
	int			 ended;
	struct names		*rest;		/* files of the same include */
};
static TAILQ_HEAD(files, file)	 files = TAILQ_HEAD_INITIALIZER(files);
static struct file		*file, *topfile;
static int			 nfiles;

struct sym {
	TAILQ_ENTRY(sym)	 entry;
	char			*name;
	char			*value;
	int			 persist;	/* from the command line */
	int			 used;
	int			 exposed;	/* or a file of everybody's */
};
static TAILQ_HEAD(, sym)	 syms = TAILQ_HEAD_INITIALIZER(syms);

struct path {
	TAILQ_ENTRY(path)	 entry;
	char			*name;
};
static TAILQ_HEAD(, path)	 seen = TAILQ_HEAD_INITIALIZER(seen);
static char			*pattern_dir;	/* of the first pattern */
static char			 line_word[MAX_GUESS + 2];
static char			 last_word[MAX_GUESS + 2];
static int			 word_line;
static const struct file	*word_file;

static char			 first_error[512];
static int			 errors;
static int			 token_line;	/* of the last word */
static const struct lex_words	*words;
static int			 word_exposed;	/* the last word */
static int			 word_cmdline;	/* it came by -D */

static const struct sym	*symget(const char *);
static int			 popfile(void);

/* What is wrong, and where: one line. */
static int
kw_cmp(const void *k, const void *e)
{
	return (strcmp(k, ((const struct keyword *)e)->name));
}

/* The reader's token for a word. */
static int
lookup(const char *s)
{
	const struct keyword	*k;

	k = bsearch(s, words->keywords, words->nkeywords,
	    sizeof(words->keywords[0]), kw_cmp);
	return (k != NULL ? k->token : words->string);
}

/* The keyword that a word may have been meant to be, or NULL. */
static const char *
meant(const char *s)
{
	const char	*best = NULL;
	size_t		 i;
	int		 d, least = strlen(s) < 5 ? 1 : GUESS_TYPOS;

	if (strlen(s) < 3 || lookup(s) != words->string)
		return (NULL);
	for (i = 0; i < words->nkeywords; i++)
		if ((d = guess_distance(s, words->keywords[i].name)) <= least) {
			best = words->keywords[i].name;
			least = d - 1;
		}
	return (best);
}

/*
 * What may be meant by a line that is not understood.  A word is shown only if
 * it is nearly a keyword: any other could be a key.
 */
static const char *
hint(char *buf, size_t len)
{
	const char	*word = line_word, *k;

	if (line_word[0] == '[')
		return (": is this a file of wg-quick(8)? See wgslirpctl "
		    "convert");
	if ((k = meant(word)) == NULL)
		k = meant(word = last_word);
	if (k == NULL)
		return ("");
	snprintf(buf, len, " near \"%s\" (did you mean \"%s\"?)", word, k);
	return (buf);
}

int
yyerror(const char *fmt, ...)
{
	va_list	 ap;
	char	 msg[256], near[128];

	errors++;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	/* the grammar itself knows no more */
	if (strcmp(fmt, "syntax error") == 0)
		strlcat(msg, hint(near, sizeof(near)), sizeof(msg));
	if (first_error[0] == '\0')
		snprintf(first_error, sizeof(first_error), "%s:%d: %s",
		    file->name, token_line, msg);
	log_warnx("%s:%d: %s", file->name, token_line, msg);
	return (0);
}

void
lex_warn(const char *fmt, ...)
{
	va_list	 ap;
	char	 msg[256];

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	log_warnx("%s:%d: %s", file->name, token_line, msg);
}

/* The first thing that was wrong with the last configuration. */
const char *
lex_error(void)
{
	return (first_error);
}

/* An error that has no line, or names its own. */
void
lex_fail(const char *what)
{
	errors++;
	strlcpy(first_error, what, sizeof(first_error));
	log_warnx("%s", first_error);
}

static void
drop_macro(struct file *f)
{
	if (f->pushed != NULL)
		freezero(f->pushed, strlen(f->pushed));
	f->pushed = NULL;
}

/*
 * Next character: of a macro that is being expanded, else of the file.
 * A backslash before a newline joins the lines.
 */
static int
lgetc(int quoted)
{
	int	 c, next;

	if (file->ungetc != EOF) {
		c = file->ungetc;
		file->ungetc = EOF;
		return (c);
	}
	if (file->pushed != NULL) {
		if ((c = (unsigned char)file->pushed[file->ppos]) != '\0') {
			file->ppos++;
			return (c);
		}
		drop_macro(file);
		return (' ');	/* a macro is a word of its own */
	}
	while ((c = getc(file->stream)) == '\\' && !quoted) {
		if ((next = getc(file->stream)) != '\n') {
			if (next != EOF)
				file->ungetc = next;
			break;
		}
		file->lineno++;
	}
	return (c);
}

static void
lungetc(int c)
{
	file->ungetc = c;
}

/* After an error: to the end of the line. */
static int
findeol(void)
{
	int	 c;

	drop_macro(file);
	while ((c = lgetc(0)) != '\n' && c != EOF)
		continue;
	if (c == '\n')
		file->lineno++;
	return (words->error);
}

/* Who else can see the word that begins here? */
static void
note_origin(void)
{
	const struct sym	*s = file->pushed != NULL ? file->macro : NULL;

	word_exposed = s != NULL ? s->exposed : file->exposed;
	word_cmdline = s != NULL && s->persist;
}

static int
lex_quoted(YYSTYPE *lval, int quote)
{
	char	 buf[MAX_TOKEN], *p = buf;
	int	 c, next;

	note_origin();
	for (;;) {
		if ((c = lgetc(1)) == EOF || c == '\n') {
			if (c == '\n')
				lungetc(c);
			yyerror("unterminated string");
			return (findeol());
		}
		if (c == '\\') {
			next = lgetc(1);
			if (next == quote || next == '\\')
				c = next;
			else
				lungetc(next);
		} else if (c == quote)
			break;
		if (p + 1 >= buf + sizeof(buf)) {
			yyerror("string too long");
			return (findeol());
		}
		*p++ = (char)c;
	}
	*p = '\0';
	if ((lval->v.string = strdup(buf)) == NULL)
		fatal(NULL);
	explicit_bzero(buf, sizeof(buf));
	return (words->string);
}

/* The first word of a line, and the last one. */
static void
note_word(const char *s)
{
	if (token_line != word_line || file != word_file) {
		word_line = token_line;
		word_file = file;
		strlcpy(line_word, s, sizeof(line_word));
	}
	strlcpy(last_word, s, sizeof(last_word));
}

static int
in_word(int c)
{
	return (isalnum(c) || (ispunct(c) && strchr("(){}<>!=#,\"'$", c) ==
	    NULL));
}

static int
lex_word(YYSTYPE *lval, int c)
{
	char		 buf[MAX_TOKEN], *p = buf;
	const char	*errstr;
	int		 token;

	note_origin();
	do {
		*p++ = (char)c;
		if (p >= buf + sizeof(buf)) {
			yyerror("word too long");
			return (findeol());
		}
	} while ((c = lgetc(0)) != EOF && in_word(c));
	lungetc(c);
	*p = '\0';
	note_word(buf);
	if (buf[strspn(buf, "0123456789")] == '\0') {
		lval->v.number = strtonum(buf, 0, INT64_MAX, &errstr);
		if (errstr != NULL) {
			yyerror("number is %s", errstr);
			return (findeol());
		}
		return (words->number);
	}
	if ((token = lookup(buf)) == words->string &&
	    (lval->v.string = strdup(buf)) == NULL)
		fatal(NULL);
	explicit_bzero(buf, sizeof(buf));
	return (token);
}

/* "$name": go on with what the macro holds. */
static int
lex_macro(void)
{
	const struct sym	*s;
	char			 buf[128], *p = buf;
	int			 c;

	while ((c = lgetc(0)) != EOF && (isalnum(c) || c == '_')) {
		if (p + 1 >= buf + sizeof(buf)) {
			yyerror("macro name too long");
			return (findeol());
		}
		*p++ = (char)c;
	}
	lungetc(c);
	*p = '\0';
	if ((s = symget(buf)) == NULL) {
		yyerror("macro \"%s\" not defined", buf);
		return (findeol());
	}
	/* no macro inside a macro: values are kept as they were read */
	if (strchr(s->value, '$') != NULL || file->pushed != NULL) {
		yyerror("macro \"%s\" cannot be used here", buf);
		return (findeol());
	}
	if (file->ungetc != EOF && file->ungetc != ' ') {
		ungetc(file->ungetc, file->stream);
		file->ungetc = EOF;
	}
	/* a copy: what it expands to may redefine it */
	if ((file->pushed = strdup(s->value)) == NULL)
		fatal(NULL);
	file->macro = s;
	file->ppos = 0;
	return (0);
}

int
yylex(YYSTYPE *lval)
{
	int	 c, token;

	/* who has not understood by then will not by more */
	if (errors >= MAX_ERRORS)
		return (0);
	for (;;) {
		while ((c = lgetc(0)) == ' ' || c == '\t' || c == '\r')
			continue;
		token_line = file->lineno;
		if (c == '#') {
			while ((c = lgetc(0)) != '\n' && c != EOF)
				continue;
		}
		if (c == '$') {
			if ((token = lex_macro()) != 0)
				return (token);
			continue;
		}
		if (c == '"' || c == '\'')
			return (lex_quoted(lval, c));
		if (c == EOF) {
			/* the end of a file ends its last line, too */
			if (!file->ended) {
				file->ended = 1;
				return ('\n');
			}
			if (popfile() == EOF)
				return (0);
			continue;
		}
		if (in_word(c))
			return (lex_word(lval, c));
		if (c == '\n')
			file->lineno++;
		return (c);
	}
}

/* The file will be read again on a reload. */
void
lex_note_path(const char *path)
{
	struct path	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL ||
	    (p->name = strdup(path)) == NULL)
		fatal(NULL);
	TAILQ_INSERT_TAIL(&seen, p, entry);
}

/* Every file that the last configuration was read from. */
void
lex_paths(void (*fn)(const char *, void *), void *arg)
{
	struct path	*p;

	TAILQ_FOREACH(p, &seen, entry)
		fn(p->name, arg);
}

static void
report(const char *path, const char *what)
{
	char	 line[sizeof(first_error)];

	if (file != NULL) {
		yyerror("%s: %s", path, what);
		return;
	}
	snprintf(line, sizeof(line), "%s: %s", path, what);
	lex_fail(line);
}

/* Read from this stream, before the rest of what is being read. */
static void
push(FILE *stream, const char *name, int top)
{
	struct file	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->name = strdup(name)) == NULL ||
	    (f->iobuf = calloc(1, BUFSIZ)) == NULL)
		fatal(NULL);
	f->stream = stream;
	setvbuf(f->stream, f->iobuf, _IOFBF, BUFSIZ);
	/* an included file starts with the end of the including line */
	f->lineno = top ? 1 : 0;
	f->ungetc = top ? EOF : '\n';
	TAILQ_INSERT_TAIL(&files, f, entry);
	nfiles++;
	file = f;
	if (top)
		topfile = f;
}

static int
pushfile(const char *path, int top)
{
	struct file	*f;
	FILE		*stream;
	struct pollfd	 p;
	struct stat	 st;
	int		 fd;

	lex_note_path(path);
	/* one that includes itself would never end */
	TAILQ_FOREACH(f, &files, entry)
		if (f->stream != NULL && strcmp(f->name, path) == 0 && !top)
			break;
	if (f != NULL || nfiles >= MAX_INCLUDES) {
		report(path, "too many nested includes");
		return (-1);
	}
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1) {
		report(path, strerror(errno));
		if (fd != -1)
			close(fd);
		return (-1);
	}
	/* whoever can write it decides where everything goes */
	/* a pipe only where the user named it */
	if (!S_ISREG(st.st_mode) && !(top && (S_ISFIFO(st.st_mode) ||
	    S_ISCHR(st.st_mode)))) {
		report(path, "not a regular file");
		close(fd);
		return (-1);
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH) && S_ISREG(st.st_mode)) {
		report(path, "is writable by group or others");
		close(fd);
		return (-1);
	}
	/* who writes to a pipe may come later, but not too late for others */
	if (S_ISFIFO(st.st_mode)) {
		p.fd = fd;
		p.events = POLLIN;
		(void)poll(&p, 1, PIPE_WAIT);
	}
	(void)fcntl(fd, F_SETFL, 0);	/* reading may wait */
	if ((stream = fdopen(fd, "r")) == NULL)
		fatal("%s", path);
	push(stream, path, top);
	file->exposed = S_ISREG(st.st_mode) &&
	    st.st_mode & (S_IRWXG | S_IRWXO);
	return (0);
}

static void
names_free(struct names *l)
{
	size_t	 i;

	if (l == NULL)
		return;
	for (i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	free(l);
}

/* Go on with the next file of the list, which belongs to it then. */
static int
next_name(struct names *l)
{
	if (l == NULL || l->at == l->n) {
		names_free(l);
		return (0);
	}
	if (pushfile(l->name[l->at++], 0) == -1) {
		names_free(l);
		return (-1);
	}
	file->rest = l;
	return (0);
}

/* Returns EOF at the end of the first file, which stays for messages. */
static int
popfile(void)
{
	struct file	*f = file, *prev;
	struct names	*rest = f->rest;

	if (ferror(f->stream))
		yyerror("read error");
	drop_macro(f);
	fclose(f->stream);
	f->stream = NULL;
	freezero(f->iobuf, BUFSIZ);
	f->iobuf = NULL;
	if ((prev = TAILQ_PREV(f, files, entry)) == NULL)
		return (EOF);
	TAILQ_REMOVE(&files, f, entry);
	nfiles--;
	free(f->name);
	free(f);
	file = prev;
	/* what is wrong with it was told */
	(void)next_name(rest);
	return (0);
}

static void
forget_paths(void)
{
	struct path	*p;

	while ((p = TAILQ_FIRST(&seen)) != NULL) {
		TAILQ_REMOVE(&seen, p, entry);
		free(p->name);
		free(p);
	}
}

/* Those of the file, which may hold keys. */
static void
forget_macros(void)
{
	struct sym	*s, *next;

	TAILQ_FOREACH_SAFE(s, &syms, entry, next) {
		if (s->persist)
			continue;
		TAILQ_REMOVE(&syms, s, entry);
		free(s->name);
		freezero(s->value, strlen(s->value));
		free(s);
	}
}

/* Begin to read a file, or the text if that is not NULL. */
int
lex_begin(const char *name, const char *text, const struct lex_words *w)
{
	FILE	*stream;

	words = w;
	forget_paths();
	free(pattern_dir);
	pattern_dir = NULL;
	errors = 0;
	first_error[0] = '\0';
	file = topfile = NULL;
	if (text == NULL)
		return (pushfile(name, 1));
	/* it is only read */
	stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	if (stream == NULL)
		fatal("%s", name);
	push(stream, name, 1);
	return (0);
}

/* The end of it, at line *last.  Returns how many errors there were. */
int
lex_end(int *last)
{
	*last = 1;
	if (topfile == NULL)
		return (errors);
	while (file->stream != NULL && popfile() != EOF)
		continue;
	if (topfile->lineno > 1)
		*last = topfile->lineno - 1;
	forget_macros();
	explicit_bzero(line_word, sizeof(line_word));
	explicit_bzero(last_word, sizeof(last_word));
	word_line = 0;
	TAILQ_REMOVE(&files, topfile, entry);
	nfiles--;
	free(topfile->name);
	free(topfile);
	file = topfile = NULL;
	return (errors);
}

static int
by_name(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* The names in a folder that a pattern fits, in order.  NULL: an error. */
static struct names *
find_names(const char *dir, const char *pattern)
{
	struct names	*l;
	struct dirent	*e;
	DIR		*d;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal(NULL);
	if ((d = opendir(dir)) == NULL) {
		if (errno == ENOENT)
			return (l);	/* nobody is in it yet */
		report(dir, strerror(errno));
		free(l);
		return (NULL);
	}
	while ((e = readdir(d)) != NULL) {
		if (fnmatch(pattern, e->d_name, FNM_PERIOD) != 0)
			continue;
		l->name = reallocarray(l->name, l->n + 1, sizeof(*l->name));
		if (l->name == NULL || asprintf(&l->name[l->n++], "%s/%s",
		    dir, e->d_name) == -1)
			fatal(NULL);
	}
	closedir(d);
	if (l->n > 0)
		qsort(l->name, l->n, sizeof(*l->name), by_name);
	return (l);
}

/*
 * Read a file, or all that a pattern fits, before the rest; a name without
 * "/" at its begin is seen from the folder of the file that has it.
 */
int
lex_include(const char *name)
{
	struct names	*l;
	const char	*slash;
	char		*path, *base;
	int		 r;

	slash = strrchr(file->name, '/');
	if (*name == '/' || slash == NULL)
		r = asprintf(&path, "%s", name);
	else
		r = asprintf(&path, "%.*s/%s", (int)(slash - file->name),
		    file->name, name);
	if (r == -1)
		fatal(NULL);
	base = strrchr(path, '/');
	if (strpbrk(base != NULL ? base : path, "*?[") == NULL) {
		r = pushfile(path, 0);
		free(path);
		return (r);
	}
	/* what comes into the folder later has to be readable, too */
	lex_note_path(path);
	if (base != NULL)
		*base++ = '\0';
	l = find_names(base != NULL ? path : ".", base != NULL ? base : path);
	/* a folder where every file is read is none for peers' */
	if (pattern_dir == NULL && base != NULL && strlen(base) > 5 &&
	    strcmp(base + strlen(base) - 5, ".conf") == 0)
		pattern_dir = path;
	else
		free(path);
	return (l == NULL ? -1 : next_name(l));
}

/* The folder of the first include with a pattern of *.conf, or NULL. */
const char *
lex_pattern_dir(void)
{
	return (pattern_dir);
}

const char *
lex_file(void)
{
	return (file->name);
}

/* The line of the word that was read last. */
int
lex_token_line(void)
{
	return (token_line);
}

/* The line that is being read. */
int
lex_line(void)
{
	return (file->lineno);
}

static int
symset(const char *name, const char *value, int persist)
{
	struct sym	*s;

	TAILQ_FOREACH(s, &syms, entry)
		if (strcmp(s->name, name) == 0)
			break;
	if (s != NULL) {
		/* the command line wins over the file */
		if (s->persist && !persist)
			return (0);
		freezero(s->value, strlen(s->value));
	} else {
		if ((s = calloc(1, sizeof(*s))) == NULL ||
		    (s->name = strdup(name)) == NULL)
			return (-1);
		TAILQ_INSERT_TAIL(&syms, s, entry);
	}
	s->persist = persist;
	s->exposed = persist || word_exposed;
	return ((s->value = strdup(value)) == NULL ? -1 : 0);
}

/* A macro of the file. */
int
lex_define(const char *name, const char *value)
{
	return (symset(name, value, 0));
}

/* Why the last word is no place for a secret, or NULL. */
const char *
lex_exposed(void)
{
	if (word_cmdline)
		return ("a secret given by -D is seen by every user of this "
		    "host");
	return (word_exposed ? "others can read this file: chmod 600, or "
	    "give a key file" : NULL);
}

/* "-D name=value".  Returns -1 if it is not that. */
int
lex_cmdline(const char *s)
{
	const char	*eq;
	char		*name;
	int		 r;

	if ((eq = strchr(s, '=')) == NULL || eq == s)
		return (-1);
	if ((name = strndup(s, (size_t)(eq - s))) == NULL)
		fatal(NULL);
	r = symset(name, eq + 1, 1);
	free(name);
	return (r);
}

static const struct sym *
symget(const char *name)
{
	struct sym	*s;

	TAILQ_FOREACH(s, &syms, entry)
		if (strcmp(s->name, name) == 0) {
			s->used = 1;
			return (s);
		}
	return (NULL);
}

void
lex_warn_unused(void)
{
	const struct sym	*s;

	TAILQ_FOREACH(s, &syms, entry)
		if (s->persist && !s->used)
			log_warnx("-D %s: no macro of that name is used",
			    s->name);
}
