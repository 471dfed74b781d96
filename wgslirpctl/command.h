/* SPDX-License-Identifier: ISC */

#ifndef COMMAND_H
#define COMMAND_H

#include <stdint.h>
#include <stdio.h>

/*
 * A command: its words, what it takes, how many of that, who does it, and what
 * that gets.  Usage, abbreviations and completions come from the one table.
 */
struct command {
	const char	*words;
	const char	*args;		/* for who reads */
	int		 least;
	int		 most;
	void		 (*run)(const struct command *, int, char *[]);
	uint32_t	 arg;
};

enum peer_command {
	PEER_NEW,
	PEER_LIST,
	PEER_QR,
	PEER_ENABLE,
	PEER_DISABLE,
	PEER_DELETE,
	PEER_RENAME,
	PEER_SET
};

/* These are the commands, sorted by words; the last has none. */
void	 command_use(const struct command *);

/* Run the command that these words, or beginnings of them, are; or exit. */
void	 command_run(int, char *[]);

void	 command_list(FILE *);

/* Print a completion for a shell; -1 if it is not known. */
int	 command_completion(const char *);

#endif
