/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define WORD_LEN	32

static const struct command	*commands;

void
command_use(const struct command *table)
{
	commands = table;
}

/* The first or second word of a command; "" if there is none. */
static const char *
word(const struct command *c, int n, char buf[WORD_LEN])
{
	const char	*s = c->words;
	size_t		 len;

	if (n == 1) {
		if ((s = strchr(s, ' ')) == NULL)
			s = "";
		else
			s++;
	}
	len = strcspn(s, " ");
	memcpy(buf, s, len);
	buf[len] = '\0';
	return (buf);
}

/* Could this be the n-th word of the command? */
static int
fits(const struct command *c, int n, const char *arg)
{
	char	 buf[WORD_LEN];

	return (strncmp(word(c, n, buf), arg, strlen(arg)) == 0);
}

/*
 * The next word at a place that differs from the one in w, of the commands that
 * begin with first (n 1) or all (n 0); 0 if there is none.
 */
static int
next_word(const struct command **c, const char *first, int n, char w[WORD_LEN])
{
	char	 buf[WORD_LEN], one[WORD_LEN];

	for (; (*c)->words != NULL; (*c)++) {
		if (n == 1 && strcmp(word(*c, 0, one), first) != 0)
			continue;
		word(*c, n, buf);
		if (buf[0] == '\0' || strcmp(buf, w) == 0)
			continue;
		strlcpy(w, buf, WORD_LEN);
		(*c)++;
		return (1);
	}
	return (0);
}

/* Say which words would do in the place of a wrong one. */
static void __attribute__((noreturn))
wrong(const char *bad, const char *first, int n)
{
	const struct command	*c = commands;
	char			 w[WORD_LEN] = "", line[1024] = "";

	while (next_word(&c, first, n, w)) {
		if (line[0] != '\0')
			strlcat(line, ", ", sizeof(line));
		strlcat(line, w, sizeof(line));
	}
	if (bad == NULL)
		errx(1, "%s: what? one of %s", first, line);
	errx(1, "%s: not one of %s", bad, line);
}

/*
 * The whole word that the beginning stands for, among the commands that begin
 * with first (n 1), or all (n 0).
 */
static void
complete(const char *arg, const char *first, int n, char out[WORD_LEN])
{
	const struct command	*c;
	char			 buf[WORD_LEN], one[WORD_LEN];
	int			 found = 0;

	out[0] = '\0';
	for (c = commands; c->words != NULL; c++) {
		if (n == 1 && strcmp(word(c, 0, one), first) != 0)
			continue;
		if (*arg == '\0' || !fits(c, n, arg) ||
		    strcmp(word(c, n, buf), out) == 0)
			continue;
		/* a whole word is itself, whatever else begins like it */
		if (found++ == 0 || strcmp(buf, arg) == 0)
			strlcpy(out, buf, WORD_LEN);
		if (strcmp(buf, arg) == 0)
			return;
	}
	if (found == 0)
		wrong(arg, first, n);
	if (found > 1)
		errx(1, "%s: could be more than one command", arg);
}

/* Has any command of this first word a second one? */
static int
has_second(const char *first)
{
	const struct command	*c;
	char			 buf[WORD_LEN], two[WORD_LEN];

	for (c = commands; c->words != NULL; c++)
		if (strcmp(word(c, 0, buf), first) == 0 &&
		    *word(c, 1, two) != '\0')
			return (1);
	return (0);
}

void
command_run(int argc, char *argv[])
{
	const struct command	*c;
	char			 first[WORD_LEN], second[WORD_LEN] = "";
	char			 buf[WORD_LEN];
	int			 n = 1;

	complete(argv[0], NULL, 0, first);
	if (has_second(first) && argc > 1) {
		complete(argv[1], first, 1, second);
		n = 2;
	}
	for (c = commands; c->words != NULL; c++)
		if (strcmp(word(c, 0, buf), first) == 0 &&
		    strcmp(word(c, 1, buf), second) == 0)
			break;
	if (c->words == NULL)
		wrong(NULL, first, 1);
	if (argc - n < c->least || argc - n > c->most)
		errx(1, "usage: wgslirpctl %s%s%s", c->words,
		    *c->args != '\0' ? " " : "", c->args);
	c->run(c, argc - n, argv + n);
}

void
command_list(FILE *f)
{
	const struct command	*c;

	fprintf(f, "commands, which may be abbreviated:\n");
	for (c = commands; c->words != NULL; c++)
		fprintf(f, "\t%s%s%s\n", c->words, *c->args != '\0' ? " " :
		    "", c->args);
}

/* The words at a place, each once. */
static void
put_words(const char *first)
{
	const struct command	*c = commands;
	char			 w[WORD_LEN] = "";
	const char		*space = "";

	while (next_word(&c, first, first != NULL, w)) {
		printf("%s%s", space, w);
		space = " ";
	}
}

/* Each first word that has others after it. */
static const char *
next_group(const struct command **c, char buf[WORD_LEN])
{
	char	 last[WORD_LEN];

	for (; (*c)->words != NULL; (*c)++) {
		word(*c, 0, buf);
		if (*c > commands && strcmp(word(*c - 1, 0, last), buf) == 0)
			continue;
		if (has_second(buf)) {
			(*c)++;
			return (buf);
		}
	}
	return (NULL);
}

int
command_completion(const char *shell)
{
	const struct command	*c = commands;
	char			 buf[WORD_LEN];

	if (strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0) {
		if (*shell == 'z')
			printf("#compdef wgslirpctl\n"
			    "autoload -U +X bashcompinit && bashcompinit\n");
		printf("_wgslirpctl() {\n\tlocal w=\"${COMP_WORDS[COMP_CWORD]}"
		    "\"\n\tcase ${COMP_CWORD}:${COMP_WORDS[1]} in\n\t1:*) "
		    "COMPREPLY=($(compgen -W \"");
		put_words(NULL);
		printf("\" -- \"$w\"));;\n");
		while (next_group(&c, buf) != NULL) {
			printf("\t2:%s) COMPREPLY=($(compgen -W \"", buf);
			put_words(buf);
			printf("\" -- \"$w\"));;\n");
		}
		printf("\t2:convert) COMPREPLY=($(compgen -f -- \"$w\"));;\n"
		    "\tesac\n}\ncomplete -F _wgslirpctl wgslirpctl\n");
	} else if (strcmp(shell, "fish") == 0) {
		printf("complete -c wgslirpctl -f -n __fish_use_subcommand "
		    "-a \"");
		put_words(NULL);
		printf("\"\n");
		while (next_group(&c, buf) != NULL) {
			printf("complete -c wgslirpctl -f -n "
			    "\"__fish_seen_subcommand_from %s\" -a \"", buf);
			put_words(buf);
			printf("\"\n");
		}
		printf("complete -c wgslirpctl -F -n "
		    "\"__fish_seen_subcommand_from convert\"\n");
	} else
		return (-1);
	return (0);
}
