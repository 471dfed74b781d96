/* SPDX-License-Identifier: ISC */

#ifndef FILE_H
#define FILE_H

#include "db.h"

/*
 * The configuration that the daemon includes.  Its text is made of rows that
 * are checked one by one: one that is no peer is left out, which is told once.
 */

/* The text, which the caller frees, and its length. */
char		*file_text(const struct db_rows *, const struct daemon *,
		    size_t *);

/*
 * Put a text in a file's place, with nothing half written.  -1 after telling
 * why not; 0 if it was that already, else 1.
 */
int		 file_write(const char *, const char *, size_t);

/* What a file has, which the caller frees, or NULL. */
char		*file_read(const char *, size_t *);

#endif
