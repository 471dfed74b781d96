/* SPDX-License-Identifier: ISC */

#ifndef LEX_H
#define LEX_H

#include <stddef.h>
#include <stdint.h>

/*
 * lex.c reads words for parse.y.  A reading begins with lex_begin() and
 * ends with lex_end(); yyerror() counts and tells what is wrong, with
 * file and line.
 */
#define YYSTYPE_IS_DECLARED	1
typedef struct {
	union {
		int64_t		 number;
		char		*string;	/* malloc'd, the reader's */
	} v;
} YYSTYPE;

/* The words that a grammar knows, in alphabetical order, and its tokens. */
struct keyword {
	const char	*name;
	int		 token;
};

struct lex_words {
	const struct keyword	*keywords;
	size_t			 nkeywords;
	int			 string;	/* any other word */
	int			 number;
	int			 error;		/* which yyerror() has told */
};

int		 yylex(YYSTYPE *);
int		 yyerror(const char *, ...)
		    __attribute__((__format__(printf, 1, 2)));
int		 yyparse(void);

/* A file, or with text not NULL that under the name of path; -1: error */
int		 lex_begin(const char *, const char *,
		    const struct lex_words *);
int		 lex_end(int *);
int		 lex_include(const char *);
const char	*lex_pattern_dir(void);
const char	*lex_file(void);
int		 lex_line(void);
int		 lex_token_line(void);
void		 lex_warn(const char *, ...)	/* with file and line */
		    __attribute__((__format__(printf, 1, 2)));
void		 lex_note_path(const char *);
int		 lex_define(const char *, const char *);
const char	*lex_exposed(void);
void		 lex_fail(const char *);

/* The first error, and every file of what was read last. */
const char	*lex_error(void);
void		 lex_paths(void (*)(const char *, void *), void *);

/* "-D name=value"; -1 if it is not that. */
int		 lex_cmdline(const char *);

/* Tell of those that no configuration has asked for. */
void		 lex_warn_unused(void);

#endif
