/* SPDX-License-Identifier: ISC */

#ifndef DOT_H
#define DOT_H

#include "proc.h"

/*
 * Questions for names by TLS (RFC 7858), for the slirp engines: one connection
 * to each server, which stays open while it is used, with all questions on it.
 */
void	 dot_stage(struct imsg *);	/* servers, and whom they are trusted by */
void	 dot_commit(void);
void	 dot_ask(struct imsgev *, struct imsg *);

#endif
